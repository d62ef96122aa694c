"""Money on Square's wire: ``{"amount": 1000, "currency": "USD"}``, in the currency's smallest unit, as here.

Square sells in USD, CAD, GBP, EUR, AUD and JPY, and a location in exactly one of them; none of them is counted otherwise
than by ISO 4217: https://developer.squareup.com/docs/build-basics/working-with-monetary-amounts.
"""

from collections.abc import Iterable

from ...errors import InvalidRequest, InvalidResponse
from ...jsonlike import JsonObject, child, integer, text
from ...money import EXPONENTS, Money

__all__ = ["money_body", "money_from", "optional_money_from", "total_of"]


def money_body(money: Money) -> dict[str, object]:
    """The amount as Square takes it."""
    return {"amount": money.amount, "currency": money.currency}


def money_from(data: JsonObject, key: str, what: str) -> Money:
    """An amount that the object cannot be without.

    Raises:
        InvalidResponse: it is missing, or its currency is.
    """
    money = optional_money_from(data, key)
    if money is None:
        message = f"the answer is no {what}: its {key!r} is missing or cannot be read"
        raise InvalidResponse(message)
    return money


def optional_money_from(data: JsonObject, key: str) -> Money | None:
    """An amount; None if there is none that can be read."""
    value = child(data, key)
    amount, currency = integer(value, "amount"), text(value, "currency")
    if amount is None or currency not in EXPONENTS:
        return None
    try:
        return Money(amount, currency)
    except InvalidRequest:  # more digits than money can have
        return None


def total_of(amounts: Iterable[Money | None]) -> Money | None:
    """The sum of the amounts that there are; None of none, and of several currencies."""
    total: Money | None = None
    for amount in amounts:
        if amount is None:
            continue
        try:
            total = amount if total is None else total + amount
        except InvalidRequest:
            return None
    return total
