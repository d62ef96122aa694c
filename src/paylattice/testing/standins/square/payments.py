"""Payments, refunds, orders and payment links: https://developer.squareup.com/reference/square/payments-api."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .catalog import VARIATION
from .refusals import bad, declined, missing
from .routes import Request, Route
from .world import JSON, World, money_of, stamp

__all__ = ["PAYMENT_ROUTES", "make_payment", "new_order", "pay_order", "settle_refund"]

_MONEY = {"amount!": None, "currency!": str}
_LONGEST = {"note": 500, "reference_id": 40, "buyer_email_address": 255, "statement_description_identifier": 20}
_AUTHORIZED = timedelta(days=7)
_OPEN = frozenset({"APPROVED", "PENDING"})


def make_payment(
    world: World,
    money: JSON,
    *,
    customer_id: str | None,
    order: JSON,
    card: JSON | None,
    capture: bool = True,
    extra: Mapping[str, Any] | None = None,
) -> JSON:
    """A payment that the bank has accepted."""
    last4 = card["last_4"] if card else "1111"
    brand = card["card_brand"] if card else "VISA"
    payment = world.add(
        "payment",
        "PAY",
        {
            "updated_at": stamp(world.now),
            "amount_money": money,
            "total_money": money,
            "approved_money": money,
            "status": "COMPLETED" if capture else "APPROVED",
            "delay_duration": "PT168H",
            "delay_action": "CANCEL",
            "delayed_until": stamp(world.now + _AUTHORIZED),
            "source_type": "CARD",
            "card_details": {
                "status": "CAPTURED" if capture else "AUTHORIZED",
                "card": {"card_brand": brand, "last_4": last4, "exp_month": 12, "exp_year": 2031},
                "entry_method": "ON_FILE" if card else "KEYED",
                "cvv_status": "CVV_ACCEPTED",
                "avs_status": "AVS_ACCEPTED",
            },
            "location_id": world.location["id"],
            "order_id": order["id"],
            "capabilities": ["EDIT_AMOUNT_UP", "EDIT_AMOUNT_DOWN"] if not capture else [],
            "version_token": world.new_id("token"),
            **({"customer_id": customer_id} if customer_id else {}),
            **(extra or {}),
        },
    )
    order["tenders"] = [
        {
            "id": payment["id"],
            "location_id": world.location["id"],
            "transaction_id": order["id"],
            "created_at": payment["created_at"],
            "amount_money": money,
            "type": "CARD",
            "payment_id": payment["id"],
        }
    ]
    world.tell("payment.created", "payment", payment)
    return payment


def new_order(world: World, sent: Mapping[str, Any], total: JSON) -> JSON:
    """A new order."""
    return world.add(
        "order",
        "ORD",
        {
            "updated_at": stamp(world.now),
            "location_id": world.location["id"],
            "state": "OPEN",
            "version": 1,
            "total_money": total,
            "source": {"name": "Stand-in"},
            **{name: value for name, value in sent.items() if value is not None},
        },
    )


def pay_order(world: World, order: JSON, customer_id: str, card: JSON | None) -> JSON:
    """The buyer pays an order. It stays OPEN, as orders of payment links do."""
    payment = make_payment(world, order["total_money"], customer_id=customer_id, order=order, card=card)
    world.change("order", order)
    world.tell_order(order)
    world.tell("payment.updated", "payment", payment)
    return payment


def _pay(world: World, request: Request) -> JSON:
    body = request.body
    for name, longest in _LONGEST.items():
        if len(body.get(name, "")) > longest:
            raise bad("VALUE_TOO_LONG", f"Up to {longest} characters.", name)
    money = money_of(world, body["amount_money"], "amount_money")
    if body.get("location_id") not in {None, world.location["id"]}:
        raise bad("INVALID_VALUE", "No such location.", "location_id")
    source = body["source_id"]
    card = world.get("card", source)
    if card is None and not source.startswith("cnon:"):
        raise missing("Card nonce")
    if card is not None:
        if not card["enabled"]:
            raise bad("INVALID_CARD", "The card is disabled.", "source_id")
        if body.get("customer_id") != card["customer_id"]:
            raise bad("MISSING_REQUIRED_PARAMETER", "A card on file needs its customer_id.", "customer_id")
    code = (card or {}).get("_declines") or world.declined()
    if code:
        raise declined(code)
    order = new_order(world, {"customer_id": body.get("customer_id")}, money)
    extra = {name: body[name] for name in ("note", "reference_id", "buyer_email_address") if name in body}
    capture = body.get("autocomplete", True)
    payment = make_payment(
        world, money, customer_id=body.get("customer_id"), order=order, card=card, capture=capture, extra=extra
    )
    if capture:
        world.change("order", order, state="COMPLETED", closed_at=stamp(world.now))
    return {"payment": payment}


def _touch(world: World, payment: JSON, **changes: Any) -> JSON:
    world.change("payment", payment, "payment.updated", version_token=world.new_id("token"), **changes)
    return {"payment": payment}


def _edit(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    sent = request.body["payment"]
    _check_token(payment, sent.get("version_token"))
    if payment["status"] != "APPROVED":
        raise bad("BAD_REQUEST", f"A payment that is {payment['status']} cannot be changed.")
    money = money_of(world, sent["amount_money"], "payment.amount_money")
    if money["amount"] > payment["amount_money"]["amount"]:
        raise bad("PAYMENT_AMOUNT_MISMATCH", "The amount can only go down.", "payment.amount_money")
    return _touch(world, payment, amount_money=money, total_money=money, approved_money=money)


def _check_token(payment: JSON, token: object) -> None:
    if token is not None and token != payment["version_token"]:
        raise bad("VERSION_MISMATCH", "The payment was changed: read it again.", "version_token")


def _complete(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    _check_token(payment, request.body.get("version_token"))
    if payment["status"] != "APPROVED":
        raise bad("DELAYED_TRANSACTION_CAPTURED", f"The payment is {payment['status']}.")
    payment["card_details"]["status"] = "CAPTURED"
    return _touch(world, payment, status="COMPLETED")


def _cancel(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    if payment["status"] not in _OPEN:
        raise bad("DELAYED_TRANSACTION_CANCELED", f"The payment is {payment['status']}.")
    payment["card_details"]["status"] = "VOIDED"
    return _touch(world, payment, status="CANCELED")


def _refund(world: World, request: Request) -> JSON:
    body = request.body
    payment = world.need("payment", body.get("payment_id"))
    if payment["status"] != "COMPLETED":
        raise bad("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", "Only completed payments can be refunded.")
    money = money_of(world, body["amount_money"], "amount_money")
    given = payment.get("refunded_money", {}).get("amount", 0)
    left = payment["total_money"]["amount"] - given
    if money["amount"] > left:
        refusal = bad("REFUND_AMOUNT_INVALID", f"At most {left} are left.", "amount_money.amount")
        refusal.category = "REFUND_ERROR"
        raise refusal
    if len(body.get("reason", "")) > 192:  # noqa: PLR2004 - Square's limit
        raise bad("VALUE_TOO_LONG", "Up to 192 characters.", "reason")
    number = len(payment.get("refund_ids", [])) + 1
    refund = world.add(
        "refund",
        "",
        {
            "status": "PENDING",
            "amount_money": money,
            "payment_id": payment["id"],
            "order_id": payment["order_id"],
            "location_id": payment["location_id"],
            "updated_at": stamp(world.now),
            **({"reason": body["reason"]} if "reason" in body else {}),
        },
        known_as=f"{payment['id']}_REFUND{number:03d}",
        event="refund.created",
    )
    payment["refund_ids"] = [*payment.get("refund_ids", []), refund["id"]]
    payment["refunded_money"] = {"amount": given + money["amount"], "currency": money["currency"]}
    world.change("payment", payment, "payment.updated", version_token=world.new_id("token"))
    return {"refund": refund}


def settle_refund(world: World, refund: JSON, *, succeeded: bool = True) -> None:
    """What the bank says in the end."""
    world.change("refund", refund, "refund.updated", status="COMPLETED" if succeeded else "FAILED")
    if not succeeded:
        payment = world.need("payment", refund["payment_id"])
        payment["refunded_money"]["amount"] -= refund["amount_money"]["amount"]


def _link(world: World, request: Request) -> JSON:
    body = request.body
    if ("quick_pay" in body) == ("order" in body):
        raise bad("BAD_REQUEST", "Exactly one of quick_pay and order.")
    options = body.get("checkout_options", {})
    plan_id = options.get("subscription_plan_id")
    if plan_id is not None:
        variation = world.get("catalog", plan_id)
        if variation is None or variation["type"] != VARIATION:
            raise bad("INVALID_VALUE", "Incorrect object type: a plan variation is wanted.", "subscription_plan_id")
    if "quick_pay" in body:
        quick = body["quick_pay"]
        total = money_of(world, quick["price_money"], "quick_pay.price_money")
        order = new_order(world, {"line_items": [{"name": quick["name"], "quantity": "1"}]}, total)
    else:
        sent = dict(body["order"])
        total = money_of(world, sent["line_items"][0]["base_price_money"], "order.line_items.base_price_money")
        order = new_order(world, sent, total)
    about = {
        name: body[name]
        for name in ("description", "checkout_options", "pre_populated_data", "payment_note")
        if name in body
    }
    link = world.add(
        "payment_link",
        "LINK",
        {"version": 1, "order_id": order["id"], "updated_at": stamp(world.now), **about},
    )
    link["url"] = f"https://sandbox.square.link/u/{link['id']}"
    link["long_url"] = f"https://checkout.square.site/merchant/{world.merchant_id}/checkout/{link['id']}"
    return {"payment_link": link, "related_resources": {"orders": [order]}}


def _drop_link(world: World, request: Request) -> JSON:
    link = world.need("payment_link", request.ids[0])
    link["_deleted"] = True
    order = world.need("order", link["order_id"])
    world.change("order", order, state="CANCELED")
    return {"id": link["id"], "cancelled_order_id": order["id"]}


_PAYING = {
    "source_id!": str,
    "amount_money!": _MONEY,
    "tip_money": _MONEY,
    "app_fee_money": _MONEY,
    "delay_duration": str,
    "delay_action": str,
    "autocomplete": bool,
    "order_id": str,
    "customer_id": str,
    "location_id": str,
    "team_member_id": str,
    "reference_id": str,
    "verification_token": str,
    "accept_partial_authorization": bool,
    "buyer_email_address": str,
    "note": str,
    "statement_description_identifier": str,
}
_REFUNDING = {
    "amount_money!": _MONEY,
    "app_fee_money": _MONEY,
    "payment_id": str,
    "reason": str,
    "payment_version_token": str,
}
_LINKING = {
    "description": str,
    "quick_pay": {"name!": str, "price_money!": _MONEY, "location_id!": str},
    "order": {
        "location_id!": str,
        "line_items": [{"name": str, "quantity!": str, "base_price_money": _MONEY, "note": str}],
        "customer_id": str,
        "reference_id": str,
        "metadata": {},
    },
    "checkout_options": {
        "subscription_plan_id": str,
        "redirect_url": str,
        "allow_tipping": bool,
        "merchant_support_email": str,
        "ask_for_shipping_address": bool,
        "accepted_payment_methods": {},
    },
    "pre_populated_data": {"buyer_email": str, "buyer_phone_number": str, "buyer_address": {}},
    "payment_note": str,
}
_LINKS = "/v2/online-checkout/payment-links"
PAYMENT_ROUTES = (
    Route("POST", "/v2/payments", _pay, _PAYING, key=45, key_required=True),
    Route("GET", "/v2/payments/{id}", lambda world, request: {"payment": world.need("payment", request.ids[0])}),
    Route("PUT", "/v2/payments/{id}", _edit, {"payment!": {}}, key=45, key_required=True),
    Route("POST", "/v2/payments/{id}/complete", _complete, {"version_token": str}),
    Route("POST", "/v2/payments/{id}/cancel", _cancel),
    Route("POST", "/v2/refunds", _refund, _REFUNDING, key=45, key_required=True),
    Route("GET", "/v2/refunds/{id}", lambda world, request: {"refund": world.need("refund", request.ids[0])}),
    Route("POST", _LINKS, _link, _LINKING, key=192),
    Route(
        "GET", f"{_LINKS}/{{id}}", lambda world, request: {"payment_link": world.need("payment_link", request.ids[0])}
    ),
    Route("DELETE", f"{_LINKS}/{{id}}", _drop_link),
    Route("GET", "/v2/orders/{id}", lambda world, request: {"order": world.need("order", request.ids[0])}),
)
