"""Whether a subscription can move now, and why not: read from what is stored and from the plans, without a write."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic

import attrs

from ..billing.records import BillingSubscription
from ..billing.repository import Tx
from ..billing.service import BillingService
from ..errors import UnsupportedOperation
from ..models import Plan, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider

__all__ = ["LEAD", "SLACK", "MigrationLine", "MigrationReason", "Rules", "Verdict", "check_direction"]

LEAD = timedelta(days=3)
"""How long before the source renews a page is opened at the latest: Stripe's pages need 48 hours."""
SLACK = timedelta(days=1)
"""How far two times of the same day may be apart: Square counts in days."""


class Verdict(StrEnum):
    """What would become of an organisation."""

    MOVES = "moves"
    """It gets a page now."""
    LATER = "later"
    """It gets a page once the reason has gone."""
    STAYS = "stays"
    """It cannot move."""


class MigrationReason(StrEnum):
    """Why an organisation does not move now, or why its migration has failed."""

    RENEWS_SOON = "renews_soon"
    """The source renews within three days. It moves at the end of the next period."""
    OWES = "owes"
    """A payment at the source is overdue."""
    IS_PAUSED = "is_paused"
    """The subscription is paused."""
    NOT_PAID_YET = "not_paid_yet"
    """The first payment at the source is not known yet, nor until when it counts."""
    NO_SUBSCRIPTION = "no_subscription"
    """The organisation has no current subscription at the source."""
    SEVERAL_SUBSCRIPTIONS = "several_subscriptions"
    """The organisation has several current subscriptions at the source."""
    IS_AT_TARGET = "is_at_target"
    """The organisation has a current subscription at the target already."""
    ENDS_ALREADY = "ends_already"
    """The customer has canceled at the source."""
    NO_PLAN = "no_plan"
    """The plan at the source has no plan at the target in ``plans``."""
    OTHER_PRICE = "other_price"
    """The price, the currency or the period differ, and ``allow_other_price`` is not set."""
    IS_METERED = "is_metered"
    """One of the plans is metered. Usage of two subscriptions at once cannot be told apart."""
    NO_CONSENT = "no_consent"
    """The customer has not agreed in time. The source goes on."""
    CONSENT_CAME_LATE = "consent_came_late"
    """The customer agreed when the source had renewed. The new subscription was canceled, and its payment given back."""
    TERMS_CHANGED = "terms_changed"
    """The plan, the quantity or the paid time at the source has changed since the customer agreed."""
    CANCELED_AT_TARGET = "canceled_at_target"
    """The customer has canceled the new subscription before it was paid."""
    END_TAKEN_BACK = "end_taken_back"
    """The customer, or a person, has taken back the end at the source."""
    FIRST_PAYMENT_FAILED = "first_payment_failed"
    """The first payment at the target has failed, and the source has ended. The target tries again by its own rules."""
    WANTED_BY_YOU = "wanted_by_you"
    """Your application has called ``abort``."""

    @property
    def passes(self) -> bool:
        """Whether the organisation can move later, as it is."""
        return self in _PASSES


_PASSES = frozenset(
    {MigrationReason.RENEWS_SOON, MigrationReason.OWES, MigrationReason.IS_PAUSED, MigrationReason.NOT_PAID_YET}
)
_OWING = frozenset({SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID})


@attrs.frozen
class MigrationLine:
    """What a dry run says of an organisation.

    Args:
        org_id: your id of it.
        verdict: what would become of it.
        reason: why it does not move now; None: it does.
        moves_at: when the source ends and the target charges first; UTC. None: not now.
        source_subscription_id: the source's id of what moves.
        plan_id: the target's id of the plan.
    """

    org_id: str
    verdict: Verdict
    reason: MigrationReason | None = None
    moves_at: datetime | None = None
    source_subscription_id: str | None = None
    plan_id: str | None = None


def check_direction(source: BaseProvider, target: BaseProvider) -> None:
    """Refuse providers between which nothing can move without a day unpaid, or paid twice.

    Raises:
        UnsupportedOperation: the source cannot be set to end, and go on again; or the target's pages charge at once.
    """
    needed = {Capability.CANCEL_AT_PERIOD_END, Capability.UNCANCEL, Capability.SUBSCRIPTIONS}
    name = source.get_provider_name()
    if not needed <= source.capabilities:
        message = f"{name} ends subscriptions at once, and for good: an end that is set could not be taken back"
        hint = f"Let the organisations of {name} end, and subscribe anew with start_checkout(start_at=...)"
        raise UnsupportedOperation(reason=message, alternative=hint, provider=name, operation="migration")
    name = target.get_provider_name()
    if not target.checkout_starts_later or not target.capabilities >= {Capability.CHECKOUT, Capability.SUBSCRIPTIONS}:
        message = f"the pages of {name} charge at once, and not when the source ends"
        hint = "Save a card with create_setup_session, and use subscribe(start_at=...)"
        raise UnsupportedOperation(reason=message, alternative=hint, provider=name, operation="migration")


class Rules(Generic[Tx]):
    """Decides whether a subscription can move.

    Args:
        billing: the service.
        source: the provider that is left.
        target: the provider that is moved to.
        plans: the target's id of a plan, by the source's.
        allow_other_price: whether a customer may pay another price afterwards.
    """

    def __init__(
        self,
        billing: BillingService[Tx],
        source: BaseProvider,
        target: BaseProvider,
        plans: Mapping[str, str],
        *,
        allow_other_price: bool,
    ) -> None:
        self._billing = billing
        self._source = source
        self._target = target
        self.plans: dict[str, str] = dict(plans)
        self._allow_other_price = allow_other_price
        self._of_plans: dict[str, MigrationReason | None] = {}

    async def line(self, org_id: str, now: datetime) -> MigrationLine:
        """What would become of an organisation, by what is stored of it."""
        found = [each for each in await self._billing.subscriptions(org_id) if each.status.is_current]
        there = [each for each in found if each.provider == self._source.get_provider_name()]
        if any(each.provider == self._target.get_provider_name() for each in found):
            return MigrationLine(org_id, Verdict.STAYS, MigrationReason.IS_AT_TARGET)
        if len(there) != 1:
            several = MigrationReason.SEVERAL_SUBSCRIPTIONS if there else MigrationReason.NO_SUBSCRIPTION
            return MigrationLine(org_id, Verdict.STAYS, several)
        reason = await self.reason_of(there[0], now)
        verdict = Verdict.MOVES if reason is None else Verdict.LATER if reason.passes else Verdict.STAYS
        return MigrationLine(
            org_id,
            verdict,
            reason,
            there[0].paid_through if reason is None else None,
            there[0].external_subscription_id,
            self.plans.get(there[0].plan_id or ""),
        )

    async def reason_of(self, stored: BillingSubscription, now: datetime) -> MigrationReason | None:
        """Why a current subscription at the source cannot get a page now; None: it can."""
        if stored.cancel_at is not None:
            return MigrationReason.ENDS_ALREADY
        of_plan = await self._of_plan(stored.plan_id)
        if of_plan is not None:
            return of_plan
        if stored.status in _OWING:
            return MigrationReason.OWES
        if stored.collection_paused or stored.status is SubscriptionStatus.PAUSED:
            return MigrationReason.IS_PAUSED
        if stored.paid_through is None or stored.paid_through <= now:
            return MigrationReason.NOT_PAID_YET
        return MigrationReason.RENEWS_SOON if stored.paid_through - now < LEAD else None

    async def _of_plan(self, plan_id: str | None) -> MigrationReason | None:
        target_id = self.plans.get(plan_id or "")
        if plan_id is None or target_id is None:
            return MigrationReason.NO_PLAN
        if plan_id not in self._of_plans:
            before, after = await self._source.get_plan(plan_id), await self._target.get_plan(target_id)
            self._of_plans[plan_id] = self._compared(before, after)
        return self._of_plans[plan_id]

    def _compared(self, before: Plan | None, after: Plan | None) -> MigrationReason | None:
        if before is None or after is None:
            return MigrationReason.NO_PLAN
        if before.metered or after.metered:
            return MigrationReason.IS_METERED
        same = (before.amount, before.interval, before.interval_count) == (
            after.amount,
            after.interval,
            after.interval_count,
        )
        return None if (same and before.amount is not None) or self._allow_other_price else MigrationReason.OTHER_PRICE
