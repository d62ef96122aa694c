"""Lists in pages: https://developer.squareup.com/docs/build-basics/common-api-patterns/pagination.

An empty list is left out of the answer, a page may be shorter than asked for, or empty, and only a missing cursor says that
it is the last. A cursor goes with the query that it came of, and lives for a quarter of an hour.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .refusals import bad
from .routes import Request
from .world import JSON, World, part

__all__ = ["limit_of", "page"]

_LIFE = timedelta(minutes=15)
_BEFORE_THE_FIRST = -1
_NOT_OF_THE_QUERY = frozenset({"cursor", "limit"})


def limit_of(request: Request, default: int, most: int, *, strict: bool = False) -> int:
    """How many objects a page is to hold.

    Args:
        request: holds the limit in its query or its body.
        default: if it holds none.
        most: of this endpoint.
        strict: whether more than that is refused; otherwise it counts as that.

    Raises:
        Refusal: it is no number, below 1, or too high.
    """
    sent: Any = {"limit": default, **request.query, **part(request.body)}["limit"]
    if not str(sent).lstrip("-").isdecimal():
        raise bad("EXPECTED_INTEGER", "Expected an integer value.", "limit")
    if int(sent) < 1:
        raise bad("VALUE_TOO_LOW", "The limit must be at least 1.", "limit")
    if int(sent) > most and strict:
        raise bad("VALUE_TOO_HIGH", f"The limit must not be greater than {most}.", "limit")
    return min(int(sent), most)


def page(world: World, request: Request, rows: Sequence[JSON], name: str, size: int) -> JSON:
    """One page of a list.

    Args:
        world: knows the time, and how awkward Square is.
        request: holds the cursor of the page before.
        rows: the whole list.
        name: of the list in the answer.
        size: how many of them.
    """
    cursor = request.body.get("cursor") or request.query.get("cursor")
    awkward = world.variants.empty_pages
    start = _place(world, request, cursor) if cursor else _BEFORE_THE_FIRST if awkward else 0
    size = min(size, world.largest_page)
    shown = list(rows[start : start + size]) if start >= 0 else []
    after = start + size if start >= 0 else 0
    answer: JSON = {name: shown} if shown else {}
    more = after < len(rows) or start < 0
    if more or (awkward and shown):
        answer["cursor"] = _cursor(world, request, after)
    return answer


def _query_of(request: Request) -> str:
    asked: Mapping[str, Any] = {**request.query, **request.body}
    asked = {name: value for name, value in asked.items() if name not in _NOT_OF_THE_QUERY}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def _cursor(world: World, request: Request, place: int) -> str:
    text = f"{place}|{world.now.isoformat()}|{_query_of(request)}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(world: World, request: Request, cursor: str) -> int:
    try:
        place, made, query = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        made_at = datetime.fromisoformat(made)
        fits = query == _query_of(request) and place.isdecimal()
    except (binascii.Error, ValueError):
        raise bad("INVALID_CURSOR", "The cursor is not valid.", "cursor") from None
    stale = world.now - made_at > _LIFE or (world.cursors_since is not None and made_at <= world.cursors_since)
    if stale or not fits:
        detail = "The cursor is too old." if stale else "The cursor does not fit the query."
        raise bad("INVALID_CURSOR", detail, "cursor")
    return int(place)
