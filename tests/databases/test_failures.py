"""A lost race (a deadlock, a serialization failure) is run again. Whatever else the database refuses fails the delivery, in the
database's own words, and its repetition applies the event, once."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from paylattice import BillingService, EventContext, Money, WebhookEvent, WebhookOutcome
from paylattice.providers.memory import Delivery, InMemoryProvider
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository
from tests.postgres import PostgresServer

from .sqlalchemy_support import database, make_tables

Context = EventContext[AsyncConnection]
LEDGER = "create table ledger (event_id text not null, cents bigint not null)"
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


@attrs.define(eq=False)
class World:
    """A service over a database, and what a test needs to know of it."""

    server: PostgresServer
    name: str
    engine: AsyncEngine
    provider: InMemoryProvider
    billing: BillingService[AsyncConnection]
    inside: Callable[[Context], Awaitable[None]] | None = None

    async def subscribe(self, org_id: str) -> list[Delivery]:
        """Let an organisation subscribe; the deliveries that have not come yet."""
        session = await self.billing.start_checkout(org_id, "pro", email="ada@example.com", **PAGES)
        self.provider.complete_checkout(session.id)
        return self.provider.deliveries()

    async def deliver(self, delivery: Delivery) -> WebhookOutcome:
        return await self.billing.handle_webhook("memory", delivery.payload, delivery.headers)

    def booked(self) -> list[str]:
        with psycopg.connect(self.server.url(self.name)) as connection:
            return [row[0] for row in connection.execute("select event_id from ledger order by event_id")]

    def kill(self, connection: Any) -> None:
        """End the server's side of a connection, and wait until it is gone."""
        pid = connection.connection.driver_connection.info.backend_pid
        with psycopg.connect(self.server.url(), autocommit=True) as other:
            assert other.execute("select pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)


@pytest.fixture
def name(postgres: PostgresServer) -> Generator[str]:
    with database(postgres, LEDGER) as name:
        yield name


@asynccontextmanager
async def world(server: PostgresServer, name: str, **options: Any) -> AsyncGenerator[World]:
    engine = create_async_engine(server.url(name, "psycopg"), **options)
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))
    billing = BillingService(provider, SQLAlchemyRepository(engine))
    made = World(server, name, engine, provider, billing)

    @billing.on("invoice.paid")
    async def book(webhook: WebhookEvent, context: Context) -> None:
        assert webhook.invoice is not None
        row = {"event_id": webhook.id, "cents": webhook.invoice.amount_paid.amount}
        await context.transaction.execute(text("insert into ledger values (:event_id, :cents)"), row)
        if made.inside is not None:
            await made.inside(context)

    try:
        yield made
    finally:
        await engine.dispose()


def paid(deliveries: list[Delivery]) -> Delivery:
    return next(each for each in deliveries if each.type == "invoice.paid")


def test_a_connection_lost_before_any_statement_costs_nothing_but_a_repetition(
    postgres: PostgresServer, name: str
) -> None:
    """The server's side is killed before the first statement of a delivery, then before the second, and so on."""

    async def check() -> None:
        async with world(postgres, name) as here:
            left = 0

            def count_down(connection: Any, *_: object) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    here.kill(connection)

            for occasion in ("before_cursor_execute", "commit"):
                event.listen(here.engine.sync_engine, occasion, count_down)
            struck = undone = 0
            while True:
                delivery = paid(await here.subscribe(f"org-{struck}"))
                left = struck + 1
                [outcome] = await asyncio.gather(here.deliver(delivery), return_exceptions=True)
                if outcome is WebhookOutcome.PROCESSED:
                    break
                assert isinstance(outcome, DBAPIError)  # the database's own error, and the pool knows
                assert isinstance(outcome.orig, psycopg.OperationalError)
                assert outcome.connection_invalidated
                left = 0
                applied = delivery.event_id in here.booked()  # what was lost came after the commit
                first = WebhookOutcome.DUPLICATE if applied else WebhookOutcome.PROCESSED
                assert await here.deliver(delivery) is first
                assert await here.deliver(delivery) is WebhookOutcome.DUPLICATE
                undone += not applied
                struck += 1
            assert undone >= 8  # the statements of a delivery, and its commit
            assert len(here.booked()) == len(set(here.booked())) == struck + 1

    asyncio.run(check())


def test_a_deadlock_with_a_handler_s_own_writes_is_run_again(postgres: PostgresServer, name: str) -> None:
    async def check() -> None:
        async with world(postgres, name) as here:
            deliveries = [paid(await here.subscribe(org)) for org in ("org-1", "org-2")]
            both, runs = asyncio.Barrier(2), Counter[str]()

            async def cross(context: Context) -> None:
                """Lock one's own row, then the other's."""
                assert context.customer is not None
                mine = context.customer.org_id
                runs[mine] += 1
                for org in (mine, "org-2" if mine == "org-1" else "org-1"):
                    await context.transaction.execute(
                        text("update billing_customers set name = 'x' where org_id = :o"), {"o": org}
                    )
                    if org == mine and runs[mine] == 1:
                        await both.wait()

            here.inside = cross
            outcomes = await asyncio.gather(*map(here.deliver, deliveries))
            assert outcomes == [WebhookOutcome.PROCESSED] * 2
            assert sorted(runs.values()) == [1, 2]  # the one that the database chose ran again
            assert here.booked() == sorted(delivery.event_id for delivery in deliveries)

    asyncio.run(check())


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_serialization_failure_is_run_again(postgres: PostgresServer, name: str, level: str) -> None:
    """READ COMMITTED is enough; an application that has its reasons for more loses no delivery by it."""

    async def check() -> None:
        async with world(postgres, name, isolation_level=level) as here:
            first = paid(await here.subscribe("org-1"))
            here.provider.advance(months=1)
            second = paid(here.provider.deliveries())
            runs = 0

            async def collide(context: Context) -> None:
                """The other one has its snapshot, and waits for the lock on the subscription."""
                nonlocal runs
                runs += 1
                waits = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
                async with here.engine.connect() as other:
                    for _ in range(100 if runs == 1 else 0):  # it may have failed before it came to the lock
                        if await other.scalar(waits):
                            break
                        await asyncio.sleep(0.01)
                        await other.rollback()

            here.inside = collide
            outcomes = await asyncio.gather(here.deliver(first), here.deliver(second))
            assert outcomes == [WebhookOutcome.PROCESSED] * 2
            assert here.booked() == sorted([first.event_id, second.event_id])

    asyncio.run(check())


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_many_deliveries_at_once_are_all_applied_at_any_isolation_level(
    postgres: PostgresServer, name: str, level: str
) -> None:
    async def check() -> None:
        async with world(postgres, name, isolation_level=level, pool_size=6) as here:
            deliveries = [paid(await here.subscribe("org-1"))]
            here.provider.advance(months=5)
            deliveries += [each for each in here.provider.deliveries() if each.type == "invoice.paid"]
            outcomes = await asyncio.gather(*map(here.deliver, [*deliveries, *deliveries]))
            assert Counter(outcomes)[WebhookOutcome.DUPLICATE] == len(deliveries) == 6
            assert here.booked() == sorted(each.event_id for each in deliveries)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("setting", "statement", "said"),
    [
        ("statement_timeout", "select pg_sleep(20)", "QueryCanceled"),
        ("lock_timeout", "update held set cents = 1", "LockNotAvailable"),
        ("idle_in_transaction_session_timeout", None, "IdleInTransactionSessionTimeout"),
    ],
)
def test_what_takes_too_long_fails_the_delivery_and_its_repetition_applies_it(
    postgres: PostgresServer, name: str, setting: str, statement: str | None, said: str
) -> None:
    """The application's time limits hold for its handlers; nothing is lost, and the database's error says which it was."""

    async def check() -> None:
        options = {"options": f"-c {setting}=200"}
        async with world(postgres, name, connect_args=options) as here:
            delivery = paid(await here.subscribe("org-1"))
            with psycopg.connect(postgres.url(name)) as other:
                other.execute("create table held (cents bigint)")
                other.execute("insert into held values (0)")
                other.commit()
                other.execute("update held set cents = 2")

                async def slow(context: Context) -> None:
                    if statement is None:
                        await asyncio.sleep(0.5)
                    else:
                        await context.transaction.execute(text(statement))

                here.inside = slow
                with pytest.raises(DBAPIError) as caught:
                    await here.deliver(delivery)
                assert type(caught.value.orig).__name__ == said
                assert here.booked() == []
            here.inside = None
            outcomes = [await here.deliver(delivery) for _ in range(2)]
            assert outcomes == [WebhookOutcome.PROCESSED, WebhookOutcome.DUPLICATE]

    asyncio.run(check())


def test_a_full_disk_fails_the_delivery_and_its_repetition_applies_it(tmp_path: Path) -> None:
    async def check() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'billing.db'}")
        make_tables(f"sqlite:///{tmp_path / 'billing.db'}", "create table ledger (event_id text, note text)")
        provider = InMemoryProvider()
        provider.add_plan("pro", Money(1900, "USD"))
        billing = BillingService(provider, SQLAlchemyRepository(engine))
        full = True

        @billing.on("invoice.paid")
        async def book(webhook: WebhookEvent, context: Context) -> None:
            if full:
                pages = (await context.transaction.execute(text("pragma page_count"))).scalar_one()
                await context.transaction.execute(text(f"pragma max_page_count = {pages}"))
            await context.transaction.execute(
                text("insert into ledger values (:id, :note)"), {"id": webhook.id, "note": "x" * 9999}
            )

        session = await billing.start_checkout("org-1", "pro", email="ada@example.com", **PAGES)
        provider.complete_checkout(session.id)
        delivery = paid(provider.deliveries())
        with pytest.raises(DBAPIError, match="full"):
            await billing.handle_webhook("memory", delivery.payload, delivery.headers)
        full = False
        async with engine.begin() as connection:
            assert (await connection.execute(text("select * from ledger"))).all() == []
            await connection.execute(text("pragma max_page_count = 1000000"))
        outcomes = [await billing.handle_webhook("memory", delivery.payload, delivery.headers) for _ in range(2)]
        assert outcomes == [WebhookOutcome.PROCESSED, WebhookOutcome.DUPLICATE]
        await engine.dispose()

    asyncio.run(check())


def test_a_statement_that_a_handler_let_fail_in_silence_fails_the_delivery(postgres: PostgresServer, name: str) -> None:
    """PostgreSQL would answer the COMMIT of a spoilt transaction with ROLLBACK and no error: nothing may pass for applied."""

    async def check() -> None:
        async with world(postgres, name) as here:
            delivery = paid(await here.subscribe("org-1"))

            async def careless(context: Context) -> None:
                with pytest.raises(DBAPIError):
                    await context.transaction.execute(text("select * from no_such_table"))

            here.inside = careless
            with pytest.raises(DBAPIError, match="current transaction is aborted"):
                await here.deliver(delivery)
            assert here.booked() == []
            here.inside = None
            assert await here.deliver(delivery) is WebhookOutcome.PROCESSED

    asyncio.run(check())


def test_a_cancelled_delivery_leaves_nothing_and_its_connection_is_not_lost(
    postgres: PostgresServer, name: str
) -> None:
    """A client that hangs up, a server that shuts down: the task is cancelled inside the transaction."""

    async def check() -> None:
        async with world(postgres, name, pool_size=1, max_overflow=0, pool_timeout=5) as here:
            delivery = paid(await here.subscribe("org-1"))
            inside = asyncio.Event()

            async def slow(context: Context) -> None:
                inside.set()
                await context.transaction.execute(text("select pg_sleep(30)"))

            here.inside = slow
            for _ in range(3):
                inside.clear()
                task = asyncio.create_task(here.deliver(delivery))
                await inside.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert here.booked() == []
            here.inside = None
            assert await here.deliver(delivery) is WebhookOutcome.PROCESSED

    asyncio.run(check())


def test_handlers_that_read_need_no_more_connections_than_there_are_deliveries(
    postgres: PostgresServer, name: str
) -> None:
    """Three deliveries hold the three connections of the pool, and each handler asks who may use the product."""

    async def check() -> None:
        async with world(postgres, name, pool_size=3, max_overflow=0, pool_timeout=10) as here:
            deliveries = [paid(await here.subscribe(org)) for org in ("org-1", "org-2", "org-3")]
            all_inside = asyncio.Barrier(3)
            seen: list[str] = []

            async def look(context: Context) -> None:
                assert context.customer is not None
                await all_inside.wait()
                access = await here.billing.access(context.customer.org_id)
                stored = await here.billing.subscription(context.customer.org_id)
                assert stored == context.subscription
                seen.append(access.reason)

            here.inside = look
            async with asyncio.timeout(9):
                outcomes = await asyncio.gather(*map(here.deliver, deliveries))
            assert outcomes == [WebhookOutcome.PROCESSED] * 3
            assert seen == ["active"] * 3

    asyncio.run(check())


def test_over_http_a_lost_connection_is_a_500_and_the_repetition_a_200(postgres: PostgresServer, name: str) -> None:
    deliveries: list[Delivery] = []
    doomed = True

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with world(postgres, name) as here:

            async def lose_it(context: Context) -> None:
                if doomed:
                    here.kill(context.transaction.sync_connection)

            here.inside = lose_it
            deliveries.append(paid(await here.subscribe("org-1")))
            app.state.here = here
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/webhooks/memory")
    async def webhook(request: Request) -> str:
        outcome = await app.state.here.billing.handle_webhook("memory", await request.body(), request.headers)
        return str(outcome)

    with TestClient(app, raise_server_exceptions=False) as browser:
        [delivery] = deliveries
        post = {"content": delivery.payload, "headers": dict(delivery.headers)}
        assert browser.post("/webhooks/memory", **post).status_code == 500
        assert app.state.here.booked() == []
        doomed = False
        answers = [browser.post("/webhooks/memory", **post) for _ in range(2)]
        assert [(each.status_code, each.json()) for each in answers] == [(200, "processed"), (200, "duplicate")]
        assert app.state.here.booked() == [delivery.event_id]
