"""Previews of invoices: https://docs.stripe.com/api/invoices/create_preview.

The change is made in a copy of everything there is, by the code that makes it: what it is billed there is the preview.
"""

import copy

from .invoices import Line, new_invoice, pending_lines
from .lifecycle import ENDED, period_of, renewal_lines, usage_lines
from .periods import period_after
from .refusals import Refusal, invalid
from .routes import Params, Route
from .subscriptions import change_items, rhythm_of
from .world import JSON, World

__all__ = ["PREVIEW_ROUTES"]

_MOST_ITEMS = 20
_UNPAID: JSON = {
    "amount_paid": 0,
    "attempt_count": 0,
    "attempted": False,
    "billing_reason": "upcoming",
    "effective_at": None,
    "ending_balance": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "next_payment_attempt": None,
    "number": None,
    "status": "draft",
    "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
}
"""What is not so yet, whatever became of the invoice in the copy."""


def _preview(world: World, params: Params) -> JSON:
    details = params.get("subscription_details", {})
    subscription = world.need("subscription", params["subscription"], "subscription")
    if subscription["status"] in ENDED or subscription["status"] in {"incomplete", "paused"}:
        raise _no_invoice(subscription)
    _check(world, subscription, details)
    there = copy.deepcopy(world)
    there.now = details.get("proration_date", world.now)
    changed = there.need("subscription", subscription["id"])
    if "items" in details:
        change_items(there, changed, details)
    there.now = world.now
    latest = changed["latest_invoice"]
    recurs = params.get("preview_mode") == "recurring"
    invoice = there.need("invoice", latest) if latest != subscription["latest_invoice"] and not recurs else None
    if invoice is None or not invoice["lines"]["data"]:
        lines = _next_lines(there, changed, recurs=recurs)
        invoice = new_invoice(there, changed["customer"], changed["currency"], lines, "upcoming", changed)
    return {**invoice, **_UNPAID, "id": f"upcoming_{invoice['id']}", "amount_remaining": invoice["amount_due"]}


def _check(world: World, subscription: JSON, details: Params) -> None:
    if len(details.get("items", [])) > _MOST_ITEMS:
        message = f"You can pass at most {_MOST_ITEMS} items."
        raise invalid(message, param="subscription_details[items]")
    date = details.get("proration_date")
    if date is None:
        return
    param = "subscription_details[proration_date]"
    if "items" not in details or details.get("proration_behavior") == "none":
        message = "proration_date needs subscription_details[items], and a proration_behavior that is not none."
        raise invalid(message, param=param)
    start, end = period_of(world, subscription)
    if not start <= date <= end:
        message = "proration_date must be within the current period of the subscription."
        raise invalid(message, param=param)


def _next_lines(world: World, subscription: JSON, *, recurs: bool) -> list[Line]:
    """What the next period is billed; or the last invoice, if it ends then."""
    period = period_of(world, subscription)
    if not recurs and subscription["cancel_at"] is not None and subscription["cancel_at"] <= period[1]:
        usage = [line for line in usage_lines(world, subscription, period) if line.amount]
        last = [*usage, *pending_lines(world, subscription)]
        if not last:
            raise _no_invoice(subscription)
        return last
    after = period_after(subscription["billing_cycle_anchor"], rhythm_of(world, subscription), period[1])
    lines = renewal_lines(world, subscription, period, after)
    if recurs:
        return [line for line in lines if line.period == after]
    return [*lines, *pending_lines(world, subscription)]


def _no_invoice(subscription: JSON) -> Refusal:
    message = f"No upcoming invoices for customer: {subscription['customer']}"
    return Refusal(404, {"code": "invoice_upcoming_none", "message": message, "type": "invalid_request_error"})


_ITEMS = "subscription_details[items][]"

PREVIEW_ROUTES = (
    Route(
        "POST",
        "/v1/invoices/create_preview",
        _preview,
        f"subscription! preview_mode:next|recurring {_ITEMS}[id] {_ITEMS}[price] {_ITEMS}[quantity]:int "
        f"{_ITEMS}[deleted]:bool subscription_details[proration_behavior]:always_invoice|create_prorations|none "
        "subscription_details[proration_date]:int",
        "InvoiceCreatePreviewParams",
    ),
)
