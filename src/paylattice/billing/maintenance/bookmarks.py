"""Bookmarks: how far the scheduled work has come, as rows of the operation log that are never sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Generic

import attrs

from ..records import BillingOperation, OperationState
from ..repository import Tx
from ..store import Store

__all__ = ["MAINTAIN", "Bookmark", "Bookmarks"]

MAINTAIN: Final = "maintain"
"""The ``operation`` of these rows."""

_NO_ORGANISATION: Final = "-"
_AT: Final = "at "
_AFTER: Final = "after "
# The space keeps them apart from a provider's ids, by which other rows are found.


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
        store: the operation log.
        clock: returns the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def read(self, provider: str, part: str) -> Bookmark:
        """Return the bookmark; an empty one if there is none."""
        row = await self._store.get_operation(provider, _key(part))
        if row is None:
            return Bookmark()
        at = _without(_AT, row.external_id)
        return Bookmark(datetime.fromisoformat(at) if at is not None else None, _without(_AFTER, row.reference))

    async def write(self, provider: str, part: str, mark: Bookmark) -> None:
        """Store the bookmark."""
        now = self._clock()
        row = BillingOperation(
            provider=provider,
            key=_key(part),
            operation=MAINTAIN,
            org_id=_NO_ORGANISATION,
            arguments={},
            created_at=now,
            state=OperationState.DONE,
            external_id=None if mark.at is None else _AT + mark.at.astimezone(UTC).isoformat(),
            reference=None if mark.after is None else _AFTER + mark.after,
            closed_at=now,
            ticket=await self._store.next_ticket(),
        )
        if not await self._store.insert_operation(row):
            await self._store.update_operation(row)


def _key(part: str) -> str:
    return f"paylattice:{MAINTAIN}:{part}"


def _without(prefix: str, text: str | None) -> str | None:
    return text.removeprefix(prefix) if text is not None and text.startswith(prefix) else None
