"""The hosted page: completed, abandoned, declined, delayed, for subscriptions and for single payments."""

from datetime import timedelta
from typing import Any

import pytest

from paylattice import EventType, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason

from .support import PLACES, Shop, usd


def test_a_new_page_is_open_for_a_day() -> None:
    shop = Shop()
    customer = shop.customer()
    session = shop.checkout(customer=customer, metadata={"org": "1"})
    assert (session.status, session.customer_id, dict(session.metadata)) == ("open", customer.id, {"org": "1"})
    assert session.url is not None
    assert session.expires_at == shop.provider.now + timedelta(days=1)
    assert shop.session(session.id) == session


def test_an_unknown_page_is_none() -> None:
    assert run(Shop().provider.get_checkout_session("cs_none")) is None


def test_checkout_of_an_unknown_plan_is_refused() -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.checkout("gold")
    assert (caught.value.param, caught.value.code) == ("plan_id", "plan_missing")


def test_checkout_of_more_than_an_invoice_can_hold_is_refused() -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.checkout(quantity=10**15)
    assert caught.value.param == "quantity"


def test_a_trial_longer_than_two_years_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        Shop().checkout(trial_days=731)
    assert caught.value.param == "trial_days"


def test_completing_begins_a_paid_subscription() -> None:
    shop = Shop()
    session = shop.checkout(quantity=2, metadata={"org": "1"})
    made = shop.subscribed(session.id)
    assert (made.status, made.plan_id, made.quantity, dict(made.metadata)) == ("active", "pro", 2, {"org": "1"})
    [invoice] = shop.invoices(made)
    assert (invoice.status, invoice.amount, invoice.amount_due, invoice.amount_paid, invoice.paid_at) == (
        "paid",
        usd(6000),
        usd(6000),
        usd(6000),
        shop.provider.now,
    )
    done = shop.session(session.id)
    assert (done.status, done.url, done.subscription_id) == ("complete", None, made.id)
    payment = shop.payment(done.payment_id)
    assert (payment.status, payment.amount, payment.amount_captured) == ("succeeded", usd(6000), usd(6000))
    [card] = run(shop.provider.get_payment_methods(str(made.customer_id)))
    assert payment.payment_method_id == card.id


def test_completing_is_told_in_the_order_it_happens_in() -> None:
    shop = Shop()
    session = shop.checkout()
    mark = len(shop.events())
    shop.provider.complete_checkout(session.id)
    assert shop.since(mark) == [
        "payment_method.attached",
        "payment.succeeded",
        "subscription.created",
        "invoice.created",
        "invoice.paid",
        "checkout.completed",
    ]


def test_events_name_the_subscription_they_are_about() -> None:
    shop = Shop()
    made = shop.subscribe()
    told = shop.told(EventType.SUBSCRIPTION_CREATED, EventType.INVOICE_PAID, EventType.CHECKOUT_COMPLETED)
    assert {event.subscription_id for event in told} == {made.id}
    assert {event.customer_id for event in told} == {made.customer_id}


@pytest.mark.parametrize("action", ["complete_checkout", "abandon_checkout"])
def test_a_page_that_was_completed_is_closed_to_the_customer(action: str) -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.complete_checkout(session.id)
    mark = len(shop.events())
    with pytest.raises(errors.Conflict):
        getattr(shop.provider, action)(session.id)
    assert shop.since(mark) == []


@pytest.mark.parametrize("action", ["complete_checkout", "abandon_checkout", "settle_checkout"])
def test_the_controls_of_an_unknown_page_find_nothing(action: str) -> None:
    with pytest.raises(errors.NotFound):
        getattr(Shop().provider, action)("cs_none")


def test_failing_a_page_that_is_closed_does_not_fail_the_next_one() -> None:
    shop = Shop()
    closed = shop.checkout()
    shop.provider.complete_checkout(closed.id)
    with pytest.raises(errors.Conflict):
        shop.provider.complete_checkout(closed.id, declined=DeclineReason.ISSUER_DECLINED)
    assert shop.subscribe().status == "active"


def test_an_abandoned_page_expires_and_nothing_begins() -> None:
    shop = Shop()
    session = shop.checkout()
    ended = shop.provider.abandon_checkout(session.id)
    assert (ended.status, ended.url) == ("expired", None)
    assert [event.checkout_session for event in shop.told(EventType.CHECKOUT_EXPIRED)] == [ended]
    with pytest.raises(errors.Conflict):
        shop.provider.complete_checkout(session.id)
    assert run(shop.provider.list_subscriptions(str(session.customer_id))) == []


def test_a_page_expires_after_a_day_and_not_before() -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.advance(hours=23.99)
    assert shop.session(session.id).status == "open"
    shop.provider.advance(hours=0.01)
    assert shop.session(session.id).status == "expired"


def test_a_page_that_was_completed_does_not_expire() -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.complete_checkout(session.id)
    shop.provider.advance(days=2)
    assert shop.session(session.id).status == "complete"
    assert shop.told(EventType.CHECKOUT_EXPIRED) == []


def test_a_declined_payment_leaves_the_page_open_for_another_try() -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.complete_checkout(session.id, declined=DeclineReason.EXPIRED_CARD)
    assert shop.session(session.id).status == "open"
    [failed] = shop.told(EventType.PAYMENT_FAILED)
    assert failed.payment is not None
    assert failed.payment.amount_captured == usd(0)
    assert shop.subscribed(session.id).status == "active"


def test_a_payment_that_is_declined_leaves_the_page_as_it_was() -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.decline_next_payment(customer_id=session.customer_id)
    assert shop.provider.complete_checkout(session.id) == session
    assert run(shop.provider.list_subscriptions(str(session.customer_id))) == []
    assert shop.subscribed(session.id).status == "active"


def test_the_payer_who_fails_to_authenticate_on_the_page_leaves_no_payment_behind_that_could_still_be_taken() -> None:
    shop = Shop()
    session = shop.checkout()
    shop.provider.complete_checkout(session.id, declined=DeclineReason.AUTHENTICATION_REQUIRED)
    [failed] = shop.told(EventType.PAYMENT_FAILED)
    assert failed.payment is not None
    with pytest.raises(errors.Conflict):
        shop.provider.authenticate_payment(failed.payment.id)


def test_settings_to_fail_are_consumed_in_their_order_by_those_they_are_for() -> None:
    shop = Shop()
    ada, eve = shop.customer(), shop.customer("eve@example.com")
    shop.provider.decline_next_payment(customer_id=ada.id)
    shop.provider.decline_next_payment(times=2)
    assert shop.pay(customer_id=eve.id).status == "failed"
    assert shop.pay(customer_id=ada.id).status == "failed"
    assert shop.pay(customer_id=ada.id).status == "failed"
    assert shop.pay(customer_id=ada.id).status == "succeeded"
    assert shop.pay(customer_id=eve.id).status == "succeeded"


@pytest.mark.parametrize("plan_id", ["trial", "calls", "free"])
def test_where_nothing_is_paid_yet_the_card_can_be_declined(plan_id: str) -> None:
    shop = Shop()
    session = shop.checkout(plan_id)
    mark = len(shop.events())
    shop.provider.complete_checkout(session.id, declined=DeclineReason.ISSUER_DECLINED)
    assert shop.since(mark) == ["payment_method.setup_failed"]
    assert shop.session(session.id).status == "open"
    assert run(shop.provider.list_subscriptions(str(session.customer_id))) == []


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("plan_id", ["trial", "calls", "free"])
def test_where_nothing_is_paid_yet_no_payment_is_made(plan_id: str, delayed: bool) -> None:
    shop = Shop()
    session = shop.checkout(plan_id)
    shop.provider.decline_next_payment(customer_id=session.customer_id)
    made = shop.subscribed(session.id, delayed=delayed)
    assert made.status.grants_access
    done = shop.session(session.id)
    assert (done.status, done.payment_id) == ("complete", None)


def test_a_trial_begins_without_an_invoice() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    assert (made.status, made.trial_end, made.current_period_end) == (
        "trialing",
        shop.provider.now + timedelta(days=14),
        shop.provider.now + timedelta(days=14),
    )
    assert shop.invoices(made) == []


@pytest.mark.parametrize(("plan_id", "days", "status"), [("trial", 0, "active"), ("pro", 3, "trialing")])
def test_the_trial_that_is_asked_for_comes_before_the_plans_own(plan_id: str, days: int, status: str) -> None:
    assert Shop().subscribe(plan_id, trial_days=days).status == status


def test_a_metered_plan_begins_with_an_invoice_over_nothing() -> None:
    shop = Shop()
    made = shop.subscribe("calls", quantity=7)
    assert (made.status, made.quantity, made.items[0].metered, made.items[0].quantity) == ("active", None, True, None)
    [invoice] = shop.invoices(made)
    assert (invoice.amount, invoice.status) == (usd(0), "paid")


# --- single payments ---------------------------------------------------------------------------------------------


def test_a_single_payment_is_taken_with_what_was_asked_for() -> None:
    shop = Shop()
    customer = shop.customer()
    session = shop.payment_page(usd(700), customer_id=customer.id, description="Setup", metadata={"order": "9"})
    payment = shop.paid(session.id)
    assert (payment.status, payment.amount, payment.customer_id, payment.description, dict(payment.metadata)) == (
        "succeeded",
        usd(700),
        customer.id,
        "Setup",
        {"order": "9"},
    )
    done = shop.session(session.id)
    assert (done.status, done.payment_id, done.subscription_id) == ("complete", payment.id, None)


def test_a_single_payment_needs_no_customer() -> None:
    payment = Shop().pay()
    assert (payment.status, payment.customer_id) == ("succeeded", None)


def test_a_single_payment_that_is_declined_leaves_the_page_open() -> None:
    shop = Shop()
    session = shop.payment_page()
    shop.provider.complete_checkout(session.id, declined=DeclineReason.ISSUER_DECLINED)
    assert shop.session(session.id).status == "open"
    shop.provider.decline_next_payment(reason=DeclineReason.AUTHENTICATION_REQUIRED)
    assert shop.paid(session.id).status == "failed"
    assert shop.paid(session.id).status == "succeeded"


def test_a_single_payment_can_be_authorized_only() -> None:
    payment = Shop().pay(capture=False)
    assert (payment.status, payment.amount_captured) == ("authorized", usd(0))


# --- money that comes later --------------------------------------------------------------------------------------


def delayed(shop: Shop, **options: Any) -> tuple[str, str]:
    session = shop.checkout(**options)
    return session.id, shop.subscribed(session.id, delayed=True).id


def test_a_delayed_payment_leaves_page_and_subscription_waiting() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    waiting = shop.session(session.id)
    assert (made.status, waiting.status, waiting.url) == ("incomplete", "pending", None)
    assert shop.payment(waiting.payment_id).status == "processing"
    assert [invoice.status for invoice in shop.invoices(made)] == ["open"]


def test_money_that_arrives_activates_the_subscription() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    shop.provider.advance(hours=20)
    mark = len(shop.events())
    done = shop.provider.settle_checkout(session.id)
    assert done.status == "complete"
    assert shop.now(made).status == "active"
    assert shop.payment(done.payment_id).amount_captured == usd(3000)
    assert [invoice.status for invoice in shop.invoices(made)] == ["paid"]
    assert shop.since(mark) == ["payment.succeeded", "subscription.updated", "invoice.paid", "checkout.completed"]


def test_money_that_does_not_arrive_expires_page_and_subscription() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    mark = len(shop.events())
    ended = shop.provider.settle_checkout(session.id, succeeded=False)
    assert (ended.status, shop.now(made).status) == ("expired", "expired")
    assert shop.payment(ended.payment_id).status == "failed"
    assert [invoice.status for invoice in shop.invoices(made)] == ["void"]
    assert shop.since(mark) == ["payment.failed", "invoice.voided", "subscription.expired", "checkout.failed"]


def test_money_that_nobody_hears_of_for_23_hours_counts_as_failed() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    shop.provider.advance(hours=22.9)
    assert shop.now(made).status == "incomplete"
    shop.provider.advance(hours=0.1)
    ended = shop.session(session.id)
    assert (shop.now(made).status, ended.status) == ("expired", "expired")
    assert shop.payment(ended.payment_id).status == "failed"


def test_money_that_arrived_in_time_is_not_taken_back_after_23_hours() -> None:
    shop = Shop()
    session_id, _ = delayed(shop)
    shop.provider.settle_checkout(session_id)
    shop.provider.advance(days=2)
    assert shop.session(session_id).status == "complete"


@pytest.mark.parametrize("succeeded", [True, False])
def test_money_can_settle_only_once(succeeded: bool) -> None:
    shop = Shop()
    session_id, _ = delayed(shop)
    shop.provider.settle_checkout(session_id, succeeded=succeeded)
    mark = len(shop.events())
    with pytest.raises(errors.Conflict):
        shop.provider.settle_checkout(session_id)
    assert shop.since(mark) == []


def test_an_open_page_has_nothing_to_settle() -> None:
    shop = Shop()
    with pytest.raises(errors.Conflict):
        shop.provider.settle_checkout(shop.checkout().id)


def test_canceling_while_the_money_is_under_way_calls_it_off() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    assert shop.cancel(made).status == "canceled"
    ended = shop.session(session.id)
    assert (ended.status, shop.payment(ended.payment_id).status) == ("expired", "canceled")
    with pytest.raises(errors.Conflict):
        shop.provider.settle_checkout(session.id)
    assert shop.payment(ended.payment_id).amount_captured == usd(0)


def test_a_payment_under_way_can_be_neither_canceled_nor_authenticated_nor_paid_a_second_time() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    payment_id = str(shop.session(session.id).payment_id)
    mark = len(shop.events())
    with pytest.raises(errors.Conflict):
        run(shop.provider.cancel_payment(payment_id))
    with pytest.raises(errors.Conflict):
        shop.provider.authenticate_payment(payment_id)
    with pytest.raises(errors.Conflict):
        shop.provider.pay_hosted_invoice(shop.invoices(made)[0].id)
    assert shop.since(mark) == []


@pytest.mark.parametrize("change", [{"plan_id": "team"}, {"quantity": 2}, {"plan_id": "yearly"}])
def test_what_is_not_paid_yet_cannot_be_changed(change: dict[str, Any]) -> None:
    shop = Shop()
    _, subscription_id = delayed(shop)
    with pytest.raises(errors.Conflict):
        run(shop.provider.change_subscription(subscription_id, **change))
    with pytest.raises(errors.Conflict):
        run(shop.provider.pause_subscription(subscription_id))


def test_an_incomplete_subscription_that_is_to_end_with_its_period_does_so_after_it_was_paid() -> None:
    shop = Shop()
    session_id, subscription_id = delayed(shop)
    run(shop.provider.cancel_subscription(subscription_id, at_period_end=True))
    shop.provider.settle_checkout(session_id)
    shop.provider.advance(months=1)
    found = run(shop.provider.get_subscription(subscription_id))
    assert found is not None
    assert found.status == "canceled"


@pytest.mark.parametrize(
    ("capture", "succeeded", "ends_as"),
    [(True, True, "succeeded"), (True, False, "failed"), (False, True, "authorized"), (False, False, "failed")],
)
def test_a_delayed_single_payment_ends_as_it_was_asked_for(capture: bool, succeeded: bool, ends_as: str) -> None:
    shop = Shop()
    session = shop.payment_page(capture=capture)
    assert shop.paid(session.id, delayed=True).status == "processing"
    done = shop.provider.settle_checkout(session.id, succeeded=succeeded)
    assert done.status == ("complete" if succeeded else "expired")
    assert shop.payment(done.payment_id).status == ends_as


def test_a_delayed_payment_leaves_settings_to_fail_for_the_next() -> None:
    shop = Shop()
    shop.provider.decline_next_payment()
    shop.provider.complete_checkout(shop.payment_page().id, delayed=True)
    assert shop.pay().status == "failed"


def test_plans_are_listed_and_found() -> None:
    shop = Shop()
    plans = run(shop.provider.list_plans())
    assert [plan.id for plan in plans][:3] == ["pro", "team", "trial"]
    assert [run(shop.provider.get_plan(plan.id)) for plan in plans] == plans
    assert run(shop.provider.get_plan("gold")) is None


def test_a_plan_says_what_it_was_made_with() -> None:
    plan = Shop().provider.add_plan("q", usd(5), name="Quarterly", interval_count=3, trial_days=7, metered=True)
    assert (plan.name, plan.amount, plan.interval, plan.interval_count, plan.trial_days, plan.metered) == (
        "Quarterly",
        usd(5),
        "month",
        3,
        7,
        True,
    )


def test_a_plan_that_is_offered_at_another_price_keeps_the_old_one_for_who_has_it() -> None:
    shop = Shop()
    old = shop.subscribe()
    shop.provider.add_plan("pro", usd(4000))
    new = shop.subscribe()
    shop.provider.advance(months=1)
    assert (shop.amounts(old), shop.amounts(new)) == ([3000, 3000], [4000, 4000])


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"interval": "hour"}, "interval"),
        ({"interval_count": 0}, "interval_count"),
        ({"interval": "year", "interval_count": 4}, "interval_count"),
        ({"trial_days": -1}, "trial_days"),
        ({"trial_days": 731}, "trial_days"),
        ({"amount": usd(-1)}, "amount"),
        ({"amount": usd(10**16)}, "amount"),
        ({"plan_id": "a/b"}, "plan_id"),
    ],
)
def test_a_plan_that_cannot_be_billed_is_refused(wrong: dict[str, Any], param: str) -> None:
    shop = Shop()
    before = run(shop.provider.list_plans())
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.provider.add_plan(**{"plan_id": "new", "amount": usd(100), **wrong})
    assert caught.value.param == param
    assert run(shop.provider.list_plans()) == before


def test_the_urls_of_the_page_must_be_urls() -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest):
        run(shop.provider.create_payment_session(usd(1), **{**PLACES, "success_url": "javascript:alert(1)"}))
