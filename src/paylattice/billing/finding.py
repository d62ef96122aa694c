"""Whom an event is about, and what is true of its subscription: everything that is found out before a transaction opens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic

import attrs

from ..events import EventType, WebhookEvent
from ..models import Subscription, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from .commands import CreateCustomer
from .origins import ASKED_FOR, PATIENCE, Origins
from .ownership import Ownership, RefusalReason, RefusedSubscription
from .records import BillingCustomer, BillingSubscription
from .repository import Tx
from .store import Store

__all__ = ["Finder", "Found", "Reading", "Whose"]

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
        claimed: whose customer id it carries, where that proves nothing.
        refused: why its subscription grants nothing.
    """

    event: WebhookEvent
    customer: BillingCustomer | None = None
    reading: Reading | None = None
    concerns_somebody: bool = False
    claimed: BillingCustomer | None = None
    refused: RefusalReason | None = None


@attrs.frozen
class Whose:
    """Whose a subscription is that the provider lists for a customer.

    Args:
        customer: whose; None: that cannot be told, or it is nobody's here.
        refused: why it is nobody's here, and will not be by itself.
    """

    customer: BillingCustomer | None
    refused: RefusalReason | None = None


class Finder(Generic[Tx]):
    """Finds out; changes nothing but the counter of tickets.

    Args:
        store: where the records are.
        providers: by name.
        ownership: knows what billing asked for; None: one that reports to the log alone.
        refetch: read a subscription again before it is written; False, or where the provider lets nobody read it: believe
            the payload, in the provider's own order.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        ownership: Ownership[Tx] | None = None,
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._origins = Origins(store, providers)
        self.ownership: Ownership[Tx] = ownership or Ownership(store, providers)
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
            return None if payload is None else attrs.evolve(payload, ticket=await self._store.next_ticket())
        if event.subscription_id is None:
            return None
        ticket = await self._store.next_ticket()
        subscription = await self._providers[event.provider].get_subscription(event.subscription_id)
        return Reading(subscription, ticket) if subscription is not None else None

    # --- whom it is about ----------------------------------------------------------------------------------------

    def names_its_customer(self, event: WebhookEvent) -> bool:
        """Whether the customer whom the event names is the one it is about: no checkout has to be asked."""
        return (
            event.customer_id is not None
            and event.checkout_reference is None
            and self.ownership.is_proven(event.provider)
            and event.type is not EventType.CUSTOMER_MERGED
        )

    async def find(self, event: WebhookEvent, *, waited: timedelta = _NO_TIME) -> Found:
        """Whom an event is about, and what is true of its subscription now.

        Args:
            event: the event.
            waited: how long it has been unmatched.
        """
        origin = await self._origins.origin_of(event)
        if origin is not None:
            if origin.is_under_way and waited < PATIENCE:
                return Found(event, concerns_somebody=True)
            bought = origin.session.subscription_id
            if bought is not None:
                event = attrs.evolve(event, subscription_id=bought)
            return await self._of(event, origin.customer)
        if not self.ownership.is_proven(event.provider):
            return await self._find_unproven(event, waited)
        somebody = event.customer_id is not None or event.subscription_id is not None
        customer = await self._by_profile(event.provider, event.customer_id) or await self._by_subscription(event)
        if customer is None and event.customer_id is not None:
            return Found(event, concerns_somebody=True)
        reading = await self.read(event)
        if customer is None:
            customer = await self._owner_of(event.provider, reading)
        return Found(event, customer, reading, concerns_somebody=somebody)

    async def whose(self, customer: BillingCustomer, subscription: Subscription) -> Whose:
        """Whose a subscription is that the provider lists for a customer, or that carries its id."""
        provider = customer.provider
        stored = await self._store.get_subscription(provider, subscription.id)
        if stored is not None:
            same = stored.customer_id == customer.id
            return Whose(customer if same else await self._store.get_customer_by_id(stored.customer_id))
        if self.ownership.is_proven(provider):
            return Whose(customer)
        owner = await self.ownership.owner(provider, subscription.id)
        if owner is None and not self._providers[provider].preserves_customer:
            made_at = subscription.created_at or self._clock()
            if self._clock() - made_at < PATIENCE:
                return Whose(None)
            origin = await self._origins.by_asking(provider, subscription.id, subscription, made_at)
            owner = origin.customer if origin is not None else None
        if owner is not None or subscription.status is SubscriptionStatus.INCOMPLETE:
            return Whose(owner)
        return Whose(None, RefusalReason.NO_CHECKOUT)

    # --- where the customer id proves nothing --------------------------------------------------------------------

    async def _find_unproven(self, event: WebhookEvent, waited: timedelta) -> Found:
        """By the journal, and what is stored because of it. Only what is about a profile itself goes by the profile."""
        profile = await self._by_profile(event.provider, event.customer_id)
        if event.subscription_id is None:
            if Capability.CUSTOMERS not in self._providers[event.provider].capabilities:  # there are no profiles
                return Found(event, claimed=profile)
            return Found(event, profile, concerns_somebody=event.customer_id is not None)
        stored = await self._stored(event)
        if stored is not None:
            owner = await self._store.get_customer_by_id(stored.customer_id)
            return await self._of(event, owner) if owner is not None else Found(event, concerns_somebody=True)
        owner = await self.ownership.owner(event.provider, event.subscription_id)
        return await self._of(event, owner) if owner is not None else await self._find_buyer(event, profile, waited)

    async def _find_buyer(self, event: WebhookEvent, profile: BillingCustomer | None, waited: timedelta) -> Found:
        """Whom an event is about whose subscription no checkout is known to have brought; nobody, until one says so."""
        nobody = Found(event, concerns_somebody=True, claimed=profile)
        if not self._providers[event.provider].preserves_customer:
            if waited < PATIENCE or event.subscription_id is None:
                return nobody
            reading = await self.read(event)
            subscription = reading.subscription if reading is not None else None
            profile = profile or await self._owner_of(event.provider, reading)
            nobody = attrs.evolve(nobody, reading=reading, claimed=profile)
            if waited < ASKED_FOR:
                made_at = (subscription.created_at if subscription is not None else None) or event.created_at
                origin = await self._origins.by_asking(event.provider, event.subscription_id, subscription, made_at)
                if origin is not None:
                    return await self._of(event, origin.customer, reading)
        told = event.subscription
        if profile is None or (told is not None and told.status is SubscriptionStatus.INCOMPLETE):
            return nobody  # it may be another application's; or nobody has agreed to it yet
        if await self.ownership.may_be_under_way(event.provider, profile.org_id):
            return nobody
        return attrs.evolve(nobody, refused=RefusalReason.NO_CHECKOUT)

    async def _of(self, event: WebhookEvent, owner: BillingCustomer, reading: Reading | None = None) -> Found:
        """The event is the owner's, if its subscription is what was asked for."""
        reading = reading or await self.read(event)
        found = Found(event, owner, reading, concerns_somebody=True)
        if reading is None:
            return found
        admission = await self.ownership.admitted(event.provider, reading.subscription)
        if admission.refused is None:
            return found
        if admission.subscription is None:
            return attrs.evolve(found, customer=None, claimed=owner, refused=admission.refused)
        ended = attrs.evolve(reading, subscription=admission.subscription)
        return attrs.evolve(found, reading=ended, refused=admission.refused)

    def tell(self, found: Found) -> None:
        """Report that the event's subscription grants nothing, if that is so."""
        owner, subscription_id = found.customer or found.claimed, found.event.subscription_id
        if found.refused is not None and owner is not None and subscription_id is not None:
            self.ownership.tell(RefusedSubscription(found.event.provider, subscription_id, found.refused, owner.org_id))

    async def knows_profile(self, event: WebhookEvent) -> bool:
        """Whether the customer that the event names is somebody's here."""
        return await self._by_profile(event.provider, event.customer_id) is not None

    async def _by_profile(self, provider: str, external_customer_id: str | None) -> BillingCustomer | None:
        if external_customer_id is None:
            return None
        found = await self._store.get_customer_by_external_id(provider, external_customer_id)
        return found or await self._by_replaced(provider, external_customer_id)

    async def _by_replaced(self, provider: str, external_customer_id: str) -> BillingCustomer | None:
        """Whose customer it was before one who is gone at the provider was replaced."""
        after = await self._store.list_operations(provider, reference=external_customer_id, limit=1)
        if not after or after[0].operation != CreateCustomer.kind:
            return None
        return await self._store.get_customer(after[0].org_id, provider)

    async def _by_subscription(self, event: WebhookEvent) -> BillingCustomer | None:
        stored = await self._stored(event)
        return None if stored is None else await self._store.get_customer_by_id(stored.customer_id)

    async def _stored(self, event: WebhookEvent) -> BillingSubscription | None:
        if event.subscription_id is None:
            return None
        return await self._store.get_subscription(event.provider, event.subscription_id)

    async def _owner_of(self, provider: str, reading: Reading | None) -> BillingCustomer | None:
        return None if reading is None else await self._by_profile(provider, reading.subscription.customer_id)
