"""The list of past events, for catching up: the last 10,000 of them."""

import itertools
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from ...events import WebhookEvent

__all__ = ["EventList"]

_MOST = 10_000


class EventList:
    """Keeps events, oldest first.

    Args:
        most: how many.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._events: deque[WebhookEvent] = deque(maxlen=most)
        self._is_cut = False

    def add(self, event: WebhookEvent) -> None:
        """Keep an event; the oldest makes room for it."""
        self._is_cut = self._is_cut or len(self._events) == self._events.maxlen
        self._events.append(event)

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[WebhookEvent]:
        return iter(self._events)

    def since(self, since: datetime, limit: int) -> list[WebhookEvent]:
        """The first events since a time."""
        return list(itertools.islice((event for event in self._events if event.created_at >= since), limit))

    def find(self, event_id: str) -> WebhookEvent | None:
        """The event with the id; None if it is not kept."""
        return next((event for event in self._events if event.id == event_id), None)

    def kept(self, now: datetime) -> timedelta | None:
        """How long ago the oldest event happened; None: all are kept."""
        return now - self._events[0].created_at if self._is_cut else None
