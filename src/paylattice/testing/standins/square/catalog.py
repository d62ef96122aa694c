"""Subscription plans and their variations: https://developer.squareup.com/docs/subscriptions-api/plans-and-variations.

What is subscribed to is a variation; a plan only groups them. The phases of a variation never change, and neither a plan nor
a variation can be deleted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .dates import CADENCES
from .fields import ELSEWHERE, MONEY, Fields, One
from .pages import limit_of, page
from .refusals import bad, conflict
from .routes import Key, Request, Route
from .world import JSON, World, money_of, part, parts, stamp

__all__ = [
    "CATALOG_ROUTES",
    "ITEM_VARIATION",
    "PLAN",
    "VARIATION",
    "is_eligible",
    "new_item",
    "new_plan",
    "phases_of",
    "shown_object",
    "variation_for",
]

PLAN = "SUBSCRIPTION_PLAN"
VARIATION = "SUBSCRIPTION_PLAN_VARIATION"
ITEM = "ITEM"
ITEM_VARIATION = "ITEM_VARIATION"
_PLAN_DATA = "subscription_plan_data"
_DATA = "subscription_plan_variation_data"
_ITEM_DATA = "item_data"
_ITEM_VARIATION_DATA = "item_variation_data"
_PLACES = ("present_at_all_locations", "present_at_location_ids", "absent_at_location_ids")
_PAGE = 100
_MOST = 1000


def phases_of(variation: Mapping[str, Any]) -> Sequence[JSON]:
    """The phases of a variation, in order."""
    phases: list[JSON] = variation[_DATA]["phases"]
    return sorted(phases, key=lambda phase: int(phase["ordinal"]))


def variation_for(world: World, identifier: object, field: str) -> JSON:
    """The variation that is subscribed to.

    Raises:
        Refusal: there is none, or it is something else.
    """
    found = world.get("catalog", identifier)
    if found is None:
        raise bad("INVALID_VALUE", f"The catalog object {identifier} cannot be found.", field)
    if found["type"] != VARIATION:
        detail = f"The object {identifier} is of the incorrect object type {found['type']}; expected {VARIATION}."
        raise bad("INVALID_VALUE", detail, field)
    return found


def shown_object(world: World, found: JSON) -> JSON:
    """A catalog object as it is sent: a plan or an item with its variations."""
    if found["type"] == ITEM:
        own = world.all("catalog", lambda row: row.get(_ITEM_VARIATION_DATA, {}).get("item_id") == found["id"])
        return {**found, _ITEM_DATA: {**found[_ITEM_DATA], "variations": own}}
    if found["type"] != PLAN:
        return found
    inner = world.all("catalog", lambda row: row.get(_DATA, {}).get("subscription_plan_id") == found["id"])
    data = {**found[_PLAN_DATA], **({"subscription_plan_variations": inner} if inner else {})}
    return {**found, _PLAN_DATA: data}


def new_plan(
    world: World, name: str, phases: list[JSON], *, known_as: str | None = None, item_id: str | None = None
) -> JSON:
    """A plan with one variation, as the Dashboard makes it.

    Args:
        world: where.
        name: of both.
        phases: of the variation.
        known_as: the variation's id.
        item_id: the only item that can be sold with it; None: all can.

    Returns:
        The variation.
    """
    sells: JSON = {"all_items": True} if item_id is None else {"all_items": False, "eligible_item_ids": [item_id]}
    plan = _add(world, PLAN, {_PLAN_DATA: {"name": name, **sells}}, None)
    about = {"name": name, "phases": _numbered(world, phases), "subscription_plan_id": plan["id"]}
    return _add(world, VARIATION, {_DATA: about}, known_as)


def new_item(world: World, name: str, prices: Mapping[str, JSON | None], *, known_as: str | None = None) -> JSON:
    """An item with its variations.

    Args:
        world: where.
        name: of the item.
        prices: of the variations, by their names; None: it is entered when it is sold.
        known_as: the item's id.
    """
    item = _add(world, ITEM, {_ITEM_DATA: {"name": name, "product_type": "REGULAR"}}, known_as)
    for ordinal, (variation, price) in enumerate(prices.items()):
        cost = (
            {"pricing_type": "VARIABLE_PRICING"}
            if price is None
            else {"pricing_type": "FIXED_PRICING", "price_money": price}
        )
        about = {"item_id": item["id"], "name": variation, "ordinal": ordinal, **cost}
        _add(world, ITEM_VARIATION, {_ITEM_VARIATION_DATA: about}, None)
    return item


def is_eligible(world: World, variation: Mapping[str, Any], item_variation_id: object) -> bool:
    """Whether an item can be sold with a variation of a plan; something that is no item only if all can."""
    plan = world.get("catalog", variation[_DATA].get("subscription_plan_id")) or {}
    data: JSON = plan.get(_PLAN_DATA, {})
    item = (world.get("catalog", item_variation_id) or {}).get(_ITEM_VARIATION_DATA, {}).get("item_id")
    return bool(data.get("all_items")) or item in parts(data, "eligible_item_ids")


def _add(world: World, kind: str, data: JSON, known_as: str | None) -> JSON:
    fixed = {
        "type": kind,
        "updated_at": stamp(world.now),
        "version": _version(world),
        "is_deleted": False,
        "present_at_all_locations": True,
    }
    made = world.add("catalog", known_as or world.new_id("CAT"), {**fixed, **data})
    del made["created_at"]
    return made


def _version(world: World) -> int:
    return int(world.now.timestamp() * 1000)


def _numbered(world: World, phases: Sequence[Mapping[str, Any]]) -> list[JSON]:
    return [{"uid": world.new_id("PHASE"), "ordinal": number, **phase} for number, phase in enumerate(phases)]


# --- requests ----------------------------------------------------------------------------------------------------


def _upsert(world: World, request: Request) -> JSON:
    sent = request.body["object"]
    ids: dict[str, str] = {}
    inner = parts(part(sent, _PLAN_DATA), "subscription_plan_variations")
    where = f"object.{_PLAN_DATA}.subscription_plan_variations"
    for number, each in enumerate(inner):
        _check_phases(world, part(each, _DATA), f"{where}[{number}].{_DATA}")
    kept = _keep(world, sent, ids, "object")
    for number, each in enumerate(inner):
        data = {**part(each, _DATA), "subscription_plan_id": kept["id"]}
        _keep(world, {**each, _DATA: data}, ids, f"{where}[{number}]")
    about = {"type": "catalog", "object": {"catalog_version": {"updated_at": stamp(world.now)}}}
    world.send("catalog.version.updated", about)
    mappings = [{"client_object_id": one, "object_id": other} for one, other in ids.items()]
    return {"catalog_object": shown_object(world, kept), **({"id_mappings": mappings} if mappings else {})}


def _keep(world: World, sent: JSON, ids: dict[str, str], field: str) -> JSON:
    if sent["type"] not in {PLAN, VARIATION}:
        detail = f"This stand-in keeps {PLAN} and {VARIATION} only."
        raise bad("NOT_IMPLEMENTED", detail, f"{field}.type")
    name = _PLAN_DATA if sent["type"] == PLAN else _DATA
    data = part(sent, name)
    data.pop("subscription_plan_variations", None)
    if not data.get("name"):
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: name.", f"{field}.{name}.name")
    places = {one: sent[one] for one in _PLACES if sent.get(one) is not None}
    known = None if sent["id"].startswith("#") else world.need("catalog", sent["id"])
    if known is not None:
        return _change(world, known, sent, {**places, name: data}, field)
    if sent["type"] == VARIATION:
        plan = world.get("catalog", data.get("subscription_plan_id"))
        if plan is None or plan["type"] != PLAN:
            where = f"{field}.{_DATA}.subscription_plan_id"
            raise bad("INVALID_VALUE", "The plan of the variation cannot be found.", where)
        _check_phases(world, data, f"{field}.{_DATA}")
        data["phases"] = _numbered(world, data["phases"])
    made = _add(world, sent["type"], {**places, name: data}, None)
    ids[sent["id"]] = made["id"]
    return made


def _check_phases(world: World, data: Mapping[str, Any], field: str) -> None:
    phases = parts(data, "phases")
    if not phases:
        raise bad("MISSING_REQUIRED_PARAMETER", "A variation needs its phases.", f"{field}.phases")
    for number, phase in enumerate(phases):
        where = f"{field}.phases[{number}]"
        if number + 1 < len(phases) and not phase.get("periods"):
            raise bad("INVALID_VALUE", "Only the last phase can be without an end.", f"{where}.periods")
        pricing = part(phase, "pricing")
        if pricing.get("type") == "RELATIVE":
            continue
        if not pricing.get("price_money"):
            raise bad("MISSING_REQUIRED_PARAMETER", "A phase needs its price.", f"{where}.pricing.price_money")
        money_of(world.location, pricing["price_money"], f"{where}.pricing.price_money", zero=True)


def _change(world: World, known: JSON, sent: JSON, changes: JSON, field: str) -> JSON:
    if sent.get("version") != known["version"]:
        raise conflict(status=400)
    if known["type"] != sent["type"]:
        raise bad("INVALID_VALUE", "The type of an object cannot be changed.", f"{field}.type")
    if sent["type"] == VARIATION:
        kept = [_unmarked(phase) for phase in known[_DATA]["phases"]]
        if [_unmarked(phase) for phase in parts(changes[_DATA], "phases")] != kept:
            detail = "The phases of a variation cannot be changed: send them as they are, with their uids."
            raise bad("INVALID_VALUE", detail, f"{field}.{_DATA}.phases")
    known |= {**changes, "version": max(known["version"] + 1, _version(world)), "updated_at": stamp(world.now)}
    return known


def _unmarked(phase: Mapping[str, Any]) -> JSON:
    return {name: value for name, value in phase.items() if value is not None}


def _get(world: World, request: Request) -> JSON:
    found = world.need("catalog", request.ids[0])
    answer: JSON = {"object": shown_object(world, found)}
    plan = world.get("catalog", found.get(_DATA, {}).get("subscription_plan_id"))
    if request.query.get("include_related_objects") == "true" and plan is not None:
        answer["related_objects"] = [shown_object(world, plan)]
    return answer


def _retrieve(world: World, request: Request) -> JSON:
    found = [world.get("catalog", identifier) for identifier in request.body["object_ids"]]
    objects = [shown_object(world, row) for row in found if row is not None]
    return {"objects": objects} if objects else {}


def _listed(world: World, types: Sequence[str]) -> list[JSON]:
    return [shown_object(world, row) for row in world.all("catalog", lambda row: not types or row["type"] in types)]


def _list(world: World, request: Request) -> JSON:
    types = [one.strip() for one in request.query.get("types", "").split(",") if one.strip()]
    return page(world, request, _listed(world, types), "objects", _PAGE)


def _search(world: World, request: Request) -> JSON:
    rows = _listed(world, parts(request.body, "object_types"))
    answer = page(world, request, rows, "objects", limit_of(request, _PAGE, _MOST))
    ids = {row.get(_DATA, {}).get("subscription_plan_id") for row in answer.get("objects", [])}
    plans = [shown_object(world, row) for row in world.all("catalog", lambda row: row["id"] in ids)]
    if request.body.get("include_related_objects") and plans:
        answer["related_objects"] = plans
    return {**answer, "latest_time": stamp(world.now)}


_PHASE: Fields = {
    "uid": str,
    "cadence!": One(" ".join(CADENCES)),
    "periods": int,
    "recurring_price_money": ELSEWHERE,
    "ordinal": int,
    "pricing": {"type": One("STATIC RELATIVE"), "discount_ids": [str], "price_money": MONEY},
}
_VARIATION: Fields = {
    "name": str,
    "phases": [_PHASE],
    "subscription_plan_id": str,
    "monthly_billing_anchor_date": ELSEWHERE,
    "can_prorate": ELSEWHERE,
    "successor_plan_variation_id": ELSEWHERE,
}
_OTHER_KINDS = (
    *("item_data", "category_data", "item_variation_data", "tax_data", "discount_data", "modifier_list_data"),
    *("modifier_data", "time_period_data", "product_set_data", "pricing_rule_data", "image_data"),
    *("measurement_unit_data", "item_option_data", "item_option_value_data", "custom_attribute_definition_data"),
    *("quick_amounts_settings_data", "availability_period_data"),
)
_OBJECT: Fields = {
    "type!": str,
    "id!": str,
    "updated_at": str,
    "version": int,
    "is_deleted": bool,
    "present_at_all_locations": bool,
    "present_at_location_ids": [str],
    "absent_at_location_ids": [str],
    _DATA: _VARIATION,
    **dict.fromkeys(("custom_attribute_values", "catalog_v1_ids", *_OTHER_KINDS), ELSEWHERE),
}
_PLAN: Fields = {
    "name": str,
    "phases": ELSEWHERE,
    "subscription_plan_variations": [{**_OBJECT, _PLAN_DATA: ELSEWHERE}],
    "eligible_item_ids": [str],
    "eligible_category_ids": [str],
    "all_items": bool,
}
_SEARCH: Fields = {
    "cursor": str,
    "object_types": [str],
    "include_deleted_objects": bool,
    "include_related_objects": bool,
    "begin_time": ELSEWHERE,
    "query": ELSEWHERE,
    "limit": int,
    "include_category_path_to_root": ELSEWHERE,
}
_RETRIEVED: Fields = {
    "object_ids!": [str],
    "include_related_objects": ELSEWHERE,
    "catalog_version": ELSEWHERE,
    "include_deleted_objects": ELSEWHERE,
    "include_category_path_to_root": ELSEWHERE,
}
_PAST = "catalog_version include_category_path_to_root"
_ONE = "/v2/catalog/object/{object_id}"
CATALOG_ROUTES = (
    Route(
        "POST", "/v2/catalog/object", _upsert, {"object!": {**_OBJECT, _PLAN_DATA: _PLAN}}, key=Key(128, required=True)
    ),
    Route("GET", _ONE, _get, query="include_related_objects", query_elsewhere=_PAST),
    Route("GET", "/v2/catalog/list", _list, query="cursor types", query_elsewhere="catalog_version"),
    Route("POST", "/v2/catalog/search", _search, _SEARCH),
    Route("POST", "/v2/catalog/batch-retrieve", _retrieve, _RETRIEVED),
)
