"""``maintain()`` does all of the scheduled work, in bounded time, and tells what needs a person."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingOperation,
    BillingService,
    Capability,
    InMemoryRepository,
    MaintenanceReport,
    Money,
    OperationState,
    WebhookEvent,
    errors,
    sync,
)
from paylattice.billing.maintenance.bookmarks import Bookmark, Bookmarks
from paylattice.billing.maintenance.maintain import SLICE
from paylattice.billing.maintenance.report import Part
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records.customers import CUSTOMERS_BY_PROVIDER
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from tests.billing.support import NOW, Context, Fake, World

NO_TIME = timedelta()


class Counting(World):
    """Notes whose invoices its handlers booked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.booked: list[str] = []
        self.fails: set[str] = set()

        @self.billing.on("invoice.paid")
        def book(event: WebhookEvent, context: Context) -> None:
            if event.id in self.fails:
                message = "ada@example.com"
                raise RuntimeError(message)
            self.booked.append(event.id)

    async def maintain(self, **options: Any) -> MaintenanceReport:
        return await self.billing.maintain(**options)

    def paid(self) -> list[str]:
        return [event.id for event in self.provider._world.events if event.type == "invoice.paid"]


class Lost(InMemoryProvider):
    """Its answers are lost while ``loses`` is set; what was asked for is done."""

    loses = False

    async def create_customer(self, *args: Any, **kwargs: Any) -> Any:
        made = await super().create_customer(*args, **kwargs)
        if self.loses:
            message = "the answer was lost"
            raise errors.NetworkOutcomeUnknown(message)
        return made


async def until_finished(run: Callable[[], Any], most: int = 500) -> list[MaintenanceReport]:
    """Run again and again, until a run has nothing left for the next one."""
    reports: list[MaintenanceReport] = []
    while len(reports) < most:
        reports.append(await run())
        if not reports[-1].unfinished:
            return reports
    pytest.fail("it does not come to its end")


def test_one_run_does_all_of_the_work_and_a_second_finds_nothing_left() -> None:
    async def main() -> None:
        world = Counting(provider=Lost(now=NOW))
        provider = world.provider
        assert isinstance(provider, Lost)
        await world.subscribe("missed")  # its deliveries never come
        provider.loses = True
        with pytest.raises(errors.NetworkOutcomeUnknown):
            await world.checkout("begun")
        provider.loses = False
        provider.advance(hours=10 / 60)
        report = await world.maintain()
        assert [each.operation for each in report.recovered.done] == ["create_customer"]
        assert await Store(world.repository).get_customer("begun", "memory") is not None
        assert world.booked == world.paid()
        assert report.caught_up["memory"].applied > 0
        assert await world.status("missed") == "active"
        assert report.reconciled["memory"].customers == 2
        assert (report.needs_a_person, report.failed_parts, report.unfinished) == ((), (), ())

        again = await world.maintain()
        assert (again.recovered.done, again.caught_up["memory"].applied, dict(again.reconciled)) == ((), 0, {})
        assert world.booked == world.paid()

    asyncio.run(main())


def test_events_that_waited_for_their_customer_are_applied() -> None:
    async def main() -> None:
        world = World()
        customer = await world.provider.create_customer("ada@example.com")
        [waiting] = world.provider.deliveries()
        assert await world.handle(waiting) == "unmatched"
        await Store(world.repository).insert_customer(
            attrs.evolve(await _a_record(world), external_customer_id=customer.id)
        )
        report = await world.billing.maintain()
        assert (report.applied, report.dropped) == (1, 0)
        assert await Store(world.repository).list_unmatched("memory") == []

    asyncio.run(main())


async def _a_record(world: World) -> Any:
    other = World()
    return await other.billing.ensure_customer("org", email="ada@example.com")


def test_events_of_nobody_are_dropped_only_if_asked_and_only_old_ones() -> None:
    async def main() -> None:
        world = World()
        await world.provider.create_customer("a@example.com")
        world.provider.advance(days=10)
        await world.deliver()
        assert (await world.billing.maintain()).dropped == 0
        world.provider.advance(days=20)
        assert (await world.billing.maintain(purge_unmatched_after=timedelta(days=30))).dropped == 0
        assert (await world.billing.maintain(purge_unmatched_after=timedelta(days=19))).dropped == 1
        assert await Store(world.repository).list_unmatched("memory") == []

    asyncio.run(main())


@pytest.mark.parametrize("budget", [NO_TIME, timedelta(microseconds=1)])
def test_whatever_the_budget_repeated_runs_come_to_the_end_and_do_everything_once(budget: timedelta) -> None:
    async def main() -> None:
        world = Counting()
        for number in range(SLICE * 2 + 5):
            await world.subscribe(f"org-{number}")
        world.provider.advance(days=40)
        for each in range(150):
            await world.provider.create_customer(f"stranger-{each}@example.com")  # another application's
        reports = await until_finished(
            lambda: world.maintain(budget=budget, since=None if world.booked else NOW - timedelta(days=1))
        )
        assert len(reports) > 3, "the time was too short for one run"
        assert sorted(world.booked) == sorted(world.paid())
        assert sum(each.reconciled["memory"].customers for each in reports if each.reconciled) >= SLICE * 2 + 5
        assert all(report.needs_a_person == () for report in reports)

    asyncio.run(main())


@pytest.mark.parametrize("stopped_at", range(0, 9, 2))
def test_a_run_that_is_stopped_in_the_middle_is_gone_on_with_by_the_next(stopped_at: int) -> None:
    class StoppedError(BaseException):
        """As a signal does."""

    async def main() -> None:
        world = Counting()
        seen = 0

        @world.billing.on("invoice.paid")
        def stop(event: WebhookEvent, context: Context) -> None:
            nonlocal seen
            seen += 1
            if seen == stopped_at + 1:
                world.booked.remove(event.id)  # as the transaction does with what is written in it
                raise StoppedError

        for number in range(9):
            await world.subscribe(f"org-{number}")
        with pytest.raises(StoppedError):
            await world.maintain()
        report = await world.maintain()
        assert sorted(world.booked) == sorted(world.paid())
        assert (report.needs_a_person, report.unfinished) == ((), ())

    asyncio.run(main())


def test_a_provider_that_is_down_keeps_no_other_from_being_served() -> None:
    class Down(InMemoryProvider):
        async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
            message = "it is down"
            raise errors.ProviderUnavailable(message)

    async def main() -> None:
        down, up = Down(name="down", now=NOW), InMemoryProvider(name="up", now=NOW)
        await up.create_customer("ada@example.com")
        billing = BillingService(
            [down, up], InMemoryRepository(), select=lambda _: "up", clock=lambda: NOW + timedelta(hours=1)
        )
        report = await billing.maintain()
        [failed] = report.failed_parts
        assert (failed.part, failed.provider, failed.error) == (Part.CATCH_UP, "down", "ProviderUnavailable")
        assert failed.transient
        assert report.needs_a_person == ()
        assert report.caught_up["up"].applied == 1
        assert set(report.reconciled) == {"down", "up"}

    asyncio.run(main())


def test_a_database_that_fails_for_one_part_needs_a_person_and_the_others_run() -> None:
    class Half(InMemoryRepository):
        async def find(self, kind: Any, *args: Any, **options: Any) -> Any:
            if kind is BillingCustomer and CUSTOMERS_BY_PROVIDER in args:
                message = "password hunter2 rejected"
                raise OSError(message)
            return await super().find(kind, *args, **options)

    async def main() -> None:
        world = Counting(repository=Half())
        await world.subscribe()
        report = await world.maintain()
        assert world.booked == world.paid()
        assert report.needs_a_person == ("memory: reconcile failed: OSError",)

    asyncio.run(main())


def test_a_provider_that_lists_no_events_is_passed_over() -> None:
    async def main() -> None:
        provider = Fake()
        assert Capability.LIST_EVENTS not in provider.capabilities
        report = await BillingService(provider, InMemoryRepository()).maintain()
        assert (dict(report.caught_up), report.failed_parts) == ({}, ())

    asyncio.run(main())


def test_a_handler_that_fails_is_named_and_its_event_is_tried_again_by_every_run() -> None:
    async def main() -> None:
        world = Counting()
        await world.subscribe()
        world.provider.advance(days=40)
        [first, *others] = world.paid()
        world.fails = {first}
        report = await world.maintain(since=NOW)
        assert world.booked == others
        assert report.needs_a_person == (f"memory: event {first} is not applied: the log says why",)
        assert (await world.maintain()).needs_a_person == report.needs_a_person
        world.fails = set()
        assert (await world.maintain()).needs_a_person == ()
        assert sorted(world.booked) == sorted([first, *others])

    asyncio.run(main())


def test_an_event_that_keeps_failing_keeps_no_long_list_from_being_read_to_its_end() -> None:
    async def main() -> None:
        world = Counting()
        for number in range(60):
            await world.subscribe(f"org-{number}")
            world.provider.advance(hours=1 / 60)
        [first, *others] = world.paid()
        world.fails = {first}
        since: list[datetime | None] = [NOW]
        await until_finished(
            lambda: world.maintain(budget=NO_TIME, since=since.pop() if since else None, reconcile_every=timedelta(99))
        )
        assert sorted(world.booked) == sorted(others)
        world.fails = set()
        await until_finished(lambda: world.maintain(budget=NO_TIME))
        assert sorted(world.booked) == sorted([first, *others])

    asyncio.run(main())


def test_the_bookmark_of_events_does_not_drift_while_nothing_happens() -> None:
    async def main() -> None:
        world = Counting()
        await world.subscribe()
        await world.maintain()
        marks = Bookmarks(Store(world.repository), lambda: NOW)
        before = await marks.read("memory", Part.CATCH_UP)
        for _ in range(5):
            world.provider.advance(hours=5 / 60)
            await world.maintain()
        assert await marks.read("memory", Part.CATCH_UP) == before

    asyncio.run(main())


def test_an_event_that_is_listed_late_is_read_all_the_same() -> None:
    """It happened before the one that was read last: an hour is read again."""

    async def main() -> None:
        world = Counting()
        await world.subscribe("early")
        late = list(world.provider._world.events)
        world.provider._world.events._events.clear()
        world.provider.advance(hours=50 / 60)
        await world.subscribe("later")
        await world.maintain()
        world.provider._world.events._events.extendleft(reversed(late))
        await world.maintain()
        assert sorted(world.booked) == sorted(world.paid())

    asyncio.run(main())


def test_events_that_the_provider_has_forgotten_need_a_person() -> None:
    class Forgetful(InMemoryProvider):
        events_kept = timedelta(days=30)

    async def main() -> None:
        world = World(provider=Forgetful(now=NOW))
        await world.billing.maintain()
        world.provider.advance(days=400)
        [sentence] = (await world.billing.maintain(since=NOW)).needs_a_person
        assert sentence.startswith("memory: the events from 2026-01-01")

    asyncio.run(main())


def test_what_cannot_be_repaired_is_named() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        await Store(world.repository).upsert_subscription(
            attrs.evolve(stored, id="2", external_subscription_id="sub_gone")
        )
        [sentence] = (await world.billing.maintain()).needs_a_person
        assert sentence == "memory: subscription sub_gone of org differs and is not repaired (missing there)"

    asyncio.run(main())


def test_what_is_not_sent_again_and_what_stays_open_are_named() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        old = BillingOperation(
            provider="memory",
            key="usage-1",
            operation="record_usage",
            org_id="org",
            arguments={"version": 1, "subscription_item_id": "si_1", "quantity": 3},
            created_at=NOW,
        )
        await Store(world.repository).insert(old)
        world.provider.advance(days=2)
        report = await world.billing.maintain()
        assert [each.state for each in report.recovered.abandoned] == [OperationState.ABANDONED]
        [sentence] = report.needs_a_person
        assert sentence.startswith("memory: record_usage for org is not known to have been done")

    asyncio.run(main())


def test_a_comparison_of_all_customers_begins_once_in_the_given_time() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        every = timedelta(hours=6)
        compared = []
        for _ in range(13):
            report = await world.billing.maintain(reconcile_every=every)
            compared.append("memory" in report.reconciled)
            world.provider.advance(hours=1)
        assert [number for number, was in enumerate(compared) if was] == [0, 6, 12]

    asyncio.run(main())


def test_a_bookmark_is_a_record_of_its_own_and_the_last_one_counts() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        marks: Bookmarks[InMemoryTransaction] = Bookmarks(Store(repository), lambda: NOW)
        await marks.write("memory", Part.RECONCILE, Bookmark(NOW, "cus_1"))
        assert await marks.read("memory", Part.RECONCILE) == Bookmark(NOW, "cus_1")
        assert await marks.read("memory", Part.RECOVER) == Bookmark()
        assert await marks.read("other", Part.RECONCILE) == Bookmark()
        await marks.write("memory", Part.RECONCILE, Bookmark(after="cus_2"))
        assert await marks.read("memory", Part.RECONCILE) == Bookmark(after="cus_2")
        assert await Store(repository).list_operations("memory") == []

    asyncio.run(main())


def test_checkouts_are_deleted_only_if_asked_and_only_old_ones() -> None:
    async def main() -> None:
        world = World()
        await world.checkout()
        world.provider.advance(days=40)
        page = await world.checkout()
        assert (await world.billing.maintain()).purged_checkouts == 0
        assert (await world.billing.maintain(purge_checkouts_after=timedelta(days=30))).purged_checkouts == 1
        assert (await world.billing.maintain(purge_checkouts_after=timedelta(days=30))).purged_checkouts == 0
        assert (await world.checkout()).id == page.id
        with pytest.raises(errors.InvalidRequest, match="at least 30 days"):
            await world.billing.maintain(purge_checkouts_after=timedelta(days=29))

    asyncio.run(main())


@pytest.mark.parametrize(
    "name", ["budget", "older_than", "reconcile_every", "purge_unmatched_after", "purge_checkouts_after"]
)
@pytest.mark.parametrize("wrong", [300, timedelta(seconds=-1)])
def test_a_time_that_is_none_is_refused_before_anything_is_done(name: str, wrong: object) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        asyncio.run(World().billing.maintain(**{name: wrong}))  # type: ignore[arg-type]  # the mistake
    assert refused.value.param == name


def test_a_naive_since_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest, match="time zone"):
        asyncio.run(World().billing.maintain(since=datetime(2026, 1, 1)))  # noqa: DTZ001 - the mistake


def test_it_runs_without_an_event_loop() -> None:
    provider = InMemoryProvider(now=NOW)
    provider.add_plan("pro", Money(1900, "USD"))
    billing = sync.BillingService(provider, sync.InMemoryRepository(), clock=lambda: provider.now)
    session = billing.start_checkout(
        "org", "pro", email="ada@example.com", success_url="https://a.test", cancel_url="https://b.test"
    )
    provider.complete_checkout(session.id)
    report = billing.maintain()
    assert not inspect.isawaitable(report)
    assert report.caught_up["memory"].applied > 0
    assert billing.access("org").allowed
