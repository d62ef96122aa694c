"""A customer and their payment methods."""

from datetime import datetime

import attrs

from ..frozen import FrozenMap
from .base import NOTHING, Model, string_map

__all__ = ["Customer", "PaymentMethod"]


@attrs.frozen
class Customer(Model):
    """A customer at a provider. ``repr`` leaves out personal data.

    Args:
        id: the provider's id.
        email: the e-mail address.
        name: the display name.
        metadata: your own keys and values.
        created_at: UTC.
        merged_from: the id that you asked for, if the provider has merged that profile into this one.
        phone: the phone number, where the provider keeps one.
    """

    id: str
    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    created_at: datetime | None = None
    merged_from: str | None = None
    phone: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class PaymentMethod(Model):
    """A saved card, bank account or wallet.

    Args:
        id: the provider's id.
        type: the provider's own type, for example ``card``.
        last4: the last four digits. None: it has none, or the provider does not say.
        brand: the card's brand, as the provider writes it.
        customer_id: the provider's id of the customer.
        exp_month: the month in which the card expires, 1 to 12.
        exp_year: the year in which the card expires, four digits.
        listed_under: the id that ``get_payment_methods`` lists it under, where that is not ``customer_id``: at PayPal,
            the vault's own id of the payer.
    """

    id: str
    type: str
    last4: str | None = None
    brand: str | None = None
    customer_id: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    listed_under: str | None = None
