"""Subscriptions: https://developer.paypal.com/docs/api/subscriptions/v1/. None of their changes takes a key."""

import copy
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..shapes import Shape
from . import billing
from .agreements import OVERRIDE, terms_with
from .prices import currency_of, terms_of
from .refusals import invalid, missing, unprocessable
from .routes import ANYTHING, DAY, Request, Route, is_whole, page
from .terms import MONEY
from .world import JSON, PAGES, World, amount_of, link, loose, moment, money, said

__all__ = ["SUBSCRIPTION_ROUTES", "agree", "agree_to_revision"]

_CONTEXT: Shape = {
    "brand_name": str,
    "locale": str,
    "shipping_preference": str,
    "user_action": str,
    "payment_method": {"payer_selected": str, "payee_preferred": str, "standard_entry_class_code": str},
    "return_url!": str,
    "cancel_url!": str,
}
_SUBSCRIBER: Shape = {
    "email_address": str,
    "payer_id": str,
    "name": ANYTHING,
    "phone": ANYTHING,
    "birth_date": str,
    "tax_info": ANYTHING,
    "address": ANYTHING,
    "shipping_address": ANYTHING,
    "payment_source": ANYTHING,
}
_SUBSCRIPTION: Shape = {
    "plan_id!": str,
    "start_time": str,
    "quantity": str,
    "shipping_amount": MONEY,
    "subscriber": _SUBSCRIBER,
    "auto_renewal": bool,
    "application_context": _CONTEXT,
    "custom_id": str,
    "plan": OVERRIDE,
}
_REVISION: Shape = {
    "plan_id": str,
    "quantity": str,
    "shipping_amount": MONEY,
    "shipping_address": ANYTHING,
    "application_context": _CONTEXT,
    "plan": OVERRIDE,
}
_CAPTURE: Shape = {"note!": str, "capture_type!": str, "amount!": MONEY}
_PATH = "/v1/billing/subscriptions"
_LISTED = frozenset(
    (
        *("page", "page_size", "plan_ids", "statuses", "customer_ids", "filter"),
        *("created_after", "created_before", "status_updated_after", "status_updated_before"),
    )
)
_LONGEST_ID, _LONGEST_REASON, _LONGEST_URL = 127, 128, 4000


def _links(subscription: JSON, *, approve: str | None = None) -> list[JSON]:
    path = f"{_PATH}/{subscription['id']}"
    found = [link(path, "edit", "PATCH"), link(path, "self")]
    if approve is not None:
        return [found[0], link(approve, "approve"), found[1]]
    step = {"ACTIVE": "suspend", "SUSPENDED": "activate", "APPROVED": "activate"}.get(subscription["status"])
    more = [link(f"{path}/{step}", step, "POST")] if step else []
    ends = [link(f"{path}/cancel", "cancel", "POST")] if subscription["status"] in {"ACTIVE", "SUSPENDED"} else []
    return [*found, *ends, *more]


def _consent(world: World, page_name: str = "subscriptions") -> str:
    return f"{PAGES}/webapps/billing/{page_name}?ba_token={world.new_id('BA-')}"


def _plan_for(world: World, plan_id: str) -> JSON:
    plan = world.get("plan", plan_id)
    if plan is None:
        raise missing()
    if plan["status"] != "ACTIVE":
        raise unprocessable("PLAN_STATUS_INVALID", "Plan status should be active.", "/plan_id")
    return plan


def _check_quantity(sent: Mapping[str, Any], plan: JSON) -> None:
    quantity = sent.get("quantity")
    if quantity is None:
        return
    if not is_whole(quantity) or not int(quantity):
        raise invalid("INVALID_PARAMETER_SYNTAX", "The quantity is a number above 0.", "/quantity")
    if not plan["quantity_supported"]:
        raise unprocessable("SUBSCRIPTION_CANNOT_HAVE_QUANTITY", "The plan does not support quantity.", "/quantity")


def _check_context(sent: Mapping[str, Any]) -> None:
    for name in ("return_url", "cancel_url"):
        url: str = sent.get("application_context", {}).get(name, "https://app.test")
        if not url.startswith(("https://", "http://")) or len(url) > _LONGEST_URL:
            raise invalid("INVALID_PARAMETER_SYNTAX", "It is no URL.", f"/application_context/{name}")


def _create(world: World, request: Request) -> JSON:
    body = request.body
    plan = _plan_for(world, body["plan_id"])
    _check_quantity(body, plan)
    _check_context(body)
    custom_id = body.get("custom_id")
    if custom_id is not None and not (
        custom_id.isascii() and custom_id.isprintable() and 0 < len(custom_id) <= _LONGEST_ID
    ):
        raise invalid("INVALID_PARAMETER_SYNTAX", "Up to 127 printable ASCII characters.", "/custom_id")
    if "payment_source" in body.get("subscriber", {}):
        raise unprocessable("CARD_SUBSCRIPTIONS_NOT_ENABLED", "Wallets alone.", "/subscriber/payment_source")
    more: JSON = {"custom_id": custom_id} if custom_id is not None else {}
    if "plan" in body:
        more["_terms"] = terms_with(plan, body["plan"])
    if "shipping_amount" in body:
        more["shipping_amount"] = money(*amount_of(body["shipping_amount"], "/shipping_amount", zero=True))
    subscription = world.add(
        "subscription",
        "I-",
        {
            "status": "APPROVAL_PENDING",
            "status_update_time": said(world.now),
            "plan_id": plan["id"],
            "start_time": said(_start_time(world, body)),
            "quantity": body.get("quantity", "1"),
            "plan_overridden": "plan" in body,
            "subscriber": copy.deepcopy(body.get("subscriber", {})),
            "_continues": body.get("application_context", {}).get("user_action") == "CONTINUE",
            **more,
        },
    )
    subscription["links"] = _links(subscription, approve=_consent(world))
    world.tell("BILLING.SUBSCRIPTION.CREATED", subscription, "subscription")
    return subscription


def _start_time(world: World, body: Mapping[str, Any]) -> datetime:
    if "start_time" not in body:
        return world.now
    start = _time_of(body, "start_time", "/start_time")
    if start <= world.now:
        raise invalid("INVALID_PARAMETER_VALUE", "Start time must be a valid future date and time.", "/start_time")
    return start


def _time_of(sent: Mapping[str, str], name: str, field: str, *, place: str = "body") -> datetime:
    try:
        return moment(sent[name])
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", "It is no time.", field, place=place) from None


# --- the payer ---------------------------------------------------------------------------------------------------


def agree(world: World, subscription: JSON) -> None:
    """Play the payer who agrees. With ``user_action: CONTINUE`` the merchant has to activate it then.

    Raises:
        ValueError: there is nothing to agree to.
    """
    if subscription["status"] != "APPROVAL_PENDING":
        message = f"the subscription is {subscription['status']}: nobody is asked to agree to it"
        raise ValueError(message)
    subscription["subscriber"] = {
        "email_address": "payer@example.com",
        "payer_id": world.new_payer(),
        "name": {"given_name": "Pat", "surname": "Payer"},
        **subscription["subscriber"],
    }
    subscription["links"] = _links(subscription)
    if subscription["_continues"]:
        subscription |= {"status": "APPROVED", "status_update_time": said(world.now)}
    else:
        billing.activate(world, subscription)


def agree_to_revision(world: World, subscription: JSON) -> None:
    """Play the payer who agrees to another plan or quantity; it counts from the next period on.

    Raises:
        ValueError: no change waits for consent.
    """
    change = subscription.pop("_revision", None)
    if change is None:
        message = "nobody asked the payer to agree to a change"
        raise ValueError(message)
    billing.change_terms(world, subscription, change)


# --- reading -----------------------------------------------------------------------------------------------------


def _sent(world: World, subscription: JSON) -> JSON:
    if subscription["status"] == "APPROVAL_PENDING":
        return subscription
    return {**billing.shown_early(world, subscription), "links": _links(subscription)}


def _get(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    fields = set(filter(None, request.query.get("fields", "").split(",")))
    if fields - {"plan", "last_failed_payment"}:
        raise invalid("INVALID_PARAMETER_VALUE", "plan and last_failed_payment.", "fields", place="query")
    data = _sent(world, subscription)
    if "plan" in fields:
        whole = {**world.need("plan", subscription["plan_id"]), **terms_of(world, subscription)}
        shown = ("product_id", "name", "billing_cycles", "payment_preferences", "taxes", "quantity_supported")
        data = {**data, "plan": {name: whole[name] for name in shown if name in whole}}
    return billing.shown(data) if "last_failed_payment" in fields else data


def _list(world: World, request: Request) -> JSON:
    rows = [_sent(world, row) for row in reversed(world.all("subscription"))]
    for parameter, name in (("statuses", "status"), ("plan_ids", "plan_id")):
        if parameter in request.query:
            wanted = set(request.query[parameter].split(","))
            rows = [row for row in rows if row[name] in wanted]
    for parameter, name in (("created", "create_time"), ("status_updated", "status_update_time")):
        if f"{parameter}_after" in request.query:
            since = _time_of(request.query, f"{parameter}_after", f"{parameter}_after", place="query")
            rows = [row for row in rows if moment(row[name]) >= since]
        if f"{parameter}_before" in request.query:
            until = _time_of(request.query, f"{parameter}_before", f"{parameter}_before", place="query")
            rows = [row for row in rows if moment(row[name]) <= until]
    if "customer_ids" in request.query:
        rows = []
    return page(world, rows, "subscriptions", request, _PATH)


# --- changes -----------------------------------------------------------------------------------------------------


def _subscription_in(world: World, request: Request, *allowed: str) -> JSON:
    """The subscription.

    Raises:
        Refusal: its status is none of those, or the reason is too long.
    """
    subscription = world.need("subscription", request.ids[0])
    if len(request.body.get("reason", "")) > _LONGEST_REASON:
        raise invalid("INVALID_STRING_MAX_LENGTH", "The value of a field is too long.", "/reason")
    if subscription["status"] not in allowed:
        message = f"Invalid subscription status; it should be {' or '.join(allowed).lower()}."
        raise unprocessable("SUBSCRIPTION_STATUS_INVALID", message)
    return subscription


def _cancel(world: World, request: Request) -> None:
    subscription = _subscription_in(world, request, "ACTIVE", "SUSPENDED")
    subscription["status_change_note"] = request.body["reason"]
    billing.stop(world, subscription, "CANCELLED")


def _suspend(world: World, request: Request) -> None:
    subscription = _subscription_in(world, request, "ACTIVE")
    subscription["status_change_note"] = request.body["reason"]
    billing.suspend(world, subscription)


def _activate(world: World, request: Request) -> None:
    subscription = _subscription_in(world, request, "SUSPENDED", "APPROVED")
    if subscription["status"] == "APPROVED":
        billing.activate(world, subscription)
        return
    threshold = terms_of(world, subscription)["payment_preferences"]["payment_failure_threshold"]
    if threshold and subscription["billing_info"]["failed_payments_count"] >= threshold:
        message = "Subscription cannot be activated after payment failure threshold has reached."
        raise unprocessable("SUBSCRIPTION_CANNOT_BE_ACTIVATED", message)
    if "reason" in request.body:
        subscription["status_change_note"] = request.body["reason"]
    billing.resume(world, subscription)


def _revise(world: World, request: Request) -> JSON:
    subscription = _subscription_in(world, request, "ACTIVE", "SUSPENDED")
    body = request.body
    now = world.need("plan", subscription["plan_id"])
    plan = _plan_for(world, body["plan_id"]) if "plan_id" in body else now
    if plan["product_id"] != now["product_id"]:
        message = "The old and the new plans should be for the same product."
        raise unprocessable("PLAN_PRODUCT_NOT_COMPATIBLE", message, "/plan_id")
    _check_quantity(body, plan)
    _check_context(body)
    change: JSON = {name: body[name] for name in ("plan_id", "quantity") if name in body}
    if "shipping_amount" in body:
        change["shipping_amount"] = money(*amount_of(body["shipping_amount"], "/shipping_amount", zero=True))
    if "plan" in body or "plan_id" in body:
        change |= {
            "_terms": terms_with(plan, body["plan"]) if "plan" in body else None,
            "plan_overridden": "plan" in body,
        }
    subscription["_revision"] = change
    return {
        **{name: value for name, value in body.items() if name != "application_context"},
        "plan_id": plan["id"],
        "plan_overridden": "plan" in body,
        "links": _links(subscription, approve=_consent(world, "subscriptions/update")),
    }


def _capture(world: World, request: Request) -> JSON:
    subscription = _subscription_in(world, request, "ACTIVE", "SUSPENDED", "EXPIRED")
    if request.body["capture_type"] != "OUTSTANDING_BALANCE":
        raise invalid("INVALID_PARAMETER_VALUE", "OUTSTANDING_BALANCE.", "/capture_type")
    value, currency = amount_of(request.body["amount"], "/amount")
    owed = Decimal(subscription["billing_info"]["outstanding_balance"]["value"])
    if currency != currency_of(world, subscription):
        raise unprocessable("CURRENCY_MISMATCH", "The currency is that of the subscription.", "/amount/currency_code")
    if not owed:
        raise unprocessable("ZERO_OUTSTANDING_BALANCE", "Nothing is owed.")
    if value > owed:
        raise unprocessable("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", "It is more than is owed.", "/amount")
    if subscription["id"] in world.failing:
        raise unprocessable("SUBSCRIBER_ACCOUNT_RESTRICTED", "Subscriber Account Restricted.")
    word = world.declined()
    if word == "DECLINED":
        return _declined(world, value, currency)
    if word is not None:
        raise unprocessable(word, "The payment was refused.")
    sale = billing.pay_outstanding(world, subscription, value)
    return _transaction(sale) if sale is not None else {}


def _transactions(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    for name in ("start_time", "end_time"):
        if name not in request.query:
            raise invalid("MISSING_REQUIRED_PARAMETER", "A required field is missing.", name, place="query")
    since, until = (_time_of(request.query, name, name, place="query") for name in ("start_time", "end_time"))
    sales = [world.need("sale", sale_id) for sale_id in reversed(subscription.get("_sales", []))]
    rows = [_transaction(sale) for sale in sales if since <= moment(sale["create_time"]) <= until]
    path = f"{_PATH}/{subscription['id']}/transactions?start_time={said(since)}&end_time={said(until)}"
    return {"transactions": rows, "total_items": len(rows), "total_pages": 1, "links": [link(path, "self")]}


def _transaction(sale: JSON) -> JSON:
    amount, fee = sale["amount"], sale["transaction_fee"]
    gross, taken = Decimal(amount["total"]), Decimal(fee["value"])
    return {
        "id": sale["id"],
        "status": sale["state"].upper(),
        "amount_with_breakdown": {
            "gross_amount": loose(gross, amount["currency"]),
            "fee_amount": loose(taken, amount["currency"]),
            "net_amount": loose(gross - taken, amount["currency"]),
        },
        "payer_name": {"given_name": "Pat", "surname": "Payer"},
        "payer_email": "payer@example.com",
        "time": f"{sale['create_time'][:-1]}.000Z",
    }


def _declined(world: World, value: Decimal, currency: str) -> JSON:
    """The transaction of a capture that the bank declined: it is answered, and nothing is kept of it."""
    return {
        "id": world.new_id(""),
        "status": "DECLINED",
        "amount_with_breakdown": {"gross_amount": loose(value, currency)},
        "time": f"{said(world.now)[:-1]}.000Z",
    }


SUBSCRIPTION_ROUTES = (
    Route("POST", _PATH, _create, _SUBSCRIPTION, remembers=3 * DAY, status=201, minimal=True),
    Route("GET", _PATH, _list, query=_LISTED),
    Route("GET", f"{_PATH}/{{id}}", _get, query=frozenset({"fields"})),
    Route("POST", f"{_PATH}/{{id}}/cancel", _cancel, {"reason!": str}),
    Route("POST", f"{_PATH}/{{id}}/suspend", _suspend, {"reason!": str}),
    Route("POST", f"{_PATH}/{{id}}/activate", _activate, {"reason": str}),
    Route("POST", f"{_PATH}/{{id}}/revise", _revise, _REVISION),
    Route("POST", f"{_PATH}/{{id}}/capture", _capture, _CAPTURE, remembers=3 * DAY),
    Route("GET", f"{_PATH}/{{id}}/transactions", _transactions, query=frozenset({"start_time", "end_time"})),
)
