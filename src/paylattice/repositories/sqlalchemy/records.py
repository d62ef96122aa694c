"""The repository's methods over a connection of SQLAlchemy: written once, for the async repository and for the blocking one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ...billing.records import Record, table_of
from ...billing.tables import Index
from .statements import Statements, after, keyed
from .tables import BillingTables, include_metadata

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

__all__ = ["DEFAULT_TABLES", "Records"]

R = TypeVar("R", bound=Record)

DEFAULT_TABLES = include_metadata(sa.MetaData())
"""The tables under their own names, in the schema of the connection."""
_MYSQL = frozenset({"mysql", "mariadb"})
_TAKEN = 1062
"""ER_DUP_ENTRY."""


class Records:
    """Rows of billing's tables.

    Args:
        tables: the tables.
    """

    def __init__(self, tables: BillingTables) -> None:
        self._tables = tables
        self._statements: dict[str, Statements] = {}

    def begin(self, connection: sa.Connection) -> None:
        """Prepare a transaction that has just begun."""
        dialect = connection.dialect.name
        if dialect == "sqlite" and not _driver(connection).in_transaction:
            # The lock is taken now: at the first write it would come too late, as others have read by then.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif dialect in _MYSQL and "isolation_level" not in connection.get_execution_options():
            # REPEATABLE READ, which is their default, locks the gaps between rows, and shows what others have overwritten.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def next_ticket(self, connection: sa.Connection) -> int:
        """Take a ticket."""
        done = connection.execute(self._for(connection).next_ticket)
        return int(done.lastrowid if connection.dialect.name in _MYSQL else done.scalar_one())

    def insert(self, connection: sa.Connection, record: Record) -> bool:
        """Insert a row; False if a key is taken."""
        statement = self._for(connection).insert(type(record))
        try:
            done = connection.execute(statement, table_of(type(record)).row(record))
        except IntegrityError as error:
            if connection.dialect.name in _MYSQL and error.orig is not None and error.orig.args[0] == _TAKEN:
                return False
            raise
        return connection.dialect.name in _MYSQL or done.rowcount == 1

    def get(self, connection: sa.Connection, kind: type[R], key: Mapping[str, object], lock: bool) -> R | None:
        """Get the row with a key."""
        statement = self._for(connection).get(kind, tuple(key), lock=lock)
        row = connection.execute(statement, keyed(key)).one_or_none()
        return None if row is None else table_of(kind).read(row)

    def find(
        self,
        connection: sa.Connection,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        last: R | None,
        limit: int,
    ) -> list[R]:
        """Find a page of rows; the one behind ``last`` if that is given."""
        statement = self._for(connection).find(kind, index, goes_on=last is not None)
        place = {} if last is None else after(last, index)
        rows = connection.execute(statement, {**keyed(values), **place, "limit": limit}).all()
        return [table_of(kind).read(row) for row in rows]

    def update(self, connection: sa.Connection, record: Record) -> bool:
        """Write the columns that may change; False if the row is not there, or a key is another row's."""
        table = table_of(type(record))
        row = table.row(record)
        given = {**{name: row[name] for name in table.updatable}, **keyed(table.key_of(record))}
        statement = self._for(connection).update(type(record))
        if not table.update_may_clash:
            return connection.execute(statement, given).rowcount == 1
        try:
            if connection.dialect.name == "postgresql" and not is_single(connection):
                with connection.begin_nested():  # a failed statement spoils a transaction there: not beyond this point
                    return connection.execute(statement, given).rowcount == 1
            return connection.execute(statement, given).rowcount == 1
        except IntegrityError:
            return False

    def delete(self, connection: sa.Connection, record: Record) -> bool:
        """Delete the row with the primary key; False if there is none."""
        statement = self._for(connection).delete(type(record))
        return connection.execute(statement, keyed(table_of(type(record)).key_of(record))).rowcount == 1

    def _for(self, connection: sa.Connection) -> Statements:
        dialect = connection.dialect.name
        found = self._statements.get(dialect)
        if found is None:
            found = self._statements[dialect] = Statements(self._tables, dialect)
        return found


def is_single(connection: sa.Connection) -> bool:
    """Whether each statement of the connection is a transaction by itself."""
    return connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def _driver(connection: sa.Connection) -> Any:
    made: DBAPIConnection | None = connection.connection.driver_connection
    return made
