"""What PayPal's fields mean together, as one table: status, period, trial, what is paid for, since when it is owed.

The first hours of a trial are those of https://github.com/paypal/paypal-checkout-components/issues/1336: the start is hours
before the activation, the next charge is said to be today, and no cycle is counted yet.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Subscription, SubscriptionStatus
from paylattice.providers.paypal.wire import subscription_from

from .samples import billing, cycle, execution, plan, subscription, usd
from .scenarios import PLAN, SUB, SUBS, furnished
from .support import World

S = SubscriptionStatus
DAY = timedelta(days=1)
START = datetime(2026, 8, 31, 23, tzinfo=UTC)
"""The start as PayPal says it; the payer agreed eleven hours later."""
AGREED = datetime(2026, 9, 1, 10, tzinfo=UTC)
TRIAL_ENDS = START + 14 * DAY

MONTHLY = [cycle()]
FREE_TRIAL = [cycle(None, "DAY", 7, kind="TRIAL", total=2), cycle(sequence=2)]
ZERO_TRIAL = [cycle("0.00", "DAY", 14, kind="TRIAL", total=1), cycle(sequence=2)]
PAID_TRIAL = [cycle("1.00", "DAY", 14, kind="TRIAL", total=1), cycle(sequence=2)]
FREE_THEN_PAID = [
    cycle("0.00", "DAY", 14, kind="TRIAL", total=1),
    cycle("5.00", "MONTH", kind="TRIAL", total=1, sequence=2),
    cycle(sequence=3),
]
FEE = {"setup_fee": usd("50.00"), "setup_fee_failure_action": "CONTINUE"}


def said(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def day(number: float) -> datetime:
    return AGREED + number * DAY


class Facts(NamedTuple):
    """What is expected."""

    status: SubscriptionStatus
    ends: datetime | None = None
    trial_end: datetime | None = None
    paid: datetime | None = None
    failed: datetime | None = None
    cancel_at: datetime | None = None


def read(
    cycles: list[dict[str, Any]],
    on: float,
    *,
    trial: tuple[int, int] | None = None,
    regular: int | None = 0,
    paid: float | None = None,
    failed: float | None = None,
    following: datetime | None = None,
    count: int = 0,
    owed: str = "0.0",
    word: str = "ACTIVE",
    start: datetime = START,
    preferences: dict[str, Any] | None = None,
) -> Subscription:
    """A subscription as it is read some days after the payer agreed; all moments in days after that."""
    executions = [execution("TRIAL", trial[0], trial[1], sum(trial))] if trial is not None else []
    executions += [execution("REGULAR", regular)] if regular is not None else []
    info = billing(
        cycle_executions=executions,
        last_payment={"amount": usd(), "time": said(day(paid))} if paid is not None else None,
        next_billing_time=said(following) if following is not None else None,
        last_failed_payment={"amount": usd(), "time": said(day(failed))} if failed is not None else None,
        failed_payments_count=count,
        outstanding_balance=usd(owed),
    )
    data = subscription(
        status=word,
        start_time=said(start),
        create_time=said(AGREED - timedelta(minutes=5)),
        status_update_time=said(day(on)),
        billing_info=info,
        plan=plan(*cycles, **({"payment_preferences": preferences} if preferences is not None else {}))
        if cycles
        else None,
    )
    return subscription_from(data, day(on))


TODAY = AGREED.replace(hour=10)
OCTOBER = datetime(2026, 10, 1, 10, tzinfo=UTC)
MONTH_ENDS = datetime(2026, 9, 30, 23, tzinfo=UTC)
CHARGED = TRIAL_ENDS + timedelta(hours=11)
AFTER_TRIAL = datetime(2026, 10, 14, 23, tzinfo=UTC)

TABLE: dict[str, tuple[Subscription, Facts]] = {
    # the first hours
    "a free trial, just agreed to": (
        read(ZERO_TRIAL, 0, trial=(0, 1), following=TODAY),
        Facts(S.TRIALING, TRIAL_ENDS, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a free trial of two weeks, just agreed to": (
        read(FREE_TRIAL, 0, trial=(0, 2), following=TODAY),
        Facts(S.TRIALING, START + 7 * DAY, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a free trial whose date is not corrected for days": (
        read(ZERO_TRIAL, 5, trial=(1, 0), following=TODAY),
        Facts(S.TRIALING, TRIAL_ENDS, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a trial of one day, just agreed to": (
        read([cycle(None, "DAY", kind="TRIAL", total=1), cycle(sequence=2)], 0, trial=(0, 1), following=TODAY),
        Facts(S.TRIALING, START + DAY, START + DAY, START + DAY),
    ),
    "no trial, just agreed to, and nothing charged yet": (
        read(MONTHLY, 0, following=TODAY),
        Facts(S.ACTIVE, TODAY),
    ),
    "no trial, just charged, the date not corrected": (
        read(MONTHLY, 0.1, regular=1, paid=0, following=TODAY),
        Facts(S.ACTIVE, MONTH_ENDS, None, MONTH_ENDS),
    ),
    "no trial, just charged": (
        read(MONTHLY, 0.1, regular=1, paid=0, following=OCTOBER),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    # trials
    "a free trial half way": (
        read(ZERO_TRIAL, 7, trial=(1, 0), following=CHARGED),
        Facts(S.TRIALING, CHARGED, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a free trial that became a paid month": (
        read(ZERO_TRIAL, 20, trial=(1, 0), regular=1, paid=14, following=AFTER_TRIAL),
        Facts(S.ACTIVE, AFTER_TRIAL, TRIAL_ENDS, AFTER_TRIAL),
    ),
    "a free trial whose first payment failed": (
        read(ZERO_TRIAL, 15, trial=(1, 0), failed=14.1, count=1, following=AFTER_TRIAL),
        Facts(S.PAST_DUE, AFTER_TRIAL, TRIAL_ENDS, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a paid trial": (
        read(PAID_TRIAL, 7, trial=(1, 0), paid=0, following=CHARGED),
        Facts(S.TRIALING, CHARGED, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a paid trial whose payment has not come": (
        read(PAID_TRIAL, 0.1, trial=(0, 1), following=TRIAL_ENDS),
        Facts(S.TRIALING, TRIAL_ENDS, TRIAL_ENDS, None),
    ),
    "a paid trial whose start was put off": (
        read(PAID_TRIAL, 3, trial=(0, 1), start=START + 10 * DAY, following=START + 10 * DAY),
        Facts(S.TRIALING, START + 10 * DAY, START + 24 * DAY, START + 10 * DAY),
    ),
    "a free trial before a paid one": (
        read(FREE_THEN_PAID, 3, trial=(1, 1), following=CHARGED),
        Facts(S.TRIALING, CHARGED, datetime(2026, 10, 14, 23, tzinfo=UTC), TRIAL_ENDS),
    ),
    "a paid trial whose first regular payment failed": (
        read(PAID_TRIAL, 15, trial=(1, 0), paid=0, failed=14.1, following=AFTER_TRIAL),
        Facts(S.PAST_DUE, AFTER_TRIAL, None, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a free trial, then a cheap month, just paid": (
        read(FREE_THEN_PAID, 15, trial=(2, 0), paid=14, following=AFTER_TRIAL),
        Facts(S.TRIALING, AFTER_TRIAL, AFTER_TRIAL, AFTER_TRIAL),
    ),
    "a start that was put off": (
        read(MONTHLY, 3, following=day(14), start=day(14)),
        Facts(S.TRIALING, day(14), day(14), day(14)),
    ),
    "a start that was put off, and the first payment failed": (
        read(MONTHLY, 15, failed=14, following=day(44), start=day(14)),
        Facts(S.PAST_DUE, day(44), day(14), day(14), day(14)),
    ),
    "a free trial that was paused, and goes on": (
        read(ZERO_TRIAL, 31, trial=(1, 0), following=day(40)),
        Facts(S.TRIALING, day(40), day(40), day(40)),
    ),
    # setup fees pay for no month
    "a setup fee and a free trial": (
        read(ZERO_TRIAL, 1, trial=(1, 0), paid=0, following=CHARGED, preferences=FEE),
        Facts(S.TRIALING, CHARGED, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a setup fee and a free trial, canceled": (
        read(ZERO_TRIAL, 1, trial=(1, 0), paid=0, word="CANCELLED", preferences=FEE),
        Facts(S.CANCELED, None, TRIAL_ENDS, TRIAL_ENDS, None, TRIAL_ENDS),
    ),
    "a setup fee before a start that was put off, canceled": (
        read(MONTHLY, 1, paid=0, word="CANCELLED", start=day(10)),
        Facts(S.CANCELED, None, day(10), day(10), None, day(10)),
    ),
    "a setup fee, and the first payment failed": (
        read(MONTHLY, 1, paid=0, failed=0.1, count=1, following=OCTOBER, preferences=FEE),
        Facts(S.INCOMPLETE, None, None, None, day(0.1)),
    ),
    "a setup fee, and the first payment failed, of a plan that is not known": (
        read([], 1, paid=0, failed=0.1, count=1, following=OCTOBER),
        Facts(S.INCOMPLETE, None, None, None, day(0.1)),
    ),
    "a setup fee and the first month at once": (
        read(MONTHLY, 1, regular=1, paid=0, following=OCTOBER, preferences=FEE),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    "no setup fee: the first payment is one, whatever is counted": (
        read(MONTHLY, 1, paid=0, following=OCTOBER, preferences={"payment_failure_threshold": 1}),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    "a year's plan from the next month on": (
        read([cycle("190.00", "YEAR")], 10, paid=0, following=OCTOBER, preferences={"payment_failure_threshold": 1}),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    "a year's plan that was agreed to in a paid month, and canceled": (
        read([cycle("190.00", "YEAR")], 10, paid=0, word="CANCELLED", preferences={"payment_failure_threshold": 1}),
        Facts(S.CANCELED, None, None, None, None, None),
    ),
    "canceled in a month that was paid before the price rose": (
        read([cycle("24.00")], 10, regular=1, paid=0, word="CANCELLED"),
        Facts(S.CANCELED, None, None, MONTH_ENDS, None, MONTH_ENDS),
    ),
    "two months' plan that was agreed to in a paid month, and canceled": (
        read([cycle("34.00", every=2)], 10, regular=1, paid=0, word="CANCELLED"),
        Facts(S.CANCELED, None, None, None, None, None),
    ),
    "a setup fee that was refused, and the trial with it": (
        read(ZERO_TRIAL, 0.1, trial=(0, 1), failed=0, word="CANCELLED", preferences=FEE),
        Facts(S.CANCELED, None, None, None, None, None),
    ),
    "a setup fee that was refused, of a plan that goes on without it": (
        read(ZERO_TRIAL, 1, trial=(1, 0), failed=0, owed="50.00", following=CHARGED, preferences=FEE),
        Facts(S.PAST_DUE, CHARGED, TRIAL_ENDS, TRIAL_ENDS, day(0)),
    ),
    # who has never paid has not begun
    "the first payment declined": (
        read(MONTHLY, 0.1, failed=0, following=OCTOBER),
        Facts(S.INCOMPLETE, None, None, None, day(0)),
    ),
    "the first payment declined for the last time": (
        read(MONTHLY, 11, regular=1, failed=10, count=1, owed="19.00", following=OCTOBER),
        Facts(S.INCOMPLETE, None, None, None, day(10)),
    ),
    "the first payment declined, and suspended": (
        read(MONTHLY, 11, failed=10, count=1, owed="19.00", word="SUSPENDED"),
        Facts(S.INCOMPLETE, None, None, None, day(10)),
    ),
    "the payment of a paid trial declined": (
        read(PAID_TRIAL, 0.1, trial=(0, 1), failed=0, following=TRIAL_ENDS),
        Facts(S.INCOMPLETE, None, None, None, day(0)),
    ),
    "the payment of a paid trial declined, and its cycle counted": (
        read(PAID_TRIAL, 6, trial=(1, 0), failed=5, count=1, owed="1.00", following=TRIAL_ENDS),
        Facts(S.INCOMPLETE, None, None, None, day(5)),
    ),
    "the payment of a paid trial declined after a start that was put off": (
        read(PAID_TRIAL, 10.1, trial=(1, 0), failed=10, owed="1.00", start=START + 10 * DAY),
        Facts(S.INCOMPLETE, None, None, None, day(10)),
    ),
    "the payment of a trial after a free one declined": (
        read(FREE_THEN_PAID, 15, trial=(1, 1), failed=14.1, following=CHARGED),
        Facts(S.PAST_DUE, CHARGED, TRIAL_ENDS, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "the first payment came after all": (
        read(MONTHLY, 6, regular=1, failed=0, paid=5, following=OCTOBER),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    # renewals
    "a renewal that failed today": (
        read(MONTHLY, 30.1, regular=1, paid=0, failed=30, following=datetime(2026, 11, 1, 10, tzinfo=UTC)),
        Facts(S.PAST_DUE, datetime(2026, 11, 1, 10, tzinfo=UTC), None, MONTH_ENDS, MONTH_ENDS),
    ),
    "a renewal that failed again": (
        read(MONTHLY, 40.1, regular=1, paid=0, failed=40, following=datetime(2026, 11, 1, 10, tzinfo=UTC)),
        Facts(S.PAST_DUE, datetime(2026, 11, 1, 10, tzinfo=UTC), None, MONTH_ENDS, MONTH_ENDS),
    ),
    "a renewal that failed long after the last paid month: it was paused meanwhile": (
        read(MONTHLY, 92, regular=1, paid=0, failed=91.5, following=datetime(2027, 1, 1, 10, tzinfo=UTC)),
        Facts(S.PAST_DUE, datetime(2027, 1, 1, 10, tzinfo=UTC), None, MONTH_ENDS, day(91.5)),
    ),
    "a balance that is outstanding while the month is paid": (
        read(MONTHLY, 35, regular=2, paid=30, failed=20, owed="19.00", following=datetime(2026, 11, 1, 10, tzinfo=UTC)),
        Facts(
            S.PAST_DUE,
            datetime(2026, 11, 1, 10, tzinfo=UTC),
            None,
            datetime(2026, 10, 31, 23, tzinfo=UTC),
            day(20),
        ),
    ),
    "suspended by PayPal for not paying": (
        read(MONTHLY, 41, regular=2, paid=0, failed=40, count=1, owed="19.00", word="SUSPENDED"),
        Facts(S.UNPAID, None, None, MONTH_ENDS, MONTH_ENDS),
    ),
    # pauses and ends
    "suspended by the merchant in a paid month": (
        read(MONTHLY, 10, regular=1, paid=0, word="SUSPENDED"),
        Facts(S.PAUSED, None, None, MONTH_ENDS),
    ),
    "suspended by the merchant in a free trial": (
        read(ZERO_TRIAL, 5, trial=(1, 0), word="SUSPENDED"),
        Facts(S.PAUSED, None, TRIAL_ENDS, TRIAL_ENDS),
    ),
    "a paid month, then a pause, and it goes on: the next month is not paid yet": (
        read(MONTHLY, 40, regular=1, paid=0, following=day(60)),
        Facts(S.ACTIVE, day(60), None, MONTH_ENDS),
    ),
    "canceled in a paid month": (
        read(MONTHLY, 10, regular=1, paid=0, word="CANCELLED"),
        Facts(S.CANCELED, None, None, MONTH_ENDS, None, MONTH_ENDS),
    ),
    "canceled half way through a free trial": (
        read(FREE_TRIAL, 5, trial=(1, 1), word="CANCELLED"),
        Facts(S.CANCELED, None, TRIAL_ENDS, TRIAL_ENDS, None, TRIAL_ENDS),
    ),
    "canceled half way through a paid trial": (
        read(PAID_TRIAL, 5, trial=(1, 0), paid=0, word="CANCELLED"),
        Facts(S.CANCELED, None, None, TRIAL_ENDS, None, TRIAL_ENDS),
    ),
    "canceled, never paid": (
        read(MONTHLY, 10, failed=0, count=1, word="CANCELLED"),
        Facts(S.CANCELED, None, None, None, None, None),
    ),
    "expired with the last payment": (
        read([cycle(total=1)], 1, regular=1, paid=0, word="EXPIRED"),
        Facts(S.EXPIRED, None, None, MONTH_ENDS, None, MONTH_ENDS),
    ),
    # what only a payload says: there is no plan in it
    "a free trial, just agreed to, without its plan": (
        read([], 0, trial=(0, 1), following=TODAY),
        Facts(S.TRIALING),
    ),
    "a free trial half way, without its plan": (
        read([], 7, trial=(1, 0), following=CHARGED),
        Facts(S.TRIALING, CHARGED, CHARGED, CHARGED),
    ),
    "a paid month without its plan": (
        read([], 10, regular=1, paid=0, following=OCTOBER),
        Facts(S.ACTIVE, OCTOBER, None, OCTOBER),
    ),
    "a renewal that failed, without its plan": (
        read([], 31, regular=1, paid=0, failed=30, following=OCTOBER + 31 * DAY),
        Facts(S.PAST_DUE, OCTOBER + 31 * DAY, None, None, day(30)),
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_facts_of(case: str) -> None:
    found, expected = TABLE[case]
    told = Facts(
        found.status,
        found.current_period_end,
        found.trial_end,
        found.paid_through,
        found.payment_failed_at,
        found.cancel_at,
    )
    assert told == expected


@given(
    cycles=st.sampled_from([ZERO_TRIAL, FREE_TRIAL, PAID_TRIAL, FREE_THEN_PAID, []]),
    on=st.sampled_from([0, 1, 10, 14.5, 31, 92]),
    trial=st.sampled_from([(0, 1), (1, 0), (1, 1), (2, 0)]),
    regular=st.sampled_from([None, 0]),
    charged_in=st.sampled_from([0.5, 9, 30]),
    start=st.sampled_from([START, day(10)]),
)
def test_no_trial_that_goes_on_is_over(
    cycles: Any, on: float, trial: tuple[int, int], regular: int | None, charged_in: float, start: datetime
) -> None:
    found = read(cycles, on, trial=trial, regular=regular, following=day(on + charged_in), start=start)
    assert found.status is not S.TRIALING or found.trial_end is None or found.trial_end > day(on)
    assert found.paid_through is None or found.paid_through >= start


def test_what_has_ended_says_when() -> None:
    for case, (found, _) in TABLE.items():
        assert (found.ended_at is not None) == found.status.is_terminal, case
    assert TABLE["canceled in a paid month"][0].ended_at == day(10)


def test_a_subscription_that_nobody_agreed_to_has_no_trial() -> None:
    data = subscription(status="CANCELLED", plan=plan(*ZERO_TRIAL), billing_info=None, start_time=said(START))
    found = subscription_from(data, AGREED)
    assert (found.cancel_at, found.trial_end, found.paid_through) == (None, None, None)


def test_the_plan_and_the_last_failure_are_asked_for_with_the_subscription() -> None:
    world = furnished(World("async"))
    found = world.run(world.provider.get_subscription(SUB))
    assert found is not None
    assert found.plan_id == PLAN
    assert world.server.only("GET", f"{SUBS}/{SUB}").query == {"fields": "plan,last_failed_payment"}
