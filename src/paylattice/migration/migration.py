"""Migration: subscriptions move from one provider to another, without a day unpaid or paid twice."""

import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

import attrs

from ..billing.records import BillingCustomer, BillingMigration, MigrationStep
from ..billing.records.customers import CUSTOMERS_BY_PROVIDER
from ..billing.records.migrations import MIGRATIONS_BY_ORG
from ..billing.repository import Tx
from ..billing.service import BillingService
from ..errors import ConfigurationError, Conflict, NotFound
from ..models import OpenCheckout
from ..transport.primitives import AsyncPrimitives, Primitives
from .events import MigrationEventType, MigrationHandlers
from .moves import Moves
from .pace import Pace
from .steps import Consent, Steps
from .verdicts import MigrationLine, MigrationReason, Rules, Verdict, check_direction

__all__ = ["Migration", "MigrationReport"]

_log = logging.getLogger("paylattice")
H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])
Orgs = Iterable[str] | AsyncIterable[str]
_UNDER_WAY = (
    MigrationStep.RETURNING,
    MigrationStep.CONSENTED,
    MigrationStep.ENDING,
    MigrationStep.WAITING,
    MigrationStep.PLANNED,
)
"""The most urgent first: what has begun at the target, and is not set to end at the source."""
_PAGE = 100


@attrs.frozen
class MigrationReport:
    """How far the migrations from a provider have come.

    Args:
        steps: how many are at which step.
        reasons: how many have which reason.
    """

    steps: Mapping[MigrationStep, int] = attrs.field(factory=dict[MigrationStep, int])
    reasons: Mapping[str, int] = attrs.field(factory=dict[str, int])

    @property
    def is_over(self) -> bool:
        """Whether none is under way."""
        return not any(count for step, count in self.steps.items() if not step.is_final)

    def as_text(self) -> str:
        """The report for a person."""
        lines = [f"{self.steps[each]} {each}" for each in MigrationStep if self.steps.get(each)]
        return "\n".join([*lines, *(f"  {count} {reason}" for reason, count in sorted(self.reasons.items()))])


class Migration(Generic[Tx]):
    """Moves subscriptions from one provider to another, an organisation at a time.

    The customer agrees on a page of the target. The new subscription charges first when what the source was paid for is over.
    Only then is the source set to end. Before it has ended, everything can be taken back. Nothing is sent to people: your
    handlers (:meth:`on`) do that.

    Make it once, where you make the service: :meth:`paylattice.BillingService.maintain` carries on what is under way. Let the
    service's ``select`` choose the target for new customers.

    Args:
        billing: the service, with both providers.
        source: the name of the provider that is left.
        target: the name of the provider that is moved to.
        plans: the target's id of a plan, by the source's.
        method: how the customer agrees.
        allow_other_price: let customers move although the price, the currency or the period differ.
        clock: returns the time, as the service's. None: the real time.
        primitives: wait. None: the running event loop.

    Raises:
        ConfigurationError: the service lacks one of the providers, or they are the same.
        UnsupportedOperation: nothing can move between them without a day unpaid or paid twice; the error says why.
    """

    def __init__(
        self,
        billing: BillingService[Tx],
        *,
        source: str,
        target: str,
        plans: Mapping[str, str],
        method: Consent,
        allow_other_price: bool = False,
        clock: Callable[[], datetime] | None = None,
        primitives: Primitives | None = None,
    ) -> None:
        if source == target:
            message = "source and target are the same provider"
            raise ConfigurationError(message)
        leaves, joins = billing.provider(source), billing.provider(target)
        check_direction(leaves, joins)
        self._billing = billing
        self._source = source
        self._target = target
        self._method = method
        self._clock = clock or billing.now
        self._primitives = primitives or AsyncPrimitives()
        self._handlers: MigrationHandlers[Tx] = MigrationHandlers()
        self._moves: Moves[Tx] = Moves(billing.repository, source, self._handlers, self._clock)
        self._rules = Rules(billing, leaves, joins, plans, allow_other_price=allow_other_price)
        self._steps = Steps(billing, self._moves, self._rules, method, self._clock)
        billing.maintain_also(source, self.carry_on)

    def on(self, event_type: MigrationEventType | str) -> Callable[[H], H]:
        """Register the decorated function as a handler. It gets a :class:`MigrationEvent` and a :class:`MigrationContext`.

        It runs in the transaction that stores the step: write an outbox row with ``context.transaction``.

        Args:
            event_type: a member of :class:`MigrationEventType`.

        Raises:
            ConfigurationError: there is no such event.
        """
        return self._handlers.on(event_type)

    async def preview(self, orgs: Orgs | None = None) -> AsyncIterator[MigrationLine]:
        """Say of each organisation what :meth:`run` would do, by what is stored. This writes nothing.

        Args:
            orgs: your ids of organisations. None: all that have a customer at the source.
        """
        async for org_id in self._each(orgs):
            yield await self._rules.line(org_id, self._clock())

    async def run(
        self,
        orgs: Orgs | None = None,
        *,
        limit_per_minute: float | None = None,
        again: bool = False,
        on_line: Callable[[MigrationLine], None] | None = None,
    ) -> MigrationReport:
        """Plan what can move now or later, and open the pages. You can stop this at any time, and repeat it.

        Args:
            orgs: your ids of organisations. None: all that have a customer at the source.
            limit_per_minute: how many organisations to begin in a minute. None: as many as there are.
            again: begin again where a migration has failed, or was taken back.
            on_line: called for every organisation.

        Raises:
            PaymentError: a provider failed. What was done stays; run it again.
        """
        pace = Pace(None if limit_per_minute is None else limit_per_minute / 60, self._primitives)
        async for org_id in self._each(orgs):
            line = await self._rules.line(org_id, self._clock())
            if line.verdict is not Verdict.STAYS and line.source_subscription_id is not None:
                await pace.begin(1)
                planned = self._planned(line, line.source_subscription_id)
                await self._steps.advance(await self._moves.begin(planned, again=again))
            if on_line is not None:
                on_line(line)
        return await self.report()

    def _planned(self, line: MigrationLine, subscription_id: str) -> BillingMigration:
        now = self._clock()
        return BillingMigration(
            source=self._source,
            source_subscription_id=subscription_id,
            org_id=line.org_id,
            target=self._target,
            plan_id=line.plan_id or "",
            quantity=1,
            step=MigrationStep.PLANNED,
            attempt=1,
            created_at=now,
            updated_at=now,
            expires_at=now + self._method.expires_after,
        )

    async def carry_on(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Take the steps that can be taken now, the most urgent first. :meth:`paylattice.BillingService.maintain` calls this.

        Args:
            enough: whether the time is spent.

        Raises:
            Exception: the first error, of a provider or a handler; the other organisations went on.
        """
        failed: Exception | None = None
        for step in _UNDER_WAY:
            async for move in self._moves.at(step):
                if enough():
                    return
                try:
                    await self._steps.advance(move)
                except Exception as error:  # noqa: BLE001 - one organisation must not hold up the others
                    _log.warning("a migration from %s cannot go on now: %s", self._source, type(error).__name__)
                    failed = failed or error
        if failed is not None:
            raise failed

    async def status(self, org_id: str) -> BillingMigration | None:
        """Return the organisation's migration from the source; None: it has none."""
        found = await self._billing.repository.find(
            BillingMigration, MIGRATIONS_BY_ORG, {"org_id": org_id}, limit=_PAGE
        )
        mine = [each for each in found if (each.source, each.target) == (self._source, self._target)]
        return max(mine, key=lambda each: (not each.step.is_final, each.updated_at), default=None)

    async def consent_page(self, org_id: str) -> OpenCheckout:
        """Return the page where the customer agrees, for where the customer signs in. One that has expired is opened anew.

        Args:
            org_id: your id of the organisation.

        Raises:
            NotFound: the organisation does not have to agree to anything now.
        """
        move = await self.status(org_id)
        if move is not None:
            move = await self._steps.advance(move)  # the customer may have agreed: then there is no second page
        if move is None or move.step is not MigrationStep.WAITING:
            message = "the organisation has no page to agree on now"
            raise NotFound(message, operation="consent_page")
        opened = await self._steps.page(move)
        if opened.id != move.session_id:
            await self._moves.write(move, attrs.evolve(move, session_id=opened.id))
        return opened

    async def report(self) -> MigrationReport:
        """Count the migrations from the source, by their steps."""
        steps: dict[MigrationStep, int] = {}
        reasons: dict[str, int] = {}
        async for move in self._moves.all():
            if move.target == self._target:
                steps[move.step] = steps.get(move.step, 0) + 1
                if move.reason is not None:
                    reasons[move.reason] = reasons.get(move.reason, 0) + 1
        return MigrationReport(steps, reasons)

    async def abort(self, org_id: str) -> BillingMigration:
        """Take everything back: the source goes on, and what has begun at the target ends. It may be repeated.

        Args:
            org_id: your id of the organisation.

        Returns:
            The record. Its step is ``returning`` while the customer could still agree on a page that the target cannot close;
            :meth:`paylattice.BillingService.maintain` finishes it.

        Raises:
            NotFound: the organisation has no migration.
            Conflict: the source has ended, or the migration is over.
        """
        move = await self.status(org_id)
        if move is None:
            message = "the organisation has no migration"
            raise NotFound(message, operation="abort")
        move = await self._steps.advance(move)
        if move.step is MigrationStep.RETURNING:
            return move
        source = await self._billing.subscription(org_id, move.source_subscription_id)
        if move.step.is_final or source is None or source.status.is_terminal:
            message = f"the migration is {move.step}, or the source has ended: there is nothing to take back"
            raise Conflict(message, operation="abort")
        returning = attrs.evolve(
            move,
            step=MigrationStep.RETURNING,
            reason=MigrationReason.WANTED_BY_YOU.value,
            leads_to=MigrationStep.ABORTED.value,
        )
        await self._steps.close(move)
        return await self._steps.advance(await self._moves.write(move, returning))

    async def _each(self, orgs: Orgs | None) -> AsyncIterator[str]:
        if isinstance(orgs, AsyncIterable):
            async for org_id in orgs:
                yield org_id
        elif orgs is not None:
            for org_id in orgs:
                yield org_id
        else:
            last: BillingCustomer | None = None
            key = {"provider": self._source}
            while page := await self._billing.repository.find(
                BillingCustomer, CUSTOMERS_BY_PROVIDER, key, after=last, limit=_PAGE
            ):
                for customer in page:
                    yield customer.org_id
                last = page[-1]
