"""Rows of the repository, page by page, in a transaction that is given or in one of their own."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

from ..errors import ConfigurationError
from .repository import BillingRepository, Tx
from .tables import Index, Record

__all__ = ["PAGE", "Rows"]

R = TypeVar("R", bound=Record)

PAGE = 100
"""How many rows are read at a time."""


class Rows(Generic[Tx]):
    """Reads rows page by page, and opens transactions.

    Args:
        repository: where the records are kept.
    """

    def __init__(self, repository: BillingRepository[Tx]) -> None:
        self.repository = repository

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction: what is written with it is committed together, or not at all."""
        return self.repository.transaction()

    async def next_ticket(self) -> int:
        """Take a ticket: greater than every one that was given out before, in any process."""
        return await self.repository.next_ticket()

    @asynccontextmanager
    async def _in(self, tx: Tx | None) -> AsyncGenerator[Tx]:
        """The transaction, or one for what follows."""
        if tx is not None:
            yield tx
        else:
            async with self.repository.transaction() as own:
                yield own

    async def _all(self, kind: type[R], index: Index, values: dict[str, object], tx: Tx | None) -> list[R]:
        found: list[R] = []
        last: R | None = None
        while True:
            page = await self._page(kind, index, values, last, PAGE, tx)
            found += page
            if len(page) < PAGE:
                return found
            last = page[-1]

    async def _page(
        self, kind: type[R], index: Index, values: dict[str, object], after: R | None, limit: int, tx: Tx | None
    ) -> list[R]:
        page = await self.repository.find(kind, index, values, after=after, limit=limit, tx=tx)
        if after is not None and any(_place(each, index) == _place(after, index) for each in page):
            message = "the repository's find() does not go on after the record that it is given"
            raise ConfigurationError(message)
        return page


def _place(record: Record, index: Index) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in index.order)
