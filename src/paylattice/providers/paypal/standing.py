"""How a subscription stands at PayPal: its status, its period, what it is paid through, since when it owes.

PayPal says none of this in so many words. What it says, and what that is worth:

- ``cycle_executions``: a trial's cycle counts as completed when it begins, but only some time after the activation. A regular
  one counts when it is charged, and perhaps also when PayPal gave up charging it: so it proves no payment.
- ``next_billing_time``: right after the activation it is the day of the activation, and is corrected without an event
  (https://github.com/paypal/paypal-checkout-components/issues/1336). It is trusted where it is a boundary of the plan's
  cycles, or where nothing better is known.
- ``last_payment``: proves that money came. It may have been a setup fee, which pays for no period.
- ``start_time`` and the plan's cycles: when each period begins and ends. The start may be some hours before the activation.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property

import attrs

from ...jsonlike import JsonObject, child, children, integer, rfc3339, text
from ...models import SubscriptionStatus
from .amounts import optional_money_from
from .periods import (
    SLACK,
    Cycle,
    Period,
    cycles_from,
    has_left_its_cycles,
    period_around,
    period_ending,
    shifted,
    trial_end,
)

__all__ = ["SUBSCRIPTION_STATUS", "Standing"]

_S = SubscriptionStatus

SUBSCRIPTION_STATUS: Mapping[str | None, SubscriptionStatus] = {
    "APPROVAL_PENDING": SubscriptionStatus.INCOMPLETE,
    "APPROVED": SubscriptionStatus.INCOMPLETE,
    "ACTIVE": SubscriptionStatus.ACTIVE,
    "SUSPENDED": SubscriptionStatus.PAUSED,
    "CANCELLED": SubscriptionStatus.CANCELED,
    "EXPIRED": SubscriptionStatus.EXPIRED,
}
"""https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_get. ACTIVE and SUSPENDED are told apart further by
what the subscription owes: PayPal suspends both for a pause and for non-payment."""

_OWING = frozenset({_S.PAST_DUE, _S.UNPAID, _S.INCOMPLETE})
_LONGEST = 10
"""Digits of a quantity; PayPal takes far less."""
_RETRIED = timedelta(days=15)
"""PayPal tries again after five days, and after five more:
https://developer.paypal.com/docs/subscriptions/customize/payment-failure-retry/."""


@attrs.frozen
class _Executed:
    """What PayPal counts of the cycles of one kind."""

    completed: int = 0
    remaining: int = 0
    known: bool = False


@attrs.frozen
class Standing:
    """What a subscription's fields mean together.

    Args:
        data: the subscription, with its plan and last failed payment, if the request asked for them.
        now: aware.
    """

    data: JsonObject
    now: datetime

    # --- what PayPal says --------------------------------------------------------------------------------------------

    @cached_property
    def _billing(self) -> JsonObject:
        return child(self.data, "billing_info")

    @cached_property
    def _cycles(self) -> tuple[Cycle, ...]:
        return cycles_from(child(self.data, "plan"))

    @cached_property
    def _start(self) -> datetime | None:
        return rfc3339(self.data, "start_time") or rfc3339(self.data, "create_time")

    @cached_property
    def _following(self) -> datetime | None:
        return rfc3339(self._billing, "next_billing_time")

    @cached_property
    def _paid_at(self) -> datetime | None:
        return rfc3339(child(self._billing, "last_payment"), "time")

    @cached_property
    def _failed_at(self) -> datetime | None:
        return rfc3339(child(self._billing, "last_failed_payment"), "time")

    def _executed(self, *, trial: bool) -> _Executed:
        rows = [row for row in children(self._billing, "cycle_executions") if _is_trial(row) is trial]
        return _Executed(
            sum(integer(row, "cycles_completed") or 0 for row in rows),
            sum(integer(row, "cycles_remaining") or 0 for row in rows),
            known=bool(rows),
        )

    # --- trials ------------------------------------------------------------------------------------------------------

    @cached_property
    def _is_deferred(self) -> bool:
        """Whether the start was put off when the subscription was made: what is before it is a free trial."""
        start, made = rfc3339(self.data, "start_time"), rfc3339(self.data, "create_time")
        if start is not None and start > self.now:
            return True
        if start is None or self._executed(trial=True).known:
            return False
        return made is not None and start - made > SLACK

    @cached_property
    def _trial_ends(self) -> datetime | None:
        """When the trial ends by the plan, or a start comes that was put off; None: there is no trial, or no plan says it."""
        if self._start is None:
            return None
        return trial_end(self._start, self._cycles) or (self._start if self._is_deferred else None)

    @cached_property
    def _free_until(self) -> datetime | None:
        """The end of what is free at the beginning; None if nothing is, or if it was over before it began."""
        if self._start is None or not self._billing:
            return None
        ends = trial_end(self._start, self._cycles, free=True) or (self._start if self._is_deferred else None)
        if ends is None or not self.status.is_terminal:
            return ends
        began = self._executed(trial=True).known or self._executed(trial=False).known
        refused = self._failed_last and self._failed_at is not None and self._failed_at < ends  # the setup fee
        return ends if began and not refused else None

    @cached_property
    def _began_free(self) -> bool:
        """Whether it began with a free phase. Without its plan, a trial counts as free."""
        if self._is_deferred:
            return True
        if self._start is None or not self._cycles:
            return bool(self._executed(trial=True).completed)
        return trial_end(self._start, self._cycles, free=True) is not None

    @cached_property
    def _in_trial(self) -> bool:
        if self._start is not None and self._start > self.now:
            return True
        trial = self._executed(trial=True)
        if self._executed(trial=False).completed:
            return False
        if trial.remaining:
            return True
        ends = self._trial_ends
        begun = bool(trial.completed) or (not trial.known and ends is not None)
        until = [moment for moment in (ends, self._following) if moment is not None]
        return begun and bool(until) and self.now < max(until)

    # --- money -------------------------------------------------------------------------------------------------------

    @cached_property
    def _owes(self) -> bool:
        """Whether a payment failed and was not made up for. PayPal counts a failure only when it has given up trying again."""
        owed = optional_money_from(self._billing, "outstanding_balance")
        counted = (integer(self._billing, "failed_payments_count") or 0) > 0
        return counted or (owed is not None and owed.amount > 0) or self._failed_last

    @cached_property
    def _failed_last(self) -> bool:
        failed, paid = self._failed_at, self._paid_at
        return failed is not None and (paid is None or failed > paid)

    @cached_property
    def _paid_period(self) -> Period | None:
        """The period that the last payment paid for; None if it was a setup fee, or if there is no plan to say it."""
        if self._paid_at is None or self._start is None or self._is_fee:
            return None
        if self._following is not None and has_left_its_cycles(self._start, self._cycles, self._following):
            return None  # the plan does not say what the payment was for
        period = period_around(self._start, self._cycles, max(self._paid_at, self._start))
        return None if period is None or period.free or self._paid_less_than(period) else period

    def _paid_less_than(self, period: Period) -> bool:
        """Whether the last payment cannot have been for the period: it was for one of another plan, which cost far less.

        A price that has risen since by up to a half leaves what was paid paid. Where the periods got longer, so that less
        time was paid, a period of even twice the length costs more than that.
        """
        paid = optional_money_from(child(self._billing, "last_payment"), "amount")
        if paid is None or period.price is None or paid.currency != period.price.currency:
            return False
        quantity = text(self.data, "quantity") or "1"
        price = period.price * (int(quantity) if quantity.isdecimal() and len(quantity) < _LONGEST else 1)
        return paid * 3 < price * 2

    @cached_property
    def _is_fee(self) -> bool:
        """Whether the last payment was a setup fee: it came before the start, or at it with no regular cycle counted yet."""
        if self._paid_at is None or self._start is None or self._has_no_fee:
            return False
        if self._start - self._paid_at > SLACK:
            return True
        regular = self._executed(trial=False)
        charged = any(cycle.trial and not cycle.free for cycle in self._cycles)
        return regular.known and not regular.completed and not charged and self._paid_at - self._start <= SLACK

    @cached_property
    def _has_no_fee(self) -> bool:
        """Whether the plan is known to have no setup fee."""
        preferences = child(self.data, "plan", "payment_preferences")
        fee = optional_money_from(preferences, "setup_fee")
        return bool(preferences) and (fee is None or fee.amount == 0)

    @cached_property
    def _money_came(self) -> bool:
        return self._paid_at is not None and not self._is_fee

    # --- what it comes to --------------------------------------------------------------------------------------------

    @cached_property
    def status(self) -> SubscriptionStatus:
        """The status. Whose first payment failed, with no free trial before, has never begun: it is ``INCOMPLETE``."""
        status = SUBSCRIPTION_STATUS.get(text(self.data, "status"), _S.UNKNOWN)
        if status not in {_S.ACTIVE, _S.PAUSED}:
            return status
        if self._owes:
            if not self._money_came and not self._began_free:
                return _S.INCOMPLETE
            return _S.PAST_DUE if status is _S.ACTIVE else _S.UNPAID
        return _S.TRIALING if status is _S.ACTIVE and self._in_trial else status

    @cached_property
    def period(self) -> tuple[datetime | None, datetime | None]:
        """When the current period began, and when it ends: by the cycles; by PayPal's date where they do not say it."""
        start, following = self._start, self._following
        if following is None or self.status.is_terminal or self.status is _S.INCOMPLETE:
            return None, None
        if start is None or start > self.now:
            return None, following
        period = period_ending(start, self._cycles, following)
        if period is not None:
            return period.begins, following
        if following - start <= SLACK and (self.status is _S.TRIALING or self._money_came):
            # PayPal has not corrected its date yet: it is still that of the activation.
            period = period_around(start, self._cycles, max(self.now, start))
            return (period.begins, max(period.ends, following)) if period is not None else (start, None)
        # The plan or the date was changed on the way: the periods no longer follow from the start.
        trial = self.status is _S.TRIALING
        current = next((cycle for cycle in self._cycles if cycle.trial is trial), None)
        begins = shifted(following, current.unit, -current.every) if current is not None else None
        return (max(begins, start) if begins is not None and following > start else None), following

    @cached_property
    def trial_end(self) -> datetime | None:
        """When the trial ends; or ended, if it was free. One that was paused ends when PayPal charges, and not by the plan."""
        if self.status is _S.INCOMPLETE:
            return None
        if self.status is not _S.TRIALING:
            return self._free_until
        by_plan, end = self._trial_ends, self.period[1]
        return by_plan if by_plan is not None and (end is None or by_plan > self.now) else end

    @cached_property
    def paid_through(self) -> datetime | None:
        """Until when money, or a free trial, covers it."""
        if self.status is _S.INCOMPLETE:
            return None
        if self.status is _S.TRIALING:
            return self._free_until if self._awaits_trial_payment else self.trial_end
        ends = [self._free_until, self._paid_period.ends if self._paid_period is not None else None]
        begins, end = self.period
        if self.status is _S.ACTIVE and self._money_came and self._paid_at is not None:
            began = begins or (self._start if not self._cycles else None)
            if began is not None and began - self._paid_at <= SLACK:
                ends.append(end)
        return max((moment for moment in ends if moment is not None), default=None)

    @cached_property
    def _awaits_trial_payment(self) -> bool:
        """Whether the trial costs something that has not come: only what is free before it is covered then."""
        return not self._money_came and any(cycle.trial and not cycle.free for cycle in self._cycles)

    @cached_property
    def payment_failed_at(self) -> datetime | None:
        """When the payment that is owed failed first. PayPal tells of the last attempt; the first was when it was due."""
        if self.status not in _OWING or not self._owes:
            return None
        failed, due = self._failed_at, self.paid_through
        if due is None or due > self.now:
            return failed
        return due if failed is None or timedelta() <= failed - due <= _RETRIED else failed


def _is_trial(execution: JsonObject) -> bool:
    return (text(execution, "tenure_type") or "").upper() == "TRIAL"
