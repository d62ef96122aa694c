"""Invoices at Stripe."""

import attrs

from ...errors import ActionRequired, Conflict, InvalidRequest, PaymentError
from ...events import EventType, WebhookEvent
from ...jsonlike import child, identity, reference, text, timestamp
from ...models import Invoice, InvoiceStatus, Subscription
from .api import StripeAPI, path_of
from .invoice_parts import has_invoice_payments
from .requests import Params
from .wire import invoice_from

__all__ = ["Invoices", "void_open"]

_OPEN = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})
"""What can be paid, or voided."""


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

    async def find(self, invoice_id: str) -> Invoice | None:
        """The invoice with the payments that paid it; None if it does not exist."""
        found = await self._api.find(path_of("invoices", invoice_id), self._expanding())
        return None if found is None else invoice_from(found)

    async def pay(self, invoice_id: str, payment_method_id: str | None, key: str | None) -> Invoice:
        """Charge for the invoice, off session. It stays open while a bank debit is under way.

        Raises:
            ActionRequired: the payer has to authenticate.
            Conflict: it is void, or a draft.
        """
        invoice = await self.collected(invoice_id, payment_method_id, key)
        if invoice.status in {InvoiceStatus.VOID, InvoiceStatus.DRAFT}:
            message = f"the invoice is {invoice.status}: only an open one can be paid"
            raise Conflict(message)
        return invoice

    async def collected(self, invoice_id: str, payment_method_id: str | None, key: str | None) -> Invoice:
        """Charge for the invoice, if it is open. One that is not, perhaps since a moment ago, is answered as it is."""
        path, params = path_of("invoices", invoice_id), self._expanding()
        if payment_method_id is not None:
            params["payment_method"] = payment_method_id
        try:
            answer = await self._api.post(f"{path}/pay", params, key)
        except ActionRequired as error:
            waiting = error
        except (Conflict, InvalidRequest) as error:
            return await self._if_not_open(invoice_id, error)
        else:
            return answer.into(invoice_from)
        raise await self._for_payer(path, waiting)

    async def void(self, invoice_id: str, key: str | None) -> Invoice:
        """Void the invoice. One that is void already is answered as it is.

        Raises:
            Conflict: it is paid, or a draft.
        """
        try:
            answer = await self._api.post(f"{path_of('invoices', invoice_id)}/void", self._expanding(), key)
        except (Conflict, InvalidRequest) as error:
            invoice = await self._if_not_open(invoice_id, error)
        else:
            return answer.into(invoice_from)
        if invoice.status is not InvoiceStatus.VOID:
            message = f"the invoice is {invoice.status}: only an open one can be voided"
            raise Conflict(message)
        return invoice

    def _expanding(self) -> Params:
        return {"expand": ["payments"]} if self._has_payments else {}

    async def _if_not_open(self, invoice_id: str, refused: PaymentError) -> Invoice:
        """The invoice, if Stripe refused to touch it because it is not open."""
        found = await self.find(invoice_id)
        if found is None or found.status in _OPEN:
            raise refused
        return found

    async def _for_payer(self, path: str, error: ActionRequired) -> ActionRequired:
        """The error, with what the payer needs: the invoice's page, and the secret of its payment."""
        more = {"expand": ["payments", "confirmation_secret"]} if self._has_payments else {"expand": ["payment_intent"]}
        try:
            invoice = await self._api.get(path, more)
        except PaymentError:
            return error
        secret = child(invoice, "confirmation_secret") or child(invoice, "payment_intent")
        error.url = error.url or text(invoice, "hosted_invoice_url")
        error.client_secret = error.client_secret or text(secret, "client_secret")
        error.payment_id = error.payment_id or next(iter(invoice_from(invoice).payment_ids), None)
        return error

    async def followed(self, event: WebhookEvent) -> WebhookEvent:
        """The event of a paid invoice with the payments, which no event holds; that of a payment with its invoice."""
        subject = child(event.raw, "data", "object")
        if event.type is EventType.INVOICE_PAYMENT_RECORDED and event.invoice is None:
            invoice_id = reference(subject, "invoice")
            invoice = None if invoice_id is None else await self.find(invoice_id)
            if invoice is None:
                return event
            whose, about = invoice.customer_id, invoice.subscription_id
            return attrs.evolve(event, invoice=invoice, customer_id=whose, subscription_id=about)
        told = event.invoice
        if told is None or event.type is not EventType.INVOICE_PAID or not (told.amount_paid and self._has_payments):
            return event
        invoice = await self.find(told.id)
        payment_ids = () if invoice is None else invoice.payment_ids
        return attrs.evolve(event, invoice=attrs.evolve(told, payment_ids=payment_ids))


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
