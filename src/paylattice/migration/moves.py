"""The records of migrations: written under a lock, and told in the same transaction."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Generic

import attrs

from ..billing.records import BillingCustomer, BillingMigration, MigrationStep
from ..billing.records.migrations import MIGRATIONS_BY_SOURCE, MIGRATIONS_BY_STEP
from ..billing.repository import BillingRepository, Tx
from .events import MigrationContext, MigrationEvent, MigrationEventType, MigrationHandlers

__all__ = ["Moves"]

_PAGE = 100


class Moves(Generic[Tx]):
    """Reads and writes the migrations from one provider.

    Args:
        repository: where they are.
        source: the provider's name.
        handlers: the application's.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        repository: BillingRepository[Tx],
        source: str,
        handlers: MigrationHandlers[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._source = source
        self._handlers = handlers
        self._clock = clock

    async def get(self, subscription_id: str) -> BillingMigration | None:
        """The migration of a subscription."""
        key = {"source": self._source, "source_subscription_id": subscription_id}
        return await self._repository.get(BillingMigration, key)

    async def begin(self, wanted: BillingMigration, *, again: bool) -> BillingMigration:
        """Store a migration. One that is there is returned as it is; with ``again``, one that has failed begins anew."""
        key = {"source": wanted.source, "source_subscription_id": wanted.source_subscription_id}
        async with self._repository.transaction() as tx:
            if await self._repository.insert(wanted, tx=tx):
                return wanted
            stored = await self._repository.get(BillingMigration, key, lock=True, tx=tx)
            if stored is None or not again or stored.step not in {MigrationStep.FAILED, MigrationStep.ABORTED}:
                return stored or wanted
            anew = attrs.evolve(wanted, attempt=stored.attempt + 1)
            await self._repository.update(anew, tx=tx)
            return anew

    async def write(
        self,
        before: BillingMigration,
        after: BillingMigration,
        tells: MigrationEventType | None = None,
        url: str | None = None,
    ) -> BillingMigration:
        """Write a step, and tell it, unless another worker has written one since.

        Returns:
            What is stored then.
        """
        key = {"source": before.source, "source_subscription_id": before.source_subscription_id}
        async with self._repository.transaction() as tx:
            stored = await self._repository.get(BillingMigration, key, lock=True, tx=tx)
            if stored != before:
                return stored or before
            after = attrs.evolve(after, updated_at=self._clock())
            await self._repository.update(after, tx=tx)
            if tells is not None:
                named = {"org_id": after.org_id, "provider": after.source}
                customer = await self._repository.get(BillingCustomer, named, tx=tx)
                await self._handlers.run(MigrationEvent(tells, after, url), MigrationContext(customer, tx))
        return after

    async def at(self, step: MigrationStep) -> AsyncIterator[BillingMigration]:
        """The migrations at a step, page by page."""
        values = {"source": self._source, "step": step.value}
        last: BillingMigration | None = None
        while page := await self._repository.find(
            BillingMigration, MIGRATIONS_BY_STEP, values, after=last, limit=_PAGE
        ):
            for each in page:
                yield each
            last = page[-1]

    async def all(self) -> AsyncIterator[BillingMigration]:
        """All migrations, page by page."""
        last: BillingMigration | None = None
        values = {"source": self._source}
        while page := await self._repository.find(
            BillingMigration, MIGRATIONS_BY_SOURCE, values, after=last, limit=_PAGE
        ):
            for each in page:
                yield each
            last = page[-1]
