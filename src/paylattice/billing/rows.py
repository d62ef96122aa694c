"""Rows of the repository, page by page, and transactions, which are run again where the database asks for that.

Which errors ask for it is the repository's to say, in ``should_retry``: a transaction has lost a race against another one, and
nothing of it is there. A repository that does not say has its transactions run once.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ..errors import ConfigurationError
from ..transport.primitives import AsyncPrimitives, Primitives
from .repository import BillingRepository, Tx
from .tables import Index, Record

__all__ = ["PAGE", "Rows"]

R = TypeVar("R", bound=Record)
T = TypeVar("T")

PAGE = 100
"""How many rows are read at a time."""
_WAITS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5)
"""Seconds before each repetition; a random part of it, so that those who collided do not meet again."""


class Rows(Generic[Tx]):
    """Reads rows page by page, and runs transactions. Inserting and tickets are the repository's own.

    Args:
        repository: where the records are kept.
        primitives: how to wait; None: on the running event loop.
    """

    def __init__(self, repository: BillingRepository[Tx], primitives: Primitives | None = None) -> None:
        self.repository = repository
        self.insert: Callable[..., Awaitable[bool]] = repository.insert
        self.next_ticket: Callable[[], Awaitable[int]] = repository.next_ticket
        self._primitives = primitives or AsyncPrimitives()
        self._should_retry: Callable[[Exception], bool] | None = getattr(repository, "should_retry", None)

    async def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Do the work in a transaction: what it writes is committed together, or not at all.

        Args:
            work: gets the transaction. It may run again, eight times at most, and what it wrote before is not there then.
        """
        waits = iter(_WAITS)
        while True:
            try:
                async with self.repository.transaction() as own:
                    return await work(own)
            except Exception as error:
                wait = next(waits, None)
                if wait is None or self._should_retry is None or not self._should_retry(error):
                    raise
            await self._primitives.sleep(random.uniform(0, wait))  # noqa: S311 - no secret

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
