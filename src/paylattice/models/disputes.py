"""A dispute and its status."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model

__all__ = ["Dispute", "DisputeStatus"]


class DisputeStatus(StrEnum):
    """The status of a dispute. Only LOST takes money away for good: WON and CLOSED do not."""

    NEEDS_RESPONSE = "needs_response"
    """You have to send evidence, or an answer to the payer."""
    UNDER_REVIEW = "under_review"
    """The bank or the provider decides, or waits for the payer."""
    WON = "won"
    LOST = "lost"
    """The bank or the provider decided against you, or you accepted the claim."""
    CLOSED = "closed"
    """It ended without moving money, because the payer withdrew the claim or an inquiry became no dispute."""
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        """Whether the dispute has ended."""
        return self in {DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.CLOSED}


@attrs.frozen
class Dispute(Model):
    """A payer's claim, at the bank or at the provider, that a payment was wrong: a chargeback, or an inquiry before one.

    Args:
        id: the provider's id.
        payment_id: the payment. None: the provider does not say. At PayPal this is the transaction: a
            capture or a sale.
        amount: the disputed amount, which can be less than the payment. None: the provider does not say.
        reason: the provider's own reason, in lower case.
        status: see :class:`DisputeStatus`.
        evidence_due_at: the deadline for your evidence; UTC. None: no answer is needed, or the provider does not say.
        outcome: how it ended, in the provider's own word, in lower case. None: it has not ended.
        created_at: UTC.
        raw_status: the provider's own status.
    """

    id: str
    payment_id: str | None = None
    amount: Money | None = None
    reason: str | None = None
    status: DisputeStatus = DisputeStatus.UNKNOWN
    evidence_due_at: datetime | None = None
    outcome: str | None = None
    created_at: datetime | None = None
    raw_status: str | None = None
