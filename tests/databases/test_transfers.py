"""A transfer on real databases, beside commands, deliveries, and another transfer: one organisation has all in the end."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from paylattice import (
    BillingEvent,
    BillingService,
    BillingSubscription,
    Money,
    errors,
)
from paylattice.billing.records.events import EVENTS_BY_CUSTOMER
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository
from tests.mariadb import MariaDB
from tests.postgres import PostgresServer

from .sqlalchemy_support import database

PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


async def a_story(repository: SQLAlchemyRepository[Any]) -> None:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))

    def service() -> BillingService[Any]:
        return BillingService(provider, repository, clock=lambda: provider.now)

    billing = service()
    store = Store(repository)
    await billing.ensure_customer("new", email="grace@example.com")
    page = await billing.start_checkout("old", "pro", email="ada@example.com", **PAGES)
    done = provider.complete_checkout(page.id)
    for hook in provider.deliveries():
        await billing.handle_webhook("memory", hook.payload, hook.headers)
    customer = await store.get_customer("old", "memory")
    assert customer is not None
    card = provider.add_payment_method(customer.external_customer_id)
    provider.advance(days=31)
    hooks = provider.deliveries()

    async def transfer() -> None:
        for _ in range(20):
            try:
                await service().transfer("old", "new")
            except errors.Conflict as busy:
                if not busy.retryable:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
        raise AssertionError

    async def charge(number: int) -> None:
        with suppress(errors.Conflict, errors.NotFound):
            amount = Money(100 + number, "USD")
            await service().charge("old", amount, payment_method_id=card, idempotency_key=f"charge {number}")

    async def deliver(number: int) -> None:
        await service().handle_webhook("memory", hooks[number].payload, hooks[number].headers)

    work = [
        transfer(),
        *(charge(each) for each in range(6)),
        *(deliver(each) for each in range(len(hooks))),
        transfer(),
    ]
    await asyncio.gather(*work)
    await billing.recover_open()
    assert await store.list_customers_of("old") == []
    [moved] = await store.list_customers_of("new")
    assert moved.external_customer_id == customer.external_customer_id
    events = await store.repository.find(BillingEvent, EVENTS_BY_CUSTOMER, {"customer_id": moved.id})
    assert {each.org_id for each in events} == {"new"}
    assert await store.list_operations_of("old") == []
    there = await provider.get_customer(moved.external_customer_id)
    assert there is not None
    assert there.metadata["org_id"] == "new"
    stored = await billing.subscription("new")
    assert isinstance(stored, BillingSubscription)
    assert stored.external_subscription_id == done.subscription_id
    assert [each.org_id for each in await store.list_checkouts("new")] == ["new"]


@pytest.mark.parametrize("round_", range(3))
@pytest.mark.parametrize(("name", "driver"), [("postgres", "psycopg"), ("mariadb", "asyncmy")])
def test_whatever_happens_beside_a_transfer_one_organisation_has_all(
    request: pytest.FixtureRequest, name: str, driver: str, round_: int
) -> None:
    server: PostgresServer | MariaDB = request.getfixturevalue(name)

    async def main(url: str) -> None:
        engine = create_async_engine(url, pool_size=20)
        try:
            await a_story(SQLAlchemyRepository(engine))
        finally:
            await engine.dispose()

    with database(server) as made:
        asyncio.run(main(server.url(made, driver)))
