"""Products and plans: https://developer.paypal.com/docs/api/subscriptions/v1/#plans."""

from .refusals import invalid, unprocessable
from .routes import DAY, Request, Route, page
from .world import HOST, JSON, World, amount_of, link, money

__all__ = ["CATALOG_ROUTES", "add_plan"]

_MONEY = {"currency_code!": str, "value!": str}
_CYCLE = {
    "pricing_scheme": {"fixed_price": _MONEY, "pricing_model": str, "tiers": [{}]},
    "frequency!": {"interval_unit!": str, "interval_count": int},
    "tenure_type!": str,
    "sequence!": int,
    "total_cycles": int,
}
_PLAN = {
    "product_id!": str,
    "name!": str,
    "status": str,
    "description": str,
    "billing_cycles!": [_CYCLE],
    "payment_preferences!": {
        "auto_bill_outstanding": bool,
        "setup_fee": _MONEY,
        "setup_fee_failure_action": str,
        "payment_failure_threshold": int,
    },
    "taxes": {"percentage": str, "inclusive": bool},
    "quantity_supported": bool,
}
_PRODUCT = {
    "id": str,
    "name!": str,
    "description": str,
    "type": str,
    "category": str,
    "image_url": str,
    "home_url": str,
}
_LISTED = frozenset({"page", "page_size", "total_required"})
_MOST_UNITS = {"DAY": 365, "WEEK": 52, "MONTH": 12, "YEAR": 1}


def add_plan(world: World, sent: JSON, known_as: str | None = None) -> JSON:
    """A new plan, complete with what PayPal fills in: a cycle without ``total_cycles`` is billed once."""
    cycles = []
    for cycle in sent["billing_cycles"]:
        frequency = {"interval_count": 1, **cycle["frequency"]}
        most = _MOST_UNITS.get(frequency["interval_unit"])
        if most is None or not 1 <= frequency["interval_count"] <= most:
            raise invalid("INVALID_PARAMETER_VALUE", "The frequency is not one.", "/billing_cycles/frequency")
        total = cycle.get("total_cycles", 1)
        if total == 0 and cycle["tenure_type"] != "REGULAR":
            raise unprocessable("INVALID_TOTAL_CYCLES", "A trial has an end.", "/billing_cycles/total_cycles")
        made = {**cycle, "frequency": frequency, "total_cycles": total}
        price = made.get("pricing_scheme", {}).get("fixed_price")
        if price is not None:
            value, currency = amount_of(price, "/billing_cycles/pricing_scheme/fixed_price", zero=True)
            made["pricing_scheme"] = {"version": 1, "fixed_price": money(value, currency)}
        cycles.append(made)
    preferences = {
        "service_type": "PREPAID",
        "auto_bill_outstanding": True,
        "setup_fee_failure_action": "CANCEL",
        "payment_failure_threshold": 0,
        **sent["payment_preferences"],
    }
    plan = world.add(
        "plan",
        "P-",
        {
            "status": "ACTIVE",
            "quantity_supported": False,
            **sent,
            "billing_cycles": sorted(cycles, key=lambda cycle: cycle["sequence"]),
            "payment_preferences": preferences,
        },
        known_as=known_as,
    )
    plan["links"] = [link(f"/v1/billing/plans/{plan['id']}", "self")]
    return plan


def _create_plan(world: World, request: Request) -> JSON:
    world.need("product", str(request.body["product_id"]))
    return add_plan(world, dict(request.body))


def _plans(world: World, request: Request) -> JSON:
    return page(world, world.all("plan"), "plans", request, "/v1/billing/plans", host=HOST)


def _create_product(world: World, request: Request) -> JSON:
    return world.add("product", "PROD-", {"type": "SERVICE", **request.body}, known_as=request.body.get("id"))


def _products(world: World, request: Request) -> JSON:
    return page(world, world.all("product"), "products", request, "/v1/catalogs/products", host=HOST)


def _shut(world: World, request: Request) -> None:
    world.need("plan", request.ids[0])["status"] = "INACTIVE"


def _open(world: World, request: Request) -> None:
    world.need("plan", request.ids[0])["status"] = "ACTIVE"


CATALOG_ROUTES = (
    Route("POST", "/v1/catalogs/products", _create_product, _PRODUCT, remembers=3 * DAY, status=201),
    Route("GET", "/v1/catalogs/products", _products, query=_LISTED),
    Route("GET", "/v1/catalogs/products/{id}", lambda world, request: world.need("product", request.ids[0])),
    Route("POST", "/v1/billing/plans", _create_plan, _PLAN, remembers=3 * DAY, status=201, minimal=True),
    Route("GET", "/v1/billing/plans", _plans, query=_LISTED | {"product_id", "plan_ids"}),
    Route("GET", "/v1/billing/plans/{id}", lambda world, request: world.need("plan", request.ids[0])),
    Route("POST", "/v1/billing/plans/{id}/activate", _open),
    Route("POST", "/v1/billing/plans/{id}/deactivate", _shut),
)
