"""Stripe's list of events, which begins with the newest: https://docs.stripe.com/api/events/list."""

import logging
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from ...errors import InvalidResponse
from ...event_lists import in_windows
from ...events import WebhookEvent
from ...jsonlike import JsonObject, timestamp
from .api import StripeAPI
from .events import event_from

__all__ = ["EVENTS_KEPT", "EventList"]

_log = logging.getLogger("paylattice")
EVENTS_KEPT = timedelta(days=30) - timedelta(hours=1)
"""Stripe's clock and this one may differ."""
_WITHOUT_END = 1_000_000
"""Pages of one second, or of what a window holds: how many there are is no fault of a list of events."""


class EventList:
    """Reads it from the oldest on.

    Args:
        api: Stripe's API.
        account_id: the connected account whose events it lists; None: the key's own.
    """

    def __init__(self, api: StripeAPI, account_id: str | None) -> None:
        self._api = api
        self._account_id = account_id

    async def since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """The events since a time, some at a time. One that cannot be read is left out, and logged."""
        async for part in in_windows(self._between, _made_at, since):
            yield [event for data in part if (event := _read(data, since, self._account_id)) is not None]

    def _between(self, since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        created: dict[str, object] = {"gte": int(since.timestamp())}
        if until is not None:
            created["lte"] = int(until.timestamp())
        return self._api.pages("/v1/events", {"created": created}, most_pages=_WITHOUT_END)


def _made_at(data: JsonObject) -> datetime | None:
    return timestamp(data, "created")


def _read(data: JsonObject, since: datetime, account_id: str | None) -> WebhookEvent | None:
    try:
        return event_from(data, lambda: since, account_id=account_id)
    except InvalidResponse as error:
        _log.warning("stripe: an event in the list cannot be read: %s", error.message)
        return None
