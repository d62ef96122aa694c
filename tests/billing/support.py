"""A small world for the tests of billing, and doubles that are repositories and providers in their own right."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingService,
    BillingSubscription,
    Capability,
    CheckoutSession,
    Customer,
    EventContext,
    EventType,
    InMemoryRepository,
    Money,
    Subscription,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    WebhookOutcome,
)
from paylattice.billing.attribution import Attributor
from paylattice.billing.handlers import Handlers
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.operation_log import OperationLog
from paylattice.billing.pages import Pages
from paylattice.billing.pipeline import EventPipeline
from paylattice.billing.records import BillingOperation, Record, table_of
from paylattice.billing.second_subscriptions import SecondSubscriptions
from paylattice.billing.service import RejectedWebhook
from paylattice.billing.store import Store
from paylattice.billing.tables import Index
from paylattice.idempotency import KeyLedger
from paylattice.providers.memory import Delivery, InMemoryProvider

from .scheduler import Access, Pause, touch

R = TypeVar("R", bound=Record)
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


class TellingLedger(KeyLedger):
    """Tells the scheduler which keys a step uses."""

    def note(self, key: str, operation: str, arguments: object) -> None:
        touch(("key", key), Access.ADD)  # all that a story sends under one key has the same parameters
        super().note(key, operation, arguments)


class Fake(BaseProvider):
    """One customer, ``cus``, with one subscription, ``sub``. It pauses where the network would be waited for."""

    name = "fake"
    capabilities = frozenset({Capability.SUBSCRIPTIONS})

    def __init__(self, *, pauses: bool = False, says_customer: bool = True) -> None:
        super().__init__()
        self.key_ledger = TellingLedger()
        self.status = SubscriptionStatus.ACTIVE
        self.customers_by_key: dict[str, Customer] = {}
        self.pauses = pauses
        self.says_customer = says_customer

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        if self.pauses:
            await Pause(told=True)
        touch(self.name)
        made = self.customers_by_key.setdefault(str(idempotency_key), Customer("cus", email, name, metadata))
        if self.pauses:
            await Pause(told=True)
        return made

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        if self.pauses:
            await Pause(told=True)
        touch(self.name, Access.READ)
        return self.payload(subscription_id)

    def payload(self, subscription_id: str = "sub", **changes: object) -> Subscription:
        owner = "cus" if self.says_customer else None
        subscription = Subscription(id=subscription_id, customer_id=owner, status=self.status, provider=self.name)
        return attrs.evolve(subscription, **changes)  # type: ignore[arg-type]  # fields of the subscription


def pipeline_of(
    store: Store[InMemoryTransaction],
    providers: Mapping[str, BaseProvider],
    attributor: Attributor[InMemoryTransaction],
    handlers: Handlers[InMemoryTransaction],
    *,
    clock: Callable[[], datetime],
) -> EventPipeline[InMemoryTransaction]:
    """A pipeline with the parts of one's own."""
    log = OperationLog(store, clock)
    pages, seconds = Pages(store, providers, log, clock), SecondSubscriptions(store, providers, log, clock, undo=False)
    return EventPipeline(store, providers, attributor, handlers, pages, seconds, refetch=True, clock=clock)


class Noting(InMemoryRepository):
    """Keeps notes of handlers with the transaction they were made in: those of one that fails are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.pending: dict[InMemoryTransaction, list[str]] = {}

    def note(self, tx: InMemoryTransaction, what: str) -> None:
        self.pending.setdefault(tx, []).append(what)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            try:
                yield tx
            except BaseException:
                self.pending.pop(tx, None)
                raise
        self.notes += self.pending.pop(tx, [])


class Telling(Noting):
    """Tells the scheduler which committed rows, keys and places in an index each step reads and changes."""

    async def next_ticket(self) -> int:
        touch("tickets")
        return await super().next_ticket()

    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        touch((kind, index.name, *(values[name] for name in index.columns)), Access.READ)
        return await super().find(kind, index, values, **options)

    def _primary(
        self, tx: InMemoryTransaction | None, kind: type[Record], key: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        touch((kind, frozenset(key.items())), Access.READ)
        return super()._primary(tx, kind, key)

    def _commit(self, tx: InMemoryTransaction) -> None:
        for kind, primary in tx.touched:
            for row in (self._committed.of(kind).rows.get(primary), tx.written.of(kind).rows.get(primary)):
                if row is not None:
                    self._tell(row)
        super()._commit(tx)

    @staticmethod
    def _tell(row: Record) -> None:
        table = table_of(type(row))
        for columns in table.keys:
            touch((type(row), frozenset((name, getattr(row, name)) for name in columns)))
        for index in table.indexes:
            touch((type(row), index.name, *(getattr(row, name) for name in index.columns)), Access.ADD)


Lock = tuple[type[Record], tuple[str, ...], tuple[object, ...]]


class Concurrent(Telling):
    """The embedded repository without its one lock: transactions run at the same time, as with READ COMMITTED.

    A key that another transaction has written or locked is waited for, by whoever wants to write or lock it. A task pauses
    before every statement that stands alone and before every transaction; with ``fine``, also between the statements of one.
    """

    pauses_before: frozenset[type[Record]] = frozenset({BillingCustomer, BillingSubscription})
    """The records that are looked for by a statement of its own after a pause."""

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.fine = fine
        self.locks: dict[InMemoryTransaction, set[Lock]] = {}

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        tx = InMemoryTransaction()
        await Pause(told=True)
        self.locks[tx] = set()
        try:
            yield tx
            if self.fine:
                await Pause(told=True)
            self._commit(tx)
            if tx in self.pending:
                touch("notes")
                self.notes += self.pending.pop(tx)
        finally:
            tx.over = True
            for lock in self.locks.pop(tx):
                touch(("lock", lock))

    async def _hold(self, tx: InMemoryTransaction, *records: Record) -> None:
        """Wait until no other transaction holds a key of the records."""
        wanted: set[Lock] = set()
        for record in records:
            keys = table_of(type(record)).keys
            wanted |= {(type(record), names, tuple(getattr(record, name) for name in names)) for names in keys}
        wanted = {lock for lock in wanted if None not in lock[2]}
        if wanted <= self.locks[tx]:
            return
        if self.fine:
            await Pause(told=True)

        def free() -> bool:
            for lock in wanted:
                touch(("lock", lock))
            return not any(wanted & held for other, held in self.locks.items() if other is not tx)

        while not free():
            await Pause(free)
        self.locks[tx] |= wanted

    async def next_ticket(self) -> int:
        if self.fine:
            await Pause(told=True)
        return await super().next_ticket()

    async def insert(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._hold(own, record)
            return await super().insert(record, tx=own)

    async def get(
        self,
        kind: type[R],
        key: Mapping[str, object],
        *,
        lock: bool = False,
        tx: InMemoryTransaction | None = None,
    ) -> R | None:
        looked_for = kind in self.pauses_before and "id" not in key
        if tx is None and (looked_for or (kind is BillingOperation and self.fine)):
            await Pause(told=True)
        found = await super().get(kind, key, tx=tx)
        if lock and tx is not None:
            if found is None:
                if self.fine:
                    await Pause(told=True)
                return await super().get(kind, key, tx=tx)
            await self._hold(tx, found)
            found = await super().get(kind, key, tx=tx)
        return found

    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        if kind is UnmatchedEvent:
            await Pause(told=True)
        return await super().find(kind, index, values, **options)

    async def update(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            stored = await super().get(type(record), table_of(type(record)).key_of(record), tx=own)
            await self._hold(own, *(each for each in (stored, record) if each is not None))
            return await super().update(record, tx=own)

    async def delete(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        async with self._in(tx) as own:
            await self._hold(own, record)
            return await super().delete(record, tx=own)


class Coarse(Concurrent):
    """Pauses only before transactions, and before it looks for waiting events: few enough orders to try all of them."""

    pauses_before = frozenset()


def all_of(repository: InMemoryRepository, kind: type[R]) -> list[R]:
    """Every committed record of a kind."""
    return [record for record in repository._committed.of(kind).rows.values() if isinstance(record, kind)]
