"""Hooks for metrics and tracing. What they receive holds no header, no query, no body and no personal data."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import attrs

__all__ = ["Observer", "RequestSent", "ResponseReceived", "RetryScheduled", "tell"]

_log = logging.getLogger("paylattice")
E = TypeVar("E")


@attrs.frozen
class RequestSent:
    """An attempt begins. ``attempt`` counts from 1."""

    provider: str
    operation: str | None
    method: str
    path: str
    attempt: int
    idempotency_key: str | None


@attrs.frozen
class ResponseReceived:
    """An attempt is over. ``status`` is None if no answer came; ``error`` then names the class of the failure."""

    provider: str
    operation: str | None
    method: str
    path: str
    attempt: int
    status: int | None
    error: str | None
    seconds: float
    request_id: str | None


@attrs.frozen
class RetryScheduled:
    """Another attempt follows after ``wait`` seconds."""

    provider: str
    operation: str | None
    method: str
    path: str
    attempt: int
    status: int | None
    error: str | None
    wait: float


class Observer(Protocol):
    """Watches requests. It must be quick; an exception that it raises is logged and otherwise ignored."""

    def on_request(self, event: RequestSent) -> None:
        """An attempt begins."""

    def on_response(self, event: ResponseReceived) -> None:
        """An attempt is over."""

    def on_retry(self, event: RetryScheduled) -> None:
        """Another attempt follows."""


def tell(hooks: Iterable[Callable[[E], None]], event: E) -> None:
    """Call every hook with the event; a hook that raises is logged and harms nobody."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            _log.exception("an observer failed on %s", type(event).__name__)
