"""The invoices that a merchant writes, read and searched: https://developer.paypal.com/docs/api/invoicing/v2/#invoices_search-invoices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..shapes import Shape
from .routes import PAGED, Request, Route, page
from .terms import MONEY
from .world import JSON, World, amount_of, link, money, said

__all__ = ["INVOICE_ROUTES", "add_invoice"]

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
_PAID = frozenset({"PAID", "MARKED_AS_PAID"})


def add_invoice(world: World, recipient: str, amount: Mapping[str, str], status: str) -> JSON:
    """An invoice that was written and sent: its dates have no times."""
    value, currency = amount_of(amount, "/amount")
    today = world.now.date().isoformat()
    paid = status in _PAID
    invoice = world.add("invoice", "INV2-", {"status": status, "_recipient": recipient})
    payment = {
        "payment_id": world.new_id("EXTR-"),
        "payment_date": today,
        "method": "PAYPAL",
        "amount": money(value, currency),
    }
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
)
