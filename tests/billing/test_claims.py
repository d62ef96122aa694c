"""The short way through the pipeline, for repositories that can claim: it ends where the long way does, in every order."""

import asyncio
import itertools
import random
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingEvent,
    BillingService,
    BillingSubscription,
    EventType,
    InMemoryRepository,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
    errors,
    sync,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.repository import Claim, Upserted, can_claim

from .forgetful import Forgetful
from .scheduler import Task, in_every_order, run
from .support import NOW, Concurrent, Context, Fake, World, an_event
from .test_life import ACTIONS, Life

LIFE = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


class Claiming(InMemoryRepository):
    """Notes what was claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[str] = []

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        self.claimed.append(event.external_event_id)
        return await super().claim_event(event, state, external_customer_id, tx=tx)


class StepByStep(InMemoryRepository):
    claim_event = None  # type: ignore[assignment]  # as if it were not there


class Wrapper:
    """Has what it wraps, as far as it is asked for."""

    def __init__(self, wrapped: InMemoryRepository) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> object:
        return getattr(self._wrapped, name)


def test_a_repository_without_claims_of_its_own_is_told_apart() -> None:
    assert can_claim(InMemoryRepository())
    assert not can_claim(StepByStep())
    assert not can_claim(Wrapper(InMemoryRepository()))


# --- the same as the long way ------------------------------------------------------------------------------------


async def told(repository: InMemoryRepository, actions: list[str], seed: int) -> list[str]:
    """Everything that an application can see of a life: outcomes, handlers, records."""
    life = Life(refetch=False, repository=repository)
    heard: list[object] = []

    def hear(event: WebhookEvent, context: Context) -> None:
        heard.append((event.type, event.id, context.customer, context.subscription, context.previous_status))

    for word in EventType:
        life.world.billing.on(word)(hear)
    await life.begin(trial=False)
    for action in actions:
        await life.act(action)
    deliveries = life.world.provider.deliveries() * 2
    random.Random(seed).shuffle(deliveries)
    outcomes = [await life.world.handle(each) for each in deliveries]
    await life.ends_in_the_true_state()
    records = [*repository._events.values(), *repository._subscriptions.values()]
    return without_made_up_ids([repr(each) for each in (*outcomes, *heard, *records)])


def without_made_up_ids(lines: list[str]) -> list[str]:
    """The same with numbers for ids, in the order in which they appear; and without tickets, which may have gaps."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"id {len(numbers)}")

    return [re.sub(r"[0-9a-f]{14,32}", number, re.sub(r"ticket=\d+", "ticket", line)) for line in lines]


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(st.sampled_from(ACTIONS), max_size=8), seed=st.integers(0, 10**6))
def test_any_life_in_any_disorder_is_told_as_on_the_long_way(actions: list[str], seed: int) -> None:
    claiming = Claiming()
    short = asyncio.run(told(claiming, actions, seed))
    long = asyncio.run(told(StepByStep(), actions, seed))
    assert short == long
    assert claiming.claimed


# --- when it is taken --------------------------------------------------------------------------------------------


def applied_by(provider: Fake | Forgetful, event: WebhookEvent, *, refetch: bool = False) -> list[str]:
    """Which events were claimed."""

    async def main() -> list[str]:
        repository = Claiming()
        billing = BillingService(provider, repository, refetch=refetch, clock=lambda: NOW)
        await billing.ensure_customer("org", email="ada@example.com")
        await billing.apply_event(event)
        return repository.claimed

    return asyncio.run(main())


PAYLOAD = Fake().payload()


def test_a_payload_that_is_believed_is_claimed() -> None:
    assert applied_by(Fake(), an_event(subscription=PAYLOAD)) == ["evt_1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"subscription": None},
        {"customer_id": None},
        {"checkout_reference": "order-1"},
        {"type": EventType.CUSTOMER_MERGED},
    ],
    ids=["no state", "no customer", "a checkout has to be asked", "a profile moves"],
)
def test_other_events_go_the_long_way(changes: dict[str, object]) -> None:
    assert applied_by(Fake(), an_event(**{"subscription": PAYLOAD, **changes})) == []


def test_what_is_read_again_goes_the_long_way() -> None:
    assert applied_by(Fake(), an_event(subscription=PAYLOAD), refetch=True) == []


def test_where_checkouts_do_not_keep_the_customer_an_event_goes_the_long_way() -> None:
    assert applied_by(Forgetful(), an_event(provider="forgetful", subscription=PAYLOAD)) == []


def test_without_await_it_is_taken_as_well() -> None:
    class Noting(sync.InMemoryRepository):
        claimed = 0

        def claim_event(self, *args: object, **options: object) -> Claim | None:
            self.claimed += 1
            return super().claim_event(*args, **options)  # type: ignore[arg-type]  # handed on as it came

    repository = Noting()
    billing = sync.BillingService(Fake(), repository, refetch=False, clock=lambda: NOW)
    billing.ensure_customer("org", email="ada@example.com")
    assert billing.apply_event(an_event(subscription=PAYLOAD)) == "processed"
    assert billing.apply_event(an_event(subscription=PAYLOAD)) == "duplicate"
    assert repository.claimed == 2
    assert billing.subscription("org") is not None


def test_what_a_handler_refuses_is_not_claimed() -> None:
    async def main() -> None:
        world = World(refetch=False)
        await world.subscribe()
        created = world.delivery("subscription.created")
        refusing = [True]

        @world.billing.on("subscription.created")
        def handler(event: WebhookEvent, context: Context) -> None:
            if refusing:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await world.handle(created)
        assert await world.status() is None
        refusing.clear()
        assert await world.handle(created) == WebhookOutcome.PROCESSED
        assert await world.handle(created) == WebhookOutcome.DUPLICATE
        assert await world.status() == "active"

    asyncio.run(main())


class Failing(InMemoryRepository):
    """Begins to claim, and then cannot."""

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        await super().claim_event(event, state, external_customer_id, tx=tx)
        message = "a value that no column holds"
        raise OverflowError(message)


def test_what_cannot_be_claimed_goes_the_long_way(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World(refetch=False, repository=Failing())
        event = an_event(provider="memory", subscription=PAYLOAD)
        assert await world.billing.apply_event(event) == WebhookOutcome.PARKED
        await world.subscribe()
        created = world.delivery("subscription.created")
        assert await world.handle(created) == WebhookOutcome.PROCESSED
        assert await world.handle(created) == WebhookOutcome.DUPLICATE
        assert await world.status() == "active"

    asyncio.run(main())
    assert "goes the long way: OverflowError" in caplog.text
    assert "a value that" not in caplog.text


@pytest.mark.parametrize("missing", ["stored", "upserted"])
def test_a_claim_that_says_half_is_refused_and_undone(missing: str) -> None:
    class Half(InMemoryRepository):
        async def claim_event(
            self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
        ) -> Claim | None:
            claim = await super().claim_event(event, state, external_customer_id, tx=tx)
            assert claim is not None
            stored, upserted = state, Upserted(written=True, previous=None)
            return Claim(claim.customer, *((None, upserted) if missing == "stored" else (stored, None)))

    async def main() -> None:
        repository = Half()
        billing = BillingService(Fake(), repository, refetch=False, clock=lambda: NOW)
        await billing.ensure_customer("org", email="ada@example.com")
        with pytest.raises(errors.ConfigurationError, match="must answer both"):
            await billing.apply_event(an_event(subscription=PAYLOAD))
        assert await repository.get_event("fake", "evt_1") is None

    asyncio.run(main())


def test_a_reading_that_is_taken_while_a_claim_waits_is_newer() -> None:
    async def main() -> None:
        repository, provider = InMemoryRepository(), Fake()
        billing = BillingService(provider, repository, refetch=False, clock=lambda: NOW)
        customer = await billing.ensure_customer("org", email="ada@example.com")
        late = an_event(subscription=provider.payload(status=SubscriptionStatus.INCOMPLETE))
        holding, enough = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with repository.transaction():
                holding.set()
                await enough.wait()

        holder = asyncio.create_task(hold())
        await holding.wait()
        applying = asyncio.create_task(billing.apply_event(late))
        await asyncio.sleep(0)
        reading = asyncio.create_task(billing._parts.pipeline.observe("fake", customer, "sub"))
        await asyncio.sleep(0)
        enough.set()
        await holder
        assert await applying == WebhookOutcome.PROCESSED
        await reading
        stored = await billing.subscription("org")
        assert stored is not None
        assert stored.status == "active"

    asyncio.run(main())


@pytest.mark.parametrize("repository", [InMemoryRepository, StepByStep], ids=["claimed", "step by step"])
def test_an_old_payload_does_not_undo_a_newer_one_after_a_reading(repository: type[InMemoryRepository]) -> None:
    async def main() -> None:
        provider = Fake()
        billing = BillingService(provider, repository(), refetch=False, clock=lambda: NOW)
        customer = await billing.ensure_customer("org", email="ada@example.com")
        first = an_event(1, subscription=provider.payload(), created_at=NOW)
        provider.status = SubscriptionStatus.CANCELED
        second = an_event(2, subscription=provider.payload(), created_at=NOW + timedelta(days=1))
        assert await billing.apply_event(second) == WebhookOutcome.PROCESSED
        await billing._parts.pipeline.observe("fake", customer, "sub")
        assert await billing.apply_event(first) == WebhookOutcome.STALE
        stored = await billing.subscription("org")
        assert stored is not None
        assert stored.status == "canceled"

    asyncio.run(main())


# --- in every order ----------------------------------------------------------------------------------------------


class Race:
    """Deliveries of the states of one subscription, and its customer, over a repository that pauses."""

    def __init__(self, *, fine: bool = False) -> None:
        self.repository = Concurrent(fine=fine)
        self.provider = Fake()
        self.billing = BillingService(self.provider, self.repository, refetch=False, clock=lambda: NOW)
        self.billing.on("subscription.updated")(self.note)
        self.moves: list[tuple[object, object]] = []
        for status in LIFE:
            self.billing.on(f"subscription.{status}")(self.note_move)
        self.outcomes: list[WebhookOutcome] = []
        self.tasks: list[Task] = []

    def note(self, event: WebhookEvent, context: Context) -> None:
        context.transaction.writes["notes", (event.id,)] = 1

    def note_move(self, event: WebhookEvent, context: Context) -> None:
        assert context.subscription is not None
        place = len(self.repository.notes()) + len(context.transaction.writes)
        move = f"{context.previous_status} -> {context.subscription.status} {place}"
        context.transaction.writes["notes", (move,)] = 1

    async def appear(self) -> None:
        await self.billing.ensure_customer("org", email="ada@example.com")

    async def deliver(self, number: int) -> None:
        state = self.provider.payload(status=LIFE[number % len(LIFE)])
        event = an_event(number, subscription=state, created_at=NOW + timedelta(seconds=number))
        self.outcomes.append(await self.billing.apply_event(event))

    def against(self, numbers: list[int]) -> "Race":
        self.tasks = [self.appear(), *(self.deliver(number) for number in numbers)]
        return self

    def check(self, numbers: list[int]) -> None:
        assert not self.repository._parked, "an event stays parked although its customer is there"
        notes = self.repository.notes()
        applied = sorted(note for note in notes if note.startswith("evt"))
        assert applied == sorted(f"evt_{number}" for number in set(numbers)), "an event was not applied exactly once"
        stored = self.repository._subscriptions["fake", "sub"]
        assert stored.status == LIFE[max(numbers) % len(LIFE)], "an older state overwrote a newer one"
        moves = [note.split()[:3:2] for note in notes if "->" in note]
        assert moves[0][0] == "None"
        assert all(one[1] == two[0] for one, two in itertools.pairwise(moves)), "a change was told twice, or not at all"
        assert moves[-1][1] == stored.status


def test_a_claim_that_races_its_customer_is_applied_once_in_every_order() -> None:
    assert in_every_order(lambda: Race().against([1]), lambda race: race.check([1])) > 100


@settings(max_examples=400, deadline=None)
@given(schedule=st.lists(st.integers(0, 7), max_size=120), numbers=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_claims_interleaved_statement_by_statement_end_in_the_latest_state(
    schedule: list[int], numbers: list[int]
) -> None:
    race = Race(fine=True).against(numbers)
    run(race.tasks, schedule)
    race.check(numbers)
