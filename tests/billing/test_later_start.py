"""An organisation subscribes now, and pays for the first time later: what it had elsewhere is paid up to then."""

import asyncio
from datetime import timedelta

import pytest

from paylattice import BillingOperation, Money, SubscriptionStatus, errors
from tests.testing.standins.paypal.support import PayPalShop

from .support import NOW, PAGES, World, all_of
from .test_access_at_providers import Desk

START = NOW + timedelta(days=20)


@pytest.mark.parametrize("with_page", [True, False])
def test_it_has_access_from_now_on_and_pays_then(with_page: bool) -> None:
    async def main() -> None:
        world = World()
        if with_page:
            await world.subscribe(start_at=START)
        else:
            customer = await world.billing.ensure_customer("org", email="ada@example.com")
            world.provider.add_payment_method(customer.external_customer_id)
            for _ in range(2):
                begun = await world.billing.subscribe("org", "pro", start_at=START, idempotency_key="order-7")
            assert not begun.is_pending
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.status, stored.trial_end) == (SubscriptionStatus.TRIALING, START)
        assert (await world.billing.access("org")).allowed
        assert await world.billing.invoices("org") == []
        world.provider.advance(days=20)
        await world.deliver()
        assert await world.status() == "active"
        assert len(await world.billing.invoices("org")) == 1

    asyncio.run(main())


def test_its_trial_is_extended_once_for_its_key_and_access_lasts_as_long() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(start_at=START)
        await world.deliver()
        later = START + timedelta(days=5)
        for _ in range(2):
            stored = await world.billing.extend_trial("org", later, idempotency_key="more")
            assert stored.trial_end == later
        world.provider.advance(days=23)
        await world.deliver()
        assert (await world.billing.access("org")).reason == "trial"
        world.provider.advance(days=3)
        await world.deliver()
        assert (await world.status(), len(await world.billing.invoices("org"))) == ("active", 1)
        with pytest.raises(errors.Conflict):
            await world.billing.extend_trial("org", later + timedelta(days=40))

    asyncio.run(main())


def test_the_page_is_the_same_for_the_same_start_only() -> None:
    async def main() -> None:
        world = World()
        first = await world.checkout(start_at=START)
        assert (await world.checkout(start_at=START)).id == first.id
        assert (await world.checkout(start_at=START + timedelta(days=1))).id != first.id
        with pytest.raises(errors.InvalidRequest, match="give one of them"):
            await world.checkout(start_at=START, trial_days="once")

    asyncio.run(main())


@pytest.mark.parametrize("with_page", [True, False])
def test_the_time_before_a_later_start_is_no_trial_until_it_is_made_longer(with_page: bool) -> None:
    async def main() -> None:
        world = World()
        if with_page:
            await world.subscribe(start_at=START)
        else:
            customer = await world.billing.ensure_customer("org", email="ada@example.com")
            world.provider.add_payment_method(customer.external_customer_id)
            await world.billing.subscribe("org", "pro", start_at=START, idempotency_key="order-7")
        await world.deliver()
        assert not await world.billing.had_trial("org")
        assert not await world.billing.had_trial("org", "pro")
        world.provider.add_plan("tried", Money(1900, "USD"), trial_days=14)
        page = await world.checkout(plan_id="tried", trial_days="once", allow_second=True)
        done = world.provider.complete_checkout(page.id)
        tried = await world.provider.get_subscription(str(done.subscription_id))
        assert tried is not None
        assert tried.trial_end == NOW + timedelta(days=14), "it has had none"
        first = (await world.billing.subscriptions("org"))[0].external_subscription_id
        await world.billing.extend_trial("org", START + timedelta(days=9), subscription_id=first)
        assert await world.billing.had_trial("org", "pro")

    asyncio.run(main())


def test_what_the_operation_log_does_not_tell_any_more_counts_as_a_trial() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(start_at=START)
        await world.deliver()
        for row in all_of(world.repository, BillingOperation):
            await world.repository.delete(row)
        assert await world.billing.had_trial("org")

    asyncio.run(main())


def test_at_paypal_it_is_no_trial_either() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk = Desk(shop.provider, shop.server)
        shop.plan("P-PRO")
        session = await desk.billing.start_checkout(
            "org", "P-PRO", email="ada@example.com", start_at=shop.server.now + timedelta(days=20), **PAGES
        )
        shop.server.complete_checkout(session.id)
        await desk.deliver()
        stored = await desk.billing.subscription("org")
        assert stored is not None
        assert stored.trial_end is not None
        assert not await desk.billing.had_trial("org")

    asyncio.run(main())
