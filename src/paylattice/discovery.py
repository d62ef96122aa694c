"""Which providers there are: those registered by hand, and those that installed packages announce. Imports none of them.

It knows names and packages only, so an error about a missing setting can list the providers; how a provider is
loaded and made is :mod:`paylattice.registry`'s.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint, MetadataPathFinder, entry_points

import attrs

__all__ = ["GROUP", "REGISTERED", "Announced", "announced", "known_providers"]

GROUP = "paylattice.providers"

REGISTERED: dict[str, Callable[..., object]] = {}
"""What was registered by hand in this process; :class:`~paylattice.PaymentProviderFactory` is the way in."""

_SETTLED = 2.0
"""Seconds after which a folder's time of change tells every change: until then, a second one may have the same time."""


@attrs.frozen
class Announced:
    """A provider by name.

    Args:
        origin: the package that announces it, with its version.
        entry_points: the lines that announce it; none: it is registered by hand.
    """

    origin: str
    entry_points: tuple[EntryPoint, ...] = ()


class _Installed:
    """What installed packages announce: read again when packages may have come or gone, as reading takes milliseconds."""

    def __init__(self) -> None:
        self._seen: object = None
        self._found: dict[str, Announced] = {}

    def __call__(self, *, refresh: bool) -> dict[str, Announced]:
        folders = [(path, _changed(path)) for path in sys.path]
        finders = [id(finder) for finder in sys.meta_path]
        seen = (folders, finders)
        if refresh or seen != self._seen:
            self._found = _read()
            newest = max((changed for _, changed in folders), default=0.0)
            self._seen = seen if newest < time.time() - _SETTLED else None
        return self._found


_INSTALLED = _Installed()


def announced(*, refresh: bool = False) -> dict[str, Announced]:
    """All providers by name; what is registered by hand hides an installed one of that name.

    Args:
        refresh: read what packages announce again, even if nothing seems to have changed.
    """
    found = dict(_INSTALLED(refresh=refresh))
    found.update(dict.fromkeys(REGISTERED, Announced("registered by the application")))
    return dict(sorted(found.items()))


def known_providers() -> str:
    """The names of all providers, for a message; those of other packages with the package."""
    return ", ".join(
        name if each.origin.startswith("paylattice ") else f"{name} ({each.origin})"
        for name, each in announced().items()
    )


def _read() -> dict[str, Announced]:
    MetadataPathFinder().invalidate_caches()  # Python, too, remembers folders by their time of change
    lines: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
        lines.setdefault(point.name, {})[package, point.value] = point
    return {
        name: Announced(" and ".join(package for package, _ in points), tuple(points.values()))
        for name, points in lines.items()
    }


def _changed(path: str) -> float:
    try:
        return os.stat(path or ".").st_mtime  # noqa: PTH116 - a string is all that is needed
    except OSError:  # it is not there, or cannot be read
        return 0.0
