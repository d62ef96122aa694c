"""The primary subscription of an organisation that has several."""

from collections.abc import Sequence
from datetime import UTC, datetime

from .records import BillingSubscription

__all__ = ["LONG_AGO", "primary", "rank"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def rank(subscription: BillingSubscription | None) -> tuple[int, datetime]:
    """What to order by, the primary one last: access before none, current before ended, then the newest."""
    if subscription is None:
        return 0, LONG_AGO
    status = subscription.status
    place = 3 if status.grants_access else 2 if status.is_current else 1
    return place, subscription.created_at or LONG_AGO


def primary(subscriptions: Sequence[BillingSubscription]) -> BillingSubscription | None:
    """The primary one; of two that rank alike, the one that was inserted later."""
    return max(reversed(subscriptions), key=rank, default=None)
