"""What blocking transports have in common: one client for all threads, and the end. Their coroutines never suspend."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypedDict, TypeVar

from ..construction import check_function
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
from .pools import POOLS, THREADS
from .primitives import BlockingPrimitives
from .retry import RetryPolicy

__all__ = ["BlockingHTTPTransport", "BlockingOptions"]

C = TypeVar("C")


class BlockingOptions(TypedDict, total=False):
    """What every blocking transport takes; see :class:`~paylattice.transport.BlockingTransport`."""

    timeouts: Timeouts
    retry: RetryPolicy
    observers: Sequence[Observer]
    sleep: Callable[[float], None] | None
    clock: Callable[[], float]
    uniform: Callable[[float, float], float]


class BlockingHTTPTransport(HTTPTransport, Generic[C]):
    """Sends with a client of some HTTP library, in the calling thread: the application's own, or one that all threads share."""

    def __init__(
        self,
        given: C | None = None,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        retry: RetryPolicy = DEFAULT_RETRY,
        observers: Sequence[Observer] = (),
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = monotonic,
        uniform: Callable[[float, float], float] = uniform,
    ) -> None:
        if sleep is not None:
            check_function(f"{type(self).__name__}(sleep=...)", sleep, "a function of seconds")
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
        self._given = given

    def _client(self) -> C:
        if self._given is not None:
            self._check_open(self._given)
            return self._given
        return self._pooled(THREADS, self._new_client)

    @abstractmethod
    def _new_client(self) -> C:
        """Make a client."""

    @abstractmethod
    def _close(self, client: C) -> None:
        """Close a client that was made here."""

    @abstractmethod
    def _ask(self, client: C, request: Request, timeouts: Remaining, body: Body) -> Response:
        """Send, and read the answer. Raises whatever the library does."""

    async def _exchange(self, request: Request, timeouts: Remaining, deadline: float) -> Response:
        client = self._client()
        body = Body(self._clock, deadline)
        try:
            return self._ask(client, request, timeouts, body)
        except (NoAnswer, PaymentError):
            raise
        except Exception as exc:  # noqa: BLE001 - the libraries raise more than their own errors
            failure = exc
        raise self._no_answer(failure)

    async def aclose(self) -> None:
        """Close the connections, unless another transport uses them. What is yours stays open."""
        self._closed = True
        for client in POOLS.leave(self, THREADS):
            self._close(client)
