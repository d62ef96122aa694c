"""An endpoint: its path, what it takes, how long it knows a key, and what it does."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from .refusals import Refusal
from .shapes import Shape
from .world import JSON, World

__all__ = ["DAY", "HOUR", "Request", "Route", "find_route", "page"]

HOUR = 3600
DAY = 24 * HOUR


@attrs.frozen
class Request:
    """What an endpoint gets.

    Args:
        ids: from the path.
        query: by name.
        body: checked.
        host: the address that this server is reached at.
    """

    ids: Sequence[str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    host: str = ""


@attrs.frozen
class Route:
    """An endpoint.

    Args:
        method: the HTTP method.
        path: with ``{id}`` where an id stands.
        handler: makes the object that is sent; None: 204.
        takes: the body.
        query: the names in the query.
        remembers: seconds for which it knows a ``PayPal-Request-Id``; 0: it takes none.
        status: of the answer.
        kind: of the object: ``minimal`` answers hold its id, status and links only.
        key_required: whether it refuses a request without a key.
    """

    method: str
    path: str
    handler: Callable[[World, Request], JSON | None]
    takes: Shape = attrs.field(factory=dict[str, Any])
    query: frozenset[str] = frozenset()
    remembers: int = 0
    status: int = 200
    minimal: bool = False
    pattern: re.Pattern[str] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(
            lambda self: re.compile(re.sub(r"\{\w+\}", r"([A-Za-z0-9_-]+)", self.path)), takes_self=True
        ),
    )


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint that a request is for, and the ids in its path.

    Raises:
        Refusal: there is none.
    """
    for route in routes:
        found = route.pattern.fullmatch(path) if route.method == method else None
        if found is not None:
            return route, found.groups()
    raise Refusal(404, None, f"No such endpoint: {method} {path}. (This stand-in has only a part of PayPal's API.)")


def page(world: World, rows: Sequence[JSON], name: str, request: Request, path: str, *, host: str) -> JSON:
    """One page of a list, with a link to the next one, at PayPal's old host."""
    size = min(_number(request.query, "page_size", 10), world.largest_page)
    number = _number(request.query, "page", 1)
    start = (number - 1) * size
    answer: JSON = {name: list(rows[start : start + size]), "links": []}
    if request.query.get("total_required") == "true":
        answer |= {"total_items": len(rows), "total_pages": -(-len(rows) // size)}
    if start + size < len(rows):
        query = "&".join(f"{key}={value}" for key, value in {**request.query, "page": str(number + 1)}.items())
        answer["links"].append({"href": f"{host}{path}?{query}", "rel": "next", "method": "GET"})
    return answer


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal() or int(value) < 1:
        raise Refusal(400, "INVALID_PARAMETER_VALUE", f"{name} must be a number above 0.", name)
    return int(value)
