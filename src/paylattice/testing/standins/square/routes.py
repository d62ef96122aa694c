"""An endpoint: its path, what it takes, whether it takes a key, and what it does."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs

from ..shapes import Shape
from .refusals import Refusal, bad
from .world import JSON, World

__all__ = ["Request", "Route", "find_route", "page"]


@attrs.frozen
class Request:
    """What an endpoint gets.

    Args:
        ids: from the path.
        query: by name.
        body: checked.
    """

    ids: Sequence[str]
    query: Mapping[str, str]
    body: Mapping[str, Any]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", r"([A-Za-z0-9_:.-]+)", path))


@attrs.frozen
class Route:
    """An endpoint.

    Args:
        method: the HTTP method.
        path: with ``{id}`` where an id stands.
        handler: makes the answer.
        takes: the body, but for the key.
        query: the names in the query.
        key: how long a key in the body may be; 0: it takes none.
        key_required: whether it must have one.
    """

    method: str
    path: str
    handler: Callable[[World, Request], JSON]
    takes: Shape = attrs.field(factory=dict[str, Any])
    query: frozenset[str] = frozenset()
    key: int = 0
    key_required: bool = False
    pattern: re.Pattern[str] = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: _pattern(self.path), takes_self=True)
    )


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint that a request is for, and the ids in its path.

    Raises:
        Refusal: there is none.
    """
    plain = unquote(path)
    for route in routes:
        found = route.pattern.fullmatch(plain) if route.method == method else None
        if found is not None:
            return route, found.groups()
    detail = f"No such endpoint: {method} {path}. (This stand-in has only a part of Square's API.)"
    raise Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", detail)


def page(world: World, rows: Sequence[JSON], name: str, cursor: object, limit: int) -> JSON:
    """One page of a list: an empty list is left out, and only a missing cursor says that it is the last."""
    start = -1 if world.empty_pages and cursor is None else _place(cursor)
    size = min(limit, world.largest_page)
    shown = list(rows[start : start + size]) if start >= 0 else []
    after = start + size if start >= 0 else 0
    answer: JSON = {name: shown} if shown else {}
    if after < len(rows) or start < 0:
        answer["cursor"] = base64.urlsafe_b64encode(f"place:{after}".encode()).decode()
    return answer


def _place(cursor: object) -> int:
    if cursor is None:
        return 0
    try:
        word, _, place = base64.urlsafe_b64decode(str(cursor).encode()).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        word, place = "", ""
    if word != "place" or not place.isdecimal():
        raise bad("INVALID_CURSOR", "The cursor is not valid.", "cursor")
    return int(place)
