"""The async repository: :class:`SQLAlchemyRepository`."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from ...billing.records import Record
from ...billing.tables import Index
from ..conflicts import ATTEMPTS, asks_for_retry, lost_its_statement
from .records import DEFAULT_TABLES, Records
from .tables import BillingTables

__all__ = ["SQLAlchemyRepository"]

R = TypeVar("R", bound=Record)
T = TypeVar("T")
P = ParamSpec("P")
Tx = TypeVar("Tx", AsyncConnection, AsyncSession)
AnyTx = AsyncConnection | AsyncSession | None


class SQLAlchemyRepository(Generic[Tx]):
    """Keeps billing's records in PostgreSQL, MySQL 8, MariaDB 10.11 or SQLite, through an async engine of your application.

    A handler's ``context.transaction`` is the transaction's ``AsyncConnection``; over a session factory, its ``AsyncSession``.
    Every method takes a connection or a session of your application as ``tx``, and joins its transaction.

    Args:
        bind: an engine, or a session factory (``async_sessionmaker``), over psycopg, asyncpg, asyncmy, aiomysql or aiosqlite.
        tables: what :func:`include_metadata` returned, if the tables have a schema or a prefix of their own.
    """

    @overload
    def __init__(
        self: "SQLAlchemyRepository[AsyncConnection]", bind: AsyncEngine, *, tables: BillingTables = ...
    ) -> None: ...
    @overload
    def __init__(
        self: "SQLAlchemyRepository[AsyncSession]",
        bind: async_sessionmaker[AsyncSession],
        *,
        tables: BillingTables = ...,
    ) -> None: ...
    def __init__(
        self, bind: AsyncEngine | async_sessionmaker[AsyncSession], *, tables: BillingTables = DEFAULT_TABLES
    ) -> None:
        self._bind = bind
        self._records = Records(tables)
        engine: object = bind if isinstance(bind, AsyncEngine) else bind.kw.get("bind")
        self._single: AsyncEngine | None = None
        if isinstance(engine, AsyncEngine) and engine.dialect.name == "postgresql":
            self._single = engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool; no BEGIN, no COMMIT

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        """Open a transaction."""
        opening = cast("AbstractAsyncContextManager[Tx]", self._bind.begin())
        async with opening as tx:
            await (await _connection(tx)).run_sync(self._records.begin)
            yield tx

    async def next_ticket(self) -> int:
        """Take a ticket."""
        return await self._run(None, self._records.next_ticket)

    async def insert(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Insert a row."""
        return await self._run(tx, self._records.insert, record)

    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: AnyTx = None) -> R | None:
        """Get the row with this key."""
        return await self._run(tx, self._records.get, kind, key, lock)

    async def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: AnyTx = None,
    ) -> list[R]:
        """Find a page of rows."""
        return await self._run(tx, self._records.find, kind, index, values, after, limit)

    async def update(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Write the columns of a row that may change."""
        return await self._run(tx, self._records.update, record)

    async def delete(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Delete a row."""
        return await self._run(tx, self._records.delete, record)

    def should_retry(self, error: Exception) -> bool:
        """Whether the database asks to run the transaction again: a serialization failure, or a deadlock."""
        return asks_for_retry(error)

    async def _run(
        self, tx: AnyTx, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call it with the transaction's connection; or with one of its own, for one statement."""
        if tx is not None:
            return await (await _connection(tx)).run_sync(call, *args, **kwargs)
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._alone(call, *args, **kwargs)
            except DBAPIError as error:
                if lost_its_statement(error):
                    self._single = None  # a pooler keeps one connection for a transaction, and for nothing less
                elif not asks_for_retry(error):
                    raise
        return await self._alone(call, *args, **kwargs)

    async def _alone(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        own: AbstractAsyncContextManager[AsyncConnection | AsyncSession] = (
            self._bind.begin() if self._single is None else self._single.connect()
        )
        async with own as opened:
            return await (await _connection(opened)).run_sync(call, *args, **kwargs)


async def _connection(tx: AsyncConnection | AsyncSession) -> AsyncConnection:
    return await tx.connection() if isinstance(tx, AsyncSession) else tx
