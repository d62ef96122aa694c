"""An endpoint: its path, what it takes, whether it takes a key, and what it does."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs

from .. import routing
from ..routing import pattern_of
from .fields import NOTHING, Fields
from .refusals import Refusal
from .world import JSON, World

__all__ = ["Key", "Request", "Route", "find_route"]


@attrs.frozen
class Request:
    """What an endpoint gets.

    Args:
        ids: from the path.
        query: by name.
        body: checked, without the key.
        key: the idempotency key.
    """

    ids: Sequence[str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    key: str | None = None


@attrs.frozen
class Key:
    """That an endpoint takes an idempotency key, in the body.

    Args:
        longest: how many bytes it may have.
        required: whether there must be one.
    """

    longest: int
    required: bool = False


@attrs.frozen
class Route:
    """An endpoint.

    Args:
        method: the HTTP method.
        path: with ``{id}`` where an id stands.
        handler: makes the answer.
        takes: the body, without the key.
        query: the names in the query, between blanks.
        query_elsewhere: those that Square knows and this stand-in does not simulate.
        key: whether it takes one.
        personal: whether it wants the account's own token, and no OAuth token.
    """

    method: str
    path: str
    handler: Callable[[World, Request], JSON]
    takes: Fields = NOTHING
    query: str = ""
    query_elsewhere: str = ""
    key: Key | None = None
    personal: bool = False
    pattern: re.Pattern[str] = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: pattern_of(self.path), takes_self=True)
    )


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint that a request is for, and the ids in its path.

    Raises:
        Refusal: there is none.
    """
    found = routing.find_route(routes, method, path)
    if found is not None:
        return found[0], tuple(unquote(one) for one in found[1])
    detail = f"No such endpoint: {method} {path}. (This stand-in has only a part of Square's API.)"
    if routing.is_known_path(routes, path):
        raise Refusal(405, "INVALID_REQUEST_ERROR", "METHOD_NOT_ALLOWED", detail)
    raise Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", detail)
