"""The operation log: whatever crashes, and whichever answer is lost, each thing is done once, and nothing stays in doubt."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone

import pytest

from paylattice import (
    BillingService,
    InMemoryRepository,
    Money,
    converter,
    errors,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, Record
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import (
    DONE,
    EMAIL,
    FAILED,
    NOBODY_WAITS,
    OPEN,
    ORDERS,
    Counting,
    MortalRepository,
    Order,
    a_world,
    in_order,
    lose,
    operation_log,
    record_of,
    state_of_click,
    until_the_end_of,
)
from .support import NOW, PAGES, World
from .test_crashes import Fate

# --- a crash, or a lost answer, anywhere ---------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [None, "answer", "request"], ids=["killed", "answer lost", "request lost"])
@pytest.mark.parametrize("name", ORDERS)
def test_whatever_is_lost_a_retry_leaves_one_effect_and_nothing_open(name: str, lost: str | None) -> None:
    order = ORDERS[name]

    async def main(at: int) -> int:
        world = await a_world(at, order, lost)
        calls = await until_the_end_of(world, lambda: order.ask(world))
        await order.ask(world)
        await order.ask(world)
        await in_order(world, order, 1, f"lost at call {at}")
        return calls

    calls = asyncio.run(main(0))
    assert calls > 0
    for at in range(1, calls + 1):
        asyncio.run(main(at))


@pytest.mark.parametrize("lost", [None, "answer", "request"], ids=["killed", "answer lost", "request lost"])
@pytest.mark.parametrize("name", ORDERS)
def test_whatever_is_lost_recover_open_finishes_what_was_recorded(name: str, lost: str | None) -> None:
    order = ORDERS[name]

    async def main(at: int) -> int:
        world = await a_world(at, order, lost)
        calls = await until_the_end_of(world, lambda: order.ask(world))
        world.provider.advance(hours=0.01)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert not recovered.open
        assert not recovered.failed
        assert not recovered.abandoned
        if name != "ensure_customer":
            written = [each for each in await operation_log(world) if each.key == "click"]
        else:
            written = await operation_log(world)
        written = [each for each in written if each.state is not FAILED]  # what could not be decided was not sent
        await in_order(world, order, len(written), f"lost at call {at}")
        assert (await world.billing.recover_open(older_than=NOBODY_WAITS)).done == ()
        await order.ask(world)
        await in_order(world, order, 1, f"lost at call {at}, and asked for again")
        return calls

    calls = asyncio.run(main(0))
    for at in range(1, calls + 1):
        asyncio.run(main(at))


@pytest.mark.parametrize("lost", ["answer", "request"])
@pytest.mark.parametrize("name", ORDERS)
def test_recover_open_can_die_anywhere_too(name: str, lost: str) -> None:
    order = ORDERS[name]
    after_a_read = {"start_checkout", "record_usage", "add_quantity", "set_payment_method", "remove_payment_method"}
    the_write = 2 if name in after_a_read else 1

    async def main(at: int) -> int:
        world = await a_world(the_write, order, lost)
        await until_the_end_of(world, lambda: order.ask(world))
        assert await state_of_click(world) is OPEN
        provider, repository = world.provider, world.repository
        assert isinstance(provider, Counting)
        assert isinstance(repository, MortalRepository)
        provider.fate = repository.fate = Fate(at)
        calls = await until_the_end_of(world, lambda: world.billing.recover_open(older_than=NOBODY_WAITS))
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        await in_order(world, order, 1, f"killed at call {at}")
        await order.ask(world)
        await in_order(world, order, 1, f"killed at call {at}, and asked for again")
        return calls

    calls = asyncio.run(main(0))
    assert calls > 0
    for at in range(1, calls + 1):
        asyncio.run(main(at))


# --- one key, one operation ----------------------------------------------------------------------------------------


def test_a_key_is_refused_for_anything_else_and_nothing_is_sent() -> None:
    async def main() -> None:
        world = World()
        for org in ("org", "other"):
            await world.subscribe(org, "calls")
        await world.deliver()
        await world.billing.record_usage("org", 5, idempotency_key="job")
        billing = world.billing
        refused: list[Callable[[], Awaitable[object]]] = [
            lambda: billing.record_usage("org", 6, idempotency_key="job"),
            lambda: billing.record_usage("org", 5, idempotency_key="job", timestamp=world.provider.now),
            lambda: billing.record_usage("org", 5, idempotency_key="job", plan_id="calls"),
            lambda: billing.record_usage("other", 5, idempotency_key="job"),
            lambda: billing.cancel("org", idempotency_key="job"),
            lambda: billing.change_plan("org", "team", idempotency_key="job"),
            lambda: world.checkout("org", allow_second=True, idempotency_key="job"),
        ]
        calls = len(world.provider._calls._answers)
        for call in refused:
            with pytest.raises(errors.IdempotencyMismatch, match="used before with other parameters"):
                await call()
        assert len(world.provider._calls._answers) == calls
        assert len(await operation_log(world)) == 5  # two customers, two pages, and the usage

    asyncio.run(main())


def two_providers() -> tuple[BillingService[InMemoryTransaction], list[InMemoryProvider], InMemoryRepository]:
    providers = [InMemoryProvider(name=name, now=NOW) for name in ("eu", "us")]
    for each in providers:
        each.add_plan("calls", Money(2, "USD"), metered=True)
        each.add_plan("team", Money(2, "USD"))
    repository = InMemoryRepository()
    billing = BillingService(providers, repository, select=lambda _: "eu", clock=lambda: providers[0].now)
    return billing, providers, repository


def test_a_key_that_was_used_at_one_provider_falls_on_no_subscription_at_another() -> None:
    """The organisation has moved in between: the report, or the cancellation, is repeated where it was begun."""

    async def main() -> None:
        billing, providers, _ = two_providers()
        records = []
        for each in providers:
            session = await billing.start_checkout(
                "org",
                "calls",
                email="a@example.com",
                provider_name=each.get_provider_name(),
                allow_second=True,
                **PAGES,
            )
            done = each.complete_checkout(session.id)
            records.append(each._world.store.subscriptions[str(done.subscription_id)])
            if each is providers[0]:
                await billing.confirm_return(session.id)
                assert await billing.record_usage("org", 5, idempotency_key="job")
                await billing.cancel("org", at_period_end=False, idempotency_key="click")
            else:
                await billing.confirm_return(session.id)
        assert await billing.record_usage("org", 5, idempotency_key="job")
        stored = await billing.cancel("org", at_period_end=False, idempotency_key="click")
        assert stored.provider == "eu"
        assert [each.usage for each in records] == [5, 0]
        assert [each.status for each in records] == ["canceled", "active"]
        with pytest.raises(errors.IdempotencyMismatch):
            await billing.record_usage("org", 6, idempotency_key="job")

    asyncio.run(main())


def test_a_checkout_key_is_refused_at_another_provider() -> None:
    async def main() -> None:
        billing, providers, _ = two_providers()
        first = await billing.start_checkout("org", "team", email="a@b.co", idempotency_key="click", **PAGES)
        again = await billing.start_checkout("org", "team", email="a@b.co", idempotency_key="click", **PAGES)
        assert again.id == first.id
        with pytest.raises(errors.IdempotencyMismatch, match="at another provider"):
            await billing.start_checkout(
                "org", "team", email="a@b.co", idempotency_key="click", provider_name="us", **PAGES
            )
        assert len(providers[1]._world.store.sessions) == 0

    asyncio.run(main())


def test_a_second_subscription_does_not_draw_a_repeated_cancellation_to_itself() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        await world.billing.cancel("org", at_period_end=False, idempotency_key="click")
        world.provider.advance(days=1)
        second = await world.subscribe()
        await world.deliver()
        stored = await world.billing.cancel("org", at_period_end=False, idempotency_key="click")
        assert stored.external_subscription_id != second.id
        assert await world.status() == "active"

    asyncio.run(main())


BAD = [
    lambda world: world.billing.cancel("org", reason=7),
    lambda world: world.billing.change_plan("org", "../x"),
    lambda world: world.billing.change_plan("org", quantity=0),
    lambda world: world.billing.cancel("org", idempotency_key=""),
    lambda world: world.billing.record_usage("org", 1.5, idempotency_key="job"),
    lambda world: world.billing.record_usage("org", 1, idempotency_key="job", timestamp=datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
    lambda world: world.billing.record_usage("org", 1, idempotency_key=None),
]


@pytest.mark.parametrize("call", BAD)
def test_what_no_provider_would_take_does_not_get_into_the_operation_log(
    call: Callable[[World], Awaitable[object]],
) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        before = await operation_log(world)
        with pytest.raises(errors.InvalidRequest):
            await call(world)
        assert await operation_log(world) == before

    asyncio.run(main())


# --- what is recorded ----------------------------------------------------------------------------------------------


class ThroughJSON(InMemoryRepository):
    """Keeps operations as a database does: as text."""

    async def insert(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        if isinstance(record, BillingOperation):
            text = json.dumps(converter().unstructure(record))
            record = converter().structure(json.loads(text), BillingOperation)
        return await super().insert(record, tx=tx)


def test_operations_come_back_from_json_and_are_recognised() -> None:
    async def main() -> None:
        world = World(repository=ThroughJSON())
        await world.subscribe(plan_id="calls", metadata={"team": "größe"}, idempotency_key="page")
        await world.deliver()
        when = NOW + timedelta(microseconds=1)
        for same in (when, when.astimezone(timezone(timedelta(hours=2)))):
            assert await world.billing.record_usage("org", 5, idempotency_key="job", timestamp=same)
        assert record_of(world).usage == 5
        [usage] = [each for each in await operation_log(world) if each.operation == "record_usage"]
        assert usage.arguments["timestamp"] == "2026-01-01T00:00:00.000001+00:00"
        await lose(world, Order(timed, lambda world: 0), after_effect=True, reads=1)
        assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).done) == 1
        assert record_of(world).usage == 12

    async def timed(world: World) -> object:
        return await world.billing.record_usage("org", 7, idempotency_key="another job", timestamp=NOW)

    asyncio.run(main())


def test_an_operation_says_what_it_made_and_its_repr_nothing_personal() -> None:
    async def main() -> None:
        world = World()
        subscription = await world.subscribe()
        await world.deliver()
        await world.billing.cancel("org")
        lines = {each.operation: each for each in await operation_log(world)}
        customer = await Store(world.repository).get_customer("org", "memory")
        assert customer is not None
        assert lines["create_customer"].external_id == customer.external_customer_id
        assert lines["cancel_subscription"].external_id == subscription.id
        assert lines["start_checkout"].external_id in world.provider._world.store.sessions
        assert all(each.closed_at is not None and each.state is DONE for each in lines.values())
        assert "ada@example.com" not in repr(lines)

    asyncio.run(main())


def test_errors_tell_nothing_personal() -> None:
    async def main() -> None:
        world = World()
        said: list[str] = []

        async def refused(call: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(errors.PaymentError) as caught:
                await call()
            said.append(f"{caught.value} {caught.value!r} {vars(caught.value)}")

        for fault in (errors.InvalidRequest("no"), errors.RateLimited("no"), errors.IdempotencyMismatch("no")):
            world.provider.fail_next_call(fault)
            if not isinstance(fault, errors.IdempotencyMismatch):
                await refused(lambda: world.billing.ensure_customer("org", email=EMAIL, name="Ada Secret"))
        await world.checkout(idempotency_key="click")
        await refused(lambda: world.billing.start_checkout("org", "pro", email=EMAIL, idempotency_key="click", **PAGES))
        await refused(lambda: world.billing.ensure_customer("new", email="not an address of Secret"))
        assert len(said) == 4
        assert not any("ecret" in each for each in said)

    asyncio.run(main())
