"""The service's operations that take webhook deliveries, and events that wait."""

from datetime import datetime

from ..arguments import check_utc
from ..checking import checking_class
from ..events import WebhookEvent
from ..protocol import Headers
from .customers import provider_named
from .inputs import CHECKS
from .maintenance.purge import PurgedEvents
from .outcomes import WebhookOutcome
from .replies import WebhookReply
from .repository import Tx
from .wiring import Wired

__all__ = ["DeliveryOperations"]


@checking_class(CHECKS)
class DeliveryOperations(Wired[Tx]):
    """Answer, verify and apply deliveries. :class:`paylattice.BillingService` inherits it."""

    async def respond(
        self, provider_name: str, body: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookReply:
        """Verify a delivery, apply it exactly once, and say what to answer.

        This does not raise because of the delivery's content, or because of an error while applying it (in a handler, the
        database, the provider). The log ``paylattice`` gets one record instead: a WARNING with the cure for a rejected
        delivery, an ERROR for anything else, with the error's class and the lines that it came through. Cancellation passes
        through.

        Args:
            provider_name: the provider of the delivery: each provider has its own endpoint.
            body: the raw body: bytes, before a framework parsed it.
            headers: the request's headers.
            url: the public URL of the endpoint, for providers that sign it.

        Returns:
            The reply; answer with its ``status``.

        Raises:
            InvalidRequest: ``body`` is an object that a framework made of the body. No delivery can cause that.
            ConfigurationError: a handler called this.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.deliveries.respond(provider_name, body, headers, url)

    async def handle_webhook(
        self, provider_name: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookOutcome:
        """Verify a delivery and apply it exactly once, raising any error. :meth:`respond` is simpler to use.

        Args:
            provider_name: the provider of the delivery: each provider has its own endpoint.
            payload: the raw body: bytes, before a framework parsed it.
            headers: the request's headers.
            url: the public URL of the endpoint, for providers that sign it.

        Returns:
            The outcome; answer 200 to all of them.

        Raises:
            VerificationUnavailable: answer 503.
            WebhookError: answer 400; also for a provider that this service does not have.
            Exception: any other error (a missing setting, the database, the provider, a handler): answer
                500. Nothing was changed, and the provider delivers again.
        """
        return await self._parts.deliveries.handle(provider_name, payload, headers, url)

    async def parse_webhook(
        self, provider_name: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookEvent:
        """Verify a delivery and return its event: the first half of :meth:`handle_webhook`. :meth:`apply_event` is the second.

        Args:
            provider_name: the provider of the delivery: each provider has its own endpoint.
            payload: the raw body: bytes, before a framework parsed it.
            headers: the request's headers.
            url: the public URL of the endpoint, for providers that sign it.

        Raises:
            WebhookError: the delivery is forged, too old, malformed, or cannot be verified now.
            ConfigurationError: no webhook secret is configured.
        """
        return await self._parts.deliveries.parse(provider_name, payload, headers, url)

    async def apply_event(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply a verified event, for example in a worker: the second half of :meth:`handle_webhook`.

        Args:
            event: the event that :meth:`parse_webhook` returned, in this process or in another.

        Raises:
            MalformedPayload: it is not an event, or holds what no database can store; trying again does not help.
            WebhookError: its mode (live, test) is not the provider's; or it cannot be verified now.
        """
        return await self._parts.deliveries.apply(event)

    async def apply_unmatched(self, provider_name: str) -> int:
        """Try unmatched events again. :meth:`paylattice.BillingService.maintain` does so, too.

        Args:
            provider_name: the provider of the events.

        Returns:
            How many events were applied.
        """
        self._parts.handlers.refuse_inside()
        provider_named(self._providers, provider_name)
        return await self._parts.pipeline.apply_unmatched(provider_name)

    async def purge_unmatched(self, provider_name: str, *, before: datetime) -> PurgedEvents:
        """Delete unmatched events that are older than a time and match no customer, for example of another application.

        This tries each event once more first. It applies an event that matches an organisation now. If applying it fails, it
        keeps the event, whatever its age, and reports the error.

        Args:
            provider_name: the provider of the events.
            before: aware; delete events that were unmatched before this time.
        """
        self._parts.handlers.refuse_inside()
        provider_named(self._providers, provider_name)
        check_utc("before", before)
        return await self._parts.purge.purge_unmatched(provider_name, before)
