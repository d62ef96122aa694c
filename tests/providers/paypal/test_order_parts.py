"""Orders of several purchase units, captures and refunds, read as one payment."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money, PaymentStatus
from paylattice.errors import InvalidResponse
from paylattice.providers.paypal import order_parts, orders

from .samples import API, authorization, capture, link, order, refund, usd

WORDS = ["COMPLETED", "PENDING", "DECLINED", "FAILED", "PARTIALLY_REFUNDED", "REFUNDED", "A_WORD_OF_2031"]


def unit(value: str, *captures: dict[str, Any], refunds: Any = (), **more: Any) -> dict[str, Any]:
    payments = {"captures": list(captures), "refunds": list(refunds)}
    return {"reference_id": value, "amount": usd(value), "payments": payments, **more}


def units(*made: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**order("COMPLETED"), "purchase_units": list(made), **more}


def taken(identifier: str, value: str, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return capture(id=identifier, amount=usd(value), status=status, **more)


def of(identifier: str | None, value: str, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    """A refund of the capture with this id."""
    links = [link("up", f"{API}/v2/payments/captures/{identifier}")] if identifier else []
    return refund(id=f"R{identifier}{value}", amount=usd(value), status=status, links=links, **more)


def dollars(amount: int) -> Money:
    return Money(amount * 100, "USD")


def test_the_amounts_of_all_units_and_captures_are_summed() -> None:
    found = orders.payment_from_order(
        units(unit("60.00", taken("A", "30.00"), taken("B", "30.00")), unit("40.00", taken("C", "40.00")))
    )
    assert (found.amount, found.amount_captured, found.refunded) == (dollars(100), dollars(100), dollars(0))
    assert found.status is PaymentStatus.SUCCEEDED


@pytest.mark.parametrize("order_of_units", list(permutations(range(3))))
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("COMPLETED", "COMPLETED", "PENDING"), PaymentStatus.PENDING),
        (("COMPLETED", "COMPLETED", "DECLINED"), PaymentStatus.UNKNOWN),
        (("COMPLETED", "PENDING", "DECLINED"), PaymentStatus.PENDING),
        (("DECLINED", "FAILED", "DECLINED"), PaymentStatus.FAILED),
        (("COMPLETED", "COMPLETED", "A_WORD_OF_2031"), PaymentStatus.UNKNOWN),
        (("REFUNDED", "COMPLETED", "COMPLETED"), PaymentStatus.PARTIALLY_REFUNDED),
        (("REFUNDED", "REFUNDED", "REFUNDED"), PaymentStatus.REFUNDED),
        (("PARTIALLY_REFUNDED", "REFUNDED", "COMPLETED"), PaymentStatus.PARTIALLY_REFUNDED),
    ],
)
def test_no_unit_decides_by_its_place(
    words: tuple[str, ...], status: PaymentStatus, order_of_units: tuple[int, ...]
) -> None:
    made = [unit("10.00", taken(f"C{place}", "10.00", words[place])) for place in order_of_units]
    assert orders.payment_from_order(units(*made)).status is status


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=4), st.randoms())
def test_neither_status_nor_amounts_depend_on_an_order_that_paypal_may_choose(
    words: list[list[str]], random: Any
) -> None:
    made = [
        unit("10.00", *(taken(f"C{place}{number}", "10.00", word) for number, word in enumerate(each)))
        for place, each in enumerate(words)
    ]
    first = orders.payment_from_order(units(*made))
    for each in made:
        random.shuffle(each["payments"]["captures"])
    random.shuffle(made)
    again = orders.payment_from_order(units(*made))
    assert (first.status, first.amount, first.amount_captured, first.refunded) == (
        again.status,
        again.amount,
        again.amount_captured,
        again.refunded,
    )
    paid = sum(word in {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"} for each in words for word in each)
    assert first.amount_captured == dollars(10 * paid)
    if first.status in order_parts.TAKEN:
        assert all({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"} & set(each) for each in words)


def test_refunds_belong_to_the_capture_that_they_name_and_failed_ones_do_not_count() -> None:
    refunds = [of("A", "5.00"), of("B", "7.00", "PENDING"), of("A", "9.00", "FAILED"), of("B", "1.00", "CANCELLED")]
    both = unit("60.00", taken("A", "30.00"), taken("B", "30.00"), refunds=refunds)
    found = order_parts.captured_of(units(both))
    assert [(each.id, each.left) for each in found] == [("A", dollars(25)), ("B", dollars(23))]
    assert orders.payment_from_order(units(both)).refunded == dollars(12)


def test_a_refund_that_names_no_capture_counts_for_the_payment_and_leaves_the_captures_open() -> None:
    both = unit("60.00", taken("A", "30.00"), taken("B", "30.00"), refunds=[of(None, "5.00")])
    assert [each.left for each in order_parts.captured_of(units(both))] == [None, None]
    found = orders.payment_from_order(units(both))
    assert (found.status, found.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, dollars(5))


def test_a_part_that_was_given_back_without_a_refund_to_see_is_of_no_known_amount() -> None:
    found = orders.payment_from_order(units(unit("10.00", taken("A", "10.00", "PARTIALLY_REFUNDED"))))
    assert (found.status, found.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, None)


def test_captures_are_refunded_oldest_first_whatever_their_place() -> None:
    older = taken("OLD", "10.00", create_time="2026-01-01T00:00:00Z")
    newer = taken("NEW", "10.00", create_time="2026-01-02T00:00:00Z")
    made = units(unit("10.00", newer), unit("10.00", older))
    assert [each.id for each in order_parts.captured_of(made)] == ["OLD", "NEW"]


def test_what_units_disagree_about_is_said_of_none() -> None:
    one = units(unit("1.00", custom_id="org_1", description="x"), unit("2.00", description="x"), status="APPROVED")
    assert (orders.payment_from_order(one).customer_id, orders.payment_from_order(one).description) == ("org_1", "x")
    two = units(unit("1.00", custom_id="org_1"), unit("2.00", custom_id="org_2"), status="APPROVED")
    assert orders.payment_from_order(two).customer_id is None


@pytest.mark.parametrize(
    "made",
    [
        [],
        [unit("1.00"), {"reference_id": "without an amount"}],
        [unit("1.00"), {"amount": {"currency_code": "EUR", "value": "1.00"}}],
    ],
)
def test_an_order_whose_amount_cannot_be_summed_is_none(made: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidResponse):
        orders.payment_from_order(units(*made))


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_authorizations_the_one_that_still_reserves_money_speaks(*, turned: bool) -> None:
    renewed = [authorization(id="OLD1", status="VOIDED"), authorization(id="NEW1")]
    found = {**unit("19.00"), "payments": {"authorizations": renewed[::-1] if turned else renewed}}
    payment = orders.payment_from_order(units(found))
    assert payment.status is PaymentStatus.AUTHORIZED
    assert [each["id"] for each in order_parts.reserving(units(found))] == ["NEW1"]


@pytest.mark.parametrize(
    ("finals", "status"),
    [
        ((False, False), PaymentStatus.AUTHORIZED),
        ((False, True), PaymentStatus.SUCCEEDED),
        ((), PaymentStatus.SUCCEEDED),
    ],
)
def test_the_rest_of_an_authorization_is_reserved_until_its_last_capture(
    finals: tuple[bool, ...], status: PaymentStatus
) -> None:
    """PayPal says PARTIALLY_CAPTURED of both; and nothing reserves what has no authorization."""
    captures = [taken(f"C{number}", "5.00", final_capture=final) for number, final in enumerate(finals or (False,))]
    word = "PARTIALLY_CAPTURED" if finals else "VOIDED"
    found = {**unit("19.00"), "payments": {"captures": captures, "authorizations": [authorization(status=word)]}}
    payment = orders.payment_from_order(units(found))
    assert (payment.status, payment.amount_captured) == (status, dollars(5 * len(captures)))
    assert (payment.capture_before is not None) is (status is PaymentStatus.AUTHORIZED)


def test_captures_are_told_apart_by_the_authorization_that_they_name() -> None:
    made = unit(
        "60.00",
        taken("A", "30.00", links=[link("up", f"{API}/v2/payments/authorizations/AUTH1")]),
        taken("B", "30.00", links=[link("up", f"{API}/v2/payments/authorizations/AUTH2")]),
    )
    made["payments"]["authorizations"] = [authorization(id="AUTH1"), authorization(id="AUTH2")]
    assert [each.id for each in order_parts.captured_under(units(made), "AUTH2")] == ["B"]


@pytest.mark.parametrize(
    ("word", "captured", "status"),
    [
        ("CREATED", "DECLINED", PaymentStatus.AUTHORIZED),
        ("VOIDED", "DECLINED", PaymentStatus.FAILED),
        ("CREATED", "A_WORD_OF_2031", PaymentStatus.UNKNOWN),
        ("CREATED", "REVERSED", PaymentStatus.CHARGED_BACK),
        ("CREATED", "PENDING", PaymentStatus.PENDING),
    ],
)
def test_a_declined_capture_gives_up_nothing_that_is_still_reserved(
    word: str, captured: str, status: PaymentStatus
) -> None:
    found = unit("19.00", taken("A", "19.00", captured))
    found["payments"]["authorizations"] = [authorization(status=word)]
    payment = orders.payment_from_order(units(found))
    assert (payment.status, payment.amount_captured) == (status, dollars(0))
    assert payment.raw_status == (word if status is PaymentStatus.AUTHORIZED else captured)
