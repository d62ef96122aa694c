"""What goes wrong on the way, when a test asks for it: lost or late answers, refused connections, forgotten keys."""

import json
from collections.abc import Callable, Mapping
from enum import Enum, auto

import attrs

from .messages import Call

__all__ = ["Fault", "Faults", "Kind"]


class Kind(Enum):
    """What can go wrong."""

    LOST = auto()
    REFUSED = auto()
    ANSWERED = auto()
    DELAYED = auto()


@attrs.define
class Fault:
    """Something that will go wrong, so many times.

    Args:
        kind: what.
        times: how often.
        path: only with requests whose path starts like this.
        writes_only: only with requests that may change something.
        status: of the answer that comes instead.
        headers: of that answer.
        body: of that answer; None: what the provider sends with this status.
        after_effect: whether the request takes effect anyway.
        delay: how many seconds the answer takes.
    """

    kind: Kind
    times: int = 1
    path: str = "/"
    writes_only: bool = False
    status: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes | None = None
    after_effect: bool = False
    delay: float = 0

    def hits(self, call: Call) -> bool:
        """Whether it happens to this request."""
        return call.path.startswith(self.path) and (call.writes or not self.writes_only)


class Faults:
    """The faults that a test has asked for, and that have not happened yet. They happen in the order of asking.

    Args:
        forget: empties the provider's memory of idempotency keys.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self._waiting: list[Fault] = []
        self._forget = forget

    def lose_next_answer(self, *, path: str = "/", times: int = 1) -> None:
        """Make the next write take effect, and its answer get lost: the client cannot know whether it happened.

        Args:
            path: only of a request whose path starts like this.
            times: how many answers; a client that tries again under the same key needs one for each attempt.
        """
        self._waiting.append(Fault(Kind.LOST, times, path, writes_only=True, after_effect=True))

    def refuse_next_connection(self, *, times: int = 1) -> None:
        """Make the next request not get through at all. It has no effect.

        A loopback server cannot refuse: there, the connection is closed without an answer, which looks to the client
        like a lost one.
        """
        self._waiting.append(Fault(Kind.REFUSED, times))

    def answer_next(
        self,
        status: int,
        body: Mapping[str, object] | bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/",
        times: int = 1,
        after_effect: bool = False,
    ) -> None:
        """Let something else answer the next request: a rate limiter, a proxy's error page, a server error.

        Args:
            status: the HTTP status.
            body: a mapping is sent as JSON; None: what the provider sends with this status.
            headers: for example ``{"Retry-After": "7"}``.
            path: only a request whose path starts like this.
            times: how many requests.
            after_effect: whether the request takes effect anyway.
        """
        said = dict(headers or {})
        raw: bytes | None
        if isinstance(body, Mapping):
            raw = json.dumps(body).encode()
            said = {"Content-Type": "application/json", **said}
        else:
            raw = body.encode() if isinstance(body, str) else body
        self._waiting.append(
            Fault(Kind.ANSWERED, times, path, status=status, headers=said, body=raw, after_effect=after_effect)
        )

    def delay_next_answer(self, seconds: float, *, path: str = "/", times: int = 1) -> None:
        """Make the next answer come late. Its request takes effect.

        Through :meth:`~paylattice.testing.StandIn.transport` there is no real wait: a client that is less patient gets a read
        timeout at once, another one its answer at once. A loopback server really waits.

        Args:
            seconds: how late.
            path: only the answer to a request whose path starts like this.
            times: how many answers.
        """
        self._waiting.append(Fault(Kind.DELAYED, times, path, after_effect=True, delay=seconds))

    def forget_keys(self) -> None:
        """Let the provider forget all idempotency keys now, as it does after its time: a key that comes again is new."""
        self._forget()

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many faults have not happened yet."""
        return sum(fault.times for fault in self._waiting)

    def take(self, call: Call) -> Fault | None:
        """The fault that happens to this request, which is then one fewer."""
        for fault in self._waiting:
            if fault.hits(call):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
