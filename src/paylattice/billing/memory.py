"""The embedded repository: real transactions over dictionaries, for tests, demos and small tools."""

import heapq
import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import attrs

from ..construction import check_methods
from ..errors import ConfigurationError, InvalidRequest
from ..transport.primitives import AsyncPrimitives, Primitives, mutex
from .records import TABLES, BillingEvent
from .tables import Index, Record, Table

__all__ = ["InMemoryRepository", "InMemoryTransaction"]

R = TypeVar("R", bound=Record)
_Key = tuple[Any, ...]
_BLOCK = 512
_TABLES: Mapping[type[Record], Table[Any]] = {table.record: table for table in TABLES}


class _Sorted:
    """Keys in order, in blocks, so that adding one costs the same among many as among few."""

    def __init__(self) -> None:
        self._blocks: list[list[_Key]] = []

    def add(self, key: _Key) -> None:
        if not self._blocks:
            self._blocks.append([key])
            return
        place = self._place(key)
        block = self._blocks[place]
        insort(block, key)
        if len(block) > 2 * _BLOCK:
            self._blocks[place : place + 1] = [block[:_BLOCK], block[_BLOCK:]]

    def remove(self, key: _Key) -> None:
        place = self._place(key)
        block = self._blocks[place]
        del block[bisect_left(block, key)]
        if not block:
            del self._blocks[place]

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def after(self, key: _Key | None) -> Iterator[_Key]:
        if key is None:
            yield from itertools.chain.from_iterable(self._blocks)
        elif self._blocks:
            first = self._place(key)
            yield from itertools.islice(self._blocks[first], bisect_right(self._blocks[first], key), None)
            yield from itertools.chain.from_iterable(self._blocks[first + 1 :])

    def _place(self, key: _Key) -> int:
        """The block that the key belongs into: the first one whose last key is not smaller, or the last block."""
        return min(bisect_left(self._blocks, key, key=_last), len(self._blocks) - 1)


def _last(block: list[_Key]) -> _Key:
    return block[-1]


class _Rows:
    """The rows of one table, with a dictionary for each key and a sorted list for each value of each index."""

    def __init__(self, table: Table[Any]) -> None:
        self.table = table
        self.rows: dict[_Key, Record] = {}
        self._keys: dict[tuple[str, ...], dict[_Key, _Key]] = {key: {} for key in table.keys[1:]}
        self._found: dict[_Key, _Sorted] = {}

    def add(self, record: Record) -> None:
        primary = _values(record, self.table.primary_key)
        self.rows[primary] = record
        for columns, taken in self._keys.items():
            key = _values(record, columns)
            if None not in key:
                taken[key] = primary
        for index in self.table.indexes:
            where = _values(record, index.columns)
            if None not in where:
                self._found.setdefault((index.name, *where), _Sorted()).add(_place(record, index, primary))

    def discard(self, primary: _Key) -> Record | None:
        record = self.rows.pop(primary, None)
        if record is None:
            return None
        for columns, taken in self._keys.items():
            taken.pop(_values(record, columns), None)
        for index in self.table.indexes:
            where = _values(record, index.columns)
            if None not in where:
                found = self._found[index.name, *where]
                found.remove(_place(record, index, primary))
                if not found:
                    del self._found[index.name, *where]
        return record

    def primary(self, key: Mapping[str, object]) -> _Key | None:
        """The primary key of the row with this key."""
        for columns in self.table.keys:
            if len(columns) == len(key) and all(name in key for name in columns):
                wanted = tuple(key[name] for name in columns)
                if columns == self.table.primary_key:
                    return wanted if wanted in self.rows else None
                return self._keys[columns].get(wanted)
        message = f"{self.table.name} has no key of {', '.join(key)}"
        raise InvalidRequest(message, param="key")

    def find(self, index: Index, where: _Key, after: Record | None) -> Iterator[_Key]:
        """The places of the rows in the index, from the one after the record on; the primary key is a place's last part."""
        found = self._found.get((index.name, *where))
        last = None if after is None else (_values(after, index.order), (_AFTER_ALL,))
        return iter(()) if found is None else found.after(last)


class _AfterAll:
    """Is greater than everything, so that a place with it is the last one of those that are equal in the index's order."""

    def __lt__(self, _other: object) -> bool:
        return False

    def __gt__(self, _other: object) -> bool:
        return True


_AFTER_ALL = _AfterAll()


def _values(record: Record, columns: tuple[str, ...]) -> _Key:
    return tuple(getattr(record, name) for name in columns)


def _place(record: Record, index: Index, primary: _Key) -> _Key:
    return _values(record, index.order), primary


class _Tables:
    """The rows of all tables."""

    def __init__(self) -> None:
        self._tables: dict[type[Record], _Rows] = {}

    def of(self, kind: type[Record]) -> _Rows:
        rows = self._tables.get(kind)
        if rows is None:
            rows = self._tables[kind] = _Rows(_TABLES[kind])
        return rows


@attrs.define(eq=False)
class InMemoryTransaction:
    """What a transaction has written so far; dropped when it fails."""

    written: _Tables = attrs.field(factory=_Tables, repr=False)
    touched: dict[tuple[type[Record], _Key], None] = attrs.field(
        factory=dict[tuple[type[Record], _Key], None], repr=False
    )
    over: bool = attrs.field(default=False, init=False)

    def put(self, kind: type[Record], primary: _Key, record: Record | None) -> None:
        """Write a row; None: delete it."""
        rows = self.written.of(kind)
        rows.discard(primary)
        self.touched[kind, primary] = None
        if record is not None:
            rows.add(record)


_Open = tuple[tuple["InMemoryRepository", InMemoryTransaction], ...]
_open_here: ContextVar[_Open] = ContextVar("paylattice_open_here", default=())


class InMemoryRepository:
    """Keeps everything in this process. Transactions run one at a time; readers see what is committed.

    It serves one event loop (or, as :class:`paylattice.sync.InMemoryRepository`, any number of threads).

    Args:
        max_events: how many applied events to remember, at least one; None: all. A delivery that comes again after its
            event was forgotten is applied again.
        primitives: how to exclude; None: on the running event loop.
    """

    def __init__(self, *, max_events: int | None = None, primitives: Primitives | None = None) -> None:
        if max_events is not None and (not isinstance(max_events, int) or max_events < 1):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
            message = "max_events must be at least 1, or None to remember all"
            raise InvalidRequest(message, param="max_events")
        if primitives is not None:
            check_methods("InMemoryRepository(primitives=...)", primitives, ("sleep", "lock", "gather"), "primitives")
        self._max_events = max_events
        self._lock = (primitives or AsyncPrimitives()).lock()
        self._tickets = itertools.count(1)
        self._committed = _Tables()
        self._looking = mutex()  # another thread sees the rows before a commit, or those after it

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        """A transaction; the next one waits for its end.

        Raises:
            ConfigurationError: this task is inside a transaction already, and would wait for itself.
        """
        here = tuple(each for each in _open_here.get() if not each[1].over)
        if any(repository is self for repository, _ in here):
            message = (
                "a transaction of this repository is open here already: inside a handler, write with context.transaction, "
                "and call billing operations that write after the handler is done"
            )
            raise ConfigurationError(message)
        tx = InMemoryTransaction()
        async with self._lock.held():
            _open_here.set((*here, (self, tx)))
            try:
                yield tx
            finally:
                tx.over = True
                _open_here.set(here)  # not reset(): a web framework may end the block in another context
            self._commit(tx)

    def _commit(self, tx: InMemoryTransaction) -> None:
        with self._looking:
            for kind, primary in tx.touched:
                rows = self._committed.of(kind)
                rows.discard(primary)
                written = tx.written.of(kind).rows.get(primary)
                if written is not None:
                    rows.add(written)
            if self._max_events is not None:
                events = self._committed.of(BillingEvent)
                while len(events.rows) > self._max_events:
                    events.discard(next(iter(events.rows)))

    @asynccontextmanager
    async def _in(self, tx: InMemoryTransaction | None) -> AsyncGenerator[InMemoryTransaction]:
        if tx is not None:
            yield _open(tx)
        else:
            async with self.transaction() as own:
                yield own

    async def next_ticket(self) -> int:
        """A number greater than every number given out before."""
        return next(self._tickets)

    async def insert(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Insert a row; False if one of the table's keys is taken."""
        kind = type(record)
        async with self._in(tx) as own:
            if self._rivals(own, record):
                return False
            own.put(kind, _values(record, self._committed.of(kind).table.primary_key), record)
            return True

    async def get(
        self,
        kind: type[R],
        key: Mapping[str, object],
        *,
        lock: bool = False,
        tx: InMemoryTransaction | None = None,
    ) -> R | None:
        """Get the row with this key."""
        with self._looking:
            return cast("R | None", self._row(tx, kind, key))

    async def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: InMemoryTransaction | None = None,
    ) -> list[R]:
        """Find a page of rows by one of the table's indexes."""
        where = tuple(values[name] for name in index.columns)
        with self._looking:
            committed = self._committed.of(kind)
            places = committed.find(index, where, after)
            own: Mapping[_Key, Record] = {}
            if tx is not None:
                written = _open(tx).written.of(kind)
                own = written.rows
                kept = (place for place in places if (kind, place[-1]) not in tx.touched)
                places = heapq.merge(kept, written.find(index, where, after))
            page = itertools.islice(places, limit)
            return [cast("R", own.get(place[-1]) or committed.rows[place[-1]]) for place in page]

    async def update(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Write the updatable columns of the row with the record's primary key; False if it is not there, or a key is taken."""
        kind = type(record)
        table = self._committed.of(kind).table
        async with self._in(tx) as own:
            stored: Any = self._row(own, kind, {name: getattr(record, name) for name in table.primary_key})
            if stored is None:
                return False
            new: Record = attrs.evolve(stored, **{name: getattr(record, name) for name in table.updatable})
            primary = _values(new, table.primary_key)
            if self._rivals(own, new) - {primary}:
                return False
            own.put(kind, primary, new)
            return True

    async def delete(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Delete the row with the record's primary key; False if there is none."""
        kind = type(record)
        key = self._committed.of(kind).table.key_of(record)
        async with self._in(tx) as own:
            if self._row(own, kind, key) is None:
                return False
            own.put(kind, tuple(key.values()), None)
            return True

    def _row(self, tx: InMemoryTransaction | None, kind: type[Record], key: Mapping[str, object]) -> Record | None:
        primary = self._primary(tx, kind, key)
        if primary is None:
            return None
        own = None if tx is None else tx.written.of(kind).rows.get(primary)
        return own or self._committed.of(kind).rows[primary]

    def _primary(self, tx: InMemoryTransaction | None, kind: type[Record], key: Mapping[str, object]) -> _Key | None:
        if tx is not None:
            own = _open(tx).written.of(kind).primary(key)
            if own is not None:
                return own
        primary = self._committed.of(kind).primary(key)
        return None if tx is not None and (kind, primary) in tx.touched else primary

    def _rivals(self, tx: InMemoryTransaction, record: Record) -> set[_Key]:
        """The primary keys of the rows that have one of the record's keys."""
        kind = type(record)
        keys = ({name: getattr(record, name) for name in columns} for columns in self._committed.of(kind).table.keys)
        found = (self._primary(tx, kind, key) for key in keys if None not in key.values())
        return {primary for primary in found if primary is not None}


def _open(tx: InMemoryTransaction) -> InMemoryTransaction:
    if tx.over:
        message = "this transaction is over: what is done with it must be done before its block, or the handler, ends"
        raise ConfigurationError(message)
    return tx
