"""Seats that workers add at the same time: each counts once, in every order, whoever crashes, at every provider."""

import types
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paylattice import (
    BaseProvider,
    BillingService,
    BillingSubscription,
    Capability,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
    errors,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, OperationState

from .interleaving import NOW, ReadCommitted
from .operation_log_support import NOBODY_WAITS
from .scheduler import Pause, Task, run
from .support import all_of

BEFORE = 5


class Seats(BaseProvider):
    """One subscription with seats. It pauses before what it does, and before it answers.

    Args:
        keys: whether it remembers idempotency keys; without them whatever arrives is done.
        faults: what becomes of the next changes: the request is lost, the answer is lost, or it is refused for now.
        coarse: pause only before what it does.
    """

    name = "fake"
    capabilities = frozenset({Capability.SUBSCRIPTIONS, Capability.CHANGE_SUBSCRIPTION})

    def __init__(self, *, keys: bool = True, faults: tuple[str | None, ...] = (), coarse: bool = False) -> None:
        super().__init__()
        self.now = Subscription("sub", "cus", SubscriptionStatus.ACTIVE, plan_id="pro", quantity=BEFORE)
        self.answers: dict[str, tuple[object, Subscription]] | None = {} if keys else None
        self.faults = list(faults)
        self.coarse = coarse

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause()
        return self.now

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: Any = None,
        payment: Any = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        await Pause()
        fault = self.faults.pop(0) if self.faults else None
        if fault == "refused":
            message = "slowly"
            raise errors.RateLimited(message)
        if fault != "request":
            answer = self._change(str(idempotency_key), plan_id, quantity)
            if not self.coarse:
                await Pause()
        if fault is not None:
            message = "no answer"
            raise errors.NetworkOutcomeUnknown(message)
        return SubscriptionChange(answer)

    def _change(self, key: str, plan_id: str | None, quantity: int | None) -> Subscription:
        asked = plan_id, quantity
        known = None if self.answers is None else self.answers.get(key)
        if known is not None:
            if known[0] != asked:
                message = "other parameters"
                raise errors.IdempotencyMismatch(message)
            return known[1]
        self.now = attrs.evolve(self.now, plan_id=plan_id or self.now.plan_id, quantity=quantity or self.now.quantity)
        if self.answers is not None:
            self.answers[key] = asked, self.now
        return self.now


@types.coroutine
def killed_after(steps: int, task: Task) -> Generator[Pause, None, None]:
    """The task, in a process that is killed after so many of its steps."""
    try:
        for _ in range(steps):
            yield task.send(None)
    except StopIteration:
        return
    finally:
        task.close()


class Team:
    """Workers who add and remove seats, some of which are killed; each key is asked for again until it is answered."""

    def __init__(
        self,
        *deltas: int,
        twice: bool = False,
        kills: dict[int, int] | None = None,
        job: bool = False,
        plan: bool = False,
        coarse: bool = False,
        **provider: Any,
    ) -> None:
        self.provider = Seats(coarse=coarse, **provider)
        self.repository = ReadCommitted(fine=not coarse)
        stored = BillingSubscription(
            "s", "c", "sub", "pro", SubscriptionStatus.ACTIVE, provider="fake", quantity=BEFORE, created_at=NOW
        )
        self.repository._committed.of(BillingSubscription).add(stored)
        self.deltas = deltas
        self.planned: list[str | None] = []
        keys = [*range(len(deltas)), *range(len(deltas) if twice else 0)]
        self.tasks: list[Task] = [self.add(number) for number in keys]
        if plan:
            self.tasks.append(self.change_plan())
        if job:
            self.tasks.append(self.recover())
        for number, steps in (kills or {}).items():
            place = number % len(self.tasks)
            self.tasks[place] = killed_after(steps, self.tasks[place])  # type: ignore[assignment]  # awaited alike

    def process(self) -> BillingService[InMemoryTransaction]:
        return BillingService(self.provider, self.repository, clock=lambda: NOW)

    async def add(self, number: int) -> None:
        while True:  # as a user does who is told to try again
            try:
                await self.process().add_quantity("org", self.deltas[number], idempotency_key=f"seat {number}")
            except (errors.OutcomeUnknown, errors.RateLimited):
                continue
            except errors.Conflict as error:
                if error.retryable:
                    continue
                raise
            return

    async def change_plan(self) -> None:
        with suppress(errors.Conflict):  # it was superseded: told, and not done
            try:
                await self.process().change_plan("org", "team", idempotency_key="plan")
            except (errors.OutcomeUnknown, errors.RateLimited):
                self.planned.append(None)
            else:
                self.planned.append("team")

    async def recover(self) -> None:
        await self.process().recover_open(older_than=NOBODY_WAITS)

    def check(self) -> None:
        self.provider.faults.clear()
        run([self.recover()], [])  # the scheduled job
        for number in range(len(self.deltas)):
            run([self.add(number)], [])
        assert self.provider.now.quantity == BEFORE + sum(self.deltas), "a seat was lost, or counts twice"
        self.check_records()

    def check_records(self) -> None:
        rows = all_of(self.repository, BillingOperation)
        assert OperationState.OPEN not in {each.state for each in rows}
        assert "team" not in self.planned or self.provider.now.plan_id == "team"
        [stored] = all_of(self.repository, BillingSubscription)
        assert stored.quantity == self.provider.now.quantity


FAULTS = st.lists(st.sampled_from([None, "request", "answer", "refused"]), max_size=4).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    schedule=st.lists(st.integers(0, 5), max_size=250),
    deltas=st.lists(st.sampled_from([1, 2, -1]), min_size=1, max_size=3),
    twice=st.booleans(),
    kills=st.dictionaries(st.integers(0, 5), st.integers(1, 60), max_size=3),
    job=st.booleans(),
    plan=st.booleans(),
    faults=FAULTS,
)
@example(schedule=[], deltas=[1, 1], twice=False, kills={}, job=False, plan=False, faults=())
@example(schedule=[0, 1] * 60, deltas=[1, 1], twice=False, kills={}, job=False, plan=False, faults=())
def test_many_at_once_interleaved_statement_by_statement_each_count_once(
    schedule: list[int],
    deltas: list[int],
    twice: bool,
    kills: dict[int, int],
    job: bool,
    plan: bool,
    faults: tuple[str | None, ...],
) -> None:
    team = Team(*deltas, twice=twice, kills=kills, job=job, plan=plan, faults=faults)
    run(team.tasks, schedule)
    team.check()


@pytest.mark.parametrize("broken", ["_sent", "_is_in_the_way"])
def test_the_checker_catches_a_decision_that_looks_at_nothing_else(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(f"paylattice.billing.deciding.{broken}", lambda *_: False)

    def any_order() -> None:
        for length in range(40):
            team = Team(1, 1)
            run(team.tasks, [0] * length + [1] * 200)
            team.check()

    with pytest.raises(AssertionError, match="a seat was lost"):
        any_order()


def test_of_two_workers_that_expect_the_same_quantity_one_changes_it_in_every_order() -> None:
    class Rivals(Team):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[str] = []
            self.tasks = [self.set(number) for number in (7, 8)]

        async def set(self, number: int) -> None:
            key = f"to {number}"
            while True:
                try:
                    await self.process().change_plan(
                        "org", quantity=number, expected_quantity=BEFORE, idempotency_key=key
                    )
                except errors.Conflict as error:
                    if error.retryable:
                        continue
                    self.told.append(key)
                return

    for length in range(60):
        rivals = Rivals()
        run(rivals.tasks, [0] * length + [1] * 200)
        assert len(rivals.told) == 1
        assert rivals.told != [f"to {rivals.provider.now.quantity}"]
        rivals.check_records()
