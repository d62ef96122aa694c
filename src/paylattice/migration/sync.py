"""Adoption without ``await``, over the billing of :mod:`paylattice.sync`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator, Iterable
from typing import Final, Generic, TypeVar

from ..billing.repository import Tx
from ..driving import blocking, run
from ..frames import clearing_class
from ..models import Customer
from ..sync import BillingService
from ..transport.primitives import BlockingPrimitives
from .adoption import Adoption as AsyncAdoption
from .lines import AdoptionLine

__all__ = ["Adoption"]

R = TypeVar("R")


@clearing_class
class Adoption(Generic[Tx]):
    """Adoption without ``await``: pairs come from a plain iterable. See :class:`paylattice.migration.Adoption`."""

    def __init__(
        self,
        billing: BillingService[Tx],
        provider_name: str,
        *,
        plans: Collection[str] | None = None,
        per_second: float | None = None,
    ) -> None:
        self.wrapped: AsyncAdoption[Tx] = AsyncAdoption(
            billing.wrapped,
            provider_name,
            plans=plans,
            in_flight=1,
            per_second=per_second,
            primitives=BlockingPrimitives(),
        )

    def discover(self, by: Callable[[Customer], str | None], *, after: str | None = None) -> Generator[tuple[str, str]]:
        """See :meth:`paylattice.migration.Adoption.discover`."""
        yield from _each(self.wrapped.discover(by, after=after))

    def preview(
        self, pairs: Iterable[tuple[str, str]], *, after: str | None = None, shard: tuple[int, int] = (1, 1)
    ) -> Generator[AdoptionLine]:
        """See :meth:`paylattice.migration.Adoption.preview`."""
        yield from _each(self.wrapped.preview(pairs, after=after, shard=shard))

    run: Final = blocking(AsyncAdoption.run)
    verify: Final = blocking(AsyncAdoption.verify)


def _each(items: AsyncIterator[R]) -> Generator[R]:
    while True:
        try:
            item = run(_entered(anext(items)))
        except StopAsyncIteration:
            return
        yield item


async def _entered(step: Awaitable[R]) -> R:
    return await step
