"""Refunds of payments in several parts at PayPal: units, captures, and refunds that are still on their way."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from paylattice import Money, PaymentStatus, RefundStatus
from paylattice.errors import Conflict, InvalidRequest, OutcomeUnknown, PaymentError

from .support import PayPalShop, money

AUTHORIZATIONS, CAPTURES = "/v2/payments/authorizations", "/v2/payments/captures"
USD100, USD80, USD60, USD40 = (Money(amount, "USD") for amount in (10000, 8000, 6000, 4000))


@pytest.fixture(params=["async", "blocking"])
def shop(request: pytest.FixtureRequest) -> PayPalShop:
    return PayPalShop(request.param, attempts=1)


def paid_in_units(shop: PayPalShop, *amounts: str) -> str:
    """An order of several purchase units that was paid."""
    order = shop.server.add_order(*(amounts or ("60.00", "40.00")))
    shop.server.complete_checkout(order)
    shop.run(shop.provider.capture_payment(order))
    return order


def paid_in_captures(shop: PayPalShop) -> tuple[str, str]:
    """An order of one unit of 100.00 whose authorization was captured in two parts, and the authorization."""
    authorization = shop.authorized("100.00")
    for value in ("60.00", "40.00"):
        shop.post(f"{AUTHORIZATIONS}/{authorization}/capture", {"amount": money(value), "final_capture": False})
    (order,) = [str(found["id"]) for found in shop.server.objects("order")]
    return order, authorization


def captures(shop: PayPalShop) -> list[str]:
    return [str(found["id"]) for found in shop.server.objects("capture")]


def refunded(shop: PayPalShop) -> list[str]:
    """The amount of each refund that is there."""
    found: list[Any] = shop.server.objects("refund")
    return [each["amount"]["value"] for each in found]


def silent_for(shop: PayPalShop, capture: str) -> None:
    """Let the next refund of the capture find nobody at home."""
    shop.server.faults.answer_next(503, b"", {}, path=f"{CAPTURES}/{capture}/refund")


def refund(shop: PayPalShop, payment: str, amount: Money | None = None, key: str = "refund-1") -> Any:
    return shop.run(shop.provider.refund_payment(payment, amount, idempotency_key=key))


def failure(shop: PayPalShop, payment: str, amount: Money | None = None, key: str = "refund-1") -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        refund(shop, payment, amount, key)
    return caught.value


def read(shop: PayPalShop, payment: str) -> Any:
    return shop.run(shop.provider.get_payment(payment))


# --- what is left ------------------------------------------------------------------------------------------------


def test_an_order_of_several_units_is_one_payment_of_all_of_them(shop: PayPalShop) -> None:
    order = shop.server.add_order("60.00", "40.00", custom_id="org_1")
    shop.server.complete_checkout(order)
    assert (read(shop, order).amount, read(shop, order).status) == (USD100, PaymentStatus.PENDING)
    payment = shop.run(shop.provider.capture_payment(order))
    assert (payment.amount, payment.amount_captured, payment.customer_id) == (USD100, USD100, "org_1")
    assert payment.status is PaymentStatus.SUCCEEDED
    session = shop.run(shop.provider.get_checkout_session(order))
    assert session is not None
    assert session.status == "complete"


def test_what_is_left_is_given_back_of_every_unit(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    back = refund(shop, order)
    assert (back.amount, back.status, back.payment_id) == (USD100, RefundStatus.SUCCEEDED, order)
    assert back.part_ids == tuple(each["id"] for each in shop.server.objects("refund"))
    assert back.id == back.part_ids[0]
    assert [each["id"] for each in back.raw["refunds"]] == list(back.part_ids)
    payment = read(shop, order)
    assert (payment.status, payment.refunded) == (PaymentStatus.REFUNDED, USD100)
    assert shop.server.money_taken() == Decimal(0)


def test_what_is_left_is_given_back_of_every_capture(shop: PayPalShop) -> None:
    order, authorization = paid_in_captures(shop)
    assert read(shop, authorization).amount_captured == USD100
    assert refund(shop, authorization).amount == USD100
    assert (read(shop, authorization).status, read(shop, order).status) == (PaymentStatus.REFUNDED,) * 2
    assert read(shop, authorization).refunded == USD100


def test_what_is_left_after_refunds_of_parts_is_the_rest(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    first, second = captures(shop)
    refund(shop, first, Money(1500, "USD"), "a")
    refund(shop, second, USD40, "b")
    payment = read(shop, order)
    assert (payment.status, payment.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, Money(5500, "USD"))
    assert read(shop, first).refunded == Money(1500, "USD")
    back = refund(shop, order)
    assert (back.amount, back.part_ids) == (Money(4500, "USD"), ())
    assert isinstance(failure(shop, order, key="again"), Conflict)
    assert shop.server.money_taken() == Decimal(0)


def test_a_refund_that_is_on_its_way_counts_and_one_that_failed_does_not(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    shop.server.delay_next_refund(times=2)
    back = refund(shop, order)
    assert (back.amount, back.status) == (USD100, RefundStatus.PENDING)
    assert read(shop, order).refunded == USD100
    assert isinstance(failure(shop, order, key="again"), Conflict)
    shop.server.settle_refund(back.part_ids[0])
    shop.server.settle_refund(back.part_ids[1], succeeded=False)
    assert (read(shop, order).status, read(shop, order).refunded) == (PaymentStatus.PARTIALLY_REFUNDED, USD60)
    assert refund(shop, order, key="once more").amount == USD40


def test_the_refund_of_one_pending_and_one_done_is_pending(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    shop.server.delay_next_refund()
    assert refund(shop, order).status is RefundStatus.PENDING


# --- an amount ---------------------------------------------------------------------------------------------------


def test_an_amount_that_one_capture_can_give_back_is_taken_from_that_one(shop: PayPalShop) -> None:
    order = paid_in_units(shop, "40.00", "60.00")
    back = refund(shop, order, Money(5000, "USD"))
    assert (back.amount, refunded(shop)) == (Money(5000, "USD"), ["50.00"])
    assert read(shop, captures(shop)[1]).refunded == Money(5000, "USD")


def test_an_amount_beyond_every_single_capture_is_spread(shop: PayPalShop) -> None:
    order = paid_in_units(shop, "40.00", "30.00", "30.00")
    back = refund(shop, order, USD80)
    assert (back.amount, refunded(shop)) == (USD80, ["40.00", "30.00", "10.00"])
    assert refund(shop, order, key="rest").amount == Money(2000, "USD")
    assert shop.server.money_taken() == Decimal(0)


def test_a_spread_refund_begins_where_others_ended(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    refund(shop, order, Money(5000, "USD"), "a")
    assert refund(shop, order, Money(4500, "USD"), "b").amount == Money(4500, "USD")
    assert refunded(shop) == ["50.00", "10.00", "35.00"]


def test_more_than_is_left_is_refused_before_anything_is_given_back(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    refund(shop, order, Money(3000, "USD"), "a")
    error = failure(shop, order, USD80, "b")
    assert isinstance(error, InvalidRequest)
    assert "70.00" in error.message
    assert refunded(shop) == ["30.00"]


def test_the_payer_still_knows_the_invoice_of_a_spread_refund(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    for place, capture in enumerate(shop.server._world.all("capture")):
        capture["invoice_id"] = f"INV-{place}"
    refund(shop, order, USD80)
    invoices = [str(each["invoice_id"]) for each in shop.server.objects("refund")]
    assert [each[:6] for each in invoices] == ["INV-0-", "INV-1-"]


# --- crashes, repetitions, races ---------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [None, USD80, USD100], ids=str)
@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("units", [True, False])
def test_what_stopped_in_the_middle_is_completed_by_the_same_key_and_never_doubled(
    shop: PayPalShop, amount: Money | None, lost: int, *, units: bool
) -> None:
    order = paid_in_units(shop) if units else paid_in_captures(shop)[0]
    silent_for(shop, captures(shop)[lost])
    error = failure(shop, order, amount)
    assert isinstance(error, OutcomeUnknown)
    assert len(refunded(shop)) == lost
    back: Any = shop.run(shop.another().recover(error))
    again = refund(shop, order, amount)
    assert back == again
    assert back.amount == (amount or USD100)
    assert shop.server.money_taken() == Decimal(100) - back.amount.to_decimal()


@pytest.mark.parametrize("amount", [None, USD80, USD60], ids=str)
def test_answers_that_got_lost_are_repeated(shop: PayPalShop, amount: Money | None) -> None:
    order = paid_in_units(shop)
    for capture in captures(shop):
        shop.server.faults.lose_next_answer(path=f"{CAPTURES}/{capture}/refund")
    for _ in range(3):
        try:
            refund(shop, order, amount)
        except OutcomeUnknown:
            continue
        break
    assert refund(shop, order, amount).amount == (amount or USD100)
    assert shop.server.money_taken() == Decimal(100) - (amount or USD100).to_decimal()


def test_what_was_done_is_known_from_the_order_where_paypal_has_forgotten_the_keys(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    back = refund(shop, order, USD80)
    shop.server.advance(days=46)
    assert refund(shop, order, USD80) == back
    assert refunded(shop) == ["60.00", "20.00"]


@pytest.mark.parametrize("amount", [None, USD80], ids=str)
def test_a_refusal_after_a_part_was_given_back_is_an_unknown_outcome(shop: PayPalShop, amount: Money | None) -> None:
    order = paid_in_units(shop)
    body = b'{"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "REFUND_FAILED_INSUFFICIENT_FUNDS"}]}'
    shop.server.faults.answer_next(422, body, {}, path=f"{CAPTURES}/{captures(shop)[1]}/refund")
    error = failure(shop, order, amount)
    assert isinstance(error, OutcomeUnknown)
    assert error.code == "REFUND_FAILED_INSUFFICIENT_FUNDS"
    assert "60.00" in error.message
    back: Any = shop.run(shop.provider.recover(error))
    assert back.amount == (amount or USD100)


def test_a_refusal_before_anything_was_given_back_is_a_definite_one(shop: PayPalShop) -> None:
    order = paid_in_units(shop)
    body = b'{"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "REFUND_FAILED_INSUFFICIENT_FUNDS"}]}'
    shop.server.faults.answer_next(422, body, {}, path=f"{CAPTURES}/{captures(shop)[0]}/refund")
    assert not failure(shop, order).outcome_unknown
    assert refunded(shop) == []


@pytest.mark.parametrize("amount", [None, USD80, USD60], ids=str)
def test_two_refunds_at_once_never_exceed_what_was_taken(amount: Money | None) -> None:
    shop = PayPalShop("async")
    order = paid_in_units(shop)

    async def both() -> list[object]:
        calls = (shop.another().refund_payment(order, amount, idempotency_key=f"worker-{each}") for each in range(2))
        return await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(both())
    given = sum(Decimal(value) for value in refunded(shop))
    assert Decimal(60) <= given <= Decimal(100)
    assert shop.server.money_taken() == Decimal(100) - given


# --- parts that stand differently --------------------------------------------------------------------------------


def test_a_unit_that_is_pending_keeps_the_payment_pending(shop: PayPalShop) -> None:
    order = shop.server.add_order("60.00", "40.00")
    shop.server.complete_checkout(order)
    shop.server.decline_next_payment("PENDING")
    payment = shop.run(shop.provider.capture_payment(order))
    assert (payment.status, payment.amount_captured) == (PaymentStatus.PENDING, USD40)
    assert "still under way" in failure(shop, order).message
    shop.server.settle_payment(order)
    assert read(shop, order).status is PaymentStatus.SUCCEEDED
    assert refund(shop, order).amount == USD100


def test_an_authorization_whose_capture_is_under_review_has_not_succeeded(shop: PayPalShop) -> None:
    authorization = shop.authorized("100.00")
    shop.server.decline_next_payment("PENDING")
    shop.post(f"{AUTHORIZATIONS}/{authorization}/capture", {"final_capture": True})
    assert read(shop, authorization).status is PaymentStatus.PENDING
    shop.server.settle_payment(captures(shop)[0])
    assert (read(shop, authorization).status, read(shop, authorization).amount_captured) == (
        PaymentStatus.SUCCEEDED,
        USD100,
    )


def test_a_payment_of_which_only_a_part_came_is_unknown_and_that_part_is_given_back(shop: PayPalShop) -> None:
    order = shop.server.add_order("60.00", "40.00")
    shop.server.complete_checkout(order)
    shop.server.decline_next_payment("DECLINED")
    payment = shop.run(shop.provider.capture_payment(order))
    assert (payment.status, payment.amount_captured) == (PaymentStatus.UNKNOWN, USD40)
    assert payment.raw_status == "DECLINED, COMPLETED"
    session = shop.run(shop.provider.get_checkout_session(order))
    assert session is not None
    assert session.status == "unknown"
    assert refund(shop, order).amount == USD40
    assert shop.server.money_taken() == Decimal(0)


# --- sales -------------------------------------------------------------------------------------------------------


def test_what_is_left_of_a_sale_is_given_back_also_while_paypal_holds_it(shop: PayPalShop) -> None:
    shop.server.hold_next_sale()
    shop.subscription()
    (sale,) = [str(found["id"]) for found in shop.server.objects("sale")]
    assert (read(shop, sale).status, read(shop, sale).amount) == (PaymentStatus.PROCESSING, Money(1900, "USD"))
    refund(shop, sale, Money(400, "USD"), "a")
    assert refund(shop, sale, key="b").amount == Money(1500, "USD")
    assert read(shop, sale).status is PaymentStatus.REFUNDED


def test_a_held_sale_is_told_of_as_processing_and_as_paid_once_it_is_released(shop: PayPalShop) -> None:
    shop.server.hold_next_sale()
    shop.subscription()
    (sale,) = [str(found["id"]) for found in shop.server.objects("sale")]
    assert "PAYMENT.SALE.PENDING" in shop.told()
    shop.server.release_sale(sale)
    assert shop.told() == ["PAYMENT.SALE.COMPLETED"]
    assert read(shop, sale).status is PaymentStatus.SUCCEEDED


# --- deliveries that come after all has happened -----------------------------------------------------------------


def test_every_delivery_is_borne_out_however_late_it_comes(shop: PayPalShop) -> None:
    voided = shop.authorized("5.00")
    shop.run(shop.provider.cancel_payment(voided))
    shop.server.decline_next_payment("PENDING")
    reviewed = shop.approved("7.00")
    shop.run(shop.provider.capture_payment(reviewed))
    shop.server.settle_payment(reviewed, succeeded=False)
    order = paid_in_units(shop)
    shop.server.delay_next_refund(times=2)
    back = refund(shop, order)
    shop.server.settle_refund(back.part_ids[0])
    shop.server.settle_refund(back.part_ids[1], succeeded=False)
    refund(shop, order, key="once more")
    shop.server.hold_next_sale()
    shop.subscription()
    sale = str(shop.server.objects("sale")[0]["id"])
    shop.server.release_sale(sale)
    refund(shop, sale, key="sale")

    deliveries = shop.server.deliveries(at=shop.server.now)
    seen: set[str] = set()
    for hook in reversed(deliveries):
        event = shop.run(shop.provider.parse_webhook(hook.payload, hook.headers))
        confirmed = shop.run(shop.provider.verify_with_provider(event))
        seen.add(str(event.provider_type))
        if event.payment is not None:
            assert confirmed.payment is not None
            assert confirmed.payment.id == event.payment.id
    assert {"PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.CAPTURE.PENDING", "PAYMENT.SALE.PENDING"} <= seen
    assert {"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.FAILED", "CHECKOUT.ORDER.APPROVED"} <= seen
