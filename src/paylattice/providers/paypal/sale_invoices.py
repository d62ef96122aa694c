"""What the payments of a subscription bill: PayPal writes no invoices for them, so each payment is its own.

A payment says neither which period it is for nor whether it is the first. The subscription's start and its plan's cycles do.
"""

from datetime import datetime

import attrs

from ...jsonlike import JsonObject, child, identity, rfc3339, text
from ...models import Invoice, InvoiceLine, InvoiceReason, InvoiceStatus, PaymentStatus, Subscription
from ...money import Money
from .amounts import money_from
from .generations import status_in, word_of
from .orders import payment_from_sale
from .periods import SLACK, cycles_from, has_left_its_cycles, period_around
from .wire import TRANSACTION_STATUS

__all__ = ["described", "invoice_from_sale"]


def invoice_from_sale(sale: JsonObject) -> Invoice | None:
    """The invoice that a payment of a subscription is; None: it is of no subscription. Held money has not paid it."""
    subscription_id = text(sale, "billing_agreement_id")
    if subscription_id is None:
        return None
    sale_id = identity(sale, "id", "sale")
    amount = money_from(sale, "amount", what="sale")
    status = status_in(TRANSACTION_STATUS, sale, InvoiceStatus.UNKNOWN)
    if payment_from_sale(sale).status is PaymentStatus.PROCESSING:
        status = InvoiceStatus.OPEN
    paid, when = status is InvoiceStatus.PAID, rfc3339(sale, "create_time")
    return Invoice(
        id=sale_id,
        customer_id=payment_from_sale(sale).customer_id,
        amount=amount,
        status=status,
        paid_at=when if paid else None,
        amount_due=amount,
        amount_paid=amount if paid else Money(0, amount.currency),
        subscription_id=subscription_id,
        created_at=when,
        raw_status=word_of(sale),
        payment_ids=(sale_id,),
        provider="paypal",
        raw=sale,
    )


def described(invoice: Invoice, subscription: Subscription) -> Invoice | None:
    """The invoice with its reason, its period and its line, by the subscription's plan; None if that does not tell.

    A payment before the start is the setup fee, which belongs to no period.
    """
    data = subscription.raw
    start = rfc3339(data, "start_time") or rfc3339(data, "create_time")
    cycles, when = cycles_from(child(data, "plan")), invoice.created_at
    if start is None or when is None or not cycles:
        return None
    if start - when > SLACK:
        return attrs.evolve(invoice, reason=InvoiceReason.FIRST, lines=(_line(invoice, subscription),))
    begins, ends = subscription.current_period_start, subscription.current_period_end
    if ends is None or not has_left_its_cycles(start, cycles, ends):
        period = period_around(start, cycles, max(when, start))
        if period is None:
            return None
        begins, ends = period.begins, period.ends
    elif begins is None or not begins - SLACK <= when < ends:  # of the periods before, the plan says nothing any more
        begins = ends = None
    first = when - start <= SLACK if begins is None else begins <= start
    return attrs.evolve(
        invoice,
        reason=InvoiceReason.FIRST if first else InvoiceReason.RENEWAL,
        period_start=begins,
        period_end=ends,
        lines=(_line(invoice, subscription, begins, ends),),
    )


def _line(
    invoice: Invoice, subscription: Subscription, start: datetime | None = None, end: datetime | None = None
) -> InvoiceLine:
    return InvoiceLine(
        amount=invoice.amount,
        plan_id=subscription.plan_id,
        quantity=subscription.quantity,
        period_start=start,
        period_end=end,
        provider="paypal",
    )
