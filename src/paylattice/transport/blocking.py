"""The blocking transport: ``httpx.Client`` behind coroutines that never suspend."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, cast

from ..errors import ConfigurationError
from ..wiring import check_function
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
from .primitives import BlockingPrimitives, mutex
from .retry import RetryPolicy

if TYPE_CHECKING:
    import httpx
    import httpx2

__all__ = ["BlockingTransport"]


class BlockingTransport(HTTPTransport):
    """Sends with ``httpx.Client``, in the calling thread. One object serves many threads.

    Args:
        client: yours; left open by :meth:`aclose`.
        transport: an httpx transport for the client made here, for example ``httpx.MockTransport``.
        timeouts: see :class:`~paylattice.Timeouts`.
        retry: see :class:`~paylattice.RetryPolicy`.
        observers: told of every attempt.
        sleep: instead of ``time.sleep``.
        clock: monotonic seconds, instead of ``time.monotonic``.
        uniform: instead of ``random.uniform``.
    """

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
        if sleep is not None:
            check_function("BlockingTransport(sleep=...)", sleep, "a function of seconds")
        waiting: Callable[[float], Awaitable[None]] | None = BlockingPrimitives(sleep).sleep if sleep else None
        super().__init__(
            BlockingPrimitives(),
            timeouts=timeouts,
            retry=retry,
            observers=observers,
            clock=clock,
            uniform=uniform,
            sleep=waiting,
        )
        check_http("BlockingTransport", client, transport, awaited=False)
        self._given = cast("httpx.Client | None", client)  # the two libraries read alike
        self._transport = cast("httpx.BaseTransport | None", transport)
        self._own: httpx.Client | None = None
        self._opening = mutex()
        self._closed = False

    def _client(self) -> "httpx.Client":
        if self._closed:
            message = "this transport is closed: make a new provider"
            raise ConfigurationError(message)
        if self._given is not None:
            if self._given.is_closed:
                message = "the HTTP client that was handed to this transport is closed"
                raise ConfigurationError(message)
            return self._given
        if self._own is None:
            with self._opening:
                if self._own is None:
                    self._own = library(self._transport).Client(transport=self._transport, follow_redirects=False)
        return self._own

    async def _exchange(self, request: Request, timeouts: Timeouts, deadline: float) -> Response:
        client = self._client()
        sending = built(request, timeouts, self._given, self._transport)
        try:
            with discreet():
                answer = client.send(sending, stream=True, follow_redirects=False)
            try:
                parts: list[bytes] = []
                size = 0
                for part in answer.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > MAX_BODY:
                        raise NoAnswer("the answer is too large", sent=True, lasting=True)
                    if self._clock() > deadline:
                        raise NoAnswer("the answer did not come in time", sent=True)
            finally:
                answer.close()
            return Response(answer.status_code, by_name(answer.headers.raw), b"".join(parts))
        except NoAnswer:
            raise
        except Exception as exc:  # noqa: BLE001 - httpx raises more than its own errors
            failure = exc
        raise no_answer(failure)

    async def aclose(self) -> None:
        """Close the client, unless it is yours."""
        self._closed = True
        if self._own is not None:
            self._own.close()
