"""The sqlite3 example keeps the promises, in threads and in processes."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlite_repository import SQLiteRepository

from paylattice.testing import BlockingRepositoryConformance


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
