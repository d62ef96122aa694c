"""The delivery pipeline on the embedded provider: outcomes, handlers, unmatched events, crashes, crowds."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingService,
    EventContext,
    EventType,
    InMemoryRepository,
    Money,
    Subscription,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    WebhookOutcome,
    errors,
    sync,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import Record
from paylattice.billing.service import RejectedWebhook
from paylattice.billing.store import Store
from paylattice.providers.memory import Delivery, InMemoryProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider

from .support import Noting, all_of

Context = EventContext[InMemoryTransaction]


class World:
    """The embedded provider with one plan, and billing over an in-memory repository."""

    def __init__(self, *, refetch: bool = True, repository: InMemoryRepository | None = None) -> None:
        self.provider = InMemoryProvider()
        self.provider.add_plan("pro", Money(1900, "USD"))
        self.provider.add_plan("team", Money(4900, "USD"))
        self.repository = repository or InMemoryRepository()
        self.rejected: list[RejectedWebhook] = []
        self.billing = BillingService(
            self.provider,
            self.repository,
            refetch=refetch,
            clock=lambda: self.provider.now,
            on_rejected=self.rejected.append,
        )

    async def subscribe(self, org_id: str = "org") -> Subscription:
        session = await self.billing.start_checkout(
            org_id, "pro", email="ada@example.com", success_url="https://x.test", cancel_url="https://y.test"
        )
        done = self.provider.complete_checkout(session.id)
        found = await self.provider.get_subscription(str(done.subscription_id))
        assert found is not None
        return found

    async def handle(self, delivery: Delivery) -> WebhookOutcome:
        return await self.billing.handle_webhook("memory", delivery.payload, delivery.headers)

    async def deliver(self) -> list[WebhookOutcome]:
        return [await self.handle(delivery) for delivery in self.provider.deliveries()]

    async def status(self) -> str | None:
        stored = await self.billing.subscription("org")
        return str(stored.status) if stored else None


def test_a_delivery_is_processed_once_and_then_a_duplicate() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        deliveries = world.provider.deliveries()
        assert {await world.handle(each) for each in deliveries} == {WebhookOutcome.PROCESSED}
        assert {await world.handle(each) for each in deliveries} == {WebhookOutcome.DUPLICATE}

    asyncio.run(main())


def test_a_thousand_deliveries_of_a_hundred_events_at_once_apply_a_hundred() -> None:
    async def main() -> None:
        world = World()
        applied: Counter[str] = Counter()

        @world.billing.on("customer.updated")
        async def count(event: WebhookEvent, context: Context) -> None:
            await asyncio.sleep(0)
            applied[event.id] += 1

        customer = await world.billing.ensure_customer("org", email="ada@example.com")
        world.provider.deliveries()
        for number in range(100):
            await world.provider.update_customer(customer.external_customer_id, name=f"Ada {number}")
        crowd = world.provider.deliveries() * 10
        random.Random(1).shuffle(crowd)
        outcomes = Counter(await asyncio.gather(*map(world.handle, crowd)))
        assert outcomes == {WebhookOutcome.PROCESSED: 100, WebhookOutcome.DUPLICATE: 900}
        assert set(applied.values()) == {1}
        assert len(applied) == 100

    asyncio.run(main())


def test_eight_threads_with_the_same_deliveries_apply_each_once() -> None:
    provider = InMemoryProvider()
    billing = sync.BillingService(provider, sync.InMemoryRepository())
    applied: Counter[str] = Counter()

    @billing.on("customer.updated")
    def count(event: WebhookEvent, context: Context) -> None:
        applied[event.id] += 1

    customer = billing.ensure_customer("org", email="ada@example.com")
    provider.deliveries()
    for number in range(50):
        billing.provider("memory").update_customer(customer.external_customer_id, name=f"Ada {number}")
    crowd = provider.deliveries() * 8
    random.Random(2).shuffle(crowd)
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(lambda each: billing.handle_webhook("memory", each.payload, each.headers), crowd))
    assert outcomes == {WebhookOutcome.PROCESSED: 50, WebhookOutcome.DUPLICATE: 350}
    assert set(applied.values()) == {1}


def test_a_handler_that_raises_leaves_no_trace_and_the_redelivery_succeeds() -> None:
    async def main() -> None:
        repository = Noting()
        world = World(repository=repository)
        fail = [True]

        @world.billing.on("subscription.active")
        async def outbox(event: WebhookEvent, context: Context) -> None:
            repository.note(context.transaction, "mail")
            if fail.pop() if fail else False:
                message = "the mail server is down"
                raise RuntimeError(message)

        await world.subscribe()
        created = next(each for each in world.provider.deliveries() if each.type == "subscription.created")
        with pytest.raises(RuntimeError):
            await world.handle(created)
        assert await world.status() is None
        assert await Store(world.repository).get_event("memory", created.event_id) is None
        assert repository.notes == []
        assert await world.handle(created) == "processed"
        assert await world.status() == "active"
        assert repository.notes == ["mail"]

    asyncio.run(main())


def test_the_shuffled_and_doubled_deliveries_of_a_whole_life_end_in_the_true_state() -> None:
    async def life(seed: int) -> None:
        world = World()
        moves: list[tuple[str, str]] = []
        for status in ("active", "past_due", "unpaid", "canceled"):

            @world.billing.on(f"subscription.{status}")
            async def note(event: WebhookEvent, context: Context) -> None:
                assert context.subscription is not None
                moves.append((str(context.previous_status), str(context.subscription.status)))

        subscription = await world.subscribe()
        world.provider.advance(months=1)
        world.provider.decline_next_payment(times=2)
        world.provider.advance(months=1)
        world.provider.advance(days=4)
        await world.provider.change_subscription(subscription.id, plan_id="team")
        world.provider.advance(days=4)
        await world.provider.cancel_subscription(subscription.id, at_period_end=seed % 2 == 0)
        world.provider.advance(months=seed % 3)
        crowd = world.provider.deliveries() * 2
        random.Random(seed).shuffle(crowd)
        for start in range(0, len(crowd), 5):
            await asyncio.gather(*map(world.handle, crowd[start : start + 5]))
        true = await world.provider.get_subscription(subscription.id)
        stored = await world.billing.subscription("org")
        assert true is not None
        assert stored is not None
        assert (stored.status, stored.plan_id, stored.cancel_at) == (true.status, true.plan_id, true.cancel_at)
        assert [end for _, end in moves][-1] == true.status
        assert all(one[1] == two[0] for one, two in itertools.pairwise(moves))

    for seed in range(12):
        asyncio.run(life(seed))


def test_without_refetch_an_older_payload_does_not_overwrite_a_newer_one() -> None:
    async def main() -> None:
        world = World(refetch=False)
        subscription = await world.subscribe()
        world.provider.advance(days=1)
        await world.provider.change_subscription(subscription.id, quantity=3)
        deliveries = world.provider.deliveries()
        outcomes = [await world.handle(each) for each in reversed(deliveries)]
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.quantity == 3
        assert WebhookOutcome.STALE in outcomes

    asyncio.run(main())


def test_without_refetch_events_without_versions_are_ordered_by_their_time() -> None:
    async def main() -> None:
        world = World(refetch=False)
        customer = await world.billing.ensure_customer("org", email="ada@example.com")

        def event(second: int, status: SubscriptionStatus) -> WebhookEvent:
            payload = Subscription(id="sub_x", customer_id=customer.external_customer_id, status=status)
            return WebhookEvent(
                id=f"e{second}{status}",
                type=EventType.SUBSCRIPTION_UPDATED,
                created_at=datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC),
                dedupe_key=f"e{second}{status}",
                customer_id=customer.external_customer_id,
                subscription_id="sub_x",
                subscription=payload,
                provider="memory",
            )

        assert await world.billing.apply_event(event(5, SubscriptionStatus.PAST_DUE)) == "processed"
        assert await world.billing.apply_event(event(3, SubscriptionStatus.ACTIVE)) == "stale"
        assert await world.status() == "past_due"
        assert await world.billing.apply_event(event(5, SubscriptionStatus.ACTIVE)) == "processed"
        assert await world.status() == "active"

    asyncio.run(main())


def test_an_event_nobody_listens_to_is_ignored_without_a_trace_and_one_with_a_handler_is_processed() -> None:
    async def main() -> None:
        world = World()
        event = WebhookEvent(
            id="e1", type="memory:payout.paid", created_at=world.provider.now, dedupe_key="e1", provider="memory"
        )
        assert await world.billing.apply_event(event) == "ignored"
        assert await Store(world.repository).get_event("memory", "e1") is None
        seen: list[Context] = []

        @world.billing.on("memory:payout.paid")
        async def payout(event: WebhookEvent, context: Context) -> None:
            seen.append(context)

        assert await world.billing.apply_event(event) == "processed"
        assert seen[0].customer is None
        assert seen[0].subscription is None

    asyncio.run(main())


def test_an_event_about_an_unknown_customer_is_unmatched_and_applied_when_the_customer_appears() -> None:
    async def main() -> None:
        first, second = World(), World()
        seen: list[str] = []

        @second.billing.on("subscription.active")
        async def active(event: WebhookEvent, context: Context) -> None:
            assert context.customer is not None
            seen.append(context.customer.org_id)

        await first.subscribe()
        second.provider = first.provider
        second.billing._providers["memory"] = first.provider
        deliveries = first.provider.deliveries()
        assert {await second.handle(each) for each in deliveries} == {WebhookOutcome.UNMATCHED}
        assert {await second.handle(each) for each in deliveries} == {WebhookOutcome.UNMATCHED}
        known = await Store(first.repository).get_customer("org", "memory")
        assert known is not None
        assert await Store(second.repository).insert_customer(known)
        assert await second.billing.apply_unmatched("memory") == len(deliveries)
        assert seen == ["org"]
        assert {await second.handle(each) for each in deliveries} == {WebhookOutcome.DUPLICATE}
        assert await Store(second.repository).list_unmatched("memory") == []

    asyncio.run(main())


class PausesAtKeeping(InMemoryRepository):
    """Lets the customer appear while an event about it is being unmatched."""

    customer: BillingCustomer | None = None

    async def insert(self, record: Record, **kwargs: Any) -> bool:
        kept = await super().insert(record, **kwargs)
        if self.customer is not None and isinstance(record, UnmatchedEvent):
            await super().insert(self.customer)
        return kept


def test_a_customer_that_appears_while_its_event_is_unmatched_is_not_missed() -> None:
    async def main() -> None:
        repository = PausesAtKeeping()
        world = World(repository=repository)
        made = await world.provider.create_customer("ada@example.com")
        repository.customer = BillingCustomer(id="1", org_id="org", provider="memory", external_customer_id=made.id)
        assert await world.deliver() == [WebhookOutcome.PROCESSED]
        assert await Store(repository).list_unmatched("memory") == []

    asyncio.run(main())


def test_an_unmatched_event_whose_handler_fails_stays_and_keeps_no_other_waiting() -> None:
    async def main() -> None:
        world = World()
        broken = [True]

        @world.billing.on("customer.created")
        async def fails(event: WebhookEvent, context: Context) -> None:
            if broken:
                message = "not now"
                raise RuntimeError(message)

        made = await world.provider.create_customer("ada@example.com")
        await world.provider.update_customer(made.id, name="Ada")
        assert set(await world.deliver()) == {WebhookOutcome.UNMATCHED}
        customer = BillingCustomer(id="1", org_id="org", provider="memory", external_customer_id=made.id)
        await Store(world.repository).insert_customer(customer)
        assert await world.billing.apply_unmatched("memory") == 1
        assert len(await Store(world.repository).list_unmatched("memory")) == 1
        broken.clear()
        assert await world.billing.apply_unmatched("memory") == 1
        assert await Store(world.repository).list_unmatched("memory") == []

    asyncio.run(main())


def test_more_unmatched_events_than_a_page_are_all_tried() -> None:
    async def main() -> None:
        world = World()
        for _ in range(130):
            await world.provider.create_customer("ada@example.com")
        assert set(await world.deliver()) == {WebhookOutcome.UNMATCHED}
        unmatched = await Store(world.repository).list_unmatched("memory", limit=1000)
        last = unmatched[-1].external_customer_id
        assert last is not None
        await Store(world.repository).insert_customer(
            BillingCustomer(id="1", org_id="org", provider="memory", external_customer_id=last)
        )
        assert await world.billing.apply_unmatched("memory") == 1
        assert len(await Store(world.repository).list_unmatched("memory", limit=1000)) == 129

    asyncio.run(main())


def test_an_event_that_names_only_a_subscription_finds_its_customer_at_the_provider() -> None:
    async def main() -> None:
        world = World()
        subscription = await world.subscribe()
        event = WebhookEvent(
            id="e1",
            type=EventType.SUBSCRIPTION_UPDATED,
            created_at=world.provider.now,
            dedupe_key="e1",
            subscription_id=subscription.id,
            provider="memory",
        )
        assert await world.billing.apply_event(event) == "processed"
        assert await world.status() == "active"

    asyncio.run(main())


def test_a_status_word_runs_its_handlers_once_for_each_change_whatever_event_brought_it() -> None:
    async def main() -> None:
        world = World()
        seen: list[str] = []

        @world.billing.on("subscription.canceled")
        def ended(event: WebhookEvent, context: Context) -> None:
            seen.append(str(event.type))

        subscription = await world.subscribe()
        await world.deliver()
        await world.provider.cancel_subscription(subscription.id, at_period_end=True)
        updated = world.provider.deliveries()
        world.provider.advance(months=1)
        for delivery in [*updated, *world.provider.deliveries()]:
            await world.handle(delivery)
        assert seen == ["subscription.updated"]

    asyncio.run(main())


def test_a_misspelt_event_is_refused_with_the_nearest_right_one() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"Did you mean 'subscription\.past_due'"):
        World().billing.on("subscription.pastdue")
    with pytest.raises(errors.ConfigurationError, match=r"those of paylattice\.EventType"):
        World().billing.on("xyz")


def test_a_handler_that_calls_a_writing_operation_gets_an_error_instead_of_a_deadlock() -> None:
    async def main() -> None:
        world = World()

        @world.billing.on("subscription.active")
        async def nested(event: WebhookEvent, context: Context) -> None:
            assert await world.billing.subscription("nobody") is None
            await world.billing.cancel("org")

        await world.subscribe()
        created = next(each for each in world.provider.deliveries() if each.type == "subscription.created")
        with pytest.raises((errors.ConfigurationError, errors.NotFound)):
            await asyncio.wait_for(world.handle(created), 5)
        async with world.repository.transaction():
            with pytest.raises(errors.ConfigurationError, match="open here already"):
                await world.repository.delete(BillingCustomer("x", "x", "memory", "x"))

    asyncio.run(main())


class Crash(BaseException):
    """The process dies here."""


class CrashesAt(Noting):
    """Dies at the n-th call of a method, or at the n-th commit."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1
        self.calls = 0

    def _tick(self) -> None:
        self.calls += 1
        self.left -= 1
        if self.left == 0:
            raise Crash

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        self._tick()
        async with super().transaction() as tx:
            yield tx
            self._tick()
        self._tick()

    async def insert(self, *args: Any, **kwargs: Any) -> bool:
        self._tick()
        return await super().insert(*args, **kwargs)

    async def update(self, *args: Any, **kwargs: Any) -> bool:
        self._tick()
        return await super().update(*args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> bool:
        self._tick()
        return await super().delete(*args, **kwargs)

    async def next_ticket(self) -> int:
        self._tick()
        return await super().next_ticket()


def test_a_crash_at_any_point_and_a_redelivery_leave_what_no_crash_leaves() -> None:
    async def life(crash_at: int) -> tuple[int, list[str], str | None, int]:
        repository = CrashesAt()
        world = World(repository=repository)

        @world.billing.on("invoice.paid")
        async def book(event: WebhookEvent, context: Context) -> None:
            assert event.invoice is not None
            repository.note(context.transaction, str(event.invoice.amount))

        repository.left = crash_at
        for _ in range(2):
            try:
                await world.billing.ensure_customer("org", email="ada@example.com")
                break
            except Crash:
                continue
        for _ in range(2):
            try:
                await world.subscribe()
                break
            except Crash:
                continue
        world.provider.advance(months=1)
        for delivery in world.provider.deliveries():
            for _ in range(2):
                try:
                    await world.handle(delivery)
                    break
                except Crash:
                    continue
        customers = len(world.provider._world.store.customers)
        return repository.calls, repository.notes, await world.status(), customers

    calls, ledger, status, customers = asyncio.run(life(-1))
    assert (ledger, status, customers) == ([str(Money(1900, "USD"))] * 2, "active", 1)
    for crash_at in range(1, calls + 1):
        assert asyncio.run(life(crash_at))[1:] == (ledger, status, customers), crash_at


def test_a_refused_delivery_is_reported_without_its_headers_and_body() -> None:
    async def main() -> None:
        world = World()
        with pytest.raises(errors.InvalidSignature):
            await world.billing.handle_webhook("memory", b'{"secret": "payload"}', {})
        assert world.rejected == [RejectedWebhook("memory", "InvalidSignature", errors.Diagnosis.HEADER_MISSING)]
        assert "payload" not in repr(world.rejected)

    asyncio.run(main())


def test_an_event_of_a_provider_that_is_not_there_is_an_error() -> None:
    event = WebhookEvent(id="e", type="x:y", created_at=datetime.now(UTC), dedupe_key="e", provider="elsewhere")
    with pytest.raises(errors.ConfigurationError, match="elsewhere"):
        asyncio.run(World().billing.apply_event(event))


def test_a_delivery_for_a_provider_that_is_not_there_is_refused_like_a_forgery() -> None:
    world = World()
    with pytest.raises(errors.WebhookError, match="it has memory") as caught:
        asyncio.run(world.billing.handle_webhook("elsewhere", b"{}", {}))
    assert caught.value.diagnosis is errors.Diagnosis.UNKNOWN_PROVIDER
    assert "elsewhere" not in str(caught.value), "the name in a URL is a stranger's"
    assert world.rejected == [RejectedWebhook("", "WebhookError", errors.Diagnosis.UNKNOWN_PROVIDER)]


def test_a_delivery_that_no_secret_is_there_for_is_reported_and_an_error_of_ours() -> None:
    rejected: list[RejectedWebhook] = []
    stripe = StripeProvider(StripeConfig(secret_key="sk_test_1234567890"))
    billing = BillingService(stripe, InMemoryRepository(), on_rejected=rejected.append)
    with pytest.raises(errors.ConfigurationError, match="STRIPE_WEBHOOK_SECRET"):
        asyncio.run(billing.handle_webhook("stripe", b"{}", {}))
    assert rejected == [RejectedWebhook("stripe", "ConfigurationError", errors.Diagnosis.SECRET_NOT_CONFIGURED)]


def test_a_provider_that_does_not_answer_leaves_the_delivery_to_be_delivered_again() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        created = next(each for each in world.provider.deliveries() if each.type == "subscription.created")
        world.provider.time_out_next_call()
        with pytest.raises(errors.NetworkError):
            await world.handle(created)
        assert await world.status() is None
        assert await world.handle(created) == "processed"

    asyncio.run(main())


def test_a_bounded_repository_does_not_grow_with_the_webhooks() -> None:
    async def main() -> None:
        repository = InMemoryRepository(max_events=50)
        world = World(repository=repository)
        customer = await world.billing.ensure_customer("org", email="ada@example.com")
        for number in range(2_000):
            event = WebhookEvent(
                id=f"e{number}",
                type=EventType.CUSTOMER_UPDATED,
                created_at=world.provider.now,
                dedupe_key=f"e{number}",
                customer_id=customer.external_customer_id,
                provider="memory",
            )
            assert await world.billing.apply_event(event) == "processed"
        assert len(all_of(repository, BillingEvent)) == 50
        assert await Store(repository).get_event("memory", "e1999") is not None
        assert await Store(repository).get_event("memory", "e0") is None

    asyncio.run(main())
