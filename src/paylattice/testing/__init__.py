"""Tools for the tests of applications and of providers.

Names are imported when they are first used: importing this package loads neither pytest nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .provider_conformance import ProviderConformance as ProviderConformance
    from .repository_conformance import BlockingRepositoryConformance as BlockingRepositoryConformance
    from .repository_conformance import RepositoryConformance as RepositoryConformance

__all__ = ["BlockingRepositoryConformance", "ProviderConformance", "RepositoryConformance"]

_HOMES = {
    "provider_conformance": "ProviderConformance",
    "repository_conformance": "BlockingRepositoryConformance RepositoryConformance",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
