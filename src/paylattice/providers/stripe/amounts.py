"""Money on Stripe's wire: whole numbers of a unit that is not always the smallest one by ISO 4217.

The table is https://docs.stripe.com/currencies: zero-decimal currencies, three-decimal ones whose last digit must be 0,
and two (ISK, UGX) that ISO counts without decimals and Stripe with two, which must be 00.
"""

from collections.abc import Mapping

from ...errors import InvalidRequest, InvalidResponse
from ...jsonlike import JsonObject, integer, text
from ...money import EXPONENTS, Money

__all__ = ["WIRE_EXPONENTS", "money_from", "money_of", "optional_money_from", "wire_amount", "wire_currency"]

_OVERRIDES: Mapping[str, int] = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe counts otherwise than ISO 4217."""

_UNLISTED = frozenset({"CLF", "IQD", "LYD", "UYI", "UYW"})
"""Neither zero- nor three-decimal at Stripe, and not two-decimal by ISO: the meaning of a number is unclear."""

_THREE_DECIMALS = 3

WIRE_EXPONENTS: Mapping[str, int] = {
    code: _OVERRIDES.get(code, exponent) for code, exponent in EXPONENTS.items() if code not in _UNLISTED
}
"""The number of decimal places of every currency that Stripe can take."""


def wire_currency(money: Money) -> str:
    """The currency as Stripe writes it."""
    return money.currency.lower()


def wire_amount(money: Money) -> int:
    """The amount as Stripe counts it.

    Raises:
        InvalidRequest: Stripe cannot represent it; nothing is rounded.
    """
    exponent = WIRE_EXPONENTS.get(money.currency)
    if exponent is None:
        message = f"Stripe does not take {money.currency}"
        raise InvalidRequest(message, param="amount")
    if exponent == _THREE_DECIMALS and money.amount % 10:
        message = (
            f"Stripe takes {money.currency} only with a 0 as the third decimal: the amount must be a multiple of 10"
        )
        raise InvalidRequest(message, param="amount")
    amount, rest = _scaled(money.amount, exponent - EXPONENTS[money.currency])
    if rest:
        message = f"Stripe takes {money.currency} only in whole units: the amount must be a multiple of 100"
        raise InvalidRequest(message, param="amount")
    return amount


def money_from(data: JsonObject, key: str, what: str) -> Money:
    """An amount that the object cannot be without, in the object's ``currency``.

    Raises:
        InvalidResponse: it is missing, or its currency is.
    """
    money = optional_money_from(data, key)
    if money is None:
        message = f"the answer is no {what}: its {key!r} or its currency is missing or cannot be read"
        raise InvalidResponse(message)
    return money


def optional_money_from(data: JsonObject, key: str) -> Money | None:
    """An amount in the object's ``currency``; None if there is none that can be read."""
    amount = integer(data, key)
    return None if amount is None else money_of(amount, text(data, "currency"))


def money_of(amount: int, currency: str | None) -> Money | None:
    """The money that Stripe means; None if that cannot be said."""
    code = (currency or "").upper()
    exponent = WIRE_EXPONENTS.get(code)
    if exponent is None:
        return None
    smallest, rest = _scaled(amount, EXPONENTS[code] - exponent)
    if rest:
        return None
    try:
        return Money(smallest, code)
    except InvalidRequest:  # more digits than money can have
        return None


def _scaled(amount: int, places: int) -> tuple[int, int]:
    """The amount with so many decimal places more (or less), and what could not be kept of it."""
    if places >= 0:
        return amount * int(10**places), 0
    return divmod(amount, int(10**-places))
