"""Usage: which reports count."""

from datetime import datetime, timedelta

from ...errors import Conflict, InvalidRequest
from .plans import LARGEST
from .state import SubscriptionRecord

__all__ = ["check_usage"]

_LATEST = timedelta(minutes=5)
_OLDEST = timedelta(days=35)


def check_usage(record: SubscriptionRecord, quantity: int, when: datetime | None, now: datetime) -> None:
    """Refuse usage that cannot be billed.

    Args:
        record: the subscription.
        quantity: how many units.
        when: when they were used; aware. None: now.
        now: the simulated time.

    Raises:
        Conflict: the subscription has ended.
        InvalidRequest: the plan is not metered, the time is too far away, or it would cost too much.
    """
    if not record.plan.metered:
        message = "the item's plan is not metered: it is billed by quantity"
        raise InvalidRequest(message, param="subscription_item_id", code="not_metered")
    if record.status.is_terminal:
        message = f"the subscription is {record.status}"
        raise Conflict(message)
    if not now - _OLDEST <= (when or now) <= now + _LATEST:
        message = "usage can be reported for the past 35 days, and at most 5 minutes ahead"
        raise InvalidRequest(message, param="timestamp", code="timestamp_out_of_range")
    if record.price.amount * (record.usage + quantity) > LARGEST:
        message = "so much usage would cost more than an invoice can hold"
        raise InvalidRequest(message, param="quantity")
