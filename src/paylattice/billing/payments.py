"""Money of an organisation: charging a saved payment method, capturing, voiding and refunding, each once for its key."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

import attrs

from ..errors import InvalidRequest, NotFound
from ..events import EventType, WebhookEvent
from ..models import Invoice, InvoiceStatus, Payment, Refund
from ..operations import Capability
from ..provider import BaseProvider
from .commands import Capture, Charge, Command, RefundPayment, Void
from .customers import Customers
from .invoices import Invoices
from .operation_log import OperationLog
from .records import BillingCustomer
from .repository import Tx
from .store import Store

__all__ = ["Payments"]

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

R = TypeVar("R")
_MOST_INVOICES = 100
"""How many invoices are looked through, the newest first."""


class Payments(Generic[Tx]):
    """Sends what is asked for about money.

    Args:
        store: where the records are.
        providers: by name.
        log: sends, and remembers keys for as long as its rows are kept.
        customers: who pays.
        invoices: know which payments paid them.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        invoices: Invoices[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._customers = customers
        self._invoices = invoices

    async def charge(self, org_id: str, wanted: Charge, key: str, provider_name: str | None = None) -> Payment:
        """Charge, or authorize, what is wanted, which says no customer yet.

        Raises:
            NotFound: the organisation has no customer.
            InvalidRequest: it has no saved payment method, or several and none was asked for.
        """
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        known = [each for each in await self._customers.known(org_id) if provider_name in {None, each.provider}]
        if not known:
            message = "the organisation has no customer there: ensure_customer first"
            raise NotFound(message, provider=provider_name, operation=wanted.kind)
        if wanted.token is not None:
            customer, method_id = self._present(known, wanted.kind), ""
        else:
            customer, method_id = await self._charged(known, wanted.asked_method_id)
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id, payment_method_id=method_id)
        return await self._log.run(self._providers[customer.provider], command, org_id, key)

    def _present(self, known: Sequence[BillingCustomer], operation: str) -> BillingCustomer:
        """Which customer of the organisation a browser's token is of: it does not say at which provider."""
        can = [
            each for each in known if Capability.DIRECT_PAYMENTS in self._providers[each.provider].capabilities
        ] or known[:1]
        if len(can) > 1:
            message = "the organisation is at several providers: provider_name= has to say whose token this is"
            raise InvalidRequest(message, param="provider_name", operation=operation)
        self._providers[can[0].provider].require(Capability.DIRECT_PAYMENTS)
        return can[0]

    async def _charged(self, known: Sequence[BillingCustomer], asked: str | None) -> tuple[BillingCustomer, str]:
        """Which customer of the organisation is charged, and which of their payment methods: never one of several."""
        can = [
            each for each in known if Capability.DIRECT_PAYMENTS in self._providers[each.provider].capabilities
        ] or known[:1]
        if len(can) == 1 and asked is not None:
            self._providers[can[0].provider].require(Capability.DIRECT_PAYMENTS)
            return can[0], asked
        found: list[tuple[BillingCustomer, str]] = []
        for customer in can:
            provider = self._providers[customer.provider]
            provider.require(Capability.DIRECT_PAYMENTS)
            methods = await provider.get_payment_methods(customer.external_customer_id)
            found += [(customer, method.id) for method in methods if asked in {None, method.id}]
        if len(found) == 1:
            return found[0]
        message = (
            "the organisation has several saved payment methods: payment_method_id= has to choose one"
            if found
            else "the organisation has no such saved payment method"
        )
        raise InvalidRequest(message, param="payment_method_id", operation="charge")

    async def capture(self, org_id: str, wanted: Capture, key: str) -> Payment:
        """Take the money of an authorized payment."""
        return await self._about_payment(org_id, wanted.payment_id, wanted, key)

    async def void(self, org_id: str, wanted: Void, key: str) -> Payment:
        """Give up a payment that was not captured."""
        return await self._about_payment(org_id, wanted.payment_id, wanted, key)

    async def refund(self, org_id: str, wanted: RefundPayment, key: str) -> Refund:
        """Give money back for a payment, for an invoice, or for the last paid period of a subscription.

        Raises:
            NotFound: the organisation has no such payment, invoice or subscription, or nothing was paid for it.
            InvalidRequest: not exactly one of the three was asked for; or several payments paid the invoice.
        """
        asked = (wanted.asked_payment_id, wanted.asked_invoice_id, wanted.asked_subscription_id)
        if sum(each is not None for each in asked) != 1:
            message = "a refund is of one payment_id, one invoice_id or one subscription_id"
            raise InvalidRequest(message, param="payment_id", operation=wanted.kind)
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        if wanted.asked_payment_id is not None:
            payment_id = wanted.asked_payment_id
            provider = await self._where_paid(org_id, payment_id, wanted.kind)
        else:
            customer, invoice = await self._invoice(org_id, wanted)
            provider = self._providers[customer.provider]
            if len(invoice.payment_ids) != 1:
                message = (
                    f"the invoice has {len(invoice.payment_ids)} payments that are known: payment_id= has to choose one"
                )
                raise InvalidRequest(message, param="payment_id", operation=wanted.kind)
            payment_id = invoice.payment_ids[0]
        return await self._log.run(provider, attrs.evolve(wanted, payment_id=payment_id), org_id, key)

    async def _invoice(self, org_id: str, wanted: RefundPayment) -> tuple[BillingCustomer, Invoice]:
        """The invoice that was asked for, or that paid the last period of the subscription that was."""
        if wanted.asked_invoice_id is not None:
            return await self._invoice_of_id(org_id, wanted)
        for customer in await self._customers.known(org_id):
            for stored in await self._customers.subscriptions_of(customer):
                if stored.external_subscription_id == wanted.asked_subscription_id:
                    for invoice in await self._invoices.of_subscription(customer, stored, _MOST_INVOICES):
                        if invoice.status is InvoiceStatus.PAID and invoice.amount.amount > 0:
                            return customer, invoice
        message = "the organisation has no such subscription, or nothing was paid for it"
        raise NotFound(message + _not_looked_at(await self._elsewhere(org_id)), operation=wanted.kind)

    async def _invoice_of_id(self, org_id: str, wanted: RefundPayment) -> tuple[BillingCustomer, Invoice]:
        able, unable = await self._invoices.who_has_them(org_id)
        for customer in able:
            for invoice in await self._invoices.of_customer(customer, _MOST_INVOICES):
                if invoice.id == wanted.asked_invoice_id:
                    return customer, invoice
        raise NotFound("the organisation has no such invoice" + _not_looked_at(unable), operation=wanted.kind)

    async def _elsewhere(self, org_id: str) -> list[str]:
        return [each.provider for each in await self._customers.elsewhere(org_id)]

    async def _about_payment(self, org_id: str, payment_id: str, wanted: Command[R], key: str) -> R:
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        provider = await self._where_paid(org_id, payment_id, wanted.kind)
        return await self._log.run(provider, wanted, org_id, key)

    async def _where_paid(self, org_id: str, payment_id: str, operation: str) -> BaseProvider:
        """The provider of a payment of the organisation. A payment that names no customer counts as the organisation's.

        Raises:
            NotFound: no provider of the organisation's has it, or nothing says that it is the organisation's.
        """
        for customer in await self._customers.known(org_id):
            provider = self._providers[customer.provider]
            if Capability.PAYMENTS not in provider.capabilities:
                continue
            try:
                found = await provider.get_payment(payment_id)
            except InvalidRequest:  # it cannot be an id of this provider's
                continue
            if found is None:
                continue
            if await self._is_paid_by(customer, found):
                return provider
        message = "the organisation has no such payment" + _not_looked_at(await self._elsewhere(org_id))
        raise NotFound(message, operation=operation)

    async def _is_paid_by(self, customer: BillingCustomer, payment: Payment) -> bool:
        """Whether a payment is the customer's: by the operation log, by its subscription, or by the customer that it names.

        The first two come first, as a provider may book it on another profile of the payer.
        """
        rows = await self._store.list_operations(customer.provider, external_id=payment.id)
        orgs = {row.org_id for row in rows}
        if orgs:
            return orgs == {customer.org_id}
        subscription_id, reference = payment.subscription_id, None
        if subscription_id is None and not self._providers[customer.provider].customer_id_is_proof:
            linked = await self._providers[customer.provider].follow_links(_about(payment, customer))
            subscription_id, reference = linked.subscription_id, linked.checkout_reference
        if subscription_id is not None:
            stored = await self._store.get_subscription(customer.provider, subscription_id)
            if stored is not None:
                return stored.customer_id == customer.id
        started = await self._store.list_operations(customer.provider, reference=reference) if reference else []
        if started:
            return started[0].org_id == customer.org_id
        return payment.customer_id in {None, customer.external_customer_id}


def _about(payment: Payment, customer: BillingCustomer) -> WebhookEvent:
    """An event about the payment, which leads to what it paid."""
    return WebhookEvent(
        id=payment.id,
        type=EventType.PAYMENT_SUCCEEDED,
        created_at=payment.created_at or _LONG_AGO,
        dedupe_key=payment.id,
        customer_id=payment.customer_id,
        payment=payment,
        provider=customer.provider,
    )


def _not_looked_at(providers: Sequence[str]) -> str:
    """What a message adds, where it could not be looked everywhere."""
    return f". It could not be looked for at {', '.join(providers)}" if providers else ""
