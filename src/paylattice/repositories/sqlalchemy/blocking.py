"""The repository for :mod:`paylattice.sync`: :class:`BlockingSQLAlchemyRepository`."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from ...billing.records import Record
from ...billing.tables import Index
from ..conflicts import ATTEMPTS, asks_for_retry
from .records import DEFAULT_TABLES, Records
from .tables import BillingTables

__all__ = ["BlockingSQLAlchemyRepository"]

R = TypeVar("R", bound=Record)
T = TypeVar("T")
P = ParamSpec("P")
Tx = TypeVar("Tx", Connection, Session)
AnyTx = Connection | Session | None


class BlockingSQLAlchemyRepository(Generic[Tx]):
    """:class:`SQLAlchemyRepository` without ``await``, for :mod:`paylattice.sync`: over an engine, or a ``sessionmaker``.

    Args:
        bind: an engine, or a session factory (``sessionmaker``), over psycopg, PyMySQL, mysqlclient or sqlite3.
        tables: what :func:`include_metadata` returned, if the tables have a schema or a prefix of their own.
    """

    @overload
    def __init__(
        self: "BlockingSQLAlchemyRepository[Connection]", bind: Engine, *, tables: BillingTables = ...
    ) -> None: ...
    @overload
    def __init__(
        self: "BlockingSQLAlchemyRepository[Session]", bind: sessionmaker[Session], *, tables: BillingTables = ...
    ) -> None: ...
    def __init__(self, bind: Engine | sessionmaker[Session], *, tables: BillingTables = DEFAULT_TABLES) -> None:
        self._bind = bind
        self._records = Records(tables)
        engine: object = bind if isinstance(bind, Engine) else bind.kw.get("bind")
        self._single: Engine | None = None
        if isinstance(engine, Engine) and engine.dialect.name == "postgresql":
            self._single = engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool; no BEGIN, no COMMIT

    @contextmanager
    def transaction(self) -> Generator[Tx]:
        """Open a transaction."""
        opening = cast("AbstractContextManager[Tx]", self._bind.begin())
        with opening as tx:
            self._records.begin(_connection(tx))
            yield tx

    def next_ticket(self) -> int:
        """Take a ticket."""
        return self._run(None, self._records.next_ticket)

    def insert(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Insert a row."""
        return self._run(tx, self._records.insert, record)

    def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: AnyTx = None) -> R | None:
        """Get the row with this key."""
        return self._run(tx, self._records.get, kind, key, lock)

    def find(
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
        return self._run(tx, self._records.find, kind, index, values, after, limit)

    def update(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Write the columns of a row that may change."""
        return self._run(tx, self._records.update, record)

    def delete(self, record: Record, *, tx: AnyTx = None) -> bool:
        """Delete a row."""
        return self._run(tx, self._records.delete, record)

    def should_retry(self, error: Exception) -> bool:
        """Whether the database asks to run the transaction again: a serialization failure, or a deadlock."""
        return asks_for_retry(error)

    def _run(self, tx: AnyTx, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it with the transaction's connection; or with one of its own, for one statement."""
        if tx is not None:
            return call(_connection(tx), *args, **kwargs)
        for _ in range(ATTEMPTS - 1):
            try:
                return self._alone(call, *args, **kwargs)
            except DBAPIError as error:
                if not asks_for_retry(error):
                    raise
        return self._alone(call, *args, **kwargs)

    def _alone(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        own: AbstractContextManager[Connection | Session] = (
            self._bind.begin() if self._single is None else self._single.connect()
        )
        with own as opened:
            return call(_connection(opened), *args, **kwargs)


def _connection(tx: Connection | Session) -> Connection:
    return tx.connection() if isinstance(tx, Session) else tx
