"""What a change at the period's end sends to Stripe, and what a schedule says of what is to come."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import ScheduledChange
from paylattice.errors import InvalidRequest, ResponseOutcomeUnknown
from paylattice.providers.stripe.wire import subscription_from

from .samples import item, price, subscription
from .support import World, configuration, refusal

PATH = "/v1/subscriptions/sub_1"
SCHEDULES = "/v1/subscription_schedules"
SCHEDULE = f"{SCHEDULES}/sub_sched_1"
START, END = 1790000000, 1792592000


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def phase(start: int, end: int, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"start_date": start, "end_date": end, "items": list(items), **more}


def schedule(*phases: dict[str, Any], **more: Any) -> dict[str, Any]:
    usual = {"id": "sub_sched_1", "object": "subscription_schedule", "status": "active"}
    current = {"start_date": START, "end_date": END}
    return {**usual, "current_phase": current, "phases": list(phases), **more}


OLD, NEW = {"price": "price_pro", "quantity": 2}, {"price": "price_basic", "quantity": 2}
PLANNED = schedule(phase(START, END, OLD), phase(END, END + 2592000, NEW))


def paid() -> dict[str, Any]:
    return subscription(
        items={"data": [item(quantity=2, current_period_start=START, current_period_end=END)], "has_more": False}
    )


def test_a_schedule_is_made_of_the_subscription_and_keeps_its_discounts_and_taxes(world: World) -> None:
    now = {"discounts": [{"coupon": "C1", "discount": "di_1"}], "default_tax_rates": ["txr_1"], "trial_end": END}
    made = schedule(phase(START, END, {**OLD, "tax_rates": [{"id": "txr_2"}], "discounts": ["di_2"]}, **now))
    world.on("GET", PATH, paid(), {**paid(), "schedule": "sub_sched_1"}).on("POST", SCHEDULES, made)
    world.on("GET", "/v1/prices/price_basic", price(id="price_basic")).on("POST", SCHEDULE, PLANNED)
    world.on("GET", SCHEDULE, PLANNED)
    call = world.provider.change_subscription("sub_1", plan_id="price_basic", when="period_end", idempotency_key="k")
    change = world.run(call)
    assert change.subscription.scheduled_changes == (ScheduledChange("change_plan", at(END), "price_basic", 2),)
    begun, planned = (each for each in world.server.seen if each.method == "POST")
    assert begun.form == {"from_subscription": "sub_1"}
    assert begun.key not in {None, "k"}
    assert planned.key == "k"
    assert planned.form == {
        "end_behavior": "release",
        "proration_behavior": "none",
        "phases[0][start_date]": str(START),
        "phases[0][end_date]": str(END),
        "phases[0][trial_end]": str(END),
        "phases[0][items][0][price]": "price_pro",
        "phases[0][items][0][quantity]": "2",
        "phases[0][items][0][tax_rates][0]": "txr_2",
        "phases[0][items][0][discounts][0][discount]": "di_2",
        "phases[0][discounts][0][discount]": "di_1",
        "phases[0][default_tax_rates][0]": "txr_1",
        "phases[1][items][0][price]": "price_basic",
        "phases[1][items][0][quantity]": "2",
        "phases[1][discounts][0][discount]": "di_1",
        "phases[1][default_tax_rates][0]": "txr_1",
        "phases[1][proration_behavior]": "none",
        "phases[1][duration][interval]": "month",
        "phases[1][duration][interval_count]": "1",
    }


def test_before_clover_a_phase_has_iterations() -> None:
    world = World("blocking", config=configuration(api_version="2025-08-27.basil"))
    world.on("GET", PATH, paid(), paid()).on("POST", SCHEDULES, schedule(phase(START, END, OLD)))
    world.on("GET", "/v1/prices/price_basic", price(id="price_basic")).on("POST", SCHEDULE, PLANNED)
    world.run(world.provider.change_subscription("sub_1", plan_id="price_basic", when="period_end"))
    assert world.server.seen[-2].form["phases[1][iterations]"] == "1"


def test_a_plan_that_is_refused_leaves_no_schedule_that_was_made_for_it(world: World) -> None:
    world.on("GET", PATH, paid()).on("POST", SCHEDULES, schedule(phase(START, END, OLD)))
    world.on("GET", "/v1/prices/price_basic", price(id="price_basic")).on("POST", SCHEDULE, refusal(400))
    world.on("POST", f"{SCHEDULE}/release", schedule(status="released"))
    with pytest.raises(InvalidRequest):
        world.run(world.provider.change_subscription("sub_1", plan_id="price_basic", when="period_end"))
    assert world.server.calls[-1] == ("POST", f"{SCHEDULE}/release")


def test_a_change_that_was_planned_and_cannot_be_read_is_in_doubt(world: World) -> None:
    world.on("GET", PATH, paid(), refusal(500)).on("POST", SCHEDULES, schedule(phase(START, END, OLD)))
    world.on("GET", "/v1/prices/price_basic", price(id="price_basic")).on("POST", SCHEDULE, PLANNED)
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.change_subscription("sub_1", plan_id="price_basic", when="period_end"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("sub_sched_1", (ScheduledChange("schedule"),)),
        (PLANNED, (ScheduledChange("change_plan", at(END), "price_basic", 2),)),
        ({**PLANNED, "status": "released"}, ()),
        (schedule(phase(START, END, OLD), phase(END, END + 1, OLD)), ()),
        (schedule(), ()),
        (
            schedule(phase(START, END, OLD), phase(END, END + 1, {**OLD, "quantity": 5})),
            (ScheduledChange("change_plan", at(END), "price_pro", 5),),
        ),
    ],
)
def test_what_a_schedule_plans(given: object, expected: tuple[ScheduledChange, ...]) -> None:
    assert subscription_from({**paid(), "schedule": given}).scheduled_changes == expected
