"""Checks of a repository's events: applied once, kept for later once, found by whom they are about, page by page."""

from datetime import datetime, timedelta

import attrs

from ..billing.records import BillingEvent, ParkedEvent
from .conformance_models import expect
from .conformance_records import HOSTILE, NOW, customer, event, operation, parked, subscription
from .conformance_stage import Stage
from .conformance_storage import Repository, RepositoryChecks

__all__ = ["EventChecks"]


class EventChecks(RepositoryChecks):
    """What was applied, and what waits."""

    def test_an_event_is_inserted_once(self, repository: object) -> None:
        """``(provider, external_event_id)`` is unique, whatever the record's own id: this is exactly once."""

        async def check(repo: Repository, _stage: Stage) -> None:
            written = event()
            expect(await repo.insert_event(written) is True, "insert_event of a new event must answer True")
            found = await repo.get_event("acme", "evt_1")
            expect(found == written, f"an event came back as {found!r}, and was written as {written!r}")
            expect(found is not None and found.metadata == written.metadata, "an event's metadata was changed")
            bare = BillingEvent("bare", None, None, "invoice.paid", "acme", "evt_bare")
            await repo.insert_event(bare)
            expect(await repo.get_event("acme", "evt_bare") == bare, "an event about nobody and no money was changed")
            again = attrs.evolve(event(record="another-record"), event_type="invoice.created")
            expect(await repo.insert_event(again) is False, "one event was inserted twice: it would be applied twice")
            expect(await repo.get_event("acme", "evt_1") == written, "a refused insert changed the event")
            expect(await repo.insert_event(event(at="other")) is True, "another provider's event may have the same id")

        self.drive(repository, check)

    def test_a_delivery_counts_once(self, repository: object) -> None:
        """``(provider, delivery_id)`` is unique, whatever event it names; events without one do not exclude each other."""

        async def check(repo: Repository, _stage: Stage) -> None:
            first = event(1, delivery="d-1")
            await repo.insert_event(first)
            found = await repo.get_event("acme", "evt_1")
            expect(found == first, f"an event came back as {found!r}, and was written as {first!r}")
            expect(await repo.get_event("acme", "d-1") == first, "an event is not found by its delivery_id")
            expect(await repo.get_event("other", "d-1") is None, "an event is found by another provider's delivery_id")
            async with repo.transaction() as tx:
                forged = event(2, delivery="d-1")
                expect(await repo.insert_event(forged, tx=tx) is False, "one delivery was counted as two events")
                expect(
                    await repo.insert_event(event(3, delivery="d-3"), tx=tx), "a refused insert ended the transaction"
                )
            expect(await repo.get_event("acme", "evt_2") is None, "a refused insert left a record behind")
            expect(await repo.insert_event(event(2, delivery="d-2")), "a refused insert keeps the event itself out")
            elsewhere = event(1, at="other", delivery="d-1")
            expect(await repo.insert_event(elsewhere) is True, "another provider's delivery may have this id")
            for number in (8, 9):
                expect(await repo.insert_event(event(number)), "an event without a delivery_id keeps others out")

        self.drive(repository, check)

    def test_an_event_is_stamped(self, repository: object) -> None:
        """``mark_event_processed`` sets ``processed_at`` of that event, and nothing else."""

        async def check(repo: Repository, _stage: Stage) -> None:
            for each in (event(1), event(2), event(1, at="other")):
                await repo.insert_event(each)
            when = NOW + timedelta(hours=1)
            await repo.mark_event_processed("acme", "evt_1", when)
            expect(
                await repo.get_event("acme", "evt_1") == attrs.evolve(event(1), processed_at=when),
                "mark_event_processed must set processed_at, and nothing else",
            )
            others = [await repo.get_event("acme", "evt_2"), await repo.get_event("other", "evt_1")]
            expect(others == [event(2), event(1, at="other")], "mark_event_processed stamped another event")

        self.drive(repository, check)

    # --- parked events -------------------------------------------------------------------------------------------

    def test_an_event_is_parked_once(self, repository: object) -> None:
        """It comes back as it was, and is gone after it was deleted; deleting twice is no error."""

        async def check(repo: Repository, _stage: Stage) -> None:
            expect(await repo.park_event(parked()) is True, "park_event of a new event must answer True")
            expect(await repo.park_event(parked(minute=50)) is False, "one event was parked twice")
            expect(await repo.parked_events("acme") == [parked()], "a parked event is not kept as it was")
            expect(await repo.park_event(parked(at="other")) is True, "another provider's event may have the same id")
            await repo.delete_parked_event("acme", "evt_1")
            expect(await repo.parked_events("acme") == [], "a parked event that was deleted is still there")
            await repo.delete_parked_event("acme", "evt_1")
            expect(await repo.parked_events("other") == [parked(at="other")], "another provider's event was deleted")
            expect(await repo.park_event(parked()) is True, "an event cannot be parked again after it was deleted")

        self.drive(repository, check)

    def test_a_parked_event_says_why_it_waits(self, repository: object) -> None:
        """``update_parked_event`` writes ``error``, and nothing else; what is not there it does not make."""

        async def check(repo: Repository, _stage: Stage) -> None:
            for each in (parked(1), parked(2), parked(1, at="other")):
                await repo.park_event(each)
            failed = attrs.evolve(parked(1), error="ValueError")
            moved = attrs.evolve(failed, external_customer_id="cus_9", payload={}, parked_at=NOW - timedelta(days=9))
            await repo.update_parked_event(moved)
            await repo.update_parked_event(attrs.evolve(parked(7), error="ValueError"))
            expect(
                await repo.parked_events("acme") == [failed, parked(2)],
                "update_parked_event must write error of this event, and nothing else",
            )
            expect(await repo.parked_events("other") == [parked(1, at="other")], "another provider's event was changed")
            await repo.update_parked_event(parked(1))
            expect(await repo.parked_events("acme") == [parked(1), parked(2)], "an error cannot be taken away again")

        self.drive(repository, check)

    def test_a_parked_payload_may_hold_whatever_json_can(self, repository: object) -> None:
        """It is what a provider sent: what cannot be kept would be lost."""

        async def check(repo: Repository, _stage: Stage) -> None:
            written = attrs.evolve(parked(), payload=HOSTILE)
            expect(await repo.park_event(written) is True, "park_event of a new event must answer True")
            expect(await repo.parked_events("acme") == [written], "a payload did not come back as it was")
            strange = attrs.evolve(event(), metadata={"nul": "a\x00b"})
            await repo.insert_event(strange)
            found = await repo.get_event("acme", "evt_1")
            expect(found is not None and found.metadata == strange.metadata, "an event's metadata was changed")

        self.drive(repository, check)

    def test_times_come_back_in_utc(self, repository: object) -> None:
        """Whatever the time zone of the server, the session or the process is."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer())
            await repo.upsert_subscription(subscription())
            await repo.insert_event(event())
            await repo.park_event(parked())
            await repo.insert_operation(operation(closed_at=NOW))
            found = [
                await repo.get_customer("org-1", "acme"),
                await repo.get_subscription("acme", "sub_1"),
                await repo.get_event("acme", "evt_1"),
                *await repo.parked_events("acme"),
                *await repo.operations("acme"),
            ]
            for record in found:
                expect(record is not None, "a record that was written is not there")
                for name, value in ({} if record is None else attrs.asdict(record, recurse=False)).items():
                    if isinstance(value, datetime):
                        utc = value.utcoffset() == timedelta(0)
                        expect(utc, f"{type(record).__name__}.{name} came back in another time zone than UTC")

        self.drive(repository, check)

    def test_parked_events_are_found_by_customer_and_by_subscription(self, repository: object) -> None:
        """Or with neither, anybody's."""

        async def check(repo: Repository, _stage: Stage) -> None:
            events = [
                parked(1, whose="cus_1", about=None),
                parked(2, whose="cus_2", about="sub_1"),
                parked(3, whose=None, about="sub_1"),
                parked(4, whose="cus_1", about="sub_2"),
                parked(5, whose=None, about=None),
            ]
            for each in events:
                await repo.park_event(each)

            async def numbers(**by: str) -> list[str]:
                return [each.external_event_id for each in await repo.parked_events("acme", **by)]  # type: ignore[arg-type]  # both are ids

            mine = await numbers(external_customer_id="cus_1")
            expect(mine == ["evt_1", "evt_4"], f"the parked events of a customer are {mine}")
            about = await numbers(external_subscription_id="sub_1")
            expect(about == ["evt_2", "evt_3"], f"the parked events of a subscription are {about}")
            everybody = await numbers()
            expect(len(everybody) == len(events), "with neither given, parked_events brings anybody's")

        self.drive(repository, check)

    def test_pages_of_parked_events_hold_every_event_once(self, repository: object) -> None:
        """Ordered by ``(parked_at, external_event_id)``, although those of earlier pages are deleted meanwhile."""

        async def check(repo: Repository, _stage: Stage) -> None:
            events = [parked(number, minute=number // 3) for number in (8, 3, 5, 1, 7, 2, 4, 6)]
            for each in events:
                await repo.park_event(each)
            seen: list[ParkedEvent] = []
            after: ParkedEvent | None = None
            for turn in range(20):
                page = await repo.parked_events("acme", after=after, limit=3)
                expect(len(page) <= 3, "parked_events brought more than its limit")  # noqa: PLR2004 - the limit
                if not page:
                    break
                seen += page
                after = page[-1]
                if turn != 1:
                    for each in page:
                        await repo.delete_parked_event("acme", each.external_event_id)
            wanted = sorted(events, key=lambda each: (each.parked_at, each.external_event_id))
            order = [each.external_event_id for each in seen]
            expect(
                order == [each.external_event_id for each in wanted],
                f"the pages hold {order}: order by (parked_at, external_event_id), and go on after the last of the page",
            )

        self.drive(repository, check)
