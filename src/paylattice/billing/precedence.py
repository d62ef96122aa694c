"""Which of an organisation's subscriptions counts, where it has several."""

from collections.abc import Sequence
from datetime import UTC, datetime

from .records import BillingSubscription

__all__ = ["LONG_AGO", "first", "rank"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def rank(subscription: BillingSubscription | None) -> tuple[int, datetime]:
    """What to order by, the one that counts last: access before none, alive before ended, then the newest."""
    if subscription is None:
        return 0, LONG_AGO
    status = subscription.status
    place = 3 if status.grants_access else 2 if status.is_current else 1
    return place, subscription.created_at or LONG_AGO


def first(subscriptions: Sequence[BillingSubscription]) -> BillingSubscription | None:
    """The one that counts; of two that count alike, the one that was inserted later."""
    return max(reversed(subscriptions), key=rank, default=None)
