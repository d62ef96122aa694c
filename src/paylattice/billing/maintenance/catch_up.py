"""Catching up: applies the events of a provider that were not delivered."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Generic, NamedTuple

import attrs

from ...errors import Diagnosis, PaymentError, WebhookError
from ...events import WebhookEvent
from ...operations import Capability
from ...provider import BaseProvider
from ..outcomes import WebhookOutcome
from ..pipeline import EventPipeline
from ..repository import Tx

__all__ = ["CatchUp", "CaughtUp", "Gap"]

_log = logging.getLogger("paylattice")

_NEWS = frozenset({WebhookOutcome.PROCESSED, WebhookOutcome.STALE, WebhookOutcome.UNMATCHED})


class Gap(NamedTuple):
    """A time for which the provider lists no events any more. :meth:`~paylattice.BillingService.reconcile` covers it.

    Args:
        since: its start, UTC.
        until: its end, UTC: the provider lists later events.
    """

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return (
            f"the events from {self.since:%Y-%m-%d %H:%M:%S} to {self.until:%Y-%m-%d %H:%M:%S} UTC are not listed any more: "
            "reconcile(provider, repair=True) stores what they changed, and their own handlers do not run"
        )


@attrs.frozen
class CaughtUp:
    """The result of catching up.

    Args:
        read: how many events the provider listed.
        applied: how many of them had been missed. An event of an unknown customer counts each time it is read.
        until: continue from here, UTC: the time of the last event, or of the first one that failed. If nothing has happened for
            a long time, a time that the provider still lists.
        failed: the provider's ids of events whose handlers failed; the log has their errors.
        gap: the time that is too long ago for the provider's list; None: none. In words: ``str(gap)``.
        stopped: the class of the error with which the provider's list ended early; None: it was read to its end.
            Continue from ``until`` to read the rest. (If nothing at all could be read, the error is raised.)
    """

    read: int
    applied: int
    until: datetime
    failed: tuple[str, ...] = ()
    gap: Gap | None = None
    stopped: str | None = None


@attrs.define
class _Count:
    """The running totals."""

    until: datetime
    read: int = 0
    applied: int = 0
    failed: list[str] = attrs.field(factory=list[str])
    first_failed: datetime | None = None

    def note_failed(self, event: WebhookEvent, *, waits: bool) -> None:
        """Count an event that was not applied, and whether the next run starts with it."""
        self.failed.append(event.id)
        if waits:
            self.first_failed = min(self.first_failed or event.created_at, event.created_at)


class CatchUp(Generic[Tx]):
    """Applies missed events, page by page. You can stop it at any time and continue.

    Args:
        pipeline: applies events.
        clock: returns the time, aware.
    """

    def __init__(self, pipeline: EventPipeline[Tx], clock: Callable[[], datetime]) -> None:
        self._pipeline = pipeline
        self._clock = clock

    async def catch_up(
        self, provider: BaseProvider, since: datetime, *, enough: Callable[[datetime], bool] | None = None
    ) -> CaughtUp:
        """Apply the provider's missed events since a time.

        Args:
            provider: the provider whose events were missed.
            since: aware.
            enough: called after every page, with the time reached; True leaves the rest for the next run.
        """
        provider.require(Capability.LIST_EVENTS)
        start, gap = self._reach(provider, since.astimezone(UTC))
        count = _Count(start)
        stopped: str | None = None
        cut = False
        try:
            async with aclosing(provider.events_since(start)) as parts:
                async for events in parts:
                    for event in events:
                        await self._apply_missed(event, count)
                    cut = enough is not None and enough(count.until)
                    if cut:
                        break
        except PaymentError as error:
            if count.until <= start:
                raise
            _log.warning("the events of %s were not read to their end: %s", provider.get_provider_name(), error)
            stopped = type(error).__name__
        until = count.until if cut or stopped is not None else self._not_too_long_ago(provider, count.until)
        if count.first_failed is not None:
            until = count.first_failed
        return CaughtUp(count.read, count.applied, until, tuple(count.failed), gap, stopped)

    def _reach(self, provider: BaseProvider, since: datetime) -> tuple[datetime, Gap | None]:
        """From when on events can be read, and the gap before."""
        kept = provider.events_kept
        earliest = since if kept is None else self._clock().astimezone(UTC) - kept
        if since >= earliest:
            return since, None
        gap = Gap(since, earliest)
        _log.warning("%s: %s", provider.get_provider_name(), gap)
        return earliest, gap

    def _not_too_long_ago(self, provider: BaseProvider, until: datetime) -> datetime:
        """A time to continue from after a long silence, so that the next run reports no gap in which nothing was missed.

        It is half of what the provider keeps, so a clock that is days ahead skips nothing.
        """
        kept = provider.events_kept
        return until if kept is None else max(until, self._clock().astimezone(UTC) - kept / 2)

    async def _apply_missed(self, event: WebhookEvent, count: "_Count") -> None:
        count.read += 1
        count.until = max(count.until, event.created_at)
        try:
            count.applied += await self._pipeline.apply(event) in _NEWS
        except WebhookError as refused:
            _log.warning("an event of %s is refused: %s", event.provider, refused.diagnosis)
            # an event of the other mode stays refused: do not wait for it
            count.note_failed(event, waits=refused.diagnosis is not Diagnosis.WRONG_MODE)
        except Exception as exc:  # noqa: BLE001 - one failing handler must not hold up the other events
            _log.warning("an event of %s could not be applied: %s", event.provider, type(exc).__name__)
            count.note_failed(event, waits=True)
