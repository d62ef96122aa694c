"""What a subscription owes: collected again, or given up."""

from ...errors import ActionRequired, Conflict, Declined, DeclineReason, InvalidRequest
from ...models import Invoice, InvoiceStatus, SubscriptionStatus
from .invoices import Invoices
from .payments import Payments, authentication_url
from .state import SubscriptionRecord
from .subscriptions import Subscriptions
from .world import World

__all__ = ["Outstanding"]


class Outstanding:
    """Collects what is owed, or gives it up."""

    def __init__(self, world: World, payments: Payments, invoices: Invoices, subscriptions: Subscriptions) -> None:
        self._world = world
        self._payments = payments
        self._invoices = invoices
        self._subscriptions = subscriptions

    def bill(self, record: SubscriptionRecord) -> None:
        """Try to collect the open invoices, the oldest first."""
        for invoice_id in tuple(record.open_invoices):
            self._collect(record, invoice_id, None)

    def pay(self, invoice_id: str, payment_method_id: str | None) -> Invoice:
        """Try to collect an invoice. One that is paid stays as it is."""
        invoice = self._invoices.get(invoice_id)
        record = self._subscriptions.get(invoice.subscription_id or "")
        if payment_method_id is not None:
            self._payments.card_of(record.customer_id, payment_method_id)
        if invoice.status is InvoiceStatus.PAID:
            return invoice
        return self._collect(record, invoice_id, payment_method_id)

    def void(self, invoice_id: str) -> Invoice:
        """Give an open invoice up. One that is void stays as it is.

        Raises:
            Conflict: it is paid, or the first payment of its subscription is under way.
        """
        invoice = self._invoices.get(invoice_id)
        if invoice.status is InvoiceStatus.VOID:
            return invoice
        if invoice.status is not InvoiceStatus.OPEN:
            message = f"an invoice that is {invoice.status} cannot be voided: refund its payment"
            raise Conflict(message)
        record = self._subscriptions.get(invoice.subscription_id or "")
        if record.status is SubscriptionStatus.INCOMPLETE:
            message = "the payment of this invoice is under way: cancel the subscription instead"
            raise Conflict(message)
        is_owed = invoice_id in record.open_invoices  # what a change waits for is not
        voided = self._invoices.void(record, invoice)
        if is_owed:
            self._subscriptions.invoice_closed(record, paid=False)
        return voided

    def _collect(self, record: SubscriptionRecord, invoice_id: str, payment_method_id: str | None) -> Invoice:
        """Try to collect an open invoice.

        Raises:
            ActionRequired: the payer has to authenticate.
            Declined: the card was declined.
            InvalidRequest: the customer has no card.
        """
        if not self._payments.cards(record.customer_id):
            message = "the customer has no saved payment method: save_payment_method first"
            raise InvalidRequest(message, param="payment_method_id", code="payment_method_missing")
        invoice = self._subscriptions.pay(invoice_id, payment_method_id)
        if invoice.status is not InvoiceStatus.OPEN:
            return invoice
        waiting = self._world.store.waiting_payment.get(invoice_id)
        if waiting is not None:
            message = "the payer has to authenticate this payment"
            raise ActionRequired(message, url=authentication_url(waiting), payment_id=waiting)
        message = "the payment was declined"
        raise Declined(message, reason=DeclineReason.UNKNOWN)
