"""The embedded repository keeps what the protocol promises."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingSubscription,
    InMemoryRepository,
    ParkedEvent,
    SubscriptionStatus,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = BillingCustomer(id="c1", org_id="org", provider="memory", external_customer_id="cus_1", email="a@b.co")
EVENT = BillingEvent(
    id="e1", org_id="org", customer_id="c1", event_type="x", provider="memory", external_event_id="evt_1"
)
SUBSCRIPTION = BillingSubscription(
    id="s1",
    customer_id="c1",
    external_subscription_id="sub_1",
    provider="memory",
    status=SubscriptionStatus.ACTIVE,
    created_at=NOW,
    ticket=5,
)


class Undo(Exception):
    """Rolls a transaction back."""


def test_a_customer_is_unique_by_organisation_and_by_the_provider_s_id() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        assert await repository.insert_customer(CUSTOMER)
        assert not await repository.insert_customer(attrs.evolve(CUSTOMER, id="c2", external_customer_id="cus_2"))
        assert not await repository.insert_customer(attrs.evolve(CUSTOMER, id="c2", org_id="org_2"))
        assert await repository.insert_customer(attrs.evolve(CUSTOMER, id="c2", provider="other"))
        assert await repository.get_customer("org", "memory") == CUSTOMER
        assert await repository.get_customer_by_id("c1") == CUSTOMER
        assert await repository.get_customer_by_external_id("memory", "cus_1") == CUSTOMER
        assert await repository.get_customer("org", "elsewhere") is None

    asyncio.run(main())


def test_an_update_changes_what_the_application_may_change_and_nothing_else() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        await repository.insert_customer(CUSTOMER)
        await repository.update_customer(
            attrs.evolve(CUSTOMER, email="new@b.co", name="Ada", org_id="stolen", updated_at=NOW)
        )
        stored = await repository.get_customer("org", "memory")
        assert stored == attrs.evolve(CUSTOMER, email="new@b.co", name="Ada", updated_at=NOW)
        await repository.update_customer(attrs.evolve(CUSTOMER, id="unknown"))
        assert await repository.get_customer_by_id("unknown") is None

    asyncio.run(main())


def test_a_failed_transaction_leaves_no_trace() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        with pytest.raises(Undo):
            async with repository.transaction() as tx:
                await repository.insert_customer(CUSTOMER, tx=tx)
                await repository.insert_event(EVENT, tx=tx)
                await repository.upsert_subscription(SUBSCRIPTION, tx=tx)
                await repository.park_event(ParkedEvent("memory", "p", None, None, {}, NOW), tx=tx)
                assert await repository.get_customer("org", "memory", tx=tx) == CUSTOMER
                assert await repository.list_subscriptions("c1", tx=tx) == [SUBSCRIPTION]
                raise Undo
        assert await repository.get_customer("org", "memory") is None
        assert await repository.get_event("memory", "evt_1") is None
        assert await repository.list_subscriptions("c1") == []
        assert await repository.parked_events("memory") == []
        assert await repository.list_customers("memory") == []

    asyncio.run(main())


def test_a_reader_sees_nothing_of_a_transaction_that_is_open() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        async with repository.transaction() as tx:
            assert await repository.insert_event(EVENT, tx=tx)
            assert await repository.get_event("memory", "evt_1") is None
        assert await repository.get_event("memory", "evt_1") == EVENT

    asyncio.run(main())


def test_transactions_wait_for_one_another_and_the_later_finds_the_earlier_s_record() -> None:
    async def main() -> None:
        repository, order = InMemoryRepository(), list[str]()
        inside, release = asyncio.Event(), asyncio.Event()

        async def first() -> bool:
            async with repository.transaction() as tx:
                inserted = await repository.insert_event(EVENT, tx=tx)
                inside.set()
                await release.wait()
                order.append("first")
            return inserted

        async def second() -> bool:
            await inside.wait()
            inserted = await repository.insert_event(EVENT)
            order.append("second")
            return inserted

        tasks = [asyncio.ensure_future(first()), asyncio.ensure_future(second())]
        await inside.wait()
        await asyncio.sleep(0)
        release.set()
        assert await asyncio.gather(*tasks) == [True, False]
        assert order == ["first", "second"]

    asyncio.run(main())


def test_a_subscription_is_overwritten_only_by_what_supersedes_it_and_keeps_its_identity() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        first = await repository.upsert_subscription(SUBSCRIPTION)
        assert (first.written, first.previous) == (True, None)
        later = attrs.evolve(
            SUBSCRIPTION, id="other", customer_id="c9", ticket=6, status=SubscriptionStatus.CANCELED, created_at=None
        )
        second = await repository.upsert_subscription(later)
        assert (second.written, second.previous) == (True, SUBSCRIPTION)
        stale = await repository.upsert_subscription(attrs.evolve(SUBSCRIPTION, ticket=6))
        assert stale.written is False
        stored = await repository.get_subscription("memory", "sub_1")
        assert stored == stale.previous
        assert stored is not None
        assert (stored.id, stored.customer_id, stored.created_at) == ("s1", "c1", NOW)
        assert stored.status == "canceled"
        assert len(await repository.list_subscriptions("c1")) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("old", "new", "wins"),
    [
        ({"ticket": 1}, {"ticket": 2}, True),
        ({"ticket": 2}, {"ticket": 2}, False),
        ({"ticket": 2}, {"ticket": 1}, False),
        ({"ticket": 9, "version": 1}, {"ticket": 1, "version": 2}, True),
        ({"ticket": 1, "version": 2}, {"ticket": 9, "version": 1}, False),
        ({"ticket": 1, "version": 2}, {"ticket": 9, "version": 2}, True),
        ({"ticket": 1, "version": 2}, {"ticket": 9}, True),
        ({"ticket": 9}, {"ticket": 1, "version": 2}, False),
    ],
)
def test_tickets_order_readings_and_versions_order_payloads(
    old: dict[str, int], new: dict[str, int], wins: bool
) -> None:
    assert attrs.evolve(SUBSCRIPTION, **new).supersedes(attrs.evolve(SUBSCRIPTION, **old)) is wins


def test_an_event_is_inserted_once_and_stamped() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        assert await repository.insert_event(EVENT)
        assert not await repository.insert_event(attrs.evolve(EVENT, id="e2"))
        await repository.mark_event_processed("memory", "evt_1", NOW)
        await repository.mark_event_processed("memory", "unknown", NOW)
        assert await repository.get_event("memory", "evt_1") == attrs.evolve(EVENT, processed_at=NOW)

    asyncio.run(main())


def test_tickets_only_go_up() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        tickets = [await repository.next_ticket() for _ in range(100)]
        assert tickets == sorted(set(tickets))

    asyncio.run(main())


def test_customers_come_in_pages_that_do_not_move() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        for number in range(25):
            await repository.insert_customer(
                attrs.evolve(CUSTOMER, id=f"c{number}", org_id=f"o{number}", external_customer_id=f"x{number}")
            )
        seen, after = list[str](), None
        while page := await repository.list_customers("memory", after, 10):
            seen += [customer.id for customer in page]
            after = page[-1].id
            await repository.update_customer(attrs.evolve(page[0], name="Ada"))
        assert seen == [f"c{number}" for number in range(25)]

    asyncio.run(main())


def test_parked_events_are_found_by_customer_and_subscription_oldest_first_and_forgotten() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        for number in range(6):
            parked = ParkedEvent(
                "memory",
                f"p{number}",
                f"cus_{number % 2}",
                f"sub_{number % 3}",
                {"n": number},
                NOW - timedelta(days=number),
            )
            assert await repository.park_event(parked)
            assert not await repository.park_event(parked)
        ids = [each.external_event_id for each in await repository.parked_events("memory")]
        assert ids == ["p5", "p4", "p3", "p2", "p1", "p0"]
        by_customer = await repository.parked_events("memory", external_customer_id="cus_1")
        assert [each.external_event_id for each in by_customer] == ["p5", "p3", "p1"]
        by_subscription = await repository.parked_events("memory", external_subscription_id="sub_0")
        assert [each.external_event_id for each in by_subscription] == ["p3", "p0"]
        first = await repository.parked_events("memory", limit=2)
        await repository.delete_parked_event("memory", first[-1].external_event_id)
        rest = await repository.parked_events("memory", after=first[-1])
        assert [each.external_event_id for each in rest] == ["p3", "p2", "p1", "p0"]
        assert await repository.parked_events("other") == []

    asyncio.run(main())
