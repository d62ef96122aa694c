"""The payments of subscriptions ("sales") and their refunds, of the oldest API: https://developer.paypal.com/docs/api/payments/v1/.

Amounts are ``{total, currency}``, states are in lower case, and a refusal has its word in ``name``.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ..shapes import Shape
from .refusals import older
from .routes import ANYTHING, DAY, Request, Route
from .world import JSON, World, amount_of, link, moment, said, text_of

__all__ = ["REFUNDED_FOR", "SALE_ROUTES", "add_sale", "given_back", "release"]

REFUNDED_FOR = timedelta(days=180)
"""How long after a payment PayPal refunds it."""
_REFUND: Shape = {
    "amount": {"total!": str, "currency!": str, "details": ANYTHING},
    "description": str,
    "reason": str,
    "invoice_number": str,
}


def add_sale(world: World, subscription: JSON, amount: Decimal, currency: str) -> JSON:
    """A payment of a subscription, in the older shape, with one decimal where that is enough."""
    fee = (amount * Decimal("0.03")).quantize(Decimal("0.01"))
    sale = world.add(
        "sale",
        "",
        {
            "state": "completed",
            "amount": {
                "total": text_of(amount, currency),
                "currency": currency,
                "details": {"subtotal": text_of(amount, currency)},
            },
            "payment_mode": "INSTANT_TRANSFER",
            "protection_eligibility": "INELIGIBLE",
            "transaction_fee": {"value": text_of(fee, currency), "currency": currency},
            "billing_agreement_id": subscription["id"],
            "update_time": said(world.now),
        },
    )
    if "custom_id" in subscription:
        sale["custom"] = subscription["custom_id"]
    if world.holds_sale():
        sale |= {"payment_hold_status": "HELD", "payment_hold_reasons": ["PAYMENT_HOLD"]}
    path = f"/v1/payments/sale/{sale['id']}"
    sale["links"] = [link(path, "self"), link(f"{path}/refund", "refund", "POST")]
    subscription.setdefault("_sales", []).append(sale["id"])
    return sale


def release(world: World, sale: JSON) -> None:
    """PayPal no longer keeps the money from the merchant.

    Raises:
        ValueError: it does not.
    """
    if sale.pop("payment_hold_status", None) != "HELD":
        message = "the sale is not held"
        raise ValueError(message)
    del sale["payment_hold_reasons"]
    sale["update_time"] = said(world.now)
    world.tell("PAYMENT.SALE.COMPLETED", {**sale, "payment_hold_status": "RELEASED"}, "sale", "")


def given_back(world: World, payment: JSON) -> Decimal:
    """What was refunded of a payment so far, of either kind."""
    counting = (each for each in world.all("refund") if each["_of"] == payment["id"] and each.get("status") != "FAILED")
    return sum((each["_value"] for each in counting), Decimal(0))


def _wanted(world: World, body: Mapping[str, Any], sale: JSON) -> Decimal:
    whole, currency = Decimal(sale["amount"]["total"]), sale["amount"]["currency"]
    left = whole - given_back(world, sale)
    if left <= 0:
        raise older(400, "TRANSACTION_ALREADY_REFUNDED", "The sale was refunded already.")
    if world.now - moment(sale["create_time"]) > REFUNDED_FOR:
        raise older(400, "REFUND_TIME_LIMIT_EXCEEDED", "The sale is too old to be refunded.")
    if "amount" not in body:
        return left
    value, asked = amount_of(body["amount"], "/amount")
    if asked != currency:
        raise older(400, "CURRENCY_MISMATCH", "The currency is that of the sale.")
    if value > left:
        raise older(400, "REFUND_EXCEEDED_TRANSACTION_AMOUNT", "The refund is larger than what is left of the sale.")
    return value


def _refund(world: World, request: Request) -> JSON:
    sale = _found_sale(world, request)
    if sale["state"] in {"pending", "denied"}:
        raise older(400, "TRANSACTION_REFUSED", "No money was taken.")
    value, currency = _wanted(world, request.body, sale), sale["amount"]["currency"]
    more = {name: request.body[name] for name in ("description", "reason", "invoice_number") if name in request.body}
    refund = world.add(
        "refund",
        "",
        {
            "state": "completed",
            "amount": {"total": text_of(value, currency), "currency": currency},
            "sale_id": sale["id"],
            "update_time": said(world.now),
            **more,
            **({"custom": sale["custom"]} if "custom" in sale else {}),
            "_of": sale["id"],
            "_value": value,
            "_older": True,
        },
    )
    refund["links"] = [
        link(f"/v1/payments/refund/{refund['id']}", "self"),
        link(f"/v1/payments/sale/{sale['id']}", "sale"),
    ]
    left = Decimal(sale["amount"]["total"]) - given_back(world, sale)
    sale |= {"state": "partially_refunded" if left else "refunded", "update_time": said(world.now)}
    world.tell("PAYMENT.SALE.REFUNDED", refund, "refund", "")
    return refund


def _found_refund(world: World, request: Request) -> JSON:
    refund = world.get("refund", request.ids[0])
    if refund is None or "_older" not in refund:
        raise older(404, "INVALID_RESOURCE_ID", "The requested resource ID was not found")
    return refund


def _found_sale(world: World, request: Request) -> JSON:
    sale = world.get("sale", request.ids[0])
    if sale is None:
        raise older(404, "INVALID_RESOURCE_ID", "The requested resource ID was not found")
    return sale


SALE_ROUTES = (
    Route("GET", "/v1/payments/sale/{id}", _found_sale),
    Route(
        "POST",
        "/v1/payments/sale/{id}/refund",
        _refund,
        _REFUND,
        remembers=30 * DAY,
        longest_key=78,
        status=201,
    ),
    Route("GET", "/v1/payments/refund/{id}", _found_refund),
)
