"""What a change would cost: made on a copy of the subscription, by the rules that a change is made by."""

import copy
from datetime import datetime

from ...models import ChangePayment, ChangePreview, ChangeTime, InvoiceLine, Plan, SubscriptionStatus
from ...money import Money
from .invoices import drawn_up
from .state import SubscriptionRecord
from .terms import advance_of, bills_at_once, schedule, take_terms, wanted_terms
from .world import World

__all__ = ["preview"]

_NONE: tuple[InvoiceLine, ...] = ()
_NOT_BILLED = frozenset({SubscriptionStatus.PAUSED, SubscriptionStatus.UNPAID})
"""Those that the next period brings no invoice."""


def preview(
    world: World,
    subscription: SubscriptionRecord,
    plan: Plan | None,
    quantity: int | None,
    *,
    prorate: bool,
    when: ChangeTime | None,
    payment: ChangePayment,
) -> ChangePreview:
    """What the change would cost.

    Raises:
        Conflict: the change cannot be made.
        InvalidRequest: nothing would change, or what would cannot be sold, or paid so.
    """
    wanted = wanted_terms(subscription, plan, quantity, prorate=prorate, when=when, payment=payment)
    record = copy.copy(subscription)
    due_now, lines_now = Money(0, record.price.currency), _NONE
    if when == "period_end":
        schedule(record, wanted)
    else:
        restarts = take_terms(record, wanted, world.now, prorate=prorate)
        if restarts:
            record.next_period()
        if bills_at_once(record, payment, restarts=restarts):
            due_now, lines_now = drawn_up(record, advance_of(record, restarts=restarts))
    next_at, due_next, lines_next = _next_invoice(record) or (None, None, _NONE)
    return ChangePreview(
        subscription_id=record.id,
        due_now=due_now,
        due_next=due_next,
        next_at=next_at,
        lines_now=lines_now,
        lines_next=lines_next,
        provider=world.name,
    )


def _next_invoice(record: SubscriptionRecord) -> tuple[datetime, Money, tuple[InvoiceLine, ...]] | None:
    """When the next invoice is due, and what it asks for."""
    due = record.period_end
    if record.status in _NOT_BILLED:
        return None
    if not record.cancel_at_period_end:
        record.roll_over(due)
        return (due, *drawn_up(record, record.amount_per_period()))
    record.bring_usage()
    return (due, *drawn_up(record, 0)) if record.carried > 0 else None
