"""Whether what PayPal has bears out what a delivery said.

A delivery may come late, and twice: the object that it tells of has moved on by then. So an event is borne out by the state
that it names and by every state that can follow; refused is only what cannot have happened. A refusal is for a while: PayPal
delivers again, and what is read may lag behind what is told.
"""

from collections.abc import Mapping

from ...events import EventType, WebhookEvent
from ...jsonlike import JsonObject, child, text
from ...models import CheckoutStatus, InvoiceStatus, PaymentStatus, RefundStatus
from .events import subject_of

__all__ = ["INVOICES", "PAYMENTS", "REFUNDS", "bears_out"]

_E, _P, _R = EventType, PaymentStatus, RefundStatus
_PAID = frozenset({_P.SUCCEEDED, _P.PARTIALLY_REFUNDED, _P.REFUNDED})

PAYMENTS: Mapping[str, frozenset[PaymentStatus]] = {
    _E.PAYMENT_AUTHORIZED: frozenset(_P),  # captured, voided, lapsed: all of it comes after
    _E.PAYMENT_PROCESSING: frozenset(_P),
    _E.PAYMENT_SUCCEEDED: _PAID,  # and what was taken back since: see _was_taken_back
    _E.PAYMENT_FAILED: frozenset({_P.FAILED}),
    _E.PAYMENT_CANCELED: frozenset({_P.CANCELED}),
}
"""What a payment can be by the time one hears the word. Nothing follows FAILED and CANCELED at PayPal: another try is another
capture."""

REFUNDS: Mapping[str, frozenset[RefundStatus]] = {
    _E.REFUND_CREATED: frozenset(_R),
    _E.REFUND_SUCCEEDED: frozenset({_R.SUCCEEDED, _R.PENDING, _R.FAILED, _R.CANCELED}),
    _E.REFUND_FAILED: frozenset({_R.FAILED, _R.CANCELED}),
}
"""The same of a refund. PayPal says REFUNDED of those of bank debits, too, which are PENDING then and may fail."""

INVOICES: Mapping[str, frozenset[InvoiceStatus]] = {
    _E.INVOICE_PAID: frozenset({InvoiceStatus.PAID}),  # which it stays when it is refunded
}

_BACK = frozenset({"BUYER_COMPLAINT", "CHARGEBACK", "REFUNDED", "GUARANTEE", "REFUND"})
"""Why a payment that was completed is pending: https://developer.paypal.com/docs/api/payments/v2/#definition-capture_status_details,
and ``reason_code`` of sales."""


def bears_out(confirmed: WebhookEvent, told: WebhookEvent) -> bool:
    """Whether what PayPal has is what the event said, or can follow it: above all, that what is said to be paid was paid.

    Args:
        confirmed: the event with what PayPal has.
        told: the event as it was delivered.
    """
    same = text(subject_of(confirmed), "id") == text(subject_of(told), "id")
    return same and _allows(told.type, confirmed) and _allows(confirmed.type, confirmed)


def _allows(word: str, event: WebhookEvent) -> bool:
    if word in PAYMENTS:
        return event.payment is not None and (
            event.payment.status in PAYMENTS[word]
            or (word == _E.PAYMENT_SUCCEEDED and _was_taken_back(subject_of(event)))
        )
    if word in REFUNDS:
        return event.refund is not None and event.refund.status in REFUNDS[word]
    if word in INVOICES:
        return event.invoice is not None and event.invoice.status in INVOICES[word]
    if word == _E.CHECKOUT_COMPLETED:  # a word that is chosen by where the order stands; it must stand somewhere
        return event.checkout_session is not None and event.checkout_session.status is not CheckoutStatus.UNKNOWN
    return True


def _was_taken_back(data: JsonObject) -> bool:
    """Whether the payer has had the money of a completed payment back, or asks for it."""
    word = (text(data, "status") or text(data, "state") or "").upper()
    reason = text(child(data, "status_details"), "reason") or text(data, "reason_code")
    return word == "REVERSED" or (word == "PENDING" and (reason or "").upper() in _BACK)
