"""Two machines whose clocks are an hour, or a day, apart: the last change of plan is the one that was asked for last."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingService,
    Capability,
    InMemoryRepository,
    Money,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
    errors,
)
from paylattice.billing.checkout_correlation import Asked, CheckoutCorrelation
from paylattice.billing.commands import ChangeSubscription
from paylattice.billing.entries import entry_of
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.operation_log import OperationLog
from paylattice.billing.records import BillingCheckout, BillingOperation, OperationState
from paylattice.billing.store import Store
from paylattice.provider import BaseProvider
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import ABANDONED, DONE, NOBODY_WAITS, OPEN, forget_keys, operation_log, plan_of, record_of
from .scheduler import Access, Pause, Task, in_every_order, run, touch
from .support import NOW, PAGES, Concurrent, R, Telling, World, all_of, an_event
from .test_unmatched import Listening

APART = [timedelta(0), timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)]


class TwoWorkers(World):
    """Two services over one repository and one provider; the second one's clock differs from the first one's."""

    def __init__(self, apart: timedelta, **options: Any) -> None:
        super().__init__(**options)
        self.provider.add_plan("solo", Money(900, "USD"))
        self.other = BillingService(self.provider, self.repository, clock=lambda: self.provider.now + apart)

    async def begin(self, plan_id: str = "pro") -> None:
        await self.subscribe(plan_id=plan_id)
        await self.deliver()


async def lost(world: World, call: Any, *, after_effect: bool) -> None:
    world.provider.time_out_next_call(after_effect=after_effect)
    with pytest.raises(errors.OutcomeUnknown):
        await call


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("older_by", ["one", "other"])
@pytest.mark.parametrize("recovered_by", ["one", "other"])
@pytest.mark.parametrize("apart", APART, ids=str)
def test_recovering_never_applies_the_older_change_over_the_newer_one(
    apart: timedelta, recovered_by: str, older_by: str, after_effect: bool
) -> None:
    async def main() -> None:
        world = TwoWorkers(apart)
        await world.begin()
        workers = {"one": world.billing, "other": world.other}
        first, second = (world.billing, world.other) if older_by == "one" else (world.other, world.billing)
        await lost(world, first.change_plan("org", "team", idempotency_key="older"), after_effect=after_effect)
        world.provider.advance(hours=0.1)
        await second.change_plan("org", "solo", idempotency_key="newer")
        for _ in range(30):  # every few minutes, for two and a half days
            await workers[recovered_by].recover_open()
            world.provider.advance(hours=2)
        assert plan_of(world) == "solo"
        assert {
            each.key: each.state for each in await operation_log(world) if each.operation == ChangeSubscription.kind
        } == {
            "older": ABANDONED,
            "newer": DONE,
        }
        for worker in workers.values():
            with pytest.raises(errors.Conflict):
                await worker.change_plan("org", "team", idempotency_key="older")
        assert plan_of(world) == "solo"

    asyncio.run(main())


@pytest.mark.parametrize("apart", APART, ids=str)
def test_of_two_changes_that_are_both_in_doubt_the_newer_one_is_done(apart: timedelta) -> None:
    async def main() -> None:
        for after_effect in (True, False):
            world = TwoWorkers(apart)
            await world.begin()
            await lost(world, world.other.change_plan("org", "team", idempotency_key="a"), after_effect=after_effect)
            await lost(
                world, world.billing.change_plan("org", "solo", idempotency_key="b"), after_effect=not after_effect
            )
            recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert not recovered.open
            expected = "solo" if not after_effect or recovered.done else "team"
            assert plan_of(world) == expected
            if apart == timedelta(0):
                assert plan_of(world) == "solo"

    asyncio.run(main())


@pytest.mark.parametrize("apart", [timedelta(hours=2), timedelta(days=3)], ids=str)
@pytest.mark.parametrize("way", ["recover_open", "retry"])
def test_usage_whose_age_nobody_knows_is_not_sent_again(apart: timedelta, way: str) -> None:
    """Recorded by a clock that is ahead: it seems young when the provider has long forgotten the key."""

    async def main() -> None:
        world = TwoWorkers(apart)
        await world.begin("calls")
        usage = world.provider.create_usage_record

        async def loses_the_answer(*args: Any, **kwargs: Any) -> bool:
            world.provider.time_out_next_call(after_effect=True)
            return await usage(*args, **kwargs)

        world.provider.create_usage_record = loses_the_answer  # type: ignore[method-assign]  # the test is the network
        with pytest.raises(errors.OutcomeUnknown):
            await world.other.record_usage("org", 5, idempotency_key="job")
        del world.provider.create_usage_record
        forget_keys(world)
        if way == "retry":
            with pytest.raises(errors.IdempotencyMismatch, match="Check at the provider"):
                await world.billing.record_usage("org", 5, idempotency_key="job")
        else:
            recovered = await world.billing.recover_open()
            assert [each.key for each in recovered.abandoned] == ["job"]
        assert record_of(world).usage == 5

    asyncio.run(main())


def test_a_clock_that_is_behind_learns_from_what_others_have_recorded_since_how_old_a_key_is() -> None:
    async def main() -> None:
        world = TwoWorkers(timedelta(days=-1, hours=-1))
        await world.begin("calls")
        await world.billing.ensure_customer("early", email="a@example.com")
        usage = world.provider.create_usage_record

        async def loses_the_answer(*args: Any, **kwargs: Any) -> bool:
            world.provider.time_out_next_call(after_effect=True)
            return await usage(*args, **kwargs)

        world.provider.create_usage_record = loses_the_answer  # type: ignore[method-assign]  # the test is the network
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.record_usage("org", 5, idempotency_key="job")
        del world.provider.create_usage_record
        world.provider.advance(days=1, hours=1)
        await world.billing.ensure_customer("late", email="a@example.com")
        world.provider._calls._answers.clear()
        recovered = await world.other.recover_open(older_than=NOBODY_WAITS)  # by its clock no time has passed
        assert [each.key for each in recovered.abandoned] == ["job"]
        assert record_of(world).usage == 5

    asyncio.run(main())


# --- both in flight at once ----------------------------------------------------------------------------------------


class Shop(BaseProvider):
    """One subscription. A change takes a while to get there, and its answer a while to come back; a key has one effect."""

    name = "shop"
    capabilities = frozenset({Capability.SUBSCRIPTIONS, Capability.CHANGE_SUBSCRIPTION})

    def __init__(self, *, loses: Callable[[str], str | None] = lambda _: None) -> None:
        super().__init__()
        self.plan_id = "pro"
        self.answers: dict[str, Subscription] = {}
        self.loses = loses
        self.sent: list[str] = []

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause(told=True)
        touch(self.name, Access.READ)
        return Subscription(id="sub", customer_id="cus", status=SubscriptionStatus.ACTIVE, plan_id=self.plan_id)

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
        key = str(idempotency_key)
        await Pause(told=True)
        touch(self.name)
        lost = self.loses(key)
        if lost != "request" and key not in self.answers:
            self.plan_id = str(plan_id)
            self.answers[key] = Subscription(
                id="sub", customer_id="cus", status=SubscriptionStatus.ACTIVE, plan_id=self.plan_id
            )
            self.sent.append(key)
        await Pause(told=True)
        if lost is not None:
            message = "lost"
            raise errors.NetworkOutcomeUnknown(message)
        return SubscriptionChange(self.answers[key])


class Tickets(Concurrent):
    """Pauses where another worker may pass between its ticket and its row of the operation log."""

    async def next_ticket(self) -> int:
        found = await Telling.next_ticket(self)
        await Pause(told=True)
        return found


class Rivals:
    """Workers that change the plan of one subscription at once, and the job that recovers afterwards."""

    def __init__(self, plans: Mapping[str, str], **options: Any) -> None:
        self.provider = Shop(**options)
        self.repository = Tickets()
        self.log: OperationLog[InMemoryTransaction] = OperationLog(Store(self.repository), lambda: NOW)
        self.refused: set[str] = set()
        self.tasks: list[Task] = [self.change(key, plan_id) for key, plan_id in plans.items()]

    async def change(self, key: str, plan_id: str) -> None:
        change = ChangeSubscription(subscription_id="sub", plan_id=plan_id)
        with suppress(errors.OutcomeUnknown):
            try:
                await self.log.run(self.provider, change, "org", key)
            except errors.Conflict:
                self.refused.add(key)

    async def recover(self) -> None:
        lost, self.provider.loses = self.provider.loses, lambda _: None
        for each in await Store(self.repository).list_operations("shop", state=OperationState.OPEN):
            await self.log.finish(self.provider, entry_of(each))
        self.provider.loses = lost

    def lines(self) -> list[BillingOperation]:
        return sorted(all_of(self.repository, BillingOperation), key=lambda each: each.ticket)

    def check(self) -> None:
        run([self.recover()], [])
        assert {each.state for each in self.lines()} <= {DONE, ABANDONED}
        last = [each for each in self.lines() if each.state is DONE][-1]
        assert self.provider.plan_id == last.arguments["plan_id"], [*self.provider.sent]
        newest = self.lines()[-1]
        assert newest.state is DONE, "the last one that was asked for is done"
        for each in self.lines():
            if each.key in self.refused:
                assert each.state is ABANDONED
                assert each.key not in self.provider.sent


def test_two_changes_in_flight_at_once_end_in_the_newer_one_in_every_order() -> None:
    assert in_every_order(lambda: Rivals({"a": "team", "b": "solo"}), Rivals.check) > 50


def test_what_is_recorded_after_something_newer_is_refused_and_never_sent() -> None:
    tickets = iter([2, 1])  # the second worker took its ticket first, and was held up before it wrote its row

    class HeldUp(Concurrent):
        async def next_ticket(self) -> int:
            return next(tickets)

    async def main() -> None:
        provider, repository = Shop(), HeldUp()
        log: OperationLog[InMemoryTransaction] = OperationLog(Store(repository), lambda: NOW)
        await log.run(provider, ChangeSubscription(subscription_id="sub", plan_id="solo"), "org", "newer")
        with pytest.raises(errors.Conflict, match="newer"):
            await log.run(provider, ChangeSubscription(subscription_id="sub", plan_id="team"), "org", "older")
        assert (provider.plan_id, provider.sent) == ("solo", ["newer"])

    run([main()], [])


def test_the_checker_catches_an_operation_log_that_does_not_look_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looks_away(*args: object, **options: object) -> None:
        return None

    monkeypatch.setattr("paylattice.billing.superseded.Superseded.let_the_last_one_win", looks_away)
    with pytest.raises(AssertionError):
        in_every_order(lambda: Rivals({"a": "team", "b": "solo"}), Rivals.check)


LOST: Mapping[str, Callable[[str], str | None]] = {
    "the request of the first": lambda key: "request" if key == "a" else None,
    "the answer of the first": lambda key: "answer" if key == "a" else None,
    "the answer of the second": lambda key: "answer" if key == "b" else None,
    "both answers": lambda key: "answer" if key in {"a", "b"} else None,
}


@pytest.mark.parametrize("what", LOST)
def test_also_where_an_answer_is_lost_and_the_rest_is_recovered(what: str) -> None:
    assert in_every_order(lambda: Rivals({"a": "team", "b": "solo"}, loses=LOST[what]), Rivals.check) > 5


@settings(max_examples=300, deadline=None)
@given(schedule=st.lists(st.integers(0, 5), max_size=120), lost=st.sets(st.sampled_from("abc")))
@example(schedule=[2, 1, 1, 2, 2, 1, 2, 2, 2], lost=set())  # a change that is sent again is superseded, too
def test_three_changes_in_flight_at_once_end_in_the_newest_one(schedule: list[int], lost: set[str]) -> None:
    plans = {"a": "team", "b": "solo", "c": "year"}
    rivals = Rivals(plans, loses=lambda key: "answer" if key in lost else None)
    run(rivals.tasks, schedule)
    rivals.check()


def test_the_same_change_asked_for_twice_at_once_is_no_conflict() -> None:
    def check(rivals: Rivals) -> None:
        run([rivals.recover()], [])
        assert rivals.refused == set()
        assert rivals.provider.plan_id == "team"

    assert in_every_order(lambda: Rivals({"a": "team", "b": "team"}), check) > 20


def test_what_somebody_changed_at_the_provider_since_is_not_undone() -> None:
    async def main() -> None:
        world = TwoWorkers(timedelta(0))
        await world.begin()
        await lost(world, world.billing.change_plan("org", "team", idempotency_key="a"), after_effect=False)
        await world.other.change_plan("org", "solo", idempotency_key="b")
        await world.provider.change_subscription(record_of(world).id, plan_id="calls")
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert plan_of(world) == "calls"

    asyncio.run(main())


def test_a_change_that_cannot_be_looked_after_stays_open_until_it_can() -> None:
    async def main() -> None:
        world = TwoWorkers(timedelta(0))
        await world.begin()
        await lost(world, world.billing.change_plan("org", "team", idempotency_key="a"), after_effect=False)
        read = world.provider.get_subscription

        async def down(subscription_id: str) -> Subscription | None:
            message = "down"
            raise errors.ProviderUnavailable(message)

        world.provider.get_subscription = down  # type: ignore[method-assign]  # the test is the network
        with pytest.raises(errors.ProviderUnavailable):  # what is stored cannot be read afterwards
            await world.other.change_plan("org", "solo", idempotency_key="b")
        states = {each.key: each.state for each in await operation_log(world)}
        assert (states["a"], states["b"]) == (OPEN, OPEN)
        world.provider.get_subscription = read  # type: ignore[method-assign]  # the test is the network
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.key for each in recovered.done] == ["b"]
        assert plan_of(world) == "solo"

    asyncio.run(main())


# --- other places where clocks meet --------------------------------------------------------------------------------


BEGUN = BillingCheckout(
    id="ours",
    org_id="org",
    product="",
    plan_id="team",
    provider="memory",
    key="ours",
    ticket=0,
    created_at=NOW,
    updated_at=NOW,
)


class ManyCheckouts(InMemoryRepository):
    """Counts how its checkouts are read."""

    reads = 0

    async def find(self, kind: type[R], *args: Any, **options: Any) -> list[R]:
        self.reads += kind is BillingCheckout
        return await super().find(kind, *args, **options)


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(hours=2), timedelta(hours=-2), timedelta(hours=20)], ids=str)
def test_a_checkout_is_found_by_its_time_among_many_also_if_the_clock_of_its_writer_differs(
    apart: timedelta,
) -> None:
    async def main() -> None:
        repository = ManyCheckouts()
        provider = InMemoryProvider(now=NOW)
        provider.add_plan("pro", Money(1900, "USD"))
        clock = [NOW]
        billing = BillingService(provider, repository, clock=lambda: clock[0])
        customer = await billing.ensure_customer("org", email="a@example.com")
        for number in range(6000):
            made_at = NOW + timedelta(minutes=15 * number)
            name = f"k{number}"
            await Store(repository).insert(
                attrs.evolve(BEGUN, id=name, key=name, created_at=made_at, session_id=f"cs_{number}", ticket=number + 1)
            )
        for _ in range(7000):
            await repository.next_ticket()
        when = NOW + timedelta(minutes=15 * 6000)
        provider._world.agenda.now = clock[0] = when
        session = await provider.create_checkout_session(customer.external_customer_id, "pro", **PAGES)
        done = provider.complete_checkout(session.id)
        subscription = await provider.get_subscription(str(done.subscription_id))
        assert subscription is not None
        ticket = await repository.next_ticket()
        ours = attrs.evolve(BEGUN, plan_id="pro", created_at=when + apart, session_id=session.id, ticket=ticket)
        await Store(repository).insert(ours)
        repository.reads = 0
        asked = Asked()
        checkouts = CheckoutCorrelation(Store(repository), {"memory": provider}, lambda: when)
        fitting = await checkouts.open_at("memory", when, "pro", asked)
        origin = await checkouts.by_sessions(subscription.id, fitting, asked)
        assert origin is not None
        assert origin.session.id == session.id
        assert repository.reads < 40

    asyncio.run(main())


def test_an_event_that_was_unmatched_by_a_clock_that_is_behind_has_waited_no_longer_than_it_exists() -> None:
    async def main() -> None:
        here = Listening()
        happened: datetime = NOW - timedelta(minutes=1)
        event = an_event(1, created_at=happened)
        await here.billing.apply_event(event)
        [unmatched] = await Store(here.repository).list_unmatched("fake")
        early = attrs.evolve(unmatched, waiting_since=NOW - timedelta(days=1))
        assert here.billing._parts.pipeline._waited(event, early) == timedelta(minutes=1)
        late = attrs.evolve(event, created_at=NOW - timedelta(days=9))
        assert here.billing._parts.pipeline._waited(late, early) == timedelta(days=1)

    asyncio.run(main())
