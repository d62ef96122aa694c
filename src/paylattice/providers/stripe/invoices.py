"""Invoices at Stripe."""

from ...models import Invoice
from .api import StripeAPI
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
        self._expanded = ["data.payments"] if has_invoice_payments(api_version) else None

    async def of_customer(self, customer_id: str, limit: int, subscription_id: str | None) -> list[Invoice]:
        """Return the customer's invoices, newest first, with the payments that paid them."""
        params: dict[str, object] = {"customer": customer_id, "subscription": subscription_id}
        if self._expanded is not None:
            params["expand"] = self._expanded
        return [invoice_from(data) for data in await self._api.listed("/v1/invoices", params, limit=limit)]
