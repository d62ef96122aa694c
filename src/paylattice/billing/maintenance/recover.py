"""Recovering: what became of the operations that a crash, or a lost answer, left open."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic

import attrs

from ...errors import PaymentError
from ...provider import BaseProvider
from ..customers import Customers
from ..finding import Finder
from ..journal import CHECKOUT, CREATE_CUSTOMER, Journal
from ..records import BillingOperation, OperationState
from ..repository import Tx
from ..store import Store
from ..webhooks import EventPipeline

__all__ = ["Recovered", "Recovery"]

_log = logging.getLogger("paylattice")

PAGE = 100


@attrs.frozen
class Recovered:
    """What became of the operations that were open.

    Args:
        done: what the provider has done, before or now.
        failed: what it refuses; nothing was changed.
        abandoned: what cannot be seen to have been done, and must not be sent again: the provider has forgotten its key, or
            something newer was asked for since. Look at these.
        open: what cannot be found out now.
    """

    done: tuple[BillingOperation, ...] = ()
    failed: tuple[BillingOperation, ...] = ()
    abandoned: tuple[BillingOperation, ...] = ()
    open: tuple[BillingOperation, ...] = ()

    def and_also(self, other: "Recovered") -> "Recovered":
        """Both together."""
        return Recovered(
            done=self.done + other.done,
            failed=self.failed + other.failed,
            abandoned=self.abandoned + other.abandoned,
            open=self.open + other.open,
        )


class Recovery(Generic[Tx]):
    """Finishes what was left open. It can be stopped at any time: what is finished is closed.

    Args:
        store: where the records are.
        pipeline: stores what came of an operation.
        finder: knows where a customer id proves nothing.
        journal: knows what was sent.
        customers: stores those whose creation is finished.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        pipeline: EventPipeline[Tx],
        finder: Finder[Tx],
        journal: Journal[Tx],
        customers: Customers[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._finder = finder
        self._journal = journal
        self._customers = customers
        self._clock = clock

    async def recover_open(self, provider: BaseProvider, *, older_than: timedelta) -> Recovered:
        """Find out what became of the operations that were left open."""
        became: dict[OperationState, list[BillingOperation]] = {state: [] for state in OperationState}
        last: BillingOperation | None = None
        name = provider.get_provider_name()
        while True:
            page = await self._store.list_operations(name, state=OperationState.OPEN, after=last, limit=PAGE)
            due = [each for each in page if abs(self._clock() - each.created_at) >= older_than]  # clocks differ
            for operation in due:
                after = await self.settled(provider, operation)
                became[after.state].append(after)
            if not page or page[-1] == last:
                break
            last = page[-1]
        return Recovered(
            done=tuple(became[OperationState.DONE]),
            failed=tuple(became[OperationState.FAILED]),
            abandoned=tuple(became[OperationState.ABANDONED]),
            open=tuple(became[OperationState.OPEN]),
        )

    async def settled(self, provider: BaseProvider, operation: BillingOperation) -> BillingOperation:
        """Find out what became of one operation that was left open; it stays open where that cannot be told now."""
        keep = self._customers.keep if operation.operation == CREATE_CUSTOMER else None
        try:
            after = await self._journal.settle(provider, operation, keep=keep)
        except PaymentError:
            return operation
        except Exception as exc:  # noqa: BLE001 - one that cannot be read, or stored, does not keep the others waiting
            _log.warning("an operation at %s stays open: %s", operation.provider, type(exc).__name__)
            return operation
        if after.state is OperationState.DONE:
            try:
                await self._store_what_came_of(after)
            except Exception as exc:  # noqa: BLE001 - it is done; what is stored is repaired by the next reading
                _log.warning("what came of an operation at %s is not stored: %s", after.provider, type(exc).__name__)
        return after

    async def _store_what_came_of(self, done: BillingOperation) -> None:
        subscription_id = done.arguments.get("subscription_id")
        if isinstance(subscription_id, str):
            stored = await self._store.get_subscription(done.provider, subscription_id)
            customer = await self._store.get_customer_by_id(stored.customer_id) if stored is not None else None
            if customer is not None:
                await self._pipeline.observe(done.provider, customer, subscription_id)
        elif done.operation == CREATE_CUSTOMER and done.external_id is not None:
            await self._pipeline.apply_parked(done.provider, external_customer_id=done.external_id)
        elif done.operation == CHECKOUT and not self._finder.ownership.is_proven(done.provider):
            owner = await self._store.get_customer(done.org_id, done.provider)
            if owner is not None:  # the events of what it brought may have come before it was known to be its
                await self._pipeline.apply_parked(done.provider, external_customer_id=owner.external_customer_id)
