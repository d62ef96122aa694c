"""Square's events in the words that all providers share: pure functions from a verified body.

The table is https://developer.squareup.com/docs/webhooks/v2-events-tech-ref. Square has no events for checkouts, renewals or
trials: a renewal is ``invoice.payment_made``, a finished checkout a payment whose order is the checkout's. Objects in
``order.*`` events are not orders, and subscriptions come without their scheduled actions: read again.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from ...errors import InvalidResponse
from ...events import EventType, WebhookEvent
from ...frozen import FrozenMap
from ...jsonlike import JsonObject, child, children, identity, integer, text
from ...models import Customer, Model
from ...redaction import redact
from . import wire
from .disputes import dispute_from
from .states import Known, subscription_from
from .times import moment_of

__all__ = ["EVENT_TYPES", "SENT", "event_from"]

_log = logging.getLogger("paylattice")

EVENT_TYPES: Mapping[str, EventType] = {
    "customer.created": EventType.CUSTOMER_CREATED,
    "customer.updated": EventType.CUSTOMER_UPDATED,
    "customer.deleted": EventType.CUSTOMER_DELETED,
    "subscription.created": EventType.SUBSCRIPTION_CREATED,
    "subscription.updated": EventType.SUBSCRIPTION_UPDATED,
    "invoice.created": EventType.INVOICE_CREATED,
    "invoice.published": EventType.INVOICE_FINALIZED,
    "invoice.updated": EventType.INVOICE_UPDATED,
    "invoice.payment_made": EventType.INVOICE_PAYMENT_RECORDED,
    "invoice.scheduled_charge_failed": EventType.INVOICE_PAYMENT_FAILED,
    "invoice.canceled": EventType.INVOICE_VOIDED,
    "invoice.deleted": EventType.INVOICE_DELETED,
    "refund.created": EventType.REFUND_CREATED,
    "refund.updated": EventType.REFUND_UPDATED,
    "card.created": EventType.PAYMENT_METHOD_ATTACHED,
    "card.updated": EventType.PAYMENT_METHOD_UPDATED,
    "card.automatically_updated": EventType.PAYMENT_METHOD_UPDATED,
    "card.disabled": EventType.PAYMENT_METHOD_DETACHED,
    "card.forgotten": EventType.PAYMENT_METHOD_DETACHED,
    "dispute.created": EventType.DISPUTE_OPENED,
    "dispute.state.updated": EventType.DISPUTE_UPDATED,
}
"""Types that need no status. ``dispute.state.changed`` is not here: it comes in addition to ``dispute.state.updated``."""

BY_STATUS: Mapping[tuple[str, str | None], EventType] = {
    ("subscription.updated", "PAUSED"): EventType.SUBSCRIPTION_PAUSED,
    ("subscription.updated", "DEACTIVATED"): EventType.SUBSCRIPTION_PAUSED,
    ("subscription.updated", "CANCELED"): EventType.SUBSCRIPTION_CANCELED,
    ("subscription.updated", "COMPLETED"): EventType.SUBSCRIPTION_EXPIRED,
    ("invoice.payment_made", "PAID"): EventType.INVOICE_PAID,
    ("payment.created", "APPROVED"): EventType.PAYMENT_AUTHORIZED,
    ("payment.created", "PENDING"): EventType.PAYMENT_PROCESSING,
    ("payment.created", "COMPLETED"): EventType.PAYMENT_SUCCEEDED,
    ("payment.created", "CANCELED"): EventType.PAYMENT_CANCELED,
    ("payment.created", "FAILED"): EventType.PAYMENT_FAILED,
    ("payment.updated", "APPROVED"): EventType.PAYMENT_AUTHORIZED,
    ("payment.updated", "PENDING"): EventType.PAYMENT_PROCESSING,
    ("payment.updated", "COMPLETED"): EventType.PAYMENT_SUCCEEDED,
    ("payment.updated", "CANCELED"): EventType.PAYMENT_CANCELED,
    ("payment.updated", "FAILED"): EventType.PAYMENT_FAILED,
    ("refund.created", "COMPLETED"): EventType.REFUND_SUCCEEDED,
    ("refund.created", "REJECTED"): EventType.REFUND_FAILED,
    ("refund.created", "FAILED"): EventType.REFUND_FAILED,
    ("refund.updated", "COMPLETED"): EventType.REFUND_SUCCEEDED,
    ("refund.updated", "REJECTED"): EventType.REFUND_FAILED,
    ("refund.updated", "FAILED"): EventType.REFUND_FAILED,
    ("dispute.state.updated", "EVIDENCE_REQUIRED"): EventType.DISPUTE_NEEDS_RESPONSE,
    ("dispute.state.updated", "INQUIRY_EVIDENCE_REQUIRED"): EventType.DISPUTE_NEEDS_RESPONSE,
    ("dispute.state.updated", "WON"): EventType.DISPUTE_WON,
    ("dispute.state.updated", "LOST"): EventType.DISPUTE_LOST,
    ("dispute.state.updated", "ACCEPTED"): EventType.DISPUTE_LOST,
    ("dispute.state.updated", "INQUIRY_CLOSED"): EventType.DISPUTE_CLOSED,
}
"""What the type says together with the object's status (of a dispute: its state)."""

SENT: frozenset[EventType] = frozenset({*EVENT_TYPES.values(), *BY_STATUS.values(), EventType.CUSTOMER_MERGED})
"""The shared events that Square sends."""

_ONCE = frozenset(
    {
        EventType.PAYMENT_AUTHORIZED,
        EventType.PAYMENT_PROCESSING,
        EventType.PAYMENT_SUCCEEDED,
        EventType.PAYMENT_CANCELED,
        EventType.PAYMENT_FAILED,
        EventType.REFUND_SUCCEEDED,
        EventType.REFUND_FAILED,
        EventType.INVOICE_PAYMENT_FAILED,
        EventType.PAYMENT_METHOD_DETACHED,
        EventType.DISPUTE_OPENED,
        EventType.DISPUTE_WON,
        EventType.DISPUTE_LOST,
        EventType.DISPUTE_CLOSED,
    }
)
"""What happens to an object once, and Square tells several times, under other ids: a completed payment is updated again when
its fee is known, and a charge that failed may come as two kinds of event."""

_OBJECTS = frozenset({"customer", "subscription", "invoice", "payment", "refund", "card", "dispute"})
_NONE: JsonObject = FrozenMap()


def event_from(
    data: JsonObject,
    *,
    reference_key: str = "org_id",
    livemode: bool | None = None,
    otherwise: datetime | None = None,
) -> WebhookEvent:
    """The event. An object in it that cannot be read is left out, its ids are not.

    Args:
        data: the body.
        reference_key: the word of the metadata that stands in ``reference_id``.
        livemode: of the environment that the event comes from.
        otherwise: when it happened, if it does not say so.

    Raises:
        InvalidResponse: it has no id, no type, or no time.
    """
    event_id, square_type = identity(data, "event_id", "event"), identity(data, "type", "event")
    created_at = moment_of(data, "created_at") or otherwise
    if created_at is None:
        message = "the event does not say when it was created"
        raise InvalidResponse(message)
    kind = square_type.partition(".")[0]
    delivered = child(data, "data")
    subject = child(delivered, "object", kind) if kind in _OBJECTS else _NONE
    subject_id = text(subject, "id") or text(delivered, "id")
    event_type = _type_of(square_type, subject)
    event = WebhookEvent(
        id=event_id,
        type=event_type or f"square:{square_type}",
        created_at=created_at,
        dedupe_key=_key_of(event_type, subject_id, subject) or event_id,
        also=_also(event_type, subject_id, subject),
        customer_id=_customer_of(kind, subject, subject_id),
        subscription_id=subject_id if kind == "subscription" else text(subject, "subscription_id"),
        checkout_reference=text(delivered, "id") if kind == "order" else wire.order_of(subject),
        livemode=livemode,
        provider_type=square_type,
        provider="square",
        raw=data,
        **_carried(kind, subject, square_type, created_at, reference_key),
    )
    return _merged(event, data) if event_type is EventType.CUSTOMER_DELETED else event


def _key_of(event_type: EventType | None, subject_id: str | None, subject: JsonObject) -> str | None:
    """What is the same in all events that tell this; None: nothing is. Evidence can be wanted again, until another day."""
    if event_type is EventType.DISPUTE_NEEDS_RESPONSE:
        return f"{event_type}:{subject_id}:{text(subject, 'state')}:{text(subject, 'due_at') or ''}"
    return f"{event_type}:{subject_id}" if event_type in _ONCE and subject_id else None


def _also(event_type: EventType | None, subject_id: str | None, subject: JsonObject) -> tuple[str, ...]:
    """A new dispute can wait for evidence at once."""
    asked = BY_STATUS.get(("dispute.state.updated", text(subject, "state")))
    if event_type is not EventType.DISPUTE_OPENED or asked is not EventType.DISPUTE_NEEDS_RESPONSE:
        return ()
    return (_key_of(asked, subject_id, subject) or "",)


def _type_of(square_type: str, subject: JsonObject) -> EventType | None:
    found = BY_STATUS.get((square_type, text(subject, "status") or text(subject, "state"))) or EVENT_TYPES.get(
        square_type
    )
    if found is EventType.PAYMENT_SUCCEEDED and _is_refunded(subject):
        return None  # the refund's own event reports the refund
    if found is EventType.INVOICE_UPDATED and _could_not_be_charged(subject):
        return EventType.INVOICE_PAYMENT_FAILED
    return found


def _is_refunded(payment: JsonObject) -> bool:
    return "refunded_money" in payment and (integer(child(payment, "refunded_money"), "amount") or 0) > 0


def _could_not_be_charged(invoice: JsonObject) -> bool:
    """Whether the card on file could not be charged: nothing charges the invoice any more, and Square has written why.

    What it has written is not read: it is in the seller's language. An invoice that is sent by e-mail has no automatic payment
    from the start, and nothing is written into it; the text stays when the invoice is paid later.
    https://developer.squareup.com/docs/subscriptions-api/subscription-billing
    """
    sources = {text(request, "automatic_payment_source") for request in children(invoice, "payment_requests")}
    return (
        bool(text(invoice, "subscription_id"))
        and text(invoice, "status") == "UNPAID"
        and sources == {"NONE"}
        and bool(text(invoice, "description"))
    )


def _customer_of(kind: str, subject: JsonObject, subject_id: str | None) -> str | None:
    if kind == "customer":
        return subject_id
    return text(subject, "customer_id") or (wire.recipient_of(subject) if kind == "invoice" else None)


def _invoice(subject: JsonObject, square_type: str, created_at: datetime) -> Model:
    return wire.invoice_from(subject, paid_at=created_at if square_type == "invoice.payment_made" else None)


def _carried(
    kind: str, subject: JsonObject, square_type: str, created_at: datetime, reference_key: str
) -> dict[str, Any]:
    """The object, in the event's field for it, which has the name of its kind."""
    if not subject:
        return {}
    model: Model
    try:
        match kind:
            case "payment":
                model = wire.payment_from(subject, reference_key=reference_key)
            case "invoice":
                model = _invoice(subject, square_type, created_at)
            case "subscription":
                model = subscription_from(subject, Known(created_at))
            case "customer":
                model = wire.customer_from(subject, reference_key=reference_key)
            case "refund":
                model = wire.refund_from(subject)
            case "dispute":
                model = dispute_from(subject)
            case "card":
                return {"payment_method": wire.payment_method_from(subject)}
            case _:
                return {}
    except InvalidResponse as error:
        _log.warning("square: the object of an event (%s) cannot be read: %s", redact(square_type), error)
        return {}
    return {kind: model}


def _merged(event: WebhookEvent, data: JsonObject) -> WebhookEvent:
    """The event of a profile that was merged into another one; Square tells it as a deletion."""
    into = text(child(data, "data", "object", "event_context", "merge"), "to_customer_id")
    if not into or event.customer_id in {None, into}:
        return event
    customer = Customer(id=into, merged_from=event.customer_id, provider="square")
    return attrs.evolve(event, type=EventType.CUSTOMER_MERGED, customer=customer)
