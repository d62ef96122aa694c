"""Repositories that break one promise each, and a table of what must catch them. ``test_broken_repositories.py`` runs it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta, timezone
from typing import Any, ClassVar, TypeVar

import attrs
import pytest

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, InMemoryRepository, UnmatchedEvent
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import Record, table_of
from paylattice.billing.tables import Index
from paylattice.testing import RepositoryConformance

R = TypeVar("R", bound=Record)
Tx = InMemoryTransaction | None


def changed(record: Any, **values: object) -> Any:
    return attrs.evolve(record, **values)


# --- what comes back ---------------------------------------------------------------------------------------------


class ChangesWhatIsRead(InMemoryRepository):
    def made_of(self, record: Any) -> Any:
        return record

    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        found = await super().get(kind, key, lock=lock, tx=tx)
        return None if found is None else self.made_of(found)

    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        return [self.made_of(each) for each in await super().find(kind, index, values, **options)]


class LosesMetadata(ChangesWhatIsRead):
    def made_of(self, record: Any) -> Any:
        return changed(record, metadata={}) if isinstance(record, BillingCustomer) else record


class CutsTimesToSeconds(ChangesWhatIsRead):
    def made_of(self, record: Any) -> Any:
        return (
            changed(record, waiting_since=record.waiting_since.replace(microsecond=0))
            if isinstance(record, UnmatchedEvent)
            else record
        )


class HandsOutLocalTimes(ChangesWhatIsRead):
    """The time zone of the session: equal moments, but ``created_at.date()`` is another day."""

    def made_of(self, record: Any) -> Any:
        if not isinstance(record, BillingEvent):
            return record
        return changed(record, created_at=record.created_at.astimezone(timezone(timedelta(hours=2))))


class KeepsTextsUpToTheFirstNul(ChangesWhatIsRead):
    def made_of(self, record: Any) -> Any:
        if not isinstance(record, UnmatchedEvent):
            return record
        cut = {
            name: value.partition("\x00")[0] if isinstance(value, str) else value
            for name, value in record.payload.items()
        }
        return changed(record, payload=cut)


class RoundsLargeNumbers(ChangesWhatIsRead):
    """What ``jsonb`` and JavaScript do."""

    def made_of(self, record: Any) -> Any:
        if not isinstance(record, UnmatchedEvent):
            return record
        rounded = {name: int(float(value)) + 1 if value == 2**70 else value for name, value in record.payload.items()}
        return changed(record, payload=rounded)


class RaisesForWhatIsNotThere(InMemoryRepository):
    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        found = await super().get(kind, key, lock=lock, tx=tx)
        if found is None and "x" in key.values():
            raise KeyError(key)
        return found


class FoldsCase(InMemoryRepository):
    """The usual collation of MySQL."""

    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        if isinstance(record, UnmatchedEvent):
            there = self._committed.of(UnmatchedEvent).rows
            if any(key.lower() == record.external_event_id.lower() for _, key in there):
                return False
        return await super().insert(record, tx=tx)


# --- keys --------------------------------------------------------------------------------------------------------


class WithoutTheKeyOfDeliveries(InMemoryRepository):
    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        hidden = changed(record, delivery_id=None) if isinstance(record, BillingEvent) else record
        if not await super().insert(hidden, tx=tx):
            return False
        if isinstance(record, BillingEvent):
            async with self._in(tx) as own:
                own.put(BillingEvent, (record.id,), record)
        return True


class OneKeyForAllProviders(InMemoryRepository):
    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if isinstance(record, UnmatchedEvent):
                rows = (*self._committed.of(UnmatchedEvent).rows, *own.written.of(UnmatchedEvent).rows)
                gone = {primary for kind, primary in own.touched if kind is UnmatchedEvent}
                if any(key == record.external_event_id for provider, key in rows if (provider, key) not in gone):
                    return False
            return await super().insert(record, tx=own)


class InsertsOverWhatIsThere(InMemoryRepository):
    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if not await super().insert(record, tx=own):
                await super().update(record, tx=own)
            return True


class NoneIsAValueLikeAnyOther(InMemoryRepository):
    """Two events without a delivery id exclude each other."""

    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        if isinstance(record, BillingEvent) and record.delivery_id is None:
            rows = self._committed.of(BillingEvent).rows.values()
            if any(isinstance(each, BillingEvent) and each.delivery_id is None for each in rows):
                return False
        return await super().insert(record, tx=tx)


class UpdatesEveryColumn(InMemoryRepository):
    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if not await super().update(record, tx=own):
                return False
            own.put(type(record), tuple(table_of(type(record)).key_of(record).values()), record)
            return True


class UpdatesWhatIsNotThere(InMemoryRepository):
    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            return await super().update(record, tx=own) or await super().insert(record, tx=own)


class KeepsWhatIsTakenAway(InMemoryRepository):
    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            table = table_of(type(record))
            stored = await super().get(type(record), table.key_of(record), tx=own)
            if stored is not None:
                kept = {name: getattr(stored, name) for name in table.updatable if getattr(record, name) is None}
                record = changed(record, **kept)
            return await super().update(record, tx=own)


class UpdatesToATakenKey(InMemoryRepository):
    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            table = table_of(type(record))
            stored = await super().get(type(record), table.key_of(record), tx=own)
            if stored is None:
                return False
            new = changed(stored, **{name: getattr(record, name) for name in table.updatable})
            own.put(type(record), tuple(table.key_of(record).values()), new)
            return True


class EndsTheTransactionWhenRefused(InMemoryRepository):
    """PostgreSQL without a savepoint."""

    async def update(self, record: Record, *, tx: Tx = None) -> bool:
        done = await super().update(record, tx=tx)
        if not done and tx is not None:
            tx.over = True
        return done


class DeletesWhatIsTheSame(InMemoryRepository):
    async def delete(self, record: Record, *, tx: Tx = None) -> bool:
        there = await self.get(type(record), table_of(type(record)).key_of(record), tx=tx)
        return there == record and await super().delete(record, tx=tx)


class DeletesTwice(InMemoryRepository):
    async def delete(self, record: Record, *, tx: Tx = None) -> bool:
        await super().delete(record, tx=tx)
        return True


# --- pages -------------------------------------------------------------------------------------------------------


class IgnoresTheLimit(InMemoryRepository):
    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        return await super().find(kind, index, values, **{**options, "limit": 100})


class IgnoresAfter(InMemoryRepository):
    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        return await super().find(kind, index, values, **{**options, "after": None})


class CountsPages(InMemoryRepository):
    """OFFSET: what is deleted meanwhile moves the others."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0

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
        if after is None:
            self.skipped = 0
        everything = await super().find(kind, index, values, tx=tx)
        page = everything[self.skipped : self.skipped + limit]
        self.skipped += len(page)
        return page


class GoesOnByTheFirstColumnAlone(InMemoryRepository):
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
        everything = await super().find(kind, index, values, tx=tx)
        name = index.order[0]
        return [each for each in everything if after is None or getattr(each, name) > getattr(after, name)][:limit]


class NewestFirst(InMemoryRepository):
    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        return (await super().find(kind, index, values, **options))[::-1]


class IgnoresTheLastColumn(InMemoryRepository):
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
        if kind is not UnmatchedEvent:
            return await super().find(kind, index, values, after=after, limit=limit, tx=tx)
        by_provider = table_of(kind).indexes[0]
        return await super().find(kind, by_provider, {"provider": values["provider"]}, after=after, limit=limit, tx=tx)


# --- tickets -----------------------------------------------------------------------------------------------------


class TicketsCountDown(InMemoryRepository):
    last = 2**40

    async def next_ticket(self) -> int:
        self.last -= 1
        return self.last


class TicketsReadThenWritten(InMemoryRepository):
    """``max(ticket) + 1``: right for one, wrong for two at once."""

    last = 0

    async def next_ticket(self) -> int:
        ticket = self.last + 1
        await asyncio.sleep(0)
        self.last = ticket
        return ticket


class TicketsRolledBack(InMemoryRepository):
    """The counter is a row like any other, and goes back with a transaction that fails."""

    last = 0

    async def next_ticket(self) -> int:
        self.last += 1
        return self.last

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            before = self.last
            try:
                yield tx
            except BaseException:
                self.last = max(before - 1, 0)
                raise


# --- transactions ------------------------------------------------------------------------------------------------


class CommitsWhatFails(InMemoryRepository):
    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        failure: BaseException | None = None
        async with super().transaction() as tx:
            try:
                yield tx
            except BaseException as exc:  # noqa: BLE001 - that is what is wrong with it
                failure = exc
        if failure is not None:
            raise failure


class CommitsWhatIsCancelled(InMemoryRepository):
    """``except Exception: rollback``, and nothing for what is no Exception."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        failure: BaseException | None = None
        async with super().transaction() as tx:
            try:
                yield tx
            except Exception:
                raise
            except BaseException as exc:  # noqa: BLE001 - that is what is wrong with it
                failure = exc
        if failure is not None:
            raise failure


class SwallowsTheException(InMemoryRepository):
    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        try:
            async with super().transaction() as tx:
                yield tx
        except Exception:  # noqa: BLE001 - that is what is wrong with it
            pass


class WritesOutsideTheTransaction(InMemoryRepository):
    """One kind of record forgot its ``tx``."""

    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        if not isinstance(record, UnmatchedEvent) or tx is None:
            return await super().insert(record, tx=tx)
        by_itself = InMemoryTransaction()
        done = await super().insert(record, tx=by_itself)
        self._commit(by_itself)
        return done


class ReadsPastTheTransaction(InMemoryRepository):
    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        return await super().get(kind, key, lock=lock)


class ForgetsToCommit(InMemoryRepository):
    """Deletes, that is."""

    def _commit(self, tx: InMemoryTransaction) -> None:
        for kind, primary in [*tx.touched]:
            if primary not in tx.written.of(kind).rows:
                del tx.touched[kind, primary]
        super()._commit(tx)


class BecomesVisibleInParts(InMemoryRepository):
    """The second table is a little later."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            yield tx
            everything = {**tx.touched}
            for one in everything:
                if one[0] is BillingCustomer:
                    del tx.touched[one]
            self._commit(tx)
            await asyncio.sleep(0.01)
            tx.touched.clear()
            tx.touched.update(everything)


# --- several at once ---------------------------------------------------------------------------------------------


class Unlocked(InMemoryRepository):
    """Looks first and writes later; transactions run at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = _Open()


class LocksNoRow(InMemoryRepository):
    """No FOR UPDATE: a reader who wants to write is shown what was there before."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[object, Any] = {}

    async def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx = None) -> R | None:
        found = await super().get(kind, key, tx=tx)
        if not lock or kind is not BillingSubscription or found is None:
            return found
        return self.seen.setdefault(str(key), found)  # type: ignore[no-any-return]  # the first one


class RefusesWithoutWaiting(InMemoryRepository):
    """An insert is refused because of one that is not committed, and may never be."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: set[object] = set()

    async def insert(self, record: Record, *, tx: Tx = None) -> bool:
        if isinstance(record, BillingCustomer) and tx is not None:
            keys = {(name, getattr(record, name)) for name in ("org_id", "external_customer_id")}
            if keys & self.pending:
                return False
            self.pending |= keys
        return await super().insert(record, tx=tx)


class NeverReleasesTheLock(InMemoryRepository):
    """After a transaction that failed, its lock stays."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            try:
                yield tx
            except BaseException:
                self._lock = _Stuck()
                raise


class _Open:
    """A lock that locks nothing."""

    def held(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class _Stuck:
    """A lock that nobody gets."""

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        await asyncio.sleep(3600)
        yield


class ForgetsEverything(InMemoryRepository):
    """Nothing outlives the process."""


# --- what must catch them ----------------------------------------------------------------------------------------

CAUGHT_BY: Mapping[type[Any], set[str]] = {
    LosesMetadata: {"test_a_record_comes_back_as_it_was_written"},
    CutsTimesToSeconds: {"test_times_come_back_in_utc", "test_a_record_comes_back_as_it_was_written"},
    HandsOutLocalTimes: {"test_times_come_back_in_utc"},
    KeepsTextsUpToTheFirstNul: {"test_json_comes_back_as_it_was"},
    RoundsLargeNumbers: {"test_json_comes_back_as_it_was"},
    RaisesForWhatIsNotThere: {"test_what_is_not_there_is_none"},
    FoldsCase: {"test_keys_are_compared_character_by_character"},
    WithoutTheKeyOfDeliveries: {
        "test_a_key_is_taken_once",
        "test_a_transaction_refuses_its_own_duplicates",
        "test_an_insert_waits_for_the_end_of_another",
        "test_of_many_inserts_of_one_key_one_gets_through",
    },
    OneKeyForAllProviders: {"test_a_key_is_taken_once"},
    InsertsOverWhatIsThere: {
        "test_a_key_is_taken_once",
        "test_a_transaction_refuses_its_own_duplicates",
        "test_an_insert_waits_for_the_end_of_another",
        "test_of_many_inserts_of_one_key_one_gets_through",
    },
    NoneIsAValueLikeAnyOther: {"test_none_in_a_key_clashes_with_nothing"},
    UpdatesEveryColumn: {"test_an_update_writes_what_may_change"},
    UpdatesWhatIsNotThere: {"test_an_update_writes_what_may_change"},
    KeepsWhatIsTakenAway: {"test_an_update_writes_what_may_change"},
    UpdatesToATakenKey: {"test_an_update_takes_no_other_row_s_key", "test_of_many_updates_to_one_key_one_gets_through"},
    EndsTheTransactionWhenRefused: {"test_an_update_takes_no_other_row_s_key"},
    DeletesWhatIsTheSame: {"test_a_deleted_row_is_gone"},
    DeletesTwice: {"test_a_deleted_row_is_gone"},
    IgnoresTheLimit: {"test_pages_hold_every_row_once"},
    IgnoresAfter: {"test_pages_hold_every_row_once"},
    CountsPages: {"test_pages_hold_every_row_once"},
    GoesOnByTheFirstColumnAlone: {"test_pages_hold_every_row_once"},
    NewestFirst: {"test_a_page_has_the_rows_of_an_index_in_its_order"},
    IgnoresTheLastColumn: {"test_a_page_has_the_rows_of_an_index_in_its_order", "test_pages_hold_every_row_once"},
    TicketsCountDown: {"test_a_transaction_that_waits_does_not_hold_up_the_tickets", "test_tickets_increase"},
    TicketsReadThenWritten: {"test_tickets_increase"},
    TicketsRolledBack: {"test_a_transaction_that_waits_does_not_hold_up_the_tickets"},
    CommitsWhatFails: {
        "test_an_insert_waits_for_the_end_of_another",
        "test_what_fails_leaves_no_trace",
        "test_what_is_not_committed_is_not_seen",
    },
    CommitsWhatIsCancelled: {"test_what_fails_leaves_no_trace"},
    SwallowsTheException: {"test_what_fails_leaves_no_trace"},
    WritesOutsideTheTransaction: {
        "test_a_transaction_refuses_its_own_duplicates",
        "test_an_insert_waits_for_the_end_of_another",
        "test_what_fails_leaves_no_trace",
        "test_what_is_not_committed_is_not_seen",
    },
    ReadsPastTheTransaction: {
        "test_a_transaction_sees_its_own_writes",
        "test_of_many_inserts_of_one_key_one_gets_through",
    },
    ForgetsToCommit: {"test_what_is_committed_is_there", "test_a_deleted_row_is_gone"},
    BecomesVisibleInParts: {"test_a_transaction_becomes_visible_at_once"},
    Unlocked: {
        "test_a_locked_row_changes_for_nobody_else",
        "test_an_insert_waits_for_the_end_of_another",
        "test_of_many_inserts_of_one_key_one_gets_through",
        "test_of_many_updates_to_one_key_one_gets_through",
    },
    LocksNoRow: {"test_a_locked_row_changes_for_nobody_else"},
    RefusesWithoutWaiting: {"test_an_insert_waits_for_the_end_of_another"},
    NeverReleasesTheLock: {"test_an_insert_waits_for_the_end_of_another", "test_what_fails_leaves_no_trace"},
    ForgetsEverything: {"test_what_is_committed_outlives_the_process"},
}


class Double(RepositoryConformance):
    """Made for each line of the table: the checks that it names must fail."""

    kind: ClassVar[type[Any]]
    patience = 0.6
    grace = 0.03

    @pytest.fixture
    def repository(self) -> Any:
        return self.kind()

    def reopened(self, repository: Any) -> Any:
        if self.kind is ForgetsEverything:
            return InMemoryRepository()
        pytest.skip("all in one process")


for broken in CAUGHT_BY:
    name = f"Test{broken.__name__}"
    globals()[name] = type(name, (Double,), {"kind": broken, "__module__": __name__})
del Double
