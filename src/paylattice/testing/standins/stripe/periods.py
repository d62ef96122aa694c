"""When billing periods begin and end, and what a part of one costs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import clock

__all__ = ["add_months", "period_after", "share"]

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def add_months(seconds: int, months: int) -> int:
    """The same day and time so many months later, or that month's last day."""
    return int(clock.add_months(datetime.fromtimestamp(seconds, UTC), months).timestamp())


def period_after(anchor: int, recurring: Mapping[str, Any], moment: int) -> tuple[int, int]:
    """The period that holds the moment; periods are counted from the anchor, so that the 31st stays the 31st."""
    number = 0
    start = anchor
    while True:
        number += 1
        end = _boundary(anchor, recurring, number)
        if end > moment:
            return start, end
        start = end


def share(amount: int, start: int, end: int, now: int) -> int:
    """What the rest of a period costs, in whole cents, half a cent up."""
    left = max(0, end - now)
    whole = end - start
    return (2 * amount * left + whole) // (2 * whole)


def _boundary(anchor: int, recurring: Mapping[str, Any], number: int) -> int:
    steps = number * recurring["interval_count"]
    interval = recurring["interval"]
    if interval in _DAYS:
        return anchor + int(timedelta(days=_DAYS[interval] * steps).total_seconds())
    return add_months(anchor, _MONTHS[interval] * steps)
