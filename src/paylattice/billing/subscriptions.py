"""The subscriptions of an organisation: changing, ending, assigning and reading them.

A key that the caller chose is looked for at every provider first, and what it was begun with is what is finished. So a command
that is repeated never falls on another subscription, or another provider, than it did the first time.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from ..errors import Conflict, InvalidRequest, NotFound
from ..idempotency import new_key
from ..models import Subscription, SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider
from .commands import (
    AssignSubscription,
    CancelSubscription,
    ChangeSubscription,
    PauseSubscription,
    ResumeSubscription,
    SubscriptionCommand,
)
from .customers import Customers
from .finding import Finder
from .operation_log import OperationLog
from .primary import primary
from .records import BillingCustomer, BillingSubscription
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store
from .webhooks import EventPipeline

__all__ = ["Subscriptions", "no_subscription"]

R = TypeVar("R")


class Subscriptions(Generic[Tx]):
    """Sends what is asked of subscriptions, and reads and stores what they are afterwards.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends.
        customers: whose subscriptions there are.
        finder: knows whose a subscription is.
        replaced: knows which customers are gone at their provider.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        finder: Finder[Tx],
        replaced: ReplacedCustomers[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._finder = finder
        self._replaced = replaced

    async def primary(self, org_id: str) -> BillingSubscription | None:
        """The organisation's primary subscription, as stored."""
        return primary(await self._customers.subscriptions(org_id))

    # --- changing ------------------------------------------------------------------------------------------------

    async def cancel(
        self, org_id: str, *, at_period_end: bool, reason: str | None, key: str | None
    ) -> BillingSubscription:
        """End the organisation's subscription. Returns what is stored afterwards.

        Raises:
            NotFound: the organisation has no subscription.
        """
        waits = at_period_end and not await self._keeps_paid_period(org_id)
        command = CancelSubscription(at_period_end=waits, reason=reason)
        _, stored = await self._send(org_id, command, key)
        return stored

    async def _keeps_paid_period(self, org_id: str) -> bool:
        """Whether canceling now comes to the same as canceling at the end of the period, which the provider cannot do."""
        stored = await self.primary(org_id)
        if stored is None:
            return False
        provider = self._providers[stored.provider]
        return provider.access_until_period_end and Capability.CANCEL_AT_PERIOD_END not in provider.capabilities

    async def change(
        self, org_id: str, *, plan_id: str | None, quantity: int | None, prorate: bool, key: str | None
    ) -> SubscriptionChange:
        """Change plan, quantity or both of the organisation's subscription.

        Raises:
            NotFound: the organisation has no subscription.
        """
        change, _ = await self._send(
            org_id, ChangeSubscription(plan_id=plan_id, quantity=quantity, prorate=prorate), key
        )
        return change

    async def pause(self, org_id: str, key: str | None) -> BillingSubscription:
        """Stop billing the organisation's subscription. Returns what is stored afterwards."""
        _, stored = await self._send(org_id, PauseSubscription(), key)
        return stored

    async def resume(self, org_id: str, key: str | None) -> BillingSubscription:
        """Bill the organisation's subscription again. Returns what is stored afterwards."""
        _, stored = await self._send(org_id, ResumeSubscription(), key)
        return stored

    async def _send(
        self, org_id: str, command: SubscriptionCommand[R], key: str | None
    ) -> tuple[R, BillingSubscription]:
        """Send it for the subscription that it was begun for, else for the primary one. Returns what is stored, too."""
        begun = None if key is None else await self._log.begun(self._providers, key, org_id, command)
        if begun is not None:
            customer, stored = await self._begun_for(begun.row.provider, begun.command)
            answer = await self._log.repeat(self._providers[customer.provider], begun)
        else:
            customer, stored = await self._current(org_id, command.operation)
            aimed = attrs.evolve(command, subscription_id=stored.external_subscription_id)
            answer = await self._log.run(self._providers[customer.provider], aimed, org_id, key or new_key())
        return answer, await self.observe_again(customer, stored)

    async def _begun_for(
        self, provider: str, command: SubscriptionCommand[Any]
    ) -> tuple[BillingCustomer, BillingSubscription]:
        stored = await self._store.get_subscription(provider, command.subscription_id)
        customer = await self._store.get_customer_by_id(stored.customer_id) if stored is not None else None
        if stored is None or customer is None:
            raise no_subscription(command.operation)
        return customer, stored

    async def _current(self, org_id: str, operation: str) -> tuple[BillingCustomer, BillingSubscription]:
        for customer in await self._customers.known(org_id):
            stored = await self._customers.subscription_of(customer)
            if stored is not None:
                return customer, stored
        raise no_subscription(operation)

    async def observe_again(self, customer: BillingCustomer, stored: BillingSubscription) -> BillingSubscription:
        """Read after the change: an answer to a write has no place in the order of tickets."""
        seen = await self._pipeline.observe(customer.provider, customer, stored.external_subscription_id)
        return seen or stored

    # --- assigning -----------------------------------------------------------------------------------------------

    async def assign(self, org_id: str, subscription_id: str, provider_name: str | None) -> BillingSubscription:
        """Let the organisation have a subscription as it is now, whoever made it.

        Raises:
            NotFound: the organisation has no customer there, or the provider has no such subscription.
            Conflict: it is another organisation's.
            InvalidRequest: the organisation is at several providers.
        """
        known = [each for each in await self._customers.known(org_id) if provider_name in {None, each.provider}]
        if not known:
            message = "the organisation has no customer there: ensure_customer first"
            raise NotFound(message, provider=provider_name, operation="assign_subscription")
        if len(known) > 1:
            message = "the organisation is at several providers: provider_name= has to say whose subscription it is"
            raise InvalidRequest(message, param="provider_name", operation="assign_subscription")
        return await self._assign(known[0], subscription_id)

    async def _assign(self, customer: BillingCustomer, subscription_id: str) -> BillingSubscription:
        name = customer.provider
        ticket = await self._store.next_ticket()
        subscription = await self._providers[name].get_subscription(subscription_id)
        if subscription is None:
            message = "the provider has no such subscription, in this account and mode"
            raise NotFound(message, provider=name, operation="assign_subscription")
        if await self._may_have(customer, subscription):
            await self._log.note(name, _as_it_is(subscription), customer.org_id, external_id=subscription_id)
            stored = await self._pipeline.store(name, customer, subscription, ticket, strict=True)
            if stored is not None and stored.customer_id == customer.id:
                await self._pipeline.apply_parked(name, external_subscription_id=subscription_id)
                return stored
        message = "the subscription is another organisation's: look at both at the provider"
        raise Conflict(message, provider=name, operation="assign_subscription")

    async def _may_have(self, customer: BillingCustomer, subscription: Subscription) -> bool:
        """Whether a subscription is the customer's already, or no organisation's."""
        stored = await self._store.get_subscription(customer.provider, subscription.id)
        if stored is not None:
            return stored.customer_id == customer.id
        owner = await self._finder.ownership.whose_by_itself(customer.provider, subscription)
        return owner is None or owner.id == customer.id

    # --- reading again -------------------------------------------------------------------------------------------

    async def sync(self, org_id: str) -> BillingSubscription | None:
        """Read what the provider says now, for all of the organisation's subscriptions, and store it."""
        for customer in await self._customers.known(org_id):
            provider = self._providers[customer.provider]
            listed: set[str] = set()
            if {Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS} <= provider.capabilities:
                ticket = await self._store.next_ticket()
                for each in reversed(await self._replaced.listed(customer)):
                    listed.add(each.id)
                    owner = (await self._finder.whose(customer, each)).customer
                    if owner is not None and owner.id == customer.id:
                        await self._pipeline.store(customer.provider, customer, each, ticket)
            for stored in await self._store.list_subscriptions(customer.id):
                if stored.external_subscription_id not in listed and Capability.SUBSCRIPTIONS in provider.capabilities:
                    await self.observe_again(customer, stored)
        return await self.primary(org_id)


def _as_it_is(subscription: Subscription) -> AssignSubscription:
    return AssignSubscription(
        subscription_id=subscription.id,
        plan_id=subscription.plan_id,
        quantity=1 if subscription.quantity is None else subscription.quantity,
        plan_overridden=subscription.plan_overridden,
    )


def no_subscription(operation: str) -> NotFound:
    """The error for an organisation that has none."""
    message = "the organisation has no subscription"
    return NotFound(message, operation=operation)
