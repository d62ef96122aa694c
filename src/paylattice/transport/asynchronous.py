"""What transports on an event loop have in common: a client for each loop, a hard stop, and the end."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypedDict, TypeVar

from ..errors import PaymentError
from .base import (
    DEFAULT_RETRY,
    DEFAULT_TIMEOUTS,
    HTTPTransport,
    Remaining,
    Timeouts,
    monotonic,
    uniform,
)
from .exchange import Body, NoAnswer
from .messages import Request, Response
from .observers import Observer
from .pools import POOLS
from .primitives import AsyncPrimitives
from .retry import RetryPolicy

__all__ = ["AsyncHTTPTransport", "AsyncOptions"]

C = TypeVar("C")

_GRACE = 0.25
"""Seconds by which the hard stop comes after the library's own timeouts: those say whether the request has left."""


class AsyncOptions(TypedDict, total=False):
    """What every transport on an event loop takes; see :class:`~paylattice.transport.AsyncTransport`."""

    timeouts: Timeouts
    retry: RetryPolicy
    observers: Sequence[Observer]
    sleep: Callable[[float], Awaitable[None]] | None
    clock: Callable[[], float]
    uniform: Callable[[float, float], float]


class AsyncHTTPTransport(HTTPTransport, Generic[C]):
    """Sends with a client of some HTTP library: the application's own, or one that is shared on each event loop."""

    def __init__(
        self,
        given: C | None = None,
        *,
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
        self._given = given

    def _client(self) -> C:
        import asyncio  # noqa: PLC0415 - already loaded here

        if self._given is not None:
            self._check_open(self._given)
            return self._given
        return self._pooled(asyncio.get_running_loop(), self._new_client)

    @abstractmethod
    def _new_client(self) -> C:
        """Make a client, on the running loop."""

    @abstractmethod
    async def _close(self, client: C) -> None:
        """Close a client that was made here."""

    @abstractmethod
    async def _ask(self, client: C, request: Request, timeouts: Remaining, body: Body) -> Response:
        """Send, and read the answer. Raises whatever the library does."""

    async def _exchange(self, request: Request, timeouts: Remaining, deadline: float) -> Response:
        import asyncio  # noqa: PLC0415 - already loaded here

        client = self._client()
        body = Body(self._clock, deadline)
        try:
            async with asyncio.timeout(timeouts.total + _GRACE):
                return await self._ask(client, request, timeouts, body)
        except (NoAnswer, PaymentError):
            raise
        except Exception as exc:  # noqa: BLE001 - the libraries raise more than their own errors
            failure = exc
        raise self._no_answer(failure)

    async def aclose(self) -> None:
        """Close the running loop's connections, unless another transport uses them. What is yours stays open."""
        import asyncio  # noqa: PLC0415 - already loaded here

        self._closed = True
        for client in POOLS.leave(self, asyncio.get_running_loop()):
            await self._close(client)
