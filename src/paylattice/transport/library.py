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

__all__ = ["NAMES", "HTTPLibrary", "library"]

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


def library(named: str | None = None, given: object = None) -> HTTPLibrary:
    """The library that sends.

    Args:
        named: the one that the transport is for; None: whichever there is.
        given: the application's client or transport, whose library it has to be.

    Raises:
        ConfigurationError: it is not installed.
    """
    roots = [cls.__module__.partition(".")[0] for cls in type(given).__mro__]
    for name in [root for root in roots if root in NAMES] or ([named] if named else NAMES):
        try:
            return cast("HTTPLibrary", import_module(name))
        except ModuleNotFoundError as missing:
            if missing.name != name:
                raise
    message = f"there is no HTTP library to send with: pip install {named or 'httpx (or httpx2)'}"
    raise ConfigurationError(message)
