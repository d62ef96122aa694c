"""Webhooks: the signature over the raw bytes, and the event of a verified body.

The scheme of ``Stripe-Signature``: https://docs.stripe.com/webhooks#verify-manually.
"""

from ...errors import Diagnosis, InvalidResponse, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject, text
from ...signatures import TimestampedScheme
from .events import SNAPSHOT, THIN, event_from

__all__ = ["SIGNATURE", "delivered"]


def _is_event(data: JsonObject) -> bool:
    return text(data, "object") in {SNAPSHOT, THIN} and bool(text(data, "id")) and bool(text(data, "type"))


SIGNATURE = TimestampedScheme("Stripe", "Stripe-Signature", _is_event)
"""Each endpoint has a secret of its own (``whsec_...``), and so has ``stripe listen``."""


def delivered(data: JsonObject) -> WebhookEvent:
    """The event of a verified body.

    Raises:
        MalformedPayload: it has no time.
    """
    try:
        return event_from(data)
    except InvalidResponse as error:
        why = error.message
    raise MalformedPayload(why, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
