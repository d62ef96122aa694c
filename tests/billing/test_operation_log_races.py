"""Workers of one organisation at once, and the job that finishes what was left open: one customer, in every order."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingCustomer,
    BillingService,
    Customer,
    InMemoryRepository,
    errors,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import (
    DONE,
    EMAIL,
    FAILED,
    NOBODY_WAITS,
    OPEN,
    MortalRepository,
    forget_the_organisation,
    operation_log,
)
from .scheduler import Pause, Task, in_every_order, run, touch
from .support import NOW, Coarse, Concurrent, Fake, World, all_of
from .test_crashes import Fate, Killed


class Strict(Fake):
    """Makes a new customer for each key, and refuses a key with other details, as real providers do."""

    def __init__(self, *, coarse: bool = False, faults: tuple[str | None, ...] = ()) -> None:
        super().__init__(pauses=True)
        self.coarse = coarse
        self.faults = list(faults)
        self.details: dict[str, object] = {}

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        await Pause(told=True)
        touch(self.name)
        key = str(idempotency_key)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "refused":
            message = "slowly"
            raise errors.RateLimited(message)
        if self.details.setdefault(key, (email, name)) != (email, name):
            message = "other details"
            raise errors.IdempotencyMismatch(message)
        number = len(self.customers_by_key) + 1
        made = self.customers_by_key.setdefault(key, Customer(f"cus_{number}", email, name, metadata))
        if not self.coarse:
            await Pause(told=True)
        if fault == "lost":
            message = "no answer"
            raise errors.NetworkOutcomeUnknown(message)
        return made


class Crowd:
    """Workers of one organisation, each with details of its own, and the job that finishes what was left open."""

    def __init__(
        self,
        workers: int,
        jobs: int = 0,
        *,
        coarse: bool = False,
        fine: bool = False,
        begun: bool = False,
        faults: tuple[str | None, ...] = (),
    ) -> None:
        self.provider = Strict(coarse=coarse, faults=faults)
        self.repository = Coarse() if coarse else Concurrent(fine=fine)
        self.billing = BillingService(self.provider, self.repository, clock=lambda: NOW)
        if begun:
            self.begin()
        self.found: list[BillingCustomer] = []
        self.tasks: list[Task] = [self.ensure(f"{number}@example.com") for number in range(workers)]
        self.tasks += [self.recover() for _ in range(jobs)]

    def begin(self) -> None:
        """A process died after it had recorded what it was about to send."""
        from paylattice.idempotency import operation_key

        key = operation_key("customer", "fake", "org")
        details = {"version": 1, "email": "dead@example.com", "metadata": {"org_id": "org"}}
        intent = BillingOperation("fake", key, "create_customer", "org", details, NOW)
        self.repository._commit(InMemoryTransaction({("operations", ("fake", key)): intent}))

    async def ensure(self, email: str) -> None:
        while True:  # as a user does who is told to try again
            with suppress(errors.OutcomeUnknown, errors.RateLimited):
                self.found.append(await self.billing.ensure_customer("org", email=email))
                return

    async def recover(self) -> None:
        await self.billing.recover_open(older_than=NOBODY_WAITS)

    def check(self) -> None:
        run([self.recover()], [])  # a worker that found the customer of another leaves its own attempt to this job
        assert len(self.provider.customers_by_key) == 1, "two customers were made"
        [record] = all_of(self.repository, BillingCustomer)
        [made] = self.provider.customers_by_key.values()
        assert (record.external_customer_id, record.email) == (made.id, made.email)
        assert all(each == record for each in self.found)
        assert {each.state for each in all_of(self.repository, BillingOperation)} <= {DONE, FAILED}
        assert sum(each.state is DONE for each in all_of(self.repository, BillingOperation)) == 1


def test_two_workers_at_once_make_one_customer_in_every_order() -> None:
    assert in_every_order(lambda: Crowd(2), Crowd.check) > 20


def test_a_worker_and_recover_open_make_one_customer_in_every_order() -> None:
    assert in_every_order(lambda: Crowd(1, 1, begun=True), Crowd.check) > 5


def test_two_workers_and_recover_open_make_one_customer_in_every_order_of_their_transactions() -> None:
    assert in_every_order(lambda: Crowd(2, 1, coarse=True, begun=True), Crowd.check) > 200


@pytest.mark.parametrize("faults", [("refused", "lost"), ("lost", "refused"), ("lost", "lost")], ids="-".join)
def test_a_refusal_of_one_worker_beside_the_lost_answer_of_another_makes_no_second_customer(
    faults: tuple[str, ...],
) -> None:
    assert in_every_order(lambda: Crowd(2, coarse=True, faults=faults), Crowd.check) > 100


@settings(max_examples=300, deadline=None)
@given(
    schedule=st.lists(st.integers(0, 7), max_size=150),
    workers=st.integers(1, 3),
    jobs=st.integers(0, 2),
    begun=st.booleans(),
    faults=st.lists(st.sampled_from([None, "refused", "lost"]), max_size=3),
)
@example(schedule=[0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1], workers=2, jobs=0, begun=False, faults=["refused"])
def test_many_at_once_interleaved_statement_by_statement_make_one_customer(
    schedule: list[int], workers: int, jobs: int, begun: bool, faults: list[str | None]
) -> None:
    crowd = Crowd(workers, jobs, fine=True, begun=begun, faults=tuple(faults))
    run(crowd.tasks, schedule)
    crowd.check()


def test_the_checker_catches_an_operation_log_that_takes_the_next_key_after_any_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("paylattice.billing.customers.is_consumed", lambda known: known.state is FAILED)
    with pytest.raises(AssertionError, match="two customers"):
        in_every_order(lambda: Crowd(2, coarse=True, faults=("refused", "lost")), Crowd.check)


class Meanwhile(InMemoryProvider):
    """While it is asked to cancel, or to create, another worker closes the operation, and then the answer is lost or bad."""

    repository: InMemoryRepository
    other_closes: OperationState | None = None
    fault: errors.PaymentError

    async def cancel_subscription(self, *args: Any, **kwargs: Any) -> Any:
        done = await super().cancel_subscription(*args, **kwargs)
        if self.other_closes is None:
            return done
        known = await Store(self.repository).get_operation("memory", kwargs["idempotency_key"])
        assert known is not None
        await Store(self.repository).update_operation(attrs.evolve(known, state=self.other_closes, error="RateLimited"))
        raise self.fault


@pytest.mark.parametrize(
    ("closed_by_the_other", "fault", "stays"),
    [
        (FAILED, errors.NetworkOutcomeUnknown("lost"), OPEN),
        (DONE, errors.NetworkOutcomeUnknown("lost"), DONE),
        (DONE, errors.RateLimited("slowly"), DONE),
        (DONE, errors.NotFound("no"), DONE),
        (OPEN, errors.RateLimited("slowly"), FAILED),
    ],
    ids=["doubt beside a refusal", "doubt beside success", "slowness beside success", "no beside success", "alone"],
)
def test_what_two_workers_find_out_under_one_key_is_never_less_than_one_of_them_knows(
    closed_by_the_other: OperationState, fault: errors.PaymentError, stays: OperationState
) -> None:
    async def main() -> None:
        world = World(provider=Meanwhile(now=NOW))
        assert isinstance(world.provider, Meanwhile)
        await world.subscribe()
        await world.deliver()
        world.provider.repository = world.repository
        world.provider.other_closes, world.provider.fault = closed_by_the_other, fault
        with pytest.raises(type(fault)):
            await world.billing.cancel("org", idempotency_key="click")
        known = await Store(world.repository).get_operation("memory", "click")
        assert known is not None
        assert known.state is stays

    asyncio.run(main())


class ShowsLater(InMemoryProvider):
    """Does not show a customer in the first minute of its life."""

    async def get_customer(self, customer_id: str) -> Customer | None:
        found = await super().get_customer(customer_id)
        return None if found is not None and found.created_at == self.now else found


def test_a_provider_that_takes_a_moment_to_show_a_customer_does_not_get_a_second_one() -> None:
    async def main() -> None:
        world = World(provider=ShowsLater(now=NOW))
        first = await world.billing.ensure_customer("org", email=EMAIL)
        forget_the_organisation(world, first)
        again = await world.billing.ensure_customer("org", email=EMAIL)
        assert again.external_customer_id == first.external_customer_id
        assert world.customers_made() == 1

    asyncio.run(main())


def test_both_halves_of_a_finished_creation_are_committed_together() -> None:
    """There is no moment in which the operation log says DONE and the record is missing."""

    async def main() -> None:
        world = World(repository=MortalRepository())
        assert isinstance(world.repository, MortalRepository)
        for at in range(1, 40):
            world.repository.fate = Fate(at)
            org = f"org {at}"
            with suppress(Killed):
                await world.billing.ensure_customer(org, email="a@example.com")
            world.repository.fate = Fate(0)
            done = any(each.org_id == org and each.state is DONE for each in await operation_log(world))
            assert done is (await Store(world.repository).get_customer(org, "memory") is not None)

    asyncio.run(main())
