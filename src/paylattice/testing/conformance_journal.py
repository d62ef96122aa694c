"""Checks of a repository's journal: what is about to be sent to a provider is written down before, once, and is found again."""

from datetime import timedelta
from functools import partial
from typing import Any

import attrs

from ..billing.records import BillingOperation, OperationState
from .conformance_models import expect
from .conformance_records import HOSTILE, NOW, event, operation
from .conformance_stage import Actor, Stage
from .conformance_storage import Repository, RepositoryChecks, UndoneError, undo

__all__ = ["JournalChecks"]

_CROWD = 8


class JournalChecks(RepositoryChecks):
    """One line for each key; what was asked for never changes, what came of it does."""

    def test_an_operation_is_written_down_once(self, repository: object) -> None:
        """``(provider, key)`` is unique; the first stays, and comes back as it was written."""

        async def check(repo: Repository, _stage: Stage) -> None:
            full = operation(
                state=OperationState.FAILED,
                external_id="cus_1",
                reference="order_1",
                error="Declined",
                closed_at=NOW + timedelta(microseconds=1),
            )
            for written in (full, operation(2), operation(3, arguments=HOSTILE), operation(4, arguments={})):
                expect(await repo.insert_operation(written) is True, "insert_operation of a new key must answer True")
                found = await repo.get_operation("acme", written.key)
                expect(found == written, f"an operation came back as {found!r}, and was written as {written!r}")
            again = operation(minute=9, org_id="org-9")
            expect(
                await repo.insert_operation(again) is False, "one key was written down twice: it would be sent twice"
            )
            expect(await repo.get_operation("acme", "key-1") == full, "a refused insert changed the operation")
            expect(await repo.get_operation("other", "key-1") is None, "get_operation brought another provider's")
            expect(await repo.get_operation("acme", "x") is None, "get_operation of nothing must be None")
            expect(await repo.insert_operation(operation(at="other")), "another provider's key may be the same")

        self.drive(repository, check)

    def test_what_came_of_an_operation_is_written(self, repository: object) -> None:
        """State, ids, error and times; what was asked for stays, and so do the other operations."""

        async def check(repo: Repository, _stage: Stage) -> None:
            for each in (operation(1), operation(2), operation(1, at="other")):
                await repo.insert_operation(each)
            for state in (OperationState.FAILED, OperationState.ABANDONED, OperationState.OPEN):
                came = operation(
                    1,
                    state=state,
                    external_id=f"cs-{state}",
                    reference=f"order-{state}",
                    error=f"Error-{state}",
                    created_at=NOW - timedelta(days=1),
                    closed_at=NOW,
                )
                await repo.update_operation(
                    attrs.evolve(came, operation="cancel_subscription", org_id="org-9", arguments={"x": 1}, ticket=99)
                )
                expect(
                    await repo.get_operation("acme", "key-1") == came,
                    "update_operation must write state, external_id, reference, error, closed_at and created_at, and "
                    "nothing else",
                )
            await repo.update_operation(operation(1))
            expect(
                await repo.get_operation("acme", "key-1") == operation(1), "update_operation must also take values away"
            )
            others = [await repo.get_operation("acme", "key-2"), await repo.get_operation("other", "key-1")]
            expect(others == [operation(2), operation(1, at="other")], "update_operation changed another operation")
            await repo.update_operation(operation(3))
            expect(await repo.get_operation("acme", "key-3") is None, "update_operation of nothing made something")

        self.drive(repository, check)

    def test_what_is_done_stays_done(self, repository: object) -> None:
        """Whatever another worker has to say of its own attempt under the same key, at the same time or later."""

        async def check(repo: Repository, stage: Stage) -> None:
            done = operation(1, state=OperationState.DONE, external_id="cus_1", closed_at=NOW)
            others = [operation(1, state=state) for state in OperationState if state is not OperationState.DONE]
            await repo.insert_operation(operation(1))
            await repo.update_operation(done)
            for other in others:
                await repo.update_operation(other)
                expect(
                    await repo.get_operation("acme", "key-1") == done,
                    f"an operation that is done was made {other.state} again: it would be sent again",
                )
            again = attrs.evolve(done, external_id="cus_2")
            await repo.update_operation(again)
            expect(await repo.get_operation("acme", "key-1") == again, "what was done may be told more exactly later")

            for number, (first, second) in enumerate([(done, others[1]), (others[1], done)], 2):
                await repo.insert_operation(operation(number))
                holding, tried = stage.signal(), stage.signal()

                async def hold(came: BillingOperation, holding: Any = holding, tried: Any = tried) -> None:
                    try:
                        async with repo.transaction() as tx:
                            await repo.update_operation(came, tx=tx)
                            holding.set()
                            await tried.heard(stage.grace)
                    finally:
                        holding.set()

                async def follow(came: BillingOperation, holding: Any = holding, tried: Any = tried) -> None:
                    await holding.heard()
                    await repo.update_operation(came)
                    tried.set()

                states = [
                    operation(number, state=came.state, external_id=came.external_id, closed_at=came.closed_at)
                    for came in (first, second)
                ]
                await stage.play([partial(hold, states[0]), partial(follow, states[1])])
                found = await repo.get_operation("acme", f"key-{number}")
                expect(
                    found is not None and found.state is OperationState.DONE,
                    "of two workers that closed an operation at once, the one that had done it was overwritten: compare "
                    "and write in one statement",
                )

        self.drive(repository, check)

    def test_operations_are_found_by_state_by_what_they_made_and_by_reference(self, repository: object) -> None:
        """By each, by several at once, or with nothing given, all of the provider's."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_operation(operation(1, external_id="cs_1", reference="order_1"))
            await repo.insert_operation(operation(2, external_id="cs_2", reference="order_1"))
            await repo.insert_operation(operation(3, state=OperationState.DONE, external_id="cs_1"))
            await repo.insert_operation(operation(4))
            await repo.insert_operation(operation(5, at="other", external_id="cs_1", reference="order_1"))

            async def keys(**by: object) -> list[str]:
                found = await repo.operations("acme", **by)  # type: ignore[arg-type]  # a state and ids
                return [each.key for each in found]

            expect(
                await keys() == ["key-1", "key-2", "key-3", "key-4"], "operations() must bring all of the provider's"
            )
            made = await keys(external_id="cs_1")
            expect(made == ["key-1", "key-3"], f"the operations that made cs_1 are {made}")
            about = await keys(reference="order_1")
            expect(about == ["key-1", "key-2"], f"the operations with a reference are {about}")
            still = await keys(state=OperationState.OPEN)
            expect(still == ["key-1", "key-2", "key-4"], f"the open operations are {still}")
            both = await keys(state=OperationState.OPEN, external_id="cs_1")
            expect(both == ["key-1"], f"the open operations that made cs_1 are {both}")
            expect(await keys(external_id="cs_9") == [], "operations that made what nobody made")

        self.drive(repository, check)

    def test_pages_of_the_journal_hold_every_operation_once(self, repository: object) -> None:
        """Ordered by ``(ticket, key)``, whatever the clocks said, although those of earlier pages are closed meanwhile."""

        async def check(repo: Repository, _stage: Stage) -> None:
            written = [
                operation(number, minute=number // 3, created_at=NOW - timedelta(minutes=number))
                for number in (8, 3, 5, 1, 7, 2, 4, 6)
            ]
            for each in written:
                await repo.insert_operation(each)
            await repo.insert_operation(operation(1, at="other"))
            seen: list[BillingOperation] = []
            for _ in range(20):
                after = seen[-1] if seen else None
                page = await repo.operations("acme", state=OperationState.OPEN, after=after, limit=3)
                expect(len(page) <= 3, "operations brought more than its limit")  # noqa: PLR2004 - the limit
                if not page:
                    break
                seen += page
                for each in page:
                    await repo.update_operation(attrs.evolve(each, state=OperationState.DONE, closed_at=NOW))
            wanted = sorted(written, key=lambda each: (each.ticket, each.key))
            order = [each.key for each in seen]
            expect(
                order == [each.key for each in wanted],
                f"the pages hold {order}: order by (ticket, key), and go on after the last of the page",
            )

        self.drive(repository, check)

    def test_the_journal_is_a_part_of_the_transaction(self, repository: object) -> None:
        """What is written down is there when the transaction ends, and not if it fails; a refusal spoils nothing."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_operation(operation(1))
            for undone in (True, False):
                try:
                    async with repo.transaction() as tx:
                        refused = await repo.insert_operation(operation(1, org_id="org-9"), tx=tx)
                        expect(refused is False, "one key was written down twice: it would be sent twice")
                        await repo.insert_operation(operation(2), tx=tx)
                        again = await repo.insert_operation(operation(2), tx=tx)
                        expect(again is False, "a transaction wrote one key down twice")
                        await repo.update_operation(operation(1, state=OperationState.DONE), tx=tx)
                        await repo.insert_event(event(), tx=tx)
                        mine = await repo.get_operation("acme", "key-2", tx=tx)
                        expect(mine == operation(2), "a transaction does not see the operation that it wrote down")
                        done = [each.key for each in await repo.operations("acme", state=OperationState.DONE, tx=tx)]
                        expect(done == ["key-1"], "a transaction does not find what it wrote in the journal")
                        if undone:
                            undo()
                except UndoneError:
                    pass
                kept = await repo.get_operation("acme", "key-2")
                expect((kept is None) is undone, "insert_operation did not end with its transaction")
                first = await repo.get_operation("acme", "key-1")
                is_open = first is not None and first.state is OperationState.OPEN
                expect(is_open is undone, "update_operation did not end with its transaction")
                expect(
                    (await repo.get_event("acme", "evt_1") is None) is undone, "a refused insert ended the transaction"
                )

        self.drive(repository, check)

    def test_of_many_intents_with_one_key_one_is_written_down(self, repository: object) -> None:
        """Two workers with the same intent: one sends it. With a transaction of one's own, and without."""

        async def check(repo: Repository, stage: Stage) -> None:
            def intent(number: int) -> Actor[bool]:
                async def write() -> bool:
                    async with repo.transaction() as tx:
                        done = await repo.insert_operation(operation(1, org_id=f"org-{number}"), tx=tx)
                        await stage.moment()
                        return done

                return write

            def alone(number: int) -> Actor[bool]:
                async def write() -> bool:
                    return await repo.insert_operation(operation(2, org_id=f"org-{number}"))

                return write

            for actor in (intent, alone):
                done = await stage.play([actor(number) for number in range(_CROWD)])
                expect(
                    done.count(True) == 1,
                    f"insert_operation answered True to {done.count(True)} of {_CROWD} for one key",
                )

        self.drive(repository, check)
