"""Orders: https://developer.paypal.com/docs/api/orders/v2/.

An order is created, approved by the payer, and then captured or authorized by the merchant; what that led to is in its purchase
units. One with a payment method of the vault is paid for at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..shapes import Shape
from .payments import add_authorization, add_capture, payments_of
from .refusals import invalid, missing, unprocessable
from .routes import ANYTHING, HOUR, Request, Route
from .terms import MONEY
from .vault import save_after_payment
from .world import JSON, PAGES, World, amount_of, link, money, said

__all__ = ["ORDER_ROUTES", "add_order", "approve", "rendered"]

_URLS: Shape = {"brand_name": str, "locale": str, "shipping_preference": str, "return_url": str, "cancel_url": str}
_EXPERIENCE: Shape = {
    **_URLS,
    "landing_page": str,
    "user_action": str,
    "payment_method_preference": str,
    "contact_preference": str,
    "order_update_callback_config": ANYTHING,
    "app_switch_context": ANYTHING,
}
_VAULT: Shape = {"vault": ANYTHING, "customer": ANYTHING}
_LOCAL: Shape = {"name!": str, "country_code!": str, "experience_context": ANYTHING}
_SOURCE: Shape = {
    "card": {
        "name": str,
        "number": str,
        "expiry": str,
        "security_code": str,
        "type": str,
        "brand": str,
        "billing_address": ANYTHING,
        "attributes": {**_VAULT, "verification": ANYTHING},
        "vault_id": str,
        "stored_credential": ANYTHING,
        "network_token": ANYTHING,
        "experience_context": ANYTHING,
        "single_use_token": str,
    },
    "token": {"id!": str, "type!": str},
    "paypal": {
        "vault_id": str,
        "email_address": str,
        "name": ANYTHING,
        "phone": ANYTHING,
        "birth_date": str,
        "tax_info": ANYTHING,
        "address": ANYTHING,
        "attributes": _VAULT,
        "experience_context": _EXPERIENCE,
        "billing_agreement_id": str,
        "stored_credential": ANYTHING,
    },
    "venmo": {"vault_id": str, "email_address": str, "experience_context": ANYTHING, "attributes": _VAULT},
    "apple_pay": ANYTHING,
    "google_pay": ANYTHING,
    "blik": ANYTHING,
    "p24": ANYTHING,
    "ideal": ANYTHING,
    "bancontact": {**_LOCAL, "attributes": ANYTHING},
    **dict.fromkeys(("eps", "giropay", "mybank", "sofort", "trustly"), _LOCAL),
}
_ITEM: Shape = {
    "name!": str,
    "unit_amount!": MONEY,
    "tax": MONEY,
    "quantity!": str,
    "description": str,
    "sku": str,
    "category": str,
    "billing_plan": ANYTHING,
    "image_url": str,
    "upc": ANYTHING,
    "url": str,
}
_UNIT: Shape = {
    "reference_id": str,
    "amount!": {**MONEY, "breakdown": ANYTHING},
    "payee": {"email_address": str, "merchant_id": str},
    "payment_instruction": ANYTHING,
    "description": str,
    "custom_id": str,
    "invoice_id": str,
    "soft_descriptor": str,
    "items": [_ITEM],
    "shipping": ANYTHING,
    "supplementary_data": ANYTHING,
}
_ORDER: Shape = {
    "intent!": str,
    "purchase_units!": [_UNIT],
    "payer": ANYTHING,
    "payment_source": _SOURCE,
    "application_context": {
        **_URLS,
        "landing_page": str,
        "user_action": str,
        "payment_method": ANYTHING,
        "stored_payment_source": ANYTHING,
    },
    "processing_instruction": str,
}
_STEP: Shape = {"payment_source": _SOURCE}
_SIMULATED = frozenset({"card", "paypal", "venmo"})
_LONGEST = {"reference_id": 256, "description": 127, "custom_id": 255, "invoice_id": 127, "soft_descriptor": 22}
_CAPTURED_AS = frozenset({"COMPLETED", "PENDING", "DECLINED"})
_AT_ONCE = "ORDER_COMPLETE_ON_PAYMENT_APPROVAL"
_PATH = "/v2/checkout/orders"


def rendered(order: JSON) -> JSON:
    """An order as it is sent: what it led to is in it without what leads back to it."""
    units: list[JSON] = []
    for unit in order["purchase_units"]:
        payments: dict[str, list[JSON]] = unit.get("payments", {})
        inner = {
            kind: [{name: value for name, value in each.items() if name != "supplementary_data"} for each in made]
            for kind, made in payments.items()
        }
        units.append({**unit, "payments": inner} if inner else unit)
    return {**order, "purchase_units": units}


def _page(order: JSON) -> str:
    return f"{PAGES}/checkoutnow?token={order['id']}"


# --- creation ----------------------------------------------------------------------------------------------------


def _units(sent: list[Mapping[str, Any]]) -> list[JSON]:
    if not 1 <= len(sent) <= 10:  # noqa: PLR2004 - PayPal's limit
        raise invalid("INVALID_ARRAY_MAX_ITEMS", "From 1 to 10 purchase units.", "/purchase_units")
    made: list[JSON] = []
    for number, unit in enumerate(sent):
        where = f"/purchase_units/{number}"
        value, currency = amount_of(unit["amount"], f"{where}/amount/value")
        for name, longest in _LONGEST.items():
            if not 0 < len(unit.get(name, "-")) <= longest:
                raise invalid(
                    "INVALID_STRING_LENGTH", "The value of a field is too short or too long", f"{where}/{name}"
                )
        amount = {**unit["amount"], **money(value, currency)}
        made.append({"reference_id": "default", **unit, "amount": amount})
    if len({unit["reference_id"] for unit in made}) < len(made):
        message = "`reference_id` must be unique if multiple `purchase_unit` are provided."
        raise unprocessable("DUPLICATE_REFERENCE_ID", message, "/purchase_units")
    if len({unit["amount"]["currency_code"] for unit in made}) > 1:
        raise unprocessable("MULTI_CURRENCY_ORDER", "An order has one currency.", "/purchase_units")
    return made


def _create(world: World, request: Request) -> JSON:
    body = request.body
    if body["intent"] not in {"CAPTURE", "AUTHORIZE"}:
        raise invalid("INVALID_PARAMETER_VALUE", "The intent is CAPTURE or AUTHORIZE.", "/intent")
    units = _units(body["purchase_units"])
    if body["intent"] == "AUTHORIZE" and len(units) > 1:
        message = "`intent=AUTHORIZE` is not supported for multiple purchase units."
        raise unprocessable("UNSUPPORTED_INTENT", message, "/intent")
    kind, details = _source_in(body)
    if kind and request.key is None:
        message = "A PayPal-Request-Id is required where there is a payment source."
        raise invalid("PAYPAL_REQUEST_ID_REQUIRED", message, "PayPal-Request-Id", place="header")
    order: JSON = {
        "intent": body["intent"],
        "status": "CREATED",
        "purchase_units": units,
        "processing_instruction": body.get("processing_instruction", "NO_INSTRUCTION"),
        "_lapses": world.later(hours=3),
    }
    token = _token_for(world, kind, details)
    if token is not None:
        return _charge(world, order, kind, token)
    if kind == "card":
        raise unprocessable("CARD_NUMBER_REQUIRED", "This stand-in takes saved cards only.", "/payment_source/card")
    order = world.add("order", "", order)
    relation = "approve"
    if kind:
        order |= {"status": "PAYER_ACTION_REQUIRED", "payment_source": {kind: {}}, "_saves": details.get("attributes")}
        relation = "payer-action"
    path = f"{_PATH}/{order['id']}"
    order["links"] = [link(path, "self"), link(_page(order), relation)]
    if not kind:
        step = _step_of(order)
        order["links"] += [link(path, "update", "PATCH"), link(f"{path}/{step}", step, "POST")]
    return order


def add_order(world: World, units: Sequence[JSON], intent: str) -> JSON:
    """An order that the merchant's own software makes; the payer is asked to agree to it."""
    body: JSON = {"intent": intent, "purchase_units": list(units), "payment_source": {"paypal": {}}}
    return _create(world, Request((), {}, body, key="the merchant's"))


def _source_in(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    source = body.get("payment_source", {})
    if len(source) > 1:
        raise unprocessable("INCOMPATIBLE_PARAMETER_VALUE", "One payment source.", "/payment_source")
    kind: str = next(iter(source), "")
    if kind == "token":
        raise unprocessable("BILLING_AGREEMENT_NOT_FOUND", "There are no billing agreements.", "/payment_source/token")
    if kind and kind not in _SIMULATED:
        raise unprocessable(
            "PAYMENT_SOURCE_CANNOT_BE_USED", "This stand-in has no such one.", f"/payment_source/{kind}"
        )
    return kind, source.get(kind, {})


def _token_for(world: World, kind: str, details: Mapping[str, Any]) -> JSON | None:
    """The payment method of the vault that is to be charged; None: the payer is asked."""
    vault_id = details.get("vault_id")
    if vault_id is None:
        return None
    where = f"/payment_source/{kind}/vault_id"
    token = world.get("token", vault_id)
    if token is None:
        raise unprocessable("TOKEN_ID_NOT_FOUND", "Specified token was not found.", where)
    if kind not in token["payment_source"]:
        message = "The vault_id does not match the payment_source provided."
        raise unprocessable("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE", message, where)
    return token


def _charge(world: World, order: JSON, kind: str, token: JSON) -> JSON:
    """Pay with what is saved. If it is declined, there is no order."""
    order["payment_source"] = {kind: dict(token["payment_source"][kind])}
    if token["_requires_action"] or world.wants_authentication():
        order = world.add("order", "", {**order, "status": "PAYER_ACTION_REQUIRED"})
        order["links"] = [link(f"{_PATH}/{order['id']}", "self"), link(_page(order), "payer-action")]
        return order
    _refuse_second_invoice(world, order)
    word = token["_declines"] or world.declined()
    _refuse_a_decline(word)
    order = world.add("order", "", order)
    _settle(world, order, word)
    return order


# --- the payer's yes, and the money ------------------------------------------------------------------------------


def _step_of(order: JSON) -> str:
    return "capture" if order["intent"] == "CAPTURE" else "authorize"


def approve(world: World, order: JSON) -> None:
    """Play the payer who agrees on the page.

    Raises:
        ValueError: nothing waits for the payer, or the page has lapsed.
    """
    if order["status"] not in {"CREATED", "PAYER_ACTION_REQUIRED"}:
        message = f"the order is {order['status']}: nobody is asked to agree to it"
        raise ValueError(message)
    if world.now >= order["_lapses"]:
        message = "the order has lapsed: PayPal waits three hours for the payer"
        raise ValueError(message)
    path = f"{_PATH}/{order['id']}"
    payer: JSON = {
        "name": {"given_name": "Pat", "surname": "Payer"},
        "email_address": "payer@example.com",
        "payer_id": world.new_payer(),
    }
    kind = next(iter(order.get("payment_source", {})), "paypal")
    shown = {"email_address": payer["email_address"], "account_id": payer["payer_id"], "name": payer["name"]}
    order |= {
        "status": "APPROVED",
        "payer": {**payer, "address": {"country_code": "US"}},
        "links": [link(path, "self"), link(f"{path}/{_step_of(order)}", _step_of(order), "POST")],
        "update_time": said(world.now),
        "_lapses": world.later(hours=3),
    }
    if kind == "paypal":
        order["payment_source"] = {"paypal": {**shown, "account_status": "VERIFIED"}}
    world.tell("CHECKOUT.ORDER.APPROVED", rendered(order), "checkout-order")
    if order["processing_instruction"] == _AT_ONCE and not world.declines:
        _settle(world, order, None)


def _refuse_a_decline(word: str | None, *, page: str | None = None) -> None:
    if word is not None and word not in {"PENDING", "DECLINED"}:
        links = [link(page, "redirect")] if page else []
        raise unprocessable(word, "The instrument presented was declined.", links=links)


def _refuse_second_invoice(world: World, order: JSON) -> None:
    used = {capture.get("invoice_id") for capture in world.all("capture")}
    for number, unit in enumerate(order["purchase_units"]):
        if unit.get("invoice_id", None) in used - {None}:
            where = f"/purchase_units/{number}/invoice_id"
            raise unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.", where)


def _settle(world: World, order: JSON, word: str | None) -> None:
    """Capture or authorize, as the order intends. ``PENDING`` is held for review, ``DECLINED`` by the card's bank."""
    order |= {
        "status": "COMPLETED",
        "links": [link(f"{_PATH}/{order['id']}", "self")],
        "update_time": said(world.now),
    }
    if order["intent"] == "AUTHORIZE":
        add_authorization(world, order, word)
        return
    for place, unit in enumerate(order["purchase_units"]):
        status = (world.declined() if place else word) or "COMPLETED"
        add_capture(world, order, unit, unit["amount"], status=status if status in _CAPTURED_AS else "DECLINED")
    save_after_payment(world, order)
    world.tell("CHECKOUT.ORDER.COMPLETED", rendered(order), "checkout-order")


def _step(world: World, request: Request, intent: str) -> JSON:
    order = _order(world, request)
    if order["intent"] != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT", "The order has another intent.")
    if payments_of(order, "captures"):
        raise unprocessable("ORDER_ALREADY_CAPTURED", "Order already captured.")
    if payments_of(order, "authorizations"):
        raise unprocessable("ORDER_ALREADY_AUTHORIZED", "Order already authorized.")
    if order["status"] != "APPROVED":
        page = link(_page(order), "payer-action")
        raise unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.", links=[page])
    _refuse_second_invoice(world, order)
    word = world.declined()
    _refuse_a_decline(word, page=_page(order))
    _settle(world, order, word)
    return order


def _order(world: World, request: Request) -> JSON:
    """The order; PayPal forgets one that is not paid in time."""
    order = world.need("order", request.ids[0])
    if order["status"] != "COMPLETED" and world.now >= order["_lapses"]:
        raise missing()
    return order


_SIX_HOURS = 6 * HOUR


def _paying(path: str, intent: str) -> Route:
    return Route(
        "POST",
        path,
        lambda world, request: _step(world, request, intent),
        _STEP,
        remembers=_SIX_HOURS,
        status=201,
        minimal=True,
        mocks=True,
        renders=rendered,
    )


ORDER_ROUTES = (
    Route(
        "POST",
        _PATH,
        _create,
        _ORDER,
        remembers=_SIX_HOURS,
        status=201,
        minimal=True,
        mocks=True,
        renders=rendered,
    ),
    Route("GET", f"{_PATH}/{{id}}", _order, query=frozenset({"fields"}), renders=rendered),
    _paying(f"{_PATH}/{{id}}/capture", "CAPTURE"),
    _paying(f"{_PATH}/{{id}}/authorize", "AUTHORIZE"),
)
