"""Unmatched events that nobody came for are forgotten; those of known customers, whose handlers fail, never are."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingSubscription,
    EventType,
    FailedEvent,
    InMemoryRepository,
    PurgedEvents,
    Subscription,
    UnmatchedEvent,
    converter,
    errors,
)
from paylattice.billing.records import Record
from paylattice.billing.store import Store
from tests.billing.support import NOW, Fake, World, an_event
from tests.billing.test_unmatched import CUSTOMER, Listening

from ..support import all_of

LATER = NOW + timedelta(days=40)
CONVERTER = converter()


def unmatched(number: int, *, customer_id: str = "nobody", minutes: int = 0) -> UnmatchedEvent:
    event = an_event(
        number, provider="memory", customer_id=customer_id, type=EventType.INVOICE_PAID, subscription_id=None
    )
    payload = CONVERTER.unstructure(event)
    return UnmatchedEvent("memory", event.dedupe_key, customer_id, None, payload, NOW + timedelta(minutes=minutes))


def test_events_of_nobody_are_dropped_by_age_and_the_younger_ones_stay() -> None:
    async def main() -> None:
        world = World()
        for number in range(230):
            await Store(world.repository).insert_unmatched(unmatched(number, minutes=number))
        done = await world.billing.purge_unmatched("memory", before=NOW + timedelta(minutes=205))
        assert done == PurgedEvents(dropped=205)
        left = await Store(world.repository).list_unmatched("memory")
        assert [each.external_event_id for each in left] == [f"evt_{number}" for number in range(205, 230)]
        assert await world.billing.purge_unmatched("memory", before=NOW) == PurgedEvents()
        with pytest.raises(errors.InvalidRequest):
            await world.billing.purge_unmatched("memory", before=datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose

    asyncio.run(main())


async def with_failures() -> Listening:
    """Four events of a known customer, two of which fail, and two of a stranger."""
    here = Listening()
    for number in range(1, 5):
        await here.billing.apply_event(an_event(number))
    for number in (5, 6):
        await here.billing.apply_event(an_event(number, customer_id="stranger", subscription_id=None))
    here.refused = {"evt_1", "evt_3"}
    await here.billing.ensure_customer("org", email="ada@example.com")
    return here


def test_an_event_whose_handlers_fail_stays_with_the_class_of_the_error() -> None:
    async def main() -> None:
        here = await with_failures()
        left = {each.external_event_id: each.error for each in await Store(here.repository).list_unmatched("fake")}
        assert left == {"evt_1": "RuntimeError", "evt_3": "RuntimeError", "evt_5": None, "evt_6": None}

    asyncio.run(main())


def test_a_failed_event_of_a_known_customer_is_reported_and_never_dropped() -> None:
    async def main() -> None:
        here = await with_failures()
        done = await here.billing.purge_unmatched("fake", before=LATER)
        failed = tuple(FailedEvent("fake", name, "RuntimeError") for name in ("evt_1", "evt_3"))
        assert done == PurgedEvents(dropped=2, failed=failed)
        assert await here.billing.purge_unmatched("fake", before=LATER) == PurgedEvents(failed=failed)
        here.refused.clear()
        assert await here.billing.apply_unmatched("fake") == 2
        assert sorted(here.handled) == ["evt_1", "evt_2", "evt_3", "evt_4"]

    asyncio.run(main())


def test_what_is_somebody_s_by_now_and_was_never_tried_again_is_applied_and_not_dropped() -> None:
    async def main() -> None:
        here = Listening()
        for number in range(3):
            await here.billing.apply_event(an_event(number))
        await Store(here.repository).insert_customer(
            CUSTOMER
        )  # and the process died before it looked for unmatched events
        assert await here.billing.purge_unmatched("fake", before=LATER) == PurgedEvents(applied=3)
        assert len(here.handled) == 3
        assert await here.unmatched() == 0

    asyncio.run(main())


def test_a_handler_that_works_again_is_run_before_anything_is_dropped() -> None:
    async def main() -> None:
        here = await with_failures()
        here.refused.clear()
        assert await here.billing.purge_unmatched("fake", before=LATER) == PurgedEvents(dropped=2, applied=2)
        assert await here.unmatched() == 0

    asyncio.run(main())


def test_an_event_that_failed_stays_also_when_its_organisation_is_gone() -> None:
    async def main() -> None:
        here = await with_failures()
        for kind in (BillingCustomer, BillingSubscription):
            for record in all_of(here.repository, kind):
                await here.repository.delete(record)
        done = await here.billing.purge_unmatched("fake", before=LATER)
        assert done.dropped == 2
        assert [each.event_id for each in done.failed] == ["evt_1", "evt_3"]

    asyncio.run(main())


@pytest.mark.parametrize("broken", [{}, {"created_at": "once upon a time"}, {"type": ["x"], "id": "evt_1"}], ids=str)
def test_an_event_that_cannot_be_read_any_more_is_reported_and_the_others_are_dropped(broken: dict[str, Any]) -> None:
    async def main() -> None:
        here = Listening()
        await here.billing.apply_event(an_event(1, customer_id="stranger"))
        await here.billing.apply_event(an_event(2, customer_id="stranger", subscription_id=None))
        row, _ = all_of(here.repository, UnmatchedEvent)
        await here.repository.delete(row)
        await here.repository.insert(attrs.evolve(row, payload={**row.payload, **broken} if broken else {}))
        done = await here.billing.purge_unmatched("fake", before=LATER)
        assert done.dropped == 1
        [failed] = done.failed
        assert (failed.provider, failed.event_id) == ("fake", "evt_1")
        assert failed.error
        [left] = await Store(here.repository).list_unmatched("fake")
        assert left.error == failed.error

    asyncio.run(main())


class Down(Fake):
    """Cannot be reached."""

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        message = "down"
        raise errors.ProviderUnavailable(message)


def test_what_cannot_be_told_now_is_reported_and_neither_dropped_nor_marked() -> None:
    async def main() -> None:
        here = Listening(Fake(says_customer=False))
        await here.billing.apply_event(an_event(1, customer_id=None))
        here.billing._providers["fake"] = Down()
        done = await here.billing.purge_unmatched("fake", before=LATER)
        assert done == PurgedEvents(failed=(FailedEvent("fake", "evt_1", "ProviderUnavailable"),))
        [left] = await Store(here.repository).list_unmatched("fake")
        assert left.error is None

    asyncio.run(main())


class Appears(InMemoryRepository):
    """Another worker stores the customer just before an event is deleted, and sees nothing unmatched any more."""

    customer: BillingCustomer | None = None

    async def delete(self, record: Record, **options: Any) -> bool:
        customer, self.customer = self.customer, None
        if customer is not None:
            await self.insert(customer)
        return await super().delete(record, **options)


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_whose_customer_appears_while_it_is_dropped_is_not_lost(fails: bool) -> None:
    async def main() -> None:
        repository = Appears()
        here = Listening(repository=repository)
        await here.billing.apply_event(an_event(1))
        repository.customer = CUSTOMER
        here.refused = {"evt_1"} if fails else set()
        done = await here.billing.purge_unmatched("fake", before=LATER)
        assert (done.dropped, done.applied, len(done.failed)) == (0, int(not fails), int(fails))
        assert here.handled == ([] if fails else ["evt_1"])
        assert await here.unmatched() == int(fails)

    asyncio.run(main())


def test_a_repository_that_deletes_nothing_does_not_keep_drop_unmatched_for_ever() -> None:
    class GoesRoundInCircles(InMemoryRepository):
        async def find(self, *args: Any, **options: Any) -> Any:
            return await super().find(*args, **{**options, "after": None})

        async def delete(self, *_args: Any, **_tx: Any) -> bool:
            return False

    async def main() -> None:
        world = World(repository=GoesRoundInCircles())
        for number in range(150):
            await Store(world.repository).insert_unmatched(unmatched(number))
        with pytest.raises(errors.ConfigurationError, match="does not go on after"):
            await asyncio.wait_for(world.billing.purge_unmatched("memory", before=NOW + timedelta(days=1)), 5)

    asyncio.run(main())
