"""Money at PayPal: two shapes, decimal text, and exponents of its own."""

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money
from paylattice.errors import InvalidRequest, InvalidResponse
from paylattice.providers.paypal.amounts import DECIMALS, money_from, optional_money_from, v1_amount, v2_amount


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("10.00", "USD", 1000),
        ("10", "USD", 1000),
        ("10.0", "USD", 1000),
        ("14.9", "USD", 1490),
        (".5", "USD", 50),
        ("0.0", "USD", 0),
        ("-0.49", "USD", -49),
        ("-.5", "USD", -50),
        ("10.", "USD", 1000),
        ("007.10", "USD", 710),
        ("10.000", "USD", 1000),
        ("1900", "JPY", 1900),
        ("1900.00", "JPY", 1900),
        ("10", "HUF", 1000),
        ("10.5", "HUF", 1050),
        ("10", "TWD", 1000),
        ("9.99", "EUR", 999),
        ("9.99", "eur", 999),
        ("999999999999999.99", "USD", 99_999_999_999_999_999),
    ],
)
def test_both_shapes_are_read(value: str, currency: str, amount: int) -> None:
    expected = Money(amount, currency)
    assert money_from({"m": {"value": value, "currency_code": currency}}, "m", what="x") == expected
    assert money_from({"m": {"total": value, "currency": currency}}, "m", what="x") == expected


@pytest.mark.parametrize(
    "amount",
    [
        None,
        "10.00",
        [],
        {},
        {"value": "10.00"},
        {"currency_code": "USD"},
        {"value": "10.00", "currency_code": "BTC"},
        {"value": "10.00", "currency_code": 7},
        {"value": "10.00", "currency_code": ["USD"]},
        {"value": None, "currency_code": "USD"},
        {"value": True, "currency_code": "USD"},
        {"value": "", "currency_code": "USD"},
        {"value": "-", "currency_code": "USD"},
        {"value": ".", "currency_code": "USD"},
        {"value": "+1", "currency_code": "USD"},
        {"value": "1e3", "currency_code": "USD"},
        {"value": "1,000.00", "currency_code": "USD"},
        {"value": "10.001", "currency_code": "USD"},
        {"value": "10.5", "currency_code": "JPY"},
        {"value": "NaN", "currency_code": "USD"},
        {"value": "Infinity", "currency_code": "USD"},
        {"value": "\u0661\u0660", "currency_code": "USD"},
        {"value": "10.00\n", "currency_code": "USD"},
        {"value": "9" * 33, "currency_code": "USD"},
        {"value": "9" * 20, "currency_code": "USD"},
        {"value": 10**400, "currency_code": "USD"},
        {"value": float("nan"), "currency_code": "USD"},
        {"value": float("inf"), "currency_code": "USD"},
    ],
    ids=str,
)
def test_what_is_no_amount_is_none_or_an_invalid_response(amount: Any) -> None:
    assert optional_money_from({"m": amount}, "m") is None
    with pytest.raises(InvalidResponse, match="'m' is missing or no amount"):
        money_from({"m": amount}, "m", what="payment")


@pytest.mark.parametrize(("value", "amount"), [(10, 1000), (14.9, 1490), (0, 0)])
def test_numbers_that_should_be_text_are_read_all_the_same(value: float, amount: int) -> None:
    assert optional_money_from({"m": {"value": value, "currency_code": "USD"}}, "m") == Money(amount, "USD")


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (Money(1000, "USD"), "10.00"),
        (Money(1, "USD"), "0.01"),
        (Money(1900, "JPY"), "1900"),
        (Money(1000, "HUF"), "10"),
        (Money(190_000, "TWD"), "1900"),
        (Money(10**17, "EUR"), "1000000000000000.00"),
    ],
)
def test_amounts_are_written_with_paypal_s_own_decimals(amount: Money, written: str) -> None:
    assert v2_amount(amount) == {"currency_code": amount.currency, "value": written}
    assert v1_amount(amount) == {"currency": amount.currency, "total": written}


@pytest.mark.parametrize(
    "amount",
    [
        Money(1900, "KRW"),
        Money(1900, "VND"),
        Money(1900, "CLP"),
        Money(1900, "RUB"),
        Money(1900, "KWD"),
        Money(1050, "HUF"),
        Money(1, "TWD"),
        Money(0, "USD"),
        Money(-100, "USD"),
    ],
    ids=str,
)
def test_what_paypal_does_not_take_is_refused_before_anything_is_sent(amount: Money) -> None:
    with pytest.raises(InvalidRequest) as caught:
        v2_amount(amount)
    assert caught.value.param == "amount"


@given(amount=st.integers(1, 10**15), currency=st.sampled_from(sorted(DECIMALS)))
def test_what_is_written_is_read_as_the_same(amount: int, currency: str) -> None:
    money = Money(amount * (100 if currency in {"HUF", "TWD"} else 1), currency)
    assert optional_money_from({"m": v2_amount(money)}, "m") == money
    assert optional_money_from({"m": v1_amount(money)}, "m") == money
    assert Decimal(v2_amount(money)["value"]) == money.to_decimal()


@given(st.from_regex(r"\A((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))\Z"))
def test_every_text_that_paypal_s_pattern_allows_is_exact_or_refused(value: str) -> None:
    found = optional_money_from({"m": {"value": value, "currency_code": "USD"}}, "m")
    with localcontext(prec=500):
        exact = Decimal(value)
        fits = len(value) <= 32 and exact == exact.quantize(Decimal("0.01")) and abs(exact) < 10**16
    assert found == (Money.from_decimal(exact, "USD") if fits else None)
