"""Billing on the Django ORM, on PostgreSQL or SQLite: copy this app into your project and make it yours.

    INSTALLED_APPS = [..., "shop.django_repository"]        # and: manage.py migrate billing
    billing = BillingService(create_provider(), DjangoRepository())    # from paylattice.sync

A handler's ``context.transaction`` is the database's alias; in a handler, everything that is written to that database commits
with the event: ``Ledger.objects.using(context.transaction).create(...)``.

Migration: ``migrations`` makes the tables, keys included. Columns of a later version of paylattice appear in
the models by themselves: run ``makemigrations billing`` after an upgrade.

Settings: ``USE_TZ = True``. ``ATOMIC_REQUESTS`` would put the whole request into one transaction, with the calls to the
provider in it: it is refused here, in Django's words about durable blocks; mark such views
``@transaction.non_atomic_requests``. SQLite needs ``"OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "pragma
journal_mode = wal", "timeout": 30}``: with its default, of two transactions that have both read only one can write.

Threads that Django does not look after (neither a request's nor a Celery task's) have connections of their own: call
``django.db.close_old_connections()`` before and after each job. In an async view, where the ORM refuses to work:
``await sync_to_async(billing.respond)(provider, request.body, request.headers)``.
"""

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, connections, transaction
from django.db.models import Q, QuerySet

from paylattice.billing.records import Record, table_of
from paylattice.billing.tables import Index

from .models import MODELS, Ticket, attribute

R = TypeVar("R", bound=Record)
Tx = str | None


def stored(values: Mapping[str, object]) -> dict[str, Any]:
    """The values as the model's fields have them."""
    return {
        attribute(name): json.dumps(value) if isinstance(value, Mapping) else value for name, value in values.items()
    }


def behind(record: Record, order: Iterable[str]) -> Q:
    """The rows that come after this one: (a, b) > (x, y) in the words of the ORM."""
    later, same = Q(), Q()
    for name in order:
        value = getattr(record, name)
        later |= same & Q(**{f"{attribute(name)}__gt": value})
        same &= Q(**{attribute(name): value})
    return later


class DjangoRepository:
    """The records, in one of Django's databases.

    Args:
        using: the alias of the database.
    """

    def __init__(self, using: str = "default") -> None:
        self._using = using

    @contextmanager
    def transaction(self) -> Generator[str]:
        self._drop_a_broken_connection()
        with transaction.atomic(using=self._using, durable=True):
            yield self._using

    def _drop_a_broken_connection(self) -> None:
        """Django does it between requests; for whoever works outside of them it is done here."""
        connection = connections[self._using]
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()

    def _rows(self, kind: type[Record], values: Mapping[str, object]) -> QuerySet[Any]:
        self._drop_a_broken_connection()
        return MODELS[kind]._default_manager.using(self._using).filter(**stored(values))

    def _read(self, kind: type[R], rows: QuerySet[Any]) -> list[R]:
        table = table_of(kind)
        return [table.read(values) for values in rows.values_list(*(attribute(name) for name in table.kinds))]

    def next_ticket(self) -> int:
        self._drop_a_broken_connection()
        connection = connections[self._using]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("select nextval(pg_get_serial_sequence('billing_tickets', 'id'))")
                return int(cursor.fetchone()[0])
        with transaction.atomic(using=self._using, durable=True):
            tickets = Ticket._default_manager.using(self._using)
            number = int(tickets.create().pk)
            tickets.all().delete()
            return number

    def insert(self, record: Record, *, tx: Tx = None) -> bool:
        """In SQL, because the ORM does not tell whether ``bulk_create(ignore_conflicts=True)`` has inserted anything."""
        self._drop_a_broken_connection()
        connection, model = connections[self._using], MODELS[type(record)]
        values = stored(table_of(type(record)).row(record))
        fields = [field for field in model._meta.concrete_fields if field.attname in values]
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        sql = f"insert into {model._meta.db_table} ({columns}) values ({marks}) on conflict do nothing"
        with connection.cursor() as cursor:
            cursor.execute(sql, [field.get_db_prep_save(values[field.attname], connection) for field in fields])
            return bool(cursor.rowcount == 1)

    def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        rows = self._rows(kind, key)
        locked = lock and connections[self._using].in_atomic_block
        return next(iter(self._read(kind, rows.select_for_update() if locked else rows)), None)

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
        rows = self._rows(kind, values).order_by(*(attribute(name) for name in index.order))
        return self._read(kind, (rows if after is None else rows.filter(behind(after, index.order)))[:limit])

    def update(self, record: Record, *, tx: Tx = None) -> bool:
        table = table_of(type(record))
        row = table.row(record)
        try:
            with transaction.atomic(using=self._using):
                rows = self._rows(type(record), table.key_of(record))
                return rows.update(**stored({name: row[name] for name in table.updatable})) == 1
        except IntegrityError:
            return False  # the unique key is another row's

    def delete(self, record: Record, *, tx: Tx = None) -> bool:
        deleted, _ = self._rows(type(record), table_of(type(record)).key_of(record)).delete()
        return deleted == 1
