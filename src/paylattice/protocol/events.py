"""Events: those that are delivered, and those that can be listed."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ..headers import Headers
from .unsupported import unsupported

if TYPE_CHECKING:
    from ..events import WebhookEvent

__all__ = ["EventOperations"]


class EventOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with events."""

    async def list_events(self, since: datetime, limit: int = 100) -> "list[WebhookEvent]":
        """Return events since a time, oldest first, to catch up on missed deliveries.

        Args:
            since: an aware datetime. Earlier than the provider keeps its events is no error: you get those that are left.
            limit: how many at most.
        """
        raise unsupported(self, "list_events")

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Verify a delivery against one secret. Low level: applications call :meth:`parse_webhook`.

        Args:
            payload: the raw body.
            signature: the signature header's value, or all headers.
            secret: the endpoint's secret.

        Returns:
            The parsed body.

        Raises:
            WebhookError: the delivery is forged, too old, or not an event.
        """
        raise unsupported(self, "verify_webhook_signature")

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> "WebhookEvent":
        """Verify a delivery with the configured secrets, and return its event.

        Args:
            payload: the raw body: bytes, before a framework parsed it.
            headers: the request's headers.
            url: the public URL of the endpoint, for providers that sign it.

        Raises:
            WebhookError: the delivery is forged, too old, malformed, or cannot be verified now.
            ConfigurationError: no webhook secret is configured.
        """
        raise unsupported(self, "parse_webhook")
