"""Whom an event is about, and what is true of its subscription: everything that is found out before a transaction opens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic

import attrs

from ..events import EventType, WebhookEvent
from ..models import Subscription
from ..operations import Capability
from ..provider import BaseProvider
from .origins import ASKED_FOR, PATIENCE, Origins
from .records import BillingCustomer, BillingSubscription
from .repository import BillingRepository, Tx

__all__ = ["Finder", "Found", "Reading"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_NO_TIME = timedelta(0)


@attrs.frozen
class Reading:
    """A state of a subscription at the provider, and its place in the order of states."""

    subscription: Subscription
    ticket: int
    version: int | None = None


@attrs.frozen
class Found:
    """Whom an event is about.

    Args:
        event: the event; with the subscription that its checkout brought, where the event itself does not name it.
        customer: who it is about; None: nobody, or somebody who is not known here yet.
        reading: the state of its subscription.
        concerns_somebody: whether it is about anybody.
    """

    event: WebhookEvent
    customer: BillingCustomer | None = None
    reading: Reading | None = None
    concerns_somebody: bool = False


class Finder(Generic[Tx]):
    """Finds out; changes nothing but the counter of tickets.

    Args:
        repository: where the records are.
        providers: by name.
        refetch: read a subscription again before it is written; False, or where the provider lets nobody read it: believe
            the payload, in the provider's own order.
        clock: the time, aware.
    """

    def __init__(
        self,
        repository: BillingRepository[Tx],
        providers: Mapping[str, BaseProvider],
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._providers = providers
        self._origins = Origins(repository, providers)
        self._refetch = refetch
        self._clock = clock

    # --- what is true --------------------------------------------------------------------------------------------

    def believes_payloads(self, provider: str) -> bool:
        """Whether the state in an event is taken for true."""
        return not self._refetch or Capability.SUBSCRIPTIONS not in self._providers[provider].capabilities

    def payload(self, event: WebhookEvent) -> Reading | None:
        """The state in the event, with no ticket yet, where it is taken for true."""
        if event.subscription is None or not self.believes_payloads(event.provider):
            return None
        version = event.subscription.version
        if version is None:
            version = (event.created_at - _EPOCH) // timedelta(microseconds=1)
        return Reading(event.subscription, 0, version)

    async def read(self, event: WebhookEvent) -> Reading | None:
        """The state of the event's subscription. The ticket is taken first, and the provider is read after that."""
        if self.believes_payloads(event.provider):
            payload = self.payload(event)
            return None if payload is None else attrs.evolve(payload, ticket=await self._repository.next_ticket())
        if event.subscription_id is None:
            return None
        ticket = await self._repository.next_ticket()
        subscription = await self._providers[event.provider].get_subscription(event.subscription_id)
        return Reading(subscription, ticket) if subscription is not None else None

    # --- whom it is about ----------------------------------------------------------------------------------------

    def names_its_customer(self, event: WebhookEvent) -> bool:
        """Whether the customer whom the event names is the one it is about: no checkout has to be asked."""
        return (
            event.customer_id is not None
            and event.checkout_reference is None
            and self._providers[event.provider].checkout_keeps_customer
            and event.type is not EventType.CUSTOMER_MERGED
        )

    async def find(self, event: WebhookEvent, *, waited: timedelta = _NO_TIME) -> Found:
        """Whom an event is about, and what is true of its subscription now.

        Args:
            event: the event.
            waited: how long it has been parked.
        """
        origin = await self._origins.origin_of(event)
        if origin is not None:
            if origin.is_under_way and waited < PATIENCE:
                return Found(event, concerns_somebody=True)
            bought = origin.session.subscription_id
            if bought is not None:
                event = attrs.evolve(event, subscription_id=bought)
            return Found(event, origin.customer, await self.read(event), concerns_somebody=True)
        if await self._origins.is_nobodys_yet(event.provider, event.subscription_id):
            return await self._find_buyer(event, waited)
        somebody = event.customer_id is not None or event.subscription_id is not None
        customer = await self._customer_of(event)
        if customer is None and event.customer_id is not None:
            return Found(event, concerns_somebody=True)
        reading = await self.read(event)
        if customer is None:
            customer = await self._owner_of(event.provider, reading)
        return Found(event, customer, reading, concerns_somebody=somebody)

    async def whose(self, customer: BillingCustomer, subscription: Subscription) -> BillingCustomer | None:
        """Whose a subscription is that the provider lists for a customer; None as long as that cannot be told."""
        provider = customer.provider
        stored = await self._repository.get_subscription(provider, subscription.id)
        if stored is not None:
            same = stored.customer_id == customer.id
            return customer if same else await self._repository.get_customer_by_id(stored.customer_id)
        if self._providers[provider].checkout_keeps_customer:
            return customer
        made_at = subscription.created_at or self._clock()
        if self._clock() - made_at < PATIENCE:
            return None
        origin = await self._origins.by_asking(provider, subscription.id, subscription, made_at)
        return origin.customer if origin is not None else customer

    async def _find_buyer(self, event: WebhookEvent, waited: timedelta) -> Found:
        """Whom an event is about whose subscription only a checkout can tell the owner of; nobody, until it has waited."""
        nobody = Found(event, concerns_somebody=True)
        if waited < PATIENCE or event.subscription_id is None:
            return nobody
        reading = await self.read(event)
        subscription = reading.subscription if reading is not None else None
        customer = await self._customer_of(event) or await self._owner_of(event.provider, reading)
        if customer is not None or waited < ASKED_FOR:
            made_at = (subscription.created_at if subscription is not None else None) or event.created_at
            origin = await self._origins.by_asking(event.provider, event.subscription_id, subscription, made_at)
            customer = origin.customer if origin is not None else customer
        return attrs.evolve(nobody, customer=customer, reading=reading)

    async def _customer_of(self, event: WebhookEvent) -> BillingCustomer | None:
        """By the profile that the event names, and by its subscription: whichever tells more at this provider."""
        if self._providers[event.provider].checkout_keeps_customer:
            return await self._by_profile(event.provider, event.customer_id) or await self._by_subscription(event)
        stored = await self._stored(event)
        if stored is not None:
            return await self._repository.get_customer_by_id(stored.customer_id)
        return await self._by_profile(event.provider, event.customer_id)

    async def _by_profile(self, provider: str, external_customer_id: str | None) -> BillingCustomer | None:
        if external_customer_id is None:
            return None
        return await self._repository.get_customer_by_external_id(provider, external_customer_id)

    async def _by_subscription(self, event: WebhookEvent) -> BillingCustomer | None:
        stored = await self._stored(event)
        return None if stored is None else await self._repository.get_customer_by_id(stored.customer_id)

    async def _stored(self, event: WebhookEvent) -> BillingSubscription | None:
        if event.subscription_id is None:
            return None
        return await self._repository.get_subscription(event.provider, event.subscription_id)

    async def _owner_of(self, provider: str, reading: Reading | None) -> BillingCustomer | None:
        return None if reading is None else await self._by_profile(provider, reading.subscription.customer_id)
