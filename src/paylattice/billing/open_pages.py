"""At most one open page per organisation and product: which one it is, as the operation log tells.

Each page takes the next place in the organisation's row of pages, by a row of its own under a key that only one worker can
insert. Whoever finds the place taken goes on with the page that took it. So two workers at once open one page, and a page that
another one replaces is known, even if a process dies between the two.
"""

from collections.abc import Iterable
from typing import Generic

import attrs

from ..idempotency import operation_key
from .commands import ClaimPage, StartCheckout, readable_command_of
from .operation_log import OperationLog
from .records import BillingOperation
from .repository import Tx
from .store import Store

__all__ = ["OpenPages", "Place"]


@attrs.frozen
class Place:
    """The newest place in the row of an organisation's pages.

    Args:
        provider: where the page is.
        page_key: the key of the page's own row in the operation log.
        row: that row; None: the process that took the place has not recorded it yet, or has died.
    """

    provider: str
    page_key: str
    row: BillingOperation | None

    @property
    def command(self) -> StartCheckout | None:
        """What the page was asked for with; None if it is not recorded yet, or cannot be read."""
        command = None if self.row is None else readable_command_of(self.row)
        return command if isinstance(command, StartCheckout) else None


class OpenPages(Generic[Tx]):
    """The rows of pages.

    Args:
        store: where the operation log is.
        log: records.
    """

    def __init__(self, store: Store[Tx], log: OperationLog[Tx]) -> None:
        self._store = store
        self._log = log

    async def newest(self, providers: Iterable[str], org_id: str, product: str) -> list[Place]:
        """The newest place at each provider where there is one.

        Args:
            providers: their names.
            org_id: whose.
            product: what the pages sell; empty: the one product of the organisation.
        """
        found: list[Place] = []
        for name in providers:
            number = await self._last(name, org_id, product)
            claim = await self._store.get_operation(name, _key(org_id, product, number)) if number else None
            if claim is not None:
                page_key = ClaimPage.from_json(claim.arguments).page_key
                found.append(Place(name, page_key, await self._store.get_operation(name, page_key)))
        return found

    async def take(self, provider: str, org_id: str, product: str, page_key: str, *, after: Place | None) -> bool:
        """Take the next place for a page; False if another worker has taken it.

        Args:
            provider: where the page is to be.
            org_id: whose.
            product: what it sells.
            page_key: the key of the page's own row.
            after: what was the newest place there.
        """
        number = await self._last(provider, org_id, product)
        newest = await self._store.get_operation(provider, _key(org_id, product, number)) if number else None
        seen = None if newest is None else ClaimPage.from_json(newest.arguments).page_key
        if seen != (after.page_key if after is not None else None):
            return False
        return await self._log.note(
            provider, ClaimPage(page_key=page_key), org_id, key=_key(org_id, product, number + 1)
        )

    async def _last(self, provider: str, org_id: str, product: str) -> int:
        """How many places were taken: doubled until one is free, then halved."""
        free = 1
        while await self._store.get_operation(provider, _key(org_id, product, free)) is not None:
            free *= 2
        taken = free // 2
        while free - taken > 1:
            middle = (taken + free) // 2
            if await self._store.get_operation(provider, _key(org_id, product, middle)) is None:
                free = middle
            else:
                taken = middle
        return taken


def _key(org_id: str, product: str, number: int) -> str:
    return operation_key("checkout page", org_id, f"product:{product}", attempt=number)
