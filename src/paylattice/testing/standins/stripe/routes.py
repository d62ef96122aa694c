"""An endpoint: its path, what it takes, and what it does."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from .. import routing
from ..routing import pattern_of
from .parameters import Parameter, parameters_of
from .refusals import Refusal
from .world import JSON, World

__all__ = ["Params", "Route", "find_route", "retrieve"]

Params: TypeAlias = dict[str, Any]
"""The checked parameters of a request."""


@attrs.frozen
class Route:
    """An endpoint.

    Args:
        method: the HTTP method.
        path: with ``{id}`` where an id stands.
        handler: gets the world, the parameters and the id; returns the object that is sent.
        takes: its parameters, as :mod:`.parameters` reads them.
        sdk: the type in ``stripe.params`` that has all of them, and those that are not simulated.
    """

    method: str
    path: str
    handler: Callable[..., JSON]
    takes: str = ""
    sdk: str = ""
    pattern: re.Pattern[str] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: pattern_of(self.path, "[A-Za-z0-9_.-]+"), takes_self=True),
    )
    parameters: tuple[Parameter, ...] = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: parameters_of(self.takes), takes_self=True)
    )

    def run(self, world: World, params: Params, ids: Sequence[str]) -> JSON:
        """Do it."""
        return self.handler(world, params, *ids)


def retrieve(kind: str) -> Callable[[World, Params, str], JSON]:
    """The handler that sends an object of a kind as it is."""

    def handler(world: World, _params: Params, identifier: str) -> JSON:
        return world.need(kind, identifier)

    return handler


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint that a request is for, and the ids in its path.

    Raises:
        Refusal: there is none.
    """
    found = routing.find_route(routes, method, path)
    if found is not None:
        return found
    message = f"Unrecognized request URL ({method}: {path}). (This stand-in has only a part of Stripe's API.)"
    raise Refusal(404, {"message": message, "type": "invalid_request_error"})
