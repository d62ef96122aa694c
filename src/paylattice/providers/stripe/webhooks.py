"""Webhooks: the signature over the raw bytes, and the event of a verified body.

The scheme of ``Stripe-Signature``: https://docs.stripe.com/webhooks#verify-manually.
"""

from datetime import UTC, datetime

from ...errors import Diagnosis, InvalidResponse, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject, text
from ...signatures import TimestampedScheme
from .events import SNAPSHOT, THIN, event_from

__all__ = ["SIGNATURE", "delivered"]


def _is_event(data: JsonObject) -> bool:
    kind = text(data, "object")  # which is not what makes it an event: its id and its type are
    return kind in {SNAPSHOT, THIN, None} and bool(text(data, "id")) and bool(text(data, "type"))


SIGNATURE = TimestampedScheme("Stripe", "Stripe-Signature", _is_event)
"""Each endpoint has a secret of its own (``whsec_...``), and so has ``stripe listen``."""


def delivered(data: JsonObject, now: float) -> WebhookEvent:
    """The event of a verified body.

    Args:
        data: the body.
        now: seconds since 1970; when it happened, if it does not say so: it was signed a moment ago.

    Raises:
        MalformedPayload: it is none.
    """
    try:
        return event_from(data, lambda: datetime.fromtimestamp(now, UTC))
    except InvalidResponse as error:
        why = error.message
    raise MalformedPayload(why, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
