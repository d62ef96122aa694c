"""Which HTTP library sends: httpx, or httpx2, its successor with the same interface. It is imported when it is asked for.

Without a word from the application it is httpx, or httpx2 where httpx is not installed. A client or a transport of either
library that the application hands in is used with its own library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["NAMES", "HTTPLibrary", "defined_by", "library"]

NAMES = ("httpx", "httpx2")


class HTTPLibrary(Protocol):
    """What is used of either library."""

    @property
    def AsyncClient(self) -> "type[httpx.AsyncClient]": ...  # noqa: D102, N802 - the library's own names

    @property
    def Client(self) -> "type[httpx.Client]": ...  # noqa: D102, N802 - as above

    @property
    def Request(self) -> "type[httpx.Request]": ...  # noqa: D102, N802 - as above

    def create_ssl_context(self) -> "ssl.SSLContext": ...  # noqa: D102 - as above


def defined_by(cls: type) -> str | None:
    """The library that defines the class; None if it is neither."""
    root = cls.__module__.partition(".")[0]
    return root if root in NAMES else None


def library(given: object = None) -> HTTPLibrary:
    """The library that sends.

    Args:
        given: the application's client or transport, whose library it has to be.

    Raises:
        ConfigurationError: neither is installed.
    """
    for name in filter(None, map(defined_by, type(given).__mro__)):
        return cast("HTTPLibrary", import_module(name))
    for name in NAMES:
        try:
            return cast("HTTPLibrary", import_module(name))
        except ModuleNotFoundError as missing:
            if missing.name != name:
                raise
    message = "there is no HTTP library to send with: pip install httpx (or httpx2)"
    raise ConfigurationError(message)
