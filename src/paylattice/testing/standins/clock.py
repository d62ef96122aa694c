"""Simulated time: it stands still until a test lets it pass, and then everything that is due happens in order."""

import calendar
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeAlias

__all__ = ["Due", "add_months", "advance_to"]

Due: TypeAlias = "tuple[Any, Callable[[], object]]"
"""When something happens, and what."""

_YEAR = 12


class _Timed(Protocol):
    now: Any


def add_months(moment: datetime, months: int) -> datetime:
    """Return the same day and time so many months later, or that month's last day."""
    year, month = divmod(moment.year * _YEAR + moment.month - 1 + months, _YEAR)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def advance_to(world: _Timed, until: Any, agenda: Callable[[], Iterable[Due]]) -> None:
    """Advance the time, and let everything happen on the way.

    Args:
        world: whose ``now`` moves.
        until: the time to arrive at, in the world's own way of writing it.
        agenda: what is going to happen, in any order; asked again after each thing that happened.
    """
    while True:
        due = [entry for entry in agenda() if entry[0] <= until]
        if not due:
            world.now = max(world.now, until)
            return
        when, act = min(due, key=lambda entry: entry[0])
        world.now = max(world.now, when)
        act()
