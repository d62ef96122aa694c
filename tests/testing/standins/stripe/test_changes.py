"""Changes and cancellations: what waits for the payer, what a schedule manages, and what becomes of open invoices."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from paylattice import (
    BillingService,
    InMemoryRepository,
    InvoiceStatus,
    Money,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
    sync,
)
from paylattice.errors import InvalidRequest, OutcomeUnknown
from paylattice.providers.stripe import StripeConfig
from paylattice.transport import BlockingTransport

from .support import NOW, Shop

SCHEDULE = "/v1/subscription_schedules"


def sold(shop: Shop, **card: Any) -> str:
    """A subscription half way through its first month, and a dearer plan."""
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    shop.server.add_plan("price_max", Money(4900, "USD"))
    subscription = shop.server.add_subscription(shop.customer(**card), "price_pro")
    shop.server.advance(days=15)
    return subscription


def to_max(shop: Shop, subscription: str, **more: Any) -> SubscriptionChange:
    return shop.run(shop.provider.change_subscription(subscription, plan_id="price_max", **more))


def read(shop: Shop, subscription: str) -> Subscription:
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    return found


# https://docs.stripe.com/billing/subscriptions/pending-updates


def test_a_change_that_is_paid_first_waits_for_the_payer(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.require_authentication()
    change = to_max(shop, subscription, payment="first")
    assert (change.is_pending, change.subscription.plan_id) == (True, "price_pro")
    assert change.client_secret is not None
    assert change.client_secret.startswith("pi_")
    assert change.client_secret not in repr(change)
    assert str(change.approval_url).startswith("https://invoice.stripe.com/")
    assert read(shop, subscription).status is SubscriptionStatus.ACTIVE
    shop.server.authenticate_payment(change.client_secret.partition("_secret")[0])
    assert read(shop, subscription).plan_id == "price_max"


def test_a_change_that_waits_makes_no_later_one_wait(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.decline_next_payment()
    assert to_max(shop, subscription, payment="first").is_pending
    later = shop.run(shop.provider.change_subscription(subscription, quantity=2))
    assert (later.is_pending, later.subscription.quantity) == (False, 2)


def test_a_change_that_is_paid_first_and_declined_is_not_made(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.decline_next_payment()
    assert to_max(shop, subscription, payment="first").is_pending
    found = read(shop, subscription)
    assert (found.plan_id, found.status) == ("price_pro", SubscriptionStatus.ACTIVE)


@pytest.mark.parametrize("payment", ["now", "first"])
def test_a_change_whose_payment_succeeds_is_done_and_invoiced_at_once(shop: Shop, payment: str) -> None:
    subscription = sold(shop)
    change = to_max(shop, subscription, payment=payment)
    assert (change.is_pending, change.client_secret, change.approval_url) == (False, None, None)
    assert change.subscription.plan_id == "price_max"
    latest = shop.run(shop.provider.get_invoices(change.subscription.customer_id or "", 1))[0]
    assert (latest.status, latest.amount) == (InvoiceStatus.PAID, Money(4900 // 2 - 1900 // 2, "USD"))


def test_a_change_is_invoiced_with_the_next_period_unless_it_says_otherwise(shop: Shop) -> None:
    subscription = sold(shop)
    change = to_max(shop, subscription)
    assert not change.is_pending
    assert shop.server.count("invoice") == 1


def test_another_interval_that_needs_the_payer_says_so_although_stripe_makes_it(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.add_plan("price_year", Money(19000, "USD"), interval="year")
    shop.server.require_authentication()
    change = shop.run(shop.provider.change_subscription(subscription, plan_id="price_year"))
    assert (change.is_pending, change.subscription.status) == (True, SubscriptionStatus.PAST_DUE)
    assert change.client_secret is not None
    # what is owed for that already makes no later change wait
    later = shop.run(shop.provider.change_subscription(subscription, quantity=2))
    assert not later.is_pending


def test_a_change_that_is_to_be_paid_needs_a_proration_and_a_word_that_stripe_has(shop: Shop) -> None:
    subscription = sold(shop)
    for asked in ({"payment": "first", "prorate": False}, {"payment": "on the moon"}):
        with pytest.raises(InvalidRequest) as caught:
            to_max(shop, subscription, **asked)
        assert caught.value.param == "payment"
    assert not to_max(shop, subscription, payment="invoice", prorate=False).is_pending


def test_an_organisation_hears_that_its_change_waits_and_is_asked_once() -> None:
    async def main() -> None:
        shop = Shop("async")
        shop.server.add_plan("price_pro", Money(1900, "USD"))
        shop.server.add_plan("price_year", Money(19000, "USD"), interval="year")
        billing = BillingService(shop.provider, InMemoryRepository())
        customer = (await billing.ensure_customer("org", email="ada@example.com")).external_customer_id
        shop.server.add_payment_method(customer)
        shop.server.add_subscription(customer, "price_pro")
        for delivery in shop.server.deliveries():
            await billing.respond("stripe", delivery.payload, delivery.headers)
        shop.server.require_authentication()
        change = await billing.change_plan("org", plan_id="price_year", idempotency_key="year")
        again = await billing.change_plan("org", plan_id="price_year", idempotency_key="year")
        assert change.is_pending
        assert change.client_secret is not None
        assert again.subscription.status is SubscriptionStatus.PAST_DUE
        assert shop.server.count("invoice") == 2

    asyncio.run(main())


# https://docs.stripe.com/billing/subscriptions/subscription-schedules; what Stripe refuses, in its own words:
# https://github.com/laravel/cashier-stripe/issues/1748


@pytest.mark.parametrize("at_period_end", [False, True])
def test_what_a_schedule_manages_is_released_and_then_canceled(shop: Shop, at_period_end: bool) -> None:
    subscription = sold(shop)
    schedule = shop.server.add_schedule(subscription, cancel_at=NOW + timedelta(days=400))
    ended = shop.run(shop.provider.cancel_subscription(subscription, at_period_end=at_period_end, reason="moving"))
    if at_period_end:
        assert ended.cancel_at == ended.current_period_end
    else:
        assert ended.status is SubscriptionStatus.CANCELED
    (found,) = shop.server.objects("subscription_schedule")
    assert (found["id"], found["status"]) == (schedule, "released")


def test_what_a_schedule_manages_is_released_and_then_changed_and_ends_when_it_was_to(shop: Shop) -> None:
    subscription = sold(shop)
    end = NOW + timedelta(days=400)
    shop.server.add_schedule(subscription, cancel_at=end)
    changed = to_max(shop, subscription).subscription
    assert (changed.plan_id, changed.cancel_at) == ("price_max", end)


def test_a_change_to_the_present_plan_takes_back_what_a_schedule_had_planned(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.add_schedule(subscription)
    change = shop.run(shop.provider.change_subscription(subscription, plan_id="price_pro"))
    assert change.subscription.plan_id == "price_pro"
    with pytest.raises(InvalidRequest, match="already"):
        shop.run(shop.provider.change_subscription(subscription, plan_id="price_pro"))


def test_an_end_that_a_schedule_has_set_is_taken_back(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.add_schedule(subscription, cancel_at=NOW + timedelta(days=400))
    assert shop.run(shop.provider.uncancel_subscription(subscription)).cancel_at is None


def test_a_process_that_dies_after_the_release_is_followed_by_one_that_cancels(shop: Shop) -> None:
    subscription = sold(shop)
    schedule = shop.server.add_schedule(subscription)
    assert shop.raw("POST", f"{SCHEDULE}/{schedule}/release").status_code == 200
    canceled = shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True, idempotency_key="end"))
    assert canceled.cancel_at is not None


# what becomes of open invoices: https://docs.stripe.com/billing/subscriptions/cancel#handle-invoice-items-when-canceling


def owing(shop: Shop) -> str:
    """A subscription whose renewal failed, with usage that is not billed yet."""
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    subscription = shop.server.add_subscription(shop.customer(), "price_pro")
    shop.server.decline_next_payment()
    shop.server.renew(subscription)
    shop.server.advance(hours=1)
    return subscription


def statuses(shop: Shop) -> list[str]:
    return [str(invoice["status"]) for invoice in shop.server.objects("invoice")]


def test_a_cancellation_leaves_open_invoices_to_be_paid(shop: Shop) -> None:
    subscription = owing(shop)
    shop.run(shop.provider.cancel_subscription(subscription))
    assert statuses(shop) == ["paid", "open"]


def test_a_cancellation_voids_open_invoices_if_it_is_to(shop: Shop) -> None:
    subscription = owing(shop)
    ended = shop.run(shop.provider.cancel_subscription(subscription, void_open_invoices=True))
    assert ended.status is SubscriptionStatus.CANCELED
    assert statuses(shop) == ["paid", "void"]
    shop.run(shop.provider.cancel_subscription(subscription, void_open_invoices=True))


def test_the_last_invoice_is_not_voided(shop: Shop) -> None:
    subscription = owing(shop)
    shop.run(shop.provider.change_subscription(subscription, quantity=2))
    shop.server.decline_next_payment()
    shop.run(shop.provider.cancel_subscription(subscription, final_invoice=True, void_open_invoices=True))
    assert statuses(shop) == ["paid", "void", "open"]


def test_what_is_not_open_yet_cannot_be_voided(shop: Shop) -> None:
    subscription = owing(shop)
    with pytest.raises(InvalidRequest) as caught:
        shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True, void_open_invoices=True))
    assert caught.value.param == "void_open_invoices"
    assert read(shop, subscription).cancel_at is None


def test_a_cancellation_whose_invoices_are_not_voided_can_be_repeated() -> None:
    shop = Shop("blocking", attempts=1)
    subscription = owing(shop)
    shop.server.faults.answer_next(500, path="/v1/invoices")
    with pytest.raises(OutcomeUnknown, match="not all of its open invoices") as caught:
        shop.run(shop.provider.cancel_subscription(subscription, void_open_invoices=True))
    assert statuses(shop) == ["paid", "open"]
    shop.run(shop.provider.recover(caught.value))
    assert statuses(shop) == ["paid", "void"]


def test_of_several_items_the_one_that_is_named_is_changed(shop: Shop) -> None:
    subscription = sold(shop)
    shop.server.add_plan("price_seat", Money(500, "USD"))
    shop.raw(
        "POST", f"/v1/subscriptions/{subscription}", **{"items[0][price]": "price_seat", "items[0][quantity]": "3"}
    )
    seats = next(item.id for item in read(shop, subscription).items if item.plan_id == "price_seat")
    with pytest.raises(InvalidRequest, match="subscription_item_id"):
        shop.run(shop.provider.change_subscription(subscription, quantity=5))
    changed = shop.run(shop.provider.change_subscription(subscription, quantity=5, subscription_item_id=seats))
    assert {item.plan_id: item.quantity for item in changed.subscription.items} == {"price_pro": 1, "price_seat": 5}
    with pytest.raises(InvalidRequest) as caught:
        shop.run(shop.provider.change_subscription(subscription, quantity=5, subscription_item_id="si_other"))
    assert caught.value.param == "subscription_item_id"


def test_the_blocking_api_takes_what_only_stripe_takes() -> None:
    shop = Shop("blocking")
    subscription = sold(shop)
    config = StripeConfig(secret_key=shop.server.secret_key)
    transport = BlockingTransport(transport=shop.server.transport())
    with sync.create_provider("stripe", config=config, transport=transport) as stripe:
        change = stripe.change_subscription(subscription, plan_id="price_max", payment="now")
        assert not change.is_pending
        assert stripe.cancel_subscription(subscription, void_open_invoices=True).status is SubscriptionStatus.CANCELED
