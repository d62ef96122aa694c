"""Subscriptions move from one provider to another: no day unpaid, none paid twice, and all can be taken back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from paylattice import BillingMigration, MigrationStep, SubscriptionStatus, errors
from paylattice.migration import Consent, Migration, MigrationReason, Verdict
from tests.billing.support import all_of

from .moving import Moving
from .support import USD, MemoryShop, PayPalShop, Shop, SquareShop, StripeShop

DIRECTIONS = [
    (StripeShop, PayPalShop),
    (SquareShop, PayPalShop),
    (MemoryShop, PayPalShop),
    (SquareShop, StripeShop),
    (MemoryShop, StripeShop),
    (StripeShop, MemoryShop),
    (SquareShop, MemoryShop),
]
S = MigrationStep


def named(pair: Any) -> str:
    return getattr(pair, "name", str(pair))


@pytest.mark.parametrize(("source", "target"), DIRECTIONS, ids=named)
def test_a_subscription_moves_without_a_day_unpaid_or_paid_twice(source: type[Shop], target: type[Shop]) -> None:
    async def story() -> None:
        world = Moving(source, target)
        await world.adopted()
        [line] = [each async for each in world.migration.preview()]
        assert (line.verdict, line.reason) == (Verdict.MOVES, None)
        assert all_of(world.repository, BillingMigration) == []
        await world.migration.run()
        assert world.step() is S.WAITING
        await world.consent()
        await world.migration.carry_on()
        assert world.step() is S.ENDING
        for _ in range(40):
            world.pass_days(1)
            await world.deliver()
            await world.migration.carry_on()
            assert (await world.billing.access("org")).allowed
        assert world.step() is S.DONE
        assert world.events == ["consent_needed", "consented", "completed"]
        where = [name for _, name in await world.paid()]
        assert where == [source.name, target.name]
        await world.check_money()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (PayPalShop, StripeShop, "at once, and for good"),
        (StripeShop, SquareShop, "charge at once"),
        (PayPalShop, SquareShop, "at once, and for good"),
        (MemoryShop, SquareShop, "charge at once"),
    ],
    ids=named,
)
def test_what_cannot_move_safely_is_refused_with_the_reason(source: type[Shop], target: type[Shop], why: str) -> None:
    with pytest.raises(errors.UnsupportedOperation, match=why) as caught:
        Moving(source, target)
    assert caught.value.alternative


def test_a_dry_run_says_who_stays_and_who_moves_later() -> None:
    async def story() -> None:
        world = Moving(StripeShop, PayPalShop, plans={"pro": "pro", "team": "big"})
        world.controls(world.target).add_plan("big", USD + USD)
        orgs = ("fine", "ending", "paused", "other", "twice", "there")
        ids = {org: await world.adopted(org) for org in orgs}
        provider = world.source.provider
        await world.billing.cancel("ending")
        await world.billing.pause("paused")
        await world.billing.change_plan("other", "team", prorate=False)
        customer = (await provider.get_subscription(ids["twice"])).customer_id  # type: ignore[union-attr]  # it exists
        world.controls(world.source).add_subscription(customer, "pro")
        await world.billing.sync_subscription("twice")
        opened = await world.billing.start_checkout(
            "there",
            "pro",
            email="a@example.com",
            success_url="https://app.test",
            cancel_url="https://app.test",
            provider_name="paypal",
            allow_second=True,
        )
        world.controls(world.target).complete_checkout(opened.id)
        await world.billing.confirm_return(opened.id)
        lines = {line.org_id: (line.verdict, line.reason) async for line in world.migration.preview()}
        assert lines == {
            "fine": (Verdict.MOVES, None),
            "ending": (Verdict.STAYS, MigrationReason.ENDS_ALREADY),
            "paused": (Verdict.LATER, MigrationReason.IS_PAUSED),
            "other": (Verdict.STAYS, MigrationReason.OTHER_PRICE),
            "twice": (Verdict.STAYS, MigrationReason.SEVERAL_SUBSCRIPTIONS),
            "there": (Verdict.STAYS, MigrationReason.IS_AT_TARGET),
        }
        world.pass_days(28)
        await world.deliver()
        [line] = [each async for each in world.migration.preview(["fine"])]
        assert (line.verdict, line.reason) == (Verdict.LATER, MigrationReason.RENEWS_SOON)
        assert all_of(world.repository, BillingMigration) == []
        await world.migration.run(["paused"])
        assert world.step("paused") is S.PLANNED
        await world.billing.resume("paused")
        for _ in range(6):
            world.pass_days(1)
            await world.deliver()
        await world.migration.carry_on()
        assert world.step("paused") is S.WAITING

    asyncio.run(story())


@pytest.mark.parametrize("target", [PayPalShop, MemoryShop], ids=named)
def test_a_customer_who_never_agrees_stays(target: type[Shop]) -> None:
    async def story() -> None:
        consent = Consent(return_url="https://app.test", expires_after=timedelta(days=40))
        world = Moving(StripeShop, target, method=consent)
        source_id = await world.adopted()
        await world.migration.run()
        for _ in range(80):
            world.pass_days(1)
            await world.deliver()
            await world.migration.carry_on()
        assert (world.step(), world.reason()) == (S.FAILED, "no_consent")
        assert world.events.count("consent_needed") >= 5  # the first page, reminders, and the page of the next period
        assert world.events[-1] == "failed"
        stored = await world.billing.subscription("org", source_id)
        assert stored is not None
        assert (stored.status, stored.cancel_at) == (SubscriptionStatus.ACTIVE, None)
        assert [name for _, name in await world.paid()] == ["stripe"] * 3

    asyncio.run(story())


def test_consent_on_a_page_of_the_last_period_is_taken_back_with_its_money() -> None:
    async def story() -> None:
        world = Moving(StripeShop, PayPalShop)
        await world.adopted()
        await world.migration.run()
        page = (await world.migration.consent_page("org")).id
        world.pass_days(31)  # no worker ran: the page is open still, and the source has renewed
        await world.consent(page=page)
        await world.deliver()
        for _ in range(3):
            await world.migration.carry_on()
            await world.deliver()
        assert world.step() is S.WAITING  # with a page that begins at the end of the new period
        await world.check_money()
        assert [name for _, name in await world.paid()] == ["stripe", "stripe"]
        await world.consent()
        for _ in range(35):
            world.pass_days(1)
            await world.deliver()
            await world.migration.carry_on()
        assert world.step() is S.DONE
        assert [name for _, name in await world.paid()] == ["stripe", "stripe", "paypal"]
        await world.check_money()

    asyncio.run(story())


@pytest.mark.parametrize("days", [0, 29])
def test_everything_can_be_taken_back_before_the_source_has_ended(days: int) -> None:
    async def story() -> None:
        world = Moving(StripeShop, PayPalShop)
        source_id = await world.adopted()
        await world.migration.run()
        await world.consent()
        await world.migration.carry_on()
        world.pass_days(days)
        assert (await world.migration.abort("org")).step is S.ABORTED
        for _ in range(40):
            world.pass_days(1)
            await world.deliver()
            await world.migration.carry_on()
        stored = await world.billing.subscription("org", source_id)
        assert stored is not None
        assert (stored.status, stored.cancel_at) == (SubscriptionStatus.ACTIVE, None)
        assert {name for _, name in await world.paid()} == {"stripe"}
        primary = await world.billing.subscription("org")
        assert primary is not None
        assert primary.external_subscription_id == source_id
        with pytest.raises(errors.Conflict):
            await world.migration.abort("org")
        await world.migration.run()
        assert world.step() is S.ABORTED  # nobody who was taken back begins again by itself
        await world.migration.run(again=True)
        assert world.step() is S.WAITING

    asyncio.run(story())


def test_a_page_that_paypal_does_not_close_is_watched_after_an_abort() -> None:
    async def story() -> None:
        world = Moving(StripeShop, PayPalShop)
        await world.adopted()
        await world.migration.run()
        page = (await world.migration.consent_page("org")).id
        assert (await world.migration.abort("org")).step is S.RETURNING
        world.pass_days(5)
        await world.consent(page=page)
        await world.migration.carry_on()
        world.pass_days(40)
        await world.deliver()
        await world.migration.carry_on()
        assert world.step() is S.ABORTED
        assert {name for _, name in await world.paid()} == {"stripe"}

    asyncio.run(story())


def test_after_the_source_has_ended_nothing_is_taken_back() -> None:
    async def story() -> None:
        world = Moving(StripeShop, PayPalShop)
        await world.adopted()
        await world.migration.run()
        await world.consent()
        await world.migration.carry_on()
        world.pass_days(31)
        await world.deliver()
        with pytest.raises(errors.Conflict, match="has ended"):
            await world.migration.abort("org")
        assert world.step() is S.DONE

    asyncio.run(story())


def test_a_first_payment_that_fails_is_told_and_a_later_one_completes_it() -> None:
    async def story() -> None:
        world = Moving(StripeShop, MemoryShop)
        await world.adopted()
        await world.migration.run()
        await world.consent()
        await world.migration.carry_on()
        world.controls(world.target).decline_next_payment()
        world.pass_days(30.5)
        await world.deliver()
        await world.migration.carry_on()
        await world.migration.carry_on()
        assert (world.step(), world.reason()) == (S.ENDING, "first_payment_failed")
        assert world.events == ["consent_needed", "consented", "failed"]
        target = next(each for each in await world.billing.subscriptions("org") if each.provider == "memory")
        world.controls(world.target).pay_outstanding(target.external_subscription_id)
        await world.deliver()
        await world.migration.carry_on()
        assert (world.step(), world.events[-1]) == (S.DONE, "completed")

    asyncio.run(story())


def test_a_customer_who_cancels_on_either_side_is_heard() -> None:
    async def story() -> None:
        world = Moving(StripeShop, MemoryShop)
        ids = {org: await world.adopted(org) for org in ("leaves", "changes_mind", "stays")}
        await world.migration.run()
        await world.billing.cancel("leaves")
        for org in ("changes_mind", "stays"):
            await world.consent(org)
        await world.migration.carry_on()
        assert (world.step("leaves"), world.reason("leaves")) == (S.FAILED, "ends_already")
        subscriptions = await world.billing.subscriptions("changes_mind")
        new = next(each for each in subscriptions if each.provider == "memory")
        await world.target.provider.cancel_subscription(new.external_subscription_id)
        await world.source.provider.uncancel_subscription(ids["stays"])
        await world.migration.carry_on()
        await world.migration.carry_on()
        assert (world.step("changes_mind"), world.reason("changes_mind")) == (S.FAILED, "canceled_at_target")
        assert (world.step("stays"), world.reason("stays")) == (S.FAILED, "end_taken_back")
        for _ in range(40):
            world.pass_days(1)
            await world.deliver()
        for org in ("changes_mind", "stays"):
            assert {name for _, name in await world.paid(org)} == {"stripe"}
            assert (await world.billing.access(org)).allowed
        assert not (await world.billing.access("leaves")).allowed

    asyncio.run(story())


def test_a_page_that_was_agreed_to_is_followed_by_no_second_one() -> None:
    async def story() -> None:
        world = Moving(StripeShop, MemoryShop)
        await world.adopted()
        await world.migration.run()
        await world.consent()  # no delivery has come, and no worker ran
        with pytest.raises(errors.NotFound):
            await world.migration.consent_page("org")
        assert world.step() is S.ENDING

    asyncio.run(story())


def test_maintain_carries_it_on_and_the_report_counts() -> None:
    async def story() -> None:
        world = Moving(StripeShop, MemoryShop)
        for org in ("a", "b"):
            await world.adopted(org)
        await world.migration.run(limit_per_minute=100_000)
        await world.consent("a")
        await world.billing.maintain()
        report = await world.migration.report()
        assert report.steps == {S.WAITING: 1, S.ENDING: 1}
        assert not report.is_over
        assert report.as_text() == "1 waiting\n1 ending"
        with pytest.raises(errors.NotFound):
            await world.migration.consent_page("a")
        assert (await world.migration.status("b")).step is S.WAITING  # type: ignore[union-attr]  # it is there
        assert await world.migration.status("nobody") is None

    asyncio.run(story())


def test_wrong_arguments_are_refused_at_once() -> None:
    world = Moving(StripeShop, MemoryShop)
    consent = Consent(return_url="https://app.test")
    for wrong in ({"target": "stripe"}, {"source": "acme"}):
        with pytest.raises(errors.ConfigurationError):
            Migration(
                world.billing, **{"source": "stripe", "target": "memory", "plans": {}, "method": consent, **wrong}
            )  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(errors.ConfigurationError, match="there is no event"):
        world.migration.on("migration.began")
