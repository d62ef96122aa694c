"""Events in the words that all providers share."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import EventType, Money, SubscriptionStatus, WebhookEvent
from paylattice.providers.stripe import StripeProvider
from paylattice.providers.stripe.events import COMPLETED_CHECKOUTS, EVENT_TYPES, THIN_ONLY
from tests.kit import NOW

from .samples import (
    START,
    customer,
    event,
    intent,
    invoice,
    payment_method,
    refund,
    session,
    subscription,
    thin_event,
)
from .support import configuration, delivery


def parse(body: dict[str, Any]) -> WebhookEvent:
    provider = StripeProvider(configuration(), clock=lambda: float(NOW))
    return asyncio.run(provider.parse_webhook(*delivery(body)))


def test_an_event_says_what_when_and_who() -> None:
    found = parse(event("customer.subscription.updated", subscription(), livemode=False))
    assert (found.id, found.dedupe_key, found.provider) == ("evt_1", "evt_1", "stripe")
    assert (found.type, found.provider_type) == (EventType.SUBSCRIPTION_UPDATED, "customer.subscription.updated")
    assert found.created_at == datetime.fromtimestamp(START, UTC)
    assert (found.customer_id, found.subscription_id, found.livemode) == ("cus_1", "sub_1", False)
    assert found.subscription is not None
    assert found.subscription.status is SubscriptionStatus.ACTIVE
    assert found.raw["pending_webhooks"] == 1


@pytest.mark.parametrize(("stripe_type", "shared"), EVENT_TYPES.items())
def test_each_type_has_its_word(stripe_type: str, shared: EventType) -> None:
    assert parse(event(stripe_type, {"object": "something", "id": "x"})).type is shared


@pytest.mark.parametrize(
    "stripe_type",
    [
        "charge.succeeded",
        "charge.failed",
        "charge.captured",
        "charge.refunded",
        "invoice.payment_succeeded",
        "price.created",
        "something.of.2031",
    ],
)
def test_other_types_keep_stripes_name(stripe_type: str) -> None:
    assert parse(event(stripe_type, {"object": "charge", "id": "ch_1"})).type == f"stripe:{stripe_type}"


@pytest.mark.parametrize(
    ("payment_status", "expected"),
    [
        *COMPLETED_CHECKOUTS.items(),
        ("in_shells", "stripe:checkout.session.completed"),
        (None, "stripe:checkout.session.completed"),
    ],
)
def test_a_completed_checkout_is_complete_only_when_it_is_paid(payment_status: str | None, expected: str) -> None:
    body = session(status="complete", payment_status=payment_status, subscription="sub_1")
    found = parse(event("checkout.session.completed", body))
    assert found.type == expected
    assert (found.customer_id, found.subscription_id) == ("cus_1", "sub_1")
    assert found.checkout_session is not None


def test_a_refund_that_became_successful_says_so() -> None:
    done = event("refund.updated", refund())
    done["data"]["previous_attributes"] = {"status": "pending"}
    assert parse(done).type is EventType.REFUND_SUCCEEDED
    pending = event("refund.updated", {**refund(), "status": "pending"})
    assert parse(pending).type is EventType.REFUND_UPDATED


@pytest.mark.parametrize(
    ("stripe_type", "subject", "field"),
    [
        ("customer.updated", customer(), "customer"),
        ("customer.subscription.created", subscription(), "subscription"),
        ("invoice.paid", invoice(), "invoice"),
        ("payment_intent.succeeded", intent(), "payment"),
        ("refund.created", refund(), "refund"),
        ("checkout.session.expired", session(), "checkout_session"),
    ],
)
def test_the_object_comes_typed(stripe_type: str, subject: dict[str, Any], field: str) -> None:
    found = parse(event(stripe_type, subject))
    fields = ["customer", "subscription", "invoice", "payment", "refund", "checkout_session"]
    assert [name for name in fields if getattr(found, name) is not None] == [field]
    assert getattr(found, field).id == subject["id"]


@pytest.mark.parametrize(
    ("subject", "customer_id", "subscription_id"),
    [
        (customer(), "cus_1", None),
        (subscription(customer={"id": "cus_9"}), "cus_9", "sub_1"),
        (invoice(), "cus_1", "sub_1"),
        (invoice(parent=None, subscription="sub_7"), "cus_1", "sub_7"),
        (session(subscription={"id": "sub_8"}), "cus_1", "sub_8"),
        (intent(customer=None), None, None),
        (payment_method(), "cus_1", None),
        ({}, None, None),
    ],
)
def test_ids_are_found_in_every_object(
    subject: dict[str, Any], customer_id: str | None, subscription_id: str | None
) -> None:
    found = parse(event("x", subject))
    assert (found.customer_id, found.subscription_id) == (customer_id, subscription_id)


def test_a_detached_payment_method_names_its_former_customer() -> None:
    detached = event("payment_method.detached", payment_method(customer=None))
    detached["data"]["previous_attributes"] = {"customer": "cus_1"}
    assert parse(detached).customer_id == "cus_1"


def test_an_object_that_cannot_be_read_is_left_out_and_its_ids_are_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="paylattice"):
        found = parse(event("invoice.paid", invoice(total="ada@example.com")))
    assert found.invoice is None
    assert (found.type, found.customer_id, found.subscription_id) == (EventType.INVOICE_PAID, "cus_1", "sub_1")
    (record,) = caplog.records
    assert "evt_1" in record.getMessage()
    assert "ada@" not in record.getMessage()


def test_an_upcoming_invoice_has_no_id_and_that_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    upcoming = invoice()
    del upcoming["id"]
    with caplog.at_level(logging.WARNING, logger="paylattice"):
        found = parse(event("invoice.upcoming", upcoming))
    assert (found.type, found.invoice, found.subscription_id) == (EventType.INVOICE_UPCOMING, None, "sub_1")
    assert caplog.records == []


@pytest.mark.parametrize("data", [None, 7, [], {}, {"object": None}, {"object": [1]}, {"object": {"object": 7}}])
def test_an_event_without_an_object_is_still_an_event(data: object) -> None:
    found = parse({**event("customer.updated"), "data": data})
    assert (found.type, found.customer_id, found.customer) == (EventType.CUSTOMER_UPDATED, None, None)


@pytest.mark.parametrize("livemode", [None, "yes", 1])
def test_a_mode_that_is_not_told_is_none(livemode: object) -> None:
    assert parse(event(livemode=livemode)).livemode is None


def test_a_dispute_closes() -> None:
    assert parse(event("charge.dispute.closed", {"object": "dispute", "id": "dp_1"})).type is EventType.DISPUTE_CLOSED


def disputed(kind: str, status: str, number: int) -> WebhookEvent:
    body = event(f"charge.dispute.{kind}", {"object": "dispute", "id": "dp_1", "status": status}, id=f"evt_{number}")
    return parse({**body, "data": {**body["data"], "previous_attributes": {"status": "under_review"}}})


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("won", EventType.DISPUTE_WON),
        ("lost", EventType.DISPUTE_LOST),
        ("warning_closed", EventType.DISPUTE_CLOSED),
    ],
)
def test_the_end_of_a_dispute_counts_once(status: str, word: EventType) -> None:
    told = disputed("updated", status, 1), disputed("closed", status, 2)
    assert [each.type for each in told] == [word, word]
    assert len({each.dedupe_key for each in told}) == 1
    asked = [disputed("updated", "needs_response", number) for number in (1, 2)]
    assert len({each.dedupe_key for each in asked}) == 2


def test_a_dispute_with_a_status_that_nobody_knows_is_not_over() -> None:
    assert disputed("updated", "on_the_moon", 1).type is EventType.DISPUTE_UPDATED
    assert disputed("closed", "on_the_moon", 1).type is EventType.DISPUTE_CLOSED


# https://docs.stripe.com/upgrades#2022-11-15: until then, a charge holds its refunds, the newest first


def test_an_old_refund_is_told_once_by_the_shared_word_whichever_events_come() -> None:
    old = {
        "id": "re_1",
        "object": "refund",
        "amount": 400,
        "currency": "usd",
        "created": START + 5,
        "status": "succeeded",
    }
    first = {**old, "id": "re_0", "created": START}
    charge = {"id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1"}
    told = parse(event("charge.refunded", {**charge, "refunds": {"object": "list", "data": [old, first]}}, id="evt_9"))
    assert (told.type, told.customer_id) == (EventType.REFUND_SUCCEEDED, "cus_1")
    assert told.refund is not None
    assert (told.refund.id, told.refund.payment_id, told.refund.amount) == ("re_1", "pi_1", Money(400, "USD"))
    assert parse(event("refund.created", refund())).dedupe_key == told.dedupe_key
    pending = {**charge, "refunds": {"object": "list", "data": [{**old, "status": "pending"}]}}
    assert parse(event("charge.refunded", pending)).type == "stripe:charge.refunded"


@pytest.mark.parametrize("kind", ["completed", "expired"])
def test_a_page_that_saves_a_payment_method_is_no_purchase(kind: str) -> None:
    saved = session(mode="setup", status="complete", payment_status="no_payment_required", setup_intent="seti_1")
    told = parse(event(f"checkout.session.{kind}", saved))
    assert told.type == f"stripe:checkout.session.{kind}"
    assert told.checkout_session is not None


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        (subscription(customer=None, customer_account="acct_9"), "subscription"),
        (invoice(customer=None, customer_account="acct_9"), "invoice"),
        (intent(customer=None, customer_account="acct_9"), "payment"),
        (session(customer=None, customer_account="acct_9"), "checkout_session"),
        (payment_method(customer=None, customer_account="acct_9"), "payment_method"),
    ],
)
def test_an_account_that_is_a_customer_is_read_as_one(subject: dict[str, Any], field: str) -> None:
    told = parse(event("x", subject))
    assert told.customer_id == getattr(told, field).customer_id == "acct_9"


def test_a_refund_event_carries_money() -> None:
    found = parse(event("refund.created", refund()))
    assert found.refund is not None
    assert found.refund.amount == Money(400, "USD")


def test_a_thin_event_names_its_object() -> None:
    found = parse(thin_event())
    assert (found.id, found.type) == ("evt_thin_1", EventType.SUBSCRIPTION_UPDATED)
    assert (found.subscription_id, found.customer_id, found.subscription) == ("sub_1", None, None)
    assert found.created_at == datetime(2026, 9, 20, 10, 0, 0, 123000, UTC)
    assert (found.provider_type, found.livemode) == ("v1.customer.subscription.updated", False)


@pytest.mark.parametrize(
    ("thin_type", "expected"),
    [
        ("v1.customer.created", EventType.CUSTOMER_CREATED),
        ("v1.invoice.paid", EventType.INVOICE_PAID),
        *((f"v1.{name}", shared) for name, shared in THIN_ONLY.items()),
        # without the session nobody knows whether it is paid
        ("v1.checkout.session.completed", EventType.CHECKOUT_PENDING),
        # and without the dispute nobody knows who won
        ("v1.charge.dispute.closed", EventType.DISPUTE_UPDATED),
        ("v2.core.account.updated", "stripe:v2.core.account.updated"),
        ("customer.created", "stripe:customer.created"),
    ],
)
def test_thin_types_say_no_more_than_is_certain(thin_type: str, expected: str) -> None:
    assert parse(thin_event(thin_type)).type == expected


def test_a_thin_event_about_a_customer() -> None:
    found = parse(thin_event("v1.customer.updated", related_object={"id": "cus_1", "type": "customer"}))
    assert (found.customer_id, found.subscription_id) == ("cus_1", None)


@pytest.mark.parametrize("related", [None, 7, {}, {"id": "in_1", "type": "invoice"}])
def test_a_thin_event_about_something_else(related: object) -> None:
    found = parse(thin_event("v1.invoice.paid", related_object=related))
    assert (found.customer_id, found.subscription_id) == (None, None)


@pytest.mark.parametrize(("snapshot", "key"), [("evt_1", "evt_1"), (None, "evt_thin_1"), ({"id": "evt_1"}, "evt_1")])
def test_a_thin_event_and_its_snapshot_are_one(snapshot: object, key: str) -> None:
    assert parse(thin_event(snapshot_event=snapshot)).dedupe_key == key


def test_a_thin_event_of_a_failed_refund_and_its_snapshot_are_one() -> None:
    thin = thin_event(
        "v1.refund.failed", related_object={"id": refund()["id"], "type": "refund"}, snapshot_event="evt_1"
    )
    assert parse(thin).dedupe_key == parse(event("refund.failed", refund(status="failed"))).dedupe_key
