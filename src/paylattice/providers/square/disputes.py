"""Square's disputes, as pure functions over https://developer.squareup.com/reference/square/objects/Dispute."""

from collections.abc import Mapping

from ...jsonlike import JsonObject, child, identity, text
from ...models import Dispute, DisputeCategory, DisputeStatus
from .amounts import optional_money_from
from .times import moment_of

__all__ = ["DISPUTE_CATEGORY", "DISPUTE_STATUS", "dispute_from"]

DISPUTE_STATUS: Mapping[str | None, DisputeStatus] = {
    "INQUIRY_EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "INQUIRY_PROCESSING": DisputeStatus.UNDER_REVIEW,
    "INQUIRY_CLOSED": DisputeStatus.CLOSED,
    "EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "PROCESSING": DisputeStatus.UNDER_REVIEW,
    "WON": DisputeStatus.WON,
    "LOST": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
}
"""https://developer.squareup.com/reference/square/enums/DisputeState; who accepts a dispute has lost it."""

DISPUTE_CATEGORY: Mapping[str | None, DisputeCategory] = {
    "AMOUNT_DIFFERS": DisputeCategory.WRONG_AMOUNT,
    "CANCELLED": DisputeCategory.CANCELED,
    "CUSTOMER_REQUESTS_CREDIT": DisputeCategory.CREDIT_NOT_PROCESSED,
    "DUPLICATE": DisputeCategory.DUPLICATE,
    "EMV_LIABILITY_SHIFT": DisputeCategory.BANK,
    "NO_KNOWLEDGE": DisputeCategory.UNAUTHORIZED,
    "NOT_AS_DESCRIBED": DisputeCategory.NOT_AS_DESCRIBED,
    "NOT_RECEIVED": DisputeCategory.NOT_RECEIVED,
    "PAID_BY_OTHER_MEANS": DisputeCategory.DUPLICATE,
}
"""https://developer.squareup.com/reference/square/enums/DisputeReason"""


def dispute_from(data: JsonObject) -> Dispute:
    """A dispute, of either version of its id."""
    raw_status, reason = text(data, "state"), text(data, "reason")
    status = DISPUTE_STATUS.get(raw_status, DisputeStatus.UNKNOWN)
    return Dispute(
        id=text(data, "id") or identity(data, "dispute_id", "dispute"),
        payment_id=text(child(data, "disputed_payment"), "payment_id") or None,
        amount=optional_money_from(data, "amount_money"),
        reason=reason.lower() if reason else None,
        status=status,
        evidence_due_at=moment_of(data, "due_at") if not status.is_over else None,
        outcome=raw_status.lower() if raw_status and status.is_over else None,
        created_at=moment_of(data, "created_at"),
        raw_status=raw_status,
        category=DISPUTE_CATEGORY.get(reason, DisputeCategory.UNKNOWN),
        provider="square",
        raw=data,
    )
