"""The endpoints of subscriptions and their items: https://docs.stripe.com/api/subscriptions."""

from collections.abc import Mapping
from typing import Any

from .collection import default_method
from .invoices import bill
from .lifecycle import (
    ENDED,
    Start,
    add_item,
    credit_and_charge,
    end,
    items_of,
    move_to,
    period_of,
    renewal_lines,
    start,
    usage_lines,
)
from .metadata import merged
from .pages import page
from .payment_methods import usable_method
from .pending import keep_pending
from .periods import period_after
from .prices import price_for
from .refusals import Refusal, invalid, missing
from .routes import Params, Route, retrieve
from .schedules import refuse_if_managed
from .world import JSON, World

__all__ = ["SUBSCRIPTION_ROUTES", "change_items", "rhythm_of"]

_DAY = 86_400
_LONGEST_TRIAL = 2 * 366 * _DAY


def _create(world: World, params: Params) -> JSON:
    customer = world.need("customer", params["customer"], "customer")["id"]
    items = [
        (price_for(world, _price_id(item, index), f"items[{index}][price]"), item.get("quantity", 1))
        for index, item in enumerate(params["items"])
    ]
    method = params.get("default_payment_method")
    if method is not None:
        usable_method(world, method, customer, "default_payment_method")
    trial_end = _trial_end(world, params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    costs = any(price["unit_amount"] and quantity for price, quantity in items)
    nothing_to_charge = method is None and default_method(world, None, customer) is None
    if nothing_to_charge and costs and trial_end is None and behavior != "default_incomplete":
        message = "This customer has no attached payment source or default payment method."
        raise invalid(message, code="resource_missing")
    wanted = Start(
        customer,
        items,
        trial_end,
        method,
        merged({}, params.get("metadata", {})),
        params.get("billing_mode", {}).get("type", "flexible"),
        behavior,
    )
    subscription, error = start(world, wanted)
    if error is not None and behavior == "error_if_incomplete":
        end(world, subscription, "incomplete_expired")
        world.delete(subscription)
        raise Refusal(402, error)
    return subscription


def _price_id(item: Mapping[str, Any], index: int) -> str:
    if "price" not in item:
        message = f"Missing required param: items[{index}][price]."
        raise invalid(message, param=f"items[{index}][price]", code="parameter_missing")
    return str(item["price"])


def _trial_end(world: World, params: Params) -> int | None:
    if "trial_period_days" in params:
        days = params["trial_period_days"]
        return world.now + days * _DAY if days > 0 else None
    until: int | None = params.get("trial_end")
    if until is not None and not world.now < until <= world.now + _LONGEST_TRIAL:
        message = "Invalid timestamp: trial_end must be in the future, and at most two years from now."
        raise invalid(message, param="trial_end")
    return until


def _update(world: World, params: Params, subscription_id: str) -> JSON:
    subscription = world.need("subscription", subscription_id)
    if subscription["status"] in ENDED and set(params) - {"metadata", "cancellation_details", "expand"}:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(message)
    unsupported = sorted(set(params) - _PENDING_TAKES)
    if params.get("payment_behavior") == "pending_if_incomplete" and unsupported:
        message = f"{unsupported[0]} is not supported when payment_behavior is set to pending_if_incomplete."
        raise invalid(message, param=unsupported[0])
    before = world.render(world, subscription)
    if {"cancel_at", "cancel_at_period_end"} & set(params):
        refuse_if_managed(subscription)
    if "default_payment_method" in params:
        chosen = params["default_payment_method"] or None
        if chosen:
            usable_method(world, chosen, subscription["customer"], "default_payment_method")
        subscription["default_payment_method"] = chosen
    if "items" in params:
        change_items(world, subscription, params)
    if "trial_end" in params:
        _move_trial(world, subscription, _trial_end(world, params))
    if "metadata" in params:
        subscription["metadata"] = merged(subscription["metadata"], params["metadata"])
    if "pause_collection" in params:
        sent = params["pause_collection"]
        subscription["pause_collection"] = {"resumes_at": None, **sent} if sent else None
    if "cancel_at_period_end" in params or "cancel_at" in params:
        _schedule_end(world, subscription, params)
    _note_reason(subscription, params)
    world.tell("customer.subscription.updated", subscription, before)
    return subscription


def _move_trial(world: World, subscription: JSON, until: int | None) -> None:
    """Let a trial end at another time, with which the billing cycle begins."""
    if subscription["status"] != "trialing":
        message = "This stand-in moves the end of a trial that runs."
        raise invalid(message, param="trial_end")
    begin = period_of(world, subscription)[0]
    move_to(world, subscription, (begin, until or world.now))
    subscription.update(trial_end=until, billing_cycle_anchor=until, _warned=False)


def _schedule_end(world: World, subscription: JSON, params: Params) -> None:
    at_period_end = params.get("cancel_at_period_end", False)
    when = period_of(world, subscription)[1] if at_period_end else params.get("cancel_at") or None
    if when is not None and when <= world.now:
        message = "cancel_at must be in the future."
        raise invalid(message, param="cancel_at")
    reason = "cancellation_requested" if when else None
    subscription.update(
        cancel_at=when,
        cancel_at_period_end=at_period_end,
        canceled_at=world.now if when else None,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
    )


def _note_reason(subscription: JSON, params: Params) -> None:
    sent = {name: value or None for name, value in params.get("cancellation_details", {}).items()}
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **sent}


def change_items(world: World, subscription: JSON, params: Params) -> None:
    """Change its items, and bill what that costs, as the parameters say.

    Raises:
        Refusal: an item cannot be changed so.
    """
    behavior = params.get("proration_behavior", "create_prorations")
    period = period_of(world, subscription)
    present = {item["id"]: item for item in items_of(world, subscription)}
    old = {item_id: (world.need("price", item["price"]), item["quantity"]) for item_id, item in present.items()}
    status = subscription["status"]
    _check_items(world, present, params["items"])
    for index, sent in enumerate(params["items"]):
        item = present.get(sent.get("id", ""))
        if item is None:
            price = price_for(world, _price_id(sent, index), f"items[{index}][price]")
            add_item(world, subscription, price, sent.get("quantity", 1), period)
        elif sent.get("deleted"):
            world.delete(item)
        else:
            changes_price = sent.get("price", item["price"]) != item["price"]
            item["price"] = sent.get("price", item["price"])
            item["quantity"] = sent.get("quantity", 1 if changes_price else item["quantity"])
    rhythm = rhythm_of(world, subscription)
    moves = rhythm != next(price["recurring"] for price, _ in old.values())
    if behavior != "none":
        credit_and_charge(world, subscription, old, charge=not moves)
    if moves and subscription["status"] in {"active", "past_due"}:
        _restart(world, subscription, rhythm)
    elif behavior == "always_invoice":
        bill(world, subscription, [], "subscription_update")
    latest = world.get("invoice", subscription["latest_invoice"] or "")
    unpaid = latest is not None and latest["status"] == "open" and latest["billing_reason"] == "subscription_update"
    if unpaid and params.get("payment_behavior") == "pending_if_incomplete":
        keep_pending(world, subscription, old, status)


def _check_items(world: World, present: Mapping[str, JSON], wanted: list[Params]) -> None:
    for index, sent in enumerate(wanted):
        param = f"items[{index}]"
        if "id" in sent and sent["id"] not in present:
            raise missing("subscription_item", sent["id"], f"{param}[id]")
        price_id = sent.get("price") or (present[sent["id"]]["price"] if "id" in sent else None)
        price = price_for(world, price_id or _price_id(sent, index), f"{param}[price]")
        if price["recurring"]["usage_type"] == "metered" and "quantity" in sent:
            message = f"You cannot set the quantity of the metered price {price['id']}."
            raise invalid(message, param=f"{param}[quantity]")
        if sent.get("quantity", 0) < 0:
            message = "This value must be greater than or equal to 0."
            raise invalid(message, param=f"{param}[quantity]", code="parameter_invalid_integer")
    deleted = {sent["id"] for sent in wanted if sent.get("deleted")}
    if deleted >= set(present) and all("id" in sent for sent in wanted):
        message = "A subscription must have at least one active plan."
        raise invalid(message, param="items")


def rhythm_of(world: World, subscription: JSON) -> Mapping[str, Any]:
    """How often it is billed."""
    recurring: Mapping[str, Any] = world.need("price", items_of(world, subscription)[0]["price"])["recurring"]
    return recurring


def _restart(world: World, subscription: JSON, rhythm: Mapping[str, Any]) -> None:
    """Another interval: a new period begins now, and is billed now."""
    before = period_of(world, subscription)
    period = period_after(world.now, rhythm, world.now)
    subscription["billing_cycle_anchor"] = world.now
    move_to(world, subscription, period)
    lines = [
        line
        for line in renewal_lines(world, subscription, (before[0], world.now), period)
        if line.quantity or line.amount
    ]
    bill(world, subscription, lines, "subscription_update")


def _cancel(world: World, params: Params, subscription_id: str) -> JSON:
    subscription = world.need("subscription", subscription_id)
    if subscription["status"] in ENDED:
        raise missing("subscription", subscription_id)
    refuse_if_managed(subscription)
    _note_reason(subscription, params)
    if params.get("prorate"):
        _give_back(world, subscription)
    if params.get("invoice_now") and subscription["status"] not in {"incomplete", "trialing"}:
        used_until_now = (period_of(world, subscription)[0], world.now + 1)
        usage = [line for line in usage_lines(world, subscription, used_until_now) if line.quantity]
        bill(world, subscription, usage, "subscription_update")
    end(world, subscription)
    return subscription


def _give_back(world: World, subscription: JSON) -> None:
    """Credit the rest of the period, as if there were nothing any more."""
    now = {item["id"]: (world.need("price", item["price"]), item["quantity"]) for item in items_of(world, subscription)}
    for item in items_of(world, subscription):
        item["quantity"] = 0
    credit_and_charge(world, subscription, now)
    for item in items_of(world, subscription):
        item["quantity"] = now[item["id"]][1]


def _pause(world: World, params: Params, subscription_id: str) -> JSON:
    subscription = world.need("subscription", subscription_id)
    refuse_if_managed(subscription)
    if subscription["billing_mode"]["type"] != "flexible":
        message = "Only subscriptions with billing_mode[type]=flexible can be paused."
        raise invalid(message)
    if subscription["status"] not in {"active", "trialing", "past_due"}:
        message = f"A subscription that is {subscription['status']} cannot be paused."
        raise invalid(message)
    if params.get("bill_for", {}).get("unused_time_from", {}).get("type", "now") != "none":
        _give_back(world, subscription)
    details = {
        "paused": {
            "subscription": {"type": "pause_requested"},
            "transitioned_at": world.now,
            "type": "subscription",
        }
    }
    return world.change(subscription, "customer.subscription.paused", status="paused", status_details=details)


def _resume(world: World, params: Params, subscription_id: str) -> JSON:
    subscription = world.need("subscription", subscription_id)
    if subscription["status"] != "paused":
        message = "Only a paused subscription can be resumed."
        raise invalid(message)
    if params.get("billing_cycle_anchor", {}).get("type", "now") != "now":
        message = "This stand-in resumes only with billing_cycle_anchor[type]=now."
        raise invalid(message, param="billing_cycle_anchor[type]")
    trialing = (subscription["trial_end"] or 0) > world.now
    status = "trialing" if trialing else "active"
    world.change(subscription, "customer.subscription.resumed", status=status, status_details=None)
    if trialing:
        return subscription
    period = period_after(world.now, rhythm_of(world, subscription), world.now)
    subscription["billing_cycle_anchor"] = world.now
    move_to(world, subscription, period)
    bill(world, subscription, renewal_lines(world, subscription, (world.now, world.now), period), "subscription_update")
    return subscription


def _list(world: World, params: Params) -> JSON:
    equal = {"customer": params["customer"]} if "customer" in params else {}
    status = params.get("status")
    rows = [
        row
        for row in world.all("subscription", **equal)
        if (status is None and row["status"] != "canceled")
        or status in {"all", row["status"]}
        or (status == "ended" and row["status"] in ENDED)
    ]
    if "price" in params:
        rows = [row for row in rows if params["price"] in {item["price"] for item in items_of(world, row)}]
    return page(world, rows, params, "/v1/subscriptions")


def _list_items(world: World, params: Params) -> JSON:
    subscription = world.need("subscription", params["subscription"], "subscription")
    rows = list(reversed(items_of(world, subscription)))  # this list is not newest first
    return page(world, rows, params, "/v1/subscription_items")


_STATUSES = "active|all|canceled|ended|incomplete|incomplete_expired|past_due|paused|trialing|unpaid"
_PENDING_TAKES = frozenset({"items", "expand", "payment_behavior", "proration_behavior"})
_PRORATION = "proration_behavior:always_invoice|create_prorations|none"
_DETAILS = "cancellation_details[comment]? cancellation_details[feedback]?"
_CREATE = (
    "customer! items[][price]! items[][quantity]:int default_payment_method trial_period_days:int trial_end:int "
    "metadata[*] billing_mode[type]:classic|flexible off_session:bool "
    "payment_behavior:allow_incomplete|default_incomplete|error_if_incomplete"
)
_UPDATE = (
    "items[][id] items[][price] items[][quantity]:int items[][deleted]:bool metadata[*]? default_payment_method? "
    "cancel_at_period_end:bool cancel_at:int? trial_end:int pause_collection[behavior]:keep_as_draft|mark_uncollectible|void? "
    f"pause_collection[resumes_at]:int {_PRORATION} {_DETAILS} payment_behavior:allow_incomplete|pending_if_incomplete"
)

SUBSCRIPTION_ROUTES = (
    Route("POST", "/v1/subscriptions", _create, _CREATE, "SubscriptionCreateParams"),
    Route(
        "GET",
        "/v1/subscriptions/{id}",
        retrieve("subscription"),
        "",
        "SubscriptionRetrieveParams",
    ),
    Route("POST", "/v1/subscriptions/{id}", _update, _UPDATE, "SubscriptionUpdateParams"),
    Route(
        "DELETE",
        "/v1/subscriptions/{id}",
        _cancel,
        f"{_DETAILS} invoice_now:bool prorate:bool",
        "SubscriptionCancelParams",
    ),
    Route(
        "POST",
        "/v1/subscriptions/{id}/pause",
        _pause,
        "type:subscription bill_for[unused_time_from][type]:now|none",
        "SubscriptionPauseParams",
    ),
    Route(
        "POST",
        "/v1/subscriptions/{id}/resume",
        _resume,
        "billing_cycle_anchor[type]:now|unchanged",
        "SubscriptionResumeParams",
    ),
    Route(
        "GET",
        "/v1/subscriptions",
        _list,
        f"customer price status:{_STATUSES} <list>",
        "SubscriptionListParams",
    ),
    Route(
        "GET",
        "/v1/subscription_items/{id}",
        retrieve("subscription_item"),
        "",
        "SubscriptionItemRetrieveParams",
    ),
    Route("GET", "/v1/subscription_items", _list_items, "subscription! <page>", "SubscriptionItemListParams"),
)
