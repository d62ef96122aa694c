"""Payments: https://developer.squareup.com/reference/square/payments-api.

A payment whose ``autocomplete`` is false is only authorized, for seven days. A payment that the bank refuses exists all the
same: it has failed.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..shapes import sendable
from .cards import shown_card, source_of
from .fields import ADDRESS, ELSEWHERE, MONEY, Fields, One, Text
from .orders import close, new_order, single_item, tender
from .pages import limit_of, page
from .profiles import profile_of
from .refusals import Refusal, bad, conflict, declined
from .routes import Key, Request, Route
from .world import JSON, World, moment_from, money_of, part, stamp

__all__ = ["PAYMENT_ROUTES", "complete", "expire", "pay", "tell_fee", "touch", "void"]

_DELAY = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_USUAL_DELAY = "PT168H"
_LONGEST_DELAY = timedelta(days=7)
_SHORTEST_DELAY = timedelta(minutes=1)
_EDITS = ["EDIT_AMOUNT_DOWN", "EDIT_TIP_AMOUNT", "EDIT_TIP_AMOUNT_UP", "EDIT_TIP_AMOUNT_DOWN"]
_DONE: Mapping[str, str] = {
    "COMPLETED": "DELAYED_TRANSACTION_CAPTURED",
    "CANCELED": "DELAYED_TRANSACTION_CANCELED",
    "FAILED": "DELAYED_TRANSACTION_FAILED",
}
_KEPT = ("reference_id", "note", "buyer_email_address", "billing_address", "shipping_address")
_MOST = 100


def pay(
    world: World,
    order: JSON,
    money: JSON,
    card: Mapping[str, Any],
    *,
    customer_id: str | None = None,
    verdict: str | None = None,
    capture: bool = True,
    on_file: bool = False,
    delay: str = _USUAL_DELAY,
    about: Mapping[str, Any] | None = None,
) -> JSON:
    """A payment with a card.

    Args:
        world: where.
        order: what is paid.
        money: how much.
        card: with which.
        customer_id: the customer.
        verdict: what the bank says; None: yes.
        capture: whether the money is taken at once.
        on_file: whether the card is one on file.
        delay: for how long it is authorized otherwise.
        about: what else the payment holds.
    """
    held = "FAILED" if verdict else "CAPTURED" if capture else "AUTHORIZED"
    number = f"PAY{world.count('payment') + 1:06d}"
    timeline = {} if verdict else {"authorized_at": stamp(world.now)}
    if held == "CAPTURED":
        timeline["captured_at"] = stamp(world.now)
    details: JSON = {
        "status": held,
        "card": shown_card(card),
        "entry_method": "ON_FILE" if on_file else "KEYED",
        "cvv_status": "CVV_REJECTED" if verdict == "CVV_FAILURE" else "CVV_ACCEPTED",
        "avs_status": "AVS_REJECTED" if verdict == "ADDRESS_VERIFICATION_FAILURE" else "AVS_ACCEPTED",
        "statement_description": "SQ *STAND-IN",
        "card_payment_timeline": timeline,
    }
    if verdict:
        details["errors"] = declined(verdict).body()["errors"]
    about = dict(about or {})
    tip = about.pop("tip_money", None)
    total = {**money, "amount": money["amount"] + tip["amount"]} if tip else money
    payment = world.add(
        "payment",
        world.new_id("PAY"),
        {
            "updated_at": stamp(world.now),
            "amount_money": money,
            **({"tip_money": tip} if tip else {}),
            "total_money": total,
            **({} if verdict else {"approved_money": total}),
            "status": "FAILED" if verdict else "COMPLETED" if capture else "APPROVED",
            "delay_duration": delay,
            "delay_action": "CANCEL",
            "delayed_until": stamp(world.now + _delay_of(delay)),
            "source_type": "CARD",
            "card_details": details,
            "location_id": order["location_id"],
            "order_id": order["id"],
            "risk_evaluation": {"created_at": stamp(world.now), "risk_level": "NORMAL"},
            **({"customer_id": customer_id} if customer_id else {}),
            **({"capabilities": list(_EDITS)} if held == "AUTHORIZED" else {}),
            "receipt_number": number[-4:],
            "receipt_url": f"https://squareup.com/receipt/preview/{number}",
            "application_details": {"square_product": "ECOMMERCE_API", "application_id": "sandbox-sq0idb-standin"},
            "version_token": world.new_id("token"),
            **{name: value for name, value in about.items() if value is not None},
        },
    )
    payment["_until"] = world.now + _delay_of(delay)
    world.tell("payment.created", payment)
    if not verdict:
        tender(world, order, payment)
    return payment


def _delay_of(text: str) -> timedelta:
    found = _DELAY.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    delay = timedelta(days=days, hours=hours, minutes=minutes)
    if not _SHORTEST_DELAY <= delay <= _LONGEST_DELAY:
        raise bad("INVALID_VALUE", "The delay must be between 1 minute and 7 days.", "delay_duration")
    return delay


def touch(world: World, payment: JSON, **changes: Any) -> JSON:
    """Change a payment: it gets another version token, and an event."""
    world.change(payment, version_token=world.new_id("token"), **changes)
    world.tell("payment.updated", payment)
    return payment


def complete(world: World, payment: JSON) -> JSON:
    """Take the money of an authorized payment."""
    payment["card_details"]["status"] = "CAPTURED"
    payment["card_details"]["card_payment_timeline"]["captured_at"] = stamp(world.now)
    payment.pop("capabilities", None)
    touch(world, payment, status="COMPLETED")
    tender(world, world.need("order", payment["order_id"]), payment)
    tell_fee(world, payment)
    return payment


def void(world: World, payment: JSON) -> JSON:
    """Give an authorized payment up."""
    payment["card_details"]["status"] = "VOIDED"
    payment["card_details"]["card_payment_timeline"]["voided_at"] = stamp(world.now)
    payment.pop("capabilities", None)
    touch(world, payment, status="CANCELED")
    order = world.need("order", payment["order_id"])
    left = [each for each in order.get("tenders", []) if each["id"] != payment["id"]]
    due = order["total_money"]["amount"] - sum(each["amount_money"]["amount"] for each in left)
    order["tenders"] = left
    if not left:
        del order["tenders"]
    world.change(order, net_amount_due_money={**order["total_money"], "amount": due})
    world.tell_order(order)
    return payment


def expire(world: World, payment: JSON) -> None:
    """The time of an authorized payment is over."""
    if payment["delay_action"] == "COMPLETE":
        complete(world, payment)
    else:
        payment["_expired"] = True
        void(world, payment)


def tell_fee(world: World, payment: JSON) -> None:
    """Square knows its fee slightly later, and sends another event of the payment."""
    total = payment["total_money"]
    fee = {"amount": round(total["amount"] * 0.029) + 30, "currency": total["currency"]}
    effective = stamp(world.now + timedelta(hours=2))
    touch(world, payment, processing_fee=[{"effective_at": effective, "type": "INITIAL", "amount_money": fee}])


# --- requests ----------------------------------------------------------------------------------------------------


def _create(world: World, request: Request) -> JSON:
    body = request.body
    location = world.location_for(body.get("location_id") or world.location["id"], "location_id")
    if not body.get("amount_money"):
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: amount_money.", "amount_money")
    money = money_of(location, body["amount_money"], "amount_money")
    tip = money_of(location, body["tip_money"], "tip_money", zero=True) if body.get("tip_money") else None
    delay = body.get("delay_duration") or _USUAL_DELAY
    _delay_of(delay)
    customer_id = _payer(world, body.get("customer_id"))
    order = world.need("order", body["order_id"]) if body.get("order_id") else None
    if order is not None:
        _check_order(order, location, money)
    card, verdict, on_file = _card_of(world, body["source_id"], customer_id)
    order = order or new_order(
        world, location, single_item("Payment", money), about={"customer_id": customer_id} if customer_id else {}
    )
    capture = body.get("autocomplete") is not False
    about: JSON = {**{name: body.get(name) for name in _KEPT}, "tip_money": tip}
    if body.get("statement_description_identifier"):
        about["statement_description_identifier"] = body["statement_description_identifier"]
    if body.get("delay_action"):
        about["delay_action"] = body["delay_action"]
    payment = pay(
        world,
        order,
        money,
        card,
        customer_id=customer_id,
        verdict=verdict,
        capture=capture,
        on_file=on_file,
        delay=delay,
        about=about,
    )
    payment["_key"] = request.key
    if verdict:
        raise declined(verdict, sendable(payment))
    answer = {"payment": sendable(payment)}
    if capture:
        close(world, order)
        tell_fee(world, payment)
    return answer


def _payer(world: World, customer_id: object) -> str | None:
    if customer_id is None:
        return None
    profile = profile_of(world, customer_id)
    if profile is None:
        raise bad("CUSTOMER_NOT_FOUND", "The customer cannot be found.", "customer_id")
    return str(profile["id"])


def _check_order(order: JSON, location: JSON, money: JSON) -> None:
    if order["location_id"] != location["id"]:
        raise bad("LOCATION_MISMATCH", "The order is of another location.", "order_id")
    if order["state"] != "OPEN" or order["net_amount_due_money"]["amount"] != money["amount"]:
        detail = f"The order is {order['state']}, and {order['net_amount_due_money']['amount']} are due."
        raise bad("PAYMENT_AMOUNT_MISMATCH", detail, "amount_money")


def _card_of(world: World, source: str, customer_id: str | None) -> tuple[JSON, str | None, bool]:
    """The card of a source, what the bank says, and whether it is one on file."""
    card = world.get("card", source)
    if card is None:
        found, verdict = source_of(world, source)
        return found, verdict or world.verdict(customer_id), False
    if customer_id is None:
        raise bad("MISSING_REQUIRED_PARAMETER", "A card on file needs its customer_id.", "customer_id")
    if card["customer_id"] != customer_id:
        raise Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Card not found for this customer.", "source_id")
    if not card["enabled"]:
        raise bad("INVALID_CARD", "The card is disabled.", "source_id")
    return card, world.verdict(customer_id, card), True


def _get(world: World, request: Request) -> JSON:
    return {"payment": world.need("payment", request.ids[0])}


def _list(world: World, request: Request) -> JSON:
    where = request.query.get("location_id", world.location["id"])
    begin = moment_from(request.query["begin_time"], "begin_time") if "begin_time" in request.query else None
    end = moment_from(request.query["end_time"], "end_time") if "end_time" in request.query else None
    rows = world.all(
        "payment",
        lambda row: (
            row["location_id"] == where
            and (begin or world.now - timedelta(days=365)) <= row["_made"]
            and row["_made"] <= (end or world.now)
        ),
    )
    if request.query.get("sort_order") != "ASC":
        rows.reverse()
    return page(world, request, rows, "payments", limit_of(request, _MOST, _MOST))


def _current(payment: JSON, token: object) -> None:
    if token is not None and token != payment["version_token"]:
        raise conflict(field="version_token")


def _open(payment: JSON, token: object) -> None:
    _current(payment, token)
    if payment["status"] != "APPROVED":
        code = "DELAYED_TRANSACTION_EXPIRED" if payment.get("_expired") else _DONE[payment["status"]]
        raise bad(code, f"The payment is {payment['status']}, not APPROVED.")


def _update(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    sent = part(request.body, "payment")
    _open(payment, sent.get("version_token"))
    location = world.need("location", payment["location_id"])
    changes: JSON = {}
    for name in ("amount_money", "tip_money"):
        if sent.get(name):
            changes[name] = money_of(location, sent[name], f"payment.{name}", zero=name == "tip_money")
    if not changes:
        raise bad("NO_FIELDS_SET", "There is nothing to be changed.", "payment")
    after = {**payment, **changes}
    if after["amount_money"]["amount"] > payment["amount_money"]["amount"]:
        raise bad("BAD_REQUEST", "The payment has no capability EDIT_AMOUNT_UP.", "payment.amount_money")
    tip = after.get("tip_money", {"amount": 0})["amount"]
    total = {**after["amount_money"], "amount": after["amount_money"]["amount"] + tip}
    touch(world, payment, **changes, total_money=total, approved_money=total)
    tender(world, world.need("order", payment["order_id"]), payment)
    return {"payment": payment}


def _complete(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    _open(payment, request.body.get("version_token"))
    return {"payment": complete(world, payment)}


def _cancel(world: World, request: Request) -> JSON:
    payment = world.need("payment", request.ids[0])
    _open(payment, None)
    return {"payment": void(world, payment)}


def _cancel_by_key(world: World, request: Request) -> JSON:
    """Nothing happens, and Square says that all is well, where no payment was made under the key."""
    for payment in world.all("payment", lambda row: row.get("_key") == request.body["idempotency_key"]):
        if payment["status"] in {"APPROVED", "COMPLETED"}:
            _open(payment, None)
            void(world, payment)
    return {}


_PAYING: Fields = {
    "source_id!": str,
    "amount_money": MONEY,
    "tip_money": MONEY,
    "delay_duration": str,
    "delay_action": One("CANCEL COMPLETE"),
    "autocomplete": bool,
    "order_id": str,
    "customer_id": str,
    "location_id": str,
    "reference_id": Text(40),
    "verification_token": str,
    "buyer_email_address": Text(255),
    "buyer_phone_number": str,
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "note": Text(500),
    "statement_description_identifier": Text(20),
    "customer_details": {"customer_initiated": bool, "seller_keyed_in": bool},
    **dict.fromkeys(
        (
            *("app_fee_money", "team_member_id", "accept_partial_authorization", "cash_details"),
            *("external_details", "offline_payment_details"),
        ),
        ELSEWHERE,
    ),
}
_EDITED: Fields = {
    "amount_money": MONEY,
    "tip_money": MONEY,
    "version_token": str,
    **dict.fromkeys(
        (
            *("id", "created_at", "updated_at", "total_money", "app_fee_money", "approved_money", "processing_fee"),
            *("refunded_money", "status", "delay_duration", "delay_action", "delayed_until", "source_type"),
            *("card_details", "cash_details", "bank_account_details", "external_details", "wallet_details"),
            *("buy_now_pay_later_details", "square_account_details", "location_id", "order_id", "reference_id"),
            *("customer_id", "employee_id", "team_member_id", "refund_ids", "risk_evaluation"),
            *("terminal_checkout_id", "buyer_email_address", "billing_address", "shipping_address", "note"),
            *("statement_description_identifier", "capabilities", "receipt_number", "receipt_url"),
            *("device_details", "application_details", "is_offline_payment", "offline_payment_details"),
            *("app_fee_allocations", "buyer_currency_exchange", "electronic_money_details"),
        ),
        ELSEWHERE,
    ),
}
_OTHER_FILTERS = (
    "total last_4 card_brand is_offline_payment offline_begin_time offline_end_time updated_at_begin_time "
    "updated_at_end_time sort_field"
)
_ONE = "/v2/payments/{payment_id}"
PAYMENT_ROUTES = (
    Route("POST", "/v2/payments", _create, _PAYING, key=Key(45, required=True)),
    Route("POST", "/v2/payments/cancel", _cancel_by_key, {"idempotency_key!": Text(45)}),
    Route(
        "GET",
        "/v2/payments",
        _list,
        query="begin_time cursor end_time limit location_id sort_order",
        query_elsewhere=_OTHER_FILTERS,
    ),
    Route("GET", _ONE, _get),
    Route("PUT", _ONE, _update, {"payment": _EDITED}, key=Key(45, required=True)),
    Route("POST", f"{_ONE}/complete", _complete, {"version_token": str}),
    Route("POST", f"{_ONE}/cancel", _cancel),
)
