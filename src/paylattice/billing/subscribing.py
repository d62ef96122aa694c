"""Subscribing an organisation without a page: with a payment method that it has saved."""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import InvalidRequest, NotFound
from ..models import SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider
from .checkouts import Checkouts
from .commands import CreateSubscription
from .customers import Customers
from .entries import Entry
from .operation_log import OperationLog
from .pipeline import EventPipeline
from .records import BillingCustomer, OperationState
from .repository import Tx

__all__ = ["Subscribing"]


class Subscribing(Generic[Tx]):
    """Begins subscriptions, and stores them.

    Args:
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends, and remembers keys for as long as its rows are kept.
        customers: who pays.
        checkouts: know what the organisation has, and is about to buy.
    """

    def __init__(
        self,
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        checkouts: Checkouts[Tx],
    ) -> None:
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._checkouts = checkouts

    async def start(
        self, org_id: str, wanted: CreateSubscription, *, provider_name: str | None, key: str
    ) -> SubscriptionChange:
        """Begin what is wanted, which says no customer yet.

        Raises:
            Conflict: the organisation has a current subscription, or the payment for one is under way.
            ConfigurationError: the key was used at a provider that the service does not have any more.
            NotFound: the organisation has no customer there.
            InvalidRequest: it has several.
        """
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            customer = await self._customer(org_id, begun.row.provider)
            answer = await self._again(begun, org_id, wanted, key)
        else:
            customer = await self._customer(org_id, provider_name)
            provider = self._providers[customer.provider]
            provider.require(Capability.CREATE_SUBSCRIPTION)
            if not wanted.allow_second:
                await self._checkouts.make_room(org_id, wanted.operation, key)
            command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
            answer = await self._log.run(provider, command, org_id, key)
        await self._pipeline.observe(customer.provider, customer, answer.subscription.id)
        await self._pipeline.apply_unmatched(customer.provider, external_subscription_id=answer.subscription.id)
        return answer

    async def _again(
        self, begun: Entry[CreateSubscription], org_id: str, wanted: CreateSubscription, key: str
    ) -> SubscriptionChange:
        """What the key began, or begins now: beside what the organisation has got since only if that is allowed."""
        provider = self._providers[begun.row.provider]
        if begun.row.state is not OperationState.DONE and not wanted.allow_second:
            found = await self._log.look(provider, begun)
            if found is not None:
                return found
            await self._checkouts.make_room(org_id, wanted.operation, key)
        return await self._log.repeat(provider, begun)

    async def _customer(self, org_id: str, provider_name: str | None) -> BillingCustomer:
        known = [each for each in await self._customers.known(org_id) if provider_name in {None, each.provider}]
        if not known:
            message = "the organisation has no customer there: ensure_customer first, and save a payment method"
            raise NotFound(message, provider=provider_name, operation="create_subscription")
        can = [
            each for each in known if Capability.CREATE_SUBSCRIPTION in self._providers[each.provider].capabilities
        ] or known[:1]
        if len(can) > 1:
            message = "the organisation is at several providers: provider_name= has to say which one it subscribes at"
            raise InvalidRequest(message, param="provider_name", operation="create_subscription")
        return can[0]
