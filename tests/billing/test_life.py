"""A subscription's whole life, delivered in every disorder, ends in what the provider says."""

import asyncio
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import EventType, InMemoryRepository, WebhookEvent, errors, sync
from paylattice.models import SubscriptionStatus

from .support import PAGES, Context, World

ACTIONS = ("renew", "decline", "recover", "wait", "team", "pro", "pause", "resume", "sync", "cancel", "end")


class Life:
    """What happens to one subscription, and what the application heard of it."""

    def __init__(self, *, refetch: bool = True, repository: InMemoryRepository | None = None) -> None:
        self.world = World(refetch=refetch, repository=repository)
        self.applied: Counter[str] = Counter()
        self.moves: list[tuple[str, str]] = []
        for word in EventType:
            self.world.billing.on(word)(self.note)

    def note(self, event: WebhookEvent, context: Context) -> None:
        if context.subscription is None:
            return
        move = (str(context.previous_status), str(context.subscription.status))
        if move[0] != move[1] and (not self.moves or self.moves[-1] != move):  # the event's word, then the status's
            self.moves.append(move)
        self.applied[event.id] += 1

    async def begin(self, *, trial: bool) -> None:
        self.subscription = await self.world.subscribe(trial_days=14 if trial else None)

    async def act(self, action: str) -> None:  # noqa: PLR0912 - a table of what can happen
        provider, id_ = self.world.provider, self.subscription.id
        try:
            match action:
                case "renew":
                    provider.advance(months=1)
                case "decline":
                    provider.decline_next_payment()
                    provider.advance(months=1)
                case "recover":
                    for invoice in await provider.get_invoices(self.subscription.customer_id or ""):
                        if invoice.status == "open":
                            provider.pay_hosted_invoice(invoice.id)
                case "wait":
                    provider.advance(days=4)
                case "team" | "pro":
                    await provider.change_subscription(id_, plan_id=action)
                case "pause":
                    await provider.pause_subscription(id_)
                case "resume":
                    await provider.resume_subscription(id_)
                case "sync":
                    await self.world.billing.sync_subscription("org")
                case "cancel":
                    await provider.cancel_subscription(id_, at_period_end=True)
                case _:
                    await provider.cancel_subscription(id_)
        except (errors.Conflict, errors.InvalidRequest):
            pass  # it cannot happen to the subscription as it is now

    async def deliver_in_disorder(self, seed: int) -> None:
        crowd = self.world.provider.deliveries() * 2
        random.Random(seed).shuffle(crowd)
        for start in range(0, len(crowd), 7):
            await asyncio.gather(*map(self.world.handle, crowd[start : start + 7]))

    async def ends_in_the_true_state(self) -> None:
        true = await self.world.provider.get_subscription(self.subscription.id)
        stored = await self.world.billing.subscription("org")
        assert true is not None
        assert stored is not None
        said = (true.status, true.plan_id, true.quantity, true.current_period_end, true.cancel_at)
        assert (
            stored.status,
            stored.plan_id,
            stored.quantity,
            stored.current_period_end,
            stored.cancel_at,
        ) == said


@settings(max_examples=300, deadline=None)
@given(actions=st.lists(st.sampled_from(ACTIONS), max_size=8), trial=st.booleans(), seed=st.integers(0, 10**6))
def test_any_life_in_any_disorder_ends_in_the_provider_s_state(actions: list[str], trial: bool, seed: int) -> None:
    async def main() -> None:
        life = Life()
        await life.begin(trial=trial)
        for action in actions:
            await life.act(action)
        await life.deliver_in_disorder(seed)
        await life.ends_in_the_true_state()
        for (_, end), (start, _) in zip(life.moves, life.moves[1:], strict=False):
            assert start == end, life.moves

    asyncio.run(main())


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(st.sampled_from(ACTIONS), max_size=8), seed=st.integers(0, 10**6))
def test_without_refetch_versions_put_any_disorder_in_order(actions: list[str], seed: int) -> None:
    async def main() -> None:
        life = Life(refetch=False)
        await life.begin(trial=False)
        for action in actions:
            await life.act(action)
        await life.deliver_in_disorder(seed)
        await life.ends_in_the_true_state()

    asyncio.run(main())


def test_deliveries_in_disorder_while_time_goes_on_end_in_the_provider_s_state() -> None:
    async def main(seed: int) -> None:
        dice = random.Random(seed)
        life = Life()
        await life.begin(trial=True)
        held: list = []
        for action in ("renew", "decline", "wait", "recover", "team", "renew", "cancel", "renew"):
            await life.act(action)
            held += life.world.provider.deliveries()
            dice.shuffle(held)
            now, held = held[: len(held) // 2], held[len(held) // 2 :]
            await asyncio.gather(*map(life.world.handle, now))
        await asyncio.gather(*map(life.world.handle, held))
        await life.ends_in_the_true_state()
        assert life.moves[-1][1] == "canceled"

    for seed in range(40):
        asyncio.run(main(seed))


@pytest.mark.parametrize("status", ["active", "past_due", "canceled"])
def test_each_change_of_status_runs_its_handlers_once_however_often_it_is_told(status: str) -> None:
    async def main() -> None:
        life = Life()
        told: list[str | None] = []

        @life.world.billing.on(f"subscription.{status}")
        def note(event: WebhookEvent, context: Context) -> None:
            assert context.subscription is not None
            assert context.subscription.status == status
            told.append(context.previous_status)

        await life.begin(trial=False)
        await life.deliver_in_disorder(1)
        for action in ("decline", "recover", "end"):
            await life.act(action)
            await life.deliver_in_disorder(2)
        expected = {"active": [None, "past_due"], "past_due": ["active"], "canceled": ["active"]}
        assert told == expected[status]

    asyncio.run(main())


def test_a_status_nobody_knows_runs_no_status_handlers_and_is_a_start_for_the_next_change() -> None:
    from paylattice import BillingService, InMemoryRepository

    from .support import NOW, Fake, an_event

    async def main() -> None:
        provider = Fake()
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: NOW)
        moves: list[tuple[str | None, str]] = []

        @billing.on("subscription.active")
        def note(event: WebhookEvent, context: Context) -> None:
            assert context.subscription is not None
            moves.append((context.previous_status, context.subscription.status))

        await billing.ensure_customer("org", email="ada@example.com")
        for number, status in enumerate((SubscriptionStatus.UNKNOWN, SubscriptionStatus.ACTIVE) * 2):
            provider.status = status
            assert await billing.apply_event(an_event(number)) == "processed"
        assert moves == [("unknown", "active")] * 2

    asyncio.run(main())


def test_threads_with_the_same_deliveries_apply_each_once_and_end_in_the_true_state() -> None:
    world = World()
    billing = sync.BillingService(world.provider, sync.InMemoryRepository(), clock=lambda: world.provider.now)
    applied: Counter[str] = Counter()

    @billing.on("invoice.paid")
    def note(event: WebhookEvent, context: Context) -> None:
        applied[event.id] += 1

    for number in range(12):
        session = billing.start_checkout(f"org_{number}", "pro", email="ada@example.com", **PAGES)
        world.provider.complete_checkout(session.id)
    world.provider.advance(months=2)
    crowd = world.provider.deliveries() * 4
    random.Random(1).shuffle(crowd)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: billing.handle_webhook("memory", each.payload, each.headers), crowd))
    assert len(applied) == 36
    assert set(applied.values()) == {1}
    for number in range(12):
        stored, true = billing.subscription(f"org_{number}"), billing.sync_subscription(f"org_{number}")
        assert stored is not None
        assert true is not None
        assert (stored.status, stored.current_period_end) == (true.status, true.current_period_end)
