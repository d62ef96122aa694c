"""Every operation that PayPal has works against its stand-in, async and blocking, and leaves the right state behind."""

from datetime import timedelta
from decimal import Decimal

import pytest

from paylattice import (
    CheckoutStatus,
    EventType,
    InvoiceStatus,
    Money,
    PaymentStatus,
    RefundStatus,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.errors import ActionRequired, Conflict, Declined, InvalidRequest, NotFound, UnsupportedOperation
from paylattice.operations import OPERATIONS
from paylattice.provider import Capability

from .support import NO, NOW, OK, PayPalShop

USD = Money(1900, "USD")
LACKS = {
    "get_customer": Capability.CUSTOMERS,
    "list_customers": Capability.LIST_CUSTOMERS,
    "update_customer": Capability.CUSTOMERS,
    "delete_customer": Capability.CUSTOMERS,
    "expire_checkout_session": Capability.EXPIRE_CHECKOUT,
    "uncancel_subscription": Capability.UNCANCEL,
    "create_subscription": Capability.CREATE_SUBSCRIPTION,
    "cancel_scheduled_change": Capability.CANCEL_SCHEDULED_CHANGE,
    "preview_change": Capability.PREVIEW_CHANGE,
    "extend_trial": Capability.EXTEND_TRIAL,
    "set_payment_method": Capability.SET_PAYMENT_METHOD,
    "set_default_payment_method": Capability.DEFAULT_PAYMENT_METHOD,
    "create_usage_record": Capability.METERED_USAGE,
    "pay_invoice": Capability.PAY_INVOICE,
}


@pytest.fixture(params=["async", "blocking"])
def shop(request: pytest.FixtureRequest) -> PayPalShop:
    shop = PayPalShop(request.param)
    shop.plan()
    shop.plan("P-TEAM", "49.00")
    return shop


def waiting(shop: PayPalShop, plan: str = "P-PRO", **more: int) -> str:
    return shop.run(shop.provider.create_checkout_session("org_1", plan, OK, NO, **more)).id


def subscribed(shop: PayPalShop, plan: str = "P-PRO", **more: int) -> str:
    session = waiting(shop, plan, **more)
    shop.server.complete_checkout(session)
    return session


def agreed(shop: PayPalShop, amount: Money = USD, *, capture: bool = True) -> str:
    session = shop.run(shop.provider.create_payment_session(amount, OK, NO, customer_id="org_1", capture=capture))
    shop.server.complete_checkout(session.id)
    return session.id


def paid(shop: PayPalShop, amount: Money = USD) -> str:
    return shop.run(shop.provider.capture_payment(agreed(shop, amount))).id


def events(shop: PayPalShop) -> list[WebhookEvent]:
    return [shop.run(shop.provider.parse_webhook(hook.payload, hook.headers)) for hook in shop.server.deliveries()]


# --- customers and checkout --------------------------------------------------------------------------------------


def test_a_customer_is_made_without_a_request(shop: PayPalShop) -> None:
    first = shop.run(shop.provider.create_customer("ada@example.com", "Ada", idempotency_key="k"))
    again = shop.run(shop.provider.create_customer("ada@example.com", "Ada", idempotency_key="k"))
    assert (first.id, first.email) == (again.id, "ada@example.com")
    assert shop.server.requests == ()


def test_a_subscription_begins_on_paypals_page(shop: PayPalShop) -> None:
    session = shop.run(shop.provider.create_checkout_session("org_1", "P-PRO", OK, NO, quantity=2))
    assert (session.status, session.customer_id) == (CheckoutStatus.OPEN, "org_1")
    assert session.url is not None
    assert session.url.startswith("https://www.sandbox.paypal.com/webapps/billing/subscriptions?ba_token=")
    shop.server.complete_checkout(session.id)
    done = shop.run(shop.provider.get_checkout_session(session.id))
    assert done is not None
    assert (done.status, done.subscription_id, done.url) == (CheckoutStatus.COMPLETE, session.id, None)
    found = shop.run(shop.provider.get_subscription(session.id))
    assert found is not None
    assert (found.status, found.customer_id, found.plan_id, found.quantity) == (
        SubscriptionStatus.ACTIVE,
        "org_1",
        "P-PRO",
        2,
    )
    assert (found.current_period_start, found.current_period_end) == (NOW, NOW.replace(month=11, day=30))
    assert shop.server.money_taken() == Decimal(38)


def test_a_free_trial_of_the_plan_and_one_of_ones_own(shop: PayPalShop) -> None:
    shop.plan("P-TRIAL", trial_days=14)
    for plan, more in (("P-TRIAL", {}), ("P-PRO", {"trial_days": 14})):
        found = shop.run(shop.provider.get_subscription(subscribed(shop, plan, **more)))
        assert found is not None
        assert found.status is SubscriptionStatus.TRIALING
        assert found.trial_end is not None
        assert timedelta(days=14) <= found.trial_end - NOW < timedelta(days=15)
    assert shop.server.money_taken() == 0


def test_ids_of_nothing_are_none(shop: PayPalShop) -> None:
    provider = shop.provider
    assert shop.run(provider.get_subscription("I-NONE")) is None
    assert shop.run(provider.get_checkout_session("I-NONE")) is None
    assert shop.run(provider.get_checkout_session("NONE")) is None
    assert shop.run(provider.get_payment("NONE")) is None
    assert shop.run(provider.get_plan("P-NONE")) is None


# --- subscriptions -----------------------------------------------------------------------------------------------


def test_a_customers_subscriptions_are_found_over_all_pages() -> None:
    shop = PayPalShop(largest_page=2)
    shop.plan()
    mine = [subscribed(shop) for _ in range(3)]
    for number in range(3):
        shop.subscription(custom_id=f"org_{number + 2}")
    assert {each.id for each in shop.run(shop.provider.list_subscriptions("org_1"))} == set(mine)


def test_cancel_is_at_once_and_keeps_what_is_paid_for(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    ended = shop.run(shop.provider.cancel_subscription(subscription, reason="Enough"))
    assert (ended.status, ended.cancel_at) == (SubscriptionStatus.CANCELED, NOW.replace(month=11, day=30))
    assert shop.run(shop.provider.cancel_subscription(subscription)).status is SubscriptionStatus.CANCELED
    assert shop.server.objects("subscription")[0]["status_change_note"] == "Enough"
    assert [request.path.rpartition("/")[2] for request in shop.server.requests].count("cancel") == 1


def test_cancel_whose_answer_is_lost_is_done_once(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    shop.server.faults.lose_next_answer(path=f"/v1/billing/subscriptions/{subscription}/cancel")
    assert shop.run(shop.provider.cancel_subscription(subscription)).status is SubscriptionStatus.CANCELED
    assert [request.path.rpartition("/")[2] for request in shop.server.requests].count("cancel") == 1


def test_a_pause_and_its_end(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    assert shop.run(shop.provider.pause_subscription(subscription)).status is SubscriptionStatus.PAUSED
    assert shop.run(shop.provider.pause_subscription(subscription)).status is SubscriptionStatus.PAUSED
    resumed = shop.run(shop.provider.resume_subscription(subscription))
    assert (resumed.status, resumed.current_period_end) == (
        SubscriptionStatus.ACTIVE,
        NOW.replace(month=11, day=30),
    )
    shop.run(shop.provider.cancel_subscription(subscription))
    with pytest.raises(Conflict):
        shop.run(shop.provider.resume_subscription(subscription))


def test_a_change_waits_for_the_payer(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    change = shop.run(shop.provider.change_subscription(subscription, plan_id="P-TEAM", quantity=2))
    assert change.approval_url is not None
    assert change.subscription.plan_id == "P-PRO"
    shop.server.approve_change(subscription)
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert (found.plan_id, found.quantity) == ("P-TEAM", 2)
    shop.server.renew(subscription)
    assert shop.server.money_taken() == Decimal(19 + 98)


def test_dunning_ends_in_suspension_and_money_brings_it_back(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    shop.server.fail_payments(subscription)
    shop.server.renew(subscription)
    shop.server.advance(days=10)
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert found.status is SubscriptionStatus.PAST_DUE
    shop.server.advance(days=35)
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert (found.status, found.raw_status) == (SubscriptionStatus.UNPAID, "SUSPENDED")
    with pytest.raises((Conflict, InvalidRequest)):
        shop.run(shop.provider.resume_subscription(subscription))
    shop.server.fail_payments(subscription, fail=False)
    shop.server.decline_next_payment("DECLINED")
    with pytest.raises(Declined):
        shop.run(shop.provider.bill_outstanding(subscription))
    paid = shop.run(shop.provider.bill_outstanding(subscription))
    assert (paid.status, paid.payment_failed_at) == (SubscriptionStatus.PAUSED, None)
    assert shop.run(shop.provider.resume_subscription(subscription)).status is SubscriptionStatus.ACTIVE


def test_transactions_are_invoices_newest_first(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    for _ in range(14):
        shop.server.renew(subscription)
    found = shop.run(shop.provider.get_invoices("org_1", 20, subscription_id=subscription))
    assert len(found) == 15
    assert {(each.status, each.amount, each.customer_id) for each in found} == {(InvoiceStatus.PAID, USD, "org_1")}
    times = [each.created_at for each in found if each.created_at is not None]
    assert times == sorted(times, reverse=True)
    assert [each.id for each in shop.run(shop.provider.get_invoices("org_1", 2, subscription_id=subscription))] == [
        each.id for each in found[:2]
    ]
    with pytest.raises(UnsupportedOperation):
        shop.run(shop.provider.get_invoices("org_1"))


def test_invoices_that_the_merchant_wrote_are_searched(shop: PayPalShop) -> None:
    shop.server.add_invoice("ada@example.com", "19.00", status="PAID")
    (found,) = shop.run(shop.provider.search_invoices("ada@example.com"))
    assert (found.amount, found.status, found.number) == (USD, InvoiceStatus.PAID, "0001")


def test_an_invoice_is_what_the_merchant_wrote_or_a_payment_of_a_subscription(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    (listed,) = shop.run(shop.provider.get_invoices("org_1", subscription_id=subscription))
    found = shop.run(shop.provider.get_invoice(listed.id))
    assert found is not None
    same = ("id", "amount", "status", "customer_id", "subscription_id", "reason", "period_start", "payment_ids")
    assert [getattr(found, name) for name in same] == [getattr(listed, name) for name in same]
    with pytest.raises(UnsupportedOperation) as caught:
        shop.run(shop.provider.void_invoice(listed.id))
    assert "refund_payment" in (caught.value.alternative or "")
    assert shop.run(shop.provider.refund_payment(listed.payment_ids[0])).amount == listed.amount
    assert shop.run(shop.provider.get_invoice("INV2-0000-0000-0000-0000")) is None
    assert shop.run(shop.provider.get_invoice("0AB12345CD6789012")) is None


def test_an_invoice_that_the_merchant_wrote_is_paid_on_its_page_or_voided(shop: PayPalShop) -> None:
    first = shop.server.add_invoice("ada@example.com", "19.00")
    with pytest.raises(UnsupportedOperation) as caught:
        shop.run(shop.provider.pay_invoice(first))
    assert "hosted_url of get_invoice" in (caught.value.alternative or "")
    found = shop.run(shop.provider.get_invoice(first))
    assert found is not None
    assert found.hosted_url is not None
    shop.server.pay_invoice(found.hosted_url.rpartition("#")[2])
    paid = shop.run(shop.provider.get_invoice(first))
    assert paid is not None
    assert (paid.status, paid.amount_paid, len(paid.payment_ids)) == (InvoiceStatus.PAID, USD, 1)
    with pytest.raises(Conflict, match="only an open one"):
        shop.run(shop.provider.void_invoice(first))
    second = shop.server.add_invoice("ada@example.com", "19.00")
    shop.server.faults.lose_next_answer(path=f"/v2/invoicing/invoices/{second}/cancel")
    assert shop.run(shop.provider.void_invoice(second)).status is InvoiceStatus.VOID
    assert shop.run(shop.provider.void_invoice(second)).status is InvoiceStatus.VOID
    with pytest.raises(NotFound):
        shop.run(shop.provider.void_invoice("INV2-0000-0000-0000-0000"))


@pytest.mark.parametrize("operation", sorted(LACKS))
def test_what_paypal_lacks_is_refused_with_a_reason(shop: PayPalShop, operation: str) -> None:
    arguments = {
        "create_usage_record": ("item", 1),
        "set_payment_method": ("I-1", "tok"),
        "create_subscription": ("org_1", "P-PRO"),
        "set_default_payment_method": ("org_1", "tok"),
        "list_customers": (),
        "extend_trial": ("I-1", NOW),
    }.get(operation, ("org_1",))
    with pytest.raises(UnsupportedOperation) as caught:
        shop.run(getattr(shop.provider, operation)(*arguments))
    assert caught.value.alternative
    assert shop.server.requests == ()


def test_there_is_no_cancel_at_the_periods_end(shop: PayPalShop) -> None:
    with pytest.raises(UnsupportedOperation):
        shop.run(shop.provider.cancel_subscription("I-1", at_period_end=True))


def test_a_wallet_is_saved_once_its_owner_has_agreed_and_is_charged(shop: PayPalShop) -> None:
    session = shop.run(shop.provider.create_setup_session("org_1", OK, NO))
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.save_payment_method("org_1", session.id))
    assert caught.value.url == session.url
    shop.server.complete_checkout(session.id)
    agreed_to = shop.run(shop.provider.get_checkout_session(session.id))
    assert agreed_to is not None
    assert (agreed_to.status, agreed_to.url) == (CheckoutStatus.PENDING, None)
    with pytest.raises(InvalidRequest, match="this customer"):
        shop.run(shop.provider.save_payment_method("org_2", session.id))
    saved = shop.run(shop.provider.save_payment_method("org_1", session.id))
    assert (saved.type, saved.customer_id) == ("paypal", "org_1")
    charge = shop.provider.create_payment(USD, customer_id="org_1", payment_method_id=saved.id)  # in place of a default
    assert shop.run(charge).status is PaymentStatus.SUCCEEDED


def test_what_has_ended_is_sold_again_from_the_day_on_that_is_not_paid(shop: PayPalShop) -> None:
    ended = shop.run(shop.provider.cancel_subscription(subscribed(shop)))
    assert ended.cancel_at is not None
    with pytest.raises(UnsupportedOperation, match=r"Start a new subscription with create_checkout_session"):
        shop.run(shop.provider.uncancel_subscription(ended.id))
    days = (ended.cancel_at - NOW).days
    again = subscribed(shop, trial_days=days)
    found = shop.run(shop.provider.get_subscription(again))
    assert found is not None
    assert found.status is SubscriptionStatus.TRIALING
    assert found.trial_end is not None
    assert timedelta(0) <= found.trial_end - ended.cancel_at <= timedelta(days=1)


# --- payments ----------------------------------------------------------------------------------------------------


def test_a_payment_is_taken_after_the_payers_yes(shop: PayPalShop) -> None:
    session = shop.run(shop.provider.create_payment_session(USD, OK, NO, customer_id="org_1", description="A book"))
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.capture_payment(session.id))
    assert caught.value.url == session.url
    shop.server.complete_checkout(session.id)
    pending = shop.run(shop.provider.get_checkout_session(session.id))
    assert pending is not None
    assert (pending.status, shop.server.money_taken()) == (CheckoutStatus.PENDING, 0)
    taken = shop.run(shop.provider.capture_payment(session.id))
    assert (taken.id, taken.status, taken.amount_captured) == (session.id, PaymentStatus.SUCCEEDED, USD)
    assert shop.run(shop.provider.capture_payment(session.id)).status is PaymentStatus.SUCCEEDED
    assert shop.server.money_taken() == Decimal(19)


def test_a_decline_brings_the_payer_back(shop: PayPalShop) -> None:
    order = agreed(shop)
    shop.server.decline_next_payment()
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.capture_payment(order))
    assert (caught.value.code, caught.value.payment_id) == ("INSTRUMENT_DECLINED", order)
    assert shop.run(shop.provider.capture_payment(order)).status is PaymentStatus.SUCCEEDED


def test_a_payment_may_be_pending_or_declined_though_the_order_is_complete(shop: PayPalShop) -> None:
    order = agreed(shop)
    shop.server.decline_next_payment("PENDING")
    assert shop.run(shop.provider.capture_payment(order)).status is PaymentStatus.PENDING
    shop.server.settle_payment(order)
    found = shop.run(shop.provider.get_payment(order))
    assert found is not None
    assert found.status is PaymentStatus.SUCCEEDED
    declined = agreed(shop)
    shop.server.decline_next_payment("DECLINED")
    with pytest.raises(Declined):
        shop.run(shop.provider.capture_payment(declined))


def test_a_payment_is_authorized_and_captured_in_part(shop: PayPalShop) -> None:
    order = agreed(shop, capture=False)
    held = shop.run(shop.provider.authorize_payment(order))
    assert (held.status, shop.server.money_taken()) == (PaymentStatus.AUTHORIZED, 0)
    taken = shop.run(shop.provider.capture_payment(order, Money(1500, "USD")))
    assert (taken.id, taken.amount_captured) == (order, Money(1500, "USD"))
    assert shop.server.objects("authorization")[0]["status"] == "CAPTURED"


def test_an_authorization_is_released(shop: PayPalShop) -> None:
    order = agreed(shop, capture=False)
    shop.run(shop.provider.authorize_payment(order))
    assert shop.run(shop.provider.cancel_payment(order)).status is PaymentStatus.CANCELED
    assert shop.run(shop.provider.cancel_payment(order)).status is PaymentStatus.CANCELED
    with pytest.raises(Conflict):
        shop.run(shop.provider.capture_payment(order))


def test_an_authorization_lapses(shop: PayPalShop) -> None:
    order = agreed(shop, capture=False)
    shop.run(shop.provider.authorize_payment(order))
    shop.server.advance(days=30)
    found = shop.run(shop.provider.get_payment(order))
    assert found is not None
    assert found.status is PaymentStatus.CANCELED


def test_a_payment_is_refunded_in_part_then_wholly(shop: PayPalShop) -> None:
    payment = paid(shop)
    first = shop.run(shop.provider.refund_payment(payment, Money(400, "USD"), "Sorry"))
    assert (first.status, first.amount, first.reason) == (RefundStatus.SUCCEEDED, Money(400, "USD"), "Sorry")
    partly = shop.run(shop.provider.get_payment(payment))
    assert partly is not None
    assert (partly.status, partly.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, Money(400, "USD"))
    assert shop.run(shop.provider.refund_payment(payment)).amount == Money(1500, "USD")
    assert shop.server.money_taken() == 0
    with pytest.raises((Conflict, InvalidRequest)):
        shop.run(shop.provider.refund_payment(payment))


def test_a_sale_is_refunded_in_part_then_wholly(shop: PayPalShop) -> None:
    subscribed(shop)
    sale = str(shop.server.objects("sale")[0]["id"])
    found = shop.run(shop.provider.get_payment(sale))
    assert found is not None
    assert (found.status, found.amount, found.customer_id) == (PaymentStatus.SUCCEEDED, USD, "org_1")
    assert shop.run(shop.provider.refund_payment(sale, Money(400, "USD"))).amount == Money(400, "USD")
    rest = shop.run(shop.provider.refund_payment(sale))
    assert (rest.amount, rest.payment_id) == (Money(1500, "USD"), sale)
    assert shop.server.money_taken() == 0
    with pytest.raises((Conflict, InvalidRequest)):
        shop.run(shop.provider.refund_payment(sale, Money(1, "USD")))


@pytest.mark.parametrize("amount", [Money(500, "JPY"), Money(100_000, "HUF"), Money(1_000_00, "TWD")])
def test_currencies_with_other_exponents(shop: PayPalShop, amount: Money) -> None:
    payment = paid(shop, amount)
    assert shop.server.objects("capture")[0]["amount"] == {
        "currency_code": amount.currency,
        "value": f"{amount.to_decimal():.0f}",
    }
    assert shop.run(shop.provider.refund_payment(payment, amount)).amount == amount


# --- saved payment methods ---------------------------------------------------------------------------------------


def test_a_saved_method_is_charged(shop: PayPalShop) -> None:
    method = shop.server.add_payment_method("cust_1")
    payment = shop.run(shop.provider.create_payment(USD, customer_id="cust_1", payment_method_id=method))
    assert (payment.status, payment.amount, shop.server.money_taken()) == (PaymentStatus.SUCCEEDED, USD, Decimal(19))
    held = shop.run(shop.provider.create_payment(USD, customer_id="cust_1", payment_method_id=method, capture=False))
    assert held.status is PaymentStatus.AUTHORIZED
    assert shop.run(shop.provider.capture_payment(held.id)).status is PaymentStatus.SUCCEEDED


def test_a_saved_method_may_be_declined_or_want_the_payer(shop: PayPalShop) -> None:
    bad = shop.server.add_payment_method("cust_1", declines="TRANSACTION_REFUSED")
    with pytest.raises(Declined):
        shop.run(shop.provider.create_payment(USD, customer_id="cust_1", payment_method_id=bad))
    strict = shop.server.add_payment_method("cust_1", requires_action=True)
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.create_payment(USD, customer_id="cust_1", payment_method_id=strict))
    assert caught.value.url
    assert shop.server.money_taken() == 0


def test_saved_methods_are_listed_and_removed(shop: PayPalShop) -> None:
    methods = [shop.server.add_payment_method("cust_1", last4=f"000{number}") for number in range(7)]
    found = shop.run(shop.provider.get_payment_methods("cust_1"))
    assert [(each.id, each.last4, each.brand) for each in found] == [
        (method, f"000{number}", "visa") for number, method in enumerate(methods)
    ]
    shop.run(shop.provider.remove_payment_method(methods[0]))
    shop.run(shop.provider.remove_payment_method(methods[0]))
    assert len(shop.run(shop.provider.get_payment_methods("cust_1"))) == 6


# --- plans and events --------------------------------------------------------------------------------------------


def test_plans_are_listed_over_all_pages() -> None:
    shop = PayPalShop(largest_page=2)
    for number in range(5):
        shop.plan(f"P-{number}", trial_days=7)
    shop.post("/v1/billing/plans/P-4/deactivate")
    found = shop.run(shop.provider.list_plans())
    assert [each.id for each in found] == ["P-0", "P-1", "P-2", "P-3"]
    assert {(each.amount, each.interval, each.trial_days) for each in found} == {(USD, "month", 7)}
    assert shop.run(shop.provider.get_plan("P-0")) == found[0]


def test_missed_events_are_listed_oldest_first(shop: PayPalShop) -> None:
    paid(shop)
    shop.server.advance(days=1)
    subscribed(shop)
    every = shop.run(shop.provider.list_events(NOW))
    assert {event.provider_type for event in every[:3]} == {
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
    }
    delivered = events(shop)
    assert {(event.id, event.delivery_id) for event in every} == {(each.id, each.delivery_id) for each in delivered}
    later = shop.run(shop.provider.list_events(NOW + timedelta(hours=1)))
    assert [event.id for event in later] == [event.id for event in every[3:]]


def test_a_subscriptions_life_is_told_in_shared_words(shop: PayPalShop) -> None:
    subscription = subscribed(shop)
    shop.server.fail_payments(subscription)
    shop.server.advance(days=80)
    shop.run(shop.provider.cancel_subscription(subscription))
    told = [event.type for event in events(shop)]
    assert told == [
        EventType.SUBSCRIPTION_CREATED,
        EventType.SUBSCRIPTION_ACTIVE,
        EventType.INVOICE_PAID,
        *[EventType.INVOICE_PAYMENT_FAILED] * 6,
        told[-2],
        EventType.SUBSCRIPTION_CANCELED,
    ]
    assert told[-2] in {EventType.SUBSCRIPTION_PAUSED, EventType.SUBSCRIPTION_UNPAID}


def test_what_an_event_says_of_money_is_confirmed(shop: PayPalShop) -> None:
    subscribed(shop)
    payment = paid(shop)
    shop.run(shop.provider.refund_payment(payment))
    sale = str(shop.server.objects("sale")[0]["id"])
    shop.run(shop.provider.refund_payment(sale))
    for event in events(shop):
        confirmed = shop.run(shop.provider.verify_with_provider(event))
        order = confirmed.checkout_session  # what happened to it is certain only once it was read again
        is_over = order is not None and event.type == EventType.CHECKOUT_COMPLETED
        key = f"{event.type}:{order.id}" if order is not None and is_over else event.dedupe_key
        assert (confirmed.dedupe_key, confirmed.type) == (key, event.type)


def test_what_does_not_exist_cannot_be_changed(shop: PayPalShop) -> None:
    for call in (
        shop.provider.cancel_subscription("I-NONE"),
        shop.provider.change_subscription("I-NONE", quantity=2),
        shop.provider.capture_payment("NONE"),
        shop.provider.refund_payment("NONE"),
    ):
        with pytest.raises(NotFound):
            shop.run(call)


def test_what_the_protocol_has_not_is_a_native_request(shop: PayPalShop) -> None:
    made = shop.run(shop.provider.request("POST", "/v1/catalogs/products", {"name": "Gym", "type": "SERVICE"}))
    found = shop.run(shop.provider.request("GET", f"/v1/catalogs/products/{made['id']}"))
    assert (made["type"], found["name"]) == ("SERVICE", "Gym")


def test_every_operation_of_the_protocol_is_called_in_this_file() -> None:
    import sys
    from pathlib import Path

    source = Path(sys.modules[__name__].__file__ or "").read_text()
    assert {name for name in OPERATIONS if f"provider.{name}" not in source and name not in LACKS} == set()
    lacks = set(Capability) - PayPalShop().provider.capabilities
    assert lacks == {
        Capability.CUSTOMERS,
        Capability.LIST_CUSTOMERS,
        Capability.EXPIRE_CHECKOUT,
        Capability.METERED_USAGE,
        Capability.CANCEL_AT_PERIOD_END,
        Capability.UNCANCEL,
        Capability.CHANGE_NOW,
        Capability.CANCEL_SCHEDULED_CHANGE,
        Capability.PREVIEW_CHANGE,
        Capability.EXTEND_TRIAL,
        Capability.CREATE_SUBSCRIPTION,
        Capability.SET_PAYMENT_METHOD,
        Capability.DEFAULT_PAYMENT_METHOD,
        Capability.PAY_INVOICE,
    }
