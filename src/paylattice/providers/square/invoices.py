"""Invoices, and what leads from them to their payments and to their place in the life of their subscription.

An invoice names an order, and the order its payments; neither payment nor order name the invoice. Which period an invoice bills
does not stand in it either: https://developer.squareup.com/docs/subscriptions-api/subscription-billing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import attrs

from ...errors import Conflict, NotFound
from ...invoice_facts import described_by
from ...jsonlike import JsonObject, children, integer, text
from ...models import Invoice, InvoiceReason, InvoiceStatus, Subscription
from ..api import Request
from . import requests, wire
from .api import SquareAPI, part, path_of, search, write
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
        """Return the customer's invoices, newest first, with their payments, reasons and periods.

        They are those at the location, and at every other one where the customer has a subscription: Square searches one
        location at a time. The payments of a hundred invoices take one request, and each subscription some, of the first five.
        """
        location = await self._api.location()

        def is_it(data: JsonObject) -> bool:
            return subscription_id is None or text(data, "subscription_id") == subscription_id

        async def of(owner_id: str) -> list[JsonObject]:
            found: list[JsonObject] = []
            for place in await self._places(owner_id, subscription_id, location.id):

                def ask(cursor: str | None, place: str = place) -> Request:
                    return search("/v2/invoices/search", requests.invoices_request(owner_id, place, cursor))

                found += await self._api.listed(ask, "invoices", limit=limit, keep=is_it)
            return found

        found = await self._customers.followed(customer_id, of, wire.recipient_of)
        found = sorted(found, key=lambda data: moment_of(data, "created_at") or _NEVER, reverse=True)[:limit]
        invoices = [wire.invoice_from(data, currency=location.currency) for data in found]
        return await self._described(await self.with_payments(invoices))

    async def _places(self, owner_id: str, subscription_id: str | None, here: str) -> tuple[str, ...]:
        """The locations where the profile's invoices are: a subscription is billed where it was sold."""
        if subscription_id is not None:
            data = await self._subscriptions.read(subscription_id)
            return ((None if data is None else text(data, "location_id")) or here,)
        return tuple(dict.fromkeys((here, *await self._subscriptions.places_of(owner_id))))

    async def find(self, invoice_id: str) -> Invoice | None:
        """The invoice with its payments, its reason and its period; None if there is none."""
        found = await self._read(invoice_id)
        return None if found is None else (await self._described(await self.with_payments([found])))[0]

    async def publish(self, invoice_id: str, key: str | None) -> Invoice:
        """Send a draft to the customer. One that was sent before is answered as it is."""
        found = await self._existing(invoice_id)
        if found.status is not InvoiceStatus.DRAFT:
            return found
        return await self._api.create(
            path_of("v2", "invoices", invoice_id, "publish"), _version_of(found), key, await self._model()
        )

    async def void(self, invoice_id: str) -> Invoice:
        """Cancel an invoice. One that is canceled already is answered as it is.

        Raises:
            Conflict: it is paid, or a draft.
        """
        try:
            return await self._void(invoice_id)
        except Conflict as error:
            if error.http_status is None:
                raise
            return await self._void(invoice_id)  # it has another version by now

    async def _void(self, invoice_id: str) -> Invoice:
        found = await self._existing(invoice_id)
        if found.status is InvoiceStatus.VOID:
            return found
        if found.status is not InvoiceStatus.OPEN:
            message = f"the invoice is {found.status}: only one that was published, and not paid, can be voided"
            raise Conflict(message)
        model = await self._model()

        async def cancel() -> Invoice:
            path = path_of("v2", "invoices", invoice_id, "cancel")
            return await self._api.send(write("POST", path, _version_of(found)), model)

        async def look() -> Invoice | None:
            now = await self._read(invoice_id)
            return now if now is not None and now.status is InvoiceStatus.VOID else None

        return await self._api.write_then_verify(cancel, look)

    async def _model(self) -> Callable[[JsonObject], Invoice]:
        location = await self._api.location()
        return part("invoice", lambda data: wire.invoice_from(data, currency=location.currency))

    async def _read(self, invoice_id: str) -> Invoice | None:
        return await self._api.find(path_of("v2", "invoices", invoice_id), await self._model())

    async def _existing(self, invoice_id: str) -> Invoice:
        found = await self._read(invoice_id)
        if found is None:
            message = "Square has no such invoice, in this account and environment (sandbox or production)"
            raise NotFound(message, provider=self._api.name)
        return found

    async def of_order(
        self, order_id: str | None, customer_id: str | None, location_id: str | None = None
    ) -> Invoice | None:
        """The invoice of an order, among the last hundred of the customer; None if none of them is.

        Square searches invoices by customer and location, and not by order: one request.

        Args:
            order_id: the order that was paid.
            customer_id: who paid it.
            location_id: where it was paid; None: where the settings say.
        """
        if order_id is None or customer_id is None:
            return None
        location = await self._api.location()
        answer = await self._api.send(
            search("/v2/invoices/search", requests.invoices_request(customer_id, location_id or location.id, None))
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


def _version_of(invoice: Invoice) -> dict[str, object]:
    """What keeps two writers apart."""
    return {"version": integer(invoice.raw, "version") or 0}


def _paid_by(invoice: Invoice, order: JsonObject) -> Invoice:
    paid_at = invoice.paid_at
    if paid_at is None and invoice.status is InvoiceStatus.PAID:
        paid_at = wire.paid_at(order)
    return attrs.evolve(invoice, payment_ids=wire.payments_of(order), paid_at=paid_at)
