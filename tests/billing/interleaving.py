"""A repository whose transactions really run at the same time, as a database with READ COMMITTED does, and a provider
whose one subscription changes; both pause wherever a network or a disk would be waited for."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingEvent,
    BillingSubscription,
    Capability,
    EventType,
    ParkedEvent,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.billing.repository import Upserted

from .scheduler import Pause

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = BillingCustomer(id="c", org_id="org", provider="fake", external_customer_id="cus")


class OneSubscription(BaseProvider):
    """A provider with one subscription. ``fine`` pauses also between taking a request and answering it."""

    name = "fake"
    capabilities = frozenset({Capability.SUBSCRIPTIONS})

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.status = SubscriptionStatus.INCOMPLETE
        self.fine = fine

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause()
        answer = self.payload(subscription_id)
        if self.fine:
            await Pause()
        return answer

    def payload(self, subscription_id: str = "sub") -> Subscription:
        return Subscription(id=subscription_id, customer_id="cus", status=self.status, provider="fake")

    def event(self, event_id: str) -> WebhookEvent:
        return WebhookEvent(
            id=event_id,
            type=EventType.SUBSCRIPTION_UPDATED,
            created_at=NOW,
            dedupe_key=event_id,
            customer_id="cus",
            subscription_id="sub",
            subscription=self.payload(),
            provider="fake",
        )


@attrs.define(eq=False)
class Transaction:
    events: dict[str, BillingEvent] = attrs.field(factory=dict[str, BillingEvent])
    subscriptions: dict[str, BillingSubscription] = attrs.field(factory=dict[str, BillingSubscription])
    notes: list[str] = attrs.field(factory=list[str])


class ReadCommitted:
    """A transaction sees what is committed at each statement. Rows that another one wrote are waited for."""

    def __init__(self, *, fine: bool = True) -> None:
        self.fine = fine
        self.events: dict[str, BillingEvent] = {}
        self.subscriptions: dict[str, BillingSubscription] = {}
        self.parked: dict[str, ParkedEvent] = {}
        self.customers: dict[str, BillingCustomer] = {"cus": CUSTOMER}
        self.notes: list[str] = []
        self.open: list[Transaction] = []
        self.tickets = itertools.count(1)

    async def _pause(self) -> None:
        if self.fine:
            await Pause()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        await Pause()
        tx = Transaction()
        self.open.append(tx)
        try:
            yield tx
            await self._pause()
            self.events.update(tx.events)
            self.subscriptions.update(tx.subscriptions)
            self.notes += tx.notes
        finally:
            self.open.remove(tx)

    def _held_by_another(self, tx: Transaction, table: str, key: str) -> bool:
        return any(key in getattr(other, table) for other in self.open if other is not tx)

    async def next_ticket(self) -> int:
        await Pause()
        return next(self.tickets)

    async def insert_event(self, event: BillingEvent, *, tx: Transaction | None = None) -> bool:
        assert tx is not None
        key = event.external_event_id
        await self._pause()
        while self._held_by_another(tx, "events", key):
            await Pause(lambda: not self._held_by_another(tx, "events", key))
        if key in self.events:
            return False
        tx.events[key] = event
        return True

    async def upsert_subscription(
        self, subscription: BillingSubscription, *, tx: Transaction | None = None
    ) -> Upserted:
        assert tx is not None
        key = subscription.external_subscription_id
        await self._pause()
        while self._held_by_another(tx, "subscriptions", key):
            await Pause(lambda: not self._held_by_another(tx, "subscriptions", key))
        stored = self.subscriptions.get(key)
        if not subscription.supersedes(stored):
            return Upserted(written=False, previous=stored)
        tx.subscriptions[key] = subscription
        return Upserted(written=True, previous=stored)

    async def get_event(
        self, provider: str, external_event_id: str, *, tx: Transaction | None = None
    ) -> BillingEvent | None:
        return self.events.get(external_event_id)

    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Transaction | None = None
    ) -> None:
        assert tx is not None
        tx.events[external_event_id] = attrs.evolve(tx.events[external_event_id], processed_at=processed_at)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Transaction | None = None
    ) -> BillingSubscription | None:
        return self.subscriptions.get(external_subscription_id)

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Transaction | None = None
    ) -> BillingCustomer | None:
        await self._pause()
        return self.customers.get(external_customer_id)

    async def get_customer_by_id(self, customer_id: str, *, tx: Transaction | None = None) -> BillingCustomer | None:
        return next((each for each in self.customers.values() if each.id == customer_id), None)

    async def insert_customer(self, customer: BillingCustomer, *, tx: Transaction | None = None) -> bool:
        await self._pause()
        return self.customers.setdefault(customer.external_customer_id, customer) is customer

    async def park_event(self, event: ParkedEvent, *, tx: Transaction | None = None) -> bool:
        await self._pause()
        return self.parked.setdefault(event.external_event_id, event) is event

    async def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: Transaction | None = None,
    ) -> list[ParkedEvent]:
        await self._pause()
        return (
            []
            if after
            else [each for each in self.parked.values() if external_customer_id in {None, each.external_customer_id}]
        )

    async def delete_parked_event(
        self, provider: str, external_event_id: str, *, tx: Transaction | None = None
    ) -> None:
        self.parked.pop(external_event_id, None)

    async def update_customer(self, customer: BillingCustomer, *, tx: Transaction | None = None) -> None:
        raise NotImplementedError

    async def get_customer(
        self, org_id: str, provider: str, *, tx: Transaction | None = None
    ) -> BillingCustomer | None:
        return next((each for each in self.customers.values() if each.org_id == org_id), None)

    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Transaction | None = None
    ) -> list[BillingCustomer]:
        raise NotImplementedError

    async def list_subscriptions(self, customer_id: str, *, tx: Transaction | None = None) -> list[BillingSubscription]:
        return list(self.subscriptions.values())
