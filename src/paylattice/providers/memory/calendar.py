"""When billing periods end."""

import calendar
from datetime import datetime, timedelta

__all__ = ["add_months", "period_boundary"]


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later, or that month's last day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def period_boundary(anchor: datetime, interval: str, count: int, number: int) -> datetime:
    """When period ``number`` ends, counted from the anchor, so that the 31st stays the 31st after a short month."""
    match interval:
        case "day":
            return anchor + timedelta(days=count * number)
        case "week":
            return anchor + timedelta(weeks=count * number)
        case "year":
            return add_months(anchor, 12 * count * number)
        case _:
            return add_months(anchor, count * number)
