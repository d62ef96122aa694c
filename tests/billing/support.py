"""A small world for the tests of billing, and doubles that are repositories and providers in their own right."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingEvent,
    BillingService,
    BillingSubscription,
    Capability,
    CheckoutSession,
    Customer,
    EventContext,
    EventType,
    InMemoryRepository,
    Money,
    ParkedEvent,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation
from paylattice.billing.repository import Upserted
from paylattice.billing.service import RejectedWebhook
from paylattice.providers.memory import Delivery, InMemoryProvider

from .scheduler import Pause

Context = EventContext[InMemoryTransaction]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


class World:
    """The embedded provider, a repository and the service over both; the service's clock is the provider's."""

    def __init__(
        self,
        *,
        provider: InMemoryProvider | None = None,
        repository: InMemoryRepository | None = None,
        refetch: bool = True,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
    ) -> None:
        self.provider = provider or InMemoryProvider(now=NOW)
        self.provider.add_plan("pro", Money(1900, "USD"))
        self.provider.add_plan("team", Money(4900, "USD"))
        self.provider.add_plan("calls", Money(2, "USD"), metered=True)
        self.repository = repository or InMemoryRepository()
        self.billing = BillingService(
            self.provider, self.repository, refetch=refetch, clock=lambda: self.provider.now, on_rejected=on_rejected
        )

    async def checkout(self, org_id: str = "org", plan_id: str = "pro", **options: object) -> CheckoutSession:
        return await self.billing.start_checkout(org_id, plan_id, email="ada@example.com", **PAGES, **options)  # type: ignore[arg-type]  # the options of some tests

    async def subscribe(self, org_id: str = "org", plan_id: str = "pro", **options: object) -> Subscription:
        done = self.provider.complete_checkout((await self.checkout(org_id, plan_id, **options)).id)
        found = await self.provider.get_subscription(str(done.subscription_id))
        assert found is not None
        return found

    async def handle(self, delivery: Delivery) -> WebhookOutcome:
        return await self.billing.handle_webhook(self.provider.get_provider_name(), delivery.payload, delivery.headers)

    async def deliver(self) -> list[WebhookOutcome]:
        return [await self.handle(delivery) for delivery in self.provider.deliveries()]

    def delivery(self, event_type: str) -> Delivery:
        return next(each for each in self.provider.deliveries() if each.type == event_type)

    async def status(self, org_id: str = "org") -> str | None:
        stored = await self.billing.subscription(org_id)
        return stored.status if stored else None

    def customers_made(self) -> int:
        return len(self.provider._world.store.customers)


def an_event(number: int = 1, **changes: object) -> WebhookEvent:
    """An event of the provider ``fake`` about its one subscription."""
    event = WebhookEvent(
        id=f"evt_{number}",
        type=EventType.SUBSCRIPTION_UPDATED,
        created_at=NOW,
        dedupe_key=f"evt_{number}",
        customer_id="cus",
        subscription_id="sub",
        provider="fake",
    )
    return attrs.evolve(event, **changes)  # type: ignore[arg-type]  # fields of the event


class Fake(BaseProvider):
    """One customer, ``cus``, with one subscription, ``sub``. It pauses where the network would be waited for."""

    name = "fake"
    capabilities = frozenset({Capability.SUBSCRIPTIONS})

    def __init__(self, *, pauses: bool = False, says_customer: bool = True) -> None:
        super().__init__()
        self.status = SubscriptionStatus.ACTIVE
        self.customers_by_key: dict[str, Customer] = {}
        self.pauses = pauses
        self.says_customer = says_customer

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        if self.pauses:
            await Pause()
        made = self.customers_by_key.setdefault(str(idempotency_key), Customer("cus", email, name, metadata))
        if self.pauses:
            await Pause()
        return made

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        if self.pauses:
            await Pause()
        return self.payload(subscription_id)

    def payload(self, subscription_id: str = "sub", **changes: object) -> Subscription:
        owner = "cus" if self.says_customer else None
        subscription = Subscription(id=subscription_id, customer_id=owner, status=self.status, provider=self.name)
        return attrs.evolve(subscription, **changes)  # type: ignore[arg-type]  # fields of the subscription


class Concurrent(InMemoryRepository):
    """The embedded repository without its one lock: transactions run at the same time, as with READ COMMITTED.

    A row that another transaction has written is waited for, by whoever wants to write it. A task pauses before every
    statement that stands alone and before every transaction; with ``fine``, also between the statements of one.
    """

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.fine = fine
        self.open: list[InMemoryTransaction] = []
        self._tables["notes"] = {}

    def notes(self) -> list[str]:
        return [key[0] for key in self._tables["notes"]]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        tx = InMemoryTransaction(ticket=next(self._tickets))
        await Pause()
        self.open.append(tx)
        try:
            yield tx
            if self.fine:
                await Pause()
            self._commit(tx)
        finally:
            tx.over = True
            self.open.remove(tx)

    async def _row(self, tx: InMemoryTransaction, table: str, *keys: tuple[str, ...]) -> None:
        if self.fine:
            await Pause()

        def free() -> bool:
            return not any((table, key) in other.writes for other in self.open if other is not tx for key in keys)

        while not free():
            await Pause(free)

    async def next_ticket(self) -> int:
        if self.fine:
            await Pause()
        return await super().next_ticket()

    async def insert_customer(self, customer: BillingCustomer, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            by_org = ("org", customer.org_id, customer.provider)
            await self._row(
                own, "customer_keys", by_org, ("external", customer.provider, customer.external_customer_id)
            )
            return await super().insert_customer(customer, tx=own)

    async def get_customer(
        self, org_id: str, provider: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        if tx is None:
            await Pause()
        return await super().get_customer(org_id, provider, tx=tx)

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        if tx is None:
            await Pause()
        return await super().get_customer_by_external_id(provider, external_customer_id, tx=tx)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingSubscription | None:
        if tx is None:
            await Pause()
        return await super().get_subscription(provider, external_subscription_id, tx=tx)

    async def upsert_subscription(
        self, subscription: BillingSubscription, *, tx: InMemoryTransaction | None = None
    ) -> Upserted:
        async with self._in(tx) as own:
            await self._row(own, "subscriptions", (subscription.provider, subscription.external_subscription_id))
            return await super().upsert_subscription(subscription, tx=own)

    async def insert_event(self, event: BillingEvent, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._row(own, "events", (event.provider, event.external_event_id))
            return await super().insert_event(event, tx=own)

    async def park_event(self, event: ParkedEvent, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._row(own, "parked", (event.provider, event.external_event_id))
            return await super().park_event(event, tx=own)

    async def delete_parked_event(
        self, provider: str, external_event_id: str, *, tx: InMemoryTransaction | None = None
    ) -> None:
        async with self._in(tx) as own:
            await self._row(own, "parked", (provider, external_event_id))
            await super().delete_parked_event(provider, external_event_id, tx=own)

    async def insert_operation(self, operation: BillingOperation, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._row(own, "operations", (operation.provider, operation.key))
            return await super().insert_operation(operation, tx=own)

    async def update_operation(self, operation: BillingOperation, *, tx: InMemoryTransaction | None = None) -> None:
        async with self._in(tx) as own:
            await self._row(own, "operations", (operation.provider, operation.key))
            await super().update_operation(operation, tx=own)

    async def get_operation(
        self, provider: str, key: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingOperation | None:
        if self.fine:
            await Pause()
        return await super().get_operation(provider, key, tx=tx)

    async def update_customer(self, customer: BillingCustomer, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._row(own, "customers", (customer.id,))
            await self._row(own, "customer_keys", ("external", customer.provider, customer.external_customer_id))
            return await super().update_customer(customer, tx=own)

    async def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: InMemoryTransaction | None = None,
    ) -> list[ParkedEvent]:
        await Pause()
        return await super().parked_events(
            provider,
            external_customer_id=external_customer_id,
            external_subscription_id=external_subscription_id,
            after=after,
            limit=limit,
            tx=tx,
        )


class Coarse(Concurrent):
    """Pauses only before transactions, and before it looks for parked events: few enough orders to try all of them."""

    async def get_customer(
        self, org_id: str, provider: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        return await InMemoryRepository.get_customer(self, org_id, provider, tx=tx)

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        return await InMemoryRepository.get_customer_by_external_id(self, provider, external_customer_id, tx=tx)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingSubscription | None:
        return await InMemoryRepository.get_subscription(self, provider, external_subscription_id, tx=tx)
