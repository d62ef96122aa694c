"""Every order of changes at the provider, deliveries, duplicates and re-reads ends in the provider's true state."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import BillingEvent, BillingSubscription, EventContext, SubscriptionStatus, WebhookEvent, WebhookOutcome
from paylattice.billing.attribution import Attributor, Reading
from paylattice.billing.handlers import Handlers
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import Record
from paylattice.billing.store import Store

from .interleaving import CUSTOMER, NOW, OneSubscription, ReadCommitted
from .scheduler import Pause, Task, in_every_order, run
from .support import all_of, pipeline_of

LIFE = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE, SubscriptionStatus.CANCELED)


class ReadThenTicket(Attributor[InMemoryTransaction]):
    """Wrong on purpose: the ticket is taken after the read."""

    async def read(self, event: WebhookEvent) -> Reading | None:
        assert event.subscription_id is not None
        subscription = await self._providers[event.provider].get_subscription(event.subscription_id)
        ticket = await self._store.next_ticket()
        return Reading(subscription, ticket) if subscription else None


class PayloadAsItComes(Attributor[InMemoryTransaction]):
    """Wrong on purpose: the payload is believed, in the order of arrival."""

    async def read(self, event: WebhookEvent) -> Reading | None:
        assert event.subscription is not None
        return Reading(event.subscription, await self._store.next_ticket())


class History:
    """One run: the provider changes, each change is delivered (some twice), and somebody reads again in between."""

    def __init__(
        self,
        attributor: type[Attributor[InMemoryTransaction]] = Attributor,
        *,
        changes: int,
        duplicates: int = 0,
        rereads: int = 0,
        fine: bool = False,
    ) -> None:
        self.provider = OneSubscription(fine=fine)
        self.repository = ReadCommitted(fine=fine)
        self.handled: list[tuple[str, str]] = []
        self.changes_seen: list[tuple[SubscriptionStatus | None, SubscriptionStatus]] = []
        self.outcomes: list[WebhookOutcome] = []
        self.events: list[WebhookEvent] = []
        handlers: Handlers[InMemoryTransaction] = Handlers()
        handlers.on("subscription.updated")(self.on_event)
        for status in LIFE:
            handlers.on(f"subscription.{status}")(self.on_change)
        providers = {"fake": self.provider}
        store = Store(self.repository)
        made = attributor(store, providers, refetch=True, clock=lambda: NOW)
        self.pipeline = pipeline_of(store, providers, made, handlers, clock=lambda: NOW)
        self.tasks: list[Task] = [self.change(changes)]
        self.tasks += [self.deliver(number) for number in range(changes)]
        self.tasks += [self.deliver(number % changes) for number in range(duplicates)]
        self.tasks += [self.reread() for _ in range(rereads)]

    async def on_event(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        self.repository.note(context.transaction, event.id)

    async def on_change(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        assert context.subscription is not None
        self.repository.note(context.transaction, f"{context.previous_status} -> {context.subscription.status}")

    async def change(self, times: int) -> None:
        for number in range(times):
            await Pause()
            self.provider.status = LIFE[number % len(LIFE)]
            self.events.append(self.provider.event(f"evt_{number}"))

    async def deliver(self, number: int) -> None:
        await Pause(lambda: len(self.events) > number)
        self.outcomes.append(await self.pipeline.apply(self.events[number]))

    async def reread(self) -> None:
        await Pause(lambda: bool(self.events))
        await self.pipeline.observe("fake", CUSTOMER, "sub")

    def run(self, schedule: list[int]) -> list[int]:
        return run(self.tasks, schedule)

    def check(self) -> None:
        [stored] = all_of(self.repository, BillingSubscription)
        assert stored.status == self.provider.status, "the stored state is stale"
        applied = [note for note in self.repository.notes if note.startswith("evt_")]
        assert sorted(applied) == sorted(event.id for event in self.events), "an event was not applied exactly once"
        moves = [note.split(" -> ") for note in self.repository.notes if " -> " in note]
        assert moves[0][0] == "None"
        for (_, end), (start, _) in itertools.pairwise(moves):
            assert start == end, "a change of status was told twice, or not at all"
        assert moves[-1][1] == stored.status
        wanted = len(self.tasks) - 1 - len(self.events)
        assert self.outcomes.count(WebhookOutcome.DUPLICATE) <= wanted


def test_two_changes_and_their_deliveries_end_in_the_true_state_in_every_order() -> None:
    assert in_every_order(lambda: History(changes=2), History.check) > 300


def test_a_duplicate_delivery_changes_nothing_in_any_order() -> None:
    assert in_every_order(lambda: History(changes=1, duplicates=1), History.check) > 100


def test_a_re_read_beside_the_delivery_changes_nothing_in_any_order() -> None:
    assert in_every_order(lambda: History(changes=1, rereads=1), History.check) > 100


@settings(max_examples=1500, deadline=None)
@given(
    schedule=st.lists(st.integers(0, 11), max_size=120),
    changes=st.integers(1, 5),
    duplicates=st.integers(0, 4),
    rereads=st.integers(0, 3),
)
def test_longer_histories_with_interleaved_transactions_end_in_the_true_state(
    schedule: list[int], changes: int, duplicates: int, rereads: int
) -> None:
    history = History(changes=changes, duplicates=duplicates, rereads=rereads, fine=True)
    history.run(schedule)
    history.check()


@pytest.mark.parametrize("wrong", [ReadThenTicket, PayloadAsItComes])
def test_the_checker_catches_a_pipeline_that_loses_the_order(wrong: type[Attributor[InMemoryTransaction]]) -> None:
    with pytest.raises(AssertionError, match="stale"):
        in_every_order(lambda: History(wrong, changes=2), History.check)


def test_the_checker_catches_a_repository_without_the_unique_key(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ReadCommitted.insert

    async def insert(self: ReadCommitted, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        if not isinstance(record, BillingEvent):
            return await whole(self, record, tx=tx)
        await Pause()
        assert tx is not None
        tx.put(BillingEvent, (record.id,), record)
        return True

    monkeypatch.setattr(ReadCommitted, "insert", insert)
    with pytest.raises(AssertionError, match="exactly once"):
        in_every_order(lambda: History(changes=1, duplicates=1), History.check)
