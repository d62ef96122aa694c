"""The saved payment methods of an organisation: saved, listed, chosen and removed, each once for its key, and only its own."""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import InvalidRequest, NotFound, UnsupportedOperation
from ..idempotency import new_key, sub_key
from ..models import CheckoutSession, PaymentMethod
from ..operations import Capability
from ..provider import BaseProvider
from .choosing import has_begun, no_subscription, with_id
from .commands import RemovePaymentMethod, SavePaymentMethod, SetDefaultPaymentMethod, SetPaymentMethod, StartSetup
from .customers import Customers
from .operation_log import OperationLog
from .records import BillingCustomer, BillingSubscription
from .repository import Tx
from .store import Store
from .subscriptions import Subscriptions

__all__ = ["NewCustomer", "PaymentMethods"]


@attrs.frozen
class NewCustomer:
    """The details of an organisation's customer, if there is none yet.

    Args:
        email: the e-mail address.
        name: the name.
        provider_name: the provider; None: the present one, else the one from ``select``.
    """

    email: str | None
    name: str | None
    provider_name: str | None


class PaymentMethods(Generic[Tx]):
    """Sends what is asked about payment methods.

    Args:
        store: where the records are.
        providers: by name.
        log: sends.
        customers: whose they are.
        subscriptions: are paid by them.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        subscriptions: Subscriptions[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._customers = customers
        self._subscriptions = subscriptions

    async def start_setup(self, org_id: str, wanted: StartSetup, new: NewCustomer, key: str | None) -> CheckoutSession:
        """Open a page that saves a payment method."""
        begun = None if key is None else await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        customer = await self._ensure(org_id, new, Capability.SETUP_SESSION)
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        return await self._log.run(self._providers[customer.provider], command, org_id, key or new_key())

    async def save(self, org_id: str, wanted: SavePaymentMethod, new: NewCustomer, key: str | None) -> PaymentMethod:
        """Save what the browser got, or what the customer has agreed to on a page that was opened for the organisation.

        Raises:
            NotFound: the page was opened for another organisation.
        """
        begun = None if key is None else await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        opened_at = await self._opened_at(org_id, wanted.token)
        if opened_at is not None:
            new = attrs.evolve(new, provider_name=opened_at)
        customer = await self._ensure(org_id, new, Capability.SAVE_PAYMENT_METHOD)
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        return await self._log.run(self._providers[customer.provider], command, org_id, key or new_key())

    async def _opened_at(self, org_id: str, session_id: str) -> str | None:
        """The provider where a setup page was opened; None: the token is no page of ours."""
        for name in self._providers:
            for row in await self._store.list_operations(name, external_id=session_id):
                if row.operation == StartSetup.kind and row.org_id != org_id:
                    message = "the organisation has opened no such page"
                    raise NotFound(message, provider=name, operation=SavePaymentMethod.kind)
                if row.operation == StartSetup.kind:
                    return name
        return None

    async def _ensure(self, org_id: str, new: NewCustomer, capability: Capability) -> BillingCustomer:
        """The organisation's customer where this can be done; the primary one, if at several."""
        known = [each for each in await self._customers.known(org_id) if new.provider_name in {None, each.provider}]
        can = [each for each in known if capability in self._providers[each.provider].capabilities]
        if can:
            return can[0]
        customer = await self._customers.ensure(
            org_id, email=new.email, name=new.name, metadata=None, provider_name=new.provider_name
        )
        self._providers[customer.provider].require(capability)
        return customer

    async def of(self, org_id: str) -> list[PaymentMethod]:
        """All of the organisation's saved payment methods, at all its providers.

        Raises:
            UnsupportedOperation: none of them lists any.
        """
        found: list[PaymentMethod] = []
        missing: UnsupportedOperation | None = None
        known = await self._customers.known(org_id)
        for customer in known:
            try:
                found += [method for _, methods in await self.listed(customer) for method in methods]
            except UnsupportedOperation as error:
                missing = error
        if missing is not None and len(known) == 1:
            raise missing
        return found

    async def listed(self, customer: BillingCustomer) -> list[tuple[str, list[PaymentMethod]]]:
        """The customer's payment methods, by what lists them: at PayPal, an id that it has made for the payer."""
        provider = self._providers[customer.provider]
        lists = [customer.external_customer_id]
        if Capability.CUSTOMERS not in provider.capabilities:
            rows = await self._store.list_operations_of(customer.org_id)
            saved = (
                row for row in rows if (row.provider, row.operation) == (customer.provider, SavePaymentMethod.kind)
            )
            lists += [row.reference for row in saved if row.reference is not None]
        return [(each, await provider.get_payment_methods(each)) for each in dict.fromkeys(lists)]

    async def choose(
        self, org_id: str, method_id: str, subscription_id: str | None, key: str | None
    ) -> list[BillingSubscription]:
        """Choose what pays: for one subscription, or for all current ones and those to come.

        Returns:
            The subscriptions that it pays now, as stored.

        Raises:
            NotFound: the organisation has no such subscription.
            InvalidRequest: it has no such payment method.
            UnsupportedOperation: the provider lets the payer alone choose.
        """
        found = await self._owner(org_id, method_id, SetPaymentMethod.kind)
        if found is None:
            raise _no_method(SetPaymentMethod.kind)
        customer, _ = found
        key = key or new_key()
        provider = self._providers[customer.provider]
        stored = await self._customers.subscriptions_of(customer)
        if subscription_id is not None:
            chosen = with_id(stored, subscription_id)
            if not chosen:
                raise no_subscription(SetPaymentMethod.kind)
        else:
            chosen = [each for each in stored if not each.status.is_terminal and has_begun(each)]
            if Capability.DEFAULT_PAYMENT_METHOD in provider.capabilities:
                default = SetDefaultPaymentMethod(
                    customer_id=customer.external_customer_id, payment_method_id=method_id
                )
                await self._log.run(provider, default, org_id, sub_key(key, "default"))
        if chosen or Capability.DEFAULT_PAYMENT_METHOD not in provider.capabilities:
            provider.require(Capability.SET_PAYMENT_METHOD)
        wanted = SetPaymentMethod(payment_method_id=method_id)
        after: list[BillingSubscription] = []
        for each in chosen:
            own = key if subscription_id is not None else sub_key(key, each.external_subscription_id)
            after.append(await self._subscriptions.set_payment_method(customer, each, wanted, own))
        return after

    async def remove(self, org_id: str, method_id: str, key: str | None) -> None:
        """Remove a payment method for good. One that the organisation has removed before is no error.

        Raises:
            InvalidRequest: the organisation has no such payment method.
        """
        wanted = RemovePaymentMethod(payment_method_id=method_id)
        begun = None if key is None else await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            await self._log.repeat(self._providers[begun.row.provider], begun)
            return
        found = await self._owner(org_id, method_id, wanted.kind)
        if found is None:
            if await self._was_removed(org_id, method_id):
                return
            raise _no_method(wanted.kind)
        customer, listed_under = found
        command = attrs.evolve(wanted, customer_id=listed_under)
        provider = self._providers[customer.provider]
        await self._log.run(provider, command, org_id, key or new_key(), reference=method_id)

    async def remove_listed(self, customer: BillingCustomer, listed_under: str, method_id: str) -> None:
        """Remove one of the customer's payment methods, by what lists it."""
        command = RemovePaymentMethod(customer_id=listed_under, payment_method_id=method_id)
        provider = self._providers[customer.provider]
        await self._log.run(provider, command, customer.org_id, new_key(), reference=method_id)

    async def _was_removed(self, org_id: str, method_id: str) -> bool:
        for name in self._providers:
            rows = await self._store.list_operations(name, reference=method_id)
            if any((each.operation, each.org_id) == (RemovePaymentMethod.kind, org_id) for each in rows):
                return True
        return False

    async def _owner(self, org_id: str, method_id: str, operation: str) -> tuple[BillingCustomer, str] | None:
        """The organisation's customer who has saved this payment method, and what lists it; None: none of them has.

        Raises:
            NotFound: the organisation has no customer.
            UnsupportedOperation: its only provider lists no payment methods.
        """
        known = await self._customers.known(org_id)
        if not known:
            message = "the organisation has no customer: save_payment_method first"
            raise NotFound(message, operation=operation)
        for customer in known:
            provider = self._providers[customer.provider]
            if len(known) > 1 and Capability.PAYMENT_METHODS not in provider.capabilities:
                continue
            for listed_under, methods in await self.listed(customer):
                if any(each.id == method_id for each in methods):
                    return customer, listed_under
        return None


def _no_method(operation: str) -> InvalidRequest:
    message = "the organisation has no such saved payment method"
    return InvalidRequest(message, param="payment_method_id", operation=operation)
