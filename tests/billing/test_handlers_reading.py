"""What a handler reads, it reads in its own transaction: the state after the event, with no second connection."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from paylattice import AccessReason, BillingService, InMemoryRepository, WebhookEvent, sync
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.repository import BillingRepository
from paylattice.providers.memory import InMemoryProvider

from .support import PAGES, Context, World

READS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "access": lambda billing: billing.access("org"),
    "subscription": lambda billing: billing.subscription("org"),
    "invoices": lambda billing: billing.invoices("org"),
    "ensure_customer": lambda billing: billing.ensure_customer("org", email="ada@example.com"),
}


class OneConnection:
    """A repository with a pool of one: whoever needs a second connection while the first is taken waits for ever."""

    def __init__(self) -> None:
        self._inside = InMemoryRepository()
        self._connection = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with self._connection, self._inside.transaction() as tx:
            yield tx

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        if name.startswith("__"):
            raise AttributeError(name)
        method = getattr(self._inside, name)
        if not asyncio.iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        @functools.wraps(method)
        async def call(*args: object, **kwargs: object) -> object:
            if kwargs.get("tx") is not None:
                return await method(*args, **kwargs)
            async with self._connection:
                return await method(*args, **kwargs)

        return call


def world_of_one_connection() -> World:
    repository: BillingRepository[InMemoryTransaction] = OneConnection()  # type: ignore[assignment]  # by __getattr__
    return World(repository=repository)  # type: ignore[arg-type]  # the support's is the embedded one


@pytest.mark.parametrize("read", READS)
def test_a_handler_needs_no_second_connection_to_read(read: str) -> None:
    async def main() -> None:
        world = world_of_one_connection()
        await world.subscribe()
        seen: list[object] = []

        @world.billing.on("subscription.active")
        async def look(event: WebhookEvent, context: Context) -> None:
            seen.append(await READS[read](world.billing))

        async with asyncio.timeout(5):
            await world.deliver()
        assert len(seen) == 1

    asyncio.run(main())


def test_it_reads_the_state_after_the_event() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        seen: list[object] = []

        @world.billing.on("subscription.active")
        async def look(event: WebhookEvent, context: Context) -> None:
            assert await world.billing.subscription("org") == context.subscription
            seen.append((await world.billing.access("org")).reason)

        assert (await world.billing.access("org")).reason is AccessReason.NO_SUBSCRIPTION
        await world.deliver()
        assert seen == [AccessReason.ACTIVE]

    asyncio.run(main())


def test_what_it_starts_and_waits_for_reads_in_its_transaction_too() -> None:
    async def main() -> None:
        world = world_of_one_connection()
        await world.subscribe()
        seen: list[object] = []

        @world.billing.on("subscription.active")
        async def look(event: WebhookEvent, context: Context) -> None:
            seen.append((await asyncio.wait_for(world.billing.access("org"), 1)).reason)

        async with asyncio.timeout(5):
            await world.deliver()
        assert seen == [AccessReason.ACTIVE]

    asyncio.run(main())


def test_what_outlives_it_reads_outside() -> None:
    async def main() -> None:
        world = world_of_one_connection()
        await world.subscribe()
        started: list[asyncio.Task[Any]] = []

        @world.billing.on("subscription.active")
        def look(event: WebhookEvent, context: Context) -> None:
            started.append(asyncio.ensure_future(world.billing.access("org")))

        async with asyncio.timeout(5):
            await world.deliver()
            assert (await started[0]).reason is AccessReason.ACTIVE

    asyncio.run(main())


def test_another_service_has_transactions_of_its_own() -> None:
    async def main() -> None:
        world = World()
        other = BillingService(InMemoryProvider(), InMemoryRepository())
        await other.ensure_customer("elsewhere", email="b@example.com")
        await world.subscribe()
        seen: list[object] = []

        @world.billing.on("subscription.active")
        async def look(event: WebhookEvent, context: Context) -> None:
            seen.append(await other.ensure_customer("elsewhere", email="b@example.com"))
            seen.append((await other.access("org")).reason)

        await world.deliver()
        assert seen[1:] == [AccessReason.NO_SUBSCRIPTION]

    asyncio.run(main())


def test_a_handler_inside_the_handler_of_another_service_reads_in_its_own() -> None:
    async def main() -> None:
        outer, inner = World(), World()
        await outer.subscribe()
        await inner.subscribe()
        seen: list[object] = []

        @outer.billing.on("subscription.active")
        async def pass_on(event: WebhookEvent, context: Context) -> None:
            await inner.deliver()

        @inner.billing.on("subscription.active")
        async def look(event: WebhookEvent, context: Context) -> None:
            seen.append((await inner.billing.subscription("org")) == context.subscription)
            seen.append((await outer.billing.access("org")).reason)

        await outer.deliver()
        assert seen == [True, AccessReason.ACTIVE]

    asyncio.run(main())


def test_without_await_too() -> None:
    world = World()
    billing = sync.BillingService(world.provider, sync.InMemoryRepository(), clock=lambda: world.provider.now)
    session = billing.start_checkout("org", "pro", email="ada@example.com", **PAGES)
    world.provider.complete_checkout(session.id)
    seen: list[object] = []

    @billing.on("subscription.active")
    def look(event: WebhookEvent, context: Context) -> None:
        assert billing.subscription("org") == context.subscription
        seen.append(billing.access("org").reason)

    for each in world.provider.deliveries():
        billing.handle_webhook("memory", each.payload, each.headers)
    assert seen == [AccessReason.ACTIVE]
