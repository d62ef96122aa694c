"""Whatever happens, in whatever order, and wherever the process dies: no day is paid twice, and what was paid grants access."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import MigrationStep, SubscriptionStatus, errors

from .moving import Killed, Moving
from .support import NOW, MemoryShop, PayPalShop, Shop, SquareShop, StripeShop

DIRECTIONS = [
    (StripeShop, PayPalShop),
    (SquareShop, PayPalShop),
    (MemoryShop, StripeShop),
    (StripeShop, MemoryShop),
]


A_PAGE_LASTS = timedelta(days=30)
"""By then PayPal has closed a page that nobody agreed to; its stand-in leaves it open."""


class Act(StrEnum):
    """What happens on a day."""

    WORK = "deliveries come, and the worker runs"
    IDLE = "nothing runs"
    WORK_ONLY = "the worker runs, and no delivery comes"
    CONSENT = "the customer agrees on the page of now"
    OLD_CONSENT = "the customer agrees on the first page"
    ABORT = "the application takes it back"
    LEAVE = "the customer cancels at the source"
    STAY = "the customer takes back the end at the source"
    LEAVE_TARGET = "the customer cancels at the target"
    DECLINE = "the bank declines the next payment at the target"


Day = tuple[Act, int | None, bool]
"""What happens, and after how many writes the process dies, before or after the effect."""


class Life:
    """One organisation's."""

    def __init__(self, source: type[Shop], target: type[Shop]) -> None:
        self.world = Moving(source, target)
        self.source_id = ""
        self.first_page: str | None = None

    async def live(self, days: list[Day]) -> None:
        world = self.world
        self.source_id = await world.adopted()
        await world.migration.run()
        self.first_page = (await world.migration.consent_page("org")).id
        for act, dies_in, after in days:
            world.pass_days(2.5)
            await self.happens(act)
            world.repository.dies_in, world.repository.after_effect = dies_in, after
            try:
                await self.works(act)
            except Killed:
                world.restarted()
            world.repository.dies_in = None
            await world.check_money_so_far()
        for _ in range(16):  # the process lives, and the worker runs
            world.pass_days(2.5)
            await self.works(Act.WORK)
        await self.check()

    async def happens(self, act: Act) -> None:
        world = self.world
        try:
            if act is Act.CONSENT:
                await world.consent()
            elif act is Act.OLD_CONSENT and world.source.now - NOW < A_PAGE_LASTS:
                await world.consent(page=self.first_page)
            elif act is Act.ABORT:
                await world.migration.abort("org")
            elif act is Act.LEAVE:
                await world.source.provider.cancel_subscription(self.source_id, at_period_end=True)
            elif act is Act.STAY:
                await world.source.provider.uncancel_subscription(self.source_id)
            elif act is Act.LEAVE_TARGET:
                for each in await world.billing.subscriptions("org"):
                    if each.provider == world.target.name and each.status.is_current:
                        await world.target.provider.cancel_subscription(each.external_subscription_id)
            elif act is Act.DECLINE:
                world.controls(world.target).decline_next_payment()
        except (errors.PaymentError, ValueError, LookupError):
            pass  # it cannot happen now: there is no page, or it has ended

    async def works(self, act: Act) -> None:
        if act is Act.IDLE:
            return
        if act is not Act.WORK_ONLY:
            await self.world.deliver()
        with suppress(errors.ProviderUnavailable):
            await self.world.migration.carry_on()

    async def check(self) -> None:
        world = self.world
        await world.check_money()
        step = world.step()
        current = [each for each in await world.billing.subscriptions("org") if each.status.is_current]
        goes_on = [each for each in current if each.cancel_at is None and each.status is not SubscriptionStatus.UNPAID]
        assert len(goes_on) <= 1, f"two go on: {step} {goes_on}"
        if step is MigrationStep.DONE:
            assert all(each.provider == world.target.name for each in current)
        if step is MigrationStep.ABORTED:
            assert all(each.provider == world.source.name for each in goes_on)
        now = world.source.now
        for when, where in await world.paid():
            if when <= now < when + timedelta(days=28):
                assert (await world.billing.access("org")).allowed, f"paid at {where} on {when}, and no access"


acts = st.sampled_from([*Act, Act.WORK, Act.WORK, Act.CONSENT])
days = st.lists(st.tuples(acts, st.none() | st.integers(0, 12), st.booleans()), min_size=4, max_size=22)


@pytest.mark.parametrize(("source", "target"), DIRECTIONS, ids=lambda each: each.name)
def test_no_life_pays_twice_or_loses_what_was_paid(source: type[Shop], target: type[Shop]) -> None:
    @settings(max_examples=12, deadline=None)
    @given(days=days)
    def lives(days: list[Day]) -> None:
        asyncio.run(Life(source, target).live(days))

    lives()


@pytest.mark.parametrize(("source", "target"), DIRECTIONS[:2], ids=lambda each: each.name)
@pytest.mark.parametrize("after", [False, True])
def test_after_a_death_at_any_write_it_completes_with_the_same_money(
    source: type[Shop], target: type[Shop], after: bool
) -> None:
    """The process dies at every write of the way, one life for each."""

    async def life(dies_in: int) -> tuple[bool, list[Any]]:
        world = Moving(source, target)
        await world.adopted()
        world.repository.dies_in, world.repository.after_effect = dies_in, after
        died = False
        for work in (world.migration.run, world.consent, world.migration.carry_on):
            try:
                await work()
            except Killed:
                died = True
                _, migration = world.restarted()
                await (migration.run() if work == world.migration.run else migration.carry_on())
                if world.step() is MigrationStep.WAITING and work == world.consent:
                    await world.consent()
            except errors.NotFound:
                await world.migration.run()
        world.repository.dies_in = None
        for _ in range(9):
            await world.migration.run()
            if world.step() is MigrationStep.WAITING and not world.pages:
                await world.consent()
            world.pass_days(4)
            await world.deliver()
            await world.migration.carry_on()
        assert world.step() is MigrationStep.DONE, (dies_in, world.step(), world.reason())
        await world.check_money()
        return died, [name for _, name in await world.paid()]

    async def all_lives() -> None:
        _, expected = await life(10_000)
        for dies_in in range(60):
            died, paid = await life(dies_in)
            assert paid == expected, dies_in
            if not died:
                assert dies_in > 5
                return

    asyncio.run(all_lives())
