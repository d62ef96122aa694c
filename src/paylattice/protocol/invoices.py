"""Invoices."""

from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import Invoice

__all__ = ["InvoiceOperations"]


class InvoiceOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with invoices."""

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> "list[Invoice]":
        """Return the customer's invoices, newest first.

        Args:
            customer_id: the provider's id of the customer.
            limit: how many at most; read from as many pages as needed.
            subscription_id: only those of this subscription. None: all.
        """
        raise unsupported(self, "get_invoices")

    async def get_invoice(self, invoice_id: str) -> "Invoice | None":
        """Return the invoice, or None if it does not exist.

        Args:
            invoice_id: the provider's id of the invoice.
        """
        raise unsupported(self, "get_invoice")

    async def pay_invoice(
        self, invoice_id: str, payment_method_id: str | None = None, *, idempotency_key: str | None = None
    ) -> "Invoice":
        """Charge a saved payment method for an open invoice while the payer is away. Paying a paid invoice takes nothing.

        To let the customer pay it, send them to its ``hosted_url``.

        Args:
            invoice_id: the provider's id of the invoice.
            payment_method_id: the provider's id of one of the customer's saved payment methods. None: the one that pays the
                subscription, or the customer's default.
            idempotency_key: calls with the same key charge once. None: the library makes a key for this call.

        Raises:
            NotFound: the invoice does not exist.
            Declined: the bank declined. The invoice stays open; another attempt needs another key.
            ActionRequired: the payer has to authenticate; ``url`` leads to the invoice's page, where the provider has one.
            Conflict: the invoice is void, or a draft.
        """
        raise unsupported(self, "pay_invoice")

    async def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> "Invoice":
        """Void an open invoice: nobody can pay it any more. Voiding it twice is no error.

        Args:
            invoice_id: the provider's id of the invoice.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the invoice does not exist.
            Conflict: the invoice is paid (refund its payment), or a draft.
        """
        raise unsupported(self, "void_invoice")
