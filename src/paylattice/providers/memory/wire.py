"""The embedded provider's wire format: an event is its own JSON."""

import json
from functools import cache
from typing import TYPE_CHECKING

import attrs

from ...errors import Diagnosis, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject
from ...serialization import converter

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["event_from", "payload_of"]


@cache
def _converter() -> "Converter":
    return converter()


def payload_of(event: WebhookEvent) -> bytes:
    """The body of the event's delivery."""
    return json.dumps(_converter().unstructure(event), separators=(",", ":")).encode()


def event_from(data: JsonObject, provider: str) -> WebhookEvent:
    """The event of a verified body.

    Raises:
        MalformedPayload: it is no event, or that of an embedded provider with another name.
    """
    try:
        event = _converter().structure(data, WebhookEvent)
    except Exception:  # noqa: BLE001 - whatever the body made it stumble over
        event = None
    if event is None or not event.id or not event.dedupe_key or event.provider != provider:
        message = f"the body is signed but is no event of the memory provider that is called {provider!r}"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    return attrs.evolve(event, raw=data)
