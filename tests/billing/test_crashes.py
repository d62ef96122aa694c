"""Killed at every call of the repository and of the provider, before it or after it: doing it again gives the same end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from paylattice import BillingService, CheckoutSession, Money, UnmatchedEvent, WebhookEvent
from paylattice.billing.store import Store
from paylattice.providers.memory import Delivery, InMemoryProvider

from .support import NOW, PAGES, Context, Noting, all_of

REPOSITORY = ("next_ticket", "insert", "get", "find", "update", "delete")


class Killed(BaseException):
    """The process was killed."""


class Fate:
    """Kills once, at a certain call: before it is made, or when it is done."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def strikes(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Killed


def mortal(cls: type, names: tuple[str, ...]) -> type:
    """The class with a fate: every one of the methods may be where it ends."""

    def wrapped(name: str) -> Callable[..., Any]:
        method = getattr(cls, name)

        async def call(self: Any, *args: object, **kwargs: object) -> object:
            self.fate.strikes()
            result = await method(self, *args, **kwargs)
            self.fate.strikes()
            return result

        call.__name__ = name
        return call

    return type(f"Mortal{cls.__name__}", (cls,), {name: wrapped(name) for name in names})


MortalRepository = mortal(Noting, REPOSITORY)


class Provider(InMemoryProvider):
    """Its calls are cut off like the repository's; an answer that was cut off took effect."""

    fate: Fate

    async def create_customer(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().create_customer, *args, **kwargs)

    async def create_checkout_session(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().create_checkout_session, *args, **kwargs)

    async def get_checkout_session(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().get_checkout_session, *args, **kwargs)

    async def get_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().get_subscription, *args, **kwargs)

    async def list_subscriptions(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().list_subscriptions, *args, **kwargs)

    async def cancel_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().cancel_subscription, *args, **kwargs)

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.fate.strikes()
        result = await method(*args, **kwargs)
        self.fate.strikes()
        return result


async def until_done(fate: Fate, step: Callable[[], Any]) -> Any:
    """Do the step; after the kill, do it again, as a user or the provider would."""
    try:
        return await step()
    except Killed:
        return await step()


async def whole_life(at: int) -> tuple[int, dict[str, object]]:
    fate = Fate(at)
    provider = Provider(now=NOW)
    provider.fate = fate
    provider.add_plan("pro", Money(1900, "USD"))
    repository = MortalRepository()
    repository.fate = fate
    billing = BillingService(provider, repository, clock=lambda: provider.now)

    @billing.on("invoice.paid")
    def book(event: WebhookEvent, context: Context) -> None:
        assert event.invoice is not None
        repository.note(context.transaction, str(event.invoice.number))

    @billing.on("subscription.active")
    @billing.on("subscription.past_due")
    @billing.on("subscription.canceled")
    def move(event: WebhookEvent, context: Context) -> None:
        assert context.subscription is not None
        repository.note(context.transaction, f"{context.previous_status} -> {context.subscription.status}")

    async def deliver() -> None:
        for delivery in provider.deliveries():

            async def one(delivery: Delivery = delivery) -> None:
                await billing.handle_webhook("memory", delivery.payload, delivery.headers)

            await until_done(fate, one)

    async def pay() -> CheckoutSession:
        return await billing.start_checkout("org", "pro", email="a@b.co", idempotency_key="click-1", **PAGES)

    session = await until_done(fate, pay)
    subscription_id = str(provider.complete_checkout(session.id).subscription_id)
    await until_done(fate, lambda: billing.confirm_return(session.id, org_id="org"))
    await deliver()
    provider.decline_next_payment()
    provider.advance(months=1)
    await deliver()
    provider.advance(days=4)
    await deliver()
    await until_done(fate, lambda: billing.cancel("org", at_period_end=False, idempotency_key="click-2"))
    await until_done(fate, lambda: billing.sync_subscription("org"))
    await deliver()

    calls, fate.at = fate.calls, 0  # from here on nobody dies
    stored = await Store(repository).get_subscription("memory", subscription_id)
    rows = repository.notes
    end = {
        "status": stored.status,
        "plan": stored.plan_id,
        "ends": stored.cancel_at,
        "invoices booked": sorted(row for row in rows if row.startswith("M-")),
        "moves": [row for row in rows if "->" in row],
        "customers": len(provider._world.store.customers),
        "records": len(await Store(repository).list_customers("memory")),
        "subscriptions": len(provider._world.store.subscriptions),
        "sessions": len(provider._world.store.sessions),
        "parked": len(await Store(repository).list_unmatched("memory")),
    }
    return calls, end


def test_a_life_without_a_crash_is_what_the_others_are_measured_by() -> None:
    _, end = asyncio.run(whole_life(0))
    assert end["moves"] == ["None -> active", "active -> past_due", "past_due -> active", "active -> canceled"]
    assert end["invoices booked"] == ["M-00001", "M-00002"]
    assert (end["customers"], end["records"], end["subscriptions"], end["parked"]) == (1, 1, 1, 0)


@pytest.mark.parametrize("part", range(8))
def test_killed_at_any_call_and_done_again_the_end_is_the_same(part: int) -> None:
    calls, end = asyncio.run(whole_life(0))
    for at in range(1 + part, calls + 1, 8):
        assert asyncio.run(whole_life(at))[1] == end, f"killed at call {at}"


@pytest.mark.parametrize("names_customer", [True, False])
def test_killed_while_parking_or_unparking_the_redelivery_or_the_next_try_applies_it_once(names_customer: bool) -> None:
    from .support import Fake, an_event

    async def life(at: int) -> tuple[int, list[str], int]:
        fate = Fate(at)
        repository = MortalRepository()
        repository.fate = fate
        billing = BillingService(Fake(), repository, clock=lambda: NOW)

        @billing.on("subscription.updated")
        def book(event: WebhookEvent, context: Context) -> None:
            repository.note(context.transaction, event.id)

        event = an_event(customer_id="cus" if names_customer else None)
        await until_done(fate, lambda: billing.apply_event(event))
        await until_done(fate, lambda: billing.ensure_customer("org", email="a@b.co"))
        await until_done(fate, lambda: billing.apply_parked("fake"))
        return fate.calls, repository.notes, len(all_of(repository, UnmatchedEvent))

    calls, *end = asyncio.run(life(0))
    assert end == [["evt_1"], 0]
    for at in range(1, calls + 1):
        assert asyncio.run(life(at))[1:] == (["evt_1"], 0), f"killed at call {at}"
