"""The invoices of an organisation, over all its providers."""

import logging
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

_log = logging.getLogger("paylattice")


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
        """The organisation's invoices, newest first. Where there may be more, it is logged.

        Raises:
            UnsupportedOperation: none of its providers has invoices.
        """
        found: list[Invoice] = []
        able, unable = await self.who_has_them(org_id)
        for customer in able:
            found += await self.of_customer(customer, limit)
        if unable:
            _log.warning("the invoices of an organisation are incomplete: none can be read at %s", ", ".join(unable))
        return sorted(found, key=_created, reverse=True)[:limit]

    async def who_has_them(self, org_id: str) -> tuple[list[BillingCustomer], list[str]]:
        """The organisation's customers whose invoices can be read, and the names of the other providers where it has one.

        Raises:
            UnsupportedOperation: none of its providers has invoices.
        """
        known = await self._customers.known(org_id)
        able = [each for each in known if Capability.INVOICES in self._providers[each.provider].capabilities]
        if known and not able:
            self._providers[known[0].provider].require(Capability.INVOICES)
        others = [*(each for each in known if each not in able), *await self._customers.elsewhere(org_id)]
        return able, [each.provider for each in others]

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
