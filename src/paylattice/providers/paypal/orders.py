"""Orders, authorizations, captures, sales and refunds to payments: pure functions.

A payment is known by the id of its order wherever there is one: the order is there before the buyer has agreed, and the
authorizations and captures that come later are in it. Captures and authorizations without their order, and the sales of
subscriptions (an older kind of object), go by their own ids.
"""

from collections.abc import Mapping

import attrs

from ...jsonlike import JsonObject, child, children, identity, rfc3339, text
from ...models import CheckoutSession, CheckoutStatus, Payment, PaymentStatus, Refund, RefundStatus
from ...money import Money
from .amounts import money_from, optional_money_from
from .wire import approval_url

__all__ = [
    "Parts",
    "order_session_from",
    "parts_of",
    "payment_from_authorization",
    "payment_from_capture",
    "payment_from_order",
    "payment_from_sale",
    "refund_from",
    "refund_from_sale",
    "taken_of",
]

CAPTURE_STATUS: Mapping[str | None, PaymentStatus] = {
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "PENDING": PaymentStatus.PENDING,
    "DECLINED": PaymentStatus.FAILED,
    "FAILED": PaymentStatus.FAILED,
    "PARTIALLY_REFUNDED": PaymentStatus.PARTIALLY_REFUNDED,
    "REFUNDED": PaymentStatus.REFUNDED,
}
"""https://developer.paypal.com/docs/api/payments/v2/#captures_get"""

AUTHORIZATION_STATUS: Mapping[str | None, PaymentStatus] = {
    "CREATED": PaymentStatus.AUTHORIZED,
    "CAPTURED": PaymentStatus.SUCCEEDED,
    "PARTIALLY_CAPTURED": PaymentStatus.SUCCEEDED,
    "DENIED": PaymentStatus.FAILED,
    "EXPIRED": PaymentStatus.CANCELED,
    "VOIDED": PaymentStatus.CANCELED,
    "PENDING": PaymentStatus.PENDING,
}
"""https://developer.paypal.com/docs/api/payments/v2/#authorizations_get"""

ORDER_STATUS: Mapping[str | None, PaymentStatus] = {
    "CREATED": PaymentStatus.REQUIRES_ACTION,
    "PAYER_ACTION_REQUIRED": PaymentStatus.REQUIRES_ACTION,
    "SAVED": PaymentStatus.PENDING,
    "APPROVED": PaymentStatus.PENDING,
    "VOIDED": PaymentStatus.CANCELED,
}
"""Of an order without a capture or an authorization. APPROVED: the buyer has agreed, and no money has moved."""

SALE_STATUS: Mapping[str | None, PaymentStatus] = {
    "completed": PaymentStatus.SUCCEEDED,
    "partially_refunded": PaymentStatus.PARTIALLY_REFUNDED,
    "refunded": PaymentStatus.REFUNDED,
    "pending": PaymentStatus.PENDING,
    "denied": PaymentStatus.FAILED,
}
"""``state`` of a sale, in whatever case; https://developer.paypal.com/docs/api/payments/v1/#sale"""

REFUND_STATUS: Mapping[str | None, RefundStatus] = {
    "COMPLETED": RefundStatus.SUCCEEDED,
    "PENDING": RefundStatus.PENDING,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.CANCELED,
}
"""https://developer.paypal.com/docs/api/payments/v2/#refunds_get; v1 says the same in lower case."""

_CHECKOUT: Mapping[PaymentStatus, CheckoutStatus] = {
    PaymentStatus.REQUIRES_ACTION: CheckoutStatus.OPEN,
    PaymentStatus.PENDING: CheckoutStatus.PENDING,
    PaymentStatus.AUTHORIZED: CheckoutStatus.COMPLETE,
    PaymentStatus.SUCCEEDED: CheckoutStatus.COMPLETE,
    PaymentStatus.PARTIALLY_REFUNDED: CheckoutStatus.COMPLETE,
    PaymentStatus.REFUNDED: CheckoutStatus.COMPLETE,
    PaymentStatus.FAILED: CheckoutStatus.EXPIRED,
    PaymentStatus.CANCELED: CheckoutStatus.EXPIRED,
}
"""The status of the payment, as that of the page."""


@attrs.frozen
class Parts:
    """What an order has led to.

    Args:
        unit: the first purchase unit; there is one.
        authorizations: oldest first.
        captures: oldest first.
        refunds: oldest first.
    """

    unit: JsonObject
    authorizations: tuple[JsonObject, ...]
    captures: tuple[JsonObject, ...]
    refunds: tuple[JsonObject, ...]


def parts_of(order: JsonObject) -> Parts:
    """What the order has led to."""
    units = children(order, "purchase_units")
    unit: JsonObject = units[0] if units else {}
    payments = child(unit, "payments")
    return Parts(
        unit, children(payments, "authorizations"), children(payments, "captures"), children(payments, "refunds")
    )


def payment_from_order(order: JsonObject) -> Payment:
    """The payment that an order is. One that is COMPLETED may hold a capture that is pending, or was declined."""
    parts = parts_of(order)
    status, word = _standing(order, parts)
    amount = money_from(parts.unit, "amount", what="order")
    taken = [each for each in parts.captures if CAPTURE_STATUS.get(text(each, "status")) in _TAKEN]
    return Payment(
        id=identity(order, "id", "order"),
        amount=amount,
        status=status,
        customer_id=text(parts.unit, "custom_id"),
        amount_captured=_total(amount, taken),
        amount_refunded=_total(amount, [each for each in parts.refunds if text(each, "status") in _GIVEN_BACK]),
        description=text(parts.unit, "description"),
        created_at=rfc3339(order, "create_time"),
        raw_status=word,
        provider="paypal",
        raw=order,
    )


_TAKEN = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_GIVEN_BACK = frozenset({"COMPLETED", "PENDING"})


def _standing(order: JsonObject, parts: Parts) -> tuple[PaymentStatus, str | None]:
    """Where the payment is, and PayPal's word for it: the capture's, else the authorization's, else the order's."""
    capture = taken_of(parts) or (parts.captures[-1] if parts.captures else None)
    if capture is not None:
        word = text(capture, "status")
        return CAPTURE_STATUS.get(word, PaymentStatus.UNKNOWN), word
    if parts.authorizations:
        word = text(parts.authorizations[-1], "status")
        return AUTHORIZATION_STATUS.get(word, PaymentStatus.UNKNOWN), word
    word = text(order, "status")
    return ORDER_STATUS.get(word, PaymentStatus.UNKNOWN), word


def taken_of(parts: Parts) -> JsonObject | None:
    """The newest capture that took money, whatever was declined before or after; None if none did."""
    taken = [each for each in parts.captures if CAPTURE_STATUS.get(text(each, "status")) in _TAKEN]
    return taken[-1] if taken else None


def _total(like: Money, found: "list[JsonObject]") -> Money:
    total = like * 0
    for each in found:
        amount = optional_money_from(each, "amount")
        if amount is not None and amount.currency == like.currency:
            total += amount
    return total


def order_session_from(order: JsonObject) -> CheckoutSession:
    """The page on which an order is approved. It has the order's id, which is the payment's, too."""
    payment = payment_from_order(order)
    status = _CHECKOUT.get(payment.status, CheckoutStatus.UNKNOWN)
    is_open = status is CheckoutStatus.OPEN
    return CheckoutSession(
        id=payment.id,
        url=approval_url(order, "payer-action", "approve") if is_open or status is CheckoutStatus.UNKNOWN else None,
        customer_id=payment.customer_id,
        status=status,
        payment_id=None if is_open else payment.id,
        raw_status=text(order, "status"),
        provider="paypal",
        raw=order,
    )


def payment_from_capture(data: JsonObject, identifier: str | None = None) -> Payment:
    """A capture. ``identifier``: the id that the payment goes by, if that is not the capture's."""
    word = text(data, "status")
    status = CAPTURE_STATUS.get(word, PaymentStatus.UNKNOWN)
    return _payment(data, "capture", identifier, status, word)


def payment_from_authorization(data: JsonObject, identifier: str | None = None) -> Payment:
    """An authorization. ``identifier``: the id that the payment goes by, if that is not the authorization's."""
    word = text(data, "status")
    status = AUTHORIZATION_STATUS.get(word, PaymentStatus.UNKNOWN)
    return _payment(data, "authorization", identifier, status, word)


def payment_from_sale(data: JsonObject) -> Payment:
    """The payment of a subscription, of the older kind: ``{total, currency}``, and a state in lower case."""
    word = text(data, "state") or text(data, "status")
    status = SALE_STATUS.get(word) or SALE_STATUS.get((word or "").lower(), PaymentStatus.UNKNOWN)
    return _payment(data, "sale", None, status, word)


def _payment(data: JsonObject, what: str, identifier: str | None, status: PaymentStatus, word: str | None) -> Payment:
    amount = money_from(data, "amount", what=what)
    has_taken = status is PaymentStatus.SUCCEEDED or status in _TAKEN
    taken = amount if has_taken else amount * 0
    return Payment(
        id=identifier or identity(data, "id", what),
        amount=amount,
        status=status,
        customer_id=text(data, "custom_id") or text(data, "custom"),
        amount_captured=None if has_taken and what == "authorization" else taken,  # it does not say how much
        amount_refunded=amount if status is PaymentStatus.REFUNDED else None,
        created_at=rfc3339(data, "create_time"),
        raw_status=word,
        provider="paypal",
        raw=data,
    )


def refund_from(data: JsonObject, *, payment_id: str | None, asked: Money | None = None) -> Refund:
    """A refund of a capture.

    Args:
        data: the refund.
        payment_id: what was refunded.
        asked: the amount that was asked for, where the answer leaves it out.
    """
    word = text(data, "status")
    return Refund(
        id=identity(data, "id", "refund"),
        amount=optional_money_from(data, "amount") or asked or money_from(data, "amount", what="refund"),
        status=REFUND_STATUS.get(word, RefundStatus.UNKNOWN),
        payment_id=payment_id,
        reason=text(data, "note_to_payer"),
        created_at=rfc3339(data, "create_time"),
        raw_status=word,
        provider="paypal",
        raw=data,
    )


def refund_from_sale(data: JsonObject, *, payment_id: str | None = None, asked: Money | None = None) -> Refund:
    """A refund of a sale. Its amount is written as a negative number now and then."""
    word = text(data, "state") or text(data, "status")
    amount = optional_money_from(data, "amount") or asked or money_from(data, "amount", what="refund")
    return Refund(
        id=identity(data, "id", "refund"),
        amount=amount if amount.amount >= 0 else -amount,
        status=REFUND_STATUS.get((word or "").upper(), RefundStatus.UNKNOWN),
        payment_id=payment_id or text(data, "sale_id"),
        reason=text(data, "reason") or text(data, "description"),
        created_at=rfc3339(data, "create_time"),
        raw_status=word,
        provider="paypal",
        raw=data,
    )
