"""Invoices, and what leads from them to their payments and to their place in the life of their subscription.

An invoice names an order, and the order its payments; neither payment nor order name the invoice. Which period an invoice bills
does not stand in it either: https://developer.squareup.com/docs/subscriptions-api/subscription-billing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from ...invoice_facts import described_by
from ...jsonlike import JsonObject, children, text
from ...models import Invoice, InvoiceReason, InvoiceStatus, Subscription
from ..api import Request
from . import requests, wire
from .api import SquareAPI, search
from .customers import Customers
from .states import invoice_ids
from .subscriptions import Subscriptions
from .times import moment_of

__all__ = ["Invoices", "described"]

_ORDERS_AT_ONCE = 100
_MOST_SUBSCRIPTIONS = 5
_NEVER = datetime.min.replace(tzinfo=UTC)


def described(invoice: Invoice, subscription: Subscription) -> Invoice:
    """The invoice with its reason, its period and its line. The subscription lists its invoices, the newest first."""
    ids = invoice_ids(subscription.raw)
    if invoice.reason is InvoiceReason.UNKNOWN and invoice.id in ids[:-1]:
        invoice = attrs.evolve(invoice, reason=InvoiceReason.RENEWAL)
    return described_by(subscription, invoice)


class Invoices:
    """The invoices of customers.

    Args:
        api: where they are.
        customers: who they are for.
        subscriptions: what they bill.
    """

    def __init__(self, api: SquareAPI, customers: Customers, subscriptions: Subscriptions) -> None:
        self._api = api
        self._customers = customers
        self._subscriptions = subscriptions

    async def of_customer(self, customer_id: str, limit: int, subscription_id: str | None) -> list[Invoice]:
        """Return the customer's invoices at the location, newest first, with their payments, reasons and periods.

        The payments of a hundred invoices take one request, and each subscription some, of the first five.
        """
        location = await self._api.location()

        def is_it(data: JsonObject) -> bool:
            return subscription_id is None or text(data, "subscription_id") == subscription_id

        async def of(owner_id: str) -> list[JsonObject]:
            def ask(cursor: str | None) -> Request:
                return search("/v2/invoices/search", requests.invoices_request(owner_id, location.id, cursor))

            return await self._api.listed(ask, "invoices", limit=limit, keep=is_it)

        found = await self._customers.followed(customer_id, of, wire.recipient_of)
        invoices = [wire.invoice_from(data, currency=location.currency) for data in found]
        invoices = await self._described(await self.with_payments(invoices))
        return sorted(invoices, key=lambda invoice: invoice.created_at or _NEVER, reverse=True)

    async def of_order(self, order_id: str | None, customer_id: str | None) -> Invoice | None:
        """The invoice of an order, among the last hundred of the customer; None if none of them is.

        Square searches invoices by customer and not by order: one request.
        """
        if order_id is None or customer_id is None:
            return None
        location = await self._api.location()
        answer = await self._api.send(
            search("/v2/invoices/search", requests.invoices_request(customer_id, location.id, None))
        )
        for data in children(answer, "invoices"):
            if wire.order_of(data) == order_id:
                return wire.invoice_from(data, currency=location.currency)
        return None

    async def with_payments(self, invoices: Sequence[Invoice]) -> list[Invoice]:
        """Return the invoices with what paid them, by their orders: a hundred in one request."""
        orders: dict[str, JsonObject] = {}
        ids = [order_id for invoice in invoices if (order_id := wire.order_of(invoice.raw)) is not None]
        for begin in range(0, len(ids), _ORDERS_AT_ONCE):
            body = {"order_ids": ids[begin : begin + _ORDERS_AT_ONCE]}
            answer = await self._api.send(search("/v2/orders/batch-retrieve", body))
            orders |= {order_id: order for order in children(answer, "orders") if (order_id := text(order, "id"))}
        return [_paid_by(invoice, orders.get(wire.order_of(invoice.raw) or "", {})) for invoice in invoices]

    async def _described(self, invoices: Sequence[Invoice]) -> list[Invoice]:
        subscriptions: dict[str, Subscription | None] = {}
        for name in dict.fromkeys(invoice.subscription_id for invoice in invoices):
            if name is not None and len(subscriptions) < _MOST_SUBSCRIPTIONS:
                subscriptions[name] = await self._subscriptions.find(name)
        found: list[Invoice] = []
        for invoice in invoices:
            subscription = subscriptions.get(invoice.subscription_id or "")
            found.append(invoice if subscription is None else described(invoice, subscription))
        return found


def _paid_by(invoice: Invoice, order: JsonObject) -> Invoice:
    paid_at = invoice.paid_at
    if paid_at is None and invoice.status is InvoiceStatus.PAID:
        paid_at = moment_of(order, "closed_at")
    return attrs.evolve(invoice, payment_ids=wire.payments_of(order), paid_at=paid_at)
