"""A payment and its refunds."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..declines import DeclineReason
from ..frozen import FrozenMap
from ..money import Money
from .base import NOTHING, Model, id_tuple, string_map

__all__ = ["Payment", "PaymentStatus", "Refund", "RefundStatus"]


class PaymentStatus(StrEnum):
    """The status of a payment."""

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
    """The payer's bank, or the provider, took the money back after a lost dispute or a reversal."""
    UNKNOWN = "unknown"


class RefundStatus(StrEnum):
    """The status of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@attrs.frozen
class Payment(Model):
    """A one-off payment, or the payment of an invoice.

    Args:
        id: the provider's id.
        amount: the requested amount.
        status: see :class:`PaymentStatus`.
        customer_id: the provider's id of the customer, if any.
        amount_captured: the captured amount; for a payment in several parts, the sum of the paid ones. With ``UNKNOWN`` it can
            be less than ``amount``: some parts were paid, and others never will be. With ``AUTHORIZED``, too: the rest is
            still reserved.
        refunded: the refunded amount, pending refunds included. None: nothing, or the provider does not say how much.
        payment_method_id: the charged payment method.
        description: the description that the payer sees.
        metadata: your own keys and values.
        created_at: UTC.
        raw_status: the provider's own status.
        invoice_id: the invoice that it paid. None: none, or the provider does not say.
        subscription_id: the subscription that it paid for. None: none, or the provider does not say.
        capture_before: until when the provider reserves the money of an authorized payment; UTC. None: nothing is reserved, or
            the provider does not say.
        fee: what the provider keeps of the captured amount; in the currency of your balance. None: the provider does not say,
            or not yet.
        net: what is left of the captured amount for you, before refunds; in the same currency as ``fee``. None: as for ``fee``.
        decline_reason: why it was declined. None: it was not, or the provider does not say in the payment.
        decline_code: the provider's own code for that.
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
    capture_before: datetime | None = None
    fee: Money | None = None
    net: Money | None = None
    decline_reason: DeclineReason | None = None
    decline_code: str | None = None


@attrs.frozen
class Refund(Model):
    """A refund of a payment. It can fail after the provider accepted it: watch ``refund.failed``.

    Args:
        id: the provider's id; the first one, if the refund consists of several.
        amount: the refunded amount; the sum, if the refund consists of several.
        status: see :class:`RefundStatus`. Of several: SUCCEEDED once none is pending, UNKNOWN if some failed.
        payment_id: the payment.
        reason: the reason that you gave.
        created_at: UTC.
        raw_status: the provider's own status.
        part_ids: all ids, if the provider needed several refunds; each has its own events. Empty if one was enough.
        invoice_id: the invoice that the payment had paid. None: none, or the provider does not say.
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
