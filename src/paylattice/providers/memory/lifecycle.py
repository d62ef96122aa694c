"""The life of a subscription, as one table.

Rule 1: everything that changes a subscription's status is a row here; nothing else sets it.
"""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from ...errors import Conflict
from ...events import EventType
from ...models import SubscriptionStatus

__all__ = ["TABLE", "Transition", "Trigger", "transition"]


class Trigger(StrEnum):
    """What can happen to a subscription."""

    TRIAL_STARTED = "trial started"
    FIRST_PAYMENT_SUCCEEDED = "first payment succeeded"
    FIRST_PAYMENT_PENDING = "first payment pending"
    FIRST_PAYMENT_FAILED = "first payment failed"
    PAYMENT_SUCCEEDED = "payment succeeded"
    PAYMENT_FAILED = "payment failed"
    DEBT_FORGIVEN = "debt forgiven"
    RETRIES_EXHAUSTED = "retries exhausted"
    RETRIES_EXHAUSTED_FOR_GOOD = "retries exhausted for good"
    PAUSED = "paused"
    RESUMED = "resumed"
    RESUMED_IN_TRIAL = "resumed in trial"
    CANCELED = "canceled"


@attrs.frozen
class Transition:
    """One row: from a status (None: there is no subscription yet), by a trigger, to a status; told by an event."""

    start: SubscriptionStatus | None
    trigger: Trigger
    end: SubscriptionStatus
    event: EventType


_S, _T, _E = SubscriptionStatus, Trigger, EventType

TABLE: tuple[Transition, ...] = (
    Transition(None, _T.TRIAL_STARTED, _S.TRIALING, _E.SUBSCRIPTION_CREATED),
    Transition(None, _T.FIRST_PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_CREATED),
    Transition(None, _T.FIRST_PAYMENT_PENDING, _S.INCOMPLETE, _E.SUBSCRIPTION_CREATED),
    Transition(_S.INCOMPLETE, _T.PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.INCOMPLETE, _T.FIRST_PAYMENT_FAILED, _S.EXPIRED, _E.SUBSCRIPTION_EXPIRED),
    Transition(_S.INCOMPLETE, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.TRIALING, _T.PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_RENEWED),
    Transition(_S.TRIALING, _T.PAYMENT_FAILED, _S.PAST_DUE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.TRIALING, _T.PAUSED, _S.PAUSED, _E.SUBSCRIPTION_PAUSED),
    Transition(_S.TRIALING, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.ACTIVE, _T.PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_RENEWED),
    Transition(_S.ACTIVE, _T.PAYMENT_FAILED, _S.PAST_DUE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.ACTIVE, _T.PAUSED, _S.PAUSED, _E.SUBSCRIPTION_PAUSED),
    Transition(_S.ACTIVE, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.PAST_DUE, _T.PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.PAST_DUE, _T.PAYMENT_FAILED, _S.PAST_DUE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.PAST_DUE, _T.DEBT_FORGIVEN, _S.ACTIVE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.PAST_DUE, _T.RETRIES_EXHAUSTED, _S.UNPAID, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.PAST_DUE, _T.RETRIES_EXHAUSTED_FOR_GOOD, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.PAST_DUE, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.UNPAID, _T.PAYMENT_SUCCEEDED, _S.ACTIVE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.UNPAID, _T.DEBT_FORGIVEN, _S.ACTIVE, _E.SUBSCRIPTION_UPDATED),
    Transition(_S.UNPAID, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
    Transition(_S.PAUSED, _T.RESUMED, _S.ACTIVE, _E.SUBSCRIPTION_RESUMED),
    Transition(_S.PAUSED, _T.RESUMED_IN_TRIAL, _S.TRIALING, _E.SUBSCRIPTION_RESUMED),
    Transition(_S.PAUSED, _T.CANCELED, _S.CANCELED, _E.SUBSCRIPTION_CANCELED),
)

_ROWS: Mapping[tuple[SubscriptionStatus | None, Trigger], Transition] = {(row.start, row.trigger): row for row in TABLE}


def transition(start: SubscriptionStatus | None, trigger: Trigger) -> Transition:
    """The row for what happens to a subscription in a status.

    Raises:
        Conflict: this cannot happen to it.
    """
    row = _ROWS.get((start, trigger))
    if row is None:
        message = f"a subscription that is {start or 'not there'} cannot be {trigger}"
        raise Conflict(message)
    return row
