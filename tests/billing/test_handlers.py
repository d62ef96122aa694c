"""What a handler may do, what it must not, and what is left when it fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingService,
    InMemoryRepository,
    WebhookEvent,
    WebhookOutcome,
    errors,
    sync,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, PAGES, Context, Fake, World, an_event

Operation = Callable[[World], Awaitable[object]]

WRITES: dict[str, Operation] = {
    "ensure_customer": lambda world: world.billing.ensure_customer("new", email="b@example.com"),
    "start_checkout": lambda world: world.billing.start_checkout("new", "pro", email="b@example.com", **PAGES),
    "cancel": lambda world: world.billing.cancel("org"),
    "change_plan": lambda world: world.billing.change_plan("org", "team"),
    "sync_subscription": lambda world: world.billing.sync_subscription("org"),
    "apply_event": lambda world: world.billing.apply_event(an_event(provider="memory")),
    "purge_unmatched": lambda world: world.billing.purge_unmatched("memory", before=NOW),
    "confirm_return": lambda world: world.billing.confirm_return("cs_1"),
    "apply_unmatched": lambda world: world.billing.apply_unmatched("memory"),
}


GHOST = BillingCustomer("ghost", "ghost", "memory", "ghost")


class SeparateConnections(InMemoryRepository):
    """Like a database: a second transaction of one task is no error, it only waits for the first one's rows."""

    def transaction(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        from paylattice.billing import memory

        memory._open_here.set(())
        return super().transaction()


@pytest.mark.parametrize("repository", [InMemoryRepository, SeparateConnections])
@pytest.mark.parametrize("operation", WRITES)
def test_a_handler_that_calls_an_operation_that_writes_is_refused_before_anything_is_sent(
    operation: str, repository: type[InMemoryRepository]
) -> None:
    async def main() -> None:
        world = World(repository=repository())
        subscription = await world.subscribe()
        await world.deliver()

        @world.billing.on("invoice.paid")
        async def meddle(event: WebhookEvent, context: Context) -> None:
            await WRITES[operation](world)

        world.provider.advance(months=1)
        paid = world.delivery("invoice.paid")
        before = await world.provider.get_subscription(subscription.id)
        with pytest.raises(errors.ConfigurationError, match=r"outbox"):
            await asyncio.wait_for(world.handle(paid), 5)
        assert await world.provider.get_subscription(subscription.id) == before
        assert world.customers_made() == 1
        assert await Store(world.repository).get_event("memory", paid.event_id) is None
        assert await world.billing.sync_subscription("org") is not None, "the repository is still locked"

    asyncio.run(main())


def test_a_handler_may_read() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        seen: list[object] = []

        @world.billing.on("invoice.paid")
        async def look(event: WebhookEvent, context: Context) -> None:
            seen.append(await world.billing.subscription("org"))
            seen.append(await world.billing.access("org"))
            seen.append(await world.billing.invoices("org"))
            seen.append(await world.billing.ensure_customer("org", email="ada@example.com"))

        world.provider.advance(months=1)
        assert await world.handle(world.delivery("invoice.paid")) == "processed"
        assert all(seen)

    asyncio.run(main())


def test_what_a_handler_starts_may_write_once_the_handler_is_done() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        started: list[asyncio.Task[object]] = []

        @world.billing.on("subscription.active")
        def later(event: WebhookEvent, context: Context) -> None:
            started.append(asyncio.ensure_future(world.billing.cancel("org")))

        await world.deliver()
        stored = await asyncio.wait_for(started[0], 5)
        assert stored.cancel_at is not None  # type: ignore[attr-defined]  # a subscription

    asyncio.run(main())


def test_writing_with_a_transaction_that_is_over_is_an_error_and_not_a_loss() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        kept: list[InMemoryTransaction] = []

        @world.billing.on("subscription.active")
        def keep(event: WebhookEvent, context: Context) -> None:
            kept.append(context.transaction)

        await world.deliver()
        with pytest.raises(errors.ConfigurationError, match="is over"):
            await world.repository.insert(GHOST, tx=kept[0])
        with pytest.raises(errors.ConfigurationError, match="is over"):
            await Store(world.repository).get_customer_by_id("x", tx=kept[0])

    asyncio.run(main())


def test_a_handler_that_is_cancelled_leaves_no_trace_and_no_lock() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        slow = [True]

        @world.billing.on("subscription.active")
        async def sleeps(event: WebhookEvent, context: Context) -> None:
            await world.repository.insert(GHOST, tx=context.transaction)
            if slow:
                await asyncio.sleep(3600)

        created = world.delivery("subscription.created")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.handle(created), 0.01)
        assert await world.status() is None
        assert await world.repository.get(BillingCustomer, {"id": "ghost"}) is None
        slow.clear()
        assert await asyncio.wait_for(world.handle(created), 5) == "processed"

    asyncio.run(main())


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, StopIteration, errors.Conflict])
def test_whatever_a_plain_handler_raises_undoes_the_delivery(failure: type[BaseException]) -> None:
    world = World()
    asyncio.run(world.subscribe())
    broken = [True]

    @world.billing.on("subscription.active")
    def fails(event: WebhookEvent, context: Context) -> None:
        if broken:
            message = "not now"
            raise failure(message)

    created = world.delivery("subscription.created")
    expected = RuntimeError if failure is StopIteration else failure  # a coroutine cannot raise StopIteration
    with pytest.raises(expected):
        asyncio.run(world.handle(created))
    assert asyncio.run(world.status()) is None
    assert asyncio.run(Store(world.repository).get_event("memory", created.event_id)) is None
    broken.clear()
    assert asyncio.run(world.handle(created)) == "processed"


def test_the_first_handler_that_fails_keeps_the_next_from_running() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        seen: list[str] = []

        @world.billing.on("subscription.created")
        def first(event: WebhookEvent, context: Context) -> None:
            seen.append("first")

        @world.billing.on("subscription.created")
        def second(event: WebhookEvent, context: Context) -> None:
            message = "not now"
            raise RuntimeError(message)

        @world.billing.on("subscription.active")
        def third(event: WebhookEvent, context: Context) -> None:
            seen.append("third")

        with pytest.raises(RuntimeError):
            await world.handle(world.delivery("subscription.created"))
        assert seen == ["first"]

    asyncio.run(main())


def test_a_stale_delivery_runs_the_handlers_of_its_own_word_with_the_newer_state() -> None:
    async def main() -> None:
        world = World(refetch=False)
        subscription = await world.subscribe()
        world.provider.advance(days=1)
        await world.provider.change_subscription(subscription.id, quantity=4)
        deliveries = {each.type: each for each in world.provider.deliveries()}
        seen: list[tuple[str, object, object]] = []

        @world.billing.on("subscription.created")
        @world.billing.on("subscription.active")
        def note(event: WebhookEvent, context: Context) -> None:
            assert context.subscription is not None
            seen.append((str(event.type), context.subscription.quantity, context.previous_status))

        assert await world.handle(deliveries["subscription.updated"]) == WebhookOutcome.PROCESSED
        assert await world.handle(deliveries["subscription.created"]) == WebhookOutcome.STALE
        assert seen == [("subscription.updated", 4, None), ("subscription.created", 4, "active")]

    asyncio.run(main())


# --- without await


def blocking() -> tuple[sync.BillingService[InMemoryTransaction], World]:
    world = World()
    return sync.BillingService(world.provider, sync.InMemoryRepository(), clock=lambda: world.provider.now), world


def subscribed(billing: sync.BillingService[InMemoryTransaction], world: World) -> None:
    session = billing.start_checkout("org", "pro", email="ada@example.com", **PAGES)
    world.provider.complete_checkout(session.id)


def test_an_async_handler_that_never_waits_serves_the_blocking_service() -> None:
    billing, world = blocking()
    seen: list[str] = []

    @billing.on("subscription.active")
    async def note(event: WebhookEvent, context: Context) -> None:
        seen.append(event.id)

    subscribed(billing, world)
    for each in world.provider.deliveries():
        billing.handle_webhook("memory", each.payload, each.headers)
    assert len(seen) == 1


def test_an_async_handler_that_waits_gets_a_clear_error_and_leaves_no_trace_and_no_lock() -> None:
    billing, world = blocking()
    waits = [True]

    @billing.on("subscription.active")
    async def note(event: WebhookEvent, context: Context) -> None:
        if waits:
            await asyncio.sleep(0)

    subscribed(billing, world)
    created = world.delivery("subscription.created")
    with pytest.raises(errors.ConfigurationError, match="a handler or a repository used here must be a plain one"):
        billing.handle_webhook("memory", created.payload, created.headers)
    assert billing.subscription("org") is None
    waits.clear()
    assert billing.handle_webhook("memory", created.payload, created.headers) == "processed"


def test_a_blocking_handler_that_raises_leaves_no_trace() -> None:
    billing, world = blocking()
    broken = [True]

    @billing.on("subscription.active")
    def fails(event: WebhookEvent, context: Context) -> None:
        billing.repository.insert(GHOST, tx=context.transaction)
        if broken:
            message = "not now"
            raise RuntimeError(message)

    subscribed(billing, world)
    created = world.delivery("subscription.created")
    with pytest.raises(RuntimeError):
        billing.handle_webhook("memory", created.payload, created.headers)
    applied = {"provider": "memory", "external_event_id": created.event_id}
    assert billing.repository.get(BillingEvent, applied) is None
    assert billing.repository.get(BillingCustomer, {"id": "ghost"}) is None
    broken.clear()
    assert billing.handle_webhook("memory", created.payload, created.headers) == "processed"


def test_a_blocking_handler_that_cancels_is_refused_instead_of_waiting_for_itself() -> None:
    billing, world = blocking()
    subscribed(billing, world)

    @billing.on("subscription.active")
    def meddle(event: WebhookEvent, context: Context) -> None:
        billing.cancel("org")

    created = world.delivery("subscription.created")
    with pytest.raises(errors.ConfigurationError, match="outbox"):
        billing.handle_webhook("memory", created.payload, created.headers)


def test_another_service_s_handlers_are_no_concern_of_this_one() -> None:
    async def main() -> None:
        one, other = World(), World()
        await one.subscribe()

        @one.billing.on("subscription.active")
        async def copy(event: WebhookEvent, context: Context) -> None:
            await other.billing.ensure_customer("org", email="ada@example.com")

        await one.deliver()
        assert await Store(other.repository).get_customer("org", "memory") is not None

    asyncio.run(main())


def test_a_provider_s_own_words_are_never_guessed_at() -> None:
    billing = BillingService(Fake(), InMemoryRepository())
    billing.on("fake:anything.at_all")(print)
    with pytest.raises(errors.ConfigurationError, match=r"Did you mean 'subscription\.canceled'"):
        billing.on("subscription.cancelled")


def yields(event: WebhookEvent, context: Context) -> Iterator[None]:
    yield


async def yields_later(event: WebhookEvent, context: Context) -> AsyncIterator[None]:
    yield


def takes_one(event: WebhookEvent) -> None: ...


async def takes_three(event: WebhookEvent, context: Context, more: object) -> None: ...


class Yields:
    def __call__(self, event: WebhookEvent, context: Context) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (5, "must be a function"),
        (None, "must be a function"),
        (yields, "yields"),
        (yields_later, "yields"),
        (Yields(), "yields"),
        (partial(yields), "yields"),
        (takes_one, "two arguments"),
        (takes_three, "two arguments"),
    ],
)
@pytest.mark.parametrize("service", [BillingService, sync.BillingService])
def test_what_would_not_run_is_refused_while_the_application_starts(
    service: Callable[..., Any], handler: Any, says: str
) -> None:
    repository = InMemoryRepository() if service is BillingService else sync.InMemoryRepository()
    billing = service(InMemoryProvider(), repository)
    with pytest.raises(errors.ConfigurationError, match=rf"'invoice\.paid'.*{says}"):
        billing.on("invoice.paid")(handler)


class TakesTwo:
    async def __call__(self, event: WebhookEvent, context: Context) -> None: ...

    def method(self, event: WebhookEvent, context: Context, more: int = 0) -> None: ...


@pytest.mark.parametrize("handler", [print, TakesTwo(), TakesTwo().method, partial(takes_three, more=1), Mock()])
def test_whatever_takes_an_event_and_its_context_is_a_handler(handler: Any) -> None:
    assert BillingService(Fake(), InMemoryRepository()).on("invoice.paid")(handler) is handler
