"""An invoice, its lines, and the reason for it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model, id_tuple
from .payments import PaymentStatus

__all__ = ["Invoice", "InvoiceLine", "InvoiceReason", "InvoiceStatus", "line_tuple"]


class InvoiceStatus(StrEnum):
    """The status of an invoice."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    UNKNOWN = "unknown"

    @property
    def payment_status(self) -> PaymentStatus:
        """The payment status that corresponds to this status."""
        return _INVOICE_AS_PAYMENT[self]


_INVOICE_AS_PAYMENT: Mapping[InvoiceStatus, PaymentStatus] = {
    InvoiceStatus.DRAFT: PaymentStatus.PENDING,
    InvoiceStatus.OPEN: PaymentStatus.PENDING,
    InvoiceStatus.PAID: PaymentStatus.SUCCEEDED,
    InvoiceStatus.VOID: PaymentStatus.CANCELED,
    InvoiceStatus.UNCOLLECTIBLE: PaymentStatus.FAILED,
    InvoiceStatus.UNKNOWN: PaymentStatus.UNKNOWN,
}


class InvoiceReason(StrEnum):
    """The reason for an invoice."""

    FIRST = "first"
    """The first invoice of a subscription, for its first period or its trial."""
    RENEWAL = "renewal"
    """An invoice for a new period of a subscription, also for the first one after a trial."""
    CHANGE = "change"
    """The cost of a change within a period."""
    MANUAL = "manual"
    """An invoice that you created yourself, without a subscription or outside its periods."""
    UNKNOWN = "unknown"


@attrs.frozen
class InvoiceLine(Model):
    """One line of an invoice.

    Args:
        amount: what the line adds to the total; negative for a credit.
        plan_id: the plan that it bills, if any.
        quantity: of the plan, or of the usage. None: the provider does not say.
        proration: whether it corrects a part of a period, after a change.
        period_start: the start of the period that it bills; UTC. None: the provider does not say.
        period_end: the end of that period; UTC. None: the provider does not say.
        description: the text of the line.
    """

    amount: Money
    plan_id: str | None = None
    quantity: int | None = None
    proration: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    description: str | None = attrs.field(default=None, repr=False)


def line_tuple(value: Iterable[InvoiceLine]) -> tuple[InvoiceLine, ...]:
    """Lines as a tuple."""
    return tuple(value)


@attrs.frozen
class Invoice(Model):
    """An invoice of a customer.

    Args:
        id: the provider's id.
        customer_id: the provider's id of the customer, if it has one.
        amount: the total.
        status: see :class:`InvoiceStatus`.
        due_date: UTC. None: the provider charges it automatically.
        paid_at: UTC.
        amount_due: the amount to pay when the invoice was finalized.
        amount_paid: the amount paid so far.
        subscription_id: the subscription that it bills, if any.
        number: the printed invoice number.
        hosted_url: the page where the customer sees and pays it.
        pdf_url: the PDF document.
        created_at: UTC.
        raw_status: the provider's own status.
        reason: see :class:`InvoiceReason`.
        period_start: the start of the period that it bills; UTC. None: it bills none, or the provider does not say.
        period_end: the end of that period; UTC. None: as for ``period_start``.
        payment_ids: the payments that paid it, or will pay it: pass them to :meth:`PaymentProvider.refund_payment`. Empty
            if it needed none, or the provider does not say in this answer.
        lines: what it bills, if the provider sends them.
    """

    id: str
    customer_id: str | None
    amount: Money
    status: InvoiceStatus = InvoiceStatus.UNKNOWN
    due_date: datetime | None = None
    paid_at: datetime | None = None
    amount_due: Money | None = None
    amount_paid: Money | None = None
    subscription_id: str | None = None
    number: str | None = None
    hosted_url: str | None = attrs.field(default=None, repr=False)
    pdf_url: str | None = attrs.field(default=None, repr=False)
    created_at: datetime | None = None
    raw_status: str | None = None
    reason: InvoiceReason = InvoiceReason.UNKNOWN
    period_start: datetime | None = None
    period_end: datetime | None = None
    payment_ids: tuple[str, ...] = attrs.field(default=(), converter=id_tuple)
    lines: tuple[InvoiceLine, ...] = attrs.field(default=(), converter=line_tuple, repr=False)

    @property
    def amount_cents(self) -> int:
        """The total in the currency's minor unit (yen for JPY, not cents)."""
        return self.amount.amount

    @property
    def currency(self) -> str:
        """The ISO 4217 code, upper case."""
        return self.amount.currency
