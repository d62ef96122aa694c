"""What can be subscribed to."""

import attrs

from ..frozen import FrozenMap
from ..money import Money
from .base import NOTHING, Model, string_map

__all__ = ["Plan"]


@attrs.frozen
class Plan(Model):
    """What can be subscribed to.

    Args:
        id: what :meth:`PaymentProvider.create_checkout_session` takes as ``plan_id``.
        name: for people.
        amount: per interval and unit; None where there is no single amount (tiers, several currencies).
        interval: ``day``, ``week``, ``month`` or ``year``; None where the plan is not recurring.
        interval_count: how many intervals make one period.
        trial_days: the plan's own trial, if it has one.
        metered: whether usage is reported and billed afterwards.
        active: whether it can be subscribed to now.
        product_id: the product that the plan sells, where the provider knows products.
        metadata: the application's own words.
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
