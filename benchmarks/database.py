"""``handle_webhook`` on PostgreSQL against bare transactions of two statements, through the same engine, driver and pool.

One bare transaction writes what ``handle_webhook`` writes: a row of events, and one of subscriptions, all of their columns. The
other writes as little as one can: constants, and three columns of the subscription.

The server is one of its own, with the settings of production: what is committed is on the disk.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Figure, alternate_async
from server import subscription
from sqlalchemy import MetaData, bindparam, insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.postgres import NoServerError, running_server

from paylattice import BillingCustomer, BillingEvent, BillingService, BillingSubscription
from paylattice.billing.records import table_of
from paylattice.billing.store import Store
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository, include_metadata

__all__ = ["NoServerError", "measured", "ratios"]

SECRET = "whsec_bench"
SUBSCRIPTIONS = 200
"""So many, in turns: deliveries at the same time seldom wait for one row."""
PRODUCTION = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB"}

TABLES = include_metadata(MetaData())
EVENTS, SUBSCRIPTION_ROWS = TABLES.records[BillingEvent], TABLES.records[BillingSubscription]
INSERT = insert(EVENTS)
UPDATE = update(SUBSCRIPTION_ROWS).where(
    *(SUBSCRIPTION_ROWS.c[name] == bindparam(f"key_{name}") for name in ("provider", "external_subscription_id"))
)
SHORT_INSERT = text(
    "insert into billing_events (id, provider, external_event_id, event_type, metadata, processed_at, created_at) "
    "values (:id, 'bare', :id, 'subscription.updated', '{}', now(), now())"
)
SHORT_UPDATE = text(
    "update billing_subscriptions set status = 'active', ticket = :ticket, updated_at = now() "
    "where provider = 'stripe' and external_subscription_id = :id"
)


def delivery(number: int) -> tuple[bytes, dict[str, str]]:
    """A signed delivery about one of the subscriptions, which is a little newer each time."""
    whose = number % SUBSCRIPTIONS
    event = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000 + number,
        "livemode": False,
        "type": "customer.subscription.updated",
        "data": {"object": {**subscription(1), "id": f"sub_{whose}", "customer": f"cus_{whose}"}},
        "request": {"id": None, "idempotency_key": None},
    }
    body, stamp = json.dumps(event).encode(), int(time.time())
    mac = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={mac}"}


def rows(number: int) -> tuple[dict[str, object], dict[str, object]]:
    """An event and a state of a subscription, as a program of one's own would write them."""
    now, name = datetime.now(UTC), f"sub_{number % SUBSCRIPTIONS}"
    event = BillingEvent(
        id=f"bare_{number}",
        org_id="org-1",
        customer_id="record-1",
        event_type="subscription.updated",
        provider="bare",
        external_event_id=f"bare_{number}",
        processed_at=now,
        created_at=now,
    )
    state = BillingSubscription(
        id="",
        customer_id="",
        external_subscription_id=name,
        plan_id="price_0",
        status="active",
        current_period_start=now,
        current_period_end=now,
        metadata={"org_id": "org_1", "plan": "pro"},
        created_at=now,
        updated_at=now,
        provider="stripe",
        quantity=1,
        ticket=number,
        version=number,
        status_since=now,
    )
    written = {
        name: value
        for name, value in table_of(BillingSubscription).row(state).items()
        if name not in {"id", "customer_id"}
    }
    return table_of(BillingEvent).row(event), {
        **written,
        "key_provider": "stripe",
        "key_external_subscription_id": name,
    }


async def _prepare(engine: AsyncEngine, service: BillingService) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(TABLES.metadata.create_all)
    now = datetime.now(UTC)
    for number in range(SUBSCRIPTIONS):
        ids = {"id": f"record-{number}", "org_id": f"org-{number}", "external_customer_id": f"cus_{number}"}
        await Store(service.repository).insert_customer(
            BillingCustomer(provider="stripe", created_at=now, updated_at=now, **ids)
        )
        await service.handle_webhook("stripe", *delivery(number))


async def _measure(url: str, at_once: int, rounds: int, calls: int) -> Figure:
    engine = create_async_engine(url, pool_size=at_once, max_overflow=0)
    provider = StripeProvider(StripeConfig(secret_key="sk_test_bench", webhook_secret=SECRET))
    service = BillingService(provider, SQLAlchemyRepository(engine), refetch=False)
    await _prepare(engine, service)
    signed = [delivery(number) for number in range(SUBSCRIPTIONS, SUBSCRIPTIONS + (rounds + 1) * calls)]
    numbers, deliveries = iter(range(10**9)), iter(signed)

    async def bare(number: int) -> None:
        event, state = rows(number)
        async with engine.begin() as connection:
            await connection.execute(INSERT, event)
            await connection.execute(UPDATE, state)

    async def short(number: int) -> None:
        async with engine.begin() as connection:
            await connection.execute(SHORT_INSERT, {"id": f"short_{number}"})
            await connection.execute(SHORT_UPDATE, {"id": f"sub_{number % SUBSCRIPTIONS}", "ticket": number})

    async def handle(each: tuple[bytes, dict[str, str]]) -> None:
        await service.handle_webhook("stripe", *each)

    async def run(what: object, left: Iterator[object], calls: int) -> None:
        async def worker() -> None:
            for each in left_of_this_run:
                await what(each)  # type: ignore[operator]  # one of those above

        left_of_this_run = iter([next(left) for _ in range(calls)])
        await asyncio.gather(*(worker() for _ in range(at_once)))

    contestants = {
        "bare": lambda calls: run(bare, numbers, calls),
        "short": lambda calls: run(short, numbers, calls),
        "paylattice": lambda calls: run(handle, deliveries, calls),
    }
    try:
        return await alternate_async(contestants, rounds=rounds, calls=calls, clock=time.perf_counter)
    finally:
        await engine.dispose()


def measured(*, rounds: int = 7, calls: int = 300) -> dict[int, Figure]:
    """Seconds for one delivery, by how many are under way at once.

    Raises:
        NoServerError: there is no PostgreSQL server to start here.
    """
    with running_server(**PRODUCTION) as server:
        return {
            at_once: asyncio.run(_measure(server.url(server.create_database(), "psycopg"), at_once, rounds, calls))
            for at_once in (1, 8)
        }


def ratios(figures: dict[int, Figure]) -> dict[str, float]:
    """The rate of ``handle_webhook`` as a part of that of the bare transactions; the goal is 0.7 and more."""
    against = {"bare": "a transaction that writes the same rows", "short": "a transaction that writes little"}
    return {
        f"handle_webhook on PostgreSQL, refetch off, {at_once} at once: rate against {what}": spent[who]
        / spent["paylattice"]
        for at_once, spent in figures.items()
        for who, what in against.items()
    }


if __name__ == "__main__":
    found = measured()
    for what, ratio in ratios(found).items():
        print(f"{what}: {ratio:.2f}")
    print({at_once: {who: f"{each * 1e6:.0f} us" for who, each in spent.items()} for at_once, spent in found.items()})
