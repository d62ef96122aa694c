"""A cancellation that was taken back stays taken back, and the one that was asked for last counts, whatever gets lost."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import Capability, Subscription, SubscriptionStatus, errors
from paylattice.billing.commands import CancelSubscription, UncancelSubscription

from .operation_log_support import NOBODY_WAITS, record_of
from .scheduler import Pause, run
from .support import NOW, World
from .test_operation_log_clocks import Rivals, Shop


async def ending(world: World) -> None:
    await world.subscribe()
    await world.deliver()
    await world.billing.cancel("org")
    await world.deliver()


def test_a_cancellation_is_taken_back_and_the_subscription_goes_on() -> None:
    async def main() -> None:
        world = World()
        await ending(world)
        resumed = await world.billing.resume("org")
        assert resumed.cancel_at is not None, "resuming is about pauses"
        kept = await world.billing.uncancel("org")
        assert (kept.status, kept.cancel_at) == (SubscriptionStatus.ACTIVE, None)
        world.provider.advance(months=2)
        await world.deliver()
        assert (await world.billing.access("org", now=world.provider.now)).allowed
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.cancel_at is None

    asyncio.run(main())


def test_the_same_key_does_not_take_a_later_cancellation_back() -> None:
    async def main() -> None:
        world = World()
        await ending(world)
        await world.billing.uncancel("org", idempotency_key="back")
        again = await world.billing.cancel("org")
        assert again.cancel_at is not None
        repeated = await world.billing.uncancel("org", idempotency_key="back")
        assert repeated.cancel_at is not None
        assert record_of(world).cancel_at_period_end

    asyncio.run(main())


def test_it_means_the_one_that_is_set_to_end() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        second = await world.subscribe(allow_second=True, plan_id="team")
        await world.deliver()
        await world.billing.cancel("org", subscription_id=second.id)
        kept = await world.billing.uncancel("org")
        assert kept.external_subscription_id == second.id
        await world.billing.cancel_all("org")
        with pytest.raises(errors.Conflict, match="2 subscriptions"):
            await world.billing.uncancel("org")

    asyncio.run(main())


def test_what_has_ended_does_not_come_back() -> None:
    async def main() -> None:
        world = World()
        await ending(world)
        world.provider.advance(days=40)
        await world.deliver()
        with pytest.raises(errors.Conflict, match="start a new one"):
            await world.billing.uncancel("org")

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_cancellation_whose_answer_was_lost_is_not_sent_again_once_it_was_taken_back(*, after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        with suppress(errors.OutcomeUnknown, errors.NetworkError):
            world.provider.time_out_next_call(after_effect=after_effect)
            await world.billing.cancel("org", idempotency_key="stop")
        await world.billing.uncancel("org", idempotency_key="back")
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        await world.billing.recover_open(older_than=timedelta(0))
        assert not record_of(world).cancel_at_period_end

    asyncio.run(main())


class Kiosk(Shop):
    """Sets and takes back the end of its one subscription, each after a while; a key has one effect."""

    name = "shop"
    capabilities = frozenset({Capability.SUBSCRIPTIONS, Capability.CANCEL_AT_PERIOD_END, Capability.UNCANCEL})
    cancel_at: Any = None

    def there(self) -> Subscription:
        return Subscription(id="sub", customer_id="cus", status=SubscriptionStatus.ACTIVE, cancel_at=self.cancel_at)

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause()
        return self.there()

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        return await self._set(str(idempotency_key), NOW)

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        return await self._set(str(idempotency_key), None)

    async def _set(self, key: str, end: object) -> Subscription:
        await Pause()
        if key not in self.answers:
            self.cancel_at = end
            self.answers[key] = self.there()
            self.sent.append(key)
        await Pause()
        return self.answers[key]


class Minds(Rivals):
    """One worker ends the subscription, the other takes it back, at once."""

    ASKED: ClassVar[dict[str, Any]] = {
        "a": CancelSubscription(subscription_id="sub", at_period_end=True),
        "b": UncancelSubscription(subscription_id="sub"),
    }

    def __init__(self, first: str, cancel_at: Any) -> None:
        super().__init__({})
        self.kiosk = Kiosk()
        self.kiosk.cancel_at = cancel_at
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
        assert (self.kiosk.cancel_at is None) == (newest.operation == "uncancel_subscription"), self.kiosk.sent


@settings(max_examples=150, deadline=None)
@given(st.sampled_from("ab"), st.sampled_from([None, NOW]), st.lists(st.integers(0, 1), max_size=60))
def test_of_ending_and_taking_back_at_once_the_one_that_was_asked_for_last_counts(
    first: str, cancel_at: Any, schedule: list[int]
) -> None:
    minds = Minds(first, cancel_at)
    run(minds.tasks, schedule)
    minds.check()
