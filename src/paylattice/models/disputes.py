"""A dispute and its status."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model

__all__ = ["Dispute", "DisputeCategory", "DisputeStatus"]


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


class DisputeCategory(StrEnum):
    """Why a payer disputes a payment, in words that are the same for every provider."""

    UNAUTHORIZED = "unauthorized"
    """The payer says that they did not pay, or does not recognize the payment."""
    NOT_RECEIVED = "not_received"
    """What was sold did not arrive."""
    NOT_AS_DESCRIBED = "not_as_described"
    """What was sold was not what was promised."""
    CANCELED = "canceled"
    """The payer says that they had canceled, or had given it back."""
    CREDIT_NOT_PROCESSED = "credit_not_processed"
    """The payer waits for a refund."""
    DUPLICATE = "duplicate"
    """The payer was charged twice, or has paid otherwise."""
    WRONG_AMOUNT = "wrong_amount"
    """The payer was charged another amount."""
    BANK = "bank"
    """The payer's bank or the card scheme has an objection of its own, for example to how the card was read."""
    OTHER = "other"
    """The payer gave another reason, or none."""
    UNKNOWN = "unknown"
    """The provider does not say, or has no word for it that is known here."""


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
        category: see :class:`DisputeCategory`.
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
    category: DisputeCategory = DisputeCategory.UNKNOWN
