"""Refunds at Stripe that are on their way, and what is left meanwhile."""

from typing import Any

import pytest

from paylattice import EventType, Money, PaymentStatus, RefundStatus
from paylattice.errors import OutcomeUnknown, PaymentError

from .support import NO, OK, Shop

USD19 = Money(1900, "USD")


@pytest.fixture
def shop() -> Shop:
    return Shop("blocking", attempts=1)


def paid(shop: Shop, *, capture: bool = True) -> str:
    session = shop.run(shop.provider.create_payment_session(USD19, OK, NO, capture=capture))
    done: Any = shop.server.complete_checkout(session.id)
    return str(done["payment_intent"])


def refund(shop: Shop, payment: str, amount: int | None = None, key: str = "refund-1") -> Any:
    wanted = None if amount is None else Money(amount, "USD")
    return shop.run(shop.provider.refund_payment(payment, wanted, idempotency_key=key))


def read(shop: Shop, payment: str) -> Any:
    return shop.run(shop.provider.get_payment(payment))


def test_a_refund_on_its_way_is_no_longer_left(shop: Shop) -> None:
    payment = paid(shop)
    shop.server.delay_next_refund()
    first = refund(shop, payment, 400, "a")
    assert first.status is RefundStatus.PENDING
    assert (read(shop, payment).status, read(shop, payment).refunded) == (
        PaymentStatus.PARTIALLY_REFUNDED,
        Money(400, "USD"),
    )
    assert refund(shop, payment, key="b").amount == Money(1500, "USD")
    with pytest.raises(PaymentError):
        refund(shop, payment, key="c")
    shop.server.settle_refund(first.id, succeeded=False)
    assert read(shop, payment).refunded == Money(1500, "USD")
    assert refund(shop, payment, key="d").amount == Money(400, "USD")


@pytest.mark.parametrize(
    ("succeeded", "words"),
    [(True, [EventType.REFUND_SUCCEEDED]), (False, [EventType.REFUND_FAILED, EventType.REFUND_FAILED])],
)
def test_what_becomes_of_a_refund_is_told(shop: Shop, *, succeeded: bool, words: list[EventType]) -> None:
    payment = paid(shop)
    shop.server.delay_next_refund()
    made = refund(shop, payment)
    shop.server.deliveries()
    shop.server.settle_refund(made.id, succeeded=succeeded)
    found = [shop.run(shop.provider.parse_webhook(hook.payload, hook.headers)) for hook in shop.server.deliveries()]
    assert [event.type for event in found] == words
    assert len({event.dedupe_key for event in found}) == 1  # so that it is applied once
    with pytest.raises(ValueError, match="not pending"):
        shop.server.settle_refund(made.id)


def test_of_a_payment_that_was_captured_in_part_that_part_is_left(shop: Shop) -> None:
    payment = paid(shop, capture=False)
    shop.run(shop.provider.capture_payment(payment, Money(1200, "USD")))
    refund(shop, payment, 200, "a")
    assert (read(shop, payment).amount_captured, read(shop, payment).refunded) == (
        Money(1200, "USD"),
        Money(200, "USD"),
    )
    assert refund(shop, payment, key="b").amount == Money(1000, "USD")
    assert read(shop, payment).status is PaymentStatus.REFUNDED


def test_a_payment_after_a_declined_attempt_is_given_back_once(shop: Shop) -> None:
    session = shop.run(shop.provider.create_payment_session(USD19, OK, NO))
    shop.server.decline_next_payment()
    shop.server.complete_checkout(session.id)
    done: Any = shop.server.complete_checkout(session.id)
    payment = str(done["payment_intent"])
    assert len(shop.server.objects("charge")) == 2
    shop.server.faults.lose_next_answer(path="/v1/refunds")
    with pytest.raises(OutcomeUnknown) as caught:
        refund(shop, payment)
    back: Any = shop.run(shop.another().recover(caught.value))
    assert (back.amount, read(shop, payment).refunded) == (USD19, USD19)
    assert len(shop.server.objects("refund")) == 1
