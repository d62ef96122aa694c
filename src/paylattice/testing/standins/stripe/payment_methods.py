"""Payment methods: https://docs.stripe.com/api/payment_methods."""

from .bank import TEST_METHODS
from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["PAYMENT_METHOD_ROUTES", "confirmed_with", "new_card", "new_confirmation_token", "usable_method"]


def new_card(
    world: World, customer: str | None, *, brand: str = "visa", last4: str = "4242", verdict: str | None = None
) -> JSON:
    """A card that is saved for the customer."""
    card = {
        "brand": brand,
        "country": "US",
        "display_brand": brand,
        "exp_month": 8,
        "exp_year": 2034,
        "fingerprint": f"{brand}{last4}",
        "funding": "credit",
        "last4": last4,
        "wallet": None,
    }
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    data: JSON = {
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": address, "email": None, "name": None, "phone": None, "tax_id": None},
        "card": card,
        "customer": customer,
        "metadata": {},
        "type": "card",
        "_verdict": verdict,
    }
    return world.add("pm", data, "payment_method.attached" if customer else None)


def new_confirmation_token(world: World, verdict: str | None) -> JSON:
    """What Stripe.js makes of a card that a payer has typed in: https://docs.stripe.com/api/confirmation_tokens."""
    return world.add("ctoken", {"object": "confirmation_token", "payment_intent": None, "_verdict": verdict})


def confirmed_with(world: World, params: Params) -> JSON:
    """The payment method of a confirmation token, which confirms one intent.

    Raises:
        Refusal: there is none, it was used before, or nothing is confirmed.
    """
    token = world.need("confirmation_token", params["confirmation_token"], "confirmation_token")
    if not params.get("confirm") or "payment_method" in params:
        message = "A confirmation_token is passed together with confirm, and without a payment_method."
        raise invalid(message, param="confirmation_token")
    if token["payment_intent"] is not None:
        message = "The provided confirmation_token has already been used to confirm an intent."
        raise invalid(message, param="confirmation_token")
    token["payment_intent"] = "used"
    return new_card(world, None, verdict=token["_verdict"])


def usable_method(world: World, identifier: str, customer: str | None, param: str) -> JSON:
    """The payment method, if the customer may pay with it.

    Raises:
        Refusal: there is none, or it belongs to another customer.
    """
    if identifier in TEST_METHODS:
        known = TEST_METHODS[identifier]
        return new_card(world, None, brand=known.brand, last4=known.last4, verdict=known.verdict)
    method = world.need("payment_method", identifier, param)
    if method["customer"] is not None and method["customer"] != customer:
        message = f"The payment method {identifier} belongs to another customer."
        raise invalid(message, param=param)
    if method["customer"] is None and method.get("_detached"):
        message = f"The payment method {identifier} was detached from its customer, and cannot be used again."
        raise invalid(message, param=param)
    return method


def _attach(world: World, params: Params, method_id: str) -> JSON:
    customer = world.need("customer", params["customer"], "customer")["id"]
    method = usable_method(world, method_id, customer, "payment_method" if method_id in TEST_METHODS else "id")
    return world.change(method, "payment_method.attached", customer=customer)


def _detach(world: World, _params: Params, method_id: str) -> JSON:
    method = world.need("payment_method", method_id)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message)
    owner = world.get("customer", method["customer"])
    world.change(method, "payment_method.detached", customer=None, _detached=True)
    if owner is not None and owner["invoice_settings"]["default_payment_method"] == method_id:
        settings = {**owner["invoice_settings"], "default_payment_method": None}
        world.change(owner, "customer.updated", invoice_settings=settings)
    return method


def _list(world: World, params: Params, customer_id: str) -> JSON:
    customer = world.need("customer", customer_id)["id"]
    equal = {"type": params["type"]} if "type" in params else {}
    rows = world.all("payment_method", customer=customer, **equal)
    return page(world, rows, params, f"/v1/customers/{customer}/payment_methods")


PAYMENT_METHOD_ROUTES = (
    Route("GET", "/v1/payment_methods/{id}", retrieve("payment_method")),
    Route("POST", "/v1/payment_methods/{id}/attach", _attach, "customer!", "PaymentMethodAttachParams"),
    Route("POST", "/v1/payment_methods/{id}/detach", _detach, "", "PaymentMethodDetachParams"),
    Route("GET", "/v1/customers/{id}/payment_methods", _list, "type <page>", "CustomerPaymentMethodListParams"),
)
