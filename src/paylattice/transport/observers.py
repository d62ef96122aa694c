"""Hooks for metrics and tracing. They receive no header, no query, no body and no personal data."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import attrs

__all__ = [
    "Observer",
    "RequestSent",
    "ResponseReceived",
    "RetryScheduled",
    "WebhookObserver",
    "WebhookVerified",
    "has_observers",
    "tell",
    "tell_verified",
]

_log = logging.getLogger("paylattice")


@attrs.frozen
class RequestSent:
    """An attempt starts. ``attempt`` counts from 1."""

    provider: str
    operation: str | None
    method: str
    path: str
    attempt: int
    idempotency_key: str | None


@attrs.frozen
class ResponseReceived:
    """An attempt has ended. ``status`` is None if no answer arrived; ``error`` then names the class of the failure."""

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


@attrs.frozen
class WebhookVerified:
    """A delivery was verified.

    Args:
        provider: the provider's name.
        way: ``offline``: by its signature alone; or ``postback``: the provider was asked.
        reason: why the provider was asked, if its signature was to decide; a member of
            :class:`~paylattice.errors.Diagnosis`.
    """

    provider: str
    way: str
    reason: str | None = None


class Observer(Protocol):
    """Watches requests. It must be quick. Its exceptions are logged and otherwise ignored."""

    def on_request(self, event: RequestSent) -> None:
        """Called when an attempt starts."""

    def on_response(self, event: ResponseReceived) -> None:
        """Called when an attempt has ended."""

    def on_retry(self, event: RetryScheduled) -> None:
        """Called when another attempt follows."""


class WebhookObserver(Protocol):
    """Watches deliveries of providers that can verify them in more than one way. An observer of requests can be one, too."""

    def on_webhook_verified(self, event: WebhookVerified) -> None:
        """Called when a delivery was verified."""


def has_observers(transport: object) -> bool:
    """Whether the transport has observers."""
    return bool(getattr(transport, "observers", ()))


def tell_verified(transport: object, event: WebhookVerified) -> None:
    """Call the hook of every observer of the transport that watches deliveries; one that raises is logged."""
    observers: Iterable[object] = getattr(transport, "observers", ())
    for observer in observers:
        hook: Callable[[WebhookVerified], None] | None = getattr(observer, "on_webhook_verified", None)
        if hook is None:
            continue
        try:
            hook(event)
        except Exception:  # noqa: BLE001 - an observer must not fail the call
            _log.exception("an observer failed: %s", type(observer).__name__)


def tell(observers: Iterable[Observer], hook: Callable[[Observer], None]) -> None:
    """Call the hook of every observer; one that raises is logged, one without the hook is skipped."""
    for observer in observers:
        try:
            hook(observer)
        except Exception:  # noqa: BLE001 - an observer must not fail the call
            _log.exception("an observer failed: %s", type(observer).__name__)
