"""Customers: https://docs.stripe.com/api/customers."""

from .lifecycle import end
from .metadata import merged
from .pages import page
from .payment_methods import usable_method
from .refusals import in_other_mode, missing
from .routes import Params, Route
from .world import JSON, World

__all__ = ["CUSTOMER_ROUTES", "new_customer"]


def new_customer(world: World, params: Params) -> JSON:
    """A customer."""
    data: JSON = {
        "object": "customer",
        "address": None,
        "balance": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description") or None,
        "email": params.get("email") or None,
        "invoice_prefix": f"STANDIN{world.count('customer') + 1:04d}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": merged({}, params.get("metadata", {})),
        "name": params.get("name") or None,
        "next_invoice_sequence": 1,
        "phone": params.get("phone") or None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return world.add("cus", data, "customer.created")


def _create(world: World, params: Params) -> JSON:
    customer = new_customer(world, params)
    if "payment_method" in params:
        method = usable_method(world, params["payment_method"], customer["id"], "payment_method")
        world.change(method, "payment_method.attached", customer=customer["id"])
    _set_default(world, customer, params)
    return customer


def _get(world: World, _params: Params, customer_id: str) -> JSON:
    if world.was_deleted("customer", customer_id):
        return _gone(customer_id)
    if customer_id in world.in_other_mode:
        raise in_other_mode("customer", customer_id)
    return world.need("customer", customer_id)


def _update(world: World, params: Params, customer_id: str) -> JSON:
    customer = world.need("customer", customer_id)
    changes: JSON = {name: params[name] or None for name in ("email", "name", "description", "phone") if name in params}
    if "metadata" in params:
        changes["metadata"] = merged(customer["metadata"], params["metadata"])
    _set_default(world, customer, params)
    return world.change(customer, "customer.updated", **changes)


def _set_default(world: World, customer: JSON, params: Params) -> None:
    chosen = params.get("invoice_settings", {}).get("default_payment_method")
    if chosen is None:
        return
    param = "invoice_settings[default_payment_method]"
    if chosen and world.need("payment_method", chosen, param)["customer"] != customer["id"]:
        raise missing("payment_method", chosen, param)
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": chosen or None}


def _delete(world: World, _params: Params, customer_id: str) -> JSON:
    customer = world.need("customer", customer_id)
    for subscription in world.all("subscription", customer=customer_id):
        if subscription["status"] not in {"canceled", "incomplete_expired"}:
            end(world, subscription)
    for method in world.all("payment_method", customer=customer_id):
        world.change(method, "payment_method.detached", customer=None, _detached=True)
    world.tell("customer.deleted", customer)
    world.delete(customer)
    return _gone(customer_id)


def _gone(customer_id: str) -> JSON:
    return {"id": customer_id, "object": "customer", "deleted": True}


def _list(world: World, params: Params) -> JSON:
    equal = {"email": params["email"]} if "email" in params else {}
    return page(world, world.all("customer", **equal), params, "/v1/customers")


_FIELDS = "email? name? description? phone? metadata[*]? invoice_settings[default_payment_method]?"

CUSTOMER_ROUTES = (
    Route("POST", "/v1/customers", _create, f"{_FIELDS} payment_method", "CustomerCreateParams"),
    Route("GET", "/v1/customers/{id}", _get, "", "CustomerRetrieveParams"),
    Route("POST", "/v1/customers/{id}", _update, _FIELDS, "CustomerUpdateParams"),
    Route("DELETE", "/v1/customers/{id}", _delete, "", "CustomerDeleteParams"),
    Route("GET", "/v1/customers", _list, "email <list>", "CustomerListParams"),
)
