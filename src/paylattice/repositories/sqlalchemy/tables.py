"""The tables of billing's records, as SQLAlchemy describes tables: for ``create_all``, for Alembic and for your own queries."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ...billing.records import TABLES, Record
from ...billing.tables import KEY_LENGTH, Column, ColumnKind, Table

__all__ = ["BillingTables", "include_metadata"]

_PREFIX = "billing_"
_MYSQL = ("mysql", "mariadb")
_INNODB: Mapping[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in _MYSQL
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


class Timestamp(sa.TypeDecorator[datetime]):
    """A point in time, which comes back in UTC whatever the time zone of the connection is. Text on SQLite."""

    impl: Any = sa.DateTime(timezone=True)
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Write it in UTC; on SQLite with one length, so that texts sort as times follow."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        if dialect.name in _MYSQL:
            return moment.replace(tzinfo=None)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Read it in UTC."""
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class JsonText(sa.TypeDecorator[Mapping[str, Any]]):
    """A JSON object, kept as text, with every number and character as it was; ``json`` on PostgreSQL, never ``jsonb``."""

    impl: Any = sa.Text
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.JSON(none_as_null=True))
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in _MYSQL else sa.Text())

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: sa.Dialect) -> Any:
        """Write it."""
        return value if value is None or dialect.name == "postgresql" else json.dumps(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Mapping[str, Any] | None:
        """Read it."""
        read: Mapping[str, Any] | None = json.loads(value) if isinstance(value, str | bytes) else value
        return read


def _key_text() -> sa.types.TypeEngine[str]:
    """A text in a key: compared and ordered by code points, whatever the language of the database."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql").with_variant(mysql.VARCHAR(KEY_LENGTH), *_MYSQL)


_TYPES: Mapping[ColumnKind, Any] = {
    ColumnKind.TEXT: sa.Text,
    ColumnKind.INTEGER: sa.BigInteger,
    ColumnKind.TIMESTAMP: Timestamp,
    ColumnKind.BOOLEAN: sa.Boolean,
    ColumnKind.JSON: JsonText,
}


@attrs.frozen(eq=False)
class BillingTables:
    """The tables of billing's records in a ``MetaData``.

    Args:
        metadata: where they are.
        records: by the class of the records.
        tickets: the counter of tickets: a sequence on PostgreSQL, a row elsewhere.
    """

    metadata: sa.MetaData = attrs.field(repr=False)
    records: Mapping[type[Record], sa.Table] = attrs.field(repr=False)
    tickets: sa.Table = attrs.field(repr=False)


def include_metadata(metadata: sa.MetaData, *, schema: str | None = None, prefix: str = _PREFIX) -> BillingTables:
    """Add billing's tables to a ``MetaData`` of your application, so that Alembic and ``create_all`` find them.

    Args:
        metadata: your application's; ``Base.metadata`` for the ORM.
        schema: the database schema of the tables; None: the metadata's own, or the connection's.
        prefix: what the tables' names begin with.

    Returns:
        The tables: for the repository, if ``schema`` or ``prefix`` is not the default, and for your own queries.
    """
    records = {table.record: _described(table, metadata, schema, prefix) for table in TABLES}
    return BillingTables(metadata, records, _tickets(metadata, schema, prefix))


def _described(table: Table[Any], metadata: sa.MetaData, schema: str | None, prefix: str) -> sa.Table:
    name = prefix + table.name.removeprefix(_PREFIX)
    return sa.Table(
        name,
        metadata,
        *(_column(column, table) for column in table.columns),
        *(sa.UniqueConstraint(*key.columns, name=f"{name}_{key.name}") for key in table.unique_keys),
        *(sa.Index(f"{name}_{index.name}", *index.columns, *index.order) for index in table.indexes),
        schema=schema,
        **_INNODB,
    )


def _column(column: Column, table: Table[Any]) -> "sa.Column[Any]":
    in_key = column.in_key and column.kind is ColumnKind.TEXT
    return sa.Column(
        column.name,
        _key_text() if in_key else _TYPES[column.kind](),
        primary_key=column.name in table.primary_key,
        nullable=column.nullable,
    )


def _tickets(metadata: sa.MetaData, schema: str | None, prefix: str) -> sa.Table:
    """The sequence is that of ``id``, so that it comes and goes with its table, and Alembic sees it."""
    return sa.Table(
        f"{prefix}tickets",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        schema=schema,
        **_INNODB,
    )
