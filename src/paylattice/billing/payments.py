"""Money of an organisation: charging a saved payment method, capturing, voiding and refunding, each once for its key."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import attrs

from ..errors import InvalidRequest, NotFound
from ..models import Payment, Refund
from ..operations import Capability
from ..provider import BaseProvider
from .commands import Capture, Charge, Command, RefundPayment, Void
from .customers import Customers
from .operation_log import OperationLog
from .records import BillingCustomer
from .repository import Tx

__all__ = ["Payments"]

R = TypeVar("R")


class Payments(Generic[Tx]):
    """Sends what is asked for about money.

    Args:
        providers: by name.
        log: sends, and remembers keys for as long as its rows are kept.
        customers: who pays.
    """

    def __init__(self, providers: Mapping[str, BaseProvider], log: OperationLog[Tx], customers: Customers[Tx]) -> None:
        self._providers = providers
        self._log = log
        self._customers = customers

    async def charge(self, org_id: str, wanted: Charge, key: str) -> Payment:
        """Charge, or authorize, what is wanted, which says no customer yet.

        Raises:
            NotFound: the organisation has no customer.
            InvalidRequest: it has no saved payment method, or several and none was asked for.
        """
        begun = await self._log.begun(self._providers, key, org_id, wanted)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        known = await self._customers.known(org_id)
        if not known:
            message = "the organisation has no customer: ensure_customer first"
            raise NotFound(message, operation=wanted.kind)
        customer = known[0]
        provider = self._providers[customer.provider]
        provider.require(Capability.DIRECT_PAYMENTS)
        method_id = wanted.asked_method_id or await self._only_method(provider, customer)
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id, payment_method_id=method_id)
        return await self._log.run(provider, command, org_id, key)

    async def _only_method(self, provider: BaseProvider, customer: BillingCustomer) -> str:
        methods = await provider.get_payment_methods(customer.external_customer_id)
        if len(methods) == 1:
            return methods[0].id
        message = (
            "the customer has several saved payment methods: payment_method_id= has to choose one"
            if methods
            else "the customer has no saved payment method"
        )
        raise InvalidRequest(message, param="payment_method_id", operation="charge")

    async def capture(self, org_id: str, wanted: Capture, key: str) -> Payment:
        """Take the money of an authorized payment."""
        return await self._about_payment(org_id, wanted.payment_id, wanted, key)

    async def void(self, org_id: str, wanted: Void, key: str) -> Payment:
        """Give up a payment that was not captured."""
        return await self._about_payment(org_id, wanted.payment_id, wanted, key)

    async def refund(self, org_id: str, wanted: RefundPayment, key: str) -> Refund:
        """Give money back."""
        return await self._about_payment(org_id, wanted.payment_id, wanted, key)

    async def _about_payment(self, org_id: str, payment_id: str, wanted: Command[R], key: str) -> R:
        begun = await self._log.begun(self._providers, key, org_id, wanted)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        provider = await self._where_paid(org_id, payment_id, wanted.kind)
        return await self._log.run(provider, wanted, org_id, key)

    async def _where_paid(self, org_id: str, payment_id: str, operation: str) -> BaseProvider:
        """The provider of a payment that is the organisation's, as far as the payment says whose it is.

        Raises:
            NotFound: no provider of the organisation's has it, or it is another customer's.
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
            theirs = found.customer_id in {None, customer.external_customer_id}
            if theirs or not provider.preserves_customer:  # the provider books it on a profile of the payer's own
                return provider
        message = "the organisation has no such payment"
        raise NotFound(message, operation=operation)
