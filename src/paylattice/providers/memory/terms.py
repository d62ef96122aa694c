"""What a change makes of a subscription, and what of that is billed at once: by these rules a change is made, and previewed.

They change the record that they are given, and nothing else.
"""

from datetime import datetime

from ...errors import Conflict, InvalidRequest
from ...models import ChangePayment, ChangeTime, Plan, SubscriptionStatus
from .plans import check_price, price_of
from .state import SubscriptionRecord, Terms

__all__ = ["advance_of", "bills_at_once", "schedule", "take_terms", "wanted_terms"]


def wanted_terms(
    record: SubscriptionRecord,
    plan: Plan | None,
    quantity: int | None,
    *,
    prorate: bool,
    when: ChangeTime | None,
    payment: ChangePayment,
) -> Terms:
    """What the subscription is to be to.

    Raises:
        Conflict: it has ended, or ends with its period, or has not begun, or is paused.
        InvalidRequest: nothing would change, or what would cannot be sold, or paid so.
    """
    later = when == "period_end"
    wanted = _terms(record, plan, quantity)
    if (later or not prorate) and payment != "invoice":
        message = "there is nothing to pay now: leave payment, or prorate and when, as they are"
        raise InvalidRequest(message, param="payment")
    if later and record.cancel_at_period_end:
        message = "the subscription ends with its period: uncancel it first"
        raise Conflict(message)
    restarts = not later and not record.same_rhythm(wanted) and not record.in_trial
    if restarts and record.status is SubscriptionStatus.PAUSED:
        message = "a subscription that is paused cannot take up another billing period: resume it first"
        raise Conflict(message)
    return wanted


def _terms(record: SubscriptionRecord, plan: Plan | None, quantity: int | None) -> Terms:
    if record.status.is_terminal or record.status is SubscriptionStatus.INCOMPLETE:
        message = f"a subscription that is {record.status} cannot be changed"
        raise Conflict(message)
    if plan is None and quantity is not None and record.plan.metered:
        message = "a metered plan has no quantity: report usage with create_usage_record"
        raise InvalidRequest(message, param="quantity", code="metered")
    plan = plan or record.plan
    quantity = quantity or record.quantity
    is_same = plan.id == record.plan.id and (plan.metered or quantity == record.quantity)
    if is_same and record.scheduled is None:
        message = "the subscription has this plan and quantity already"
        raise InvalidRequest(message, param="plan_id", code="nothing_changes")
    price = price_of(plan)
    if price.currency != record.price.currency:
        message = f"the plan has no price in {record.price.currency}, which the subscription is in"
        raise InvalidRequest(message, param="plan_id", code="currency_mismatch")
    check_price(plan, quantity)
    return Terms(plan, price, quantity)


def schedule(record: SubscriptionRecord, wanted: Terms) -> None:
    """Let it be to these terms from the next period on."""
    record.scheduled = None if wanted == record.terms else wanted


def take_terms(record: SubscriptionRecord, wanted: Terms, now: datetime, *, prorate: bool) -> bool:
    """Let it be to these terms now, and carry what the rest of the period costs more, or less.

    Returns:
        Whether another period begins now.
    """
    before, billed = record.amount_per_period(), record.billed
    old = record.share_left(before, now)
    record.bring_usage()
    restarts = record.take(wanted, now)
    if prorate and billed:
        after = 0 if restarts else record.share_left(record.amount_per_period(), now)
        record.carried += after - old
    return restarts


def advance_of(record: SubscriptionRecord, *, restarts: bool) -> int:
    """What an invoice for the change asks for in advance, besides what is carried."""
    return record.amount_per_period() if restarts else 0


def bills_at_once(record: SubscriptionRecord, payment: ChangePayment, *, restarts: bool) -> bool:
    """Whether the change, whose terms it has taken, is billed at once. Another period always is, unless it is unpaid."""
    if restarts:
        return payment == "first" or record.status is not SubscriptionStatus.UNPAID
    return payment != "invoice" and record.carried > 0
