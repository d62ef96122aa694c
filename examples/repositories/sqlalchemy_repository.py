"""Billing on SQLAlchemy 2 (async) and PostgreSQL: copy this file into your application and make it yours.

    engine = create_async_engine("postgresql+psycopg://app@db/app", pool_pre_ping=True)  # asyncpg does as well
    billing = BillingService(create_provider(), SQLAlchemyRepository(engine))

A handler's ``context.transaction`` is an ``AsyncConnection``; for the ORM: ``AsyncSession(bind=context.transaction)``.

Migration: give ``metadata`` to Alembic (``target_metadata`` takes a list, so your own stays), and ``alembic revision
--autogenerate`` writes the tables and their keys. Sequences it does not see: add ``op.execute(CreateSequence(tickets))`` to
``upgrade()`` and ``op.execute(DropSequence(tickets))`` to ``downgrade()``, both from ``sqlalchemy.schema``. Without Alembic:
``await connection.run_sync(metadata.create_all)``.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from paylattice.billing.records import TABLES, Record, table_of
from paylattice.billing.tables import ColumnKind, Index, Table

R = TypeVar("R", bound=Record)
Tx = AsyncConnection | None

# --- tables ----------------------------------------------------------------------------------------------------------


class Timestamp(sa.TypeDecorator[datetime]):
    """``timestamptz``, which comes back in UTC whatever the time zone of the connection is."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


TYPES: Mapping[ColumnKind, Any] = {
    ColumnKind.TEXT: sa.Text,
    ColumnKind.INTEGER: sa.BigInteger,
    ColumnKind.TIMESTAMP: Timestamp,
    ColumnKind.BOOLEAN: sa.Boolean,
    ColumnKind.JSON: sa.JSON,  # json, not jsonb, which refuses "\u0000": a payload is kept as it came
}

metadata = sa.MetaData()
tickets = sa.Sequence("billing_tickets", metadata=metadata)


def described(table: Table[Any]) -> sa.Table:
    """The table as SQLAlchemy has it."""
    in_key = sa.Text(collation="C")  # by code points, whatever the language of the database
    return sa.Table(
        table.name,
        metadata,
        *(
            sa.Column(
                column.name,
                in_key if column.in_key and column.kind is ColumnKind.TEXT else TYPES[column.kind],
                primary_key=column.name in table.primary_key,
                nullable=column.nullable,
            )
            for column in table.columns
        ),
        *(sa.UniqueConstraint(*key.columns, name=f"{table.name}_{key.name}") for key in table.unique_keys),
        *(sa.Index(f"{table.name}_{index.name}", *index.columns, *index.order) for index in table.indexes),
    )


ROWS = {table.record: described(table) for table in TABLES}

# --- statements: built once, so that SQLAlchemy finds them compiled ----------------------------------------------------


def equal(table: sa.Table, names: tuple[str, ...]) -> list[Any]:
    return [table.c[name] == sa.bindparam(f"key_{name}", type_=table.c[name].type) for name in names]


def keyed(values: Mapping[str, object]) -> dict[str, object]:
    return {f"key_{name}": value for name, value in values.items()}


@cache
def inserting(kind: type[Record]) -> Any:
    return insert(ROWS[kind]).on_conflict_do_nothing().returning(sa.literal(True))


@cache
def getting(kind: type[Record], key: tuple[str, ...], lock: bool) -> Any:
    found = sa.select(ROWS[kind]).where(*equal(ROWS[kind], key))
    return found.with_for_update() if lock else found


@cache
def finding(kind: type[Record], index: Index, goes_on: bool) -> Any:
    table = ROWS[kind]
    order = [table.c[name] for name in index.order]
    page = sa.select(table).where(*equal(table, index.columns)).order_by(*order).limit(sa.bindparam("limit"))
    if not goes_on:
        return page
    after = [sa.bindparam(f"after_{column.name}", type_=column.type) for column in order]
    return page.where(sa.tuple_(*order) > sa.tuple_(*after))


@cache
def updating(kind: type[Record]) -> Any:
    return sa.update(ROWS[kind]).where(*equal(ROWS[kind], table_of(kind).primary_key))


@cache
def deleting(kind: type[Record]) -> Any:
    return sa.delete(ROWS[kind]).where(*equal(ROWS[kind], table_of(kind).primary_key))


NEXT_TICKET = sa.select(tickets.next_value())

# --- the repository --------------------------------------------------------------------------------------------------


class SQLAlchemyRepository:
    """The records, in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool; no BEGIN, no ROLLBACK

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.begin()

    def _statement(self, tx: Tx) -> AbstractAsyncContextManager[AsyncConnection]:
        """For one statement, which is a transaction by itself."""
        return self._single.connect() if tx is None else nullcontext(tx)

    async def next_ticket(self) -> int:
        async with self._statement(None) as connection:
            return int((await connection.execute(NEXT_TICKET)).scalar_one())

    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        row = table_of(type(record)).row(record)
        async with self._statement(tx) as connection:
            return (await connection.execute(inserting(type(record)), row)).first() is not None

    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        async with self._statement(tx) as connection:
            row = (await connection.execute(getting(kind, tuple(key), lock), keyed(key))).one_or_none()
        return kind(**row._mapping) if row else None

    async def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: Tx = None,
    ) -> list[R]:
        given = {**keyed(values), "limit": limit}
        if after is not None:
            given |= {f"after_{name}": getattr(after, name) for name in index.order}
        async with self._statement(tx) as connection:
            rows = (await connection.execute(finding(kind, index, after is not None), given)).all()
        return [kind(**row._mapping) for row in rows]

    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        table = table_of(type(record))
        row = table.row(record)
        given = {**{name: row[name] for name in table.updatable}, **keyed(table.key_of(record))}
        async with self._statement(tx) as connection:
            try:
                async with self._protected(connection, table, tx):
                    done = await connection.execute(updating(type(record)), given)
            except IntegrityError:
                return False  # the unique key is another row's
            return bool(done.rowcount == 1)

    @asynccontextmanager
    async def _protected(self, connection: AsyncConnection, table: Table[Any], tx: Tx) -> Any:
        """A refused statement spoils a transaction: not beyond this point."""
        if tx is None or not table.update_may_clash:
            yield
        else:
            async with connection.begin_nested():
                yield

    async def delete(self, record: Record, *, tx: Tx = None) -> bool:
        key = table_of(type(record)).key_of(record)
        async with self._statement(tx) as connection:
            return bool((await connection.execute(deleting(type(record)), keyed(key))).rowcount == 1)
