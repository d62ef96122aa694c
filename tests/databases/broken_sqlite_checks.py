"""The sqlite3 example with one part of it left out. Not collected by itself: ``test_sqlite_repository.py`` runs it."""

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import sqlite_repository
from sqlite_repository import SQLiteRepository

from paylattice.billing.schema import schema
from paylattice.testing import BlockingRepositoryConformance

from .left_out import KEYS


class Double(BlockingRepositoryConformance):
    """``table`` and ``columns`` are where in the schema a key is missing, and which."""

    kind: ClassVar[type[SQLiteRepository]] = SQLiteRepository
    table: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]] = ()
    patience = 2.0
    grace = 0.1

    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[SQLiteRepository]:
        if self.columns:
            whole = schema("sqlite")
            start = whole.index(f"CREATE TABLE IF NOT EXISTS {self.table} (")
            listed = ", ".join('"key"' if name == "key" else name for name in self.columns)
            less, found = re.subn(rf",\n[^\n]*(KEY|UNIQUE) \({listed}\)", "", whole[start:], count=1)
            assert found
            monkeypatch.setattr(sqlite_repository, "schema", lambda _dialect: whole[:start] + less)
        repository = self.kind(tmp_path / "billing.db")
        repository.create_tables()
        yield repository
        repository.close()


class CommitsEachStatement(SQLiteRepository):
    """No transaction."""

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection(None) as connection:
            yield connection


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement


for name, (table, columns) in KEYS.items():
    globals()[name] = type(name, (Double,), {"table": table, "columns": columns, "__module__": __name__})
