"""The default transports: ``httpx.AsyncClient`` and ``httpx.Client``, or those of httpx2, which read alike."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from ..construction import is_async, refused
from .asynchronous import AsyncHTTPTransport
from .base import DEFAULT_RETRY, DEFAULT_TIMEOUTS, Remaining, Timeouts, monotonic, uniform
from .blocking import BlockingHTTPTransport
from .discretion import discreet
from .exchange import OWN_HEADERS, Body, NoAnswer, cannot_be_built, written
from .failures import Meaning, no_answer
from .library import NAMES, HTTPLibrary, library
from .messages import Request, Response
from .observers import Observer
from .retry import RetryPolicy
from .surroundings import tls_context

if TYPE_CHECKING:
    import ssl
    from http.cookiejar import CookieJar

    import httpx
    import httpx2

__all__ = ["AsyncTransport", "BlockingTransport"]

_UNSENDABLE = frozenset({"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"})
_MEANINGS = (
    Meaning(frozenset({"ConnectTimeout", "PoolTimeout"}), "could not connect in time", sent=False),
    Meaning(frozenset({"ConnectError", "ProxyError"}), "could not connect", sent=False),
    Meaning(frozenset({"TimeoutException", "TimeoutError"}), "the answer did not come in time", sent=True),
    Meaning(frozenset({"DecodingError"}), "the answer's compression is broken", sent=True),
    Meaning(frozenset({"RequestError", "StreamError"}), "the connection broke", sent=True),
)


class AsyncTransport(AsyncHTTPTransport["httpx.AsyncClient"]):
    """Sends with ``httpx.AsyncClient``. One object can serve several event loops, one after the other or at once.

    Transports on one event loop share their connections, and nothing else.

    Args:
        client: your own client; used on any running loop, and left open by ``aclose()``.
        transport: an httpx transport for the clients made here, for example ``httpx.MockTransport``.
        timeouts: the time limits: see :class:`~paylattice.Timeouts`.
        retry: how often and when to repeat a request: see :class:`~paylattice.RetryPolicy`.
        observers: called for every attempt.
        sleep: waits, instead of ``asyncio.sleep``.
        clock: returns monotonic seconds, instead of ``time.monotonic``.
        uniform: a random number between two others, instead of ``random.uniform``.
    """

    _library: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        client: "httpx.AsyncClient | httpx2.AsyncClient | None" = None,
        transport: "httpx.AsyncBaseTransport | httpx2.AsyncBaseTransport | None" = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        retry: RetryPolicy = DEFAULT_RETRY,
        observers: Sequence[Observer] = (),
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = monotonic,
        uniform: Callable[[float, float], float] = uniform,
    ) -> None:
        super().__init__(
            cast("httpx.AsyncClient | None", client),  # the two libraries read alike
            timeouts=timeouts,
            retry=retry,
            observers=observers,
            sleep=sleep,
            clock=clock,
            uniform=uniform,
        )
        _check(type(self).__name__, client, transport, awaited=True)
        self._transport = cast("httpx.AsyncBaseTransport | None", transport)

    def _shared_with(self) -> Hashable:
        return self._library, self._transport and id(self._transport)  # the client holds it, so the id stays unique

    @cached_property
    def _http(self) -> HTTPLibrary:
        return library(self._library, self._given or self._transport)

    def _new_client(self) -> "httpx.AsyncClient":
        verify = _tls(self._http, self._transport)
        return self._http.AsyncClient(
            transport=self._transport, verify=verify, follow_redirects=False, cookies=_no_cookies()
        )

    async def _close(self, client: "httpx.AsyncClient") -> None:
        await client.aclose()

    async def _ask(self, client: "httpx.AsyncClient", request: Request, timeouts: Remaining, body: Body) -> Response:
        sending = _built(self._http, request, timeouts, self._given)
        with discreet():
            answer = await client.send(sending, stream=True, follow_redirects=False)
        try:
            async for part in answer.aiter_bytes():
                body.add(part)
        finally:
            await answer.aclose()
        return body.response(answer.status_code, answer.headers.raw)

    def _no_answer(self, failure: Exception) -> NoAnswer:
        return no_answer(failure, NAMES, _MEANINGS, _UNSENDABLE)


class BlockingTransport(BlockingHTTPTransport["httpx.Client"]):
    """Sends with ``httpx.Client``, in the calling thread. One object can serve many threads.

    Transports of one process share their connections, and nothing else.

    Args:
        client: your own client; left open by ``aclose()``.
        transport: an httpx transport for the client made here, for example ``httpx.MockTransport``.
        timeouts: the time limits: see :class:`~paylattice.Timeouts`.
        retry: how often and when to repeat a request: see :class:`~paylattice.RetryPolicy`.
        observers: called for every attempt.
        sleep: waits, instead of ``time.sleep``.
        clock: returns monotonic seconds, instead of ``time.monotonic``.
        uniform: a random number between two others, instead of ``random.uniform``.
    """

    _library: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        client: "httpx.Client | httpx2.Client | None" = None,
        transport: "httpx.BaseTransport | httpx2.BaseTransport | None" = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        retry: RetryPolicy = DEFAULT_RETRY,
        observers: Sequence[Observer] = (),
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = monotonic,
        uniform: Callable[[float, float], float] = uniform,
    ) -> None:
        super().__init__(
            cast("httpx.Client | None", client),  # the two libraries read alike
            timeouts=timeouts,
            retry=retry,
            observers=observers,
            sleep=sleep,
            clock=clock,
            uniform=uniform,
        )
        _check(type(self).__name__, client, transport, awaited=False)
        self._transport = cast("httpx.BaseTransport | None", transport)

    def _shared_with(self) -> Hashable:
        return self._library, self._transport and id(self._transport)  # the client holds it, so the id stays unique

    @cached_property
    def _http(self) -> HTTPLibrary:
        return library(self._library, self._given or self._transport)

    def _new_client(self) -> "httpx.Client":
        verify = _tls(self._http, self._transport)
        return self._http.Client(
            transport=self._transport, verify=verify, follow_redirects=False, cookies=_no_cookies()
        )

    def _close(self, client: "httpx.Client") -> None:
        client.close()

    def _ask(self, client: "httpx.Client", request: Request, timeouts: Remaining, body: Body) -> Response:
        sending = _built(self._http, request, timeouts, self._given)
        with discreet():
            answer = client.send(sending, stream=True, follow_redirects=False)
        try:
            for part in answer.iter_bytes():
                body.add(part)
        finally:
            answer.close()
        return body.response(answer.status_code, answer.headers.raw)

    def _no_answer(self, failure: Exception) -> NoAnswer:
        return no_answer(failure, NAMES, _MEANINGS, _UNSENDABLE)


def _built(
    http: HTTPLibrary, request: Request, timeouts: Remaining, given: "httpx.Client | httpx.AsyncClient | None"
) -> "httpx.Request":
    """The request; through the client's own settings (headers, cookies, base URL) if the application handed it in."""
    try:
        headers, content = written(request)
        if given is not None:
            return given.build_request(
                request.method,
                request.url,
                headers=headers,
                params=request.params or None,
                content=content,
                timeout=(timeouts.connect, timeouts.read, timeouts.read, timeouts.read),
            )
        limits = {"connect": timeouts.connect, "read": timeouts.read, "write": timeouts.read, "pool": timeouts.read}
        return http.Request(
            request.method,
            request.url,
            headers={**OWN_HEADERS, **headers},
            params=request.params or None,
            content=content,
            extensions={"timeout": limits},
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, its text may hold the request
        cause = type(exc).__name__
    raise cannot_be_built(cause)


def _tls(http: HTTPLibrary, transport: object) -> "ssl.SSLContext | bool":
    return tls_context(http.create_ssl_context) if transport is None else True


def _no_cookies() -> "CookieJar":
    """A jar that takes no cookies: the next request may be another tenant's."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # noqa: PLC0415 - only who sends pays for it

    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _check(where: str, client: object, transport: object, *, awaited: bool) -> None:
    """Refuse what the HTTP library could not work with, or what would hold up an event loop.

    Raises:
        ConfigurationError: it is of the other kind, or of none.
    """
    kind, other = ("AsyncClient", "Client") if awaited else ("Client", "AsyncClient")
    send = getattr(client, "send", None)
    if client is not None and (isinstance(client, type) or not callable(send) or is_async(send) is not awaited):
        rule = f"an httpx.{kind}, or one of httpx2"
        raise refused(f"{where}(client=...)", client, rule, f"an {other} goes with the other transport")
    handle = "handle_async_request" if awaited else "handle_request"
    if transport is not None and (isinstance(transport, type) or not callable(getattr(transport, handle, None))):
        raise refused(f"{where}(transport=...)", transport, f"an httpx transport with {handle}()")
