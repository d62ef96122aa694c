"""Checks of a repository's transactions: all or nothing, invisible until the end, one winner among several.

A repository may let transactions run one after the other, or at the same time with locks on rows: both pass. So no check
demands that somebody waits, or that nobody does; they demand what must be true in either case.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import attrs

from ..billing.records import OperationState
from ..models import SubscriptionStatus
from .conformance_models import expect
from .conformance_records import NOW, customer, event, operation, parked, subscription
from .conformance_stage import Actor, Stage
from .conformance_storage import Repository, RepositoryChecks, UndoneError, undo

__all__ = ["TransactionChecks", "crowd", "written_chain"]

_CROWD = 8


class _Gone(BaseException):
    """What ends a process: no ``except Exception`` stops it."""


async def _write_everything(repo: Repository, tx: object) -> None:
    """One write of every kind, upon what :func:`_prepare` left."""
    await repo.insert_customer(customer(2), tx=tx)
    await repo.update_customer(attrs.evolve(customer(1), name="Changed"), tx=tx)
    await repo.upsert_subscription(subscription(2), tx=tx)
    await repo.upsert_subscription(subscription(2, number=2), tx=tx)
    await repo.insert_event(event(2), tx=tx)
    await repo.mark_event_processed("acme", "evt_1", NOW, tx=tx)
    await repo.park_event(parked(2), tx=tx)
    await repo.delete_parked_event("acme", "evt_1", tx=tx)
    await repo.update_parked_event(attrs.evolve(parked(3), error="ValueError"), tx=tx)
    await repo.insert_operation(operation(2), tx=tx)
    await repo.update_operation(operation(1, state=OperationState.DONE), tx=tx)


async def _prepare(repo: Repository) -> None:
    await repo.insert_customer(customer(1))
    await repo.upsert_subscription(subscription(1))
    await repo.insert_event(event(1))
    await repo.park_event(parked(1))
    await repo.park_event(parked(3))
    await repo.insert_operation(operation(1))


async def _everything(repo: Repository, tx: object = None) -> dict[str, object]:
    """All that can be read, by what it is."""
    return {
        "insert_customer, by org": await repo.get_customer("org-2", "acme", tx=tx),
        "insert_customer, by id": await repo.get_customer_by_id(customer(2).id, tx=tx),
        "insert_customer, by external id": await repo.get_customer_by_external_id("acme", "cus_2", tx=tx),
        "insert_customer, in list_customers": [each.id for each in await repo.list_customers("acme", tx=tx)],
        "update_customer": await repo.get_customer("org-1", "acme", tx=tx),
        "upsert_subscription": await repo.get_subscription("acme", "sub_1", tx=tx),
        "upsert_subscription of a new one": await repo.get_subscription("acme", "sub_2", tx=tx),
        "upsert_subscription, in list_subscriptions": [
            each.ticket for each in await repo.list_subscriptions(customer(1).id, tx=tx)
        ],
        "insert_event": await repo.get_event("acme", "evt_2", tx=tx),
        "mark_event_processed": await repo.get_event("acme", "evt_1", tx=tx),
        "park_event and delete_parked_event": [
            each.external_event_id for each in await repo.parked_events("acme", tx=tx)
        ],
        "update_parked_event": [each.error for each in await repo.parked_events("acme", tx=tx)][-1:],
        "insert_operation": await repo.get_operation("acme", "key-2", tx=tx),
        "update_operation": await repo.get_operation("acme", "key-1", tx=tx),
        "insert_operation and update_operation, in operations": [
            each.key for each in await repo.operations("acme", state=OperationState.OPEN, tx=tx)
        ],
    }


class TransactionChecks(RepositoryChecks):
    """Atomicity, isolation, and uniqueness among transactions that run at the same time."""

    # --- one transaction -----------------------------------------------------------------------------------------

    def test_what_is_committed_is_there(self, repository: object) -> None:
        """Every kind of write, after the block has ended."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await _prepare(repo)
            before = await _everything(repo)
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
            after = await _everything(repo)
            for what, value in after.items():
                expect(value != before[what], f"{what}: what a transaction wrote is not there after it ended")

        self.drive(repository, check)

    def test_a_transaction_sees_its_own_writes(self, repository: object) -> None:
        """Every kind, in every way of reading."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await _prepare(repo)
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
                inside = await _everything(repo, tx)
            for what, value in (await _everything(repo)).items():
                expect(inside[what] == value, f"{what}: a transaction does not see what it wrote itself")

        self.drive(repository, check)

    def test_a_transaction_refuses_its_own_duplicates(self, repository: object) -> None:
        """Keys are unique within a transaction, too; and a refused insert does not spoil it."""

        async def check(repo: Repository, _stage: Stage) -> None:
            async with repo.transaction() as tx:
                await repo.insert_event(event(1), tx=tx)
                again = await repo.insert_event(event(1, record="other"), tx=tx)
                expect(again is False, "a transaction inserted one event twice")
                await repo.insert_customer(customer(1), tx=tx)
                second = await repo.insert_customer(customer(2, org="org-1"), tx=tx)
                expect(second is False, "a transaction inserted two customers of one org")
                await repo.park_event(parked(1), tx=tx)
                expect(await repo.park_event(parked(1), tx=tx) is False, "a transaction parked one event twice")
                await repo.insert_event(event(2), tx=tx)
            expect(
                await repo.get_event("acme", "evt_2") == event(2), "after a refused insert, the transaction was lost"
            )

        self.drive(repository, check)

    def test_what_fails_leaves_no_trace(self, repository: object) -> None:
        """Neither an exception nor the end of the process; and the exception comes out as it is."""

        async def check(repo: Repository, _stage: Stage) -> None:
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
                expect(caught is failure, f"{type(failure).__name__} did not come out of the transaction as it is")
                for what, value in (await _everything(repo)).items():
                    expect(
                        value == before[what],
                        f"{what}: something of a transaction that ended with {type(failure).__name__} stayed",
                    )
            async with repo.transaction() as tx:
                await _write_everything(repo, tx)
            expect((await _everything(repo)) != before, "after a transaction that failed, none works any more")

        self.drive(repository, check)

    # --- several at once -----------------------------------------------------------------------------------------

    def test_nobody_sees_what_is_not_committed(self, repository: object) -> None:
        """Neither a reader without a transaction, nor one in a transaction of its own."""

        async def check(repo: Repository, stage: Stage) -> None:
            await _prepare(repo)
            before = await _everything(repo)
            written, looked, ending = stage.signal(), stage.signal(), stage.signal()

            async def writer() -> None:
                try:
                    async with repo.transaction() as tx:
                        await _write_everything(repo, tx)
                        written.set()
                        await looked.heard(stage.grace)
                        ending.set()
                        undo()
                except UndoneError:
                    pass
                finally:
                    written.set()

            async def reader() -> None:
                await written.heard()
                for what, value in (await _everything(repo)).items():
                    expect(value == before[what], f"{what}: somebody saw what was never committed")
                looked.set()

            async def reader_in_a_transaction() -> None:
                await written.heard()
                async with repo.transaction() as tx:
                    for what, value in (await _everything(repo, tx)).items():
                        expect(value == before[what], f"{what}: a transaction saw what another never committed")

            await stage.play([writer, reader, reader_in_a_transaction])

        self.drive(repository, check)

    def test_a_transaction_becomes_visible_at_once(self, repository: object) -> None:
        """Who sees one of its writes sees all of them: while it is open, and when it ends."""

        async def check(repo: Repository, stage: Stage) -> None:
            last = 20
            half, looked, done = stage.signal(), stage.signal(), stage.signal()

            async def writer() -> None:
                try:
                    for number in range(1, last + 1):
                        async with repo.transaction() as tx:
                            await repo.insert_event(event(number), tx=tx)
                            half.set()
                            await (stage.moment() if looked.is_set() else looked.heard(stage.grace))
                            await repo.insert_customer(customer(number), tx=tx)
                finally:
                    half.set()
                    done.set()

            async def look(number: int) -> None:
                if await repo.get_event("acme", f"evt_{number}") is not None:
                    rest = await repo.get_customer(f"org-{number}", "acme")
                    expect(rest is not None, "a part of a transaction was visible before the rest of it")

            async def reader() -> None:
                await half.heard()
                await look(1)
                looked.set()
                while not done.is_set():
                    for number in range(1, last + 1):
                        await look(number)
                    await stage.moment()

            await stage.play([writer, reader])

        self.drive(repository, check)

    def test_of_many_inserts_of_one_customer_one_gets_through(self, repository: object) -> None:
        """The others answer False, and find the record of the one, in the same transaction."""

        async def check(repo: Repository, stage: Stage) -> None:
            async def insert(number: int) -> bool:
                mine = customer(number, org="org-1")
                async with repo.transaction() as tx:
                    inserted = await repo.insert_customer(mine, tx=tx)
                    await stage.moment()
                    found = await repo.get_customer("org-1", "acme", tx=tx)
                    expect(found is not None, "who comes too late must find the record of who was first")
                    expect((found == mine) is inserted, "who was told True is not the one whose record is there")
                    return inserted

            done = await stage.play(crowd(insert))
            expect(done.count(True) == 1, f"{done.count(True)} transactions inserted the one customer of an org")

        self.drive(repository, check)

    def test_of_many_inserts_of_one_external_id_one_gets_through(self, repository: object) -> None:
        """Two orgs never share a customer of the provider, whoever is first."""

        async def check(repo: Repository, stage: Stage) -> None:
            async def insert(number: int) -> bool:
                mine = customer(number, external="cus_1")
                async with repo.transaction() as tx:
                    inserted = await repo.insert_customer(mine, tx=tx)
                    await stage.moment()
                    found = await repo.get_customer_by_external_id("acme", "cus_1", tx=tx)
                    expect(found is not None, "who comes too late must find the record of who was first")
                    expect((found == mine) is inserted, "who was told True is not the one whose record is there")
                    return inserted

            done = await stage.play(crowd(insert))
            expect(done.count(True) == 1, f"{done.count(True)} orgs share one customer of the provider")

        self.drive(repository, check)

    def test_of_many_moves_to_one_external_id_one_gets_through(self, repository: object) -> None:
        """Profiles that were merged into one: it belongs to one org afterwards."""

        async def check(repo: Repository, stage: Stage) -> None:
            for number in range(1, _CROWD + 1):
                await repo.insert_customer(customer(number))

            async def move(number: int) -> bool:
                async with repo.transaction() as tx:
                    moved = await repo.update_customer(
                        attrs.evolve(customer(number), external_customer_id="cus_merged"), tx=tx
                    )
                    await stage.moment()
                    return moved

            done = await stage.play(crowd(move))
            expect(done.count(True) == 1, f"{done.count(True)} orgs moved to one customer of the provider")
            owner = await repo.get_customer_by_external_id("acme", "cus_merged")
            expect(owner is not None, "a customer cannot be found under the external id that it moved to")
            there = [each.external_customer_id for each in await repo.list_customers("acme")]
            expect(there.count("cus_merged") == 1, "two orgs share one customer of the provider")

        self.drive(repository, check)

    def test_of_many_inserts_of_one_event_one_gets_through(self, repository: object) -> None:
        """Two workers with the same delivery: one applies it. With a transaction of one's own, and without."""

        async def check(repo: Repository, stage: Stage) -> None:
            async def insert(number: int) -> bool:
                async with repo.transaction() as tx:
                    inserted = await repo.insert_event(event(1, record=f"record-{number}"), tx=tx)
                    await stage.moment()
                    there = await repo.get_event("acme", "evt_1", tx=tx)
                    expect(there is not None, "who comes too late must find the event of who was first")
                    return inserted

            async def insert_alone(number: int) -> bool:
                return await repo.insert_event(event(2, record=f"record-alone-{number}"))

            async def park(number: int) -> bool:
                async with repo.transaction() as tx:
                    kept = await repo.park_event(parked(3, minute=number), tx=tx)
                    await stage.moment()
                    return kept

            for what, actor in (("insert_event", insert), ("insert_event", insert_alone), ("park_event", park)):
                done = await stage.play(crowd(actor))
                expect(done.count(True) == 1, f"{what} answered True to {done.count(True)} of {_CROWD} for one event")

        self.drive(repository, check)

    def test_an_insert_waits_for_the_end_of_another(self, repository: object) -> None:
        """If the first is undone, the second gets through: an event that nobody applied must not count as applied."""

        async def check(repo: Repository, stage: Stage) -> None:
            for undone in (True, False):
                number = 1 if undone else 2
                holding, tried = stage.signal(), stage.signal()

                async def first(
                    number: int = number, undone: bool = undone, holding: Any = holding, tried: Any = tried
                ) -> bool:
                    try:
                        async with repo.transaction() as tx:
                            await repo.insert_event(event(number), tx=tx)
                            await repo.insert_customer(customer(number), tx=tx)
                            await repo.park_event(parked(number), tx=tx)
                            holding.set()
                            await tried.heard(stage.grace)
                            if undone:
                                undo()
                    except UndoneError:
                        return False
                    finally:
                        holding.set()
                    return True

                async def second(number: int = number, holding: Any = holding, tried: Any = tried) -> bool:
                    await holding.heard()
                    async with repo.transaction() as tx:
                        event_in = await repo.insert_event(event(number, record="second"), tx=tx)
                        tried.set()
                        customer_in = await repo.insert_customer(
                            attrs.evolve(customer(number), id=f"second-{number}"), tx=tx
                        )
                        parked_in = await repo.park_event(parked(number), tx=tx)
                        expect(
                            event_in is customer_in is parked_in,
                            "one transaction was told True and False about inserts that another made together",
                        )
                        return event_in

                actors: list[Actor[bool]] = [first, second]
                _, got_in = await stage.play(actors)
                if undone:
                    expect(got_in, "an insert was refused because of another that was then undone: the event is lost")
                else:
                    expect(not got_in, "an insert got through next to another that was committed: it is there twice")

        self.drive(repository, check)

    def test_of_many_states_the_latest_stays(self, repository: object) -> None:
        """Comparing and writing is one step: ``previous`` is the state that was overwritten, each at most once."""

        async def check(repo: Repository, stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            tickets = [5, 2, 8, 1, 7, 3, 6, 4]
            for stored in (None, subscription(1, number=2)):
                number = 1 if stored is None else 2
                if stored is not None:
                    await repo.upsert_subscription(stored)

                async def write(place: int, number: int = number) -> tuple[int, bool, int | None]:
                    ticket = tickets[place - 1] + 1
                    async with repo.transaction() as tx:
                        done = await repo.upsert_subscription(
                            subscription(ticket, number=number, status=SubscriptionStatus.PAST_DUE), tx=tx
                        )
                        await stage.moment()
                        return ticket, done.written, done.previous.ticket if done.previous else None

                done = await stage.play(crowd(write))
                found = await repo.get_subscription("acme", f"sub_{number}")
                latest = max(tickets) + 1
                expect(
                    found is not None and found.ticket == latest,
                    f"of tickets up to {latest}, {found.ticket if found else None} stayed: an older state overwrote a newer",
                )
                overwritten = [previous for _, written, previous in done if written]
                expect(
                    len(overwritten) == len(set(overwritten)),
                    "two writes overwrote the same state: compare and write in one step, on a locked row",
                )
                for ticket, written, previous in done:
                    rightly = previous is None or (previous < ticket if written else previous >= ticket)
                    expect(
                        rightly, f"ticket {ticket} was {'written over' if written else 'refused for'} ticket {previous}"
                    )
                expect(
                    written_chain(done, None if stored is None else 1), "previous is not the state that was overwritten"
                )
                listed = await repo.list_subscriptions(customer(1).id)
                names = [each.external_subscription_id for each in listed]
                expect(names.count(f"sub_{number}") == 1, "one subscription was inserted twice")

        self.drive(repository, check)

    def test_tickets_increase_among_many(self, repository: object) -> None:
        """No two are the same; and who asks later gets a greater one."""

        async def check(repo: Repository, stage: Stage) -> None:
            async def take(_number: int) -> list[int]:
                mine: list[int] = []
                for _ in range(10):
                    mine.append(await repo.next_ticket())
                    await stage.moment()
                return mine

            taken = await stage.play(crowd(take))
            everything = [ticket for mine in taken for ticket in mine]
            expect(len(everything) == len(set(everything)), "a ticket was given out twice")
            expect(all(mine == sorted(mine) for mine in taken), "who asked later got a smaller ticket")
            expect(await repo.next_ticket() > max(everything), "a ticket is not greater than every one before")

        self.drive(repository, check)

    def test_a_transaction_that_waits_does_not_hold_up_the_tickets(self, repository: object) -> None:
        """Tickets are taken outside transactions; they go on after one that was undone, and never repeat."""

        async def check(repo: Repository, stage: Stage) -> None:
            first = await repo.next_ticket()
            open_now, taken = stage.signal(), stage.signal()

            async def holder() -> int:
                try:
                    async with repo.transaction() as tx:
                        await repo.insert_event(event(1), tx=tx)
                        open_now.set()
                        await taken.heard(stage.grace)
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

            _, second = await stage.play([holder, taker])
            third = await repo.next_ticket()
            expect(first < second < third, f"tickets must strictly increase; these do not: {[first, second, third]}")

        self.drive(repository, check)


def crowd(actor: Any) -> list[Actor[Any]]:
    """The actor as many, each with a number of its own."""

    def one(number: int) -> Actor[Any]:
        def start() -> Coroutine[Any, Any, Any]:
            coroutine: Coroutine[Any, Any, Any] = actor(number)
            return coroutine

        return start

    return [one(number) for number in range(1, _CROWD + 1)]


def written_chain(done: list[tuple[int, bool, int | None]], start: int | None) -> bool:
    """Whether the writes are one chain, each upon the one before it."""
    upon = {previous: ticket for ticket, written, previous in done if written}
    place, steps = start, 0
    while place in upon:
        place, steps = upon[place], steps + 1
    return steps == len([1 for _, written, _ in done if written])
