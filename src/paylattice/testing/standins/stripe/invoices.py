"""Invoices: https://docs.stripe.com/api/invoices. They are finalized at once: there is no hour as a draft."""

from collections.abc import Sequence
from typing import Any

import attrs

from .collection import collect, default_method, intent_of, mark_paid, subscription_of
from .metadata import merged
from .pages import page
from .payment_methods import usable_method
from .refusals import Refusal, invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["INVOICE_ROUTES", "Line", "bill", "new_invoice", "pending_lines", "void"]


@attrs.frozen
class Line:
    """A line of an invoice that does not exist yet.

    Args:
        amount: in cents; less than zero for a credit.
        price: what is billed.
        quantity: how many.
        item: the subscription's item.
        period: from when to when.
        proration: whether it is for a part of a period.
        invoice_item: the pending item that it comes from.
    """

    amount: int
    price: JSON
    quantity: int
    item: str | None
    period: tuple[int, int]
    proration: bool = False
    invoice_item: str | None = None


def bill(
    world: World, subscription: JSON, lines: Sequence[Line], reason: str, *, charge: bool = True
) -> tuple[JSON, JSON | None]:
    """Bill a subscription, with everything that is pending, and try to collect.

    Args:
        world: where it is.
        subscription: the subscription; the invoice becomes its latest.
        lines: what is billed.
        reason: ``billing_reason``.
        charge: whether to try at once.

    Returns:
        The invoice, and the error of a declined payment.
    """
    pending = _pending(world, subscription)
    every = [*lines, *pending_lines(world, subscription)]
    invoice = new_invoice(world, subscription["customer"], subscription["currency"], every, reason, subscription)
    for one in pending:
        world.change(one, invoice=invoice["id"])
    subscription["latest_invoice"] = invoice["id"]
    pause: JSON = subscription["pause_collection"] or {}
    behavior = pause.get("behavior")
    if behavior == "keep_as_draft" or subscription["status"] == "unpaid":
        return invoice, None
    _finalize(world, invoice)
    if behavior == "void":
        void(world, invoice)
    elif behavior == "mark_uncollectible":
        world.change(invoice, "invoice.marked_uncollectible", status="uncollectible")
    elif charge or invoice["amount_due"] == 0:
        return invoice, collect(world, invoice)
    else:
        intent_of(world, invoice)
    return invoice, None


def _pending(world: World, subscription: JSON) -> list[JSON]:
    return [one for one in world.all("invoiceitem", invoice=None) if one["_subscription"] == subscription["id"]]


def pending_lines(world: World, subscription: JSON) -> list[Line]:
    """What waits for the subscription's next invoice, whatever that bills."""
    return [_line_of(world, one) for one in _pending(world, subscription)]


def new_invoice(
    world: World, customer_id: str, currency: str, lines: Sequence[Line], reason: str, subscription: JSON | None = None
) -> JSON:
    """A draft."""
    customer = world.need("customer", customer_id)
    total = sum(line.amount for line in lines)
    balance = customer["balance"]
    due = max(0, total + balance)
    start, end = lines[0].period if lines else (world.now, world.now)
    parent = None
    if subscription is not None:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        parent = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    identifier = world.new_id("in")
    shown = [_shown(world, line, identifier, currency, subscription) for line in lines]
    data: JSON = {
        "object": "invoice",
        "account_country": "US",
        "account_name": None,
        "amount_due": due,
        "amount_paid": 0,
        "amount_remaining": due,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": subscription is not None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": currency,
        "customer": customer_id,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "lines": {"object": "list", "data": shown, "has_more": False, "url": f"/v1/invoices/{identifier}/lines"},
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "parent": parent,
        "period_end": end,
        "period_start": start,
        "starting_balance": balance,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "subtotal": total,
        "total": total,
        "total_taxes": [],
    }
    return world.add("in", data, "invoice.created", known_as=identifier)


def void(world: World, invoice: JSON) -> None:
    """Take a finalized invoice back."""
    transitions = {**invoice["status_transitions"], "voided_at": world.now}
    world.change(invoice, "invoice.voided", next_payment_attempt=None, status="void", status_transitions=transitions)


def _finalize(world: World, invoice: JSON) -> None:
    customer = world.need("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    after = min(0, invoice["starting_balance"] + invoice["total"])
    world.change(customer, balance=after, currency=invoice["currency"], next_invoice_sequence=sequence + 1)
    world.change(
        invoice,
        "invoice.finalized",
        effective_at=world.now,
        ending_balance=after,
        hosted_invoice_url=f"https://invoice.stripe.com/i/standin/{invoice['id']}",
        invoice_pdf=f"https://pay.stripe.com/invoice/standin/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": world.now},
    )


def _line_of(world: World, pending: JSON) -> Line:
    price = world.need("price", pending["pricing"]["price_details"]["price"])
    period = pending["period"]["start"], pending["period"]["end"]
    quantity = pending["quantity"]
    return Line(pending["amount"], price, quantity, pending["_item"], period, True, pending["id"])


def _shown(world: World, line: Line, invoice_id: str, currency: str, subscription: JSON | None) -> JSON:
    details = {
        "invoice_item": line.invoice_item,
        "proration": line.proration,
        "proration_details": None,
        "subscription": subscription["id"] if subscription else None,
        "subscription_item": line.item,
    }
    return {
        "id": world.new_id("il"),
        "object": "line_item",
        "amount": line.amount,
        "currency": currency,
        "description": f"{line.quantity} x {line.price['nickname'] or line.price['id']}",
        "discountable": not line.proration,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": world.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"end": line.period[1], "start": line.period[0]},
        "pricing": {
            "price_details": {"price": line.price["id"], "product": line.price["product"]},
            "type": "price_details",
            "unit_amount_decimal": line.price["unit_amount_decimal"],
        },
        "quantity": line.quantity,
        "taxes": [],
    }


def _create(world: World, params: Params) -> JSON:
    customer = world.need("customer", params["customer"], "customer")
    invoice = new_invoice(world, customer["id"], params.get("currency", "usd").lower(), [], "manual")
    return world.change(
        invoice,
        auto_advance=params.get("auto_advance", False),
        description=params.get("description"),
        metadata=merged({}, params.get("metadata", {})),
    )


def _finalize_one(world: World, _params: Params, invoice_id: str) -> JSON:
    invoice = _in_status(world, invoice_id, "draft")
    _finalize(world, invoice)
    if invoice["amount_due"] == 0:
        mark_paid(world, invoice)
    return invoice


def _pay(world: World, params: Params, invoice_id: str) -> JSON:
    invoice = _in_status(world, invoice_id, "open", "uncollectible")
    if params.get("paid_out_of_band"):
        mark_paid(world, invoice)
        return invoice
    method = default_method(world, subscription_of(world, invoice), invoice["customer"])
    if "payment_method" in params:
        method = usable_method(world, params["payment_method"], invoice["customer"], "payment_method")
    if method is None:
        message = "There is no default payment method: pass a payment_method."
        raise invalid(message, code="resource_missing", param="payment_method")
    error = collect(world, invoice, method)
    if error is not None:
        raise Refusal(402, {**error, "payment_intent": world.render(world, intent_of(world, invoice))})
    if invoice["status"] != "paid":
        message = "This payment requires additional user action before it can be completed successfully."
        code = "invoice_payment_intent_requires_action"
        raise Refusal(402, {"code": code, "message": message, "type": "card_error"})
    return invoice


def _void_one(world: World, _params: Params, invoice_id: str) -> JSON:
    invoice = _in_status(world, invoice_id, "open", "uncollectible")
    void(world, invoice)
    return invoice


def _in_status(world: World, invoice_id: str, *statuses: str) -> JSON:
    invoice = world.need("invoice", invoice_id)
    if invoice["status"] not in statuses:
        message = f"The invoice is {invoice['status']}; this can be done only with one that is {' or '.join(statuses)}."
        raise invalid(message, code="invoice_not_editable" if invoice["status"] != "draft" else None)
    return invoice


def _list(world: World, params: Params) -> JSON:
    equal: dict[str, Any] = {name: params[name] for name in ("customer", "status") if name in params}
    rows = world.all("invoice", **equal)
    if "subscription" in params:
        rows = [row for row in rows if (subscription_of(world, row) or {}).get("id") == params["subscription"]]
    return page(world, rows, params, "/v1/invoices")


INVOICE_ROUTES = (
    Route(
        "POST",
        "/v1/invoices",
        _create,
        "customer! currency auto_advance:bool description metadata[*]",
        "InvoiceCreateParams",
    ),
    Route("GET", "/v1/invoices/{id}", retrieve("invoice"), "", "InvoiceRetrieveParams"),
    Route("POST", "/v1/invoices/{id}/finalize", _finalize_one, "", "InvoiceFinalizeInvoiceParams"),
    Route(
        "POST",
        "/v1/invoices/{id}/pay",
        _pay,
        "payment_method off_session:bool paid_out_of_band:bool",
        "InvoicePayParams",
    ),
    Route("POST", "/v1/invoices/{id}/void", _void_one, "", "InvoiceVoidInvoiceParams"),
    Route(
        "GET",
        "/v1/invoices",
        _list,
        "customer subscription status:draft|open|paid|uncollectible|void <list>",
        "InvoiceListParams",
    ),
)
