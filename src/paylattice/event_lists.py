"""Events of a provider from the oldest on, however many there are, in the memory of some pages.

Two kinds of lists are read so: one that can be asked for what came since a time (:func:`since_by_since`), and one that
begins with the newest and can be cut at both ends (:func:`in_windows`).
"""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from .errors import InvalidResponse
from .events import WebhookEvent
from .jsonlike import JsonObject, text

__all__ = ["PAGE", "first_of", "in_windows", "since_by_since"]

PAGE = 100
"""How many events are asked for at a time."""
MOST = 500
"""How many events are held at a time."""
_AIM = MOST // 2
_SECOND = timedelta(seconds=1)
_GROWS = 4


async def since_by_since(
    list_events: Callable[[datetime, int], Awaitable[Sequence[WebhookEvent]]], since: datetime
) -> AsyncGenerator[list[WebhookEvent]]:
    """Ask again and again for what came since the last event.

    Args:
        list_events: the events since a time, oldest first, at most so many.
        since: aware.
    """
    until, limit, seen = since, PAGE, set[str]()
    while True:
        events = await list_events(until, limit)
        fresh = [event for event in events if event.dedupe_key not in seen]
        if fresh:
            yield fresh
        full = len(events) >= limit
        if not fresh and not full:  # a short page alone may be all that a provider gives at a time
            return
        last = max((event.created_at for event in events), default=until)
        if last > until:
            until, limit = last, PAGE
        elif full:
            limit *= 2  # more events within one second than a page holds
        seen = {event.dedupe_key for event in events if event.created_at >= until}


async def first_of(parts: AsyncGenerator[list[WebhookEvent]], limit: int) -> list[WebhookEvent]:
    """The first events of what comes in parts."""
    found: list[WebhookEvent] = []
    async with aclosing(parts):
        async for part in parts:
            found += part
            if len(found) >= limit:
                break
    return found[:limit]


async def in_windows(
    read: Callable[[datetime, datetime | None], AsyncGenerator[JsonObject]],
    made_at: Callable[[JsonObject], datetime | None],
    since: datetime,
) -> AsyncGenerator[list[JsonObject]]:
    """Read a list that begins with the newest in windows of time, the earliest window first.

    A window that holds too many is left, and a narrower one is read; the next one is wider where there were few. The end of
    one is the beginning of the next: providers count in seconds, and what is in both is given once.

    Args:
        read: the objects from a time until a time, both included, newest first; without an end: all since then.
        made_at: when an object was made.
        since: aware.

    Raises:
        InvalidResponse: there are many, and they do not say when they were made.
    """
    start = since.replace(microsecond=0)
    width: timedelta | None = None
    newest: datetime | None = None
    before: set[str] = set()
    while True:
        end = None if width is None or newest is None or start + width >= newest else start + width
        held: list[JsonObject] = []
        now_seen: set[str] = set()
        too_many = False
        dense = width is not None and width <= _SECOND
        async with aclosing(read(start, end)) as found:
            async for data in found:
                if len(held) == MOST:
                    if not dense:
                        too_many = True
                        break
                    yield _fresh(held, before, now_seen)  # one second holds more: in whatever order they come
                    held = []
                held.append(data)
        if too_many:
            last, first = _ends(held, made_at)
            newest = newest or last
            width = _whole(min((last - first) * _AIM / MOST, (min(end or last, last) - start) / 2))
            continue
        count = len(now_seen) + len(held)
        yield _fresh(held, before, now_seen)
        if end is None:
            return
        width = _whole((end - start) * min(max(_AIM / max(count, 1), 1 / _GROWS), _GROWS))
        start, before = end, now_seen


def _whole(width: timedelta) -> timedelta:
    return timedelta(seconds=max(1, math.ceil(width / _SECOND)))


def _fresh(held: Sequence[JsonObject], before: set[str], now_seen: set[str]) -> list[JsonObject]:
    """Those that were not given before, oldest first."""
    fresh: list[JsonObject] = []
    for data in reversed(held):
        name = text(data, "id")
        if name is None or (name not in before and name not in now_seen):
            fresh.append(data)
        if name is not None:
            now_seen.add(name)
    return fresh


def _ends(held: Sequence[JsonObject], made_at: Callable[[JsonObject], datetime | None]) -> tuple[datetime, datetime]:
    moments = [moment for data in held if (moment := made_at(data)) is not None]
    if not moments:
        message = "the events in the list do not say when they were created"
        raise InvalidResponse(message)
    return max(moments), min(moments)
