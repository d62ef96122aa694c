"""Subscriptions: https://developer.squareup.com/reference/square/subscriptions-api.

No endpoint but the one that creates takes a key, and none changes anything at once: what is asked for is scheduled, and the
answer shows the unchanged subscription, and the action.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from ..shapes import sendable
from .catalog import is_eligible, phases_of, variation_for
from .clock import advance_to
from .dates import date_from, today, zone_for
from .fields import ELSEWHERE, MONEY, Fields, One, Text
from .lifecycle import (
    ENDED,
    STOPPED,
    action_of,
    begin,
    cycle_from,
    drop_action,
    last_day,
    new_subscription,
    schedule,
    shown,
    stop,
)
from .pages import limit_of, page
from .profiles import profile_of
from .refusals import Refusal, bad
from .routes import Key, Request, Route
from .world import JSON, World, fresh, money_of, part, parts

__all__ = ["SUBSCRIPTION_ROUTES"]

_PERCENTAGE = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,7})?|100")
_PAGE = 200
_DAY = timedelta(days=1)


def _create(world: World, request: Request) -> JSON:
    body = request.body
    location = world.location_for(body["location_id"], "location_id")
    profile = profile_of(world, body["customer_id"])
    if profile is None:
        raise bad("CUSTOMER_NOT_FOUND", "The customer cannot be found.", "customer_id")
    if not body.get("plan_variation_id"):
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: plan_variation_id.", "plan_variation_id")
    variation = variation_for(world, body["plan_variation_id"], "plan_variation_id")
    about: JSON = {name: body.get(name) for name in ("tax_percentage", "card_id", "timezone", "source")}
    if body.get("card_id"):
        _check_card(world, body["card_id"], profile["id"], "card_id")
    else:
        _check_reachable(profile)
    _check_tax(body.get("tax_percentage"), "tax_percentage")
    if body.get("timezone"):
        zone_for(body["timezone"], "timezone")
    about |= _prices(world, location, variation, body)
    start = date_from(body["start_date"], "start_date") if body.get("start_date") else None
    here = today(world.now, {"timezone": body.get("timezone") or location["timezone"]})
    if start is not None and start < here:
        raise bad("INVALID_DATE", "The subscription cannot start in the past.", "start_date")
    made = new_subscription(world, location, profile["id"], variation, start=start, about=about)
    answer = sendable(shown(made))  # Square creates the first invoice slightly later
    begin(world, made)
    return {"subscription": answer}


def _check_reachable(profile: JSON) -> None:
    """Without a card, invoices are sent by e-mail."""
    if not profile.get("email_address"):
        raise bad("CUSTOMER_MISSING_EMAIL", "The customer does not have an email address.", "customer_id")
    if not profile.get("given_name") and not profile.get("family_name"):
        raise bad("CUSTOMER_MISSING_NAME", "The customer does not have a name.", "customer_id")


def _check_card(world: World, identifier: str, customer_id: str, field: str) -> None:
    card = world.get("card", identifier)
    if card is None or card["customer_id"] != customer_id or not card["enabled"]:
        raise bad("INVALID_CARD", "The card is not one of the customer's.", field)


def _check_tax(percentage: str | None, field: str) -> None:
    if percentage and not _PERCENTAGE.fullmatch(percentage):
        raise bad("INVALID_VALUE", "The percentage is a decimal number.", field)


def _prices(world: World, location: JSON, variation: JSON, body: Mapping[str, Any]) -> JSON:
    """The price that overrides the plan's, and the order templates of relative phases."""
    plan = phases_of(variation)
    relative = [phase for phase in plan if part(phase, "pricing").get("type") == "RELATIVE"]
    found: JSON = {}
    if body.get("price_override_money"):
        if relative:
            raise bad("INVALID_VALUE", "Only static prices can be overridden.", "price_override_money")
        found["price_override_money"] = money_of(location, body["price_override_money"], "price_override_money")
    templates = {each["ordinal"]: each.get("order_template_id") for each in parts(body, "phases")}
    if any(phase["ordinal"] not in templates for phase in relative):
        raise bad("BAD_REQUEST", "Plan variations with RELATIVE pricing type must have phases.", "phases")
    for phase in plan:
        template = templates.get(phase["ordinal"])
        if template is None:
            continue
        order = world.get("order", template)
        if order is None or order["state"] != "DRAFT":
            raise bad("INVALID_VALUE", "The order template must be an order in state DRAFT.", "phases")
        if order["location_id"] != location["id"]:
            raise bad("INVALID_VALUE", "The order template is of another location.", "phases")
        if not all(is_eligible(world, variation, each.get("catalog_object_id")) for each in parts(order, "line_items")):
            raise bad("INVALID_VALUE", "The order template holds an item that the plan does not sell.", "phases")
        entry = {"uid": world.new_id("phase-"), "ordinal": phase["ordinal"], "order_template_id": template}
        found.setdefault("phases", []).append({**entry, "plan_phase_uid": phase["uid"]})
    return found


def _get(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    included = request.query.get("include", "").split(",")
    answer = {"subscription": sendable(shown(subscription, actions="actions" in included))}
    subscription["_unseen"] = max(0, subscription["_unseen"] - 1)
    return answer


def _search(world: World, request: Request) -> JSON:
    wanted = part(request.body, "query", "filter")
    customers, locations, sources = (wanted.get(name) for name in ("customer_ids", "location_ids", "source_names"))
    rows = world.all(
        "subscription",
        lambda row: (
            (not customers or row["customer_id"] in customers)
            and (not locations or row["location_id"] in locations)
            and (not sources or row["source"].get("name") in sources)
        ),
    )
    rows.sort(key=lambda row: (row["location_id"], row["customer_id"] if customers else "", row["_made"]))
    actions = "actions" in parts(request.body, "include")
    found = [shown(row, actions=actions) for row in rows]
    return page(world, request, found, "subscriptions", limit_of(request, _PAGE, _PAGE))


def _update(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    sent = dict[str, Any](request.body.get("subscription") or {})
    fresh(subscription, sent.pop("version", None), status=400)
    if subscription["status"] in ENDED:
        raise bad("BAD_REQUEST", f"The subscription is {subscription['status']}.")
    location = world.need("location", subscription["location_id"])
    if sent.get("canceled_date") is not None:
        raise bad("INVALID_VALUE", "The canceled date can only be cleared.", "subscription.canceled_date")
    if sent.get("card_id"):
        _check_card(world, sent["card_id"], subscription["customer_id"], "subscription.card_id")
    _check_tax(sent.get("tax_percentage"), "subscription.tax_percentage")
    if sent.get("price_override_money"):
        money_of(location, sent["price_override_money"], "subscription.price_override_money")
    cancel = action_of(subscription, "CANCEL")
    if "canceled_date" in sent and cancel is not None:
        drop_action(subscription, cancel)
    for name, value in sent.items():
        if value is None:
            subscription.pop(name, None)
        else:
            subscription[name] = value
    return _changed(world, subscription)


def _changed(world: World, subscription: JSON, *actions: JSON) -> JSON:
    world.change(subscription)
    world.tell("subscription.updated", shown(subscription))
    return {"subscription": shown(subscription), **({"actions": list(actions)} if actions else {})}


def _asked(world: World, request: Request, kind: str, statuses: frozenset[str]) -> JSON:
    """The subscription that something is to be scheduled for.

    Raises:
        Refusal: there is none, it is in no such status, or the same is scheduled already.
    """
    subscription = world.need("subscription", request.ids[0])
    if subscription["status"] not in statuses:
        raise bad("BAD_REQUEST", f"The subscription is {subscription['status']}.")
    if action_of(subscription, kind) is not None:
        raise bad("BAD_REQUEST", f"The subscription already has a pending {kind.lower().replace('_', ' ')} date.")
    return subscription


_CANCELABLE = frozenset({"ACTIVE", "PENDING", *STOPPED})


def _cancel(world: World, request: Request) -> JSON:
    subscription = _asked(world, request, "CANCEL", _CANCELABLE)
    if world.variants.cancels_unbilled_at_once and not subscription["_ends"]:
        subscription["canceled_date"] = today(world.now, subscription).isoformat()
        stop(world, subscription, "CANCELED", today(world.now, subscription))
        return {"subscription": shown(subscription)}
    if subscription["status"] == "PENDING":
        on = date.fromisoformat(subscription["start_date"])
    else:
        on = subscription["_ends"] or today(world.now, subscription) + _DAY  # a pause has no period that could end
    action = schedule(world, subscription, "CANCEL", on, last_day(world, on))
    subscription["canceled_date"] = action["effective_date"]
    return _changed(world, subscription, action)


def _pause(world: World, request: Request) -> JSON:
    body = request.body
    subscription = _asked(world, request, "PAUSE", frozenset({"ACTIVE"}))
    ends: date = subscription["_ends"]
    wanted = (
        date_from(body["pause_effective_date"], "pause_effective_date") if body.get("pause_effective_date") else ends
    )
    on = cycle_from(world, subscription, max(wanted, ends))
    back = _back(world, subscription, request, on)
    pause = schedule(world, subscription, "PAUSE", on)
    if body.get("pause_reason"):
        pause["_info"] = {"code": "USER_PROVIDED", "detail": body["pause_reason"]}
    actions = [pause] if back is None else [pause, schedule(world, subscription, "RESUME", back)]
    return _changed(world, subscription, *actions)


def _back(world: World, subscription: JSON, request: Request, paused_on: date) -> date | None:
    """When a pause ends automatically."""
    body = request.body
    cycles, until = body.get("pause_cycle_duration"), body.get("resume_effective_date")
    if cycles is not None and (until or body.get("resume_change_timing")):
        raise bad("CONFLICTING_PARAMETERS", "Either the number of cycles or a date to resume.", "pause_cycle_duration")
    if cycles is not None:
        if cycles < 1:
            raise bad("INVALID_PAUSE_LENGTH", "A pause lasts at least one cycle.", "pause_cycle_duration")
        return cycle_from(world, subscription, paused_on, cycles)
    if not until:
        return None
    back = date_from(until, "resume_effective_date")
    if back < cycle_from(world, subscription, paused_on, 1):
        raise bad("INVALID_PAUSE_LENGTH", "A pause lasts at least one cycle.", "resume_effective_date")
    return cycle_from(world, subscription, back) if body.get("resume_change_timing") == _AT_THE_END else back


_AT_THE_END = "END_OF_BILLING_CYCLE"


def _resume(world: World, request: Request) -> JSON:
    subscription = _asked(world, request, "RESUME", STOPPED)
    here = today(world.now, subscription)
    said = request.body.get("resume_effective_date")
    on = date_from(said, "resume_effective_date") if said else here
    if on < here:
        raise bad("INVALID_DATE", "The subscription cannot be resumed in the past.", "resume_effective_date")
    if request.body.get("resume_change_timing", _AT_THE_END) == _AT_THE_END:
        on = cycle_from(world, subscription, on)
    action = schedule(world, subscription, "RESUME", on)
    answer: JSON = sendable(_changed(world, subscription, action))
    advance_to(world, world.now)
    return answer


def _swap(world: World, request: Request) -> JSON:
    subscription = _asked(world, request, "SWAP_PLAN", frozenset({"ACTIVE"}))
    if not request.body.get("new_plan_variation_id"):
        raise bad("MISSING_REQUIRED_PARAMETER", "A plan variation is needed.", "new_plan_variation_id")
    target = variation_for(world, request.body["new_plan_variation_id"], "new_plan_variation_id")
    if target["id"] == subscription["plan_variation_id"]:
        raise bad("INVALID_VALUE", "The subscription has this plan already.", "new_plan_variation_id")
    location = world.need("location", subscription["location_id"])
    phases = _prices(world, location, target, {"phases": request.body.get("phases")})
    ends: date = subscription["_ends"]
    action = schedule(world, subscription, "SWAP_PLAN", ends, **phases, new_plan_variation_id=target["id"])
    return _changed(world, subscription, action)


def _drop(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    action = next((each for each in subscription["actions"] if each["id"] == request.ids[1]), None)
    if action is None:
        raise Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "The subscription has no such action.")
    drop_action(subscription, action)
    return _changed(world, subscription)


def _events(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    return page(world, request, subscription["_history"], "subscription_events", limit_of(request, _PAGE, _PAGE))


_PHASE: Fields = {"ordinal!": int, "order_template_id": str}
_CREATING: Fields = {
    "location_id!": str,
    "plan_variation_id": str,
    "customer_id!": str,
    "start_date": str,
    "canceled_date": ELSEWHERE,
    "tax_percentage": Text(10),
    "price_override_money": MONEY,
    "card_id": str,
    "timezone": str,
    "source": {"name": Text(255)},
    "monthly_billing_anchor_date": ELSEWHERE,
    "phases": [{**_PHASE, "uid": ELSEWHERE, "plan_phase_uid": ELSEWHERE}],
}
_UPDATED: Fields = {
    "version": int,
    "canceled_date": str,
    "tax_percentage": Text(10),
    "price_override_money": MONEY,
    "card_id": str,
    **dict.fromkeys(
        (
            *("id", "location_id", "plan_variation_id", "customer_id", "start_date", "charged_through_date"),
            *("status", "invoice_ids", "created_at", "timezone", "source", "actions"),
            *("monthly_billing_anchor_date", "phases", "completed_date"),
        ),
        ELSEWHERE,
    ),
}
_TIMING = One(f"IMMEDIATE {_AT_THE_END}")
_PAUSING: Fields = {
    "pause_effective_date": str,
    "pause_cycle_duration": int,
    "resume_effective_date": str,
    "resume_change_timing": _TIMING,
    "pause_reason": Text(255),
}
_RESUMING: Fields = {"resume_effective_date": str, "resume_change_timing": _TIMING}
_SWAPPING: Fields = {"new_plan_variation_id": str, "phases": [_PHASE]}
_SEARCH: Fields = {
    "cursor": str,
    "limit": int,
    "query": {"filter": {"customer_ids": [str], "location_ids": [str], "source_names": [str]}},
    "include": [str],
}
_ALL = "/v2/subscriptions"
_ONE = f"{_ALL}/{{subscription_id}}"
SUBSCRIPTION_ROUTES = (
    Route("POST", _ALL, _create, _CREATING, key=Key(45)),
    Route("POST", f"{_ALL}/search", _search, _SEARCH),
    Route("GET", _ONE, _get, query="include"),
    Route("PUT", _ONE, _update, {"subscription": _UPDATED}),
    Route("POST", f"{_ONE}/cancel", _cancel),
    Route("POST", f"{_ONE}/pause", _pause, _PAUSING),
    Route("POST", f"{_ONE}/resume", _resume, _RESUMING),
    Route("POST", f"{_ONE}/swap-plan", _swap, _SWAPPING),
    Route("GET", f"{_ONE}/events", _events, query="cursor limit"),
    Route("DELETE", f"{_ONE}/actions/{{action_id}}", _drop),
)
