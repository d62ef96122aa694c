"""How a subscription stands: its status, what it is paid through, since when it owes.

Stripe's status alone does not tell whether money came: ``active`` lasts for the hour in which the invoice of a new period is a
draft, and ``past_due`` is also who has never paid an invoice that was sent to them. The latest invoice does, where it is
expanded; where it is not, as in events, what only it could tell is None.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ...jsonlike import JsonObject, child, texts, timestamp
from ...models import SubscriptionStatus

__all__ = ["SUBSCRIPTION_STATUS", "Standing", "standing_of"]

SUBSCRIPTION_STATUS: Mapping[str | None, SubscriptionStatus] = {
    "active": SubscriptionStatus.ACTIVE,
    "canceled": SubscriptionStatus.CANCELED,
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.EXPIRED,
    "past_due": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAUSED,
    "trialing": SubscriptionStatus.TRIALING,
    "unpaid": SubscriptionStatus.UNPAID,
}
"""https://docs.stripe.com/api/subscriptions/object#subscription_object-status"""

_OWING = frozenset({SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID})
_COVERED = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.PAUSED})
_ASKED = frozenset({"open", "uncollectible"})
"""An invoice with one of these statuses is owed."""
_SENT = "send_invoice"
_EARLY = timedelta(hours=1)
"""How long before a period its invoice may have been made; that of a trial is days older."""
_LATER = timedelta(days=1)
"""A trial that begins so long after its subscription is a gift to who has paid before."""


class Standing(NamedTuple):
    """How a subscription stands.

    Args:
        status: the status. Who owes the very first invoice has never paid, and is ``INCOMPLETE``, whatever Stripe calls it.
        trial_end: when the trial ends, or ended; None if it is over and was given to a subscription that had run before.
        payment_failed_at: when the payment of the latest invoice failed first, if it is owed.
        paid_through: until when the subscription is covered; None if what came along does not tell.
    """

    status: SubscriptionStatus
    trial_end: datetime | None
    payment_failed_at: datetime | None
    paid_through: datetime | None


def standing_of(
    invoice: JsonObject,
    raw_status: str | None,
    *,
    start: datetime | None,
    end: datetime | None,
    made: datetime | None,
    trial_start: datetime | None,
    trial_end: datetime | None,
    is_held: bool,
) -> Standing:
    """How a subscription stands.

    Args:
        invoice: its latest one; empty if it did not come along.
        raw_status: Stripe's status.
        start: of the current period.
        end: of the current period.
        made: when it began.
        trial_start: when its trial began.
        trial_end: when its trial ends.
        is_held: whether its invoices are held back.
    """
    status = SUBSCRIPTION_STATUS.get(raw_status, SubscriptionStatus.UNKNOWN)
    reason = invoice_status = collection_method = None
    if invoice:
        reason, invoice_status, collection_method = texts(invoice, "billing_reason", "status", "collection_method")
    owes = status in _OWING and invoice_status in _ASKED
    failed_at = _failed_at(invoice, collection_method) if owes else None
    if owes and reason == "subscription_create":
        status = SubscriptionStatus.INCOMPLETE
    is_gift = trial_start is not None and made is not None and trial_start - made > _LATER
    own_trial_end = None if is_gift and status is not SubscriptionStatus.TRIALING else trial_end
    if status is SubscriptionStatus.TRIALING:
        return Standing(status, own_trial_end, failed_at, trial_end or end)
    paid_through: datetime | None = None
    if status in _COVERED and end is not None:
        if invoice:
            written = timestamp(invoice, "created")
            is_current = start is None or (written is not None and written >= start - _EARLY)
            paid_through = end if invoice_status == "paid" and is_current else None
        else:
            # Not known here: whether the first payment after the trial has arrived, and what a pause holds back.
            is_unproven = trial_end is not None and start is not None and trial_end >= start
            is_held = is_held or status is SubscriptionStatus.PAUSED
            paid_through = None if is_held or is_unproven else end
    return Standing(status, own_trial_end, failed_at, paid_through)


def _failed_at(invoice: JsonObject, collection_method: str | None) -> datetime | None:
    """When the payment of an invoice that is owed failed first: it is tried when it is finalized, or due on a day."""
    if collection_method == _SENT:
        return timestamp(invoice, "due_date")
    if invoice.get("attempted") is False:
        return None
    return timestamp(child(invoice, "status_transitions"), "finalized_at") or timestamp(invoice, "created")
