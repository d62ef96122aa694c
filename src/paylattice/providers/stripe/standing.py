"""How a subscription stands: its status, what it is paid through, since when it owes.

Stripe's status alone does not tell whether money came: ``active`` lasts for the hour in which the invoice of a new period is a
draft, and ``past_due`` is also who has never paid an invoice that was sent to them. The latest invoice does, where it is
expanded; where it is not, as in events, what only it could tell is None.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ...jsonlike import JsonObject, child, text, timestamp
from ...models import SubscriptionStatus

__all__ = ["SUBSCRIPTION_STATUS", "paid_through", "payment_failed_at", "subscription_status", "trial_end"]

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
_ASKED = frozenset({"open", "uncollectible"})
"""An invoice with one of these statuses is owed."""
_SENT = "send_invoice"
_EARLY = timedelta(hours=1)
"""How long before a period its invoice may have been made; that of a trial is days older."""
_LATER = timedelta(days=1)
"""A trial that begins so long after its subscription is a gift to who has paid before."""


def subscription_status(data: JsonObject) -> SubscriptionStatus:
    """The status. Who owes the very first invoice has never paid, and is ``INCOMPLETE``, whatever Stripe calls it."""
    status = SUBSCRIPTION_STATUS.get(text(data, "status"), SubscriptionStatus.UNKNOWN)
    invoice = child(data, "latest_invoice")
    first = text(invoice, "billing_reason") == "subscription_create"
    if status in _OWING and first and text(invoice, "status") in _ASKED:
        return SubscriptionStatus.INCOMPLETE
    return status


def trial_end(data: JsonObject) -> datetime | None:
    """When the trial ends, or ended; None if it is over and was given to a subscription that had run before."""
    begins, made = timestamp(data, "trial_start"), timestamp(data, "start_date") or timestamp(data, "created")
    given = begins is not None and made is not None and begins - made > _LATER
    return None if given and text(data, "status") != "trialing" else timestamp(data, "trial_end")


def payment_failed_at(data: JsonObject) -> datetime | None:
    """When the payment of the latest invoice failed first, if it is owed: it is tried when it is finalized, or due on a day."""
    invoice = child(data, "latest_invoice")
    if SUBSCRIPTION_STATUS.get(text(data, "status")) not in _OWING or text(invoice, "status") not in _ASKED:
        return None
    if text(invoice, "collection_method") == _SENT:
        return timestamp(invoice, "due_date")
    if invoice.get("attempted") is False:
        return None
    return timestamp(child(invoice, "status_transitions"), "finalized_at") or timestamp(invoice, "created")


def paid_through(data: JsonObject, start: datetime | None, end: datetime | None) -> datetime | None:
    """Until when the subscription is covered; None if what came along does not tell.

    Args:
        data: the subscription.
        start: of the current period.
        end: of the current period.
    """
    status = subscription_status(data)
    if status is SubscriptionStatus.TRIALING:
        return timestamp(data, "trial_end") or end
    if status not in {SubscriptionStatus.ACTIVE, SubscriptionStatus.PAUSED} or end is None:
        return None
    invoice = child(data, "latest_invoice")
    if invoice:
        made = timestamp(invoice, "created")
        current = start is None or (made is not None and made >= start - _EARLY)
        return end if text(invoice, "status") == "paid" and current else None
    ended = timestamp(data, "trial_end")
    unproven = ended is not None and start is not None and ended >= start
    # Not known here: whether the first payment after the trial has arrived, and what a pause holds back.
    held = status is SubscriptionStatus.PAUSED or bool(child(data, "pause_collection"))
    return None if held or unproven else end
