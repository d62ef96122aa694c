"""Billing on the Django ORM, on PostgreSQL or SQLite: copy this app into your project and make it yours.

    INSTALLED_APPS = [..., "shop.django_repository"]        # and: manage.py migrate billing
    billing = BillingService(create_provider(), DjangoRepository())    # from paylattice.sync

A handler's ``context.transaction`` is the database's alias; in a handler, everything that is written to that database commits
with the event: ``Ledger.objects.using(context.transaction).create(...)``.

Migration: ``migrations/0001_initial.py`` makes the tables, keys included. Fields of a later version of paylattice are added
to the models as usual, followed by ``makemigrations billing``.

Settings: ``USE_TZ = True``. ``ATOMIC_REQUESTS`` would put the whole request into one transaction, with the calls to the
provider in it: it is refused here, in Django's words about durable blocks; mark such views
``@transaction.non_atomic_requests``. SQLite needs ``"OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "pragma
journal_mode = wal", "timeout": 30}``: with its default, of two transactions that have both read only one can write.

Threads that Django does not look after (neither a request's nor a Celery task's) have connections of their own: call
``django.db.close_old_connections()`` before and after each job. In an async view, where the ORM refuses to work:
``await sync_to_async(billing.respond)(provider, request.body, request.headers)``.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import attrs
from django.db import IntegrityError, connections, models, transaction
from django.db.models import Q, QuerySet

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, ParkedEvent
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.repository import Upserted

from .models import Customer, Event, Operation, Subscription, Ticket
from .models import ParkedEvent as Parked

TABLES: dict[type[attrs.AttrsInstance], type[models.Model]] = {
    BillingCustomer: Customer,
    BillingSubscription: Subscription,
    BillingEvent: Event,
    ParkedEvent: Parked,
    BillingOperation: Operation,
}
JSON = frozenset({"metadata", "payload", "arguments"})

Record = TypeVar("Record", bound=attrs.AttrsInstance)
Tx = str | None


def row(record: attrs.AttrsInstance, *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """A record's values by the names of the model's fields."""
    values = {name: value for name, value in attrs.asdict(record, recurse=False).items() if name not in but}
    return {
        "record_id" if name == "id" else name: json.dumps(value) if name in JSON else value
        for name, value in values.items()
    }


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

    # --- queries -----------------------------------------------------------------------------------------------------

    def _rows(self, kind: type[attrs.AttrsInstance], **wanted: object) -> QuerySet[Any]:
        self._drop_a_broken_connection()
        return TABLES[kind]._default_manager.using(self._using).filter(**wanted)

    def _all(self, kind: type[Record], rows: QuerySet[Any]) -> list[Record]:
        names = [field.name for field in attrs.fields(kind)]
        found = rows.values_list(*("record_id" if name == "id" else name for name in names))
        return [
            kind(*(json.loads(value) if name in JSON else value for name, value in zip(names, values, strict=True)))
            for values in found
        ]

    def _one(self, kind: type[Record], **wanted: object) -> Record | None:
        return next(iter(self._all(kind, self._rows(kind, **wanted))), None)

    def _insert(self, record: attrs.AttrsInstance, key: str = "") -> bool:
        """Insert; False if a row with the key is there (without one: with any of the table's keys).

        In SQL, because the ORM does not tell whether ``bulk_create(ignore_conflicts=True)`` has inserted anything.
        """
        self._drop_a_broken_connection()
        connection, model, values = connections[self._using], TABLES[type(record)], row(record)
        fields = [field for field in model._meta.concrete_fields if field.attname in values]
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        sql = f"insert into {model._meta.db_table} ({columns}) values ({marks}) on conflict {key} do nothing"
        with connection.cursor() as cursor:
            cursor.execute(sql, [field.get_db_prep_save(values[field.attname], connection) for field in fields])
            return bool(cursor.rowcount == 1)

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

    # --- customers ---------------------------------------------------------------------------------------------------

    def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        return self._insert(customer)

    def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        new = row(customer, but=("id", "org_id", "provider", "created_at"))
        try:
            with transaction.atomic(using=self._using):
                return self._rows(BillingCustomer, record_id=customer.id).update(**new) == 1
        except IntegrityError:
            return False  # the external id is another customer's

    def get_customer(self, org_id: str, provider: str, *, tx: Tx = None) -> BillingCustomer | None:
        return self._one(BillingCustomer, org_id=org_id, provider=provider)

    def get_customer_by_id(self, customer_id: str, *, tx: Tx = None) -> BillingCustomer | None:
        return self._one(BillingCustomer, record_id=customer_id)

    def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx = None
    ) -> BillingCustomer | None:
        return self._one(BillingCustomer, provider=provider, external_customer_id=external_customer_id)

    def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx = None
    ) -> list[BillingCustomer]:
        rows = self._rows(BillingCustomer, provider=provider, record_id__gt=after or "").order_by("record_id")
        return self._all(BillingCustomer, rows[:limit])

    # --- subscriptions -----------------------------------------------------------------------------------------------

    def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        if tx is None:
            with self.transaction() as own:
                return self.upsert_subscription(subscription, tx=own)
        key = {"provider": subscription.provider, "external_subscription_id": subscription.external_subscription_id}
        rows = self._rows(BillingSubscription, **key)
        stored = next(iter(self._all(BillingSubscription, rows.select_for_update())), None)
        if stored is None:
            if self._insert(subscription, "(provider, external_subscription_id)"):
                return Upserted(written=True, previous=None)
            # another transaction inserted it meanwhile, and has committed: now there is a row to lock
            return self.upsert_subscription(subscription, tx=tx)
        if not subscription.supersedes(stored):
            return Upserted(written=False, previous=stored)
        rows.update(**row(subscription.replacing(stored)))
        return Upserted(written=True, previous=stored)

    def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx = None
    ) -> BillingSubscription | None:
        return self._one(BillingSubscription, provider=provider, external_subscription_id=external_subscription_id)

    def list_subscriptions(self, customer_id: str, *, tx: Tx = None) -> list[BillingSubscription]:
        rows = self._rows(BillingSubscription, customer_id=customer_id)
        return self._all(BillingSubscription, rows.order_by("place"))

    # --- events ------------------------------------------------------------------------------------------------------

    def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        return self._insert(event)

    def get_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> BillingEvent | None:
        found = self._one(BillingEvent, provider=provider, external_event_id=external_event_id)
        return found or self._one(BillingEvent, provider=provider, delivery_id=external_event_id)

    def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx = None
    ) -> None:
        rows = self._rows(BillingEvent, provider=provider, external_event_id=external_event_id)
        rows.update(processed_at=processed_at)

    def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        return self._insert(event, "(provider, external_event_id)")

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
        rows = self._rows(ParkedEvent, provider=provider, **given(wanted))
        if after is not None:
            later = Q(parked_at=after.parked_at, external_event_id__gt=after.external_event_id)
            rows = rows.filter(Q(parked_at__gt=after.parked_at) | later)
        return self._all(ParkedEvent, rows.order_by("parked_at", "external_event_id")[:limit])

    def update_parked_event(self, event: ParkedEvent, *, tx: Tx = None) -> None:
        rows = self._rows(ParkedEvent, provider=event.provider, external_event_id=event.external_event_id)
        rows.update(error=event.error)

    def delete_parked_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> None:
        self._rows(ParkedEvent, provider=provider, external_event_id=external_event_id).delete()

    # --- the journal -------------------------------------------------------------------------------------------------

    def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        return self._insert(operation, "(provider, key)")

    def get_operation(self, provider: str, key: str, *, tx: Tx = None) -> BillingOperation | None:
        return self._one(BillingOperation, provider=provider, key=key)

    def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        new = row(operation, but=("provider", "key", "operation", "org_id", "arguments", "ticket"))
        rows = self._rows(BillingOperation, provider=operation.provider, key=operation.key)
        if operation.state is not OperationState.DONE:
            rows = rows.exclude(state=OperationState.DONE)
        rows.update(**new)

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
        rows = self._rows(BillingOperation, provider=provider, **given(wanted))
        if after is not None:
            later = Q(ticket=after.ticket, key__gt=after.key)
            rows = rows.filter(Q(ticket__gt=after.ticket) | later)
        return self._all(BillingOperation, rows.order_by("ticket", "key")[:limit])


def given(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}
