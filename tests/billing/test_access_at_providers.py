"""Who may use the product, day by day, at the three providers' stand-ins: trials, declines, pauses, setup fees."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from paylattice import Access, AccessPolicy, AccessReason, BaseProvider, BillingService, InMemoryRepository, Money
from paylattice.providers.stripe import StripeProvider
from paylattice.testing.standins import PayPalStandIn, SquareStandIn, StripeStandIn
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop

PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}
DAY = timedelta(days=1)
R = AccessReason


class Desk:
    """Billing in front of a stand-in, on its simulated clock."""

    def __init__(self, provider: BaseProvider, server: PayPalStandIn | SquareStandIn | StripeStandIn) -> None:
        self.provider, self.server = provider, server
        self.billing = BillingService(provider, InMemoryRepository(), clock=lambda: server.now)

    async def deliver(self) -> None:
        for each in self.server.deliveries():
            await self.billing.handle_webhook(self.provider.get_provider_name(), each.payload, each.headers)

    async def after(self, **time: float) -> Access:
        """Let time pass, deliver what is told of it, and ask."""
        self.server.advance(**time)  # type: ignore[arg-type]  # whole days
        await self.deliver()
        return await self.billing.access("org")

    async def reason(self) -> AccessReason:
        return (await self.billing.access("org")).reason


def drive(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


# --- PayPal --------------------------------------------------------------------------------------------------------------


async def agreed(shop: PayPalShop, plan: str = "P-PRO", **more: Any) -> tuple[Desk, str]:
    """The payer has agreed to a plan; what PayPal told of it is not delivered yet."""
    desk = Desk(shop.provider, shop.server)
    shop.plan(plan, **more)
    session = await desk.billing.start_checkout("org", plan, email="ada@example.com", **PAGES)
    shop.server.complete_checkout(session.id)
    return desk, session.id


@pytest.mark.parametrize("at_once", [True, False])
def test_a_free_trial_at_paypal_lasts_as_long_as_it_was_given(at_once: bool) -> None:
    """In its first hour PayPal says that it charges today, and nothing tells when that is corrected."""

    async def main() -> None:
        shop = PayPalShop("async")
        desk, session = await agreed(shop, "P-TRIAL", trial_days=14)
        if at_once:
            await desk.billing.confirm_return(session)
        await desk.deliver()
        for _ in range(13):
            access = await desk.after(days=1)
            assert (access.allowed, access.reason) == (True, R.TRIAL)
        assert (await desk.after(days=2)).reason is R.ACTIVE
        assert (await desk.after(days=31)).reason is R.ACTIVE

    drive(main)


def test_who_never_paid_paypal_has_no_access() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        shop.server.decline_next_payment("PAYMENT_DENIED", times=9)
        desk, _ = await agreed(shop)
        await desk.deliver()
        for _ in range(12):
            access = await desk.after(days=1)
            assert (access.allowed, access.reason) == (False, R.INCOMPLETE)
        assert not await desk.billing.access("org", policy=AccessPolicy(unpaid_trial_grace=90 * DAY, allow_unpaid=True))

    drive(main)


def test_a_trial_at_paypal_whose_first_payment_fails_ends_with_the_trial() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk, session = await agreed(shop, "P-TRIAL", trial_days=14)
        shop.server.fail_payments(session)
        await desk.deliver()
        assert (await desk.after(days=13)).reason is R.TRIAL
        for _ in range(8):
            access = await desk.after(days=2)
            assert (access.allowed, access.reason) == (False, R.PAST_DUE)

    drive(main)


def test_a_renewal_that_fails_at_paypal_gives_the_grace_once_however_often_it_is_tried() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk, session = await agreed(shop, failure_threshold=2)
        await desk.deliver()
        shop.server.fail_payments(session)
        shop.server.renew(session)
        failed_at = shop.server.now
        allowed = 0
        for _ in range(80):
            allowed += (await desk.after(days=0)).allowed
            shop.server.advance(days=1)
        assert allowed == AccessPolicy().past_due_grace.days
        assert shop.subscription_data(session)["status"] == "SUSPENDED"
        stored = await desk.billing.subscription("org")
        assert stored is not None
        assert stored.payment_failed_at == failed_at

    drive(main)


@pytest.mark.parametrize(("trial_days", "days"), [(14, 14), (None, 30)])
def test_a_setup_fee_at_paypal_pays_for_no_month(trial_days: int | None, days: int) -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk, _ = await agreed(shop, "P-FEE", trial_days=trial_days, setup_fee="50.00")
        await desk.deliver()
        await desk.after(days=1)
        await desk.billing.cancel("org")
        await desk.deliver()
        access = await desk.billing.access("org")
        assert (access.allowed, access.reason) == (True, R.PAID_THROUGH)
        assert (await desk.after(days=days - 2)).allowed
        assert not (await desk.after(days=2)).allowed

    drive(main)


def test_a_pause_at_paypal_keeps_what_is_paid_for() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk, session = await agreed(shop)
        await desk.deliver()
        await desk.after(days=10)
        await desk.provider.pause_subscription(session)
        access = await desk.after(days=19)
        assert (access.allowed, access.reason) == (True, R.PAUSED)
        assert not (await desk.after(days=2)).allowed
        assert await desk.billing.access("org", policy=AccessPolicy(allow_paused=True))

    drive(main)


# --- Stripe ------------------------------------------------------------------------------------------------------------


async def stripe_desk(*, trial_days: int | None = None, interval: str = "month") -> tuple[Desk, Shop, str]:
    shop = Shop("async")
    desk = Desk(shop.provider, shop.server)
    shop.server.add_plan("price_pro", Money(1900, "USD"), interval=interval)
    session = await desk.billing.start_checkout(
        "org", "price_pro", email="ada@example.com", trial_days=trial_days, **PAGES
    )
    done = shop.server.complete_checkout(session.id)
    await desk.deliver()
    return desk, shop, str(done["subscription"])


def test_an_added_seat_that_is_declined_gives_the_grace_from_then_on() -> None:
    async def main() -> None:
        desk, shop, name = await stripe_desk(interval="year")
        await desk.after(months=6)
        shop.server.decline_next_payment()
        item = next(each["id"] for each in shop.server.objects("subscription_item"))
        answer = shop.raw(
            "POST",
            f"/v1/subscriptions/{name}",
            **{"items[0][id]": item, "items[0][quantity]": "2", "proration_behavior": "always_invoice"},
        )
        assert answer.status_code == 200, answer.text
        failed_at = shop.server.now
        await desk.deliver()
        access = await desk.billing.access("org")
        assert (access.reason, access.until) == (R.GRACE, failed_at + AccessPolicy().past_due_grace)
        assert (await desk.after(days=6)).allowed
        assert not (await desk.after(days=1)).allowed

    drive(main)


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_collection_that_is_held_back_at_stripe_keeps_what_is_paid_for_and_no_more(behavior: str) -> None:
    async def main() -> None:
        desk, shop, name = await stripe_desk()
        await desk.after(days=10)
        shop.raw("POST", f"/v1/subscriptions/{name}", **{"pause_collection[behavior]": behavior})
        access = await desk.after(days=19)
        assert (access.allowed, access.reason) == (True, R.PAUSED)
        for _ in range(4):
            assert not (await desk.after(days=15)).allowed
        assert await desk.billing.access("org", policy=AccessPolicy(allow_paused=True))
        shop.raw("POST", f"/v1/subscriptions/{name}", pause_collection="")
        await desk.after(months=1)
        assert await desk.reason() is R.ACTIVE

    drive(main)


def test_a_trial_at_stripe_whose_first_payment_fails_ends_with_the_trial() -> None:
    async def main() -> None:
        desk, shop, _ = await stripe_desk(trial_days=14)
        shop.server.decline_next_payment(times=9)
        assert (await desk.after(days=13)).reason is R.TRIAL
        assert (await desk.after(days=2)).reason is R.PAST_DUE
        assert not await desk.billing.access("org")

    drive(main)


def test_a_renewal_that_fails_at_stripe_gives_the_grace_once() -> None:
    async def main() -> None:
        desk, shop, _ = await stripe_desk(trial_days=3)
        assert (await desk.after(days=20)).reason is R.ACTIVE
        shop.server.decline_next_payment(times=99)
        allowed = [(await desk.after(days=1)).reason is R.GRACE for _ in range(60)].count(True)
        assert allowed == AccessPolicy().past_due_grace.days

    drive(main)


def test_the_state_that_stripe_answers_to_a_write_loses_no_fact() -> None:
    async def main() -> None:
        desk, _, name = await stripe_desk()
        before = await desk.billing.subscription("org")
        assert before is not None
        assert before.paid_through == before.current_period_end
        await desk.billing.cancel("org")
        after = await desk.billing.subscription("org")
        assert after is not None
        assert after.paid_through == before.paid_through
        assert isinstance(desk.provider, StripeProvider)
        assert after.external_subscription_id == name

    drive(main)


# --- Square ------------------------------------------------------------------------------------------------------------


async def square_desk(**plan: Any) -> tuple[Desk, Market, str]:
    market = Market("async")
    desk = Desk(market.provider, market.server)
    market.server.add_plan("PRO", Money(1900, "USD"), **plan)
    customer = await desk.billing.ensure_customer("org", email="ada@example.com", name="Ada Lovelace")
    card = market.server.add_payment_method(customer.external_customer_id)
    name = market.server.add_subscription(customer.external_customer_id, "PRO", card=card)
    await desk.billing.assign_subscription("org", name)
    await desk.deliver()
    return desk, market, name


def test_a_renewal_that_the_card_refuses_at_square_gives_the_grace_once() -> None:
    async def main() -> None:
        desk, market, _ = await square_desk()
        assert (await desk.after(days=20)).reason is R.ACTIVE
        market.server.decline_next_payment(times=99)
        reasons = [(await desk.after(days=1)).reason for _ in range(40)]
        assert reasons.count(R.GRACE) == AccessPolicy().past_due_grace.days
        assert reasons[-1] is R.PAST_DUE

    drive(main)


def test_a_trial_at_square_whose_first_payment_fails_ends_with_the_trial() -> None:
    async def main() -> None:
        desk, market, _ = await square_desk(trial_periods=2)
        market.server.decline_next_payment(times=99)
        assert (await desk.after(days=12)).reason is R.TRIAL
        reasons = {(await desk.after(days=2)).reason for _ in range(10)}
        assert R.GRACE not in reasons
        assert await desk.reason() is R.PAST_DUE

    drive(main)


def test_a_pause_that_is_to_come_at_square_keeps_what_is_paid_for() -> None:
    async def main() -> None:
        desk, _, name = await square_desk()
        await desk.provider.pause_subscription(name)
        access = await desk.after(days=20)
        assert (access.allowed, access.reason) == (True, R.PAUSED)
        assert not (await desk.after(days=20)).allowed

    drive(main)
