"""The embedded repository keeps the promises, in both faces."""

import pytest

from paylattice import InMemoryRepository, sync
from paylattice.testing import BlockingRepositoryConformance, RepositoryConformance


class TestInMemoryRepository(RepositoryConformance):
    @pytest.fixture
    def repository(self) -> InMemoryRepository:
        return InMemoryRepository()


class TestBlockingInMemoryRepository(BlockingRepositoryConformance):
    @pytest.fixture
    def repository(self) -> sync.InMemoryRepository:
        return sync.InMemoryRepository()
