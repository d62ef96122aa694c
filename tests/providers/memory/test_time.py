"""Simulated time: trials, renewals, the calendar, and that it makes no difference in how many steps it passes."""

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import EventType, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.memory.calendar import add_months, period_boundary
from paylattice.providers.memory.wire import payload_of

from .support import START, Shop, usd


def boundaries(shop: Shop, subscription_id: str) -> list[str]:
    """The dates on which the subscription's periods begin, as it was told by its renewals."""
    told = [event.subscription for event in shop.told(EventType.SUBSCRIPTION_CREATED, EventType.SUBSCRIPTION_RENEWED)]
    return [f"{each.current_period_start:%Y-%m-%d}" for each in told if each and each.id == subscription_id]


# --- time itself -------------------------------------------------------------------------------------------------


def test_time_stands_still_until_it_is_advanced() -> None:
    shop = Shop()
    assert shop.provider.now == START
    assert shop.provider.advance(days=1.5, hours=12) == shop.provider.now == START + timedelta(days=2)


def test_time_begins_now_unless_told_otherwise() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= InMemoryProvider().now <= datetime.now(UTC)


def test_time_is_kept_in_utc() -> None:
    shop = Shop(datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=3))))
    assert (shop.provider.now.isoformat(), shop.provider.now.tzinfo) == ("2026-03-31T23:00:00+00:00", UTC)


def test_a_beginning_without_a_time_zone_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        InMemoryProvider(now=datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    assert caught.value.param == "now"


@pytest.mark.parametrize("back", [{"days": -1}, {"months": -1}, {"hours": -0.5}, {"months": 1, "days": -40}])
def test_time_does_not_go_back(back: dict[str, Any]) -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest):
        shop.provider.advance(**back)
    assert shop.provider.now == START


@pytest.mark.parametrize("far", [{"months": 12 * 8000}, {"days": 10**12}, {"days": float("nan")}, {"days": 10**400}])
def test_there_is_no_time_after_the_last_year(far: dict[str, Any]) -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest):
        shop.provider.advance(**far)
    assert shop.provider.now == START


# --- the calendar ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-31", 3, "2026-04-30"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-03-31", 0, "2026-03-31"),
    ],
)
def test_months_are_added_up_to_the_last_day(day: str, months: int, expected: str) -> None:
    moment = datetime.fromisoformat(f"{day}T10:30:00+00:00")
    assert add_months(moment, months).isoformat() == f"{expected}T10:30:00+00:00"


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as hypothesis asks
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 36),
)
def test_periods_follow_one_another_without_a_gap_and_never_shrink_to_nothing(
    anchor: datetime, interval: str, count: int
) -> None:
    ends = [period_boundary(anchor, interval, count, number) for number in range(13)]
    assert ends[0] == anchor
    assert all(later - sooner >= timedelta(days=1) for sooner, later in pairwise(ends))


def test_a_subscription_of_the_31st_is_billed_on_the_last_day_of_short_months() -> None:
    shop = Shop(datetime(2026, 1, 31, 9, tzinfo=UTC))
    made = shop.subscribe()
    shop.provider.advance(months=12)
    assert boundaries(shop, made.id) == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
        "2026-06-30",
        "2026-07-31",
        "2026-08-31",
        "2026-09-30",
        "2026-10-31",
        "2026-11-30",
        "2026-12-31",
        "2027-01-31",
    ]
    assert shop.amounts(made) == [3000] * 13


def test_in_a_leap_year_february_is_billed_on_the_29th() -> None:
    shop = Shop(datetime(2028, 1, 31, 9, tzinfo=UTC))
    made = shop.subscribe()
    shop.provider.advance(months=2)
    assert boundaries(shop, made.id) == ["2028-01-31", "2028-02-29", "2028-03-31"]


def test_a_yearly_subscription_of_the_29th_of_february_comes_back_to_it() -> None:
    shop = Shop(datetime(2024, 2, 29, 9, tzinfo=UTC))
    made = shop.subscribe("yearly")
    shop.provider.advance(months=48)
    assert boundaries(shop, made.id) == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


@pytest.mark.parametrize(("plan_id", "days"), [("weekly", 7), ("daily", 1)])
def test_short_periods_are_billed_one_by_one(plan_id: str, days: int) -> None:
    shop = Shop()
    made = shop.subscribe(plan_id)
    shop.provider.advance(days=10 * days)
    assert len(shop.invoices(made)) == 11
    assert shop.now(made).current_period_start == START + timedelta(days=10 * days)


def test_a_period_can_be_several_intervals_long() -> None:
    shop = Shop()
    shop.provider.add_plan("quarterly", usd(8000), interval_count=3)
    made = shop.subscribe("quarterly")
    shop.provider.advance(months=6)
    assert boundaries(shop, made.id) == ["2026-04-01", "2026-07-01", "2026-10-01"]


def test_nothing_is_billed_before_the_period_is_over() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=29, hours=23.99)
    assert len(shop.invoices(made)) == 1
    shop.provider.advance(hours=0.01)
    assert len(shop.invoices(made)) == 2


def test_what_happens_is_dated_when_it_happened_and_not_when_time_stopped() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=45)
    [_, renewal] = shop.invoices(made)
    assert renewal.created_at == renewal.paid_at == START + timedelta(days=30)


def test_a_renewal_is_told_in_the_order_it_happens_in() -> None:
    shop = Shop()
    shop.subscribe()
    mark = len(shop.events())
    shop.provider.advance(months=1)
    assert shop.since(mark) == ["invoice.created", "payment.succeeded", "invoice.paid", "subscription.renewed"]


def test_a_free_plan_renews_without_a_payment() -> None:
    shop = Shop()
    made = shop.subscribe("free")
    shop.provider.decline_next_payment()
    shop.provider.advance(months=2)
    assert shop.now(made).status == "active"
    assert [(invoice.amount.amount, str(invoice.status)) for invoice in shop.invoices(made)] == [(0, "paid")] * 3
    assert shop.told(EventType.PAYMENT_SUCCEEDED, EventType.PAYMENT_FAILED) == []


def test_invoices_come_newest_first_up_to_the_limit() -> None:
    shop = Shop()
    customer = shop.customer()
    first, second = shop.subscribe(customer=customer), shop.subscribe("daily", customer)
    shop.provider.advance(days=12)
    found = run(shop.provider.get_invoices(customer.id))
    assert len(found) == 10
    assert [invoice.created_at for invoice in found] == sorted((each.created_at for each in found), reverse=True)
    assert [each.number for each in shop.invoices(first)] == ["M-00001"]
    assert len(run(shop.provider.get_invoices(customer.id, 3, subscription_id=second.id))) == 3


def test_subscriptions_are_listed_newest_first_ended_ones_too() -> None:
    shop = Shop()
    customer = shop.customer()
    old, new = shop.subscribe(customer=customer), shop.subscribe("team", customer)
    shop.cancel(old)
    assert run(shop.provider.list_subscriptions(customer.id)) == [new, shop.now(old)]


# --- trials ------------------------------------------------------------------------------------------------------


def test_a_trial_ends_in_a_paid_period_that_begins_then() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.provider.advance(days=14)
    found = shop.now(made)
    assert (found.status, found.current_period_start, found.current_period_end) == (
        "active",
        made.trial_end,
        datetime(2026, 5, 15, 9, tzinfo=UTC),
    )
    assert shop.amounts(made) == [3000]
    assert [event.created_at for event in shop.told(EventType.SUBSCRIPTION_RENEWED)] == [made.trial_end]


def test_a_trial_whose_first_payment_fails_is_past_due() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.provider.decline_next_payment()
    shop.provider.advance(days=14)
    assert shop.now(made).status == "past_due"


def test_the_end_of_a_trial_is_announced_three_days_before() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.provider.advance(days=20)
    [notice] = shop.told(EventType.SUBSCRIPTION_TRIAL_ENDING)
    assert notice.created_at == START + timedelta(days=11)
    assert notice.subscription == made


@pytest.mark.parametrize("days", [1, 3])
def test_the_end_of_a_short_trial_is_announced_at_once(days: int) -> None:
    shop = Shop()
    made = shop.subscribe(trial_days=days)
    [notice] = shop.told(EventType.SUBSCRIPTION_TRIAL_ENDING)
    assert (notice.created_at, notice.subscription) == (START, made)
    shop.provider.advance(days=5)
    assert len(shop.told(EventType.SUBSCRIPTION_TRIAL_ENDING)) == 1


def test_the_end_of_a_trial_that_is_over_already_is_not_announced() -> None:
    shop = Shop()
    shop.cancel(shop.subscribe("trial"))
    shop.provider.advance(days=20)
    assert shop.told(EventType.SUBSCRIPTION_TRIAL_ENDING) == []


def test_a_trial_that_is_to_end_with_its_period_costs_nothing() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    asked = shop.cancel(made, at_period_end=True)
    assert (asked.status, asked.cancel_at) == ("trialing", made.trial_end)
    shop.provider.advance(days=30)
    assert shop.now(made).status == "canceled"
    assert shop.invoices(made) == []


# --- in one go or in many ----------------------------------------------------------------------------------------


def history(steps: list[int]) -> list[Any]:
    """All events of a busy shop over the hours of all steps, without what is random in the ids."""
    shop = Shop(retry_days=(1, 2, 9))
    run_of_ids = shop.customer().id[len("cus_") :][:10]
    for plan_id, options in (
        ("pro", {}),
        ("trial", {}),
        ("daily", {"quantity": 2}),
        ("weekly", {"trial_days": 2}),
        ("calls", {}),
    ):
        made = shop.subscribe(plan_id, **options)
        if plan_id == "calls":
            shop.use(made, 50)
            shop.cancel(made, at_period_end=True)
    paused = shop.subscribe("daily")
    shop.pause(paused)
    shop.provider.complete_checkout(shop.checkout().id, delayed=True)
    shop.checkout()
    shop.pay(capture=False)
    shop.provider.decline_next_payment(times=4)
    shop.provider.decline_next_payment(times=2, reason=DeclineReason.AUTHENTICATION_REQUIRED)
    shop.provider.decline_next_payment(customer_id=paused.customer_id, times=30)
    for hours in steps:
        shop.provider.advance(hours=hours)
    told = b"[" + b",".join(payload_of(event) for event in shop.events()) + b"]"
    return json.loads(told.decode().replace(run_of_ids, ""))


TOTAL = 40 * 24
IN_ONE_GO: list[list[Any]] = []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, TOTAL), max_size=60))
def test_many_small_steps_of_time_are_the_same_as_a_large_one(stops: list[int]) -> None:
    if not IN_ONE_GO:
        IN_ONE_GO.append(history([TOTAL]))
    places = sorted({0, TOTAL, *stops})
    assert history([later - sooner for sooner, later in pairwise(places)]) == IN_ONE_GO[0]


def test_a_busy_history_holds_what_it_is_compared_for() -> None:
    words = {event["type"] for event in history([TOTAL])}
    assert words >= {
        "subscription.renewed",
        "subscription.trial_ending",
        "subscription.expired",
        "subscription.canceled",
        "invoice.payment_failed",
        "invoice.action_required",
        "checkout.expired",
        "payment.canceled",
    }
