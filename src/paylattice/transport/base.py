"""Sending: attempts, waiting, the deadline, and telling the observers. The two transports add only the exchange itself."""

import json
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import attrs

from .._version import __version__
from ..errors import ConfigurationError, NetworkError, NetworkOutcomeUnknown, PaymentError
from ..redaction import matching
from ..wiring import check_function, check_instance, is_async, refused
from .library import library
from .messages import REQUEST_ID, Request, Response
from .observers import Observer, RequestSent, ResponseReceived, RetryScheduled, tell
from .primitives import Lock, Primitives
from .retry import SERVER_ERROR, RetryPolicy, retry_after, seconds

if TYPE_CHECKING:
    import httpx

__all__ = ["MAX_BODY", "HTTPTransport", "NoAnswer", "Timeouts", "Transport"]

T = TypeVar("T")
_log = logging.getLogger("paylattice")

MAX_BODY = 32 * 1024 * 1024
_OWN_HEADERS = {"Accept-Encoding": "gzip, deflate", "User-Agent": f"paylattice/{__version__}"}


@attrs.frozen
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for the whole operation with all its attempts."""

    connect: float = attrs.field(default=5.0, validator=seconds)
    read: float = attrs.field(default=30.0, validator=seconds)
    total: float = attrs.field(default=60.0, validator=seconds)

    def within(self, remaining: float) -> "Timeouts":
        """The same, but none longer than what is left."""
        least = max(remaining, 0.001)
        return Timeouts(min(self.connect, least), min(self.read, least), least)


class Transport(Primitives, Protocol):
    """The seam between providers and the network."""

    async def send(self, request: Request) -> Response:
        """Send, again where that is right, and return the last answer, whatever its status.

        Raises:
            NetworkError: no answer came; also an ``OutcomeUnknown`` if a write may have taken effect.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""


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


def built(
    request: Request, timeouts: Timeouts, client: "httpx.Client | httpx.AsyncClient | None", transport: object = None
) -> "httpx.Request":
    """The request, for the HTTP library; through the client's own settings (headers, cookies, base URL) if it was handed in.

    Args:
        request: what to send.
        timeouts: how long to wait.
        client: the application's, if it handed one in.
        transport: the application's, if it handed one in: the request has to be of the same library.

    Raises:
        ConfigurationError: it cannot be built; nothing was sent.
    """
    http = library(transport if client is None else client)
    try:
        headers, content = _written(request)
        if client is not None:
            return client.build_request(
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
            headers={**_OWN_HEADERS, **headers},
            params=request.params or None,
            content=content,
            extensions={"timeout": limits},
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, its text may hold the request
        cause = type(exc).__name__
    message = f"the request cannot be built ({cause}): check the base URL and the credentials for stray characters"
    raise ConfigurationError(message)


def _written(request: Request) -> tuple[dict[str, str], bytes | None]:
    """The headers and the body. JSON is written here, for httpx's versions write it in several ways."""
    if request.json is None:
        return dict(request.headers), request.content
    content = json.dumps(request.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    said = any(name.lower() == "content-type" for name in request.headers)
    return ({} if said else {"Content-Type": "application/json"}) | dict(request.headers), content


def check_http(where: str, client: object, transport: object, *, awaited: bool) -> None:
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


def by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; of one that comes several times, the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


class HTTPTransport(ABC):
    """What both transports share.

    Args:
        primitives: how to wait and exclude.
        timeouts: see :class:`Timeouts`.
        retry: see :class:`RetryPolicy`.
        observers: told of every attempt.
        clock: monotonic seconds.
        uniform: for the jitter.
        sleep: instead of the primitives' own; tests and replays pass one that does not wait.
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

    @property
    def sends_through(self) -> object | None:
        """The HTTP library's own transport that was handed in, such as ``httpx.MockTransport``; None: the network."""
        return cast("object | None", getattr(self, "_transport", None))

    @property
    def observers(self) -> Sequence[Observer]:
        """Who watches."""
        return self._observers

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._sleep(seconds)

    def lock(self) -> Lock:
        """A new lock."""
        return self._primitives.lock()

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """The results of all calls, in their order; at most ``limit`` run at a time."""
        return await self._primitives.gather(calls, limit=limit)

    @abstractmethod
    async def _exchange(self, request: Request, timeouts: Timeouts, deadline: float) -> Response:
        """One attempt. Raises nothing but :class:`NoAnswer`, or a PaymentError that ends the operation."""

    async def send(self, request: Request) -> Response:
        """Send, again where that is right, and return the last answer, whatever its status.

        Raises:
            NetworkError: no answer came; also an ``OutcomeUnknown`` if a write may have taken effect.
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
                asked = retry_after(outcome)
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
