"""What webhooks did not bring: missed events, stored subscriptions that differ, and what stays in between."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingService,
    Capability,
    EventType,
    InMemoryRepository,
    Money,
    PurgedEvents,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    errors,
)
from paylattice.billing.maintenance.reconcile import Difference, Lacks, Reconciled
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, BillingSubscription, Record
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from tests.billing.support import NOW, PAGES, Context, Fake, World, an_event

from ..support import all_of


class Noting(World):
    """Notes which events its handlers saw; one that it refuses fails."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.handled: list[str] = []
        self.refused: set[str] = set()
        for word in ("invoice.paid", "subscription.created"):
            self.billing.on(word)(self.note)

    def note(self, event: WebhookEvent, context: Context) -> None:
        if event.id in self.refused:
            message = "not now"
            raise RuntimeError(message)
        self.handled.append(event.id)

    def happened(self, *words: str) -> list[str]:
        return [event.id for event in self.provider._world.events if event.type in words]


WORDS = ("invoice.paid", "subscription.created")


# --- catch_up ------------------------------------------------------------------------------------------------------


def test_missed_events_are_applied_once_and_catching_up_again_applies_nothing() -> None:
    async def main() -> None:
        world = Noting()
        await world.subscribe()
        world.provider.advance(months=2)
        first, *_ = world.provider.deliveries()
        await world.handle(first)
        done = await world.billing.catch_up("memory", NOW)
        assert world.handled == world.happened(*WORDS)
        assert (done.read, done.applied, done.failed) == (len(world.provider._world.events), done.read - 1, ())
        assert done.until == max(event.created_at for event in world.provider._world.events)
        again = await world.billing.catch_up("memory", done.until)
        assert (again.applied, again.until) == (0, done.until)
        assert (await world.billing.catch_up("memory", NOW)).applied == 0
        assert await world.deliver() == []
        stored = await world.billing.subscription("org")
        there = await world.provider.get_subscription(stored.external_subscription_id if stored else "")
        assert stored is not None
        assert there is not None
        assert stored.current_period_end == there.current_period_end

    asyncio.run(main())


def test_nothing_happened_since_is_no_error() -> None:
    async def main() -> None:
        world = Noting()
        done = await world.billing.catch_up("memory", NOW)
        assert (done.read, done.applied, done.until) == (0, 0, NOW)

    asyncio.run(main())


class Paging(InMemoryProvider):
    """Notes how its events are asked for, and gives at most so many at a time."""

    most = 10_000
    asked: list[tuple[datetime, int]]

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        self.asked.append((since, limit))
        return await super().list_events(since, min(limit, self.most))


async def with_many_events(count: int, *, at_once: bool, most: int = 10_000) -> Noting:
    provider = Paging(now=NOW)
    provider.asked, provider.most = [], most
    world = Noting(provider=provider)
    for number in range(count):
        await world.provider.create_customer(f"{number}@example.com")
        if not at_once:
            world.provider.advance(hours=1)
    world.billing.on("customer.created")(world.note)
    return world


@pytest.mark.parametrize("at_once", [True, False], ids=["in one moment", "one after the other"])
@pytest.mark.parametrize("count", [1, 99, 100, 101, 350])
def test_events_are_read_page_by_page_also_more_in_one_moment_than_a_page_holds(count: int, at_once: bool) -> None:
    async def main() -> None:
        world = await with_many_events(count, at_once=at_once)
        done = await world.billing.catch_up("memory", NOW)
        # nobody here knows these customers: their events are kept
        assert (done.read, done.applied) == (count, count)
        assert len(await Store(world.repository).list_unmatched("memory", limit=1000)) == count
        assert isinstance(world.provider, Paging)
        if not at_once:
            assert {limit for _, limit in world.provider.asked} == {100}

    asyncio.run(main())


def test_a_provider_that_gives_fewer_than_it_is_asked_for_is_read_to_the_end() -> None:
    async def main() -> None:
        world = await with_many_events(120, at_once=False, most=7)
        assert (await world.billing.catch_up("memory", NOW)).read == 120

    asyncio.run(main())


def test_a_handler_that_fails_blocks_no_other_event_and_is_tried_again_next_time() -> None:
    async def main() -> None:
        world = Noting()
        await world.subscribe()
        world.provider.advance(months=3)
        bad = world.happened("invoice.paid")[1]
        world.refused.add(bad)
        done = await world.billing.catch_up("memory", NOW)
        assert done.failed == (bad,)
        assert world.handled == [event for event in world.happened(*WORDS) if event != bad]
        failed = next(event for event in world.provider._world.events if event.id == bad)
        assert done.until == failed.created_at
        again = await world.billing.catch_up("memory", done.until)
        assert (again.applied, again.failed, again.until) == (0, (bad,), done.until)
        world.refused.clear()
        third = await world.billing.catch_up("memory", again.until)
        assert (third.applied, third.failed) == (1, ())
        assert sorted(world.handled) == sorted(world.happened(*WORDS))

    asyncio.run(main())


def test_catching_up_that_is_stopped_goes_on_where_it_was() -> None:
    async def main() -> None:
        world = Noting()
        await world.subscribe()
        world.provider.advance(months=6)
        stop_at = world.happened("invoice.paid")[3]

        @world.billing.on("invoice.paid")
        async def stop(event: WebhookEvent, context: Context) -> None:
            if event.id == stop_at:
                await asyncio.sleep(60)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.billing.catch_up("memory", NOW), 0.05)
        assert stop_at not in await applied(world)
        stop_at = ""
        await world.billing.catch_up("memory", NOW)
        assert await applied(world) == set(world.happened(*WORDS))

    async def applied(world: Noting) -> set[str]:
        found = {name: await Store(world.repository).get_event("memory", name) for name in world.happened(*WORDS)}
        return {name for name, event in found.items() if event is not None}

    asyncio.run(main())


@pytest.mark.parametrize("since", [datetime(2026, 1, 1), "2026-01-01"])  # noqa: DTZ001 - naive on purpose
def test_a_time_without_a_zone_is_refused(since: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="since"):
        asyncio.run(World().billing.catch_up("memory", since))


def test_a_provider_that_lists_no_events_says_so() -> None:
    billing = BillingService(Fake(), InMemoryRepository())
    with pytest.raises(errors.UnsupportedOperation):
        asyncio.run(billing.catch_up("fake", NOW))
    with pytest.raises(errors.ConfigurationError, match="it has fake"):
        asyncio.run(billing.catch_up("elsewhere", NOW))


# --- reconcile -----------------------------------------------------------------------------------------------------


async def many(count: int, *, provider: InMemoryProvider | None = None) -> World:
    """Organisations with a subscription each, stored as the provider has it."""
    world = World(provider=provider)
    for number in range(count):
        await world.subscribe(f"org {number}")
    await world.deliver()
    return world


def record_of(world: World, number: int) -> Any:
    return list(world.provider._world.store.subscriptions.values())[number]


def test_what_is_stored_as_it_is_differs_in_nothing() -> None:
    async def main() -> None:
        world = await many(3)
        found: list[Difference] = []
        done = await world.billing.reconcile("memory", on_difference=found.append)
        assert (done.customers, done.different, done.failed, found) == (3, 0, 0, [])

    asyncio.run(main())


LATER = NOW + timedelta(days=3)
FIELDS: dict[str, dict[str, object]] = {
    "status": {"status": SubscriptionStatus.PAST_DUE},
    "plan_id": {"plan_id": "another"},
    "quantity": {"quantity": 7},
    "current_period_start": {"current_period_start": LATER},
    "current_period_end": {"current_period_end": LATER},
    "cancel_at": {"cancel_at": LATER},
    "metadata": {"metadata": {"a": "b"}},
    "trial_end": {"trial_end": LATER},
    "collection_paused": {"collection_paused": True},
    "payment_failed_at": {"payment_failed_at": NOW - timedelta(days=1)},
    "paid_through": {"paid_through": LATER},
    "ended_at": {"ended_at": LATER},
}


class Telling(Fake):
    """Has one subscription, ``sub``, whose fields the test changes."""

    changes: dict[str, object]

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        if "gone" in self.changes:
            return None
        return attrs.evolve(self.payload(subscription_id), **self.changes)  # type: ignore[arg-type]  # fields of the subscription


async def one_stored() -> tuple[Telling, BillingService[InMemoryTransaction]]:
    provider = Telling()
    provider.changes = {}
    repository = InMemoryRepository()
    billing = BillingService(provider, repository, clock=lambda: NOW)
    await billing.ensure_customer("org", email="a@example.com")
    await billing.apply_event(an_event())
    return provider, billing


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_compared_and_repaired(field: str) -> None:
    async def main() -> None:
        provider, billing = await one_stored()
        before = await billing.subscription("org")
        provider.changes = FIELDS[field]
        found: list[Difference] = []
        done = await billing.reconcile("fake", on_difference=found.append)
        stored = await billing.subscription("org")
        assert stored == before, "looking changes nothing"
        [difference] = found
        there = await provider.get_subscription("sub")
        assert set(difference.fields) == {field}
        assert difference.fields[field] == (getattr(before, field), getattr(there, field))
        assert (difference.org_id, difference.subscription_id, difference.lacks) == ("org", "sub", None)
        assert (done.different, done.repaired, difference.repaired) == (1, 0, False)
        done = await billing.reconcile("fake", repair=True, on_difference=found.append)
        assert (done.different, done.repaired, found[-1].repaired) == (1, 1, True)
        assert (await billing.reconcile("fake")).different == 0

    asyncio.run(main())


def test_repairing_tells_the_handlers_of_a_new_status_once() -> None:
    async def main() -> None:
        world = await many(2)
        told: list[str] = []

        @world.billing.on("subscription.past_due")
        def note(event: WebhookEvent, context: Context) -> None:
            assert context.customer is not None
            told.append(context.customer.org_id)

        world.provider.decline_next_payment(customer_id=record_of(world, 0).customer_id)
        world.provider.advance(months=1)
        await world.billing.reconcile("memory", repair=True)
        await world.billing.reconcile("memory", repair=True)
        await world.deliver()
        assert told == ["org 0"]

    asyncio.run(main())


def test_what_one_side_lacks_is_told_and_what_is_missing_here_is_stored() -> None:
    async def main() -> None:
        world = World()
        missed = await world.subscribe("org 1")
        gone = await world.subscribe("org 2")
        for each in world.provider.deliveries():
            if gone.id.encode() in each.payload:
                await world.handle(each)
        store = world.provider._world.store
        del store.subscriptions[gone.id]
        store.subscriptions_of[gone.customer_id or ""].remove(gone.id)
        found: list[Difference] = []
        done = await world.billing.reconcile("memory", repair=True, on_difference=found.append)
        assert sorted((each.org_id, each.subscription_id, each.lacks, each.repaired) for each in found) == [
            ("org 1", missed.id, Lacks.HERE, True),
            ("org 2", gone.id, Lacks.THERE, False),
        ]
        assert (done.different, done.repaired) == (2, 1)
        assert await world.status("org 1") == "active"
        assert await world.status("org 2") == "active", "nothing is deleted because it could not be found"

    asyncio.run(main())


def test_a_webhook_that_stores_the_change_meanwhile_leaves_no_difference() -> None:
    async def main() -> None:
        provider, billing = await one_stored()

        async def changes_while_it_is_read(subscription_id: str) -> Subscription | None:
            provider.changes = FIELDS["status"]
            del provider.get_subscription
            await billing.apply_event(an_event(2))
            return await provider.get_subscription(subscription_id)

        provider.get_subscription = changes_while_it_is_read  # type: ignore[method-assign]  # once
        assert (await billing.reconcile("fake", repair=True)).different == 0

    asyncio.run(main())


def test_a_state_that_is_newer_here_is_not_repaired_away() -> None:
    async def main() -> None:
        provider, billing = await one_stored()
        old = attrs.evolve(provider.payload(), plan_id="what it was for a moment")

        async def answers_what_was(subscription_id: str) -> Subscription | None:
            provider.changes = FIELDS["status"]
            del provider.get_subscription
            await billing.apply_event(an_event(2))
            return old

        provider.get_subscription = answers_what_was  # type: ignore[method-assign]  # once
        done = await billing.reconcile("fake", repair=True)
        assert (done.different, done.repaired) == (1, 0)
        stored = await billing.subscription("org")
        assert stored is not None
        assert stored.status is SubscriptionStatus.PAST_DUE

    asyncio.run(main())


class Failing(InMemoryProvider):
    """Cannot list the subscriptions of some customers, and counts how many it lists at once."""

    fails: frozenset[str] = frozenset()
    now_in_flight = most_in_flight = 0

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        self.now_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.now_in_flight)
        await asyncio.sleep(0)
        self.now_in_flight -= 1
        if customer_id in self.fails:
            message = "down"
            raise errors.ProviderUnavailable(message)
        return await super().list_subscriptions(customer_id)


@pytest.mark.parametrize("in_flight", [1, 7, 100])
def test_never_more_requests_are_in_flight_than_were_allowed(in_flight: int) -> None:
    async def main() -> None:
        world = await many(120, provider=Failing(now=NOW))
        await world.billing.reconcile("memory", in_flight=in_flight)
        assert isinstance(world.provider, Failing)
        assert world.provider.most_in_flight == in_flight

    asyncio.run(main())


@pytest.mark.parametrize("in_flight", [0, -1, 101, True, 2.5, "10", None])
def test_how_many_may_be_in_flight_is_checked(in_flight: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="between 1 and 100"):
        asyncio.run(World().billing.reconcile("memory", in_flight=in_flight))


def test_a_customer_that_cannot_be_read_is_counted_and_the_others_are_compared() -> None:
    async def main() -> None:
        world = await many(5, provider=Failing(now=NOW))
        assert isinstance(world.provider, Failing)
        for number in (1, 3):
            record_of(world, number).quantity = 9
        world.provider.fails = frozenset({record_of(world, 1).customer_id})
        done = await world.billing.reconcile("memory", repair=True)
        assert (done.customers, done.failed, done.different, done.repaired) == (5, 1, 1, 1)

    asyncio.run(main())


def test_a_handler_that_fails_while_repairing_is_counted_and_the_others_are_repaired() -> None:
    async def main() -> None:
        world = await many(3)

        @world.billing.on("subscription.canceled")
        def fails(event: WebhookEvent, context: Context) -> None:
            assert context.customer is not None
            if context.customer.org_id == "org 1":
                message = "not now"
                raise RuntimeError(message)

        for number in range(3):
            await world.provider.cancel_subscription(record_of(world, number).id)
        done = await world.billing.reconcile("memory", repair=True)
        assert (done.failed, done.different, done.repaired) == (1, 2, 2)
        assert [await world.status(f"org {number}") for number in range(3)] == ["canceled", "active", "canceled"]

    asyncio.run(main())


def test_progress_is_told_page_by_page_and_a_comparison_goes_on_after_the_last_whole_page() -> None:
    async def main() -> None:
        world = await many(250)
        told: list[Reconciled] = []

        def stop(progress: Reconciled) -> None:
            told.append(progress)
            if len(told) == 2:
                message = "enough for today"
                raise KeyboardInterrupt(message)

        with pytest.raises(KeyboardInterrupt):
            await world.billing.reconcile("memory", on_progress=stop)
        assert [each.customers for each in told] == [100, 200]
        rest = await world.billing.reconcile("memory", after=told[-1].after, on_progress=told.append)
        assert rest.customers == 50
        assert told[-1] == rest
        assert (await world.billing.reconcile("memory", after=rest.after)).customers == 0

    asyncio.run(main())


def test_a_provider_without_customers_is_compared_subscription_by_subscription() -> None:
    async def main() -> None:
        provider, billing = await one_stored()
        assert Capability.LIST_SUBSCRIPTIONS not in provider.capabilities
        provider.changes = {"gone": True}
        found: list[Difference] = []
        await billing.reconcile("fake", on_difference=found.append)
        assert [each.lacks for each in found] == [Lacks.THERE]

    asyncio.run(main())


class Blind(Fake):
    """Lists subscriptions, but only of customers, and has none."""

    capabilities = frozenset({Capability.LIST_SUBSCRIPTIONS})


def test_a_provider_whose_subscriptions_cannot_be_read_is_refused_at_once() -> None:
    with pytest.raises(errors.UnsupportedOperation, match="cannot be read"):
        asyncio.run(BillingService(Blind(), InMemoryRepository()).reconcile("fake"))


def test_two_thousand_subscriptions_are_compared_in_the_memory_of_a_page() -> None:
    """The full hundred thousand are in ``benchmarks/reconcile.py``."""

    async def main() -> None:
        world = World()
        for number in range(2000):
            customer = await world.billing.ensure_customer(f"org {number}", email="a@example.com")
            session = await world.provider.create_checkout_session(customer.external_customer_id, "pro", **PAGES)
            world.provider.complete_checkout(session.id)
        assert (await world.billing.reconcile("memory", repair=True)).repaired == 2000
        tracemalloc.start()
        sizes: list[int] = []
        try:
            done = await world.billing.reconcile(
                "memory", in_flight=100, on_progress=lambda _: sizes.append(tracemalloc.get_traced_memory()[0])
            )
        finally:
            tracemalloc.stop()
        assert (done.customers, done.different, done.failed) == (2000, 0, 0)
        assert len(sizes) == 20
        assert max(sizes[5:]) - min(sizes[5:]) < 60_000, "bytes that grow from page to page"

    asyncio.run(main())


# --- repositories that break their promises ------------------------------------------------------------------------


class GoesRoundInCircles(InMemoryRepository):
    """Gives the first page again, whatever it is asked to go on after."""

    async def find(self, *args: Any, **options: Any) -> Any:
        return await super().find(*args, **{**options, "after": None})

    async def delete(self, *_args: Any, **_tx: Any) -> bool:
        return False


CIRCLES: dict[str, Callable[[World], Awaitable[object]]] = {
    "list_customers": lambda world: world.billing.reconcile("memory"),
    "unmatched_events": lambda world: world.billing.apply_unmatched("memory"),
}


@pytest.mark.parametrize("method", CIRCLES)
def test_a_repository_that_never_comes_to_the_last_page_is_told_of_and_not_followed_for_ever(method: str) -> None:
    async def main() -> None:
        world = World(repository=GoesRoundInCircles())
        await world.billing.ensure_customer("org", email="a@example.com")
        await world.billing.apply_event(an_event(provider="memory", customer_id="nobody"))
        with pytest.raises(errors.ConfigurationError, match="does not go on after"):
            await asyncio.wait_for(CIRCLES[method](world), 5)

    asyncio.run(main())


class HidesOperations(InMemoryRepository):
    """Says that a key is taken, and shows nothing under it."""

    async def insert(self, record: Record, **tx: Any) -> bool:
        return not isinstance(record, BillingOperation) and await super().insert(record, **tx)


class HidesCustomers(InMemoryRepository):
    """Refuses to insert, and has none."""

    async def insert(self, record: Record, **tx: Any) -> bool:
        return not isinstance(record, BillingCustomer) and await super().insert(record, **tx)


class ForgetsSubscriptions(InMemoryRepository):
    """Takes every subscription, and keeps none."""

    async def insert(self, record: Record, **tx: Any) -> bool:
        return isinstance(record, BillingSubscription) or await super().insert(record, **tx)


@pytest.mark.parametrize("repository", [HidesOperations, HidesCustomers])
def test_a_repository_that_says_taken_and_shows_nothing_is_a_conflict(repository: type[InMemoryRepository]) -> None:
    async def main() -> None:
        world = World(repository=repository())
        with pytest.raises(errors.Conflict):
            await world.billing.ensure_customer("org", email="a@example.com")
        assert world.customers_made() <= 1

    asyncio.run(main())


def test_a_repository_that_forgets_subscriptions_stops_nothing_else() -> None:
    async def main() -> None:
        world = World(repository=ForgetsSubscriptions())
        await world.subscribe()
        assert set(await world.deliver()) == {"processed"}
        with pytest.raises(errors.NotFound):
            await world.billing.cancel("org")
        assert not await world.billing.access("org")

    asyncio.run(main())


# --- events that come where they should not ------------------------------------------------------------------------


def test_an_event_for_an_organisation_that_was_deleted_is_kept_and_applied_when_it_comes_back() -> None:
    async def main() -> None:
        world = Noting()
        subscription = await world.subscribe()
        await world.deliver()
        customer = await Store(world.repository).get_customer("org", "memory")
        assert customer is not None
        delete(world, customer, subscription.id)
        world.provider.advance(months=1)
        assert set(await world.deliver()) == {"unmatched"}
        assert await world.status() is None
        world.handled.clear()
        await world.billing.ensure_customer("org", email="a@example.com")
        assert world.handled == world.happened("invoice.paid")[-1:]
        assert await world.status() == "active"
        assert world.customers_made() == 1

    asyncio.run(main())


def delete(world: World, customer: BillingCustomer, subscription_id: str) -> None:
    """What an application does to its tables when an organisation goes."""
    subscriptions = all_of(world.repository, BillingSubscription)
    [gone] = [each for each in subscriptions if each.external_subscription_id == subscription_id]
    for record in (customer, gone):
        world.repository._committed.of(type(record)).discard((record.id,))


def test_an_event_that_is_older_than_the_subscription_changes_nothing_but_is_told() -> None:
    async def main() -> None:
        world = Noting(refetch=False)
        await world.subscribe()
        world.provider.advance(months=1)
        early, late = world.provider.deliveries(), []
        await world.provider.cancel_subscription(record_of(world, 0).id)
        late = world.provider.deliveries()
        for delivery in late:
            await world.handle(delivery)
        assert await world.status() == "canceled"
        outcomes = [await world.handle(delivery) for delivery in early]
        assert "stale" in outcomes
        assert await world.status() == "canceled"
        assert sorted(world.handled) == sorted(world.happened(*WORDS))

    asyncio.run(main())


def test_two_providers_that_send_the_same_id_send_two_events() -> None:
    async def main() -> None:
        providers = [InMemoryProvider(name=name, now=NOW) for name in ("eu", "us")]
        billing = BillingService(providers, InMemoryRepository(), select=lambda org: org, clock=lambda: NOW)
        handled: list[str | None] = []

        @billing.on("invoice.paid")
        def note(event: WebhookEvent, context: Context) -> None:
            handled.append(context.customer.org_id if context.customer else None)

        for each in providers:
            name = each.get_provider_name()
            each.add_plan("pro", Money(1900, "USD"))
            customer = await billing.ensure_customer(name, email="a@example.com")
            event = an_event(
                provider=name,
                type=EventType.INVOICE_PAID,
                customer_id=customer.external_customer_id,
                subscription_id=None,
            )
            assert await billing.apply_event(event) == "processed"
            assert await billing.apply_event(event) == "duplicate"
        assert handled == ["eu", "us"]

    asyncio.run(main())


def test_a_handler_that_blocks_keeps_its_delivery_unanswered_and_the_second_one_waits_and_is_a_duplicate() -> None:
    async def main() -> None:
        world = Noting()
        await world.subscribe()
        released = asyncio.Event()

        @world.billing.on("subscription.created")
        async def blocks(event: WebhookEvent, context: Context) -> None:
            await released.wait()

        created = world.delivery("subscription.created")
        first, second = (asyncio.ensure_future(world.handle(created)) for _ in range(2))
        done, _ = await asyncio.wait({first, second}, timeout=0.02)
        assert not done, "neither is answered: the provider will deliver again"
        assert await world.status() is None
        released.set()
        assert sorted([await first, await second]) == ["duplicate", "processed"]
        assert world.handled == [created.event_id]

    asyncio.run(main())


def test_the_operations_here_have_their_blocking_twins() -> None:
    from paylattice import sync

    provider = InMemoryProvider(now=NOW)
    provider.add_plan("pro", Money(1900, "USD"))
    billing = sync.BillingService(provider, sync.InMemoryRepository(), clock=lambda: provider.now)
    billing.ensure_customer("org", email="a@example.com")
    provider.time_out_next_call()
    with pytest.raises(errors.OutcomeUnknown):
        billing.ensure_customer("other", email="a@example.com")
    assert len(billing.recover_open(older_than=timedelta(0)).done) == 1
    assert billing.catch_up("memory", NOW).read == 2
    assert billing.reconcile("memory").customers == 2
    assert billing.purge_unmatched("memory", before=NOW) == PurgedEvents()
