"""What the environment says about the way to the network: proxies, and the certificates that are trusted."""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

__all__ = ["Proxies", "default_tls", "environment", "tls_context"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def environment() -> tuple[str | None, ...]:
    """What a client depends on: transports that see the same may share one."""
    return (*(os.environ.get(name) for each in _PROXIES for name in (each, each.lower())), *_certificates())


def _certificates() -> tuple[str | None, ...]:
    paths = [os.environ.get(name) for name in _CERTIFICATES]
    return (*paths, *(_changed(path) for path in paths))


def _changed(path: str | None) -> str | None:
    """When a file was changed last: one that was replaced is read again."""
    try:
        return str(os.stat(path).st_mtime_ns) if path else None  # noqa: PTH116 - a string is all that is needed
    except OSError:
        return None


def tls_context(make: "Callable[[], ssl.SSLContext]") -> "ssl.SSLContext":
    """The TLS context that ``make`` makes, once for all clients: it takes 30 ms and 800 KiB."""
    return _tls_context(make, _certificates())


@lru_cache(maxsize=8)
def _tls_context(make: "Callable[[], ssl.SSLContext]", _certificates: tuple[str | None, ...]) -> "ssl.SSLContext":
    return make()


def default_tls() -> "ssl.SSLContext":
    """As httpx makes it: what ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names, else certifi's list, else the system's."""
    import ssl  # noqa: PLC0415 - only who sends pays for it

    file, directory = (os.environ.get(name) for name in _CERTIFICATES)
    if file:
        return ssl.create_default_context(cafile=file)
    if directory:
        return ssl.create_default_context(capath=directory)
    try:
        import certifi  # noqa: PLC0415 - comes with httpx
    except ModuleNotFoundError:
        return ssl.create_default_context()
    return ssl.create_default_context(cafile=certifi.where())


class Proxies:
    """The proxies of the environment, as they are when this is made."""

    def __init__(self) -> None:
        from urllib.request import getproxies  # noqa: PLC0415 - only who sends pays for it

        self._by_scheme = getproxies()
        self._by_host: dict[tuple[str, str], str | None] = {}

    def __bool__(self) -> bool:
        return bool(self._by_scheme.keys() - {"no"})

    def of(self, url: str) -> str | None:
        """The URL of the proxy that leads there, with its user and password if it has them; None: there is none.

        Raises:
            ConfigurationError: it is neither an http nor an https proxy.
        """
        if not self:
            return None
        parts = urlsplit(url)
        asked = (parts.scheme, parts.netloc)
        if asked not in self._by_host:
            if len(self._by_host) > 1000:  # noqa: PLR2004 - hosts that plugins make up
                self._by_host.clear()
            self._by_host[asked] = self._found(*asked)
        return self._by_host[asked]

    def _found(self, scheme: str, host: str) -> str | None:
        from urllib.request import proxy_bypass  # noqa: PLC0415 - only who sends pays for it

        proxy = self._by_scheme.get(scheme) or self._by_scheme.get("all")
        if not proxy or proxy_bypass(host):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if urlsplit(proxy).scheme not in {"http", "https"}:
            message = "this transport takes http and https proxies only: for another kind, take the one of httpx (httpx[socks])"
            raise ConfigurationError(message)
        return proxy
