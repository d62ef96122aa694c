"""Products and plans: https://developer.paypal.com/docs/api/subscriptions/v1/#plans."""

from collections.abc import Mapping
from typing import Any

from ..shapes import Shape
from .refusals import invalid, unprocessable
from .routes import DAY, PAGED, Request, Route, page
from .terms import PREFERENCES, PRICING, preferences_from, scheme_from, taxes_from, total_cycles_from
from .world import JSON, World, link, said

__all__ = ["CATALOG_ROUTES", "add_plan", "add_product"]

_CYCLE: Shape = {
    "pricing_scheme": PRICING,
    "frequency!": {"interval_unit!": str, "interval_count": int},
    "tenure_type!": str,
    "sequence!": int,
    "total_cycles": int,
    "start_date": str,
}
_PLAN: Shape = {
    "product_id!": str,
    "name!": str,
    "status": str,
    "description": str,
    "billing_cycles!": [_CYCLE],
    "payment_preferences!": PREFERENCES,
    "taxes": {"percentage!": str, "inclusive": bool},
    "quantity_supported": bool,
}
_PRODUCT: Shape = {
    "id": str,
    "name!": str,
    "description": str,
    "type!": str,
    "category": str,
    "image_url": str,
    "home_url": str,
}
_MOST_UNITS = {"DAY": 365, "WEEK": 52, "MONTH": 12, "YEAR": 1}
_MOST_TRIALS = 2
_STATUSES = frozenset({"CREATED", "INACTIVE", "ACTIVE"})
_LIST_SHOWS = ("id", "product_id", "name", "status", "description", "create_time", "links")
"""The fields of a plan in a list, by default: no prices."""


def _cycle(cycle: Mapping[str, Any], number: int) -> JSON:
    where = f"/billing_cycles/{number}"
    frequency: JSON = {"interval_count": 1, **cycle["frequency"]}
    most = _MOST_UNITS.get(frequency["interval_unit"])
    if most is None or not 1 <= frequency["interval_count"] <= most:
        raise invalid("INVALID_PARAMETER_VALUE", "The frequency is none of PayPal's.", f"{where}/frequency")
    if cycle["tenure_type"] not in {"TRIAL", "REGULAR"}:
        raise invalid("INVALID_PARAMETER_VALUE", "TRIAL or REGULAR.", f"{where}/tenure_type")
    trial = cycle["tenure_type"] == "TRIAL"
    total = total_cycles_from(cycle.get("total_cycles", 1), where, trial=trial)
    made: JSON = {**cycle, "frequency": frequency, "total_cycles": total}
    if "pricing_scheme" in cycle:
        scheme = scheme_from(cycle["pricing_scheme"], f"{where}/pricing_scheme")
        if trial and "tiers" in scheme:
            raise unprocessable("INVALID_PRICING_MODEL", "A trial has no tiers.", f"{where}/pricing_scheme")
        made["pricing_scheme"] = scheme
    elif not trial:
        raise invalid("MISSING_REQUIRED_PARAMETER", "A regular cycle has a price.", f"{where}/pricing_scheme")
    return made


def _cycles(sent: list[Mapping[str, Any]]) -> list[JSON]:
    made = [_cycle(cycle, number) for number, cycle in enumerate(sent)]
    made.sort(key=lambda cycle: cycle["sequence"])
    kinds = [cycle["tenure_type"] for cycle in made]
    if kinds.count("REGULAR") != 1 or kinds[-1] != "REGULAR" or kinds.count("TRIAL") > _MOST_TRIALS:
        raise invalid("INVALID_PARAMETER_VALUE", "Up to two trials, then one regular cycle.", "/billing_cycles")
    if [cycle["sequence"] for cycle in made] != list(range(1, len(made) + 1)):
        raise invalid("INVALID_PARAMETER_VALUE", "The sequences are 1, 2, 3.", "/billing_cycles/sequence")
    currencies = {amount["currency_code"] for cycle in made for amount in _amounts(cycle.get("pricing_scheme", {}))}
    if len(currencies) > 1:
        raise unprocessable("CURRENCY_MISMATCH", "A plan has one currency.", "/billing_cycles")
    return made


def _amounts(scheme: Mapping[str, Any]) -> list[JSON]:
    return [scheme["fixed_price"]] if "fixed_price" in scheme else [tier["amount"] for tier in scheme.get("tiers", [])]


def add_plan(world: World, sent: JSON, known_as: str | None = None) -> JSON:
    """A new plan, complete with what PayPal fills in: a cycle without ``total_cycles`` is billed once.

    Raises:
        Refusal: it is no plan.
    """
    cycles = _cycles(sent["billing_cycles"])
    preferences: JSON = {
        "auto_bill_outstanding": True,
        "setup_fee_failure_action": "CANCEL",
        "payment_failure_threshold": 0,
        **preferences_from(sent["payment_preferences"], "/payment_preferences"),
    }
    more: JSON = {"taxes": taxes_from(sent["taxes"], "/taxes")} if "taxes" in sent else {}
    if sent.get("status", "ACTIVE") not in _STATUSES:
        raise invalid("INVALID_PARAMETER_VALUE", "CREATED, INACTIVE or ACTIVE.", "/status")
    plan = world.add(
        "plan",
        "P-",
        {
            "status": "ACTIVE",
            "quantity_supported": False,
            **sent,
            **more,
            "billing_cycles": cycles,
            "payment_preferences": preferences,
            "update_time": said(world.now),
        },
        known_as=known_as,
    )
    path = f"/v1/billing/plans/{plan['id']}"
    plan["links"] = [link(path, "self"), link(path, "edit", "PATCH"), link(f"{path}/deactivate", "deactivate", "POST")]
    return plan


def _create_plan(world: World, request: Request) -> JSON:
    world.need("product", request.body["product_id"])
    return add_plan(world, dict(request.body))


def _plans(world: World, request: Request) -> JSON:
    rows = world.all("plan")
    if "product_id" in request.query:
        rows = [plan for plan in rows if plan["product_id"] == request.query["product_id"]]
    if "plan_ids" in request.query:
        rows = [plan for plan in rows if plan["id"] in request.query["plan_ids"].split(",")]
    if not request.whole:
        rows = [{name: plan[name] for name in _LIST_SHOWS if name in plan} for plan in rows]
    return page(world, rows, "plans", request, "/v1/billing/plans")


def add_product(world: World, sent: Mapping[str, Any], known_as: str | None = None) -> JSON:
    """A new product."""
    product = world.add("product", "PROD-", {**sent, "update_time": said(world.now)}, known_as=known_as)
    path = f"/v1/catalogs/products/{product['id']}"
    product["links"] = [link(path, "self"), link(path, "edit", "PATCH")]
    return product


def _create_product(world: World, request: Request) -> JSON:
    known_as: str | None = request.body.get("id")
    if known_as is not None and known_as.startswith("PROD-"):
        raise invalid("INVALID_PARAMETER_SYNTAX", "Ids that begin with PROD- are PayPal's own.", "/id")
    if known_as is not None and world.get("product", known_as) is not None:
        raise unprocessable("DUPLICATE_RESOURCE_IDENTIFIER", "There is a product with this id.", "/id")
    if request.body["type"] not in {"PHYSICAL", "DIGITAL", "SERVICE"}:
        raise invalid("INVALID_PARAMETER_VALUE", "PHYSICAL, DIGITAL or SERVICE.", "/type")
    return add_product(world, request.body, known_as)


def _products(world: World, request: Request) -> JSON:
    shown = ("id", "name", "description", "create_time", "links")
    rows = [{name: product[name] for name in shown if name in product} for product in world.all("product")]
    return page(world, rows, "products", request, "/v1/catalogs/products")


def _shut(world: World, request: Request) -> None:
    plan = world.need("plan", request.ids[0])
    if plan["status"] != "ACTIVE":
        raise unprocessable("PLAN_STATUS_INVALID", "Only an active plan is deactivated.")
    plan |= {"status": "INACTIVE", "update_time": said(world.now)}
    world.tell("BILLING.PLAN.DEACTIVATED", plan, "plan")


def _open(world: World, request: Request) -> None:
    plan = world.need("plan", request.ids[0])
    if plan["status"] == "ACTIVE":
        raise unprocessable("PLAN_STATUS_INVALID", "The plan is active.")
    plan |= {"status": "ACTIVE", "update_time": said(world.now)}
    world.tell("BILLING.PLAN.ACTIVATED", plan, "plan")


CATALOG_ROUTES = (
    Route(
        "POST",
        "/v1/catalogs/products",
        _create_product,
        _PRODUCT,
        remembers=3 * DAY,
        longest_key=38,
        status=201,
        minimal=True,
    ),
    Route("GET", "/v1/catalogs/products", _products, query=PAGED),
    Route("GET", "/v1/catalogs/products/{id}", lambda world, request: world.need("product", request.ids[0])),
    Route("POST", "/v1/billing/plans", _create_plan, _PLAN, remembers=3 * DAY, status=201, minimal=True),
    Route("GET", "/v1/billing/plans", _plans, query=PAGED | {"product_id", "plan_ids"}),
    Route("GET", "/v1/billing/plans/{id}", lambda world, request: world.need("plan", request.ids[0])),
    Route("POST", "/v1/billing/plans/{id}/activate", _open),
    Route("POST", "/v1/billing/plans/{id}/deactivate", _shut),
)
