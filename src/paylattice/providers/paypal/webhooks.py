"""Deliveries: verified by :mod:`.verification`, and read."""

from collections.abc import Callable, Mapping

from ...diagnoses import Diagnoses
from ...errors import Diagnosis, InvalidResponse, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject, text
from ...provider import Headers
from ...signatures import delivery_error, raw_body
from ...transport.primitives import mutex
from ..api import Request
from .api import PayPalAPI, path_of
from .events import event_from
from .verification.postback import PATH as POSTBACK_PATH
from .verification.transmission import SENDER, Signed, transmission_from
from .verification.verifier import WebhookVerifier
from .verification.webhook_check import WEBHOOKS, WebhookCheck, tried

__all__ = ["Webhooks"]


class Webhooks:
    """Reads deliveries, and tries out whether they could be verified.

    Args:
        api: how to ask PayPal.
        diagnoses: returns what decides whether to find out why a signature does not match.
    """

    def __init__(self, api: PayPalAPI, diagnoses: Callable[[], Diagnoses]) -> None:
        self._api = api
        self._diagnoses = diagnoses
        self._making = mutex()
        self._verifier: WebhookVerifier | None = None

    @property
    def verifier(self) -> WebhookVerifier:
        """What checks signatures. All deliveries share it: it keeps the certificates."""
        if self._verifier is None:
            with self._making:
                if self._verifier is None:
                    self._verifier = WebhookVerifier(
                        self._api.config,
                        self._api.transport,
                        clock=self._api.clock,
                        diagnoses=self._diagnoses(),
                        postback=self._post_back,
                    )
        return self._verifier

    async def parse(self, payload: bytes, headers: Headers) -> WebhookEvent:
        """Verify a delivery, and read it."""
        body = raw_body(payload, SENDER)
        transmission = transmission_from(headers)
        data = await self.verifier.verified(body, transmission)
        try:
            return event_from(data, self._api.now(), Signed(transmission, body), livemode=self._api.config.livemode)
        except InvalidResponse:  # well signed, and still no event
            refused = delivery_error(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=SENDER)
        raise refused

    def verify(self, payload: bytes, signature: str | Headers, webhook_id: str) -> Mapping[str, object]:
        """Check a delivery against one webhook id, with a certificate that was fetched before."""
        headers: Headers = {} if isinstance(signature, str) else signature
        return self.verifier.verified_offline(payload, headers, webhook_id)

    async def check(self, cert_url: str | None) -> WebhookCheck:
        """Try out whether deliveries could be verified now."""
        config = self._api.config
        config.require("webhook_id")
        known: dict[str, str | None] = {}
        for webhook_id in config.webhook_id:
            webhook = await self._api.get(f"{WEBHOOKS}{path_of(webhook_id)}", named=webhook_id)
            known[webhook_id] = None if webhook is None else text(webhook, "url") or "an unknown URL"
        return await tried(self.verifier, config, known, cert_url)

    async def _post_back(self, content: bytes) -> JsonObject:
        headers = {"Content-Type": "application/json"}
        return await self._api.send(Request("POST", POSTBACK_PATH, content=content, headers=headers, reads=True))
