"""Checkout Sessions and the billing portal: https://docs.stripe.com/api/checkout/sessions."""

from typing import Any

from . import payments
from .catalog import new_price
from .customers import new_customer
from .lifecycle import Start, start
from .metadata import merged
from .pages import page
from .payment_methods import new_card
from .prices import price_for
from .refusals import invalid
from .routes import Params, Route, retrieve
from .setups import new_setup
from .world import JSON, World

__all__ = ["CHECKOUT_ROUTES", "complete", "expire", "settle"]

_DAY = 86_400
_ONLY_IN = {
    "line_items": ("payment", "subscription"),
    "payment_intent_data": ("payment",),
    "subscription_data": ("subscription",),
    "setup_intent_data": ("setup",),
    "currency": ("setup",),
}
"""Parameters that go with certain modes (Stripe takes a currency in others, too; this stand-in sells by the prices alone)."""
_SOONEST = 30 * 60
_SHORTEST_TRIAL = 2 * _DAY


def _create(world: World, params: Params) -> JSON:
    customer = world.need("customer", params["customer"], "customer")["id"] if "customer" in params else None
    if customer and "customer_email" in params:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer")
    mode = params["mode"]
    for other in _ONLY_IN.keys() & params.keys():
        if mode not in _ONLY_IN[other]:
            message = f"You can not pass `{other}` in `{mode}` mode."
            raise invalid(message, param=other)
    lines = _lines_of(world, params, mode)
    expires_at = params.get("expires_at", world.now + _DAY)
    if not world.now + _SOONEST <= expires_at <= world.now + _DAY:
        message = "expires_at must be between 30 minutes and 24 hours from now."
        raise invalid(message, param="expires_at")
    trial = _trial_end(world, params.get("subscription_data", {}))
    total = 0 if trial else sum(line["amount_total"] for line in lines)
    identifier = world.new_id("cs_test")
    data: JSON = {
        "object": "checkout.session",
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "currency": lines[0]["currency"] if lines else params.get("currency"),
        "customer": customer,
        "customer_creation": None if customer or mode != "payment" else "if_required",
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "invoice": None,
        "locale": None,
        "metadata": merged({}, params.get("metadata", {})),
        "mode": mode,
        "payment_intent": None,
        "payment_method_collection": "if_required" if mode == "payment" else "always",
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "setup_intent": new_setup(world, customer, params)["id"] if mode == "setup" else None,
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{identifier}",
        "_line_items": lines,
        "_params": params,
    }
    return world.add("cs_test", data, known_as=identifier)


def _trial_end(world: World, data: Params) -> int | None:
    """When the trial of what is sold would end, if it began now.

    Raises:
        Refusal: there are two, or it is too short.
    """
    days, until = data.get("trial_period_days"), data.get("trial_end")
    if days is not None and until is not None:
        message = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise invalid(message, param="subscription_data[trial_end]")
    if days is not None and days < 1:
        message = "The minimum number of trial period days is 1."
        raise invalid(message, param="subscription_data[trial_period_days]")
    if until is not None and until < world.now + _SHORTEST_TRIAL:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise invalid(message, param="subscription_data[trial_end]")
    return until if days is None else world.now + days * _DAY


def _lines_of(world: World, params: Params, mode: str) -> list[JSON]:
    """What is sold; nothing where a payment method is only saved.

    Raises:
        Refusal: nothing is sold, or, where nothing is, Stripe cannot tell which payment methods there are.
    """
    if mode == "setup":
        if "currency" not in params and not params.get("allowed_payment_method_types"):
            message = "You must provide `currency` or `allowed_payment_method_types` in `setup` mode."
            raise invalid(message, param="currency", code="parameter_missing")
        return []
    if not params.get("line_items"):
        message = "Missing required param: line_items."
        raise invalid(message, param="line_items", code="parameter_missing")
    return [_line(world, sent, index, mode) for index, sent in enumerate(params["line_items"])]


def _line(world: World, sent: Params, index: int, mode: str) -> JSON:
    param = f"line_items[{index}]"
    if "price_data" in sent:
        price = _inline_price(world, sent["price_data"], param, recurs=mode == "subscription")
    elif "price" in sent:
        price = world.need("price", sent["price"], f"{param}[price]")
    else:
        message = f"{param} needs a price or price_data."
        raise invalid(message, param=param, code="parameter_missing")
    recurring: JSON = price["recurring"] or {}
    if mode == "subscription" and "price" in sent:
        price_for(world, price["id"], f"{param}[price]")
    elif mode == "payment" and recurring:
        message = "You specified `payment` mode but passed a recurring price."
        raise invalid(message, param="mode")
    metered = recurring.get("usage_type") == "metered"
    quantity = sent.get("quantity")
    if metered and quantity is not None:
        message = f"Quantity should not be specified for a metered price. Remove it from `{param}`."
        raise invalid(message, param=f"{param}[quantity]")
    if not metered and (quantity is None or quantity < 1):
        message = f"Quantity is required. Add `quantity` to `{param}`."
        raise invalid(message, param=f"{param}[quantity]")
    amount = 0 if metered else price["unit_amount"] * quantity
    return {
        "id": world.new_id("li"),
        "object": "item",
        "amount_subtotal": amount,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.need("product", price["product"])["name"],
        "price": world.render(world, price),
        "quantity": quantity,
    }


def _inline_price(world: World, sent: Params, param: str, *, recurs: bool) -> JSON:
    """A price for this page alone, which is not active."""
    for name in ("currency", "unit_amount", "product_data", *(("recurring",) if recurs else ())):
        if name not in sent:
            message = f"Missing required param: {param}[price_data][{name}]."
            raise invalid(message, param=f"{param}[price_data][{name}]", code="parameter_missing")
    return new_price(world, {**sent, "active": False})


def complete(world: World, session: JSON, *, delayed: bool = False) -> JSON:
    """Play the customer who fills in the page. A declined payment leaves it open.

    Raises:
        ValueError: the page is not open, or a subscription should be paid with a delayed method.
    """
    if session["status"] != "open":
        message = f"the session is {session['status']}, not open"
        raise ValueError(message)
    if delayed and session["mode"] != "payment":
        message = "delayed payment methods are simulated for one-off payments only"
        raise ValueError(message)
    customer: str | None = session["customer"]
    if session["mode"] == "subscription":
        customer = customer or str(new_customer(world, {"email": session["customer_email"]})["id"])
        result = _subscribe(world, session, customer)
    elif session["mode"] == "setup":
        result = _save(world, session, customer)
    else:
        result = _pay(world, session, customer, delayed=delayed)
    if result is None:
        return session
    email = (world.get("customer", customer or "") or {}).get("email") or session["customer_email"]
    details: JSON = {"address": None, "email": email, "name": None, "phone": None, "tax_exempt": "none", "tax_ids": []}
    finished: dict[str, Any] = {"customer": customer, "customer_details": details, "status": "complete", "url": None}
    return world.change(session, "checkout.session.completed", **finished, **result)


def settle(world: World, session: JSON, *, succeeded: bool = True) -> JSON:
    """Make the money of a delayed payment arrive, or not.

    Raises:
        ValueError: no money is on its way.
    """
    if (session["status"], session["payment_status"]) != ("complete", "unpaid"):
        message = "no money is on its way for this session"
        raise ValueError(message)
    intent = world.need("payment_intent", session["payment_intent"])
    method = world.need("payment_method", intent["payment_method"])
    if not succeeded:
        payments.decline(world, intent, method, "insufficient_funds")
        return world.change(session, "checkout.session.async_payment_failed")
    payments.succeed(world, intent, method)
    return world.change(session, "checkout.session.async_payment_succeeded", payment_status="paid")


def expire(world: World, session: JSON) -> JSON:
    """The customer never came."""
    return world.change(session, "checkout.session.expired", status="expired", url=None)


def _subscribe(world: World, session: JSON, customer: str) -> JSON | None:
    data = session["_params"].get("subscription_data", {})
    days, trial = data.get("trial_period_days"), data.get("trial_end")
    trial = world.now + days * _DAY if days else trial
    verdict = None if trial else world.bank.verdict(customer, None)
    if verdict is not None:
        return None
    method = new_card(world, customer)
    wanted = Start(
        customer,
        [(world.need("price", line["price"]["id"]), line["quantity"] or 0) for line in session["_line_items"]],
        trial,
        method["id"],
        merged({}, data.get("metadata", {})),
        data.get("billing_mode", {}).get("type", "flexible"),
    )
    subscription, _ = start(world, wanted)
    free = subscription["status"] == "trialing"
    return {
        "invoice": subscription["latest_invoice"],
        "payment_status": "no_payment_required" if free else "paid",
        "subscription": subscription["id"],
    }


def _save(world: World, session: JSON, customer: str | None) -> JSON | None:
    """The customer enters a card, which the bank may decline."""
    intent = world.need("setup_intent", session["setup_intent"])
    verdict = world.bank.verdict(customer, None)
    if verdict is not None:
        world.change(intent, "setup_intent.setup_failed", status="requires_payment_method")
        return None
    method = new_card(world, customer)
    world.change(intent, "setup_intent.succeeded", status="succeeded", payment_method=method["id"])
    return {}


def _pay(world: World, session: JSON, customer: str | None, *, delayed: bool) -> JSON | None:
    data = session["_params"].get("payment_intent_data", {})
    method = new_card(world, None)
    kept = session.get("_intent")
    intent = world.need("payment_intent", kept) if kept else None
    if intent is None:
        intent = payments.new_intent(
            world,
            session["amount_total"],
            session["currency"],
            customer,
            capture_method=data.get("capture_method", "automatic_async"),
            description=data.get("description"),
            metadata=merged({}, data.get("metadata", {})),
        )
        session["_intent"] = intent["id"]
    if delayed:
        world.change(intent, "payment_intent.processing", payment_method=method["id"], status="processing")
        return {"payment_intent": intent["id"]}
    if payments.confirm(world, intent, method) is not None or intent["status"] == "requires_action":
        return None
    return {"payment_intent": intent["id"], "payment_status": "paid"}


def _expire_one(world: World, _params: Params, session_id: str) -> JSON:
    session = world.need("checkout.session", session_id)
    if session["status"] != "open":
        message = f"Only Checkout Sessions with a status of open can be expired; this one is {session['status']}."
        raise invalid(message)
    return expire(world, session)


def _list(world: World, params: Params) -> JSON:
    names = ("customer", "subscription", "payment_intent", "status")
    equal = {name: params[name] for name in names if name in params}
    return page(world, world.all("checkout.session", **equal), params, "/v1/checkout/sessions")


def _portal(world: World, params: Params) -> JSON:
    customer = world.need("customer", params["customer"], "customer")["id"]
    identifier = world.new_id("bps")
    data: JSON = {
        "object": "billing_portal.session",
        "configuration": "bpc_standin000001",
        "customer": customer,
        "flow": None,
        "locale": None,
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"https://billing.stripe.com/p/session/{identifier}",
    }
    return world.add("bps", data, known_as=identifier)


_LINES = (
    "line_items[][price] line_items[][quantity]:int line_items[][price_data][currency] "
    "line_items[][price_data][unit_amount]:int line_items[][price_data][product_data][name] "
    "line_items[][price_data][recurring][interval]:day|week|month|year "
    "line_items[][price_data][recurring][interval_count]:int"
)
_CREATE = (
    f"mode:payment|setup|subscription! success_url! cancel_url customer customer_email client_reference_id {_LINES} "
    "metadata[*] expires_at:int subscription_data[metadata][*] subscription_data[trial_period_days]:int "
    "subscription_data[trial_end]:int "
    "subscription_data[billing_mode][type]:classic|flexible payment_intent_data[metadata][*] "
    "currency allowed_payment_method_types[] setup_intent_data[metadata][*] "
    "payment_intent_data[description] payment_intent_data[capture_method]:automatic|automatic_async|manual"
)

CHECKOUT_ROUTES = (
    Route("POST", "/v1/checkout/sessions", _create, _CREATE, "checkout.SessionCreateParams"),
    Route(
        "GET",
        "/v1/checkout/sessions/{id}",
        retrieve("checkout.session"),
        "",
        "checkout.SessionRetrieveParams",
    ),
    Route("POST", "/v1/checkout/sessions/{id}/expire", _expire_one, "", "checkout.SessionExpireParams"),
    Route(
        "GET",
        "/v1/checkout/sessions",
        _list,
        "customer subscription payment_intent status:complete|expired|open <list>",
        "checkout.SessionListParams",
    ),
    Route("POST", "/v1/billing_portal/sessions", _portal, "customer! return_url", "billing_portal.SessionCreateParams"),
)
