"""The Django example with one part of it left out. Not collected by itself: ``test_django_repository.py`` runs it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from .django_checks import InThreadsOfTheirOwn
from .django_checks import TestDjangoRepository as Whole

from django.core.management import call_command  # isort: skip  # after the settings, which the checks above make
from django.db import connection  # isort: skip


class Double(Whole):
    """``table`` and ``key`` are where a unique key is missing, and which."""

    table: ClassVar[str] = ""
    key: ClassVar[str] = ""
    kind: ClassVar[type[InThreadsOfTheirOwn]] = InThreadsOfTheirOwn
    patience = 2.0
    grace = 0.1

    @pytest.fixture
    def repository(self) -> Generator[InThreadsOfTheirOwn]:
        call_command("migrate", "billing", "zero", verbosity=0)
        call_command("migrate", verbosity=0)
        if self.key:
            with connection.cursor() as cursor:
                cursor.execute(f"alter table {self.table} drop constraint {self.key}")
        yield self.kind()
        connection.close()


class TestWithoutTheKeyOfOrganisations(Double):
    table, key = "billing_customers", "billing_customers_org"


class TestWithoutTheKeyOfCustomers(Double):
    table, key = "billing_customers", "billing_customers_external"


class TestWithoutTheKeyOfSubscriptions(Double):
    table, key = "billing_subscriptions", "billing_subscriptions_external"


class TestWithoutTheKeyOfEvents(Double):
    table, key = "billing_events", "billing_events_external"


class TestWithoutTheKeyOfDeliveries(Double):
    table, key = "billing_events", "billing_events_delivery"


class TestWithoutTheKeyOfParkedEvents(Double):
    table, key = "billing_parked_events", "billing_parked_events_external"


class TestWithoutTheKeyOfOperations(Double):
    table, key = "billing_operations", "billing_operations_key"


class CommitsEachStatement(InThreadsOfTheirOwn):
    """No transaction."""

    @contextmanager
    def transaction(self) -> Generator[str]:
        yield self._using


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement


del Whole
