"""Money: whole smallest units, one currency at a time, no floats, nothing rounded."""

import pickle
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from paylattice import Money
from paylattice.errors import InvalidRequest
from paylattice.money import EXPONENTS, currency_exponent

CURRENCIES = st.sampled_from(sorted(EXPONENTS))
AMOUNTS = st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1)
MONEY = st.builds(Money, AMOUNTS, CURRENCIES)
WITHDRAWN = {"ANG", "BGN", "CUC", "HRK", "SLL", "ZWL"}


def test_every_published_currency_with_a_smallest_unit_has_its_published_exponent() -> None:
    published = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
    assert {code: EXPONENTS.get(code) for code in published} == published


def test_the_table_holds_nothing_else_but_withdrawn_currencies() -> None:
    assert set(EXPONENTS) - {currency.code for currency in Currency} <= WITHDRAWN


@given(MONEY)
def test_a_decimal_and_back_is_the_same_money(money: Money) -> None:
    assert Money.from_decimal(money.to_decimal(), money.currency) == money


@given(MONEY)
def test_the_text_of_the_decimal_and_back_is_the_same_money(money: Money) -> None:
    text, currency = str(money).split(" ")
    assert Money.from_decimal(text, currency) == money


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_one_main_unit_is_a_power_of_ten_in_every_currency(currency: str) -> None:
    assert Money.from_decimal(1, currency).amount == 10 ** EXPONENTS[currency]


@pytest.mark.parametrize("currency", sorted(EXPONENTS))
def test_half_a_smallest_unit_is_refused_in_every_currency(currency: str) -> None:
    with pytest.raises(InvalidRequest, match="finer than the smallest unit"):
        Money.from_decimal(Decimal(5).scaleb(-EXPONENTS[currency] - 1), currency)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("19.99", "USD", 1999),
        ("19.9", "USD", 1990),
        ("19.990", "USD", 1999),
        ("-19.99", "USD", -1999),
        ("+0.01", "USD", 1),
        (".5", "USD", 50),
        ("5.", "USD", 500),
        ("1e3", "USD", 100_000),
        ("1E+2", "JPY", 100),
        ("1999", "JPY", 1999),
        ("1999.0", "JPY", 1999),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("-0", "USD", 0),
        ("9999999999999999.99", "USD", 10**18 - 1),
    ],
)
def test_plain_decimal_numbers_are_read(text: str, currency: str, amount: int) -> None:
    assert Money.from_decimal(text, currency).amount == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1e999999999",
        "1e-999999999",
        "-1e-999999999",
        "1e-1000100",
        "1e99999999999999999999",
        "0e999999999",
        "NaN",
        "sNaN",
        "-NaN123",
        "Infinity",
        "-inf",
        "٣",
        "\uff11",
        " 1 ",
        "1\n",
        "1_000",
        "1,000.00",
        "1 000",
        "0x10",
        "1.2.3",
        "--1",
        "$1",
        "1 USD",
        "9" * 10_000,
        "0." + "0" * 10_000 + "1",
        "0." + "9" * 10_000,
        "10000000000000000.00",
        "0.001",
        "1e-3",
        "\ud800",
        "1\x00",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_texts_that_are_no_sensible_amount_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Money.from_decimal(text, "USD")
    assert caught.value.param == "amount"


@pytest.mark.parametrize("value", [19.99, 1.0, float("nan"), True, None, b"1", [1], 1 + 0j, Money(1, "USD")])
def test_only_texts_whole_numbers_and_decimals_can_be_decimal_amounts(value: object) -> None:
    with pytest.raises(InvalidRequest, match="must be a str, an int or a Decimal"):
        Money.from_decimal(value, "USD")  # type: ignore[arg-type]


@given(st.text(max_size=30))
def test_any_text_is_an_exact_amount_or_an_invalid_request(text: str) -> None:
    try:
        money = Money.from_decimal(text, "EUR")
    except InvalidRequest:
        return
    assert money.to_decimal() == Decimal(text)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_decimal_is_an_exact_amount_or_an_invalid_request(number: Decimal) -> None:
    try:
        money = Money.from_decimal(number, "EUR")
    except InvalidRequest:
        return
    assert money.to_decimal() == number


def test_the_callers_decimal_context_changes_nothing() -> None:
    with localcontext(Context(prec=2, Emax=9, Emin=-9, traps=[])):
        assert Money.from_decimal("123456.78", "USD").amount == 12_345_678
        assert str(Money(12_345_678, "USD")) == "123456.78 USD"
        with pytest.raises(InvalidRequest):
            Money.from_decimal("1e999999999999999999999", "USD")


@pytest.mark.parametrize("amount", [19.99, 1.0, "5", Decimal(5), True, False, None, b"5"])
def test_an_amount_is_a_whole_number_and_nothing_else(amount: object) -> None:
    with pytest.raises(InvalidRequest, match="whole number of the currency's smallest unit"):
        Money(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [10**18, -(10**18), pytest.param(10**10_000, id="huge")])
def test_an_amount_of_absurd_size_is_refused(amount: int) -> None:
    with pytest.raises(InvalidRequest, match="more than 18 digits"):
        Money(amount, "USD")


def test_the_currency_may_come_in_either_case() -> None:
    assert Money(1, "usd") == Money(1, "USD")
    assert Money(1, "usd").currency == "USD"


@pytest.mark.parametrize(
    "currency", ["", "US", "USDT", "XXX", "XAU", " USD", "USD ", "usd\n", "u\u017fd", "\u0131nr", 840, None, b"USD"]
)
def test_what_is_no_iso_code_is_no_currency(currency: object) -> None:
    with pytest.raises(InvalidRequest, match="ISO 4217") as caught:
        Money(1, currency)  # type: ignore[arg-type]
    assert caught.value.param == "currency"


def test_the_exponent_of_a_currency_can_be_asked_for() -> None:
    assert (currency_exponent("jpy"), currency_exponent("EUR"), currency_exponent("KWD")) == (0, 2, 3)
    with pytest.raises(InvalidRequest):
        currency_exponent("XYZ")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1999, "USD"), "19.99 USD"),
        (Money(-5, "USD"), "-0.05 USD"),
        (Money(0, "USD"), "0.00 USD"),
        (Money(1999, "JPY"), "1999 JPY"),
        (Money(1, "CLF"), "0.0001 CLF"),
        (Money(10**17, "JPY"), "100000000000000000 JPY"),
    ],
)
def test_money_reads_as_a_decimal_number_and_its_currency(money: Money, text: str) -> None:
    assert str(money) == f"{money}" == text


@given(AMOUNTS, AMOUNTS)
def test_sums_and_differences_are_those_of_the_amounts(one: int, other: int) -> None:
    try:
        assert (Money(one, "USD") + Money(other, "USD")).amount == one + other
        assert (Money(one, "USD") - Money(other, "USD")).amount == one - other
    except InvalidRequest:
        assert max(abs(one + other), abs(one - other)) >= 10**18


@given(MONEY)
def test_the_negative_of_the_negative_is_the_same(money: Money) -> None:
    negative = -money
    assert negative.amount == -money.amount
    assert -negative == money


def test_money_times_a_whole_number_is_money() -> None:
    assert Money(5, "USD") * 3 == 3 * Money(5, "USD") == Money(15, "USD")


@pytest.mark.parametrize("factor", [1.5, Decimal(2), True, Money(2, "USD")])
def test_money_is_multiplied_by_whole_numbers_only(factor: object) -> None:
    with pytest.raises(InvalidRequest):
        _ = Money(5, "USD") * factor  # type: ignore[operator]


@given(AMOUNTS, AMOUNTS)
def test_money_of_one_currency_is_ordered_by_its_amount(one: int, other: int) -> None:
    left, right = Money(one, "USD"), Money(other, "USD")
    assert (left < right, left <= right, left > right, left >= right) == (
        one < other,
        one <= other,
        one > other,
        one >= other,
    )


@pytest.mark.parametrize("other", [Money(1, "EUR"), 1, 1.0, "1", None])
@pytest.mark.parametrize("operator", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_only_money_of_the_same_currency_can_be_added_or_compared(operator: str, other: object) -> None:
    with pytest.raises(InvalidRequest):
        getattr(Money(1, "USD"), operator)(other)


def test_money_of_two_currencies_is_never_equal() -> None:
    assert Money(1, "USD") != Money(1, "EUR")
    assert Money(1, "USD") != 1


def test_money_is_frozen_hashable_and_travels() -> None:
    money = Money(1999, "usd")
    with pytest.raises(AttributeError):
        money.amount = 1  # type: ignore[misc]
    assert {money: "x"}[Money(1999, "USD")] == "x"
    assert pickle.loads(pickle.dumps(money)) == money
    assert not hasattr(money, "__dict__")
