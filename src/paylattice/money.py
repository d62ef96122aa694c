"""Money: an integer number of a currency's minor units, and never a float.

The exponents are those of ISO 4217 (a test compares the table with the published list). Providers disagree with ISO for
some currencies; each provider has its own table for its wire format.
"""

import re
from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Self

import attrs

from .errors import InvalidRequest

__all__ = ["EXPONENTS", "Money", "currency_exponent"]

_BY_EXPONENT: Mapping[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
        "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
        "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
        "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
        "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG "
        "YER ZAR ZMW ZWG "
        "ANG BGN CUC HRK SLL ZWL"  # withdrawn by ISO, still in old invoices
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

EXPONENTS: Mapping[str, int] = {code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()}
"""The number of decimal places of every ISO 4217 currency that has a smallest unit."""

_MAX_DIGITS = 18
_EXACT = Context(prec=60, traps=[InvalidOperation])
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def currency_exponent(currency: str) -> int:
    """Return the number of decimal places of a currency.

    Args:
        currency: an ISO 4217 code, in either case.

    Raises:
        InvalidRequest: the code is not in ISO 4217.
    """
    return EXPONENTS[_currency(currency)]


def _currency(value: object) -> str:
    if isinstance(value, str) and value.isascii():
        code = value.upper()
        if code in EXPONENTS:
            return code
    message = "the currency must be an ISO 4217 code such as 'USD'"
    raise InvalidRequest(message, param="currency")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < 10**_MAX_DIGITS:
            return int(value)
        message = f"the amount has more than {_MAX_DIGITS} digits"
        raise InvalidRequest(message, param="amount")
    message = (
        f"the amount must be a whole number of the currency's smallest unit, not {type(value).__name__}; "
        "for a decimal amount use Money.from_decimal('19.99', 'USD')"
    )
    raise InvalidRequest(message, param="amount")


@attrs.frozen(order=False)
class Money:
    """An amount in one currency.

    Args:
        amount: an integer number of the currency's minor units by ISO 4217: ``Money(1999, "USD")`` is 19.99 US dollars,
            ``Money(1999, "JPY")`` is 1999 yen. Can be negative (a credit).
        currency: the ISO 4217 code, in either case; stored in upper case.

    Raises:
        InvalidRequest: the amount is not an integer, or the currency is not in ISO 4217.
    """

    amount: int = attrs.field(converter=_whole)
    currency: str = attrs.field(converter=_currency)

    @classmethod
    def from_decimal(cls, value: str | int | Decimal, currency: str) -> Self:
        """Return money from a decimal number of the currency's main unit: ``from_decimal("19.99", "USD")``.

        Nothing is rounded: ``"19.999"`` US dollars is an error, and so is every float.

        Raises:
            InvalidRequest: the value is a float, not a number, not finite, or finer than the currency's minor unit.
        """
        fits = isinstance(value, str | int | Decimal)  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        if not fits or isinstance(value, bool):
            message = f"a decimal amount must be a str, an int or a Decimal, not {type(value).__name__}"
            raise InvalidRequest(message, param="amount")
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            message = "the amount is not a decimal number: digits, and a point before the decimal places"
            raise InvalidRequest(message, param="amount")
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if (
            not number.is_finite()
            or abs(number.adjusted()) > _MAX_DIGITS
            or len(number.as_tuple().digits) > _EXACT.prec
        ):
            message = "the amount is not a finite number of a sensible size"
            raise InvalidRequest(message, param="amount")
        exponent = currency_exponent(currency)
        smallest = number.scaleb(exponent, _EXACT)
        if smallest != smallest.to_integral_value():
            message = f"the amount is finer than the smallest unit of {_currency(currency)} ({exponent} decimal places)"
            raise InvalidRequest(message, param="amount")
        return cls(int(smallest), currency)

    def to_decimal(self) -> Decimal:
        """Return the amount in the currency's main unit, exactly."""
        return Decimal((self.amount < 0, tuple(map(int, str(abs(self.amount)))), -EXPONENTS[self.currency]))

    def _same(self, other: object) -> int:
        if not isinstance(other, Money):
            message = f"only Money can be added to or compared with Money, not {type(other).__name__}"
            raise InvalidRequest(message, param="amount")
        if other.currency != self.currency:
            message = f"{self.currency} and {other.currency} cannot be added or compared: convert one of them first"
            raise InvalidRequest(message, param="currency")
        return other.amount

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: int) -> "Money":
        return Money(self.amount * _whole(factor), self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.to_decimal():f} {self.currency}"
