"""Payments, captures, refunds: statuses, amounts, declines."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money, PaymentStatus, RefundStatus
from paylattice.errors import (
    ActionRequired,
    Conflict,
    Declined,
    DeclineReason,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
)
from paylattice.providers.square.amounts import money_body, optional_money_from, total_of
from paylattice.providers.square.events import event_from
from paylattice.providers.square.requests import mark_of
from paylattice.providers.square.wire import payment_from, payment_of, payments_of, refund_from

from .samples import event, payment, refund, usd
from .support import LOCATION, World, missing, refusal

PRICE = Money(1900, "USD")


def charged(world: World, amount: Money = PRICE, **more: Any) -> Any:
    return world.run(world.provider.create_payment(amount, customer_id="CUST1", payment_method_id="ccof:CARD1", **more))


def test_a_card_on_file_is_charged(world: World) -> None:
    world.on("POST", "/v2/payments", {"payment": payment()})
    made = charged(world, description="Boots", metadata={"org_id": "org-1"}, idempotency_key="k1")
    assert world.server.only("POST").body == {
        "idempotency_key": "k1",
        "source_id": "ccof:CARD1",
        "amount_money": usd(1900),
        "autocomplete": True,
        "customer_id": "CUST1",
        "location_id": LOCATION,
        "note": f"Boots {mark_of('k1')}",
        "reference_id": "org-1",
    }
    assert (made.id, made.amount, made.status) == ("PAY1", PRICE, PaymentStatus.SUCCEEDED)
    assert (made.amount_captured, made.payment_method_id) == (PRICE, "ccof:CARD1")
    assert dict(made.metadata) == {"org_id": "org-1"}


def test_a_charge_may_only_authorize(world: World) -> None:
    world.on("POST", "/v2/payments", {"payment": payment(status="APPROVED")})
    made = charged(world, capture=False)
    assert world.server.only("POST").body["autocomplete"] is False
    assert (made.status, made.amount_captured) == (PaymentStatus.AUTHORIZED, Money(0, "USD"))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("description", "x" * 501), ("metadata", {"team": "blue"}), ("metadata", {"org_id": "x" * 41})],
)
def test_what_square_cannot_keep_is_refused(world: World, argument: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        charged(world, **{argument: value})
    assert caught.value.param == argument
    assert world.server.writes == []


def test_an_answer_about_another_amount_is_not_passed_on(world: World) -> None:
    world.on("POST", "/v2/payments", {"payment": payment(amount_money=usd(1))})
    with pytest.raises(OutcomeUnknown):
        charged(world)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("INSUFFICIENT_FUNDS", DeclineReason.INSUFFICIENT_FUNDS),
        ("TRANSACTION_LIMIT", DeclineReason.INSUFFICIENT_FUNDS),
        ("CVV_FAILURE", DeclineReason.INCORRECT_DETAILS),
        ("PAN_FAILURE", DeclineReason.INCORRECT_DETAILS),
        ("CARD_EXPIRED", DeclineReason.EXPIRED_CARD),
        ("CARD_NOT_SUPPORTED", DeclineReason.NOT_SUPPORTED),
        ("GENERIC_DECLINE", DeclineReason.ISSUER_DECLINED),
        ("A_CODE_OF_2031", DeclineReason.UNKNOWN),
    ],
)
def test_a_decline_says_why(world: World, code: str, reason: DeclineReason) -> None:
    answer = refusal(400, code, "PAYMENT_METHOD_ERROR")
    answer = type(answer)(400, json={**_json(answer), "payment": payment(status="FAILED")})
    world.on("POST", "/v2/payments", answer)
    with pytest.raises(Declined) as caught:
        charged(world)
    assert (caught.value.reason, caught.value.code, caught.value.payment_id) == (reason, code, "PAY1")
    assert not caught.value.retryable
    assert len(world.server.writes) == 1


def test_a_gift_card_s_rest_does_not_hide_the_reason(world: World) -> None:
    errors = [
        {"category": "PAYMENT_METHOD_ERROR", "code": "GIFT_CARD_AVAILABLE_AMOUNT", "detail": "500"},
        {"category": "PAYMENT_METHOD_ERROR", "code": "INSUFFICIENT_FUNDS"},
    ]
    import httpx

    world.on("POST", "/v2/payments", httpx.Response(400, json={"errors": errors}))
    with pytest.raises(Declined) as caught:
        charged(world)
    assert caught.value.code == "INSUFFICIENT_FUNDS"


def test_a_decline_inside_a_200_is_a_decline(world: World) -> None:
    error = {"category": "PAYMENT_METHOD_ERROR", "code": "CARD_DECLINED", "detail": "No."}
    world.on("POST", "/v2/payments", {"errors": [error], "payment": payment(status="FAILED")})
    with pytest.raises(Declined) as caught:
        charged(world)
    assert (caught.value.code, caught.value.http_status, caught.value.payment_id) == ("CARD_DECLINED", 200, "PAY1")


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_a_payment_that_comes_back_failed_is_a_decline(world: World, status: str) -> None:
    details = {"errors": [{"category": "PAYMENT_METHOD_ERROR", "code": "CARD_EXPIRED"}]}
    world.on("POST", "/v2/payments", {"payment": payment(status=status, card_details=details)})
    with pytest.raises(Declined) as caught:
        charged(world)
    assert (caught.value.reason, caught.value.payment_id) == (DeclineReason.EXPIRED_CARD, "PAY1")


def test_a_card_that_wants_the_payer_is_an_action_to_take(world: World) -> None:
    world.on("POST", "/v2/payments", refusal(400, "CARD_DECLINED_VERIFICATION_REQUIRED", "PAYMENT_METHOD_ERROR"))
    with pytest.raises(ActionRequired):
        charged(world)


def test_a_temporary_error_is_tried_again_under_the_same_key(world: World) -> None:
    world.on("POST", "/v2/payments", refusal(400, "TEMPORARY_ERROR", "PAYMENT_METHOD_ERROR"), {"payment": payment()})
    assert charged(world).status is PaymentStatus.SUCCEEDED
    first, second = world.server.writes
    assert first.key == second.key


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "APPROVED"}, PaymentStatus.AUTHORIZED),
        ({"status": "PENDING"}, PaymentStatus.PROCESSING),
        ({}, PaymentStatus.SUCCEEDED),
        ({"refunded_money": usd(0)}, PaymentStatus.SUCCEEDED),
        ({"refunded_money": usd(1)}, PaymentStatus.PARTIALLY_REFUNDED),
        ({"refunded_money": usd(1900)}, PaymentStatus.REFUNDED),
        ({"refunded_money": usd(1900), "total_money": usd(2200)}, PaymentStatus.PARTIALLY_REFUNDED),
        ({"status": "CANCELED"}, PaymentStatus.CANCELED),
        ({"status": "FAILED"}, PaymentStatus.FAILED),
        ({"status": "A_WORD_OF_2031"}, PaymentStatus.UNKNOWN),
    ],
)
def test_a_payment_s_status(changes: dict[str, Any], status: PaymentStatus) -> None:
    assert payment_from(payment(**changes), reference_key="org_id").status is status


def test_a_tip_is_captured_and_was_not_asked_for() -> None:
    found = payment_from(payment(tip_money=usd(300), total_money=usd(2200)), reference_key="org_id")
    assert (found.amount, found.amount_captured) == (PRICE, Money(2200, "USD"))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", RefundStatus.PENDING),
        ("COMPLETED", RefundStatus.SUCCEEDED),
        ("REJECTED", RefundStatus.FAILED),
        ("FAILED", RefundStatus.FAILED),
        ("A_WORD_OF_2031", RefundStatus.UNKNOWN),
    ],
)
def test_a_refund_s_status(word: str, status: RefundStatus) -> None:
    assert refund_from(refund(status=word)).status is status


def test_a_payment_that_does_not_exist_is_none(world: World) -> None:
    world.on("GET", "/v2/payments/PAY1", missing())
    assert world.run(world.provider.get_payment("PAY1")) is None


# --- capturing, canceling --------------------------------------------------------------------------------------------


def at(world: World, **changes: Any) -> World:
    return world.always("GET", "/v2/payments/PAY1", {"payment": payment(**changes)})


def test_less_is_captured_by_lowering_the_payment_first(world: World) -> None:
    at(world, status="APPROVED")
    lowered = payment(status="APPROVED", amount_money=usd(700), total_money=usd(700), version_token="TOKEN2")
    world.on("PUT", "/v2/payments/PAY1", {"payment": lowered})
    world.on("POST", "/v2/payments/PAY1/complete", {"payment": {**lowered, "status": "COMPLETED"}})
    captured = world.run(world.provider.capture_payment("PAY1", Money(700, "USD"), idempotency_key="k"))
    assert (captured.amount, captured.amount_captured) == (Money(700, "USD"), Money(700, "USD"))
    put, post = world.server.writes
    assert put.body["payment"] == {"amount_money": usd(700), "version_token": "TOKEN1"}
    assert put.key
    assert put.key != "k"
    assert post.body == {"version_token": "TOKEN2"}


def test_a_payment_that_cannot_be_lowered_is_not_captured(world: World) -> None:
    at(world, status="APPROVED")
    world.on("PUT", "/v2/payments/PAY1", {"payment": payment(status="APPROVED")})
    with pytest.raises(Conflict):
        world.run(world.provider.capture_payment("PAY1", Money(700, "USD")))
    assert [seen.method for seen in world.server.writes] == ["PUT"]


@pytest.mark.parametrize("amount", [Money(2000, "USD"), Money(1900, "EUR")])
def test_more_or_other_money_cannot_be_captured(world: World, amount: Money) -> None:
    at(world, status="APPROVED")
    with pytest.raises(InvalidRequest):
        world.run(world.provider.capture_payment("PAY1", amount))
    assert world.server.writes == []


@pytest.mark.parametrize("status", ["PENDING", "CANCELED", "FAILED"])
def test_only_what_is_authorized_can_be_captured(world: World, status: str) -> None:
    at(world, status=status)
    with pytest.raises(Conflict, match="only an authorized one"):
        world.run(world.provider.capture_payment("PAY1"))


def test_capturing_twice_answers_what_was_captured_unless_the_amounts_differ(world: World) -> None:
    at(world)
    assert world.run(world.provider.capture_payment("PAY1")).status is PaymentStatus.SUCCEEDED
    with pytest.raises(Conflict, match="another amount"):
        world.run(world.provider.capture_payment("PAY1", Money(700, "USD")))
    assert world.server.writes == []


def test_what_was_captured_cannot_be_canceled(world: World) -> None:
    at(world)
    with pytest.raises(Conflict, match="refund_payment"):
        world.run(world.provider.cancel_payment("PAY1"))


@pytest.mark.parametrize("operation", ["capture_payment", "cancel_payment", "refund_payment"])
def test_changing_what_does_not_exist_is_not_found(world: World, operation: str) -> None:
    world.on("GET", "/v2/payments/PAY1", missing())
    with pytest.raises(NotFound):
        world.run(getattr(world.provider, operation)("PAY1"))


# --- refunds -----------------------------------------------------------------------------------------------------------


def test_a_part_is_refunded_with_a_reason(world: World) -> None:
    world.on("POST", "/v2/refunds", {"refund": refund(amount_money=usd(400))})
    made = world.run(world.provider.refund_payment("PAY1", Money(400, "USD"), "Too small", idempotency_key="k1"))
    assert (made.amount, made.status, made.payment_id) == (Money(400, "USD"), RefundStatus.PENDING, "PAY1")
    assert world.server.only("POST").body == {
        "idempotency_key": "k1",
        "payment_id": "PAY1",
        "amount_money": usd(400),
        "reason": f"Too small {mark_of('k1')}",
    }


def test_all_that_is_left_counts_the_tip_and_what_was_refunded(world: World) -> None:
    at(world, total_money=usd(2200), refunded_money=usd(500))
    world.on("POST", "/v2/refunds", {"refund": refund(amount_money=usd(1700))})
    assert world.run(world.provider.refund_payment("PAY1")).amount == Money(1700, "USD")


@pytest.mark.parametrize(
    ("tenders", "ids"),
    [
        ([], ()),
        ([{"id": "T1", "payment_id": "PAY1"}], ("PAY1",)),
        ([{"id": "PAY1"}, {"id": "T2", "payment_id": "PAY2"}], ("PAY1", "PAY2")),
        ([{"id": "PAY1", "card_details": {"status": "VOIDED"}}, {"id": "PAY2"}], ("PAY2",)),
        ([{"id": "PAY1"}, {"id": "T2", "payment_id": "PAY1"}], ("PAY1",)),
    ],
)
def test_the_payments_of_an_order_are_all_that_have_not_been_given_up(tenders: Any, ids: tuple[str, ...]) -> None:
    order = {"id": "ORDER1", "tenders": tenders}
    assert payments_of(order) == ids
    assert payment_of(order) == (ids[0] if len(ids) == 1 else None)


def test_a_refund_of_all_whose_answer_was_lost_is_asked_for_again_with_its_amount(world: World) -> None:
    import httpx

    at(world)
    world.on("POST", "/v2/refunds", *[httpx.ReadTimeout("late")] * 4, {"refund": refund()})
    with pytest.raises(OutcomeUnknown) as caught:
        world.run(world.provider.refund_payment("PAY1", idempotency_key="k1"))
    at(world, refunded_money=usd(1900), refund_ids=["PAY1_REF1"])
    world.on("GET", "/v2/refunds/PAY1_REF1", {"refund": refund()})
    found = world.run(world.provider.recover(caught.value))
    assert getattr(found, "id", None) == "PAY1_REF1"
    assert {str(write.body) for write in world.server.writes} == {str(world.server.writes[0].body)}


def test_with_another_key_nothing_more_is_refunded(world: World) -> None:
    at(world, refunded_money=usd(1900), refund_ids=["PAY1_REF1"])
    world.on("GET", "/v2/refunds/PAY1_REF1", {"refund": refund()})
    world.on("POST", "/v2/refunds", refusal(400, "REFUND_AMOUNT_INVALID", "REFUND_ERROR"))
    with pytest.raises(InvalidRequest):
        world.run(world.provider.refund_payment("PAY1"))


@pytest.mark.parametrize(
    ("status", "left"), [("PENDING", 1200), ("COMPLETED", 1200), ("FAILED", 1900), ("REJECTED", 1900)]
)
def test_a_refund_that_failed_has_given_nothing_back(world: World, status: str, left: int) -> None:
    at(world, refund_ids=["PAY1_REF1"])
    world.on("GET", "/v2/refunds/PAY1_REF1", {"refund": refund(status=status, amount_money=usd(700))})
    world.on("POST", "/v2/refunds", {"refund": refund(amount_money=usd(left))})
    world.run(world.provider.refund_payment("PAY1"))
    assert world.server.only("POST").body["amount_money"] == usd(left)


def test_where_nothing_is_left_and_nothing_is_known_nothing_is_sent(world: World) -> None:
    at(world, refunded_money=usd(1900))
    with pytest.raises(Conflict, match="nothing of the payment is left"):
        world.run(world.provider.refund_payment("PAY1"))
    assert world.server.writes == []


def test_only_what_was_captured_can_be_refunded(world: World) -> None:
    at(world, status="APPROVED")
    with pytest.raises(Conflict, match="only a captured one"):
        world.run(world.provider.refund_payment("PAY1"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("REFUND_AMOUNT_INVALID", InvalidRequest),
        ("REFUND_ALREADY_PENDING", Conflict),
        ("PAYMENT_NOT_REFUNDABLE", Conflict),
        ("REFUND_DECLINED", Conflict),
    ],
)
def test_refused_refunds(world: World, code: str, kind: type[Exception]) -> None:
    world.on("POST", "/v2/refunds", refusal(400, code, "REFUND_ERROR"))
    with pytest.raises(kind):
        world.run(world.provider.refund_payment("PAY1", Money(400, "USD")))


def test_a_reason_that_is_too_long_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.refund_payment("PAY1", Money(400, "USD"), "x" * 193))
    assert caught.value.param == "reason"


# --- money -------------------------------------------------------------------------------------------------------------


@given(amount=st.integers(-(10**15), 10**15), currency=st.sampled_from(["USD", "CAD", "GBP", "EUR", "AUD", "JPY"]))
def test_money_is_the_same_there_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert optional_money_from({"m": money_body(money)}, "m") == money


def test_yen_have_no_cents() -> None:
    assert money_body(Money.from_decimal("1900", "JPY")) == {"amount": 1900, "currency": "JPY"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"amount": 1},
        {"currency": "USD"},
        {"amount": 1.5, "currency": "USD"},
        {"amount": "5", "currency": "USD"},
        {"amount": 5, "currency": "XXX"},
        {"amount": 5, "currency": ["USD"]},
        {"amount": 5, "currency": {}},
        {"amount": 10**30, "currency": "USD"},
        {"amount": True, "currency": "USD"},
    ],
)
def test_what_is_no_money_is_none(value: object) -> None:
    assert optional_money_from({"m": value}, "m") is None


def test_a_payment_without_an_amount_is_no_payment() -> None:
    with pytest.raises(InvalidResponse):
        payment_from(payment(amount_money=None), reference_key="org_id")


def test_sums_of_several_currencies_are_none() -> None:
    assert total_of([Money(1, "USD"), None, Money(2, "USD")]) == Money(3, "USD")
    assert total_of([Money(1, "USD"), Money(2, "EUR")]) is None
    assert total_of([]) is None


def _json(response: Any) -> dict[str, Any]:
    import json

    return json.loads(response.content)


@pytest.mark.parametrize(("state", "status"), [("ACCEPTED", "charged_back"), ("WON", "succeeded")])
def test_a_payment_is_charged_back_once_a_dispute_about_it_is_lost(world: World, state: str, status: str) -> None:
    world.on("GET", "/v2/payments/PAY1", {"payment": payment()})
    others = {
        "state": "LOST",
        "disputed_payment": {"payment_id": "PAY0"},
    }  # without an id: it is not what is asked about
    world.on("GET", "/v2/disputes", {"disputes": [others], "cursor": "more"}, {"disputes": []})
    about = {"id": "DP1", "state": state, "disputed_payment": {"payment_id": "PAY1"}}
    world.on("GET", "/v2/disputes", {"disputes": [about]})
    found = world.run(world.provider.get_payment("PAY1"))
    assert found is not None
    assert found.status == status
    asked = [each.query["states"] for each in world.server.seen if each.path == "/v2/disputes"]
    assert asked == ["LOST", "LOST", "ACCEPTED"]


def test_a_token_that_may_not_read_disputes_reads_payments_all_the_same(world: World) -> None:
    world.on("GET", "/v2/payments/PAY1", {"payment": payment()})
    world.always("GET", "/v2/disputes", refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"))
    found = world.run(world.provider.get_payment("PAY1"))
    assert found is not None
    assert found.status is PaymentStatus.SUCCEEDED


@pytest.mark.parametrize(("state", "status"), [("LOST", PaymentStatus.CHARGED_BACK), ("WON", PaymentStatus.SUCCEEDED)])
def test_a_lost_dispute_comes_with_its_payment_as_charged_back(world: World, state: str, status: PaymentStatus) -> None:
    """Square's payment stays COMPLETED."""
    world.on("GET", "/v2/payments/PAY1", {"payment": payment(order_id=None)})
    about = {"id": "DP1", "state": state, "disputed_payment": {"payment_id": "PAY1"}}
    told = event_from(event("dispute.state.updated", "dispute", about))
    found = world.run(world.provider.follow_links(told)).payment
    assert found is not None
    assert found.status is status
