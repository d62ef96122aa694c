"""Several locations, the word ``main`` for one of them, several sellers; and what Square does in one way or another."""

import json

import attrs
import pytest

from paylattice import InvoiceStatus, Money, SubscriptionStatus
from paylattice.errors import ConfigurationError
from paylattice.models import ScheduledChange

from .support import Market

ANOTHER = "LANOTHER"


@pytest.fixture
def market() -> Market:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_location(ANOTHER)
    return market


def test_invoices_of_a_subscription_at_another_location_are_listed(market: Market) -> None:
    """Square searches the invoices of one location at a time: https://developer.squareup.com/reference/square/invoices-api."""
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    here = market.server.add_subscription(customer, "PRO", card=card)
    market.server.advance(hours=1)
    there = market.server.add_subscription(customer, "PRO", card=card, location_id=ANOTHER)
    found = market.run(market.provider.get_invoices(customer))
    assert [each.subscription_id for each in found] == [there, here]
    for subscription_id in (here, there):
        (only,) = market.run(market.provider.get_invoices(customer, subscription_id=subscription_id))
        assert only.subscription_id == subscription_id
        assert len(only.payment_ids) == 1
    assert [each.subscription_id for each in market.run(market.provider.get_invoices(customer, 1))] == [there]


def test_invoices_of_a_merged_profile_are_listed_wherever_they_are(market: Market) -> None:
    old, other = market.customer(), market.customer()
    market.server.add_subscription(old, "PRO", card=market.server.add_payment_method(old), location_id=ANOTHER)
    market.server.merge(old, other)
    for customer in (old, other):
        assert len(market.run(market.provider.get_invoices(customer))) == 1


def test_a_refund_at_another_location_is_followed_to_its_invoice(market: Market) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    subscription_id = market.server.add_subscription(customer, "PRO", card=card, location_id=ANOTHER)
    (paid,) = market.run(market.provider.get_invoices(customer))
    market.run(market.provider.refund_payment(paid.payment_ids[0]))
    (told,) = [each for each in market.server.deliveries() if b'"type":"refund.created"' in each.payload]
    event = market.run(market.provider.parse_webhook(told.payload, told.headers))
    followed = market.run(market.provider.follow_links(event))
    assert (followed.subscription_id, followed.payment and followed.payment.invoice_id) == (subscription_id, paid.id)


def test_an_invoice_was_paid_when_its_payment_was_made(market: Market) -> None:
    """Not when its order was closed, which need not be said, and never when it was asked for."""
    customer = market.customer()
    subscription_id = market.server.add_subscription(customer, "PRO")
    market.server.advance(hours=5)
    paid = market.server.pay_invoice(subscription_id)
    market.server.advance(days=3)
    (found,) = market.run(market.provider.get_invoices(customer))
    order = next(each for each in market.server.objects("order") if each["id"] == paid["order_id"])
    assert found.paid_at is not None
    assert found.paid_at.isoformat(timespec="milliseconds").replace("+00:00", "Z") == paid["created_at"]
    market.server._world.need("order", order["id"]).pop("closed_at")
    assert market.run(market.provider.get_invoices(customer))[0].paid_at == found.paid_at
    market.server._world.need("order", order["id"]).pop("tenders")
    assert market.run(market.provider.get_invoices(customer))[0].paid_at is None, "it is not made up"
    assert market.run(market.provider.get_invoices(customer))[0].status is InvoiceStatus.PAID


def test_main_is_the_main_location_in_every_request_and_on_pages(market: Market) -> None:
    provider = market.another(location_id="main", application_id="sandbox-sq0idb-1")
    with pytest.raises(ConfigurationError, match="SQUARE_LOCATION_ID"):
        provider.browser_settings()
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    market.run(provider.create_subscription(customer, "PRO", payment_method_id=card))
    assert len(market.run(provider.get_invoices(customer))) == 1
    assert [plan.id for plan in market.run(provider.list_plans())] == ["PRO"]
    assert provider.browser_settings().location_id == market.server.location_id
    assert [(seen.path, seen.status) for seen in market.server.requests if "main" in str(seen)] == [
        ("/v2/locations/main", 200)
    ]


def test_another_seller_s_event_names_that_seller(market: Market) -> None:
    """An application's webhooks deliver the events of every seller who has granted it a token."""
    market.customer()
    (told,) = market.server.deliveries()
    event = market.run(market.provider.parse_webhook(told.payload, told.headers))
    assert market.run(market.provider.verify_with_provider(event)).account_id is None
    raw = {**json.loads(told.payload), "merchant_id": "MANOTHER"}
    theirs = market.run(market.provider.verify_with_provider(attrs.evolve(event, raw=raw)))
    assert theirs.account_id == "MANOTHER"
    market.server.forget_requests()
    for location_id in (None, "LWRONG"):
        nowhere = market.another(location_id=location_id)
        for _ in range(3):
            told_by_no_one = market.run(nowhere.verify_with_provider(attrs.evolve(event, raw=raw)))
            assert told_by_no_one.account_id is None, "it cannot be told"
    assert [seen.path for seen in market.server.requests] == ["/v2/locations/LWRONG", "/v2/locations"]


def test_a_cancellation_may_take_effect_at_once(market: Market) -> None:
    market.server.variants.cancels_unbilled_at_once = True
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    later = market.server.now.replace(year=market.server.now.year + 1)
    begun = market.run(market.provider.create_subscription(customer, "PRO", payment_method_id=card, start_at=later))
    ended = market.run(market.provider.cancel_subscription(begun.subscription.id, at_period_end=True))
    assert ended.status is SubscriptionStatus.CANCELED
    again = market.run(market.provider.cancel_subscription(begun.subscription.id, at_period_end=True))
    assert again == ended


def test_a_plan_that_ends_by_itself_says_when(market: Market) -> None:
    market.server.add_plan("THREE", Money(1900, "USD"), periods=3)
    customer = market.customer()
    subscription_id = market.server.add_subscription(customer, "THREE", card=market.server.add_payment_method(customer))
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    (change,) = found.scheduled_changes
    assert change == ScheduledChange("complete", change.effective_at)
    assert found.cancel_at is None
    market.server.advance(months=3, days=1)
    over = market.run(market.provider.get_subscription(subscription_id))
    assert over is not None
    assert (over.status, over.ended_at) == (SubscriptionStatus.EXPIRED, change.effective_at)


def test_after_a_pause_the_period_is_the_one_that_was_paid(market: Market) -> None:
    customer = market.customer()
    subscription_id = market.server.add_subscription(customer, "PRO", card=market.server.add_payment_method(customer))
    market.run(market.provider.pause_subscription(subscription_id))
    market.server.advance(months=1, days=10)
    market.run(market.provider.resume_subscription(subscription_id))
    resumed_at = market.server.now
    for next_date in (False, True):
        market.server.variants.charged_through_next = next_date
        found = market.run(market.provider.get_subscription(subscription_id))
        assert found is not None
        assert found.current_period_start is not None
        assert found.current_period_end is not None
        assert 0 <= (resumed_at - found.current_period_start).total_seconds() < 86400
        assert 28 <= (found.current_period_end - found.current_period_start).days <= 31
        assert found.paid_through == found.current_period_end
        market.server.renew(subscription_id)
        resumed_at = market.server.now
