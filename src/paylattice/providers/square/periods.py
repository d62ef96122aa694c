"""When a period begins and ends. Square does not say: it gives a start date, phases with a cadence, and one date.

``charged_through_date`` is documented as the last day of the paid period; in several of Square's own examples it is the
next billing date instead. Both readings lead to the same boundary of the cadence, to which the date is snapped. Everything
here is about dates; :mod:`.states` says at which instant a date begins.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import attrs

from ...money import Money

__all__ = ["CADENCES", "Calendar", "Phase", "days_of"]

CADENCES: Mapping[str, tuple[str, int]] = {
    "DAILY": ("day", 1),
    "WEEKLY": ("week", 1),
    "EVERY_TWO_WEEKS": ("week", 2),
    "THIRTY_DAYS": ("day", 30),
    "SIXTY_DAYS": ("day", 60),
    "NINETY_DAYS": ("day", 90),
    "MONTHLY": ("month", 1),
    "EVERY_TWO_MONTHS": ("month", 2),
    "QUARTERLY": ("month", 3),
    "EVERY_FOUR_MONTHS": ("month", 4),
    "EVERY_SIX_MONTHS": ("month", 6),
    "ANNUAL": ("year", 1),
    "EVERY_TWO_YEARS": ("year", 2),
}
"""https://developer.squareup.com/reference/square/enums/SubscriptionCadence, as interval and count."""

_DAYS: Mapping[str, int] = {"day": 1, "week": 7}
_MONTHS: Mapping[str, int] = {"month": 1, "year": 12}
_NOMINAL_MONTH = 30
_NOMINAL_YEAR = 365
_MOST_PHASES = 50
_MONTHS_IN_A_YEAR = 12
_CLAMPED = timedelta(days=3)
"""How far the end of a month may move a boundary: from the 31st to the 28th."""
_LATE = timedelta(days=1)
"""How long after the beginning of its period an invoice may be made."""


@attrs.frozen
class Phase:
    """A stretch of a plan.

    Args:
        cadence: Square's word.
        periods: how many; None: it does not end.
        price: per period; None: none that is fixed.
        relative: whether the price is made from an order.
        discounted: whether Square takes a discount off it.
        ordinal: its place in the plan.
    """

    cadence: str | None
    periods: int | None = None
    price: Money | None = None
    relative: bool = False
    discounted: bool = False
    ordinal: int = 0

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged in it."""
        return not self.relative and (self.price is None or self.price.amount == 0)


def days_of(phases: Sequence[Phase]) -> int:
    """How many days the phases last; a month counts as 30, a year as 365."""
    days = 0
    for phase in phases:
        unit, count = CADENCES.get(phase.cadence or "", ("day", 0))
        nominal = {**_DAYS, "month": _NOMINAL_MONTH, "year": _NOMINAL_YEAR}[unit]
        days += nominal * count * (phase.periods or 0)
    return days


@attrs.frozen
class _Stretch:
    """A phase with the day on which it begins."""

    first: date
    phase: Phase
    unit: str
    count: int
    anchor: int | None

    def boundary(self, number: int) -> date | None:
        """The day on which the period of this number begins; None beyond the calendar."""
        try:
            if self.unit in _DAYS:
                return self.first + timedelta(days=_DAYS[self.unit] * self.count * number)
            return self._month_boundary(_MONTHS[self.unit] * self.count, number)
        except (OverflowError, ValueError):
            return None

    def _month_boundary(self, step: int, number: int) -> date:
        """Months are counted from the first day, so that the 31st comes back after a short month."""
        if number == 0:
            return self.first
        day = self.anchor or self.first.day
        early = self.anchor is not None and _on_day(self.first, 0, day) > self.first
        late = self.anchor is not None and _on_day(self.first, 0, day) < self.first
        if early:  # the anchor lies in the month of the start: the first period is a short one
            return _on_day(self.first, (number - 1) * step, day)
        if late:
            return _on_day(self.first, (number - 1) * step + 1, day)
        return _on_day(self.first, number * step, day)

    def numbers_near(self, day: date) -> Iterator[int]:
        """The numbers of the periods around a day, within the phase."""
        last = self.phase.periods
        if self.unit in _DAYS:
            about = (day - self.first).days // (_DAYS[self.unit] * self.count)
        else:
            months = (day.year - self.first.year) * _MONTHS_IN_A_YEAR + day.month - self.first.month
            about = months // (_MONTHS[self.unit] * self.count)
        about = max(0, about if last is None else min(about, last))
        for number in range(max(0, about - 2), about + 3):
            if last is None or number <= last:
                yield number

    @property
    def end(self) -> date | None:
        """The day on which the next phase begins; None if there is none."""
        return None if self.phase.periods is None else self.boundary(self.phase.periods)


def _on_day(start: date, months: int, day: int) -> date:
    total = start.year * _MONTHS_IN_A_YEAR + start.month - 1 + months
    year, month = divmod(total, _MONTHS_IN_A_YEAR)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError
    return date(year, month + 1, min(day, calendar.monthrange(year, month + 1)[1]))


class Calendar:
    """The boundaries of a subscription's periods.

    Args:
        start: the subscription's first day.
        phases: the plan's, in order.
        anchor: the day of the month on which is billed, if the subscription has one.
    """

    def __init__(self, start: date, phases: Sequence[Phase], anchor: int | None = None) -> None:
        self._stretches = tuple(_stretches(start, phases, anchor))

    def moved_to(self, first: date) -> "Calendar | None":
        """The boundaries if a period began on this day, which is near none of the boundaries; None if it is near one.

        A pause ends on a day of its own, and Square bills from there on.
        """
        stretch = self._stretch_on(first)
        if stretch is None or any(abs(first - day) <= _LATE for day in self._near(first)):
            return None
        return Calendar(first, (attrs.evolve(stretch.phase, periods=None),), stretch.anchor)

    def phases_from(self, day: date) -> tuple[Phase, ...]:
        """The phases that have not ended by the day."""
        return tuple(each.phase for each in self._stretches if each.end is None or each.end > day)

    def end_of(self, charged: date, *, exactly: bool = False) -> date | None:
        """The day after the period that is paid through this date; None if the date is near no boundary.

        Args:
            charged: as Square says it, in either reading.
            exactly: whether the date has to be the boundary, or the day before.
        """
        near = self._near(charged)
        after = charged + timedelta(days=1) if charged < date.max else charged
        for day in (after, charged):
            if day in near:
                return day
        for day in () if exactly else sorted(near, key=lambda other: abs(other - after)):
            return day if abs(day - after) <= _CLAMPED and self._is_monthly(day) else None
        return None

    def start_of(self, end: date) -> date | None:
        """The first day of the period that ends before this day."""
        return max((day for day in self._near(end) if day < end), default=None)

    def period_around(self, day: date) -> tuple[date, date] | None:
        """First day, and day after the last, of the period that the day is in."""
        near = self._near(day)
        before = max((boundary for boundary in near if boundary <= day), default=None)
        after = min((boundary for boundary in near if boundary > day), default=None)
        return None if before is None or after is None else (before, after)

    def phase_on(self, day: date) -> Phase | None:
        """The phase that the day is in; None before the first and after the last."""
        found = self._stretch_on(day)
        return found.phase if found else None

    def trial_end(self, day: date) -> date | None:
        """The day after the free phases that the day is in; None if it is in none, or they do not end."""
        current = self._stretch_on(day)
        if current is None or not current.phase.is_free:
            return None
        end = current.end
        for stretch in self._stretches:
            if stretch.first == end and stretch.phase.is_free:
                end = stretch.end
        return end

    def _stretch_on(self, day: date) -> _Stretch | None:
        found = [stretch for stretch in self._stretches if stretch.first <= day]
        if not found:
            return None
        end = found[-1].end
        return None if end is not None and day >= end else found[-1]

    def _near(self, day: date) -> set[date]:
        near = {stretch.boundary(number) for stretch in self._stretches for number in stretch.numbers_near(day)}
        return {boundary for boundary in near if boundary is not None}

    def _is_monthly(self, day: date) -> bool:
        found = [stretch for stretch in self._stretches if stretch.first <= day]
        return bool(found) and found[-1].unit in _MONTHS


def _stretches(start: date, phases: Sequence[Phase], anchor: int | None) -> Iterator[_Stretch]:
    first: date | None = start
    for phase in phases[:_MOST_PHASES]:
        interval = CADENCES.get(phase.cadence or "")
        if first is None or interval is None or (phase.periods is not None and phase.periods < 1):
            return
        stretch = _Stretch(first, phase, *interval, anchor)
        yield stretch
        first = stretch.end
