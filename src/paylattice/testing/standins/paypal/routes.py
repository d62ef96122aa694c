"""An endpoint: its path, what it takes, how long it knows a key, and what it does."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs

from ..routing import pattern_of
from ..shapes import Shape
from .refusals import invalid
from .world import HOST, JSON, World, link

__all__ = ["ANYTHING", "DAY", "HOUR", "PAGED", "Request", "Route", "is_whole", "page"]

HOUR = 3600
_LONGEST_NUMBER = 32
DAY = 24 * HOUR
ANYTHING: Shape = {}
"""An object whose inside is not looked at."""
PAGED = frozenset({"page", "page_size", "total_required"})
"""The parameters of lists that come in pages."""


@attrs.frozen
class Request:
    """What an endpoint gets.

    Args:
        ids: from the path.
        query: by name.
        body: checked.
        raw: the body as it was sent.
        whole: ``Prefer: return=representation`` came along.
        key: the idempotency key; None: there was none, or the endpoint takes none.
    """

    ids: Sequence[str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    raw: bytes = b""
    whole: bool = False
    key: str | None = None


@attrs.frozen
class Route:
    """An endpoint.

    Args:
        method: the HTTP method.
        path: with ``{id}`` where an id stands.
        handler: makes the object that is sent; None: 204.
        takes: the body.
        query: the names in the query.
        remembers: seconds for which it knows a ``PayPal-Request-Id``; 0: it takes none, and a key that comes along is ignored.
        longest_key: characters.
        status: of the answer.
        minimal: without ``Prefer: return=representation`` an answer holds the object's id, status and links only.
        renders: how the object is sent, where that is not as it is kept.
        mocks: whether ``PayPal-Mock-Response`` works here, in which a test names the refusal that it wants.
    """

    method: str
    path: str
    handler: Callable[[World, Request], JSON | None]
    takes: Shape = attrs.field(factory=dict[str, Any])
    query: frozenset[str] = frozenset()
    remembers: int = 0
    longest_key: int = 108
    status: int = 200
    minimal: bool = False
    renders: Callable[[JSON], JSON] | None = None
    mocks: bool = False
    pattern: re.Pattern[str] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: pattern_of(self.path, "[A-Za-z0-9_-]+"), takes_self=True),
    )


def page(
    world: World, rows: Sequence[JSON], name: str, request: Request, path: str, *, usual: int = 10, most: int = 20
) -> JSON:
    """One page of a list, with links to this one, the next, the one before and the first: all at PayPal's old host.

    Args:
        world: says how small pages are.
        rows: of all pages.
        name: of the field that holds them.
        request: says which page.
        path: of the list.
        usual: the size of a page without a requested size.
        most: the largest size.
    """
    size = number_of(request.query, "page_size", usual, most)
    size = min(size, world.largest_page)
    number = number_of(request.query, "page", 1, 100_000)
    start = (number - 1) * size
    last = max(-(-len(rows) // size), 1)
    answer: JSON = {name: list(rows[start : start + size])}
    if request.query.get("total_required", "false").lower() == "true":
        answer |= {"total_items": len(rows), "total_pages": last}
    numbers = {"self": number, "first": 1}
    if number > 1:
        numbers["prev"] = number - 1
    if number < last:
        numbers |= {"next": number + 1, "last": last}
    answer["links"] = [
        link(f"{HOST}{path}?{urlencode({**request.query, 'page': str(at)})}", rel) for rel, at in numbers.items()
    ]
    return answer


def is_whole(value: str) -> bool:
    """Whether a text is a whole number, and not longer than any that PayPal takes."""
    return value.isascii() and value.isdecimal() and len(value) <= _LONGEST_NUMBER


def number_of(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A number in the query.

    Raises:
        Refusal: it is none, or too small or too large.
    """
    value = query.get(name, str(default))
    if not is_whole(value) or not 1 <= int(value) <= most:
        raise invalid("INVALID_PARAMETER_VALUE", f"{name} is a number from 1 to {most}.", name, place="query")
    return int(value)
