"""Saved payment methods, and the invoices that a merchant writes: https://developer.paypal.com/docs/api/payment-tokens/v3/."""

from .routes import HOUR, Request, Route, page
from .world import HOST, JSON, World, link

__all__ = ["VAULT_ROUTES", "new_token"]

_LISTED = frozenset({"customer_id", "page", "page_size", "total_required"})
_BRAND = {"VISA", "MASTERCARD", "AMEX", "DISCOVER"}


def new_token(
    world: World, customer_id: str, *, kind: str, last4: str, brand: str, declines: str | None, requires_action: bool
) -> JSON:
    """A payment method that a customer of the vault has saved."""
    details: JSON = {"brand": brand.upper(), "last_digits": last4, "expiry": "2031-12"}
    if kind != "card":
        details = {"email_address": "payer@example.com", "payer_id": world.new_id("PAYER")}
    token = world.add(
        "token",
        "",
        {
            "customer": {"id": customer_id},
            "payment_source": {kind: details},
            "_declines": declines,
            "_requires_action": requires_action,
        },
    )
    token["links"] = [link(f"/v3/vault/payment-tokens/{token['id']}", "self")]
    world.tell("VAULT.PAYMENT-TOKEN.CREATED", token, "payment_token", "3.0")
    return token


def _tokens(world: World, request: Request) -> JSON:
    customer_id = request.query.get("customer_id")
    rows = [token for token in world.all("token") if token["customer"]["id"] == customer_id]
    found = page(world, rows, "payment_tokens", request, "/v3/vault/payment-tokens", host=HOST)
    return {"customer": {"id": customer_id}, **found}


def _delete(world: World, request: Request) -> None:
    token = world.need("token", request.ids[0])
    world.remove("token", token["id"])
    world.tell("VAULT.PAYMENT-TOKEN.DELETED", token, "payment_token", "3.0")


def _save(world: World, request: Request) -> JSON:
    source = request.body["payment_source"]
    return world.add("setup_token", "", {"status": "PAYER_ACTION_REQUIRED", "payment_source": dict(source)})


def _invoices(world: World, request: Request) -> JSON:
    email = request.body.get("recipient_email")
    rows = [row for row in reversed(world.all("invoice")) if row["_recipient"] == email]
    return page(world, rows, "items", request, "/v2/invoicing/search-invoices", host=HOST)


_SEARCH = {
    "recipient_email": str,
    "status": [str],
    "invoice_date_range": {},
    "creation_date_range": {},
    "fields": [str],
    "currency_code": str,
}
VAULT_ROUTES = (
    Route("GET", "/v3/vault/payment-tokens", _tokens, query=_LISTED),
    Route("GET", "/v3/vault/payment-tokens/{id}", lambda world, request: world.need("token", request.ids[0])),
    Route("DELETE", "/v3/vault/payment-tokens/{id}", _delete),
    Route(
        "POST",
        "/v3/vault/setup-tokens",
        _save,
        {"customer": {}, "payment_source!": {}},
        remembers=3 * HOUR,
        status=201,
    ),
    Route(
        "POST",
        "/v2/invoicing/search-invoices",
        _invoices,
        _SEARCH,
        query=frozenset({"page", "page_size", "total_required"}),
    ),
)
