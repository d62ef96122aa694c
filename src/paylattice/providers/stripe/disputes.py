"""Stripe's disputes, as pure functions over https://docs.stripe.com/api/disputes/object."""

from collections.abc import Mapping

from ...jsonlike import JsonObject, child, identity, reference, text, timestamp
from ...models import Dispute, DisputeStatus
from .amounts import optional_money_from

__all__ = ["DISPUTE_STATUS", "dispute_from"]

DISPUTE_STATUS: Mapping[str | None, DisputeStatus] = {
    "warning_needs_response": DisputeStatus.NEEDS_RESPONSE,
    "warning_under_review": DisputeStatus.UNDER_REVIEW,
    "warning_closed": DisputeStatus.CLOSED,
    "needs_response": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.CLOSED,
    "appeal_needs_response": DisputeStatus.NEEDS_RESPONSE,
    "appeal_under_review": DisputeStatus.UNDER_REVIEW,
}
"""A warning is an inquiry: it takes no money, and can become a dispute. What was prevented was refunded beforehand."""


def dispute_from(data: JsonObject) -> Dispute:
    """A dispute. The payment of an old one may be a charge without a PaymentIntent, which goes by the charge's id."""
    raw_status = text(data, "status")
    status = DISPUTE_STATUS.get(raw_status, DisputeStatus.UNKNOWN)
    return Dispute(
        id=identity(data, "id", "dispute"),
        payment_id=reference(data, "payment_intent") or reference(data, "charge"),
        amount=optional_money_from(data, "amount"),
        reason=text(data, "reason"),
        status=status,
        evidence_due_at=timestamp(child(data, "evidence_details"), "due_by") if not status.is_over else None,
        outcome=raw_status if status.is_over else None,
        created_at=timestamp(data, "created"),
        raw_status=raw_status,
        provider="stripe",
        raw=data,
    )
