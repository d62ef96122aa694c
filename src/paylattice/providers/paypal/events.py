"""PayPal's events in the words that all providers share.

The table is https://developer.paypal.com/api/rest/webhooks/event-names/. What an event carries differs by its name: a failed
payment of a subscription carries the subscription, a refunded capture the refund. Money is counted once for each sale, capture
and refund, whatever number of events tells of it: PayPal sends two about one sale now and then.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from ...errors import InvalidResponse
from ...events import EventType, WebhookEvent
from ...jsonlike import JsonObject, as_object, child, children, identities, rfc3339, text
from ...models import CheckoutSession, CheckoutStatus, DisputeStatus
from ...redaction import redact
from . import orders, wire
from .disputes import dispute_from
from .event_words import Carried, word_by
from .order_parts import agreed, order_of
from .sale_invoices import invoice_from_sale
from .verification.transmission import Signed

__all__ = [
    "ABOUT_SUBSCRIPTIONS",
    "EVENT_TYPES",
    "NEVER_LED_TO",
    "REREAD",
    "SENT",
    "event_from",
    "is_proven",
    "subject_of",
    "with_subject",
]

_log = logging.getLogger("paylattice")
_E = EventType

EVENT_TYPES: Mapping[str, EventType] = {
    "BILLING.SUBSCRIPTION.CREATED": _E.SUBSCRIPTION_CREATED,
    "BILLING.SUBSCRIPTION.ACTIVATED": _E.SUBSCRIPTION_ACTIVE,
    "BILLING.SUBSCRIPTION.RE-ACTIVATED": _E.SUBSCRIPTION_RESUMED,
    "BILLING.SUBSCRIPTION.UPDATED": _E.SUBSCRIPTION_UPDATED,
    "BILLING.SUBSCRIPTION.SUSPENDED": _E.SUBSCRIPTION_PAUSED,
    "BILLING.SUBSCRIPTION.CANCELLED": _E.SUBSCRIPTION_CANCELED,
    "BILLING.SUBSCRIPTION.EXPIRED": _E.SUBSCRIPTION_EXPIRED,
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED": _E.INVOICE_PAYMENT_FAILED,
    "PAYMENT.SALE.COMPLETED": _E.INVOICE_PAID,
    "PAYMENT.SALE.PENDING": _E.PAYMENT_PROCESSING,
    "PAYMENT.SALE.DENIED": _E.PAYMENT_FAILED,
    "PAYMENT.SALE.REFUNDED": _E.REFUND_SUCCEEDED,
    "PAYMENT.SALE.REVERSED": _E.DISPUTE_FUNDS_WITHDRAWN,
    "CHECKOUT.ORDER.APPROVED": _E.CHECKOUT_PENDING,
    "CHECKOUT.ORDER.COMPLETED": _E.CHECKOUT_COMPLETED,
    "CHECKOUT.ORDER.PROCESSED": _E.CHECKOUT_COMPLETED,
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": _E.CHECKOUT_EXPIRED,
    "PAYMENT.AUTHORIZATION.CREATED": _E.PAYMENT_AUTHORIZED,
    "PAYMENT.AUTHORIZATION.VOIDED": _E.PAYMENT_CANCELED,
    "PAYMENT.CAPTURE.COMPLETED": _E.PAYMENT_SUCCEEDED,
    "PAYMENT.CAPTURE.PENDING": _E.PAYMENT_PROCESSING,
    "PAYMENT.CAPTURE.DECLINED": _E.PAYMENT_FAILED,
    "PAYMENT.CAPTURE.DENIED": _E.PAYMENT_FAILED,
    "PAYMENT.CAPTURE.REFUNDED": _E.REFUND_SUCCEEDED,
    "PAYMENT.CAPTURE.REVERSED": _E.DISPUTE_FUNDS_WITHDRAWN,
    "PAYMENT.REFUND.PENDING": _E.REFUND_CREATED,
    "PAYMENT.REFUND.FAILED": _E.REFUND_FAILED,
    "CUSTOMER.DISPUTE.CREATED": _E.DISPUTE_OPENED,
    "CUSTOMER.DISPUTE.UPDATED": _E.DISPUTE_UPDATED,
    "CUSTOMER.DISPUTE.RESOLVED": _E.DISPUTE_CLOSED,
    "RISK.DISPUTE.CREATED": _E.DISPUTE_OPENED,
    "INVOICING.INVOICE.CREATED": _E.INVOICE_CREATED,
    "INVOICING.INVOICE.SCHEDULED": _E.INVOICE_UPDATED,
    "INVOICING.INVOICE.UPDATED": _E.INVOICE_UPDATED,
    "INVOICING.INVOICE.PAID": _E.INVOICE_PAID,
    "INVOICING.INVOICE.CANCELLED": _E.INVOICE_VOIDED,
    "VAULT.PAYMENT-TOKEN.CREATED": _E.PAYMENT_METHOD_ATTACHED,
    "VAULT.PAYMENT-TOKEN.DELETED": _E.PAYMENT_METHOD_DETACHED,
}

SENT: frozenset[EventType] = frozenset(
    {*EVENT_TYPES.values(), _E.PAYMENT_SUCCEEDED, _E.CHECKOUT_FAILED, _E.INVOICE_PAYMENT_RECORDED}
    | {_E.DISPUTE_NEEDS_RESPONSE, _E.DISPUTE_WON, _E.DISPUTE_LOST}
)
"""The shared events that PayPal sends."""
NEVER_LED_TO = frozenset({_E.SUBSCRIPTION_CANCELLATION_SCHEDULED, _E.SUBSCRIPTION_CANCELLATION_WITHDRAWN})
"""Shared events that no change at PayPal leads to."""

_SALE, _SALE_REFUND, _CAPTURE, _REFUND, _AUTHORIZATION, _ORDER, _INVOICE = (
    "/v1/payments/sale",
    "/v1/payments/refund",
    "/v2/payments/captures",
    "/v2/payments/refunds",
    "/v2/payments/authorizations",
    "/v2/checkout/orders",
    "/v2/invoicing/invoices",
)
REREAD: Mapping[str, str] = {
    "PAYMENT.SALE.COMPLETED": _SALE,
    "PAYMENT.SALE.PENDING": _SALE,
    "PAYMENT.SALE.DENIED": _SALE,
    "PAYMENT.SALE.REFUNDED": _SALE_REFUND,
    "CHECKOUT.ORDER.APPROVED": _ORDER,
    "CHECKOUT.ORDER.COMPLETED": _ORDER,
    "CHECKOUT.ORDER.PROCESSED": _ORDER,
    "PAYMENT.AUTHORIZATION.CREATED": _AUTHORIZATION,
    "PAYMENT.AUTHORIZATION.VOIDED": _AUTHORIZATION,
    "PAYMENT.CAPTURE.COMPLETED": _CAPTURE,
    "PAYMENT.CAPTURE.PENDING": _CAPTURE,
    "PAYMENT.CAPTURE.DECLINED": _CAPTURE,
    "PAYMENT.CAPTURE.DENIED": _CAPTURE,
    "PAYMENT.CAPTURE.REFUNDED": _REFUND,
    "PAYMENT.REFUND.PENDING": _REFUND,
    "PAYMENT.REFUND.FAILED": _REFUND,
    "INVOICING.INVOICE.CREATED": _INVOICE,
    "INVOICING.INVOICE.SCHEDULED": _INVOICE,
    "INVOICING.INVOICE.UPDATED": _INVOICE,
    "INVOICING.INVOICE.PAID": _INVOICE,
    "INVOICING.INVOICE.CANCELLED": _INVOICE,
}
"""Where the object of an event about money is read again: the body of a delivery is not proof enough."""

_COUNTED_ONCE = frozenset(name for name in REREAD if name.startswith("PAYMENT."))
"""Events that are known by what happened to which sale, capture, authorization or refund."""
_NAMES_SUBSCRIPTION: Mapping[str, str] = {
    **{name: "id" for name in EVENT_TYPES if name.startswith("BILLING.SUBSCRIPTION.")},
    **{name: "billing_agreement_id" for name in EVENT_TYPES if name.startswith("PAYMENT.SALE.")},
}
"""Where the id of the subscription is."""


_NOTHING: Carried = {}
_Read: TypeAlias = Callable[[JsonObject, datetime], Carried]


def _subscription(data: JsonObject, now: datetime) -> Carried:
    return {"subscription": wire.subscription_from(data, now)}


def _sale(data: JsonObject, _now: datetime) -> Carried:
    invoice = invoice_from_sale(data)
    payment = orders.payment_from_sale(data)
    return {"payment": payment} if invoice is None else {"payment": payment, "invoice": invoice}


def _capture(data: JsonObject, _now: datetime) -> Carried:
    return {"payment": orders.payment_from_capture(data, order_of(data))}


def _refund(data: JsonObject, _now: datetime) -> Carried:
    return {"refund": orders.refund_from(data, payment_id=order_of(data))}


def _authorization(data: JsonObject, _now: datetime) -> Carried:
    return {"payment": orders.payment_from_authorization(data, order_of(data))}


def _order(data: JsonObject, _now: datetime) -> Carried:
    return {"checkout_session": orders.order_session_from(data)}


def _left(data: JsonObject, _now: datetime) -> Carried:
    order_id = text(data, "order_id")
    if order_id is None:
        return {}
    customer_id = agreed(children(data, "purchase_units"), "custom_id")
    expired = CheckoutStatus.EXPIRED
    return {
        "checkout_session": CheckoutSession(order_id, None, customer_id, status=expired, provider="paypal", raw=data)
    }


def _invoice(data: JsonObject, _now: datetime) -> Carried:
    return {"invoice": wire.searched_invoice_from(child(data, "invoice") or data)}


def _dispute(data: JsonObject, _now: datetime) -> Carried:
    return {"dispute": dispute_from(data)}


def _token(data: JsonObject, _now: datetime) -> Carried:
    return {"payment_method": wire.payment_method_from(data)}


_BY_PLACE: Mapping[str, _Read] = {
    _SALE: _sale,
    _SALE_REFUND: _refund,
    _CAPTURE: _capture,
    _REFUND: _refund,
    _AUTHORIZATION: _authorization,
    _ORDER: _order,
    _INVOICE: _invoice,
}
ABOUT_SUBSCRIPTIONS = frozenset(name for name in EVENT_TYPES if name.startswith("BILLING.SUBSCRIPTION."))
"""Events whose subscription billing reads again itself."""
_READERS: Mapping[str, _Read] = {
    **dict.fromkeys(ABOUT_SUBSCRIPTIONS, _subscription),
    **{name: _BY_PLACE[place] for name, place in REREAD.items()},
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": _left,
    **{name: _dispute for name in EVENT_TYPES if ".DISPUTE." in name},
    **{name: _token for name in EVENT_TYPES if name.startswith("VAULT.")},
}
"""How what an event carries is read. What is taken back (``.REVERSED``) comes in several shapes, and is left in ``raw``."""


def event_from(
    data: JsonObject,
    now: datetime,
    signed: Signed | None = None,
    *,
    livemode: bool | None = None,
    otherwise: datetime | None = None,
) -> WebhookEvent:
    """The event. What it carries and cannot be read is left out, its ids are not.

    Args:
        data: the whole delivery, or an event of PayPal's list.
        now: aware.
        signed: what is proven of the delivery; None: it comes from PayPal's list.
        livemode: whether it comes from where real money moves.
        otherwise: when it happened, if it does not say so, or no time that there is: PayPal's simulator sends events of a
            nineteenth month. Of a delivery that is the time at which it was sent.

    Raises:
        InvalidResponse: it has no id, no type, or no time.
    """
    (event_id, name), created = identities(data, "event", "id", "event_type"), rfc3339(data, "create_time")
    if created is None:
        created = otherwise if signed is None else signed.sent_at
    if created is None:
        message = "the event does not say when it was created"
        raise InvalidResponse(message)
    resource = as_object(data.get("resource")) or {}
    shared = EVENT_TYPES.get(name)
    carried = _carried(name, resource, now, event_id)
    shared = word_by(shared, carried)
    money_id = _money_id(name, resource)
    about = money_id or (carried["dispute"].id if "dispute" in carried and shared in _OF_DISPUTES else None)
    delivery_id, known_as = _also_known_as(data, event_id, signed)
    return WebhookEvent(
        id=event_id,
        type=shared or f"paypal:{name}",
        created_at=created,
        dedupe_key=_key_of(event_id, signed) if about is None else f"{shared}:{about}",
        delivery_id=delivery_id,
        known_as=known_as if money_id is None else (),
        also=_also(shared, carried, money_id),
        customer_id=_named_customer(resource),
        subscription_id=text(resource, _NAMES_SUBSCRIPTION[name]) if name in _NAMES_SUBSCRIPTION else None,
        livemode=livemode,
        provider_type=name,
        provider="paypal",
        raw=data,
        **carried,
    )


_OF_DISPUTES = frozenset({_E.DISPUTE_OPENED, _E.DISPUTE_WON, _E.DISPUTE_LOST, _E.DISPUTE_CLOSED})
_OF_ORDERS = frozenset({_E.CHECKOUT_COMPLETED, _E.CHECKOUT_FAILED})
"""What happens to a dispute, or an order, once, and PayPal may tell under two names."""


def _named_customer(resource: JsonObject) -> str | None:
    """The application's own id of the customer, in whichever place the object has it."""
    owner = child(resource, "customer")  # of what is saved in the vault
    told = text(resource, "custom_id") or text(resource, "custom") or text(owner, "merchant_customer_id")
    return told or agreed(children(resource, "purchase_units"), "custom_id")


def _also(shared: EventType | None, carried: Carried, money_id: str | None) -> tuple[str, ...]:
    """A paid period is a payment, too; and any event of a dispute can say that evidence is wanted, until when."""
    if shared is _E.INVOICE_PAID and "payment" in carried:
        return (f"{_E.PAYMENT_SUCCEEDED}:{money_id}",)
    dispute = carried.get("dispute")
    if dispute is None or dispute.status is not DisputeStatus.NEEDS_RESPONSE:
        return ()
    due = dispute.evidence_due_at.isoformat() if dispute.evidence_due_at is not None else ""
    return (f"{_E.DISPUTE_NEEDS_RESPONSE}:{dispute.id}:{due}",)


def _money_id(name: str, resource: JsonObject) -> str | None:
    """The id of the money that the event tells of, where that counts once."""
    return text(resource, "id") if name in _COUNTED_ONCE else None


def _confirmed_key(again: WebhookEvent, told: WebhookEvent) -> str:
    """What an event is known by that was read again: only then is it certain what happened to the order."""
    if again.checkout_session is not None and again.type in _OF_ORDERS:
        return f"{again.type}:{again.checkout_session.id}"
    if again.invoice is not None and again.payment is None and again.type is _E.INVOICE_PAID:
        return f"{again.type}:{again.invoice.id}"  # also read back from the event of a part, when all was paid since
    counts_once = _money_id(again.provider_type or "", child(again.raw, "resource")) is not None
    return again.dedupe_key if counts_once else told.dedupe_key


def _key_of(event_id: str, signed: Signed | None) -> str:
    """What an event is known by that does not count once for the money it tells of.

    In a delivery, the id is under the signed checksum only: who has seen a delivery can make a body with another event's id for
    it. So the checksum is in the key, too: the genuine event has another one, and is not kept out. PayPal sends the same body
    again when it sends an event again.
    """
    return event_id if signed is None else f"{event_id}:{signed.checksum}"


def _also_known_as(data: JsonObject, event_id: str, signed: Signed | None) -> tuple[str | None, tuple[str, ...]]:
    """The id of the delivery, and under what the event may have been applied before.

    That is, as an event of PayPal's list; or, for one of the list, by any of its deliveries.
    """
    if signed is not None:
        return signed.transmission.id, (event_id,)
    sent = [text(each, "transmission_id") for each in children(data, "transmissions")]
    known = tuple(dict.fromkeys(each for each in sent if each))
    return (known[0] if known else None), known


def is_proven(event: WebhookEvent) -> bool:
    """Whether the event's id comes from PayPal itself, rather than from the body of a delivery."""
    return event.id not in event.known_as


def _carried(name: str, resource: JsonObject, now: datetime, event_id: str) -> Carried:
    read = _READERS.get(name)
    if read is None:
        return _NOTHING
    try:
        return read(resource, now)
    except InvalidResponse as error:
        _log.warning("paypal: the object of event %s (%s) cannot be read: %s", redact(event_id), redact(name), error)
        return _NOTHING


# --- read again -------------------------------------------------------------------------------------------------------


def subject_of(event: WebhookEvent) -> JsonObject:
    """The object that an event is about, as it was delivered."""
    resource = child(event.raw, "resource")
    return child(resource, "invoice") or resource if REREAD.get(event.provider_type or "") == _INVOICE else resource


def with_subject(event: WebhookEvent, subject: JsonObject, now: datetime) -> WebhookEvent:
    """The event with another object in the place of the delivered one."""
    again = event_from({**event.raw, "resource": subject}, now, livemode=event.livemode, otherwise=event.created_at)
    key = _confirmed_key(again, event)
    return attrs.evolve(again, dedupe_key=key, delivery_id=event.delivery_id, known_as=event.known_as)
