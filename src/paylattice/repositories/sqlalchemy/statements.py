"""The statements of the repository's methods: built once for each kind of record, so that SQLAlchemy finds them compiled."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from ...billing.records import Record, table_of
from ...billing.tables import Index
from .tables import BillingTables

__all__ = ["Statements", "after", "keyed"]


def keyed(values: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a key."""
    return {f"key_{name}": value for name, value in values.items()}


def after(record: Record, index: Index) -> dict[str, object]:
    """The parameters of the place behind which a page goes on."""
    return {f"after_{name}": getattr(record, name) for name in index.order}


class Statements:
    """The statements over some tables on one kind of database.

    Args:
        tables: the tables.
        dialect: SQLAlchemy's name of the kind of database.
    """

    def __init__(self, tables: BillingTables, dialect: str) -> None:
        self._tables = tables
        self._dialect = dialect
        self._made: dict[tuple[object, ...], Any] = {}
        self.next_ticket: Any = self._next_ticket()

    def insert(self, kind: type[Record]) -> Any:
        """Insert a row. On MySQL a taken key is an error, which leaves the transaction as it was; elsewhere no row."""

        def make(table: sa.Table) -> Any:
            if self._dialect == "postgresql":
                return postgresql.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
            if self._dialect == "sqlite":
                return sqlite.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
            return sa.insert(table)

        return self._once(make, kind, "insert")

    def get(self, kind: type[Record], key: tuple[str, ...], *, lock: bool) -> Any:
        """Get the row with a key; locked, where the database has locks on rows."""

        def make(table: sa.Table) -> Any:
            found = sa.select(table).where(*_equal(table, key))
            return found.with_for_update() if lock else found

        return self._once(make, kind, "get", key, lock)

    def find(self, kind: type[Record], index: Index, *, goes_on: bool) -> Any:
        """Find a page; behind a record if it goes on."""

        def make(table: sa.Table) -> Any:
            order = [table.c[name] for name in index.order]
            page = sa.select(table).where(*_equal(table, index.columns)).order_by(*order).limit(sa.bindparam("limit"))
            if not goes_on:
                return page
            place = [sa.bindparam(f"after_{column.name}", type_=column.type) for column in order]
            if self._dialect in {"mysql", "mariadb"}:  # they seek in the index by a single column only
                page = page.where(order[0] >= place[0])
            return page.where(sa.tuple_(*order) > sa.tuple_(*place))

        return self._once(make, kind, "find", index, goes_on)

    def update(self, kind: type[Record]) -> Any:
        """Write the row with the primary key."""
        return self._once(
            lambda table: sa.update(table).where(*_equal(table, table_of(kind).primary_key)), kind, "update"
        )

    def delete(self, kind: type[Record]) -> Any:
        """Delete the row with the primary key."""
        return self._once(
            lambda table: sa.delete(table).where(*_equal(table, table_of(kind).primary_key)), kind, "delete"
        )

    def _once(self, make: Callable[[sa.Table], Any], kind: type[Record], *what: object) -> Any:
        found = self._made.get((kind, *what))
        if found is None:
            found = self._made[(kind, *what)] = make(self._tables.records[kind])
        return found

    def _next_ticket(self) -> Any:
        """The next number of the sequence; elsewhere of a row, which the first ticket makes."""
        table = self._tables.tickets
        if self._dialect == "postgresql":
            name = sa.literal(postgresql.dialect().identifier_preparer.format_table(table), sa.Text)  # type: ignore[no-untyped-call]  # SQLAlchemy's
            return sa.select(sa.func.nextval(sa.func.pg_get_serial_sequence(name, "id")))
        if self._dialect == "sqlite":
            first = sqlite.insert(table).values(id=1, last=1)
            return first.on_conflict_do_update(index_elements=["id"], set_={"last": table.c.last + 1}).returning(
                table.c.last
            )
        given = sa.func.last_insert_id  # the server hands it back with the answer, as if a row had got that number
        return mysql.insert(table).values(id=1, last=given(1)).on_duplicate_key_update(last=given(table.c.last + 1))


def _equal(table: sa.Table, names: tuple[str, ...]) -> list[Any]:
    return [table.c[name] == sa.bindparam(f"key_{name}", type_=table.c[name].type) for name in names]
