"""Money is conserved: what is paid is what the prices say, over any history of changes."""

from datetime import datetime
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import EventType, Subscription, SubscriptionStatus
from paylattice.driving import run

from .support import Shop, usd

PRICES = {"pro": 3000, "team": 9000, "yearly": 30_000, "weekly": 700, "daily": 100, "odd": 997}

plans = st.sampled_from(sorted(PRICES))
changes = st.tuples(
    st.integers(0, 24 * 50), st.sampled_from(["plan", "quantity", "both", "time"]), plans, st.integers(1, 9)
)


class Meter:
    """What a subscription's time is worth, by the second and exactly."""

    def __init__(self, shop: Shop, made: Subscription) -> None:
        self.shop, self.made, self.owed = shop, made, Fraction(0)

    def advance(self, hours: int) -> None:
        """Let time pass, never over the end of a period in one step."""
        target = self.shop.provider.now.timestamp() + hours * 3600
        while (now := self.shop.provider.now.timestamp()) < target:
            current = self.shop.now(self.made)
            start, end = _seconds(current.current_period_start), _seconds(current.current_period_end)
            step = min(target, end) - now
            self.owed += Fraction(step) / Fraction(end - start) * self.price(current)
            self.shop.provider.advance(hours=step / 3600)

    @staticmethod
    def price(current: Subscription) -> int:
        if current.status is not SubscriptionStatus.ACTIVE:
            return 0
        return PRICES[str(current.plan_id)] * (current.quantity or 0)

    def to_the_end(self) -> None:
        """Live on until every credit is used up, and end with the period."""
        self.one_period()
        while self.shop.invoices(self.made)[-1].amount.amount == 0:
            self.one_period()
        run(self.shop.provider.cancel_subscription(self.made.id, at_period_end=True))
        self.one_period()
        assert self.shop.now(self.made).status == "canceled"

    def one_period(self) -> None:
        left = _seconds(self.shop.now(self.made).current_period_end) - self.shop.provider.now.timestamp()
        self.advance(round(left / 3600))


def _seconds(moment: datetime | None) -> int:
    assert moment is not None
    return int(moment.timestamp())


def change(shop: Shop, made: Subscription, kind: str, plan: str, quantity: int) -> int:
    """Change the subscription; how many times something was rounded."""
    wanted: dict[str, Any] = {"plan_id": plan} if kind == "plan" else {"quantity": quantity}
    if kind == "both":
        wanted = {"plan_id": plan, "quantity": quantity}
    current = shop.now(made)
    same = wanted.get("plan_id", current.plan_id) == current.plan_id
    if same and wanted.get("quantity", current.quantity) == current.quantity:
        return 0
    shop.change(made, **wanted)
    return 2


@settings(max_examples=150, deadline=None)
@given(plans, st.integers(1, 9), st.sampled_from([None, 10]), st.lists(changes, max_size=8))
def test_what_is_paid_is_what_the_time_is_worth(
    plan: str, quantity: int, trial: int | None, history: list[tuple[int, str, str, int]]
) -> None:
    shop = Shop()
    shop.provider.add_plan("odd", usd(997))
    made = shop.subscribe(plan, quantity=quantity, trial_days=trial)
    meter, rounded = Meter(shop, made), 0
    for hours, kind, other, seats in history:
        meter.advance(hours)
        if kind != "time":
            rounded += change(shop, made, kind, other, seats)
    if trial:
        meter.advance(24 * 10)
    meter.to_the_end()
    invoices = shop.invoices(made)
    assert all(invoice.status == "paid" for invoice in invoices)
    assert abs(sum(shop.amounts(made)) - meter.owed) <= rounded
    payments = [event.payment.amount.amount for event in shop.told(EventType.PAYMENT_SUCCEEDED) if event.payment]
    assert sorted(payments) == sorted(amount for amount in shop.amounts(made) if amount)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 24 * 40), st.integers(0, 5000), st.booleans()), max_size=8),
    st.booleans(),
)
def test_all_usage_is_paid_at_the_price_it_had(history: list[tuple[int, int, bool]], trial: bool) -> None:
    shop = Shop()
    shop.provider.add_plan("dear", usd(7), metered=True, interval="week")
    made = shop.subscribe("calls", trial_days=10 if trial else None)
    owed = 0
    for hours, quantity, switch in history:
        shop.provider.advance(hours=hours)
        current = shop.now(made)
        if switch:
            current = shop.change(made, plan_id="dear" if current.plan_id == "calls" else "calls")
        shop.use(made, quantity)
        if current.status is SubscriptionStatus.ACTIVE:
            owed += quantity * (2 if current.plan_id == "calls" else 7)
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(months=2)
    assert shop.now(made).status == "canceled"
    assert sum(shop.amounts(made)) == owed


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 24 * 20), st.integers(0, 4), st.booleans()), max_size=10),
    st.sampled_from([(), (1,), (3, 5, 7)]),
)
def test_who_pays_late_pays_no_more_than_the_time_is_worth_and_for_all_time_with_access(
    history: list[tuple[int, int, bool]], retry_days: tuple[int, ...]
) -> None:
    """Time without access is not billed; an invoice that was billed before is paid in full in the end."""
    shop = Shop(retry_days=retry_days)
    made = shop.subscribe("weekly")
    access = whole = Fraction(0)
    for hours, failures, pays in [*history, (0, 0, True)]:
        shop.provider.decline_next_payment(times=failures)
        for _ in range(hours):
            current = shop.now(made)
            worth = Fraction(700, 7 * 24)
            whole += worth
            access += worth if current.status.grants_access else 0
            shop.provider.advance(hours=1)
        if pays:
            shop.provider._world._failures.clear()
            for invoice in shop.invoices(made):
                if invoice.status == "open":
                    shop.provider.pay_hosted_invoice(invoice.id)
            assert shop.now(made).status == "active"
    current = shop.now(made)
    rest = Fraction(_seconds(current.current_period_end) - int(shop.provider.now.timestamp())) * Fraction(
        700, 7 * 24 * 3600
    )
    shop.cancel(made, at_period_end=True)
    shop.provider.advance(days=8)
    assert shop.now(made).status == "canceled"
    rounded = len(history) + 1
    assert access + rest - rounded <= sum(shop.amounts(made)) <= whole + rest
