"""The SQLAlchemy example with one part of it left out. Not collected by itself: ``test_sqlalchemy_repository.py`` runs it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import patch

import sqlalchemy_repository
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy_repository import SQLAlchemyRepository

from paylattice import BillingEvent, BillingSubscription
from paylattice.billing.repository import Claim, Upserted

from .sqlalchemy_support import SQLAlchemyChecks, StepByStep

RIGHT_KEY = sqlalchemy_repository.key


class Double(SQLAlchemyChecks):
    """``caught_by`` names the checks that are run, and must fail."""

    caught_by: ClassVar[set[str]]
    patience = 2.0
    grace = 0.1


class TestWithoutTheKeyOfOrganisations(Double):
    statements = ("alter table billing_customers drop constraint billing_customers_org",)
    caught_by: ClassVar = {
        "test_an_org_has_one_customer_at_a_provider",
        "test_of_many_inserts_of_one_customer_one_gets_through",
        "test_a_transaction_refuses_its_own_duplicates",
    }


class TestWithoutTheKeyOfCustomers(Double):
    statements = ("alter table billing_customers drop constraint billing_customers_external",)
    caught_by: ClassVar = {
        "test_an_external_id_belongs_to_one_customer",
        "test_of_many_inserts_of_one_external_id_one_gets_through",
    }


class TestWithoutTheKeyOfSubscriptions(Double):
    statements = ("alter table billing_subscriptions drop constraint billing_subscriptions_external",)
    caught_by: ClassVar = {"test_of_many_states_the_latest_stays"}


class TestWithoutTheKeyOfEvents(Double):
    statements = ("alter table billing_events drop constraint billing_events_external",)
    caught_by: ClassVar = {
        "test_an_event_is_inserted_once",
        "test_of_many_inserts_of_one_event_one_gets_through",
    }


class TestWithoutTheKeyOfDeliveries(Double):
    statements = ("alter table billing_events drop constraint billing_events_delivery",)
    caught_by: ClassVar = {"test_a_delivery_counts_once"}


class TestWithoutTheKeyOfParkedEvents(Double):
    statements = ("alter table billing_parked_events drop constraint billing_parked_events_external",)
    caught_by: ClassVar = {
        "test_an_event_is_parked_once",
        "test_of_many_inserts_of_one_event_one_gets_through",
    }


class LooksBeforeItInserts(SQLAlchemyRepository):
    """Instead of a unique key, a look whether the event is there."""

    async def insert_event(self, event: BillingEvent, *, tx: AsyncConnection | None = None) -> bool:
        if await self.get_event(event.provider, event.external_event_id, tx=tx) is not None:
            return False
        async with self._in(tx) as connection:
            await connection.execute(insert(sqlalchemy_repository.events), sqlalchemy_repository.values(event))
        return True


class TestALookInPlaceOfTheKeyOfEvents(Double):
    kind = LooksBeforeItInserts
    statements = ("alter table billing_events drop constraint billing_events_external",)
    caught_by: ClassVar = {
        "test_of_many_inserts_of_one_event_one_gets_through",
        "test_an_insert_waits_for_the_end_of_another",
    }


class CommitsEachStatement(StepByStep):
    """No transaction."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        async with self._single.connect() as connection:
            yield connection


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement
    caught_by: ClassVar = {
        "test_what_fails_leaves_no_trace",
        "test_nobody_sees_what_is_not_committed",
        "test_a_transaction_becomes_visible_at_once",
        "test_an_insert_waits_for_the_end_of_another",
    }


class DoesNotLock(SQLAlchemyRepository):
    """No FOR UPDATE."""

    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Any = None) -> Upserted:
        locking, sqlalchemy_repository.LOCKED_SUBSCRIPTION = (
            sqlalchemy_repository.LOCKED_SUBSCRIPTION,
            sqlalchemy_repository.SUBSCRIPTION_BY_EXTERNAL_ID,
        )
        try:
            return await super().upsert_subscription(subscription, tx=tx)
        finally:
            sqlalchemy_repository.LOCKED_SUBSCRIPTION = locking


class TestWithoutForUpdate(Double):
    kind = DoesNotLock
    caught_by: ClassVar = {"test_of_many_states_the_latest_stays"}


class ClaimsOtherwise(SQLAlchemyRepository):
    """Another statement for claims."""

    statement: ClassVar[Select[Any]]

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: AsyncConnection
    ) -> Claim | None:
        right, sqlalchemy_repository.CLAIM = sqlalchemy_repository.CLAIM, self.statement
        try:
            return await super().claim_event(event, state, external_customer_id, tx=tx)
        finally:
            sqlalchemy_repository.CLAIM = right


class ClaimsWithoutALock(ClaimsOtherwise):
    with patch.object(Select, "with_for_update", lambda statement: statement):
        statement = sqlalchemy_repository.claim()


class TestClaimsWithoutForUpdate(Double):
    kind = ClaimsWithoutALock
    caught_by: ClassVar = {"test_of_many_claimed_states_the_latest_stays"}


class ClaimsForgetAColumn(ClaimsOtherwise):
    less: ClassVar = [name for name in sqlalchemy_repository.WRITTEN_OVER if name != "current_period_end"]
    with patch.object(sqlalchemy_repository, "WRITTEN_OVER", less):
        statement = sqlalchemy_repository.claim()


class TestClaimsForgetAColumn(Double):
    kind = ClaimsForgetAColumn
    caught_by: ClassVar = {"test_a_claim_does_what_four_methods_do"}


class ClaimsForgetTheProvider(ClaimsOtherwise):
    @staticmethod
    def key(table: Any, *names: str) -> list[Any]:
        names = names if "external_customer_id" in names else ("external_subscription_id",)
        return RIGHT_KEY(table, *names)

    with patch.object(sqlalchemy_repository, "key", key):
        statement = sqlalchemy_repository.claim()


class TestClaimsForgetTheProvider(Double):
    kind = ClaimsForgetTheProvider
    caught_by: ClassVar = {"test_an_event_is_claimed_once"}


class ClaimsForgetTheTime(ClaimsOtherwise):
    """A status without a time keeps having none."""

    with patch.object(sqlalchemy_repository, "func", SimpleNamespace(coalesce=lambda first, *_: first)):
        statement = sqlalchemy_repository.claim()


class TestClaimsForgetTheTime(Double):
    kind = ClaimsForgetTheTime
    caught_by: ClassVar = {"test_a_claim_does_what_four_methods_do"}
