"""Authorizations, captures and refunds: https://developer.paypal.com/docs/api/payments/v2/."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from ..shapes import Shape
from .refusals import missing, unprocessable
from .routes import ANYTHING, DAY, Request, Route
from .sales import REFUNDED_FOR, given_back
from .terms import MONEY
from .world import JSON, World, amount_of, link, moment, money, said

__all__ = ["PAYMENT_ROUTES", "add_authorization", "add_capture", "lapse", "payments_of", "settle", "settle_refund"]

_VALID = timedelta(days=29)
_HONORED = timedelta(days=3)
"""https://developer.paypal.com/docs/checkout/advanced/authorization-honor"""
_MORE = Decimal(75)
_INSTRUCTION: Shape = {
    "platform_fees": [ANYTHING],
    "disbursement_mode": str,
    "payee_pricing_tier_id": str,
    "payee_receivable_fx_rate_id": str,
}
_CAPTURE: Shape = {
    "invoice_id": str,
    "note_to_payer": str,
    "amount": MONEY,
    "final_capture": bool,
    "payment_instruction": _INSTRUCTION,
    "soft_descriptor": str,
}
_REFUND: Shape = {
    "amount": MONEY,
    "custom_id": str,
    "invoice_id": str,
    "note_to_payer": str,
    "payment_instruction": {"platform_fees": [ANYTHING]},
}
_AUTHORIZATIONS, _CAPTURES = "/v2/payments/authorizations", "/v2/payments/captures"
_ORDERS = "/v2/checkout/orders"
_FEE = Decimal("0.0349")
_OPEN = frozenset({"CREATED", "PARTIALLY_CAPTURED"})


def payments_of(order: JSON, kind: str) -> list[JSON]:
    """What an order has led to: ``authorizations``, ``captures`` or ``refunds``, of all its units."""
    found: list[JSON] = []
    for unit in order["purchase_units"]:
        found += cast("list[JSON]", unit.get("payments", {}).get(kind, []))
    return found


def _keep(unit: JSON, kind: str, made: JSON) -> None:
    unit.setdefault("payments", {}).setdefault(kind, []).append(made)


def _inherited(order: JSON, unit: JSON) -> JSON:
    shared: JSON = {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    number = order["purchase_units"].index(unit)
    return {
        **shared,
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        "_order": order["id"],
        "_unit": number,
    }


def _unit_of(world: World, payment: JSON) -> JSON:
    order = world.need("order", payment["_order"])
    return cast("JSON", order["purchase_units"][payment["_unit"]])


def add_authorization(
    world: World, order: JSON, word: str | None, *, original: JSON | None = None, amount: JSON | None = None
) -> JSON:
    """Money that is reserved, or (``DECLINED``) was not; or reserved anew, as long as the original authorization is valid."""
    unit = order["purchase_units"][0]
    status = {"DECLINED": "DENIED", "PENDING": "PENDING"}.get(word or "", "CREATED")
    authorization = world.add(
        "authorization",
        "",
        {
            "status": status,
            "amount": amount or money(*amount_of(unit["amount"], "")),
            **_inherited(order, unit),
            "expiration_time": original["expiration_time"] if original else said(world.now + _VALID),
            "update_time": said(world.now),
        },
    )
    if original is not None:
        authorization["_original"] = original["id"]
    if status == "PENDING":
        authorization["status_details"] = {"reason": "PENDING_REVIEW"}
    path = f"{_AUTHORIZATIONS}/{authorization['id']}"
    authorization["links"] = [
        link(path, "self"),
        link(f"{path}/capture", "capture", "POST"),
        link(f"{path}/void", "void", "POST"),
        link(f"{path}/reauthorize", "reauthorize", "POST"),
        link(f"{_ORDERS}/{order['id']}", "up"),
    ]
    _keep(unit, "authorizations", authorization)
    world.tell("PAYMENT.AUTHORIZATION.CREATED", authorization, "authorization")
    return authorization


def add_capture(
    world: World,
    order: JSON,
    unit: JSON,
    amount: Mapping[str, Any],
    *,
    status: str = "COMPLETED",
    final: bool = True,
    more: Mapping[str, Any] | None = None,
    authorization: JSON | None = None,
) -> JSON:
    """Money that is taken, or held for review (``PENDING``), or was declined by the card's bank (``DECLINED``)."""
    value, currency = amount_of(amount, "")
    fee = (value * _FEE).quantize(Decimal(1) if money(value, currency)["value"].isdecimal() else Decimal("0.01"))
    capture = world.add(
        "capture",
        "",
        {
            "status": status,
            "amount": money(value, currency),
            "final_capture": final,
            "seller_protection": {"status": "NOT_ELIGIBLE"},
            **_inherited(order, unit),
            **(more or {}),
            "update_time": said(world.now),
        },
    )
    if status == "PENDING":
        capture["status_details"] = {"reason": "PENDING_REVIEW"}
    if status == "COMPLETED":
        capture["seller_receivable_breakdown"] = {
            "gross_amount": money(value, currency),
            "paypal_fee": money(fee, currency),
            "net_amount": money(value - fee, currency),
        }
    path = f"{_CAPTURES}/{capture['id']}"
    capture["links"] = [
        link(path, "self"),
        link(f"{path}/refund", "refund", "POST"),
        link(f"{_AUTHORIZATIONS}/{authorization['id']}" if authorization else f"{_ORDERS}/{order['id']}", "up"),
    ]
    _keep(unit, "captures", capture)
    world.tell(f"PAYMENT.CAPTURE.{status}", capture, "capture")
    return capture


def settle(world: World, capture: JSON, *, succeeded: bool) -> None:
    """The review of a pending capture is over.

    Raises:
        ValueError: it is not pending.
    """
    if capture["status"] != "PENDING":
        message = f"the capture is {capture['status']}, not pending"
        raise ValueError(message)
    capture |= {"status": "COMPLETED" if succeeded else "DECLINED", "update_time": said(world.now)}
    del capture["status_details"]
    world.tell(f"PAYMENT.CAPTURE.{'COMPLETED' if succeeded else 'DENIED'}", capture, "capture")


def lapse(world: World) -> None:
    """Release what was reserved and not captured for 29 days."""
    for authorization in world.all("authorization"):
        if authorization["status"] in _OPEN and world.now >= moment(authorization["expiration_time"]):
            _release(world, authorization)


def _release(world: World, authorization: JSON) -> None:
    authorization |= {"status": "VOIDED", "update_time": said(world.now)}
    world.tell("PAYMENT.AUTHORIZATION.VOIDED", authorization, "authorization")


# --- what the merchant asks for ----------------------------------------------------------------------------------


def _capture(world: World, request: Request) -> JSON:
    authorization = world.need("authorization", request.ids[0])
    body = request.body
    lapsed = world.now >= moment(authorization["expiration_time"])
    if authorization["status"] == "VOIDED":
        raise unprocessable(
            "AUTHORIZATION_EXPIRED" if lapsed else "AUTHORIZATION_VOIDED",
            "An expired or voided authorization cannot be captured.",
        )
    if authorization["status"] == "DENIED":
        raise unprocessable("AUTHORIZATION_DENIED", "A denied authorization cannot be captured.")
    if authorization["status"] not in {"CREATED", "PARTIALLY_CAPTURED"}:
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.")
    unit = _unit_of(world, authorization)
    whole, currency = amount_of(authorization["amount"], "/amount")
    earlier = [each for each in unit.get("payments", {}).get("captures", []) if each["status"] != "DECLINED"]
    left = whole - sum((Decimal(each["amount"]["value"]) for each in earlier), Decimal(0))
    value = left
    if "amount" in body:
        value, asked = amount_of(body["amount"], "/amount/value")
        if asked != currency:
            message = "The currency is that of the authorization."
            raise unprocessable("AUTH_CAPTURE_CURRENCY_MISMATCH", message, "/amount/currency_code")
        if value > left:
            message = "Capture amount exceeds allowable limit."
            raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", message, "/amount/value")
    _refuse_second(world, "capture", body)
    word = world.declined()
    if word is not None and word not in {"PENDING", "DECLINED"}:
        raise unprocessable(word, "The payment was refused.")
    final = bool(body.get("final_capture", False))
    more = {name: body[name] for name in ("invoice_id", "note_to_payer") if name in body}
    order = world.need("order", authorization["_order"])
    status = word or "COMPLETED"
    if status != "DECLINED":
        done = final or value == left
        for each in _family(world, authorization):
            each |= {"status": "CAPTURED" if done else "PARTIALLY_CAPTURED", "update_time": said(world.now)}
    taken = money(value, currency)
    return add_capture(world, order, unit, taken, status=status, final=final, more=more, authorization=authorization)


def _void(world: World, request: Request) -> JSON | None:
    authorization = world.need("authorization", request.ids[0])
    if authorization["status"] == "VOIDED":
        raise unprocessable(
            "PREVIOUSLY_VOIDED", "Authorization has been previously voided and hence cannot be voided again."
        )
    if authorization["status"] not in _OPEN | {"PENDING"}:
        message = "Authorization has been previously captured and hence cannot be voided."
        raise unprocessable("PREVIOUSLY_CAPTURED", message)
    if "_original" in authorization:
        message = "A reauthorization cannot be voided. Please void the original parent authorization."
        raise unprocessable("CANNOT_BE_VOIDED", message)
    for each in _family(world, authorization):
        each |= {"status": "VOIDED", "update_time": said(world.now)}
    _release(world, authorization)
    return authorization if request.whole else None


def _family(world: World, authorization: JSON) -> list[JSON]:
    """The authorization with its original, and all that it was renewed by: they reserve the same money."""
    of = authorization.get("_original", authorization["id"])
    return [each for each in world.all("authorization") if of in {each["id"], each.get("_original")}]


def _reauthorize(world: World, request: Request) -> JSON:
    original = world.need("authorization", request.ids[0])
    if original["status"] == "VOIDED":
        raise unprocessable("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured or reauthorized.")
    if original["status"] != "CREATED":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has previously been captured.")
    if "_original" in original:
        raise unprocessable("REAUTHORIZATION_NOT_SUPPORTED", "A reauthorization cannot be reauthorized.")
    if world.now < max(moment(each["create_time"]) for each in _family(world, original)) + _HONORED:
        raise unprocessable("REAUTHORIZATION_TOO_SOON", "A reauthorization is only allowed from Day 4 to Day 29.")
    whole, currency = amount_of(original["amount"], "/amount")
    value, asked = amount_of(request.body["amount"], "/amount/value") if "amount" in request.body else (whole, currency)
    if asked != currency:
        message = "The currency is that of the original authorization."
        raise unprocessable("AUTH_CURRENCY_MISMATCH", message, "/amount/currency_code")
    if value > min(whole * Decimal("1.15"), whole + _MORE):
        raise unprocessable("AUTHORIZATION_AMOUNT_EXCEEDED", "It is more than 115 %, or 75 more.", "/amount/value")
    order = world.need("order", original["_order"])
    return add_authorization(world, order, None, original=original, amount=money(value, currency))


def _refuse_second(world: World, kind: str, body: Mapping[str, Any]) -> None:
    invoice_id = body.get("invoice_id")
    if invoice_id is not None and any(each.get("invoice_id") == invoice_id for each in world.all(kind)):
        raise unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.", "/invoice_id")


def _wanted(world: World, body: Mapping[str, Any], capture: JSON) -> tuple[Decimal, str]:
    whole, currency = amount_of(capture["amount"], "/amount")
    left = whole - given_back(world, capture)
    if left <= 0:
        raise unprocessable("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded")
    if world.now - moment(capture["create_time"]) > REFUNDED_FOR:
        message = "You are over the time limit to perform a refund on this capture"
        raise unprocessable("REFUND_TIME_LIMIT_EXCEEDED", message)
    if "amount" not in body:
        return left, currency
    value, asked = amount_of(body["amount"], "/amount/value")
    if asked != currency:
        message = "Refund must be in the same currency as the capture"
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", message, "/amount/currency_code")
    if value > left:
        message = "The refund amount must be less than or equal to what has not yet been refunded."
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", message, "/amount/value")
    return value, currency


def _refund(world: World, request: Request) -> JSON:
    capture = world.need("capture", request.ids[0])
    if capture["status"] == "PENDING":
        raise unprocessable("PENDING_CAPTURE", "Cannot initiate a refund as the capture is pending.")
    if capture["status"] in {"DECLINED", "FAILED"}:
        raise unprocessable("REFUND_NOT_ALLOWED", "Capture cannot be refunded.")
    value, currency = _wanted(world, request.body, capture)
    _refuse_second(world, "refund", request.body)
    more: JSON = {name: capture[name] for name in ("custom_id", "invoice_id") if name in capture}
    more |= {name: request.body[name] for name in ("custom_id", "invoice_id", "note_to_payer") if name in request.body}
    zero = money(Decimal(0), currency)
    pending = world.refund_is_pending()
    refund = world.add(
        "refund",
        "",
        {
            "status": "PENDING" if pending else "COMPLETED",
            **({"status_details": {"reason": "ECHECK"}} if pending else {}),
            "amount": money(value, currency),
            **more,
            "seller_payable_breakdown": {
                "gross_amount": money(value, currency),
                "paypal_fee": zero,
                "net_amount": money(value, currency),
                "total_refunded_amount": money(value + given_back(world, capture), currency),
            },
            "update_time": said(world.now),
            "_of": capture["id"],
            "_value": value,
        },
    )
    refund["links"] = [
        link(f"/v2/payments/refunds/{refund['id']}", "self"),
        link(f"{_CAPTURES}/{capture['id']}", "up"),
    ]
    _note_refunds(world, capture)
    _keep(_unit_of(world, capture), "refunds", refund)
    world.tell("PAYMENT.REFUND.PENDING" if pending else "PAYMENT.CAPTURE.REFUNDED", refund, "refund")
    return refund


def _note_refunds(world: World, capture: JSON) -> None:
    """Let the capture say how much of it was given back: what is under way counts."""
    whole, given = Decimal(capture["amount"]["value"]), given_back(world, capture)
    word = "REFUNDED" if given == whole else "PARTIALLY_REFUNDED" if given else "COMPLETED"
    capture |= {"status": word, "update_time": said(world.now)}


def settle_refund(world: World, refund: JSON, *, succeeded: bool) -> None:
    """A pending refund has arrived, or has not.

    Raises:
        ValueError: it is not pending.
    """
    if refund.get("status") != "PENDING":
        message = f"the refund is {refund.get('status')}, not pending"
        raise ValueError(message)
    refund |= {"status": "COMPLETED" if succeeded else "FAILED", "update_time": said(world.now)}
    del refund["status_details"]
    _note_refunds(world, world.need("capture", refund["_of"]))
    world.tell("PAYMENT.CAPTURE.REFUNDED" if succeeded else "PAYMENT.REFUND.FAILED", refund, "refund")


def _found_refund(world: World, request: Request) -> JSON:
    refund = world.need("refund", request.ids[0])
    if "_older" in refund:
        raise missing()
    return refund


_LONG = 45 * DAY
PAYMENT_ROUTES = (
    Route("GET", f"{_AUTHORIZATIONS}/{{id}}", lambda world, request: world.need("authorization", request.ids[0])),
    Route(
        "POST",
        f"{_AUTHORIZATIONS}/{{id}}/capture",
        _capture,
        _CAPTURE,
        remembers=_LONG,
        status=201,
        minimal=True,
        mocks=True,
    ),
    Route("POST", f"{_AUTHORIZATIONS}/{{id}}/void", _void, remembers=_LONG, mocks=True),
    Route(
        "POST",
        f"{_AUTHORIZATIONS}/{{id}}/reauthorize",
        _reauthorize,
        {"amount": MONEY},
        remembers=_LONG,
        status=201,
        minimal=True,
    ),
    Route("GET", f"{_CAPTURES}/{{id}}", lambda world, request: world.need("capture", request.ids[0])),
    Route(
        "POST", f"{_CAPTURES}/{{id}}/refund", _refund, _REFUND, remembers=_LONG, status=201, minimal=True, mocks=True
    ),
    Route("GET", "/v2/payments/refunds/{id}", _found_refund),
)
