"""The life of a subscription: when it begins, is billed, pauses, changes its plan and ends.

Everything that the API changes is an action with a date; here the dates come. Whether invoices are paid changes nothing.
https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from .billing import bill
from .catalog import phases_of
from .dates import boundary, midnight, today
from .world import JSON, World

__all__ = [
    "ENDED",
    "STOPPED",
    "action_of",
    "begin",
    "cycle_from",
    "deactivate",
    "drop_action",
    "last_day",
    "new_subscription",
    "next_turn",
    "schedule",
    "shown",
    "stop",
    "turn",
]

ENDED = frozenset({"CANCELED", "COMPLETED"})
STOPPED = frozenset({"PAUSED", "DEACTIVATED"})
_NAMES = ("given_name", "family_name", "company_name")
_DAY = timedelta(days=1)


def shown(subscription: JSON, *, actions: bool = False) -> JSON:
    """A subscription as it is sent: with its actions only where they are asked for."""
    data = {name: value for name, value in subscription.items() if name != "actions" or (actions and value)}
    if subscription["_unseen"]:
        data.pop("invoice_ids", None)
    return data


def action_of(subscription: Mapping[str, Any], kind: str) -> JSON | None:
    """What is scheduled, of a kind."""
    return next((each for each in subscription["actions"] if each["type"] == kind), None)


def drop_action(subscription: JSON, action: Mapping[str, Any]) -> None:
    """Take something from the schedule."""
    subscription["actions"] = [each for each in subscription["actions"] if each["id"] != action["id"]]
    if action["type"] == "CANCEL":
        subscription.pop("canceled_date", None)


def schedule(world: World, subscription: JSON, kind: str, on: date, said: date | None = None, **more: Any) -> JSON:
    """Put something on the schedule.

    Args:
        world: where.
        subscription: whose.
        kind: of the action.
        on: the day on whose beginning it happens.
        said: the day that the action names; None: that day.
        more: what else it holds.
    """
    action = {"id": world.new_id("act-"), "type": kind, "effective_date": (said or on).isoformat(), **more, "_on": on}
    subscription["actions"] = [*subscription["actions"], action]
    return action


def new_subscription(
    world: World,
    location: JSON,
    customer_id: str,
    variation: JSON,
    *,
    start: date | None = None,
    about: Mapping[str, Any] | None = None,
) -> JSON:
    """A new subscription. It is not billed yet: see :func:`begin`."""
    subscription = world.add(
        "subscription",
        world.new_id("sub-"),
        {
            "location_id": location["id"],
            "plan_variation_id": variation["id"],
            "customer_id": customer_id,
            "status": "ACTIVE",
            "version": 1,
            "timezone": location["timezone"],
            "source": {"name": "Stand-in"},
            **{name: value for name, value in (about or {}).items() if value is not None},
            "actions": [],
            "_unseen": world.variants.invoice_after,
            "_history": [],
            "_ends": None,
        },
        decimals=0,
    )
    first = max(start or date.min, today(world.now, subscription))
    subscription["start_date"] = first.isoformat()
    _on_plan(world, subscription, first)
    if first > today(world.now, subscription):
        subscription["status"] = "PENDING"
    _note(world, subscription, "START_SUBSCRIPTION", first)
    world.tell("subscription.created", shown(subscription))
    return subscription


def _on_plan(world: World, subscription: JSON, first: date) -> None:
    """Let the first phase of the plan begin."""
    phases = phases_of(world.need("catalog", subscription["plan_variation_id"]))
    subscription |= {"_phase": 0, "_anchor": first, "_number": 0, "_left": phases[0].get("periods")}
    subscription.pop("completed_date", None)
    if phases[-1].get("periods"):
        end = first
        for phase in phases:
            end = boundary(end, phase["cadence"], phase["periods"])
        subscription["completed_date"] = end.isoformat()


def _phase(world: World, subscription: Mapping[str, Any]) -> JSON:
    return phases_of(world.need("catalog", subscription["plan_variation_id"]))[int(subscription["_phase"])]


def cycle_from(world: World, subscription: Mapping[str, Any], day: date, cycles: int = 0) -> date:
    """The first day of the billing cycle that begins on a day or after it, or some cycles later."""
    cadence = _phase(world, subscription)["cadence"]
    number = 0
    while boundary(subscription["_anchor"], cadence, number) < day:
        number += 1
    return boundary(subscription["_anchor"], cadence, number + cycles)


def last_day(world: World, ends: date) -> date:
    """How Square writes down that a period ends before a day."""
    return ends if world.variants.charged_through_next else ends - _DAY


def begin(world: World, subscription: JSON, paid_by: JSON | None = None) -> None:
    """A period begins: it is billed in advance, unless it is free, or Square cannot bill it."""
    if subscription["status"] != "ACTIVE":
        return
    fault = _fault(world, subscription)
    if fault is not None:
        deactivate(world, subscription, *fault)
        return
    phase = _phase(world, subscription)
    subscription["_ends"] = boundary(subscription["_anchor"], phase["cadence"], subscription["_number"] + 1)
    if bill(world, subscription, phase, paid_by) is not None:
        world.change(subscription, charged_through_date=last_day(world, subscription["_ends"]).isoformat())


def _fault(world: World, subscription: Mapping[str, Any]) -> tuple[str, str] | None:
    customer_id = subscription["customer_id"]
    profile = world.get("customer", customer_id)
    if profile is None:
        return "CUSTOMER_DELETED", f"The customer with ID `{customer_id}` was deleted."
    if not any(profile.get(name) for name in _NAMES):
        return "CUSTOMER_NO_NAME", f"The customer with ID `{customer_id}` does not have a name on record."
    if "card_id" not in subscription and not profile.get("email_address"):
        return "CUSTOMER_NO_EMAIL", f"The customer with ID `{customer_id}` does not have an email address on record."
    return None


def deactivate(world: World, subscription: JSON, code: str, detail: str) -> None:
    """Square cannot bill any more, through no fault of the bank's."""
    if subscription["status"] in {"ACTIVE", "PENDING", "PAUSED"}:
        subscription["actions"] = []
        subscription.pop("canceled_date", None)
        _become(world, subscription, "DEACTIVATED")
        day = today(world.now, subscription)
        _note(world, subscription, "DEACTIVATE_SUBSCRIPTION", day, {"code": code, "detail": detail})


def _become(world: World, subscription: JSON, status: str) -> None:
    world.change(subscription, status=status)
    world.tell("subscription.updated", shown(subscription))


def _note(world: World, subscription: JSON, kind: str, day: date, info: Mapping[str, str] | None = None) -> None:
    entry: JSON = {
        "id": world.new_id("change-"),
        "subscription_event_type": kind,
        "effective_date": day.isoformat(),
        "plan_variation_id": subscription["plan_variation_id"],
    }
    subscription["_history"] = [*subscription["_history"], {**entry, **({"info": dict(info)} if info else {})}]


# --- time --------------------------------------------------------------------------------------------------------


def next_turn(subscription: Mapping[str, Any]) -> datetime | None:
    """When something happens to a subscription next; None: nothing will."""
    if subscription["status"] in ENDED:
        return None
    return min((midnight(day, subscription) for day in _days(subscription)), default=None)


def _days(subscription: Mapping[str, Any]) -> Iterator[date]:
    status = subscription["status"]
    if status == "PENDING":
        yield date.fromisoformat(subscription["start_date"])
    if status == "ACTIVE":
        yield subscription["_ends"]
    for action in subscription["actions"]:
        if action["type"] == "CANCEL" or (action["type"] == "RESUME" and status in STOPPED):
            yield action["_on"]


def turn(world: World, subscription: JSON) -> None:
    """The day has come."""
    day = today(world.now, subscription)
    cancel, resume = (_due(subscription, kind, day) for kind in ("CANCEL", "RESUME"))
    status = subscription["status"]
    if cancel is not None:
        stop(world, subscription, "CANCELED", day)
    elif status == "PENDING":
        _become(world, subscription, "ACTIVE")
        begin(world, subscription)
    elif status in STOPPED and resume is not None:
        drop_action(subscription, resume)
        subscription |= {"_anchor": day, "_number": 0}
        _note(world, subscription, "RESUME_SUBSCRIPTION", day)
        _become(world, subscription, "ACTIVE")
        begin(world, subscription)
    elif status == "ACTIVE" and subscription["_ends"] <= day:
        _next_period(world, subscription)


def _due(subscription: Mapping[str, Any], kind: str, day: date) -> JSON | None:
    action = action_of(subscription, kind)
    return action if action is not None and action["_on"] <= day else None


def stop(world: World, subscription: JSON, status: str, day: date) -> None:
    """Let a subscription be over."""
    subscription["actions"] = []
    subscription["_ends"] = None
    _note(world, subscription, "STOP_SUBSCRIPTION", day)
    _become(world, subscription, status)


def _next_period(world: World, subscription: JSON) -> None:
    day: date = subscription["_ends"]
    swap, pause = (_due(subscription, kind, day) for kind in ("SWAP_PLAN", "PAUSE"))
    if swap is not None:
        drop_action(subscription, swap)
        subscription["plan_variation_id"] = swap["new_plan_variation_id"]
        for name in ("price_override_money", "phases"):
            subscription.pop(name, None)
        if "phases" in swap:
            subscription["phases"] = swap["phases"]
        _on_plan(world, subscription, day)
        _note(world, subscription, "PLAN_CHANGE", day)
        _become(world, subscription, "ACTIVE")
    elif not _count(world, subscription, day):
        stop(world, subscription, "COMPLETED", day)
        return
    if pause is not None:
        drop_action(subscription, pause)
        subscription["_ends"] = None
        _note(world, subscription, "PAUSE_SUBSCRIPTION", day, pause.get("_info"))
        _become(world, subscription, "PAUSED")
        return
    begin(world, subscription)


def _count(world: World, subscription: JSON, day: date) -> bool:
    """Go on to the next period, or phase; whether there is one."""
    subscription["_number"] += 1
    if subscription["_left"] is None:
        return True
    subscription["_left"] -= 1
    if subscription["_left"]:
        return True
    phases = phases_of(world.need("catalog", subscription["plan_variation_id"]))
    following = int(subscription["_phase"]) + 1
    if following >= len(phases):
        return False
    subscription |= {"_phase": following, "_anchor": day, "_number": 0, "_left": phases[following].get("periods")}
    return True
