"""What an invoice bills and why, and what pays it: pure functions over every version of Stripe's objects.

Until 2025-03-31 a line knew its price, and an invoice its PaymentIntent, at the top. Since then the price of a line stands in
``pricing``, and the payments in ``payments``, which come only where they are asked for. ``period_start`` and ``period_end`` of
an invoice are not what it bills: they are the time in which its items were collected, so those of a renewal are the period
before. What it bills stands in its lines.
"""

from collections.abc import Mapping
from datetime import datetime

from ...jsonlike import JsonObject, child, children, flag, integer, reference, text, timestamp
from ...models import InvoiceLine, InvoiceReason
from .amounts import optional_money_from

__all__ = ["INVOICE_REASON", "billed_period", "has_invoice_payments", "lines_of", "payment_ids_of", "reason_of"]

INVOICE_REASON: Mapping[str | None, InvoiceReason] = {
    "subscription_create": InvoiceReason.FIRST,
    "quote_accept": InvoiceReason.FIRST,
    "subscription_cycle": InvoiceReason.RENEWAL,
    "upcoming": InvoiceReason.RENEWAL,
    "subscription_update": InvoiceReason.CHANGE,
    "subscription_threshold": InvoiceReason.CHANGE,
    "manual": InvoiceReason.MANUAL,
    "automatic_pending_invoice_item_invoice": InvoiceReason.MANUAL,
}
"""https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason; ``subscription``, which is older, says nothing."""

_CANCELED = "canceled"
_BASIL = "2025-03-31"


def has_invoice_payments(api_version: str) -> bool:
    """Whether invoices and payments lead to each other by objects of their own, which have to be asked for."""
    return api_version >= _BASIL


def reason_of(invoice: JsonObject) -> InvoiceReason:
    """Why it was written."""
    return INVOICE_REASON.get(text(invoice, "billing_reason"), InvoiceReason.UNKNOWN)


def lines_of(invoice: JsonObject) -> tuple[InvoiceLine, ...]:
    """The lines that came along: of many, the first ones."""
    found = (_line_from(line) for line in children(child(invoice, "lines"), "data"))
    return tuple(line for line in found if line is not None)


def _line_from(line: JsonObject) -> InvoiceLine | None:
    amount = optional_money_from(line, "amount")
    if amount is None:
        return None
    start, end = _period(line)
    return InvoiceLine(
        amount=amount,
        plan_id=_price_of(line),
        quantity=integer(line, "quantity"),
        proration=flag(line, "proration") or flag(_origin(line), "proration"),
        period_start=start,
        period_end=end,
        description=text(line, "description"),
        provider="stripe",
        raw=line,
    )


def _price_of(line: JsonObject) -> str | None:
    return reference(child(line, "pricing", "price_details"), "price") or (
        reference(line, "price") or reference(line, "plan")
    )


def _origin(line: JsonObject) -> JsonObject:
    """Where the line comes from: a subscription's item, or an item that waited for an invoice."""
    parent = child(line, "parent")
    return child(parent, text(parent, "type") or "subscription_item_details")


def _is_of_subscription(line: JsonObject) -> bool:
    named = reference(line, "subscription") or reference(line, "subscription_item")
    return bool(named or reference(_origin(line), "subscription") or text(line, "type") == "subscription")


def _period(line: JsonObject) -> tuple[datetime | None, datetime | None]:
    period = child(line, "period")
    return timestamp(period, "start"), timestamp(period, "end")


def billed_period(invoice: JsonObject) -> tuple[datetime | None, datetime | None]:
    """The period that the invoice bills, by its lines: usage is billed afterwards, so of several periods the last one.

    Where all lines correct a part of a period, that part. An invoice without a subscription bills no period.
    """
    lines = [line for line in children(child(invoice, "lines"), "data") if _is_of_subscription(line)]
    whole = [line for line in lines if not (flag(line, "proration") or flag(_origin(line), "proration"))]
    periods = [(start, end) for start, end in map(_period, whole or lines) if start is not None and end is not None]
    return max(periods, key=lambda each: (each[1], each[0]), default=(None, None))


def payment_ids_of(invoice: JsonObject) -> tuple[str, ...]:
    """The PaymentIntents that paid it, or are to pay it, where they came along."""
    counting = (each for each in children(child(invoice, "payments"), "data") if text(each, "status") != _CANCELED)
    apart = (reference(child(each, "payment"), "payment_intent") for each in counting)
    found = (reference(invoice, "payment_intent"), *apart)
    return tuple(dict.fromkeys(payment_id for payment_id in found if payment_id))
