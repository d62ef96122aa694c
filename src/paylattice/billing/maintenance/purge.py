"""Purging: forgetting events that have waited for long and are nobody's here."""

from datetime import datetime
from typing import Generic

import attrs

from ..records import ParkedEvent
from ..repository import Tx
from ..store import Store
from ..webhooks import EventPipeline

__all__ = ["DroppedEvents", "FailedEvent", "Purge", "event_id_of"]

PAGE = 100


@attrs.frozen
class FailedEvent:
    """A parked event that was not applied, and is kept.

    Args:
        provider: whose.
        event_id: the provider's id of it.
        error: the class of the error: of its handlers, or of reading it.
    """

    provider: str
    event_id: str
    error: str


@attrs.frozen
class DroppedEvents:
    """What became of the events that were parked before a time.

    Args:
        dropped: how many were forgotten: nobody here is known whom they are about.
        applied: how many were applied, as somebody is known by now.
        failed: those that are somebody's and whose handlers fail, and those that cannot be read any more, or of which it
            cannot be told now whose they are. They are kept: look at these.
    """

    dropped: int = 0
    applied: int = 0
    failed: tuple[FailedEvent, ...] = ()


class Purge(Generic[Tx]):
    """Drops waiting events by their age, but for those that are somebody's.

    Args:
        store: where the records are.
        pipeline: tries each once more first.
    """

    def __init__(self, store: Store[Tx], pipeline: EventPipeline[Tx]) -> None:
        self._store = store
        self._pipeline = pipeline

    async def drop_parked(self, provider: str, before: datetime) -> DroppedEvents:
        """Forget the events that were parked before a time, and are nobody's here."""
        dropped = applied = 0
        failed: list[FailedEvent] = []
        last: ParkedEvent | None = None
        while True:
            page = await self._store.list_unmatched(provider, after=last, limit=PAGE)
            old = [event for event in page if event.parked_at < before]
            for event in old:
                retried = await self._pipeline.drop_parked(event)
                dropped += retried.is_nobodys
                applied += retried.applied
                if retried.error is not None:
                    failed.append(FailedEvent(provider, event_id_of(event), retried.error))
            if len(old) < PAGE or (last is not None and page[-1] == last):
                return DroppedEvents(dropped, applied, tuple(failed))
            last = page[-1]


def event_id_of(parked: ParkedEvent) -> str:
    """The provider's id of a parked event."""
    named = parked.payload.get("id")
    return named if isinstance(named, str) else parked.external_event_id
