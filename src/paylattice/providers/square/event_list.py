"""Square's list of events, oldest first: https://developer.squareup.com/docs/events-api/overview."""

import logging
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

from ...errors import InvalidRequest, InvalidResponse
from ...events import WebhookEvent
from ...jsonlike import JsonObject, children, text
from . import requests
from .api import SquareAPI, search
from .errors import INVALID_CURSOR
from .events import event_from
from .times import moment_of

__all__ = ["EVENTS_KEPT", "EventList"]

_log = logging.getLogger("paylattice")
EVENTS_KEPT = timedelta(days=28) - timedelta(hours=1)
"""Square's clock and this one may differ."""


class EventList:
    """Reads it page by page.

    Args:
        api: Square's API.
    """

    def __init__(self, api: SquareAPI) -> None:
        self._api = api

    async def since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """The events since a time, a page at a time. One that cannot be read is left out, and logged.

        Raises:
            InvalidResponse: the list does not end.
        """
        now = self._api.now()
        if since > now:
            return
        start = last = max(since.astimezone(UTC), now - EVENTS_KEPT)
        cursor: str | None = None
        cursors, before = set[str](), set[str]()
        while True:
            try:
                page = await self._api.page(search("/v2/events", requests.events_request(start, cursor)), "events")
            except InvalidRequest as error:
                if error.code != INVALID_CURSOR or start == last:
                    raise
                start, cursor = last, None  # it became too old while the events before it were applied
                cursors.clear()
                continue
            found = children(page, "events")
            fresh = [data for data in found if text(data, "event_id") not in before]
            events = [
                event for data in fresh if (event := self._read(data, last)) is not None and event.created_at >= since
            ]
            yield sorted(events, key=lambda event: event.created_at)
            before = {name for data in found if (name := text(data, "event_id")) is not None} or before
            last = max((moment for data in found if (moment := moment_of(data, "created_at"))), default=last)
            cursor = text(page, "cursor")
            if not cursor:
                return
            if cursor in cursors:
                message = "Square's list of events does not end: a cursor came a second time"
                raise InvalidResponse(message)
            cursors.add(cursor)

    def _read(self, data: JsonObject, otherwise: datetime) -> WebhookEvent | None:
        settings = self._api.config
        try:
            return event_from(
                data, reference_key=settings.reference_key, livemode=settings.livemode, otherwise=otherwise
            )
        except InvalidResponse as error:
            _log.warning("square: an event in the list cannot be read: %s", error.message)
            return None
