"""The invoices of an organisation, over all its providers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Generic

from ..models import Invoice
from ..operations import Capability
from ..provider import BaseProvider
from .access import LONG_AGO
from .customers import Customers
from .records import BillingCustomer, BillingSubscription
from .repository import Tx

__all__ = ["Invoices"]


class Invoices(Generic[Tx]):
    """Reads them from the providers.

    Args:
        providers: by name.
        customers: whose they are.
    """

    def __init__(self, providers: Mapping[str, BaseProvider], customers: Customers[Tx]) -> None:
        self._providers = providers
        self._customers = customers

    async def of(self, org_id: str, limit: int) -> list[Invoice]:
        """The organisation's invoices, newest first."""
        found: list[Invoice] = []
        for customer in await self._customers.known(org_id):
            found += await self.of_customer(customer, limit)
        return sorted(found, key=_created, reverse=True)[:limit]

    async def of_customer(self, customer: BillingCustomer, limit: int) -> list[Invoice]:
        """The invoices of the organisation at one provider, those of each subscription newest first."""
        provider = self._providers[customer.provider]
        if Capability.CUSTOMERS in provider.capabilities and provider.preserves_customer:
            return await provider.get_invoices(customer.external_customer_id, limit)
        found: list[Invoice] = []
        for stored in await self._customers.subscriptions_of(customer):
            found += await self.of_subscription(customer, stored, limit)
        return found

    async def of_subscription(
        self, customer: BillingCustomer, stored: BillingSubscription, limit: int
    ) -> list[Invoice]:
        """The invoices of one subscription, newest first."""
        provider, subscription_id = self._providers[stored.provider], stored.external_subscription_id
        payer = await self._payer(provider, customer, subscription_id)
        return await provider.get_invoices(payer, limit, subscription_id=subscription_id)

    async def _payer(self, provider: BaseProvider, customer: BillingCustomer, subscription_id: str) -> str:
        """The provider's id of who pays for a subscription: a payer who also pays for another organisation's, perhaps."""
        if provider.preserves_customer:
            return customer.external_customer_id
        subscription = await provider.get_subscription(subscription_id)
        return (subscription.customer_id if subscription else None) or customer.external_customer_id


def _created(invoice: Invoice) -> datetime:
    return invoice.created_at or LONG_AGO
