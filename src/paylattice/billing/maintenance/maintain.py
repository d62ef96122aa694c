"""All scheduled work in one call: in bounded time, page by page, safe in several processes at once.

Every part works page by page, and checks after each page whether its share of the time is spent. A part that is cut off
stores a bookmark, from which the next run continues, in this process or another. Every run does at least one page of each
part: however short the time, the work gets done.

Nothing here locks out a second process, because nothing has to: the keys that the provider or the database holds
unique make each effect happen once. Two processes share the pages as well as they can, and otherwise look at some twice.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeAlias

import attrs

from ...arguments import check_timedelta, check_utc
from ...errors import InvalidRequest, PaymentError
from ...operations import Capability
from ...provider import BaseProvider
from ..checkout_correlation import Asked
from ..pipeline import EventPipeline
from ..records import BillingCheckout, OperationState, UnmatchedEvent
from ..repository import Tx
from ..store import Store
from .bookmarks import Bookmark, Bookmarks
from .catch_up import CatchUp, CaughtUp
from .purge import FailedEvent, event_id_of
from .reconcile import Difference, Reconciled, Reconciliation
from .recover import Outcomes, Recovery
from .report import FailedPart, MaintenanceReport, Part

__all__ = ["Also", "Maintainer", "Plan"]

Also: TypeAlias = Callable[[Callable[[], bool]], Awaitable[None]]
"""Work that another package does with each run; it is given what says whether its time is spent."""

_log = logging.getLogger("paylattice")

FIRST_LOOK = timedelta(days=3)
"""How far back the first run reads events: about as long as providers retry a failed delivery."""
OVERLAP = timedelta(hours=1)
"""How much is read again: a provider may list an event later than one that happened after it."""
SLICE = 20
"""How many customers are compared between two looks at the clock."""
IN_FLIGHT = 10
PAGE = 100
A_PAGE_LASTS = timedelta(days=30)
"""How long a page may be open, or its payment under way: a younger checkout is never deleted."""


@attrs.frozen
class Plan:
    """What one run is to do.

    Args:
        budget: how long it may take; work in progress is finished.
        since: read the events of all providers from here. None: from where the last run stopped.
        older_than: leave younger open operations alone: they may be in progress.
        reconcile_every: how often all customers are compared.
        repair: whether to store the provider's state where it differs.
        purge_unmatched_after: delete events that have waited for longer and match no customer. None: never.
        purge_checkouts_after: delete checkouts that were begun longer ago. None: never.
    """

    budget: timedelta
    since: datetime | None
    older_than: timedelta
    reconcile_every: timedelta
    repair: bool
    purge_unmatched_after: timedelta | None
    purge_checkouts_after: timedelta | None

    def check(self) -> None:
        """Refuse wrong arguments before anything is done.

        Raises:
            InvalidRequest: a duration is not a timedelta, or is negative; or ``since`` is not aware.
        """
        times: dict[str, timedelta] = {
            "budget": self.budget,
            "older_than": self.older_than,
            "reconcile_every": self.reconcile_every,
        }
        if self.purge_unmatched_after is not None:
            times["purge_unmatched_after"] = self.purge_unmatched_after
        if self.purge_checkouts_after is not None:
            times["purge_checkouts_after"] = self.purge_checkouts_after
        for name, value in times.items():
            check_timedelta(name, value)
            if value < timedelta():
                message = f"{name} must not be negative"
                raise InvalidRequest(message, param=name, operation="maintain")
        if self.purge_checkouts_after is not None and self.purge_checkouts_after < A_PAGE_LASTS:
            message = f"purge_checkouts_after must be at least {A_PAGE_LASTS.days} days: a younger page may be paid yet"
            raise InvalidRequest(message, param="purge_checkouts_after", operation="maintain")
        if self.since is not None:
            check_utc("since", self.since)


class _Share:
    """The time that one part may take."""

    def __init__(self, end: float, now: Callable[[], float]) -> None:
        self._end = end
        self._now = now
        self.was_cut = False
        """Whether work is left for the next run."""

    def is_spent(self) -> bool:
        self.was_cut = self._now() >= self._end
        return self.was_cut


class _Job(NamedTuple):
    """One part of the work at one provider."""

    part: Part
    provider: BaseProvider
    run: "Callable[[BaseProvider, _Share, Plan, _Tally], Awaitable[None]]"


@attrs.define
class _Tally:
    """The running totals of a run."""

    outcomes: Outcomes = attrs.field(factory=Outcomes)
    applied: int = 0
    dropped: int = 0
    purged_checkouts: int = 0
    failed_events: list[FailedEvent] = attrs.field(factory=list[FailedEvent])
    caught_up: dict[str, CaughtUp] = attrs.field(factory=dict[str, CaughtUp])
    reconciled: dict[str, Reconciled] = attrs.field(factory=dict[str, Reconciled])
    differences: list[tuple[str, Difference]] = attrs.field(factory=list[tuple[str, Difference]])
    failed_parts: list[FailedPart] = attrs.field(factory=list[FailedPart])
    unfinished: list[tuple[Part, str]] = attrs.field(factory=list[tuple[Part, str]])

    def report(self, now: datetime) -> MaintenanceReport:
        return MaintenanceReport(
            at=now,
            recovered=self.outcomes.recovered(),
            applied=self.applied,
            dropped=self.dropped,
            purged_checkouts=self.purged_checkouts,
            failed_events=tuple(self.failed_events),
            caught_up=self.caught_up,
            reconciled=self.reconciled,
            differences=tuple(self.differences),
            failed_parts=tuple(self.failed_parts),
            unfinished=tuple(self.unfinished),
        )


class Maintainer(Generic[Tx]):
    """Does the scheduled work.

    Args:
        store: the records.
        providers: by name.
        pipeline: tries waiting events again.
        recovery: finishes open operations.
        catch_up: applies missed events.
        reconciliation: compares customers.
        clock: returns the time, aware.
        monotonic: returns seconds, for the budget only.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        recovery: Recovery[Tx],
        catch_up: CatchUp[Tx],
        reconciliation: Reconciliation[Tx],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._recovery = recovery
        self._catching_up = catch_up
        self._reconciliation = reconciliation
        self._clock = clock
        self._monotonic = monotonic
        self._bookmarks = Bookmarks(store, clock)
        self.also: dict[str, Also] = {}
        """Carries on the migrations from a provider, by its name."""

    async def run(self, plan: Plan) -> MaintenanceReport:
        """Do everything once. An error in one part stops no other part."""
        end = self._monotonic() + plan.budget.total_seconds()
        tally = _Tally()
        jobs = [
            _Job(part, provider, run)
            for part, run in self._parts().items()
            for provider in self._providers.values()
            if _can(provider, part)
        ]
        for number, job in enumerate(jobs):
            now = self._monotonic()
            share = _Share(now + max(end - now, 0) / (len(jobs) - number), self._monotonic)
            name = job.provider.get_provider_name()
            try:
                await job.run(job.provider, share, plan, tally)
            except Exception as exc:  # noqa: BLE001 - whatever this part stumbled over, the others must not wait for it
                transient = isinstance(exc, PaymentError) and exc.retryable
                _log.warning("maintenance of %s: %s failed: %s", name, job.part, type(exc).__name__)
                tally.failed_parts.append(FailedPart(job.part, name, type(exc).__name__, transient=transient))
            else:
                if share.was_cut:
                    tally.unfinished.append((job.part, name))
        return tally.report(self._clock())

    def _parts(self) -> "Mapping[Part, Callable[[BaseProvider, _Share, Plan, _Tally], Awaitable[None]]]":
        """In the order in which they help each other: known customers let events apply, and both reduce differences."""
        return {
            Part.RECOVER: self._recover,
            Part.APPLY_WAITING: self._apply_waiting,
            Part.CATCH_UP: self._catch_up,
            Part.RECONCILE: self._reconcile,
            Part.MIGRATE: self._migrate,
            Part.PURGE_CHECKOUTS: self._purge_checkouts,
        }

    async def _recover(self, provider: BaseProvider, share: _Share, plan: Plan, tally: _Tally) -> None:
        name = provider.get_provider_name()
        mark = await self._bookmarks.read(name, Part.RECOVER)
        last = await self._store.get_operation(name, mark.after) if mark.after is not None else None
        while page := await self._store.list_operations(name, state=OperationState.OPEN, after=last, limit=PAGE):
            for operation in page:
                last = operation
                if self._clock() - operation.created_at < plan.older_than:
                    continue
                tally.outcomes.note(await self._recovery.finish(provider, operation), operation)
                if share.is_spent():
                    break
            if share.was_cut:
                break
        await self._keep(name, Part.RECOVER, mark, after=last.key if share.was_cut and last is not None else None)

    async def _catch_up(self, provider: BaseProvider, share: _Share, plan: Plan, tally: _Tally) -> None:
        """``at``: how far events were read; ``after``: when the first one failed on the way there.

        Reading begins anew from the latter once the end is reached, and not before: events that keep failing do not keep a
        long list from being read to its end.
        """
        name = provider.get_provider_name()
        mark = await self._bookmarks.read(name, Part.CATCH_UP)
        known = plan.since or mark.at or self._clock() - FIRST_LOOK
        since = known if plan.since is not None or mark.at is None else known - OVERLAP
        reached = known

        def enough(until: datetime) -> bool:
            nonlocal reached
            reached = max(reached, until)
            return until > known and share.is_spent()

        caught = await self._catching_up.catch_up(provider, since, enough=enough)
        tally.caught_up[name] = caught
        earlier = None if mark.after is None else datetime.fromisoformat(mark.after)
        failed = caught.until if caught.failed and caught.until < reached else None
        first_failed = min(filter(None, (earlier, failed)), default=None)
        if share.was_cut or caught.stopped is not None:
            mark = Bookmark(reached, None if first_failed is None else first_failed.isoformat())
        else:
            mark = Bookmark(first_failed or max(reached, caught.until))
        await self._bookmarks.write(name, Part.CATCH_UP, mark)

    async def _apply_waiting(self, provider: BaseProvider, share: _Share, plan: Plan, tally: _Tally) -> None:
        name = provider.get_provider_name()
        mark = await self._bookmarks.read(name, Part.APPLY_WAITING)
        last, asked = _waiting(name, mark), Asked()
        too_old = None if plan.purge_unmatched_after is None else self._clock() - plan.purge_unmatched_after
        while page := await self._store.list_unmatched(name, after=last, limit=PAGE):
            for unmatched in page:
                last = unmatched
                drop = too_old is not None and unmatched.waiting_since < too_old
                retry = self._pipeline.purge_unmatched if drop else self._pipeline.retry_unmatched
                retried = await retry(unmatched, asked)
                tally.applied += retried.applied
                tally.dropped += retried.is_dropped or (drop and retried.is_nobodys)
                if retried.error is not None:
                    tally.failed_events.append(FailedEvent(name, event_id_of(unmatched), retried.error))
                if share.is_spent():
                    break
            if share.was_cut:
                break
        place = last if share.was_cut else None
        after = Bookmark(place.waiting_since, place.external_event_id) if place is not None else Bookmark()
        if after != mark:
            await self._bookmarks.write(name, Part.APPLY_WAITING, after)

    async def _reconcile(self, provider: BaseProvider, share: _Share, plan: Plan, tally: _Tally) -> None:
        """``at``: when this comparison of all customers began, or the last one; ``after``: the last customer of it."""
        name = provider.get_provider_name()
        so_far = Reconciled()
        while True:
            mark = await self._bookmarks.read(
                name, Part.RECONCILE
            )  # again, as another process may have gone on with it
            begins = mark.at is None or (mark.after is None and self._clock() - mark.at >= plan.reconcile_every)
            if mark.after is None and not begins:
                break
            before = attrs.evolve(so_far, after=mark.after)
            so_far, found = await self._reconciliation.page(
                provider, before, size=SLICE, repair=plan.repair, in_flight=IN_FLIGHT
            )
            tally.reconciled[name] = so_far
            tally.differences += [(name, difference) for difference in found if not difference.repaired]
            finished = so_far is before
            began = self._clock() if begins else mark.at
            await self._bookmarks.write(name, Part.RECONCILE, Bookmark(began, None if finished else so_far.after))
            if finished or share.is_spent():
                break

    async def _migrate(self, provider: BaseProvider, share: _Share, _plan: Plan, _tally: _Tally) -> None:
        also = self.also.get(provider.get_provider_name())
        if also is not None:
            await also(share.is_spent)

    async def _purge_checkouts(self, provider: BaseProvider, share: _Share, plan: Plan, tally: _Tally) -> None:
        if plan.purge_checkouts_after is None:
            return
        name, before = provider.get_provider_name(), self._clock() - plan.purge_checkouts_after
        last: BillingCheckout | None = None
        while page := await self._store.list_oldest_checkouts(name, after=last, limit=PAGE):
            last = page[-1]
            old = [each for each in page if each.created_at < before]
            for each in old:
                await self._store.delete_checkout(each)
            tally.purged_checkouts += len(old)
            if not old or share.is_spent():
                break

    async def _keep(self, provider: str, part: Part, before: Bookmark, *, after: str | None) -> None:
        if after != before.after:
            await self._bookmarks.write(provider, part, Bookmark(after=after))


def _can(provider: BaseProvider, part: Part) -> bool:
    """Whether the provider supports this part."""
    if part is Part.CATCH_UP:
        return Capability.LIST_EVENTS in provider.capabilities
    if part is Part.RECONCILE:
        return Reconciliation.can_compare(provider)
    return True


def _waiting(provider: str, mark: Bookmark) -> UnmatchedEvent | None:
    """The bookmark's place among the waiting events. The event itself may be gone."""
    if mark.at is None or mark.after is None:
        return None
    return UnmatchedEvent(provider, mark.after, None, None, payload={}, waiting_since=mark.at)
