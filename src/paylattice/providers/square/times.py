"""Square's times and dates: timestamps that are not always well-formed, and dates that mean a day somewhere."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ...jsonlike import JsonObject, text

__all__ = ["day_of", "midnight", "moment_of", "stamp", "today", "zone_of"]

_LOOSE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?\s*(?:Z|UTC|([+-])(\d{2}):?(\d{2})(?: UTC)?)?"
)
_LONGEST = 64


def moment_of(data: JsonObject, key: str) -> datetime | None:
    """A timestamp, in UTC; one without a zone is in UTC. None for everything that is no such time.

    RFC 3339 with up to nine decimals, and what Square's own examples hold besides: months of one digit, ``+0000 UTC``.
    """
    value = text(data, key)
    if value is None or len(value) > _LONGEST:
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return _loose(value)
    try:
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _loose(value: str) -> datetime | None:
    found = _LOOSE.fullmatch(value.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        when = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, UTC)
        return when - offset
    except (ValueError, OverflowError):
        return None


def day_of(data: JsonObject, key: str) -> date | None:
    """A date, ``YYYY-MM-DD``; None for everything that is none."""
    value = text(data, key)
    if value is None or len(value) != len("YYYY-MM-DD"):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def zone_of(name: str | None) -> tzinfo:
    """The IANA time zone; UTC where there is none of the name."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # no key at all, an unknown one, the name of a folder
        return UTC


def midnight(day: date, zone: tzinfo) -> datetime | None:
    """The instant at which the day begins there, in UTC; None beyond the calendar."""
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        return None


def today(now: datetime, zone: tzinfo) -> date:
    """The date that it is there."""
    return now.astimezone(zone).date()


def stamp(when: datetime) -> str:
    """The time as Square takes it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
