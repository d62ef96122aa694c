"""An invoice, its lines, and why it was written."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model, id_tuple
from .payments import PaymentStatus

__all__ = ["Invoice", "InvoiceLine", "InvoiceReason", "InvoiceStatus"]


class InvoiceStatus(StrEnum):
    """Where an invoice is."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    UNKNOWN = "unknown"

    @property
    def payment_status(self) -> PaymentStatus:
        """The same in the words of a payment."""
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
    """Why an invoice was written."""

    FIRST = "first"
    """A subscription began: its first period, or its trial."""
    RENEWAL = "renewal"
    """A new period of a subscription began; also the first one after a trial."""
    CHANGE = "change"
    """A subscription was changed within a period: what the change costs."""
    MANUAL = "manual"
    """Nobody but the merchant asked for it: it belongs to no subscription, or is beside its periods."""
    UNKNOWN = "unknown"


@attrs.frozen
class InvoiceLine(Model):
    """One line of an invoice.

    Args:
        amount: what the line adds to the total; less than zero for what is credited.
        plan_id: the plan that it bills, if any.
        quantity: of the plan, or of the usage; None where the provider does not say.
        proration: whether it corrects a part of a period, after a change.
        period_start: of what it bills; UTC; None where the provider does not say.
        period_end: likewise.
        description: for people.
    """

    amount: Money
    plan_id: str | None = None
    quantity: int | None = None
    proration: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    description: str | None = attrs.field(default=None, repr=False)


def _lines(value: Iterable[InvoiceLine]) -> tuple[InvoiceLine, ...]:
    return tuple(value)


@attrs.frozen
class Invoice(Model):
    """A demand for money.

    Args:
        id: the provider's id.
        customer_id: the provider's id of the customer, if it has one.
        amount: the total.
        status: see :class:`InvoiceStatus`.
        due_date: UTC; None for invoices that are charged automatically.
        paid_at: UTC.
        amount_due: what was to be paid when the invoice was made final.
        amount_paid: what has been paid.
        subscription_id: the subscription that it bills, if any.
        number: the number printed on it.
        hosted_url: the page where the customer sees and pays it.
        pdf_url: the document.
        created_at: UTC.
        raw_status: the provider's own word for the status.
        reason: see :class:`InvoiceReason`.
        period_start: the beginning of the period that it bills; UTC; None: it bills none, or the provider does not say.
        period_end: the end of that period; likewise.
        payment_ids: the payments that paid it, or are to pay it: what :meth:`PaymentProvider.refund_payment` takes. Empty
            where it needed none, or the provider does not say in this answer.
        lines: what it bills, as far as the provider sends it along.
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
    lines: tuple[InvoiceLine, ...] = attrs.field(default=(), converter=_lines, repr=False)

    @property
    def amount_cents(self) -> int:
        """The total in the currency's smallest unit (yen for JPY, not cents)."""
        return self.amount.amount

    @property
    def currency(self) -> str:
        """The ISO 4217 code, upper case."""
        return self.amount.currency
