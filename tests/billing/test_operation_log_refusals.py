"""What a refusal says, and what it does not: about the operation, about the attempt, about an attempt before it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from paylattice import (
    Subscription,
    errors,
)
from paylattice.billing.records import BillingOperation
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import (
    DONE,
    EMAIL,
    FAILED,
    NOBODY_WAITS,
    OPEN,
    ORDERS,
    forget_keys,
    forget_the_organisation,
    lose,
    operation_log,
    state_of_click,
    states,
)
from .support import NOW, World


def test_a_definite_refusal_uses_up_the_key_and_the_next_attempt_has_the_next_one() -> None:
    async def main() -> None:
        world = World()
        for number in range(3):
            world.provider.fail_next_call(errors.InvalidRequest("no such domain", param="email"))
            with pytest.raises(errors.InvalidRequest):
                await world.billing.ensure_customer("org", email=f"{number}@wrong.example")
        customer = await world.billing.ensure_customer("org", email="ada@right.example")
        assert customer.email == "ada@right.example"
        lines = await operation_log(world)
        assert sorted(each.state for each in lines) == [DONE, FAILED, FAILED, FAILED]
        assert len({each.key for each in lines}) == 4
        assert {each.error for each in lines if each.state is FAILED} == {"InvalidRequest"}

    asyncio.run(main())


OF_THE_ATTEMPT = [
    errors.RateLimited("slowly"),
    errors.NetworkError("no connection"),
    errors.ProviderUnavailable("down"),
    errors.AuthenticationError("no such key"),
    errors.PermissionDenied("not this"),
]


@pytest.mark.parametrize("error", OF_THE_ATTEMPT, ids=lambda each: type(each).__name__)
def test_a_refusal_of_the_attempt_alone_keeps_the_key(error: errors.PaymentError) -> None:
    async def main() -> None:
        world = World()
        world.provider.fail_next_call(error)
        with pytest.raises(type(error)):
            await world.billing.ensure_customer("org", email="ada@one.example")
        assert await states(world) == [FAILED]
        assert (await world.billing.recover_open(older_than=NOBODY_WAITS)).open == ()
        assert world.customers_made() == 0, "who asked was told that nothing was done"
        await world.billing.ensure_customer("org", email="ada@one.example")
        assert await states(world) == [DONE], "the same key"

    asyncio.run(main())


def test_a_key_is_as_old_as_its_first_attempt() -> None:
    """The provider may count from there."""

    async def main() -> None:
        world = World()
        for _ in range(3):
            world.provider.fail_next_call(errors.RateLimited("slowly"))
            with pytest.raises(errors.RateLimited):
                await world.billing.ensure_customer("org", email=EMAIL)
            world.provider.advance(hours=5)
        [line] = await operation_log(world)
        assert line.created_at == NOW
        forget_keys(world)
        await world.billing.ensure_customer("org", email=EMAIL)
        [line] = await operation_log(world)
        assert line.created_at == world.provider.now

    asyncio.run(main())


@pytest.mark.parametrize("error", OF_THE_ATTEMPT, ids=lambda each: type(each).__name__)
def test_a_refusal_of_a_later_attempt_says_nothing_about_the_first(error: errors.PaymentError) -> None:
    async def main() -> None:
        world = World()
        await lose(world, ORDERS["ensure_customer"], after_effect=True)
        world.provider.fail_next_call(error)
        assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).open) == 1
        world.provider.fail_next_call(error)
        with pytest.raises(type(error)):
            await world.billing.ensure_customer("org", email=EMAIL)
        assert await states(world) == [OPEN]
        await world.billing.ensure_customer("org", email=EMAIL)
        assert (world.customers_made(), await states(world)) == (1, [DONE])

    asyncio.run(main())


def test_a_change_that_the_provider_refuses_for_good_is_closed() -> None:
    async def main() -> None:
        world = World()
        subscription = await world.subscribe()
        await world.deliver()
        await lose(world, ORDERS["change_plan"], after_effect=False)
        await world.provider.cancel_subscription(subscription.id)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [(each.key, each.error) for each in recovered.failed] == [("click", "Conflict")]

    asyncio.run(main())


REFUSED = errors.InvalidRequest("no such plan", param="plan_id")


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_change_of_plan_that_is_refused_after_a_lost_answer_blocks_no_other(after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        wrong: dict[str, Any] = {"plan_id": "team", "expected_quantity": 1, "idempotency_key": "click"}
        real = world.provider.change_subscription

        async def loses(*args: Any, **kwargs: Any) -> Any:
            world.provider.time_out_next_call(after_effect=after_effect)
            return await real(*args, **kwargs)

        async def refuses(*_args: Any, **_kwargs: Any) -> Any:
            raise REFUSED

        world.provider.change_subscription = loses  # type: ignore[method-assign]  # the provider of this test alone
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.change_plan("org", **wrong)
        world.provider.change_subscription = refuses  # type: ignore[method-assign]  # as above
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert await state_of_click(world) is (DONE if after_effect else FAILED)
        assert len(recovered.done if after_effect else recovered.failed) == 1
        world.provider.change_subscription = real  # type: ignore[method-assign]  # as above
        await world.billing.add_quantity("org", 1, idempotency_key="another")
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.quantity) == ("team" if after_effect else "pro", 2)

    asyncio.run(main())


class WithoutKeys(InMemoryProvider):
    """Takes no notice of keys: it refuses to cancel what is canceled."""

    async def cancel_subscription(self, subscription_id: str, **kwargs: Any) -> Subscription:
        found = await self.get_subscription(subscription_id)
        if found is not None and found.status.is_terminal:
            message = "it is canceled"
            raise errors.Conflict(message)
        return await super().cancel_subscription(subscription_id, **{**kwargs, "idempotency_key": None})


@pytest.mark.parametrize("way", ["retry", "recover_open"])
def test_a_refusal_that_comes_because_it_was_done_before_is_no_failure(way: str) -> None:
    async def main() -> None:
        world = World(provider=WithoutKeys(now=NOW))
        await world.subscribe()
        await world.deliver()
        await lose(world, ORDERS["cancel now"], after_effect=True, reads=1)
        if way == "retry":
            stored: object = await ORDERS["cancel now"].ask(world)
            assert getattr(stored, "status", None) == "canceled"
        else:
            assert len((await world.billing.recover_open(older_than=NOBODY_WAITS)).done) == 1
        assert await state_of_click(world) is DONE
        assert await world.status() == "canceled"

    asyncio.run(main())


class SaysNo(InMemoryProvider):
    """Does not accept usage, and is polite about it."""

    async def create_usage_record(self, *args: Any, **kwargs: Any) -> bool:
        return False


def test_usage_that_is_not_accepted_is_not_noted_as_done() -> None:
    async def main() -> None:
        world = World(provider=SaysNo(now=NOW))
        await world.subscribe(plan_id="calls")
        await world.deliver()
        assert await ORDERS["record_usage"].ask(world) is False
        assert await state_of_click(world) is FAILED

    asyncio.run(main())


def test_a_customer_that_was_deleted_at_the_provider_does_not_block_the_organisation_for_ever() -> None:
    """Both sides deleted it; the organisation comes back."""

    async def main() -> None:
        world = World()
        first = await world.billing.ensure_customer("org", email=EMAIL)
        forget_the_organisation(world, first)
        world.provider.advance(hours=1)
        again = await world.billing.ensure_customer("org", email=EMAIL)
        assert again.external_customer_id == first.external_customer_id, "there still is one at the provider"
        forget_the_organisation(world, again)
        await world.provider.delete_customer(first.external_customer_id)
        third = await world.billing.ensure_customer("org", email="ada@returns.example")
        assert await world.provider.get_customer(third.external_customer_id) is not None
        assert (third.email, world.customers_made()) == ("ada@returns.example", 1)

    asyncio.run(main())


ITEM = {"version": 1, "subscription_item_id": "si_1", "quantity": 1}
STRANGE: dict[str, tuple[str, dict[str, object]]] = {
    "a command of a newer version": ("frobnicate", {"version": 1}),
    "an operation of the provider that is no command": ("get_plan", {"version": 1, "plan_id": "pro"}),
    "a field of a newer version": ("create_customer", {"version": 1, "email": EMAIL, "wat": 1}),
    "a version that is newer": ("create_customer", {"version": 2, "email": EMAIL}),
    "no version": ("create_customer", {"email": EMAIL}),
    "a version that is none": ("create_customer", {"version": "1", "email": EMAIL}),
    "fields that were lost": ("create_customer", {}),
    "a text that is none": ("create_customer", {"version": 1, "email": 7}),
    "a number that is none": ("record_usage", {**ITEM, "quantity": "1"}),
    "a time that is none": ("record_usage", {**ITEM, "timestamp": "noon"}),
    "a time without a zone": ("record_usage", {**ITEM, "timestamp": "2026-01-01T00:00:00"}),
}


@pytest.mark.parametrize(("operation", "arguments"), STRANGE.values(), ids=STRANGE)
def test_a_row_that_cannot_be_read_stays_open_and_keeps_no_other_waiting(
    operation: str, arguments: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """Two versions of an application share a database while one replaces the other."""

    async def main() -> None:
        world = World()
        strange = BillingOperation(
            provider="memory",
            key="strange",
            operation=operation,
            org_id="nobody",
            arguments=arguments,
            created_at=NOW - timedelta(hours=1),
        )
        assert await Store(world.repository).insert(strange)
        world.provider.time_out_next_call()
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.ensure_customer("org", email=EMAIL)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert recovered.unreadable == (strange,)
        assert recovered.open == ()
        assert [each.org_id for each in recovered.done] == ["org"]
        assert "stays open" in caplog.text
        assert EMAIL not in caplog.text
        report = await world.billing.maintain(older_than=NOBODY_WAITS)
        assert report.recovered.unreadable == (strange,)
        assert "for nobody cannot be read by this version" in str(report.needs_a_person)

    asyncio.run(main())


@pytest.mark.parametrize("older_than", [5, 5.0, None, "5 minutes"])
def test_the_age_of_what_is_recovered_is_a_timedelta(older_than: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="must be a timedelta"):
        asyncio.run(World().billing.recover_open(older_than=older_than))
