"""What of a stored subscription changed, and the words for it: derived here, for all providers alike.

A provider tells a change in its own way, twice, or not at all. What is stored before and after is the same everywhere. So these
words come from the change alone, once for each, whichever event brought it.
"""

from datetime import datetime

import attrs

from ..events import EventType, WebhookEvent
from ..models import SubscriptionStatus
from .records import BillingSubscription

__all__ = ["SubscriptionStateChange", "changes_between", "words_of", "words_of_a_reading"]

_E = EventType


@attrs.frozen
class SubscriptionStateChange:
    """What an event changed in the stored subscription. All False: nothing, or there is none.

    Args:
        status: whether the status changed, or the subscription was stored for the first time.
        plan: whether the plan changed.
        quantity: whether the quantity changed.
        period: whether another period began.
        cancellation: whether it was set to end, or is not set to end any more.
        words: the shared words for it.
    """

    status: bool = False
    plan: bool = False
    quantity: bool = False
    period: bool = False
    cancellation: bool = False
    words: tuple[EventType, ...] = ()


def changes_between(previous: BillingSubscription | None, current: BillingSubscription) -> SubscriptionStateChange:
    """Compare the record before with the record after.

    Args:
        previous: before; None: there was none.
        current: after.
    """
    if previous is None:
        first = [EventType.of_status(current.status)]
        if current.status.is_current:
            first.append(_E.SUBSCRIPTION_STARTED)
        if current.status is SubscriptionStatus.CANCELED:
            first.append(_E.SUBSCRIPTION_ENDED)
        return SubscriptionStateChange(status=True, words=tuple(word for word in first if word is not None))
    status = previous.status is not current.status
    plan = previous.plan_id != current.plan_id and None not in {previous.plan_id, current.plan_id}
    quantity = previous.quantity != current.quantity
    period = _is_later(previous, current)
    cancellation = _is_set_to_end(previous) is not _is_set_to_end(current) and not current.status.is_terminal
    words: list[EventType | None] = []
    if status:
        words.append(EventType.of_status(current.status))
        words += _turns(previous.status, current.status)
    if previous.collection_paused is not current.collection_paused and not current.status.is_terminal:
        words.append(_E.SUBSCRIPTION_PAUSED if current.collection_paused else _E.SUBSCRIPTION_RESUMED)
    if plan:
        words.append(_E.SUBSCRIPTION_PLAN_CHANGED)
    if quantity:
        words.append(_E.SUBSCRIPTION_QUANTITY_CHANGED)
    if period:
        words.append(_E.SUBSCRIPTION_RENEWED)
    if cancellation:
        scheduled = _is_set_to_end(current)
        words.append(_E.SUBSCRIPTION_CANCELLATION_SCHEDULED if scheduled else _E.SUBSCRIPTION_CANCELLATION_WITHDRAWN)
    told = tuple(dict.fromkeys(word for word in words if word is not None))
    return SubscriptionStateChange(status, plan, quantity, period, cancellation, told)


def _turns(before: SubscriptionStatus, after: SubscriptionStatus) -> list[EventType | None]:
    """What a change of status means in the life of a subscription. One that was never paid for has not ended: it expired."""
    if not before.is_current and after.is_current:
        return [_E.SUBSCRIPTION_STARTED]
    if before is SubscriptionStatus.PAUSED and after.is_current:
        return [_E.SUBSCRIPTION_RESUMED]
    if after.is_terminal and not before.is_terminal and before is not SubscriptionStatus.INCOMPLETE:
        return [_E.SUBSCRIPTION_ENDED]
    return []


def _is_set_to_end(record: BillingSubscription) -> bool:
    return record.cancel_at is not None and not record.status.is_terminal


def _is_later(previous: BillingSubscription, current: BillingSubscription) -> bool:
    """Whether another period began. Where the provider tells no beginning, by its end."""
    if not (previous.status.is_current and current.status.is_current):
        return False
    begins = previous.current_period_start, current.current_period_start
    if None in begins:
        return _after(previous.current_period_end, current.current_period_end)
    return _after(*begins)


def _after(before: datetime | None, now: datetime | None) -> bool:
    return before is not None and now is not None and now > before


def words_of_a_reading(change: SubscriptionStateChange) -> tuple[EventType, ...]:
    """The words for a state that was read without an event: the provider's own event will find nothing changed any more."""
    changed = change.plan or change.quantity or change.period or change.cancellation
    return (EventType.SUBSCRIPTION_UPDATED, *change.words) if changed else change.words


def words_of(event: WebhookEvent, change: SubscriptionStateChange, *, observed: bool) -> tuple[str, ...]:
    """The words whose handlers run: the event's own, and those of what changed; the latter once for each change.

    A word for a change is told by the change, whichever event brought it; so it is not repeated for an event of that name that
    changed nothing any more.

    Args:
        event: what the provider told.
        change: what of the stored subscription changed with it.
        observed: whether the event brought a state of a subscription.
    """
    changed = change.words
    if isinstance(event.type, EventType) and event.type.is_derived and observed:
        return changed
    return (event.type, *changed)
