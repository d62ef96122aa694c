"""Orders of an organisation, a world in which they are lost on the way, and how their effect is counted at the provider."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    InMemoryRepository,
    errors,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import BillingOperation, OperationState
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, PAGES, World
from .test_crashes import REPOSITORY, Fate, Killed, mortal

OPEN, DONE, FAILED, ABANDONED = OperationState
NOBODY_WAITS = timedelta(0)
EMAIL = "ada@secret.example"


class MortalRepository(mortal(InMemoryRepository, REPOSITORY)):  # type: ignore[misc]  # made at run time
    """Dies at any call, and between the end of a transaction and what comes after it."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        self.fate.strikes()
        async with super().transaction() as tx:
            yield tx
        self.fate.strikes()


class Counting(InMemoryProvider):
    """Its calls are where the process dies, or where the answer is lost: before the effect, or after it."""

    fate: Fate
    lost: str | None = None
    another_card: str = ""

    async def _fateful(self, call: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if self.lost is not None:
            self.fate.calls += 1
            if self.fate.calls == self.fate.at:
                self.time_out_next_call(after_effect=self.lost == "answer")
            return await call(*args, **kwargs)
        self.fate.strikes()
        answer = await call(*args, **kwargs)
        self.fate.strikes()
        return answer

    async def create_customer(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().create_customer, *args, **kwargs)

    async def delete_customer(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().delete_customer, *args, **kwargs)

    async def update_customer(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().update_customer, *args, **kwargs)

    async def create_checkout_session(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().create_checkout_session, *args, **kwargs)

    async def cancel_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().cancel_subscription, *args, **kwargs)

    async def create_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().create_subscription, *args, **kwargs)

    async def uncancel_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().uncancel_subscription, *args, **kwargs)

    async def extend_trial(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().extend_trial, *args, **kwargs)

    async def cancel_scheduled_change(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().cancel_scheduled_change, *args, **kwargs)

    async def change_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().change_subscription, *args, **kwargs)

    async def create_usage_record(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().create_usage_record, *args, **kwargs)

    async def get_subscription(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().get_subscription, *args, **kwargs)

    async def create_setup_session(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().create_setup_session, *args, **kwargs)

    async def save_payment_method(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().save_payment_method, *args, **kwargs)

    async def set_payment_method(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().set_payment_method, *args, **kwargs)

    async def set_default_payment_method(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().set_default_payment_method, *args, **kwargs)

    async def remove_payment_method(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().remove_payment_method, *args, **kwargs)

    async def get_payment_methods(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().get_payment_methods, *args, **kwargs)

    async def bill_outstanding(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().bill_outstanding, *args, **kwargs)

    async def get_customer(self, *args: Any, **kwargs: Any) -> Any:
        return await self._fateful(super().get_customer, *args, **kwargs)


@attrs.frozen
class Order:
    """Something an organisation asks for, and how its effect is counted at the provider."""

    ask: Callable[[World], Awaitable[object]]
    effects: Callable[[World], int]
    plan: str | None = None
    before: Callable[[World], Awaitable[object]] | None = None


def record_of(world: World) -> Any:
    [record] = world.provider._world.store.subscriptions.values()
    return record


def changes_told(world: World) -> list[Any]:
    """The events that tell of a subscription that was changed."""
    return [event for event in world.provider._world.events if event.type == "subscription.updated"]


async def _with_a_card(world: World) -> None:
    customer = await world.billing.ensure_customer("org", email=EMAIL)
    world.provider.add_payment_method(customer.external_customer_id)


async def _with_another_card(world: World) -> None:
    [customer] = world.provider._world.store.customers
    assert isinstance(world.provider, Counting)
    world.provider.another_card = world.provider.add_payment_method(customer)


def another_card(world: World) -> str:
    assert isinstance(world.provider, Counting)
    return world.provider.another_card


async def _past_due(world: World) -> None:
    world.provider.decline_next_payment()
    world.provider.renew(record_of(world).id)
    await world.deliver()
    assert await world.status() == "past_due"


def cards_of(world: World) -> Any:
    [customer] = world.provider._world.store.customers
    return world.provider._payments.cards(customer)


async def _in_a_trial(world: World) -> None:
    await _with_a_card(world)
    await world.billing.subscribe("org", "pro", start_at=NOW + timedelta(days=30), idempotency_key="begin")


ORDERS: Mapping[str, Order] = {
    "ensure_customer": Order(
        lambda world: world.billing.ensure_customer("org", email=EMAIL), lambda world: world.customers_made()
    ),
    "update_customer": Order(
        lambda world: world.billing.update_customer("org", email="king@secret.example", idempotency_key="click"),
        lambda world: sum(event.type == "customer.updated" for event in world.provider._world.events),
        before=lambda world: world.billing.ensure_customer("org", email=EMAIL),
    ),
    "start_checkout": Order(
        lambda world: world.checkout(idempotency_key="click"), lambda world: len(world.provider._world.store.sessions)
    ),
    "cancel at the period's end": Order(
        lambda world: world.billing.cancel("org", idempotency_key="click"),
        lambda world: int(record_of(world).cancel_at_period_end),
        "pro",
    ),
    "subscribe": Order(
        lambda world: world.billing.subscribe("org", "pro", idempotency_key="click"),
        lambda world: len(world.provider._world.store.subscriptions),
        before=_with_a_card,
    ),
    "uncancel": Order(
        lambda world: world.billing.uncancel("org", idempotency_key="click"),
        lambda world: int(not record_of(world).cancel_at_period_end),
        "pro",
        before=lambda world: world.billing.cancel("org"),
    ),
    "start_setup": Order(
        lambda world: world.billing.start_setup("org", idempotency_key="click", **PAGES),
        lambda world: len(world.provider._world.store.sessions),
        before=_with_a_card,
    ),
    "save_payment_method": Order(
        lambda world: world.billing.save_payment_method("org", "tok_new", idempotency_key="click"),
        lambda world: len(cards_of(world)),
        before=lambda world: world.billing.ensure_customer("org", email=EMAIL),
    ),
    "set_payment_method": Order(
        lambda world: world.billing.set_payment_method(
            "org", another_card(world), subscription_id=record_of(world).id, idempotency_key="click"
        ),
        lambda world: int(record_of(world).payment_method_id == another_card(world)),
        "pro",
        before=_with_another_card,
    ),
    "remove_payment_method": Order(
        lambda world: world.billing.remove_payment_method("org", another_card(world), idempotency_key="click"),
        lambda world: int(another_card(world) not in [each.id for each in cards_of(world)]),
        "pro",
        before=_with_another_card,
    ),
    "bill_outstanding": Order(
        lambda world: world.billing.bill_outstanding("org", idempotency_key="click"),
        lambda world: sum(event.type == "invoice.paid" for event in world.provider._world.events) - 1,
        "pro",
        before=_past_due,
    ),
    "change_plan at the period's end": Order(
        lambda world: world.billing.change_plan("org", "team", when="period_end", idempotency_key="click"),
        lambda world: sum(bool(event.subscription.scheduled_changes) for event in changes_told(world)),
        "pro",
    ),
    "cancel_scheduled_change": Order(
        lambda world: world.billing.cancel_scheduled_change("org", idempotency_key="click"),
        lambda world: sum(not event.subscription.scheduled_changes for event in changes_told(world)),
        "pro",
        before=lambda world: world.billing.change_plan("org", "team", when="period_end"),
    ),
    "extend_trial": Order(
        lambda world: world.billing.extend_trial("org", NOW + timedelta(days=40), idempotency_key="click"),
        lambda world: sum(event.subscription.trial_end == NOW + timedelta(days=40) for event in changes_told(world)),
        before=_in_a_trial,
    ),
    "change_plan, paid at once": Order(
        lambda world: world.billing.change_plan("org", "team", payment="first", idempotency_key="click"),
        lambda world: sum(each.amount.amount == 1500 for each in world.provider._world.store.payments.values()),
        "pro",
    ),
    "cancel now": Order(
        lambda world: world.billing.cancel("org", at_period_end=False, idempotency_key="click"),
        lambda world: sum(event.type == "subscription.canceled" for event in world.provider._world.events),
        "pro",
    ),
    "change_plan": Order(
        lambda world: world.billing.change_plan("org", "team", idempotency_key="click"),
        lambda world: record_of(world).carried // 1500,  # half a period of the difference of the two prices
        "pro",
    ),
    "add_quantity": Order(
        lambda world: world.billing.add_quantity("org", 1, idempotency_key="click"),
        lambda world: record_of(world).quantity - 1,
        "pro",
    ),
    "record_usage": Order(
        lambda world: world.billing.record_usage("org", 5, idempotency_key="click"),
        lambda world: record_of(world).usage // 5,
        "calls",
    ),
}


async def a_world(at: int, order: Order, lost: str | None) -> World:
    provider = Counting(now=NOW)
    repository = MortalRepository()
    provider.fate = Fate(0)
    repository.fate = Fate(0) if lost else provider.fate  # an answer is lost at the provider alone
    world = World(provider=provider, repository=repository)
    if order.plan is not None:
        await world.subscribe(plan_id=order.plan)
        await world.deliver()
        world.provider.advance(days=15.5)
    if order.before is not None:
        await order.before(world)
    assert order.effects(world) == 0
    provider.lost = lost
    provider.fate.calls, provider.fate.at = 0, at
    return world


async def until_the_end_of(world: World, call: Callable[[], Awaitable[object]]) -> int:
    """Do it; it may be killed or lose its answer. From then on nobody dies. Returns how many calls it made."""
    with suppress(Killed, errors.OutcomeUnknown, errors.NetworkError):
        await call()
    assert isinstance(world.provider, Counting)
    calls, world.provider.fate.at = world.provider.fate.calls, 0
    world.provider.lost = None
    return calls


async def operation_log(world: World, provider: str = "memory") -> list[BillingOperation]:
    return await Store(world.repository).list_operations(provider, limit=1000)


async def states(world: World, operation: str | None = None) -> list[OperationState]:
    return [each.state for each in await operation_log(world) if operation in {None, each.operation}]


async def state_of(world: World, key: str) -> OperationState:
    known = await Store(world.repository).get_operation("memory", key)
    assert known is not None
    return known.state


async def state_of_click(world: World) -> OperationState:
    """Where the operation is that the test asked for: the one of its key, or the creation of the customer."""
    lines = await operation_log(world)
    [known] = [each for each in lines if each.key == "click"] or lines
    return known.state


async def in_order(world: World, order: Order, expected: int, what: str) -> None:
    assert order.effects(world) == expected, what
    assert OPEN not in await states(world), what
    records = await Store(world.repository).list_customers("memory")
    assert len(records) == world.customers_made() <= 1, what
    if order.plan is not None:
        stored = await world.billing.subscription("org")
        there = await world.provider.get_subscription(stored.external_subscription_id if stored else "")
        assert stored is not None
        assert there is not None
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.status, stored.plan_id, stored.cancel_at) == (there.status, there.plan_id, there.cancel_at), what


def forget_keys(world: World) -> None:
    """Two days pass, and the provider has forgotten every key."""
    world.provider.advance(days=2)
    world.provider._calls._answers.clear()


async def lose(world: World, order: Order, *, after_effect: bool, reads: int = 0) -> None:
    """Ask, and lose the answer of the write, which comes after some reads."""

    def losing(*args: object) -> object:
        nonlocal reads
        reads -= 1
        if reads < 0:
            world.provider._calls._next_fault = original  # type: ignore[method-assign]  # the test is the network
            world.provider.time_out_next_call(after_effect=after_effect)
        return original()

    original = world.provider._calls._next_fault
    world.provider._calls._next_fault = losing  # type: ignore[assignment,method-assign]  # the test is the network
    with pytest.raises(errors.OutcomeUnknown):
        await order.ask(world)


async def lost_long_ago(name: str, *, after_effect: bool) -> World:
    order = ORDERS[name]
    world = World()
    if order.plan is not None:
        await world.subscribe(plan_id=order.plan)
        await world.deliver()
        world.provider.advance(days=12)
    await lose(world, order, after_effect=after_effect, reads=int(name in {"record_usage", "add_quantity"}))
    assert await state_of_click(world) is OPEN
    forget_keys(world)
    return world


def forget_the_organisation(world: World, customer: BillingCustomer) -> None:
    world.repository._committed.of(BillingCustomer).discard((customer.id,))


def plan_of(world: World) -> str:
    plan: str = record_of(world).plan.id
    return plan
