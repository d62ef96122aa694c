"""Square's events in the shared words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import EventType, SubscriptionStatus
from paylattice.errors import InvalidResponse
from paylattice.providers.square.events import EVENT_TYPES, event_from

from .samples import card, customer, event, invoice, payment, payment_request, refund, subscription, unpaid, usd

UNABLE = "We were unable to charge your card on file for this subscription."


def of(kind: str, subject: object = None, **changes: Any) -> Any:
    return event_from(event(kind, kind.partition(".")[0], {} if subject is None else subject, **changes))


@pytest.mark.parametrize(
    ("kind", "subject", "expected"),
    [
        ("customer.created", customer(), EventType.CUSTOMER_CREATED),
        ("customer.updated", customer(), EventType.CUSTOMER_UPDATED),
        ("customer.deleted", customer(), EventType.CUSTOMER_DELETED),
        ("subscription.created", subscription(), EventType.SUBSCRIPTION_CREATED),
        ("subscription.created", subscription(status="CANCELED"), EventType.SUBSCRIPTION_CREATED),
        ("subscription.updated", subscription(), EventType.SUBSCRIPTION_UPDATED),
        ("subscription.updated", subscription(status="PENDING"), EventType.SUBSCRIPTION_UPDATED),
        ("subscription.updated", subscription(status="PAUSED"), EventType.SUBSCRIPTION_PAUSED),
        ("subscription.updated", subscription(status="DEACTIVATED"), EventType.SUBSCRIPTION_PAUSED),
        ("subscription.updated", subscription(status="CANCELED"), EventType.SUBSCRIPTION_CANCELED),
        ("subscription.updated", subscription(status="COMPLETED"), EventType.SUBSCRIPTION_EXPIRED),
        ("subscription.updated", subscription(status="A_WORD_OF_2031"), EventType.SUBSCRIPTION_UPDATED),
        ("invoice.created", invoice(), EventType.INVOICE_CREATED),
        ("invoice.published", unpaid(), EventType.INVOICE_FINALIZED),
        ("invoice.updated", invoice(), EventType.INVOICE_UPDATED),
        ("invoice.updated", unpaid(), EventType.INVOICE_UPDATED),
        ("invoice.updated", unpaid(description=UNABLE), EventType.INVOICE_PAYMENT_FAILED),
        ("invoice.updated", unpaid(description="Le paiement a échoué."), EventType.INVOICE_PAYMENT_FAILED),
        ("invoice.updated", invoice(description=UNABLE), EventType.INVOICE_UPDATED),
        ("invoice.updated", unpaid(description=UNABLE, subscription_id=None), EventType.INVOICE_UPDATED),
        ("invoice.updated", unpaid(description=UNABLE, source="CARD_ON_FILE"), EventType.INVOICE_UPDATED),
        ("invoice.payment_made", invoice(), EventType.INVOICE_PAID),
        ("invoice.payment_made", invoice(status="PARTIALLY_PAID"), EventType.INVOICE_PAYMENT_RECORDED),
        ("invoice.scheduled_charge_failed", unpaid(), EventType.INVOICE_PAYMENT_FAILED),
        ("invoice.canceled", invoice(status="CANCELED"), EventType.INVOICE_VOIDED),
        ("invoice.deleted", None, EventType.INVOICE_DELETED),
        ("invoice.refunded", invoice(status="REFUNDED"), "square:invoice.refunded"),
        ("payment.created", payment(status="APPROVED"), EventType.PAYMENT_AUTHORIZED),
        ("payment.created", payment(), EventType.PAYMENT_SUCCEEDED),
        ("payment.updated", payment(status="PENDING"), EventType.PAYMENT_PROCESSING),
        ("payment.updated", payment(), EventType.PAYMENT_SUCCEEDED),
        ("payment.updated", payment(status="CANCELED"), EventType.PAYMENT_CANCELED),
        ("payment.updated", payment(status="FAILED"), EventType.PAYMENT_FAILED),
        ("payment.updated", payment(refunded_money=usd(5)), "square:payment.updated"),
        ("payment.updated", payment(status="A_WORD_OF_2031"), "square:payment.updated"),
        ("refund.created", refund(), EventType.REFUND_CREATED),
        ("refund.created", refund(status="COMPLETED"), EventType.REFUND_SUCCEEDED),
        ("refund.updated", refund(), EventType.REFUND_UPDATED),
        ("refund.updated", refund(status="COMPLETED"), EventType.REFUND_SUCCEEDED),
        ("refund.updated", refund(status="REJECTED"), EventType.REFUND_FAILED),
        ("refund.updated", refund(status="FAILED"), EventType.REFUND_FAILED),
        ("card.created", card(), EventType.PAYMENT_METHOD_ATTACHED),
        ("card.automatically_updated", card(), EventType.PAYMENT_METHOD_UPDATED),
        ("card.disabled", card(), EventType.PAYMENT_METHOD_DETACHED),
        ("card.forgotten", card(), EventType.PAYMENT_METHOD_DETACHED),
        ("dispute.created", {"id": "D1", "state": "EVIDENCE_REQUIRED"}, EventType.DISPUTE_OPENED),
        ("dispute.state.updated", {"id": "D1", "state": "PROCESSING"}, EventType.DISPUTE_UPDATED),
        ("dispute.state.updated", {"id": "D1", "state": "WON"}, EventType.DISPUTE_WON),
        ("dispute.state.updated", {"id": "D1", "state": "INQUIRY_CLOSED"}, EventType.DISPUTE_CLOSED),
        ("dispute.state.changed", {"id": "D1", "state": "WON"}, "square:dispute.state.changed"),
        ("order.updated", {"order_id": "ORDER1", "state": "COMPLETED"}, "square:order.updated"),
        ("catalog.version.updated", {}, "square:catalog.version.updated"),
        ("webhooks.test_notification", None, "square:webhooks.test_notification"),
        ("a.word.of.2031", {}, "square:a.word.of.2031"),
    ],
)
def test_an_event_s_word(kind: str, subject: object, expected: EventType | str) -> None:
    found = of(kind, subject)
    assert found.type == expected
    assert isinstance(found.type, EventType) is isinstance(expected, EventType)
    assert found.provider_type == kind
    assert found.provider == "square"


def test_an_event_says_whom_it_is_about() -> None:
    assert (
        of("subscription.updated", subscription()).customer_id,
        of("subscription.updated", subscription()).subscription_id,
    ) == ("CUST1", "SUB1")
    billed = of("invoice.payment_made", invoice())
    assert (billed.customer_id, billed.subscription_id, billed.checkout_reference) == ("CUST1", "SUB1", "ORDER-INV")
    paid = of("payment.updated", payment(customer_id="NEW1"))
    assert (paid.customer_id, paid.subscription_id, paid.checkout_reference) == ("NEW1", None, "ORDER1")
    assert of("refund.updated", refund()).checkout_reference == "ORDER1"
    assert of("card.disabled", card()).customer_id == "CUST1"
    assert of("customer.deleted", {}, data={"id": "CUST1", "deleted": True, "object": None}).customer_id == "CUST1"
    ordered = event_from(event("order.updated", "order_updated", {"order_id": "ORDER1"}, data={"id": "ORDER1"}))
    assert ordered.checkout_reference == "ORDER1"


def test_an_event_carries_its_object() -> None:
    assert of("customer.updated", customer()).customer.name == "Ada Lovelace"
    changed = of("subscription.updated", subscription(canceled_date="2026-10-04"))
    assert changed.subscription.status is SubscriptionStatus.ACTIVE
    assert changed.subscription.cancel_at == datetime(2026, 10, 5, 7, tzinfo=UTC)
    assert changed.subscription.version == 1
    assert of("payment.updated", payment()).payment.id == "PAY1"
    assert of("refund.updated", refund()).refund.payment_id == "PAY1"
    assert of("card.disabled", card()).payment is None


def test_only_the_event_of_its_payment_knows_when_an_invoice_was_paid() -> None:
    assert of("invoice.payment_made", invoice()).invoice.paid_at == datetime(2026, 9, 21, 10, 5, 2, 123456, tzinfo=UTC)
    assert of("invoice.updated", invoice()).invoice.paid_at is None
    partly = invoice(status="PARTIALLY_PAID", payment_requests=[payment_request()])
    assert of("invoice.payment_made", partly).invoice.paid_at is None


def test_what_happens_once_has_one_key_however_often_square_tells_it() -> None:
    keys = [of("payment.created", payment(), event_id="e1"), of("payment.updated", payment(), event_id="e2")]
    assert {found.dedupe_key for found in keys} == {"payment.succeeded:PAY1"}
    failed = [
        of("invoice.scheduled_charge_failed", unpaid(), event_id="e1"),
        of("invoice.updated", unpaid(description=UNABLE), event_id="e2"),
    ]
    assert len({found.dedupe_key for found in failed}) == 1
    assert of("payment.updated", payment(status="PENDING")).dedupe_key != keys[0].dedupe_key
    assert of("payment.updated", payment(id="PAY2")).dedupe_key != keys[0].dedupe_key
    card = {"id": "ccof:1", "enabled": False}
    assert of("card.disabled", card).dedupe_key == of("card.forgotten", card).dedupe_key, "it is removed once"


def test_what_can_happen_again_has_the_event_s_own_key() -> None:
    for kind, subject in (
        ("subscription.updated", subscription()),
        ("invoice.payment_made", invoice()),
        ("customer.updated", customer()),
    ):
        assert of(kind, subject, event_id="e7").dedupe_key == "e7"
    assert of("payment.updated", {"status": "COMPLETED"}, data={"id": None}, event_id="e7").dedupe_key == "e7"


def test_a_merge_is_no_deletion() -> None:
    context = {
        "customer": customer(),
        "event_context": {"merge": {"from_customer_ids": ["CUST1", "CUST2"], "to_customer_id": "CUST9"}},
    }
    found = event_from(event("customer.deleted", data={"id": "CUST1", "deleted": True, "object": context}))
    assert found.type is EventType.CUSTOMER_MERGED
    assert found.customer_id == "CUST1"
    assert found.customer is not None
    assert (found.customer.id, found.customer.merged_from) == ("CUST9", "CUST1")
    created = event_from(event("customer.created", data={"object": {**context, "customer": customer(id="CUST9")}}))
    assert created.type is EventType.CUSTOMER_CREATED


def test_an_object_that_cannot_be_read_is_left_out_and_its_ids_are_not(caplog: pytest.LogCaptureFixture) -> None:
    found = of("payment.updated", payment(amount_money=None))
    assert (found.payment, found.type, found.customer_id) == (None, EventType.PAYMENT_SUCCEEDED, "CUST1")
    assert "cannot be read" in caplog.text
    assert "ada@example.com" not in caplog.text


@pytest.mark.parametrize("lacking", ["event_id", "type", "created_at"])
def test_without_an_id_a_type_or_a_time_it_is_no_event(lacking: str) -> None:
    data = event()
    del data[lacking]
    with pytest.raises(InvalidResponse):
        event_from(data)


def test_the_table_holds_square_s_own_words() -> None:
    assert all(
        kind.partition(".")[0] in {"customer", "subscription", "invoice", "refund", "card", "dispute"}
        for kind in EVENT_TYPES
    )
