"""Charges and refunds when more goes wrong than a lost answer: each is done once, or reported, at every provider."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from paylattice import BillingService, Money, Payment, PaymentStatus, Refund, errors
from paylattice.billing.records import OperationState

from .test_money_at_providers import AGES, ATTEMPTS, PLACES, PRICE, PayPal, Shop, Square, Stripe

PART = Money(700, "USD")
OVER_HTTP = [Stripe, PayPal, Square]


async def opened(place: Callable[[], Any]) -> Shop:
    shop = Shop(place())
    await shop.open()
    return shop


def refund(shop: Shop, payment_id: str, key: str, amount: Money | None = PART) -> Awaitable[Refund]:
    return shop.process().refund("org", payment_id=payment_id, amount=amount, idempotency_key=key)


async def either(ask: Callable[[], Awaitable[Any]]) -> str:
    """What the same call gives twice: the id of what was made; or "reported"."""
    try:
        first, again = await ask(), await ask()
    except errors.IdempotencyMismatch:
        return "reported"
    assert first.id == again.id
    return str(first.id)


@pytest.mark.parametrize("place", PLACES)
def test_two_parts_of_one_size_are_given_back_once_each_although_both_answers_were_lost(
    place: Callable[[], Any],
) -> None:
    async def main() -> None:
        shop = await opened(place)
        payment = await shop.charge()
        for key in ("part 1", "part 2"):
            await shop.losing("refund_payment", partial(refund, shop, payment.id, key), after_effect=True)
        shop.wait(AGES["46 d"])
        found = [await either(partial(refund, shop, payment.id, key)) for key in ("part 1", "part 2")]
        assert len(set(found)) == 2
        assert "reported" not in found
        assert shop.place.amounts() == ([2500], [700, 700])

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_of_a_payment_that_was_captured_in_part_no_more_than_that_is_given_back(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = await opened(place)
        method = {"payment_method_id": shop.method}
        held = await shop.process().authorize("org", PRICE, idempotency_key="hold", **method)

        async def capture(amount: Money = PART) -> Payment:
            return await shop.process().capture("org", held.id, amount=amount, idempotency_key="take")

        try:
            taken = await capture()
        except (errors.UnsupportedOperation, errors.InvalidRequest):
            assert place is Square  # it captures all or nothing
            return
        assert taken.amount_captured == PART
        with pytest.raises(errors.IdempotencyMismatch):
            await capture(PRICE)
        shop.wait(AGES["25 h"])
        assert (await capture()).amount_captured == PART
        back = await refund(shop, held.id, "back", None)
        assert back.amount == PART
        shop.wait(AGES["46 d"])
        assert (await refund(shop, held.id, "back", None)).id == back.id
        assert shop.place.amounts()[1] == [700]

    asyncio.run(main())


FAILURES: dict[str, dict[str, Any]] = {
    "500 after it was done": {"status": 500},
    "502 of a proxy after it was done": {"status": 502, "body": "<html>bad gateway</html>"},
    "200 of a proxy that is no JSON, after it was done": {"status": 200, "body": "<html>please log in</html>"},
    "409 while it is done": {"status": 409},
    "a replayed 500": {"status": 500, "headers": {"Idempotent-Replayed": "true"}},
}


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("place", OVER_HTTP)
def test_an_answer_that_does_not_say_what_was_done_is_not_taken_for_a_refusal(
    place: Callable[[], Any], what: str
) -> None:
    async def main() -> None:
        shop = await opened(place)
        payment = await shop.charge("order-6")
        asked = {"create_payment": shop.charge, "refund_payment": partial(refund, shop, payment.id, "back")}
        for operation, ask in asked.items():
            fault = FAILURES[what]
            shop.place.source.faults.answer_next(
                path=shop.place.paths[operation], times=ATTEMPTS, after_effect=True, **fault
            )
            with pytest.raises(errors.PaymentError):
                await ask()
            shop.place.source.faults.clear()
        for age in ("25 h", "46 d"):
            shop.wait(AGES[age])
            assert [await either(ask) == "reported" for ask in asked.values()] == [False, False]
        assert shop.place.amounts() == ([2500, 2500], [700])

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_charge_is_found_behind_more_payments_than_a_page_holds(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = await opened(place)
        provider = shop.place.provider()
        customer = await shop.process().ensure_customer("org", email="ada@example.com")

        async def others(number: int) -> None:
            for each in range(number):
                await provider.create_payment(
                    PART,
                    customer_id=customer.external_customer_id,
                    payment_method_id=shop.method,
                    idempotency_key=f"other {each} {number}",
                )

        await others(60)
        await shop.losing("create_payment", shop.charge, after_effect=True)
        await others(61)
        shop.wait(AGES["46 d"])
        assert await either(shop.charge) != "reported"
        assert shop.place.amounts()[0].count(2500) == 1

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_clock_that_goes_back_sends_nothing_again(place: Callable[[], Any]) -> None:
    """The machine that sent it was ahead, or the one that asks again is behind: how old the key is nobody knows."""

    async def main() -> None:
        shop = await opened(place)
        await shop.losing("create_payment", shop.charge, after_effect=True)
        shop.wait(AGES["46 d"])
        source = shop.place.source
        for back in (timedelta(days=46), timedelta(days=47), timedelta(days=400)):
            now = source.now - back
            billing: BillingService[Any] = BillingService(
                shop.place.provider(), shop.repository, clock=lambda now=now: now
            )
            with_key = partial(billing.charge, "org", PRICE, payment_method_id=shop.method, description="setup")
            await either(partial(with_key, idempotency_key="order-7"))
            assert shop.place.amounts()[0] == [2500], f"asked again by a clock that is {back} behind"

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_two_processes_at_once_charge_and_refund_once(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = await opened(place)
        first, second = await asyncio.gather(shop.charge(), shop.charge())
        assert first.id == second.id
        one, other = await asyncio.gather(*(refund(shop, first.id, "back") for _ in range(2)))
        assert one.id == other.id
        assert shop.place.amounts() == ([2500], [700])

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_key_in_doubt_serves_nothing_else_and_nobody_else(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = await opened(place)
        await shop.process().ensure_customer("other", email="b@example.com")
        await shop.losing("create_payment", shop.charge, after_effect=True)
        wrong: list[Callable[[BillingService[Any]], Awaitable[object]]] = [
            lambda billing: billing.charge("org", PART, payment_method_id=shop.method, idempotency_key="order-7"),
            lambda billing: billing.authorize("org", PRICE, payment_method_id=shop.method, idempotency_key="order-7"),
            lambda billing: billing.charge("other", PRICE, payment_method_id=shop.method, idempotency_key="order-7"),
            lambda billing: billing.refund("org", payment_id="pay_1", idempotency_key="order-7"),
        ]
        for age in ("1 h", "46 d"):
            shop.wait(AGES[age])
            for each in wrong:
                with pytest.raises(errors.IdempotencyMismatch, match="other parameters"):
                    await each(shop.process())
        payment = await shop.charge()
        assert payment.status is PaymentStatus.SUCCEEDED
        assert await shop.state("order-7") is OperationState.DONE
        with pytest.raises(errors.NotFound):
            await shop.process().refund("other", payment_id=payment.id, idempotency_key="theirs")
        assert shop.place.amounts() == ([2500], [])

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_charge_of_a_machine_whose_clock_is_minutes_ahead_is_found(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = await opened(place)
        ahead: BillingService[Any] = BillingService(
            shop.place.provider(), shop.repository, clock=lambda: shop.place.source.now + timedelta(minutes=9)
        )
        ask = partial(ahead.charge, "org", PRICE, payment_method_id=shop.method, description="setup")
        await shop.losing("create_payment", partial(ask, idempotency_key="order-7"), after_effect=True)
        shop.wait(AGES["46 d"])
        assert await either(shop.charge) != "reported"
        assert shop.place.amounts() == ([2500], [])

    asyncio.run(main())
