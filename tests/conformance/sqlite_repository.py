"""A blocking repository over SQLite: shows that the suite fits a database whose transactions run one after the other."""

import json
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, ParkedEvent
from paylattice.billing.repository import Upserted

Row = sqlite3.Row


def out(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if value is None or isinstance(value, int | str):
        return value
    return json.dumps(dict(value))  # type: ignore[call-overload]  # the only other type is a mapping


def columns(record: Any) -> dict[str, object]:
    return {field.name: out(getattr(record, field.name)) for field in attrs.fields(type(record))}


def back(kind: type[Any], row: Row | None) -> Any:
    if row is None:
        return None
    values = {key: row[key] for key in row.keys() if key != "place"}  # noqa: SIM118 - a Row is no mapping
    for key, value in values.items():
        if value is not None and (key.endswith("_at") or key in {"current_period_start", "current_period_end"}):
            values[key] = datetime.fromisoformat(value)
        elif key in {"metadata", "payload"}:
            values[key] = json.loads(value)
    return kind(**values)


class SQLiteRepository:
    """One connection for each thread; a transaction takes the write lock at its beginning."""

    def __init__(self, path: Path, schema: str = "") -> None:
        self.path = path
        self.connections: list[sqlite3.Connection] = []
        self._local = threading.local()
        if schema:
            self._connection().executescript(schema)

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=20, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("pragma journal_mode = wal")
            self._local.connection = connection
            self.connections.append(connection)
        found: sqlite3.Connection = self._local.connection
        return found

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    @contextmanager
    def _in(self, tx: sqlite3.Connection | None) -> Generator[sqlite3.Connection]:
        if tx is not None:
            yield tx
            return
        with self.transaction() as own:
            yield own

    def _one(self, kind: type[Any], sql: str, values: Iterable[object], tx: sqlite3.Connection | None) -> Any:
        return back(kind, (tx or self._connection()).execute(sql, tuple(values)).fetchone())

    def _all(self, kind: type[Any], sql: str, values: Iterable[object], tx: sqlite3.Connection | None) -> list[Any]:
        return [back(kind, row) for row in (tx or self._connection()).execute(sql, tuple(values))]

    def _insert(self, table: str, record: Any, tx: sqlite3.Connection | None) -> bool:
        values = columns(record)
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"insert into {table} ({names}) values ({marks}) on conflict do nothing returning 1"
        with self._in(tx) as connection:
            return connection.execute(sql, tuple(values.values())).fetchone() is not None

    def next_ticket(self) -> int:
        with self.transaction() as connection:
            row = connection.execute("update billing_tickets set last = last + 1 returning last").fetchone()
            return int(row["last"])

    def insert_customer(self, customer: BillingCustomer, *, tx: sqlite3.Connection | None = None) -> bool:
        return self._insert("billing_customers", customer, tx)

    def update_customer(self, customer: BillingCustomer, *, tx: sqlite3.Connection | None = None) -> None:
        values = columns(customer)
        with self._in(tx) as connection:
            connection.execute(
                "update billing_customers set email = ?, name = ?, metadata = ?, updated_at = ? where id = ?",
                tuple(values[name] for name in ("email", "name", "metadata", "updated_at", "id")),  # type: ignore[arg-type]
            )

    def get_customer(
        self, org_id: str, provider: str, *, tx: sqlite3.Connection | None = None
    ) -> BillingCustomer | None:
        sql = "select * from billing_customers where org_id = ? and provider = ?"
        return self._one(BillingCustomer, sql, (org_id, provider), tx)

    def get_customer_by_id(self, customer_id: str, *, tx: sqlite3.Connection | None = None) -> BillingCustomer | None:
        return self._one(BillingCustomer, "select * from billing_customers where id = ?", (customer_id,), tx)

    def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: sqlite3.Connection | None = None
    ) -> BillingCustomer | None:
        sql = "select * from billing_customers where provider = ? and external_customer_id = ?"
        return self._one(BillingCustomer, sql, (provider, external_customer_id), tx)

    def list_customers(
        self,
        provider: str,
        after: str | None = None,
        limit: int = 100,
        *,
        tx: sqlite3.Connection | None = None,
    ) -> list[BillingCustomer]:
        sql = "select * from billing_customers where provider = ? and id > ? order by id limit ?"
        return self._all(BillingCustomer, sql, (provider, after or "", limit), tx)

    def upsert_subscription(
        self, subscription: BillingSubscription, *, tx: sqlite3.Connection | None = None
    ) -> Upserted:
        with self._in(tx) as connection:
            key = (subscription.provider, subscription.external_subscription_id)
            stored = self.get_subscription(*key, tx=connection)
            if not subscription.supersedes(stored):
                return Upserted(written=False, previous=stored)
            values = columns(subscription)
            if stored is None:
                values["place"] = connection.execute("select count(*) from billing_subscriptions").fetchone()[0]
                names, marks = ", ".join(values), ", ".join("?" * len(values))
                connection.execute(
                    f"insert into billing_subscriptions ({names}) values ({marks})", tuple(values.values())
                )
            else:
                for name in ("id", "customer_id", "created_at"):
                    del values[name]
                changes = ", ".join(f"{name} = ?" for name in values)
                connection.execute(
                    f"update billing_subscriptions set {changes} where id = ?", (*values.values(), stored.id)
                )
            return Upserted(written=True, previous=stored)

    def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: sqlite3.Connection | None = None
    ) -> BillingSubscription | None:
        sql = "select * from billing_subscriptions where provider = ? and external_subscription_id = ?"
        return self._one(BillingSubscription, sql, (provider, external_subscription_id), tx)

    def list_subscriptions(
        self, customer_id: str, *, tx: sqlite3.Connection | None = None
    ) -> list[BillingSubscription]:
        sql = "select * from billing_subscriptions where customer_id = ? order by place"
        return self._all(BillingSubscription, sql, (customer_id,), tx)

    def insert_event(self, event: BillingEvent, *, tx: sqlite3.Connection | None = None) -> bool:
        return self._insert("billing_events", event, tx)

    def get_event(
        self, provider: str, external_event_id: str, *, tx: sqlite3.Connection | None = None
    ) -> BillingEvent | None:
        sql = "select * from billing_events where provider = ? and external_event_id = ?"
        return self._one(BillingEvent, sql, (provider, external_event_id), tx)

    def mark_event_processed(
        self,
        provider: str,
        external_event_id: str,
        processed_at: datetime,
        *,
        tx: sqlite3.Connection | None = None,
    ) -> None:
        sql = "update billing_events set processed_at = ? where provider = ? and external_event_id = ?"
        with self._in(tx) as connection:
            connection.execute(sql, (out(processed_at), provider, external_event_id))  # type: ignore[arg-type]

    def park_event(self, event: ParkedEvent, *, tx: sqlite3.Connection | None = None) -> bool:
        return self._insert("billing_parked_events", event, tx)

    def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: sqlite3.Connection | None = None,
    ) -> list[ParkedEvent]:
        where = ["provider = ?"]
        values: list[object] = [provider]
        for name, value in (
            ("external_customer_id", external_customer_id),
            ("external_subscription_id", external_subscription_id),
        ):
            if value is not None:
                where.append(f"{name} = ?")
                values.append(value)
        if after is not None:
            where.append("(parked_at, external_event_id) > (?, ?)")
            values += [out(after.parked_at), after.external_event_id]
        sql = f"select * from billing_parked_events where {' and '.join(where)} order by parked_at, external_event_id limit ?"
        return self._all(ParkedEvent, sql, (*values, limit), tx)

    def delete_parked_event(
        self, provider: str, external_event_id: str, *, tx: sqlite3.Connection | None = None
    ) -> None:
        with self._in(tx) as connection:
            connection.execute(
                "delete from billing_parked_events where provider = ? and external_event_id = ?",
                (provider, external_event_id),
            )
