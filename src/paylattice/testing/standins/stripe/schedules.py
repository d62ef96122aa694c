"""Subscription schedules: https://docs.stripe.com/api/subscription_schedules. They are made from a subscription here."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ..clock import Due
from .lifecycle import ENDED, add_item, items_of, period_of
from .periods import add_months
from .prices import price_for
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["SCHEDULE_ROUTES", "attach", "dates_of", "refuse_if_managed"]

_DAYS = {"day": 86_400, "week": 7 * 86_400}
_MONTHS = {"month": 1, "year": 12}


def attach(world: World, subscription: JSON, *, cancel_at: int | None = None) -> JSON:
    """Let a schedule manage a subscription from now on.

    Args:
        world: where it is.
        subscription: the subscription.
        cancel_at: when the schedule ends the subscription; None: never.
    """
    begins, ends = period_of(world, subscription)
    items = [_item(item["price"], item["quantity"]) for item in items_of(world, subscription)]
    data: JSON = {
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": subscription["billing_mode"],
        "canceled_at": None,
        "completed_at": None,
        "current_phase": {"start_date": begins, "end_date": ends},
        "customer": subscription["customer"],
        "default_settings": {
            "application_fee_percent": None,
            "billing_cycle_anchor": "automatic",
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release" if cancel_at is None else "cancel",
        "metadata": {},
        "phases": [_phase(world, items, begins, cancel_at or ends, trial_end=subscription["trial_end"])],
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": subscription["id"],
        "test_clock": None,
    }
    schedule = world.add("sub_sched", data, "subscription_schedule.created")
    world.change(subscription, "customer.subscription.updated", schedule=schedule["id"], cancel_at=cancel_at)
    return schedule


def _item(price_id: str, quantity: int | None) -> JSON:
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "price": price_id,
        "quantity": quantity,
        "tax_rates": [],
    }


def _phase(world: World, items: list[JSON], begins: int, ends: int, *, trial_end: int | None = None) -> JSON:
    in_trial = trial_end is not None and trial_end > world.now
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "collection_method": None,
        "currency": world.need("price", items[0]["price"])["currency"],
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": ends,
        "invoice_settings": None,
        "items": items,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": begins,
        "transfer_data": None,
        "trial_end": trial_end if in_trial else None,
    }


def _create(world: World, params: Params) -> JSON:
    subscription = world.need("subscription", params["from_subscription"], "from_subscription")
    if subscription["status"] in ENDED or subscription["status"] == "incomplete":
        message = f"You cannot migrate a subscription that is {subscription['status']} to a subscription schedule."
        raise invalid(message, param="from_subscription")
    if subscription["schedule"] is not None:
        message = "You cannot migrate a subscription that is already attached to a schedule."
        raise invalid(message, param="from_subscription")
    if subscription["cancel_at"] is not None:
        message = "You cannot migrate a subscription that is set to cancel to a subscription schedule in this stand-in."
        raise invalid(message, param="from_subscription")
    return attach(world, subscription)


def _update(world: World, params: Params, schedule_id: str) -> JSON:
    schedule = world.need("subscription_schedule", schedule_id)
    if schedule["status"] != "active":
        message = f"You cannot update a subscription schedule that is currently in the `{schedule['status']}` status."
        raise invalid(message)
    phases = _phases(world, schedule, params["phases"]) if "phases" in params else schedule["phases"]
    changes: JSON = {"end_behavior": params.get("end_behavior", schedule["end_behavior"]), "phases": phases}
    changes["current_phase"] = {name: phases[0][name] for name in ("start_date", "end_date")}
    return world.change(schedule, "subscription_schedule.updated", **changes)


def _phases(world: World, schedule: JSON, sent: list[Params]) -> list[JSON]:
    """The phases of an update: the first one is the present one, and each of the others follows on the one before.

    Raises:
        Refusal: they are not.
    """
    if sent[0].get("start_date") != schedule["current_phase"]["start_date"]:
        message = "You can not modify the start date of the current phase."
        raise invalid(message, param="phases[0][start_date]")
    found: list[JSON] = []
    for index, phase in enumerate(sent):
        param = f"phases[{index}]"
        begins = found[-1]["end_date"] if found else phase["start_date"]
        items = [_item_of(world, item, f"{param}[items][{place}]") for place, item in enumerate(phase.get("items", []))]
        if not items:
            message = f"Missing required param: {param}[items]."
            raise invalid(message, param=f"{param}[items]", code="parameter_missing")
        if phase.get("start_date", begins) != begins:
            message = "Each phase begins when the one before ends."
            raise invalid(message, param=f"{param}[start_date]")
        ends = _end_of(phase, begins, param)
        if ends <= max(begins, world.now):
            message = "The end date of a phase must be after its start, and not in the past."
            raise invalid(message, param=f"{param}[end_date]")
        made = _phase(world, items, begins, ends, trial_end=phase.get("trial_end"))
        found.append({**made, "proration_behavior": phase.get("proration_behavior", "create_prorations")})
    return found


def _item_of(world: World, sent: Params, param: str) -> JSON:
    if "price" not in sent:
        message = f"Missing required param: {param}[price]."
        raise invalid(message, param=f"{param}[price]", code="parameter_missing")
    price = price_for(world, sent["price"], f"{param}[price]")
    metered = price["recurring"]["usage_type"] == "metered"
    if metered and "quantity" in sent:
        message = f"You cannot set the quantity of the metered price {price['id']}."
        raise invalid(message, param=f"{param}[quantity]")
    return _item(price["id"], None if metered else sent.get("quantity", 1))


def _end_of(phase: Params, begins: int, param: str) -> int:
    if ("end_date" in phase) == ("duration" in phase):
        message = f"A phase needs either an end_date or a duration ({param})."
        raise invalid(message, param=f"{param}[end_date]")
    if "end_date" in phase:
        return int(phase["end_date"])
    length = phase["duration"]
    count = length.get("interval_count", 1)
    if length["interval"] in _DAYS:
        return begins + int(_DAYS[length["interval"]]) * int(count)
    return add_months(begins, _MONTHS[length["interval"]] * count)


def dates_of(world: World, schedule: JSON) -> Iterator[Due]:
    """When the schedule goes on."""
    if schedule["status"] == "active":
        yield schedule["current_phase"]["end_date"], partial(_go_on, world, schedule)


def _go_on(world: World, schedule: JSON) -> None:
    """The next phase begins, or the schedule is over. What ends the subscription is its own ``cancel_at``."""
    subscription = world.need("subscription", schedule["subscription"])
    if subscription["status"] in ENDED:
        world.change(schedule, "subscription_schedule.canceled", status="canceled", canceled_at=world.now)
        return
    ends = schedule["current_phase"]["end_date"]
    following = next((phase for phase in schedule["phases"] if phase["start_date"] == ends), None)
    if following is None:
        if schedule["end_behavior"] == "release":
            _let_go(world, schedule, subscription["cancel_at"])
        else:
            world.change(schedule, "subscription_schedule.completed", status="completed", completed_at=world.now)
        return
    before = world.render(world, subscription)
    _take(world, subscription, following["items"])
    phase = {name: following[name] for name in ("start_date", "end_date")}
    world.change(schedule, "subscription_schedule.updated", current_phase=phase)
    world.tell("customer.subscription.updated", subscription, before)


def _take(world: World, subscription: JSON, wanted: list[JSON]) -> None:
    """Give the subscription the items of a phase. Another interval is counted from now on."""
    present = items_of(world, subscription)
    rhythm: Mapping[str, Any] = world.need("price", present[0]["price"])["recurring"]
    period = period_of(world, subscription)
    for item, sent in zip(present, wanted, strict=False):
        item["price"], item["quantity"] = sent["price"], 1 if sent["quantity"] is None else sent["quantity"]
    for item in present[len(wanted) :]:
        world.delete(item)
    for sent in wanted[len(present) :]:
        add_item(world, subscription, world.need("price", sent["price"]), sent["quantity"] or 1, period)
    if world.need("price", wanted[0]["price"])["recurring"] != rhythm:
        subscription["billing_cycle_anchor"] = world.now


def refuse_if_managed(subscription: JSON) -> None:
    """Refuse a change of when a subscription ends, as Stripe does while a schedule decides that.

    Raises:
        Refusal: a schedule manages the subscription.
    """
    schedule_id = subscription["schedule"]
    if schedule_id is not None:
        message = (
            f"The subscription is managed by the subscription schedule `{schedule_id}`, and updating any cancelation "
            "behavior directly is not allowed. Please update the schedule instead."
        )
        raise invalid(message)


def _release(world: World, params: Params, schedule_id: str) -> JSON:
    schedule = world.need("subscription_schedule", schedule_id)
    if schedule["status"] not in {"active", "not_started"}:
        message = f"You cannot release a subscription schedule that is currently in the `{schedule['status']}` status."
        raise invalid(message)
    subscription = world.need("subscription", schedule["subscription"])
    return _let_go(world, schedule, subscription["cancel_at"] if params.get("preserve_cancel_date") else None)


def _let_go(world: World, schedule: JSON, cancel_at: int | None) -> JSON:
    subscription = world.need("subscription", schedule["subscription"])
    world.change(subscription, "customer.subscription.updated", schedule=None, cancel_at=cancel_at)
    return world.change(
        schedule,
        "subscription_schedule.released",
        released_at=world.now,
        released_subscription=subscription["id"],
        status="released",
        subscription=None,
        current_phase=None,
    )


_PHASE_ITEM = "phases[][items][][price] phases[][items][][quantity]:int"
_UPDATE = (
    f"end_behavior:cancel|release proration_behavior:always_invoice|create_prorations|none {_PHASE_ITEM} "
    "phases[][start_date]:int phases[][end_date]:int phases[][trial_end]:int "
    "phases[][proration_behavior]:always_invoice|create_prorations|none "
    "phases[][duration][interval]:day|month|week|year phases[][duration][interval_count]:int"
)


SCHEDULE_ROUTES = (
    Route(
        "POST",
        "/v1/subscription_schedules",
        _create,
        "from_subscription!",
        "SubscriptionScheduleCreateParams",
    ),
    Route(
        "POST",
        "/v1/subscription_schedules/{id}",
        _update,
        _UPDATE,
        "SubscriptionScheduleModifyParams",
    ),
    Route(
        "GET",
        "/v1/subscription_schedules/{id}",
        retrieve("subscription_schedule"),
        "",
        "SubscriptionScheduleRetrieveParams",
    ),
    Route(
        "POST",
        "/v1/subscription_schedules/{id}/release",
        _release,
        "preserve_cancel_date:bool",
        "SubscriptionScheduleReleaseParams",
    ),
)
