"""What a change of a subscription would cost, before anything is changed."""

from datetime import datetime

import attrs

from ..money import Money
from .base import Model
from .invoices import InvoiceLine, line_tuple

__all__ = ["ChangePreview"]


@attrs.frozen
class ChangePreview(Model):
    """What a change of a subscription would cost, if it were made now.

    Show the payer ``due_now`` before they agree, and ``due_next`` with its day. Taxes, discounts and a credit of the customer
    are in both amounts, and may be missing in the lines. Of a price, the rest of a period is counted by the second: a change
    that is made later costs a little less, or credits less.

    Args:
        subscription_id: the provider's id of the subscription.
        due_now: what is billed at once. Zero: nothing is. Negative: a credit, which the next invoices use up; no money is
            paid back.
        due_next: what the next invoice is expected to ask for; usage that is reported until then comes in addition. Zero: a
            credit covers it. None: there is no invoice, because the subscription ends or is paused.
        next_at: when that invoice is due; UTC. None: there is none, or the provider does not say.
        lines_now: what ``due_now`` consists of. Empty: nothing is billed at once.
        lines_next: what ``due_next`` consists of. A line with ``proration`` is for a part of a period; the others are the price
            of the new period, and usage.
    """

    subscription_id: str
    due_now: Money
    due_next: Money | None = None
    next_at: datetime | None = None
    lines_now: tuple[InvoiceLine, ...] = attrs.field(default=(), converter=line_tuple, repr=False)
    lines_next: tuple[InvoiceLine, ...] = attrs.field(default=(), converter=line_tuple, repr=False)

    @property
    def prorated_next(self) -> Money:
        """How much of the next invoice is for parts of periods. An upgrade adds that to it once, a downgrade takes it off."""
        parts = [line.amount.amount for line in self.lines_next if line.proration]
        return Money(sum(parts), self.due_now.currency)
