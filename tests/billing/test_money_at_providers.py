"""A key of a charge or a refund in a new process, long after: one effect, or it is reported; never two."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import attrs
import pytest

from paylattice import BaseProvider, BillingService, InMemoryRepository, Money, Payment, PaymentStatus, Refund, errors
from paylattice.billing.records import OperationState
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
PRICE = Money(2500, "USD")
AGES = {"1 h": timedelta(hours=1), "25 h": timedelta(hours=25), "46 d": timedelta(days=46), "3 y": timedelta(days=1096)}
ATTEMPTS = 20


async def no_wait(_seconds: float) -> None:
    pass


def wire(stand_in: Any) -> AsyncTransport:
    return AsyncTransport(transport=stand_in.transport(), sleep=no_wait)


class Stripe:
    paths: ClassVar[dict[str, str]] = {"create_payment": "/v1/payment_intents", "refund_payment": "/v1/refunds"}
    finds = frozenset(AGES)

    def __init__(self) -> None:
        self.source = StripeStandIn(now=NOW, clock=lambda: self.source.now)

    def provider(self) -> BaseProvider:
        config = StripeConfig(secret_key=self.source.secret_key, webhook_secret=self.source.webhook_secret)
        return StripeProvider(config, transport=wire(self.source), clock=lambda: self.source.now)

    def method(self, customer_id: str) -> str:
        return self.source.add_payment_method(customer_id)

    def amounts(self) -> tuple[list[int], list[int]]:
        world = self.source._world
        return [each["amount"] for each in world.all("payment_intent")], [
            each["amount"] for each in world.all("refund")
        ]


class PayPal:
    paths: ClassVar[dict[str, str]] = {
        "create_payment": "/v2/checkout/orders",
        "refund_payment": "/v2/payments/captures",
    }
    finds = frozenset({"1 h", "25 h", "46 d"})
    """Its transaction search goes back three years."""

    def __init__(self) -> None:
        self.source = PayPalStandIn(now=NOW, clock=lambda: self.source.now)

    def provider(self) -> BaseProvider:
        config = PayPalConfig(
            client_id=self.source.client_id, client_secret=self.source.client_secret, webhook_id=self.source.webhook_id
        )
        return PayPalProvider(config, transport=wire(self.source), clock=lambda: self.source.now)

    def method(self, customer_id: str) -> str:
        return self.source.add_payment_method("vault-1", merchant_customer=customer_id)

    def amounts(self) -> tuple[list[int], list[int]]:
        world = self.source._world
        captures, refunds = world.all("capture"), world.all("refund")
        return cents(captures), cents(refunds)


def cents(rows: Any) -> list[int]:
    return [round(float(each["amount"]["value"]) * 100) for each in rows]


class Square:
    paths: ClassVar[dict[str, str]] = {"create_payment": "/v2/payments", "refund_payment": "/v2/refunds"}
    finds = frozenset(AGES)

    def __init__(self) -> None:
        self.source = SquareStandIn(now=NOW)

    def provider(self) -> BaseProvider:
        config = SquareConfig(access_token=self.source.access_token, location_id=self.source.location_id)
        return SquareProvider(config, transport=wire(self.source), clock=lambda: self.source.now)

    def method(self, customer_id: str) -> str:
        return self.source.add_payment_method(customer_id)

    def amounts(self) -> tuple[list[int], list[int]]:
        world = self.source._world
        payments, refunds = world.all("payment"), world.all("refund")
        return [each["amount_money"]["amount"] for each in payments], [
            each["amount_money"]["amount"] for each in refunds
        ]


class Memory:
    paths: ClassVar[dict[str, str]] = {}
    finds = frozenset(AGES)

    def __init__(self) -> None:
        self.source = InMemoryProvider(now=NOW)

    def provider(self) -> BaseProvider:
        return self.source

    def method(self, customer_id: str) -> str:
        return self.source.add_payment_method(customer_id)

    def amounts(self) -> tuple[list[int], list[int]]:
        store = self.source._world.store
        payments, refunds = store.payments.values(), store.refunds.values()
        return [each.amount.amount for each in payments], [each.amount.amount for each in refunds]


PLACES: list[Callable[[], Any]] = [Memory, Stripe, PayPal, Square]


@attrs.define
class Shop:
    """An application whose processes end: what stays is its database, and the provider."""

    place: Any
    repository: InMemoryRepository = attrs.field(factory=InMemoryRepository)
    method: str = ""

    def process(self) -> BillingService[Any]:
        return BillingService(self.place.provider(), self.repository, clock=lambda: self.place.source.now)

    async def open(self) -> None:
        customer = await self.process().ensure_customer("org", email="ada@example.com")
        self.method = self.place.method(customer.external_customer_id)

    async def charge(self, key: str = "order-7") -> Payment:
        return await self.process().charge(
            "org", PRICE, payment_method_id=self.method, description="setup", idempotency_key=key
        )

    async def refund(self, payment_id: str) -> Refund:
        return await self.process().refund("org", payment_id=payment_id, idempotency_key="back-7")

    def refusing(self, operation: str, error: errors.PaymentError) -> Callable[[], BaseProvider]:
        """The provider, as one that refuses the operation before anything is sent."""
        make = type(self.place).provider

        async def refuses(*_: Any, **__: Any) -> Any:
            raise error

        def provider() -> BaseProvider:
            made: BaseProvider = make(self.place)
            if isinstance(made, InMemoryProvider):
                made = copy.copy(made)
            setattr(made, operation, refuses)
            return made

        return provider

    async def losing(self, operation: str, call: Callable[[], Awaitable[object]], *, after_effect: bool) -> None:
        """Let the answers of the operation get lost, or the requests before they had any effect."""
        source = self.place.source
        if isinstance(source, InMemoryProvider):
            method = getattr(source, operation)

            async def lost(*args: Any, **kwargs: Any) -> Any:
                source.time_out_next_call(after_effect=after_effect)
                return await method(*args, **kwargs)

            setattr(source, operation, lost)
        elif after_effect:
            source.faults.lose_next_answer(path=self.place.paths[operation], times=ATTEMPTS)
        else:
            source.faults.answer_next(503, path=self.place.paths[operation], times=ATTEMPTS)
        with pytest.raises(errors.OutcomeUnknown):
            await call()
        if isinstance(source, InMemoryProvider):
            setattr(source, operation, method)
        else:
            source.faults.clear()

    def wait(self, age: timedelta) -> None:
        """Time goes by, and the provider forgets keys as it does."""
        source = self.place.source
        source.advance(days=age.days, hours=age.seconds / 3600)
        if age >= self.place.provider().idempotency_lifetime:
            if isinstance(source, InMemoryProvider):
                source._calls._answers.clear()
            else:
                source.faults.forget_keys()

    async def state(self, key: str) -> OperationState:
        row = await Store(self.repository).get_operation(self.place.provider().get_provider_name(), key)
        assert row is not None
        return row.state

    def may_be_sent(self, age: str) -> bool:
        lifetime = self.place.provider().idempotency_lifetime
        return AGES[age] < lifetime - min(timedelta(minutes=5), lifetime / 10)


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["retry", "maintain"])
@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_charge(place: Callable[[], Any], age: str, way: str, lost: str) -> None:
    async def main() -> None:
        shop = Shop(place())
        await shop.open()
        await shop.losing("create_payment", shop.charge, after_effect=lost == "answer")
        assert shop.place.amounts()[0] == ([2500] if lost == "answer" else [])
        shop.wait(AGES[age])
        if way == "maintain":
            await shop.process().recover_open(older_than=timedelta(0))
        known = shop.may_be_sent(age) or (lost == "answer" and age in shop.place.finds)
        if known:
            first, again = await shop.charge(), await shop.charge()
            assert (first.id, first.status, first.amount) == (again.id, PaymentStatus.SUCCEEDED, PRICE)
            assert first.description in {"setup", None}
            assert await shop.state("order-7") is OperationState.DONE
        else:
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await shop.charge()
            await shop.process().recover_open(older_than=timedelta(0))
            assert await shop.state("order-7") is OperationState.ABANDONED
        assert shop.place.amounts() == ([2500] if known or lost == "answer" else [], [])

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("amount", [None, Money(1000, "USD")], ids=["all", "a part"])
@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_refund(place: Callable[[], Any], age: str, amount: Money | None, lost: str) -> None:
    async def main() -> None:
        shop = Shop(place())
        await shop.open()
        payment = await shop.charge()

        async def refund() -> Refund:
            return await shop.process().refund(
                "org", payment_id=payment.id, amount=amount, reason="sorry", idempotency_key="back-7"
            )

        await shop.losing("refund_payment", refund, after_effect=lost == "answer")
        shop.wait(AGES[age])
        wanted = [(amount or PRICE).amount]
        if lost == "answer" or shop.may_be_sent(age):
            first, again = await refund(), await refund()
            assert (first.id, first.amount.amount) == (again.id, wanted[0])
            assert await shop.state("back-7") is OperationState.DONE
            assert shop.place.amounts() == ([2500], wanted)
        else:
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await refund()
            await shop.process().recover_open(older_than=timedelta(0))
            assert await shop.state("back-7") is OperationState.ABANDONED
            assert shop.place.amounts() == ([2500], [])

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("operation", ["create_payment", "refund_payment"])
def test_what_refuses_a_later_attempt_does_not_undo_the_first(
    place: Callable[[], Any], operation: str, age: str
) -> None:
    """The answer is lost, and when it is asked for again, the customer is gone: that says nothing of what was sent before."""

    async def main() -> None:
        shop = Shop(place())
        await shop.open()
        payment = await shop.charge("order-6")
        taken, back = shop.place.amounts()
        if operation == "create_payment":
            ask, key, after = partial(shop.charge, "order-7"), "order-7", ([*taken, 2500], back)
        else:
            ask, key, after = partial(shop.refund, payment.id), "back-7", (taken, [*back, 2500])
        await shop.losing(operation, ask, after_effect=True)
        shop.place.provider = shop.refusing(operation, errors.NotFound("there is no such customer"))
        with suppress(errors.NotFound):  # where the provider cannot find it yet
            await ask()
            assert await shop.state(key) is OperationState.DONE
        assert await shop.state(key) in {OperationState.OPEN, OperationState.DONE}
        del shop.place.provider
        shop.wait(AGES[age])
        try:
            first, again = await ask(), await ask()
        except errors.IdempotencyMismatch:
            report = await shop.process().recover_open(older_than=timedelta(0))
            assert [each.key for each in report.abandoned] == [key]
            assert operation == "create_payment"
            assert age not in shop.place.finds
        else:
            assert first.id == again.id
            assert await shop.state(key) is OperationState.DONE
        assert shop.place.amounts() == after

    asyncio.run(main())


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("place", PLACES)
def test_what_was_answered_is_not_done_again(place: Callable[[], Any], age: str) -> None:
    async def main() -> None:
        shop = Shop(place())
        await shop.open()
        payment = await shop.charge()
        back = await shop.process().refund("org", payment_id=payment.id, idempotency_key="back-7")
        shop.wait(AGES[age])
        assert (await shop.charge()).id == payment.id
        assert (await shop.process().refund("org", payment_id=payment.id, idempotency_key="back-7")).id == back.id
        assert shop.place.amounts() == ([2500], [2500])

    asyncio.run(main())


def test_paypal_without_its_transaction_search_reports_the_charge() -> None:
    async def main() -> None:
        shop = Shop(PayPal())
        await shop.open()
        await shop.losing("create_payment", shop.charge, after_effect=True)
        shop.wait(AGES["25 h"])
        shop.place.source.faults.answer_next(403, {"name": "NOT_AUTHORIZED"}, path="/v1/reporting", times=ATTEMPTS)
        report = await shop.process().recover_open(older_than=timedelta(0))
        assert [each.key for each in report.abandoned] == ["order-7"]
        with pytest.raises(errors.IdempotencyMismatch, match="twice"):
            await shop.charge()
        assert shop.place.amounts() == ([2500], [])

    asyncio.run(main())
