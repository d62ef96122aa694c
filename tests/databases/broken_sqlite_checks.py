"""The sqlite3 example with one part of it left out. Not collected by itself: ``test_sqlite_repository.py`` runs it."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import sqlite_repository
from sqlite_repository import SQLiteRepository

from paylattice.testing import BlockingRepositoryConformance


class Double(BlockingRepositoryConformance):
    """``table`` and ``left_out`` are where in the schema something is missing, and what."""

    kind: ClassVar[type[SQLiteRepository]] = SQLiteRepository
    table: ClassVar[str] = ""
    left_out: ClassVar[str] = ""
    patience = 2.0
    grace = 0.1

    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[SQLiteRepository]:
        whole, start = sqlite_repository.SCHEMA, sqlite_repository.SCHEMA.index(f"if not exists {self.table}")
        assert self.left_out in whole[start:]
        less = whole[:start] + whole[start:].replace(self.left_out, "", 1)
        monkeypatch.setattr(sqlite_repository, "SCHEMA", less)
        repository = self.kind(tmp_path / "billing.db")
        repository.create_tables()
        yield repository
        repository.close()


class TestWithoutTheKeyOfOrganisations(Double):
    table, left_out = "billing_customers", "unique (org_id, provider),\n"


class TestWithoutTheKeyOfCustomers(Double):
    table, left_out = "billing_customers", ",\n    unique (provider, external_customer_id)"


class TestWithoutTheKeyOfSubscriptions(Double):
    table, left_out = "billing_subscriptions", ",\n    unique (provider, external_subscription_id)"


class TestWithoutTheKeyOfEvents(Double):
    table, left_out = "billing_events", "unique (provider, external_event_id),  -- exactly once: this line\n"


class TestWithoutTheKeyOfDeliveries(Double):
    table, left_out = "billing_events", ",  -- exactly once: this line\n    unique (provider, delivery_id)"


class TestWithoutTheKeyOfParkedEvents(Double):
    table, left_out = "billing_parked_events", ",\n    unique (provider, external_event_id)"


class TestWithoutTheKeyOfOperations(Double):
    table, left_out = "billing_operations", ",\n    unique (provider, key)"


class CommitsEachStatement(SQLiteRepository):
    """No transaction."""

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection(None) as connection:
            yield connection


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement
