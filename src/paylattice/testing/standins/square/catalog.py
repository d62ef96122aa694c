"""Subscription plans and their variations: https://developer.squareup.com/docs/subscriptions-api/plans-and-variations."""

from .refusals import bad
from .routes import Request, Route, page
from .world import JSON, World, stamp

__all__ = ["CATALOG_ROUTES", "PLAN", "VARIATION", "add_variation"]

PLAN = "SUBSCRIPTION_PLAN"
VARIATION = "SUBSCRIPTION_PLAN_VARIATION"
_CADENCES = frozenset(
    (
        *(
            "DAILY",
            "WEEKLY",
            "EVERY_TWO_WEEKS",
            "THIRTY_DAYS",
            "SIXTY_DAYS",
            "NINETY_DAYS",
            "MONTHLY",
            "EVERY_TWO_MONTHS",
        ),
        *("QUARTERLY", "EVERY_FOUR_MONTHS", "EVERY_SIX_MONTHS", "ANNUAL", "EVERY_TWO_YEARS"),
    )
)


def _object(world: World, kind: str, data: JSON, known_as: str | None) -> JSON:
    return world.add(
        "catalog",
        "CAT",
        {
            "type": kind,
            "updated_at": stamp(world.now),
            "version": 1,
            "is_deleted": False,
            "present_at_all_locations": True,
            **data,
        },
        known_as=known_as,
    )


def add_variation(world: World, name: str, phases: list[JSON], *, known_as: str | None = None) -> JSON:
    """A plan with one variation."""
    plan = _object(world, PLAN, {"subscription_plan_data": {"name": name, "all_items": False}}, None)
    data = {"name": name, "phases": phases, "subscription_plan_id": plan["id"]}
    made = _object(world, VARIATION, {"subscription_plan_variation_data": data}, known_as)
    plan["subscription_plan_data"]["subscription_plan_variations"] = [made]
    return made


def _upsert(world: World, request: Request) -> JSON:
    sent = dict(request.body["object"])
    kind = sent.pop("type", None)
    if kind not in {PLAN, VARIATION}:
        raise bad("INVALID_VALUE", "This stand-in keeps subscription plans and their variations.", "object.type")
    temporary = sent.pop("id", "#new")
    about = sent.get("subscription_plan_variation_data", {})
    for phase in about.get("phases", []):
        if phase.get("cadence") not in _CADENCES:
            raise bad(
                "INVALID_ENUM_VALUE", "No such cadence.", "object.subscription_plan_variation_data.phases.cadence"
            )
    for number, phase in enumerate(about.get("phases", [])):
        phase.setdefault("uid", world.new_id("PHASE"))
        phase.setdefault("ordinal", number)
    made = _object(world, kind, sent, None)
    return {"catalog_object": made, "id_mappings": [{"client_object_id": temporary, "object_id": made["id"]}]}


def _get(world: World, request: Request) -> JSON:
    found = world.need("catalog", request.ids[0])
    related: list[JSON] = []
    if request.query.get("include_related_objects") == "true":
        plan_id = found.get("subscription_plan_variation_data", {}).get("subscription_plan_id")
        plan = world.get("catalog", plan_id) if plan_id else None
        related = [plan] if plan else []
    return {"object": found, **({"related_objects": related} if related else {})}


def _list(world: World, request: Request) -> JSON:
    wanted = set(filter(None, request.query.get("types", "").split(",")))
    rows = world.all("catalog", lambda row: not wanted or row["type"] in wanted)
    return page(world, rows, "objects", request.query.get("cursor"), 100)


CATALOG_ROUTES = (
    Route("POST", "/v2/catalog/object", _upsert, {"object!": {}}, key=128, key_required=True),
    Route("GET", "/v2/catalog/object/{id}", _get, query=frozenset({"include_related_objects", "catalog_version"})),
    Route("GET", "/v2/catalog/list", _list, query=frozenset({"types", "cursor", "catalog_version"})),
)
