"""What goes into a stand-in server and what comes out of it, as values."""

from collections.abc import Mapping
from typing import Protocol

import attrs

__all__ = ["Answer", "Answering", "Call", "Delivery", "SeenRequest", "Unanswered"]


@attrs.frozen
class Call:
    """A request as it arrived.

    Args:
        method: the HTTP method, upper case.
        path: without the query.
        query: the raw query.
        headers: by lower-case name.
        body: the raw body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in {"GET", "HEAD"}


@attrs.frozen
class Answer:
    """What the server sends back.

    Args:
        status: the HTTP status.
        headers: by name.
        body: the raw body.
        delay: how many seconds it takes to arrive.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    delay: float = 0


@attrs.frozen
class SeenRequest:
    """A line of the server's log.

    Args:
        method: the HTTP method.
        path: without the query.
        params: of query and body, flat, as they were sent.
        idempotency_key: the key that came along.
        status: of the answer; None: it was lost, or the connection was refused.
        replayed: whether the answer was the stored one of an earlier request with the same key.
    """

    method: str
    path: str
    params: Mapping[str, str] = attrs.field(repr=False)
    idempotency_key: str | None
    status: int | None
    replayed: bool = False


@attrs.frozen
class Delivery:
    """One webhook, as it would arrive over HTTP. ``payload`` and ``headers`` go into ``parse_webhook``."""

    type: str
    payload: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    event_id: str


class Answering(Protocol):
    """What answers calls: a stand-in, for those who carry calls to it."""

    def handle(self, call: Call) -> Answer:
        """Answer a request.

        Raises:
            Unanswered: no answer goes back.
        """
        ...


class Unanswered(Exception):
    """No answer goes back.

    Args:
        connected: whether the request arrived; otherwise the connection was refused.
    """

    def __init__(self, *, connected: bool) -> None:
        super().__init__("no answer, as the test asked for")
        self.connected = connected
