"""Paying and voiding the invoices of an organisation, each once."""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import InvalidRequest, NotFound
from ..models import Invoice
from ..operations import Capability
from ..provider import BaseProvider
from .commands import InvoiceCommand
from .customers import Customers
from .operation_log import OperationLog
from .owners import Owners
from .pipeline import EventPipeline
from .records import BillingCustomer
from .repository import Tx
from .store import Store

__all__ = ["Collecting"]


class Collecting(Generic[Tx]):
    """Closes invoices, and stores what that makes of their subscriptions.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: stores subscriptions.
        log: sends, and remembers keys for as long as its rows are kept.
        customers: who pays.
        owners: know where a customer id proves the owner.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        owners: Owners[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._owners = owners

    async def close(self, org_id: str, wanted: InvoiceCommand, needs: Capability, key: str) -> Invoice:
        """Pay or void an invoice of the organisation.

        Args:
            org_id: whose invoice it is.
            wanted: what to do with it.
            needs: what its provider must be able to do.
            key: the caller's idempotency key.

        Raises:
            NotFound: the organisation has no such invoice.
            UnsupportedOperation: its provider cannot do it.
        """
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            provider, command = self._providers[begun.row.provider], begun.command
            customer = await self._store.get_customer(org_id, begun.row.provider)
            answer = await self._log.repeat(provider, begun)
        else:
            customer, invoice = await self._found(org_id, wanted)
            provider = self._providers[customer.provider]
            provider.require(needs)
            command = attrs.evolve(wanted, subscription_id=invoice.subscription_id)
            answer = await self._log.run(provider, command, org_id, key)
        if customer is not None and command.subscription_id is not None:
            await self._pipeline.observe(customer.provider, customer, command.subscription_id)
        return answer

    async def _found(self, org_id: str, wanted: InvoiceCommand) -> tuple[BillingCustomer, Invoice]:
        unable = [each.provider for each in await self._customers.elsewhere(org_id)]
        for customer in await self._customers.known(org_id):
            provider = self._providers[customer.provider]
            if Capability.INVOICES not in provider.capabilities:
                unable.append(customer.provider)
                continue
            try:
                invoice = await provider.get_invoice(wanted.invoice_id)
            except InvalidRequest:  # it cannot be an id of this provider's
                continue
            if invoice is not None and await self._is_of(customer, invoice):
                return customer, invoice
        message = "the organisation has no such invoice"
        message += f". It could not be looked for at {', '.join(unable)}" if unable else ""
        raise NotFound(message, operation=wanted.kind)

    async def _is_of(self, customer: BillingCustomer, invoice: Invoice) -> bool:
        """Whether an invoice is the customer's: by its subscription, or else by the customer that it names.

        Who can choose the customer of a subscription can choose that of its invoices, too.
        """
        if invoice.subscription_id is not None:
            stored = await self._store.get_subscription(customer.provider, invoice.subscription_id)
            if stored is not None:
                return stored.customer_id == customer.id
            if customer.provider not in self._owners.proving:
                return False
        return invoice.customer_id == customer.external_customer_id
