"""PayPal's events in the words that all providers share.

The table is https://developer.paypal.com/api/rest/webhooks/event-names/. What an event carries differs by its name: a failed
payment of a subscription carries the subscription, a refunded capture the refund. Money is counted once for each sale, capture
and refund, whatever number of events tells of it: PayPal sends two about one sale now and then.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...errors import InvalidResponse
from ...events import EventType, WebhookEvent
from ...jsonlike import JsonObject, child, children, identity, rfc3339, text
from ...models import Model
from ...redaction import redact
from . import orders, wire

__all__ = ["EVENT_TYPES", "REREAD", "event_from", "order_of"]

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
    "PAYMENT.SALE.COMPLETED": _E.PAYMENT_SUCCEEDED,
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

_SALE, _SALE_REFUND, _CAPTURE, _REFUND, _AUTHORIZATION, _ORDER = (
    "/v1/payments/sale",
    "/v1/payments/refund",
    "/v2/payments/captures",
    "/v2/payments/refunds",
    "/v2/payments/authorizations",
    "/v2/checkout/orders",
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
}
"""Where the object of an event about money is read again: the body of a delivery is not proof enough."""


def event_from(data: JsonObject, now: datetime, transmission_id: str | None = None) -> WebhookEvent:
    """The event. What it carries and cannot be read is left out, its ids are not.

    Args:
        data: the whole delivery, or an event of PayPal's list.
        now: aware.
        transmission_id: the signed id of the delivery: the id in the body is covered by a checksum only, which
            can be forged. A list names the transmissions instead.

    Raises:
        InvalidResponse: it has no id, no type or no time.
    """
    event_id, name = identity(data, "id", "event"), identity(data, "event_type", "event")
    created = rfc3339(data, "create_time")
    if created is None:
        message = "the event does not say when it was created"
        raise InvalidResponse(message)
    resource = child(data, "resource")
    carried = _carried(name, resource, now, event_id)
    shared = _shared(name, carried)
    return WebhookEvent(
        id=event_id,
        type=shared or f"paypal:{name}",
        created_at=created,
        dedupe_key=_dedupe_key(name, shared, resource) or transmission_id or _transmission(data) or event_id,
        customer_id=text(resource, "custom_id") or text(resource, "custom"),
        subscription_id=_subscription_id(name, resource),
        livemode=_livemode(data),
        provider_type=name,
        provider="paypal",
        raw=data,
        **carried,
    )


def _shared(name: str, carried: Mapping[str, Any]) -> EventType | None:
    shared = EVENT_TYPES.get(name)
    if shared is _E.SUBSCRIPTION_PAUSED and "subscription" in carried:
        return EventType.of_status(carried["subscription"].status) or shared
    return shared


def _dedupe_key(name: str, shared: EventType | None, resource: JsonObject) -> str | None:
    """For money: what happened to which sale, capture or refund."""
    money_id = text(resource, "id")
    if shared is None or name not in REREAD or name.startswith("CHECKOUT.") or money_id is None:
        return None
    return f"{shared}:{money_id}"


def _transmission(data: JsonObject) -> str | None:
    sent = children(data, "transmissions")
    return text(sent[0], "transmission_id") if sent else None


def _subscription_id(name: str, resource: JsonObject) -> str | None:
    if name.startswith("BILLING.SUBSCRIPTION."):
        return text(resource, "id")
    return text(resource, "billing_agreement_id") if name.startswith("PAYMENT.SALE.") else None


def order_of(resource: JsonObject) -> str | None:
    """The order that a capture, an authorization or a refund belongs to, if it says so."""
    return text(child(resource, "supplementary_data", "related_ids"), "order_id")


def _up(resource: JsonObject) -> str | None:
    """The id of the capture that a refund is of: its link "up" ends in it."""
    link = wire.approval_url(resource, "up")
    last = (link or "").rstrip("/").rpartition("/")[2]
    return last if last.isalnum() else None


def _payment(data: JsonObject, read: Callable[[JsonObject, str | None], Model]) -> Model:
    return read(data, order_of(data))


def _read(name: str, now: datetime) -> tuple[str, Callable[[JsonObject], Model]] | None:
    """The field of the event that its object goes into, and how it is read."""
    if name.startswith("BILLING.SUBSCRIPTION."):
        return "subscription", lambda data: wire.subscription_from(data, now)
    if name == "PAYMENT.SALE.REFUNDED":
        return "refund", orders.refund_from_sale
    if name in {"PAYMENT.SALE.COMPLETED", "PAYMENT.SALE.PENDING", "PAYMENT.SALE.DENIED"}:
        return "payment", orders.payment_from_sale
    if name == "PAYMENT.CAPTURE.REFUNDED" or name.startswith("PAYMENT.REFUND."):
        return "refund", lambda data: orders.refund_from(data, payment_id=order_of(data) or _up(data))
    if name.startswith("PAYMENT.CAPTURE."):
        return "payment", lambda data: _payment(data, orders.payment_from_capture)
    if name.startswith("PAYMENT.AUTHORIZATION."):
        return "payment", lambda data: _payment(data, orders.payment_from_authorization)
    if name.startswith("CHECKOUT.ORDER."):
        return "checkout_session", orders.order_session_from
    if name.startswith("INVOICING.INVOICE."):
        return "invoice", lambda data: wire.searched_invoice_from(child(data, "invoice") or data)
    return None


def _carried(name: str, resource: JsonObject, now: datetime, event_id: str) -> dict[str, Any]:
    found = _read(name, now)
    if found is None:
        return {}
    field, read = found
    try:
        return {field: read(resource)}
    except InvalidResponse as error:
        _log.warning("paypal: the object of event %s (%s) cannot be read: %s", redact(event_id), redact(name), error)
        return {}


def _livemode(data: JsonObject) -> bool | None:
    """By the host in the event's own link."""
    link = wire.approval_url(data, "self") or ""
    if "sandbox.paypal.com" in link:
        return False
    return True if "paypal.com" in link else None
