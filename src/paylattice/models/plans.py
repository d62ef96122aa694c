"""A plan that customers subscribe to."""

import attrs

from ..frozen import FrozenMap
from ..money import Money
from .base import NOTHING, Model, string_map

__all__ = ["Plan"]


@attrs.frozen
class Plan(Model):
    """A plan that customers subscribe to.

    Args:
        id: pass it to :meth:`PaymentProvider.create_checkout_session` as ``plan_id``.
        name: the display name.
        amount: the price per interval and unit. None: there is no single price (tiers, several currencies).
        interval: ``day``, ``week``, ``month`` or ``year``. None: the plan does not recur.
        interval_count: how many intervals make one period.
        trial_days: the days of the plan's own trial, if it has one.
        metered: whether you report usage, which the provider bills afterwards.
        active: whether customers can subscribe to it now.
        product_id: the product that the plan sells, if the provider has products.
        metadata: your own keys and values.
    """

    id: str
    name: str | None = None
    amount: Money | None = None
    interval: str | None = None
    interval_count: int = 1
    trial_days: int | None = None
    metered: bool = False
    active: bool = True
    product_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
