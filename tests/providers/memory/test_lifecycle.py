"""The life of a subscription: the table, and that nothing that can be done leads out of it."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from paylattice import EventType, InvoiceStatus, PaymentStatus, Subscription, SubscriptionStatus, WebhookEvent, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason
from paylattice.providers.memory.lifecycle import TABLE, Trigger, transition

from .support import START, Shop

STATUSES = set(SubscriptionStatus) - {SubscriptionStatus.UNKNOWN}
EDGES = {(row.start, row.end) for row in TABLE}

# --- the table ---------------------------------------------------------------------------------------------------


def test_every_status_can_be_reached() -> None:
    reached: set[SubscriptionStatus | None] = {None}
    while more := {row.end for row in TABLE if row.start in reached} - reached:
        reached |= more
    assert reached - {None} == STATUSES


def test_from_every_current_status_there_is_a_way_to_the_end() -> None:
    ended: set[SubscriptionStatus | None] = {status for status in STATUSES if status.is_terminal}
    while more := {row.start for row in TABLE if row.end in ended} - ended:
        ended |= more
    assert ended >= STATUSES


def test_no_row_leaves_a_terminal_status() -> None:
    assert not [row for row in TABLE if row.start is not None and row.start.is_terminal]


def test_no_status_has_two_rows_for_one_trigger() -> None:
    assert len({(row.start, row.trigger) for row in TABLE}) == len(TABLE)


def test_every_trigger_has_a_row() -> None:
    assert {row.trigger for row in TABLE} == set(Trigger)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.start}-{row.trigger}")
def test_an_event_that_names_a_status_names_the_one_it_leads_to(row: Any) -> None:
    assert not row.event.names_a_status or row.event == EventType.of_status(row.end)
    assert transition(row.start, row.trigger) is row


@pytest.mark.parametrize("start", [None, *sorted(STATUSES)])
@pytest.mark.parametrize("trigger", Trigger)
def test_what_has_no_row_is_a_conflict(start: SubscriptionStatus | None, trigger: Trigger) -> None:
    if any((row.start, row.trigger) == (start, trigger) for row in TABLE):
        return
    with pytest.raises(errors.Conflict) as caught:
        transition(start, trigger)
    assert str(start or "not there") in caught.value.message


# --- random lives ------------------------------------------------------------------------------------------------

plans = st.sampled_from(["pro", "team", "trial", "yearly", "weekly", "daily", "calls", "free"])
reasons = st.sampled_from([DeclineReason.INSUFFICIENT_FUNDS, DeclineReason.AUTHENTICATION_REQUIRED])


class Lives(RuleBasedStateMachine):
    """A few subscriptions to which anything happens in any order."""

    subscriptions = Bundle("subscriptions")
    delayed = Bundle("delayed")

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()
        self.seen = 0
        self.last: dict[str, Subscription] = {}
        self.ended_at: dict[str, Any] = {}
        self.changes: dict[str, int] = defaultdict(int)

    @initialize(
        retry_days=st.sampled_from([(), (1,), (2, 4), (3, 5, 7), (40,)]),
        cancel=st.booleans(),
        day=st.integers(0, 60),
    )
    def begin(self, retry_days: tuple[int, ...], cancel: bool, day: int) -> None:
        self.shop = Shop(START - timedelta(days=day), retry_days=retry_days, cancel_when_unpaid=cancel)

    def attempt(self, call: Any, *args: Any, **options: Any) -> None:
        """Do it; what is refused is refused with one of these, and changes nothing."""
        before = self.shop.provider.now, len(self.shop.provider._world.outbox), dict(self.last)
        try:
            call(*args, **options)
        except (errors.Conflict, errors.InvalidRequest):
            assert (self.shop.provider.now, len(self.shop.provider._world.outbox), dict(self.last)) == before

    @rule(target=subscriptions, plan=plans, quantity=st.integers(1, 9), trial=st.sampled_from([None, None, 0, 2, 20]))
    def subscribe(self, plan: str, quantity: int, trial: int | None) -> str:
        session = self.shop.checkout(plan, quantity=quantity, trial_days=trial)
        self.shop.provider.complete_checkout(session.id, declined=DeclineReason.ISSUER_DECLINED)
        done = self.shop.provider.complete_checkout(session.id)
        return done.subscription_id or self.shop.subscribe("free").id  # somebody had set a payment to fail

    @rule(target=delayed, plan=plans, quantity=st.integers(1, 9))
    def subscribe_with_delay(self, plan: str, quantity: int) -> tuple[str, str]:
        session = self.shop.checkout(plan, quantity=quantity)
        return session.id, self.shop.subscribed(session.id, delayed=True).id

    @rule(target=subscriptions, pair=consumes(delayed), succeeded=st.booleans())
    def settle(self, pair: tuple[str, str], succeeded: bool) -> str:
        self.attempt(self.shop.provider.settle_checkout, pair[0], succeeded=succeeded)
        return pair[1]

    @rule(target=subscriptions, pair=delayed)
    def do_something_to_one_that_waits(self, pair: tuple[str, str]) -> str:
        return pair[1]

    @rule(which=subscriptions, at_period_end=st.booleans())
    def cancel(self, which: str, at_period_end: bool) -> None:
        run(self.shop.provider.cancel_subscription(which, at_period_end=at_period_end))

    @rule(which=subscriptions, plan=plans, quantity=st.none() | st.integers(1, 9), prorate=st.booleans())
    def change_plan(self, which: str, plan: str, quantity: int | None, prorate: bool) -> None:
        change = self.shop.provider.change_subscription(which, plan_id=plan, quantity=quantity, prorate=prorate)
        self.attempt(run, change)

    @rule(which=subscriptions, quantity=st.integers(1, 9))
    def change_quantity(self, which: str, quantity: int) -> None:
        self.attempt(run, self.shop.provider.change_subscription(which, quantity=quantity))

    @rule(which=subscriptions)
    def pause(self, which: str) -> None:
        self.attempt(run, self.shop.provider.pause_subscription(which))

    @rule(which=subscriptions)
    def resume(self, which: str) -> None:
        run(self.shop.provider.resume_subscription(which))

    @rule(which=subscriptions, quantity=st.integers(0, 500))
    def use(self, which: str, quantity: int) -> None:
        item = self.last[which].items[0]
        self.attempt(run, self.shop.provider.create_usage_record(item.id, quantity))

    @rule(times=st.integers(1, 6), reason=reasons)
    def fail_payments(self, times: int, reason: DeclineReason) -> None:
        self.shop.provider.decline_next_payment(times=times, reason=reason)

    @rule(which=subscriptions, times=st.integers(1, 6), reason=reasons)
    def fail_payments_of_one(self, which: str, times: int, reason: DeclineReason) -> None:
        self.shop.provider.decline_next_payment(customer_id=self.last[which].customer_id, times=times, reason=reason)

    @rule(which=subscriptions, place=st.integers(0, 5))
    def pay_an_invoice(self, which: str, place: int) -> None:
        invoices = self.shop.invoices(self.last[which])
        if place < len(invoices):
            self.attempt(self.shop.provider.pay_hosted_invoice, invoices[-1 - place].id)

    @rule(succeeded=st.booleans(), place=st.integers(0, 3))
    def authenticate(self, succeeded: bool, place: int) -> None:
        asked = [event.payment for event in self.shop.told(EventType.PAYMENT_ACTION_REQUIRED) if event.payment]
        if place < len(asked):
            self.attempt(self.shop.provider.authenticate_payment, asked[-1 - place].id, succeeded=succeeded)

    @rule(which=subscriptions)
    def lose_the_card(self, which: str) -> None:
        for card in run(self.shop.provider.get_payment_methods(str(self.last[which].customer_id))):
            run(self.shop.provider.remove_payment_method(card.id))

    @rule(which=subscriptions)
    def delete_the_customer(self, which: str) -> None:
        run(self.shop.provider.delete_customer(str(self.last[which].customer_id)))

    @rule(days=st.sampled_from([0.1, 0.9, 1, 3, 7, 15, 30, 31, 45]))
    def let_days_pass(self, days: float) -> None:
        self.shop.provider.advance(days=days)

    @rule(months=st.integers(1, 3))
    def let_months_pass(self, months: int) -> None:
        self.shop.provider.advance(months=months)

    # --- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def what_was_told_is_a_life_along_the_table(self) -> None:
        self.listen()

    def listen(self) -> None:
        """Follow what was told since the last time."""
        outbox = self.shop.provider._world.outbox
        for event in outbox[self.seen :]:
            if event.subscription is not None:
                self.follow(event, event.subscription)
            if event.type == EventType.INVOICE_CREATED:
                assert event.subscription_id not in self.ended_at, "an invoice after the end"
        self.seen = len(outbox)

    def follow(self, event: WebhookEvent, told: Subscription) -> None:
        assert told.current_period_start is not None
        assert told.current_period_end is not None
        assert told.current_period_end > told.current_period_start
        before = self.last.get(told.id)
        assert told.id not in self.ended_at, "an event after the end"
        if before is None:
            assert (None, told.status) in EDGES
            assert told.version == 1
        elif told.version == before.version:
            assert event.type == EventType.SUBSCRIPTION_TRIAL_ENDING
            assert told == before
        else:
            assert told.version == (before.version or 0) + 1, "a change that no event has told"
            assert told.status == before.status or (before.status, told.status) in EDGES
        if told.status.is_terminal:
            self.ended_at[told.id] = event.created_at
            assert told.cancel_at == event.created_at
        self.last[told.id] = told

    @invariant()
    def what_is_read_is_what_was_told_last(self) -> None:
        self.listen()
        for subscription_id, told in self.last.items():
            assert run(self.shop.provider.get_subscription(subscription_id)) == told

    @invariant()
    def invoices_agree_with_the_status(self) -> None:
        self.listen()
        for told in self.last.values():
            statuses = {invoice.status for invoice in self.shop.invoices(told)}
            if told.status.is_terminal:
                assert InvoiceStatus.OPEN not in statuses
            if told.status.grants_access or told.status is SubscriptionStatus.PAUSED:
                assert statuses <= {InvoiceStatus.PAID}
            if told.status in {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID, SubscriptionStatus.INCOMPLETE}:
                assert InvoiceStatus.OPEN in statuses

    @invariant()
    def payments_add_up_to_the_invoices_that_are_paid(self) -> None:
        world = self.shop.provider._world
        paid = [each for each in world.store.invoices.values() if each.status is InvoiceStatus.PAID]
        taken = [each for each in world.store.payments.values() if each.status is PaymentStatus.SUCCEEDED]
        assert sum(each.amount.amount for each in paid) == sum(each.amount.amount for each in taken)
        assert all(each.amount.amount >= 0 for each in world.store.invoices.values())
        assert all(each.amount_paid == each.amount for each in paid)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
