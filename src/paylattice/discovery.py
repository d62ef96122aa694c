"""Which providers there are: those registered by hand, and those that installed packages announce. Imports none of them.

It knows names and packages only, so that whoever misses a setting can say which providers there are; how a provider is
loaded and made is :mod:`paylattice.registry`'s.
"""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

import attrs

__all__ = ["GROUP", "REGISTERED", "Announced", "announced", "known_providers"]

GROUP = "paylattice.providers"

REGISTERED: dict[str, Callable[..., object]] = {}
"""What was registered by hand in this process; :class:`~paylattice.PaymentProviderFactory` is the way in."""


@attrs.frozen
class Announced:
    """A provider by name.

    Args:
        origin: the package that announces it, with its version.
        entry_points: the lines that announce it; none: it is registered by hand.
    """

    origin: str
    entry_points: tuple[EntryPoint, ...] = ()


def announced() -> dict[str, Announced]:
    """All providers by name; what is registered by hand hides an installed one of that name."""
    lines: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
        lines.setdefault(point.name, {})[package, point.value] = point
    found = {
        name: Announced(" and ".join(package for package, _ in points), tuple(points.values()))
        for name, points in lines.items()
    }
    found.update(dict.fromkeys(REGISTERED, Announced("registered by the application")))
    return dict(sorted(found.items()))


def known_providers() -> str:
    """The names of all providers, for a message; those of other packages with the package."""
    return ", ".join(
        name if each.origin.startswith("paylattice ") else f"{name} ({each.origin})"
        for name, each in announced().items()
    )
