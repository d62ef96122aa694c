"""Billing on SQLAlchemy 2 (async) and PostgreSQL: copy this file into your application and make it yours.

    engine = create_async_engine("postgresql+psycopg://app@db/app", pool_pre_ping=True)  # asyncpg does as well
    billing = BillingService(create_provider(), SQLAlchemyRepository(engine))

A handler's ``context.transaction`` is an ``AsyncConnection``; for the ORM: ``AsyncSession(bind=context.transaction)``.

Migration: give ``metadata`` to Alembic (``target_metadata`` takes a list, so your own stays), and ``alembic revision
--autogenerate`` writes the tables and their keys. Sequences it does not see: add ``op.execute(CreateSequence(tickets))`` to
``upgrade()`` and ``op.execute(DropSequence(tickets))`` to ``downgrade()``, both from ``sqlalchemy.schema``. Without Alembic:
``await connection.run_sync(metadata.create_all)``.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import attrs
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    FromClause,
    Identity,
    Index,
    MetaData,
    Select,
    Sequence,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.dml import ReturningInsert

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, ParkedEvent, SubscriptionStatus
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.repository import Claim, Upserted

# --- tables ----------------------------------------------------------------------------------------------------------


class Moment(TypeDecorator[datetime]):
    """``timestamptz``, which comes back in UTC whatever the time zone of the connection is."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


metadata = MetaData()
tickets = Sequence("billing_tickets", metadata=metadata)

customers = Table(
    "billing_customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("external_customer_id", Text, nullable=False),
    Column("email", Text),
    Column("name", Text),
    Column("metadata", JSON, nullable=False),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    UniqueConstraint("org_id", "provider", name="billing_customers_org"),
    UniqueConstraint("provider", "external_customer_id", name="billing_customers_external"),
    Index("billing_customers_pages", "provider", "id"),
)

subscriptions = Table(
    "billing_subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("place", BigInteger, Identity(always=True), nullable=False),  # the order of insertion
    Column("customer_id", Text, ForeignKey(customers.c.id), nullable=False),
    Column("external_subscription_id", Text, nullable=False),
    Column("plan_id", Text),
    Column("status", Text, nullable=False),
    Column("current_period_start", Moment),
    Column("current_period_end", Moment),
    Column("metadata", JSON, nullable=False),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    Column("provider", Text, nullable=False),
    Column("quantity", BigInteger),
    Column("cancel_at", Moment),
    Column("ticket", BigInteger, nullable=False),
    Column("version", BigInteger),
    Column("status_since", Moment),
    Column("trial_end", Moment),
    Column("collection_paused", Boolean, nullable=False, server_default=false()),
    Column("payment_failed_at", Moment),
    Column("paid_through", Moment),
    Column("ended_at", Moment),
    UniqueConstraint("provider", "external_subscription_id", name="billing_subscriptions_external"),
    Index("billing_subscriptions_of", "customer_id", "place"),
)

events = Table(
    "billing_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", Text),
    Column("customer_id", Text),
    Column("event_type", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("external_event_id", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("metadata", JSON, nullable=False),
    Column("processed_at", Moment),
    Column("created_at", Moment),
    Column("currency", Text),
    Column("delivery_id", Text),
    UniqueConstraint("provider", "external_event_id", name="billing_events_external"),  # exactly once: this line
    UniqueConstraint("provider", "delivery_id", name="billing_events_delivery"),  # and this one
)

parked_events = Table(
    "billing_parked_events",
    metadata,
    Column("provider", Text, nullable=False),
    Column("external_event_id", Text, nullable=False),
    Column("external_customer_id", Text),
    Column("external_subscription_id", Text),
    Column("payload", JSON, nullable=False),  # json, not jsonb, which refuses "\u0000": a payload is kept as it came
    Column("parked_at", Moment, nullable=False),
    Column("error", Text),
    UniqueConstraint("provider", "external_event_id", name="billing_parked_events_external"),
    Index("billing_parked_events_pages", "provider", "parked_at", "external_event_id"),
)

operations = Table(
    "billing_operations",
    metadata,
    Column("provider", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("org_id", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("external_id", Text),
    Column("reference", Text),
    Column("error", Text),
    Column("closed_at", Moment),
    Column("ticket", BigInteger, nullable=False),
    UniqueConstraint("provider", "key", name="billing_operations_key"),
    Index("billing_operations_pages", "provider", "state", "ticket", "key"),
    Index("billing_operations_made", "provider", "external_id"),
    Index("billing_operations_references", "provider", "reference"),
)

# --- statements: built once, so that SQLAlchemy finds them compiled ----------------------------------------------------


def columns(table: FromClause, record: type[attrs.AttrsInstance]) -> list[Column[Any]]:
    """The columns in the order of the record's fields: ``record(*row)`` is the record."""
    return [table.c[field.name] for field in attrs.fields(record)]


def key(table: FromClause, *names: str) -> list[Any]:
    return [table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in names]


def new_row(table: Table, *unique: str) -> ReturningInsert[tuple[str]]:
    """Insert, and return a row; or nothing if one with this key is there (none named: with any of the table's keys)."""
    return insert(table).on_conflict_do_nothing(index_elements=unique or None).returning(table.c.provider)


NEXT_TICKET = select(tickets.next_value())

CUSTOMER = select(*columns(customers, BillingCustomer))
CUSTOMER_OF_ORG = CUSTOMER.where(*key(customers, "org_id", "provider"))
CUSTOMER_BY_ID = CUSTOMER.where(*key(customers, "id"))
CUSTOMER_BY_EXTERNAL_ID = CUSTOMER.where(*key(customers, "provider", "external_customer_id"))
CUSTOMERS = (
    CUSTOMER.where(*key(customers, "provider"), customers.c.id > bindparam("after"))
    .order_by(customers.c.id)
    .limit(bindparam("limit"))
)
INSERT_CUSTOMER = new_row(customers)
UPDATE_CUSTOMER = update(customers).where(*key(customers, "id"))

SUBSCRIPTION = select(*columns(subscriptions, BillingSubscription))
SUBSCRIPTION_BY_EXTERNAL_ID = SUBSCRIPTION.where(*key(subscriptions, "provider", "external_subscription_id"))
LOCKED_SUBSCRIPTION = SUBSCRIPTION_BY_EXTERNAL_ID.with_for_update()
SUBSCRIPTIONS = SUBSCRIPTION.where(*key(subscriptions, "customer_id")).order_by(subscriptions.c.place)
INSERT_SUBSCRIPTION = new_row(subscriptions, "provider", "external_subscription_id")
UPDATE_SUBSCRIPTION = update(subscriptions).where(*key(subscriptions, "id"))

EVENT_KEY = bindparam("key_external_event_id", type_=events.c.external_event_id.type)
EVENT = (
    select(*columns(events, BillingEvent))
    .where(*key(events, "provider"), or_(events.c.external_event_id == EVENT_KEY, events.c.delivery_id == EVENT_KEY))
    .order_by(events.c.external_event_id != EVENT_KEY)
    .limit(1)
)
INSERT_EVENT = new_row(events)
STAMP_EVENT = update(events).where(*key(events, "provider", "external_event_id"))

# claim_event in one statement; its parts run in the order in which they need one another. Short names keep it below the
# 4,096 characters up to which psycopg remembers how it has read a statement.

CUSTOMER_FIELDS = len(attrs.fields(BillingCustomer))
WRITTEN_OVER = [
    *("plan_id", "status", "current_period_start", "current_period_end", "metadata"),
    *("updated_at", "quantity", "cancel_at", "version"),
    *("trial_end", "collection_paused", "payment_failed_at", "paid_through", "ended_at"),
]
OWING = {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


def claim() -> Select[Any]:
    def event(name: str) -> BindParameter[Any]:
        return bindparam(f"e_{name}", type_=events.c[name].type)

    def state(name: str) -> BindParameter[Any]:
        return bindparam(f"s_{name}", type_=subscriptions.c[name].type)

    c, s = customers.alias("c"), subscriptions.alias("s")
    ticket = select(tickets.next_value().label("ticket")).cte("ticket")
    customer = select(*columns(c, BillingCustomer)).where(*key(c, "provider", "external_customer_id")).cte("customer")
    of_customer = {"org_id": customer.c.org_id, "customer_id": customer.c.id}
    new = {column.name: of_customer.get(column.name, event(column.name)) for column in events.c}
    claimed = (
        insert(events)
        .from_select(list(new), select(*new.values()).select_from(customer))
        .on_conflict_do_nothing()
        .returning(events.c.id)
        .cte("claimed")
    )
    previous = (
        select(*columns(s, BillingSubscription))
        .where(*key(s, "provider", "external_subscription_id"), select(claimed.c.id).exists())
        .with_for_update()  # the row as the last transaction left it, whatever it was when the statement began
        .cte("previous")
    )
    unchanged = (previous.c.status == state("status"), func.coalesce(previous.c.status_since, state("status_since")))
    written = (
        update(subscriptions)
        .where(subscriptions.c.id == previous.c.id, previous.c.version <= state("version"))
        .values({name: state(name) for name in WRITTEN_OVER})
        .values(
            ticket=select(ticket.c.ticket).scalar_subquery(), status_since=case(unchanged, else_=state("status_since"))
        )
        .returning(subscriptions.c.id)
        .cte("written")
    )
    joined = (
        ticket.join(customer, true()).outerjoin(claimed, true()).outerjoin(previous, true()).outerjoin(written, true())
    )
    return select(ticket.c.ticket, claimed.c.id, written.c.id, *customer.c, *previous.c).select_from(joined)


CLAIM = claim()

PARKED = select(*columns(parked_events, ParkedEvent)).where(*key(parked_events, "provider"))
PARK_EVENT = new_row(parked_events, "provider", "external_event_id")
UPDATE_PARKED_EVENT = update(parked_events).where(*key(parked_events, "provider", "external_event_id"))
UNPARK_EVENT = delete(parked_events).where(*key(parked_events, "provider", "external_event_id"))

OPERATIONS = select(*columns(operations, BillingOperation)).where(*key(operations, "provider"))
OPERATION = OPERATIONS.where(*key(operations, "key"))
INSERT_OPERATION = new_row(operations, "provider", "key")
UPDATE_OPERATION = update(operations).where(*key(operations, "provider", "key"))
UPDATE_UNLESS_DONE = UPDATE_OPERATION.where(operations.c.state != OperationState.DONE)

# --- the repository --------------------------------------------------------------------------------------------------

Tx = AsyncConnection | None


def values(record: attrs.AttrsInstance) -> dict[str, Any]:
    return attrs.asdict(record, recurse=False)


class SQLAlchemyRepository:
    """The records, in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool; no BEGIN, no ROLLBACK

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.begin()

    def _in(self, tx: Tx) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.begin() if tx is None else nullcontext(tx)

    def _statement(self, tx: Tx) -> AbstractAsyncContextManager[AsyncConnection]:
        """For one statement, which is a transaction by itself."""
        return self._single.connect() if tx is None else nullcontext(tx)

    async def next_ticket(self) -> int:
        async with self._statement(None) as connection:
            return int((await connection.execute(NEXT_TICKET)).scalar_one())

    # --- customers ---------------------------------------------------------------------------------------------------

    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._statement(tx) as connection:
            return (await connection.execute(INSERT_CUSTOMER, values(customer))).first() is not None

    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        new = values(customer)
        for name in ("id", "org_id", "provider", "created_at"):
            del new[name]
        async with self._in(tx) as connection:
            try:
                async with connection.begin_nested():  # a refused statement spoils a transaction: not beyond this point
                    done = await connection.execute(UPDATE_CUSTOMER, {"key_id": customer.id, **new})
            except IntegrityError:
                return False
            return done.rowcount == 1

    async def get_customer(self, org_id: str, provider: str, *, tx: Tx = None) -> BillingCustomer | None:
        async with self._statement(tx) as connection:
            found = await connection.execute(CUSTOMER_OF_ORG, {"key_org_id": org_id, "key_provider": provider})
            row = found.one_or_none()
        return BillingCustomer(*row) if row else None

    async def get_customer_by_id(self, customer_id: str, *, tx: Tx = None) -> BillingCustomer | None:
        async with self._statement(tx) as connection:
            row = (await connection.execute(CUSTOMER_BY_ID, {"key_id": customer_id})).one_or_none()
        return BillingCustomer(*row) if row else None

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx = None
    ) -> BillingCustomer | None:
        wanted = {"key_provider": provider, "key_external_customer_id": external_customer_id}
        async with self._statement(tx) as connection:
            row = (await connection.execute(CUSTOMER_BY_EXTERNAL_ID, wanted)).one_or_none()
        return BillingCustomer(*row) if row else None

    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx = None
    ) -> list[BillingCustomer]:
        wanted = {"key_provider": provider, "after": after or "", "limit": limit}
        async with self._statement(tx) as connection:
            rows = (await connection.execute(CUSTOMERS, wanted)).all()
        return [BillingCustomer(*row) for row in rows]

    # --- subscriptions -----------------------------------------------------------------------------------------------

    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        wanted = {
            "key_provider": subscription.provider,
            "key_external_subscription_id": subscription.external_subscription_id,
        }
        async with self._in(tx) as connection:
            while True:
                row = (await connection.execute(LOCKED_SUBSCRIPTION, wanted)).one_or_none()
                if row is not None:
                    break
                if (await connection.execute(INSERT_SUBSCRIPTION, values(subscription))).first() is not None:
                    return Upserted(written=True, previous=None)
                # another transaction inserted it meanwhile, and has committed: now there is a row to lock
            stored = BillingSubscription(*row)
            if not subscription.supersedes(stored):
                return Upserted(written=False, previous=stored)
            new = values(subscription.replacing(stored))
            await connection.execute(UPDATE_SUBSCRIPTION, {"key_id": stored.id, **new})
            return Upserted(written=True, previous=stored)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx = None
    ) -> BillingSubscription | None:
        wanted = {"key_provider": provider, "key_external_subscription_id": external_subscription_id}
        async with self._statement(tx) as connection:
            row = (await connection.execute(SUBSCRIPTION_BY_EXTERNAL_ID, wanted)).one_or_none()
        return BillingSubscription(*row) if row else None

    async def list_subscriptions(self, customer_id: str, *, tx: Tx = None) -> list[BillingSubscription]:
        async with self._statement(tx) as connection:
            rows = (await connection.execute(SUBSCRIPTIONS, {"key_customer_id": customer_id})).all()
        return [BillingSubscription(*row) for row in rows]

    # --- events ------------------------------------------------------------------------------------------------------

    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        async with self._statement(tx) as connection:
            return (await connection.execute(INSERT_EVENT, values(event))).first() is not None

    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> BillingEvent | None:
        wanted = {"key_provider": provider, "key_external_event_id": external_event_id}
        async with self._statement(tx) as connection:
            row = (await connection.execute(EVENT, wanted)).one_or_none()
        return BillingEvent(*row) if row else None

    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx = None
    ) -> None:
        wanted = {"key_provider": provider, "key_external_event_id": external_event_id}
        async with self._statement(tx) as connection:
            await connection.execute(STAMP_EVENT, {**wanted, "processed_at": processed_at})

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: AsyncConnection
    ) -> Claim | None:
        """Optional: six statements in one. Without this method, the service calls those for the six."""
        keeps = state.paid_through is None or state.status in OWING  # replacing() may keep what is stored
        wanted = {
            "key_provider": event.provider,
            "key_external_customer_id": external_customer_id,
            "key_external_subscription_id": state.external_subscription_id,
            **{f"e_{name}": value for name, value in values(event).items()},
            **{f"s_{name}": value for name, value in values(state).items()},
        }
        if keeps:
            wanted["s_version"] = None  # so nothing is written here
        row = (await tx.execute(CLAIM, wanted)).one_or_none()
        if row is None:
            return None
        ticket, claimed, written, *rest = row
        customer = BillingCustomer(*rest[:CUSTOMER_FIELDS])
        if claimed is None:
            return Claim(customer)
        previous = BillingSubscription(*rest[CUSTOMER_FIELDS:]) if rest[CUSTOMER_FIELDS] is not None else None
        state = attrs.evolve(state, customer_id=customer.id, ticket=ticket)
        if keeps or previous is None or previous.version is None or state.version is None:
            upserted = await self.upsert_subscription(state, tx=tx)
        else:
            upserted = Upserted(written=written is not None, previous=previous)
        stored = state.replacing(upserted.previous) if upserted.written else upserted.previous
        return Claim(customer, stored, upserted)

    # --- parked events -----------------------------------------------------------------------------------------------

    async def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        async with self._statement(tx) as connection:
            return (await connection.execute(PARK_EVENT, values(event))).first() is not None

    async def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: Tx = None,
    ) -> list[ParkedEvent]:
        table = parked_events.c
        wanted = PARKED.order_by(table.parked_at, table.external_event_id).limit(limit)
        if external_customer_id is not None:
            wanted = wanted.where(table.external_customer_id == external_customer_id)
        if external_subscription_id is not None:
            wanted = wanted.where(table.external_subscription_id == external_subscription_id)
        if after is not None:
            last = tuple_(after.parked_at, after.external_event_id)
            wanted = wanted.where(tuple_(table.parked_at, table.external_event_id) > last)
        async with self._statement(tx) as connection:
            rows = (await connection.execute(wanted, {"key_provider": provider})).all()
        return [ParkedEvent(*row) for row in rows]

    async def update_parked_event(self, event: ParkedEvent, *, tx: Tx = None) -> None:
        wanted = {"key_provider": event.provider, "key_external_event_id": event.external_event_id}
        async with self._statement(tx) as connection:
            await connection.execute(UPDATE_PARKED_EVENT, {**wanted, "error": event.error})

    async def delete_parked_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> None:
        wanted = {"key_provider": provider, "key_external_event_id": external_event_id}
        async with self._statement(tx) as connection:
            await connection.execute(UNPARK_EVENT, wanted)

    # --- the journal -------------------------------------------------------------------------------------------------

    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        async with self._statement(tx) as connection:
            return (await connection.execute(INSERT_OPERATION, values(operation))).first() is not None

    async def get_operation(self, provider: str, key: str, *, tx: Tx = None) -> BillingOperation | None:
        async with self._statement(tx) as connection:
            found = await connection.execute(OPERATION, {"key_provider": provider, "key_key": key})
            row = found.one_or_none()
        return BillingOperation(*row) if row else None

    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        new = values(operation)
        wanted = {"key_provider": new.pop("provider"), "key_key": new.pop("key")}
        for name in ("operation", "org_id", "arguments", "ticket"):
            del new[name]
        done = operation.state is OperationState.DONE
        async with self._statement(tx) as connection:
            await connection.execute(UPDATE_OPERATION if done else UPDATE_UNLESS_DONE, {**wanted, **new})

    async def operations(
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
        table = operations.c
        wanted = OPERATIONS.order_by(table.ticket, table.key).limit(limit)
        for column, value in ((table.state, state), (table.external_id, external_id), (table.reference, reference)):
            if value is not None:
                wanted = wanted.where(column == value)
        if after is not None:
            wanted = wanted.where(tuple_(table.ticket, table.key) > tuple_(after.ticket, after.key))
        async with self._statement(tx) as connection:
            rows = (await connection.execute(wanted, {"key_provider": provider})).all()
        return [BillingOperation(*row) for row in rows]
