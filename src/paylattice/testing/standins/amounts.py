"""Money, as tests hand it to a stand-in."""

from decimal import Decimal
from typing import Protocol

__all__ = ["Amount", "currency_of"]


class Amount(Protocol):
    """Money, such as :class:`paylattice.Money`."""

    @property
    def currency(self) -> object:
        """The currency, by ISO 4217: a text, although type checkers see a converter in its place in ``Money``."""
        ...

    def to_decimal(self) -> Decimal:
        """Return the amount in the currency's main unit."""
        ...


def currency_of(amount: Amount) -> str:
    """Return the currency of an amount, by ISO 4217."""
    return str(amount.currency)
