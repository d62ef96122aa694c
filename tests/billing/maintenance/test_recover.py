"""What was left open must not undo what came after it: what recover_open sends again, and what it does not."""

import asyncio
from typing import Any

import attrs
import pytest

from paylattice import (
    InMemoryRepository,
    Money,
    errors,
)
from paylattice.billing.records.operations import OPERATIONS_BY_EXTERNAL_ID
from paylattice.billing.store import Store
from paylattice.billing.tables import Index
from tests.billing.operation_log_support import (
    FAILED,
    NOBODY_WAITS,
    OPEN,
    ORDERS,
    lose,
    plan_of,
    state_of,
    states,
)
from tests.billing.support import World


async def superseded_change() -> World:
    """A change to the plan "team" was lost on its way; then the organisation chose "solo"."""
    world = World()
    world.provider.add_plan("solo", Money(900, "USD"))
    await world.subscribe()
    await world.deliver()
    await lose(world, ORDERS["change_plan"], after_effect=False)
    world.provider.advance(hours=0.1)
    await world.billing.change_plan("org", "solo", idempotency_key="second thoughts")
    world.provider.advance(hours=0.1)
    return world


def test_a_change_that_was_left_open_does_not_undo_the_one_that_came_after_it() -> None:
    async def main() -> None:
        world = await superseded_change()
        recovered = await world.billing.recover_open()
        assert [each.key for each in recovered.abandoned] == ["click"]
        assert plan_of(world) == "solo"

    asyncio.run(main())


def test_a_retry_that_comes_after_a_newer_change_is_refused_and_sends_nothing() -> None:
    async def main() -> None:
        world = await superseded_change()
        for _ in range(2):
            with pytest.raises(errors.Conflict, match="newer operation"):
                await ORDERS["change_plan"].ask(world)
        assert plan_of(world) == "solo"
        assert (await world.billing.recover_open()).open == ()

    asyncio.run(main())


def test_a_change_that_was_done_stays_done_when_it_is_repeated_after_a_newer_one() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        await world.billing.change_plan("org", "team", idempotency_key="click")
        world.provider.advance(hours=0.1)
        await world.billing.change_plan("org", "pro", idempotency_key="back")
        world.provider._calls._answers.clear()  # a provider without keys would do it again
        change = await world.billing.change_plan("org", "team", idempotency_key="click")
        assert change.subscription.plan_id == plan_of(world) == "pro"

    asyncio.run(main())


def test_a_newer_change_that_is_in_doubt_itself_counts_and_one_that_was_refused_does_not() -> None:
    async def main() -> None:
        for lost in (True, False):
            world = World()
            await world.subscribe()
            await world.deliver()
            await lose(world, ORDERS["change_plan"], after_effect=False)
            world.provider.advance(hours=0.1)
            if lost:
                await lose(
                    world,
                    attrs.evolve(ORDERS["cancel now"], ask=lambda world: world.billing.cancel("org")),
                    after_effect=True,
                )
            else:
                with pytest.raises(errors.InvalidRequest):
                    await world.billing.change_plan("org", "unknown", idempotency_key="refused")
                assert await state_of(world, "refused") is FAILED
            recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert {each.key for each in recovered.abandoned} == ({"click"} if lost else set())
            assert plan_of(world) == ("pro" if lost else "team")

    asyncio.run(main())


def test_a_change_of_the_same_moment_is_not_a_newer_one() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        await world.billing.change_plan("org", quantity=2, idempotency_key="zzz")
        await lose(world, ORDERS["change_plan"], after_effect=False)
        assert [each.key for each in (await world.billing.recover_open(older_than=NOBODY_WAITS)).done] == ["click"]
        assert plan_of(world) == "team"

    asyncio.run(main())


def test_a_newer_change_of_another_subscription_does_not_count() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe("other")
        await world.subscribe("org")
        await world.deliver()
        await lose(world, ORDERS["change_plan"], after_effect=False)
        world.provider.advance(hours=0.1)
        await world.billing.change_plan("other", "team")
        assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).done) == 1
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.plan_id == "team"

    asyncio.run(main())


def test_a_checkout_that_nobody_waits_for_is_not_opened_once_there_is_a_subscription() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        await lose(world, ORDERS["start_checkout"], after_effect=False)
        await world.subscribe(allow_second=True)
        await world.deliver()
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.operation for each in recovered.abandoned] == ["start_checkout"]
        assert len(world.provider._world.store.sessions) == 1

    asyncio.run(main())


def test_young_operations_are_left_alone() -> None:
    async def main() -> None:
        world = World()
        await lose(world, ORDERS["ensure_customer"], after_effect=True)
        world.provider.advance(hours=4 / 60)
        recovered = await world.billing.recover_open()
        assert (recovered.done, recovered.open) == ((), ())
        assert await states(world) == [OPEN]
        world.provider.advance(hours=1 / 60)
        assert len((await world.billing.recover_open()).done) == 1

    asyncio.run(main())


def test_more_open_operations_than_a_page_holds_are_all_closed() -> None:
    async def main() -> None:
        world = World()
        for number in range(250):
            world.provider.time_out_next_call(after_effect=number % 2 == 0)
            with pytest.raises(errors.OutcomeUnknown):
                await world.billing.ensure_customer(f"org {number}", email="a@example.com")
        assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).done) == 250
        assert world.customers_made() == len(await Store(world.repository).list_customers("memory", limit=1000)) == 250

    asyncio.run(main())


def test_a_handler_that_fails_does_not_keep_the_other_operations_open() -> None:
    async def main() -> None:
        world = World()
        for org in ("one", "two"):
            await world.subscribe(org)
        await world.deliver()

        @world.billing.on("subscription.canceled")
        def fails(event: object, context: object) -> None:
            message = "not now"
            raise RuntimeError(message)

        for org in ("one", "two"):
            world.provider.time_out_next_call(after_effect=True)
            with pytest.raises(errors.OutcomeUnknown):
                await world.billing.cancel(org, at_period_end=False)
        assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).done) == 2

    asyncio.run(main())


def test_an_operation_log_that_pages_in_circles_ends_in_an_error() -> None:
    class Circles(InMemoryRepository):
        goes_round = False

        async def find(self, kind: Any, index: Index, values: Any, **options: Any) -> Any:
            if not self.goes_round or index is not OPERATIONS_BY_EXTERNAL_ID:
                return await super().find(kind, index, values, **options)
            [found] = await super().find(kind, index, values, **{**options, "after": None})
            return [attrs.evolve(found, key=f"k{number}", state=FAILED) for number in range(options["limit"])]

    async def main() -> None:
        repository = Circles()
        world = World(repository=repository)
        await world.subscribe()
        await world.deliver()
        await lose(world, ORDERS["change_plan"], after_effect=False)
        repository.goes_round = True
        with pytest.raises(errors.ConfigurationError, match="does not go on"):
            await asyncio.wait_for(ORDERS["change_plan"].ask(world), 10)

    asyncio.run(main())
