"""What every stand-in server has: faults, a log of requests, and two ways to reach it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from .faults import Fault, Faults, Kind
from .loopback import serving
from .messages import Answer, Call, SeenRequest, Unanswered

if TYPE_CHECKING:
    from .transport import StandInTransport

__all__ = ["StandIn"]


class StandIn(ABC):
    """A provider's server as far as its documentation tells: it keeps state, and can be told to fail.

    A subclass answers requests; what is the same for all providers is here. One object serves any number of clients
    and threads, one request at a time.

    Attributes:
        faults: what goes wrong next.
    """

    def __init__(self) -> None:
        self.faults: Faults = Faults()
        self._lock = threading.RLock()
        self._seen: list[SeenRequest] = []

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """Every request that came in, in order, also those that were refused or got no answer."""
        with self._lock:
            return tuple(self._seen)

    def forget_requests(self) -> None:
        """Empty the log."""
        with self._lock:
            self._seen.clear()

    def transport(self) -> "StandInTransport":
        """An httpx transport for ``AsyncTransport(transport=...)``, ``BlockingTransport(transport=...)`` and httpx."""
        from .transport import StandInTransport  # noqa: PLC0415 - only who sends pays for httpx

        return StandInTransport(self)

    def serve(self, port: int = 0) -> AbstractContextManager[str]:
        """Serve on 127.0.0.1 until the end of the ``with`` block, which gets the base URL.

        Args:
            port: 0: a free one.
        """
        return serving(self, port)

    def handle(self, call: Call) -> Answer:
        """Answer a request.

        Raises:
            Unanswered: the test asked for a fault that leaves the client without an answer.
        """
        with self._lock:
            fault = self.faults.take(call)
            answer: Answer | None = None
            if fault is None or fault.after_effect:
                answer = self._respond(call)
            replayed = answer is not None and self._is_replayed(answer)
            if fault is not None:
                answer = self._instead(fault)
            status = None if answer is None else answer.status
            self._seen.append(
                SeenRequest(call.method, call.path, self._params(call), self._key(call), status, replayed)
            )
        if answer is None:
            raise Unanswered(connected=fault is None or fault.kind is not Kind.REFUSED)
        return answer

    def _instead(self, fault: Fault) -> Answer | None:
        if fault.kind is not Kind.ANSWERED:
            return None
        if fault.body is not None:
            return Answer(fault.status, fault.headers, fault.body)
        said = self._refusal(fault.status)
        return Answer(said.status, {**said.headers, **fault.headers}, said.body)

    @abstractmethod
    def _respond(self, call: Call) -> Answer:
        """The answer, and the effect."""

    @abstractmethod
    def _refusal(self, status: int) -> Answer:
        """What the provider answers with this status when it says nothing in particular."""

    @abstractmethod
    def _params(self, call: Call) -> Mapping[str, str]:
        """The parameters of query and body, flat."""

    @abstractmethod
    def _key(self, call: Call) -> str | None:
        """The idempotency key."""

    @abstractmethod
    def _is_replayed(self, answer: Answer) -> bool:
        """Whether the answer is a stored one."""
