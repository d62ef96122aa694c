"""Webhooks: the signature over the raw bytes, and the event of a verified body.

The scheme of ``Stripe-Signature``: https://docs.stripe.com/webhooks#verify-manually.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ...diagnoses import Diagnoses
from ...errors import Diagnosis, InvalidResponse, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject, has_identities
from ...provider import Headers
from ...signatures import SigningKey, TimestampedScheme, secret_from
from .config import StripeConfig
from .events import SNAPSHOT, THIN, event_from

__all__ = ["SIGNATURE", "Webhooks", "delivered"]


def _is_event(data: JsonObject) -> bool:
    kind = data.get("object")  # alone, it does not make it an event
    return kind in (SNAPSHOT, THIN, None) and has_identities(data, "id", "type")


SIGNATURE = TimestampedScheme("Stripe", "Stripe-Signature", _is_event)
"""Each endpoint has a secret of its own (``whsec_...``), and so has ``stripe listen``."""


def delivered(data: JsonObject, now: float, account_id: str | None = None) -> WebhookEvent:
    """The event of a verified body.

    Args:
        data: the body.
        now: seconds since 1970; when it happened, if it does not say so: it was signed a moment ago.
        account_id: the connected account that it is of, if it does not say so.

    Raises:
        MalformedPayload: it is none.
    """
    try:
        return event_from(data, lambda: datetime.fromtimestamp(now, UTC), account_id=account_id)
    except InvalidResponse as error:
        why = error.message
    raise MalformedPayload(why, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)


class Webhooks:
    """Reads deliveries.

    Args:
        config: the settings.
        clock: seconds since 1970.
    """

    def __init__(self, config: StripeConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._keys = [SigningKey(secret) for secret in config.webhook_secret]
        self._clock = clock

    def verify(
        self, payload: bytes, signature: str | Headers, secret: str, diagnoses: Diagnoses
    ) -> Mapping[str, object]:
        """Check a delivery against one secret."""
        key = SigningKey(secret_from(secret, "STRIPE_WEBHOOK_SECRET"))
        return SIGNATURE.verified(payload, signature, (key,), clock=self._clock, diagnoses=diagnoses)

    def parse(self, payload: bytes, headers: Headers, *, diagnoses: Diagnoses, livemode: bool | None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and return its event."""
        if not self._keys:
            self._config.require("webhook_secret")
        data = SIGNATURE.verified(
            payload, headers, self._keys, clock=self._clock, diagnoses=diagnoses, livemode=livemode
        )
        return delivered(data, self._clock(), self._config.account)
