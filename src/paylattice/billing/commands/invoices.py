"""Paying an invoice, and voiding one. An invoice is paid once at most, so neither does harm if it is sent twice."""

from typing import ClassVar

import attrs

from ...errors import ActionRequired, PaymentError
from ...models import Invoice, InvoiceStatus
from ...provider import BaseProvider
from ..records import BillingOperation
from .base import Command, Made, decided_here

__all__ = ["InvoiceCommand", "PayInvoice", "VoidInvoice"]


@attrs.frozen(kw_only=True)
class InvoiceCommand(Command[Invoice]):
    """Closes an invoice. Its row's ``external_id`` is the invoice's.

    Args:
        invoice_id: the provider's id of the invoice.
        subscription_id: the provider's id of the subscription that it bills, if any.
    """

    sets_a_state: ClassVar[bool] = True
    closes_as: ClassVar[InvoiceStatus]

    invoice_id: str
    subscription_id: str | None = decided_here(None)

    @property
    def may_be_sent_anew(self) -> bool:
        """A provider takes the money of an invoice once, and what is void stays so."""
        return True

    @property
    def changed(self) -> str | None:
        """The subscription, which may be in good standing then."""
        return self.subscription_id

    def arguments(self) -> dict[str, object]:
        """What the operation is called with, but for the key."""
        return {"invoice_id": self.invoice_id}

    def made(self, answer: Invoice) -> Made:
        """The invoice."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Invoice | None:
        """The invoice, if it is what was asked for."""
        found = await provider.get_invoice(self.invoice_id)
        return found if found is not None and found.status is self.closes_as else None

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> Invoice | None:
        """The invoice as it is now; None while it waits for the payer: the stored answer says what they must do."""
        found = await provider.get_invoice(self.invoice_id)
        waits = row.error == ActionRequired.__name__
        return None if found is None or (waits and found.status is InvoiceStatus.OPEN) else found


@attrs.frozen(kw_only=True)
class PayInvoice(InvoiceCommand):
    """Charge a saved payment method for an open invoice.

    Args:
        payment_method_id: what is charged; None: what pays the subscription, or the customer's default.
    """

    kind: ClassVar[str] = "pay_invoice"
    operation: ClassVar[str] = "pay_invoice"
    closes_as: ClassVar[InvoiceStatus] = InvoiceStatus.PAID

    payment_method_id: str | None = None

    def arguments(self) -> dict[str, object]:
        """What ``pay_invoice`` is called with."""
        return {"invoice_id": self.invoice_id, "payment_method_id": self.payment_method_id}

    async def send(self, provider: BaseProvider, key: str) -> Invoice:
        """Pay it."""
        return await provider.pay_invoice(
            invoice_id=self.invoice_id, payment_method_id=self.payment_method_id, idempotency_key=key
        )

    def left_behind(self, error: PaymentError) -> str | None:
        """The invoice whose payment waits for the payer: it may be paid yet."""
        return self.invoice_id if isinstance(error, ActionRequired) else None


@attrs.frozen(kw_only=True)
class VoidInvoice(InvoiceCommand):
    """Void an open invoice."""

    kind: ClassVar[str] = "void_invoice"
    operation: ClassVar[str] = "void_invoice"
    closes_as: ClassVar[InvoiceStatus] = InvoiceStatus.VOID

    async def send(self, provider: BaseProvider, key: str) -> Invoice:
        """Void it."""
        return await provider.void_invoice(invoice_id=self.invoice_id, idempotency_key=key)
