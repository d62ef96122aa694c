"""Operations that were left open until the provider had forgotten their keys: looked up, and not sent blindly."""

import asyncio
from typing import Any

import pytest

from paylattice import (
    errors,
)
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import (
    DONE,
    EMAIL,
    OPEN,
    ORDERS,
    forget_keys,
    lose,
    lost_long_ago,
    record_of,
    states,
)
from .support import NOW, World


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("way", ["ensure_customer", "recover_open"])
def test_a_customer_whose_key_is_forgotten_is_looked_up_and_made_once(way: str, after_effect: bool) -> None:
    async def main() -> None:
        world = await lost_long_ago("ensure_customer", after_effect=after_effect)
        if way == "recover_open":
            recovered = await world.billing.recover_open()
            became = recovered.done if after_effect else recovered.abandoned
            assert [each.operation for each in became] == ["create_customer"]
            assert (
                world.customers_made()
                == len(await Store(world.repository).list_customers("memory"))
                == int(after_effect)
            )
        customer = await world.billing.ensure_customer("org", email="new@secret.example")
        assert world.customers_made() == 1
        assert await world.provider.get_customer(customer.external_customer_id) is not None
        assert customer.email == EMAIL, "it is finished as it was begun"
        assert await states(world) == [DONE]

    asyncio.run(main())


def test_the_lookup_takes_no_other_organisation_s_customer_nor_an_older_one() -> None:
    async def main() -> None:
        world = World()
        for org, email in (("org", "old@example.com"), ("other", EMAIL)):
            await world.provider.create_customer(email, metadata={"org_id": org})
            world.provider.advance(days=1)
        await lose(world, ORDERS["ensure_customer"], after_effect=False)
        await world.provider.create_customer(EMAIL, metadata={"org_id": "a third"})
        await world.provider.create_customer(EMAIL)
        forget_keys(world)
        assert len((await world.billing.recover_open()).abandoned) == 1
        customer = await world.billing.ensure_customer("org", email=EMAIL)
        assert world.customers_made() == 5
        found = await world.provider.get_customer(customer.external_customer_id)
        assert found is not None
        assert (found.metadata["org_id"], found.email) == ("org", EMAIL)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["cancel at the period's end", "cancel now", "change_plan", "add_quantity"])
@pytest.mark.parametrize("after_effect", [True, False])
def test_a_change_whose_key_is_forgotten_is_judged_by_the_subscription_and_not_sent(
    name: str, after_effect: bool
) -> None:
    async def main() -> None:
        world = await lost_long_ago(name, after_effect=after_effect)
        before = ORDERS[name].effects(world)
        recovered = await world.billing.recover_open()
        became = recovered.done if after_effect else recovered.abandoned
        assert [each.key for each in became] == ["click"]
        assert ORDERS[name].effects(world) == before == int(after_effect)

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_seats_whose_key_is_forgotten_are_not_added_again(after_effect: bool) -> None:
    async def main() -> None:
        order = ORDERS["add_quantity"]
        world = await lost_long_ago("add_quantity", after_effect=after_effect)
        if after_effect:
            await order.ask(world)
        else:
            for _ in range(2):
                with pytest.raises(errors.IdempotencyMismatch, match="Check at the provider"):
                    await order.ask(world)
            assert [each.key for each in (await world.billing.recover_open()).abandoned] == ["click"]
        assert order.effects(world) == int(after_effect)
        await world.billing.add_quantity("org", 2, idempotency_key="another click")
        assert order.effects(world) == 2 + int(after_effect)

    asyncio.run(main())


def test_a_cancellation_at_the_period_s_end_is_no_proof_of_one_at_once() -> None:
    async def main() -> None:
        world = World()
        subscription = await world.subscribe()
        await world.deliver()
        await world.provider.cancel_subscription(subscription.id, at_period_end=True)
        await lose(world, ORDERS["cancel now"], after_effect=False)
        forget_keys(world)
        recovered = await world.billing.recover_open()
        assert [each.key for each in recovered.abandoned] == ["click"]

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_usage_whose_key_is_forgotten_is_given_up_reported_and_never_sent_again(after_effect: bool) -> None:
    async def main() -> None:
        world = await lost_long_ago("record_usage", after_effect=after_effect)
        counted = 5 * after_effect
        recovered = await world.billing.recover_open()
        assert [(each.operation, each.org_id) for each in recovered.abandoned] == [("record_usage", "org")]
        assert (await world.billing.recover_open()).abandoned == ()
        for _ in range(2):
            with pytest.raises(errors.IdempotencyMismatch, match="Check at the provider"):
                await ORDERS["record_usage"].ask(world)
        assert record_of(world).usage == counted
        assert await world.billing.record_usage("org", 5, idempotency_key="another click")
        assert record_of(world).usage == counted + 5

    asyncio.run(main())


def test_usage_that_is_done_is_done_however_long_ago() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        assert await ORDERS["record_usage"].ask(world)
        forget_keys(world)
        assert await ORDERS["record_usage"].ask(world)
        assert record_of(world).usage == 5

    asyncio.run(main())


@pytest.mark.parametrize("name", ["cancel now", "change_plan", "add_quantity", "start_checkout", "ensure_customer"])
def test_what_is_done_is_not_done_again_when_its_key_is_forgotten(name: str) -> None:
    async def main() -> None:
        order = ORDERS[name]
        world = World()
        if order.plan is not None:
            await world.subscribe(plan_id=order.plan)
            await world.deliver()
            world.provider.advance(days=15.5)
        await order.ask(world)
        forget_keys(world)
        await order.ask(world)
        closed = name == "start_checkout"  # the page is, by then: the next one opens in its place
        assert order.effects(world) == (2 if closed else 1)

    asyncio.run(main())


def test_a_key_is_not_trusted_to_its_last_minute() -> None:
    """Sending takes time: what is sent at the end of the key's life may arrive after it."""

    async def main() -> None:
        world = World()
        await lose(world, ORDERS["ensure_customer"], after_effect=True)
        world.provider.advance(hours=23.99)
        world.provider._calls._answers.clear()
        await world.billing.recover_open()
        assert world.customers_made() == 1
        assert await states(world) == [DONE]

    asyncio.run(main())


class FindsBadly(InMemoryProvider):
    """What it says of its customers comes from a plugin with a bug."""

    answer: object = None

    async def find_created_customer(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer", [KeyError(EMAIL), "cus_1", RuntimeError(EMAIL)], ids=lambda each: type(each).__name__
)
def test_a_lookup_that_breaks_leaves_it_open_and_tells_nothing_personal(answer: object) -> None:
    async def main() -> None:
        world = World(provider=FindsBadly(now=NOW))
        await lose(world, ORDERS["ensure_customer"], after_effect=True)
        forget_keys(world)
        assert isinstance(world.provider, FindsBadly)
        world.provider.answer = answer
        with pytest.raises(errors.InvalidResponse, match="find_created_customer") as caught:
            await world.billing.ensure_customer("org", email=EMAIL)
        assert EMAIL not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
        assert len((await world.billing.recover_open()).open) == 1
        world.provider.answer = errors.RateLimited("slowly")
        assert len((await world.billing.recover_open()).open) == 1
        assert await states(world) == [OPEN]

    asyncio.run(main())
