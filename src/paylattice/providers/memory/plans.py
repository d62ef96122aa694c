"""What a plan may be: the limits of a real provider, so that no sum and no date runs away."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ...arguments import check_id
from ...errors import InvalidRequest
from ...models import Plan
from ...money import Money

__all__ = ["LARGEST", "check_plan", "check_price", "check_start", "check_trial", "price_of"]

LARGEST = 10**15
"""Smallest currency units that one period may cost."""

_LONGEST_TRIAL = 730
_LONGEST: Mapping[str, int] = {"day": 1095, "week": 156, "month": 36, "year": 3}
"""Three years, as with Stripe: https://docs.stripe.com/api/prices/create#create_price-recurring-interval_count"""


def check_plan(plan: Plan) -> None:
    """A plan that can be billed.

    Raises:
        InvalidRequest: it cannot.
    """
    check_id("plan_id", plan.id)
    longest = _LONGEST.get(plan.interval or "")
    if longest is None:
        message = "a plan needs an interval of day, week, month or year"
        raise InvalidRequest(message, param="interval")
    if not 1 <= plan.interval_count <= longest:
        message = f"a period is from 1 to {longest} times a {plan.interval}"
        raise InvalidRequest(message, param="interval_count")
    check_price(plan, 1)
    check_trial(plan.trial_days)


def price_of(plan: Plan) -> Money:
    """What one unit costs.

    Raises:
        InvalidRequest: there is no single price.
    """
    if plan.amount is None:
        message = "the plan has no price"
        raise InvalidRequest(message, param="plan_id", code="no_price")
    return plan.amount


def check_price(plan: Plan, quantity: int) -> Money:
    """What one period costs in advance.

    Raises:
        InvalidRequest: the plan has no price that it can be sold for, or so many units of it cost too much.
    """
    price = price_of(plan)
    if not 0 <= price.amount * quantity <= LARGEST:
        message = f"a period costs from 0 to {LARGEST} of the currency's smallest units"
        raise InvalidRequest(message, param="quantity" if quantity > 1 else "amount")
    return Money(0, price.currency) if plan.metered else price * quantity


def check_trial(days: int | None) -> None:
    """A trial of a sensible length.

    Raises:
        InvalidRequest: it is not.
    """
    if days is not None and not 0 <= days <= _LONGEST_TRIAL:
        message = f"a trial takes from 0 to {_LONGEST_TRIAL} days"
        raise InvalidRequest(message, param="trial_days")


def check_start(start_at: datetime | None, now: datetime, *, has_trial: bool, name: str = "start_at") -> None:
    """A first payment that is due later than now, and not after a trial, too.

    Raises:
        InvalidRequest: it is not.
    """
    if start_at is None:
        return
    if has_trial:
        message = "a trial and start_at both say when the first payment is due: give one of them"
        raise InvalidRequest(message, param="start_at")
    if not now < start_at <= now + timedelta(days=_LONGEST_TRIAL):
        message = f"{name} must be later than now, by at most {_LONGEST_TRIAL} days"
        raise InvalidRequest(message, param=name)
