"""Reads back from PayPal what a delivery said, and compares the two.

PayPal signs only a checksum of the body, for which an attacker who has seen one delivery can make another body.

A delivery may come late, and twice: the object that it tells of has moved on by then. So an event is borne out by the state
that it names and by every state that can follow; refused is only what cannot have happened. A refusal is for a while: PayPal
delivers again, and a read may lag behind an event.
"""

from collections.abc import Mapping

import attrs

from ...errors import ConfigurationError, PaymentError, VerificationUnavailable
from ...events import EventType, WebhookEvent
from ...jsonlike import JsonObject, identity, text
from ...models import CheckoutStatus, InvoiceStatus, PaymentStatus, RefundStatus
from .api import PayPalAPI, path_of
from .event_list import EVENTS
from .events import (
    ABOUT_SUBSCRIPTIONS,
    REREAD,
    event_from,
    is_proven,
    subject_of,
    with_subject,
)
from .generations import is_v1
from .invoices import Invoices
from .order_parts import capture_of, order_of
from .orders import was_taken_back
from .payment_lookup import AUTHORIZATIONS, CAPTURES, SALES

__all__ = ["INVOICES", "PAYMENTS", "REFUNDS", "ReadBack", "bears_out"]

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

_V1: Mapping[str, str] = {
    CAPTURES: "/v1/payments/capture",
    AUTHORIZATIONS: "/v1/payments/authorization",
    "/v2/payments/refunds": "/v1/payments/refund",
}
"""Where an object that was delivered in v1's shape is read again. What is read is PayPal's own, wherever the body leads to."""


class ReadBack:
    """Replaces what a delivery said by what PayPal has.

    Args:
        api: how to ask PayPal.
        invoices: says which payments are a subscription's.
    """

    def __init__(self, api: PayPalAPI, invoices: Invoices) -> None:
        self._api = api
        self._invoices = invoices

    async def verified(self, event: WebhookEvent) -> WebhookEvent:
        """Read what the event is about again; of an event about nothing that can be read, PayPal's own copy of it.

        Raises:
            VerificationUnavailable: PayPal has no such object, or one in another state, or cannot be asked now.
        """
        name = event.provider_type or ""
        place = _place_of(event)
        if place is None:
            unproven = name not in ABOUT_SUBSCRIPTIONS and not is_proven(event) and not self._api.config.simulator
            return await self._copy_of(event) if unproven else event
        try:
            subject = await self._api.get(f"{place}{path_of(identity(subject_of(event), 'id', 'resource'))}")
            if subject is not None:
                confirmed = with_subject(event, await self._with_relations(event, subject), self._api.now())
                if bears_out(confirmed, event):
                    return confirmed
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message
        else:
            why = "PayPal has no such object, or has it in another state"
        message = f"what the delivery says cannot be confirmed: {why}. PayPal will deliver again"
        raise VerificationUnavailable(message)

    async def _copy_of(self, event: WebhookEvent) -> WebhookEvent:
        """PayPal's own copy of an event that was delivered."""
        try:
            data = await self._api.get(f"{EVENTS}{path_of(event.id)}")
            if data is not None:
                copy = event_from(data, self._api.now(), livemode=event.livemode, otherwise=event.created_at)
                if _copy_bears_out(copy, event):
                    return attrs.evolve(copy, delivery_id=event.delivery_id, known_as=(event.dedupe_key,))
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message
        else:
            why = "PayPal has no such event yet, or has another one under this id"
        message = f"what the delivery says cannot be confirmed: {why}. PayPal will deliver again"
        raise VerificationUnavailable(message)

    async def _with_relations(self, event: WebhookEvent, subject: JsonObject) -> JsonObject:
        """The object with what it belongs to, where it does not say so itself."""
        if event.refund is None:
            return await self._with_subscription(event, subject)
        sale_id = text(subject, "sale_id")
        if sale_id is not None and text(subject, "billing_agreement_id") is None:
            sale = await self._api.get(f"{SALES}{path_of(sale_id)}")
            agreement = text(sale or {}, "billing_agreement_id")
            return {**subject, "billing_agreement_id": agreement} if agreement is not None else subject
        path = _capture_path_of(subject)
        capture = await self._api.get(path) if path is not None else None
        related = capture.get("supplementary_data") if capture is not None else None
        return {**subject, "supplementary_data": related} if related is not None else subject

    async def _with_subscription(self, event: WebhookEvent, subject: JsonObject) -> JsonObject:
        """The sale with the subscription that the event says it is of, if it does not say so itself, and that is true."""
        told = event.subscription_id
        if told is None or event.payment is None or text(subject, "billing_agreement_id") is not None:
            return subject
        is_of = await self._invoices.has_transaction(told, event.payment.id, event.created_at)
        return {**subject, "billing_agreement_id": told} if is_of else subject


def _place_of(event: WebhookEvent) -> str | None:
    """Where the object that the event is about is read again, by the generation of what was delivered; None: nowhere."""
    place = REREAD.get(event.provider_type or "")
    return _V1.get(place, place) if place is not None and is_v1(subject_of(event)) else place


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
            or (word == _E.PAYMENT_SUCCEEDED and was_taken_back(subject_of(event)))
        )
    if word in INVOICES and event.payment is not None:  # the payment of a subscription, which is its own invoice
        return _allows(_E.PAYMENT_SUCCEEDED, event)
    if word in REFUNDS:
        return event.refund is not None and event.refund.status in REFUNDS[word]
    if word in INVOICES:
        return event.invoice is not None and event.invoice.status in INVOICES[word]
    if word == _E.CHECKOUT_COMPLETED:  # a word that is chosen by where the order stands; it must stand somewhere
        return event.checkout_session is not None and event.checkout_session.status is not CheckoutStatus.UNKNOWN
    return True


def _copy_bears_out(copy: WebhookEvent, told: WebhookEvent) -> bool:
    """Whether PayPal's copy of an event is of the kind that was delivered, and was sent in this delivery, if it says."""
    sent = copy.known_as
    return copy.id == told.id and copy.provider_type == told.provider_type and (not sent or told.delivery_id in sent)


def _capture_path_of(refund: JsonObject) -> str | None:
    """Where the capture is that a refund is of, if the refund does not say itself which order that belongs to: v1 has none."""
    capture = capture_of(refund)
    return f"{CAPTURES}/{capture}" if capture is not None and order_of(refund) is None and not is_v1(refund) else None
