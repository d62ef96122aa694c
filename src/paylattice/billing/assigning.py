"""Assigning: customers and subscriptions that billing did not begin become an organisation's."""

from collections.abc import Mapping
from typing import Generic

from ..errors import Conflict, InvalidRequest, NotFound
from ..models import Subscription
from ..operations import Capability
from ..provider import BaseProvider
from .attribution import Attributor
from .checkout_correlation import Asked
from .commands import AssignSubscription
from .customers import Customers
from .operation_log import OperationLog
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingSubscription
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store

__all__ = ["Assigning"]


class Assigning(Generic[Tx]):
    """Reads what exists at a provider, and stores it for the organisation that the application names.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: stores subscriptions, and applies what waited for them.
        log: notes what was assigned.
        customers: the organisations' records.
        attributor: knows the owner of a subscription.
        replaced: lists a customer's subscriptions.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        attributor: Attributor[Tx],
        replaced: ReplacedCustomers[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._attributor = attributor
        self._replaced = replaced

    async def customer(self, org_id: str, customer_id: str, provider_name: str | None) -> BillingCustomer:
        """Give a customer to the organisation, with all its subscriptions, and apply what waited for it.

        Raises:
            NotFound: the provider has no such customer.
            Conflict: it is another organisation's, or the organisation has another one there.
            UnsupportedOperation: the provider has no customers.
            InvalidRequest: there are several providers.
        """
        customer = await self._customers.assign(org_id, customer_id, provider_name)
        await self._assign_all(customer)
        external_id = customer.external_customer_id
        await self._pipeline.apply_unmatched(customer.provider, external_customer_id=external_id)
        return customer

    async def subscription(self, org_id: str, subscription_id: str, provider_name: str | None) -> BillingSubscription:
        """Give a subscription to the organisation with its current terms, whatever created it.

        Raises:
            NotFound: the organisation has no customer there, or the provider has no such subscription.
            Conflict: it is another organisation's.
            InvalidRequest: the organisation is at several providers.
        """
        known = [each for each in await self._customers.known(org_id) if provider_name in {None, each.provider}]
        if not known and (provider := self._without_customers(provider_name)) is not None:
            return await self._assign_without_customers(org_id, provider, subscription_id)
        if not known:
            message = "the organisation has no customer there: ensure_customer first"
            raise NotFound(message, provider=provider_name, operation="assign_subscription")
        if len(known) > 1:
            message = "the organisation is at several providers: provider_name= has to say whose subscription it is"
            raise InvalidRequest(message, param="provider_name", operation="assign_subscription")
        return await self._assign(known[0], subscription_id)

    async def _assign(self, customer: BillingCustomer, subscription_id: str) -> BillingSubscription:
        ticket = await self._store.next_ticket()
        subscription = await self._read_to_assign(self._providers[customer.provider], subscription_id)
        stored = await self._assign_as_read(customer, subscription, ticket)
        if stored is None:
            raise _is_anothers(customer.provider)
        return stored

    async def _assign_without_customers(
        self, org_id: str, provider: BaseProvider, subscription_id: str
    ) -> BillingSubscription:
        """The same for an organisation without a record at a provider without customers: it gets one, if all fits."""
        name, ticket = provider.get_provider_name(), await self._store.next_ticket()
        subscription = await self._read_to_assign(provider, subscription_id)
        if await self._store.get_subscription(name, subscription_id) is not None:
            raise _is_anothers(name)
        customer = await self._customers.without_one_there(org_id, provider)
        stored = await self._assign_as_read(customer, subscription, ticket)
        if stored is None:
            raise _is_anothers(name)
        return stored

    async def _read_to_assign(self, provider: BaseProvider, subscription_id: str) -> Subscription:
        subscription = await provider.get_subscription(subscription_id)
        if subscription is None:
            message = "the provider has no such subscription, in this account and mode"
            raise NotFound(message, provider=provider.get_provider_name(), operation="assign_subscription")
        return subscription

    async def _assign_all(self, customer: BillingCustomer) -> None:
        """Store all subscriptions that the provider lists for a customer, ended ones too: they are the organisation's.

        One that is stored for another organisation, or came from its checkout, stays there. One that may yet become known to
        come from another organisation's page is left out.
        """
        name = customer.provider
        proven = name in self._attributor.owners.proving
        ticket = await self._store.next_ticket()
        asked = Asked()
        for each in reversed(await self._replaced.listed(customer)):
            if proven or await self._store.get_subscription(name, each.id) is not None:
                owner = (await self._attributor.listed_owner(customer, each)).customer
                if owner is not None and owner.id == customer.id:
                    await self._pipeline.store(name, customer, each, ticket)
            else:
                await self._assign_as_read(customer, each, ticket, asked)

    async def _assign_as_read(
        self, customer: BillingCustomer, subscription: Subscription, ticket: int, listed: Asked | None = None
    ) -> BillingSubscription | None:
        """Give a subscription to the customer, as it was read after the ticket was taken; None: it is another one's.

        Args:
            customer: who gets it.
            subscription: as it was read.
            ticket: taken before.
            listed: what sessions have said, where nobody has named the subscription: it is listed for the customer.
        """
        if not await self._may_have(customer, subscription, listed):
            return None
        name = customer.provider
        await self._log.note(name, _as_it_is(subscription), customer.org_id, external_id=subscription.id)
        stored = await self._pipeline.store(name, customer, subscription, ticket, strict=True)
        if stored is None or stored.customer_id != customer.id:
            return None
        await self._pipeline.apply_unmatched(name, external_subscription_id=subscription.id)
        return stored

    def _without_customers(self, provider_name: str | None) -> BaseProvider | None:
        """The provider that is meant, if it has no customers: then an organisation needs none there."""
        name = next(iter(self._providers)) if provider_name is None and len(self._providers) == 1 else provider_name
        provider = None if name is None else self._providers.get(name)
        return None if provider is None or Capability.CUSTOMERS in provider.capabilities else provider

    async def _may_have(
        self, customer: BillingCustomer, subscription: Subscription, listed: Asked | None = None
    ) -> bool:
        """Whether a subscription is the customer's already, or no organisation's.

        A profile that the buyer chose by a phone number may be several organisations'. So the pages are asked that can have
        brought the subscription, whatever has been delivered so far.
        """
        stored = await self._store.get_subscription(customer.provider, subscription.id)
        if stored is not None:
            return stored.customer_id == customer.id
        owner = await self._attributor.owners.owner_without_assignment(customer.provider, subscription)
        if owner is None and not self._providers[customer.provider].preserves_customer:
            asked = Asked() if listed is None else listed
            buyer = await self._attributor.checkouts.buyer_of(customer.provider, subscription, asked)
            if buyer.customer is None and listed is not None and buyer.perhaps - {customer.org_id}:
                return False
            owner = buyer.customer
        return owner is None or owner.id == customer.id


def _is_anothers(provider: str) -> Conflict:
    message = "the subscription is another organisation's: look at both at the provider"
    return Conflict(message, provider=provider, operation="assign_subscription")


def _as_it_is(subscription: Subscription) -> AssignSubscription:
    return AssignSubscription(
        subscription_id=subscription.id,
        plan_id=subscription.plan_id,
        quantity=1 if subscription.quantity is None else subscription.quantity,
        plan_overridden=subscription.plan_overridden,
    )
