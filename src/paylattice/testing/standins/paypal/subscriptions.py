"""Subscriptions: https://developer.paypal.com/docs/api/subscriptions/v1/. None of their changes takes a key."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from . import billing
from .refusals import invalid, unprocessable
from .routes import DAY, Request, Route, page
from .world import HOST, JSON, PAGES, World, link, money, said

__all__ = ["SUBSCRIPTION_ROUTES", "agree", "agree_to_revision"]

_MONEY = {"currency_code!": str, "value!": str}
_CONTEXT = {
    "brand_name": str,
    "locale": str,
    "shipping_preference": str,
    "user_action": str,
    "payment_method": {},
    "return_url!": str,
    "cancel_url!": str,
}
_SUBSCRIBER = {
    "email_address": str,
    "payer_id": str,
    "name": {},
    "phone": {},
    "birth_date": str,
    "tax_info": {},
    "address": {},
    "shipping_address": {},
    "payment_source": {},
}
_SUBSCRIPTION = {
    "plan_id!": str,
    "start_time": str,
    "quantity": str,
    "shipping_amount": _MONEY,
    "subscriber": _SUBSCRIBER,
    "auto_renewal": bool,
    "application_context": _CONTEXT,
    "custom_id": str,
    "plan": {},
}
_REVISION = {
    "plan_id": str,
    "quantity": str,
    "shipping_amount": _MONEY,
    "shipping_address": {},
    "application_context": _CONTEXT,
    "plan": {},
}
_REASON = {"reason!": str}
_LONGEST_CUSTOM_ID = 127
_LISTED = frozenset({"page", "page_size", "plan_ids", "statuses", "created_after", "created_before"})
_STATUS = "The requested action could not be performed, semantically incorrect, or failed business validation."


def _links(subscription: JSON, *, approve: str | None = None) -> list[JSON]:
    path = f"/v1/billing/subscriptions/{subscription['id']}"
    found = [link(f"{path}", "edit", "PATCH"), link(path, "self")]
    if approve is not None:
        found.insert(1, link(approve, "approve"))
    return found


def _consent(world: World) -> str:
    return f"{PAGES}/webapps/billing/subscriptions?ba_token={world.new_id('BA-')}"


def _create(world: World, request: Request) -> JSON:
    body = request.body
    plan = world.get("plan", str(body["plan_id"]))
    if plan is None:
        raise unprocessable("RESOURCE_NOT_FOUND", "The plan was not found.", "/plan_id")
    if plan["status"] != "ACTIVE":
        raise unprocessable("PLAN_STATUS_INVALID", "The plan is not active.", "/plan_id")
    quantity = body.get("quantity", "1")
    if not quantity.isdecimal() or not int(quantity):
        raise invalid("INVALID_PARAMETER_SYNTAX", "The quantity is a number above 0.", "/quantity")
    if quantity != "1" and not plan["quantity_supported"]:
        raise unprocessable("PLAN_QUANTITY_NOT_SUPPORTED", "The plan has no quantities.", "/quantity")
    custom_id = body.get("custom_id")
    if custom_id is not None and not (custom_id.isascii() and 0 < len(custom_id) <= _LONGEST_CUSTOM_ID):
        raise invalid("INVALID_PARAMETER_SYNTAX", "Up to 127 printable ASCII characters.", "/custom_id")
    start = _start_time(world, body)
    subscription = world.add(
        "subscription",
        "I-",
        {
            "status": "APPROVAL_PENDING",
            "status_update_time": said(world.now),
            "plan_id": plan["id"],
            "start_time": said(start),
            "quantity": quantity,
            "plan_overridden": False,
            "subscriber": dict(body.get("subscriber", {})),
        },
    )
    if custom_id is not None:
        subscription["custom_id"] = custom_id
    subscription["links"] = _links(subscription, approve=_consent(world))
    world.tell("BILLING.SUBSCRIPTION.CREATED", subscription, "subscription")
    return subscription


def _start_time(world: World, body: Mapping[str, Any]) -> datetime:
    if "start_time" not in body:
        return world.now
    try:
        start = datetime.fromisoformat(body["start_time"]).astimezone(UTC)
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", "The time is not one.", "/start_time") from None
    if start <= world.now:
        raise unprocessable("INVALID_START_TIME", "The start time must be in the future.", "/start_time")
    return start


def agree(world: World, subscription: JSON) -> None:
    """Be the payer who agrees.

    Raises:
        ValueError: there is nothing to agree to.
    """
    if subscription["status"] != "APPROVAL_PENDING":
        message = f"the subscription is {subscription['status']}: nobody is asked to agree to it"
        raise ValueError(message)
    subscription["subscriber"] = {
        "email_address": "payer@example.com",
        "payer_id": world.new_id("PAYER"),
        "name": {"given_name": "Pat", "surname": "Payer"},
        **subscription["subscriber"],
    }
    subscription["links"] = _links(subscription)
    billing.activate(world, subscription)


def agree_to_revision(world: World, subscription: JSON) -> None:
    """Be the payer who agrees to another plan or quantity; it counts from the next period on.

    Raises:
        ValueError: nobody asked for that.
    """
    change = subscription.pop("_revision", None)
    if change is None:
        message = "nobody asked the payer to agree to a change"
        raise ValueError(message)
    subscription |= {**change, "update_time": said(world.now)}
    world.tell("BILLING.SUBSCRIPTION.UPDATED", subscription, "subscription")


def _get(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    fields = set(filter(None, request.query.get("fields", "").split(",")))
    if fields - {"plan", "last_failed_payment"}:
        raise invalid("INVALID_PARAMETER_VALUE", "The fields are plan and last_failed_payment.", "fields")
    data = dict(subscription)
    if "plan" in fields:
        plan = world.need("plan", subscription["plan_id"])
        data["plan"] = {
            name: plan[name] for name in ("name", "billing_cycles", "payment_preferences", "quantity_supported")
        }
    if "last_failed_payment" in fields:
        data = billing.shown(data, failed=True)
    return data


def _list(world: World, request: Request) -> JSON:
    wanted = set(filter(None, request.query.get("statuses", "").split(",")))
    rows = [row for row in reversed(world.all("subscription")) if not wanted or row["status"] in wanted]
    return page(world, rows, "subscriptions", request, "/v1/billing/subscriptions", host=HOST)


def _refuse_unless(subscription: JSON, *allowed: str) -> None:
    if subscription["status"] not in allowed:
        raise unprocessable("SUBSCRIPTION_STATUS_INVALID", _STATUS)


def _cancel(world: World, request: Request) -> None:
    subscription = world.need("subscription", request.ids[0])
    _refuse_unless(subscription, "ACTIVE", "SUSPENDED", "APPROVED")
    subscription |= {"status": "CANCELLED", "status_update_time": said(world.now)}
    subscription["status_change_note"] = request.body["reason"]
    subscription["billing_info"].pop("next_billing_time", None)
    world.tell("BILLING.SUBSCRIPTION.CANCELLED", subscription, "subscription")


def _suspend(world: World, request: Request) -> None:
    subscription = world.need("subscription", request.ids[0])
    _refuse_unless(subscription, "ACTIVE")
    billing.suspend(world, subscription)


def _activate(world: World, request: Request) -> None:
    subscription = world.need("subscription", request.ids[0])
    _refuse_unless(subscription, "SUSPENDED")
    subscription |= {"status": "ACTIVE", "status_update_time": said(world.now)}
    following = subscription.pop("_resumes", None)
    subscription["billing_info"]["next_billing_time"] = following or said(world.now)
    world.tell("BILLING.SUBSCRIPTION.ACTIVATED", subscription, "subscription")


def _revise(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    _refuse_unless(subscription, "ACTIVE", "SUSPENDED")
    change = {name: request.body[name] for name in ("plan_id", "quantity") if name in request.body}
    if "plan_id" in change:
        plan = world.get("plan", change["plan_id"])
        if plan is None:
            raise unprocessable("RESOURCE_NOT_FOUND", "The plan was not found.", "/plan_id")
        if plan["product_id"] != world.need("plan", subscription["plan_id"])["product_id"]:
            raise unprocessable("PLAN_PRODUCT_NOT_COMPATIBLE", "The plan is of another product.", "/plan_id")
    plan = world.need("plan", str(change.get("plan_id", subscription["plan_id"])))
    if change.get("quantity", "1") != "1" and not plan["quantity_supported"]:
        raise unprocessable("PLAN_QUANTITY_NOT_SUPPORTED", "The plan has no quantities.", "/quantity")
    subscription["_revision"] = change
    return {**change, "plan_overridden": False, "links": _links(subscription, approve=_consent(world))}


def _capture(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    sale = billing.pay_outstanding(world, subscription)
    if sale is None:
        raise unprocessable("ZERO_OUTSTANDING_BALANCE", "Nothing is owed.")
    return _transaction(sale)


def _transactions(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    try:
        since, until = (datetime.fromisoformat(request.query[name]) for name in ("start_time", "end_time"))
    except (KeyError, ValueError):
        raise invalid("MISSING_REQUIRED_PARAMETER", "start_time and end_time are needed.", "start_time") from None
    rows = [
        _transaction(sale)
        for sale in map(lambda each: world.need("sale", each), reversed(subscription.get("_sales", [])))  # noqa: C417
        if since <= datetime.fromisoformat(sale["create_time"]) <= until
    ]
    return {"transactions": rows, "total_items": len(rows), "total_pages": 1, "links": []}


def _transaction(sale: JSON) -> JSON:
    from decimal import Decimal  # noqa: PLC0415 - only here

    gross = money(Decimal(sale["amount"]["total"]), sale["amount"]["currency"])
    return {
        "id": sale["id"],
        "status": sale["state"].upper(),
        "amount_with_breakdown": {"gross_amount": gross, "net_amount": gross},
        "payer_name": {"given_name": "Pat", "surname": "Payer"},
        "payer_email": "payer@example.com",
        "time": sale["create_time"],
    }


_PATH = "/v1/billing/subscriptions"
SUBSCRIPTION_ROUTES = (
    Route("POST", _PATH, _create, _SUBSCRIPTION, remembers=3 * DAY, status=201, minimal=True),
    Route("GET", _PATH, _list, query=_LISTED),
    Route("GET", f"{_PATH}/{{id}}", _get, query=frozenset({"fields"})),
    Route("POST", f"{_PATH}/{{id}}/cancel", _cancel, _REASON),
    Route("POST", f"{_PATH}/{{id}}/suspend", _suspend, _REASON),
    Route("POST", f"{_PATH}/{{id}}/activate", _activate, {"reason": str}),
    Route("POST", f"{_PATH}/{{id}}/revise", _revise, _REVISION),
    Route(
        "POST",
        f"{_PATH}/{{id}}/capture",
        _capture,
        {"note!": str, "capture_type!": str, "amount!": _MONEY},
        remembers=3 * DAY,
    ),
    Route("GET", f"{_PATH}/{{id}}/transactions", _transactions, query=frozenset({"start_time", "end_time"})),
)
