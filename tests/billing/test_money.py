"""Charges and refunds of an organisation: once for each key, however long ago, and never again in doubt."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import BillingService, InMemoryRepository, Money, Payment, PaymentStatus, Refund, errors
from paylattice.billing.records import BillingOperation
from paylattice.billing.store import Store
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import (
    ABANDONED,
    DONE,
    FAILED,
    NOBODY_WAITS,
    OPEN,
    forget_keys,
    operation_log,
    record_of,
    state_of,
)
from .support import World
from .test_crashes import Killed

PRICE = Money(2500, "USD")
AGES = [timedelta(hours=1), timedelta(hours=25), timedelta(days=46), timedelta(days=1096)]


async def a_payer() -> World:
    world = World()
    await world.subscribe()
    await world.deliver()
    return world


def taken(world: World) -> list[Payment]:
    return [each for each in world.provider._world.store.payments.values() if each.amount == PRICE]


def given_back(world: World) -> list[Refund]:
    return list(world.provider._world.store.refunds.values())


def pass_by(world: World, age: timedelta) -> None:
    world.provider.advance(days=age.days, hours=age.seconds / 3600)
    if age >= timedelta(hours=24):
        world.provider._calls._answers.clear()


def charge(world: World) -> Awaitable[Payment]:
    return world.billing.charge("org", PRICE, description="setup", idempotency_key="order-7")


def authorize(world: World) -> Awaitable[Payment]:
    return world.billing.authorize("org", PRICE, idempotency_key="order-7")


def losing(world: World, name: str, *, after_effect: bool) -> None:
    """Lose the answer of the provider's next call of this name."""
    method = getattr(world.provider, name)

    async def loses(*args: Any, **kwargs: Any) -> Any:
        setattr(world.provider, name, method)
        world.provider.time_out_next_call(after_effect=after_effect)
        return await method(*args, **kwargs)

    setattr(world.provider, name, loses)


@pytest.mark.parametrize("age", AGES, ids=str)
@pytest.mark.parametrize("ask", [charge, authorize])
def test_a_key_of_a_charge_works_for_as_long_as_its_row_is_kept(
    ask: Callable[[World], Awaitable[Payment]], age: timedelta
) -> None:
    async def main() -> None:
        world = await a_payer()
        first = await ask(world)
        pass_by(world, age)
        again = await ask(world)
        assert again.id == first.id
        assert len(taken(world)) == 1
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.charge("org", Money(1, "USD"), idempotency_key="order-7")

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("age", AGES, ids=str)
@pytest.mark.parametrize("way", ["retry", "recover_open"])
def test_a_charge_whose_answer_was_lost_is_found_and_never_made_twice(
    way: str, age: timedelta, after_effect: bool
) -> None:
    async def main() -> None:
        world = await a_payer()
        losing(world, "create_payment", after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await charge(world)
        pass_by(world, age)
        forgotten = age >= timedelta(hours=24)
        if way == "recover_open":
            await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert await state_of(world, "order-7") is (ABANDONED if forgotten and not after_effect else DONE)
        if forgotten and not after_effect:
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await charge(world)
        else:
            assert (await charge(world)).status is PaymentStatus.SUCCEEDED
        assert len(taken(world)) == (0 if forgotten and not after_effect else 1)

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES, ids=str)
def test_a_payment_that_waited_for_its_payer_is_not_made_again_after_they_have_paid(age: timedelta) -> None:
    async def main() -> None:
        world = await a_payer()
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        with pytest.raises(errors.ActionRequired) as caught:
            await charge(world)
        assert await state_of(world, "order-7") is DONE
        with pytest.raises(errors.ActionRequired):
            await charge(world)
        world.provider.authenticate_payment(str(caught.value.payment_id), succeeded=True)
        pass_by(world, age)
        assert (await charge(world)).id == caught.value.payment_id
        assert len(taken(world)) == 1

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES, ids=str)
def test_a_payment_whose_payer_did_not_authenticate_is_declined_and_not_returned(age: timedelta) -> None:
    async def main() -> None:
        world = await a_payer()
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        with pytest.raises(errors.ActionRequired) as caught:
            await charge(world)
        world.provider.authenticate_payment(str(caught.value.payment_id), succeeded=False)
        pass_by(world, age)
        for _ in range(2):
            with pytest.raises(errors.Declined) as declined:
                await charge(world)
            assert declined.value.payment_id == caught.value.payment_id
        assert await state_of(world, "order-7") is DONE
        assert len(taken(world)) == 1

    asyncio.run(main())


@pytest.mark.parametrize("answer_lost", [True, False])
def test_a_payment_that_still_waits_for_its_payer_when_its_key_is_forgotten_is_not_returned(answer_lost: bool) -> None:
    async def main() -> None:
        world = await a_payer()
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        if answer_lost:
            losing(world, "create_payment", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown if answer_lost else errors.ActionRequired):
            await charge(world)
        pass_by(world, timedelta(hours=25))
        if answer_lost:
            recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert not recovered.open
        [waiting] = taken(world)
        for _ in range(2):
            with pytest.raises(errors.ActionRequired) as caught:
                await charge(world)
            assert caught.value.payment_id == waiting.id
            assert await state_of(world, "order-7") is DONE
        world.provider.authenticate_payment(waiting.id, succeeded=True)
        assert (await charge(world)).id == waiting.id

    asyncio.run(main())


@pytest.mark.parametrize("can_be_found", [True, False])
def test_a_key_that_the_provider_knows_for_other_words_may_have_charged_before(can_be_found: bool) -> None:
    """An older version worded the request: the provider refuses the repetition, and the payment may be there."""

    async def main() -> None:
        world = await a_payer()
        losing(world, "create_payment", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await charge(world)
        find = world.provider.find_payment

        async def finds_nothing(*_: Any, **__: Any) -> None:
            return None

        if not can_be_found:
            world.provider.find_payment = finds_nothing  # type: ignore[method-assign]
        original = world.provider.create_payment

        async def mismatches(*_: Any, **__: Any) -> Any:
            raise errors.IdempotencyMismatch("the key is known")

        world.provider.create_payment = mismatches  # type: ignore[method-assign]
        if can_be_found:
            assert (await charge(world)).status is PaymentStatus.SUCCEEDED
        else:
            with pytest.raises(errors.IdempotencyMismatch):
                await charge(world)
        world.provider.create_payment = original  # type: ignore[method-assign]
        assert await state_of(world, "order-7") is (DONE if can_be_found else OPEN)
        pass_by(world, timedelta(hours=25))
        if not can_be_found:
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await charge(world)
        world.provider.find_payment = find  # type: ignore[method-assign]
        await charge(world)
        assert len(taken(world)) == 1

    asyncio.run(main())


@pytest.mark.parametrize("can_be_found", [True, False])
def test_a_worker_that_is_refused_does_not_say_so_for_another_one_that_died(can_be_found: bool) -> None:
    """Two workers with one key: one is told to come again later, the other one charges, and dies before it can record that."""

    async def main() -> None:
        world = await a_payer()
        create = world.provider.create_payment

        async def of_the_one(*_: Any, **__: Any) -> Any:
            world.provider.create_payment = of_the_other  # type: ignore[method-assign]
            with pytest.raises(Killed):
                await charge(world)
            message = "slowly"
            raise errors.RateLimited(message)

        async def of_the_other(*args: Any, **kwargs: Any) -> Any:
            await create(*args, **kwargs)
            raise Killed

        async def finds_nothing(*_: Any, **__: Any) -> None:
            return None

        world.provider.create_payment = of_the_one  # type: ignore[method-assign]
        with pytest.raises(errors.RateLimited):
            await charge(world)
        world.provider.create_payment = create  # type: ignore[method-assign]
        assert await state_of(world, "order-7") is OPEN
        pass_by(world, timedelta(days=46))
        if can_be_found:
            assert (await charge(world)).status is PaymentStatus.SUCCEEDED
        else:
            world.provider.find_payment = finds_nothing  # type: ignore[method-assign]
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await charge(world)
        assert len(taken(world)) == 1

    asyncio.run(main())


@pytest.mark.parametrize("error", [errors.NotFound("gone"), errors.UnsupportedOperation(reason="no meters")], ids=repr)
def test_usage_that_is_refused_after_its_answer_was_lost_is_not_reported_again(error: errors.PaymentError) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        losing(world, "create_usage_record", after_effect=True)

        async def report() -> bool:
            return await world.billing.record_usage("org", 5, idempotency_key="job")

        with pytest.raises(errors.OutcomeUnknown):
            await report()
        world.provider.fail_next_call(error)
        with pytest.raises(type(error)):
            await report()
        pass_by(world, timedelta(hours=25))
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.key for each in recovered.abandoned] == ["job"]
        with pytest.raises(errors.IdempotencyMismatch):
            await report()
        assert record_of(world).usage == 5

    asyncio.run(main())


def test_a_charge_that_was_declined_is_declined_again_and_another_key_charges() -> None:
    async def main() -> None:
        world = await a_payer()
        world.provider.decline_next_payment()
        losing(world, "create_payment", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await charge(world)
        forget_keys(world)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [(each.key, each.state, each.error) for each in recovered.failed] == [("order-7", FAILED, "Declined")]
        with pytest.raises(errors.Declined):
            await charge(world)
        await world.billing.charge("org", PRICE, idempotency_key="order-7b")
        assert [each.status for each in taken(world)] == [PaymentStatus.FAILED, PaymentStatus.SUCCEEDED]

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES, ids=str)
@pytest.mark.parametrize("amount", [None, Money(1000, "USD")])
def test_a_key_of_a_refund_works_for_as_long_as_its_row_is_kept(amount: Money | None, age: timedelta) -> None:
    async def main() -> None:
        world = await a_payer()
        payment = await charge(world)

        async def refund() -> Refund:
            return await world.billing.refund("org", payment_id=payment.id, amount=amount, idempotency_key="r-1")

        losing(world, "refund_payment", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await refund()
        pass_by(world, age)
        first = await refund()
        pass_by(world, age)
        assert (await refund()).id == first.id
        assert [each.amount for each in given_back(world)] == [amount or PRICE]
        with pytest.raises(errors.NotFound):
            await world.billing.refund("org", payment_id="pay_999", idempotency_key="r-2")

    asyncio.run(main())


@pytest.mark.parametrize("by", ["invoice_id", "subscription_id"])
def test_what_an_invoice_or_the_last_paid_period_cost_is_given_back_once(by: str) -> None:
    async def main() -> None:
        world = await a_payer()
        world.provider.advance(days=32)
        await world.deliver()
        [newest, _] = await world.billing.invoices("org")
        stored = await world.billing.subscription("org")
        assert stored is not None
        about = {by: newest.id if by == "invoice_id" else stored.external_subscription_id}
        losing(world, "refund_payment", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.refund("org", **about, idempotency_key="r")
        pass_by(world, timedelta(days=46))  # a newer period has been paid
        back = await world.billing.refund("org", **about, idempotency_key="r")
        assert (back.payment_id,) == newest.payment_ids
        assert [each.amount for each in given_back(world)] == [newest.amount]
        for wrong in ({}, {**about, "payment_id": back.payment_id}):
            with pytest.raises(errors.InvalidRequest, match="one payment_id"):
                await world.billing.refund("org", **wrong, idempotency_key="r2")  # type: ignore[arg-type]
        with pytest.raises(errors.NotFound):
            await world.billing.refund("org", **{by: "x_1"}, idempotency_key="r3")

    asyncio.run(main())


def test_of_payment_methods_at_two_providers_none_is_charged_in_silence() -> None:
    async def main() -> None:
        providers = [InMemoryProvider(name=name) for name in ("eu", "us")]
        billing = BillingService(providers, InMemoryRepository(), select=lambda org: "eu")
        methods = []
        for provider in providers:
            name = provider.get_provider_name()
            customer = await billing.ensure_customer("org", email="a@example.com", provider_name=name)
            methods.append(provider.add_payment_method(customer.external_customer_id))
        with pytest.raises(errors.InvalidRequest, match="several saved"):
            await billing.charge("org", PRICE, idempotency_key="a")
        await billing.charge("org", PRICE, payment_method_id=methods[1], idempotency_key="b")
        assert [len(each._world.store.payments) for each in providers] == [0, 1]

    asyncio.run(main())


@pytest.mark.parametrize("preserved", [True, False], ids=["its own customer", "a profile of the payer"])
def test_another_organisations_payment_is_not_refunded(monkeypatch: pytest.MonkeyPatch, *, preserved: bool) -> None:
    async def main() -> None:
        world = await a_payer()
        payment = await charge(world)
        await world.billing.ensure_customer("other", email="b@example.com")
        monkeypatch.setattr(world.provider, "preserves_customer", preserved)
        for call in (
            world.billing.refund("other", payment_id=payment.id, idempotency_key="r"),
            world.billing.capture("other", payment.id, idempotency_key="c"),
            world.billing.void("other", payment.id, idempotency_key="v"),
        ):
            with pytest.raises(errors.NotFound):
                await call
        assert given_back(world) == []

    asyncio.run(main())


@pytest.mark.parametrize("name", ["capture", "void"])
def test_what_was_authorized_is_captured_or_given_up_once(name: str) -> None:
    async def main() -> None:
        world = await a_payer()
        held = await authorize(world)
        assert held.status is PaymentStatus.AUTHORIZED
        operation = {"capture": "capture_payment", "void": "cancel_payment"}[name]

        async def ask() -> Payment:
            found: Payment = await getattr(world.billing, name)("org", held.id, idempotency_key="then")
            return found

        losing(world, operation, after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await ask()
        assert await state_of(world, "then") is OPEN
        forget_keys(world)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.operation for each in recovered.done] == [name]
        wanted = PaymentStatus.SUCCEEDED if name == "capture" else PaymentStatus.CANCELED
        assert (await ask()).status is wanted

    asyncio.run(main())


def test_pausing_and_resuming_are_commands_of_the_log() -> None:
    async def main() -> None:
        world = await a_payer()
        losing(world, "pause_subscription", after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.pause("org", idempotency_key="p")
        forget_keys(world)
        assert [each.operation for each in (await world.billing.recover_open(older_than=NOBODY_WAITS)).done] == [
            "pause_subscription"
        ]
        await world.billing.change_plan("org", quantity=2, idempotency_key="q")
        await world.billing.resume("org", idempotency_key="r")
        with pytest.raises(errors.Conflict, match="newer operation"):
            row = await Store(world.repository).get_operation("memory", "p")
            assert row is not None
            await Store(world.repository).insert(_again(row))
            await world.billing.pause("org", idempotency_key="p-again")
        states = {each.key: each.state for each in await operation_log(world)}
        assert (states["p"], states["q"], states["r"]) == (DONE, DONE, DONE)

    asyncio.run(main())


def _again(row: BillingOperation) -> BillingOperation:
    return attrs.evolve(row, key="p-again", state=OPEN)
