"""Checks of a repository's transactions: all or nothing, and invisible until the end.

A repository may let transactions run one after the other, or at the same time with locks on rows: both pass. So no check
demands that an actor waits, or that it does not; they demand what must be true in either case.
"""

import asyncio
from collections.abc import Mapping

from ....billing.records import Record, table_of
from ..expectations import expect
from .concurrency import Actors
from .hooks import Repository, RepositoryChecks, UndoneError, undo
from .samples import KINDS, key_of, sample, with_values

__all__ = ["TransactionChecks"]

_CHANGES = ("insert", "update", "delete")


class _Gone(BaseException):
    """What ends a process: no ``except Exception`` stops it."""


async def _prepare(repo: Repository) -> None:
    for kind in KINDS:
        for number in (1, 2):
            await repo.insert(sample(kind, number))


async def _write_everything(repo: Repository, tx: object) -> None:
    """One write of every kind, upon what :func:`_prepare` left."""
    for kind in KINDS:
        await repo.insert(sample(kind, 3), tx=tx)
        if table_of(kind).updatable:
            await repo.update(with_values(sample(kind, 4), **table_of(kind).key_of(sample(kind, 1))), tx=tx)
        await repo.delete(sample(kind, 2), tx=tx)


async def _everything(repo: Repository, tx: object = None) -> Mapping[str, object]:
    """All that can be read, by what it is."""
    read: dict[str, object] = {}
    for kind in KINDS:
        table = table_of(kind)
        for change, number in zip(_CHANGES, (3, 1, 2), strict=True):
            record = sample(kind, number)
            if change == "update" and not table.updatable:
                continue
            for columns in (table.primary_key,) if change == "update" else table.keys:
                key = key_of(table, columns, record)
                read[f"{change} of a {kind.__name__}, by {columns}"] = await repo.get(kind, key, tx=tx)
            for index in table.indexes if change != "update" else ():
                values = {name: getattr(record, name) for name in index.columns}
                page: list[Record] = await repo.find(kind, index, values, tx=tx)
                read[f"{change} of a {kind.__name__}, by {index.name}"] = [each == record for each in page]
    return read


class TransactionChecks(RepositoryChecks):
    """Atomicity and isolation."""

    def test_what_is_committed_is_there(self, repository: object) -> None:
        """Every kind of write, after the block has ended."""

        async def check(repo: Repository, _actors: Actors) -> None:
            await _prepare(repo)
            before = await _everything(repo)
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
            for what, value in (await _everything(repo)).items():
                expect(value != before[what], f"{what}: what a transaction wrote is not there after it ended")

        self.drive(repository, check)

    def test_a_transaction_sees_its_own_writes(self, repository: object) -> None:
        """Every kind, in every way of reading."""

        async def check(repo: Repository, _actors: Actors) -> None:
            await _prepare(repo)
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
                inside = await _everything(repo, tx)
            for what, value in (await _everything(repo)).items():
                expect(inside[what] == value, f"{what}: a transaction does not see what it wrote itself")

        self.drive(repository, check)

    def test_a_transaction_refuses_its_own_duplicates(self, repository: object) -> None:
        """Keys are unique within a transaction, too; a refused insert does not spoil it; a deleted row's key is free."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table, first = table_of(kind), sample(kind, 1)
                async with repo.transaction() as tx:
                    await repo.insert(first, tx=tx)
                    for columns in table.keys:
                        again = with_values(sample(kind, 2), **{name: getattr(first, name) for name in columns})
                        twice = await repo.insert(again, tx=tx)
                        expect(twice is False, f"a transaction inserted two {kind.__name__} with one {columns}")
                    await repo.insert(sample(kind, 3), tx=tx)
                    await repo.delete(first, tx=tx)
                    expect(await repo.insert(first, tx=tx), "a transaction cannot insert again what it deleted")
                found = await repo.get(kind, table.key_of(sample(kind, 3)))
                expect(found == sample(kind, 3), "after a refused insert, the transaction was lost")

        self.drive(repository, check)

    def test_what_fails_leaves_no_trace(self, repository: object) -> None:
        """Neither an exception nor the end of the process; and the exception comes out as it is."""

        async def check(repo: Repository, _actors: Actors) -> None:
            await _prepare(repo)
            before = await _everything(repo)
            for failure in (UndoneError("as it is"), _Gone("as it is"), asyncio.CancelledError("as it is")):
                caught: BaseException | None = None
                try:
                    async with repo.transaction() as tx:
                        await _write_everything(repo, tx)
                        raise failure
                except (UndoneError, _Gone, asyncio.CancelledError) as exc:
                    caught = exc
                name = type(failure).__name__
                expect(caught is failure, f"{name} did not come out of the transaction as it is")
                for what, value in (await _everything(repo)).items():
                    expect(value == before[what], f"{what}: something of a transaction that ended with {name} stayed")
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
            expect((await _everything(repo)) != before, "after a transaction that failed, none works any more")

        self.drive(repository, check)

    def test_what_is_not_committed_is_not_seen(self, repository: object) -> None:
        """Neither by a reader without a transaction, nor by one in a transaction of its own."""

        async def check(repo: Repository, actors: Actors) -> None:
            await _prepare(repo)
            before = await _everything(repo)
            written, looked = actors.signal(), actors.signal()

            async def writer() -> None:
                try:
                    async with repo.transaction() as tx:
                        await _write_everything(repo, tx)
                        written.set()
                        await looked.heard(actors.grace)
                        undo()
                except UndoneError:
                    pass
                finally:
                    written.set()

            async def reader() -> None:
                await written.heard()
                for what, value in (await _everything(repo)).items():
                    expect(value == before[what], f"{what}: a reader saw what was never committed")
                looked.set()

            async def reader_in_a_transaction() -> None:
                await written.heard()
                async with repo.transaction() as tx:
                    for what, value in (await _everything(repo, tx)).items():
                        expect(value == before[what], f"{what}: a transaction saw what another never committed")

            await actors.play([writer, reader, reader_in_a_transaction])

        self.drive(repository, check)

    def test_a_transaction_becomes_visible_at_once(self, repository: object) -> None:
        """Whoever sees one of its writes sees the others, too."""

        async def check(repo: Repository, actors: Actors) -> None:
            first, last = KINDS[0], KINDS[-1]
            numbers = range(1, 6)
            half = {number: actors.signal() for number in numbers}
            looked = {number: actors.signal() for number in numbers}
            over = {number: actors.signal() for number in numbers}

            async def writer() -> None:
                try:
                    for number in numbers:
                        async with repo.transaction() as tx:
                            await repo.insert(sample(first, number), tx=tx)
                            half[number].set()
                            await looked[number].heard(actors.grace)
                            await repo.insert(sample(last, number), tx=tx)
                        over[number].set()
                finally:
                    for signal in (*half.values(), *over.values()):
                        signal.set()

            async def reader() -> None:
                for number in numbers:
                    await half[number].heard()
                    one, other = (
                        table_of(first).key_of(sample(first, number)),
                        table_of(last).key_of(sample(last, number)),
                    )
                    while True:
                        ended = over[number].is_set()
                        early, late = await repo.get(first, one), await repo.get(last, other)
                        expect(early is None or late is not None, "half of a transaction was to be seen")
                        early = await repo.get(first, one)
                        expect(late is None or early is not None, "half of a transaction was to be seen")
                        looked[number].set()
                        if ended:
                            break
                        await actors.moment()

            await actors.play([writer, reader])

        self.drive(repository, check)
