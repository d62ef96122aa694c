"""The checks of the Django example. Not collected by itself: ``test_django_repository.py`` runs it on each database."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from paylattice import EventContext, Money, WebhookEvent
from paylattice.billing.repository import BlockingBillingRepository
from paylattice.providers.memory import InMemoryProvider
from paylattice.sync import BillingService
from paylattice.testing import BlockingRepositoryConformance

from .django_support import set_up

set_up()

from django.core.management import call_command  # noqa: E402 - after the settings
from django.db import OperationalError, connections, transaction  # noqa: E402
from django_repository.repository import DjangoRepository  # noqa: E402

URL = "https://app.test/"


class InThreadsOfTheirOwn(DjangoRepository):
    """Leaves no connection behind in the suite's threads, which end without telling Django."""

    def _leave(self) -> None:
        connection = connections[self._using]
        if threading.current_thread() is not threading.main_thread() and not connection.in_atomic_block:
            connection.close()

    @contextmanager
    def transaction(self) -> Generator[str]:
        try:
            with super().transaction() as tx:
                yield tx
        finally:
            self._leave()


def leaving(name: str) -> Any:
    def call(self: InThreadsOfTheirOwn, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(InThreadsOfTheirOwn, self), name)(*args, **kwargs)
        finally:
            self._leave()

    return call


for method in vars(BlockingBillingRepository):
    if not method.startswith("_") and method != "transaction":
        setattr(InThreadsOfTheirOwn, method, leaving(method))


class TestDjangoRepository(BlockingRepositoryConformance):
    @pytest.fixture
    def repository(self) -> Generator[DjangoRepository]:
        call_command("flush", interactive=False, verbosity=0)
        yield InThreadsOfTheirOwn()
        connections.close_all()

    def reopened(self, repository: DjangoRepository) -> DjangoRepository:
        return InThreadsOfTheirOwn("again")


class TestFailures:
    """Errors of the database come out in Django's words, and the delivery is repeated."""

    @pytest.fixture
    def repository(self) -> Generator[DjangoRepository]:
        call_command("flush", interactive=False, verbosity=0)
        yield DjangoRepository()
        connections.close_all()

    @pytest.mark.skipif(connections["default"].vendor != "postgresql", reason="SQLite has no connection to lose")
    def test_a_lost_connection_fails_one_delivery_and_not_the_next(self, repository: DjangoRepository) -> None:
        provider = InMemoryProvider()
        provider.add_plan("pro", Money(1900, "USD"))
        billing = BillingService(provider, repository)
        doomed = True

        @billing.on("invoice.paid")
        def lose_it(event: WebhookEvent, context: EventContext[str]) -> None:
            if doomed:
                with connections[context.transaction].cursor() as cursor:
                    cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        session = billing.start_checkout("org-1", "pro", email="ada@example.com", success_url=URL, cancel_url=URL)
        provider.complete_checkout(session.id)
        delivery = next(each for each in provider.deliveries() if each.type == "invoice.paid")
        with pytest.raises(OperationalError):
            billing.handle_webhook("memory", delivery.payload, delivery.headers)
        doomed = False
        outcomes = [billing.handle_webhook("memory", delivery.payload, delivery.headers) for _ in range(2)]
        assert outcomes == ["processed", "duplicate"]

    def test_a_request_that_is_one_transaction_is_refused(self, repository: DjangoRepository) -> None:
        """ATOMIC_REQUESTS: what is answered with 200 must be committed, and no transaction may wait for a provider."""
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"), repository.transaction():
            pytest.fail("it must not get here")
