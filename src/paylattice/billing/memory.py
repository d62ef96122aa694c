"""The embedded repository: real transactions over dictionaries, for tests, demos and small tools."""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeGuard, TypeVar

import attrs

from ..errors import ConfigurationError, InvalidRequest
from ..transport.primitives import AsyncPrimitives, Primitives
from ..wiring import check_methods
from .records import BillingCustomer, BillingEvent, BillingOperation, BillingSubscription, OperationState, ParkedEvent
from .repository import Claim, Upserted

__all__ = ["InMemoryRepository", "InMemoryTransaction"]

V = TypeVar("V")
Key = tuple[str, ...]
_GONE = object()
_DONE = OperationState.DONE
_LOOKED_UP_BY: Mapping[str, tuple[str, ...]] = {
    "parked": ("external_customer_id", "external_subscription_id"),
    "operations": ("state", "external_id", "reference"),
}


@attrs.define(eq=False)
class InMemoryTransaction:
    """What a transaction has written so far; dropped when it fails.

    ``ticket`` is from before the transaction had to wait for others.
    """

    writes: dict[tuple[str, Key], object] = attrs.field(factory=dict[tuple[str, Key], object])
    ticket: int = 0
    over: bool = attrs.field(default=False, init=False)


_Open = tuple[tuple["InMemoryRepository", InMemoryTransaction], ...]
_open_here: ContextVar[_Open] = ContextVar("paylattice_open_here", default=())


class InMemoryRepository:
    """Keeps everything in this process. Transactions run one at a time; readers see what is committed.

    It serves one event loop (or, as :class:`paylattice.sync.InMemoryRepository`, any number of threads).

    Args:
        max_events: how many applied events to remember, at least one; None: all. A delivery that comes again after its
            event was forgotten is applied again.
        primitives: how to exclude; None: on the running event loop.
    """

    def __init__(self, *, max_events: int | None = None, primitives: Primitives | None = None) -> None:
        if max_events is not None and (not isinstance(max_events, int) or max_events < 1):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
            message = "max_events must be at least 1, or None to remember all"
            raise InvalidRequest(message, param="max_events")
        if primitives is not None:
            check_methods("InMemoryRepository(primitives=...)", primitives, ("sleep", "lock", "gather"), "primitives")
        self._max_events = max_events
        self._lock = (primitives or AsyncPrimitives()).lock()
        self._tickets = itertools.count(1)
        self._customers: dict[Key, BillingCustomer] = {}
        self._customer_keys: dict[Key, Key] = {}
        self._customer_order: dict[str, list[str]] = {}
        self._customer_place: dict[str, int] = {}
        self._subscriptions: dict[Key, BillingSubscription] = {}
        self._subscriptions_of: dict[Key, tuple[Key, ...]] = {}
        self._events: OrderedDict[Key, BillingEvent] = OrderedDict()
        self._event_keys: dict[Key, Key] = {}
        self._parked: dict[Key, ParkedEvent] = {}
        self._operations: dict[Key, BillingOperation] = {}
        self._tables: dict[str, dict[Key, Any]] = {
            "customers": self._customers,
            "customer_keys": self._customer_keys,
            "subscriptions": self._subscriptions,
            "subscriptions_of": self._subscriptions_of,
            "events": self._events,
            "event_keys": self._event_keys,
            "parked": self._parked,
            "operations": self._operations,
        }
        self._found_by: dict[tuple[str, ...], dict[Key, None]] = {}

    # --- transactions --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        """A transaction; the next one waits for its end.

        Raises:
            ConfigurationError: this task is inside a transaction already, and would wait for itself.
        """
        here = tuple(each for each in _open_here.get() if not each[1].over)
        if any(repository is self for repository, _ in here):
            message = (
                "a transaction of this repository is open here already: inside a handler, write with context.transaction, "
                "and call billing operations that write after the handler is done"
            )
            raise ConfigurationError(message)
        tx = InMemoryTransaction(ticket=next(self._tickets))
        async with self._lock:
            _open_here.set((*here, (self, tx)))
            try:
                yield tx
            finally:
                tx.over = True
                _open_here.set(here)  # not reset(): a web framework may end the block in another context
            self._commit(tx)

    def _commit(self, tx: InMemoryTransaction) -> None:
        for (table, key), value in tx.writes.items():
            if table in _LOOKED_UP_BY:
                self._index(table, key, None if value is _GONE else value)
            if value is _GONE:
                self._tables[table].pop(key, None)
            else:
                if table == "customers" and key not in self._customers:
                    self._take_place(value)
                self._tables[table][key] = value
        if self._max_events is not None:
            while len(self._events) > self._max_events:
                _, forgotten = self._events.popitem(last=False)
                self._event_keys.pop((forgotten.provider, forgotten.delivery_id or ""), None)

    def _index(self, table: str, key: Key, value: object) -> None:
        """Keep the ways to find a record: those to the stored one go, those to the new one come."""
        for way in _ways(table, self._tables[table].get(key)):
            ways = self._found_by[way]
            del ways[key]
            if not ways:
                del self._found_by[way]
        for way in _ways(table, value):
            self._found_by.setdefault(way, {})[key] = None

    def _candidates(
        self, tx: InMemoryTransaction | None, table: str, provider: str, wanted: Mapping[str, str | None]
    ) -> Iterable[object]:
        """The records that may be those that are wanted, the transaction's own among them."""
        ways = [(table, provider, name, value) for name, value in wanted.items() if value is not None]
        keys = min((self._found_by.get(way, {}) for way in ways), key=len) if ways else self._tables[table]
        own = {} if tx is None else {key: value for (of, key), value in _alive(tx).writes.items() if of == table}
        yield from (self._tables[table][key] for key in keys if key not in own)
        yield from own.values()

    def _take_place(self, customer: object) -> None:
        if isinstance(customer, BillingCustomer):
            order = self._customer_order.setdefault(customer.provider, [])
            self._customer_place[customer.id] = len(order)
            order.append(customer.id)

    def _get(self, tx: InMemoryTransaction | None, table: Mapping[Key, V], name: str, key: Key) -> V | None:
        if tx is not None and (name, key) in _alive(tx).writes:
            value = tx.writes[name, key]
            return None if value is _GONE else value  # type: ignore[return-value]  # written by the method of this table
        return table.get(key)

    @asynccontextmanager
    async def _in(self, tx: InMemoryTransaction | None) -> AsyncGenerator[InMemoryTransaction]:
        if tx is not None:
            yield _alive(tx)
        else:
            async with self.transaction() as own:
                yield own

    async def next_ticket(self) -> int:
        """A number greater than every number given out before."""
        return next(self._tickets)

    # --- customers -----------------------------------------------------------------------------------------------

    async def insert_customer(self, customer: BillingCustomer, *, tx: InMemoryTransaction | None = None) -> bool:
        """Insert; False if the org has a customer at the provider already, or the external id is taken."""
        by_org = ("org", customer.org_id, customer.provider)
        by_external = ("external", customer.provider, customer.external_customer_id)
        async with self._in(tx) as own:
            if any(self._get(own, self._customer_keys, "customer_keys", key) for key in (by_org, by_external)):
                return False
            own.writes["customers", (customer.id,)] = customer
            own.writes["customer_keys", by_org] = own.writes["customer_keys", by_external] = (customer.id,)
            return True

    async def update_customer(self, customer: BillingCustomer, *, tx: InMemoryTransaction | None = None) -> bool:
        """Write external id, e-mail, name, metadata and ``updated_at``; False if the external id is another's."""
        new = ("external", customer.provider, customer.external_customer_id)
        async with self._in(tx) as own:
            stored = self._get(own, self._customers, "customers", (customer.id,))
            if stored is None or self._get(own, self._customer_keys, "customer_keys", new) not in {
                None,
                (customer.id,),
            }:
                return False
            own.writes["customer_keys", ("external", stored.provider, stored.external_customer_id)] = _GONE
            own.writes["customer_keys", new] = (customer.id,)
            own.writes["customers", (customer.id,)] = attrs.evolve(
                stored,
                external_customer_id=customer.external_customer_id,
                email=customer.email,
                name=customer.name,
                metadata=customer.metadata,
                updated_at=customer.updated_at,
            )
            return True

    async def get_customer(
        self, org_id: str, provider: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        """The org's customer at the provider."""
        return self._customer(tx, ("org", org_id, provider))

    async def get_customer_by_id(
        self, customer_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        """The customer with this record id."""
        return self._get(tx, self._customers, "customers", (customer_id,))

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingCustomer | None:
        """The customer with the provider's id."""
        return self._customer(tx, ("external", provider, external_customer_id))

    def _customer(self, tx: InMemoryTransaction | None, index: Key) -> BillingCustomer | None:
        key = self._get(tx, self._customer_keys, "customer_keys", index)
        return self._get(tx, self._customers, "customers", key) if key else None

    async def list_customers(
        self,
        provider: str,
        after: str | None = None,
        limit: int = 100,
        *,
        tx: InMemoryTransaction | None = None,
    ) -> list[BillingCustomer]:
        """A page of the provider's customers, in the order of their insertion."""
        order = self._customer_order.get(provider, [])
        if after is not None and self._get(tx, self._customers, "customers", (after,)) is None:
            message = "there is no such customer to go on after"
            raise InvalidRequest(message, param="after")
        if tx is None:
            start = self._customer_place[after] + 1 if after is not None else 0
        else:
            own = (value for (table, _), value in _alive(tx).writes.items() if table == "customers")
            order = [*order, *(each.id for each in own if self._is_new(each, provider))]
            start = order.index(after) + 1 if after is not None else 0
        found = (self._get(tx, self._customers, "customers", (id_,)) for id_ in order[start : start + limit])
        return [customer for customer in found if customer is not None]

    def _is_new(self, written: object, provider: str) -> TypeGuard[BillingCustomer]:
        return (
            isinstance(written, BillingCustomer)
            and written.provider == provider
            and written.id not in self._customer_place
        )

    # --- subscriptions -------------------------------------------------------------------------------------------

    async def upsert_subscription(
        self, subscription: BillingSubscription, *, tx: InMemoryTransaction | None = None
    ) -> Upserted:
        """Insert, or overwrite if the new state supersedes the stored one."""
        key = (subscription.provider, subscription.external_subscription_id)
        async with self._in(tx) as own:
            stored = self._get(own, self._subscriptions, "subscriptions", key)
            if not subscription.supersedes(stored):
                return Upserted(written=False, previous=stored)
            if stored is None:
                owner = (subscription.customer_id,)
                others = self._get(own, self._subscriptions_of, "subscriptions_of", owner) or ()
                own.writes["subscriptions_of", owner] = (*others, key)
            own.writes["subscriptions", key] = subscription.replacing(stored)
            return Upserted(written=True, previous=stored)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingSubscription | None:
        """The subscription with the provider's id."""
        return self._get(tx, self._subscriptions, "subscriptions", (provider, external_subscription_id))

    async def list_subscriptions(
        self, customer_id: str, *, tx: InMemoryTransaction | None = None
    ) -> list[BillingSubscription]:
        """All subscriptions of the customer with this record id, in the order of their insertion."""
        keys = self._get(tx, self._subscriptions_of, "subscriptions_of", (customer_id,)) or ()
        found = (self._get(tx, self._subscriptions, "subscriptions", key) for key in keys)
        return [subscription for subscription in found if subscription is not None]

    # --- events --------------------------------------------------------------------------------------------------

    async def insert_event(self, event: BillingEvent, *, tx: InMemoryTransaction | None = None) -> bool:
        """Insert; False if ``(provider, external_event_id)`` is there already, or ``(provider, delivery_id)``."""
        key = (event.provider, event.external_event_id)
        async with self._in(tx) as own:
            if self._get(own, self._events, "events", key) is not None:
                return False
            if event.delivery_id is not None:
                by_delivery = (event.provider, event.delivery_id)
                if self._get(own, self._event_keys, "event_keys", by_delivery) is not None:
                    return False
                own.writes["event_keys", by_delivery] = key
            own.writes["events", key] = event
            return True

    async def get_event(
        self, provider: str, external_event_id: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingEvent | None:
        """The event with this ``external_event_id``; if there is none, the one with this ``delivery_id``."""
        key = (provider, external_event_id)
        found = self._get(tx, self._events, "events", key)
        if found is not None:
            return found
        delivered = self._get(tx, self._event_keys, "event_keys", key)
        return None if delivered is None else self._get(tx, self._events, "events", delivered)

    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: InMemoryTransaction | None = None
    ) -> None:
        """Stamp the event."""
        key = (provider, external_event_id)
        async with self._in(tx) as own:
            event = self._get(own, self._events, "events", key)
            if event is not None:
                own.writes["events", key] = attrs.evolve(event, processed_at=processed_at)

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        """Find the customer, insert the event, and write the state that it brought."""
        customer = self._customer(tx, ("external", event.provider, external_customer_id))
        if customer is None:
            return None
        if not await self.insert_event(attrs.evolve(event, org_id=customer.org_id, customer_id=customer.id), tx=tx):
            return Claim(customer)
        owned = attrs.evolve(state, customer_id=customer.id, ticket=tx.ticket)
        upserted = await self.upsert_subscription(owned, tx=tx)
        key = (state.provider, state.external_subscription_id)
        return Claim(customer, self._get(tx, self._subscriptions, "subscriptions", key), upserted)

    async def park_event(self, event: ParkedEvent, *, tx: InMemoryTransaction | None = None) -> bool:
        """Keep an event for later; False if it is kept already."""
        key = (event.provider, event.external_event_id)
        async with self._in(tx) as own:
            if self._get(own, self._parked, "parked", key) is not None:
                return False
            own.writes["parked", key] = event
            return True

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
        """A page of events kept for later, oldest first."""
        wanted = {"external_customer_id": external_customer_id, "external_subscription_id": external_subscription_id}
        found = [
            event
            for event in self._candidates(tx, "parked", provider, wanted)
            if isinstance(event, ParkedEvent)
            and event.provider == provider
            and external_customer_id in {None, event.external_customer_id}
            and external_subscription_id in {None, event.external_subscription_id}
            and (after is None or _age(event) > _age(after))
        ]
        return heapq.nsmallest(limit, found, key=_age)

    async def update_parked_event(self, event: ParkedEvent, *, tx: InMemoryTransaction | None = None) -> None:
        """Write ``error`` of an event that is kept for later."""
        key = (event.provider, event.external_event_id)
        async with self._in(tx) as own:
            stored = self._get(own, self._parked, "parked", key)
            if stored is not None:
                own.writes["parked", key] = attrs.evolve(stored, error=event.error)

    async def delete_parked_event(
        self, provider: str, external_event_id: str, *, tx: InMemoryTransaction | None = None
    ) -> None:
        """Forget an event that was kept for later."""
        async with self._in(tx) as own:
            own.writes["parked", (provider, external_event_id)] = _GONE

    # --- the journal ---------------------------------------------------------------------------------------------

    async def insert_operation(self, operation: BillingOperation, *, tx: InMemoryTransaction | None = None) -> bool:
        """Insert; False if ``(provider, key)`` is there already."""
        key = (operation.provider, operation.key)
        async with self._in(tx) as own:
            if self._get(own, self._operations, "operations", key) is not None:
                return False
            own.writes["operations", key] = operation
            return True

    async def get_operation(
        self, provider: str, key: str, *, tx: InMemoryTransaction | None = None
    ) -> BillingOperation | None:
        """The operation with this key."""
        return self._get(tx, self._operations, "operations", (provider, key))

    async def update_operation(self, operation: BillingOperation, *, tx: InMemoryTransaction | None = None) -> None:
        """Write what came of it; what is DONE stays DONE."""
        key = (operation.provider, operation.key)
        async with self._in(tx) as own:
            stored = self._get(own, self._operations, "operations", key)
            if stored is not None and (stored.state is not _DONE or operation.state is _DONE):
                own.writes["operations", key] = attrs.evolve(
                    operation,
                    operation=stored.operation,
                    org_id=stored.org_id,
                    arguments=stored.arguments,
                    ticket=stored.ticket,
                )

    async def operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = 100,
        tx: InMemoryTransaction | None = None,
    ) -> list[BillingOperation]:
        """A page of the journal, in the order in which the operations were asked for."""
        wanted = {"state": state, "external_id": external_id, "reference": reference}
        found = [
            operation
            for operation in self._candidates(tx, "operations", provider, wanted)
            if isinstance(operation, BillingOperation)
            and operation.provider == provider
            and state in {None, operation.state}
            and external_id in {None, operation.external_id}
            and reference in {None, operation.reference}
            and (after is None or _place(operation) > _place(after))
        ]
        return heapq.nsmallest(limit, found, key=_place)


def _ways(table: str, record: object) -> list[tuple[str, ...]]:
    """The ways to find a record other than by its key."""
    if not isinstance(record, ParkedEvent | BillingOperation):
        return []
    named = ((name, getattr(record, name)) for name in _LOOKED_UP_BY[table])
    return [(table, record.provider, name, value) for name, value in named if value is not None]


def _place(operation: BillingOperation) -> tuple[int, str]:
    return operation.ticket, operation.key


def _alive(tx: InMemoryTransaction) -> InMemoryTransaction:
    if tx.over:
        message = "this transaction is over: what is done with it must be done before its block, or the handler, ends"
        raise ConfigurationError(message)
    return tx


def _age(event: ParkedEvent) -> tuple[datetime, str]:
    return event.parked_at, event.external_event_id
