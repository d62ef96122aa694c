"""Profiles and their cards: https://developer.squareup.com/reference/square/customers-api, .../cards-api."""

from .refusals import bad, missing
from .routes import Request, Route, page
from .world import JSON, World, stamp

__all__ = ["CUSTOMER_ROUTES", "merge", "new_card", "new_customer"]

_FIELDS = {
    "given_name": str,
    "family_name": str,
    "company_name": str,
    "nickname": str,
    "email_address": str,
    "address": {},
    "phone_number": str,
    "reference_id": str,
    "note": str,
    "birthday": str,
    "tax_ids": {},
}
_IDENTIFYING = ("given_name", "family_name", "company_name", "email_address", "phone_number")
_LONGEST = {"given_name": 300, "family_name": 300, "company_name": 500, "email_address": 254, "reference_id": 100}
_CARD_PAGE = 25


def new_customer(world: World, sent: JSON) -> JSON:
    """A new profile."""
    if not any(sent.get(name) for name in _IDENTIFYING):
        detail = "At least one of given_name, family_name, company_name, email_address, phone_number is needed."
        raise bad("MISSING_REQUIRED_PARAMETER", detail)
    _check(sent)
    about = {name: value for name, value in sent.items() if value not in {None, ""}}
    fixed = {"creation_source": "THIRD_PARTY", "preferences": {"email_unsubscribed": False}, "version": 0}
    return world.add("customer", "CUS", {**about, **fixed, "updated_at": stamp(world.now)}, event="customer.created")


def _check(sent: JSON) -> None:
    for name, longest in _LONGEST.items():
        if len(sent.get(name) or "") > longest:
            raise bad("VALUE_TOO_LONG", f"Up to {longest} characters.", name)


def merge(world: World, old_id: str, new_id: str) -> None:
    """Two profiles become one: the old id leads to the new profile, and what belonged to it moves."""
    old, new = world.need("customer", old_id), world.need("customer", new_id)
    old["_merged_into"] = new["id"]
    for kind in ("subscription", "card"):
        for each in world.all(kind, lambda row: row.get("customer_id") == old["id"]):
            each["customer_id"] = new["id"]
    for invoice in world.all("invoice", lambda row: row["primary_recipient"]["customer_id"] == old["id"]):
        invoice["primary_recipient"]["customer_id"] = new["id"]
    event = world.tell("customer.deleted", "customer", old)
    event["data"] |= {"deleted": True}
    context = {"merge": {"from_customer_ids": [old["id"]], "to_customer_id": new["id"]}}
    event["data"]["object"]["event_context"] = context


def _find(world: World, identifier: str) -> JSON:
    profile = world.need("customer", identifier)
    while "_merged_into" in profile:
        profile = world.need("customer", profile["_merged_into"])
    return profile


def _create(world: World, request: Request) -> JSON:
    return {"customer": new_customer(world, dict(request.body))}


def _get(world: World, request: Request) -> JSON:
    return {"customer": _find(world, request.ids[0])}


def _update(world: World, request: Request) -> JSON:
    profile = _find(world, request.ids[0])
    world.fresh(profile, request.body.get("version"))
    sent = {name: value for name, value in request.body.items() if name != "version"}
    _check({name: value for name, value in sent.items() if value is not None})
    for name, value in sent.items():
        if value is None:
            profile.pop(name, None)
        else:
            profile[name] = value
    world.change("customer", profile, "customer.updated")
    return {"customer": profile}


def _delete(world: World, request: Request) -> JSON:
    profile = world.need("customer", request.ids[0])
    if "_merged_into" in profile:
        raise missing("Customer")
    world.fresh(profile, request.query.get("version"))
    profile["_deleted"] = True
    for subscription in world.all("subscription", lambda row: row["customer_id"] == profile["id"]):
        if subscription["status"] in {"ACTIVE", "PENDING", "PAUSED"}:
            world.change("subscription", subscription, "subscription.updated", status="DEACTIVATED")
    event = world.tell("customer.deleted", "customer", profile)
    event["data"]["deleted"] = True
    return {}


def _search(world: World, request: Request) -> JSON:
    wanted = request.body.get("query", {}).get("filter", {})

    def fits(row: JSON) -> bool:
        if "_merged_into" in row:
            return False
        for name in ("email_address", "reference_id", "phone_number"):
            exact = wanted.get(name, {}).get("exact")
            if exact is not None and (row.get(name) or "").lower() != exact.lower():
                return False
        return True

    limit = request.body.get("limit", 100)
    return page(world, world.all("customer", fits), "customers", request.body.get("cursor"), limit)


def new_card(world: World, customer_id: str, *, brand: str, last4: str, declines: str | None) -> JSON:
    """A card on file."""
    card = {
        "card_brand": brand,
        "last_4": last4,
        "exp_month": 12,
        "exp_year": 2031,
        "customer_id": customer_id,
        "enabled": True,
        "version": 1,
        "fingerprint": "sq-1-standin",
        "card_type": "CREDIT",
        "prepaid_type": "NOT_PREPAID",
        "bin": "411111",
        "merchant_id": world.merchant_id,
        "_declines": declines,
    }
    return world.add("card", "ccof:", card, event="card.created")


def _create_card(world: World, request: Request) -> JSON:
    about = request.body["card"]
    customer = world.need("customer", about.get("customer_id"))
    made = new_card(world, customer["id"], brand="VISA", last4="1111", declines=None)
    return {"card": made}


def _cards(world: World, request: Request) -> JSON:
    customer_id = request.query.get("customer_id")
    disabled = request.query.get("include_disabled") == "true"

    def fits(row: JSON) -> bool:
        return customer_id in {None, row["customer_id"]} and (disabled or row["enabled"])

    return page(world, world.all("card", fits), "cards", request.query.get("cursor"), _CARD_PAGE)


def _disable(world: World, request: Request) -> JSON:
    card = world.need("card", request.ids[0])
    if card["enabled"]:
        world.change("card", card, "card.disabled", enabled=False)
    return {"card": card}


_LISTED = frozenset({"customer_id", "include_disabled", "reference_id", "cursor", "sort_order"})
_SEARCH = {"query": {"filter": {}, "sort": {}}, "limit": int, "cursor": str, "count": bool}
CUSTOMER_ROUTES = (
    Route("POST", "/v2/customers", _create, _FIELDS, key=45),
    Route("POST", "/v2/customers/search", _search, _SEARCH),
    Route("GET", "/v2/customers/{id}", _get),
    Route("PUT", "/v2/customers/{id}", _update, {**dict.fromkeys(_FIELDS), "version": int}),
    Route("DELETE", "/v2/customers/{id}", _delete, query=frozenset({"version"})),
    Route(
        "POST",
        "/v2/cards",
        _create_card,
        {"source_id!": str, "verification_token": str, "card!": {}},
        key=45,
        key_required=True,
    ),
    Route("GET", "/v2/cards", _cards, query=_LISTED),
    Route("GET", "/v2/cards/{id}", lambda world, request: {"card": world.need("card", request.ids[0])}),
    Route("POST", "/v2/cards/{id}/disable", _disable),
)
