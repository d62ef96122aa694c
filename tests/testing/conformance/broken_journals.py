"""Repositories whose journal breaks one promise each. Not collected by itself: ``test_broken_journals.py`` runs it."""

import asyncio
from typing import Any, ClassVar

import attrs

from paylattice import BillingCustomer, BillingSubscription, InMemoryRepository
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.repository import Upserted

from .broken_repositories import Double

DONE = OperationState.DONE
ASKED_FOR = ("operation", "org_id", "arguments", "ticket")
Tx = InMemoryTransaction | None

__all__ = ["Double"]


# --- operations --------------------------------------------------------------------------------------------------


class LosesArguments(InMemoryRepository):
    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        kept = {name: value for name, value in operation.arguments.items() if value is not None}
        return await super().insert_operation(attrs.evolve(operation, arguments=kept), tx=tx)


class TestLosesArguments(Double):
    kind = LosesArguments
    caught_by: ClassVar = {
        "test_an_operation_is_written_down_once",
        "test_the_journal_is_a_part_of_the_transaction",
        "test_what_came_of_an_operation_is_written",
        "test_what_is_done_stays_done",
    }


class OneKeyForAllProviders(InMemoryRepository):
    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            if any(key == operation.key for _, key in self._operations):
                return False
            return await super().insert_operation(operation, tx=own)


class TestOneKeyForAllProviders(Double):
    kind = OneKeyForAllProviders
    caught_by: ClassVar = {
        "test_an_operation_is_written_down_once",
        "test_what_came_of_an_operation_is_written",
    }


class InsertsTwice(InMemoryRepository):
    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            own.writes["operations", (operation.provider, operation.key)] = operation
            return True


class TestInsertsTwice(Double):
    kind = InsertsTwice
    caught_by: ClassVar = {
        "test_an_operation_is_written_down_once",
        "test_of_many_intents_with_one_key_one_is_written_down",
        "test_the_journal_is_a_part_of_the_transaction",
    }


class LooksThenInserts(InMemoryRepository):
    """Two statements where one is needed: whoever looks in between finds nothing."""

    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        there = await self.get_operation(operation.provider, operation.key, tx=tx)
        await asyncio.sleep(0.01)
        if there is not None:
            return False
        async with self._in(tx) as own:
            own.writes["operations", (operation.provider, operation.key)] = operation
            return True


class TestLooksThenInserts(Double):
    kind = LooksThenInserts
    caught_by: ClassVar = {"test_of_many_intents_with_one_key_one_is_written_down"}


class ChangesWhatWasAskedFor(InMemoryRepository):
    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        key = (operation.provider, operation.key)
        async with self._in(tx) as own:
            stored = self._get(own, self._operations, "operations", key)
            if stored is not None and (stored.state is not DONE or operation.state is DONE):
                own.writes["operations", key] = operation


class TakesAnotherPlace(InMemoryRepository):
    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        key = (operation.provider, operation.key)
        async with self._in(tx) as own:
            await super().update_operation(operation, tx=own)
            stored = self._get(own, self._operations, "operations", key)
            if stored is not None:
                own.writes["operations", key] = attrs.evolve(stored, ticket=operation.ticket)


class TestTakesAnotherPlace(Double):
    kind = TakesAnotherPlace
    caught_by: ClassVar = {"test_what_came_of_an_operation_is_written"}


class TestChangesWhatWasAskedFor(Double):
    kind = ChangesWhatWasAskedFor
    caught_by: ClassVar = {"test_what_came_of_an_operation_is_written"}


class NeverBeginsAnew(InMemoryRepository):
    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        stored = await self.get_operation(operation.provider, operation.key, tx=tx)
        if stored is not None:
            await super().update_operation(attrs.evolve(operation, created_at=stored.created_at), tx=tx)


class TestNeverBeginsAnew(Double):
    kind = NeverBeginsAnew
    caught_by: ClassVar = {"test_what_came_of_an_operation_is_written"}


class UndoesWhatIsDone(InMemoryRepository):
    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        key = (operation.provider, operation.key)
        async with self._in(tx) as own:
            stored = self._get(own, self._operations, "operations", key)
            if stored is not None:
                kept = {name: getattr(stored, name) for name in ASKED_FOR}
                own.writes["operations", key] = attrs.evolve(operation, **kept)


class TestUndoesWhatIsDone(Double):
    kind = UndoesWhatIsDone
    caught_by: ClassVar = {"test_what_is_done_stays_done"}


class LooksBeforeItUpdates(InMemoryRepository):
    """It compares what was there before the other transaction ended."""

    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        key = (operation.provider, operation.key)
        stored = self._operations.get(key) if tx is None else self._get(tx, self._operations, "operations", key)
        if stored is None or (stored.state is DONE and operation.state is not DONE):
            return
        async with self._in(tx) as own:
            kept = {name: getattr(stored, name) for name in ASKED_FOR}
            own.writes["operations", key] = attrs.evolve(operation, **kept)


class TestLooksBeforeItUpdates(Double):
    kind = LooksBeforeItUpdates
    caught_by: ClassVar = {"test_what_is_done_stays_done"}


class MakesWhatItUpdates(InMemoryRepository):
    async def update_operation(self, operation: BillingOperation, *, tx: Tx = None) -> None:
        if not await self.insert_operation(operation, tx=tx):
            await super().update_operation(operation, tx=tx)


class TestMakesWhatItUpdates(Double):
    kind = MakesWhatItUpdates
    caught_by: ClassVar = {"test_what_came_of_an_operation_is_written"}


class ShowsAllStates(InMemoryRepository):
    async def operations(self, provider: str, *, state: OperationState | None = None, **options: Any) -> Any:
        return await super().operations(provider, **options)


class TestShowsAllStates(Double):
    kind = ShowsAllStates
    caught_by: ClassVar = {
        "test_operations_are_found_by_state_by_what_they_made_and_by_reference",
        "test_the_journal_is_a_part_of_the_transaction",
    }


class IgnoresTheReference(InMemoryRepository):
    async def operations(self, provider: str, *, reference: str | None = None, **options: Any) -> Any:
        return await super().operations(provider, **options)


class TestIgnoresTheReference(Double):
    kind = IgnoresTheReference
    caught_by: ClassVar = {"test_operations_are_found_by_state_by_what_they_made_and_by_reference"}


class PagesByTimeAlone(InMemoryRepository):
    async def operations(
        self, provider: str, *, after: BillingOperation | None = None, limit: int = 100, **options: Any
    ) -> Any:
        found = await super().operations(provider, limit=1000, **options)
        return [each for each in found if after is None or each.created_at > after.created_at][:limit]


class TestPagesByTimeAlone(Double):
    kind = PagesByTimeAlone
    caught_by: ClassVar = {"test_pages_of_the_journal_hold_every_operation_once"}


class NewestFirst(InMemoryRepository):
    async def operations(self, provider: str, **options: Any) -> Any:
        return list(reversed(await super().operations(provider, **options)))


class TestNewestFirst(Double):
    kind = NewestFirst
    caught_by: ClassVar = {
        "test_operations_are_found_by_state_by_what_they_made_and_by_reference",
        "test_pages_of_the_journal_hold_every_operation_once",
    }


class WritesOperationsOutsideTheTransaction(InMemoryRepository):
    async def insert_operation(self, operation: BillingOperation, *, tx: Tx = None) -> bool:
        key = (operation.provider, operation.key)
        if key in self._operations:
            return False
        self._commit(InMemoryTransaction({("operations", key): operation}))
        return True


class TestWritesOperationsOutsideTheTransaction(Double):
    kind = WritesOperationsOutsideTheTransaction
    caught_by: ClassVar = {
        "test_nobody_sees_what_is_not_committed",
        "test_the_journal_is_a_part_of_the_transaction",
        "test_what_fails_leaves_no_trace",
    }


# --- records that move -------------------------------------------------------------------------------------------


class StaysWhereItIs(InMemoryRepository):
    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        stored = await self.get_customer_by_id(customer.id, tx=tx)
        if stored is None:
            return False
        here = attrs.evolve(customer, external_customer_id=stored.external_customer_id)
        return await super().update_customer(here, tx=tx)


class TestStaysWhereItIs(Double):
    kind = StaysWhereItIs
    caught_by: ClassVar = {
        "test_a_customer_moves_to_another_external_id",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class IsFoundWhereItWas(InMemoryRepository):
    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            stored = self._get(own, self._customers, "customers", (customer.id,))
            done = await super().update_customer(customer, tx=own)
            if stored is not None and done:
                own.writes["customer_keys", ("external", stored.provider, stored.external_customer_id)] = (stored.id,)
            return done


class TestIsFoundWhereItWas(Double):
    kind = IsFoundWhereItWas
    caught_by: ClassVar = {"test_a_customer_moves_to_another_external_id"}


class TakesAnothersExternalId(InMemoryRepository):
    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        async with self._in(tx) as own:
            own.writes["customer_keys", ("external", customer.provider, customer.external_customer_id)] = (customer.id,)
            return await super().update_customer(customer, tx=own)


class TestTakesAnothersExternalId(Double):
    kind = TakesAnothersExternalId
    caught_by: ClassVar = {
        "test_a_customer_moves_to_another_external_id",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class NeverSaysNo(InMemoryRepository):
    async def update_customer(self, customer: BillingCustomer, *, tx: Tx = None) -> bool:
        await super().update_customer(customer, tx=tx)
        return True


class TestNeverSaysNo(Double):
    kind = NeverSaysNo
    caught_by: ClassVar = {
        "test_a_customer_is_updated",
        "test_a_customer_moves_to_another_external_id",
        "test_of_many_moves_to_one_external_id_one_gets_through",
    }


class BeginsTheStatusAnew(InMemoryRepository):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        key = (subscription.provider, subscription.external_subscription_id)
        async with self._in(tx) as own:
            done = await super().upsert_subscription(subscription, tx=own)
            if done.written and done.previous is not None:
                written = attrs.evolve(subscription.replacing(done.previous), status_since=subscription.status_since)
                own.writes["subscriptions", key] = written
            return done


class TestBeginsTheStatusAnew(Double):
    kind = BeginsTheStatusAnew
    caught_by: ClassVar = {
        "test_a_later_ticket_overwrites_an_earlier_one",
        "test_a_claim_does_what_four_methods_do",
        "test_a_claim_leaves_a_subscription_to_its_owner",
    }


class ChangesTheOwner(InMemoryRepository):
    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx = None) -> Upserted:
        key = (subscription.provider, subscription.external_subscription_id)
        async with self._in(tx) as own:
            done = await super().upsert_subscription(subscription, tx=own)
            if done.written and done.previous is not None:
                written = subscription.replacing(done.previous)
                own.writes["subscriptions", key] = attrs.evolve(written, customer_id=subscription.customer_id)
            return done


class TestChangesTheOwner(Double):
    kind = ChangesTheOwner
    caught_by: ClassVar = {
        "test_a_later_ticket_overwrites_an_earlier_one",
        "test_a_claim_leaves_a_subscription_to_its_owner",
    }
