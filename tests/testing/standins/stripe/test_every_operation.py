"""Every operation of the protocol works against the stand-in, async and blocking, and leaves the right state behind."""

from datetime import timedelta

import pytest

from paylattice import (
    Capability,
    CheckoutStatus,
    EventType,
    InvoiceStatus,
    Money,
    PaymentStatus,
    RefundStatus,
    SubscriptionStatus,
)
from paylattice.errors import ActionRequired, Conflict, Declined, DeclineReason, InvalidRequest, NotFound
from paylattice.operations import OPERATIONS

from .support import NO, NOW, OK, Shop

USD = Money(1900, "USD")


def test_a_page_that_is_not_wanted_any_more_is_closed(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    session = shop.run(shop.provider.create_checkout_session(shop.customer(), "price_pro", OK, NO))
    closed = shop.run(shop.provider.expire_checkout_session(session.id))
    assert (closed.id, closed.status, closed.url) == (session.id, CheckoutStatus.EXPIRED, None)
    assert shop.run(shop.provider.expire_checkout_session(session.id)).status is CheckoutStatus.EXPIRED
    with pytest.raises(ValueError, match="not open"):
        shop.server.complete_checkout(session.id)
    with pytest.raises(NotFound):
        shop.run(shop.provider.expire_checkout_session("cs_test_other"))


def paid(shop: Shop, *, amount: Money = USD, capture: bool = True) -> str:
    customer = shop.customer()
    (method,) = shop.run(shop.provider.get_payment_methods(customer))
    call = shop.provider.create_payment(amount, customer_id=customer, payment_method_id=method.id, capture=capture)
    return shop.run(call).id


def test_a_customer_is_created_read_changed_and_deleted(shop: Shop) -> None:
    made = shop.run(shop.provider.create_customer("ada@example.com", "Ada", {"org": "1", "plan": "x"}))
    assert shop.run(shop.provider.get_customer(made.id)) == made
    changed = shop.run(shop.provider.update_customer(made.id, name="Ada L.", metadata={"plan": "", "vip": "yes"}))
    assert (changed.name, changed.email, dict(changed.metadata)) == (
        "Ada L.",
        "ada@example.com",
        {"org": "1", "vip": "yes"},
    )
    shop.run(shop.provider.delete_customer(made.id))
    shop.run(shop.provider.delete_customer(made.id))
    assert shop.run(shop.provider.get_customer(made.id)) is None
    with pytest.raises(NotFound):
        shop.run(shop.provider.update_customer(made.id, name="x"))
    assert shop.told() == ["customer.created", "customer.updated", "customer.deleted"]


def test_a_customer_who_is_not_found_was_deleted_or_is_in_the_other_mode(shop: Shop) -> None:
    gone = shop.customer(card=False)
    shop.run(shop.provider.delete_customer(gone))
    shop.server.note_other_mode("cus_live")
    found = [shop.run(shop.provider.missing_because(each)) for each in (gone, "cus_live", "cus_none")]
    assert found == ["deleted", "other_mode", None]


def test_a_deleted_customer_has_no_subscription_any_more(shop: Shop) -> None:
    subscription = shop.subscription()
    (customer,) = shop.server.objects("customer")
    shop.run(shop.provider.delete_customer(str(customer["id"])))
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert found.status is SubscriptionStatus.CANCELED


def test_a_checkout_becomes_a_subscription(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    customer = shop.customer(card=False)
    call = shop.provider.create_checkout_session(customer, "price_pro", OK, NO, {"org": "1"}, quantity=3)
    session = shop.run(call)
    assert (session.status, session.subscription_id) == (CheckoutStatus.OPEN, None)
    assert session.expires_at == NOW + timedelta(days=1)
    shop.server.complete_checkout(session.id)
    done = shop.run(shop.provider.get_checkout_session(session.id))
    assert done is not None
    assert (done.status, done.url) == (CheckoutStatus.COMPLETE, None)
    assert done.subscription_id is not None
    subscription = shop.run(shop.provider.get_subscription(done.subscription_id))
    assert subscription is not None
    assert (subscription.status, subscription.quantity, subscription.plan_id) == (
        SubscriptionStatus.ACTIVE,
        3,
        "price_pro",
    )
    assert dict(subscription.metadata) == {"org": "1"}
    assert subscription.current_period_end == NOW.replace(month=11, day=30)
    assert shop.server.money_taken() == 5700
    assert shop.run(shop.provider.get_checkout_session("cs_test_other")) is None


def test_a_change_is_previewed(shop: Shop) -> None:
    shop.server.add_plan("price_max", Money(4900, "USD"))
    subscription = shop.subscription()
    shop.server.advance(days=15)
    call = shop.provider.preview_change(subscription, plan_id="price_max", payment="now")
    preview = shop.run(call)
    assert (preview.due_now, preview.due_next) == (Money(4900 // 2 - 1900 // 2, "USD"), Money(4900, "USD"))
    assert preview.next_at == NOW.replace(month=11, day=30)
    assert [(line.plan_id, line.proration) for line in preview.lines_now] == [("price_pro", True), ("price_max", True)]


def test_customers_are_listed_behind_one_another(shop: Shop) -> None:
    made = [shop.customer(card=False) for _ in range(4)]
    shop.run(shop.provider.delete_customer(made[1]))
    found = shop.run(shop.provider.list_customers(after=made[3], limit=2))
    assert [each.id for each in found] == [made[2], made[0]]
    assert shop.run(shop.provider.list_customers(after=made[0])) == []
    with pytest.raises(NotFound, match="go on after"):
        shop.run(shop.provider.list_customers(after="cus_other"))


def test_a_checkout_with_a_trial_takes_no_money(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"), trial_days=14)
    session = shop.run(shop.provider.create_checkout_session(shop.customer(card=False), "price_pro", OK, NO))
    done = shop.server.complete_checkout(session.id)
    assert done["payment_status"] == "no_payment_required"
    found = shop.run(shop.provider.get_subscription(str(done["subscription"])))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.TRIALING, NOW + timedelta(days=14))
    assert shop.server.money_taken() == 0


def test_a_declined_checkout_stays_open(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    session = shop.run(shop.provider.create_checkout_session(shop.customer(card=False), "price_pro", OK, NO))
    shop.server.decline_next_payment()
    assert shop.server.complete_checkout(session.id)["status"] == "open"
    assert shop.server.complete_checkout(session.id)["status"] == "complete"
    assert shop.server.count("subscription") == 1


def test_a_page_for_a_payment_is_paid_authorized_or_paid_later(shop: Shop) -> None:
    pay = shop.provider.create_payment_session
    session = shop.run(pay(USD, OK, NO, description="Book", metadata={"order": "7"}))
    shop.server.complete_checkout(session.id)
    done = shop.run(shop.provider.get_checkout_session(session.id))
    assert done is not None
    payment = shop.run(shop.provider.get_payment(done.payment_id or ""))
    assert payment is not None
    assert (payment.status, payment.amount, payment.description) == (PaymentStatus.SUCCEEDED, USD, "Book")
    assert dict(payment.metadata) == {"order": "7"}

    held = shop.run(pay(USD, OK, NO, capture=False))
    intent = shop.run(shop.provider.get_payment(str(shop.server.complete_checkout(held.id)["payment_intent"])))
    assert intent is not None
    assert intent.status is PaymentStatus.AUTHORIZED

    later = shop.run(pay(USD, OK, NO, customer_id=shop.customer()))
    shop.server.complete_checkout(later.id, delayed=True)
    waiting = shop.run(shop.provider.get_checkout_session(later.id))
    assert waiting is not None
    assert waiting.status is CheckoutStatus.PENDING
    shop.server.settle_checkout(later.id)
    settled = shop.run(shop.provider.get_checkout_session(later.id))
    assert settled is not None
    assert settled.status is CheckoutStatus.COMPLETE


def test_the_billing_portal_has_a_page(shop: Shop) -> None:
    url = shop.run(shop.provider.create_billing_portal_session(shop.customer(), OK))
    assert url.startswith("https://billing.stripe.com/p/session/")


def test_subscriptions_are_listed_newest_first_ended_ones_too(shop: Shop) -> None:
    first = shop.subscription()
    customer = str(shop.server.objects("customer")[0]["id"])
    second = shop.server.add_subscription(customer, "price_pro")
    shop.run(shop.provider.cancel_subscription(first))
    found = shop.run(shop.provider.list_subscriptions(customer))
    assert [one.id for one in found] == [second, first]
    assert found[1].status is SubscriptionStatus.CANCELED


def test_a_subscription_is_canceled_now_once(shop: Shop) -> None:
    subscription = shop.subscription()
    ended = shop.run(shop.provider.cancel_subscription(subscription, reason="too dear"))
    assert (ended.status, ended.canceled_at) == (SubscriptionStatus.CANCELED, NOW)
    again = shop.run(shop.provider.cancel_subscription(subscription))
    assert again == ended
    assert [request.method for request in shop.server.requests].count("DELETE") == 1
    assert shop.server.objects("subscription")[0]["cancellation_details"] == {
        "comment": "too dear",
        "feedback": None,
        "reason": "cancellation_requested",
    }


def test_a_card_that_is_saved_on_a_page_pays_what_it_is_chosen_for(shop: Shop) -> None:
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    subscription = shop.server.add_subscription(customer, "price_pro")
    session = shop.run(shop.provider.create_setup_session(customer, OK, NO, {"from": "settings"}))
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.save_payment_method(customer, session.id))
    assert caught.value.url == session.url
    shop.server.complete_checkout(session.id)
    done = shop.run(shop.provider.get_checkout_session(session.id))
    assert done is not None
    saved = shop.run(shop.provider.save_payment_method(customer, session.id))
    assert (done.status, done.payment_method_id, saved.customer_id) == (CheckoutStatus.COMPLETE, saved.id, customer)
    assert shop.run(shop.provider.save_payment_method(customer, str(done.raw["setup_intent"]["id"]))).id == saved.id
    changed = shop.run(shop.provider.set_payment_method(subscription, saved.id))
    assert changed.raw["default_payment_method"] == saved.id
    chosen = shop.run(shop.provider.set_default_payment_method(customer, saved.id))
    assert chosen.raw["invoice_settings"]["default_payment_method"] == saved.id
    assert "setup_intent.succeeded" in shop.told()
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.save_payment_method(shop.customer(), session.id))


def test_a_subscription_begins_with_a_saved_card_and_is_found_by_its_key(shop: Shop) -> None:
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    card = shop.server.add_payment_method(customer, default=False)
    begun = shop.run(
        shop.provider.create_subscription(
            customer, "price_pro", payment_method_id=card, quantity=2, metadata={"org": "1"}, idempotency_key="order-7"
        )
    )
    assert (begun.is_pending, begun.subscription.status) == (False, SubscriptionStatus.ACTIVE)
    assert (begun.subscription.quantity, dict(begun.subscription.metadata)) == (2, {"org": "1"})
    found = shop.run(shop.provider.find_subscription("order-7", NOW, customer_id=customer))
    assert found is not None
    assert found.id == begun.subscription.id
    assert shop.run(shop.provider.find_subscription("order-8", NOW, customer_id=customer)) is None


def test_what_is_owed_is_paid_with_another_card(shop: Shop) -> None:
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    shop.server.add_payment_method(customer)
    subscription = shop.server.add_subscription(customer, "price_pro")
    shop.server.decline_next_payment(times=2)
    shop.server.renew(subscription)
    with pytest.raises(Declined):
        shop.run(shop.provider.bill_outstanding(subscription))
    other = shop.run(shop.provider.save_payment_method(customer, "pm_card_visa"))
    shop.run(shop.provider.set_payment_method(subscription, other.id))
    paid = shop.run(shop.provider.bill_outstanding(subscription))
    assert (paid.status, paid.payment_failed_at) == (SubscriptionStatus.ACTIVE, None)
    taken = shop.server.money_taken()
    assert shop.run(shop.provider.bill_outstanding(subscription)) == paid
    assert shop.server.money_taken() == taken
    shop.server.require_authentication()
    shop.server.renew(subscription)
    shop.server.require_authentication()
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.bill_outstanding(subscription))
    assert (caught.value.url or "").startswith("https://invoice.stripe.com/")


def test_an_open_invoice_is_found_paid_and_voided(shop: Shop) -> None:
    subscription = shop.subscription()
    customer = str(shop.server.objects("customer")[0]["id"])

    def owed() -> str:
        shop.server.decline_next_payment()
        shop.server.renew(subscription)
        (newest, *_) = shop.run(shop.provider.get_invoices(customer, 1))
        assert newest.status is InvoiceStatus.OPEN
        return newest.id

    first = owed()
    shop.server.require_authentication()
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.pay_invoice(first))
    assert (caught.value.url or "").startswith("https://invoice.stripe.com/")
    assert (caught.value.client_secret or "").startswith(f"{caught.value.payment_id}_secret_")
    other = shop.server.add_payment_method(customer)
    taken = shop.server.money_taken()
    paid = shop.run(shop.provider.pay_invoice(first, other))
    assert (paid.status, paid.payment_ids) == (InvoiceStatus.PAID, (caught.value.payment_id,))
    assert shop.server.money_taken() == taken + 1900
    assert shop.run(shop.provider.get_invoice(first)) == paid
    assert (paid.pdf_url or "").endswith("/pdf")
    with pytest.raises(Conflict, match="only an open one can be voided"):
        shop.run(shop.provider.void_invoice(first))
    second = owed()
    assert shop.run(shop.provider.void_invoice(second)).status is InvoiceStatus.VOID
    assert shop.run(shop.provider.void_invoice(second)).status is InvoiceStatus.VOID
    with pytest.raises(Conflict, match="only an open one can be paid"):
        shop.run(shop.provider.pay_invoice(second))
    assert shop.run(shop.provider.get_invoice("in_other")) is None
    draft = str(shop.raw("POST", "/v1/invoices", customer=customer).json()["id"])
    for call in (shop.provider.pay_invoice, shop.provider.void_invoice):
        with pytest.raises(Conflict, match="draft"):
            shop.run(call(draft))


def test_a_first_payment_that_waits_for_the_payer_says_where_and_how(shop: Shop) -> None:
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    card = shop.server.add_payment_method(customer, requires_action=True)
    begun = shop.run(shop.provider.create_subscription(customer, "price_pro", payment_method_id=card))
    assert (begun.is_pending, begun.subscription.status) == (True, SubscriptionStatus.INCOMPLETE)
    assert (begun.approval_url or "").startswith("https://invoice.stripe.com/")
    assert "_secret_" in (begun.client_secret or "")
    (intent,) = [each for each in shop.server.objects("payment_intent") if each["status"] == "requires_action"]
    shop.server.authenticate_payment(intent["id"])
    found = shop.run(shop.provider.get_subscription(begun.subscription.id))
    assert found is not None
    assert found.status is SubscriptionStatus.ACTIVE


@pytest.mark.parametrize("by_date", [False, True])
def test_a_cancellation_is_taken_back_whichever_way_it_was_set(shop: Shop, by_date: bool) -> None:
    shop.server.add_plan("price_pro", USD)
    subscription = shop.server.add_subscription(shop.customer(), "price_pro")
    if by_date:
        shop.raw("POST", f"/v1/subscriptions/{subscription}", cancel_at=str(int(NOW.timestamp()) + 86_400))
    else:
        shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True))
    kept = shop.run(shop.provider.uncancel_subscription(subscription))
    assert (kept.status, kept.cancel_at, kept.canceled_at) == (SubscriptionStatus.ACTIVE, None, None)
    assert shop.run(shop.provider.uncancel_subscription(subscription)) == kept
    shop.server.advance(days=40)
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert found.status is SubscriptionStatus.ACTIVE
    shop.run(shop.provider.cancel_subscription(subscription))
    with pytest.raises(Conflict, match="start a new one"):
        shop.run(shop.provider.uncancel_subscription(subscription))


def test_a_subscription_is_canceled_at_the_end_of_its_period(shop: Shop) -> None:
    subscription = shop.subscription()
    scheduled = shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True))
    assert (scheduled.status, scheduled.cancel_at) == (SubscriptionStatus.ACTIVE, scheduled.current_period_end)
    shop.server.advance(months=1)
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert found.status is SubscriptionStatus.CANCELED
    assert shop.server.money_taken() == 1900
    assert shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True)) == found


def test_a_change_of_plan_keeps_the_item_and_the_quantity_and_prorates(shop: Shop) -> None:
    subscription = shop.subscription(quantity=2)
    shop.server.add_plan("price_max", Money(4900, "USD"))
    shop.server.advance(days=15)
    changed = shop.run(shop.provider.change_subscription(subscription, plan_id="price_max")).subscription
    (item,) = changed.items
    assert (item.plan_id, item.quantity) == ("price_max", 2)
    shop.server.renew(subscription)
    renewal, first = shop.run(shop.provider.get_invoices(changed.customer_id or ""))
    assert first.amount == Money(3800, "USD")
    assert renewal.amount == Money(9800 - 1900 + 4900, "USD")


@pytest.mark.parametrize("token", ["pm_none", "seti_none", "cs_test_none"])
def test_a_token_that_stripe_does_not_know_saves_nothing(shop: Shop, token: str) -> None:
    customer = shop.customer()
    before = shop.run(shop.provider.get_payment_methods(customer))
    with pytest.raises(InvalidRequest, match="no such token") as caught:
        shop.run(shop.provider.save_payment_method(customer, token))
    assert caught.value.param == "token"
    assert shop.run(shop.provider.get_payment_methods(customer)) == before


def test_a_scheduled_change_is_taken_back_and_the_plan_stays(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.add_plan("price_max", Money(4900, "USD"))
    planned = shop.run(shop.provider.change_subscription(subscription, plan_id="price_max", when="period_end"))
    assert [change.plan_id for change in planned.subscription.scheduled_changes] == ["price_max"]
    kept = shop.run(shop.provider.cancel_scheduled_change(subscription))
    assert (kept.plan_id, kept.scheduled_changes) == ("price_pro", ())
    assert shop.run(shop.provider.cancel_scheduled_change(subscription)) == kept
    shop.server.advance(months=1)
    assert shop.server.money_taken() == 2 * 1900


def test_a_longer_trial_moves_the_first_payment(shop: Shop) -> None:
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    shop.server.add_payment_method(customer)
    trial_end = NOW + timedelta(days=7)
    started = shop.run(shop.provider.create_subscription(customer, "price_pro", trial_end=trial_end)).subscription
    longer = shop.run(shop.provider.extend_trial(started.id, trial_end + timedelta(days=7)))
    assert (longer.status, longer.trial_end) == (SubscriptionStatus.TRIALING, trial_end + timedelta(days=7))
    shop.server.advance(days=13)
    assert shop.server.money_taken() == 0
    shop.server.advance(days=2)
    assert shop.server.money_taken() == 1900
    with pytest.raises(Conflict):
        shop.run(shop.provider.extend_trial(started.id, NOW + timedelta(days=60)))


def test_a_change_of_quantity_alone(shop: Shop) -> None:
    subscription = shop.subscription()
    change = shop.provider.change_subscription(subscription, quantity=5, prorate=False)
    assert shop.run(change).subscription.quantity == 5
    assert shop.server.count("invoiceitem") == 0
    with pytest.raises(InvalidRequest, match="already"):
        shop.run(shop.provider.change_subscription(subscription, quantity=5))
    with pytest.raises(InvalidRequest, match="no such price"):
        shop.run(shop.provider.change_subscription(subscription, plan_id="price_none"))


def test_another_interval_begins_a_new_period_and_bills_it(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.add_plan("price_year", Money(19000, "USD"), interval="year")
    shop.server.advance(days=15)
    changed = shop.run(shop.provider.change_subscription(subscription, plan_id="price_year")).subscription
    assert changed.current_period_end == (NOW + timedelta(days=15)).replace(year=2027)
    latest = shop.run(shop.provider.get_invoices(changed.customer_id or "", 1))[0]
    assert latest.amount == Money(19000 - 950, "USD")


def test_pausing_in_flexible_mode_pauses_the_subscription(shop: Shop) -> None:
    subscription = shop.subscription()
    paused = shop.run(shop.provider.pause_subscription(subscription))
    assert paused.status is SubscriptionStatus.PAUSED
    assert shop.run(shop.provider.pause_subscription(subscription)) == paused
    shop.server.advance(months=3)
    assert shop.server.money_taken() == 1900
    resumed = shop.run(shop.provider.resume_subscription(subscription))
    assert (resumed.status, resumed.current_period_start) == (SubscriptionStatus.ACTIVE, shop.server.now)
    assert shop.run(shop.provider.resume_subscription(subscription)) == resumed
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(shop.told())


def test_pausing_in_classic_mode_voids_the_invoices(shop: Shop) -> None:
    subscription = shop.subscription(billing_mode="classic")
    paused = shop.run(shop.provider.pause_subscription(subscription))
    assert (paused.status, paused.collection_paused) == (SubscriptionStatus.ACTIVE, True)
    shop.server.renew(subscription)
    newest = shop.run(shop.provider.get_invoices(paused.customer_id or "", 1))[0]
    assert newest.status is InvoiceStatus.VOID
    resumed = shop.run(shop.provider.resume_subscription(subscription))
    assert not resumed.collection_paused
    assert shop.server.money_taken() == 1900


def test_usage_is_counted_once_and_billed_at_the_end(shop: Shop) -> None:
    shop.server.add_plan("calls", Money(5, "USD"), metered=True)
    subscription = shop.subscription("calls")
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    (item,) = found.items
    assert (item.metered, item.quantity) == (True, None)
    report = shop.provider.create_usage_record
    assert shop.run(report(item.id, 100, idempotency_key="u-1")) is True
    assert shop.run(report(item.id, 100, idempotency_key="u-1")) is True
    assert shop.run(report(item.id, 20, NOW + timedelta(seconds=5))) is True
    shop.server.renew(subscription)
    newest = shop.run(shop.provider.get_invoices(found.customer_id or "", 1))[0]
    assert newest.amount == Money(600, "USD")


def test_usage_of_a_licensed_item_is_refused(shop: Shop) -> None:
    found = shop.run(shop.provider.get_subscription(shop.subscription()))
    assert found is not None
    with pytest.raises(InvalidRequest, match="not metered"):
        shop.run(shop.provider.create_usage_record(found.items[0].id, 1))


def test_a_metered_plan_is_subscribed_to_without_a_quantity(shop: Shop) -> None:
    shop.server.add_plan("calls", Money(5, "USD"), metered=True)
    session = shop.run(shop.provider.create_checkout_session(shop.customer(), "calls", OK, NO, quantity=1))
    assert shop.server.complete_checkout(session.id)["status"] == "complete"


def test_invoices_come_newest_first_over_several_pages() -> None:
    shop = Shop("blocking", largest_page=2)
    subscription = shop.subscription()
    for _ in range(4):
        shop.server.renew(subscription)
    customer = str(shop.server.objects("customer")[0]["id"])
    shop.server.forget_requests()
    found = shop.run(shop.provider.get_invoices(customer, 5, subscription_id=subscription))
    assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
    assert len({one.id for one in found}) == 5
    assert len(shop.server.requests) == 3
    assert shop.run(shop.provider.get_invoices(customer, 2)) == found[:2]
    assert shop.run(shop.provider.get_invoices(customer, subscription_id="sub_other")) == []


def test_an_invoice_says_what_was_paid(shop: Shop) -> None:
    shop.subscription()
    customer = str(shop.server.objects("customer")[0]["id"])
    (invoice,) = shop.run(shop.provider.get_invoices(customer))
    assert (invoice.status, invoice.amount, invoice.amount_paid, invoice.amount_due) == (InvoiceStatus.PAID, *[USD] * 3)
    assert (invoice.paid_at, invoice.number) == (NOW, "STANDIN0001-0001")
    assert invoice.hosted_url is not None


def test_all_items_of_a_subscription_are_read() -> None:
    shop = Shop("blocking", largest_page=2)
    subscription = shop.subscription()
    for number in range(4):
        shop.server.add_plan(f"price_{number}", Money(100, "USD"))
        shop.raw("POST", f"/v1/subscriptions/{subscription}", **{"items[0][price]": f"price_{number}"})
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    assert [item.plan_id for item in found.items] == ["price_pro", *(f"price_{number}" for number in range(4))]


def test_a_saved_card_is_charged(shop: Shop) -> None:
    payment = shop.run(shop.provider.get_payment(paid(shop)))
    assert payment is not None
    assert (payment.status, payment.amount_captured) == (PaymentStatus.SUCCEEDED, USD)
    assert shop.run(shop.provider.get_payment("pi_other")) is None


def test_a_decline_leaves_a_failed_payment(shop: Shop) -> None:
    customer = shop.customer(declines="insufficient_funds")
    (method,) = shop.run(shop.provider.get_payment_methods(customer))
    charge = shop.provider.create_payment
    with pytest.raises(Declined) as caught:
        shop.run(charge(USD, customer_id=customer, payment_method_id=method.id, idempotency_key="k"))
    assert caught.value.reason is DeclineReason.INSUFFICIENT_FUNDS
    failed = shop.run(shop.provider.get_payment(caught.value.payment_id or ""))
    assert failed is not None
    assert failed.status is PaymentStatus.FAILED
    with pytest.raises(Declined) as repeated:  # the decline is stored under the key
        shop.run(charge(USD, customer_id=customer, payment_method_id=method.id, idempotency_key="k"))
    assert repeated.value.payment_id == caught.value.payment_id
    assert shop.server.count("charge") == 1


def test_a_card_that_wants_its_owner(shop: Shop) -> None:
    customer = shop.customer(requires_action=True)
    (method,) = shop.run(shop.provider.get_payment_methods(customer))
    with pytest.raises(ActionRequired) as caught:
        shop.run(shop.provider.create_payment(USD, customer_id=customer, payment_method_id=method.id))
    assert caught.value.payment_id is not None
    assert caught.value.client_secret is not None


def test_a_payment_method_of_somebody_else_is_refused(shop: Shop) -> None:
    (method,) = shop.run(shop.provider.get_payment_methods(shop.customer()))
    with pytest.raises(InvalidRequest, match="another customer"):
        shop.run(shop.provider.create_payment(USD, customer_id=shop.customer(), payment_method_id=method.id))


def test_an_authorized_payment_is_captured_in_part(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    captured = shop.run(shop.provider.capture_payment(payment, Money(1500, "USD")))
    assert (captured.status, captured.amount_captured) == (PaymentStatus.SUCCEEDED, Money(1500, "USD"))
    assert captured.refunded == Money(0, "USD")
    assert shop.server.money_taken() == 1500
    with pytest.raises(Conflict):
        shop.run(shop.provider.capture_payment(payment))


def test_more_than_was_authorized_is_refused(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.capture_payment(payment, Money(2000, "USD")))
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.capture_payment(payment, Money(1000, "EUR")))


def test_an_authorized_payment_is_canceled_twice(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    canceled = shop.run(shop.provider.cancel_payment(payment))
    assert canceled.status is PaymentStatus.CANCELED
    assert shop.run(shop.provider.cancel_payment(payment)).status is PaymentStatus.CANCELED
    with pytest.raises(Conflict):
        shop.run(shop.provider.cancel_payment(paid(shop)))


def test_an_authorization_runs_out_after_a_week(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    shop.server.advance(days=8)
    found = shop.run(shop.provider.get_payment(payment))
    assert found is not None
    assert found.status is PaymentStatus.CANCELED


def test_a_payment_is_refunded_in_part_then_wholly(shop: Shop) -> None:
    payment = paid(shop)
    first = shop.run(shop.provider.refund_payment(payment, Money(400, "USD"), "duplicate"))
    assert (first.status, first.amount, first.reason) == (RefundStatus.SUCCEEDED, Money(400, "USD"), "duplicate")
    partly = shop.run(shop.provider.get_payment(payment))
    assert partly is not None
    assert (partly.status, partly.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, Money(400, "USD"))
    rest = shop.run(shop.provider.refund_payment(payment, reason="did not like it"))
    assert (rest.amount, rest.reason) == (Money(1500, "USD"), "did not like it")
    wholly = shop.run(shop.provider.get_payment(payment))
    assert wholly is not None
    assert wholly.status is PaymentStatus.REFUNDED
    assert shop.server.money_taken() == 0
    with pytest.raises(Conflict):
        shop.run(shop.provider.refund_payment(payment))


def test_more_than_is_left_is_not_refunded(shop: Shop) -> None:
    payment = paid(shop)
    with pytest.raises(InvalidRequest, match="greater than unrefunded"):
        shop.run(shop.provider.refund_payment(payment, Money(1901, "USD")))
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.refund_payment(payment, Money(1, "EUR")))
    assert shop.server.money_taken() == 1900


def test_a_partly_captured_payment_is_refunded_by_what_was_captured(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    shop.run(shop.provider.capture_payment(payment, Money(1500, "USD")))
    refund = shop.run(shop.provider.refund_payment(payment))
    assert refund.amount == Money(1500, "USD")
    found = shop.run(shop.provider.get_payment(payment))
    assert found is not None
    assert (found.status, found.refunded) == (PaymentStatus.REFUNDED, Money(1500, "USD"))


@pytest.mark.parametrize("amount", [Money(500, "JPY"), Money(5, "ISK"), Money(12340, "KWD"), Money(1000, "HUF")])
def test_currencies_with_other_exponents(shop: Shop, amount: Money) -> None:
    payment = paid(shop, amount=amount)
    assert shop.run(shop.provider.refund_payment(payment, amount)).amount == amount


def test_a_payment_method_is_removed_for_good(shop: Shop) -> None:
    customer = shop.customer()
    (method,) = shop.run(shop.provider.get_payment_methods(customer))
    assert (method.brand, method.last4, method.customer_id) == ("visa", "4242", customer)
    shop.run(shop.provider.remove_payment_method(method.id))
    shop.run(shop.provider.remove_payment_method(method.id))
    assert shop.run(shop.provider.get_payment_methods(customer)) == []
    with pytest.raises(NotFound):
        shop.run(shop.provider.remove_payment_method("pm_other"))


def test_plans_are_the_active_recurring_prices(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"), product="Pro", trial_days=7)
    shop.server.add_plan("book", Money(900, "USD"), interval=None)
    shop.server.add_plan("price_old", Money(900, "USD"))
    shop.raw("POST", "/v1/prices/price_old", active="false")
    (plan,) = shop.run(shop.provider.list_plans())
    assert (plan.id, plan.name, plan.amount, plan.interval, plan.trial_days) == ("price_pro", "Pro", USD, "month", 7)
    assert shop.run(shop.provider.get_plan("price_pro")) == plan
    assert shop.run(shop.provider.get_plan("price_none")) is None


def test_missed_events_are_listed_oldest_first() -> None:
    shop = Shop("blocking", largest_page=3)
    customer = shop.customer()
    shop.server.advance(days=1)
    shop.run(shop.provider.update_customer(customer, name="B"))
    every = shop.run(shop.provider.list_events(NOW))
    assert [event.type for event in every] == [
        EventType.CUSTOMER_CREATED,
        EventType.PAYMENT_METHOD_ATTACHED,
        EventType.CUSTOMER_UPDATED,
    ]
    assert [event.id for event in shop.run(shop.provider.list_events(NOW, 1))] == [every[0].id]
    later = shop.run(shop.provider.list_events(NOW + timedelta(hours=1)))
    assert [event.id for event in later] == [every[-1].id]
    shop.server.advance(days=30)
    assert [event.id for event in shop.run(shop.provider.list_events(NOW))] == []


def test_what_the_protocol_has_not_is_a_native_request(shop: Shop) -> None:
    made = shop.run(shop.provider.request("POST", "/v1/products", {"name": "Gym", "metadata": {"floor": "2"}}))
    assert shop.run(shop.provider.request("GET", f"/v1/products/{made['id']}"))["metadata"] == {"floor": "2"}


def test_every_operation_of_the_protocol_is_called_in_this_file() -> None:
    import sys
    from pathlib import Path

    source = Path(sys.modules[__name__].__file__ or "").read_text()
    assert {name for name in OPERATIONS if f"provider.{name}" not in source} == set()
    assert Shop("blocking").provider.capabilities == frozenset(Capability)
