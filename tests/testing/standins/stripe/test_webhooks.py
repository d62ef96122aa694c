"""Deliveries: signed as Stripe does it, and about what happened."""

import json

import pytest
import stripe

from paylattice import EventType, Money, sync
from paylattice.errors import InvalidSignature

from .support import NO, OK, Shop


def test_the_provider_and_the_sdk_accept_every_delivery(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    shop.told()
    session = shop.run(shop.provider.create_checkout_session(shop.customer(card=False), "price_pro", OK, NO))
    shop.server.complete_checkout(session.id)
    waiting = shop.server.deliveries()
    assert shop.server.deliveries() == []
    for delivery in waiting:
        event = shop.run(shop.provider.parse_webhook(delivery.payload, delivery.headers))
        assert (event.id, event.provider_type, event.livemode) == (delivery.event_id, delivery.type, False)
        stripe.WebhookSignature.verify_header(
            delivery.payload.decode(), delivery.headers["Stripe-Signature"], shop.server.webhook_secret, tolerance=None
        )
    assert [delivery.type for delivery in waiting] == [
        "customer.created",
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


def test_a_body_is_indented_as_stripes_is(shop: Shop) -> None:
    shop.customer()
    body = shop.server.deliveries()[0].payload
    assert body == json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode()
    assert body.startswith(b'{\n  "id": "evt_')


def test_an_update_says_what_was_before(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.deliveries()
    shop.run(shop.provider.update_customer(customer, name="B", idempotency_key="k"))
    (delivery,) = shop.server.deliveries()
    told = json.loads(delivery.payload)
    assert told["data"]["previous_attributes"] == {"name": "Ada"}
    assert told["data"]["object"]["name"] == "B"
    assert told["request"]["idempotency_key"] == "k"
    assert told["request"]["id"].startswith("req_")


def test_time_makes_events_without_a_request(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.deliveries()
    shop.server.renew(subscription)
    told = json.loads(shop.server.deliveries()[0].payload)
    assert told["request"] == {"id": None, "idempotency_key": None}


def test_another_secret_does_not_verify(shop: Shop) -> None:
    shop.customer()
    shop.server.webhook_secret = "whsec_rolled"
    delivery = shop.server.deliveries()[0]
    with pytest.raises(InvalidSignature):
        shop.run(shop.provider.parse_webhook(delivery.payload, delivery.headers))


def test_a_billing_service_lives_on_the_deliveries() -> None:
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    billing = sync.BillingService(shop.provider, sync.InMemoryRepository(), clock=lambda: shop.server.now)

    def deliver() -> None:
        for delivery in shop.server.deliveries():
            billing.handle_webhook("stripe", delivery.payload, delivery.headers)

    session = billing.start_checkout("org_1", "price_pro", email="ada@example.com", success_url=OK, cancel_url=NO)
    shop.server.complete_checkout(session.id)
    deliver()
    current = billing.subscription("org_1")
    assert current is not None
    assert current.status == "active"
    shop.server.decline_next_payment("insufficient_funds")
    shop.server.renew(current.external_subscription_id)
    deliver()
    current = billing.subscription("org_1")
    assert current is not None
    assert current.status == "past_due"
    shop.server.advance(days=3)
    deliver()
    assert billing.access("org_1").allowed


def test_events_about_money_carry_it(shop: Shop) -> None:
    customer = shop.customer()
    (method,) = shop.run(shop.provider.get_payment_methods(customer))
    shop.server.deliveries()
    call = shop.provider.create_payment(Money(500, "EUR"), customer_id=customer, payment_method_id=method.id)
    payment = shop.run(call)
    shop.run(shop.provider.refund_payment(payment.id))
    events = [shop.run(shop.provider.parse_webhook(one.payload, one.headers)) for one in shop.server.deliveries()]
    by_type = {event.type: event for event in events}
    paid = by_type[EventType.PAYMENT_SUCCEEDED].payment
    assert paid is not None
    assert (paid.id, paid.amount) == (payment.id, Money(500, "EUR"))
    refund = by_type[EventType.REFUND_SUCCEEDED].refund
    assert refund is not None
    assert (refund.amount, refund.payment_id) == (Money(500, "EUR"), payment.id)
