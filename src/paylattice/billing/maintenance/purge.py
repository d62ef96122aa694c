"""Purging: deletes events that have waited for long and match no customer."""

from datetime import datetime
from typing import Generic

import attrs

from ..checkout_correlation import Asked
from ..pipeline import EventPipeline
from ..records import UnmatchedEvent
from ..repository import Tx
from ..store import Store

__all__ = ["FailedEvent", "Purge", "PurgedEvents", "event_id_of"]

PAGE = 100


@attrs.frozen
class FailedEvent:
    """An unmatched event that could not be applied, and is kept.

    Args:
        provider: the provider's name.
        event_id: the provider's id of the event.
        error: the class of the error: of a handler, or of reading it.
    """

    provider: str
    event_id: str
    error: str


@attrs.frozen
class PurgedEvents:
    """The result of dropping old unmatched events.

    Args:
        dropped: how many were deleted, because they match no customer.
        applied: how many were applied, because they match a customer now.
        failed: events that match a customer and whose handlers fail, and events that cannot be read or matched
            now. They are kept: look at these.
    """

    dropped: int = 0
    applied: int = 0
    failed: tuple[FailedEvent, ...] = ()


class Purge(Generic[Tx]):
    """Deletes waiting events by their age, except those that match a customer.

    Args:
        store: the records.
        pipeline: tries each once more first.
    """

    def __init__(self, store: Store[Tx], pipeline: EventPipeline[Tx]) -> None:
        self._store = store
        self._pipeline = pipeline

    async def purge_unmatched(self, provider: str, before: datetime) -> PurgedEvents:
        """Delete the events that were unmatched before a time and match no customer."""
        dropped, applied, asked = 0, 0, Asked()
        failed: list[FailedEvent] = []
        last: UnmatchedEvent | None = None
        while True:
            page = await self._store.list_unmatched(provider, after=last, limit=PAGE)
            old = [event for event in page if event.waiting_since < before]
            for event in old:
                retried = await self._pipeline.purge_unmatched(event, asked)
                dropped += retried.is_nobodys
                applied += retried.applied
                if retried.error is not None:
                    failed.append(FailedEvent(provider, event_id_of(event), retried.error))
            if len(old) < PAGE or (last is not None and page[-1] == last):
                return PurgedEvents(dropped, applied, tuple(failed))
            last = page[-1]


def event_id_of(unmatched: UnmatchedEvent) -> str:
    """Return the provider's id of an unmatched event."""
    named = unmatched.payload.get("id")
    return named if isinstance(named, str) else unmatched.external_event_id
