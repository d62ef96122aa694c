"""How far the scheduled work has come, kept where every process finds it: as lines of the journal that are sent to nobody."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Generic

import attrs

from ..records import BillingOperation, OperationState
from ..repository import Tx
from ..store import Store

__all__ = ["MAINTAIN", "Bookmark", "Bookmarks"]

MAINTAIN: Final = "maintain"
"""The ``operation`` of these lines."""

_NOBODY: Final = "-"
_AT: Final = "at "
_AFTER: Final = "after "
# With a space in it, neither can be taken for a provider's id, by which other lines are looked for.


@attrs.frozen
class Bookmark:
    """How far one part of the work has come at one provider.

    Args:
        at: a time, UTC; what it means is the part's.
        after: the last thing that was worked on; None: the work was finished, or never begun.
    """

    at: datetime | None = None
    after: str | None = None


class Bookmarks(Generic[Tx]):
    """Keeps a bookmark for each part of the work and provider.

    It is a hint where to go on: the work is safe to repeat from anywhere, so that of two processes the later one may write
    over the earlier one's, and a bookmark that is lost costs time only.

    Args:
        store: where the journal is.
        clock: the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def read(self, provider: str, part: str) -> Bookmark:
        """The bookmark; an empty one if there is none."""
        line = await self._store.get_operation(provider, _key(part))
        if line is None:
            return Bookmark()
        at = _without(_AT, line.external_id)
        return Bookmark(datetime.fromisoformat(at) if at is not None else None, _without(_AFTER, line.reference))

    async def write(self, provider: str, part: str, mark: Bookmark) -> None:
        """Put the bookmark there."""
        now = self._clock()
        line = BillingOperation(
            provider=provider,
            key=_key(part),
            operation=MAINTAIN,
            org_id=_NOBODY,
            arguments={},
            created_at=now,
            state=OperationState.DONE,
            external_id=None if mark.at is None else _AT + mark.at.astimezone(UTC).isoformat(),
            reference=None if mark.after is None else _AFTER + mark.after,
            closed_at=now,
            ticket=await self._store.next_ticket(),
        )
        if not await self._store.insert_operation(line):
            await self._store.update_operation(line)


def _key(part: str) -> str:
    return f"paylattice:{MAINTAIN}:{part}"


def _without(prefix: str, text: str | None) -> str | None:
    return text.removeprefix(prefix) if text is not None and text.startswith(prefix) else None
