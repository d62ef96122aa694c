"""Incoming deliveries: verify, apply, answer, and report the rejected ones."""

import logging
from collections.abc import Callable, Mapping
from typing import Generic

import attrs

from ..errors import ConfigurationError, Diagnosis, MalformedPayload, PaymentError, WebhookError
from ..events import WebhookEvent
from ..provider import BaseProvider, Headers
from .outcomes import WebhookOutcome
from .pipeline import EventPipeline
from .replies import OK, WebhookReply, check_body, log_failed, log_refused, reply_to
from .repository import Tx

__all__ = ["Deliveries", "RejectedWebhook"]

_log = logging.getLogger("paylattice")


@attrs.frozen
class RejectedWebhook:
    """A rejected delivery, for metrics and alerts, without headers and body.

    Args:
        provider: the provider of the delivery; empty if the service has none of that name (an attacker can make one up).
        error: the class of the error.
        diagnosis: the likely cause.
    """

    provider: str
    error: str
    diagnosis: Diagnosis


class Deliveries(Generic[Tx]):
    """Verifies, applies and answers deliveries.

    Args:
        providers: by name.
        pipeline: applies events.
        on_rejected: called for every rejected delivery. Its errors are logged and otherwise ignored.
    """

    def __init__(
        self,
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        on_rejected: Callable[[RejectedWebhook], None] | None,
    ) -> None:
        self._providers = providers
        self._pipeline = pipeline
        self._on_rejected = on_rejected

    async def respond(self, provider_name: str, body: bytes, headers: Headers, url: str | None) -> WebhookReply:
        """Verify and apply a delivery, and return the answer. Does not raise because of the delivery's content.

        Raises:
            InvalidRequest: the body was parsed before.
        """
        check_body(body)
        event: WebhookEvent | None = None
        try:
            event = await self.parse(provider_name, body, headers, url)
            outcome = await self._apply(event, checked=True)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is answered, and logged here or by _report
            reply = reply_to(error, verified=event is not None)
            if reply.diagnosis is None:
                log_failed(provider_name, error, reply.status)
            return reply
        return WebhookReply(OK, outcome)

    async def handle(self, provider_name: str, payload: bytes, headers: Headers, url: str | None) -> WebhookOutcome:
        """Verify a delivery, and apply its event."""
        return await self._apply(await self.parse(provider_name, payload, headers, url), checked=True)

    async def parse(self, provider_name: str, payload: bytes, headers: Headers, url: str | None) -> WebhookEvent:
        """Verify a delivery and return its event."""
        try:
            return await self._verified(provider_name, payload, headers, url)
        except WebhookError as error:
            self._report(provider_name if provider_name in self._providers else "", error, error.diagnosis)
            raise
        except ConfigurationError as error:
            self._report(provider_name, error, Diagnosis.SECRET_NOT_CONFIGURED)
            raise

    async def apply(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply a verified event that comes from a queue."""
        return await self._apply(event)

    async def _apply(self, event: WebhookEvent, *, checked: bool = False) -> WebhookOutcome:
        try:
            return await self._pipeline.apply(event, checked=checked)
        except WebhookError as error:
            self._report(getattr(event, "provider", ""), error, error.diagnosis)
            raise

    async def _verified(self, provider_name: str, payload: bytes, headers: Headers, url: str | None) -> WebhookEvent:
        receiver = self._providers.get(provider_name)
        if receiver is None:
            message = f"there is no such provider in this service; it has {', '.join(self._providers)}"
            raise WebhookError(message, diagnosis=Diagnosis.UNKNOWN_PROVIDER)
        event = await receiver.parse_webhook(payload, headers, url=url)
        if event.provider != provider_name:
            message = "the delivery is an event of another provider: each has a URL, and a secret, of its own"
            raise MalformedPayload(message, provider=provider_name, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
        return event

    def _report(self, provider: str, error: PaymentError, diagnosis: Diagnosis) -> None:
        log_refused(provider, error, diagnosis)
        if self._on_rejected is None:
            return
        try:
            self._on_rejected(RejectedWebhook(provider, type(error).__name__, diagnosis))
        except Exception:  # noqa: BLE001 - an observer must not fail the call
            _log.exception("the observer of rejected webhooks failed")
