"""Payloads that are trusted (``refetch=False``): applied once, and the newest stays, in every order."""

import asyncio
import itertools
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingService,
    BillingSubscription,
    InMemoryRepository,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    WebhookOutcome,
)

from .scheduler import Task, in_every_order, run
from .support import NOW, Coarse, Concurrent, Context, Fake, all_of, an_event

LIFE = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


def test_a_reading_that_is_taken_while_a_payload_waits_is_newer() -> None:
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


def test_an_old_payload_does_not_undo_a_newer_one_after_a_reading() -> None:
    async def main() -> None:
        provider = Fake()
        billing = BillingService(provider, InMemoryRepository(), refetch=False, clock=lambda: NOW)
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
        self.repository = Concurrent(fine=True) if fine else Coarse()
        self.provider = Fake()
        self.billing = BillingService(self.provider, self.repository, refetch=False, clock=lambda: NOW)
        self.billing.on("subscription.updated")(self.note)
        self.moves: list[tuple[object, object]] = []
        for status in LIFE:
            self.billing.on(f"subscription.{status}")(self.note_move)
        self.outcomes: list[WebhookOutcome] = []
        self.tasks: list[Task] = []

    def note(self, event: WebhookEvent, context: Context) -> None:
        self.repository.note(context.transaction, event.id)

    def note_move(self, event: WebhookEvent, context: Context) -> None:
        assert context.subscription is not None
        move = f"{context.previous_status} -> {context.subscription.status}"
        self.repository.note(context.transaction, move)

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
        assert not all_of(self.repository, UnmatchedEvent), "an event stays unmatched although its customer is there"
        notes = self.repository.notes
        applied = sorted(note for note in notes if note.startswith("evt"))
        assert applied == sorted(f"evt_{number}" for number in set(numbers)), "an event was not applied exactly once"
        [stored] = all_of(self.repository, BillingSubscription)
        assert stored.status == LIFE[max(numbers) % len(LIFE)], "an older state overwrote a newer one"
        moves = [note.split(" -> ") for note in notes if "->" in note]
        assert moves[0][0] == "None"
        assert all(one[1] == two[0] for one, two in itertools.pairwise(moves)), "a change was told twice, or not at all"
        assert moves[-1][1] == stored.status


def test_a_payload_that_races_its_customer_is_applied_once_in_every_order() -> None:
    assert in_every_order(lambda: Race().against([1]), lambda race: race.check([1])) > 5


@settings(max_examples=400, deadline=None)
@given(schedule=st.lists(st.integers(0, 7), max_size=120), numbers=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_payloads_interleaved_statement_by_statement_end_in_the_latest_state(
    schedule: list[int], numbers: list[int]
) -> None:
    race = Race(fine=True).against(numbers)
    run(race.tasks, schedule)
    race.check(numbers)
