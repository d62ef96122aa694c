"""The transport for asyncio: ``httpx.AsyncClient``, one per event loop."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, cast

from ..errors import ConfigurationError
from .base import (
    DEFAULT_RETRY,
    DEFAULT_TIMEOUTS,
    MAX_BODY,
    HTTPTransport,
    NoAnswer,
    Timeouts,
    built,
    by_name,
    check_http,
    monotonic,
    uniform,
)
from .discretion import discreet
from .httpx_errors import no_answer
from .library import library
from .messages import Request, Response
from .observers import Observer
from .primitives import AsyncPrimitives, PerLoop
from .retry import RetryPolicy

if TYPE_CHECKING:
    import ssl

    import httpx
    import httpx2

__all__ = ["AsyncTransport"]

_GRACE = 0.25
"""Seconds by which the hard stop comes after httpx's own time-outs: those say whether the request has left."""


class AsyncTransport(HTTPTransport):
    """Sends with ``httpx.AsyncClient``. One object serves several event loops, one after the other or at once.

    Args:
        client: yours; used on whatever loop runs, and left open by :meth:`aclose`.
        transport: an httpx transport for the clients made here, for example ``httpx.MockTransport``.
        timeouts: see :class:`~paylattice.Timeouts`.
        retry: see :class:`~paylattice.RetryPolicy`.
        observers: told of every attempt.
        sleep: instead of ``asyncio.sleep``.
        clock: monotonic seconds, instead of ``time.monotonic``.
        uniform: instead of ``random.uniform``.
    """

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
            AsyncPrimitives(),
            timeouts=timeouts,
            retry=retry,
            observers=observers,
            clock=clock,
            uniform=uniform,
            sleep=sleep,
        )
        check_http("AsyncTransport", client, transport, awaited=True)
        self._given = cast("httpx.AsyncClient | None", client)  # the two libraries read alike
        self._transport = cast("httpx.AsyncBaseTransport | None", transport)
        self._clients: PerLoop[httpx.AsyncClient] = PerLoop()
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    def _client(self) -> "httpx.AsyncClient":
        if self._closed:
            message = "this transport is closed: make a new provider"
            raise ConfigurationError(message)
        if self._given is not None:
            if self._given.is_closed:
                message = "the HTTP client that was handed to this transport is closed"
                raise ConfigurationError(message)
            return self._given
        return self._clients.get(self._new_client)

    def _new_client(self) -> "httpx.AsyncClient":
        http = library(self._transport)
        if self._transport is None and self._tls is None:
            self._tls = http.create_ssl_context()
        return http.AsyncClient(
            transport=self._transport,
            verify=self._tls or True,
            follow_redirects=False,
        )

    async def _exchange(self, request: Request, timeouts: Timeouts, deadline: float) -> Response:
        import asyncio  # noqa: PLC0415 - whoever gets here has it loaded

        client = self._client()
        sending = built(request, timeouts, self._given, self._transport)
        try:
            async with asyncio.timeout(timeouts.total + _GRACE):
                with discreet():
                    answer = await client.send(sending, stream=True, follow_redirects=False)
                try:
                    parts: list[bytes] = []
                    size = 0
                    async for part in answer.aiter_bytes():
                        parts.append(part)
                        size += len(part)
                        if size > MAX_BODY:
                            raise NoAnswer("the answer is too large", sent=True, lasting=True)
                        if self._clock() > deadline:
                            raise NoAnswer("the answer did not come in time", sent=True)
                finally:
                    await answer.aclose()
            return Response(answer.status_code, by_name(answer.headers.raw), b"".join(parts))
        except NoAnswer:
            raise
        except Exception as exc:  # noqa: BLE001 - httpx raises more than its own errors
            failure = exc
        raise no_answer(failure)

    async def aclose(self) -> None:
        """Close the running loop's client. Clients of loops that are gone went with them; yours stays open."""
        self._closed = True
        client = self._clients.pop()
        if client is not None:
            await client.aclose()
