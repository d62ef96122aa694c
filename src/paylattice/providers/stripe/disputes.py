"""Stripe's disputes, as pure functions over https://docs.stripe.com/api/disputes/object."""

from collections.abc import Mapping

from ...jsonlike import JsonObject, child, identity, reference, text, timestamp
from ...models import Dispute, DisputeCategory, DisputeStatus
from .amounts import optional_money_from

__all__ = ["DISPUTE_CATEGORY", "DISPUTE_STATUS", "dispute_from"]

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

DISPUTE_CATEGORY: Mapping[str | None, DisputeCategory] = {
    "bank_cannot_process": DisputeCategory.BANK,
    "check_returned": DisputeCategory.BANK,
    "credit_not_processed": DisputeCategory.CREDIT_NOT_PROCESSED,
    "customer_initiated": DisputeCategory.OTHER,
    "debit_not_authorized": DisputeCategory.UNAUTHORIZED,
    "duplicate": DisputeCategory.DUPLICATE,
    "fraudulent": DisputeCategory.UNAUTHORIZED,
    "general": DisputeCategory.OTHER,
    "incorrect_account_details": DisputeCategory.BANK,
    "insufficient_funds": DisputeCategory.BANK,
    "noncompliant": DisputeCategory.BANK,
    "product_not_received": DisputeCategory.NOT_RECEIVED,
    "product_unacceptable": DisputeCategory.NOT_AS_DESCRIBED,
    "subscription_canceled": DisputeCategory.CANCELED,
    "unrecognized": DisputeCategory.UNAUTHORIZED,
}
"""https://docs.stripe.com/api/disputes/object#dispute_object-reason"""


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
        category=DISPUTE_CATEGORY.get(text(data, "reason"), DisputeCategory.UNKNOWN),
        provider="stripe",
        raw=data,
    )
