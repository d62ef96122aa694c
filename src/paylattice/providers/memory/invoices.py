"""Invoices: what they add up to, how they are collected, how they end."""

from itertools import islice

import attrs

from ...errors import NotFound
from ...events import EventType
from ...models import Invoice, InvoiceLine, InvoiceReason, InvoiceStatus, Payment, PaymentStatus
from ...money import Money
from .payments import Payments
from .state import SubscriptionRecord
from .world import World

__all__ = ["Invoices", "drawn_up"]


class Invoices:
    """All invoices of the world. What they do to the subscription's status is not known here."""

    def __init__(self, world: World, payments: Payments) -> None:
        self._world = world
        self._payments = payments

    def get(self, invoice_id: str) -> Invoice:
        """The invoice.

        Raises:
            NotFound: there is none.
        """
        found = self._world.store.invoices.get(invoice_id)
        if found is None:
            message = "there is no such invoice"
            raise NotFound(message, code="invoice_missing")
        return found

    def of_customer(self, customer_id: str, limit: int, subscription_id: str | None) -> list[Invoice]:
        """The customer's invoices, or those of one subscription, newest first."""
        store = self._world.store
        found = (store.invoices[each] for each in reversed(store.invoices_of.get(customer_id, [])))
        return list(islice((each for each in found if subscription_id in {None, each.subscription_id}), limit))

    def bill(
        self, record: SubscriptionRecord, advance: int, reason: InvoiceReason, invoice_id: str | None = None
    ) -> Invoice:
        """A new invoice over what is carried and what is to be paid in advance: see :func:`drawn_up`."""
        amount, lines = drawn_up(record, advance)
        invoice_id = invoice_id or self._world.new_id("in")
        invoice = Invoice(
            id=invoice_id,
            customer_id=record.customer_id,
            amount=amount,
            status=InvoiceStatus.OPEN,
            amount_due=amount,
            amount_paid=Money(0, amount.currency),
            subscription_id=record.id,
            number=f"M-{len(self._world.store.invoices) + 1:05d}",
            hosted_url=f"https://checkout.paylattice.invalid/invoice/{invoice_id}",
            pdf_url=f"https://checkout.paylattice.invalid/invoice/{invoice_id}.pdf",
            created_at=self._world.now,
            raw_status="open",
            reason=reason,
            period_start=record.period_start,
            period_end=record.period_end,
            lines=lines,
            provider=self._world.name,
        )
        record.open_invoices.append(invoice_id)
        self._world.store.invoices_of.setdefault(record.customer_id, []).append(invoice_id)
        self._keep(invoice, EventType.INVOICE_CREATED)
        return invoice

    def collect(self, record: SubscriptionRecord, invoice: Invoice, payment_method_id: str | None = None) -> bool:
        """Charge this card, or the subscription's; whether the invoice is paid now. Without a card it is not."""
        self._forget_waiting(invoice.id)
        if invoice.amount.amount == 0:
            self.paid(record, invoice)
            return True
        cards = self._payments.cards(record.customer_id)
        wanted = payment_method_id or record.payment_method_id
        card = next((each for each in cards if each.id == wanted), next(iter(cards), None))
        if card is not None:
            declined = self._world.fails_next(record.customer_id)
            payment = self._payments.charge(
                invoice.amount,
                record.customer_id,
                declined=declined,
                payment_method_id=card.id,
                invoice_id=invoice.id,
                subscription_id=record.id,
            )
            if payment.status is PaymentStatus.SUCCEEDED:
                self.paid(record, invoice, payment.id)
                return True
            if payment.status is PaymentStatus.REQUIRES_ACTION:
                self.wait_for(payment, invoice)
        self._keep(invoice, EventType.INVOICE_PAYMENT_FAILED)
        return False

    def paid(self, record: SubscriptionRecord, invoice: Invoice, payment_id: str | None = None) -> None:
        """The money is there; without a payment, as nothing was to be paid."""
        if invoice.id in record.open_invoices:
            record.open_invoices.remove(invoice.id)
        paid = attrs.evolve(
            invoice,
            status=InvoiceStatus.PAID,
            raw_status="paid",
            amount_paid=invoice.amount,
            paid_at=self._world.now,
            payment_ids=() if payment_id is None else (payment_id,),
        )
        self._keep(paid, EventType.INVOICE_PAID)

    def authenticated(self, payment_id: str) -> Invoice | None:
        """The open invoice that this payment, which the payer has just authenticated, is for; None: it is for none."""
        invoice_id = self._world.store.invoice_waiting.pop(payment_id, None)
        if invoice_id is None:
            return None
        del self._world.store.waiting_payment[invoice_id]
        return self.get(invoice_id)

    def void_all(self, record: SubscriptionRecord) -> None:
        """Ask for nothing any longer."""
        for invoice_id in tuple(record.open_invoices):
            self.void(record, self.get(invoice_id))

    def void(self, record: SubscriptionRecord, invoice: Invoice) -> Invoice:
        """Ask for it no longer."""
        self._forget_waiting(invoice.id)
        if invoice.id in record.open_invoices:
            record.open_invoices.remove(invoice.id)
        if record.pending is not None and record.pending.invoice_id == invoice.id:
            record.pending = None  # nobody can pay for that change any more
        voided = attrs.evolve(invoice, status=InvoiceStatus.VOID, raw_status="void")
        self._keep(voided, EventType.INVOICE_VOIDED)
        return voided

    def wait_for(self, payment: Payment, invoice: Invoice) -> None:
        """The invoice is paid once the payer has authenticated the payment."""
        store = self._world.store
        store.waiting_payment[invoice.id], store.invoice_waiting[payment.id] = payment.id, invoice.id
        self._keep(invoice, EventType.INVOICE_ACTION_REQUIRED)

    def _forget_waiting(self, invoice_id: str) -> None:
        """A payment that waits for the payer must not be taken beside another attempt."""
        payment_id = self._world.store.waiting_payment.pop(invoice_id, None)
        if payment_id is not None:
            del self._world.store.invoice_waiting[payment_id]
            self._payments.give_up(payment_id, PaymentStatus.CANCELED)

    def _keep(self, invoice: Invoice, event_type: EventType) -> None:
        self._world.store.invoices[invoice.id] = invoice
        self._world.tell(event_type, customer_id=invoice.customer_id, invoice=invoice)


def drawn_up(record: SubscriptionRecord, advance: int) -> tuple[Money, tuple[InvoiceLine, ...]]:
    """What an invoice over what is carried and what is to be paid in advance asks for. A credit that is left is carried on."""
    total = advance + record.carried
    record.carried = min(total, 0)
    amount = Money(max(total, 0), record.price.currency)
    return amount, _lines(record, advance, amount)


def _lines(record: SubscriptionRecord, advance: int, total: Money) -> tuple[InvoiceLine, ...]:
    """What is paid in advance for the period, and what was carried: prorations, or the usage before."""
    metered = record.plan.metered
    found: list[InvoiceLine] = []
    if advance or not metered:
        found.append(_line(record, Money(advance, total.currency), proration=False))
    if total.amount != advance:
        found.append(_line(record, Money(total.amount - advance, total.currency), proration=not metered))
    return tuple(found)


def _line(record: SubscriptionRecord, amount: Money, *, proration: bool) -> InvoiceLine:
    return InvoiceLine(
        amount=amount,
        plan_id=record.plan.id,
        quantity=None if record.plan.metered else record.quantity,
        proration=proration,
        period_start=record.period_start,
        period_end=record.period_end,
        provider=record.provider,
    )
