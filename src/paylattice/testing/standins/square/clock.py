"""What happens when time passes: to subscriptions, authorizations and refunds."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeAlias

from .lifecycle import next_turn, turn
from .payments import expire
from .refunds import SETTLES_AFTER, settle
from .world import World

__all__ = ["advance_to"]

Due: TypeAlias = tuple[datetime, Callable[[], object]]


def advance_to(world: World, moment: datetime) -> None:
    """Let time pass, and let everything happen that is due until then, in order."""
    while True:
        due = sorted(((when, act) for when, act in _agenda(world) if when <= moment), key=lambda entry: entry[0])
        if not due:
            world.now = max(world.now, moment)
            return
        when, act = due[0]
        world.now = max(world.now, when)
        act()


def _agenda(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        when = next_turn(subscription)
        if when is not None:
            yield when, partial(turn, world, subscription)
    for payment in world.all("payment", lambda row: row["status"] == "APPROVED"):
        yield payment["_until"], partial(expire, world, payment)
    for refund in world.all("refund", lambda row: row["status"] == "PENDING"):
        yield refund["_made"] + SETTLES_AFTER, partial(settle, world, refund)
