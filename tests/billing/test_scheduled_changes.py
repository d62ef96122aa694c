"""A change of plan with the next period: it is stored, it comes, it is taken back, and what was asked for last counts."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingService,
    Capability,
    InMemoryRepository,
    Money,
    ScheduledChange,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
    errors,
)
from paylattice.billing.commands import CancelScheduledChange, ChangeSubscription
from paylattice.models import ChangePayment, ChangeTime
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport, RetryPolicy
from tests.testing.standins.paypal.support import PayPalShop

from .operation_log_support import NOBODY_WAITS, record_of
from .scheduler import Pause, run
from .support import NOW, PAGES, World
from .test_access_at_providers import Desk
from .test_operation_log_clocks import Rivals, Shop

SCHEDULES = "/v1/subscription_schedules"


async def bought(world: World) -> None:
    await world.subscribe(plan_id="team")
    await world.deliver()


def test_a_downgrade_begins_when_the_paid_month_is_over() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        world.provider.advance(days=5)
        change = await world.billing.change_plan("org", "pro", when="period_end")
        assert not change.is_pending
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        end = stored.current_period_end
        assert (stored.plan_id, stored.scheduled_change) == ("team", ScheduledChange("change_plan", end, "pro", 1))
        world.provider.advance(months=1)
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.scheduled_change) == ("pro", None)

    asyncio.run(main())


def test_it_is_taken_back_and_the_same_key_takes_no_later_one_back() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        await world.billing.change_plan("org", "pro", when="period_end", idempotency_key="down")
        kept = await world.billing.cancel_scheduled_change("org", idempotency_key="back")
        assert kept.scheduled_change is None
        repeated = await world.billing.change_plan("org", "pro", when="period_end", idempotency_key="down")
        assert repeated.subscription.scheduled_changes == ()
        await world.billing.change_plan("org", "pro", quantity=2, when="period_end")
        again = await world.billing.cancel_scheduled_change("org", idempotency_key="back")
        assert again.scheduled_change == ScheduledChange("change_plan", again.current_period_end, "pro", 2)

    asyncio.run(main())


def test_a_change_now_is_made_now_although_the_same_is_scheduled() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        await world.billing.change_plan("org", "pro", when="period_end")
        await world.billing.change_plan("org", "pro")
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.scheduled_change) == ("pro", None)

    asyncio.run(main())


def test_a_cancellation_drops_it_and_taking_that_back_does_not_bring_it_back() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        await world.billing.change_plan("org", "pro", when="period_end")
        ending = await world.billing.cancel("org")
        assert (ending.cancel_at, ending.scheduled_change) == (ending.current_period_end, None)
        kept = await world.billing.uncancel("org")
        world.provider.advance(months=1)
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (kept.scheduled_change, stored.plan_id) == (None, "team")

    asyncio.run(main())


def test_what_the_payer_agreed_to_at_paypal_is_not_said_to_be_taken_back() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        shop.plan("P-PRO", product="PRODUCT")
        shop.plan("P-BASIC", "9.00", product="PRODUCT")
        desk = Desk(shop.provider, shop.server)
        page = await desk.billing.start_checkout("org", "P-PRO", email="ada@example.com", **PAGES)
        shop.server.complete_checkout(page.id)
        await desk.deliver()
        await desk.billing.change_plan("org", "P-BASIC")
        shop.server.approve_change(page.id)
        await desk.deliver()
        for _ in range(2):
            with pytest.raises(errors.UnsupportedOperation, match="Change back with change_subscription"):
                await desk.billing.cancel_scheduled_change("org", idempotency_key="back")

    asyncio.run(main())


def test_of_several_it_means_the_one_with_a_scheduled_change() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        second = await world.subscribe(allow_second=True, plan_id="pro")
        await world.deliver()
        await world.billing.change_plan("org", "team", subscription_id=second.id, when="period_end")
        kept = await world.billing.cancel_scheduled_change("org")
        assert (kept.external_subscription_id, kept.scheduled_change) == (second.id, None)

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("changes_again", [False, True])
def test_one_whose_answer_was_lost_does_not_come_back(*, after_effect: bool, changes_again: bool) -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        with suppress(errors.OutcomeUnknown, errors.NetworkError):
            world.provider.time_out_next_call(after_effect=after_effect)
            await world.billing.change_plan("org", "pro", when="period_end", idempotency_key="down")
        if changes_again:
            await world.billing.change_plan("org", "pro", quantity=7, when="period_end", idempotency_key="again")
        else:
            await world.billing.cancel_scheduled_change("org", idempotency_key="back")
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        await world.billing.recover_open(older_than=timedelta(0))
        scheduled = record_of(world).scheduled
        assert (None if scheduled is None else scheduled.quantity) == (7 if changes_again else None)

    asyncio.run(main())


def test_a_done_change_that_waits_for_the_payer_says_so_again() -> None:
    async def main() -> None:
        world = World()
        await bought(world)
        world.provider.advance(days=10)
        world.provider.require_authentication()
        first = await world.billing.change_plan("org", quantity=2, payment="first", idempotency_key="more")
        again = await world.billing.change_plan("org", quantity=2, payment="first", idempotency_key="more")
        assert (first.is_pending, again.is_pending, again.approval_url) == (True, True, first.approval_url)
        assert record_of(world).quantity == 1
        world.provider.authenticate_payment(str(first.approval_url).rpartition("/")[2])
        after = await world.billing.change_plan("org", quantity=2, payment="first", idempotency_key="more")
        assert (after.is_pending, after.subscription.quantity) == (False, 2)

    asyncio.run(main())


# --- at providers with a wire --------------------------------------------------------------------------------------


async def no_wait(_seconds: float) -> None:
    pass


def wire(stand_in: Any) -> AsyncTransport:
    return AsyncTransport(transport=stand_in.transport(), sleep=no_wait, retry=RetryPolicy(attempts=1))


async def sold_at_stripe(source: StripeStandIn) -> BillingService[Any]:
    """Billing with an organisation on a yearly plan."""
    source.add_plan("team", Money(49000, "USD"), interval="year")
    source.add_plan("pro", Money(19000, "USD"), interval="year")
    config = StripeConfig(secret_key=source.secret_key, webhook_secret=source.webhook_secret)
    provider = StripeProvider(config, transport=wire(source), clock=lambda: source.now)
    billing = BillingService(provider, InMemoryRepository(), clock=lambda: source.now)
    page = await billing.start_checkout("org", "team", email="ada@example.com", **PAGES)
    source.complete_checkout(page.id)
    await billing.confirm_return(page.id)
    return billing


def lose(source: StripeStandIn, path: str, *, after_effect: bool) -> None:
    """Let the next write there have its effect, or none, and no answer that says so."""
    if after_effect:
        source.faults.lose_next_answer(path=path)
    else:
        source.faults.answer_next(500, path=path)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=46)])
@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("step", ["made", "planned"])
def test_at_stripe_it_is_planned_once_whatever_gets_lost_and_is_forgotten(
    step: str, after_effect: bool, later: timedelta
) -> None:
    async def main() -> None:
        source = StripeStandIn(now=NOW)
        billing = await sold_at_stripe(source)
        lose(source, SCHEDULES if step == "made" else f"{SCHEDULES}/", after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await billing.change_plan("org", "pro", when="period_end", idempotency_key="down")
        source.advance(days=later.days)
        for _ in range(2):
            change = await billing.change_plan("org", "pro", when="period_end", idempotency_key="down")
            assert [each.plan_id for each in change.subscription.scheduled_changes] == ["pro"]
        assert source.count("subscription_schedule") == 1
        taken = source.money_taken()
        source.advance(days=366)
        stored = await billing.sync_subscription("org")
        assert stored is not None
        assert (stored.plan_id, source.money_taken() - taken) == ("pro", 19000)

    asyncio.run(main())


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=46)])
@pytest.mark.parametrize("after_effect", [False, True])
def test_at_stripe_it_is_taken_back_whatever_gets_lost_and_is_forgotten(after_effect: bool, later: timedelta) -> None:
    async def main() -> None:
        source = StripeStandIn(now=NOW)
        billing = await sold_at_stripe(source)
        await billing.change_plan("org", "pro", when="period_end")
        (schedule,) = source.objects("subscription_schedule")
        lose(source, f"{SCHEDULES}/{schedule['id']}/release", after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await billing.cancel_scheduled_change("org", idempotency_key="back")
        source.advance(days=later.days)
        for _ in range(2):
            kept = await billing.cancel_scheduled_change("org", idempotency_key="back")
            assert kept.scheduled_change is None
        source.advance(days=366)
        stored = await billing.sync_subscription("org")
        assert stored is not None
        assert stored.plan_id == "team"

    asyncio.run(main())


class Kiosk(Shop):
    """Schedules changes of its one subscription, and takes them back, each after a while; a key has one effect."""

    name = "shop"
    capabilities = frozenset(
        {
            Capability.SUBSCRIPTIONS,
            Capability.CHANGE_SUBSCRIPTION,
            Capability.CHANGE_AT_PERIOD_END,
            Capability.CANCEL_SCHEDULED_CHANGE,
        }
    )
    planned: str | None = None

    def there(self) -> Subscription:
        changes = () if self.planned is None else (ScheduledChange("change_plan", NOW, self.planned),)
        return Subscription(
            id="sub", customer_id="cus", status=SubscriptionStatus.ACTIVE, plan_id="team", scheduled_changes=changes
        )

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause()
        return self.there()

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        return SubscriptionChange(await self._set(str(idempotency_key), plan_id))

    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        return await self._set(str(idempotency_key), None)

    async def _set(self, key: str, plan_id: str | None) -> Subscription:
        await Pause()
        if key not in self.answers:
            self.planned = plan_id
            self.answers[key] = self.there()
            self.sent.append(key)
        await Pause()
        return self.answers[key]


class Minds(Rivals):
    """One worker schedules a change, the other takes it back, at once."""

    ASKED: ClassVar[dict[str, Any]] = {
        "a": ChangeSubscription(subscription_id="sub", plan_id="pro", when="period_end"),
        "b": CancelScheduledChange(subscription_id="sub"),
    }

    def __init__(self, first: str, planned: str | None) -> None:
        super().__init__({})
        self.kiosk = Kiosk()
        self.kiosk.planned = planned
        self.provider = self.kiosk
        self.tasks = [self.ask(key) for key in (first, *(self.ASKED.keys() - {first}))]

    async def ask(self, key: str) -> None:
        try:
            await self.log.run(self.provider, self.ASKED[key], "org", key)
        except errors.Conflict:
            self.refused.add(key)

    def check(self) -> None:
        run([self.recover()], [])
        newest = self.lines()[-1]
        assert (self.kiosk.planned is None) == (newest.operation == "cancel_scheduled_change"), self.kiosk.sent


@settings(max_examples=150, deadline=None)
@given(st.sampled_from("ab"), st.sampled_from([None, "pro"]), st.lists(st.integers(0, 1), max_size=60))
def test_of_scheduling_and_taking_back_at_once_the_one_that_was_asked_for_last_counts(
    first: str, planned: str | None, schedule: list[int]
) -> None:
    minds = Minds(first, planned)
    run(minds.tasks, schedule)
    minds.check()


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_change_that_was_made_is_not_made_again_because_its_schedule_could_not_be_released(status: int) -> None:
    async def main() -> None:
        source = StripeStandIn(now=NOW)
        billing = await sold_at_stripe(source)
        await billing.change_plan("org", "pro", when="period_end")
        (schedule,) = source.objects("subscription_schedule")
        refused = {"error": {"type": "invalid_request_error", "message": "not now"}}
        for _ in range(3):
            source.faults.answer_next(status, refused, path=f"{SCHEDULES}/{schedule['id']}/release", times=4)
            with pytest.raises(errors.OutcomeUnknown, match="could not be released"):
                await billing.add_quantity("org", 1, idempotency_key="invite-1")
            source.faults.clear()
        await billing.add_quantity("org", 1, idempotency_key="invite-1")
        (subscription,) = source.objects("subscription")
        items: Any = subscription["items"]
        assert items["data"][0]["quantity"] == 2
        assert [each["status"] for each in source.objects("subscription_schedule")] == ["released"]
        stored = await billing.sync_subscription("org")
        assert stored is not None
        assert stored.quantity == 2

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_what_is_owed_is_collected_once_whatever_is_changed_meanwhile(after_effect: bool) -> None:
    async def main() -> None:
        source = StripeStandIn(now=NOW)
        billing = await sold_at_stripe(source)
        source.decline_next_payment("card_declined")
        source.advance(days=366)
        await billing.sync_subscription("org")
        (owed,) = (each for each in source.objects("invoice") if each["status"] == "open")
        lose(source, f"/v1/invoices/{owed['id']}/pay", after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await billing.bill_outstanding("org", idempotency_key="owed")
        await billing.change_plan("org", "pro", when="now", idempotency_key="up")
        assert (await billing.bill_outstanding("org", idempotency_key="owed")).status == "active"
        assert source.money_taken() == 2 * 49000

    asyncio.run(main())
