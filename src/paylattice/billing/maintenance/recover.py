"""Recovering: finds out the outcome of commands that a crash or a lost answer left open."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Generic

import attrs

from ...errors import ConfigurationError, PaymentError
from ...provider import BaseProvider
from ..commands import Command, UpdateCustomer
from ..details import Details
from ..entries import entry_of
from ..operation_log import OperationLog
from ..pipeline import EventPipeline
from ..records import BillingOperation, OperationState
from ..repository import Tx
from ..store import Store

__all__ = ["Recovered", "Recovery"]

_log = logging.getLogger("paylattice")

PAGE = 100


@attrs.frozen
class Recovered:
    """The outcomes of the operations that were open.

    Args:
        done: the provider has done these, before or now.
        failed: the provider refused these; nothing was changed.
        abandoned: these cannot be found at the provider and must not be sent again: the provider has forgotten the key, or
            a newer command supersedes it. Look at these.
        open: the outcome cannot be found out now.
        unreadable: a newer version of paylattice has written these rows, and this version cannot read them. They stay open
            until that version finishes them.
    """

    done: tuple[BillingOperation, ...] = ()
    failed: tuple[BillingOperation, ...] = ()
    abandoned: tuple[BillingOperation, ...] = ()
    open: tuple[BillingOperation, ...] = ()
    unreadable: tuple[BillingOperation, ...] = ()


@attrs.define
class Outcomes:
    """Collects the outcomes of open operations."""

    by_state: dict[OperationState, list[BillingOperation]] = attrs.field(
        factory=lambda: {state: [] for state in OperationState}
    )
    unreadable: list[BillingOperation] = attrs.field(factory=list[BillingOperation])

    def note(self, row: BillingOperation | None, before: BillingOperation) -> None:
        """Record how an operation ended; None: it cannot be read."""
        if row is None:
            self.unreadable.append(before)
        else:
            self.by_state[row.state].append(row)

    def recovered(self) -> Recovered:
        """Return all outcomes together."""
        return Recovered(
            done=tuple(self.by_state[OperationState.DONE]),
            failed=tuple(self.by_state[OperationState.FAILED]),
            abandoned=tuple(self.by_state[OperationState.ABANDONED]),
            open=tuple(self.by_state[OperationState.OPEN]),
            unreadable=tuple(self.unreadable),
        )


class Recovery(Generic[Tx]):
    """Finishes open operations. You can stop it at any time: each finished operation is closed.

    Args:
        store: the records.
        pipeline: stores the effect of a command.
        log: knows what was sent.
        details: stores what was changed of a customer.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        details: Details[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._log = log
        self._details = details
        self._clock = clock

    async def recover_all(self, providers: Iterable[BaseProvider], *, older_than: timedelta) -> Recovered:
        """Find out the outcome of all open operations."""
        outcomes = Outcomes()
        for provider in providers:
            last: BillingOperation | None = None
            name = provider.get_provider_name()
            while True:
                page = await self._store.list_operations(name, state=OperationState.OPEN, after=last, limit=PAGE)
                for row in page:
                    if abs(self._clock() - row.created_at) >= older_than:  # clocks differ
                        outcomes.note(await self.finish(provider, row), row)
                if not page or page[-1] == last:
                    break
                last = page[-1]
        return outcomes.recovered()

    async def finish(self, provider: BaseProvider, row: BillingOperation) -> BillingOperation | None:
        """Find out the outcome of one open operation. It stays open if the outcome cannot be found out now.

        Returns:
            The row afterwards. None: it cannot be read.
        """
        try:
            entry = entry_of(row)
        except ConfigurationError as error:
            _log.warning("an operation at %s stays open: %s", row.provider, error.message)
            return None
        try:
            after = await self._log.finish(provider, entry)
        except PaymentError:
            return row
        except Exception as exc:  # noqa: BLE001 - one that cannot be stored does not keep the others waiting
            _log.warning("an operation at %s stays open: %s", row.provider, type(exc).__name__)
            return row
        if after.state is OperationState.DONE:
            try:
                await self._store_effect(after, entry.command)
            except Exception as exc:  # noqa: BLE001 - it is done; what is stored is repaired by the next reading
                _log.warning("the effect of an operation at %s is not stored: %s", row.provider, type(exc).__name__)
        return after

    async def _store_effect(self, done: BillingOperation, command: Command[Any]) -> None:
        changed = command.changed
        if isinstance(command, UpdateCustomer):
            owner = await self._store.get_customer(done.org_id, done.provider)
            if owner is not None:
                await self._details.observe(owner)
        elif changed is not None:
            stored = await self._store.get_subscription(done.provider, changed)
            customer = await self._store.get_customer_by_id(stored.customer_id) if stored is not None else None
            if customer is not None:
                await self._pipeline.observe(done.provider, customer, changed)
        elif command.events_may_wait:
            owner = await self._store.get_customer(done.org_id, done.provider)
            if owner is not None:
                await self._pipeline.apply_unmatched(done.provider, external_customer_id=owner.external_customer_id)
