"""When the periods of a plan begin and end. PayPal says only when it charges next; the rest follows from the plan.

A plan is a row of cycles: perhaps trials first, then the regular ones, each with a frequency of its own. The periods follow one
another from the start time on. Months are counted from the start of the cycles, so that 31 January is followed by 28
February and then 31 March.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import attrs

from ...jsonlike import JsonObject, child, children, integer, text
from ...money import Money
from .amounts import optional_money_from

__all__ = [
    "SLACK",
    "Cycle",
    "Period",
    "cycles_from",
    "has_left_its_cycles",
    "period_around",
    "period_ending",
    "shifted",
    "trial_end",
]

_MONTHS = {"MONTH": 1, "YEAR": 12}
_DAYS = {"DAY": 1, "WEEK": 7}
_MOST_PERIODS = 5000
SLACK = timedelta(hours=36)
"""PayPal charges at 10:00 UTC of some day, give or take: what is so near to a boundary is meant to be on it."""


@attrs.frozen
class Cycle:
    """A stretch of equal periods.

    Args:
        unit: ``DAY``, ``WEEK``, ``MONTH`` or ``YEAR``.
        every: how many units one period has.
        total: how many periods there are; 0: no end.
        trial: whether it is a trial.
        free: whether nothing is charged in it.
        price: of a period, for one; None: it is not known.
    """

    unit: str
    every: int
    total: int
    trial: bool
    free: bool = False
    price: Money | None = None


@attrs.frozen
class Period:
    """One period.

    Args:
        begins: aware.
        ends: when the next one begins; aware.
        free: whether nothing is charged for it.
        price: what is charged for it, for one; None: that is not known.
    """

    begins: datetime
    ends: datetime
    free: bool = False
    price: Money | None = None


def cycles_from(plan: JsonObject) -> tuple[Cycle, ...]:
    """The cycles of a plan, in their order; empty if one of them cannot be read."""
    found: list[tuple[int, Cycle]] = []
    for data in children(plan, "billing_cycles"):
        frequency = child(data, "frequency")
        unit = (text(frequency, "interval_unit") or "").upper()
        every = integer(frequency, "interval_count")
        total = integer(data, "total_cycles")
        if unit not in _MONTHS | _DAYS:
            return ()
        trial = (text(data, "tenure_type") or "").upper() == "TRIAL"
        cycle = Cycle(
            unit,
            every=max(every if every is not None else 1, 1),
            total=max(total if total is not None else 1, 0),
            trial=trial,
            free=_is_free(data, trial=trial),
            price=optional_money_from(child(data, "pricing_scheme"), "fixed_price"),
        )
        found.append((integer(data, "sequence") or len(found) + 1, cycle))
    return tuple(cycle for _, cycle in sorted(found, key=lambda pair: pair[0]))


def _is_free(data: JsonObject, *, trial: bool) -> bool:
    """Whether a cycle costs nothing: it says so, or it is a trial without any price."""
    pricing = child(data, "pricing_scheme")
    price = optional_money_from(pricing, "fixed_price")
    return price.amount == 0 if price is not None else trial and not children(pricing, "tiers")


def trial_end(start: datetime, cycles: tuple[Cycle, ...], *, free: bool = False) -> datetime | None:
    """When the trials at the beginning of the plan are over; None if there is none.

    Args:
        start: when the first period begins; aware.
        cycles: of the plan.
        free: count only those that cost nothing.
    """
    end: datetime | None = start
    for cycle in cycles:
        if not cycle.trial or cycle.total == 0 or end is None or (free and not cycle.free):
            break
        end = shifted(end, cycle.unit, cycle.every * cycle.total)
    return end if end is not None and end > start else None


def shifted(start: datetime, unit: str, amount: int) -> datetime | None:
    """The time so many units later; the last day of the month where that has no such day. None beyond the calendar."""
    try:
        if unit in _DAYS:
            return start + timedelta(days=_DAYS[unit] * amount)
        months = start.year * 12 + start.month - 1 + _MONTHS[unit] * amount
        year, month = divmod(months, 12)
        return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError):
        return None


def period_around(start: datetime, cycles: tuple[Cycle, ...], moment: datetime) -> Period | None:
    """The period that the moment is in; None if it is in none. What is a little before a boundary counts as on it.

    Args:
        start: when the first period begins; aware.
        cycles: of the plan.
        moment: aware.
    """
    for period in _periods(start, cycles):
        if period.begins - moment > SLACK:
            return None
        if period.ends - moment > _slack_in(period):
            return period
    return None


def period_ending(start: datetime, cycles: tuple[Cycle, ...], moment: datetime) -> Period | None:
    """The period that ends at the moment, or so near to it that this must be meant; None if none does.

    Args:
        start: when the first period begins; aware.
        cycles: of the plan.
        moment: aware.
    """
    for period in _periods(start, cycles):
        if abs(period.ends - moment) <= _slack_in(period):
            return period
        if period.begins > moment:
            return None
    return None


def has_left_its_cycles(start: datetime, cycles: tuple[Cycle, ...], following: datetime) -> bool:
    """Whether another plan has begun periods that do not follow from the start.

    Args:
        start: when the first period began; aware.
        cycles: of the plan as it is now.
        following: when PayPal charges next; aware.
    """
    return following - start > SLACK and period_ending(start, cycles, following) is None


def _slack_in(period: Period) -> timedelta:
    return min(SLACK, (period.ends - period.begins) / 4)


def _periods(start: datetime, cycles: tuple[Cycle, ...]) -> Iterator[Period]:
    left = _MOST_PERIODS
    for cycle in cycles:
        begins = start
        for number in count(1):
            ends = shifted(start, cycle.unit, cycle.every * number)
            if ends is None or left <= 0:
                return
            yield Period(begins, ends, cycle.free, cycle.price)
            begins = ends
            left -= 1
            if cycle.total and number >= cycle.total:
                break
        start = begins
