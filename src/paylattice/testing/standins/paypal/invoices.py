"""The invoices that a merchant writes, read, searched and canceled: https://developer.paypal.com/docs/api/invoicing/v2/."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..shapes import Shape
from .refusals import unprocessable
from .routes import PAGED, Request, Route, page
from .terms import MONEY
from .world import JSON, World, amount_of, link, money, said

__all__ = ["INVOICE_ROUTES", "add_invoice", "pay"]

_RANGE: Shape = {"start!": str, "end!": str}
_SEARCH: Shape = {
    "recipient_email": str,
    "recipient_first_name": str,
    "recipient_last_name": str,
    "recipient_business_name": str,
    "invoice_number": str,
    "status": [str],
    "reference": str,
    "currency_code": str,
    "memo": str,
    "total_amount_range": {"lower_amount!": MONEY, "upper_amount!": MONEY},
    "invoice_date_range": _RANGE,
    "due_date_range": _RANGE,
    "payment_date_range": _RANGE,
    "creation_date_range": _RANGE,
    "archived": bool,
    "fields": [str],
}
_NOTICE: Shape = {
    "subject": str,
    "note": str,
    "send_to_invoicer": bool,
    "send_to_recipient": bool,
    "additional_recipients": [str],
}
_PAID = frozenset({"PAID", "MARKED_AS_PAID"})
_OPEN = frozenset({"SENT", "UNPAID"})
_PAYABLE = _OPEN | {"PARTIALLY_PAID"}
_OF_PAID = ("CANNOT_CANCEL_PAID_INVOICE", "Cannot cancel a paid or partially paid invoice.")
_OF_REFUNDED = ("CANNOT_CANCEL_REFUNDED_INVOICE", "Cannot cancel a refunded or partially refunded invoice.")
_NOT_CANCELED: Mapping[str, tuple[str, str]] = {
    "DRAFT": ("CANNOT_CANCEL_DRAFT_INVOICE", "Draft invoice cannot be canceled."),
    "SCHEDULED": ("CANNOT_CANCEL_SCHEDULED_INVOICE", "Cannot cancel a scheduled invoice."),
    "CANCELLED": ("INVOICE_CANCELED_ALREADY", "Invoice is already cancelled."),
    **dict.fromkeys(("REFUNDED", "PARTIALLY_REFUNDED", "MARKED_AS_REFUNDED"), _OF_REFUNDED),
}


def add_invoice(world: World, recipient: str, amount: Mapping[str, str], status: str) -> JSON:
    """An invoice that was written and sent: its dates have no times."""
    value, currency = amount_of(amount, "/amount")
    today = world.now.date().isoformat()
    paid = status in _PAID
    invoice = world.add("invoice", "INV2-", {"status": status, "_recipient": recipient})
    payment = _payment(world, money(value, currency))
    invoice |= {
        "detail": {
            "invoice_number": f"{world.count('invoice'):04d}",
            "invoice_date": today,
            "currency_code": currency,
            "payment_term": {"term_type": "NET_30", "due_date": world.later(days=30).date().isoformat()},
            "metadata": {
                "create_time": said(world.now),
                "recipient_view_url": f"https://www.sandbox.paypal.com/invoice/p/#{invoice['id']}",
            },
        },
        "amount": money(value, currency),
        "due_amount": money(Decimal(0) if paid else value, currency),
        "primary_recipients": [{"billing_info": {"email_address": recipient}}],
        "payments": {
            "paid_amount": money(value if paid else Decimal(0), currency),
            **({"transactions": [payment]} if paid else {}),
        },
        "links": [link(f"/v2/invoicing/invoices/{invoice['id']}", "self")],
    }
    del invoice["create_time"]
    world.tell("INVOICING.INVOICE.CREATED", {"invoice": invoice}, "invoices")
    return invoice


def _payment(world: World, amount: JSON) -> JSON:
    return {
        "payment_id": world.new_id("EXTR-"),
        "payment_date": world.now.date().isoformat(),
        "method": "PAYPAL",
        "amount": amount,
    }


def pay(world: World, invoice: JSON, part: str | None = None) -> None:
    """Play the payer who pays the invoice on its page.

    Args:
        world: where it is.
        invoice: the invoice.
        part: how much of what is due; None: all of it.

    Raises:
        ValueError: it cannot be paid, or not so much of it.
    """
    if invoice["status"] not in _PAYABLE:
        message = f"the invoice is {invoice['status']}: there is nothing to pay"
        raise ValueError(message)
    due, currency = amount_of(invoice["due_amount"], "/due_amount")
    value = due if part is None else Decimal(part)
    if not 0 < value <= due:
        message = f"{due} is due: the payer pays that, or a part of it"
        raise ValueError(message)
    before = invoice["payments"]
    paid = Decimal(before["paid_amount"]["value"])
    invoice |= {
        "status": "PAID" if value == due else "PARTIALLY_PAID",
        "due_amount": money(due - value, currency),
        "payments": {
            "paid_amount": money(paid + value, currency),
            "transactions": [*before.get("transactions", []), _payment(world, money(value, currency))],
        },
    }
    world.tell("INVOICING.INVOICE.PAID", {"invoice": invoice}, "invoices")  # PayPal's name for a part, too


def _cancel(world: World, request: Request) -> None:
    invoice = world.need("invoice", request.ids[0])
    if invoice["status"] not in _OPEN:
        raise unprocessable(*_NOT_CANCELED.get(invoice["status"], _OF_PAID))
    value, currency = amount_of(invoice["amount"], "/amount")
    invoice |= {"status": "CANCELLED", "due_amount": money(value * 0, currency)}
    world.tell("INVOICING.INVOICE.CANCELLED", {"invoice": invoice}, "invoices")


def _search(world: World, request: Request) -> JSON:
    wanted: Mapping[str, Any] = request.body
    rows = list(reversed(world.all("invoice")))
    if "recipient_email" in wanted:
        rows = [row for row in rows if row["_recipient"] == wanted["recipient_email"]]
    if "status" in wanted:
        rows = [row for row in rows if row["status"] in wanted["status"]]
    if "currency_code" in wanted:
        rows = [row for row in rows if row["detail"]["currency_code"] == wanted["currency_code"]]
    return page(world, rows, "items", request, "/v2/invoicing/search-invoices", usual=20, most=100)


INVOICE_ROUTES = (
    Route("POST", "/v2/invoicing/search-invoices", _search, _SEARCH, query=PAGED),
    Route("GET", "/v2/invoicing/invoices/{id}", lambda world, request: world.need("invoice", request.ids[0])),
    Route("POST", "/v2/invoicing/invoices/{id}/cancel", _cancel, _NOTICE),
)
