"""What happens when time passes: to subscriptions, authorizations and refunds."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from .. import clock
from ..clock import Due
from .lifecycle import next_turn, turn
from .links import subscribe
from .payments import expire
from .refunds import SETTLES_AFTER, settle
from .world import World

__all__ = ["advance_to"]


def advance_to(world: World, moment: datetime) -> None:
    """Advance the time, and let everything happen that is due until then, in order."""
    clock.advance_to(world, moment, partial(_agenda, world))


def _agenda(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        when = next_turn(subscription)
        if when is not None:
            yield when, partial(turn, world, subscription)
    for link in world.all("payment_link", lambda row: "_subscribes_at" in row):
        yield link["_subscribes_at"], partial(subscribe, world, link)
    for payment in world.all("payment", lambda row: row["status"] == "APPROVED"):
        yield payment["_until"], partial(expire, world, payment)
    for refund in world.all("refund", lambda row: row["status"] == "PENDING"):
        yield refund["_made"] + SETTLES_AFTER, partial(settle, world, refund)
