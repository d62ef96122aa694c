"""A customer, and what it pays with."""

from datetime import datetime

import attrs

from ..frozen import FrozenMap
from .base import NOTHING, Model, string_map

__all__ = ["Customer", "PaymentMethod"]


@attrs.frozen
class Customer(Model):
    """Who pays. ``repr`` leaves out what is personal.

    Args:
        id: the provider's id.
        email: where the provider writes to.
        name: for people.
        metadata: the application's own words.
        created_at: UTC.
        merged_from: the id that was asked for, where the provider has merged that profile into this one since.
    """

    id: str
    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    created_at: datetime | None = None
    merged_from: str | None = None


@attrs.frozen
class PaymentMethod(Model):
    """A saved card, bank account or wallet. ``type`` is the provider's word, for example ``card``."""

    id: str
    type: str
    last4: str | None = None
    brand: str | None = None
    customer_id: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
