"""Who may use the product now, and until when. A pure function of the stored subscription, the time and a policy."""

from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from ..models import SubscriptionStatus
from .records import BillingSubscription

__all__ = ["Access", "AccessPolicy", "AccessReason", "access_of"]


class AccessReason(StrEnum):
    """Why access is, or is not, allowed."""

    ACTIVE = "active"
    TRIAL = "trial"
    ENDING = "ending"
    """Active, and set to end at the end of the period."""
    PAID_THROUGH = "paid_through"
    """Canceled, but paid for until a later day."""
    GRACE = "grace"
    """A payment failed not long ago."""
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"
    RENEWAL_UNCONFIRMED = "renewal_unconfirmed"
    """The period has been over for a while and nothing was heard of a renewal; webhooks may be failing."""
    NO_SUBSCRIPTION = "no_subscription"
    UNKNOWN = "unknown"


@attrs.frozen
class AccessPolicy:
    """What the application decides.

    Args:
        past_due_grace: how long access goes on after a renewal could not be paid.
        renewal_slack: how long after the end of a period an active subscription is believed without news of a renewal.
        allow_paused: whether a paused subscription still grants access.
        allow_unpaid: whether a subscription whose retries are used up still does.
    """

    past_due_grace: timedelta = timedelta(days=7)
    renewal_slack: timedelta = timedelta(days=3)
    allow_paused: bool = False
    allow_unpaid: bool = False


@attrs.frozen
class Access:
    """The answer.

    Args:
        allowed: whether the product may be used now.
        reason: why.
        until: when that changes if nothing else happens, UTC; None: no such time is known.
    """

    allowed: bool
    reason: AccessReason
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.allowed


DEFAULT_POLICY = AccessPolicy()


def access_of(subscription: BillingSubscription | None, now: datetime, policy: AccessPolicy = DEFAULT_POLICY) -> Access:
    """Whether the subscription allows access at a time.

    Args:
        subscription: as stored; None: there is none.
        now: an aware datetime.
        policy: what the application decides.
    """
    if subscription is None:
        return Access(False, AccessReason.NO_SUBSCRIPTION)
    match subscription.status:
        case SubscriptionStatus.ACTIVE | SubscriptionStatus.TRIALING:
            return _running(subscription, now, policy)
        case SubscriptionStatus.PAST_DUE:
            since = _unpaid_since(subscription)
            until = _earlier(since + policy.past_due_grace, subscription.cancel_at) if since else None
            if until is not None and now < until:
                return Access(True, AccessReason.GRACE, until)
            return Access(False, AccessReason.PAST_DUE)
        case SubscriptionStatus.UNPAID:
            return _held(policy.allow_unpaid, AccessReason.UNPAID, subscription, now)
        case SubscriptionStatus.PAUSED:
            return _held(policy.allow_paused, AccessReason.PAUSED, subscription, now)
        case SubscriptionStatus.CANCELED | SubscriptionStatus.EXPIRED:
            if subscription.cancel_at is not None and now < subscription.cancel_at:
                return Access(True, AccessReason.PAID_THROUGH, subscription.cancel_at)
            return Access(False, AccessReason.CANCELED)
        case SubscriptionStatus.INCOMPLETE:
            return Access(False, AccessReason.INCOMPLETE)
        case _:
            return Access(False, AccessReason.UNKNOWN)


def _running(subscription: BillingSubscription, now: datetime, policy: AccessPolicy) -> Access:
    ends = subscription.cancel_at
    if ends is not None and now >= ends:
        return Access(False, AccessReason.CANCELED)
    period_end = subscription.current_period_end
    believed = period_end + policy.renewal_slack if period_end is not None else None
    if believed is not None and now >= believed:
        return Access(False, AccessReason.RENEWAL_UNCONFIRMED)
    until = _earlier(believed, ends)
    if ends is not None:
        return Access(True, AccessReason.ENDING, until)
    trial = subscription.status is SubscriptionStatus.TRIALING
    return Access(True, AccessReason.TRIAL if trial else AccessReason.ACTIVE, until)


def _held(allowed: bool, reason: AccessReason, subscription: BillingSubscription, now: datetime) -> Access:
    """What the policy alone decides, as long as the subscription has not come to its end."""
    ends = subscription.cancel_at
    if not allowed:
        return Access(False, reason)
    return Access(True, reason, ends) if ends is None or now < ends else Access(False, AccessReason.CANCELED)


def _unpaid_since(subscription: BillingSubscription) -> datetime | None:
    """When the payment failed: at the start of the period, or at its end where it was over when the state was read.

    Not later than it was seen to be past due: the next period, unpaid too, grants no grace of its own.
    """
    end, read = subscription.current_period_end, subscription.updated_at
    over = end is not None and read is not None and end <= read
    failed = end if over else subscription.current_period_start or read or end
    return _earlier(failed, subscription.status_since)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
