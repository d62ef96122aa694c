"""Hooks for metrics and tracing. What they receive holds no header, no query, no body and no personal data."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import attrs

__all__ = ["Observer", "RequestSent", "ResponseReceived", "RetryScheduled", "tell"]

_log = logging.getLogger("paylattice")


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


def tell(observers: Iterable[Observer], hook: Callable[[Observer], None]) -> None:
    """Call the hook of every observer; one that raises, or has no such hook, is logged and harms nobody."""
    for observer in observers:
        try:
            hook(observer)
        except Exception:  # noqa: BLE001 - it is somebody else's code, and only watches
            _log.exception("an observer failed: %s", type(observer).__name__)
