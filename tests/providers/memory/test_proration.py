"""Changes of plan and quantity, and what they cost: in a month of thirty days, at 30 dollars for pro and 90 for team."""

from datetime import timedelta
from typing import Any

import pytest

from paylattice import EventType, Money, Subscription, errors
from paylattice.driving import run
from paylattice.models import Plan
from paylattice.providers.memory.plans import check_price

from .support import START, Shop, usd


def halfway(plan_id: str = "pro", **options: Any) -> tuple[Shop, Subscription]:
    """A subscription in the middle of its first month."""
    shop = Shop()
    made = shop.subscribe(plan_id, **options)
    shop.provider.advance(days=15)
    return shop, made


def after_the_first(shop: Shop, made: Subscription, *, months: int = 1) -> list[int]:
    """The amounts of the invoices that come in the next months."""
    before = len(shop.invoices(made))
    for _ in range(months):
        shop.provider.advance(months=1)
    return shop.amounts(made)[before:]


def test_an_upgrade_takes_effect_at_once_and_is_billed_with_the_next_invoice() -> None:
    shop, made = halfway()
    changed = shop.change(made, plan_id="team")
    assert (changed.plan_id, changed.status, changed.current_period_end) == ("team", "active", made.current_period_end)
    assert changed.items[0].plan_id == "team"
    assert len(shop.invoices(made)) == 1
    assert after_the_first(shop, made, months=2) == [9000 + 4500 - 1500, 9000]


def test_a_change_needs_no_consent_and_is_told_once() -> None:
    shop, made = halfway()
    mark = len(shop.events())
    change = run(shop.provider.change_subscription(made.id, plan_id="team"))
    assert change.approval_url is None
    assert shop.since(mark) == ["subscription.updated"]
    assert shop.events()[-1].subscription == change.subscription


def test_a_downgrade_is_credited_to_the_next_invoice() -> None:
    shop, made = halfway("team")
    shop.change(made, plan_id="pro")
    assert after_the_first(shop, made, months=2) == [3000 - 4500 + 1500, 3000]


def test_a_large_credit_is_carried_over_several_invoices_and_never_makes_one_negative() -> None:
    shop, made = halfway(quantity=10)
    shop.change(made, quantity=1)  # 15000 - 1500 are left over
    assert after_the_first(shop, made, months=6) == [0, 0, 0, 0, 5 * 3000 - 13_500, 3000]


def test_an_invoice_that_a_credit_covers_is_paid_without_a_payment() -> None:
    shop, made = halfway(quantity=10)
    shop.change(made, quantity=1)
    shop.provider.decline_next_payment()
    shop.provider.advance(months=1)
    assert [str(invoice.status) for invoice in shop.invoices(made)] == ["paid", "paid"]
    assert shop.now(made).status == "active"


def test_more_seats_are_billed_for_the_rest_of_the_period() -> None:
    shop, made = halfway()
    assert shop.change(made, quantity=3).quantity == 3
    assert after_the_first(shop, made) == [9000 + 4500 - 1500]


def test_plan_and_quantity_can_change_together() -> None:
    shop, made = halfway(quantity=2)
    changed = shop.change(made, plan_id="team", quantity=3)
    assert (changed.plan_id, changed.quantity) == ("team", 3)
    assert after_the_first(shop, made) == [27_000 + 13_500 - 3000]


def test_the_quantity_stays_when_only_the_plan_changes() -> None:
    shop, made = halfway(quantity=2)
    assert shop.change(made, plan_id="team").quantity == 2


def test_without_proration_only_the_next_period_is_another() -> None:
    shop, made = halfway()
    shop.change(made, plan_id="team", prorate=False)
    assert after_the_first(shop, made) == [9000]


def test_there_and_back_at_the_same_moment_costs_nothing() -> None:
    shop, made = halfway()
    shop.change(made, plan_id="team")
    shop.change(made, plan_id="pro")
    assert after_the_first(shop, made) == [3000]


def test_shares_are_rounded_down_to_the_smallest_unit() -> None:
    shop = Shop()
    shop.provider.add_plan("odd", usd(1000))
    made = shop.subscribe("free")
    shop.provider.advance(days=20)
    shop.change(made, plan_id="odd")
    assert after_the_first(shop, made) == [1000 + 333]


def test_the_share_goes_by_the_second() -> None:
    shop = Shop()
    shop.provider.add_plan("second", usd(30 * 24 * 3600))
    made = shop.subscribe("free")
    shop.provider.advance(days=29, hours=23.5)
    shop.change(made, plan_id="second")
    assert after_the_first(shop, made) == [30 * 24 * 3600 + 1800]


def test_yen_are_prorated_in_whole_yen() -> None:
    shop = Shop()
    shop.provider.add_plan("one", Money(1000, "JPY"))
    shop.provider.add_plan("two", Money(1999, "JPY"))
    made = shop.subscribe("one")
    shop.provider.advance(days=15)
    shop.change(made, plan_id="two")
    shop.provider.advance(months=1)
    assert shop.invoices(made)[-1].amount == Money(1999 + 999 - 500, "JPY")


# --- another rhythm ----------------------------------------------------------------------------------------------


def test_a_change_from_monthly_to_yearly_begins_a_year_now_and_credits_the_rest_of_the_month() -> None:
    shop, made = halfway()
    changed = shop.change(made, plan_id="yearly")
    assert (changed.status, changed.current_period_start, changed.current_period_end) == (
        "active",
        shop.provider.now,
        shop.provider.now.replace(year=2027),
    )
    assert shop.amounts(made) == [3000, 30_000 - 1500]
    shop.provider.advance(months=12)
    assert shop.amounts(made) == [3000, 28_500, 30_000]


def test_a_change_from_yearly_to_monthly_lives_off_the_credit() -> None:
    shop = Shop()
    made = shop.subscribe("yearly")
    shop.provider.advance(days=73)  # a fifth of 365 days
    shop.change(made, plan_id="pro")
    shop.provider.advance(months=9)
    assert shop.amounts(made) == [30_000, 0, 0, 0, 0, 0, 0, 0, 0, 3000, 3000]


def test_a_change_of_rhythm_without_proration_credits_nothing() -> None:
    shop, made = halfway()
    shop.change(made, plan_id="yearly", prorate=False)
    assert shop.amounts(made) == [3000, 30_000]


def test_after_a_change_of_rhythm_the_old_period_end_means_nothing() -> None:
    shop, made = halfway()
    shop.change(made, plan_id="yearly")
    mark = len(shop.events())
    shop.provider.advance(months=11)
    assert shop.since(mark) == []


def test_a_change_of_rhythm_whose_payment_fails_is_past_due_with_the_new_plan() -> None:
    shop, made = halfway()
    shop.provider.decline_next_payment()
    changed = shop.change(made, plan_id="yearly")
    assert (changed.status, changed.plan_id) == ("past_due", "yearly")
    shop.provider.advance(days=3)
    assert shop.now(made).status == "active"


def test_a_change_of_rhythm_whose_payment_fails_for_good_is_answered_as_ended() -> None:
    shop = Shop(retry_days=(), cancel_when_unpaid=True)
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    assert shop.change(made, plan_id="yearly").status == "canceled"


def test_a_change_of_rhythm_while_past_due_is_told_and_leaves_the_old_invoice_open() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    shop.provider.advance(months=1)
    changed = shop.change(made, plan_id="weekly")
    assert changed.status == "past_due"
    assert shop.events()[-1].subscription == changed == shop.now(made)
    assert [str(invoice.status) for invoice in shop.invoices(made)] == ["paid", "open", "paid"]


def test_a_change_of_rhythm_while_unpaid_waits_for_the_payment() -> None:
    shop = Shop(retry_days=())
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    shop.provider.advance(months=1)
    changed = shop.change(made, plan_id="weekly")
    assert (changed.status, changed.current_period_end) == ("unpaid", shop.provider.now + timedelta(days=7))
    assert len(shop.invoices(made)) == 2


# --- in a trial, metered, unpaid ---------------------------------------------------------------------------------


def test_a_change_in_a_trial_costs_nothing_until_it_ends() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.provider.advance(days=7)
    changed = shop.change(made, plan_id="team")
    assert (changed.status, changed.trial_end) == ("trialing", made.trial_end)
    shop.provider.advance(days=7)
    assert shop.amounts(made) == [9000]


def test_a_change_of_rhythm_in_a_trial_begins_after_it() -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    assert shop.change(made, plan_id="yearly").current_period_end == made.trial_end
    shop.provider.advance(days=14)
    assert shop.amounts(made) == [30_000]
    assert shop.now(made).current_period_end == (made.trial_end or START).replace(year=2027)


@pytest.mark.parametrize("plan_id", ["team", "yearly"])
def test_a_change_in_a_trial_that_is_paused_costs_nothing_either(plan_id: str) -> None:
    shop = Shop()
    made = shop.subscribe("trial")
    shop.pause(made)
    assert shop.change(made, plan_id=plan_id).status == "paused"
    assert shop.resume(made).status == "trialing"
    shop.provider.advance(days=14)
    assert shop.amounts(made) == [9000 if plan_id == "team" else 30_000]


def test_a_change_from_metered_to_licensed_bills_the_usage_and_the_rest_of_the_period() -> None:
    shop, made = halfway("calls")
    shop.use(made, 100)
    changed = shop.change(made, plan_id="pro")
    assert (changed.quantity, changed.items[0].metered) == (1, False)
    assert after_the_first(shop, made, months=2) == [3000 + 1500 + 200, 3000]


def test_a_change_from_licensed_to_metered_credits_the_rest_of_the_period() -> None:
    shop, made = halfway()
    shop.change(made, plan_id="calls")
    shop.use(made, 1000)
    assert after_the_first(shop, made) == [2000 - 1500]


def test_a_change_between_metered_plans_bills_the_usage_at_the_price_it_had() -> None:
    shop = Shop()
    shop.provider.add_plan("dear", usd(10), metered=True)
    made = shop.subscribe("calls")
    shop.use(made, 100)
    shop.change(made, plan_id="dear")
    shop.use(made, 100)
    assert after_the_first(shop, made) == [200 + 1000]


def test_a_period_that_nobody_was_billed_for_is_not_credited() -> None:
    shop = Shop(retry_days=())
    made = shop.subscribe("team")
    shop.provider.decline_next_payment()
    shop.provider.advance(months=2)  # unpaid since a month, and in a period without an invoice
    shop.change(made, plan_id="pro")
    shop.provider.pay_hosted_invoice(shop.invoices(made)[-1].id)
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [9000, 9000, 3000 + 3000]


# --- what cannot be changed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [{}, {"plan_id": "pro"}, {"quantity": 1}, {"plan_id": "pro", "quantity": 1}])
def test_a_change_to_what_it_is_already_is_refused(nothing: dict[str, Any]) -> None:
    shop, made = halfway()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.change(made, **nothing)
    assert caught.value.code == "nothing_changes"
    assert shop.now(made) == made


def test_a_metered_plan_has_no_quantity_to_change() -> None:
    shop, made = halfway("calls")
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.change(made, quantity=5)
    assert caught.value.param == "quantity"
    with pytest.raises(errors.InvalidRequest):
        shop.change(made, plan_id="calls", quantity=5)


def test_a_change_to_an_unknown_plan_is_refused() -> None:
    shop, made = halfway()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.change(made, plan_id="gold")
    assert (caught.value.param, caught.value.code) == ("plan_id", "plan_missing")


def test_a_change_to_a_plan_in_another_currency_is_refused() -> None:
    shop, made = halfway()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.change(made, plan_id="euro")
    assert caught.value.code == "currency_mismatch"


def test_a_change_to_more_than_an_invoice_can_hold_is_refused() -> None:
    shop, made = halfway()
    with pytest.raises(errors.InvalidRequest) as caught:
        shop.change(made, quantity=10**14)
    assert caught.value.param == "quantity"
    assert shop.now(made) == made


def test_a_plan_without_a_single_price_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        check_price(Plan("tiers"), 1)
    assert caught.value.code == "no_price"


def test_what_has_ended_cannot_be_changed() -> None:
    shop, made = halfway()
    shop.cancel(made)
    with pytest.raises(errors.Conflict):
        shop.change(made, plan_id="team")


def test_a_subscription_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(errors.NotFound):
        run(Shop().provider.change_subscription("sub_none", plan_id="team"))


def test_a_refused_change_tells_nothing() -> None:
    shop, made = halfway()
    mark = len(shop.events())
    for wrong in ({"plan_id": "gold"}, {"plan_id": "euro"}, {"quantity": 1}):
        with pytest.raises(errors.InvalidRequest):
            shop.change(made, **wrong)
    assert shop.since(mark) == []
    assert shop.told(EventType.SUBSCRIPTION_UPDATED) == []
