"""Stripe's events in the words that all providers share.

Two kinds are read: snapshot events (``object: event``), which carry an object, and thin ones (``v2.core.event``), which
only name it: it is read back (:mod:`.read_back`). The table is https://docs.stripe.com/api/events/types, without the
low-level duplicates of other events (``charge.succeeded`` beside ``payment_intent.succeeded``, ``invoice.payment_succeeded``
beside ``invoice.paid``): those keep Stripe's name, so that nothing is counted twice. ``charge.refunded``, which old versions of
the API send alone, tells how a refund ended if it holds it, once.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from ...errors import InvalidResponse
from ...events import EventType, WebhookEvent
from ...jsonlike import (
    JsonObject,
    child,
    children,
    identities,
    integer,
    reference,
    rfc3339,
    text,
    texts,
    timestamp,
)
from ...models import Dispute, DisputeStatus, Model, RefundStatus
from ...redaction import redact
from . import wire
from .disputes import DISPUTE_STATUS, dispute_from

__all__ = ["EVENT_TYPES", "SENT", "SNAPSHOT", "THIN", "event_from", "is_thin", "with_subject"]

_log = logging.getLogger("paylattice")

SNAPSHOT = "event"
THIN = "v2.core.event"

EVENT_TYPES: Mapping[str, EventType] = {
    "customer.created": EventType.CUSTOMER_CREATED,
    "customer.updated": EventType.CUSTOMER_UPDATED,
    "customer.deleted": EventType.CUSTOMER_DELETED,
    "checkout.session.async_payment_succeeded": EventType.CHECKOUT_COMPLETED,
    "checkout.session.async_payment_failed": EventType.CHECKOUT_FAILED,
    "checkout.session.expired": EventType.CHECKOUT_EXPIRED,
    "customer.subscription.created": EventType.SUBSCRIPTION_CREATED,
    "customer.subscription.updated": EventType.SUBSCRIPTION_UPDATED,
    "customer.subscription.deleted": EventType.SUBSCRIPTION_CANCELED,
    "customer.subscription.paused": EventType.SUBSCRIPTION_PAUSED,
    "customer.subscription.resumed": EventType.SUBSCRIPTION_RESUMED,
    "customer.subscription.trial_will_end": EventType.SUBSCRIPTION_TRIAL_ENDING,
    "customer.subscription.pending_update_applied": EventType.SUBSCRIPTION_UPDATED,
    "customer.subscription.pending_update_expired": EventType.SUBSCRIPTION_UPDATE_EXPIRED,
    "invoice.created": EventType.INVOICE_CREATED,
    "invoice.finalized": EventType.INVOICE_FINALIZED,
    "invoice.updated": EventType.INVOICE_UPDATED,
    "invoice.sent": EventType.INVOICE_SENT,
    "invoice.paid": EventType.INVOICE_PAID,
    "invoice.payment_failed": EventType.INVOICE_PAYMENT_FAILED,
    "invoice.payment_action_required": EventType.INVOICE_ACTION_REQUIRED,
    "invoice.payment_attempt_required": EventType.INVOICE_ATTEMPT_REQUIRED,
    "invoice.finalization_failed": EventType.INVOICE_FINALIZATION_FAILED,
    "invoice.voided": EventType.INVOICE_VOIDED,
    "invoice.marked_uncollectible": EventType.INVOICE_UNCOLLECTIBLE,
    "invoice.overdue": EventType.INVOICE_OVERDUE,
    "invoice.will_be_due": EventType.INVOICE_DUE_SOON,
    "invoice.upcoming": EventType.INVOICE_UPCOMING,
    "invoice.overpaid": EventType.INVOICE_OVERPAID,
    "invoice.deleted": EventType.INVOICE_DELETED,
    "invoice_payment.paid": EventType.INVOICE_PAYMENT_RECORDED,
    "payment_intent.succeeded": EventType.PAYMENT_SUCCEEDED,
    "payment_intent.payment_failed": EventType.PAYMENT_FAILED,
    "payment_intent.canceled": EventType.PAYMENT_CANCELED,
    "payment_intent.processing": EventType.PAYMENT_PROCESSING,
    "payment_intent.requires_action": EventType.PAYMENT_ACTION_REQUIRED,
    "payment_intent.amount_capturable_updated": EventType.PAYMENT_AUTHORIZED,
    "payment_intent.partially_funded": EventType.PAYMENT_PARTIALLY_FUNDED,
    "refund.created": EventType.REFUND_CREATED,
    "refund.updated": EventType.REFUND_UPDATED,
    "refund.failed": EventType.REFUND_FAILED,
    "customer.source.expiring": EventType.PAYMENT_METHOD_EXPIRING,
    "charge.dispute.created": EventType.DISPUTE_OPENED,
    "charge.dispute.updated": EventType.DISPUTE_UPDATED,
    "charge.dispute.closed": EventType.DISPUTE_CLOSED,
    "charge.dispute.funds_withdrawn": EventType.DISPUTE_FUNDS_WITHDRAWN,
    "charge.dispute.funds_reinstated": EventType.DISPUTE_FUNDS_REINSTATED,
    "payment_method.attached": EventType.PAYMENT_METHOD_ATTACHED,
    "payment_method.detached": EventType.PAYMENT_METHOD_DETACHED,
    "payment_method.updated": EventType.PAYMENT_METHOD_UPDATED,
    "payment_method.automatically_updated": EventType.PAYMENT_METHOD_UPDATED,
    "setup_intent.succeeded": EventType.PAYMENT_METHOD_SETUP_SUCCEEDED,
    "setup_intent.setup_failed": EventType.PAYMENT_METHOD_SETUP_FAILED,
    "radar.early_fraud_warning.created": EventType.FRAUD_WARNING,
}
"""The events whose type says it all. ``checkout.session.completed`` is not here: only its session tells what it is."""

CHECKOUT_COMPLETED = "checkout.session.completed"
REFUNDS_OF_CHARGES = frozenset({"charge.refund.updated", "charge.refunded"})
"""Come beside ``refund.*``, or alone: they tell the end of a refund, and what is before that only in Stripe's name."""
ON_A_PAGE = "checkout.session."

COMPLETED_CHECKOUTS: Mapping[str | None, EventType] = {
    "paid": EventType.CHECKOUT_COMPLETED,
    "no_payment_required": EventType.CHECKOUT_COMPLETED,
    "unpaid": EventType.CHECKOUT_PENDING,
}
"""``payment_status`` of a completed session."""

THIN_ONLY: Mapping[str, EventType] = {
    "customer.subscription.active": EventType.SUBSCRIPTION_ACTIVE,
    "customer.subscription.incomplete": EventType.SUBSCRIPTION_INCOMPLETE,
    "customer.subscription.incomplete_expired": EventType.SUBSCRIPTION_EXPIRED,
    "customer.subscription.past_due": EventType.SUBSCRIPTION_PAST_DUE,
    "customer.subscription.trialing": EventType.SUBSCRIPTION_TRIALING,
    "customer.subscription.unpaid": EventType.SUBSCRIPTION_UNPAID,
}
"""Events that come as thin ones only. Thin types are the snapshot's, after ``v1.``."""

THIN_WORDS: Mapping[str, EventType] = {
    **THIN_ONLY,
    CHECKOUT_COMPLETED: EventType.CHECKOUT_PENDING,
    "charge.dispute.closed": EventType.DISPUTE_UPDATED,
}
"""What thin events say otherwise before their object is read back: not more than is certain."""


SENT: frozenset[EventType] = frozenset(
    {
        *EVENT_TYPES.values(),
        *COMPLETED_CHECKOUTS.values(),
        EventType.REFUND_SUCCEEDED,
        EventType.DISPUTE_NEEDS_RESPONSE,
        EventType.DISPUTE_WON,
        EventType.DISPUTE_LOST,
    }
)
"""The shared events that Stripe sends."""

_OF_REFUNDS = frozenset({EventType.REFUND_CREATED, EventType.REFUND_UPDATED, EventType.REFUND_FAILED})
_REFUND_ENDS: Mapping[RefundStatus | None, EventType] = {
    RefundStatus.SUCCEEDED: EventType.REFUND_SUCCEEDED,
    RefundStatus.FAILED: EventType.REFUND_FAILED,
    RefundStatus.CANCELED: EventType.REFUND_FAILED,
}
"""How a refund ends, by its status: most have succeeded when they are created."""

_Otherwise: TypeAlias = Callable[[], datetime]


def event_from(data: JsonObject, otherwise: _Otherwise | None = None, *, account_id: str | None = None) -> WebhookEvent:
    """The event, of either kind. An object in it that cannot be read is left out, its ids are not.

    Args:
        data: the body of a delivery, or an event of Stripe's list.
        otherwise: when it happened, if it does not say so: a delivery was signed just now.
        account_id: the connected account that it is of, if it does not say so.

    Raises:
        InvalidResponse: it has no id, no type, or no time.
    """
    thin = is_thin(data)
    event = _thin(data, otherwise) if thin else _snapshot(data, otherwise)
    # of a thin event it can be a path: a platform's account, then the connected one
    told = (text(data, "context") or "").rpartition("/")[2] if thin else text(data, "account")
    account_id = told or account_id
    return event if account_id is None else attrs.evolve(event, account_id=account_id)


def is_thin(data: JsonObject) -> bool:
    """Whether an event only names its object. One without its own kind is recognised by a field of thin events."""
    kind = data.get("object")
    return kind == THIN or (kind != SNAPSHOT and "related_object" in data)


def _snapshot(data: JsonObject, otherwise: _Otherwise | None) -> WebhookEvent:
    event_id, stripe_type = identities(data, "event", "id", "type")
    subject = child(data, "data", "object")
    subject = _refund_of(stripe_type, subject) or subject
    before = child(data, "data", "previous_attributes")
    kind, subject_id = texts(subject, "object", "id")
    word = _snapshot_type(stripe_type, subject, before)
    carried = _carried(kind, subject, event_id, stripe_type)
    subscription = carried.get("subscription")
    customer_id = subject_id if kind == "customer" else None if subscription is None else subscription.customer_id
    subscription_id = subject_id if kind == "subscription" else None
    return WebhookEvent(
        id=event_id,
        type=word,
        created_at=_known(timestamp(data, "created"), otherwise),
        dedupe_key=_key_of(event_id, word, subject_id),
        customer_id=customer_id or wire.customer_of(subject) or wire.customer_of(before),
        subscription_id=subscription_id or wire.invoice_subscription_id(subject),
        livemode=_livemode(data, subject),
        provider_type=stripe_type,
        provider="stripe",
        raw=data,
        also=_also(word, carried.get("dispute")),
        **carried,
    )


def _also(word: EventType | str, dispute: Dispute | None) -> tuple[str, ...]:
    """A new dispute can wait for evidence at once."""
    if dispute is None or dispute.status is not DisputeStatus.NEEDS_RESPONSE or word is not EventType.DISPUTE_OPENED:
        return ()
    return (f"{EventType.DISPUTE_NEEDS_RESPONSE}:{dispute.id}",)


def _snapshot_type(stripe_type: str, subject: JsonObject, before: JsonObject) -> EventType | str:
    shared = EVENT_TYPES.get(stripe_type)
    if stripe_type == CHECKOUT_COMPLETED:
        shared = COMPLETED_CHECKOUTS.get(text(subject, "payment_status"))
    if stripe_type.startswith(ON_A_PAGE) and text(subject, "mode") == "setup":
        shared = None  # it saves a payment method, and sells nothing: setup_intent.succeeded tells of that
    if shared in _OF_REFUNDS or (stripe_type in REFUNDS_OF_CHARGES and text(subject, "object") == "refund"):
        shared = _REFUND_ENDS.get(wire.REFUND_STATUS.get(text(subject, "status")), shared)
    if shared is EventType.DISPUTE_CLOSED or (shared is EventType.DISPUTE_UPDATED and "status" in before):
        status = DISPUTE_STATUS.get(text(subject, "status"))
        shared = shared if status is None else EventType.of_dispute(status)
    return shared or f"stripe:{stripe_type}"


def _refund_of(stripe_type: str, charge: JsonObject) -> JsonObject | None:
    """The newest refund of a charge that was refunded, where the charge holds its refunds: until 2022-11-15 it does."""
    if stripe_type != "charge.refunded":
        return None
    refunds = children(child(charge, "refunds"), "data")
    if not refunds:
        return None
    newest = max(refunds, key=lambda each: integer(each, "created") or 0)
    return {**{name: charge.get(name) for name in ("customer", "payment_intent")}, **newest}


_ONCE = frozenset(
    {
        *(EventType.CHECKOUT_COMPLETED, EventType.CHECKOUT_FAILED),
        *(EventType.DISPUTE_WON, EventType.DISPUTE_LOST, EventType.DISPUTE_CLOSED),
        *_REFUND_ENDS.values(),
    }
)
"""How a checkout, a refund or a dispute ends: several events report it, and count once."""


def _key_of(event_id: str, word: EventType | str, subject_id: str | None) -> str:
    """The key of the event."""
    return f"{word}:{subject_id}" if word in _ONCE and subject_id else event_id


_READERS: Mapping[str, tuple[str, Callable[[JsonObject], Model]]] = {
    "customer": ("customer", wire.customer_from),
    "subscription": ("subscription", wire.subscription_from),
    "invoice": ("invoice", wire.invoice_from),
    "payment_intent": ("payment", wire.payment_from),
    "refund": ("refund", wire.refund_from),
    "checkout.session": ("checkout_session", wire.checkout_session_from),
    "dispute": ("dispute", dispute_from),
    "payment_method": ("payment_method", wire.payment_method_from),
}
"""Stripe's word for the kind of an object, and the field of the event that holds it."""


def _carried(kind: str | None, subject: JsonObject, event_id: str, stripe_type: str) -> dict[str, Any]:
    field, read = _READERS.get(kind or "", (None, None))
    if field is None or read is None:
        return {}
    if stripe_type == "invoice.upcoming":  # a preview: it has no id yet
        return {}
    try:
        return {field: read(subject)}
    except InvalidResponse as error:
        _log.warning(
            "stripe: the object of event %s (%s) cannot be read: %s", redact(event_id), redact(stripe_type), error
        )
        return {}


def _thin(data: JsonObject, otherwise: _Otherwise | None) -> WebhookEvent:
    event_id, stripe_type = identities(data, "event", "id", "type")
    name = stripe_type.removeprefix("v1.")
    shared = (THIN_WORDS.get(name) or EVENT_TYPES.get(name)) if name != stripe_type else None
    kind, related_id = texts(child(data, "related_object"), "type", "id")
    ids = {kind: related_id}
    return WebhookEvent(
        id=event_id,
        type=shared or f"stripe:{stripe_type}",
        created_at=_known(rfc3339(data, "created"), otherwise),
        dedupe_key=_key_of(reference(data, "snapshot_event") or event_id, shared or "", related_id),
        customer_id=ids.get("customer"),
        subscription_id=ids.get("subscription"),
        livemode=_livemode(data),
        provider_type=stripe_type,
        provider="stripe",
        raw=data,
    )


def with_subject(event: WebhookEvent, subject: JsonObject, before: JsonObject, snapshot_id: str | None) -> WebhookEvent:
    """A thin event with its object, in the words of the snapshot that tells of the same.

    Args:
        event: the thin event.
        subject: the object, as it is now.
        before: what has changed, as it was.
        snapshot_id: the id of the snapshot, if there is one.
    """
    name = (event.provider_type or "").removeprefix("v1.")
    about: JsonObject = {"object": subject, "previous_attributes": before}
    told: JsonObject = {**event.raw, "id": snapshot_id or event.id, "object": SNAPSHOT, "type": name, "data": about}
    again = _snapshot(told, lambda: event.created_at)
    return attrs.evolve(
        again,
        id=event.id,
        type=THIN_ONLY.get(name, again.type),
        account_id=event.account_id,
        known_as=(event.dedupe_key,),
        livemode=event.livemode,
        provider_type=event.provider_type,
        raw={**event.raw, "data": about},
    )


def _known(created: datetime | None, otherwise: _Otherwise | None) -> datetime:
    if created is not None:
        return created
    if otherwise is None:
        message = "the event does not say when it was created"
        raise InvalidResponse(message)
    return otherwise()


def _livemode(*told: JsonObject) -> bool | None:
    """The mode, by the first that tells it: the event, else its object."""
    return next((value for each in told if isinstance(value := each.get("livemode"), bool)), None)
