"""Money on Stripe's wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money
from paylattice.errors import InvalidRequest, InvalidResponse
from paylattice.money import EXPONENTS
from paylattice.providers.stripe.amounts import (
    WIRE_EXPONENTS,
    money_from,
    money_of,
    optional_money_from,
    wire_amount,
    wire_currency,
)

ZERO_DECIMAL = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
THREE_DECIMAL = "BHD JOD KWD OMR TND"


def test_the_table_is_stripes_list() -> None:
    expected = dict.fromkeys(ZERO_DECIMAL.split(), 0) | dict.fromkeys(THREE_DECIMAL.split(), 3)
    assert {code: expected.get(code, 2) for code in WIRE_EXPONENTS} == WIRE_EXPONENTS
    assert set(expected) <= set(WIRE_EXPONENTS)
    assert set(EXPONENTS) - set(WIRE_EXPONENTS) == {"CLF", "IQD", "LYD", "UYI", "UYW"}


@pytest.mark.parametrize(
    ("money", "wire"),
    [
        (Money(1999, "USD"), 1999),
        (Money(500, "JPY"), 500),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(500, "MGA"), 5),
        (Money(1230, "KWD"), 1230),
        (Money(175_00, "HUF"), 17500),
        (Money(1, "TWD"), 1),
        (Money(0, "USD"), 0),
        (Money(-1999, "USD"), -1999),
        (Money(-500, "MGA"), -5),
    ],
)
def test_amounts_there_and_back(money: Money, wire: int) -> None:
    assert wire_amount(money) == wire
    assert money_of(wire, wire_currency(money)) == money
    assert wire_currency(money) == money.currency.lower()


@pytest.mark.parametrize(
    "money",
    [Money(1234, "KWD"), Money(1, "BHD"), Money(150, "MGA"), Money(-150, "MGA"), Money(100, "CLF"), Money(1000, "LYD")],
)
def test_what_stripe_cannot_represent_is_refused(money: Money) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire_amount(money)
    assert caught.value.param == "amount"


@given(amount=st.integers(-(10**15), 10**15), currency=st.sampled_from(sorted(WIRE_EXPONENTS)))
def test_every_amount_that_can_be_sent_comes_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    try:
        wire = wire_amount(money)
    except InvalidRequest:
        assert currency in {*THREE_DECIMAL.split(), "MGA"}
    else:
        assert money_of(wire, currency) == money


@pytest.mark.parametrize(
    "data",
    [
        {"amount": 1, "currency": "doubloons"},
        {"amount": 1, "currency": None},
        {"amount": 1},
        {"amount": None, "currency": "usd"},
        {"amount": 1.5, "currency": "usd"},
        {"amount": "1", "currency": "usd"},
        {"amount": True, "currency": "usd"},
        {"amount": 10**30, "currency": "usd"},
        {"amount": 150, "currency": "isk"},
        {"currency": "usd"},
    ],
)
def test_an_amount_that_cannot_be_read_is_never_guessed(data: dict[str, object]) -> None:
    assert optional_money_from(data, "amount") is None
    with pytest.raises(InvalidResponse):
        money_from(data, "amount", "payment")
