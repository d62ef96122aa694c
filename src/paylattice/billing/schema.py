"""Prints the tables as SQL for PostgreSQL, MySQL (and MariaDB), and SQLite.

https://www.postgresql.org/docs/current/sql-createtable.html, https://dev.mysql.com/doc/refman/8.4/en/create-table.html,
https://www.sqlite.org/lang_createtable.html
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import attrs

from .records import TABLES
from .tables import KEY_LENGTH, Column, ColumnKind, Index, Table

__all__ = ["Dialect", "schema"]


class Dialect(StrEnum):
    """The databases whose SQL is known."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    SQLITE = "sqlite"


@attrs.frozen
class _Sql:
    """What a database calls things.

    Args:
        types: by kind of column.
        key_text: the type of a text in a key: compared and ordered by code points.
        table_end: what follows the columns.
        tickets: makes the counter of tickets.
        quote: around a name that is a reserved word.
        inline_indexes: whether an index is a part of its table.
    """

    types: Mapping[ColumnKind, str]
    key_text: str
    tickets: str
    table_end: str = ""
    quote: str = '"'
    inline_indexes: bool = False


_RESERVED = frozenset({"key"})
_COUNTER = """\
CREATE TABLE IF NOT EXISTS billing_tickets (id {integer} NOT NULL PRIMARY KEY, last {integer} NOT NULL){end};
INSERT INTO billing_tickets SELECT 1, 0{dual} WHERE NOT EXISTS (SELECT * FROM billing_tickets);"""
_INNODB = " ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin"

_DIALECTS: Mapping[Dialect, _Sql] = {
    Dialect.POSTGRESQL: _Sql(
        types={
            ColumnKind.TEXT: "text",
            ColumnKind.INTEGER: "bigint",
            ColumnKind.TIMESTAMP: "timestamptz",
            ColumnKind.BOOLEAN: "boolean",
            ColumnKind.JSON: "json",  # jsonb would refuse "\u0000", and change numbers
        },
        key_text='text COLLATE "C"',
        tickets="CREATE SEQUENCE IF NOT EXISTS billing_tickets AS bigint;",
    ),
    Dialect.MYSQL: _Sql(
        types={
            ColumnKind.TEXT: "text",
            ColumnKind.INTEGER: "bigint",
            ColumnKind.TIMESTAMP: "datetime(6)",  # in UTC
            ColumnKind.BOOLEAN: "boolean",
            ColumnKind.JSON: "longtext",  # MySQL's json would change numbers
        },
        key_text=f"varchar({KEY_LENGTH})",
        table_end=_INNODB,
        tickets=_COUNTER.format(integer="bigint", end=_INNODB, dual=" FROM DUAL"),
        quote="`",
        inline_indexes=True,
    ),
    Dialect.SQLITE: _Sql(
        types={
            ColumnKind.TEXT: "TEXT",
            ColumnKind.INTEGER: "INTEGER",
            ColumnKind.TIMESTAMP: "TEXT",  # ISO 8601 in UTC, of one length
            ColumnKind.BOOLEAN: "INTEGER",
            ColumnKind.JSON: "TEXT",
        },
        key_text="TEXT",
        table_end=" STRICT",
        tickets=_COUNTER.format(integer="INTEGER", end=" STRICT", dual=""),
    ),
}


def schema(dialect: Dialect | str, tables: Iterable[Table[Any]] = TABLES) -> str:
    """Get the SQL that makes billing's tables, keys and indexes where they are missing.

    Args:
        dialect: ``"postgresql"``, ``"mysql"`` (for MariaDB, too) or ``"sqlite"``.
        tables: which; those of billing.

    Raises:
        ValueError: there is no such dialect.
    """
    sql = _DIALECTS[Dialect(dialect)]
    return "\n\n".join((*(_table(sql, table) for table in tables), sql.tickets)) + "\n"


def _table(sql: _Sql, table: Table[Any]) -> str:
    lines = [_column(sql, column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({_names(sql, table.primary_key)})")
    lines += (f"CONSTRAINT {table.name}_{key.name} UNIQUE ({_names(sql, key.columns)})" for key in table.unique_keys)
    if sql.inline_indexes:
        lines += (f"INDEX {index.name} ({_names(sql, _indexed(index))})" for index in table.indexes)
    body = ",\n".join(f"    {line}" for line in lines)
    statements = [f"CREATE TABLE IF NOT EXISTS {table.name} (\n{body}\n){sql.table_end};"]
    return "\n".join((*statements, *(() if sql.inline_indexes else _indexes(sql, table))))


def _indexes(sql: _Sql, table: Table[Any]) -> Iterator[str]:
    for index in table.indexes:
        name = f"{table.name}_{index.name}"
        yield f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} ({_names(sql, _indexed(index))});"


def _indexed(index: Index) -> tuple[str, ...]:
    return (*index.columns, *index.order)


def _column(sql: _Sql, column: Column) -> str:
    kind = sql.key_text if column.in_key and column.kind is ColumnKind.TEXT else sql.types[column.kind]
    return f"{_name(sql, column.name)} {kind}{'' if column.nullable else ' NOT NULL'}"


def _names(sql: _Sql, names: Iterable[str]) -> str:
    return ", ".join(_name(sql, name) for name in names)


def _name(sql: _Sql, name: str) -> str:
    return f"{sql.quote}{name}{sql.quote}" if name in _RESERVED else name
