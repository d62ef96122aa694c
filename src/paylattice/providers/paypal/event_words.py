"""The shared word of an event of PayPal's, by the object in it: its name says less, or more, than what has happened.

Of two words for one fact, the cautious one counts.
"""

from collections.abc import Mapping
from typing import TypedDict

from ...events import EventType
from ...models import (
    CheckoutSession,
    CheckoutStatus,
    Dispute,
    Invoice,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
    Subscription,
)
from . import orders
from .order_parts import parts_of

__all__ = ["Carried", "word_by"]

_E = EventType


class Carried(TypedDict, total=False):
    """The objects of an event, by the event's fields for them."""

    subscription: Subscription
    payment: Payment
    refund: Refund
    checkout_session: CheckoutSession
    invoice: Invoice
    dispute: Dispute
    payment_method: PaymentMethod


_ORDER_EVENTS: Mapping[CheckoutStatus, EventType] = {
    CheckoutStatus.COMPLETE: _E.CHECKOUT_COMPLETED,
    CheckoutStatus.OPEN: _E.CHECKOUT_PENDING,
    CheckoutStatus.PENDING: _E.CHECKOUT_PENDING,
    CheckoutStatus.EXPIRED: _E.CHECKOUT_FAILED,
}
"""An order that is said to be completed, by the standing of its captures: they may be pending, or declined. Of which some were
paid and others were not, no shared word tells: the event keeps PayPal's."""

_NOT_AUTHORIZED: Mapping[PaymentStatus, EventType] = {
    PaymentStatus.PENDING: _E.PAYMENT_PROCESSING,
    PaymentStatus.FAILED: _E.PAYMENT_FAILED,
}
"""An authorization that was created, and reserves no money: PayPal still reviews it, or it was denied."""

_REFUNDED: Mapping[RefundStatus, EventType] = {
    RefundStatus.PENDING: _E.REFUND_CREATED,
    RefundStatus.FAILED: _E.REFUND_FAILED,
    RefundStatus.CANCELED: _E.REFUND_FAILED,
}
"""Where a refund stands that PayPal calls refunded: that of a bank debit is pending then, and may fail."""

_NOT_ALL_PAID: Mapping[str | None, EventType] = {
    "PARTIALLY_PAID": _E.INVOICE_PAYMENT_RECORDED,
    "PAYMENT_PENDING": _E.INVOICE_UPDATED,
}
"""INVOICING.INVOICE.PAID comes for a part of an invoice, and for a payment that is on its way, too:
https://developer.paypal.com/platforms/invoicing/reference/invoicing-webhooks."""

_UNDER_WAY = frozenset({PaymentStatus.PENDING, PaymentStatus.PROCESSING})


def word_by(shared: EventType | None, carried: Carried) -> EventType | None:
    """The shared word.

    Args:
        shared: what the name of the event says; None: no shared word.
        carried: the objects in it.
    """
    if shared is _E.SUBSCRIPTION_PAUSED and "subscription" in carried:
        paused = EventType.of_status(carried["subscription"].status)
        return paused if paused is _E.SUBSCRIPTION_UNPAID else shared
    if shared is _E.CHECKOUT_COMPLETED and "checkout_session" in carried:
        session = carried["checkout_session"]
        in_parts = bool(parts_of(session.raw).captures)
        return _ORDER_EVENTS.get(session.status, None if in_parts else shared)
    if shared is _E.DISPUTE_CLOSED and "dispute" in carried and carried["dispute"].status.is_over:
        return _E.of_dispute(carried["dispute"].status)  # which is not told by the update beside it, too
    if shared is _E.REFUND_SUCCEEDED and "refund" in carried:
        return _REFUNDED.get(carried["refund"].status, shared)
    if "payment" in carried:
        return _word_of_payment(shared, carried["payment"], is_invoice="invoice" in carried)
    if shared is _E.INVOICE_PAID and "invoice" in carried:
        return _NOT_ALL_PAID.get(carried["invoice"].raw_status, shared)
    return shared


def _word_of_payment(shared: EventType | None, payment: Payment, *, is_invoice: bool) -> EventType | None:
    if shared is _E.PAYMENT_AUTHORIZED:
        return _NOT_AUTHORIZED.get(payment.status, shared)
    if shared not in {_E.PAYMENT_SUCCEEDED, _E.INVOICE_PAID}:
        return shared
    if payment.status in _UNDER_WAY and not orders.was_taken_back(payment.raw):
        return _E.PAYMENT_PROCESSING
    return _E.INVOICE_PAID if is_invoice else _E.PAYMENT_SUCCEEDED
