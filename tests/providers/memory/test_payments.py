"""Single payments: charged, authorized, captured, canceled, refunded."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import EventType, Money, PaymentStatus, errors
from paylattice.driving import run
from paylattice.errors import Advice, DeclineReason

from .support import START, Shop, usd

# --- a saved card ------------------------------------------------------------------------------------------------


def test_a_saved_card_is_charged() -> None:
    shop = Shop()
    customer = shop.customer()
    payment = shop.charge(customer, usd(700), description="Setup", metadata={"order": "9"})
    [card] = run(shop.provider.get_payment_methods(customer.id))
    assert (payment.status, payment.amount, payment.amount_captured, payment.refunded) == (
        "succeeded",
        usd(700),
        usd(700),
        usd(0),
    )
    assert (payment.payment_method_id, payment.description, dict(payment.metadata)) == (
        card.id,
        "Setup",
        {"order": "9"},
    )
    assert shop.payment(payment.id) == payment
    assert [event.payment for event in shop.told(EventType.PAYMENT_SUCCEEDED)] == [payment]


def test_a_decline_says_why_and_names_the_payment_that_exists_all_the_same() -> None:
    shop = Shop()
    customer = shop.customer()
    shop.card(customer)
    shop.provider.decline_next_payment(reason=DeclineReason.EXPIRED_CARD)
    with pytest.raises(errors.Declined) as caught:
        shop.charge(customer)
    assert (caught.value.reason, caught.value.advice_off_session) == (
        DeclineReason.EXPIRED_CARD,
        Advice.BRING_THE_PAYER_BACK,
    )
    assert shop.payment(caught.value.payment_id).status == "failed"


def test_a_card_of_another_customer_is_refused() -> None:
    shop = Shop()
    card = shop.card(shop.customer())
    eve = shop.customer("eve@example.com")
    for method in (card, "pm_none"):
        with pytest.raises(errors.InvalidRequest) as caught:
            run(shop.provider.create_payment(usd(1), customer_id=eve.id, payment_method_id=method))
        assert caught.value.param == "payment_method_id"


def test_an_unknown_customer_cannot_be_charged() -> None:
    with pytest.raises(errors.NotFound):
        run(Shop().provider.create_payment(usd(1), customer_id="cus_none", payment_method_id="pm_none"))


@pytest.mark.parametrize(
    ("capture", "succeeded", "ends_as", "captured"),
    [(True, True, "succeeded", 5000), (True, False, "failed", 0), (False, True, "authorized", 0)],
)
def test_a_payment_that_needs_the_payer_ends_as_it_was_asked_for(
    capture: bool, succeeded: bool, ends_as: str, captured: int
) -> None:
    shop = Shop()
    customer = shop.customer()
    shop.card(customer)
    shop.provider.decline_next_payment(reason=DeclineReason.AUTHENTICATION_REQUIRED)
    with pytest.raises(errors.ActionRequired) as caught:
        shop.charge(customer, capture=capture)
    payment_id = str(caught.value.payment_id)
    assert caught.value.url == f"https://checkout.paylattice.invalid/authenticate/{payment_id}"
    assert shop.payment(payment_id).status == "requires_action"
    payment = shop.provider.authenticate_payment(payment_id, succeeded=succeeded)
    assert (payment.status, payment.amount_captured) == (ends_as, usd(captured))
    with pytest.raises(errors.Conflict):
        shop.provider.authenticate_payment(payment_id)


def test_an_unknown_payment_is_none_and_cannot_be_changed() -> None:
    provider = Shop().provider
    assert run(provider.get_payment("pay_none")) is None
    for call in (provider.capture_payment, provider.cancel_payment, provider.refund_payment):
        with pytest.raises(errors.NotFound) as caught:
            run(call("pay_none"))
        assert caught.value.code == "payment_missing"
    with pytest.raises(errors.NotFound):
        provider.authenticate_payment("pay_none")


# --- capture and cancel ------------------------------------------------------------------------------------------


def test_an_authorized_payment_is_captured_in_full() -> None:
    shop = Shop()
    payment = run(shop.provider.capture_payment(shop.pay(usd(500), capture=False).id))
    assert (payment.status, payment.amount_captured) == ("succeeded", usd(500))


def test_an_authorized_payment_is_captured_in_part() -> None:
    shop = Shop()
    payment = run(shop.provider.capture_payment(shop.pay(usd(500), capture=False).id, usd(200)))
    assert (payment.status, payment.amount, payment.amount_captured) == ("succeeded", usd(500), usd(200))


def test_not_more_than_was_authorized_is_captured() -> None:
    shop = Shop()
    payment = shop.pay(usd(500), capture=False)
    with pytest.raises(errors.InvalidRequest) as caught:
        run(shop.provider.capture_payment(payment.id, usd(501)))
    assert (caught.value.param, shop.payment(payment.id)) == ("amount", payment)


def test_another_currency_can_be_neither_captured_nor_refunded() -> None:
    shop = Shop()
    authorized, paid = shop.pay(usd(500), capture=False), shop.pay(usd(500))
    with pytest.raises(errors.InvalidRequest) as caught:
        run(shop.provider.capture_payment(authorized.id, Money(1, "EUR")))
    assert caught.value.param == "currency"
    with pytest.raises(errors.InvalidRequest):
        run(shop.provider.refund_payment(paid.id, Money(1, "EUR")))
    assert [shop.payment(each.id) for each in (authorized, paid)] == [authorized, paid]


def test_what_is_captured_already_cannot_be_captured() -> None:
    shop = Shop()
    with pytest.raises(errors.Conflict) as caught:
        run(shop.provider.capture_payment(shop.pay().id))
    assert caught.value.code == "payment_not_authorized"


def test_an_authorized_payment_is_canceled_and_twice_is_no_error() -> None:
    shop = Shop()
    payment = shop.pay(capture=False)
    assert run(shop.provider.cancel_payment(payment.id)).status == "canceled"
    assert run(shop.provider.cancel_payment(payment.id)).status == "canceled"
    assert len(shop.told(EventType.PAYMENT_CANCELED)) == 1


def test_a_payment_that_was_taken_cannot_be_canceled() -> None:
    shop = Shop()
    with pytest.raises(errors.Conflict) as caught:
        run(shop.provider.cancel_payment(shop.pay().id))
    assert caught.value.code == "payment_not_cancelable"


def test_what_was_canceled_can_be_neither_captured_nor_refunded() -> None:
    shop = Shop()
    payment = shop.pay(capture=False)
    run(shop.provider.cancel_payment(payment.id))
    with pytest.raises(errors.Conflict):
        run(shop.provider.capture_payment(payment.id))
    with pytest.raises(errors.Conflict):
        run(shop.provider.refund_payment(payment.id))


def test_an_authorization_lapses_after_a_week() -> None:
    shop = Shop()
    payment = shop.pay(capture=False)
    shop.provider.advance(days=6.9)
    assert shop.payment(payment.id).status == "authorized"
    shop.provider.advance(days=0.1)
    assert shop.payment(payment.id).status == "canceled"
    assert shop.told(EventType.PAYMENT_CANCELED)[0].created_at == START + timedelta(days=7)


def test_an_authorization_that_was_captured_does_not_lapse() -> None:
    shop = Shop()
    payment = shop.pay(capture=False)
    run(shop.provider.capture_payment(payment.id))
    shop.provider.advance(days=8)
    assert shop.payment(payment.id).status == "succeeded"


def test_an_authorization_that_came_late_lapses_a_week_after_it_came() -> None:
    shop = Shop()
    session = shop.payment_page(capture=False)
    payment = shop.paid(session.id, delayed=True)
    shop.provider.advance(days=2)
    shop.provider.settle_checkout(session.id)
    shop.provider.advance(days=6.5)
    assert shop.payment(payment.id).status == "authorized"
    shop.provider.advance(days=0.5)
    assert shop.payment(payment.id).status == "canceled"


# --- refunds -----------------------------------------------------------------------------------------------------


def test_a_payment_is_refunded_in_full() -> None:
    shop = Shop()
    payment = shop.pay(usd(500))
    refund = run(shop.provider.refund_payment(payment.id, reason="goodwill"))
    assert (refund.amount, refund.status, refund.payment_id, refund.reason, refund.created_at) == (
        usd(500),
        "succeeded",
        payment.id,
        "goodwill",
        START,
    )
    refunded = shop.payment(payment.id)
    assert (refunded.status, refunded.refunded, refunded.amount_captured) == ("refunded", usd(500), usd(500))
    [event] = shop.told(EventType.REFUND_SUCCEEDED)
    assert (event.refund, event.payment) == (refund, refunded)


def test_a_payment_is_refunded_in_parts_and_none_means_what_is_left() -> None:
    shop = Shop()
    payment = shop.pay(usd(500))
    run(shop.provider.refund_payment(payment.id, usd(200)))
    assert shop.payment(payment.id).status == "partially_refunded"
    assert run(shop.provider.refund_payment(payment.id)).amount == usd(300)
    assert shop.payment(payment.id).status == "refunded"


def test_not_more_than_is_left_is_refunded() -> None:
    shop = Shop()
    payment = shop.pay(usd(500))
    run(shop.provider.refund_payment(payment.id, usd(200)))
    with pytest.raises(errors.InvalidRequest) as caught:
        run(shop.provider.refund_payment(payment.id, usd(301)))
    assert (caught.value.param, caught.value.code) == ("amount", "refund_too_large")
    assert shop.payment(payment.id).refunded == usd(200)


@pytest.mark.parametrize("amount", [None, usd(1)])
def test_what_is_refunded_in_full_has_nothing_left(amount: Money | None) -> None:
    shop = Shop()
    payment = shop.pay(usd(500))
    run(shop.provider.refund_payment(payment.id))
    with pytest.raises(errors.InvalidRequest):
        run(shop.provider.refund_payment(payment.id, amount))


def test_only_what_was_captured_is_refunded() -> None:
    shop = Shop()
    payment = shop.pay(usd(500), capture=False)
    run(shop.provider.capture_payment(payment.id, usd(200)))
    with pytest.raises(errors.InvalidRequest):
        run(shop.provider.refund_payment(payment.id, usd(201)))
    assert run(shop.provider.refund_payment(payment.id)).amount == usd(200)
    assert shop.payment(payment.id).status == "refunded"


def test_what_was_only_authorized_cannot_be_refunded() -> None:
    shop = Shop()
    with pytest.raises(errors.Conflict) as caught:
        run(shop.provider.refund_payment(shop.pay(capture=False).id))
    assert caught.value.code == "payment_not_refundable"


def test_the_payment_of_an_invoice_can_be_refunded_and_the_subscription_goes_on() -> None:
    shop = Shop()
    made = shop.subscribe()
    [event] = shop.told(EventType.PAYMENT_SUCCEEDED)
    assert event.payment is not None
    run(shop.provider.refund_payment(event.payment.id))
    assert shop.now(made) == made


@given(
    st.integers(1, 10_000),
    st.none() | st.integers(1, 10_000),
    st.lists(st.none() | st.integers(1, 10_000), max_size=8),
)
def test_refunds_never_exceed_what_was_captured_nor_captures_what_was_authorized(
    authorized: int, capture: int | None, refunds: list[int | None]
) -> None:
    shop = Shop()
    payment = shop.pay(usd(authorized), capture=False)
    try:
        run(shop.provider.capture_payment(payment.id, None if capture is None else usd(capture)))
    except errors.InvalidRequest:
        assert (capture or 0) > authorized
        return
    given_back = 0
    for amount in refunds:
        try:
            given_back += run(
                shop.provider.refund_payment(payment.id, None if amount is None else usd(amount))
            ).amount.amount
        except errors.InvalidRequest:
            continue
    found = shop.payment(payment.id)
    taken = found.amount_captured or usd(0)
    assert found.refunded == usd(given_back)
    assert given_back <= taken.amount <= authorized
    assert (found.status is PaymentStatus.REFUNDED) == (given_back == taken.amount)
    assert (found.status is PaymentStatus.SUCCEEDED) == (given_back == 0)


# --- refunds that take their time --------------------------------------------------------------------------------


def test_a_refund_on_its_way_is_no_longer_left_and_one_that_failed_is_left_again() -> None:
    shop = Shop()
    payment = shop.pay(usd(1000))
    shop.provider.delay_next_refund()
    first = run(shop.provider.refund_payment(payment.id, usd(400)))
    assert (first.status, shop.payment(payment.id).refunded) == ("pending", usd(400))
    rest = run(shop.provider.refund_payment(payment.id))
    assert (rest.status, rest.amount, shop.payment(payment.id).status) == ("succeeded", usd(600), "refunded")
    failed = shop.provider.settle_refund(first.id, succeeded=False)
    assert (failed.status, shop.payment(payment.id).status) == ("failed", "partially_refunded")
    assert run(shop.provider.refund_payment(payment.id)).amount == usd(400)
    told = shop.told(EventType.REFUND_FAILED)
    assert [(event.refund, event.payment and event.payment.refunded) for event in told] == [(failed, usd(600))]


def test_a_refund_arrives_once() -> None:
    shop = Shop()
    payment = shop.pay(usd(1000))
    shop.provider.delay_next_refund()
    made = run(shop.provider.refund_payment(payment.id))
    assert shop.provider.settle_refund(made.id).status == "succeeded"
    assert [event.refund.id for event in shop.told(EventType.REFUND_SUCCEEDED) if event.refund] == [made.id]
    with pytest.raises(errors.Conflict):
        shop.provider.settle_refund(made.id)
    with pytest.raises(errors.NotFound):
        shop.provider.settle_refund("re_nobody")


def test_a_payment_whose_only_refund_failed_is_as_it_was() -> None:
    shop = Shop()
    payment = shop.pay(usd(1000))
    shop.provider.delay_next_refund()
    made = run(shop.provider.refund_payment(payment.id))
    shop.provider.settle_refund(made.id, succeeded=False)
    assert shop.payment(payment.id) == payment
