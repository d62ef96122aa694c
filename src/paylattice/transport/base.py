"""Sending: attempts, waits, the deadline, and the observers. The async and the blocking transport only add the exchange."""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar, cast

import attrs

from ..construction import check_function, check_instance, refused
from ..errors import ConfigurationError, NetworkError, NetworkOutcomeUnknown, PaymentError
from ..redaction import matching
from .exchange import NoAnswer
from .messages import REQUEST_ID, Request, Response
from .observers import Observer, RequestSent, ResponseReceived, RetryScheduled, tell
from .pools import POOLS
from .primitives import Lock, Primitives
from .retry import SERVER_ERROR, RetryPolicy, retry_after, seconds
from .surroundings import environment

__all__ = ["HTTPTransport", "Remaining", "Timeouts", "Transport"]

C = TypeVar("C")
T = TypeVar("T")
_log = logging.getLogger("paylattice")


@attrs.frozen
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for the whole operation with all its attempts."""

    connect: float = attrs.field(default=5.0, validator=seconds)
    read: float = attrs.field(default=30.0, validator=seconds)
    total: float = attrs.field(default=60.0, validator=seconds)

    def within(self, remaining: float) -> "Remaining":
        """Return the timeouts of one attempt: none is longer than the remaining time."""
        least = max(remaining, 0.001)
        return Remaining(min(self.connect, least), min(self.read, least), least)


class Remaining(NamedTuple):
    """The timeouts of one attempt, in seconds."""

    connect: float
    read: float
    total: float


class Transport(Primitives, Protocol):
    """The interface between providers and the network."""

    async def send(self, request: Request) -> Response:
        """Send a request, repeat it where that does no harm, and return the last answer, whatever its status.

        Raises:
            NetworkError: no answer arrived; also an ``OutcomeUnknown`` if a write may have taken effect.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""


class HTTPTransport(ABC):
    """The common part of both transports.

    Args:
        primitives: waits and locks.
        timeouts: the time limits, in seconds.
        retry: how often and when to repeat a request.
        observers: called for every attempt.
        clock: returns monotonic seconds.
        uniform: a random number between two others, for the jitter.
        sleep: waits, instead of the primitives' own; tests and replays pass one that does not wait.
    """

    def __init__(
        self,
        primitives: Primitives,
        *,
        timeouts: Timeouts,
        retry: RetryPolicy,
        observers: Sequence[Observer],
        clock: Callable[[], float],
        uniform: Callable[[float, float], float],
        sleep: Callable[[float], Awaitable[None]] | None,
    ) -> None:
        where = type(self).__name__
        check_instance(f"{where}(timeouts=...)", timeouts, Timeouts, "Timeouts", "Timeouts(total=30)")
        check_instance(f"{where}(retry=...)", retry, RetryPolicy, "a RetryPolicy", "RetryPolicy(attempts=3)")
        for name, function in (("clock", clock), ("uniform", uniform)):
            check_function(f"{where}({name}=...)", function, "a function")
        if sleep is not None and (not callable(sleep) or isinstance(sleep, type)):
            raise refused(f"{where}(sleep=...)", sleep, "a function of seconds")
        if isinstance(observers, str | bytes) or not isinstance(cast("object", observers), Iterable):
            raise refused(f"{where}(observers=...)", observers, "a list of observers")
        self._primitives = primitives
        self._timeouts = timeouts
        self._retry = retry
        self._observers = tuple(observers)
        self._clock = clock
        self._uniform = uniform
        self._sleep = sleep or primitives.sleep
        self._closed = False
        self._key: tuple[Hashable, ...] | None = None

    @property
    def sends_through(self) -> object | None:
        """The HTTP library's own transport that you passed in, such as ``httpx.MockTransport``; None: the network."""
        return cast("object | None", getattr(self, "_transport", None))

    @property
    def observers(self) -> Sequence[Observer]:
        """The observers of the transport."""
        return self._observers

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._sleep(seconds)

    def lock(self) -> Lock:
        """A new lock."""
        return self._primitives.lock()

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """Return the results of all calls, in their order; at most ``limit`` run at a time."""
        return await self._primitives.gather(calls, limit=limit)

    def _shared_with(self) -> Hashable:
        """What the client depends on, beside the environment: transports that return the same share one."""
        return None

    def _pooled(self, place: object, make: Callable[[], C]) -> C:
        """The client that serves this transport on an event loop, or for threads.

        Raises:
            ConfigurationError: it cannot be made; nothing was sent.
        """
        self._check_open()
        if self._key is None:
            self._key = (type(self), self._shared_with(), *environment())
        try:
            return POOLS.client(self, place, self._key, make)
        except (PaymentError, ImportError):
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the library says of the certificates or the proxy
            cause = type(exc).__name__
        message = f"the HTTP client cannot be made ({cause}): check SSL_CERT_FILE, SSL_CERT_DIR and the proxy"
        raise ConfigurationError(message)

    def _check_open(self, given: object = None) -> None:
        """Refuse to send through what is closed.

        Raises:
            ConfigurationError: this transport is, or the application's own client.
        """
        if self._closed:
            message = "this transport is closed: make a new provider"
            raise ConfigurationError(message)
        if given is not None and (getattr(given, "is_closed", False) or getattr(given, "closed", False)) is True:
            message = "the HTTP client that was handed to this transport is closed"
            raise ConfigurationError(message)

    @abstractmethod
    def _no_answer(self, failure: Exception) -> NoAnswer:
        """What a failure of the library means.

        Raises:
            ConfigurationError: the request could not even be built.
        """

    @abstractmethod
    async def _exchange(self, request: Request, timeouts: Remaining, deadline: float) -> Response:
        """One attempt. Raises nothing but :class:`NoAnswer`, or a PaymentError that ends the operation."""

    async def send(self, request: Request) -> Response:
        """Send a request, repeat it where that does no harm, and return the last answer, whatever its status.

        Raises:
            NetworkError: no answer arrived; also an ``OutcomeUnknown`` if a write may have taken effect.
        """
        deadline = self._clock() + self._timeouts.total
        unsettled = False
        attempt = 0
        while True:
            attempt += 1
            self._on_request(request, attempt)
            started = self._clock()
            outcome: Response | NoAnswer
            try:
                outcome = await self._exchange(request, self._timeouts.within(deadline - started), deadline)
            except NoAnswer as exc:
                outcome = exc
            except ConfigurationError as exc:
                if not unsettled:
                    raise
                outcome = NoAnswer(exc.message, sent=False, lasting=True)
            self._on_response(request, attempt, outcome, self._clock() - started)
            if isinstance(outcome, Response):
                again = self._retry.after_answer(request, outcome, attempt)
                asked = retry_after(outcome) if again else None
            else:
                unsettled = unsettled or (outcome.sent and request.writes)
                again = not outcome.lasting and self._retry.after_silence(request, attempt, sent=outcome.sent)
                asked = None
            if again:
                wait = self._retry.wait(attempt, self._uniform) if asked is None else asked
                if self._clock() + wait < deadline:
                    self._on_retry(request, attempt, outcome, wait)
                    await self._sleep(wait)
                    unsettled = unsettled or (request.writes and _is_server_error(outcome))
                    continue
            if isinstance(outcome, Response):
                return attrs.evolve(outcome, unsettled=True) if unsettled else outcome
            raise _failure(request, outcome.reason, attempt, unsettled=unsettled)

    def _on_request(self, request: Request, attempt: int) -> None:
        if self._observers:
            event = RequestSent(
                request.provider, request.operation, request.method, request.path, attempt, request.idempotency_key
            )
            tell(self._observers, lambda observer: observer.on_request(event))

    def _on_response(self, request: Request, attempt: int, outcome: Response | NoAnswer, seconds: float) -> None:
        status, reason = _seen(outcome)
        _log.debug(
            "%s %s: attempt %d: %s in %.3f s", request.provider, request.operation, attempt, status or reason, seconds
        )
        if self._observers:
            event = ResponseReceived(
                request.provider,
                request.operation,
                request.method,
                request.path,
                attempt,
                status,
                reason,
                seconds,
                _request_id(request, outcome),
            )
            tell(self._observers, lambda observer: observer.on_response(event))

    def _on_retry(self, request: Request, attempt: int, outcome: Response | NoAnswer, wait: float) -> None:
        status, reason = _seen(outcome)
        _log.info(
            "%s %s: attempt %d: %s; again in %.2f s",
            request.provider,
            request.operation,
            attempt,
            status or reason,
            wait,
        )
        if self._observers:
            event = RetryScheduled(
                request.provider, request.operation, request.method, request.path, attempt, status, reason, wait
            )
            tell(self._observers, lambda observer: observer.on_retry(event))


def _is_server_error(outcome: Response | NoAnswer) -> bool:
    return isinstance(outcome, Response) and outcome.status >= SERVER_ERROR


def _seen(outcome: Response | NoAnswer) -> tuple[int | None, str | None]:
    return (outcome.status, None) if isinstance(outcome, Response) else (None, outcome.reason)


def _request_id(request: Request, outcome: Response | NoAnswer) -> str | None:
    if isinstance(outcome, NoAnswer):
        return None
    return matching(REQUEST_ID, outcome.headers.get(request.request_id_header), request.credentials)


def _failure(request: Request, reason: str, attempt: int, *, unsettled: bool) -> PaymentError:
    tries = f"after {attempt} attempts" if attempt > 1 else "at the first attempt"
    failure, consequence = (
        (NetworkOutcomeUnknown, "it may have taken effect. Do not send it as new: provider.recover(error) finds out")
        if unsettled
        else (NetworkError, "nothing was changed at the provider")
    )
    return failure(
        f"{reason}, {tries}: {consequence}",
        provider=request.provider or None,
        operation=request.operation,
        idempotency_key=request.idempotency_key,
    )


DEFAULT_TIMEOUTS = Timeouts()
DEFAULT_RETRY = RetryPolicy()
monotonic: Callable[[], float] = time.monotonic
uniform: Callable[[float, float], float] = random.uniform
