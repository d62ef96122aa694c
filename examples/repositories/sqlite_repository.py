"""Billing on the standard library's sqlite3, for ``paylattice.sync``: copy this file and make it yours. SQLite 3.37 or later.

    repository = SQLiteRepository("app.db")
    repository.create_tables()
    billing = BillingService(create_provider(), repository)

A handler's ``context.transaction`` is the ``sqlite3.Connection``. One process or several, on one machine: SQLite's locks do
not work on network file systems.

Migration: ``create_tables`` makes what is missing and changes nothing that is there; where the application counts its
migrations (``pragma user_version``), run ``python -m paylattice schema sqlite`` as one of them.
"""

import json
import sqlite3
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from paylattice.billing.records import Record, table_of
from paylattice.billing.schema import schema
from paylattice.billing.tables import Index

R = TypeVar("R", bound=Record)
Tx = sqlite3.Connection | None


def stored(value: Any) -> Any:
    """A value as its column holds it. Times are text of one length and in UTC, so that they sort as they follow."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(value) if isinstance(value, Mapping) else value


def equal(names: Iterable[str], between: str = " and ") -> str:
    return between.join(f'"{name}" = ?' for name in names)


def listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


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
            connection.executescript(f"begin immediate; {schema('sqlite')} commit;")

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
        return connection

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        with self._connection(None) as connection:
            # The lock is taken now: at the first write it would come too late, as others have read by then.
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")

    # --- the other six methods ---------------------------------------------------------------------------------------

    def next_ticket(self) -> int:
        with self._connection(None) as connection:
            sql = "insert into billing_tickets values (1, 1) on conflict (id) do update set last = last + 1 returning last"
            [(ticket,)] = connection.execute(sql).fetchall()
            return int(ticket)

    def insert(self, record: Record, *, tx: Tx = None) -> bool:
        table = table_of(type(record))
        row = table.row(record)
        marks = ", ".join("?" * len(row))
        sql = f"insert into {table.name} ({listed(row)}) values ({marks}) on conflict do nothing"
        return self._changed(tx, sql, row.values())

    def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        return next(iter(self._rows(tx, kind, equal(key), key.values())), None)  # in a transaction, all is locked

    def find(
        self, kind: type[R], index: Index, values: Mapping[str, object], *,
        after: R | None = None, limit: int = 100, tx: Tx = None,
    ) -> list[R]:  # fmt: skip
        where, given = equal(index.columns), [values[name] for name in index.columns]
        if after is not None:
            where += f" and ({listed(index.order)}) > ({', '.join('?' * len(index.order))})"
            given += [getattr(after, name) for name in index.order]
        return self._rows(tx, kind, f"{where} order by {listed(index.order)} limit ?", [*given, limit])

    def update(self, record: Record, *, tx: Tx = None) -> bool:
        table = table_of(type(record))
        row = table.row(record)
        sql = f"update or ignore {table.name} set {equal(table.updatable, ', ')} where {equal(table.primary_key)}"
        return self._changed(tx, sql, [row[name] for name in (*table.updatable, *table.primary_key)])

    def delete(self, record: Record, *, tx: Tx = None) -> bool:
        table = table_of(type(record))
        sql = f"delete from {table.name} where {equal(table.primary_key)}"
        return self._changed(tx, sql, table.key_of(record).values())

    def _changed(self, tx: Tx, sql: str, values: Iterable[object]) -> bool:
        with self._connection(tx) as connection:
            return connection.execute(sql, [stored(value) for value in values]).rowcount == 1

    def _rows(self, tx: Tx, kind: type[R], where: str, values: Iterable[object]) -> list[R]:
        table = table_of(kind)
        sql = f"select {listed(table.kinds)} from {table.name} where {where}"
        with self._connection(tx) as connection:
            rows = connection.execute(sql, [stored(value) for value in values]).fetchall()
        return [table.read(row) for row in rows]
