"""Records for the checks, made from their tables: a new kind of record is checked without a line here."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar, get_args, get_type_hints

import attrs

from ....billing.records import TABLES, Record, table_of
from ....billing.tables import ColumnKind, Table

__all__ = ["HOSTILE", "KINDS", "NOW", "bare", "key_of", "sample", "with_values"]

R = TypeVar("R", bound=Record)

KINDS: tuple[type[Record], ...] = tuple(table.record for table in TABLES)
NOW = datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
STRINGS = {"team": "größe ✓ \U0001f600", "empty": "", "quote": 'it\'s "so" \\ %s'}
HOSTILE: dict[str, object] = {
    "nul": "a\x00b",
    "half a pair": "\ud83d",
    "large": 2**70,
    "deep": [[[{"x": None}]]],
    "": -1.5,
    "long": "é" * 100_000,
}
"""What JSON can say, and a column of many databases cannot."""


def sample(kind: type[R], number: int = 1, **changes: object) -> R:
    """Make a record with a value in every column; another number is another value in every column but ``provider``.

    Args:
        kind: the class.
        number: which.
        changes: values of certain columns.
    """
    table, hints = table_of(kind), get_type_hints(kind)
    values = {column.name: _value(column.name, column.kind, hints[column.name], number) for column in table.columns}
    return kind(**{**values, **changes})


def bare(kind: type[R], number: int = 1) -> R:
    """Make a record with None wherever that is allowed."""
    return sample(kind, number, **{column.name: None for column in table_of(kind).columns if column.nullable})


def with_values(record: R, **changes: object) -> R:
    """Make the same record with other values."""
    made: Any = record
    changed: R = attrs.evolve(made, **changes)
    return changed


def key_of(table: Table[Any], columns: tuple[str, ...], record: Record) -> dict[str, object]:
    """Get the values of one of a table's keys."""
    row = table.row(record)
    return {name: row[name] for name in columns}


def _value(name: str, kind: ColumnKind, hint: object, number: int) -> object:
    one_of = [each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, Enum)]
    if one_of:
        words = list(one_of[0])
        return words[number % len(words)]
    if name == "provider":
        return "acme"
    match kind:
        case ColumnKind.TEXT:
            return f"{name}-{number:02} größe"
        case ColumnKind.INTEGER:
            return 2**40 + number
        case ColumnKind.TIMESTAMP:
            return NOW + timedelta(minutes=number)
        case ColumnKind.BOOLEAN:
            return number % 2 == 1
        case ColumnKind.JSON:
            return {**STRINGS, "number": str(number)}
