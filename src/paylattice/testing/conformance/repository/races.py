"""Checks of several actors at once: one winner for each key, locks that hold, tickets that only increase."""

from typing import Any

from ....billing.records import BillingCustomer, BillingSubscription, Record, table_of
from ..expectations import expect
from .concurrency import Actor, Actors
from .hooks import CROWD, Repository, RepositoryChecks, UndoneError, crowd, undo
from .keys import clashing
from .samples import KINDS, key_of, sample, with_values

__all__ = ["RaceChecks"]


class RaceChecks(RepositoryChecks):
    """Uniqueness, locks and tickets among transactions that run at the same time."""

    def test_of_many_inserts_of_one_key_one_gets_through(self, repository: object) -> None:
        """In a transaction and without; and whoever comes too late finds the row of whoever was first."""

        async def check(repo: Repository, actors: Actors) -> None:
            for kind in KINDS:
                table = table_of(kind)
                for place, columns in enumerate(table.keys):
                    inside, alone = sample(kind, 80 + 2 * place), sample(kind, 81 + 2 * place)

                    async def insert(
                        number: int,
                        kind: Any = kind,
                        columns: Any = columns,
                        record: Record = inside,
                        place: int = place,
                    ) -> bool:
                        mine = clashing(table_of(kind), columns, record, 10 * place + number)
                        async with repo.transaction() as tx:
                            inserted = await repo.insert(mine, tx=tx)
                            await actors.moment()
                            there = await repo.get(kind, key_of(table_of(kind), columns, record), tx=tx)
                            expect(there is not None, "whoever comes too late must find the row of whoever was first")
                            return inserted

                    async def insert_alone(
                        number: int,
                        kind: Any = kind,
                        columns: Any = columns,
                        record: Record = alone,
                        place: int = place,
                    ) -> bool:
                        return await repo.insert(clashing(table_of(kind), columns, record, 40 + 10 * place + number))

                    for actor in (insert, insert_alone):
                        done = await actors.play(crowd(actor))
                        what = f"insert of one ({', '.join(columns)}) of {kind.__name__}"
                        expect(done.count(True) == 1, f"{what} answered True to {done.count(True)} of {CROWD}")

        self.drive(repository, check)

    def test_of_many_updates_to_one_key_one_gets_through(self, repository: object) -> None:
        """Two customers of a provider that were merged there stay two organisations here."""

        async def check(repo: Repository, actors: Actors) -> None:
            for number in range(1, CROWD + 1):
                await repo.insert(sample(BillingCustomer, number))

            async def move(number: int) -> bool:
                async with repo.transaction() as tx:
                    record = sample(BillingCustomer, number, external_customer_id="cus_merged")
                    moved = await repo.update(record, tx=tx)
                    await actors.moment()
                    return moved

            done = await actors.play(crowd(move))
            expect(done.count(True) == 1, f"{done.count(True)} rows were updated to one unique key")
            key = {"provider": "acme", "external_customer_id": "cus_merged"}
            expect(await repo.get(BillingCustomer, key) is not None, "a row is not found by the key it was updated to")

        self.drive(repository, check)

    def test_an_insert_waits_for_the_end_of_another(self, repository: object) -> None:
        """If the first is undone, the second gets through: an event that was not applied must not count as applied."""

        async def check(repo: Repository, actors: Actors) -> None:
            for number, undone in enumerate((True, False), 1):
                holding, tried = actors.signal(), actors.signal()

                async def first(
                    number: int = number, undone: bool = undone, holding: Any = holding, tried: Any = tried
                ) -> set[bool]:
                    try:
                        async with repo.transaction() as tx:
                            for kind in KINDS:
                                await repo.insert(sample(kind, number), tx=tx)
                            holding.set()
                            await tried.heard(actors.grace)
                            if undone:
                                undo()
                    except UndoneError:
                        return {False}
                    finally:
                        holding.set()
                    return {True}

                async def second(number: int = number, holding: Any = holding, tried: Any = tried) -> set[bool]:
                    await holding.heard()
                    inserted: set[bool] = set()
                    async with repo.transaction() as tx:
                        for kind in KINDS:
                            columns = table_of(kind).keys[-1]
                            other = clashing(table_of(kind), columns, sample(kind, number), 50 + number)
                            inserted.add(await repo.insert(other, tx=tx))
                            tried.set()
                    return inserted

                players: list[Actor[set[bool]]] = [first, second]
                _, got_in = await actors.play(players)
                expect(len(got_in) == 1, "a transaction was told True and False of rows that another inserted together")
                if undone:
                    expect(got_in == {True}, "an insert was refused for one that was then undone: the event is lost")
                else:
                    expect(got_in == {False}, "an insert got through next to another that was committed")

        self.drive(repository, check)

    def test_a_locked_row_changes_for_nobody_else(self, repository: object) -> None:
        """Reading with ``lock``, and writing what follows from it, is one step: of eight who add one, each counts."""

        async def check(repo: Repository, actors: Actors) -> None:
            start = sample(BillingSubscription, 1, quantity=0)
            table = table_of(BillingSubscription)
            for columns in table.keys:
                await repo.insert(start)
                key = key_of(table, columns, start)

                async def add(_number: int, key: Any = key) -> int:
                    async with repo.transaction() as tx:
                        found = await repo.get(BillingSubscription, key, lock=True, tx=tx)
                        expect(found is not None, "a row that is there cannot be locked")
                        before = found.quantity or 0 if found is not None else 0
                        await actors.moment()
                        await repo.update(with_values(found or start, quantity=before + 1), tx=tx)
                        await actors.moment()
                        return before

                befores = await actors.play(crowd(add))
                twice = "two transactions locked the same row at once, or were shown what it was before they waited"
                expect(sorted(befores) == list(range(CROWD)), f"{twice}: {sorted(befores)}")
                found = await repo.get(BillingSubscription, key)
                expect(found is not None and found.quantity == CROWD, "an update of a locked row was lost")
                await repo.delete(start)

        self.drive(repository, check)

    def test_tickets_increase(self, repository: object) -> None:
        """One after another, and among many: no two are the same, and whoever asks later gets a greater one."""

        async def check(repo: Repository, actors: Actors) -> None:
            async def take(_number: int) -> list[int]:
                mine: list[int] = []
                for _ in range(10):
                    mine.append(await repo.next_ticket())
                    await actors.moment()
                return mine

            first = await repo.next_ticket()
            expect(type(first) is int and first > 0, f"a ticket is a positive int, not {first!r}")
            taken = await actors.play(crowd(take))
            everything = [ticket for mine in taken for ticket in mine]
            expect(len(everything) == len(set(everything)), "a ticket was given out twice")
            expect(all(mine == sorted(mine) for mine in taken), "whoever asked later got a smaller ticket")
            later = await repo.next_ticket()
            expect(first < min(everything) and max(everything) < later, "a ticket is not greater than every one before")

        self.drive(repository, check)

    def test_a_transaction_that_waits_does_not_hold_up_the_tickets(self, repository: object) -> None:
        """Tickets are taken outside transactions; they go on after one that was undone, and never repeat."""

        async def check(repo: Repository, actors: Actors) -> None:
            first = await repo.next_ticket()
            open_now, taken = actors.signal(), actors.signal()

            async def holder() -> int:
                try:
                    async with repo.transaction() as tx:
                        await repo.insert(sample(BillingCustomer, 1), tx=tx)
                        open_now.set()
                        await taken.heard(actors.grace)
                        undo()
                except UndoneError:
                    return 0
                finally:
                    open_now.set()

            async def taker() -> int:
                await open_now.heard()
                ticket = await repo.next_ticket()
                taken.set()
                return ticket

            _, second = await actors.play([holder, taker])
            third = await repo.next_ticket()
            expect(first < second < third, f"tickets must strictly increase; these do not: {[first, second, third]}")

        self.drive(repository, check)
