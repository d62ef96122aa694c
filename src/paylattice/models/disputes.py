"""A dispute and its status."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model

__all__ = ["Dispute", "DisputeStatus"]


class DisputeStatus(StrEnum):
    """Where a dispute is. Only LOST takes money away for good: WON and CLOSED do not."""

    NEEDS_RESPONSE = "needs_response"
    """The merchant is asked: for evidence, or for an answer to the payer."""
    UNDER_REVIEW = "under_review"
    """The bank, or the provider, decides; or the payer is asked."""
    WON = "won"
    LOST = "lost"
    """It was decided against the merchant, or the merchant accepted it."""
    CLOSED = "closed"
    """It is over, and no money moved: an inquiry that became no dispute, or a claim that was withdrawn."""
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        """Whether it is decided, one way or the other."""
        return self in {DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.CLOSED}


@attrs.frozen
class Dispute(Model):
    """A payer's claim, at the bank or at the provider, that a payment was wrong: a chargeback, or an inquiry before one.

    Args:
        id: the provider's id.
        payment_id: the payment; None where the provider does not say. At PayPal this is what it calls the transaction: a
            capture or a sale.
        amount: what is disputed, which can be less than the payment; None where the provider does not say.
        reason: why, in the provider's own word, in lower case.
        status: see :class:`DisputeStatus`.
        evidence_due_at: until when the merchant may answer; UTC; None: nothing is to be answered, or it does not say.
        outcome: how it ended, in the provider's own word, in lower case; None: it has not.
        created_at: UTC.
        raw_status: the provider's own word for the status.
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
