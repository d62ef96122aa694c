"""Adoption: customers and subscriptions that exist at a provider become billing's records."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Generic

from ..billing.repository import Tx
from ..billing.service import BillingService
from ..errors import (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    NotFound,
    PaymentError,
    PermissionDenied,
)
from ..models import Customer
from ..operations import Capability
from ..transport.primitives import AsyncPrimitives, Primitives
from .fitting import Fitting
from .lines import AdoptionLine, AdoptionOutcome, AdoptionProblem
from .pace import Pace
from .pairs import BATCH, Pair, Pairs, Selection, batches
from .progress import AdoptionReport
from .seen import Seen
from .verification import Verification, verified

__all__ = ["Adoption"]

_OF_ALL = (AuthenticationError, PermissionDenied, ConfigurationError)
"""Errors that every other pair would have, too."""


class Adoption(Generic[Tx]):
    """Stores the customers that your application has at a provider, with all their subscriptions.

    A pair is your id of an organisation with the provider's id of its customer; with PayPal, which has no customers, of its
    subscription. Pairs come from any iterable or async iterable. Deliveries, checkouts and cancellations that happen
    meanwhile end in the right state.

    Args:
        billing: the service. Register no handlers that write to people: they run for each subscription that is stored first.
        provider_name: the provider of the customers.
        plans: the provider's ids of the plans that you sell. None: any plan.
        in_flight: how many pairs to read at a time, 1 to 100.
        per_second: how many requests to begin in a second. None: as many as there are. One pair takes two (PayPal: one), and
            more if a customer has more than a hundred subscriptions.
        primitives: run several things at a time, and wait. None: the running event loop.

    Raises:
        ConfigurationError: the service has no such provider.
        UnsupportedOperation: the provider's subscriptions cannot be read.
        InvalidRequest: an argument is wrong.
    """

    def __init__(
        self,
        billing: BillingService[Tx],
        provider_name: str,
        *,
        plans: Collection[str] | None = None,
        in_flight: int = 10,
        per_second: float | None = None,
        primitives: Primitives | None = None,
    ) -> None:
        self._provider = billing.provider(provider_name)
        self._provider.require(Capability.SUBSCRIPTIONS)
        if type(in_flight) is not int or not 1 <= in_flight <= BATCH:
            message = f"in_flight must be an int between 1 and {BATCH}"
            raise InvalidRequest(message, param="in_flight")
        self._billing = billing
        self._name = provider_name
        self._plans = None if plans is None else frozenset(plans)
        self._in_flight = in_flight
        self._primitives = primitives or AsyncPrimitives()
        self._pace = Pace(per_second, self._primitives)
        self._fitting = Fitting(billing, provider_name)

    # --- the pairs -----------------------------------------------------------------------------------------------

    async def discover(self, by: Callable[[Customer], str | None], *, after: str | None = None) -> AsyncIterator[Pair]:
        """List the provider's customers, page by page, as pairs: for an application that stores no ids of its own.

        Args:
            by: returns your id of the organisation of a customer: ``lambda each: each.metadata.get("org_id")``. None leaves
                the customer out.
            after: the provider's id of the customer to go on behind. None: from the start.

        Raises:
            UnsupportedOperation: the provider (PayPal) lists no customers.
        """
        places = [after]
        while page := await self._page_behind(places):
            for customer in page:
                org_id = by(customer)
                if org_id is not None:
                    yield org_id, customer.id
            places = [places[-1], *(customer.id for customer in page)]

    async def _page_behind(self, places: list[str | None]) -> list[Customer]:
        """The page behind the last place; one that was deleted meanwhile leads on no more, and the one before it does."""
        while True:
            await self._pace.begin(1)
            try:
                return await self._provider.list_customers(after=places[-1])
            except NotFound:
                if len(places) == 1:
                    raise
                places.pop()

    # --- the dry run ---------------------------------------------------------------------------------------------

    async def preview(
        self, pairs: Pairs, *, after: str | None = None, shard: tuple[int, int] = (1, 1)
    ) -> AsyncIterator[AdoptionLine]:
        """Say of each pair what :meth:`run` would do. This writes nothing.

        Args:
            pairs: your ids of organisations, with the provider's ids.
            after: the organisation to go on behind. None: from the start.
            shard: the number of this shard and of all shards: ``(2, 16)`` looks at a sixteenth of the pairs.
        """
        selection = Selection(after, shard)
        selection.check()
        with Seen() as seen:
            async for batch in batches(pairs, selection):
                noted = [(pair, self._unlike_others(pair, *seen.note(*pair))) for pair in batch]
                mine = [self._previewed(pair, problem) for pair, problem in noted if selection.takes(pair[1])]
                for line in await self._primitives.gather(mine, limit=self._in_flight):
                    yield line

    def _unlike_others(self, pair: Pair, of_id: str | None, of_org: str | None) -> AdoptionProblem | None:
        if of_id not in {None, pair[0]}:
            return AdoptionProblem.TAKEN
        if self._fitting.by_customer and of_org not in {None, pair[1]}:
            return AdoptionProblem.OTHER_CUSTOMER
        return None

    def _previewed(self, pair: Pair, problem: AdoptionProblem | None) -> Callable[[], Awaitable[AdoptionLine]]:
        async def preview() -> AdoptionLine:
            stored = await self._fitting.stored(pair)
            if stored.problem or problem:
                return _left_out(pair, stored.problem or problem)
            await self._pace.begin(self._fitting.requests)
            read = await self._fitting.read(pair)
            if read.problem is not None:
                return _left_out(pair, read.problem)
            current = [each for each in read.subscriptions if each.status.is_current]
            outcome = AdoptionOutcome.KNOWN if stored.known else AdoptionOutcome.WOULD_STORE
            return self._line(pair, outcome, [(each.id, each.plan_id) for each in current])

        return self._guarded(pair, preview)

    # --- the run -------------------------------------------------------------------------------------------------

    async def run(
        self,
        pairs: Pairs,
        *,
        after: str | None = None,
        shard: tuple[int, int] = (1, 1),
        on_line: Callable[[AdoptionLine], None] | None = None,
        on_progress: Callable[[AdoptionReport], None] | None = None,
    ) -> AdoptionReport:
        """Store the customers of the pairs, with their subscriptions. You can stop this at any time, and repeat it.

        Args:
            pairs: your ids of organisations, with the provider's ids.
            after: the organisation to go on behind: ``after`` of the last report that ``on_progress`` got. None: from the
                start; what is stored is read again.
            shard: the number of this shard and of all shards: sixteen processes with ``(1, 16)`` to ``(16, 16)`` share the
                pairs.
            on_line: called for every pair; see :func:`csv_lines`.
            on_progress: called after every hundred pairs. An error in either callback ends the run.

        Raises:
            AuthenticationError: the provider does not accept the key. PermissionDenied: nor what it may do.
            Exception: the repository failed, or a handler did. What was done stays; go on from there.
        """
        selection = Selection(after, shard)
        selection.check()
        report = AdoptionReport(after=after)
        async for batch in batches(pairs, selection):
            mine = [self._adopted(pair) for pair in batch if selection.takes(pair[1])]
            lines = await self._primitives.gather(mine, limit=self._in_flight)
            if on_line is not None:
                for line in lines:
                    on_line(line)
            report = report.with_lines(lines, batch[-1][0])
            if on_progress is not None:
                on_progress(report)
        return report

    def _adopted(self, pair: Pair) -> Callable[[], Awaitable[AdoptionLine]]:
        org_id, external_id = pair

        async def adopt() -> AdoptionLine:
            stored = await self._fitting.stored(pair)
            if stored.problem is not None:
                return _left_out(pair, stored.problem)
            await self._pace.begin(self._fitting.requests)
            try:
                await self._assign(org_id, external_id, known=stored.known)
            except NotFound:
                return _left_out(pair, await self._fitting.why_missing(external_id))
            except Conflict as conflict:
                if conflict.http_status is not None:
                    raise
                return _left_out(pair, (await self._fitting.stored(pair)).problem or AdoptionProblem.TAKEN)
            found = [each for each in await self._billing.subscriptions(org_id) if each.provider == self._name]
            current = [(each.external_subscription_id, each.plan_id) for each in found if each.status.is_current]
            return self._line(pair, AdoptionOutcome.KNOWN if stored.known else AdoptionOutcome.STORED, current)

        return self._guarded(pair, adopt)

    async def _assign(self, org_id: str, external_id: str, *, known: bool) -> None:
        if self._fitting.by_customer:
            await self._billing.assign_customer(org_id, external_id, provider_name=self._name)
        elif known:
            await self._billing.sync_subscription(org_id, external_id)
        else:
            await self._billing.assign_subscription(org_id, external_id, provider_name=self._name)

    # --- afterwards ----------------------------------------------------------------------------------------------

    async def verify(self, pairs: Pairs) -> Verification:
        """Compare the pairs with billing's records, and those with the provider. This changes nothing.

        Args:
            pairs: all pairs, from the column that is to be removed.
        """
        return await verified(self._billing, self._name, self._fitting, pairs, in_flight=self._in_flight)

    # --- lines ---------------------------------------------------------------------------------------------------

    def _guarded(
        self, pair: Pair, work: Callable[[], Awaitable[AdoptionLine]]
    ) -> Callable[[], Awaitable[AdoptionLine]]:
        async def guarded() -> AdoptionLine:
            try:
                return await work()
            except _OF_ALL:
                raise
            except PaymentError as error:
                problems = (AdoptionProblem.UNREADABLE,)
                return AdoptionLine(*pair, AdoptionOutcome.FAILED, problems, error=type(error).__name__)

        return guarded

    def _line(self, pair: Pair, outcome: AdoptionOutcome, current: list[tuple[str, str | None]]) -> AdoptionLine:
        problems: list[AdoptionProblem] = []
        if len(current) > 1:
            problems.append(AdoptionProblem.SEVERAL_SUBSCRIPTIONS)
        if self._plans is not None and any(plan not in self._plans for _, plan in current):
            problems.append(AdoptionProblem.UNKNOWN_PLAN)
        return AdoptionLine(*pair, outcome, tuple(problems), tuple(each for each, _ in current))


def _left_out(pair: Pair, problem: AdoptionProblem | None) -> AdoptionLine:
    return AdoptionLine(*pair, AdoptionOutcome.LEFT_OUT, () if problem is None else (problem,))
