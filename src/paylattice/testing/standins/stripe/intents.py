"""The endpoints of PaymentIntents and charges: https://docs.stripe.com/api/payment_intents."""

from . import payments
from .metadata import merged
from .pages import page
from .payment_methods import confirmed_with, usable_method
from .refusals import Refusal, invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["INTENT_ROUTES"]

_CANCELABLE = {
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
}


def _create(world: World, params: Params) -> JSON:
    customer = world.need("customer", params["customer"], "customer")["id"] if "customer" in params else None
    if params["amount"] < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount", code="parameter_invalid_integer")
    if params.get("off_session") and not params.get("confirm"):
        message = "You cannot pass `off_session` without `confirm`."
        raise invalid(message, param="off_session")
    method = None
    if "confirmation_token" in params:
        method = confirmed_with(world, params)
    elif "payment_method" in params:
        method = usable_method(world, params["payment_method"], customer, "payment_method")
        if method["customer"] is not None and customer is None:
            message = "The payment method belongs to a customer: pass that customer, too."
            raise invalid(message, param="payment_method")
    intent = payments.new_intent(
        world,
        params["amount"],
        params["currency"].lower(),
        customer,
        method=method["id"] if method else None,
        capture_method=params.get("capture_method", "automatic_async"),
        description=params.get("description"),
        metadata=merged({}, params.get("metadata", {})),
    )
    if "automatic_payment_methods" in params:
        intent["automatic_payment_methods"] = {"allow_redirects": "always", **params["automatic_payment_methods"]}
    return _confirmed(world, intent, method, params) if params.get("confirm") else intent


def _confirm(world: World, params: Params, intent_id: str) -> JSON:
    intent = world.need("payment_intent", intent_id)
    if intent["status"] not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
        raise _unexpected(world, intent, "confirm")
    chosen = params.get("payment_method") or intent["payment_method"]
    method = usable_method(world, chosen, intent["customer"], "payment_method") if chosen else None
    return _confirmed(world, intent, method, params)


def _confirmed(world: World, intent: JSON, method: JSON | None, params: Params) -> JSON:
    if method is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=world.render(world, intent))
    error = payments.confirm(world, intent, method, off_session=params.get("off_session", False))
    if error is None and intent["status"] == "requires_action" and params.get("error_on_requires_action"):
        error = payments.decline(world, intent, method, "authentication_required")
    if error is not None:
        raise Refusal(402, {**error, "payment_intent": world.render(world, intent)})
    return intent


def _capture(world: World, params: Params, intent_id: str) -> JSON:
    intent = world.need("payment_intent", intent_id)
    if intent["status"] != "requires_capture":
        raise _unexpected(world, intent, "capture")
    amount: int = params["amount_to_capture"] if "amount_to_capture" in params else intent["amount_capturable"]
    if not 1 <= amount <= intent["amount_capturable"]:
        message = f"amount_to_capture must be between 1 and {intent['amount_capturable']}."
        raise invalid(message, param="amount_to_capture", code="amount_too_large" if amount > 0 else None)
    payments.capture(world, intent, amount)
    return intent


def _cancel(world: World, params: Params, intent_id: str) -> JSON:
    intent = world.need("payment_intent", intent_id)
    if intent["status"] not in _CANCELABLE:
        raise _unexpected(world, intent, "cancel")
    payments.cancel(world, intent, params.get("cancellation_reason"))
    return intent


def _unexpected(world: World, intent: JSON, verb: str) -> Refusal:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    sent = world.render(world, intent)
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=sent)


def _list(world: World, params: Params) -> JSON:
    equal = {"customer": params["customer"]} if "customer" in params else {}
    return page(world, world.all("payment_intent", **equal), params, "/v1/payment_intents")


def _list_charges(world: World, params: Params) -> JSON:
    equal = {name: params[name] for name in ("customer", "payment_intent") if name in params}
    return page(world, world.all("charge", **equal), params, "/v1/charges")


_CREATE = (
    "amount:int! currency! customer payment_method confirmation_token use_stripe_sdk:bool confirm:bool off_session:bool "
    "error_on_requires_action:bool "
    "capture_method:automatic|automatic_async|manual automatic_payment_methods[enabled]:bool "
    "automatic_payment_methods[allow_redirects]:always|never description metadata[*] return_url"
)
_REASONS = "abandoned|duplicate|fraudulent|requested_by_customer"

INTENT_ROUTES = (
    Route("POST", "/v1/payment_intents", _create, _CREATE, "PaymentIntentCreateParams"),
    Route(
        "GET",
        "/v1/payment_intents/{id}",
        retrieve("payment_intent"),
        "",
        "PaymentIntentRetrieveParams",
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        _confirm,
        "payment_method off_session:bool error_on_requires_action:bool return_url",
        "PaymentIntentConfirmParams",
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/capture",
        _capture,
        "amount_to_capture:int",
        "PaymentIntentCaptureParams",
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/cancel",
        _cancel,
        f"cancellation_reason:{_REASONS}",
        "PaymentIntentCancelParams",
    ),
    Route("GET", "/v1/payment_intents", _list, "customer <list>", "PaymentIntentListParams"),
    Route("GET", "/v1/charges/{id}", retrieve("charge"), "", "ChargeRetrieveParams"),
    Route("GET", "/v1/charges", _list_charges, "customer payment_intent <list>", "ChargeListParams"),
)
