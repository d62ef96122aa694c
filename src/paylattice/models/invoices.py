"""An invoice and its status."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from ..money import Money
from .base import Model
from .payments import PaymentStatus

__all__ = ["Invoice", "InvoiceStatus"]


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

    @property
    def amount_cents(self) -> int:
        """The total in the currency's smallest unit (yen for JPY, not cents)."""
        return self.amount.amount

    @property
    def currency(self) -> str:
        """The ISO 4217 code, upper case."""
        return self.amount.currency
