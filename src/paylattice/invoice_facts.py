"""Why an invoice was written and which period it bills, by its subscription, where the provider's invoice does not say it."""

from datetime import timedelta

import attrs

from .models import Invoice, InvoiceLine, InvoiceReason, Subscription

__all__ = ["described_by"]

_NEAR = timedelta(days=1)
"""An invoice of a period may be made so long before it; and the first period begins so soon after its subscription."""


def described_by(subscription: Subscription, invoice: Invoice) -> Invoice:
    """The invoice with reason, period and line, where the subscription has them and the invoice does not.

    Only the current period is known: of an older invoice, only whether it was the first.

    Args:
        subscription: as it is now.
        invoice: one of its invoices.
    """
    when, began = invoice.created_at or invoice.paid_at, subscription.created_at
    if when is None or invoice.subscription_id not in {None, subscription.id}:
        return invoice
    start, end = invoice.period_start, invoice.period_end
    begins, ends = subscription.current_period_start, subscription.current_period_end
    if end is None and begins is not None and ends is not None and begins - _NEAR <= when < ends:
        start, end = begins, ends
    reason = invoice.reason
    if reason is InvoiceReason.UNKNOWN:
        after_trial = subscription.trial_end is not None and when >= subscription.trial_end - _NEAR
        if began is not None:
            first = when - began < _NEAR and not after_trial
            reason = InvoiceReason.FIRST if first else InvoiceReason.RENEWAL
    lines = invoice.lines or (
        InvoiceLine(
            amount=invoice.amount,
            plan_id=subscription.plan_id,
            quantity=subscription.quantity,
            period_start=start,
            period_end=end,
            provider=invoice.provider,
        ),
    )
    return attrs.evolve(invoice, reason=reason, period_start=start, period_end=end, lines=lines)
