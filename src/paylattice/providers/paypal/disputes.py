"""PayPal's disputes, as pure functions over https://developer.paypal.com/docs/api/customer-disputes/v1/."""

from collections.abc import Mapping

from ...jsonlike import JsonObject, child, children, identity, rfc3339, text
from ...models import Dispute, DisputeCategory, DisputeStatus
from .amounts import optional_money_from

__all__ = ["DISPUTE_CATEGORY", "DISPUTE_OUTCOME", "DISPUTE_STATUS", "dispute_from"]

DISPUTE_STATUS: Mapping[str | None, DisputeStatus] = {
    "OPEN": DisputeStatus.UNDER_REVIEW,
    "WAITING_FOR_BUYER_RESPONSE": DisputeStatus.UNDER_REVIEW,
    "WAITING_FOR_SELLER_RESPONSE": DisputeStatus.NEEDS_RESPONSE,
    "UNDER_REVIEW": DisputeStatus.UNDER_REVIEW,
}
"""The status while nothing is decided. For RESOLVED, the outcome decides."""

DISPUTE_OUTCOME: Mapping[str | None, DisputeStatus] = {
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    "RESOLVED_WITH_PAYOUT": DisputeStatus.WON,
    "CANCELED_BY_BUYER": DisputeStatus.CLOSED,
    "ACCEPTED": DisputeStatus.LOST,
    "DENIED": DisputeStatus.WON,
    "NONE": DisputeStatus.CLOSED,
}
"""The outcome code in a dispute. With a payout, PayPal paid the buyer itself, and the merchant keeps the money."""

DISPUTE_CATEGORY: Mapping[str | None, DisputeCategory] = {
    "CANCELED_RECURRING_BILLING": DisputeCategory.CANCELED,
    "CREDIT_NOT_PROCESSED": DisputeCategory.CREDIT_NOT_PROCESSED,
    "DUPLICATE_TRANSACTION": DisputeCategory.DUPLICATE,
    "INCORRECT_AMOUNT": DisputeCategory.WRONG_AMOUNT,
    "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED": DisputeCategory.NOT_AS_DESCRIBED,
    "MERCHANDISE_OR_SERVICE_NOT_RECEIVED": DisputeCategory.NOT_RECEIVED,
    "OTHER": DisputeCategory.OTHER,
    "PAYMENT_BY_OTHER_MEANS": DisputeCategory.DUPLICATE,
    "PROBLEM_WITH_REMITTANCE": DisputeCategory.OTHER,
    "UNAUTHORISED": DisputeCategory.UNAUTHORIZED,
}
"""https://developer.paypal.com/docs/api/customer-disputes/v1/#definition-dispute_reason"""


def dispute_from(data: JsonObject) -> Dispute:
    """A dispute. It takes the first of several disputed transactions; PayPal makes one dispute for each."""
    raw_status = text(data, "status")
    outcome = text(child(data, "dispute_outcome"), "outcome_code")
    if raw_status == "RESOLVED" or outcome is not None:
        status = DISPUTE_OUTCOME.get(outcome, DisputeStatus.UNKNOWN)
    else:
        status = DISPUTE_STATUS.get(raw_status, DisputeStatus.UNKNOWN)
    reason = text(data, "reason")
    disputed = children(data, "disputed_transactions")
    return Dispute(
        id=identity(data, "dispute_id", "dispute"),
        payment_id=(text(disputed[0], "seller_transaction_id") or None) if disputed else None,
        amount=optional_money_from(data, "dispute_amount"),
        reason=reason.lower() if reason else None,
        status=status,
        evidence_due_at=rfc3339(data, "seller_response_due_date") if not status.is_over else None,
        outcome=outcome.lower() if outcome else None,
        created_at=rfc3339(data, "create_time"),
        raw_status=raw_status,
        category=DISPUTE_CATEGORY.get(reason, DisputeCategory.UNKNOWN),
        provider="paypal",
        raw=data,
    )
