"""Money as PayPal writes it: decimal text in two shapes, with exponents of PayPal's own.

v2 APIs say ``{"value": "10.00", "currency_code": "USD"}``, v1 ones ``{"total": "10.00", "currency": "USD"}``. HUF, JPY and TWD
have no decimals at PayPal (ISO 4217 gives HUF and TWD two); everything else has two. The list is
https://developer.paypal.com/api/rest/reference/currency-codes/.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from ...errors import InvalidRequest, InvalidResponse
from ...jsonlike import JsonObject, as_object
from ...money import EXPONENTS, Money

__all__ = ["money_from", "optional_money_from", "v1_amount", "v2_amount"]

_WITHOUT = ("HUF", "JPY", "TWD")
_TWO = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "INR"),
    *("MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
)
DECIMALS: Mapping[str, int] = {**dict.fromkeys(_TWO, 2), **dict.fromkeys(_WITHOUT, 0)}
"""How many decimals PayPal writes. BRL, CNY, INR and MYR are for accounts in these countries only."""

_LONGEST = 32
_BEYOND = 10**18
_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")


def v2_amount(amount: Money) -> dict[str, str]:
    """``{"currency_code", "value"}``.

    Raises:
        InvalidRequest: PayPal does not take the currency, or not so small a part of it, or nothing at all.
    """
    return {"currency_code": amount.currency, "value": _written(amount)}


def v1_amount(amount: Money) -> dict[str, str]:
    """``{"currency", "total"}``, as the older endpoints have it.

    Raises:
        InvalidRequest: see :func:`v2_amount`.
    """
    return {"currency": amount.currency, "total": _written(amount)}


def _written(amount: Money) -> str:
    decimals = DECIMALS.get(amount.currency)
    if decimals is None:
        message = f"PayPal takes no payments in {amount.currency}: https://developer.paypal.com/api/rest/reference/currency-codes/"
        raise InvalidRequest(message, param="amount")
    if amount.amount <= 0:
        message = "PayPal takes amounts above zero only"
        raise InvalidRequest(message, param="amount")
    exact = amount.to_decimal()
    written = exact.quantize(Decimal(1).scaleb(-decimals))
    if written != exact:
        message = f"PayPal takes {amount.currency} in whole units only: {exact} has a part of one"
        raise InvalidRequest(message, param="amount")
    return f"{written:f}"


def money_from(data: JsonObject, *keys: str, what: str) -> Money:
    """The money below the keys, in either shape.

    Args:
        data: the object that holds it.
        keys: the way to it.
        what: what it belongs to, for the message.

    Raises:
        InvalidResponse: there is none, or it is no money.
    """
    found = optional_money_from(data, *keys)
    if found is None:
        message = f"the answer is no {what}: its {keys[-1]!r} is missing or no amount"
        raise InvalidResponse(message)
    return found


def optional_money_from(data: JsonObject, *keys: str) -> Money | None:
    """The money below the keys; None if there is none that can be read."""
    amount = data
    for key in keys:
        below = as_object(amount.get(key))
        if below is None:
            return None
        amount = below
    currency = amount.get("currency_code") or amount.get("currency")
    value = amount.get("value", amount.get("total"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value) if abs(value) < _BEYOND else None
    if not isinstance(currency, str) or not isinstance(value, str) or len(value) > _LONGEST:
        return None
    exponent = EXPONENTS.get(currency.upper())
    if exponent is None:
        return None
    whole, _, part = value.partition(".")
    digits = whole + part
    if len(part) != exponent or not digits.isdecimal() or not digits.isascii():
        digits = _digits(value, exponent)
    try:
        return Money(int(digits), currency) if digits else None
    except InvalidRequest:  # more digits than any amount has
        return None


def _digits(value: str, exponent: int) -> str:
    """The number of smallest units, for what PayPal seldom writes: ``.5``, ``10``, ``10.0``, ``-0.49``. Empty if it is none."""
    found = _NUMBER.fullmatch(value)
    if found is None:
        return ""
    sign, whole, part = found.groups("")
    if not (whole or part) or part[exponent:].strip("0"):  # no number, or a part of the smallest unit
        return ""
    return f"{sign}{whole}{part[:exponent].ljust(exponent, '0')}"
