"""PayPal's list of events, which begins with the newest: https://developer.paypal.com/docs/api/webhooks/v1/#webhooks-events_list."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta

from ...errors import InvalidRequest, InvalidResponse
from ...event_lists import in_windows
from ...events import WebhookEvent
from ...jsonlike import JsonObject, rfc3339
from .api import PayPalAPI
from .events import event_from
from .requests import wire_time

__all__ = ["EVENTS", "EVENTS_KEPT", "EventList"]

_log = logging.getLogger("paylattice")
EVENTS_KEPT = timedelta(days=30) - timedelta(hours=1)
"""PayPal refuses an earlier time by its own clock, and this one may be behind."""
_FURTHER_BEHIND = (timedelta(hours=3), timedelta(days=2))
_AHEAD = timedelta(minutes=5)
EVENTS = "/v1/notifications/webhooks-events"
_WITHOUT_END = 1_000_000
"""Pages of one second, or of what a window holds: how many there are is no fault of a list of events."""


class EventList:
    """Reads it from the oldest on.

    Args:
        api: PayPal's API.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    async def since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """The events since a time, some at a time. One that cannot be read is left out, and logged."""
        earliest = self._api.now() - EVENTS_KEPT
        start = max(since, earliest).replace(microsecond=0)
        before = start
        async for part in in_windows(self._between, _made_at, start):
            events: list[WebhookEvent] = []
            for data in part:
                event = self._read(data, before)
                if event is not None:
                    before = event.created_at
                    events.append(event)
            fitting = [event for event in events if event.created_at >= start]
            yield sorted(fitting, key=lambda event: event.created_at)

    async def _between(self, since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        """Those between two times, both included, newest first. Without an end: all."""
        now = self._api.now()
        end = max(now, since) + _AHEAD if until is None else until
        later = (now - EVENTS_KEPT + behind for behind in _FURTHER_BEHIND)
        starts = [since, *(start for start in later if since < start < end)]
        for start in starts:
            begun = False
            params = {"page_size": "100", "start_time": wire_time(start), "end_time": wire_time(end)}
            try:
                async with aclosing(self._api.pages(EVENTS, "events", params, most_pages=_WITHOUT_END)) as found:
                    async for data in found:
                        begun = True
                        yield data
            except InvalidRequest:
                if begun or start is starts[-1]:
                    raise
                _log.warning(
                    "paypal: events of %s are refused: this clock may be behind; a later time is asked for", start
                )
            else:
                return

    def _read(self, data: JsonObject, before: datetime) -> WebhookEvent | None:
        try:
            return event_from(data, self._api.now(), livemode=self._api.config.livemode, otherwise=before)
        except InvalidResponse as error:
            _log.warning("paypal: an event in the list cannot be read: %s", error.message)
            return None


def _made_at(data: JsonObject) -> datetime | None:
    return rfc3339(data, "create_time")
