"""The report of a run of the scheduled work, and what in it needs a person."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from ...frozen import FrozenMap
from .catch_up import CaughtUp
from .purge import FailedEvent
from .reconcile import Difference, Reconciled
from .recover import Recovered

__all__ = ["FailedPart", "MaintenanceReport", "Part"]

LONG_OPEN = timedelta(hours=1)
"""From this age on, an operation with an unknown outcome needs a person."""


class Part(StrEnum):
    """The parts of the scheduled work."""

    RECOVER = "recover"
    """Finish operations that a crash or a lost answer left open, as ``recover_open`` does."""
    CATCH_UP = "catch_up"
    """Apply events that were not delivered, as ``catch_up`` does."""
    APPLY_WAITING = "apply_waiting"
    """Retry or delete waiting events, as ``apply_unmatched`` and ``purge_unmatched`` do."""
    RECONCILE = "reconcile"
    """Compare the database with the provider, as ``reconcile`` does."""
    MIGRATE = "migrate"
    """Carry on the migrations from a provider to another, if there are any."""
    PURGE_CHECKOUTS = "purge_checkouts"
    """Delete checkouts that were begun long ago."""


@attrs.frozen
class FailedPart:
    """A part of the work that ended in an error; the others ran.

    Args:
        part: the part.
        provider: the provider's name.
        error: the class of the error.
        transient: whether the next run may succeed: the provider was down, too busy, or out of reach.
    """

    part: Part
    provider: str
    error: str
    transient: bool = False


@attrs.frozen
class MaintenanceReport:
    """The result of one run of :meth:`~paylattice.BillingService.maintain`.

    Args:
        at: when it ended, UTC.
        recovered: the outcomes of the operations that were open.
        applied: how many waiting events were applied.
        dropped: how many waiting events were deleted.
        purged_checkouts: how many old checkouts were deleted.
        failed_events: waiting events that were tried and stay, with their errors.
        caught_up: the result of catching up, by provider; without providers that list no events.
        reconciled: how far the comparison came in this run, by provider; without providers where nothing was
            due, or whose subscriptions cannot be read.
        differences: the differences that are not repaired, by provider.
        failed_parts: the parts that ended in an error.
        unfinished: the parts that ran out of time, by provider. The next run continues them.
    """

    at: datetime
    recovered: Recovered = attrs.field(factory=Recovered)
    applied: int = 0
    dropped: int = 0
    purged_checkouts: int = 0
    failed_events: tuple[FailedEvent, ...] = ()
    caught_up: Mapping[str, CaughtUp] = attrs.field(
        factory=FrozenMap[str, CaughtUp], converter=FrozenMap[str, CaughtUp]
    )
    reconciled: Mapping[str, Reconciled] = attrs.field(
        factory=FrozenMap[str, Reconciled], converter=FrozenMap[str, Reconciled]
    )
    differences: tuple[tuple[str, Difference], ...] = ()
    failed_parts: tuple[FailedPart, ...] = ()
    unfinished: tuple[tuple[Part, str], ...] = ()

    @property
    def needs_a_person(self) -> tuple[str, ...]:
        """The problems that no further run can fix, one sentence each.

        They contain organisations and ids, but no name, address or secret.
        """
        return (
            *self._operations(),
            *self._events(),
            *(
                f"{provider}: subscription {each.subscription_id} of {each.org_id or 'one of several'} "
                "differs and is not repaired"
                f" ({each.refused or (f'missing {each.lacks}' if each.lacks else ', '.join(sorted(each.fields)))})"
                for provider, each in self.differences
            ),
            *(f"{each.provider}: {each.part} failed: {each.error}" for each in self.failed_parts if not each.transient),
        )

    def _operations(self) -> Iterator[str]:
        for each in self.recovered.abandoned:
            yield (
                f"{each.provider}: {each.operation} for {each.org_id} is not known to have been done, and is not sent "
                "again: look at the provider"
            )
        for each in self.recovered.unreadable:
            yield (
                f"{each.provider}: {each.operation[:60]} for {each.org_id} cannot be read by this version of paylattice, and "
                "stays open: run the version that wrote it"
            )
        for each in self.recovered.open:
            if self.at - each.created_at >= LONG_OPEN:
                yield f"{each.provider}: {each.operation} for {each.org_id} is still open: it is not known whether it was done"

    def _events(self) -> Iterator[str]:
        for failed in self.failed_events:
            yield f"{failed.provider}: waiting event {failed.event_id} is not applied: {failed.error}"
        for provider, caught in self.caught_up.items():
            for event_id in caught.failed:
                yield f"{provider}: event {event_id} is not applied: the log says why"
            if caught.gap is not None:
                yield f"{provider}: {caught.gap}"
