"""Pausing, resuming and canceling."""

from datetime import timedelta

import pytest

from paylattice import EventType, errors
from paylattice.driving import run

from .support import START, Shop, usd

# --- pause and resume --------------------------------------------------------------------------------------------


def test_a_paused_subscription_is_not_billed() -> None:
    shop = Shop()
    made = shop.subscribe()
    assert shop.pause(made).status == "paused"
    shop.provider.advance(months=5)
    assert shop.now(made).status == "paused"
    assert shop.amounts(made) == [3000]


def test_pausing_twice_is_no_error_and_told_once() -> None:
    shop = Shop()
    made = shop.subscribe()
    assert shop.pause(made) == shop.pause(made)
    assert len(shop.told(EventType.SUBSCRIPTION_PAUSED)) == 1


def test_resuming_what_is_not_paused_is_no_error_and_not_told() -> None:
    shop = Shop()
    made = shop.subscribe()
    assert shop.resume(made) == made
    assert shop.told(EventType.SUBSCRIPTION_RESUMED) == []


def test_resuming_within_the_period_goes_on_with_it() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(days=10)
    resumed = shop.resume(made)
    assert (resumed.status, resumed.current_period_end) == ("active", made.current_period_end)
    shop.provider.advance(days=20)
    assert shop.amounts(made) == [3000, 3000]


def test_resuming_after_the_period_begins_and_bills_a_new_one_now() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(days=75)
    resumed = shop.resume(made)
    assert (resumed.status, resumed.current_period_start) == ("active", START + timedelta(days=75))
    assert shop.amounts(made) == [3000, 3000]
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [3000, 3000, 3000]


def test_resuming_exactly_at_the_periods_end_bills_once() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(days=30)
    assert shop.resume(made).current_period_start == START + timedelta(days=30)
    assert shop.amounts(made) == [3000, 3000]


def test_resuming_into_a_payment_that_fails_is_past_due() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(months=2)
    shop.provider.decline_next_payment()
    assert shop.resume(made).status == "past_due"
    shop.provider.advance(days=3)
    assert shop.now(made).status == "active"


def test_a_trial_that_is_paused_and_resumed_goes_on() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.pause(made)
    shop.provider.advance(days=13)
    resumed = shop.resume(made)
    assert (resumed.status, resumed.trial_end) == ("trialing", made.trial_end)
    shop.provider.advance(days=1)
    assert (shop.now(made).status, shop.amounts(made)) == ("active", [3000])


def test_a_trial_that_ran_out_in_the_pause_is_billed_on_resuming() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.pause(made)
    shop.provider.advance(days=20)
    assert shop.invoices(made) == []
    resumed = shop.resume(made)
    assert (resumed.status, resumed.current_period_start) == ("active", shop.provider.now)
    assert shop.amounts(made) == [3000]


def test_the_end_of_a_trial_is_not_announced_in_a_pause() -> None:
    shop = Shop()
    shop.pause(shop.subscribe("trial"))
    shop.provider.advance(days=20)
    assert shop.told(EventType.SUBSCRIPTION_TRIAL_ENDING) == []


def test_seats_can_change_in_a_pause_but_not_the_rhythm() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=15)
    shop.pause(made)
    assert shop.change(made, quantity=2).quantity == 2
    mark = len(shop.events())
    with pytest.raises(errors.Conflict):
        shop.change(made, plan_id="yearly")
    assert shop.since(mark) == []
    assert shop.now(made).plan_id == "pro"
    shop.resume(made)
    shop.provider.advance(days=15)
    assert shop.amounts(made) == [3000, 6000 + 1500]


def test_a_change_after_the_period_ran_out_in_a_pause_is_billed_in_full_on_resuming() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(months=2)
    shop.change(made, plan_id="team")
    shop.resume(made)
    assert shop.amounts(made) == [3000, 9000]


@pytest.mark.parametrize("status", ["past_due", "unpaid", "canceled"])
def test_only_what_is_in_order_can_be_paused(status: str) -> None:
    shop = Shop(retry_days=(3,) if status == "past_due" else ())
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    if status == "canceled":
        shop.cancel(made)
    else:
        shop.provider.advance(months=1)
    assert shop.now(made).status == status
    with pytest.raises(errors.Conflict):
        shop.pause(made)


def test_an_unknown_subscription_is_not_found_and_reading_it_is_none() -> None:
    provider = Shop().provider
    for call in (provider.pause_subscription, provider.resume_subscription, provider.cancel_subscription):
        with pytest.raises(errors.NotFound) as caught:
            run(call("sub_none"))
        assert caught.value.code == "subscription_missing"
    assert run(provider.get_subscription("sub_none")) is None


# --- cancel ------------------------------------------------------------------------------------------------------


def test_canceling_now_ends_it_now() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=3)
    ended = shop.cancel(made)
    assert (ended.status, ended.canceled_at, ended.cancel_at) == ("canceled", shop.provider.now, shop.provider.now)
    assert [event.subscription for event in shop.told(EventType.SUBSCRIPTION_CANCELED)] == [ended]


def test_canceling_what_is_canceled_is_no_error_and_changes_nothing() -> None:
    shop = Shop()
    made = shop.subscribe()
    ended = shop.cancel(made)
    shop.provider.advance(days=1)
    assert shop.cancel(made) == ended
    assert shop.cancel(made, at_period_end=True) == ended
    assert len(shop.told(EventType.SUBSCRIPTION_CANCELED)) == 1


def test_canceling_at_the_periods_end_keeps_it_until_then() -> None:
    shop = Shop()
    made = shop.subscribe()
    asked = shop.cancel(made, at_period_end=True)
    assert (asked.status, asked.cancel_scheduled, asked.cancel_at, asked.canceled_at) == (
        "active",
        True,
        made.current_period_end,
        START,
    )
    shop.provider.advance(months=2)
    ended = shop.now(made)
    assert (ended.status, ended.cancel_at, ended.canceled_at) == ("canceled", made.current_period_end, START)
    assert shop.amounts(made) == [3000]


def test_canceling_at_the_periods_end_twice_is_told_once() -> None:
    shop = Shop()
    made = shop.subscribe()
    assert shop.cancel(made, at_period_end=True) == shop.cancel(made, at_period_end=True)
    assert len(shop.told(EventType.SUBSCRIPTION_UPDATED)) == 1


def test_canceling_now_comes_before_the_periods_end() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(days=3)
    ended = shop.cancel(made)
    assert (ended.status, ended.cancel_at, ended.canceled_at) == ("canceled", shop.provider.now, START)


def test_a_paused_subscription_can_be_canceled() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    assert shop.cancel(made).status == "canceled"
    assert shop.resume(made).status == "canceled"


def test_a_paused_subscription_ends_with_its_period_when_that_was_asked_for() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(months=1)
    assert shop.now(made).status == "canceled"


def test_a_pause_that_has_outlived_the_period_ends_at_once() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.pause(made)
    shop.provider.advance(months=2)
    assert shop.cancel(made, at_period_end=True).status == "canceled"


@pytest.mark.parametrize("at_period_end", [False, True])
def test_an_unpaid_subscription_can_be_canceled(at_period_end: bool) -> None:
    shop = Shop(retry_days=())
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    shop.provider.advance(months=1)
    shop.cancel(made, at_period_end=at_period_end)
    shop.provider.advance(months=1)
    assert shop.now(made).status == "canceled"
    assert [str(invoice.status) for invoice in shop.invoices(made)] == ["paid", "void"]


def test_an_upgrade_is_paid_with_a_last_invoice_when_the_subscription_ends_with_its_period() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=15)
    shop.change(made, plan_id="team")
    shop.cancel(made, at_period_end=True)
    mark = len(shop.events())
    shop.provider.advance(days=15)
    assert shop.amounts(made) == [3000, 4500 - 1500]
    assert shop.since(mark) == ["invoice.created", "payment.succeeded", "invoice.paid", "subscription.canceled"]


def test_a_credit_that_is_left_at_the_end_makes_no_invoice() -> None:
    shop = Shop()
    made = shop.subscribe("team")
    shop.change(made, plan_id="pro")
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [9000]


def test_a_last_invoice_that_is_not_paid_is_void_with_the_end() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.change(made, plan_id="team")
    shop.cancel(made, at_period_end=True)
    shop.provider.decline_next_payment()
    shop.provider.advance(months=1)
    assert shop.now(made).status == "canceled"
    assert [str(invoice.status) for invoice in shop.invoices(made)] == ["paid", "void"]


# --- usage -------------------------------------------------------------------------------------------------------


def test_usage_is_billed_when_the_period_ends_and_begins_again_at_nothing() -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    assert shop.use(made, 100) is True
    assert shop.use(made, 25) is True
    shop.provider.advance(months=2)
    assert shop.amounts(made) == [0, 250, 0]


def test_usage_of_the_last_period_is_billed_when_the_subscription_ends_with_it() -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    shop.use(made, 100)
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(months=1)
    assert (shop.now(made).status, shop.amounts(made)) == ("canceled", [0, 200])


def test_usage_is_not_billed_when_the_subscription_is_canceled_now() -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    shop.use(made, 100)
    shop.cancel(made)
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [0]


def test_usage_in_a_trial_is_free() -> None:
    shop = Shop()
    made = shop.subscribe("calls", trial_days=14)
    shop.use(made, 100)
    shop.provider.advance(days=14)
    shop.use(made, 10)
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [0, 20]


def test_usage_in_a_trial_stays_free_when_the_plan_changes() -> None:
    shop = Shop()
    made = shop.subscribe("calls", trial_days=14)
    shop.use(made, 100)
    shop.change(made, plan_id="pro")
    shop.provider.advance(days=14)
    assert shop.amounts(made) == [3000]


def test_no_usage_is_usage_too() -> None:
    shop = Shop()
    assert shop.use(shop.subscribe("calls"), 0) is True


@pytest.mark.parametrize("age", [timedelta(days=35), timedelta(0), -timedelta(minutes=5)])
def test_usage_can_be_reported_for_the_past_35_days_and_5_minutes_ahead(age: timedelta) -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    assert shop.use(made, 1, timestamp=START - age) is True


@pytest.mark.parametrize("age", [timedelta(days=36), timedelta(days=35, seconds=1), -timedelta(minutes=6)])
def test_usage_that_is_too_old_or_too_far_ahead_is_refused(age: timedelta) -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.use(made, 1, timestamp=START - age)
    assert caught.value.param == "timestamp"
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [0, 0]


def test_usage_of_a_licensed_item_is_refused() -> None:
    shop = Shop()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.use(shop.subscribe(), 1)
    assert caught.value.code == "not_metered"


def test_usage_of_what_has_ended_is_refused() -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    shop.cancel(made)
    with pytest.raises(errors.Conflict):
        shop.use(made, 1)


def test_usage_of_an_unknown_item_is_not_found() -> None:
    with pytest.raises(errors.NotFound):
        run(Shop().provider.create_usage_record("si_none", 1))


def test_more_usage_than_an_invoice_can_hold_is_refused_and_time_goes_on() -> None:
    shop = Shop()
    made = shop.subscribe("calls")
    shop.use(made, 10**14)
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.use(made, 10**15)
    assert caught.value.param == "quantity"
    shop.provider.advance(months=1)
    assert shop.invoices(made)[-1].amount == usd(2 * 10**14)


def test_the_last_invoice_asks_for_the_smallest_amount_there_is() -> None:
    shop = Shop()
    shop.provider.add_plan("penny", usd(1), metered=True)
    made = shop.subscribe("penny")
    shop.use(made, 1)
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [0, 1]
