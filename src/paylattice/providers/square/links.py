"""Follows an event of money to the payment, the order and the invoice that it is about."""

import attrs

from ...events import EventType, WebhookEvent
from ...jsonlike import text
from ...payment_facts import after_dispute
from .invoices import Invoices
from .payments import Payments
from .wire import order_of

__all__ = ["followed"]


async def followed(event: WebhookEvent, payments: Payments, invoices: Invoices) -> WebhookEvent:
    """The event with its payment, and with what this payment's order belongs to; of a paid invoice, with its payments."""
    if event.invoice is not None and event.type is EventType.INVOICE_PAID:
        return attrs.evolve(event, invoice=(await invoices.with_payments([event.invoice]))[0])
    about = event.refund or event.dispute
    payment = event.payment
    if payment is None and about is not None and about.payment_id is not None:
        payment = await payments.read(about.payment_id)
    if payment is None:
        return event
    payment = after_dispute(payment, event.dispute)
    order_id = order_of(payment.raw)
    invoice = await invoices.of_order(order_id, payment.customer_id, text(payment.raw, "location_id"))
    if invoice is not None:
        payment = attrs.evolve(payment, invoice_id=invoice.id, subscription_id=invoice.subscription_id)
    return attrs.evolve(
        event,
        customer_id=event.customer_id or payment.customer_id,
        subscription_id=event.subscription_id or payment.subscription_id,
        checkout_reference=order_id or event.checkout_reference,
        payment=payment,
    )
