"""Which of an organisation's subscriptions an operation means: the one that is named, or else the only one that it can mean.

Nothing is done to one of several by a guess. Where an operation can mean more than one, the error names them.
"""

from collections.abc import Callable, Iterable, Sequence

from ..errors import Conflict, NotFound
from ..models import SubscriptionStatus
from .records import BillingSubscription

__all__ = [
    "has_begun",
    "is_ending",
    "is_not_ending",
    "is_paused",
    "named",
    "no_subscription",
    "owes",
    "the_one",
    "with_id",
]

_MOST_NAMED = 10


def the_one(
    stored: Sequence[BillingSubscription],
    operation: str,
    subscription_id: str | None,
    *,
    prefer: Callable[[BillingSubscription], bool] = lambda _each: True,
) -> BillingSubscription:
    """The subscription that an operation means.

    Without an id, the first of these groups that is not empty has to have exactly one: those that have begun, have not ended
    and that the operation prefers; those that have begun and have not ended; those that have not ended; those that have.

    Args:
        stored: all that the organisation has.
        operation: for the error.
        subscription_id: the provider's id of the subscription; None: none was named.
        prefer: what the operation can mean, if there is such a one.

    Raises:
        NotFound: there is none, or none of this id.
        Conflict: it can mean several.
    """
    if subscription_id is not None:
        return _only(with_id(stored, subscription_id), operation)
    current = [each for each in stored if not each.status.is_terminal]
    begun = [each for each in current if has_begun(each)]
    preferred = [each for each in begun if prefer(each)]
    return _only(preferred or begun or current or stored, operation)


def with_id(stored: Iterable[BillingSubscription], subscription_id: str) -> list[BillingSubscription]:
    """Those that their provider calls by an id: one, unless two providers use the same id."""
    return [each for each in stored if each.external_subscription_id == subscription_id]


def has_begun(subscription: BillingSubscription) -> bool:
    """Whether it is more than a page that was opened, or a first payment that has not come."""
    return subscription.status is not SubscriptionStatus.INCOMPLETE


def is_not_ending(subscription: BillingSubscription) -> bool:
    """Whether it goes on if nothing else happens."""
    return not subscription.status.is_terminal and subscription.cancel_at is None


def is_ending(subscription: BillingSubscription) -> bool:
    """Whether it goes on only until the end that is set."""
    return not subscription.status.is_terminal and subscription.cancel_at is not None


def is_paused(subscription: BillingSubscription) -> bool:
    """Whether the provider asks for no money at present."""
    return subscription.collection_paused or subscription.status is SubscriptionStatus.PAUSED


def owes(subscription: BillingSubscription) -> bool:
    """Whether a payment for it is owed."""
    return subscription.status in {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


def _only(several: Sequence[BillingSubscription], operation: str) -> BillingSubscription:
    if not several:
        raise no_subscription(operation)
    if len(several) > 1:
        message = (
            f"the organisation has {len(several)} subscriptions that this can mean: {named(several)}. "
            "Pass subscription_id= to choose one"
        )
        raise Conflict(message, operation=operation)
    return several[0]


def named(subscriptions: Iterable[BillingSubscription]) -> str:
    """Them, for a message: ids, plans and status, where they are; not too many."""
    each_of = list(subscriptions)
    words = [
        f"{each.external_subscription_id} ({each.plan_id or 'no plan'}, {each.status}, at {each.provider})"
        for each in each_of[:_MOST_NAMED]
    ]
    rest = len(each_of) - len(words)
    return ", ".join(words) + (f" and {rest} more" if rest else "")


def no_subscription(operation: str) -> NotFound:
    """The error for an organisation that has none, or none of the id that was named."""
    message = "the organisation has no subscription, or none with this id"
    return NotFound(message, operation=operation)
