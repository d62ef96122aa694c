"""Invoices at Stripe."""

import attrs

from ...events import EventType, WebhookEvent
from ...jsonlike import child, reference
from ...models import Invoice
from .api import StripeAPI, path_of
from .invoice_parts import has_invoice_payments
from .wire import invoice_from

__all__ = ["Invoices"]


class Invoices:
    """Invoices at Stripe.

    Args:
        api: where they are.
        api_version: which the API speaks.
    """

    def __init__(self, api: StripeAPI, api_version: str) -> None:
        self._api = api
        self._has_payments = has_invoice_payments(api_version)

    async def of_customer(self, customer_id: str, limit: int, subscription_id: str | None) -> list[Invoice]:
        """Return the customer's invoices, newest first, with the payments that paid them."""
        params: dict[str, object] = {"customer": customer_id, "subscription": subscription_id}
        if self._has_payments:
            params["expand"] = ["data.payments"]
        return [invoice_from(data) for data in await self._api.listed("/v1/invoices", params, limit=limit)]

    async def followed(self, event: WebhookEvent) -> WebhookEvent:
        """The event of a paid invoice with the payments, which no event holds; that of a payment with its invoice."""
        subject = child(event.raw, "data", "object")
        if event.type is EventType.INVOICE_PAYMENT_RECORDED and event.invoice is None:
            invoice = await self._with_payments(reference(subject, "invoice"))
            if invoice is None:
                return event
            whose, about = invoice.customer_id, invoice.subscription_id
            return attrs.evolve(event, invoice=invoice, customer_id=whose, subscription_id=about)
        told = event.invoice
        if told is None or event.type is not EventType.INVOICE_PAID or not (told.amount_paid and self._has_payments):
            return event
        invoice = await self._with_payments(told.id)
        payment_ids = () if invoice is None else invoice.payment_ids
        return attrs.evolve(event, invoice=attrs.evolve(told, payment_ids=payment_ids))

    async def _with_payments(self, invoice_id: str | None) -> Invoice | None:
        if invoice_id is None:
            return None
        found = await self._api.find(path_of("invoices", invoice_id), {"expand": ["payments"]})
        return None if found is None else invoice_from(found)
