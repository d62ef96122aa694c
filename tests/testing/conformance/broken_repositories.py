"""Repositories that break one promise each. Not collected by itself: ``test_broken_repositories.py`` runs it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import attrs
import pytest

from paylattice import BillingCustomer, BillingEvent, BillingSubscription, InMemoryRepository, ParkedEvent, sync
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.repository import Claim, Upserted
from paylattice.testing import BlockingRepositoryConformance, RepositoryConformance
from paylattice.transport import BlockingPrimitives

Tx = InMemoryTransaction | None


class Double(RepositoryConformance):
    """Inherited by one class for each double; ``caught_by`` names the checks that must fail, and no others may."""

    kind: ClassVar[type[Any]]
    caught_by: ClassVar[set[str]]
    patience = 0.6
    grace = 0.03

    @pytest.fixture
    def repository(self) -> Any:
        return self.kind()


class StepByStep(InMemoryRepository):
    """Without ``claim_event``, so that a broken method is caught by the checks of the method itself."""

    claim_event = None  # type: ignore[assignment]  # as if it were not there


# --- what comes back ---------------------------------------------------------------------------------------------


class LosesMetadata(StepByStep):
    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        return await super().insert_customer(attrs.evolve(customer, metadata={}), tx=tx)


class TestLosesMetadata(Double):
    kind = LosesMetadata
    caught_by: ClassVar = {
        "test_a_customer_comes_back_as_it_was_written",
        "test_an_org_has_one_customer_at_a_provider",
        "test_a_customer_is_updated",
        "test_of_many_inserts_of_one_customer_one_gets_through",
        "test_of_many_inserts_of_one_external_id_one_gets_through",
        "test_a_customer_moves_to_another_external_id",
    }


class CutsTimesToSeconds(StepByStep):
    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        assert event.created_at is not None
        return await super().insert_event(
            attrs.evolve(event, created_at=event.created_at.replace(microsecond=0)), tx=tx
        )


class TestCutsTimesToSeconds(Double):
    kind = CutsTimesToSeconds
    caught_by: ClassVar = {
        "test_a_delivery_counts_once",
        "test_an_event_is_inserted_once",
        "test_an_event_is_stamped",
        "test_a_transaction_refuses_its_own_duplicates",
    }


class RaisesForNobody(StepByStep):
    async def get_customer_by_id(self, customer_id: str, *, tx: Tx = None) -> BillingCustomer | None:
        found = await super().get_customer_by_id(customer_id, tx=tx)
        if found is None and customer_id == "x":
            raise KeyError(customer_id)
        return found


class TestRaisesForNobody(Double):
    kind = RaisesForNobody
    caught_by: ClassVar = {"test_who_is_not_there_is_none"}


class UpdatesTooMuch(StepByStep):
    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if self._get(own, self._customers, "customers", (customer.id,)) is None:
                return False
            own.writes["customers", (customer.id,)] = customer
            return True


class TestUpdatesTooMuch(Double):
    kind = UpdatesTooMuch
    caught_by: ClassVar = {
        "test_a_customer_is_updated",
        "test_a_customer_moves_to_another_external_id",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class CannotKeepEveryText(StepByStep):
    """A text column that ends at the first null byte."""

    async def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        cut = {
            name: value.partition("\x00")[0] if isinstance(value, str) else value
            for name, value in event.payload.items()
        }
        return await super().park_event(attrs.evolve(event, payload=cut), tx=tx)


class TestCannotKeepEveryText(Double):
    kind = CannotKeepEveryText
    caught_by: ClassVar = {"test_a_parked_payload_may_hold_whatever_json_can"}


class HandsOutLocalTimes(StepByStep):
    """The time zone of the database session: equal moments, but ``created_at.date()`` is another day."""

    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> BillingEvent | None:
        found = await super().get_event(provider, external_event_id, tx=tx)
        if found is None or found.created_at is None:
            return found
        return attrs.evolve(found, created_at=found.created_at.astimezone(timezone(timedelta(hours=2))))


class TestHandsOutLocalTimes(Double):
    kind = HandsOutLocalTimes
    caught_by: ClassVar = {"test_times_come_back_in_utc"}


# --- uniqueness --------------------------------------------------------------------------------------------------


class TwoCustomersOfAnOrg(StepByStep):
    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            key = ("external", customer.provider, customer.external_customer_id)
            if self._get(own, self._customer_keys, "customer_keys", key) is not None:
                return False
            own.writes["customer_keys", ("org", customer.org_id, customer.provider)] = (customer.id,)
            own.writes["customer_keys", key] = (customer.id,)
            own.writes["customers", (customer.id,)] = customer
            return True


class TestTwoCustomersOfAnOrg(Double):
    kind = TwoCustomersOfAnOrg
    caught_by: ClassVar = {
        "test_an_org_has_one_customer_at_a_provider",
        "test_of_many_inserts_of_one_customer_one_gets_through",
        "test_a_transaction_refuses_its_own_duplicates",
    }


class TwoOrgsShareACustomer(StepByStep):
    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            key = ("org", customer.org_id, customer.provider)
            if self._get(own, self._customer_keys, "customer_keys", key) is not None:
                return False
            own.writes["customer_keys", key] = (customer.id,)
            own.writes["customer_keys", ("external", customer.provider, customer.external_customer_id)] = (customer.id,)
            own.writes["customers", (customer.id,)] = customer
            return True


class TestTwoOrgsShareACustomer(Double):
    kind = TwoOrgsShareACustomer
    caught_by: ClassVar = {
        "test_an_external_id_belongs_to_one_customer",
        "test_of_many_inserts_of_one_external_id_one_gets_through",
    }


class AppliesEventsTwice(StepByStep):
    """The unique key is on the record's own id, which is new each time."""

    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            own.writes["events", (event.provider, event.external_event_id)] = event
            return True


class TestAppliesEventsTwice(Double):
    kind = AppliesEventsTwice
    caught_by: ClassVar = {
        "test_an_event_is_inserted_once",
        "test_a_transaction_refuses_its_own_duplicates",
        "test_of_many_inserts_of_one_event_one_gets_through",
        "test_an_insert_waits_for_the_end_of_another",
        "test_a_delivery_counts_once",
    }


class CountsADeliveryTwice(StepByStep):
    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            own.writes.pop(("event_keys", (event.provider, event.delivery_id or "")), None)
            self._event_keys.pop((event.provider, event.delivery_id or ""), None)
            return await super().insert_event(event, tx=own)


class TestCountsADeliveryTwice(Double):
    kind = CountsADeliveryTwice
    caught_by: ClassVar = {"test_a_delivery_counts_once"}


class OneKeyForAllProviders(StepByStep):
    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if any(key[1] == event.external_event_id for key in self._events):
                return False
            return await super().insert_event(event, tx=own)


class TestOneKeyForAllProviders(Double):
    kind = OneKeyForAllProviders
    caught_by: ClassVar = {"test_an_event_is_inserted_once", "test_an_event_is_stamped", "test_a_delivery_counts_once"}


class StampsEveryEvent(StepByStep):
    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx = None
    ) -> None:
        async with self._in(tx) as own:
            for key in list(self._events):
                await super().mark_event_processed(*key, processed_at, tx=own)


class TestStampsEveryEvent(Double):
    kind = StampsEveryEvent
    caught_by: ClassVar = {"test_an_event_is_stamped"}


class ForgetsWhyAnEventWaits(StepByStep):
    async def update_parked_event(self, event: ParkedEvent, *, tx: Tx = None) -> None:
        """As if it were not there."""


class TestForgetsWhyAnEventWaits(Double):
    kind = ForgetsWhyAnEventWaits
    caught_by: ClassVar = {
        "test_a_parked_event_says_why_it_waits",
        "test_what_is_committed_is_there",
    }


class ParksTwice(StepByStep):
    async def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            own.writes["parked", (event.provider, event.external_event_id)] = event
            return True


class TestParksTwice(Double):
    kind = ParksTwice
    caught_by: ClassVar = {
        "test_an_event_is_parked_once",
        "test_a_transaction_refuses_its_own_duplicates",
        "test_of_many_inserts_of_one_event_one_gets_through",
        "test_an_insert_waits_for_the_end_of_another",
    }


# --- order and pages ---------------------------------------------------------------------------------------------


class OverwritesBlindly(StepByStep):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        async with self._in(tx) as own:
            key = (subscription.provider, subscription.external_subscription_id)
            stored = self._get(own, self._subscriptions, "subscriptions", key)
            if stored is None:
                return await super().upsert_subscription(subscription, tx=own)
            own.writes["subscriptions", key] = subscription.replacing(stored)
            return Upserted(written=True, previous=stored)


class TestOverwritesBlindly(Double):
    kind = OverwritesBlindly
    caught_by: ClassVar = {
        "test_an_earlier_ticket_overwrites_nothing",
        "test_versions_decide_where_both_states_have_one",
        "test_of_many_states_the_latest_stays",
    }


class ComparesTicketsOnly(StepByStep):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        async with self._in(tx) as own:
            key = (subscription.provider, subscription.external_subscription_id)
            stored = self._get(own, self._subscriptions, "subscriptions", key)
            if stored is None:
                return await super().upsert_subscription(subscription, tx=own)
            if subscription.ticket <= stored.ticket:
                return Upserted(written=False, previous=stored)
            own.writes["subscriptions", key] = subscription.replacing(stored)
            return Upserted(written=True, previous=stored)


class TestComparesTicketsOnly(Double):
    kind = ComparesTicketsOnly
    caught_by: ClassVar = {"test_versions_decide_where_both_states_have_one"}


class TakesTheNewId(StepByStep):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        async with self._in(tx) as own:
            done = await super().upsert_subscription(subscription, tx=own)
            if done.written:
                own.writes["subscriptions", (subscription.provider, subscription.external_subscription_id)] = (
                    subscription
                )
            return done


class TestTakesTheNewId(Double):
    kind = TakesTheNewId
    caught_by: ClassVar = {"test_a_later_ticket_overwrites_an_earlier_one"}


class ForgetsThePrevious(StepByStep):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        done = await super().upsert_subscription(subscription, tx=tx)
        return Upserted(written=done.written, previous=None)


class TestForgetsThePrevious(Double):
    kind = ForgetsThePrevious
    caught_by: ClassVar = {
        "test_a_later_ticket_overwrites_an_earlier_one",
        "test_an_earlier_ticket_overwrites_nothing",
        "test_of_many_states_the_latest_stays",
    }


class ListsByTicket(StepByStep):
    async def list_subscriptions(self, customer_id: str, *, tx: Tx = None) -> list[BillingSubscription]:
        return sorted(await super().list_subscriptions(customer_id, tx=tx), key=lambda each: each.ticket)


class TestListsByTicket(Double):
    kind = ListsByTicket
    caught_by: ClassVar = {"test_a_customer_s_subscriptions_are_in_the_order_of_their_insertion"}


class PagesInTheOrderOfUpdates(StepByStep):
    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx = None
    ) -> list[BillingCustomer]:
        everybody = await super().list_customers(provider, None, 1000, tx=tx)
        ordered = sorted(everybody, key=lambda each: (each.name == "Changed", each.id), reverse=True)
        places = [each.id for each in ordered]
        start = places.index(after) + 1 if after else 0
        return ordered[start : start + limit]


class TestPagesInTheOrderOfUpdates(Double):
    kind = PagesInTheOrderOfUpdates
    caught_by: ClassVar = {"test_pages_of_customers_hold_everybody_once"}


class IgnoresTheLimit(StepByStep):
    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx = None
    ) -> list[BillingCustomer]:
        return await super().list_customers(provider, after, 1000, tx=tx)


class TestIgnoresTheLimit(Double):
    kind = IgnoresTheLimit
    caught_by: ClassVar = {"test_pages_of_customers_hold_everybody_once"}


class PagesParkedEventsByTimeAlone(StepByStep):
    async def parked_events(self, provider: str, **by: Any) -> list[ParkedEvent]:
        after, limit = by.pop("after", None), by.pop("limit", 100)
        found = await super().parked_events(provider, limit=1000, **by)
        return [each for each in found if after is None or each.parked_at > after.parked_at][:limit]


class TestPagesParkedEventsByTimeAlone(Double):
    kind = PagesParkedEventsByTimeAlone
    caught_by: ClassVar = {"test_pages_of_parked_events_hold_every_event_once"}


class IgnoresTheSubscription(StepByStep):
    async def parked_events(
        self, provider: str, *, external_subscription_id: str | None = None, **by: Any
    ) -> list[ParkedEvent]:
        return await super().parked_events(provider, **by)


class TestIgnoresTheSubscription(Double):
    kind = IgnoresTheSubscription
    caught_by: ClassVar = {"test_parked_events_are_found_by_customer_and_by_subscription"}


# --- the journal (more of them in broken_journals.py) -----------------------------------------------------------------


class KeepsWhatIsTakenAway(StepByStep):
    """``coalesce(new, old)``."""

    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        stored = await self.get_operation(operation.provider, operation.key, tx=tx)
        if stored is not None:
            operation = attrs.evolve(operation, external_id=operation.external_id or stored.external_id)
        await super().update_operation(operation, tx=tx)


class TestKeepsWhatIsTakenAway(Double):
    kind = KeepsWhatIsTakenAway
    caught_by: ClassVar = {"test_what_came_of_an_operation_is_written"}


class FindsByEitherOrOther(StepByStep):
    """``state = ? or external_id = ?``"""

    async def operations(
        self, provider: str, *, state: OperationState | None = None, external_id: str | None = None, **by: Any
    ) -> list[BillingOperation]:
        found = await super().operations(provider, state=state, **by)
        if external_id is None:
            return found
        made = await super().operations(provider, external_id=external_id, **by)
        return made if state is None else [*found, *(each for each in made if each not in found)]


class TestFindsByEitherOrOther(Double):
    kind = FindsByEitherOrOther
    caught_by: ClassVar = {"test_operations_are_found_by_state_by_what_they_made_and_by_reference"}


class CountsPagesOfTheJournal(StepByStep):
    """``offset``: what was closed meanwhile moves the rest forward, past the reader."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._read = 0

    async def operations(self, provider: str, **by: Any) -> list[BillingOperation]:
        after, limit = by.pop("after", None), by.pop("limit", 100)
        self._read = 0 if after is None else self._read
        found = (await super().operations(provider, limit=1000, **by))[self._read : self._read + limit]
        self._read += len(found)
        return found


class TestCountsPagesOfTheJournal(Double):
    kind = CountsPagesOfTheJournal
    caught_by: ClassVar = {"test_pages_of_the_journal_hold_every_operation_once"}


# --- tickets -----------------------------------------------------------------------------------------------------


class TicketsCountDown(StepByStep):
    last = 2**40

    async def next_ticket(self) -> int:
        self.last -= 1
        return self.last


class TestTicketsCountDown(Double):
    kind = TicketsCountDown
    caught_by: ClassVar = {
        "test_tickets_increase",
        "test_tickets_increase_among_many",
        "test_a_transaction_that_waits_does_not_hold_up_the_tickets",
    }


class TicketsReadThenWritten(StepByStep):
    """``max(ticket) + 1``: right for one, wrong for two at once."""

    last = 0

    async def next_ticket(self) -> int:
        ticket = self.last + 1
        await asyncio.sleep(0)
        self.last = ticket
        return ticket


class TestTicketsReadThenWritten(Double):
    kind = TicketsReadThenWritten
    caught_by: ClassVar = {"test_tickets_increase_among_many"}


class TicketsRolledBack(StepByStep):
    """The counter is a row like any other, and goes back with a transaction that fails."""

    last = 0

    async def next_ticket(self) -> int:
        self.last += 1
        return self.last

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            before = self.last
            try:
                yield tx
            except BaseException:
                self.last = max(before - 1, 0)
                raise


class TestTicketsRolledBack(Double):
    kind = TicketsRolledBack
    caught_by: ClassVar = {
        "test_tickets_increase",
        "test_a_transaction_that_waits_does_not_hold_up_the_tickets",
    }


# --- transactions ------------------------------------------------------------------------------------------------


class CommitsWhatFails(StepByStep):
    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        failure: BaseException | None = None
        async with super().transaction() as tx:
            try:
                yield tx
            except BaseException as exc:  # noqa: BLE001 - that is what is wrong with it
                failure = exc
        if failure is not None:
            raise failure


class TestCommitsWhatFails(Double):
    kind = CommitsWhatFails
    caught_by: ClassVar = {
        "test_what_fails_leaves_no_trace",
        "test_nobody_sees_what_is_not_committed",
        "test_an_insert_waits_for_the_end_of_another",
        "test_the_journal_is_a_part_of_the_transaction",
    }


class CommitsWhatIsCancelled(StepByStep):
    """``except Exception: rollback``, and nothing for what is no Exception."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        failure: BaseException | None = None
        async with super().transaction() as tx:
            try:
                yield tx
            except Exception:
                raise
            except BaseException as exc:  # noqa: BLE001 - that is what is wrong with it
                failure = exc
        if failure is not None:
            raise failure


class TestCommitsWhatIsCancelled(Double):
    kind = CommitsWhatIsCancelled
    caught_by: ClassVar = {"test_what_fails_leaves_no_trace"}


class SwallowsTheException(StepByStep):
    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        try:
            async with super().transaction() as tx:
                yield tx
        except Exception:  # noqa: BLE001 - that is what is wrong with it
            pass


class TestSwallowsTheException(Double):
    kind = SwallowsTheException
    caught_by: ClassVar = {"test_what_fails_leaves_no_trace"}


class WritesOutsideTheTransaction(StepByStep):
    """One method forgot its ``tx``."""

    async def park_event(self, event: ParkedEvent, *, tx: Tx = None) -> bool:
        key = (event.provider, event.external_event_id)
        if key in self._parked:
            return False
        by_itself = InMemoryTransaction()
        by_itself.writes["parked", key] = event
        self._commit(by_itself)
        return True


class TestWritesOutsideTheTransaction(Double):
    kind = WritesOutsideTheTransaction
    caught_by: ClassVar = {
        "test_what_fails_leaves_no_trace",
        "test_nobody_sees_what_is_not_committed",
        "test_an_insert_waits_for_the_end_of_another",
    }


class ReadsPastTheTransaction(StepByStep):
    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx = None) -> BillingEvent | None:
        return await super().get_event(provider, external_event_id)


class TestReadsPastTheTransaction(Double):
    kind = ReadsPastTheTransaction
    caught_by: ClassVar = {
        "test_a_transaction_sees_its_own_writes",
        "test_of_many_inserts_of_one_event_one_gets_through",
    }


class ForgetsToCommit(StepByStep):
    def _commit(self, tx: InMemoryTransaction) -> None:
        tx.writes = {key: value for key, value in tx.writes.items() if key[0] != "events" or value.processed_at is None}  # type: ignore[attr-defined]
        super()._commit(tx)


class TestForgetsToCommit(Double):
    kind = ForgetsToCommit
    caught_by: ClassVar = {
        "test_what_is_committed_is_there",
        "test_an_event_is_stamped",
        "test_a_transaction_sees_its_own_writes",
    }


class BecomesVisibleInParts(StepByStep):
    """Each statement commits by itself, and a failure takes back what was written."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            yield tx
            events = {key: value for key, value in tx.writes.items() if key[0] == "events"}
            rest = {key: value for key, value in tx.writes.items() if key[0] != "events"}
            tx.writes = events
            self._commit(tx)
            await asyncio.sleep(0.01)
            tx.writes = rest


class TestBecomesVisibleInParts(Double):
    kind = BecomesVisibleInParts
    caught_by: ClassVar = {"test_a_transaction_becomes_visible_at_once"}


class Unlocked(StepByStep):
    """Looks first and writes later; transactions run at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = nullcontext()  # type: ignore[assignment]  # a lock that locks nothing


class TestUnlocked(Double):
    kind = Unlocked
    caught_by: ClassVar = {
        "test_of_many_inserts_of_one_customer_one_gets_through",
        "test_of_many_inserts_of_one_external_id_one_gets_through",
        "test_of_many_inserts_of_one_event_one_gets_through",
        "test_an_insert_waits_for_the_end_of_another",
        "test_of_many_states_the_latest_stays",
        "test_what_is_done_stays_done",
        "test_of_many_intents_with_one_key_one_is_written_down",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class RefusesWithoutWaiting(StepByStep):
    """An insert is refused because of one that is not committed, and may never be."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = nullcontext()  # type: ignore[assignment]  # a lock that locks nothing
        self._pending: set[tuple[str, str]] = set()

    async def insert_event(self, event: BillingEvent, *, tx: Tx = None) -> bool:
        key = (event.provider, event.external_event_id)
        if key in self._pending:
            return False
        self._pending.add(key)
        return await super().insert_event(event, tx=tx)


class TestRefusesWithoutWaiting(Double):
    kind = RefusesWithoutWaiting
    caught_by: ClassVar = {
        "test_a_delivery_counts_once",
        "test_an_insert_waits_for_the_end_of_another",
        # and what it does without a lock besides
        "test_of_many_inserts_of_one_customer_one_gets_through",
        "test_of_many_inserts_of_one_external_id_one_gets_through",
        "test_of_many_inserts_of_one_event_one_gets_through",
        "test_of_many_states_the_latest_stays",
        "test_what_is_done_stays_done",
        "test_of_many_intents_with_one_key_one_is_written_down",
        "test_the_journal_is_a_part_of_the_transaction",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class NeverReleasesTheLock(StepByStep):
    """After a transaction that failed, its lock stays."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            try:
                yield tx
            except BaseException:
                self._lock = _Stuck()  # type: ignore[assignment]  # a lock that nobody gets
                raise


class _Stuck:
    async def __aenter__(self) -> None:
        await asyncio.sleep(3600)

    async def __aexit__(self, *_: object) -> None: ...


class TestNeverReleasesTheLock(Double):
    kind = NeverReleasesTheLock
    caught_by: ClassVar = {
        "test_what_fails_leaves_no_trace",
        "test_an_insert_waits_for_the_end_of_another",
        "test_the_journal_is_a_part_of_the_transaction",
    }


class ForgetsEverything(StepByStep):
    """Nothing outlives the process."""


class TestForgetsEverything(Double):
    kind = ForgetsEverything
    caught_by: ClassVar = {"test_what_is_committed_outlives_the_process"}

    def reopened(self, repository: Any) -> Any:
        return InMemoryRepository()


# --- claims ------------------------------------------------------------------------------------------------------


class InsertsEventsOfNobody(InMemoryRepository):
    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        if claim is None:
            await self.insert_event(event, tx=tx)
        return claim


class TestInsertsEventsOfNobody(Double):
    kind = InsertsEventsOfNobody
    caught_by: ClassVar = {"test_a_claim_for_nobody_changes_nothing"}


class WritesTheStateOfADuplicate(InMemoryRepository):
    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        if claim is not None and claim.upserted is None:
            owned = attrs.evolve(state, customer_id=claim.customer.id, ticket=await self.next_ticket())
            await self.upsert_subscription(owned, tx=tx)
        return claim


class TestWritesTheStateOfADuplicate(Double):
    kind = WritesTheStateOfADuplicate
    caught_by: ClassVar = {"test_an_event_is_claimed_once", "test_of_many_claims_of_one_event_one_gets_through"}


class ClaimsEventsAgain(InMemoryRepository):
    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        self._events.pop((event.provider, event.external_event_id), None)
        return await super().claim_event(event, state, external_customer_id, tx=tx)


class TestClaimsEventsAgain(Double):
    kind = ClaimsEventsAgain
    caught_by: ClassVar = {"test_an_event_is_claimed_once", "test_of_many_claims_of_one_event_one_gets_through"}


class ClaimsBlindly(InMemoryRepository):
    """Every state is written, also an older one."""

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        if claim is None or claim.upserted is None or claim.upserted.written:
            return claim
        owned = attrs.evolve(state, customer_id=claim.customer.id, ticket=await self.next_ticket())
        key = (state.provider, state.external_subscription_id)
        stored = tx.writes["subscriptions", key] = owned.replacing(claim.upserted.previous)
        return attrs.evolve(claim, stored=stored, upserted=attrs.evolve(claim.upserted, written=True))


class TestClaimsBlindly(Double):
    kind = ClaimsBlindly
    caught_by: ClassVar = {
        "test_a_claim_does_what_four_methods_do",
        "test_of_many_claimed_states_the_latest_stays",
    }


class ClaimsForItself(InMemoryRepository):
    """The subscription goes to whoever claims."""

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        key = ("subscriptions", (state.provider, state.external_subscription_id))
        if claim is not None and key in tx.writes:
            tx.writes[key] = attrs.evolve(tx.writes[key], customer_id=claim.customer.id)  # type: ignore[type-var]
        return claim


class TestClaimsForItself(Double):
    kind = ClaimsForItself
    caught_by: ClassVar = {"test_a_claim_leaves_a_subscription_to_its_owner"}


class AnswersTheStateAsGiven(InMemoryRepository):
    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        return claim if claim is None or claim.stored is None else attrs.evolve(claim, stored=state)


class TestAnswersTheStateAsGiven(Double):
    kind = AnswersTheStateAsGiven
    caught_by: ClassVar = {
        "test_a_claim_does_what_four_methods_do",
        "test_an_event_is_claimed_once",
        "test_a_claim_leaves_a_subscription_to_its_owner",
        "test_of_many_claimed_states_the_latest_stays",
    }


class ClaimsWithoutATicket(InMemoryRepository):
    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        tx.ticket = 0
        return await super().claim_event(event, state, external_customer_id, tx=tx)


class TestClaimsWithoutATicket(Double):
    kind = ClaimsWithoutATicket
    caught_by: ClassVar = {"test_a_claim_does_what_four_methods_do"}


class ClaimsAtOnce(InMemoryRepository):
    """What is claimed is there, whatever becomes of the transaction."""

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: InMemoryTransaction
    ) -> Claim | None:
        claim = await super().claim_event(event, state, external_customer_id, tx=tx)
        self._commit(tx)
        return claim


class TestClaimsAtOnce(Double):
    kind = ClaimsAtOnce
    caught_by: ClassVar = {"test_a_claim_is_a_part_of_the_transaction"}


# --- the same, blocking ------------------------------------------------------------------------------------------


class BlockingDouble(BlockingRepositoryConformance):
    """As above, for threads."""

    kind: ClassVar[type[Any]]
    caught_by: ClassVar[set[str]]
    patience = 0.6
    grace = 0.03

    @pytest.fixture
    def repository(self) -> Any:
        return self.kind()


class BlockingStepByStep(sync.InMemoryRepository):
    """Without ``claim_event``, as above."""

    claim_event = None  # type: ignore[assignment]  # as if it were not there


class BlockingOver(BlockingStepByStep):
    """One of the doubles above behind the blocking face."""

    over: ClassVar[type[InMemoryRepository]]

    def __init__(self) -> None:
        super().__init__()
        self.wrapped = self.over(primitives=BlockingPrimitives())


class BlockingCommitsWhatFails(BlockingOver):
    over = CommitsWhatFails


class TestBlockingCommitsWhatFails(BlockingDouble):
    kind = BlockingCommitsWhatFails
    caught_by: ClassVar = {
        "test_what_fails_leaves_no_trace",
        "test_nobody_sees_what_is_not_committed",
        "test_an_insert_waits_for_the_end_of_another",
        "test_the_journal_is_a_part_of_the_transaction",
    }


class BlockingTicketsByClock(BlockingStepByStep):
    def next_ticket(self) -> int:  # type: ignore[override]  # the class has a descriptor in its place
        return int(time.time())


class TestBlockingTicketsByClock(BlockingDouble):
    kind = BlockingTicketsByClock
    caught_by: ClassVar = {
        "test_tickets_increase",
        "test_tickets_increase_among_many",
        "test_a_transaction_that_waits_does_not_hold_up_the_tickets",
    }
