"""One attempt: what is sent, in which form, and what is taken in of the answer."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, urlencode, urlsplit

from .._version import __version__
from ..errors import ConfigurationError
from ..frozen import FrozenMap
from .messages import Request, Response

__all__ = ["MAX_BODY", "OWN_HEADERS", "Body", "NoAnswer", "cannot_be_built", "encoded", "written"]

MAX_BODY = 32 * 1024 * 1024
OWN_HEADERS: Mapping[str, str] = FrozenMap(
    {"Accept-Encoding": "gzip, deflate", "User-Agent": f"paylattice/{__version__}"}
)
_PRINTABLE = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD = re.compile(r"[!-~]([ -~\t]*[!-~])?|")


class NoAnswer(Exception):
    """One attempt brought no answer.

    Args:
        reason: what happened, in words that hold nothing of the request.
        sent: whether the request, or a part of it, may have left.
        lasting: whether another attempt would end in the same way.
    """

    def __init__(self, reason: str, *, sent: bool, lasting: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.lasting = lasting


class Body:
    """The body of an answer, in pieces: up to the size limit and the deadline."""

    def __init__(self, clock: Callable[[], float], deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Take in a piece.

        Raises:
            NoAnswer: the answer is too large, or late.
        """
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_BODY:
            raise NoAnswer("the answer is too large", sent=True, lasting=True)
        if self._clock() > self._deadline:
            raise NoAnswer("the answer did not come in time", sent=True)

    def response(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Response:
        """The answer, which is complete. Headers have lower-case names; of one that comes several times, the last counts."""
        named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        return Response(status, named, b"".join(self._parts))


def written(request: Request) -> tuple[dict[str, str], bytes | None]:
    """The headers and the body. JSON is written here, for HTTP libraries write it in several ways.

    Raises:
        ValueError: it cannot be JSON.
    """
    if request.json is None:
        return dict(request.headers), request.content
    content = json.dumps(request.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    said = any(name.lower() == "content-type" for name in request.headers)
    return ({} if said else {"Content-Type": "application/json"}) | dict(request.headers), content


def encoded(request: Request) -> tuple[str, dict[str, str], bytes | None]:
    """The URL with its query, all headers, and the body: for libraries that are not to change any of it.

    Raises:
        ConfigurationError: it cannot be sent; nothing was.
    """
    try:
        headers, content = written(request)
        headers = {**OWN_HEADERS, **headers}
        parts = urlsplit(request.url)
        query = "&".join(filter(None, (parts.query, urlencode(request.params, quote_via=quote))))
        url = parts._replace(query=query, fragment="").geturl()
        fits = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and _PRINTABLE.fullmatch(url) is not None
            and all(_TOKEN.fullmatch(name) and _FIELD.fullmatch(value) for name, value in headers.items())
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, its text may hold the request
        cause = type(exc).__name__
    else:
        if fits:
            return url, headers, content
        cause = "ValueError"
    raise cannot_be_built(cause)


def cannot_be_built(cause: str) -> ConfigurationError:
    """The error for a request that no library can send; nothing was sent.

    Args:
        cause: the class of what was raised; its text may hold the request.
    """
    return ConfigurationError(
        f"the request cannot be built ({cause}): check the base URL and the credentials for stray characters"
    )
