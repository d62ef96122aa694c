"""The steps of a migration. Each reads what is there, does one thing under a key that follows from the record, and is stored.

A step that is interrupted anywhere is taken again: what it has done already has been done under the same key. The order keeps
both sides safe: the target begins only when what the source was paid for is over, and the source is set to end only after the
customer has agreed.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Generic

import attrs

from ..billing.records import (
    BillingCheckout,
    BillingCustomer,
    BillingMigration,
    BillingOperation,
    BillingSubscription,
    MigrationStep,
)
from ..billing.records.checkouts import CHECKOUTS_BY_ORG
from ..billing.repository import Tx
from ..billing.service import BillingService
from ..errors import Conflict, InvalidRequest, NotFound
from ..idempotency import operation_key
from ..models import OpenCheckout, SubscriptionStatus
from ..operations import Capability
from .events import MigrationEventType
from .moves import Moves
from .verdicts import SLACK, MigrationReason, Rules

__all__ = ["Consent", "Steps"]

_R, _S, _E = MigrationReason, MigrationStep, MigrationEventType
_A_PAGE_LASTS = timedelta(days=30)
"""How long a page may be open that its provider does not close on request."""
_MOST_PAGES = 100
_OWING = frozenset({SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID})


@attrs.frozen(kw_only=True)
class Consent:
    """The customer agrees to the new subscription on a page of the target.

    Args:
        return_url: where the customer returns.
        cancel_url: where a customer who gives up returns. None: ``return_url``.
        remind_every: how often ``migration.consent_needed`` comes again.
        expires_after: how long the customer has. Then the migration fails, and the source goes on.
    """

    return_url: str
    cancel_url: str | None = None
    remind_every: timedelta = timedelta(days=7)
    expires_after: timedelta = timedelta(days=60)


class Steps(Generic[Tx]):
    """Takes the steps.

    Args:
        billing: the service.
        moves: the records.
        rules: decide what can move.
        method: how the customer agrees.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        billing: BillingService[Tx],
        moves: Moves[Tx],
        rules: Rules[Tx],
        method: Consent,
        clock: Callable[[], datetime],
    ) -> None:
        self._billing = billing
        self._moves = moves
        self._rules = rules
        self._method = method
        self._clock = clock
        self._by_step: Mapping[MigrationStep, Callable[[BillingMigration], Awaitable[BillingMigration]]] = {
            _S.PLANNED: self._planned,
            _S.WAITING: self._waiting,
            _S.CONSENTED: self._consented,
            _S.ENDING: self._ending,
            _S.RETURNING: self._returning,
        }

    async def advance(self, move: BillingMigration) -> BillingMigration:
        """Take all steps that can be taken now."""
        for _ in range(len(MigrationStep)):
            step = self._by_step.get(move.step)
            after = move if step is None else await step(move)
            if after == move:
                break
            move = after
        return move

    # --- the steps -----------------------------------------------------------------------------------------------

    async def _planned(self, move: BillingMigration) -> BillingMigration:
        now = self._clock()
        source = await self._read(move, move.source_subscription_id)
        if source is None or source.status.is_terminal:
            return await self._fails(move, _R.NO_SUBSCRIPTION)
        found = await self._at_target(move)
        if found is not None:  # a page of an earlier attempt, which the target does not close
            return await self._agreed(move, found)
        reason = await self._rules.reason_of(source, now)
        if reason is not None and not reason.passes:
            return await self._fails(move, reason)
        if now >= move.expires_at:
            return await self._fails(move, _R.NO_CONSENT)
        if reason is not None or source.paid_through is None:
            return move
        planned = attrs.evolve(
            move,
            moves_at=source.paid_through,
            plan_id=self._rules.plans[source.plan_id or ""],
            quantity=source.quantity or 1,
        )
        opened = await self.page(planned)
        waiting = attrs.evolve(planned, step=_S.WAITING, session_id=opened.id, reminded_at=now)
        return await self._moves.write(move, waiting, _E.CONSENT_NEEDED, opened.url)

    async def _waiting(self, move: BillingMigration) -> BillingMigration:
        now = self._clock()
        found = await self._at_target(move)
        if found is not None:
            return await self._agreed(move, found)
        source = await self._read(move, move.source_subscription_id)
        gone = source is None or source.status.is_terminal or source.cancel_at is not None
        if gone or now >= move.expires_at:
            await self.close(move)
            return await self._returns(move, _R.ENDS_ALREADY if gone else _R.NO_CONSENT, _S.FAILED)
        if source is not None and (not self._is_as_agreed(move, source) or _is_soon(move, now)):
            await self.close(move)
            found = await self._at_target(move)  # the customer may have been faster
            if found is not None:
                return await self._agreed(move, found)
            return await self._moves.write(move, _anew(move))
        if move.reminded_at is not None and now - move.reminded_at >= self._method.remind_every:
            opened = await self.page(move)
            reminded = attrs.evolve(move, reminded_at=now, session_id=opened.id)
            return await self._moves.write(move, reminded, _E.CONSENT_NEEDED, opened.url)
        return move

    async def _agreed(self, move: BillingMigration, found: BillingSubscription) -> BillingMigration:
        target_id = found.external_subscription_id
        starts = found.trial_end or found.current_period_start or move.moves_at
        after = attrs.evolve(move, step=_S.CONSENTED, target_subscription_id=target_id, moves_at=starts)
        return await self._moves.write(move, after, _E.CONSENTED)

    async def _consented(self, move: BillingMigration) -> BillingMigration:
        now = self._clock()
        source = await self._read(move, move.source_subscription_id)
        target = await self._read(move, move.target_subscription_id)
        if target is None or target.status.is_terminal:
            return await self._fails(move, _R.CANCELED_AT_TARGET)
        await self._read_pages(move)
        await self._undo(move, but=move.target_subscription_id)  # paid on two pages
        if source is None or source.status.is_terminal:
            return await self._moves.write(move, attrs.evolve(move, step=_S.ENDING))
        if move.moves_at is None or now >= move.moves_at:
            return await self._returns(move, _R.CONSENT_CAME_LATE, _S.PLANNED)
        if not self._is_as_agreed(move, source):
            return await self._returns(move, _R.TERMS_CHANGED, _S.PLANNED)
        if source.cancel_at is None:
            source = await self._billing.cancel(
                move.org_id,
                subscription_id=move.source_subscription_id,
                reason=f"moved to {move.target}",
                idempotency_key=_key("end", move),
            )
        if source.cancel_at is not None and source.cancel_at > move.moves_at + SLACK:  # it renewed at this moment
            return await self._returns(move, _R.CONSENT_CAME_LATE, _S.PLANNED)
        return await self._moves.write(move, attrs.evolve(move, step=_S.ENDING))

    async def _ending(self, move: BillingMigration) -> BillingMigration:
        now = self._clock()
        source = await self._read(move, move.source_subscription_id)
        target = await self._read(move, move.target_subscription_id)
        ended = source is None or source.status.is_terminal
        if target is None or target.status.is_terminal:
            if ended:
                return await self._fails(move, _R.CANCELED_AT_TARGET)
            return await self._returns(move, _R.CANCELED_AT_TARGET, _S.FAILED)
        await self._undo(move, but=move.target_subscription_id)
        if source is not None and not ended:
            if source.cancel_at is None:
                return await self._returns(move, _R.END_TAKEN_BACK, _S.FAILED)
            if not self._is_as_agreed(move, source):
                return await self._returns(move, _R.TERMS_CHANGED, _S.PLANNED)
            return move
        if move.moves_at is not None and _is_paid(target, move.moves_at):
            done = attrs.evolve(move, step=_S.DONE, reason=None)
            return await self._moves.write(move, done, _E.COMPLETED)
        if target.status in _OWING and move.reason is None and move.moves_at is not None and now >= move.moves_at:
            owing = attrs.evolve(move, reason=_R.FIRST_PAYMENT_FAILED.value)
            return await self._moves.write(move, owing, _E.FAILED)
        return move

    async def _returning(self, move: BillingMigration) -> BillingMigration:
        """Let the source go on, and only then end what has begun at the target."""
        source = await self._read(move, move.source_subscription_id)
        goes_on = source is not None and not source.status.is_terminal
        if move.target_subscription_id is not None and not goes_on and move.reason != _R.CANCELED_AT_TARGET:
            ending = attrs.evolve(move, step=_S.ENDING, reason=None, leads_to=None)  # too late: the source has ended
            return await self._moves.write(move, ending)
        if source is not None and goes_on and source.cancel_at is not None and await self._was_sent("end", move):
            await self._billing.uncancel(
                move.org_id, subscription_id=move.source_subscription_id, idempotency_key=_key("go on", move)
            )
        await self._read_pages(move)
        await self._undo(move)
        if move.target_subscription_id is None and await self._is_open(move):
            return move  # the page may still be agreed to: then that is taken back
        if move.leads_to == _S.PLANNED:
            return await self._moves.write(move, _anew(move))
        after = attrs.evolve(move, step=MigrationStep(move.leads_to or _S.FAILED), leads_to=None)
        return await self._moves.write(move, after, _E.FAILED if after.step is _S.FAILED else None)

    # --- what they are made of -----------------------------------------------------------------------------------

    async def page(self, move: BillingMigration) -> OpenCheckout:
        """The page where the customer agrees: the one that is open, or a new one."""
        named = {"org_id": move.org_id, "provider": move.source}
        customer = await self._billing.repository.get(BillingCustomer, named)
        return await self._billing.start_checkout(
            move.org_id,
            move.plan_id,
            email=None if customer is None else customer.email,
            name=None if customer is None else customer.name,
            success_url=self._method.return_url,
            cancel_url=self._method.cancel_url or self._method.return_url,
            quantity=move.quantity,
            start_at=move.moves_at,
            provider_name=move.target,
            allow_second=True,
        )

    async def _read(self, move: BillingMigration, subscription_id: str | None) -> BillingSubscription | None:
        """A subscription as its provider has it now."""
        if subscription_id is None:
            return None
        try:
            await self._billing.sync_subscription(move.org_id, subscription_id)
        except NotFound:
            return None
        return await self._billing.subscription(move.org_id, subscription_id)

    async def _at_target(self, move: BillingMigration) -> BillingSubscription | None:
        """What the customer has agreed to, on whichever page."""
        if move.session_id is not None and move.target_subscription_id is None:
            with suppress(NotFound, Conflict):  # it is gone, or was paid on other terms, which grant nothing
                await self._billing.confirm_return(move.session_id, org_id=move.org_id, provider_name=move.target)
        return next(iter(await self._begun_at_target(move)), None)

    async def _read_pages(self, move: BillingMigration) -> None:
        """Store what any of the organisation's pages at the target has brought, also where no webhook has told it yet."""
        key = {"org_id": move.org_id}
        for each in await self._billing.repository.find(BillingCheckout, CHECKOUTS_BY_ORG, key, limit=_MOST_PAGES):
            if each.provider == move.target and each.session_id and each.created_at >= move.created_at:
                with suppress(NotFound, Conflict):
                    await self._billing.confirm_return(each.session_id, org_id=move.org_id, provider_name=move.target)

    async def _begun_at_target(self, move: BillingMigration) -> list[BillingSubscription]:
        """The organisation's current subscriptions at the target that a page of this migration can have brought."""
        plans = set(self._rules.plans.values())
        found = await self._billing.subscriptions(move.org_id)
        there = [each for each in found if each.provider == move.target and each.plan_id in plans]
        return [each for each in there if each.status.is_current and each.cancel_at is None]

    async def _undo(self, move: BillingMigration, *, but: str | None = None) -> None:
        """End what has begun at the target, and give its money back; all but one of it."""
        for each in await self._begun_at_target(move):
            target_id = each.external_subscription_id
            if target_id != but:
                key = operation_key("migration undo", move.target, target_id)
                await self._billing.cancel_and_refund(move.org_id, target_id, idempotency_key=key)

    async def close(self, move: BillingMigration) -> None:
        """Close the page, where the target can."""
        provider = self._billing.provider(move.target)
        if move.session_id is None or Capability.EXPIRE_CHECKOUT not in provider.capabilities:
            return
        with suppress(NotFound, InvalidRequest, Conflict):  # it is closed, or was paid now: that is looked for next
            await provider.expire_checkout_session(move.session_id, idempotency_key=_key("close", move))

    async def _is_open(self, move: BillingMigration) -> bool:
        if move.session_id is None or self._clock() - move.updated_at > _A_PAGE_LASTS:
            return False
        session = await self._billing.provider(move.target).get_checkout_session(move.session_id)
        return session is not None and session.url is not None

    async def _was_sent(self, what: str, move: BillingMigration) -> bool:
        key = {"provider": move.source, "key": _key(what, move)}
        return await self._billing.repository.get(BillingOperation, key) is not None

    def _is_as_agreed(self, move: BillingMigration, source: BillingSubscription) -> bool:
        same = self._rules.plans.get(source.plan_id or "") == move.plan_id and (source.quantity or 1) == move.quantity
        paid = source.paid_through
        return same and paid is not None and move.moves_at is not None and abs(paid - move.moves_at) < SLACK

    async def _fails(self, move: BillingMigration, reason: MigrationReason) -> BillingMigration:
        if move.session_id is not None and move.target_subscription_id is None:
            return await self._returns(move, reason, _S.FAILED)
        failed = attrs.evolve(move, step=_S.FAILED, reason=reason.value)
        return await self._moves.write(move, failed, _E.FAILED)

    async def _returns(
        self, move: BillingMigration, reason: MigrationReason, leads_to: MigrationStep
    ) -> BillingMigration:
        returning = attrs.evolve(move, step=_S.RETURNING, reason=reason.value, leads_to=leads_to.value)
        return await self._moves.write(move, returning)


def _anew(move: BillingMigration) -> BillingMigration:
    return attrs.evolve(
        move,
        step=_S.PLANNED,
        attempt=move.attempt + 1,
        moves_at=None,
        target_subscription_id=None,
        leads_to=None,
        reason=None,
    )


def _is_soon(move: BillingMigration, now: datetime) -> bool:
    """Whether the page is to be closed: the customer could agree too late to set the end of the source."""
    return move.moves_at is not None and now >= move.moves_at - timedelta(hours=1)


def _is_paid(target: BillingSubscription, moves_at: datetime) -> bool:
    return target.paid_through is not None and target.paid_through > moves_at + SLACK and target.status.grants_access


def _key(what: str, move: BillingMigration) -> str:
    words = (f"migration {what}", move.source, move.source_subscription_id, move.target)
    return operation_key(*words, attempt=move.attempt)
