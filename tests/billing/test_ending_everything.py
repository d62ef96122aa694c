"""Ending all of an organisation's subscriptions: what cannot be ended is said, and repeating it ends the rest."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from paylattice import BillingOperation, Capability, OperationState, Subscription, errors
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, World


class Stumbles(InMemoryProvider):
    """It does not end one of its subscriptions while ``fault`` is set; it raises it before, or after, having done so."""

    fault: BaseException | None = None
    spared: str | None = None

    async def cancel_subscription(self, subscription_id: str, **kwargs: Any) -> Subscription:
        if self.fault is not None and subscription_id == self.spared:
            raise self.fault
        return await super().cancel_subscription(subscription_id, **kwargs)


class ClosesNoPages(InMemoryProvider):
    capabilities = InMemoryProvider.capabilities - {Capability.EXPIRE_CHECKOUT}


async def three(world: World) -> list[str]:
    """An organisation that pays for three."""
    made: list[str] = []
    for plan_id in ("pro", "team", "calls"):
        made.append((await world.subscribe(plan_id=plan_id, allow_second=True)).id)
        await world.deliver()
    return made


def test_one_that_cannot_be_ended_keeps_no_other_from_it_and_is_named() -> None:
    async def main() -> None:
        provider = Stumbles(now=NOW)
        world = World(provider=provider)
        made = await three(world)
        provider.fault, provider.spared = errors.ProviderUnavailable("down"), made[1]
        report = await world.billing.cancel_all("org", at_period_end=False, idempotency_key="leave")
        assert {each.external_subscription_id for each in report.ended} == {made[0], made[2]}
        [left] = report.not_ended
        assert (left.provider, left.subscription_id, left.transient) == ("memory", made[1], True)
        assert left.error == "ProviderUnavailable"
        assert not report.is_complete
        provider.fault = None
        again = await world.billing.cancel_all("org", at_period_end=False, idempotency_key="leave")
        assert [each.external_subscription_id for each in again.ended] == [made[1]]
        assert again.is_complete

    asyncio.run(main())


PAGE = {"email": "a@example.com", "success_url": "https://a.test/ok", "cancel_url": "https://a.test/no"}


def test_the_page_that_is_open_is_closed_so_that_nothing_new_begins() -> None:
    async def main() -> None:
        world = World()
        page = await world.billing.start_checkout("org", "pro", **PAGE)
        assert (await world.billing.close_organisation("org")).is_complete
        with pytest.raises(errors.PaymentError):
            world.provider.complete_checkout(page.id)

    asyncio.run(main())


def test_a_page_that_the_provider_cannot_close_is_named() -> None:
    async def main() -> None:
        world = World(provider=ClosesNoPages(now=NOW))
        await world.billing.start_checkout("org", "pro", **PAGE)
        [left] = (await world.billing.close_organisation("org")).not_ended
        assert (left.provider, left.subscription_id, left.error) == ("memory", None, "UnsupportedOperation")

    asyncio.run(main())


@pytest.mark.parametrize("paid", [True, False])
def test_a_page_that_was_replaced_and_can_be_paid_yet_is_named_until_it_is_paid_or_over(paid: bool) -> None:
    async def main() -> None:
        world = World(provider=ClosesNoPages(now=NOW))
        replaced = await world.billing.start_checkout("org", "pro", **PAGE)
        await world.subscribe(plan_id="team")
        await world.deliver()
        report = await world.billing.cancel_all("org", at_period_end=False)
        [left] = report.not_ended
        assert (left.provider, left.subscription_id, left.error) == ("memory", None, "UnsupportedOperation")
        assert len(report.ended) == 1
        if paid:
            world.provider.complete_checkout(replaced.id)
        else:
            world.provider.advance(days=7)
        again = await world.billing.cancel_all("org", at_period_end=False)
        assert again.is_complete
        assert len(again.ended) == paid, "what it brought"

    asyncio.run(main())


@pytest.mark.parametrize("way", ["again", "recover_open"])
def test_a_crash_in_the_middle_leaves_nothing_that_goes_on(way: str) -> None:
    class Died(BaseException):
        pass

    async def main() -> None:
        provider = Stumbles(now=NOW)
        world = World(provider=provider)
        made = await three(world)
        provider.fault, provider.spared = Died(), made[1]
        with pytest.raises(Died):
            await world.billing.cancel_all("org", at_period_end=False)
        provider.fault = None
        open_rows = await _open_rows(world)
        assert [row.external_id for row in open_rows] == [made[1]]
        if way == "recover_open":
            provider.advance(hours=1)
            await world.billing.recover_open()
        report = await world.billing.cancel_all("org", at_period_end=False)
        assert report.is_complete
        assert all(each.status.is_terminal for each in await world.billing.subscriptions("org"))

    asyncio.run(main())


async def _open_rows(world: World) -> list[BillingOperation]:
    rows = [
        await Store(world.repository).list_operations("memory", external_id=each.external_subscription_id, limit=10)
        for each in await world.billing.subscriptions("org")
    ]
    return [row for found in rows for row in found if row.state is OperationState.OPEN]


def test_one_that_was_resumed_since_is_not_reported_as_ending_under_its_old_key() -> None:
    async def main() -> None:
        world = World()
        made = await world.subscribe()
        await world.deliver()
        assert (await world.billing.cancel_all("org", idempotency_key="leave")).is_complete
        record = world.provider._world.store.subscriptions[made.id]
        record.cancel_at_period_end = False  # the customer came back, in the portal
        report = await world.billing.cancel_all("org", idempotency_key="leave")
        assert not report.ending
        [left] = report.not_ended
        assert (left.subscription_id, left.error, left.transient) == (made.id, "Conflict", False)
        assert (await world.billing.cancel_all("org", idempotency_key="leave-2")).is_complete

    asyncio.run(main())


def test_what_only_the_provider_knows_is_ended_too() -> None:
    async def main() -> None:
        world = World()
        known = await world.subscribe()
        await world.deliver()
        page = await world.checkout(plan_id="team", allow_second=True)
        unknown = world.provider.complete_checkout(page.id).subscription_id  # its webhook is not delivered
        report = await world.billing.close_organisation("org")
        assert {each.external_subscription_id for each in report.ended} == {known.id, unknown}

    asyncio.run(main())


def test_who_leaves_is_asked_for_what_was_used() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        await world.billing.record_usage("org", 500, idempotency_key="job-1")
        await world.billing.close_organisation("org")
        paid = [each.amount_paid for each in await world.billing.invoices("org") if each.amount_paid]
        assert sum(each.amount for each in paid) == 1000

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
def test_what_was_begun_without_a_page_and_never_answered_is_ended_or_never_begun(*, after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await _begun_without_an_answer(world, after_effect=after_effect)
        report = await world.billing.cancel_all("org", at_period_end=False, idempotency_key="leave")
        assert report.is_complete
        assert len(report.ended) == int(after_effect)
        assert await _open_rows(world) == []
        await world.billing.recover_open(older_than=timedelta(0))
        assert all(each.status.is_terminal for each in await world.provider.list_subscriptions(await _customer(world)))

    asyncio.run(main())


def test_what_cannot_be_looked_for_is_not_called_ended() -> None:
    class Blind(InMemoryProvider):
        async def find_subscription(self, *args: Any, **kwargs: Any) -> Subscription | None:
            raise errors.ProviderUnavailable("down")

    async def main() -> None:
        world = World(provider=Blind(now=NOW))
        await _begun_without_an_answer(world, after_effect=False)
        [left] = (await world.billing.cancel_all("org", at_period_end=False, idempotency_key="leave")).not_ended
        assert (left.provider, left.subscription_id, left.transient) == ("memory", None, True)

    asyncio.run(main())


async def _customer(world: World) -> str:
    return (await world.billing.ensure_customer("org", email="a@example.com")).external_customer_id


async def _begun_without_an_answer(world: World, *, after_effect: bool) -> None:
    world.provider.add_payment_method(await _customer(world))
    world.provider.time_out_next_call(after_effect=after_effect)
    with suppress(errors.OutcomeUnknown, errors.NetworkError):
        await world.billing.subscribe("org", "pro", idempotency_key="order-7")
