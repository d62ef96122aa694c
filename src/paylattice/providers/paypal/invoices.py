"""Invoices: the transactions of a subscription, and what the merchant wrote with PayPal's Invoicing."""

from datetime import datetime, timedelta

import attrs

from ...errors import Conflict, NotFound, UnsupportedOperation
from ...jsonlike import JsonObject, children, rfc3339, text
from ...models import Invoice, InvoiceStatus
from ..api import Request
from . import requests, wire
from .api import PayPalAPI, path_of
from .payment_lookup import Kind
from .sale_invoices import described, invoice_from_sale
from .subscriptions import Subscriptions, created, path_to

__all__ = ["Invoices"]

_PATH = "/v2/invoicing/invoices"
_WRITTEN = "INV2-"
"""How the ids of the merchant's own invoices begin."""
_FORM = "INV2-[A-Z0-9-]+"
_WINDOW = timedelta(days=365)
_NEARBY = timedelta(days=3)


class Invoices:
    """The operations on invoices.

    Args:
        api: how to ask PayPal.
        subscriptions: reads the one whose transactions are listed.
    """

    def __init__(self, api: PayPalAPI, subscriptions: Subscriptions) -> None:
        self._api = api
        self._subscriptions = subscriptions

    async def of_subscription(self, subscription_id: str | None, limit: int) -> list[Invoice]:
        """List the subscription's transactions, newest first: window by window, from now back to its beginning."""
        if subscription_id is None:
            raise UnsupportedOperation(
                reason="PayPal has no customers whose invoices could be listed.",
                alternative="Pass subscription_id=; BillingService does, for each of the organisation's subscriptions. "
                "Invoices that you wrote with PayPal's Invoicing: search_invoices(email).",
            )
        data = await self._subscriptions.required(subscription_id)
        subscription = wire.subscription_from(data, self._api.now())
        began = rfc3339(data, "create_time") or rfc3339(data, "start_time") or self._api.now() - _WINDOW
        found: dict[str, Invoice] = {}
        until = self._api.now() + timedelta(days=1)
        while until > began and len(found) < limit:
            since = max(until - _WINDOW, began - timedelta(days=1))
            params = {"start_time": requests.wire_time(since), "end_time": requests.wire_time(until)}
            listed = self._api.pages(f"{path_to(subscription_id)}/transactions", "transactions", params)
            customer_id = text(data, "custom_id")
            page = [
                wire.invoice_from(each, customer_id=customer_id, subscription_id=subscription_id)
                async for each in listed
            ]
            for invoice in sorted(page, key=created, reverse=True):
                found.setdefault(invoice.id, invoice)
            until = since
        return [described(invoice, subscription) or invoice for invoice in list(found.values())[:limit]]

    async def find(self, invoice_id: str) -> Invoice | None:
        """The merchant's own invoice, ``INV2-...``, or a payment of a subscription; None if there is none such."""
        if invoice_id.startswith(_WRITTEN):
            written = await self._written(invoice_id)
            return None if written is None else wire.searched_invoice_from(written)
        sale = await self._api.get(Kind.SALE.path(invoice_id), named=invoice_id)
        invoice = None if sale is None else invoice_from_sale(sale)
        if invoice is None:
            return None
        data = await self._subscriptions.required(invoice.subscription_id or "")
        invoice = attrs.evolve(invoice, customer_id=invoice.customer_id or text(data, "custom_id"))
        return described(invoice, wire.subscription_from(data, self._api.now())) or invoice

    async def void(self, invoice_id: str) -> Invoice:
        """Cancel the merchant's own invoice. PayPal takes no key for it, and tells the payer by e-mail.

        Raises:
            Conflict: it is paid, or was never sent.
            NotFound: there is none such.
            UnsupportedOperation: it is a payment of a subscription.
        """
        if not invoice_id.startswith(_WRITTEN):
            raise UnsupportedOperation(
                reason="PayPal writes no invoices for subscriptions: what get_invoices lists are their payments.",
                alternative="Give a payment back with refund_payment. cancel_subscription ends the subscription.",
            )
        written = await self._written(invoice_id)
        if written is None:
            message = "PayPal has no such invoice, in this account and environment"
            raise NotFound(message)
        invoice = wire.searched_invoice_from(written)
        if invoice.status is InvoiceStatus.VOID:
            return invoice
        if invoice.status is not InvoiceStatus.OPEN:
            message = f"the invoice is {invoice.status}: only an open one can be voided"
            raise Conflict(message)

        async def write() -> Invoice:
            await self._api.act(f"{_PATH}{path_of(invoice_id)}/cancel", {"send_to_recipient": True})
            return await self._api.read_after_write(read_back)

        async def read_back() -> Invoice:
            found = await self.find(invoice_id)
            if found is None:
                message = "PayPal no longer has the invoice"
                raise NotFound(message)
            return found

        async def read() -> Invoice | None:
            found = await self.find(invoice_id)
            return found if found is not None and found.status is InvoiceStatus.VOID else None

        return await self._api.write_then_verify(write, read)

    async def _written(self, invoice_id: str) -> JsonObject | None:
        return await self._api.get(f"{_PATH}{path_of(invoice_id)}", named=invoice_id, form=_FORM)

    async def has_transaction(self, subscription_id: str, transaction_id: str, around: datetime) -> bool:
        """Say whether PayPal lists the payment among those of the subscription.

        Args:
            subscription_id: the subscription.
            transaction_id: what PayPal also calls a sale.
            around: when it was, about; aware.
        """
        params = {"start_time": requests.wire_time(around - _NEARBY), "end_time": requests.wire_time(around + _NEARBY)}
        listed = self._api.pages(f"{path_to(subscription_id)}/transactions", "transactions", params)
        return any([text(each, "id") == transaction_id async for each in listed])

    async def search(self, email: str, limit: int) -> list[Invoice]:
        """List the invoices that were written for an e-mail address, newest first."""
        found: list[Invoice] = []
        page = 1
        while len(found) < limit:
            request = Request(
                "POST",
                "/v2/invoicing/search-invoices",
                params={"page": str(page), "page_size": "100", "total_required": "true"},
                json={"recipient_email": email},
                reads=True,
            )
            answer = await self._api.send(request)
            items = children(answer, "items")
            found += [wire.searched_invoice_from(item) for item in items]
            if not items or not any(text(link, "rel") == "next" for link in children(answer, "links")):
                break
            page += 1
        return sorted(found, key=created, reverse=True)[:limit]
