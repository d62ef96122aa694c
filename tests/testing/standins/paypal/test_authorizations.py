"""Authorizations: taken in parts, released, renewed, lapsed.

What PayPal allows, and when, is https://developer.paypal.com/docs/checkout/advanced/authorization-honor; the words of its
refusals are in its description of the payments API.
"""

import contextlib
from datetime import timedelta

import pytest

from paylattice import Money, Payment, PaymentStatus
from paylattice.errors import Conflict, Declined, InvalidRequest, OutcomeUnknown

from .support import URLS, PayPalShop

P = PaymentStatus
WHOLE = Money(1900, "USD")


def dollars(amount: int) -> Money:
    return Money(amount * 100, "USD")


@pytest.fixture(params=["async", "blocking"])
def shop(request: pytest.FixtureRequest) -> PayPalShop:
    return PayPalShop(request.param)


@pytest.fixture(params=["order", "authorization"])
def held(request: pytest.FixtureRequest, shop: PayPalShop) -> str:
    """The id of a payment that is authorized: of its order, or of the authorization itself."""
    session = shop.run(
        shop.provider.create_payment_session(WHOLE, URLS["return_url"], URLS["cancel_url"], capture=False)
    )
    shop.server.complete_checkout(session.id)
    shop.run(shop.provider.authorize_payment(session.id))
    return session.id if request.param == "order" else str(shop.server.objects("authorization")[0]["id"])


def is_order(shop: PayPalShop, payment_id: str) -> bool:
    return payment_id in {each["id"] for each in shop.server.objects("order")}


def read(shop: PayPalShop, payment_id: str) -> Payment:
    found = shop.run(shop.provider.get_payment(payment_id))
    assert found is not None
    return found


def test_parts_are_taken_each_once_and_the_rest_is_released(shop: PayPalShop, held: str) -> None:
    for _ in range(2):
        first = shop.run(shop.provider.capture_part(held, dollars(5), idempotency_key="part-1"))
        assert (first.id, first.status, first.amount_captured) == (held, P.AUTHORIZED, dollars(5))
    second = shop.run(shop.provider.capture_part(held, dollars(4), idempotency_key="part-2"))
    assert (second.status, second.amount_captured) == (P.AUTHORIZED, dollars(9))
    assert read(shop, held).status is P.AUTHORIZED
    shop.run(shop.provider.cancel_payment(held))
    assert shop.server.money_taken() == 9
    if is_order(shop, held):
        assert (read(shop, held).status, read(shop, held).amount_captured) == (P.SUCCEEDED, dollars(9))


def test_a_part_is_taken_once_also_when_its_key_is_forgotten(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5), idempotency_key="part-1"))
    shop.server.faults.forget_keys()
    again = shop.run(shop.provider.capture_part(held, dollars(5), idempotency_key="part-1"))
    assert (again.amount_captured, shop.server.money_taken()) == (dollars(5), 5)


def test_a_part_that_was_declined_is_declined_under_its_key_for_good(shop: PayPalShop, held: str) -> None:
    shop.server.decline_next_payment("DECLINED")
    for _ in range(2):
        with pytest.raises(Declined) as caught:
            shop.run(shop.provider.capture_part(held, dollars(5), idempotency_key="part-1"))
        assert caught.value.code == "DECLINED"
    assert shop.server.money_taken() == 0


@pytest.mark.parametrize("part", [None, dollars(5)])
def test_a_declined_capture_leaves_the_rest_reserved(shop: PayPalShop, held: str, part: Money | None) -> None:
    if part is not None:
        shop.run(shop.provider.capture_part(held, part))
    before = read(shop, held)
    shop.server.decline_next_payment("DECLINED")
    with pytest.raises(Declined):
        shop.run(shop.provider.capture_payment(held))
    after = read(shop, held)
    assert (after.status, after.amount_captured) == (P.AUTHORIZED, before.amount_captured)
    assert (after.raw_status, after.capture_before) == (before.raw_status, before.capture_before)
    assert shop.run(shop.provider.capture_payment(held)).amount_captured == WHOLE
    assert shop.server.money_taken() == 19


@pytest.mark.parametrize("last", [dollars(14), dollars(7)])
def test_a_last_capture_whose_answer_was_lost_is_recovered_with_its_own_amount(
    shop: PayPalShop, held: str, last: Money
) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    authorization = shop.server.objects("authorization")[0]["id"]
    shop.server.faults.lose_next_answer(path=f"/v2/payments/authorizations/{authorization}/capture", times=9)
    with contextlib.suppress(OutcomeUnknown):
        shop.run(shop.provider.capture_payment(held, last, idempotency_key="last"))
    shop.server.faults.clear()
    again = shop.run(shop.provider.capture_payment(held, last, idempotency_key="last"))
    assert (again.status, len(shop.server.objects("capture"))) == (P.SUCCEEDED, 2)
    assert again.amount_captured in {dollars(5) + last, None}
    if again.amount_captured is not None:
        with pytest.raises(Conflict, match="another amount"):
            shop.run(shop.provider.capture_payment(held, dollars(3)))


@pytest.mark.parametrize("step", ["capture", "reauthorize"])
def test_no_lost_answer_takes_a_part_or_renews_twice(shop: PayPalShop, held: str, step: str) -> None:
    """All attempts of the call are lost; the next process asks under the same key."""
    shop.server.advance(days=4)
    authorization = shop.server.objects("authorization")[0]["id"]
    path = f"/v2/payments/authorizations/{authorization}/{step}"
    shop.server.faults.lose_next_answer(path=path, times=9)

    def attempt() -> Payment:
        if step == "capture":
            return shop.run(shop.provider.capture_part(held, dollars(5), idempotency_key="k"))
        return shop.run(shop.provider.reauthorize_payment(held, idempotency_key="k"))

    with contextlib.suppress(OutcomeUnknown):  # where PayPal's state shows what was done, it is not unknown
        attempt()
    shop.server.faults.clear()
    attempt()
    assert len(shop.server.objects("capture")) == (step == "capture")
    assert len(shop.server.objects("authorization")) == 1 + (step == "reauthorize")


@pytest.mark.parametrize("amount", [None, dollars(14)])
def test_the_last_capture_takes_what_the_parts_have_left(shop: PayPalShop, held: str, amount: Money | None) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    last = shop.run(shop.provider.capture_payment(held, amount))
    assert (last.status, last.amount_captured, last.capture_before) == (P.SUCCEEDED, WHOLE, None)
    assert shop.server.money_taken() == 19


def test_the_last_capture_releases_what_it_does_not_take(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    last = shop.run(shop.provider.capture_payment(held, dollars(7)))
    assert (last.status, last.amount_captured) == (P.SUCCEEDED, dollars(12))
    with pytest.raises(Conflict):
        shop.run(shop.provider.capture_part(held, dollars(1)))


def test_more_than_is_left_is_not_asked_for(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    sent = len(shop.server.requests)
    for capture in (shop.provider.capture_part, shop.provider.capture_payment):
        with pytest.raises(InvalidRequest, match=r"14\.00"):
            shop.run(capture(held, dollars(15)))
    assert all(request.method == "GET" for request in shop.server.requests[sent:])


def test_a_part_is_refunded_while_the_rest_is_reserved(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    assert shop.run(shop.provider.refund_payment(held, dollars(3))).amount == dollars(3)
    found = read(shop, held)
    assert (found.status, found.amount_captured, found.refunded) == (P.AUTHORIZED, dollars(5), dollars(3))


def test_an_authorization_says_until_when_it_can_be_captured(shop: PayPalShop, held: str) -> None:
    assert read(shop, held).capture_before == shop.server.now + timedelta(days=29)
    shop.server.advance(days=30)
    found = read(shop, held)
    assert (found.status, found.capture_before) == (P.CANCELED, None)
    with pytest.raises(Conflict):
        shop.run(shop.provider.capture_payment(held))


def test_what_was_taken_stays_taken_when_the_rest_lapses(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_part(held, dollars(5)))
    shop.server.advance(days=30)
    assert shop.server.money_taken() == 5
    if is_order(shop, held):
        assert (read(shop, held).status, read(shop, held).amount_captured) == (P.SUCCEEDED, dollars(5))


def test_an_authorization_is_renewed_after_three_days_and_no_longer_than_the_first(shop: PayPalShop, held: str) -> None:
    lapses = read(shop, held).capture_before
    with pytest.raises(Conflict) as caught:
        shop.run(shop.provider.reauthorize_payment(held))
    assert caught.value.code == "REAUTHORIZATION_TOO_SOON"
    for _ in range(2):  # each of the original one
        shop.server.advance(days=4)
        renewed = shop.run(shop.provider.reauthorize_payment(held))
        assert (renewed.status, renewed.capture_before) == (P.AUTHORIZED, lapses)
    assert len(shop.server.objects("authorization")) == 3
    taken = shop.run(shop.provider.capture_payment(renewed.id))
    assert (taken.status, taken.amount_captured, shop.server.money_taken()) == (P.SUCCEEDED, WHOLE, 19)
    newest = shop.server.objects("authorization")[-1]["id"]
    assert any(request.path.endswith(f"{newest}/capture") for request in shop.server.requests)


def test_a_renewal_is_released_with_its_original(shop: PayPalShop, held: str) -> None:
    shop.server.advance(days=4)
    shop.run(shop.provider.reauthorize_payment(held))
    assert shop.run(shop.provider.cancel_payment(held)).status is P.CANCELED
    assert {each["status"] for each in shop.server.objects("authorization")} == {"VOIDED"}


def test_what_is_not_reserved_is_neither_renewed_nor_taken_in_parts(shop: PayPalShop, held: str) -> None:
    shop.run(shop.provider.capture_payment(held))
    for call in (shop.provider.reauthorize_payment(held), shop.provider.capture_part(held, dollars(1))):
        with pytest.raises(Conflict, match="authorized"):
            shop.run(call)
