"""Every operation of the protocol works against Square's stand-in, async and blocking, and leaves the right state behind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

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
from paylattice.errors import (
    ActionRequired,
    AuthenticationError,
    Conflict,
    Declined,
    DeclineReason,
    InvalidRequest,
    NotFound,
    UnsupportedOperation,
)
from paylattice.operations import OPERATIONS

from .support import LOCATION, NO, NOW, OK, Market

USD = Money(1900, "USD")


@pytest.fixture(params=["async", "blocking"])
def market(request: pytest.FixtureRequest) -> Iterator[Market]:
    """An account that sells two plans; every request that the provider makes is one that Square takes."""
    market = Market(request.param)
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("TEAM", Money(4900, "USD"))
    yield market
    assert market.faults_of_requests == ([("POST", "/v2/payments")] if "declines" in request.node.name else [])


def bought(market: Market, plan_id: str = "PRO", **how: Any) -> tuple[str, str]:
    """A session whose link was paid, and its subscription."""
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace"))
    session = market.run(market.provider.create_checkout_session(customer.id, plan_id, OK, NO))
    market.server.complete_checkout(session.id, **how)
    done = market.run(market.provider.get_checkout_session(session.id))
    assert done is not None
    assert done.subscription_id is not None
    return session.id, done.subscription_id


def test_a_customer_is_created_read_changed_and_deleted(market: Market) -> None:
    made = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace", {"org_id": "org-1"}))
    assert market.run(market.provider.get_customer(made.id)) == made
    changed = market.run(market.provider.update_customer(made.id, name="Ada", metadata={"org_id": ""}))
    assert (changed.name, changed.email, dict(changed.metadata)) == ("Ada", "ada@example.com", {})
    market.run(market.provider.delete_customer(made.id))
    market.run(market.provider.delete_customer(made.id))
    assert market.run(market.provider.get_customer(made.id)) is None
    with pytest.raises(NotFound):
        market.run(market.provider.update_customer(made.id, name="x"))
    assert market.told() == ["customer.created", "customer.updated", "customer.deleted"]


def test_a_customer_that_was_made_and_lost_is_found(market: Market) -> None:
    made = market.run(market.provider.create_customer("ada@example.com", "Ada", {"org_id": "Org-1"}))
    market.run(market.provider.create_customer("ada@example.com", "Ada", {"org_id": "org-1"}))
    since = NOW - timedelta(minutes=1)
    call = market.provider.find_created_customer("key", since, email="ada@example.com", metadata={"org_id": "Org-1"})
    assert market.run(call) == made


def test_a_page_that_is_not_wanted_any_more_is_closed(market: Market) -> None:
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace"))
    session = market.run(market.provider.create_checkout_session(customer.id, "PRO", OK, NO))
    closed = market.run(market.provider.expire_checkout_session(session.id))
    assert (closed.id, closed.status, closed.url) == (session.id, CheckoutStatus.EXPIRED, None)
    assert market.run(market.provider.expire_checkout_session(session.id)).status is CheckoutStatus.EXPIRED
    with pytest.raises((ValueError, LookupError)):
        market.server.complete_checkout(session.id)
    paid, subscription = bought(market)
    late = market.run(market.provider.expire_checkout_session(paid))
    assert (late.status, late.subscription_id) == (CheckoutStatus.COMPLETE, subscription)


def test_customers_are_listed_behind_one_another(market: Market) -> None:
    made = [market.run(market.provider.create_customer(f"{name}@example.com", "Ada")).id for name in "abcd"]
    found = market.run(market.provider.list_customers(after=made[0], limit=2))
    assert [each.id for each in found] == made[1:3]
    market.server.merge(made[1], made[2])
    with pytest.raises(NotFound, match="go on after"):
        market.run(market.provider.list_customers(after=made[1]))
    assert made[3] in {each.id for each in market.run(market.provider.list_customers(after=made[0]))}


def test_a_merged_customer_is_followed(market: Market) -> None:
    first, second = (market.run(market.provider.create_customer("ada@example.com", "Ada")) for _ in range(2))
    card = market.server.add_payment_method(first.id)
    subscription = market.server.add_subscription(first.id, "PRO", card=card)
    new = market.server.merge(first.id, second.id)
    found = market.run(market.provider.get_customer(first.id))
    assert found is not None
    assert (found.id, found.merged_from) == (new, first.id)
    assert [row.id for row in market.run(market.provider.list_subscriptions(first.id))] == [subscription]
    assert [row.id for row in market.run(market.provider.get_payment_methods(first.id))] == [card]
    assert len(market.run(market.provider.get_invoices(first.id))) == 1
    payment = market.run(market.provider.create_payment(USD, customer_id=first.id, payment_method_id=card))
    assert payment.customer_id == new
    with pytest.raises(Conflict):
        market.run(market.provider.delete_customer(first.id))


# --- checkout ----------------------------------------------------------------------------------------------------


def test_a_checkout_by_link_becomes_a_subscription_of_whoever_paid(market: Market) -> None:
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace"))
    call = market.provider.create_checkout_session(customer.id, "PRO", OK, NO, {"cart": "7"})
    session = market.run(call)
    assert (session.status, session.subscription_id, session.customer_id) == (CheckoutStatus.OPEN, None, customer.id)
    assert session.url is not None
    again = market.run(market.provider.get_checkout_session(session.id))
    assert again is not None
    assert (again.status, again.url, dict(again.metadata)) == (CheckoutStatus.OPEN, session.url, {"cart": "7"})
    market.server.complete_checkout(session.id, as_new_customer=True)
    done = market.run(market.provider.get_checkout_session(session.id))
    assert done is not None
    assert (done.status, done.url, done.customer_id) == (CheckoutStatus.COMPLETE, None, customer.id)
    subscription = market.run(market.provider.get_subscription(done.subscription_id or ""))
    assert subscription is not None
    assert (subscription.status, subscription.plan_id) == (SubscriptionStatus.ACTIVE, "PRO")
    assert subscription.customer_id != customer.id
    assert market.server.money_taken() == 1900
    payment = market.run(market.provider.get_payment(done.payment_id or ""))
    assert payment is not None
    assert (payment.status, payment.amount, payment.customer_id) == (
        PaymentStatus.SUCCEEDED,
        USD,
        subscription.customer_id,
    )


@pytest.mark.parametrize("traceable", [True, False])
def test_two_links_of_one_buyer_keep_their_own_subscriptions(market: Market, traceable: bool) -> None:
    first, second = (market.link()["id"] for _ in range(2))
    market.server.complete_checkout(second, traceable=traceable)
    market.server.advance(hours=2)
    market.server.complete_checkout(first, traceable=traceable)
    made = [str(row["id"]) for row in market.server.objects("subscription")]
    found = [market.run(market.provider.get_checkout_session(link)) for link in (second, first)]
    assert [session.subscription_id for session in found if session is not None] == made


def test_in_the_sandbox_a_paid_link_is_complete_without_a_subscription(market: Market) -> None:
    market.server.variants.links_subscribe = False
    session = market.link()["id"]
    market.server.complete_checkout(session)
    done = market.run(market.provider.get_checkout_session(session))
    assert done is not None
    assert (done.status, done.subscription_id) == (CheckoutStatus.COMPLETE, None)


def test_a_checkout_that_nobody_can_pay_any_more_has_expired_or_is_gone(market: Market) -> None:
    session = market.link()
    market.ok("DELETE", f"/v2/online-checkout/payment-links/{session['id']}")
    assert market.run(market.provider.get_checkout_session(session["id"])) is None
    assert market.run(market.provider.get_checkout_session("none")) is None


def test_a_declined_buyer_leaves_the_checkout_open(market: Market) -> None:
    session = market.link()["id"]
    market.server.decline_next_payment()
    market.server.complete_checkout(session)
    found = market.run(market.provider.get_checkout_session(session))
    assert found is not None
    assert (found.status, found.payment_id) == (CheckoutStatus.OPEN, None)


def test_a_page_for_a_payment_is_paid(market: Market) -> None:
    customer = market.run(market.provider.create_customer("ada@example.com"))
    pay = market.provider.create_payment_session
    call = pay(USD, OK, NO, customer_id=customer.id, description="Book", metadata={"order": "7"})
    session = market.run(call)
    assert session.status is CheckoutStatus.OPEN
    market.server.complete_checkout(session.id)
    done = market.run(market.provider.get_checkout_session(session.id))
    assert done is not None
    assert (done.status, done.customer_id, dict(done.metadata)) == (
        CheckoutStatus.COMPLETE,
        customer.id,
        {"order": "7"},
    )
    payment = market.run(market.provider.get_payment(done.payment_id or ""))
    assert payment is not None
    assert (payment.status, payment.amount, payment.description) == (PaymentStatus.SUCCEEDED, USD, "Book")
    with pytest.raises(InvalidRequest):
        market.run(pay(USD, OK, NO, capture=False))
    with pytest.raises(InvalidRequest):
        market.run(pay(Money(1900, "EUR"), OK, NO))


def test_a_checkout_by_invoice_keeps_the_customer(market: Market) -> None:
    provider = market.another(checkout="invoice")
    customer = market.run(provider.create_customer("ada@example.com", "Ada Lovelace"))
    session = market.run(provider.create_checkout_session(customer.id, "PRO", OK, NO))
    assert (session.status, session.customer_id) == (CheckoutStatus.OPEN, customer.id)
    assert session.url is not None
    waiting = market.run(provider.get_subscription(session.subscription_id or ""))
    assert waiting is not None
    assert waiting.status is SubscriptionStatus.INCOMPLETE
    market.server.pay_invoice(session.subscription_id or "")
    done = market.run(provider.get_checkout_session(session.id))
    assert done is not None
    assert (done.status, done.url) == (CheckoutStatus.COMPLETE, None)
    subscription = market.run(provider.get_subscription(session.subscription_id or ""))
    assert subscription is not None
    assert (subscription.status, subscription.customer_id) == (SubscriptionStatus.ACTIVE, customer.id)


def test_a_checkout_by_invoice_waits_for_the_invoice(market: Market) -> None:
    provider = market.another(checkout="invoice")
    customer = market.run(provider.create_customer("ada@example.com", "Ada Lovelace"))
    market.server.variants.invoice_after = 3
    session = market.run(provider.create_checkout_session(customer.id, "PRO", OK, NO))
    assert session.url is not None
    assert len(market.slept) > 1


def test_a_plan_is_no_variation(market: Market) -> None:
    plan = next(str(row["id"]) for row in market.server.objects("catalog") if row["type"] == "SUBSCRIPTION_PLAN")
    with pytest.raises(InvalidRequest, match="PRO"):
        market.run(market.provider.create_checkout_session(market.customer(), plan, OK, NO))


# --- subscriptions -----------------------------------------------------------------------------------------------


def test_a_subscription_knows_its_period(market: Market) -> None:
    _, subscription_id = bought(market)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert found.current_period_start == datetime(2026, 10, 31, 7, tzinfo=UTC)
    assert found.current_period_end == datetime(2026, 11, 30, 8, tzinfo=UTC)  # midnight there, in winter
    market.server.renew(subscription_id)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert found.current_period_end == datetime(2026, 12, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("charged_through_next", [True, False])
def test_both_readings_of_the_date_lead_to_the_same_period(market: Market, charged_through_next: bool) -> None:
    market.server.variants.charged_through_next = charged_through_next
    _, subscription_id = bought(market)
    market.run(market.provider.cancel_subscription(subscription_id, at_period_end=True))
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    end = datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert (found.current_period_end, found.cancel_at, [c.effective_at for c in found.scheduled_changes]) == (
        end,
        end,
        [end],
    )


def test_a_trial_is_a_trial_until_it_is_over(market: Market) -> None:
    subscription_id = market.subscribed("TRY", trial_periods=2)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.TRIALING, datetime(2026, 11, 14, 8, tzinfo=UTC))
    market.server.renew(subscription_id)
    market.server.renew(subscription_id)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.ACTIVE, datetime(2026, 11, 14, 8, tzinfo=UTC))


def test_what_is_not_paid_is_past_due_until_it_is(market: Market) -> None:
    _, subscription_id = bought(market)
    market.server.decline_next_payment("INSUFFICIENT_FUNDS")
    market.server.renew(subscription_id)

    def status() -> SubscriptionStatus:
        found = market.run(market.provider.get_subscription(subscription_id))
        assert found is not None
        assert found.raw_status == "ACTIVE"
        return found.status

    assert status() is SubscriptionStatus.PAST_DUE
    market.server.pay_invoice(subscription_id)
    assert status() is SubscriptionStatus.ACTIVE


def test_a_subscription_is_canceled_with_its_period_and_uncanceled(market: Market) -> None:
    _, subscription_id = bought(market)
    with pytest.raises(UnsupportedOperation):
        market.run(market.provider.cancel_subscription(subscription_id))
    canceled = market.run(market.provider.cancel_subscription(subscription_id, at_period_end=True))
    assert (canceled.status, canceled.cancel_at is not None) == (SubscriptionStatus.ACTIVE, True)
    again = market.run(market.provider.cancel_subscription(subscription_id, at_period_end=True))
    assert again.cancel_at == canceled.cancel_at
    back = market.run(market.provider.uncancel_subscription(subscription_id))
    assert back.cancel_at is None
    market.run(market.provider.cancel_subscription(subscription_id, at_period_end=True))
    market.server.renew(subscription_id)
    ended = market.run(market.provider.get_subscription(subscription_id))
    assert ended is not None
    assert ended.status is SubscriptionStatus.CANCELED
    with pytest.raises(Conflict):
        market.run(market.provider.uncancel_subscription(subscription_id))


def test_a_card_of_the_browser_is_saved_and_pays_the_subscription(market: Market) -> None:
    _, subscription_id = bought(market)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert found.customer_id is not None
    saved = market.run(market.provider.save_payment_method(found.customer_id, "cnon:new", verification_token="verf:1"))
    assert (saved.customer_id, saved.last4) == (found.customer_id, "1111")
    changed = market.run(market.provider.set_payment_method(subscription_id, saved.id))
    assert changed.raw["card_id"] == saved.id
    assert market.run(market.provider.set_payment_method(subscription_id, saved.id)) == changed


def test_a_token_that_square_does_not_know_saves_and_charges_nothing(market: Market) -> None:
    customer = market.customer()
    with pytest.raises(InvalidRequest) as saving:
        market.run(market.provider.save_payment_method(customer, "tok_of_another_kind"))
    with pytest.raises(InvalidRequest) as paying:
        market.run(market.provider.create_payment(USD, token="tok_of_another_kind"))
    assert (saving.value.param, paying.value.param) == ("source_id", "source_id")
    assert market.run(market.provider.get_payment_methods(customer)) == []
    assert market.server.count("payment") == 0


def test_a_subscription_begins_with_a_card_on_file_and_is_found_by_its_key(market: Market) -> None:
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace")).id
    card = market.run(market.provider.save_payment_method(customer, "cnon:new")).id
    call = market.provider.create_subscription(customer, "PRO", payment_method_id=card, idempotency_key="order-7")
    begun = market.run(call)
    assert (begun.is_pending, begun.subscription.customer_id) == (False, customer)
    found = market.run(market.provider.find_subscription("order-7", NOW, customer_id=customer))
    assert found is not None
    assert (found.id, found.status, found.raw["card_id"]) == (begun.subscription.id, SubscriptionStatus.ACTIVE, card)
    assert market.run(market.provider.find_subscription("order-8", NOW, customer_id=customer)) is None
    market.server.merge(customer, market.run(market.provider.create_customer("b@example.com", "Ada L.")).id)
    moved = market.run(market.provider.find_subscription("order-7", NOW, customer_id=customer))
    assert moved is not None
    assert moved.id == begun.subscription.id
    later = NOW + timedelta(days=30)
    call = market.provider.create_subscription(customer, "PRO", payment_method_id=card, start_at=later)
    assert market.run(call).subscription.status is SubscriptionStatus.INCOMPLETE


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({}, "payment_method_id"),
        ({"payment_method_id": "ccof:1", "quantity": 2}, "quantity"),
        ({"payment_method_id": "ccof:1", "trial_end": NOW}, "trial_end"),
        ({"payment_method_id": "ccof:1"}, "customer_id"),
    ],
)
def test_what_square_cannot_begin_is_refused_before_anything_is_sent(
    market: Market, arguments: dict[str, Any], names: str
) -> None:
    customer = market.run(market.provider.create_customer("ada@example.com")).id
    with pytest.raises(InvalidRequest) as caught:
        market.run(market.provider.create_subscription(customer, "PRO", **arguments))
    assert caught.value.param == names
    assert market.server.count("subscription") == 0


def test_what_square_lacks_names_the_way_that_the_test_above_goes(market: Market) -> None:
    with pytest.raises(UnsupportedOperation, match="pass its token to save_payment_method"):
        market.run(market.provider.create_setup_session("CUST", OK, NO))
    with pytest.raises(UnsupportedOperation, match="Send the customer to the hosted_url of the open invoice"):
        market.run(market.provider.bill_outstanding("sub-1"))
    with pytest.raises(UnsupportedOperation, match="Show the price of get_plan"):
        market.run(market.provider.preview_change("sub-1", plan_id="MAX"))
    with pytest.raises(UnsupportedOperation, match="Call set_payment_method for each"):
        market.run(market.provider.set_default_payment_method("CUST", "ccof:1"))
    with pytest.raises(UnsupportedOperation, match=r"Begin another subscription with create_subscription\(start_at"):
        market.run(market.provider.extend_trial("sub-1", NOW))


def test_a_subscription_is_paused_and_resumed(market: Market) -> None:
    _, subscription_id = bought(market)
    pausing = market.run(market.provider.pause_subscription(subscription_id))
    assert (pausing.status, pausing.collection_paused) == (SubscriptionStatus.ACTIVE, True)
    back = market.run(market.provider.resume_subscription(subscription_id))
    assert not back.collection_paused
    market.run(market.provider.pause_subscription(subscription_id))
    market.server.renew(subscription_id)
    paused = market.run(market.provider.get_subscription(subscription_id))
    assert paused is not None
    assert paused.status is SubscriptionStatus.PAUSED
    market.run(market.provider.resume_subscription(subscription_id))
    market.run(market.provider.resume_subscription(subscription_id))
    resumed = market.run(market.provider.get_subscription(subscription_id))
    assert resumed is not None
    assert resumed.status is SubscriptionStatus.ACTIVE
    assert market.server.money_taken() == 3800


def test_a_swap_is_taken_back_and_the_plan_stays(market: Market) -> None:
    _, subscription_id = bought(market)
    market.run(market.provider.change_subscription(subscription_id, plan_id="TEAM"))
    kept = market.run(market.provider.cancel_scheduled_change(subscription_id))
    assert (kept.plan_id, kept.scheduled_changes) == ("PRO", ())
    assert market.run(market.provider.cancel_scheduled_change(subscription_id)) == kept
    market.server.renew(subscription_id)
    renewed = market.run(market.provider.get_subscription(subscription_id))
    assert renewed is not None
    assert renewed.plan_id == "PRO"


def test_a_plan_is_changed_for_the_next_period(market: Market) -> None:
    _, subscription_id = bought(market)
    change = market.run(market.provider.change_subscription(subscription_id, plan_id="TEAM"))
    assert change.subscription.plan_id == "PRO"
    assert [(c.action, c.plan_id) for c in change.subscription.scheduled_changes] == [("change_plan", "TEAM")]
    back = market.run(market.provider.change_subscription(subscription_id, plan_id="PRO"))
    assert back.subscription.scheduled_changes == ()
    market.run(market.provider.change_subscription(subscription_id, plan_id="TEAM"))
    market.server.renew(subscription_id)
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert found.plan_id == "TEAM"
    with pytest.raises(InvalidRequest):
        market.run(market.provider.change_subscription(subscription_id, quantity=3))


def test_subscriptions_are_listed_over_awkward_pages(market: Market) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    made: list[str] = []
    for _ in range(5):
        made.insert(0, market.server.add_subscription(customer, "PRO", card=card))
        market.server.advance(hours=1)
    market.server.variants.empty_pages = True
    market.server._world.largest_page = 2
    assert [row.id for row in market.run(market.provider.list_subscriptions(customer))] == made


def test_a_deactivated_subscription_is_paused(market: Market) -> None:
    subscription_id = market.subscribed()
    market.run(market.provider.delete_customer(str(market.subscription(subscription_id)["customer_id"])))
    found = market.run(market.provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.raw_status) == (SubscriptionStatus.PAUSED, "DEACTIVATED")


def test_usage_is_refused_with_another_way(market: Market) -> None:
    assert Capability.METERED_USAGE not in market.provider.capabilities
    with pytest.raises(UnsupportedOperation):
        market.run(market.provider.create_usage_record("item", 3))


# --- invoices ----------------------------------------------------------------------------------------------------


def test_invoices_are_newest_first_and_of_one_subscription_if_asked(market: Market) -> None:
    first = market.subscribed()
    customer = str(market.subscription(first)["customer_id"])
    second = market.server.add_subscription(customer, "TEAM", card=market.server.add_payment_method(customer))
    market.server.decline_next_payment()
    market.server.advance(months=1, days=1)
    found = market.run(market.provider.get_invoices(customer))
    made = [invoice.created_at for invoice in found if invoice.created_at is not None]
    assert made == sorted(made, reverse=True)
    assert sorted((invoice.amount.amount, invoice.status) for invoice in found) == [
        (1900, InvoiceStatus.OPEN),
        (1900, InvoiceStatus.PAID),
        (4900, InvoiceStatus.PAID),
        (4900, InvoiceStatus.PAID),
    ]
    (owed,) = [invoice for invoice in found if invoice.status is InvoiceStatus.OPEN]
    assert (owed.amount_paid, owed.hosted_url is not None) == (Money(0, "USD"), True)
    of_it = market.run(market.provider.get_invoices(customer, 1, subscription_id=second))
    assert [invoice.subscription_id for invoice in of_it] == [second]


def test_an_invoice_is_found_published_and_voided_and_paid_on_its_page_alone(market: Market) -> None:
    subscription = market.subscribed()
    customer = str(market.subscription(subscription)["customer_id"])

    def owed() -> str:
        market.server.decline_next_payment()
        market.server.renew(subscription)
        (newest, *_) = market.run(market.provider.get_invoices(customer, 1))
        assert newest.status is InvoiceStatus.OPEN
        return newest.id

    first = owed()
    with pytest.raises(UnsupportedOperation) as caught:
        market.run(market.provider.pay_invoice(first))
    assert "hosted_url of get_invoice" in (caught.value.alternative or "")
    found = market.run(market.provider.get_invoice(first))
    assert found is not None
    assert found.hosted_url is not None
    market.server.pay_invoice(found.hosted_url.rpartition("/")[2])
    paid = market.run(market.provider.get_invoice(first))
    assert paid is not None
    assert (paid.status, len(paid.payment_ids)) == (InvoiceStatus.PAID, 1)
    with pytest.raises(Conflict, match="not paid"):
        market.run(market.provider.void_invoice(first))
    second = owed()
    assert market.run(market.provider.void_invoice(second)).status is InvoiceStatus.VOID
    assert market.run(market.provider.void_invoice(second)).status is InvoiceStatus.VOID
    assert market.run(market.provider.get_invoice("inv:0-other")) is None
    draft = market.draft_invoice(customer)
    with pytest.raises(Conflict, match="draft"):
        market.run(market.provider.void_invoice(draft))
    published = market.run(market.provider.publish_invoice(draft))
    assert (published.status, published.hosted_url is not None) == (InvoiceStatus.OPEN, True)
    assert market.run(market.provider.publish_invoice(draft)).id == draft
    assert market.run(market.provider.void_invoice(draft)).status is InvoiceStatus.VOID


# --- payments ----------------------------------------------------------------------------------------------------


def test_a_saved_card_is_charged_held_taken_in_part_and_given_up(market: Market) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    pay = market.provider.create_payment

    def held() -> str:
        call = pay(USD, customer_id=customer, payment_method_id=card, capture=False, description="x")
        return market.run(call).id

    paid = market.run(pay(USD, customer_id=customer, payment_method_id=card, metadata={"org_id": "org-1"}))
    assert (paid.status, paid.amount, dict(paid.metadata)) == (PaymentStatus.SUCCEEDED, USD, {"org_id": "org-1"})
    part = market.run(market.provider.capture_payment(held(), Money(500, "USD")))
    assert (part.status, part.amount_captured) == (PaymentStatus.SUCCEEDED, Money(500, "USD"))
    assert market.run(market.provider.capture_payment(held())).amount_captured == USD
    given_up = held()
    for _ in range(2):
        assert market.run(market.provider.cancel_payment(given_up)).status is PaymentStatus.CANCELED
    with pytest.raises(Conflict):
        market.run(market.provider.capture_payment(given_up))
    with pytest.raises(Conflict):
        market.run(market.provider.cancel_payment(paid.id))
    assert market.server.money_taken() == 1900 + 500 + 1900


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("INSUFFICIENT_FUNDS", DeclineReason.INSUFFICIENT_FUNDS),
        ("CARD_EXPIRED", DeclineReason.EXPIRED_CARD),
        ("CVV_FAILURE", DeclineReason.INCORRECT_DETAILS),
    ],
)
def test_a_card_that_declines_says_why_and_names_the_payment(market: Market, code: str, reason: DeclineReason) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer, declines=code)
    with pytest.raises(Declined) as caught:
        market.run(market.provider.create_payment(USD, customer_id=customer, payment_method_id=card))
    assert (caught.value.reason, caught.value.code) == (reason, code)
    assert caught.value.payment_id == market.server.objects("payment")[0]["id"]
    failed = market.run(market.provider.get_payment(caught.value.payment_id or ""))
    assert failed is not None
    assert failed.status is PaymentStatus.FAILED


def test_a_card_that_declines_without_its_owner_says_so(market: Market) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer, declines="CARD_DECLINED_VERIFICATION_REQUIRED")
    with pytest.raises(ActionRequired):
        market.run(market.provider.create_payment(USD, customer_id=customer, payment_method_id=card))


def test_a_payment_is_refunded_in_parts(market: Market) -> None:
    payment = market.payment()["id"]
    part = market.run(market.provider.refund_payment(payment, Money(400, "USD"), "late"))
    assert (part.status, part.amount, part.payment_id) == (RefundStatus.PENDING, Money(400, "USD"), payment)
    rest = market.run(market.provider.refund_payment(payment))
    assert rest.amount == Money(1500, "USD")
    found = market.run(market.provider.get_payment(payment))
    assert found is not None
    assert found.status is PaymentStatus.REFUNDED
    market.settle_refunds()
    assert market.server.money_taken() == 0


def test_saved_cards_are_listed_over_pages_and_forgotten(market: Market) -> None:
    customer = market.customer()
    cards = [market.server.add_payment_method(customer, brand="AMERICAN_EXPRESS", last4="0005") for _ in range(30)]
    listed = market.run(market.provider.get_payment_methods(customer))
    assert [method.id for method in listed] == cards
    assert (listed[0].brand, listed[0].last4, listed[0].exp_year) == ("amex", "0005", 2031)
    for _ in range(2):
        market.run(market.provider.remove_payment_method(cards[0]))
    assert len(market.run(market.provider.get_payment_methods(customer))) == 29
    with pytest.raises(NotFound):
        market.run(market.provider.remove_payment_method("ccof:none"))


# --- plans, events, the location ---------------------------------------------------------------------------------


def test_plans_are_variations(market: Market) -> None:
    market.server.add_plan("TRY", Money(900, "USD"), cadence="QUARTERLY", trial_periods=2)
    plans = {plan.id: plan for plan in market.run(market.provider.list_plans())}
    assert set(plans) == {"PRO", "TEAM", "TRY"}
    found = plans["TRY"]
    assert (found.amount, found.interval, found.interval_count, found.trial_days) == (Money(900, "USD"), "month", 3, 14)
    assert market.run(market.provider.get_plan("TRY")) == found
    assert market.run(market.provider.get_plan("none")) is None


def test_events_are_listed_oldest_first(market: Market) -> None:
    market.server.advance(days=2)
    bought(market)
    since = market.server.now - timedelta(hours=1)
    events = market.run(market.provider.list_events(since))
    delivered = [
        market.run(market.provider.parse_webhook(one.payload, one.headers)) for one in market.server.deliveries()
    ]
    assert {event.id for event in events} == {event.id for event in delivered if event.created_at >= since}
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)
    assert EventType.PAYMENT_SUCCEEDED in {event.type for event in events}
    assert len(market.run(market.provider.list_events(since, limit=3))) == 3


def test_every_delivery_is_read(market: Market) -> None:
    _, subscription_id = bought(market)
    market.server.decline_next_payment()
    market.server.renew(subscription_id)
    market.server.pay_invoice(subscription_id)
    market.run(market.provider.cancel_subscription(subscription_id, at_period_end=True))
    market.server.renew(subscription_id)
    market.run(market.provider.refund_payment(str(market.server.objects("payment")[0]["id"])))
    market.settle_refunds()
    market.server.send_test_notification()
    events = [market.run(market.provider.parse_webhook(one.payload, one.headers)) for one in market.server.deliveries()]
    types = [event.type for event in events]
    for wanted in (
        EventType.CUSTOMER_CREATED,
        EventType.SUBSCRIPTION_CREATED,
        EventType.SUBSCRIPTION_CANCELED,
        EventType.INVOICE_PAID,
        EventType.INVOICE_PAYMENT_FAILED,
        EventType.PAYMENT_SUCCEEDED,
        EventType.REFUND_SUCCEEDED,
    ):
        assert wanted in types
    assert "square:webhooks.test_notification" in types
    succeeded = {event.dedupe_key for event in events if event.type is EventType.PAYMENT_SUCCEEDED}
    assert len(succeeded) == 2
    assert all(event.created_at.tzinfo is UTC for event in events)
    failed = {event.dedupe_key for event in events if event.type is EventType.INVOICE_PAYMENT_FAILED}
    assert len(failed) == 1


def test_a_merge_is_told(market: Market) -> None:
    first, second = market.customer(), market.customer()
    market.told()
    new = market.server.merge(first, second)
    events = [market.run(market.provider.parse_webhook(one.payload, one.headers)) for one in market.server.deliveries()]
    merged = [event for event in events if event.type is EventType.CUSTOMER_MERGED]
    assert {event.customer_id for event in merged} == {first, second}
    assert {event.customer.id for event in merged if event.customer is not None} == {new}


def test_only_the_accounts_own_token_lists_events() -> None:
    from paylattice.errors import PermissionDenied

    market = Market(oauth_token="granted")
    provider = market.another(access_token="granted")
    with pytest.raises(PermissionDenied):
        market.run(provider.list_events(NOW - timedelta(days=1)))
    assert market.run(provider.create_customer("ada@example.com")).id


def test_a_wrong_token_and_a_wrong_location_are_told_apart() -> None:
    from paylattice.errors import ConfigurationError

    market = Market()
    market.server.add_location("LCLOSED", active=False)
    with pytest.raises(AuthenticationError):
        market.run(market.another(access_token="wrong").get_plan("PRO"))
    for wrong in ("LNONE", "LCLOSED"):
        provider = market.another(location_id=wrong)
        with pytest.raises(ConfigurationError, match=LOCATION if wrong == "LNONE" else "not active"):
            market.run(provider.create_payment_session(USD, OK, NO))


def test_yen_have_no_cents() -> None:
    market = Market(currency="JPY", timezone="Asia/Tokyo")
    market.server.add_plan("PRO", Money(1900, "JPY"))
    customer = market.customer()
    session = market.run(market.provider.create_checkout_session(customer, "PRO", OK, NO))
    market.server.complete_checkout(session.id)
    done = market.run(market.provider.get_checkout_session(session.id))
    assert done is not None
    payment = market.run(market.provider.get_payment(done.payment_id or ""))
    assert payment is not None
    assert payment.amount == Money(1900, "JPY")


def test_what_the_protocol_has_not_is_a_native_request(market: Market) -> None:
    body = {"email_address": "ada@example.com"}
    made = market.run(market.provider.request("POST", "/v2/customers", body, idempotency_key="ada"))
    again = market.run(market.provider.request("POST", "/v2/customers", body, idempotency_key="ada"))
    assert made == again
    assert market.server.count("customer") == 1


def test_every_operation_of_the_protocol_is_here() -> None:
    from pathlib import Path

    text = Path(__file__).read_text()
    assert [name for name in OPERATIONS if f"provider.{name}(" not in text and f"provider.{name}\n" not in text] == []
