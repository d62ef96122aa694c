"""The checks of the repository for Django. Not collected by itself: ``test_django_repository.py`` runs it on each database."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from typing import Any

import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingOperation,
    BillingSubscription,
    EventContext,
    Money,
    UnmatchedEvent,
    WebhookEvent,
)
from paylattice.billing.repository import BlockingBillingRepository
from paylattice.providers.memory import Delivery, InMemoryProvider
from paylattice.sync import BillingService
from paylattice.testing import BlockingRepositoryConformance

from .django_support import set_up

set_up()

from django.contrib.admin.utils import quote  # noqa: E402 - after the settings
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import OperationalError, connections, transaction  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402

from paylattice.repositories.django import DjangoRepository  # noqa: E402
from paylattice.repositories.django.models import MODELS, Ticket  # noqa: E402

from . import django_urls as shop  # noqa: E402

URL = "https://app.test/"
numbers = count(1)


def emptied() -> None:
    """Take out what a check has left; Django's own flush takes ten times as long."""
    for model in (*MODELS.values(), Ticket, get_user_model()):
        model._default_manager.all().delete()


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
    grace = 0.1

    @pytest.fixture
    def repository(self) -> Generator[DjangoRepository]:
        emptied()
        yield InThreadsOfTheirOwn()
        connections.close_all()

    def reopened(self, repository: DjangoRepository) -> DjangoRepository:
        return InThreadsOfTheirOwn("again")


class TestFailures:
    """Errors of the database come out in Django's words, and the delivery is repeated."""

    @pytest.fixture
    def repository(self) -> Generator[DjangoRepository]:
        emptied()
        yield DjangoRepository()
        connections.close_all()

    @pytest.mark.skipif(connections["default"].vendor != "postgresql", reason="the statement is PostgreSQL's")
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


class TestTheApp:
    """Views, commands and the admin, over the service that the setting names."""

    @pytest.fixture(autouse=True)
    def empty(self) -> Generator[None]:
        emptied()
        self.org = f"org-{next(numbers)}"  # the provider keeps what it knows of the others
        yield
        connections.close_all()

    def subscribed(self) -> list[Delivery]:
        shop.provider.deliveries()
        email = f"{self.org}@example.com"
        session = shop.billing.start_checkout(self.org, "pro", email=email, success_url=URL, cancel_url=URL)
        shop.provider.complete_checkout(session.id)
        return shop.provider.deliveries()

    def test_a_sync_view_answers_deliveries(self) -> None:
        for delivery in self.subscribed():
            answer = self.post(Client(), "/webhooks/memory", delivery)
            assert (answer.status_code, answer.content) == (200, b"processed")
        assert shop.billing.access(self.org).allowed

    def test_an_async_view_answers_deliveries(self) -> None:
        async def check() -> None:
            for delivery in deliveries:
                for expected in (b"processed", b"duplicate"):
                    answer = await AsyncClient().post(
                        "/async/webhooks/memory",
                        delivery.payload,
                        content_type="application/json",
                        headers=dict(delivery.headers),
                    )
                    assert (answer.status_code, answer.content) == (200, expected)
            assert (await shop.for_async.access(self.org)).allowed

        deliveries = self.subscribed()
        asyncio.run(check())

    def test_maintain_applies_what_was_missed_with_the_handlers_of_the_application(self) -> None:
        missed = [each.event_id for each in self.subscribed() if each.type == "invoice.paid"]
        call_command("billing_replay", "memory", "--since", "2000-01-01", stdout=StringIO())
        assert set(missed) <= set(shop.paid)
        said = StringIO()
        call_command("billing_maintain", "--budget", "60", stdout=said)
        assert "operations finished" in said.getvalue()

    def test_maintain_fails_if_something_needs_a_person(self) -> None:
        self.subscribed()
        operation = MODELS[BillingOperation]._default_manager.get(operation="start_checkout")
        old = datetime(2020, 1, 1, tzinfo=UTC)
        MODELS[BillingOperation]._default_manager.filter(pk=operation.pk).update(
            state="open", created_at=old, arguments='{"version": 99}'
        )
        said = StringIO()
        with pytest.raises(CommandError, match="need a person"):
            call_command("billing_maintain", stdout=StringIO(), stderr=said)
        assert self.org in said.getvalue()

    def test_reconcile_prints_and_repairs_differences(self) -> None:
        for delivery in self.subscribed():
            shop.billing.handle_webhook("memory", delivery.payload, delivery.headers)
        MODELS[BillingSubscription]._default_manager.update(status="past_due")
        said = StringIO()
        call_command("billing_reconcile", "memory", "--repair", stdout=said)
        assert "1 customers compared, " in said.getvalue()
        assert shop.billing.access(self.org).reason == "active"

    def test_a_command_without_the_setting_says_what_to_set(self) -> None:
        with (
            override_settings(PAYLATTICE_BILLING=None),
            pytest.raises(ImproperlyConfigured, match=r"shop\.billing\.billing"),
        ):
            call_command("billing_maintain")
        with override_settings(PAYLATTICE_BILLING="json.dumps"), pytest.raises(ImproperlyConfigured, match="function"):
            call_command("billing_maintain")

    def admin(self) -> Client:
        get_user_model()._default_manager.create_superuser("boss", "boss@example.com", "secret")
        client = Client()
        client.login(username="boss", password="secret")
        return client

    def test_the_admin_shows_everything_and_changes_nothing(self) -> None:
        for delivery in self.subscribed():
            shop.billing.handle_webhook("memory", delivery.payload, delivery.headers)
        client = self.admin()
        for kind in (BillingCustomer, BillingSubscription, BillingEvent, BillingOperation, UnmatchedEvent):
            model = MODELS[kind]
            page = f"/admin/paylattice/{model._meta.model_name}/"
            assert client.get(page).status_code == 200
            assert client.get(f"{page}?q={self.org}").status_code == 200
            assert client.get(f"{page}add/").status_code == 403
            row = model._default_manager.first()
            if row is not None:
                assert client.get(f"{page}{quote(row.pk)}/change/").status_code == 200
                assert client.post(f"{page}{quote(row.pk)}/change/", {"org_id": "x"}).status_code == 403
                assert client.post(f"{page}{quote(row.pk)}/delete/", {"post": "yes"}).status_code == 403

    def test_sync_now_reads_the_provider(self) -> None:
        self.subscribed()
        client = self.admin()
        [row] = MODELS[BillingCustomer]._default_manager.all()
        data = {"action": "sync_now", "_selected_action": [row.pk]}
        answer = client.post("/admin/paylattice/customer/", data, follow=True)
        assert "1 organisations are as their providers say" in answer.content.decode()
        assert shop.billing.access(self.org).reason == "active"

    def test_the_dashboard_of_stripe_is_a_click_away(self) -> None:
        MODELS[BillingCustomer]._default_manager.create(
            id="1", org_id="org-1", provider="stripe", external_customer_id="cus_1<", metadata="{}", ticket=0
        )
        page = self.admin().get("/admin/paylattice/customer/").content.decode()
        assert '<a href="https://dashboard.stripe.com/customers/cus_1&lt;">cus_1&lt;</a>' in page

    def post(self, client: Client, url: str, delivery: Delivery) -> Any:
        return client.post(url, delivery.payload, content_type="application/json", headers=dict(delivery.headers))

    def test_the_migrations_are_those_of_the_models(self) -> None:
        call_command("makemigrations", "paylattice", check=True, dry_run=True, verbosity=0)
