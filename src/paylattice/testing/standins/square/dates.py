"""Dates of billing: cadences, and what day it is for a subscription."""

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .refusals import bad

__all__ = ["CADENCES", "add_months", "boundary", "date_from", "midnight", "today", "zone_for"]

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

_YEAR = 12


def boundary(first: date, cadence: str, number: int) -> date:
    """The day on which the period of a number begins; counted from the first, so that the 31st comes back."""
    days, months = CADENCES[cadence]
    if days:
        return first + timedelta(days=days * number)
    return _later(first, months * number)


def _later(first: date, months: int) -> date:
    year, month = divmod(first.year * _YEAR + first.month - 1 + months, _YEAR)
    return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later, or that month's last day."""
    return datetime.combine(_later(moment.date(), months), moment.timetz())


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
