"""Orders: https://developer.squareup.com/reference/square/orders-api. Items with prices; no taxes, no discounts."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from .cards import shown_card
from .fields import ELSEWHERE, MAP, MONEY, Fields, One, Text
from .refusals import bad
from .routes import Key, Request, Route
from .world import JSON, World, money_of, part, parts, stamp

__all__ = ["ORDER", "ORDER_ROUTES", "close", "new_order", "order_from", "single_item", "tender"]

_QUANTITY = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,5})?")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MOST_METADATA = 10
_LONGEST_METADATA = 255
_NAMED = 500


def single_item(name: str, money: JSON) -> Sequence[JSON]:
    """The items of an order of one thing."""
    return [{"name": name[:_NAMED], "quantity": "1", "base_price_money": money}]


def order_from(world: World, sent: Mapping[str, Any], *, state: str, field: str = "order") -> JSON:
    """A new order, of what was sent.

    Raises:
        Refusal: it cannot be one.
    """
    location = world.location_for(sent["location_id"], f"{field}.location_id")
    _check_metadata(part(sent, "metadata"), f"{field}.metadata")
    items = [
        _of_catalog(world, item, f"{field}.line_items[{number}].catalog_object_id")
        for number, item in enumerate(parts(sent, "line_items"))
    ]
    for number, item in enumerate(items):
        where = f"{field}.line_items[{number}]"
        if not _QUANTITY.fullmatch(item["quantity"]) or not Decimal(item["quantity"]):
            raise bad("INVALID_VALUE", "The quantity must be a decimal number above 0.", f"{where}.quantity")
        if not item.get("base_price_money"):
            raise bad("MISSING_REQUIRED_PARAMETER", "An item needs its price.", f"{where}.base_price_money")
        money_of(location, item["base_price_money"], f"{where}.base_price_money", zero=True)
    about = {name: sent[name] for name in ("customer_id", "reference_id", "metadata") if sent.get(name)}
    return new_order(world, location, items, state=state, about=about, source=sent.get("source"))


def _of_catalog(world: World, item: JSON, field: str) -> JSON:
    """An item of an order; if it is one of the catalog, with its name and price there, unless it is sent with others.

    Raises:
        Refusal: there is no such variation of an item.
    """
    if not item.get("catalog_object_id"):
        return item
    found = world.get("catalog", item["catalog_object_id"])
    if found is None or found["type"] != "ITEM_VARIATION":
        raise bad("NOT_FOUND", f"Item variation with catalog object ID {item['catalog_object_id']} not found.", field)
    about = found["item_variation_data"]
    of = world.need("catalog", about["item_id"])["item_data"]["name"]
    kept = {"name": of, "variation_name": about["name"], "catalog_version": found["version"]}
    return {**kept, "base_price_money": about.get("price_money"), **{name: each for name, each in item.items() if each}}


def _check_metadata(metadata: Mapping[str, Any], field: str) -> None:
    """https://developer.squareup.com/docs/build-basics/metadata."""
    if len(metadata) > _MOST_METADATA:
        raise bad("TOO_MANY_MAP_ENTRIES", f"At most {_MOST_METADATA} entries.", field)
    for key, value in metadata.items():
        if not _METADATA_KEY.fullmatch(key):
            raise bad("MAP_KEY_LENGTH_TOO_LONG", "A key has 1 to 60 letters, digits, _ or -.", f"{field}.{key}")
        if not isinstance(value, str):
            raise bad("EXPECTED_STRING", "Expected a string value.", f"{field}.{key}")
        if not 0 < len(value) <= _LONGEST_METADATA:
            raise bad("VALUE_TOO_LONG", f"A value has 1 to {_LONGEST_METADATA} characters.", f"{field}.{key}")


def new_order(
    world: World,
    location: JSON,
    items: Sequence[Mapping[str, Any]],
    *,
    state: str = "OPEN",
    about: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
) -> JSON:
    """A new order with its sums."""
    currency = location["currency"]
    lines = [_line(world, item, currency) for item in items]
    total = {"amount": sum(line["total_money"]["amount"] for line in lines), "currency": currency}
    none = {"amount": 0, "currency": currency}
    made = world.add(
        "order",
        world.new_id("ORD"),
        {
            "updated_at": stamp(world.now),
            "location_id": location["id"],
            "state": state,
            "version": 1,
            "source": dict(source or {"name": "Stand-in"}),
            **({"line_items": lines} if lines else {}),
            "total_money": total,
            "total_tax_money": none,
            "total_discount_money": none,
            "total_tip_money": none,
            "total_service_charge_money": none,
            "net_amounts": {
                "total_money": total,
                "tax_money": none,
                "discount_money": none,
                "tip_money": none,
                "service_charge_money": none,
            },
            "net_amount_due_money": total,
            **(about or {}),
        },
    )
    world.tell_order(made, made=True)
    return made


def _line(world: World, item: Mapping[str, Any], currency: str) -> JSON:
    price = item["base_price_money"]
    exact = Decimal(item["quantity"]) * price["amount"]
    total = {"amount": int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)), "currency": currency}
    none = {"amount": 0, "currency": currency}
    return {
        "uid": world.new_id("LINE"),
        **{name: value for name, value in item.items() if value is not None},
        "item_type": "ITEM" if item.get("name") else "CUSTOM_AMOUNT",
        "gross_sales_money": total,
        "variation_total_price_money": total,
        "total_tax_money": none,
        "total_discount_money": none,
        "total_money": total,
    }


def tender(world: World, order: JSON, payment: Mapping[str, Any]) -> None:
    """Let an order be paid by a payment: it says so, and is owed less."""
    paid = payment["total_money"]
    entry: JSON = {
        "id": payment["id"],
        "location_id": order["location_id"],
        "transaction_id": order["id"],
        "created_at": payment["created_at"],
        "amount_money": paid,
        "type": "CARD",
        "payment_id": payment["id"],
    }
    details = payment.get("card_details")
    if details:
        entry["card_details"] = {
            "status": details["status"],
            "card": shown_card(details["card"]),
            "entry_method": details["entry_method"],
        }
    if "customer_id" in payment:
        entry["customer_id"] = payment["customer_id"]
    others = [each for each in order.get("tenders", []) if each["id"] != payment["id"]]
    due = order["total_money"]["amount"] - sum(each["amount_money"]["amount"] for each in (*others, entry))
    world.change(order, tenders=[*others, entry], net_amount_due_money={**paid, "amount": max(0, due)})
    world.tell_order(order)


def close(world: World, order: JSON, state: str = "COMPLETED") -> None:
    """Let an order be over."""
    if state == "COMPLETED":
        order["closed_at"] = stamp(world.now)
    world.change(order, state=state)
    world.tell_order(order)


def _create(world: World, request: Request) -> JSON:
    sent = request.body.get("order")
    if not sent:
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: order.", "order")
    return {"order": order_from(world, sent, state=sent.get("state") or "OPEN")}


def _get(world: World, request: Request) -> JSON:
    return {"order": world.need("order", request.ids[0])}


def _retrieve(world: World, request: Request) -> JSON:
    found = [world.get("order", identifier) for identifier in request.body["order_ids"]]
    where = request.body.get("location_id")
    orders = [order for order in found if order is not None and where in {None, order["location_id"]}]
    return {"orders": orders} if orders else {}


_ITEM: Fields = {
    "uid": Text(60),
    "name": Text(512),
    "quantity!": Text(12),
    "note": Text(2000),
    "variation_name": Text(400),
    "item_type": One("ITEM CUSTOM_AMOUNT"),
    "base_price_money": MONEY,
    "catalog_object_id": Text(192),
    **dict.fromkeys(
        (
            *("quantity_unit", "catalog_version", "metadata", "modifiers", "applied_taxes"),
            *("applied_discounts", "applied_service_charges", "variation_total_price_money", "gross_sales_money"),
            *("total_tax_money", "total_discount_money", "total_money", "pricing_blocklists"),
            "total_service_charge_money",
        ),
        ELSEWHERE,
    ),
}
ORDER: Fields = {
    "location_id!": str,
    "reference_id": Text(40),
    "source": {"name": str},
    "customer_id": Text(191),
    "line_items": [_ITEM],
    "metadata": MAP,
    "state": One("DRAFT OPEN"),
    **dict.fromkeys(
        (
            *("id", "taxes", "discounts", "service_charges", "fulfillments", "returns", "return_amounts"),
            *("net_amounts", "rounding_adjustment", "tenders", "refunds", "created_at", "updated_at", "closed_at"),
            *("version", "total_money", "total_tax_money", "total_discount_money", "total_tip_money"),
            *("total_service_charge_money", "ticket_name", "pricing_options", "rewards", "net_amount_due_money"),
        ),
        ELSEWHERE,
    ),
}
ORDER_ROUTES = (
    Route("POST", "/v2/orders", _create, {"order": ORDER}, key=Key(192)),
    Route("POST", "/v2/orders/batch-retrieve", _retrieve, {"location_id": str, "order_ids!": [str]}),
    Route("GET", "/v2/orders/{order_id}", _get),
)
