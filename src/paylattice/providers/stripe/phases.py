"""The phases of a subscription schedule, and what they plan: https://docs.stripe.com/api/subscription_schedules/object."""

from ...jsonlike import JsonObject, child, children, integer, reference, text, timestamp
from ...models import ScheduledChange

__all__ = ["current_phase", "plans_a_change", "scheduled_changes", "terms_of"]

_ALIVE = frozenset({"active", "not_started"})
_NOT_READ = ScheduledChange("schedule")
"""What is known of a schedule that did not come along, as in events: that there is one."""


def _upcoming(schedule: JsonObject) -> tuple[JsonObject, ...]:
    began = integer(child(schedule, "current_phase"), "start_date") or 0
    if text(schedule, "status") not in _ALIVE:
        return ()
    return tuple(phase for phase in children(schedule, "phases") if (integer(phase, "start_date") or 0) > began)


def plans_a_change(subscription: JsonObject) -> bool:
    """Whether a schedule that was read with the subscription has a phase to come."""
    return bool(_upcoming(child(subscription, "schedule")))


def scheduled_changes(subscription: JsonObject) -> tuple[ScheduledChange, ...]:
    """What the subscription's schedule plans."""
    if not subscription.get("schedule"):
        return ()
    if text(subscription, "schedule") is not None:
        return (_NOT_READ,)
    found: list[ScheduledChange] = []
    present = {terms_of(item) for item in children(subscription, "items", "data")}
    for phase in _upcoming(child(subscription, "schedule")):
        terms = [terms_of(item) for item in children(phase, "items")]
        plan_id, quantity = next((each for each in terms if each not in present), (None, None))
        if plan_id is not None:
            at = timestamp(phase, "start_date")
            found.append(ScheduledChange("change_plan", effective_at=at, plan_id=plan_id, quantity=quantity))
        present = set(terms)
    return tuple(found)


def terms_of(item: JsonObject) -> tuple[str | None, int | None]:
    """The price and the quantity of an item, of a subscription or of a phase."""
    return reference(item, "price") or reference(item, "plan"), integer(item, "quantity")


def current_phase(schedule: JsonObject) -> JsonObject:
    """The phase that the subscription is in."""
    began = integer(child(schedule, "current_phase"), "start_date")
    phases = children(schedule, "phases")
    return next((phase for phase in phases if integer(phase, "start_date") == began), phases[0] if phases else {})
