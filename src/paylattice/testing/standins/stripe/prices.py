"""Prices that can be subscribed to."""

from .lifecycle import not_recurring
from .refusals import invalid
from .world import JSON, World

__all__ = ["price_for"]


def price_for(world: World, identifier: str, param: str) -> JSON:
    """A price that can be subscribed to.

    Raises:
        Refusal: there is none, it is switched off, or paid only once.
    """
    price = world.need("price", identifier, param)
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise invalid(message, param=param)
    if price["recurring"] is None:
        raise not_recurring(price)
    return price
