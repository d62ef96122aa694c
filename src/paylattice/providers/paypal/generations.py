"""The two generations of PayPal's payment objects, read alike: ``status`` in capitals, or v1's ``state`` in small letters.

Both are alive. Subscriptions are paid with v1's sales; a webhook of an application that was made for v1 delivers captures,
authorizations, refunds and invoices in v1's shape: https://developer.paypal.com/docs/api/payments/v1/.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from ...jsonlike import JsonObject, text

__all__ = ["capital_word_of", "is_v1", "status_in", "word_of"]

_Status = TypeVar("_Status", bound=StrEnum)


def word_of(data: JsonObject) -> str | None:
    """PayPal's word for where an object stands, as it is written."""
    return text(data, "status") or text(data, "state")


def capital_word_of(data: JsonObject) -> str:
    """PayPal's word for where an object stands, in capitals; empty if there is none."""
    return (word_of(data) or "").upper()


def status_in(table: Mapping[str | None, _Status], data: JsonObject, otherwise: _Status) -> _Status:
    """The status of an object by a table of the words of both generations.

    Args:
        table: from words in capitals.
        data: the object.
        otherwise: for a word that the table does not have.
    """
    return table.get(capital_word_of(data), otherwise)


def is_v1(data: JsonObject) -> bool:
    """Whether an object is of v1's shape."""
    return text(data, "status") is None and text(data, "state") is not None
