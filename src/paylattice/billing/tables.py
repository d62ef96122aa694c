"""Describes the tables that billing's records are kept in: columns, keys and indexes, as values.

A repository reads these instead of knowing any record. The declarations are beside the records; the DDL, the embedded
repository and the documentation are made from them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from functools import cached_property
from types import NoneType
from typing import Generic, TypeAlias, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs

__all__ = ["Column", "ColumnKind", "Index", "Record", "Table", "UniqueKey"]

Record: TypeAlias = attrs.AttrsInstance
"""One of billing's records: :class:`~paylattice.BillingCustomer`, say."""
R = TypeVar("R", bound=Record)

KEY_LENGTH = 255
"""The most characters of a text in a key or an index: no provider's id, and no idempotency key, is longer."""


class ColumnKind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    """Unicode text of any length. In a key it has at most 255 characters."""
    INTEGER = "integer"
    """A whole number of 64 bits, with a sign."""
    TIMESTAMP = "timestamp"
    """A point in time, in UTC, with microseconds."""
    BOOLEAN = "boolean"
    """True or False."""
    JSON = "json"
    """A JSON object, best kept as text. It comes back with every number and every character as it was."""


@attrs.frozen
class Column:
    """A column of a table.

    Args:
        name: of the column, and of the record's field.
        kind: what it holds.
        nullable: whether it may be NULL (None).
        in_key: whether it is in a key or an index, which some databases need to know the length of.
        personal: what personal data it holds; None: none.
    """

    name: str
    kind: ColumnKind
    nullable: bool = False
    in_key: bool = False
    personal: str | None = None


@attrs.frozen
class UniqueKey:
    """Columns whose values no two rows share. Rows with NULL in one of them are not compared.

    Args:
        name: of the constraint, behind the table's name.
        columns: which.
    """

    name: str
    columns: tuple[str, ...]


@attrs.frozen
class Index:
    """A way to find rows: those with certain values, in a certain order.

    The database's index has the columns, followed by the order. The order ends in a unique key, so that a page goes on where
    the last one ended; none of its columns is nullable, and none of them ever changes.

    Args:
        name: of the index, behind the table's name.
        columns: which columns are compared: ``find`` gets a value of each.
        order: by which columns the rows are ordered, ascending; texts as the database compares them.
    """

    name: str
    columns: tuple[str, ...]
    order: tuple[str, ...]


@attrs.frozen(slots=False)
class Table(Generic[R]):
    """The table of a kind of record.

    Args:
        name: of the table.
        record: the class of the records. Each field is a column, in this order.
        primary_key: the columns that identify a row, for ``update`` and ``delete``.
        unique_keys: the other unique keys.
        indexes: the ways to find rows.
        updatable: the columns that ``update`` writes; the others stay as they were inserted.
    """

    name: str
    record: type[R]
    primary_key: tuple[str, ...]
    unique_keys: tuple[UniqueKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    updatable: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the record's fields."""
        hints, keyed = get_type_hints(self.record), self._in_keys()
        return tuple(
            Column(
                name=field.name,
                kind=_kind(hints[field.name]),
                nullable=NoneType in get_args(hints[field.name]),
                in_key=field.name in keyed,
                personal=cast("str | None", field.metadata.get("personal")),
            )
            for field in attrs.fields(self.record)
        )

    @cached_property
    def kinds(self) -> Mapping[str, ColumnKind]:
        """What each column holds, by its name."""
        return {column.name: column.kind for column in self.columns}

    @cached_property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Return the columns of the primary key, and then those of each unique key."""
        return (self.primary_key, *(key.columns for key in self.unique_keys))

    @cached_property
    def update_may_clash(self) -> bool:
        """Whether ``update`` writes a column of a unique key, which may be another row's by then."""
        return any(name in self.updatable for key in self.unique_keys for name in key.columns)

    def row(self, record: R) -> dict[str, object]:
        """Get the values of a record's columns, as plain values: str, int, datetime, bool, dict, None."""
        values = {name: getattr(record, name) for name in self.kinds}
        return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

    def read(self, values: Sequence[object]) -> R:
        """Make a record of a row.

        Args:
            values: one for each column, in the order of ``columns``. JSON may be text; a timestamp may be text in ISO 8601,
                without a time zone if it is UTC, or in any time zone; a boolean may be a number.
        """
        named = {
            column.name: _READERS[column.kind](value) if value is not None and column.kind in _READERS else value
            for column, value in zip(self.columns, values, strict=True)
        }
        return self.record(**named)

    def key_of(self, record: Record) -> dict[str, object]:
        """Get the values of a record's primary key."""
        return {name: getattr(record, name) for name in self.primary_key}

    def _in_keys(self) -> frozenset[str]:
        indexed = (name for index in self.indexes for name in (*index.columns, *index.order))
        return frozenset((*(name for key in self.keys for name in key), *indexed))


def _kind(hint: object) -> ColumnKind:
    [kind] = [each for each in get_args(hint) if each is not NoneType] if NoneType in get_args(hint) else [hint]
    kind = get_origin(kind) or kind
    if isinstance(kind, type):
        for one, column in _KINDS.items():
            if issubclass(kind, one):
                return column
    message = f"no column holds {hint!r}"
    raise TypeError(message)


_KINDS: Mapping[type, ColumnKind] = {
    str: ColumnKind.TEXT,
    bool: ColumnKind.BOOLEAN,  # before int, which it is, too
    int: ColumnKind.INTEGER,
    datetime: ColumnKind.TIMESTAMP,
    Mapping: ColumnKind.JSON,
}


def _timestamp(value: object) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else cast("datetime", value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _json(value: object) -> object:
    import json  # noqa: PLC0415 - only where JSON is kept as text

    return json.loads(value) if isinstance(value, str | bytes) else value


_READERS: Mapping[ColumnKind, Callable[[object], object]] = {
    ColumnKind.TIMESTAMP: _timestamp,
    ColumnKind.JSON: _json,
    ColumnKind.BOOLEAN: bool,
}
