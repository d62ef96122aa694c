"""Refunds: https://developer.squareup.com/reference/square/refunds-api. They begin as PENDING, and the bank decides later."""

from datetime import timedelta

from .fields import ELSEWHERE, MONEY, Fields, Text
from .orders import new_order
from .payments import touch
from .refusals import bad, conflict, refused_refund
from .routes import Key, Request, Route
from .world import JSON, World, money_of, stamp

__all__ = ["REFUND_ROUTES", "SETTLES_AFTER", "settle"]

SETTLES_AFTER = timedelta(days=1)
_YEAR = timedelta(days=365)
_MOST = 20
_GONE = frozenset({"FAILED", "REJECTED"})
_REPAID = {True: "REFUNDED", False: "PARTIALLY_REFUNDED"}


def _given_back(world: World, payment: JSON, *, pending: bool) -> int:
    counting = {"COMPLETED", "PENDING"} if pending else {"COMPLETED"}
    found = world.all("refund", lambda row: row["payment_id"] == payment["id"] and row["status"] in counting)
    return sum(refund["amount_money"]["amount"] for refund in found)


def _note(world: World, payment: JSON) -> None:
    """Let the payment say what was given back of it; and the invoice that it paid."""
    given = _given_back(world, payment, pending=world.variants.pending_refunds_count)
    total = payment["total_money"]
    ids = [row["id"] for row in world.all("refund", lambda row: row["payment_id"] == payment["id"])]
    payment.pop("refunded_money", None)
    refunded = {"refunded_money": {**total, "amount": given}} if given else {}
    touch(world, payment, refund_ids=ids, **refunded)
    done = _given_back(world, payment, pending=False)
    for invoice in world.all("invoice", lambda row: done > 0 and row["order_id"] == payment["order_id"]):
        world.change(invoice, decimals=0, status=_REPAID[done >= total["amount"]])
        world.tell("invoice.refunded", invoice)


def settle(world: World, refund: JSON, *, succeeded: bool = True) -> None:
    """The bank has decided."""
    world.change(refund, status="COMPLETED" if succeeded else "FAILED")
    world.tell("refund.updated", refund)
    _note(world, world.need("payment", refund["payment_id"]))


def _create(world: World, request: Request) -> JSON:
    body = request.body
    if not body.get("payment_id"):
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: payment_id.", "payment_id")
    payment = world.need("payment", body["payment_id"])
    token = body.get("payment_version_token")
    if token is not None and token != payment["version_token"]:
        raise conflict(field="payment_version_token")
    location = world.need("location", payment["location_id"])
    money = money_of(location, body["amount_money"], "amount_money")
    earlier = world.all("refund", lambda row: row["payment_id"] == payment["id"] and row["status"] not in _GONE)
    if payment["status"] == "APPROVED":
        raise refused_refund("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", "The payment is not completed.")
    if payment["status"] != "COMPLETED" or world.now - payment["_made"] > _YEAR or len(earlier) >= _MOST:
        raise refused_refund("PAYMENT_NOT_REFUNDABLE", "The payment cannot be refunded.")
    total = payment["total_money"]["amount"]
    left = total - _given_back(world, payment, pending=True)
    if money["amount"] > left:
        settled = total - _given_back(world, payment, pending=False)
        if money["amount"] <= settled:
            raise refused_refund("REFUND_ALREADY_PENDING", "The payment already has a pending refund.")
        detail = f"The requested refund amount exceeds the amount available to refund: {left}."
        raise refused_refund("REFUND_AMOUNT_INVALID", detail, "amount_money.amount")
    order = new_order(world, location, [])
    refund = world.add(
        "refund",
        f"{payment['id']}_{world.new_id('REF')}",
        {
            "status": "PENDING",
            "amount_money": money,
            "payment_id": payment["id"],
            "order_id": order["id"],
            "location_id": location["id"],
            "destination_type": "CARD",
            "updated_at": stamp(world.now),
            **({"reason": body["reason"]} if body.get("reason") else {}),
        },
    )
    world.tell("refund.created", refund)
    _note(world, payment)
    return {"refund": refund}


def _get(world: World, request: Request) -> JSON:
    return {"refund": world.need("refund", request.ids[0])}


_REFUNDING: Fields = {
    "amount_money!": MONEY,
    "payment_id": str,
    "reason": Text(192),
    "payment_version_token": str,
    **dict.fromkeys(
        (
            *("app_fee_money", "destination_id", "unlinked", "location_id", "customer_id", "team_member_id"),
            *("cash_details", "external_details"),
        ),
        ELSEWHERE,
    ),
}
REFUND_ROUTES = (
    Route("POST", "/v2/refunds", _create, _REFUNDING, key=Key(45, required=True)),
    Route("GET", "/v2/refunds/{refund_id}", _get),
)
