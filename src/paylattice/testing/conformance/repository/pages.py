"""Checks of ``find``: the rows with the values, all of them once, in the order of the index, page by page."""

from typing import Any

from ....billing.records import BillingOperation, OperationState, Record, table_of
from ....billing.records.operations import OPERATIONS_BY_STATE
from ....billing.tables import ColumnKind, Index, Table
from ..expectations import expect
from .concurrency import Actors
from .hooks import Repository, RepositoryChecks
from .samples import KINDS, sample, with_values

__all__ = ["PageChecks"]

_LIMIT = 3


def _rows(table: Table[Any], index: Index) -> tuple[dict[str, object], list[Record], list[Record]]:
    """Values, the records that have them in the index's order, and others that do not have all of them."""
    kind = table.record
    mine = {name: getattr(sample(kind, 1), name) for name in index.columns}
    one_each = any({"provider"} < set(key) <= {"provider", *index.columns} for key in table.keys)  # at each provider
    wanted: list[Record] = []
    for number in (8, 3, 5, 1, 7, 2, 4, 6):
        shared = {  # the first column of the order is the same for some: the next one decides
            name: getattr(sample(kind, number // 3), name)
            for name in index.order[:-1]
            if table.kinds[name] is not ColumnKind.TEXT
        }
        provider = {"provider": f"acme-{number}"} if one_each and "provider" not in mine else {}
        wanted.append(sample(kind, number, **mine, **shared, **provider))
    others = [
        sample(kind, 20 + place, **{**mine, name: getattr(sample(kind, 2), name)})
        for place, name in enumerate(index.columns)
        if name != "provider"
    ]
    others += [with_values(sample(kind, 30, **mine), provider="other")] if "provider" in index.columns else []
    return mine, wanted, others


def _in_order(records: list[Record], index: Index) -> list[Record]:
    return sorted(records, key=lambda each: tuple(getattr(each, name) for name in index.order))


class PageChecks(RepositoryChecks):
    """What is found, and in which order."""

    def test_a_page_has_the_rows_of_an_index_in_its_order(self, repository: object) -> None:
        """For every index: those with the values and no others, ascending, also those of the transaction itself."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table = table_of(kind)
                for index in table.indexes:
                    values, wanted, others = _rows(table, index)
                    for each in (*wanted[:4], *others):
                        await repo.insert(each)
                    async with repo.transaction() as tx:
                        for each in wanted[4:]:
                            await repo.insert(each, tx=tx)
                        inside = await repo.find(kind, index, values, tx=tx)
                    found = await repo.find(kind, index, values)
                    what = f"find of {kind.__name__} by {index.name}"
                    expect(inside == found, f"{what}: a transaction does not see its own rows as they are")
                    expect(
                        found == _in_order(wanted, index), f"{what} brought other rows, or in another order: {found}"
                    )
                    for each in (*wanted, *others):
                        await repo.delete(each)

        self.drive(repository, check)

    def test_pages_hold_every_row_once(self, repository: object) -> None:
        """Although the rows of earlier pages are gone by then, the last one included."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                table = table_of(kind)
                for index in table.indexes:
                    values, wanted, others = _rows(table, index)
                    for each in (*wanted, *others):
                        await repo.insert(each)
                    seen: list[Record] = []
                    after: Record | None = None
                    for turn in range(len(wanted)):
                        page = await repo.find(kind, index, values, after=after, limit=_LIMIT)
                        expect(len(page) <= _LIMIT, "find brought more rows than its limit")
                        if not page:
                            break
                        seen += page
                        after = page[-1]
                        for each in page if turn != 1 else ():
                            await repo.delete(each)
                    what = f"find of {kind.__name__} by {index.name}"
                    expect(seen == _in_order(wanted, index), f"{what}: go on behind `after`, by {index.order}: {seen}")
                    for each in (*wanted, *others):
                        await repo.delete(each)

        self.drive(repository, check)

    def test_a_row_is_found_by_what_it_says_now(self, repository: object) -> None:
        """An update moves it from one value of an index to another; in the transaction, and after it."""

        async def check(repo: Repository, _actors: Actors) -> None:
            lines = [sample(BillingOperation, number, state=OperationState.OPEN) for number in (1, 2, 3)]
            for each in lines:
                await repo.insert(each)
            closed = with_values(lines[1], state=OperationState.DONE)

            async def found(state: OperationState, tx: object = None) -> list[BillingOperation]:
                values = {"provider": "acme", "state": state}
                return await repo.find(BillingOperation, OPERATIONS_BY_STATE, values, tx=tx)

            async with repo.transaction() as tx:
                await repo.update(closed, tx=tx)
                there = [await found(OperationState.OPEN, tx), await found(OperationState.DONE, tx)]
                expect(there == [[lines[0], lines[2]], [closed]], "a transaction finds a row by what it said before")
            there = [await found(OperationState.OPEN), await found(OperationState.DONE)]
            expect(there == [[lines[0], lines[2]], [closed]], "a row is found by what it said before it was updated")

        self.drive(repository, check)
