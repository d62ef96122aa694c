"""Whole lives, day by day: who has paid for a day is not locked out on it, and nobody uses more unpaid days than the grace.

What was paid is taken from the invoices that the provider wrote, never from what is stored.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import AccessPolicy, Invoice, InvoiceStatus, SubscriptionStatus
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, World

DAY = timedelta(days=1)
GRACE = AccessPolicy().past_due_grace
SHORTEST, LONGEST = 28 * DAY, 31 * DAY
"""A paid month covers so many days at least, and at most."""

STEPS = st.lists(
    st.sampled_from(["day", "days", "week", "fail", "fail for long", "pause", "resume", "deliver twice", "shuffle"]),
    min_size=5,
    max_size=40,
)


class Life:
    """One subscription to a monthly plan, and what is known of its money."""

    def __init__(self, *, refetch: bool, trial_days: int | None, cancel_when_unpaid: bool) -> None:
        self.world = World(
            provider=InMemoryProvider(now=NOW, cancel_when_unpaid=cancel_when_unpaid, retry_days=(3, 5)),
            refetch=refetch,
        )
        self.trial_days = trial_days
        self.resumed_at: datetime | None = None

    @property
    def now(self) -> datetime:
        return self.world.provider.now

    async def begin(self) -> None:
        made = await self.world.subscribe(trial_days=self.trial_days)
        self.subscription_id, self.trial_end = made.id, made.trial_end
        self.customer_id = made.customer_id or ""
        await self.world.deliver()

    async def invoices(self) -> list[Invoice]:
        return await self.world.provider.get_invoices(self.customer_id, 1000)

    async def step(self, name: str) -> None:
        provider = self.world.provider
        now = await provider.get_subscription(self.subscription_id)
        assert now is not None
        alive = not now.status.is_terminal
        actions: dict[str, Callable[[], object]] = {
            "day": lambda: provider.advance(days=1),
            "days": lambda: provider.advance(days=3),
            "week": lambda: provider.advance(days=7),
            "fail": provider.decline_next_payment,
            "fail for long": lambda: provider.decline_next_payment(times=4),
            "deliver twice": provider.deliver_next_twice,
            "shuffle": lambda: provider.shuffle_next_deliveries(1),
        }
        if name == "pause":
            if now.status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}:
                await provider.pause_subscription(self.subscription_id)
        elif name == "resume":
            if alive:
                await provider.resume_subscription(self.subscription_id)
                if now.status is SubscriptionStatus.PAUSED:
                    self.resumed_at = self.now
        else:
            actions[name]()
        await self.world.deliver()

    async def check(self) -> None:
        now, invoices = self.now, await self.invoices()
        paid = [each.created_at for each in invoices if each.status is InvoiceStatus.PAID and each.amount.amount]
        owed = [each.created_at for each in invoices if each.status is InvoiceStatus.OPEN]
        begun = [moment for moment in paid if moment is not None]
        debts = [moment for moment in owed if moment is not None]
        trial = self.trial_end or NOW
        access = await self.world.billing.access("org")
        covered = now < trial or any(moment <= now < moment + SHORTEST for moment in begun)
        there = await self.world.provider.get_subscription(self.subscription_id)
        ended = there is None or there.status.is_terminal
        if covered and not debts and not ended:
            assert access.allowed, "locked out on a day that is paid for"
        last_paid_day = max([trial, *(moment + LONGEST for moment in begun)])
        if begun and self.resumed_at is not None:  # what is charged then may fail then: there was no access before
            last_paid_day = max(last_paid_day, self.resumed_at)
        if now > last_paid_day + (GRACE if begun else timedelta(0)):
            assert not access.allowed, "in use for longer than what was paid for, and the grace"
        if debts and now >= min(debts) + (GRACE if begun else timedelta(0)):
            assert not access.allowed, "in use for longer than the grace after a payment that failed"
        if ended:
            assert not access.allowed


@pytest.mark.parametrize("refetch", [True, False])
@settings(max_examples=60, deadline=None)
@given(steps=STEPS, trial_days=st.sampled_from([None, 3, 14]), cancels=st.booleans())
def test_paid_days_are_granted_and_unpaid_ones_only_for_the_grace(
    refetch: bool, steps: list[str], trial_days: int | None, cancels: bool
) -> None:
    async def main() -> None:
        life = Life(refetch=refetch, trial_days=trial_days, cancel_when_unpaid=cancels)
        await life.begin()
        await life.check()
        for name in steps:
            await life.step(name)
            await life.check()
            await life.world.billing.reconcile("memory", repair=True)
            await life.check()

    asyncio.run(main())
