"""A payment, and the refunds of it."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..frozen import FrozenMap
from ..money import Money
from .base import NOTHING, Model, id_tuple, string_map

__all__ = ["Payment", "PaymentStatus", "Refund", "RefundStatus"]


class PaymentStatus(StrEnum):
    """Where a payment is."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"
    """The payer's bank, or the provider, took the money back: a dispute was lost, or a payment reversed."""
    UNKNOWN = "unknown"


class RefundStatus(StrEnum):
    """Where a refund is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@attrs.frozen
class Payment(Model):
    """A payment: a one-off one, or that of an invoice.

    Args:
        id: the provider's id.
        amount: what was asked for.
        status: see :class:`PaymentStatus`.
        customer_id: the provider's id of the customer, if any.
        amount_captured: what has been taken; of a payment in several parts, by those that came. With ``UNKNOWN`` it can be
            less than ``amount``: some parts came, and others never will.
        refunded: what has been given back, or is on its way back; None: nothing, or the provider does not say how much.
        payment_method_id: what it was charged to.
        description: for people.
        metadata: the application's own words.
        created_at: UTC.
        raw_status: the provider's own word for the status.
        invoice_id: the invoice that it paid; None: none, or the provider does not say.
        subscription_id: the subscription that it paid for; likewise.
    """

    id: str
    amount: Money
    status: PaymentStatus = PaymentStatus.UNKNOWN
    customer_id: str | None = None
    amount_captured: Money | None = None
    refunded: Money | None = None
    payment_method_id: str | None = None
    description: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    created_at: datetime | None = None
    raw_status: str | None = None
    invoice_id: str | None = None
    subscription_id: str | None = None


@attrs.frozen
class Refund(Model):
    """Money given back. A refund can fail after it was accepted: watch ``refund.failed``.

    Args:
        id: the provider's id; of several refunds together, that of the first of them.
        amount: what is given back, by all of them together.
        status: see :class:`RefundStatus`; SUCCEEDED once none is pending, UNKNOWN if some of several failed.
        payment_id: the payment.
        reason: for people.
        created_at: UTC.
        raw_status: the provider's own word for the status.
        part_ids: the ids of all, where the provider needed several refunds for what was asked for: each has events of its
            own. Empty where one was enough.
        invoice_id: the invoice that the payment had paid; None: none, or the provider does not say.
    """

    id: str
    amount: Money
    status: RefundStatus = RefundStatus.UNKNOWN
    payment_id: str | None = None
    reason: str | None = None
    created_at: datetime | None = None
    raw_status: str | None = None
    part_ids: tuple[str, ...] = attrs.field(default=(), converter=id_tuple)
    invoice_id: str | None = None
