"""Orders, authorizations, captures, refunds and sales: https://developer.paypal.com/docs/api/orders/v2/, .../payments/v2/."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from .refusals import invalid, missing, unprocessable
from .routes import DAY, HOUR, Request, Route
from .world import JSON, PAGES, World, amount_of, link, money, said

__all__ = ["ORDER_ROUTES", "approve"]

_MONEY = {"currency_code!": str, "value!": str}
_EXPERIENCE = {
    "brand_name": str,
    "locale": str,
    "shipping_preference": str,
    "return_url": str,
    "cancel_url": str,
    "landing_page": str,
    "user_action": str,
    "payment_method_preference": str,
    "contact_preference": str,
}
_SOURCE = {
    "card": {
        "vault_id": str,
        "stored_credential": {},
        "single_use_token": str,
        "attributes": {},
        "experience_context": {},
    },
    "token": {"id!": str, "type!": str},
    "paypal": {
        "vault_id": str,
        "email_address": str,
        "name": {},
        "phone": {},
        "attributes": {},
        "experience_context": _EXPERIENCE,
        "stored_credential": {},
    },
    "venmo": {"vault_id": str, "email_address": str, "experience_context": {}, "attributes": {}},
}
_UNIT = {
    "reference_id": str,
    "amount!": {"currency_code!": str, "value!": str, "breakdown": {}},
    "payee": {},
    "payment_instruction": {},
    "description": str,
    "custom_id": str,
    "invoice_id": str,
    "soft_descriptor": str,
    "items": [{}],
    "shipping": {},
    "supplementary_data": {},
}
_ORDER = {
    "intent!": str,
    "purchase_units!": [_UNIT],
    "payer": {},
    "payment_source": _SOURCE,
    "application_context": {},
    "processing_instruction": str,
}
_LONGEST = {"description": 127, "custom_id": 255, "invoice_id": 127}
_INTENTS = frozenset({"CAPTURE", "AUTHORIZE"})
_AUTHORIZED = timedelta(days=29)


def _create(world: World, request: Request) -> JSON:
    body = request.body
    if body["intent"] not in _INTENTS:
        raise invalid("INVALID_PARAMETER_VALUE", "The intent is CAPTURE or AUTHORIZE.", "/intent")
    units = body["purchase_units"]
    if not 1 <= len(units) <= 10:  # noqa: PLR2004 - PayPal's limit
        raise invalid("INVALID_ARRAY_MAX_ITEMS", "From 1 to 10 purchase units.", "/purchase_units")
    made: list[JSON] = []
    for number, unit in enumerate(units):
        where = f"/purchase_units/{number}"
        value, currency = amount_of(unit["amount"], f"{where}/amount")
        for name, longest in _LONGEST.items():
            if len(unit.get(name, "")) > longest:
                raise invalid("INVALID_STRING_LENGTH", f"Up to {longest} characters.", f"{where}/{name}")
        made.append({"reference_id": "default", **unit, "amount": money(value, currency)})
    source = body.get("payment_source", {})
    kind: str = next(iter(source), "")
    details: Mapping[str, Any] = source.get(kind, {})
    vaulted = details.get("vault_id")
    order = world.add(
        "order",
        "",
        {"intent": body["intent"], "status": "CREATED", "purchase_units": made, "_lapses": world.later(hours=3)},
    )
    path = f"/v2/checkout/orders/{order['id']}"
    order["links"] = [link(path, "self")]
    if vaulted is not None:
        token = world.get("token", vaulted)
        if token is None:
            world.remove("order", order["id"])
            raise unprocessable(
                "TOKEN_ID_NOT_FOUND", "The vault has no such token.", f"/payment_source/{kind}/vault_id"
            )
        order |= {"status": "APPROVED", "payment_source": {kind: {}}, "_token": vaulted}
        if token.get("_requires_action"):
            order["status"] = "PAYER_ACTION_REQUIRED"
            order["links"].insert(0, link(f"{PAGES}/checkoutnow?token={order['id']}", "payer-action"))
            return order
        _move(world, order, token)
        return order
    if kind == "paypal":
        order |= {"status": "PAYER_ACTION_REQUIRED", "payment_source": {"paypal": {}}}
        order["links"].insert(0, link(f"{PAGES}/checkoutnow?token={order['id']}", "payer-action"))
    else:
        order["links"].insert(0, link(f"{PAGES}/checkoutnow?token={order['id']}", "approve"))
    return order


def approve(world: World, order: JSON) -> None:
    """Be the payer who agrees on the page.

    Raises:
        ValueError: nobody is asked.
    """
    if order["status"] not in {"CREATED", "PAYER_ACTION_REQUIRED"}:
        message = f"the order is {order['status']}: nobody is asked to agree to it"
        raise ValueError(message)
    path = f"/v2/checkout/orders/{order['id']}"
    step = "capture" if order["intent"] == "CAPTURE" else "authorize"
    order |= {
        "status": "APPROVED",
        "payer": {"payer_id": world.new_id("PAYER"), "email_address": "payer@example.com"},
        "links": [link(path, "self"), link(f"{path}/{step}", step, "POST")],
    }
    world.tell("CHECKOUT.ORDER.APPROVED", order, "checkout-order")


def _payments(order: JSON) -> JSON:
    found: JSON = order["purchase_units"][0].setdefault("payments", {})
    return found


def _move(world: World, order: JSON, token: JSON | None = None) -> None:
    """Capture or authorize, as the order intends."""
    unit = order["purchase_units"][0]
    _refuse_second_invoice(world, order)
    declined = token.get("_declines") if token is not None else None
    declined = declined or world.declined()
    if declined is not None and declined != "PENDING":
        if token is None:
            page = link(f"{PAGES}/checkoutnow?token={order['id']}", "redirect")
            raise unprocessable(declined, "The instrument presented was declined.", links=[page])
        world.remove("order", order["id"])
        raise unprocessable(declined, "The instrument presented was declined.")
    order["status"] = "COMPLETED"
    order["links"] = [link(f"/v2/checkout/orders/{order['id']}", "self")]
    if order["intent"] == "CAPTURE":
        capture = _new_capture(world, order, unit["amount"], pending=declined == "PENDING")
        _payments(order).setdefault("captures", []).append(capture)
        word = "PENDING" if declined == "PENDING" else "COMPLETED"
        world.tell(f"PAYMENT.CAPTURE.{word}", capture, "capture")
        world.tell("CHECKOUT.ORDER.COMPLETED", order, "checkout-order")
    else:
        authorization = world.add(
            "authorization",
            "",
            {
                "status": "CREATED",
                "amount": unit["amount"],
                **_inherited(order),
                "expiration_time": said(world.now + _AUTHORIZED),
            },
        )
        path = f"/v2/payments/authorizations/{authorization['id']}"
        authorization["links"] = [link(path, "self"), link(f"{path}/capture", "capture", "POST")]
        _payments(order).setdefault("authorizations", []).append(authorization)
        world.tell("PAYMENT.AUTHORIZATION.CREATED", authorization, "authorization")


def _inherited(order: JSON) -> JSON:
    unit = order["purchase_units"][0]
    shared = {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    return {**shared, "supplementary_data": {"related_ids": {"order_id": order["id"]}}, "_order": order["id"]}


def _new_capture(world: World, order: JSON, amount: Mapping[str, Any], *, pending: bool = False) -> JSON:
    capture = world.add(
        "capture",
        "",
        {
            "status": "PENDING" if pending else "COMPLETED",
            "amount": dict(amount),
            "final_capture": True,
            **_inherited(order),
            "update_time": said(world.now),
        },
    )
    if pending:
        capture["status_details"] = {"reason": "PENDING_REVIEW"}
    path = f"/v2/payments/captures/{capture['id']}"
    capture["links"] = [
        link(path, "self"),
        link(f"{path}/refund", "refund", "POST"),
        link(f"/v2/checkout/orders/{order['id']}", "up"),
    ]
    return capture


def _refuse_second_invoice(world: World, order: JSON) -> None:
    invoice_id = order["purchase_units"][0].get("invoice_id")
    others = (capture for capture in world.all("capture") if capture["_order"] != order["id"])
    if invoice_id is not None and any(capture.get("invoice_id") == invoice_id for capture in others):
        raise unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.", "/purchase_units/0/invoice_id")


def _step(world: World, request: Request, intent: str) -> JSON:
    order = world.need("order", request.ids[0])
    if order["intent"] != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT", "The order has another intent.")
    payments = _payments(order)
    if payments.get("captures"):
        raise unprocessable("ORDER_ALREADY_CAPTURED", "Order already captured.")
    if payments.get("authorizations"):
        raise unprocessable("ORDER_ALREADY_AUTHORIZED", "Order already authorized.")
    if order["status"] != "APPROVED":
        page = link(f"{PAGES}/checkoutnow?token={order['id']}", "payer-action")
        raise unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.", links=[page])
    _move(world, order)
    return order


def _capture_authorization(world: World, request: Request) -> JSON:
    authorization = world.need("authorization", request.ids[0])
    if authorization["status"] == "VOIDED":
        raise unprocessable("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured.")
    if authorization["status"] != "CREATED":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.")
    whole, currency = amount_of(authorization["amount"], "/amount")
    value = whole
    if "amount" in request.body:
        value, asked = amount_of(request.body["amount"], "/amount")
        if asked != currency:
            raise unprocessable(
                "CURRENCY_MISMATCH", "The currency is that of the authorization.", "/amount/currency_code"
            )
        if value > whole:
            raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit.", "/amount")
    order = world.need("order", authorization["_order"])
    authorization["status"] = "CAPTURED"
    capture = _new_capture(world, order, money(value, currency))
    _payments(order).setdefault("captures", []).append(capture)
    world.tell("PAYMENT.CAPTURE.COMPLETED", capture, "capture")
    return capture


def _void(world: World, request: Request) -> JSON | None:
    authorization = world.need("authorization", request.ids[0])
    if authorization["status"] == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED", "Authorization has been previously voided.")
    if authorization["status"] != "CREATED":
        raise unprocessable("PREVIOUSLY_CAPTURED", "Authorization has been previously captured and cannot be voided.")
    authorization["status"] = "VOIDED"
    world.tell("PAYMENT.AUTHORIZATION.VOIDED", authorization, "authorization")
    return None


def _given_back(world: World, payment: JSON) -> Decimal:
    return sum((each["_value"] for each in world.all("refund") if each["_of"] == payment["id"]), Decimal(0))


def _refund(world: World, request: Request) -> JSON:
    capture = world.need("capture", request.ids[0])
    if capture["status"] == "PENDING":
        raise unprocessable("PENDING_CAPTURE", "Cannot initiate a refund as the capture is pending.")
    whole, currency = amount_of(capture["amount"], "/amount")
    value = _refundable(world, request, capture, whole, currency)
    refund = world.add(
        "refund",
        "",
        {
            "status": "COMPLETED",
            "amount": money(value, currency),
            **{name: capture[name] for name in ("custom_id",) if name in capture},
            "update_time": said(world.now),
            "_of": capture["id"],
            "_value": value,
        },
    )
    if "note_to_payer" in request.body:
        refund["note_to_payer"] = request.body["note_to_payer"]
    refund["links"] = [
        link(f"/v2/payments/refunds/{refund['id']}", "self"),
        link(f"/v2/payments/captures/{capture['id']}", "up"),
    ]
    capture["status"] = "REFUNDED" if _given_back(world, capture) >= whole else "PARTIALLY_REFUNDED"
    order = world.need("order", capture["_order"])
    _payments(order).setdefault("refunds", []).append(refund)
    world.tell("PAYMENT.CAPTURE.REFUNDED", refund, "refund")
    return refund


def _refundable(world: World, request: Request, payment: JSON, whole: Decimal, currency: str) -> Decimal:
    left = whole - _given_back(world, payment)
    if left <= 0:
        raise unprocessable("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.")
    if "amount" not in request.body:
        return left
    value, asked = amount_of(request.body["amount"], "/amount")
    if asked != currency:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "Refund must be in the capture's currency.", "/amount")
    if value > left:
        raise unprocessable(
            "REFUND_AMOUNT_EXCEEDED", "The refund amount must be less than or equal to what is left.", "/amount"
        )
    return value


def _refund_sale(world: World, request: Request) -> JSON:
    sale = world.need("sale", request.ids[0])
    whole, currency = amount_of({"value": sale["amount"]["total"], "currency": currency_of(sale)}, "/amount")
    value = _refundable(world, request, sale, whole, currency)
    total = money(value, currency)["value"]
    refund = world.add(
        "refund",
        "",
        {
            "state": "completed",
            "amount": {"total": total, "currency": currency},
            "sale_id": sale["id"],
            "update_time": said(world.now),
            "_of": sale["id"],
            "_value": value,
            "_v1": True,
        },
    )
    refund["links"] = [
        link(f"/v1/payments/refund/{refund['id']}", "self"),
        link(f"/v1/payments/sale/{sale['id']}", "sale"),
    ]
    sale["state"] = "refunded" if _given_back(world, sale) >= whole else "partially_refunded"
    world.tell("PAYMENT.SALE.REFUNDED", refund, "refund", "")
    return refund


def currency_of(sale: JSON) -> str:
    """The currency of a payment in the older shape."""
    return str(sale["amount"]["currency"])


def _refund_of(world: World, identifier: str, *, older: bool) -> JSON:
    refund = world.need("refund", identifier)
    if bool(refund.get("_v1")) is not older:
        raise missing()
    return refund


_CAPTURING = {
    "invoice_id": str,
    "note_to_payer": str,
    "amount": _MONEY,
    "final_capture": bool,
    "payment_instruction": {},
    "soft_descriptor": str,
}
_REFUNDING = {"amount": _MONEY, "custom_id": str, "invoice_id": str, "note_to_payer": str, "payment_instruction": {}}
_REFUNDING_A_SALE = {
    "amount": {"total!": str, "currency!": str},
    "description": str,
    "reason": str,
    "invoice_number": str,
}
_SIX_HOURS, _MONTH, _LONG = 6 * HOUR, 30 * DAY, 45 * DAY
_ORDERS, _AUTHORIZATIONS, _CAPTURES = "/v2/checkout/orders", "/v2/payments/authorizations", "/v2/payments/captures"
ORDER_ROUTES = (
    Route("POST", _ORDERS, _create, _ORDER, remembers=_SIX_HOURS, status=201, minimal=True),
    Route(
        "GET",
        f"{_ORDERS}/{{id}}",
        lambda world, request: world.need("order", request.ids[0]),
        query=frozenset({"fields"}),
    ),
    Route(
        "POST",
        f"{_ORDERS}/{{id}}/capture",
        lambda world, request: _step(world, request, "CAPTURE"),
        {"payment_source": {}},
        remembers=_SIX_HOURS,
        status=201,
        minimal=True,
    ),
    Route(
        "POST",
        f"{_ORDERS}/{{id}}/authorize",
        lambda world, request: _step(world, request, "AUTHORIZE"),
        {"payment_source": {}},
        remembers=_SIX_HOURS,
        status=201,
        minimal=True,
    ),
    Route("GET", f"{_AUTHORIZATIONS}/{{id}}", lambda world, request: world.need("authorization", request.ids[0])),
    Route(
        "POST",
        f"{_AUTHORIZATIONS}/{{id}}/capture",
        _capture_authorization,
        _CAPTURING,
        remembers=_LONG,
        status=201,
        minimal=True,
    ),
    Route("POST", f"{_AUTHORIZATIONS}/{{id}}/void", _void, remembers=_LONG),
    Route("GET", f"{_CAPTURES}/{{id}}", lambda world, request: world.need("capture", request.ids[0])),
    Route("POST", f"{_CAPTURES}/{{id}}/refund", _refund, _REFUNDING, remembers=_LONG, status=201, minimal=True),
    Route("GET", "/v2/payments/refunds/{id}", lambda world, request: _refund_of(world, request.ids[0], older=False)),
    Route("GET", "/v1/payments/sale/{id}", lambda world, request: world.need("sale", request.ids[0])),
    Route("POST", "/v1/payments/sale/{id}/refund", _refund_sale, _REFUNDING_A_SALE, remembers=_MONTH, status=201),
    Route("GET", "/v1/payments/refund/{id}", lambda world, request: _refund_of(world, request.ids[0], older=True)),
)
