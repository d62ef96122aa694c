"""The sqlite3 example keeps the promises, in threads and in processes; leaving out a part of it does not."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlite_repository import SQLiteRepository

from paylattice.testing import BlockingRepositoryConformance

from .left_out import MISSED_BY, chosen, is_missed
from .suites import Run, run_suite


class TestSQLiteRepository(BlockingRepositoryConformance):
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Generator[SQLiteRepository]:
        self.path = tmp_path / "billing.db"
        repository, self.again = SQLiteRepository(self.path), SQLiteRepository(self.path)
        repository.create_tables()
        yield repository
        repository.close()
        self.again.close()

    def reopened(self, repository: SQLiteRepository) -> SQLiteRepository:
        return self.again


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_suite("broken_sqlite_checks", tmp_path_factory.mktemp("broken"), {}, only=chosen())


@pytest.mark.parametrize("name", MISSED_BY)
def test_what_is_left_out_is_missed(broken: Run, name: str) -> None:
    assert is_missed(broken, name), broken.failed[name]
