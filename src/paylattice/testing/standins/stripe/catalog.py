"""Products and prices: https://docs.stripe.com/api/prices."""

from typing import Any

from ..amounts import Amount, currency_of
from .metadata import merged
from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["CATALOG_ROUTES", "new_price", "new_product", "smallest_unit"]

_NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
"""https://docs.stripe.com/currencies"""


def smallest_unit(amount: Amount) -> int:
    """An amount as Stripe writes it: in the smallest unit that the currency has at Stripe."""
    places = 0 if currency_of(amount) in _NO_DECIMALS else 3 if currency_of(amount) in _THREE_DECIMALS else 2
    return int(amount.to_decimal().scaleb(places))


def new_product(world: World, params: Params, *, known_as: str | None = None) -> JSON:
    """A product."""
    data: JSON = {
        "object": "product",
        "active": params.get("active", True),
        "default_price": None,
        "description": params.get("description") or None,
        "images": [],
        "marketing_features": [],
        "metadata": merged({}, params.get("metadata", {})),
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": world.now,
        "url": None,
    }
    return world.add("prod", data, "product.created", known_as=known_as or params.get("id"))


def new_price(world: World, params: Params, *, known_as: str | None = None) -> JSON:
    """A price.

    Raises:
        Refusal: its product or its meter is missing.
    """
    product = _product_of(world, params)
    recurring = _recurring(world, params["recurring"]) if "recurring" in params else None
    amount = params.get("unit_amount")
    if amount is None or amount < 0:
        message = "A price needs a unit_amount of at least 0. (This stand-in has no tiers and no decimal amounts.)"
        raise invalid(message, param="unit_amount")
    data: JSON = {
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "lookup_key": params.get("lookup_key"),
        "metadata": merged({}, params.get("metadata", {})),
        "nickname": params.get("nickname") or None,
        "product": product["id"],
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return world.add("price", data, "price.created", known_as=known_as)


def _product_of(world: World, params: Params) -> JSON:
    if "product_data" in params:
        return new_product(world, params["product_data"])
    if "product" not in params:
        message = "A price needs a product or product_data."
        raise invalid(message, param="product", code="parameter_missing")
    return world.need("product", params["product"], "product")


def _recurring(world: World, sent: Params) -> dict[str, Any]:
    usage = sent.get("usage_type", "licensed")
    meter = sent.get("meter")
    if meter is not None:
        world.need("billing.meter", meter, "recurring[meter]")
    if (usage == "metered") is (meter is None):
        message = "A metered price needs a meter, and only a metered price has one."
        raise invalid(message, param="recurring[meter]")
    if "interval" not in sent:
        message = "Missing required param: recurring[interval]."
        raise invalid(message, param="recurring[interval]", code="parameter_missing")
    return {
        "interval": sent["interval"],
        "interval_count": sent.get("interval_count", 1),
        "meter": meter,
        "trial_period_days": sent.get("trial_period_days"),
        "usage_type": usage,
    }


def _update_price(world: World, params: Params, price_id: str) -> JSON:
    price = world.need("price", price_id)
    return world.change(price, "price.updated", **_changes(price, params, "active", "nickname"))


def _update_product(world: World, params: Params, product_id: str) -> JSON:
    product = world.need("product", product_id)
    return world.change(product, "product.updated", **_changes(product, params, "active", "name", "description"))


def _changes(old: JSON, params: Params, *names: str) -> JSON:
    found: JSON = {name: params[name] for name in names if name in params}
    return {**found, "metadata": merged(old["metadata"], params["metadata"])} if "metadata" in params else found


def _list_prices(world: World, params: Params) -> JSON:
    equal = {name: params[name] for name in ("active", "type", "product", "currency") if name in params}
    rows = world.all("price", **equal)
    if "lookup_keys" in params:
        rows = [row for row in rows if row["lookup_key"] in params["lookup_keys"]]
    return page(world, rows, params, "/v1/prices")


def _list_products(world: World, params: Params) -> JSON:
    equal = {"active": params["active"]} if "active" in params else {}
    return page(world, world.all("product", **equal), params, "/v1/products")


_PRODUCT = "name! active:bool description metadata[*]"
_PRICE = (
    "currency! unit_amount:int product product_data[name] product_data[metadata][*] active:bool nickname lookup_key "
    "metadata[*] recurring[interval]:day|week|month|year recurring[interval_count]:int "
    "recurring[usage_type]:licensed|metered recurring[meter] recurring[trial_period_days]:int"
)

CATALOG_ROUTES = (
    Route("POST", "/v1/products", new_product, f"id {_PRODUCT}", "ProductCreateParams"),
    Route("GET", "/v1/products/{id}", retrieve("product"), "", "ProductRetrieveParams"),
    Route(
        "POST",
        "/v1/products/{id}",
        _update_product,
        "name active:bool description? metadata[*]?",
        "ProductUpdateParams",
    ),
    Route("GET", "/v1/products", _list_products, "active:bool <list>", "ProductListParams"),
    Route("POST", "/v1/prices", new_price, _PRICE, "PriceCreateParams"),
    Route("GET", "/v1/prices/{id}", retrieve("price"), "", "PriceRetrieveParams"),
    Route("POST", "/v1/prices/{id}", _update_price, "active:bool nickname? metadata[*]?", "PriceUpdateParams"),
    Route(
        "GET",
        "/v1/prices",
        _list_prices,
        "active:bool type:one_time|recurring product currency lookup_keys[] <list>",
        "PriceListParams",
    ),
)
