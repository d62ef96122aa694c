"""Invoices of a customer."""

from datetime import UTC, datetime

from ...jsonlike import JsonObject, text
from ...models import Invoice
from ..api import Request
from . import requests, wire
from .api import SquareAPI, search
from .customers import Customers

__all__ = ["Invoices"]


class Invoices:
    """The operations on invoices.

    Args:
        api: how to ask Square.
        customers: knows merged profiles.
    """

    def __init__(self, api: SquareAPI, customers: Customers) -> None:
        self._api = api
        self._customers = customers

    async def of_customer(self, customer_id: str, limit: int, subscription_id: str | None) -> list[Invoice]:
        """List the customer's invoices at the location, newest first; of one subscription, if one is given."""
        location = await self._api.location()

        async def of(owner_id: str) -> list[JsonObject]:
            def ask(cursor: str | None) -> Request:
                return search("/v2/invoices/search", requests.invoices_request(owner_id, location.id, cursor))

            def is_it(data: JsonObject) -> bool:
                return subscription_id is None or text(data, "subscription_id") == subscription_id

            return await self._api.listed(ask, "invoices", limit=limit, keep=is_it)

        found = await self._customers.followed(customer_id, of, wire.recipient_of)
        invoices = [wire.invoice_from(data, currency=location.currency) for data in found]
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(invoices, key=lambda invoice: invoice.created_at or never, reverse=True)
