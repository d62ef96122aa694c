"""Base URLs: where the credentials are sent, so only https, or this very machine."""

import re
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["url_from"]

_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A host with such a last part resolves as an IPv4 address, however odd the notation."""
_LOOPBACK = re.compile(r"127\.[0-9.]+|::1")


def url_from(value: str | None) -> str | None:
    """A base URL without its last slash; None for nothing.

    What is sent there carries the credentials, so it is ``https``; or ``http`` to a server on this very machine, by the name
    localhost, an address in 127.0.0.0/8, or [::1].

    Raises:
        ConfigurationError: it is no such URL, or holds a user name, a query or a fragment.
    """
    if not isinstance(value, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        message = f"a base URL must be a str, not {type(value).__name__}"
        raise ConfigurationError(message)
    if value is None or not value.strip():
        return None
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed by most

    text = value.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        fits = parts.port != 0 and _is_host(host) and (parts.scheme == "https" or _is_loopback(host))
    except ValueError:
        fits = False
    else:
        fits = fits and parts.scheme in {"http", "https"}
    if not fits or not text.isprintable() or any(c in " @?#\\" for c in text):
        message = "a base URL must look like https://host[:port][/path]; http is for servers on this machine: http://localhost[:port]"
        raise ConfigurationError(message)
    return text.rstrip("/")


def _is_host(host: str) -> bool:
    """Whether it is a name, or an address as everybody reads it: four decimal numbers, or IPv6 in brackets."""
    last = host.rstrip(".").rpartition(".")[2]
    if ":" in host or _NUMBER.fullmatch(last):
        return _address(host) is not None
    return _NAME.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (
        address is not None and address.is_loopback and _LOOPBACK.fullmatch(str(address)) is not None
    )


def _address(host: str) -> "IPv4Address | IPv6Address | None":
    from ipaddress import ip_address  # noqa: PLC0415 - not needed by most

    try:
        return ip_address(host)
    except ValueError:
        return None
