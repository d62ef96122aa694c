"""Attribution: which customer owns an event, and the current state of its subscription; before a transaction opens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic

import attrs

from ..events import EventType, WebhookEvent
from ..models import Subscription, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from .checkout_correlation import SESSIONS_ASKED_AFTER, SESSIONS_ASKED_FOR, Asked, CheckoutCorrelation, only_one_of
from .commands import CreateCustomer, MergeCustomer
from .customer_readings import CustomerReading, read_details
from .owners import Owners, RefusalReason, RefusedSubscription
from .records import BillingCustomer, BillingSubscription, CheckoutState
from .repository import Tx
from .store import Store

__all__ = ["Attribution", "Attributor", "ListedOwner", "Reading"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_NO_TIME = timedelta(0)


@attrs.frozen
class Reading:
    """A state of a subscription at the provider, and its place in the order of states."""

    subscription: Subscription
    ticket: int
    version: int | None = None


@attrs.frozen
class Attribution:
    """The customer that owns an event.

    Args:
        event: the event; with the subscription of its checkout, where the event itself does not name it.
        customer: its owner; None: the event concerns no customer, or one that is not stored yet.
        reading: the state of its subscription.
        concerns_customer: whether it concerns a customer at all, stored or not.
        claimed_customer: the customer whose id it carries, where that id proves nothing.
        refused: why its subscription grants nothing.
        details: the customer as the provider has them now, where the event says that they have changed.
        sold_elsewhere: whether it is about what was sold at the provider's account, and not by this service.
    """

    event: WebhookEvent
    customer: BillingCustomer | None = None
    reading: Reading | None = None
    concerns_customer: bool = False
    claimed_customer: BillingCustomer | None = None
    refused: RefusalReason | None = None
    details: CustomerReading | None = None
    sold_elsewhere: bool = False


@attrs.frozen
class ListedOwner:
    """The owner of a subscription that the provider lists for a customer.

    Args:
        customer: its owner; None: unknown, or it is unassigned.
        refused: why it is unassigned, and stays so until the application assigns it.
    """

    customer: BillingCustomer | None
    refused: RefusalReason | None = None


class Attributor(Generic[Tx]):
    """Attributes events and subscriptions to customers; changes nothing but the counter of tickets.

    Args:
        store: where the records are.
        providers: by name.
        owners: knows what billing asked for; None: one that reports to the log alone.
        refetch: read a subscription again before it is written; False, or where the provider cannot read it: trust the
            payload, in the provider's own order.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        owners: Owners[Tx] | None = None,
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self.checkouts: CheckoutCorrelation[Tx] = CheckoutCorrelation(store, providers, clock)
        self.owners: Owners[Tx] = owners or Owners(store, providers)
        self._refetch = refetch
        self._clock = clock

    # --- the state of the subscription ---------------------------------------------------------------------------

    def trusts_payloads(self, provider: str) -> bool:
        """Whether the state in an event is trusted, and not read again."""
        return not self._refetch or Capability.SUBSCRIPTIONS not in self._providers[provider].capabilities

    def payload(self, event: WebhookEvent) -> Reading | None:
        """The state in the event, with no ticket yet, where it is trusted."""
        if event.subscription is None or not self.trusts_payloads(event.provider):
            return None
        version = event.subscription.version
        if version is None:
            version = (event.created_at - _EPOCH) // timedelta(microseconds=1)
        return Reading(event.subscription, 0, version)

    async def read(self, event: WebhookEvent) -> Reading | None:
        """The state of the event's subscription. The ticket is taken first, and the provider is read after that."""
        if self.trusts_payloads(event.provider):
            payload = self.payload(event)
            return None if payload is None else attrs.evolve(payload, ticket=await self._store.next_ticket())
        if event.subscription_id is None:
            return None
        ticket = await self._store.next_ticket()
        subscription = await self._providers[event.provider].get_subscription(event.subscription_id)
        return Reading(subscription, ticket) if subscription is not None else None

    # --- the owner of an event -----------------------------------------------------------------------------------

    async def attribute(
        self, event: WebhookEvent, *, waited: timedelta = _NO_TIME, asked: Asked | None = None
    ) -> Attribution:
        """The owner of an event, and the current state of its subscription, or of its customer.

        Args:
            event: the event.
            waited: how long it has been unmatched.
            asked: what sessions have said in this round of work.
        """
        attribution = await self._attribute(event, waited, Asked() if asked is None else asked)
        if attribution.customer is None or event.type is not EventType.CUSTOMER_UPDATED:
            return attribution
        details = await read_details(self._store, self._providers[event.provider], attribution.customer)
        return attrs.evolve(attribution, details=details)

    async def _attribute(self, event: WebhookEvent, waited: timedelta, asked: Asked) -> Attribution:
        checkout = await self.checkouts.named_by(event, asked)
        if checkout is not None:
            if checkout.is_under_way and waited < SESSIONS_ASKED_AFTER:
                return Attribution(event, concerns_customer=True)
            bought = checkout.session.subscription_id
            if bought is not None:
                event = attrs.evolve(event, subscription_id=bought)
            return await self._owned(event, checkout.customer)
        if event.provider not in self.owners.proving:
            return await self._attribute_unproven(event, waited, asked)
        concerns_customer = event.customer_id is not None or event.subscription_id is not None
        customer = await self._by_customer_id(event.provider, event.customer_id) or await self._by_subscription(event)
        if customer is None and event.customer_id is not None:
            return Attribution(event, concerns_customer=True)
        reading = await self.read(event)
        if customer is None:
            customer = await self._by_reading(event.provider, reading)
        return Attribution(event, customer, reading, concerns_customer=concerns_customer)

    async def listed_owner(
        self, customer: BillingCustomer, subscription: Subscription, asked: Asked | None = None
    ) -> ListedOwner:
        """The owner of a subscription that the provider lists for a customer, or that carries the customer's id."""
        provider = customer.provider
        stored = await self._store.get_subscription(provider, subscription.id)
        if stored is not None:
            same = stored.customer_id == customer.id
            return ListedOwner(customer if same else await self._store.get_customer_by_id(stored.customer_id))
        if provider in self.owners.proving:
            return ListedOwner(customer)
        owner = await self.owners.owner_of(provider, subscription.id)
        if owner is None and not self._providers[provider].preserves_customer:
            made_at = subscription.created_at or self._clock()
            if self._clock() - made_at < SESSIONS_ASKED_AFTER:
                return ListedOwner(None)
            asked = Asked() if asked is None else asked
            open_then = await self.checkouts.open_at(provider, made_at, subscription.plan_id, asked)
            checkout = await self.checkouts.by_sessions(subscription.id, open_then, asked)
            owner = checkout.customer if checkout is not None else None
        if owner is not None or subscription.status is SubscriptionStatus.INCOMPLETE:
            return ListedOwner(owner)
        return ListedOwner(None, RefusalReason.NO_CHECKOUT)

    # --- where the customer id proves nothing --------------------------------------------------------------------

    async def _attribute_unproven(self, event: WebhookEvent, waited: timedelta, asked: Asked) -> Attribution:
        """By the operation log, and what is stored because of it; by the profile only if the event is about the profile."""
        profile = await self._by_customer_id(event.provider, event.customer_id)
        if event.subscription_id is None:
            payer = await self._payer(event)
            if payer is not None:
                return Attribution(event, payer, concerns_customer=True)
            if Capability.CUSTOMERS not in self._providers[event.provider].capabilities:  # there are no profiles
                return Attribution(event, claimed_customer=profile)
            elsewhere = event.customer_id is not None and profile is None
            elsewhere = elsewhere and not await self._may_be_ours(event, waited, asked)
            concerns_customer = event.customer_id is not None
            return Attribution(event, profile, concerns_customer=concerns_customer, sold_elsewhere=elsewhere)
        stored = await self._stored(event)
        if stored is not None:
            owner = await self._store.get_customer_by_id(stored.customer_id)
            return await self._owned(event, owner) if owner is not None else Attribution(event, concerns_customer=True)
        owner = await self.owners.owner_of(event.provider, event.subscription_id)
        return (
            await self._owned(event, owner)
            if owner is not None
            else await self._attribute_purchase(event, profile, waited, asked)
        )

    async def _may_be_ours(self, event: WebhookEvent, waited: timedelta, asked: Asked) -> bool:
        """Whether an event of a customer that is not stored may yet turn out to be about what this service sold.

        It may, while something of the service is under way: a customer, a charge or a subscription that is being made, or a
        checkout that may have been paid. What the event says itself is all that is looked at: no request is made.
        """
        provider, is_over = event.provider, waited >= SESSIONS_ASKED_FOR
        if self._providers[provider].browser_makes_subscriptions:
            return True
        if not is_over and await self.owners.is_anything_under_way(provider):
            return True
        if self._providers[provider].preserves_customer or (is_over and event.type != EventType.SUBSCRIPTION_CREATED):
            return False
        if event.subscription_id is None and waited >= SESSIONS_ASKED_AFTER:  # by now, its order would have told
            open_then = await self.checkouts.open_for(event, asked)
            return any(each.state is CheckoutState.PENDING for each in open_then)
        return await self.checkouts.may_have_brought(event, asked)

    async def _payer(self, event: WebhookEvent) -> BillingCustomer | None:
        """The owner of the event's money, by the charge that billing sent."""
        about = event.refund or event.dispute
        named = (event.payment and event.payment.id, about and about.payment_id, event.checkout_reference)
        session_id = event.checkout_session.id if event.checkout_session is not None else None
        ids = dict.fromkeys(each for each in (*named, session_id) if each)
        return await self.owners.owner_of_payment(event.provider, ids)

    async def _attribute_purchase(
        self, event: WebhookEvent, profile: BillingCustomer | None, waited: timedelta, asked: Asked
    ) -> Attribution:
        """The owner of an event whose subscription no known checkout made: unassigned, until a session names it."""
        elsewhere = profile is None and not await self._may_be_ours(event, waited, asked)
        unassigned = Attribution(event, concerns_customer=True, claimed_customer=profile, sold_elsewhere=elsewhere)
        if elsewhere:
            return unassigned
        payload = event.subscription
        if not self._providers[event.provider].preserves_customer:
            if waited < SESSIONS_ASKED_AFTER or event.subscription_id is None:
                return unassigned
            open_then = await self.checkouts.open_for(event, asked)
            if waited < SESSIONS_ASKED_FOR:
                checkout = await self.checkouts.by_sessions(event.subscription_id, open_then, asked)
                if checkout is not None:
                    return await self._owned(event, checkout.customer)
            elif profile is None:  # it may be what was paid on an open page: a person has to look
                org_id = only_one_of(open_then)
                profile = None if org_id is None else await self._store.get_customer(org_id, event.provider)
                unassigned = attrs.evolve(unassigned, claimed_customer=profile)
                if profile is None and payload is not None and payload.status is not SubscriptionStatus.INCOMPLETE:
                    return attrs.evolve(unassigned, refused=RefusalReason.NO_CHECKOUT)
        if profile is None or (payload is not None and payload.status is SubscriptionStatus.INCOMPLETE):
            return unassigned  # it may be another application's; or the payer has not agreed to it yet
        if await self.owners.may_be_under_way(event.provider, profile.org_id):
            return unassigned
        return attrs.evolve(unassigned, refused=RefusalReason.NO_CHECKOUT)

    async def _owned(self, event: WebhookEvent, owner: BillingCustomer, reading: Reading | None = None) -> Attribution:
        """Attribute the event to its owner, if its subscription is what was asked for."""
        reading = reading or await self.read(event)
        attribution = Attribution(event, owner, reading, concerns_customer=True)
        if reading is None:
            return attribution
        admission = await self.owners.admitted(event.provider, reading.subscription)
        if admission.refused is None:
            return attribution
        if admission.subscription is None:
            return attrs.evolve(attribution, customer=None, claimed_customer=owner, refused=admission.refused)
        ended = attrs.evolve(reading, subscription=admission.subscription)
        return attrs.evolve(attribution, reading=ended, refused=admission.refused)

    def report_refused(self, attribution: Attribution) -> None:
        """Report that the event's subscription grants nothing, if that is so."""
        owner, event, reason = (
            attribution.customer or attribution.claimed_customer,
            attribution.event,
            attribution.refused,
        )
        if reason is not None and event.subscription_id is not None:
            org_id = "" if owner is None else owner.org_id
            self.owners.report(RefusedSubscription(event.provider, event.subscription_id, reason, org_id))

    async def knows_customer(self, event: WebhookEvent) -> bool:
        """Whether the customer that the event names is stored."""
        return await self._by_customer_id(event.provider, event.customer_id) is not None

    async def _by_customer_id(self, provider: str, external_customer_id: str | None) -> BillingCustomer | None:
        if external_customer_id is None:
            return None
        found = await self._store.get_customer_by_external_id(provider, external_customer_id)
        return found or await self._by_replaced(provider, external_customer_id)

    async def _by_replaced(self, provider: str, external_customer_id: str) -> BillingCustomer | None:
        """The customer of an organisation that had this one before: it is gone, or gave way to another one."""
        after = await self._store.list_operations(provider, reference=external_customer_id, limit=1)
        if not after and provider not in self.owners.proving:  # billing created it; the buyer chose another one since
            after = await self._store.list_operations(provider, external_id=external_customer_id, limit=1)
        if not after or after[0].operation not in {CreateCustomer.kind, MergeCustomer.kind}:
            return None
        return await self._store.get_customer(after[0].org_id, provider)

    async def _by_subscription(self, event: WebhookEvent) -> BillingCustomer | None:
        stored = await self._stored(event)
        return None if stored is None else await self._store.get_customer_by_id(stored.customer_id)

    async def _stored(self, event: WebhookEvent) -> BillingSubscription | None:
        if event.subscription_id is None:
            return None
        return await self._store.get_subscription(event.provider, event.subscription_id)

    async def _by_reading(self, provider: str, reading: Reading | None) -> BillingCustomer | None:
        return None if reading is None else await self._by_customer_id(provider, reading.subscription.customer_id)
