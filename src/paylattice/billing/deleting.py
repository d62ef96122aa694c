"""Deleting an organisation's customers at a provider: every one that it ever had there, and no other organisation's.

A provider that books a purchase on a profile of the buyer's own leaves the organisation with several. The buyer chose such a
profile by a phone number, say, so it may be another organisation's, too: then it stays, and the report says so.
"""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import Conflict, PaymentError, UnsupportedOperation
from ..idempotency import operation_key
from ..operations import Capability
from ..provider import BaseProvider
from .commands import CreateCustomer, DeleteCustomer, MergeCustomer
from .operation_log import OperationLog
from .payment_methods import PaymentMethods
from .records import BillingCustomer
from .repository import Tx
from .store import Store

__all__ = ["AtProvider", "Deleting"]

_DELETED = "the customer is deleted; the provider keeps payments, invoices and its log for the books"
_ONCE_HAD = frozenset({CreateCustomer.kind, MergeCustomer.kind})
_SHARED = "this customer is another organisation's, too, and stays: "


@attrs.frozen
class AtProvider:
    """What a provider still has, or may have.

    Args:
        provider: the provider's name.
        what: what it keeps, and what you can do.
        transient: whether repeating the call may delete it, without anything that you do before.
        customer_id: the provider's id of the customer that this is about; None: not of a certain one.
        is_deleted: whether that customer is deleted.
        error: the class of the error that kept it from being deleted: do what ``what`` says, and repeat the call. None: it
            is deleted, or never can be.
    """

    provider: str
    what: str
    transient: bool = False
    customer_id: str | None = None
    is_deleted: bool = False
    error: str | None = None

    @classmethod
    def failed(cls, provider: str, customer_id: str | None, error: PaymentError) -> "AtProvider":
        """What could not be deleted, or not be looked for."""
        name = type(error).__name__
        return cls(provider, error.message, error.retryable, customer_id=customer_id, error=name)


class Deleting(Generic[Tx]):
    """Deletes customers at their providers.

    Args:
        store: where the records are.
        providers: by name.
        log: sends.
        payment_methods: are removed where there are no customers to delete.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        payment_methods: PaymentMethods[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._payment_methods = payment_methods

    async def delete(self, customer: BillingCustomer) -> list[AtProvider]:
        """Delete what there is of an organisation at one provider. Returns what became of each customer that it had."""
        name = customer.provider
        provider = self._providers.get(name)
        if provider is None:
            what = "this service has no such provider any more: delete the customer there yourself"
            return [AtProvider(name, what, customer_id=customer.external_customer_id)]
        if Capability.CUSTOMERS not in provider.capabilities:
            return [await self._remove_payment_methods(provider, customer)]
        try:
            profiles = await self._profiles(provider, customer)
        except PaymentError as error:
            return [AtProvider.failed(name, None, error)]
        return [await self._delete(provider, customer, each) for each in profiles]

    async def _remove_payment_methods(self, provider: BaseProvider, customer: BillingCustomer) -> AtProvider:
        name = customer.provider
        if Capability.PAYMENT_METHODS in provider.capabilities:
            try:
                for listed_under, methods in await self._payment_methods.listed(customer):
                    for method in methods:
                        await self._payment_methods.remove_listed(customer, listed_under, method.id)
            except UnsupportedOperation as error:
                return AtProvider(name, error.message)
            except PaymentError as error:
                return AtProvider.failed(name, None, error)
        what = "it has no customers to delete: the payer's account, and what was paid with it, are between the payer and it"
        return AtProvider(name, what)

    async def _profiles(self, provider: BaseProvider, customer: BillingCustomer) -> list[str]:
        """The ids of the customers that the organisation ever had at the provider, the present one last."""
        name = customer.provider
        found = [
            row.external_id
            for row in await self._store.list_operations_of(customer.org_id)
            if row.provider == name and row.operation in _ONCE_HAD
        ]
        if not provider.preserves_customer and Capability.SUBSCRIPTIONS in provider.capabilities:
            for each in await self._store.list_subscriptions(customer.id):
                read = await provider.get_subscription(each.external_subscription_id)
                found.append(None if read is None else read.customer_id)
        others = [each for each in found if each is not None and each != customer.external_customer_id]
        return list(dict.fromkeys((*others, customer.external_customer_id)))

    async def _delete(self, provider: BaseProvider, customer: BillingCustomer, profile: str) -> AtProvider:
        name = customer.provider
        try:
            there = await provider.get_customer(profile)
            if there is not None and there.merged_from is not None:
                what = f"the provider has merged this customer into {there.id}, which may be another person's, too"
                return AtProvider(name, f"{what}: look at it there", customer_id=profile)
            shared = None if there is None else await self._shared(provider, customer, profile)
            if shared is not None:
                return AtProvider(name, _SHARED + shared, customer_id=profile)
            if there is not None:
                command, key = DeleteCustomer(customer_id=profile), operation_key("erase", name, profile)
                await self._log.run(provider, command, customer.org_id, key)
        except UnsupportedOperation as error:
            return AtProvider(name, error.message, customer_id=profile)
        except PaymentError as error:
            return AtProvider.failed(name, profile, error)
        return AtProvider(name, _DELETED, customer_id=profile, is_deleted=True)

    async def _shared(self, provider: BaseProvider, customer: BillingCustomer, profile: str) -> str | None:
        """What another organisation has on a customer, if it is not forgotten itself; None: nothing.

        Raises:
            Conflict: a subscription of nobody known goes on there, and would end.
        """
        name = customer.provider
        if provider.preserves_customer:
            return None
        owner = await self._store.get_customer_by_external_id(name, profile)
        if owner is not None and owner.id != customer.id and not owner.is_erased:
            return "its record has the same id"
        if Capability.LIST_SUBSCRIPTIONS not in provider.capabilities:
            return None
        for each in await provider.list_subscriptions(profile):
            if each.status.is_terminal:
                continue
            stored = await self._store.get_subscription(name, each.id)
            if stored is None:
                message = (
                    f"the subscription {each.id} goes on at this customer, and is not known to be the organisation's: "
                    "assign_subscription() it, or end it at the provider, and repeat this"
                )
                raise Conflict(message, provider=name, operation="delete_customer")
            payer = await self._store.get_customer_by_id(stored.customer_id)
            if payer is not None and payer.id != customer.id and not payer.is_erased:
                return f"the subscription {each.id} is paid there"
        return None
