"""Bookmarks: how far the scheduled work has come, one for each part of it and each provider."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic

import attrs

from ..records import BillingBookmark
from ..repository import Tx
from ..store import Store

__all__ = ["Bookmark", "Bookmarks"]


@attrs.frozen
class Bookmark:
    """How far one part of the work has come at one provider.

    Args:
        at: a time, UTC; each part defines its meaning.
        after: the last item that was worked on. None: the work is finished, or has not started.
    """

    at: datetime | None = None
    after: str | None = None


class Bookmarks(Generic[Tx]):
    """Stores a bookmark for each part of the work and each provider.

    It is a hint where to continue. The work is safe to repeat from anywhere, so of two processes the later one may overwrite
    the bookmark of the earlier one, and a lost bookmark only costs time.

    Args:
        store: where the records are.
        clock: returns the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def read(self, provider: str, part: str) -> Bookmark:
        """Return the bookmark; an empty one if there is none."""
        stored = await self._store.get_bookmark(provider, part)
        return Bookmark() if stored is None else Bookmark(stored.reached_at, stored.last_item)

    async def write(self, provider: str, part: str, mark: Bookmark) -> None:
        """Store the bookmark."""
        reached_at = None if mark.at is None else mark.at.astimezone(UTC)
        await self._store.put_bookmark(BillingBookmark(provider, part, self._clock(), reached_at, mark.after))
