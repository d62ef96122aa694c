"""Events about somebody nobody here knows yet: kept, applied when they appear, counted once, never in anybody's way."""

import asyncio

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingService,
    BillingSubscription,
    Capability,
    EventType,
    InMemoryRepository,
    Money,
    Refund,
    RefundStatus,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    WebhookOutcome,
)
from paylattice.billing.store import Store

from .support import NOW, Context, Fake, World, all_of, an_event

CUSTOMER = BillingCustomer(id="c", org_id="org", provider="fake", external_customer_id="cus")


class Listening:
    """A service with the fake provider that notes the events it handled."""

    def __init__(self, provider: Fake | None = None, repository: InMemoryRepository | None = None) -> None:
        self.provider = provider or Fake()
        self.repository = repository or InMemoryRepository()
        self.billing = BillingService(self.provider, self.repository, clock=lambda: NOW)
        self.handled: list[str] = []
        self.refused: set[str] = set()
        for word in ("subscription.updated", "invoice.paid"):
            self.billing.on(word)(self.note)

    def note(self, event: WebhookEvent, context: Context) -> None:
        if event.id in self.refused:
            message = "not now"
            raise RuntimeError(message)
        self.handled.append(event.id)

    async def unmatched(self) -> int:
        return len(await Store(self.repository).list_unmatched("fake", limit=1000))


def test_an_event_that_names_only_a_subscription_is_applied_when_the_customer_appears() -> None:
    async def main() -> None:
        here = Listening()
        assert await here.billing.apply_event(an_event(customer_id=None)) == "unmatched"
        await here.billing.ensure_customer("org", email="ada@example.com")
        assert here.handled == ["evt_1"]
        assert await here.unmatched() == 0

    asyncio.run(main())


class Following(Fake):
    """A provider whose refunds lead to a subscription."""

    async def follow_links(self, event: WebhookEvent) -> WebhookEvent:
        return attrs.evolve(event, subscription_id="sub")


def test_money_that_waited_for_its_customer_is_followed_to_its_subscription() -> None:
    async def main() -> None:
        here = Listening(Following())
        told: list[BillingSubscription | None] = []
        here.billing.on("refund.succeeded")(lambda _event, context: told.append(context.subscription))
        refund = Refund("re_1", Money(500, "USD"), RefundStatus.SUCCEEDED, "pay_1", provider="fake")
        event = an_event(type=EventType.REFUND_SUCCEEDED, subscription_id=None, refund=refund)
        assert await here.billing.apply_event(event) == "unmatched"
        await here.billing.ensure_customer("org", email="ada@example.com")
        (subscription,) = told
        assert subscription is not None
        assert subscription.external_subscription_id == "sub"

    asyncio.run(main())


@pytest.mark.parametrize("way", ["confirm", "sync"])
def test_what_waited_for_a_subscription_is_applied_when_somebody_reads_it(way: str) -> None:
    async def main() -> None:
        world = World()
        handled: list[str] = []

        @world.billing.on("invoice.paid")
        def paid(event: WebhookEvent, context: Context) -> None:
            handled.append(event.id)

        session = await world.checkout()
        subscription_id = world.provider.complete_checkout(session.id).subscription_id
        here = await Store(world.repository).get_customer("org", "memory")
        assert here is not None
        event = an_event(type=EventType.INVOICE_PAID, provider="memory", subscription_id=subscription_id)
        await Store(world.repository).insert_unmatched(unmatched_for_a_subscription(world, event))
        if way == "confirm":
            await world.billing.confirm_return(session.id)
        else:
            await world.billing.sync_subscription("org")
        assert handled == ["evt_1"]
        assert await Store(world.repository).list_unmatched("memory") == []

    asyncio.run(main())


def unmatched_for_a_subscription(world: World, event: WebhookEvent):  # type: ignore[no-untyped-def]  # noqa: ANN201
    from paylattice import UnmatchedEvent, converter

    return UnmatchedEvent(
        "memory", event.dedupe_key, None, event.subscription_id, converter().unstructure(event), world.provider.now
    )


def test_events_that_wait_for_one_another_are_counted_once_each() -> None:
    async def main() -> None:
        here = Listening(Fake(says_customer=False))
        for number in (1, 2):
            event = an_event(number, customer_id=None, type=EventType.INVOICE_PAID)
            assert await here.billing.apply_event(event) == "unmatched"
        assert await here.billing.apply_event(an_event(3)) == "unmatched"
        await Store(here.repository).insert_customer(CUSTOMER)
        assert await here.billing.apply_unmatched("fake") == 3
        assert sorted(here.handled) == ["evt_1", "evt_2", "evt_3"]
        assert await here.billing.apply_unmatched("fake") == 0

    asyncio.run(main())


def test_an_unmatched_event_that_is_delivered_again_after_its_customer_came_is_applied_once_and_forgotten() -> None:
    async def main() -> None:
        here = Listening()
        assert await here.billing.apply_event(an_event()) == "unmatched"
        assert await here.billing.apply_event(an_event()) == "unmatched"
        assert await here.unmatched() == 1
        await Store(here.repository).insert_customer(
            CUSTOMER
        )  # and the process died before it looked for unmatched events
        assert await here.billing.apply_event(an_event()) == "processed"
        assert await here.billing.apply_unmatched("fake") == 0
        assert here.handled == ["evt_1"]
        assert await here.unmatched() == 0

    asyncio.run(main())


def test_handlers_that_fail_keep_their_own_events_unmatched_and_no_others() -> None:
    async def main() -> None:
        here = Listening()
        for number in range(1, 8):
            await here.billing.apply_event(an_event(number))
        here.refused = {"evt_1", "evt_4", "evt_7"}
        await here.billing.ensure_customer("org", email="ada@example.com")
        assert here.handled == ["evt_2", "evt_3", "evt_5", "evt_6"]
        assert await here.unmatched() == 3
        here.refused.clear()
        assert await here.billing.apply_unmatched("fake") == 3
        assert await here.unmatched() == 0

    asyncio.run(main())


@pytest.mark.parametrize("broken", [{"created_at": "once upon a time"}, {"provider": "its_name_before"}])
def test_an_unmatched_event_that_can_no_longer_be_read_keeps_no_other_waiting(broken: dict[str, str]) -> None:
    async def main() -> None:
        here = Listening()
        await here.billing.apply_event(an_event(1))
        await here.billing.apply_event(an_event(2))
        first, _ = all_of(here.repository, UnmatchedEvent)
        first.payload.update(broken)  # type: ignore[attr-defined]  # a plain dict
        await Store(here.repository).insert_customer(CUSTOMER)
        assert await here.billing.apply_unmatched("fake") == 1
        assert await here.unmatched() == 1

    asyncio.run(main())


def test_pages_of_unmatched_events_move_on_past_those_that_stay() -> None:
    async def main() -> None:
        here = Listening()
        for number in range(250):
            await here.billing.apply_event(an_event(number))
        here.refused = {f"evt_{number}" for number in range(120)}
        await here.billing.ensure_customer("org", email="ada@example.com")
        assert len(here.handled) == 130
        assert await here.unmatched() == 120

    asyncio.run(main())


def test_an_event_that_names_an_unknown_customer_and_a_stored_subscription_belongs_to_the_subscription() -> None:
    async def main() -> None:
        here = Listening()
        await Store(here.repository).insert_customer(CUSTOMER)
        await Store(here.repository).upsert_subscription(
            BillingSubscription(id="1", customer_id="c", external_subscription_id="sub", provider="fake")
        )
        assert await here.billing.apply_event(an_event(customer_id="somebody_new")) == "processed"
        stored = await Store(here.repository).get_event("fake", "evt_1")
        assert stored is not None
        assert stored.org_id == "org"

    asyncio.run(main())


class TellsOnly(Fake):
    """A provider that sends webhooks and lets nobody read."""

    capabilities: frozenset[Capability] = frozenset()


def test_where_nothing_can_be_read_again_the_payload_is_believed() -> None:
    async def main() -> None:
        here = Listening(TellsOnly())
        await Store(here.repository).insert_customer(CUSTOMER)
        payload = here.provider.payload(status=SubscriptionStatus.PAST_DUE)
        assert await here.billing.apply_event(an_event(subscription=payload)) == "processed"
        stored = await here.billing.subscription("org")
        assert stored is not None
        assert stored.status == "past_due"
        assert await here.billing.apply_event(an_event(2, type=EventType.INVOICE_PAID)) == "processed"

    asyncio.run(main())


def test_an_event_about_nobody_s_subscription_waits_without_a_reading() -> None:
    async def main() -> None:
        here = Listening(TellsOnly())
        assert await here.billing.apply_event(an_event(customer_id=None)) == "unmatched"
        assert await here.billing.apply_unmatched("fake") == 0
        assert await here.unmatched() == 1

    asyncio.run(main())


@pytest.mark.parametrize("order", [(5, 3), (3, 5)], ids=["late one last", "in order"])
def test_without_refetch_a_reading_takes_its_place_among_the_versions(order: tuple[int, int]) -> None:
    async def main() -> None:
        world = World(refetch=False)
        subscription = await world.subscribe()
        [created] = [each for each in world.provider.deliveries() if each.type == "subscription.created"]
        first = await world.billing.parse_webhook("memory", created.payload, created.headers)
        assert first.subscription is not None
        for quantity in order:
            await world.provider.change_subscription(subscription.id, quantity=quantity)
        await world.billing.sync_subscription("org")
        assert await world.billing.apply_event(first) == WebhookOutcome.STALE
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.quantity == order[-1]

    asyncio.run(main())


def test_without_refetch_an_old_payload_wins_over_a_reading_that_has_no_version() -> None:
    """What is lost without refetch, where the provider counts no versions: the docs say so."""

    async def main() -> None:
        provider = Fake()
        billing = BillingService(provider, InMemoryRepository(), refetch=False, clock=lambda: NOW)
        customer = await billing.ensure_customer("org", email="ada@example.com")
        await billing._parts.pipeline.observe("fake", customer, "sub")
        late = an_event(subscription=provider.payload(status=SubscriptionStatus.INCOMPLETE))
        assert await billing.apply_event(late) == "processed"
        stored = await billing.subscription("org")
        assert stored is not None
        assert stored.status == "incomplete"

    asyncio.run(main())


def test_a_shared_word_that_is_a_plain_string_is_still_the_shared_word() -> None:
    async def main() -> None:
        here = Listening()
        await Store(here.repository).insert_customer(CUSTOMER)
        assert await here.billing.apply_event(an_event(1, type="subscription.updated")) == "processed"
        assert await here.billing.apply_event(an_event(2, type="subscription.active")) == "processed"
        assert here.handled == ["evt_1"]

    asyncio.run(main())
