"""The embedded provider's wire format: an event is its own JSON."""

import json
import logging
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, get_type_hints

import attrs

from ...errors import Diagnosis, MalformedPayload
from ...events import WebhookEvent
from ...jsonlike import JsonObject, has_identities
from ...serialization import converter

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["event_from", "payload_of"]

_log = logging.getLogger("paylattice")


@cache
def _converter() -> "Converter":
    return converter()


def payload_of(event: WebhookEvent) -> bytes:
    """The body of the event's delivery."""
    return json.dumps(_converter().unstructure(event), separators=(",", ":")).encode()


def event_from(data: JsonObject, provider: str, now: datetime) -> WebhookEvent:
    """The event of a verified body. What cannot be read in it is left out, but for its id and its type.

    Args:
        data: the body.
        provider: the name of the provider that it must be of, if it names one.
        now: when it happened, if it does not say so.

    Raises:
        MalformedPayload: it is no event, or that of an embedded provider with another name.
    """
    if not has_identities(data, "id", "type") or data.get("provider") not in {provider, None}:
        message = f"the body is signed but is no event of the memory provider that is called {provider!r}"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    try:
        event = _converter().structure(data, WebhookEvent)
    except Exception:  # noqa: BLE001 - whatever the body made it stumble over
        usual = {"created_at": now.isoformat(), "dedupe_key": data["id"]}
        event = _converter().structure({**usual, **_readable(data)}, WebhookEvent)
    return attrs.evolve(event, dedupe_key=event.dedupe_key or event.id, provider=provider, raw=data)


def _readable(data: JsonObject) -> dict[str, object]:
    """The fields of the event that can be read."""
    kinds = get_type_hints(WebhookEvent)
    found: dict[str, object] = {}
    for field in attrs.fields(WebhookEvent):
        if field.name in data:
            try:
                _converter().structure(data[field.name], kinds[field.name])
            except Exception:  # noqa: BLE001 - likewise
                _log.warning("memory: an event's %s cannot be read, and is left out", field.name)
            else:
                found[field.name] = data[field.name]
    return found
