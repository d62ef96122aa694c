"""The service's operations that a scheduled job runs: what webhooks did not bring, and what a crash left open."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ..arguments import check_timedelta, check_utc
from ..checking import checking_class
from .customers import provider_named
from .inputs import CHECKS
from .maintenance.catch_up import CaughtUp
from .maintenance.maintain import Also, Plan
from .maintenance.reconcile import Difference, Reconciled
from .maintenance.recover import Recovered
from .maintenance.report import MaintenanceReport
from .repository import Tx
from .wiring import Wired

__all__ = ["ScheduledOperations"]


@checking_class(CHECKS)
class ScheduledOperations(Wired[Tx]):
    """Catch up, reconcile, recover, and all of it at once. :class:`paylattice.BillingService` inherits it."""

    async def catch_up(self, provider_name: str, since: datetime) -> CaughtUp:
        """Apply missed events of a provider, for example after an outage. Applied events are not applied again.

        You can stop this at any time. Continue with ``since=`` the ``until`` of the result, or with the same time.

        Args:
            provider_name: the provider whose events you missed.
            since: aware; the provider's page says how far back its events go.

        Raises:
            UnsupportedOperation: the provider lists no events.
        """
        self._parts.handlers.refuse_inside()
        check_utc("since", since)
        return await self._parts.catch_up.catch_up(provider_named(self._providers, provider_name), since)

    async def reconcile(
        self,
        provider_name: str,
        *,
        repair: bool = False,
        after: str | None = None,
        in_flight: int = 10,
        on_difference: Callable[[Difference], None] | None = None,
        on_progress: Callable[[Reconciled], None] | None = None,
    ) -> Reconciled:
        """Compare every stored subscription with the provider's, customer by customer, in bounded memory.

        Args:
            provider_name: the provider to compare with.
            repair: store the provider's state where it differs, as a webhook would: handlers of a new status run.
            after: where to continue: ``after`` of the last report that ``on_progress`` got.
            in_flight: how many customers to compare at a time, 1 to 100.
            on_difference: called for every difference.
            on_progress: called after every hundred customers. An error in either callback ends the comparison.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.reconciliation.reconcile(
            provider_named(self._providers, provider_name),
            repair=repair,
            after=after,
            in_flight=in_flight,
            on_difference=on_difference,
            on_progress=on_progress,
        )

    async def recover_open(self, *, older_than: timedelta = timedelta(minutes=5)) -> Recovered:
        """Find out the outcome of operations that a crash or a lost answer left open.

        This sends them again with their own keys, or looks them up if the provider has forgotten the key. It does not send
        superseded operations again, nor usage with a forgotten key: these are ABANDONED, and reported. Run it from a
        scheduled job, every few minutes: a late recovery takes effect late.

        Args:
            older_than: leave younger operations alone: they may be in progress. (Also those of the next few minutes, which a
                fast clock has recorded.)

        Raises:
            InvalidRequest: ``older_than`` is not a timedelta.
        """
        self._parts.handlers.refuse_inside()
        check_timedelta("older_than", older_than)
        return await self._parts.recovery.recover_all(self._providers.values(), older_than=older_than)

    def maintain_also(self, provider_name: str, work: Also) -> None:
        """Let :meth:`maintain` do some further work for a provider. :class:`paylattice.migration.Migration` calls this.

        Args:
            provider_name: the provider; a later call for it replaces the work.
            work: is called once in each run, with a function that says whether the time is spent.
        """
        provider_named(self._providers, provider_name)
        self._parts.maintainer.also[provider_name] = work

    async def maintain(
        self,
        *,
        budget: timedelta = timedelta(minutes=4),
        since: datetime | None = None,
        older_than: timedelta = timedelta(minutes=5),
        reconcile_every: timedelta = timedelta(days=1),
        repair: bool = True,
        purge_unmatched_after: timedelta | None = None,
        purge_checkouts_after: timedelta | None = None,
    ) -> MaintenanceReport:
        """Do all scheduled work once. Run it from one job, every five minutes.

        For every provider, this runs :meth:`recover_open`, :meth:`catch_up`, :meth:`paylattice.BillingService.apply_unmatched`,
        and :meth:`reconcile` in slices. Each part gets its share of the time and does at least one page. The next run continues
        where this one stopped: the repository keeps its bookmarks. You can stop it at any time, and run it in several processes
        at once. An error in one part is reported, and stops no other part.

        Args:
            budget: start nothing more after this time. Work in progress is finished: one request and its retries, or
                the comparison of some customers.
            since: read the events of all providers from here, not from where the last run stopped; aware. The first
                run reads the events of three days.
            older_than: leave younger open operations alone: they may be in progress.
            reconcile_every: how often a comparison of all customers starts.
            repair: store the provider's state where it differs, as a webhook would.
            purge_unmatched_after: delete events that have waited for longer and match no customer. None: never.
            purge_checkouts_after: delete checkouts that were begun longer ago, at least 30 days. None: never. A second
                subscription that a deleted one brings is reported, and not undone.

        Returns:
            The report; ``needs_a_person`` lists what no further run can fix.

        Raises:
            InvalidRequest: an argument is wrong.
            ConfigurationError: a handler called this.
        """
        self._parts.handlers.refuse_inside()
        plan = Plan(budget, since, older_than, reconcile_every, repair, purge_unmatched_after, purge_checkouts_after)
        plan.check()
        return await self._parts.maintainer.run(plan)
