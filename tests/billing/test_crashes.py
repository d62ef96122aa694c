"""Killed at every call of the repository and of the provider, before it or after it: doing it again gives the same end."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from paylattice import BillingOperation, BillingService, CheckoutSession, Money, UnmatchedEvent, WebhookEvent, errors
from paylattice.billing.records import OperationState
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

    async def cancel_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().cancel_payment, *args, **kwargs)

    async def pause_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().pause_subscription, *args, **kwargs)

    async def resume_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().resume_subscription, *args, **kwargs)

    async def change_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().change_subscription, *args, **kwargs)

    async def expire_checkout_session(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().expire_checkout_session, *args, **kwargs)

    async def cancel_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().cancel_subscription, *args, **kwargs)

    async def create_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().create_payment, *args, **kwargs)

    async def get_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().get_payment, *args, **kwargs)

    async def capture_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().capture_payment, *args, **kwargs)

    async def refund_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().refund_payment, *args, **kwargs)

    async def find_payment(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().find_payment, *args, **kwargs)

    async def find_refund(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call(super().find_refund, *args, **kwargs)

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
        "unmatched": len(await Store(repository).list_unmatched("memory")),
    }
    return calls, end


def test_a_life_without_a_crash_is_what_the_others_are_measured_by() -> None:
    _, end = asyncio.run(whole_life(0))
    assert end["moves"] == ["None -> active", "active -> past_due", "past_due -> active", "active -> canceled"]
    assert end["invoices booked"] == ["M-00001", "M-00002"]
    assert (end["customers"], end["records"], end["subscriptions"], end["unmatched"]) == (1, 1, 1, 0)


@pytest.mark.parametrize("part", range(8))
def test_killed_at_any_call_and_done_again_the_end_is_the_same(part: int) -> None:
    calls, end = asyncio.run(whole_life(0))
    for at in range(1 + part, calls + 1, 8):
        assert asyncio.run(whole_life(at))[1] == end, f"killed at call {at}"


@pytest.mark.parametrize("names_customer", [True, False])
def test_killed_while_keeping_or_applying_the_redelivery_or_the_next_try_applies_it_once(names_customer: bool) -> None:
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
        await until_done(fate, lambda: billing.apply_unmatched("fake"))
        return fate.calls, repository.notes, len(all_of(repository, UnmatchedEvent))

    calls, *end = asyncio.run(life(0))
    assert end == [["evt_1"], 0]
    for at in range(1, calls + 1):
        assert asyncio.run(life(at))[1:] == (["evt_1"], 0), f"killed at call {at}"


SETUP, DEPOSIT, BACK = Money(2500, "USD"), Money(900, "USD"), Money(1000, "USD")
MEMORIES = {
    "at once": timedelta(0),
    "25 hours later": timedelta(hours=25),
    "46 days later": timedelta(days=46),
    "3 years later": timedelta(days=1096),
}


async def state_of_key(repository: Noting, key: str) -> OperationState:
    row = await Store(repository).get_operation("memory", key)
    assert row is not None
    return row.state


HELD_FOR = timedelta(days=7)
"""An authorization that was not captured is given up then."""


async def life_of_money(at: int, later: timedelta) -> tuple[int, dict[str, object]]:
    """Charge, hold and capture, refund a part: killed once, and asked for again when the provider may have forgotten the keys.

    What was certainly not sent is then reported, and never sent again: the application asks under a new key.
    """
    fate = Fate(0)
    provider = Provider(now=NOW)
    provider.fate = fate
    repository = MortalRepository()
    repository.fate = fate
    reported: list[str] = []

    def process() -> BillingService[Any]:
        billing = BillingService(provider, repository, clock=lambda: provider.now)

        @billing.on("payment.succeeded")
        @billing.on("refund.succeeded")
        def book(event: WebhookEvent, context: Context) -> None:
            about = event.refund or event.payment
            assert about is not None
            cents = -about.amount.amount if event.refund is not None else about.amount.amount
            repository.note(context.transaction, f"{cents}")

        return billing

    async def asked(key: str, call: Callable[[BillingService[Any], str], Any]) -> Any:
        try:
            return await call(process(), key)
        except Killed:
            if later:
                provider.advance(days=later.days, hours=later.seconds / 3600)
                provider._calls._answers.clear()
        try:
            return await call(process(), key)
        except errors.IdempotencyMismatch:
            await process().recover_open(older_than=timedelta(0))
            assert await state_of_key(repository, key) is OperationState.ABANDONED
            reported.append(key)
            return await call(process(), f"{key}, again")

    await process().ensure_customer("org", email="a@b.co")
    [customer] = provider._world.store.customers
    method = provider.add_payment_method(customer)
    fate.calls, fate.at = 0, at
    saved: dict[str, Any] = {"payment_method_id": method}
    payment = await asked("c", lambda billing, key: billing.charge("org", SETUP, idempotency_key=key, **saved))
    if later < HELD_FOR:
        held = await asked("a", lambda billing, key: billing.authorize("org", DEPOSIT, idempotency_key=key, **saved))
        await asked("t", lambda billing, key: billing.capture("org", held.id, idempotency_key=key))
    await asked(
        "r", lambda billing, key: billing.refund("org", payment_id=payment.id, amount=BACK, idempotency_key=key)
    )
    for delivery in provider.deliveries():
        billing = process()
        await until_done(fate, lambda one=delivery, to=billing: to.handle_webhook("memory", one.payload, one.headers))

    calls, fate.at = fate.calls, 0
    store = provider._world.store
    states = [each.state for each in all_of(repository, BillingOperation)]
    assert OperationState.OPEN not in states
    assert states.count(OperationState.ABANDONED) == len(reported) <= 1
    return calls, {
        "payments": sorted((each.amount.amount, str(each.status)) for each in store.payments.values()),
        "refunds": [each.amount.amount for each in store.refunds.values()],
        "ledger": sorted(int(note) for note in repository.notes),
    }


@pytest.mark.parametrize("later", MEMORIES)
def test_killed_while_money_moves_and_asked_again_it_moved_once_and_the_ledger_is_exact(later: str) -> None:
    calls, end = asyncio.run(life_of_money(0, MEMORIES[later]))
    held = MEMORIES[later] < HELD_FOR
    assert end == {
        "payments": [(900, "succeeded")] * held + [(2500, "partially_refunded")],
        "refunds": [1000],
        "ledger": [-1000, *([900] * held), 2500],
    }
    for at in range(1, calls + 1):
        assert asyncio.run(life_of_money(at, MEMORIES[later]))[1] == end, f"killed at call {at}"


async def life_of_a_subscription(at: int, later: timedelta) -> tuple[int, dict[str, Any]]:
    """Change the plan, pause, resume, release a deposit, end everything: killed once, and asked for again in a new process."""
    fate = Fate(0)
    provider = Provider(now=NOW)
    provider.fate = fate
    for plan, cents in (("pro", 1900), ("team", 4900)):
        provider.add_plan(plan, Money(cents, "USD"))
    repository = MortalRepository()
    repository.fate = fate

    def process() -> BillingService[Any]:
        return BillingService(provider, repository, clock=lambda: provider.now)

    async def asked(key: str, call: Callable[[BillingService[Any], str], Any]) -> Any:
        try:
            return await call(process(), key)
        except Killed:
            provider.advance(days=later.days, hours=later.seconds / 3600)
            if later:
                provider._calls._answers.clear()
            await process().recover_open(older_than=timedelta(0))
        try:
            return await call(process(), key)
        except errors.IdempotencyMismatch:
            assert await state_of_key(repository, key) is OperationState.ABANDONED
            return await call(process(), f"{key}, again")

    session = await process().start_checkout("org", "pro", email="a@b.co", **PAGES)
    provider.complete_checkout(session.id)
    await process().confirm_return(session.id, org_id="org")
    [customer] = provider._world.store.customers
    held = await provider.create_payment(
        DEPOSIT, customer_id=customer, payment_method_id=provider.add_payment_method(customer), capture=False
    )
    fate.calls, fate.at = 0, at
    change = await asked("plan", lambda billing, key: billing.change_plan("org", "team", idempotency_key=key))
    paused = await asked("pause", lambda billing, key: billing.pause("org", idempotency_key=key))
    resumed = await asked("resume", lambda billing, key: billing.resume("org", idempotency_key=key))
    void = await asked("void", lambda billing, key: billing.void("org", held.id, idempotency_key=key))
    await asked("end", lambda billing, key: billing.cancel_all("org", at_period_end=False, idempotency_key=key))

    calls, fate.at = fate.calls, 0
    assert OperationState.OPEN not in {each.state for each in all_of(repository, BillingOperation)}
    stored = await process().subscription("org")
    assert stored is not None
    there = await provider.get_subscription(stored.external_subscription_id)
    assert there is not None
    words = [str(each.type) for each in provider._world.events if str(each.type).startswith("subscription.")]
    return calls, {
        "answers": [change.subscription.plan_id, paused.collection_paused, resumed.collection_paused, str(void.status)],
        "here": (str(stored.status), stored.plan_id, stored.collection_paused),
        "there": (str(there.status), there.plan_id, there.collection_paused),
        "told": {
            word: words.count(word) for word in ("subscription.paused", "subscription.resumed", "subscription.canceled")
        },
        "changes": sum(each.carried for each in provider._world.store.subscriptions.values()),
    }


@pytest.mark.parametrize("later", ["at once", "25 hours later"])
def test_killed_while_a_subscription_changes_and_asked_again_each_change_was_made_once(later: str) -> None:
    calls, end = asyncio.run(life_of_a_subscription(0, MEMORIES[later]))
    assert end["here"] == end["there"] == ("canceled", "team", False)
    for at in range(1, calls + 1):
        after = asyncio.run(life_of_a_subscription(at, MEMORIES[later]))[1]
        if MEMORIES[later]:  # a day later it costs a day less
            assert 0 < after.pop("changes") <= end["changes"], f"killed at call {at}"
        assert after == {name: end[name] for name in after}, f"killed at call {at}"
