"""What a subscription's invoices say: which are paid, which are owed and since when.

Square's dates tell until when a subscription is invoiced, not until when it is paid:
https://developer.squareup.com/reference/square/objects/Subscription.
"""

from collections.abc import Sequence
from datetime import datetime

from ...jsonlike import JsonObject, children, text
from .times import day_of, midnight, moment_of, zone_of
from .wire import is_automatic, overdue_from

__all__ = ["counting", "failed_at", "is_asked", "is_owed", "is_paid"]

_PAID = frozenset({"PAID", "REFUNDED", "PARTIALLY_REFUNDED"})
_OWED = frozenset({"UNPAID", "PARTIALLY_PAID", "FAILED"})
_UNDER_WAY = frozenset({"PAYMENT_PENDING", "SCHEDULED"})
_COUNTING = _PAID | _OWED | _UNDER_WAY
"""The others (drafts, canceled ones, unknown statuses) say nothing about the subscription."""


def counting(invoices: Sequence[JsonObject]) -> list[JsonObject]:
    """The invoices that say something about the subscription."""
    return [invoice for invoice in invoices if text(invoice, "status") in _COUNTING]


def is_paid(invoice: JsonObject) -> bool:
    """Whether the money came, even if some of it was given back."""
    return text(invoice, "status") in _PAID


def is_asked(invoice: JsonObject) -> bool:
    """Whether money is asked for and has not come."""
    return text(invoice, "status") in _OWED


def is_owed(invoice: JsonObject, now: datetime, *, has_card: bool) -> bool:
    """Whether it should have been paid by now: its day is over, or the card on file could not be charged."""
    over = overdue_from(invoice)
    return is_asked(invoice) and ((over is not None and over <= now) or (has_card and not is_automatic(invoice)))


def failed_at(invoices: Sequence[JsonObject], now: datetime, *, has_card: bool) -> datetime | None:
    """When the oldest payment that is owed failed; UTC; None: the invoices that were read do not say it.

    Args:
        invoices: those that count, the newest first.
        now: aware.
        has_card: whether there is a card on file to charge.
    """
    found: list[datetime] = []
    for invoice in invoices:
        if is_paid(invoice):
            break
        when = _failed_at(invoice, has_card=has_card) if is_asked(invoice) else None
        if when is not None and when <= now:
            found.append(when)
    return min(found, default=None)


def _failed_at(invoice: JsonObject, *, has_card: bool) -> datetime | None:
    """The card on file is charged once, on the day of the invoice; who is to pay by themselves has until the end of a day."""
    if not has_card or is_automatic(invoice):
        return overdue_from(invoice)
    days = [day for request in children(invoice, "payment_requests") if (day := day_of(request, "due_date"))]
    charged = midnight(min(days), zone_of(text(invoice, "timezone"))) if days else None
    return max((moment for moment in (charged, moment_of(invoice, "created_at")) if moment is not None), default=None)
