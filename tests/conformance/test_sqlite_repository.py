"""A repository over a real database keeps the promises, with the tables of the documentation."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from paylattice.testing import BlockingRepositoryConformance

from .sqlite_repository import SQLiteRepository

PAGE = Path(__file__).parents[2] / "docs" / "repositories.md"


def schema() -> str:
    """The documented tables. SQLite knows no sequences, no identity, and wants names for its indexes."""
    block = re.search(r"```sql\n(create table.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    tables = block[1].replace("bigint generated always as identity", "bigint")
    tables = re.sub(r"create index on (\w+)", r"create index \1_index on \1", tables)
    return tables.replace(
        "create sequence billing_tickets;",
        "create table billing_tickets (last bigint); insert into billing_tickets values (0);",
    )


class TestSQLiteRepository(BlockingRepositoryConformance):
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Generator[SQLiteRepository]:
        repository = SQLiteRepository(tmp_path / "billing.db", schema())
        yield repository
        repository.close()

    def reopened(self, repository: SQLiteRepository) -> SQLiteRepository:
        again = SQLiteRepository(repository.path)
        again.connections = repository.connections
        return again
