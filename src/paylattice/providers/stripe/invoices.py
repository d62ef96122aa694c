"""Invoices at Stripe."""

import attrs

from ...errors import Conflict, InvalidRequest
from ...events import EventType, WebhookEvent
from ...jsonlike import child, identity, reference, text, timestamp
from ...models import Invoice, Subscription
from .api import StripeAPI, path_of
from .invoice_parts import has_invoice_payments
from .wire import invoice_from

__all__ = ["Invoices", "void_open"]


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


async def void_open(api: StripeAPI, ended: Subscription) -> None:
    """Void the open invoices of a subscription that has ended, but not the last one, which was made when it ended.

    Args:
        api: where they are.
        ended: the subscription.
    """
    async for data in api.pages("/v1/invoices", {"subscription": ended.id, "status": "open"}):
        made = timestamp(data, "created")
        if ended.ended_at is not None and made is not None and made >= ended.ended_at:
            continue
        path = path_of("invoices", identity(data, "id", "invoice"))
        try:
            await api.post(f"{path}/void", {}, None)
        except (Conflict, InvalidRequest):
            if text(await api.get(path), "status") == "open":  # otherwise it was paid or voided since
                raise
