"""Who may use the product, and until when: a pure function of the stored subscriptions, the time and a policy.

The status says whether there is access; the stored facts say until when: the end of the trial, the paid time, a failed
payment, paused collection. A fact that is None is not known. Then the status and the period alone decide.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

from ..construction import check_instance, refused
from ..models import SubscriptionStatus
from .records import BillingSubscription

__all__ = [
    "DEFAULT_POLICY",
    "LONG_AGO",
    "Access",
    "AccessPolicy",
    "AccessReason",
    "access_of",
    "access_over",
    "answers",
]

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class AccessReason(StrEnum):
    """Why access is allowed or denied."""

    ACTIVE = "active"
    TRIAL = "trial"
    ENDING = "ending"
    """Active, and set to end with the period."""
    PAID_THROUGH = "paid_through"
    """Canceled, but paid up to a later day."""
    GRACE = "grace"
    """A payment failed recently."""
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    """Paused, or active with its invoices held back. Access is allowed for the paid time, or if the policy allows it."""
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"
    RENEWAL_UNCONFIRMED = "renewal_unconfirmed"
    """The period has been over for a while without news of a renewal. Webhooks may be failing."""
    NO_SUBSCRIPTION = "no_subscription"
    OTHER_PLAN = "other_plan"
    """There are subscriptions, but none to the given plans."""
    UNKNOWN = "unknown"


def _length(_owner: object, field: "attrs.Attribute[timedelta]", value: object) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise refused(f"AccessPolicy({field.name}=...)", value, "a timedelta, 0 or more", "timedelta(days=7), say")


def _choice(_owner: object, field: "attrs.Attribute[bool]", value: object) -> None:
    check_instance(f"AccessPolicy({field.name}=...)", value, bool, "True or False")


@attrs.frozen
class AccessPolicy:
    """Your rules for access.

    Args:
        past_due_grace: how long access continues after a failed payment, for a customer who has paid before.
        renewal_slack: how long access continues after the end of a period without news of a renewal.
        allow_paused: whether a paused subscription still grants access after the paid time.
        allow_unpaid: whether a subscription still grants access after the provider has stopped retrying.
        unpaid_trial_grace: the grace for a customer who has never paid: after a free trial, or while the setup fee is
            overdue.

    Raises:
        ConfigurationError: an argument is of another type, or a negative duration.
    """

    past_due_grace: timedelta = attrs.field(default=timedelta(days=7), validator=_length)
    renewal_slack: timedelta = attrs.field(default=timedelta(days=3), validator=_length)
    allow_paused: bool = attrs.field(default=False, validator=_choice)
    allow_unpaid: bool = attrs.field(default=False, validator=_choice)
    unpaid_trial_grace: timedelta = attrs.field(default=timedelta(0), validator=_length)


@attrs.frozen
class Access:
    """Whether the product may be used, why, and until when.

    Args:
        allowed: whether the product may be used now.
        reason: why.
        until: when that changes if nothing else happens, UTC. None: no such time is known.
        subscription: the subscription that decides: it grants access, or it explains why there is none. None: the organisation
            has none that could.
        others: the result for each of the organisation's other subscriptions.
        quantity: how many units all subscriptions that grant access have together. A metered one counts as 1.
    """

    allowed: bool
    reason: AccessReason
    until: datetime | None = None
    subscription: BillingSubscription | None = None
    others: tuple["Access", ...] = ()
    quantity: int = 0

    def __bool__(self) -> bool:
        return self.allowed


DEFAULT_POLICY = AccessPolicy()
_LAST = datetime.max.replace(tzinfo=UTC)


def answers(
    stored: Sequence[BillingSubscription], now: datetime, policy: AccessPolicy = DEFAULT_POLICY
) -> list[Access]:
    """Return the access of each of an organisation's subscriptions at a time, the primary one first.

    This is the rule for the primary subscription: one that grants access before one that does not, then a current one
    before one that has ended, then the newest.

    Args:
        stored: all subscriptions of the organisation. Of two equal ones, the one inserted later comes first.
        now: an aware datetime.
        policy: your rules.
    """
    return sorted((access_of(each, now, policy) for each in reversed(stored)), key=_standing, reverse=True)


def access_over(
    stored: Sequence[BillingSubscription],
    now: datetime,
    policy: AccessPolicy = DEFAULT_POLICY,
    plans: Collection[str] | None = None,
) -> Access:
    """Return whether any of an organisation's subscriptions grants access at a time.

    Args:
        stored: all subscriptions of the organisation.
        now: an aware datetime.
        policy: your rules.
        plans: the provider's ids of the plans that count. None: all.
    """
    each_of = answers(stored, now, policy)
    count = [each for each in each_of if _is_of(each, plans)]
    rest = [
        Access(allowed=False, reason=AccessReason.OTHER_PLAN, subscription=each.subscription)
        for each in each_of
        if not _is_of(each, plans)
    ]
    first = count[0] if count else access_of(None, now, policy)
    quantity = sum(each.quantity for each in count)
    return attrs.evolve(first, others=(*count[1:], *rest), quantity=quantity)


def _is_of(answer: Access, plans: Collection[str] | None) -> bool:
    return plans is None or (answer.subscription is not None and answer.subscription.plan_id in plans)


def _standing(answer: Access) -> tuple[bool, int, datetime]:
    subscription = answer.subscription
    if subscription is None:
        return answer.allowed, 0, LONG_AGO
    status = subscription.status
    place = 3 if status.grants_access else 2 if status.is_current else 1
    return answer.allowed, place, subscription.created_at or LONG_AGO


def access_of(subscription: BillingSubscription | None, now: datetime, policy: AccessPolicy = DEFAULT_POLICY) -> Access:
    """Return whether a subscription grants access at a time.

    Args:
        subscription: as stored; None: there is none.
        now: an aware datetime.
        policy: your rules.
    """
    if subscription is None:
        return Access(False, AccessReason.NO_SUBSCRIPTION)
    answer = _by_status(subscription, now, policy)
    quantity = 1 if subscription.quantity is None else subscription.quantity
    return attrs.evolve(answer, subscription=subscription, quantity=quantity if answer.allowed else 0)


def _by_status(subscription: BillingSubscription, now: datetime, policy: AccessPolicy) -> Access:
    match subscription.status:
        case SubscriptionStatus.ACTIVE | SubscriptionStatus.TRIALING:
            if subscription.collection_paused and not policy.allow_paused:
                return _while_paid_for(AccessReason.PAUSED, subscription, now)
            return _running(subscription, now, policy)
        case SubscriptionStatus.PAST_DUE:
            return _in_grace(subscription, now, policy)
        case SubscriptionStatus.UNPAID:
            return _held(policy.allow_unpaid, AccessReason.UNPAID, subscription, now)
        case SubscriptionStatus.PAUSED:
            if policy.allow_paused:
                return _held(policy.allow_paused, AccessReason.PAUSED, subscription, now)
            return _while_paid_for(AccessReason.PAUSED, subscription, now)
        case SubscriptionStatus.CANCELED | SubscriptionStatus.EXPIRED:
            until = subscription.paid_through if subscription.cancel_at is None else subscription.cancel_at
            if until is not None and now < until:
                return Access(True, AccessReason.PAID_THROUGH, until)
            return Access(False, AccessReason.CANCELED)
        case SubscriptionStatus.INCOMPLETE:
            return Access(False, AccessReason.INCOMPLETE)
        case _:
            return Access(False, AccessReason.UNKNOWN)


def _running(subscription: BillingSubscription, now: datetime, policy: AccessPolicy) -> Access:
    ends = subscription.cancel_at
    if ends is not None and now >= ends:
        return Access(False, AccessReason.CANCELED)
    trial = subscription.status is SubscriptionStatus.TRIALING
    over = subscription.trial_end if trial and subscription.trial_end is not None else subscription.current_period_end
    trusted = _after(over, policy.renewal_slack)
    if trusted is not None and now >= trusted:
        return Access(False, AccessReason.RENEWAL_UNCONFIRMED)
    until = _earliest(trusted, ends)
    if ends is not None:
        return Access(True, AccessReason.ENDING, until)
    return Access(True, AccessReason.TRIAL if trial else AccessReason.ACTIVE, until)


def _in_grace(subscription: BillingSubscription, now: datetime, policy: AccessPolicy) -> Access:
    """Grace runs from the failed payment, even if the customer has paid for a longer time: the debt remains."""
    grace = policy.past_due_grace if _has_ever_paid(subscription) else policy.unpaid_trial_grace
    since = _unpaid_since(subscription)
    until = _earliest(_after(since, grace), subscription.cancel_at) if since is not None else None
    if until is not None and now < until:
        return Access(True, AccessReason.GRACE, until)
    return Access(False, AccessReason.PAST_DUE)


def _held(allowed: bool, reason: AccessReason, subscription: BillingSubscription, now: datetime) -> Access:
    """The policy alone decides, as long as the subscription has not ended."""
    ends = subscription.cancel_at
    if not allowed:
        return Access(False, reason)
    return Access(True, reason, ends) if ends is None or now < ends else Access(False, AccessReason.CANCELED)


def _while_paid_for(reason: AccessReason, subscription: BillingSubscription, now: datetime) -> Access:
    """Access continues through the paid time, or the free trial."""
    paid = [each for each in (subscription.paid_through, subscription.trial_end) if each is not None]
    until = _earliest(max(paid), subscription.cancel_at) if paid else None
    return Access(True, reason, until) if until is not None and now < until else Access(False, reason)


def _has_ever_paid(subscription: BillingSubscription) -> bool:
    """Whether money has arrived since the trial. If the paid time is not known, a period after the first one proves it."""
    trial = subscription.trial_end
    paid = subscription.paid_through or subscription.current_period_start
    return trial is None or paid is None or paid > trial


def _unpaid_since(subscription: BillingSubscription) -> datetime | None:
    """When the payment failed: the provider's time, else when billing first saw it.

    If billing sees the failure late, but knows that the customer paid up to an earlier day, the grace starts on that day.
    """
    if subscription.payment_failed_at is not None:
        return subscription.payment_failed_at
    if subscription.status_since is not None:
        return _earliest(subscription.status_since, subscription.paid_through)
    # A record from before these fields existed: the period began with it, or ended before it was read.
    end, read = subscription.current_period_end, subscription.updated_at
    over = end is not None and read is not None and end <= read
    return end if over else subscription.current_period_start or read or end


def _earliest(*times: datetime | None) -> datetime | None:
    return min((each for each in times if each is not None), default=None)


def _after(start: datetime | None, span: timedelta) -> datetime | None:
    """The time plus the span, at most the end of the calendar."""
    if start is None:
        return None
    return start + span if span <= _LAST - start else _LAST
