"""Dates of billing: cadences, and what day it is for a subscription."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..clock import add_months
from .refusals import bad

__all__ = ["CADENCES", "boundary", "cadence_for", "date_from", "midnight", "today", "zone_for"]

CADENCES: Mapping[str, tuple[int, int]] = {
    "DAILY": (1, 0),
    "WEEKLY": (7, 0),
    "EVERY_TWO_WEEKS": (14, 0),
    "THIRTY_DAYS": (30, 0),
    "SIXTY_DAYS": (60, 0),
    "NINETY_DAYS": (90, 0),
    "MONTHLY": (0, 1),
    "EVERY_TWO_MONTHS": (0, 2),
    "QUARTERLY": (0, 3),
    "EVERY_FOUR_MONTHS": (0, 4),
    "EVERY_SIX_MONTHS": (0, 6),
    "ANNUAL": (0, 12),
    "EVERY_TWO_YEARS": (0, 24),
}
"""https://developer.squareup.com/reference/square/enums/SubscriptionCadence, in days and months."""

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def cadence_for(interval: str, count: int) -> str:
    """Square's word for a period of so many intervals.

    Raises:
        ValueError: Square has none.
    """
    wanted = (_DAYS.get(interval, 0) * count, _MONTHS.get(interval, 0) * count)
    for cadence, length in CADENCES.items():
        if length == wanted:
            return cadence
    message = f"Square has no subscription cadence of {count} x {interval}"
    raise ValueError(message)


def boundary(first: date, cadence: str, number: int) -> date:
    """The day on which the period of a number begins; counted from the first, so that the 31st comes back."""
    days, months = CADENCES[cadence]
    if days:
        return first + timedelta(days=days * number)
    return add_months(datetime.combine(first, time()), months * number).date()


def zone_for(name: str, field: str) -> ZoneInfo:
    """The time zone.

    Raises:
        Refusal: there is none of the name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise bad("INVALID_VALUE", f"{name!r} is not an IANA time zone.", field) from None


def date_from(text: str, field: str) -> date:
    """A date that was sent.

    Raises:
        Refusal: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad("INVALID_DATE", f"{text!r} is not a YYYY-MM-DD date.", field) from None


def today(now: datetime, subscription: Mapping[str, Any]) -> date:
    """What day it is for a subscription."""
    return now.astimezone(ZoneInfo(subscription["timezone"])).date()


def midnight(day: date, subscription: Mapping[str, Any]) -> datetime:
    """When a day begins for it."""
    return datetime.combine(day, time(), ZoneInfo(subscription["timezone"])).astimezone(UTC)
