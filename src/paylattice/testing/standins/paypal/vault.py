"""Saved payment methods: https://developer.paypal.com/docs/api/payment-tokens/v3/."""

from collections.abc import Mapping

from ..shapes import Shape
from .refusals import invalid, unprocessable
from .routes import ANYTHING, HOUR, PAGED, Request, Route, page
from .world import JSON, PAGES, World, link

__all__ = ["VAULT_ROUTES", "agree_to_save", "new_token", "save_after_payment", "wallet"]

_PATH, _SETUP = "/v3/vault/payment-tokens", "/v3/vault/setup-tokens"
_CUSTOMER: Shape = {"id": str, "merchant_customer_id": str}
_TOKEN: Shape = {"id!": str, "type!": str, "attributes": ANYTHING}
_WALLET: Shape = {
    "description": str,
    "shipping": ANYTHING,
    "permit_multiple_payment_tokens": bool,
    "usage_pattern": str,
    "usage_type": str,
    "customer_type": str,
    "experience_context": ANYTHING,
}
_CARD: Shape = {
    "name": str,
    "number": str,
    "expiry": str,
    "security_code": str,
    "type": str,
    "brand": str,
    "billing_address": ANYTHING,
    "verification_method": str,
    "experience_context": ANYTHING,
    "attributes": ANYTHING,
    "network_token": ANYTHING,
    "single_use_token": str,
    "stored_credential": ANYTHING,
    "vault_id": str,
}
_SAVED: Shape = {"customer": _CUSTOMER, "payment_source!": {"card": _CARD, "token": _TOKEN}, "metadata": ANYTHING}
_ASKED: Shape = {
    "customer": _CUSTOMER,
    "payment_source!": {"card": _CARD, "paypal": _WALLET, "venmo": _WALLET, "token": _TOKEN},
    "metadata": ANYTHING,
}


def new_token(
    world: World,
    customer: Mapping[str, str],
    kind: str,
    details: JSON,
    *,
    declines: str | None = None,
    requires_action: bool = False,
) -> JSON:
    """A payment method that a customer of the vault has saved.

    Args:
        world: where.
        customer: ``id`` and, perhaps, ``merchant_customer_id``; without an id it is a new one.
        kind: ``card``, ``paypal`` or ``venmo``.
        details: of it.
        declines: the issue of every payment with it.
        requires_action: whether the payer must act at every payment with it.
    """
    owner = {"id": world.new_id("CUST")[-22:], **customer}
    token = world.add(
        "token",
        "",
        {
            "customer": owner,
            "payment_source": {kind: details},
            "_declines": declines,
            "_requires_action": requires_action,
        },
    )
    del token["create_time"]
    path = f"{_PATH}/{token['id']}"
    token["links"] = [link(path, "self"), link(path, "delete", "DELETE")]
    world.tell("VAULT.PAYMENT-TOKEN.CREATED", token, "payment_token", "3.0")
    return token


def wallet(world: World) -> JSON:
    """The details of a wallet."""
    payer = world.new_payer()
    return {"email_address": "payer@example.com", "payer_id": payer, "account_id": payer, "account_status": "VERIFIED"}


def save_after_payment(world: World, order: JSON) -> None:
    """Save what an order was paid with, if it asked for that, and say so in the order."""
    wanted: JSON = order.get("_saves") or {}
    asked: JSON = wanted.get("vault", {})
    kind: str | None = next(iter(order.get("payment_source", {})), None)
    if asked.get("store_in_vault") != "ON_SUCCESS" or kind is None:
        return
    customer: Mapping[str, str] = wanted.get("customer", {})
    token = new_token(world, customer, kind, wallet(world))
    vaulted = {"id": token["id"], "status": "VAULTED", "customer": token["customer"], "links": token["links"]}
    order["payment_source"][kind] |= {"attributes": {"vault": vaulted}}


def agree_to_save(world: World, setup: JSON) -> None:
    """Play the payer who agrees that a payment method is saved.

    Raises:
        ValueError: nothing waits for the payer.
    """
    if setup["status"] != "PAYER_ACTION_REQUIRED":
        message = f"the setup token is {setup['status']}: nobody is asked to agree to it"
        raise ValueError(message)
    kind: str = setup["_kind"]
    setup |= {"status": "APPROVED", "payment_source": {kind: wallet(world)}}


def _tokens(world: World, request: Request) -> JSON:
    customer_id = request.query.get("customer_id")
    if customer_id is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "customer_id is missing.", "customer_id", place="query")
    rows = [token for token in world.all("token") if token["customer"]["id"] == customer_id]
    return {"customer": {"id": customer_id}, **page(world, rows, "payment_tokens", request, _PATH, usual=5)}


def _delete(world: World, request: Request) -> None:
    token = world.need("token", request.ids[0])
    world.delete(token)
    world.tell(
        "VAULT.PAYMENT-TOKEN.DELETED", {"id": token["id"], "customer": token["customer"]}, "payment_token", "3.0"
    )


def _ask(world: World, request: Request) -> JSON:
    kind: str = next(iter(request.body["payment_source"]), "")
    if kind not in {"paypal", "venmo"}:
        raise unprocessable(
            "NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE", "This stand-in saves wallets only.", "/payment_source"
        )
    customer = {"id": world.new_id("CUST")[-22:], **request.body.get("customer", {})}
    setup = world.add(
        "setup_token",
        "",
        {
            "status": "PAYER_ACTION_REQUIRED",
            "customer": customer,
            "payment_source": {kind: {}},
            "_kind": kind,
        },
    )
    del setup["create_time"]
    setup["links"] = [
        link(f"{_SETUP}/{setup['id']}", "self"),
        link(f"{PAGES}/agreements/approve?approval_session_id={setup['id']}", "approve"),
    ]
    return setup


def _save(world: World, request: Request) -> JSON:
    asked = request.body["payment_source"].get("token", {})
    setup = world.get("setup_token", asked.get("id", ""))
    if setup is None or asked["type"] != "SETUP_TOKEN":
        raise unprocessable("TOKEN_NOT_FOUND", "Specified setup token was not found.", "/payment_source/token/id")
    if setup["status"] != "APPROVED":
        message = "The payer has not agreed, or it was used already."
        raise unprocessable("SETUP_TOKEN_NOT_APPROVED", message, "/payment_source/token/id")
    setup["status"] = "VAULTED"
    kind: str = setup["_kind"]
    return new_token(world, setup["customer"], kind, dict(setup["payment_source"][kind]))


_THREE_HOURS = 3 * HOUR
VAULT_ROUTES = (
    Route("POST", _PATH, _save, _SAVED, remembers=_THREE_HOURS, status=201),
    Route("GET", _PATH, _tokens, query=PAGED | {"customer_id"}),
    Route("GET", f"{_PATH}/{{id}}", lambda world, request: world.need("token", request.ids[0])),
    Route("DELETE", f"{_PATH}/{{id}}", _delete),
    Route("POST", _SETUP, _ask, _ASKED, remembers=_THREE_HOURS, status=201),
    Route("GET", f"{_SETUP}/{{id}}", lambda world, request: world.need("setup_token", request.ids[0])),
)
