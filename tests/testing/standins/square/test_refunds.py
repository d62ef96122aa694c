"""What is left of a payment at Square while refunds are on their way, and orders that were paid with several payments."""

import asyncio
from typing import Any

import pytest

from paylattice import Money, PaymentStatus, RefundStatus
from paylattice.errors import Conflict, InvalidRequest, OutcomeUnknown, PaymentError
from paylattice.models import CheckoutStatus
from paylattice.testing.standins.square import Variants

from .support import NO, OK, Market

USD19 = Money(1900, "USD")


@pytest.fixture(params=[True, False], ids=["pending counts", "pending does not count"])
def market(request: pytest.FixtureRequest) -> Market:
    """Nobody knows whether ``refunded_money`` holds what is on its way: both must do."""
    return Market(attempts=1, variants=Variants(pending_refunds_count=request.param))


def refund(market: Market, payment: str, amount: int | None = None, key: str = "refund-1") -> Any:
    wanted = None if amount is None else Money(amount, "USD")
    return market.run(market.provider.refund_payment(payment, wanted, idempotency_key=key))


def failure(market: Market, payment: str, amount: int | None = None, key: str = "refund-1") -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        refund(market, payment, amount, key)
    return caught.value


def read(market: Market, payment: str) -> Any:
    return market.run(market.provider.get_payment(payment))


def given_back(market: Market) -> list[int]:
    refunds: list[Any] = market.server.objects("refund")
    return [each["amount_money"]["amount"] for each in refunds if each["status"] != "FAILED"]


def test_what_is_left_is_what_no_refund_has_taken_or_is_about_to_take(market: Market) -> None:
    payment = market.payment()["id"]
    assert refund(market, payment, 400, "a").status is RefundStatus.PENDING
    assert read(market, payment).refunded == Money(400, "USD")
    assert read(market, payment).status is PaymentStatus.PARTIALLY_REFUNDED
    assert refund(market, payment, key="b").amount == Money(1500, "USD")
    assert (read(market, payment).status, read(market, payment).refunded) == (PaymentStatus.REFUNDED, USD19)
    assert isinstance(failure(market, payment, key="c"), Conflict | InvalidRequest)
    assert given_back(market) == [400, 1500]


def test_what_the_bank_has_refused_to_give_back_is_left_again(market: Market) -> None:
    payment = market.payment()["id"]
    refund(market, payment, 400, "a")
    market.settle_refunds(succeeded=False)
    assert (read(market, payment).status, read(market, payment).refunded) in [
        (PaymentStatus.SUCCEEDED, None),
        (PaymentStatus.SUCCEEDED, Money(0, "USD")),
    ]
    assert refund(market, payment, key="b").amount == USD19


def test_what_was_given_back_and_what_is_on_its_way_are_added(market: Market) -> None:
    payment = market.payment()["id"]
    refund(market, payment, 400, "a")
    market.settle_refunds()
    refund(market, payment, 500, "b")
    assert read(market, payment).refunded == Money(900, "USD")
    assert refund(market, payment, key="c").amount == Money(1000, "USD")


@pytest.mark.parametrize("before", [0, 400])
def test_a_refund_whose_answer_got_lost_is_repeated_under_its_key(market: Market, before: int) -> None:
    payment = market.payment()["id"]
    if before:
        refund(market, payment, before, "a")
    market.server.faults.lose_next_answer(path="/v2/refunds")
    error = failure(market, payment, key="b")
    assert isinstance(error, OutcomeUnknown)
    back: Any = market.run(market.another().recover(error))
    assert back.amount == Money(1900 - before, "USD")
    assert sum(given_back(market)) == 1900


@pytest.mark.parametrize("amount", [None, 1000])
def test_two_refunds_at_once_never_exceed_what_was_taken(amount: int | None) -> None:
    market = Market("async", variants=Variants(pending_refunds_count=False))
    payment = market.payment()["id"]
    wanted = None if amount is None else Money(amount, "USD")

    async def both() -> list[object]:
        calls = (market.another().refund_payment(payment, wanted, idempotency_key=f"worker-{n}") for n in range(2))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(both())
    assert sum(given_back(market)) == (amount or 1900)
    assert len([each for each in outcomes if isinstance(each, PaymentError)]) == 1


# --- several payments on one order -------------------------------------------------------------------------------


def test_a_page_that_was_paid_with_two_payments_names_neither_as_the_one(market: Market) -> None:
    session = market.run(market.provider.create_payment_session(USD19, OK, NO))
    market.server.complete_checkout(session.id, gift_card=500)
    found: Any = market.run(market.provider.get_checkout_session(session.id))
    assert (found.status, found.payment_id) == (CheckoutStatus.COMPLETE, None)
    assert sorted(each["amount_money"]["amount"] for each in found.raw["payments"]) == [500, 1400]


def test_a_page_of_which_only_the_gift_card_has_paid_is_not_complete(market: Market) -> None:
    session = market.run(market.provider.create_payment_session(USD19, OK, NO))
    market.server.complete_checkout(session.id, gift_card=500, capture=False)
    card: Any = market.server.objects("payment")[-1]
    market.ok("POST", f"/v2/payments/{card['id']}/cancel")
    found: Any = market.run(market.provider.get_checkout_session(session.id))
    assert found.status is CheckoutStatus.PENDING


def test_a_subscription_is_found_by_either_of_the_payments_that_paid_its_link(market: Market) -> None:
    market.server.add_plan("PRO", Money(1900, "USD"))
    customer = market.customer()
    session = market.run(market.provider.create_checkout_session(customer, "PRO", OK, NO))
    market.server.complete_checkout(session.id, gift_card=500)
    found: Any = market.run(market.provider.get_checkout_session(session.id))
    assert (found.status, found.subscription_id is not None) == (CheckoutStatus.COMPLETE, True)


# --- several actions of one kind ---------------------------------------------------------------------------------


def test_every_scheduled_pause_is_taken_back(market: Market) -> None:
    subscription = market.subscribed()
    market.run(market.provider.pause_subscription(subscription))
    data = market.server._world.need("subscription", subscription)
    (first,) = data["actions"]
    data["actions"].append({**first, "id": "ANOTHER", "effective_date": "2027-03-01"})
    market.run(market.provider.resume_subscription(subscription))
    assert market.subscription(subscription).get("actions", []) == []
