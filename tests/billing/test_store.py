"""The rules about records: what may be written over what, whoever else writes at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingSubscription,
    InMemoryRepository,
    SubscriptionStatus,
    UnmatchedEvent,
    errors,
)
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.store import Store, Upserted

from .scheduler import Task, in_every_order
from .support import Concurrent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = BillingCustomer(id="c1", org_id="org", provider="memory", external_customer_id="cus_1", email="a@b.co")
SUBSCRIPTION = BillingSubscription(
    id="s1",
    customer_id="c1",
    external_subscription_id="sub_1",
    provider="memory",
    status=SubscriptionStatus.ACTIVE,
    created_at=NOW,
    ticket=5,
    first_ticket=5,
)
OPERATION = BillingOperation(
    provider="memory", key="k", operation="create_customer", org_id="org", arguments={"x": 1}, created_at=NOW, ticket=3
)
DONE = attrs.evolve(OPERATION, state=OperationState.DONE, external_id="cus_1", closed_at=NOW)


def test_an_update_changes_what_the_application_may_change_and_nothing_else() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        await store.insert_customer(CUSTOMER)
        changed = attrs.evolve(CUSTOMER, email="new@b.co", external_customer_id="cus_9", created_at=NOW)
        assert await store.change_customer(CUSTOMER.id, lambda _: changed) == changed
        found = await store.get_customer("org", "memory")
        assert found == attrs.evolve(CUSTOMER, email="new@b.co", external_customer_id="cus_9")
        assert await store.get_customer_by_external_id("memory", "cus_9") == found
        assert await store.get_customer_by_external_id("memory", "cus_1") is None

    asyncio.run(main())


def test_a_subscription_is_overwritten_only_by_what_supersedes_it_and_keeps_its_identity() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        assert await store.upsert_subscription(SUBSCRIPTION) == Upserted(written=True, previous=None)
        later = attrs.evolve(
            SUBSCRIPTION, id="s2", customer_id="c2", status=SubscriptionStatus.PAST_DUE, ticket=9, first_ticket=9
        )
        assert await store.upsert_subscription(later) == Upserted(written=True, previous=SUBSCRIPTION)
        stored = await store.get_subscription("memory", "sub_1")
        assert stored == later.replacing(SUBSCRIPTION)
        assert stored is not None
        assert (stored.id, stored.customer_id, stored.first_ticket, stored.status) == ("s1", "c1", 5, "past_due")
        for ticket in (9, 7):
            stale = attrs.evolve(SUBSCRIPTION, status=SubscriptionStatus.CANCELED, ticket=ticket)
            assert await store.upsert_subscription(stale) == Upserted(written=False, previous=stored)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("stored", "new", "wins"),
    [((5, None), (6, None), True), ((5, None), (5, None), False), ((5, 20), (9, 10), False), ((9, 10), (5, 10), True)],
)
def test_tickets_order_readings_and_versions_order_payloads(
    stored: tuple[int, int | None], new: tuple[int, int | None], wins: bool
) -> None:
    before = attrs.evolve(SUBSCRIPTION, ticket=stored[0], version=stored[1])
    after = attrs.evolve(SUBSCRIPTION, ticket=new[0], version=new[1])
    assert after.supersedes(before) is wins


def test_a_customer_s_subscriptions_come_in_the_order_in_which_they_became_known() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        for ticket in [*range(150, 0, -1)]:
            name = f"sub_{ticket}"
            await store.upsert_subscription(
                attrs.evolve(SUBSCRIPTION, id=name, external_subscription_id=name, first_ticket=ticket)
            )
        found = [each.first_ticket for each in await store.list_subscriptions("c1")]
        assert found == list(range(1, 151))

    asyncio.run(main())


def test_an_event_is_known_by_its_own_id_and_by_its_delivery() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        event = BillingEvent("1", None, None, "x", "memory", "evt_1", delivery_id="d-1", created_at=NOW)
        assert await store.insert_event(event)
        assert await store.get_event("memory", "evt_1") == await store.get_event("memory", "d-1") == event
        assert not await store.insert_event(attrs.evolve(event, id="2", external_event_id="evt_2"))
        assert event.amount_cents is event.amount_minor is None

    asyncio.run(main())


def test_waiting_events_are_found_by_customer_by_subscription_and_all_oldest_first() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        for number, (customer, subscription) in enumerate([("c", None), ("d", "s"), (None, "s"), ("c", "t")]):
            waiting = UnmatchedEvent("p", f"evt_{number}", customer, subscription, {}, NOW - timedelta(days=number))
            await store.insert_unmatched(waiting)

        async def numbers(**by: str) -> list[str]:
            return [each.external_event_id[4:] for each in await store.list_unmatched("p", **by)]  # type: ignore[arg-type]  # ids

        assert await numbers(external_customer_id="c") == ["3", "0"]
        assert await numbers(external_subscription_id="s") == ["2", "1"]
        assert await numbers() == ["3", "2", "1", "0"]

    asyncio.run(main())


def test_what_was_asked_for_stays_and_what_is_done_stays_done() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        assert await store.insert(OPERATION)
        assert not await store.insert(attrs.evolve(OPERATION, org_id="other"))
        failed = attrs.evolve(OPERATION, state=OperationState.FAILED, error="Declined")
        await store.update_operation(attrs.evolve(failed, operation="x", org_id="y", arguments={}, ticket=99))
        assert await store.get_operation("memory", "k") == failed
        await store.update_operation(DONE)
        for state in (OperationState.OPEN, OperationState.FAILED, OperationState.ABANDONED):
            await store.update_operation(attrs.evolve(OPERATION, state=state))
            assert await store.get_operation("memory", "k") == DONE
        again = attrs.evolve(DONE, external_id="cus_2")
        await store.update_operation(again)
        assert await store.get_operation("memory", "k") == again

    asyncio.run(main())


class Race:
    """Workers that write the same rows at once."""

    def __init__(self) -> None:
        self.repository = Concurrent(fine=True)
        self.store = Store(self.repository)
        self.upserted: list[Upserted] = []
        self.tasks: list[Task] = []

    async def close(self, state: OperationState) -> None:
        await self.store.insert(OPERATION)
        await self.store.update_operation(attrs.evolve(DONE, state=state))

    async def read(self, ticket: int) -> None:
        state = attrs.evolve(SUBSCRIPTION, id=f"s{ticket}", ticket=ticket)
        self.upserted.append(await self.store.upsert_subscription(state))


def test_of_two_workers_who_close_one_operation_the_one_who_did_it_is_believed_in_every_order() -> None:
    def make() -> Race:
        race = Race()
        race.tasks = [race.close(OperationState.DONE), race.close(OperationState.FAILED)]
        return race

    def check(race: Race) -> None:
        [stored] = race.repository._committed.of(BillingOperation).rows.values()
        assert stored == DONE

    assert in_every_order(make, check) > 50


def reading() -> Race:
    race = Race()
    race.tasks = [race.read(7), race.read(8)]
    return race


def test_of_two_readings_the_later_one_stays_in_every_order() -> None:
    def check(race: Race) -> None:
        [stored] = race.repository._committed.of(BillingSubscription).rows.values()
        assert isinstance(stored, BillingSubscription)
        assert stored.ticket == 8
        assert sum(each.previous is None for each in race.upserted) == 1

    assert in_every_order(reading, check) > 5


def test_a_repository_that_does_not_go_on_behind_a_record_is_told_so() -> None:
    class Stuck(InMemoryRepository):
        async def find(self, *args: object, **options: object) -> list[object]:  # type: ignore[override]  # broken
            return await super().find(*args, **{**options, "after": None})  # type: ignore[arg-type]  # as above

    async def main() -> None:
        store = Store(Stuck())
        for number in range(100):
            name = f"sub_{number}"
            await store.upsert_subscription(attrs.evolve(SUBSCRIPTION, id=name, external_subscription_id=name))
        with pytest.raises(errors.ConfigurationError, match="go on after the record"):
            await store.list_subscriptions("c1")

    asyncio.run(main())
