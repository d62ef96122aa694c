"""Cards on file: https://developer.squareup.com/reference/square/cards-api.

A card comes of a token that a browser made. Square's own for tests (``cnon:card-nonce-ok`` and its kin,
https://developer.squareup.com/docs/devtools/sandbox/payments) may be used again and again, all others once.
"""

from collections.abc import Mapping
from typing import Any

from .fields import ADDRESS, ELSEWHERE, Fields, Text
from .pages import page
from .profiles import profile_of
from .refusals import Refusal, bad, declined
from .routes import Key, Request, Route
from .world import JSON, World, part, stamp

__all__ = ["CARD_ROUTES", "NONCES", "new_card", "shown_card", "source_of"]

NONCES: Mapping[str, str | None] = {
    "cnon:card-nonce-ok": None,
    "cnon:card-nonce-rejected-cvv": "CVV_FAILURE",
    "cnon:card-nonce-rejected-postalcode": "ADDRESS_VERIFICATION_FAILURE",
    "cnon:card-nonce-rejected-expiration": "INVALID_EXPIRATION",
    "cnon:card-nonce-declined": "GENERIC_DECLINE",
}
"""Square's tokens for tests, and what the bank says to each."""

_USED = "cnon:card-nonce-already-used"
_POSTAL_CODE = "94103"
_PAGE = 25
_OF_A_PAYMENT = frozenset({"APPROVED", "COMPLETED"})
_IN_A_PAYMENT = ("card_brand", "last_4", "exp_month", "exp_year", "fingerprint", "card_type", "prepaid_type", "bin")


def new_card(
    world: World,
    customer_id: str,
    *,
    brand: str = "VISA",
    last4: str = "1111",
    declines: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> JSON:
    """A card on file."""
    identifier = world.new_id("ccof:")
    made = world.add(
        "card",
        identifier,
        {
            "card_brand": brand,
            "last_4": last4,
            "exp_month": 12,
            "exp_year": 2031,
            "fingerprint": f"sq-1-{identifier}",
            "customer_id": customer_id,
            "merchant_id": world.merchant_id,
            "enabled": True,
            "card_type": "CREDIT",
            "prepaid_type": "NOT_PREPAID",
            "bin": "411111",
            "version": 1,
            "hsa_fsa": False,
            **(about or {}),
            "_declines": declines,
        },
    )
    world.tell("card.created", made)
    return made


def shown_card(card: Mapping[str, Any]) -> JSON:
    """What a payment says about its card: which kind it is, not which."""
    return {name: card[name] for name in _IN_A_PAYMENT if name in card}


def source_of(world: World, token: str) -> tuple[JSON, str | None]:
    """A card as it is in a token, and what the bank says to it. The token is used then.

    Raises:
        Refusal: it is none, or was used before.
    """
    if not token.startswith("cnon:"):
        raise Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Card nonce not found", "source_id")
    if token == _USED or token in world.used_tokens:
        raise bad("CARD_TOKEN_USED", "Card nonce already used; please request new nonce", "source_id")
    if token not in NONCES:
        world.used_tokens.add(token)
    card = {"card_brand": "VISA", "last_4": "1111", "exp_month": 12, "exp_year": 2031, "card_type": "CREDIT"}
    return {**card, "prepaid_type": "NOT_PREPAID", "bin": "411111", "fingerprint": f"sq-1-{token}"}, NONCES.get(token)


def _create(world: World, request: Request) -> JSON:
    about = dict(request.body["card"])
    profile = profile_of(world, about.pop("customer_id", None))
    if profile is None:
        raise bad("CUSTOMER_NOT_FOUND", "The customer of the card cannot be found.", "card.customer_id")
    source = request.body["source_id"]
    payment = world.get("payment", source)
    if payment is not None:
        if payment["status"] not in _OF_A_PAYMENT or payment.get("source_type") != "CARD":
            raise bad("INVALID_CARD", f"A payment that is {payment['status']} is no source of a card.", "source_id")
        card, verdict = payment["card_details"]["card"], None
    else:
        postal_code = part(about, "billing_address").get("postal_code")
        if world.sandbox and source in NONCES and postal_code != _POSTAL_CODE:
            detail = f"In the sandbox, the postal code of the card's billing address is {_POSTAL_CODE}."
            raise bad("INVALID_POSTAL_CODE", detail, "card.billing_address.postal_code")
        card, verdict = source_of(world, source)
    if verdict:
        raise declined(verdict)
    kept = {name: value for name, value in about.items() if value is not None}
    return {"card": new_card(world, profile["id"], about={**card, **kept})}


def _list(world: World, request: Request) -> JSON:
    wanted = {name: request.query[name] for name in ("customer_id", "reference_id") if name in request.query}
    disabled = request.query.get("include_disabled") == "true"
    rows = world.all(
        "card",
        lambda row: (disabled or row["enabled"]) and all(row.get(name) == value for name, value in wanted.items()),
    )
    if request.query.get("sort_order") == "DESC":
        rows.reverse()
    return page(world, request, rows, "cards", _PAGE)


def _get(world: World, request: Request) -> JSON:
    return {"card": world.need("card", request.ids[0])}


def _disable(world: World, request: Request) -> JSON:
    card = world.need("card", request.ids[0])
    if card["enabled"]:
        world.change(card, enabled=False, disabled_at=stamp(world.now))
        world.tell("card.disabled", card)
    return {"card": card}


_CARD: Fields = {
    "cardholder_name": Text(96),
    "billing_address": ADDRESS,
    "customer_id!": str,
    "reference_id": Text(128),
    **dict.fromkeys(
        (
            *("id", "card_brand", "last_4", "exp_month", "exp_year", "fingerprint", "merchant_id", "enabled"),
            *("card_type", "prepaid_type", "bin", "version", "card_co_brand", "issuer_alert", "issuer_alert_at"),
            *("hsa_fsa", "created_at", "disabled_at"),
        ),
        ELSEWHERE,
    ),
}
_CREATING: Fields = {"source_id!": Text(16384), "verification_token": str, "card!": _CARD}
_ONE = "/v2/cards/{card_id}"
CARD_ROUTES = (
    Route("POST", "/v2/cards", _create, _CREATING, key=Key(45, required=True)),
    Route("GET", "/v2/cards", _list, query="cursor customer_id include_disabled reference_id sort_order"),
    Route("GET", _ONE, _get),
    Route("POST", f"{_ONE}/disable", _disable),
)
