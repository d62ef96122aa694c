"""Billing on the standard library's sqlite3, for ``paylattice.sync``: copy this file and make it yours. SQLite 3.37 or later.

    repository = SQLiteRepository("app.db")
    repository.create_tables()
    billing = BillingService(create_provider(), repository)

A handler's ``context.transaction`` is the ``sqlite3.Connection``. One process or several, on one machine: SQLite's locks do
not work on network file systems.

Migration: ``create_tables`` makes what is missing and changes nothing that is there; where the application counts its
migrations (``pragma user_version``), run ``SCHEMA`` as one of them.
"""

import json
import sqlite3
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, ParkedEvent
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.repository import Upserted

SCHEMA = """
create table if not exists billing_customers (
    id                   text primary key not null,
    org_id               text not null,
    provider             text not null,
    external_customer_id text not null,
    email                text,
    name                 text,
    metadata             text not null,
    created_at           text,
    updated_at           text,
    unique (org_id, provider),
    unique (provider, external_customer_id)
) strict;
create index if not exists billing_customers_pages on billing_customers (provider, id);

create table if not exists billing_subscriptions (
    place                    integer primary key autoincrement,  -- the order of insertion
    id                       text not null unique,
    customer_id              text not null references billing_customers (id),
    external_subscription_id text not null,
    plan_id                  text,
    status                   text not null,
    current_period_start     text,
    current_period_end       text,
    metadata                 text not null,
    created_at               text,
    updated_at               text,
    provider                 text not null,
    quantity                 integer,
    cancel_at                text,
    ticket                   integer not null,
    version                  integer,
    status_since             text,
    trial_end                text,
    collection_paused        integer not null default 0,
    payment_failed_at        text,
    paid_through             text,
    ended_at                 text,
    unique (provider, external_subscription_id)
) strict;
create index if not exists billing_subscriptions_of on billing_subscriptions (customer_id, place);

create table if not exists billing_events (
    id                text primary key not null,
    org_id            text,
    customer_id       text,
    event_type        text not null,
    provider          text not null,
    external_event_id text not null,
    amount_cents      integer,
    metadata          text not null,
    processed_at      text,
    created_at        text,
    currency          text,
    delivery_id       text,
    unique (provider, external_event_id),  -- exactly once: this line
    unique (provider, delivery_id)         -- and this one
) strict;

create table if not exists billing_parked_events (
    provider                 text not null,
    external_event_id        text not null,
    external_customer_id     text,
    external_subscription_id text,
    payload                  text not null,
    parked_at                text not null,
    error                    text,
    unique (provider, external_event_id)
) strict;
create index if not exists billing_parked_events_pages on billing_parked_events (provider, parked_at, external_event_id);

create table if not exists billing_operations (
    provider    text not null,
    key         text not null,
    operation   text not null,
    org_id      text not null,
    arguments   text not null,
    created_at  text not null,
    state       text not null,
    external_id text,
    reference   text,
    error       text,
    closed_at   text,
    ticket      integer not null,
    unique (provider, key)
) strict;
create index if not exists billing_operations_pages on billing_operations (provider, state, ticket, key);
create index if not exists billing_operations_made on billing_operations (provider, external_id);
create index if not exists billing_operations_references on billing_operations (provider, reference);

create table if not exists billing_tickets (last integer primary key not null) strict;
insert into billing_tickets select 0 where not exists (select * from billing_tickets);
"""

JSON = frozenset({"metadata", "payload", "arguments"})
TIMES = frozenset(
    {"created_at", "updated_at", "current_period_start", "current_period_end", "cancel_at", "status_since"}
    | {"processed_at", "parked_at", "closed_at", "trial_end", "payment_failed_at", "paid_through", "ended_at"}
)

Record = TypeVar("Record", bound=attrs.AttrsInstance)
Tx = sqlite3.Connection | None


def stored(name: str, value: Any) -> Any:
    """A value as its column holds it. Times are text of one length and in UTC, so that they sort as they follow."""
    if value is None:
        return None
    if name in JSON:
        return json.dumps(value)
    return value.astimezone(UTC).isoformat(timespec="microseconds") if name in TIMES else value


def loaded(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in JSON:
        return json.loads(value)
    return datetime.fromisoformat(value) if name in TIMES else value


def names(kind: type[attrs.AttrsInstance]) -> list[str]:
    return [field.name for field in attrs.fields(kind)]


class SQLiteRepository:
    """The records, in one file.

    Args:
        path: of the file. Every connection is used by one thread at a time, and then kept for the next; so threads may
            come and go. Make the repository after forking, not before.
        patience: seconds to wait for another's transaction before ``sqlite3.OperationalError: database is locked``.
    """

    def __init__(self, path: str | Path, *, patience: float = 30) -> None:
        self._path = path
        self._patience = patience
        self._idle: deque[sqlite3.Connection] = deque()

    def create_tables(self) -> None:
        with self._connection(None) as connection:
            connection.executescript(f"begin immediate; {SCHEMA} commit;")

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    # --- connections and transactions --------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, tx: Tx) -> Generator[sqlite3.Connection]:
        """The transaction's connection, or one that commits each statement."""
        if tx is not None:
            yield tx
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()  # which rolls back; the next one starts afresh
            raise
        self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._patience, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute("pragma journal_mode = wal")  # readers and the writer do not wait for one another
        connection.execute("pragma synchronous = full")  # what is committed survives a power failure
        connection.execute("pragma foreign_keys = on")
        return connection

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection(None) as connection:
            connection.execute(
                "begin immediate"
            )  # a lock taken at the first write would come too late: others have read
            yield connection
            connection.execute("commit")

    @contextmanager
    def _in(self, tx: Tx) -> Generator[sqlite3.Connection]:
        if tx is not None:
            yield tx
            return
        with self.transaction() as own:
            yield own

    # --- statements --------------------------------------------------------------------------------------------------

    def _all(self, tx: Tx, kind: type[Record], table: str, where: str, *values: object) -> list[Record]:
        columns = names(kind)
        sql = f"select {', '.join(columns)} from {table} where {where}"
        with self._connection(tx) as connection:
            rows = connection.execute(sql, values).fetchall()
        return [kind(*map(loaded, columns, row)) for row in rows]

    def _one(self, tx: Tx, kind: type[Record], table: str, where: str, *values: object) -> Record | None:
        return next(iter(self._all(tx, kind, table, where, *values)), None)

    def _insert(self, tx: Tx, table: str, record: attrs.AttrsInstance, key: str = "") -> bool:
        """Insert; False if a row with the key is there (``key`` without one: with any of the table's keys)."""
        columns = names(type(record))
        sql = (
            f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))}) "
            f"on conflict {key} do nothing"
        )
        with self._connection(tx) as connection:
            return connection.execute(sql, [stored(name, getattr(record, name)) for name in columns]).rowcount == 1

    def _update(
        self,
        tx: Tx,
        table: str,
        record: attrs.AttrsInstance,
        keys: Iterable[str],
        *,
        but: Iterable[str] = (),
        unless: str = "",
    ) -> None:
        """Write what is neither key nor excepted."""
        changed = [name for name in names(type(record)) if name not in {*keys, *but}]
        sql = (
            f"update {table} set {', '.join(f'{name} = ?' for name in changed)} "
            f"where {' and '.join(f'{name} = ?' for name in keys)}{unless}"
        )
        with self._connection(tx) as connection:
            connection.execute(sql, [stored(name, getattr(record, name)) for name in (*changed, *keys)])

    def next_ticket(self) -> int:
        with self._connection(None) as connection:
            [(ticket,)] = connection.execute("update billing_tickets set last = last + 1 returning last").fetchall()
            return int(ticket)

    # --- customers ---------------------------------------------------------------------------------------------------

    def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        return self._insert(tx, "billing_customers", customer)

    def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        with self._in(tx) as own:
            taken = self.get_customer_by_external_id(customer.provider, customer.external_customer_id, tx=own)
            if (taken is not None and taken.id != customer.id) or self.get_customer_by_id(customer.id, tx=own) is None:
                return False
            self._update(own, "billing_customers", customer, ["id"], but=["org_id", "provider", "created_at"])
            return True

    def get_customer(self, org_id: str, provider: str, *, tx: Tx = None) -> BillingCustomer | None:
        where = "org_id = ? and provider = ?"
        return self._one(tx, BillingCustomer, "billing_customers", where, org_id, provider)

    def get_customer_by_id(self, customer_id: str, *, tx: Tx = None) -> BillingCustomer | None:
        return self._one(tx, BillingCustomer, "billing_customers", "id = ?", customer_id)

    def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx = None
    ) -> BillingCustomer | None:
        where = "provider = ? and external_customer_id = ?"
        return self._one(tx, BillingCustomer, "billing_customers", where, provider, external_customer_id)

    def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx = None
    ) -> list[BillingCustomer]:
        where = "provider = ? and id > ? order by id limit ?"
        return self._all(tx, BillingCustomer, "billing_customers", where, provider, after or "", limit)

    # --- subscriptions -----------------------------------------------------------------------------------------------

    def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        with self._in(tx) as own:  # the write lock is held from the beginning of the transaction: nobody comes between
            previous = self.get_subscription(subscription.provider, subscription.external_subscription_id, tx=own)
            if not subscription.supersedes(previous):
                return Upserted(written=False, previous=previous)
            if previous is None:
                self._insert(own, "billing_subscriptions", subscription, "(provider, external_subscription_id)")
            else:
                self._update(own, "billing_subscriptions", subscription.replacing(previous), ["id"])
            return Upserted(written=True, previous=previous)

    def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx = None
    ) -> BillingSubscription | None:
        where = "provider = ? and external_subscription_id = ?"
        return self._one(tx, BillingSubscription, "billing_subscriptions", where, provider, external_subscription_id)

    def list_subscriptions(self, customer_id: str, *, tx: Tx = None) -> list[BillingSubscription]:
        where = "customer_id = ? order by place"
        return self._all(tx, BillingSubscription, "billing_subscriptions", where, customer_id)

    # --- events ------------------------------------------------------------------------------------------------------

    def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        return self._insert(tx, "billing_events", event)

    def get_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> BillingEvent | None:
        for name in ("external_event_id", "delivery_id"):
            where = f"provider = ? and {name} = ?"
            found = self._one(tx, BillingEvent, "billing_events", where, provider, external_event_id)
            if found is not None:
                return found
        return None

    def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx = None
    ) -> None:
        sql = "update billing_events set processed_at = ? where provider = ? and external_event_id = ?"
        with self._connection(tx) as connection:
            connection.execute(sql, (stored("processed_at", processed_at), provider, external_event_id))

    def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        return self._insert(tx, "billing_parked_events", event, "(provider, external_event_id)")

    def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: Tx = None,
    ) -> list[ParkedEvent]:
        wanted = {"external_customer_id": external_customer_id, "external_subscription_id": external_subscription_id}
        last = None if after is None else (stored("parked_at", after.parked_at), after.external_event_id)
        where, values = page(provider, wanted, ("parked_at", "external_event_id"), last)
        return self._all(tx, ParkedEvent, "billing_parked_events", where, *values, limit)

    def update_parked_event(self, event: ParkedEvent, *, tx: Tx = None) -> None:
        sql = "update billing_parked_events set error = ? where provider = ? and external_event_id = ?"
        with self._connection(tx) as connection:
            connection.execute(sql, (event.error, event.provider, event.external_event_id))

    def delete_parked_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> None:
        sql = "delete from billing_parked_events where provider = ? and external_event_id = ?"
        with self._connection(tx) as connection:
            connection.execute(sql, (provider, external_event_id))

    # --- the journal -------------------------------------------------------------------------------------------------

    def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        return self._insert(tx, "billing_operations", operation, "(provider, key)")

    def get_operation(self, provider: str, key: str, *, tx: Tx = None) -> BillingOperation | None:
        return self._one(tx, BillingOperation, "billing_operations", "provider = ? and key = ?", provider, key)

    def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        asked = ["operation", "org_id", "arguments", "ticket"]
        unless = "" if operation.state is OperationState.DONE else f" and state <> '{OperationState.DONE}'"
        self._update(tx, "billing_operations", operation, ["provider", "key"], but=asked, unless=unless)

    def operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = 100,
        tx: Tx = None,
    ) -> list[BillingOperation]:
        wanted = {"state": state, "external_id": external_id, "reference": reference}
        last = None if after is None else (after.ticket, after.key)
        where, values = page(provider, wanted, ("ticket", "key"), last)
        return self._all(tx, BillingOperation, "billing_operations", where, *values, limit)


def page(
    provider: str, wanted: dict[str, Any], order: tuple[str, str], last: tuple[object, str] | None
) -> tuple[str, list[object]]:
    """The condition of a page, and its values: what is wanted, and comes after the last row of the page before."""
    given = {"provider": provider, **{name: value for name, value in wanted.items() if value is not None}}
    conditions = [f"{name} = ?" for name in given]
    if last is not None:
        conditions.append(f"({', '.join(order)}) > (?, ?)")
    return f"{' and '.join(conditions)} order by {', '.join(order)} limit ?", [*given.values(), *(last or ())]
