"""Events, listed and delivered: https://docs.stripe.com/api/events and https://docs.stripe.com/webhooks."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

from ..messages import Delivery
from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["EVENT_ROUTES", "delivery_of", "thin_of"]

_THIN = "evt_thin_"
_MONTH = 30 * 86_400


def delivery_of(event: JSON, secret: str, at: int) -> Delivery:
    """An event as Stripe posts it: indented, and signed over the raw bytes."""
    payload = json.dumps(event, indent=2, ensure_ascii=False).encode()
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={at},v1={mac}",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return Delivery(event["type"], payload, headers, event["id"])


def thin_of(event: JSON) -> JSON | None:
    """The notification that a thin destination gets of an event; None: there is none of what has no id."""
    subject = event["data"]["object"]
    if "id" not in subject:
        return None
    return {
        "id": event["id"].replace("evt_", _THIN, 1),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).isoformat().replace("+00:00", "Z"),
        "livemode": event["livemode"],
        "reason": None,
        "related_object": {
            "id": subject["id"],
            "type": subject["object"],
            "url": f"/v1/{subject['object'].replace('.', '/')}s/{subject['id']}",
        },
        "type": f"v1.{event['type']}",
    }


def _retrieve_thin(world: World, _params: Params, event_id: str) -> JSON:
    event = world.need("event", event_id.replace(_THIN, "evt_", 1))
    before = event["data"].get("previous_attributes")
    after = None if before is None else {name: event["data"]["object"][name] for name in before}
    notification = thin_of(event) or {}
    return {**notification, "changes": {"after": after, "before": before}, "snapshot_event": event["id"]}


def _list(world: World, params: Params) -> JSON:
    if "type" in params and "types" in params:
        message = "You may only specify one of these parameters: type, types."
        raise invalid(message, param="type")
    wanted: list[str] = params.get("types") or [params.get("type", "*")]
    rows = [row for row in world.all("event") if row["created"] > world.now - _MONTH]
    return page(world, [row for row in rows if _is_wanted(row["type"], wanted)], params, "/v1/events")


def _is_wanted(name: str, wanted: list[str]) -> bool:
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in wanted)


EVENT_ROUTES = (
    Route("GET", "/v1/events/{id}", retrieve("event"), "", "EventRetrieveParams"),
    Route("GET", "/v2/core/events/{id}", _retrieve_thin),
    Route("GET", "/v1/events", _list, "type types[] <list>", "EventListParams"),
)
