"""What is sent of an object: without the stand-in's own fields, with what lives elsewhere, and expanded where asked."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from .refusals import invalid
from .world import JSON, World

__all__ = ["check_expandable", "expanded", "listing", "rendered"]

_EMBEDDED_ITEMS = 10
_DEEPEST = 4

_REFERENCES: Mapping[str, str] = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "pending_setup_intent": "setup_intent",
    "product": "product",
    "setup_intent": "setup_intent",
    "subscription": "subscription",
}
"""Fields that hold an id, and the kind of what it is of."""

_ABSENT: Mapping[str, tuple[str, ...]] = {
    "balance_transaction": ("livemode",),
    "billing.meter_event": ("id",),
    "invoiceitem": ("created",),
    "refund": ("livemode",),
    "subscription_item": ("livemode",),
}
"""Fields that nearly all objects have, and these have not."""

_CONTAINERS = ("data", "items", "lines", "parent", "payment", "subscription_details")
"""Fields that a path leads through."""


def rendered(world: World, data: JSON) -> JSON:
    """The object as it is sent, without anything expanded."""
    shown = {name: copy.deepcopy(value) for name, value in data.items() if not name.startswith("_")}
    if data["object"] == "subscription":
        items = [rendered(world, item) for item in world.all("subscription_item", subscription=data["id"])]
        size = min(_EMBEDDED_ITEMS, world.largest_page)
        url = f"/v1/subscription_items?subscription={data['id']}"
        shown["items"] = {"object": "list", "data": items[:size], "has_more": len(items) > size, "url": url}
    elif data["object"] == "subscription_item":
        shown["price"] = rendered(world, world.need("price", data["price"]))
        if shown["price"]["recurring"]["usage_type"] == "metered":
            del shown["quantity"]
    for name in _ABSENT.get(data["object"], ()):
        shown.pop(name, None)
    return shown


def listing(world: World, rows: list[JSON], url: str, *, more: bool) -> JSON:
    """A page of a list."""
    return {"object": "list", "data": [rendered(world, row) for row in rows], "has_more": more, "url": url}


def check_expandable(paths: Sequence[str]) -> None:
    """Refuse what cannot be expanded in any object, before anything is done.

    Raises:
        Refusal: there is such a path.
    """
    known = {*_REFERENCES, *(name for _, name in _EXTRA), *_CONTAINERS}
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST or not known.issuperset(parts):
            raise _impossible(path)


def expanded(world: World, data: JSON, paths: list[str]) -> JSON:
    """The rendered object with references replaced by what they refer to.

    Raises:
        Refusal: a path cannot be expanded.
    """
    for path in paths:
        _expand(world, data, path.split("."), path)
    return data


def _expand(world: World, data: Any, parts: list[str], path: str) -> None:
    if isinstance(data, list):
        for element in data:  # pyright: ignore[reportUnknownVariableType] - it is JSON
            _expand(world, element, parts, path)
        return
    if not isinstance(data, dict):
        raise _impossible(path)
    node: JSON = data  # pyright: ignore[reportUnknownVariableType] - it is JSON
    first, *rest = parts
    extra = _EXTRA.get((node.get("object", ""), first))
    if extra is not None:
        node[first] = extra(world, node)
    elif first not in node:
        raise _impossible(path)
    elif isinstance(node[first], str):
        if first not in _REFERENCES:
            raise _impossible(path)
        node[first] = rendered(world, world.need(_REFERENCES[first], node[first], path))
    elif not rest and node[first] is not None and not isinstance(node[first], dict):
        raise _impossible(path)
    if rest and node[first] is not None:
        _expand(world, node[first], rest, path)


def _impossible(path: str) -> Exception:
    message = f"This property cannot be expanded ({path})."
    return invalid(message, param="expand")


def _payments(world: World, invoice: JSON) -> JSON:
    paid = world.all("invoice_payment", invoice=invoice["id"])
    return listing(world, paid, f"/v1/invoice_payments?invoice={invoice['id']}", more=False)


def _confirmation_secret(world: World, invoice: JSON) -> JSON | None:
    intents = [
        world.need("payment_intent", one["payment"]["payment_intent"]) for one in _payments(world, invoice)["data"]
    ]
    if not intents or intents[-1]["status"] in {"succeeded", "canceled"}:
        return None
    return {"client_secret": intents[-1]["client_secret"], "type": "payment_intent"}


def _line_items(world: World, session: JSON) -> JSON:
    kept = world.need("checkout.session", session["id"])["_line_items"]
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": copy.deepcopy(kept), "has_more": False, "url": url}


_EXTRA = {
    ("invoice", "payments"): _payments,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("checkout.session", "line_items"): _line_items,
}
"""Fields that are there only when they are asked for."""
