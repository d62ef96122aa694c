"""Pairs of an organisation and the provider's id, in batches: from any iterable, however long, in the memory of one batch."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeAlias
from zlib import crc32

import attrs

from ..errors import InvalidRequest

__all__ = ["Pair", "Pairs", "Selection", "batches"]

Pair: TypeAlias = tuple[str, str]
"""Your id of an organisation, and the provider's id of its customer (PayPal: of its subscription)."""
Pairs: TypeAlias = Iterable[Pair] | AsyncIterable[Pair]
"""Pairs, from whatever reads them."""

BATCH = 100


@attrs.frozen
class Selection:
    """Which pairs one run takes.

    Args:
        after: the organisation to go on behind; None: from the start.
        shard: the number of this shard, from 1 on, and of all shards.
    """

    after: str | None = None
    shard: tuple[int, int] = (1, 1)

    def check(self) -> None:
        """Refuse a shard that there is not.

        Raises:
            InvalidRequest: it is none.
        """
        number, of = self.shard
        if not 1 <= number <= of:
            message = "shard must be (number, of): (2, 16) is the second of sixteen"
            raise InvalidRequest(message, param="shard")

    def takes(self, external_id: str) -> bool:
        """Whether the id is in the shard: one id is in the same shard in every process."""
        number, of = self.shard
        return crc32(external_id.encode("utf-8", "surrogatepass")) % of == number - 1


async def batches(pairs: Pairs, selection: Selection) -> AsyncIterator[list[Pair]]:
    """The pairs behind ``selection.after``, of all shards, in batches.

    Raises:
        InvalidRequest: there is no pair of ``after``; or what comes is no pair of texts.
    """
    behind = selection.after is None
    batch: list[Pair] = []
    async for pair in _each(pairs):
        org_id, external_id = _checked(pair)
        if behind:
            batch.append((org_id, external_id))
        behind = behind or org_id == selection.after
        if len(batch) == BATCH:
            yield batch
            batch = []
    if not behind:
        message = "after= names an organisation that is not among the pairs: give the same pairs, in the same order"
        raise InvalidRequest(message, param="after")
    if batch:
        yield batch


async def _each(pairs: Pairs) -> AsyncIterator[object]:
    if isinstance(pairs, AsyncIterable):
        async for pair in pairs:
            yield pair
    else:
        for pair in pairs:
            yield pair


def _checked(pair: object) -> Pair:
    try:
        org_id, external_id = pair  # type: ignore[misc]  # whatever comes, such as a row of a database
    except (TypeError, ValueError):
        org_id = external_id = None
    if not isinstance(org_id, str) or not isinstance(external_id, str):
        message = "pairs must be (org_id, external_id), two texts: convert a number with str()"
        raise InvalidRequest(message, param="pairs")
    return org_id, external_id
