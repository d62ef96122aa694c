"""Checks of inserting, updating and deleting, one actor at a time: keys are unique, and only what may change does."""

from typing import Any

from ....billing.records import Record, table_of
from ....billing.tables import Table
from ..expectations import expect
from .concurrency import Actors
from .hooks import Repository, RepositoryChecks
from .samples import KINDS, bare, sample, with_values
from .values import expect_there

__all__ = ["KeyChecks", "clashing"]


def clashing(table: Table[Any], columns: tuple[str, ...], record: Record, number: int = 2) -> Record:
    """Make a record that shares this one key with the other one, and nothing else."""
    other: Record = sample(table.record, number)
    return with_values(other, **{name: getattr(record, name) for name in columns})


class KeyChecks(RepositoryChecks):
    """One row for each key."""

    def test_a_key_is_taken_once(self, repository: object) -> None:
        """Each key of each table: a second row with it is refused with False, and the first one stays as it was."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table, first = table_of(kind), sample(kind, 1)
                await repo.insert(first)
                for number, columns in enumerate(table.keys, 2):
                    second = clashing(table, columns, first, number)
                    what = f"({', '.join(columns)}) of {kind.__name__}"
                    expect(await repo.insert(second) is False, f"{what} was inserted twice: insert must answer False")
                    await expect_there(repo, first)
                    if columns != table.primary_key:
                        there = await repo.get(kind, table.key_of(second))
                        expect(there is None, f"{what}: a refused insert left a row behind")
                    for name in columns:
                        other = with_values(second, **{name: getattr(sample(kind, 9), name) + "9"})
                        expect(await repo.insert(other), f"{what} was taken, although {name} is another one")
                        expect(await repo.delete(other), "delete of a row must answer True")

        self.drive(repository, check)

    def test_none_in_a_key_clashes_with_nothing(self, repository: object) -> None:
        """Two events without a delivery id do not keep each other out."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                for number in (1, 2):
                    record = bare(kind, number)
                    expect(await repo.insert(record), f"a {kind.__name__} with None in a key kept another one out")

        self.drive(repository, check)

    def test_an_update_writes_what_may_change(self, repository: object) -> None:
        """The table's ``updatable`` columns, None included; of this row; and nothing else."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in (kind for kind in KINDS if table_of(kind).updatable):
                table, before, other = table_of(kind), sample(kind, 1), sample(kind, 2)
                await repo.insert(before)
                await repo.insert(other)
                kept = {name: getattr(before, name) for name in table.kinds if name not in table.updatable}
                for new in (sample(kind, 3), bare(kind, 4), sample(kind, 5), before):
                    wanted = with_values(new, **kept)
                    given = with_values(new, **table.key_of(before))
                    expect(await repo.update(given) is True, f"update of a {kind.__name__} must answer True")
                    await expect_there(repo, wanted)
                    expect(await repo.update(given) is True, "update with the same values must answer True, too")
                await expect_there(repo, other)
                missing = sample(kind, 6)
                expect(await repo.update(missing) is False, "update of a row that is not there must answer False")
                there = await repo.get(kind, table.key_of(missing))
                expect(there is None, "update of a row that is not there made one")

        self.drive(repository, check)

    def test_an_update_takes_no_other_row_s_key(self, repository: object) -> None:
        """It answers False, changes nothing, and the transaction goes on."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table = table_of(kind)
                may_change = [key.columns for key in table.unique_keys if set(key.columns) & set(table.updatable)]
                for number, columns in enumerate(may_change):
                    first, other, third, fourth, fifth = (sample(kind, 10 * number + each) for each in range(1, 6))
                    same = {name: getattr(first, name) for name in columns if name not in table.updatable}
                    second = with_values(other, **same)
                    await repo.insert(first)
                    await repo.insert(second)
                    moved = with_values(second, **{name: getattr(first, name) for name in columns})
                    what = f"({', '.join(columns)}) of {kind.__name__}"
                    async with repo.transaction() as tx:
                        taken = await repo.update(moved, tx=tx)
                        expect(taken is False, f"{what} is another row's: update must answer False")
                        expect(await repo.insert(third, tx=tx), "a refused update ended the transaction")
                    for each in (first, second, third):
                        await expect_there(repo, each)
                    free = with_values(second, **{name: getattr(fourth, name) for name in columns})
                    free = with_values(free, **{n: getattr(second, n) for n in columns if n not in table.updatable})
                    expect(await repo.update(free), "a free key was refused")
                    await expect_there(repo, free)
                    takes_over = with_values(fifth, **{name: getattr(second, name) for name in columns})
                    expect(await repo.insert(takes_over), "a key that was given up cannot be taken")

        self.drive(repository, check)

    def test_a_deleted_row_is_gone(self, repository: object) -> None:
        """By every key and index; deleting it again answers False; its keys are free."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table, record, other = table_of(kind), sample(kind, 1), sample(kind, 2)
                await repo.insert(record)
                await repo.insert(other)
                given = with_values(sample(kind, 3), **table.key_of(record))  # the primary key alone says which
                expect(await repo.delete(given) is True, f"delete of a {kind.__name__} must answer True")
                expect(await repo.delete(record) is False, "delete of a row that is gone must answer False")
                there = await repo.get(kind, table.key_of(record))
                expect(there is None, "a row that was deleted is still there")
                await expect_there(repo, other)
                expect(await repo.insert(record) is True, "a row cannot be inserted again after it was deleted")
                await expect_there(repo, record)

        self.drive(repository, check)
