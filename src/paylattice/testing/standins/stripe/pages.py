"""Lists: newest first, in pages, with the filters on time that all of them have."""

from collections.abc import Callable, Mapping
from typing import Any

from .refusals import invalid, missing
from .rendering import listing
from .world import JSON, World

__all__ = ["page"]

_DEFAULT = 10
_LARGEST = 100
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def page(world: World, rows: list[JSON], params: Mapping[str, Any], url: str) -> JSON:
    """The page that was asked for.

    Args:
        world: where they are.
        rows: all objects of the list, oldest first.
        params: ``limit``, ``starting_after``, ``ending_before`` and ``created``.
        url: of the list.

    Raises:
        Refusal: the limit is out of bounds, or there is no such cursor.
    """
    limit = params.get("limit", _DEFAULT)
    if not 1 <= limit <= _LARGEST:
        message = f"The limit must be between 1 and {_LARGEST}."
        raise invalid(message, param="limit", code="parameter_invalid_integer")
    found = [row for row in reversed(rows) if _in_time(row["created"], params.get("created"))]
    size = min(limit, world.largest_page)
    if "ending_before" in params:
        end = _position(found, params["ending_before"], "ending_before")
        start = max(0, end - size)
        return listing(world, found[start:end], url, more=start > 0)
    start = 0
    if "starting_after" in params:
        start = _position(found, params["starting_after"], "starting_after") + 1
    return listing(world, found[start : start + size], url, more=len(found) > start + size)


def _position(rows: list[JSON], identifier: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == identifier:
            return index
    raise missing("object in this list", identifier, param)


def _in_time(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    return all(_COMPARE[word](created, bound) for word, bound in wanted.items())
