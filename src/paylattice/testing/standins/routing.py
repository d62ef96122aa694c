"""Which endpoint a request is for."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["find_route", "is_known_path", "pattern_of"]


class _Routed(Protocol):
    @property
    def method(self) -> str: ...

    @property
    def pattern(self) -> re.Pattern[str]: ...


R = TypeVar("R", bound=_Routed)


def pattern_of(path: str, ids: str = "[^/]+") -> re.Pattern[str]:
    """Return the pattern of a path with ``{id}`` in it.

    Args:
        path: for example ``/v1/plans/{id}``.
        ids: what an id may look like, as a regular expression.
    """
    return re.compile(re.sub(r"\{\w+\}", f"({ids})", path))


def find_route(routes: Sequence[R], method: str, path: str) -> tuple[R, tuple[str, ...]] | None:
    """Return the endpoint, and the ids in the path; None if there is none."""
    for route in routes:
        found = route.pattern.fullmatch(path) if route.method == method else None
        if found is not None:
            return route, found.groups()
    return None


def is_known_path(routes: Sequence[R], path: str) -> bool:
    """Tell whether any endpoint has this path, whatever the method."""
    return any(route.pattern.fullmatch(path) for route in routes)
