"""The repository for :mod:`paylattice.sync`: :class:`DjangoRepository`."""

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.models import Q, QuerySet

from ...billing.records import Record, table_of
from ...billing.tables import Index
from ..conflicts import asks_for_retry
from .models import MODELS

__all__ = ["DjangoRepository"]

R = TypeVar("R", bound=Record)
Tx = str | None

_NEXT_TICKET = {
    "postgresql": "select nextval(pg_get_serial_sequence('billing_tickets', 'id'))",
    "sqlite": (
        "insert into billing_tickets (id, last) values (1, 1) on conflict (id) do update set last = last + 1 returning last"
    ),
    "mysql": (  # the server hands the number back with the answer, as if the row had got it
        "insert into billing_tickets (id, last) values (1, last_insert_id(1)) "
        "on duplicate key update last = last_insert_id(last + 1)"
    ),
}


class DjangoRepository:
    """Keeps billing's records in one of Django's databases.

    A handler's ``context.transaction`` is the database's alias: everything that a handler writes to that database commits with
    the event.

    Args:
        using: the alias of the database.
    """

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        self._using = using

    @contextmanager
    def transaction(self) -> Generator[str]:
        """Open a transaction; refused, in Django's words about durable blocks, in a request that is one already."""
        self._drop_a_broken_connection()
        with transaction.atomic(using=self._using, durable=True):
            yield self._using

    def next_ticket(self) -> int:
        """Take a ticket."""
        self._drop_a_broken_connection()
        connection = connections[self._using]
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_TICKET[connection.vendor])
            return int(cursor.lastrowid if connection.vendor == "mysql" else cursor.fetchone()[0])

    def insert(self, record: Record, *, tx: Tx = None) -> bool:
        """Insert a row. In SQL, because the ORM does not tell whether ``bulk_create`` has ignored a conflict."""
        self._drop_a_broken_connection()
        connection, meta = connections[self._using], MODELS[type(record)]._meta
        values = _stored(table_of(type(record)).row(record))
        fields = [field for field in meta.concrete_fields if field.attname in values]
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        sql = f"insert into {meta.db_table} ({columns}) values ({', '.join(['%s'] * len(fields))})"  # noqa: S608 - our names
        given = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
        with connection.cursor() as cursor:
            if connection.vendor != "mysql":
                cursor.execute(f"{sql} on conflict do nothing", given)
                return bool(cursor.rowcount == 1)
            try:
                cursor.execute(sql, given)
            except IntegrityError as error:  # the transaction is as it was
                if error.args[0] != _TAKEN:
                    raise
                return False
            return True

    def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        """Get the row with this key."""
        rows = self._rows(kind, key)
        locked = lock and connections[self._using].in_atomic_block
        return next(iter(_read(kind, rows.select_for_update() if locked else rows)), None)

    def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: Tx = None,
    ) -> list[R]:
        """Find a page of rows."""
        rows = self._rows(kind, values).order_by(*index.order)
        return _read(kind, (rows if after is None else rows.filter(_behind(after, index.order)))[:limit])

    def update(self, record: Record, *, tx: Tx = None) -> bool:
        """Write the columns of a row that may change."""
        table = table_of(type(record))
        row = table.row(record)
        rows = self._rows(type(record), table.key_of(record))
        try:  # where a key may be another row's, the statement may fail: not beyond this point
            with transaction.atomic(using=self._using) if table.update_may_clash else nullcontext():
                return rows.update(**_stored({name: row[name] for name in table.updatable})) == 1
        except IntegrityError:
            return False

    def delete(self, record: Record, *, tx: Tx = None) -> bool:
        """Delete a row."""
        deleted, _ = self._rows(type(record), table_of(type(record)).key_of(record)).delete()
        return deleted == 1

    def should_retry(self, error: Exception) -> bool:
        """Whether the database asks to run the transaction again: a serialization failure, or a deadlock."""
        return asks_for_retry(error)

    def _drop_a_broken_connection(self) -> None:
        """Django does it between requests; for whoever works outside of them it is done here."""
        connection = connections[self._using]
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()

    def _rows(self, kind: type[Record], values: Mapping[str, object]) -> "QuerySet[Any]":
        self._drop_a_broken_connection()
        return MODELS[kind]._default_manager.using(self._using).filter(**_stored(values))


_TAKEN = 1062
"""ER_DUP_ENTRY."""


def _stored(values: Mapping[str, object]) -> dict[str, Any]:
    """The values as the model's fields have them."""
    return {name: json.dumps(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _read(kind: type[R], rows: "QuerySet[Any]") -> list[R]:
    table = table_of(kind)
    return [table.read(values) for values in rows.values_list(*table.kinds)]


def _behind(record: Record, order: Iterable[str]) -> Q:
    """The rows that come after this one: (a, b) > (x, y) in the words of the ORM."""
    first, *_ = order
    later, same = Q(), Q()
    for name in order:
        value = getattr(record, name)
        later |= same & Q(**{f"{name}__gt": value})
        same &= Q(**{name: value})
    return later & Q(**{f"{first}__gte": getattr(record, first)})  # by which the database seeks in the index
