"""Events, listed and delivered, and the location: https://developer.squareup.com/docs/webhooks/overview."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from ..messages import Delivery
from .refusals import bad
from .routes import Request, Route, page
from .world import JSON, World, sendable, stamp

__all__ = ["EVENT_ROUTES", "delivery_of"]

_KEPT = timedelta(days=28)


def delivery_of(event: JSON, key: str, url: str, *, sandbox: bool) -> Delivery:
    """An event as Square posts it: signed over the address and the raw bytes."""
    payload = json.dumps(sendable(event), separators=(",", ":"), ensure_ascii=False).encode()
    mac = hmac.new(key.encode(), url.encode() + payload, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "Square-Environment": "Sandbox" if sandbox else "Production",
        "Square-Initial-Delivery-Timestamp": stamp(event["_at"]),
        "User-Agent": "Square Connect v2",
        "X-Square-Hmacsha256-Signature": base64.b64encode(mac).decode("ascii"),
    }
    return Delivery(event["type"], payload, headers, event["event_id"])


def _events(world: World, request: Request) -> JSON:
    wanted = request.body.get("query", {}).get("filter", {})
    span = wanted.get("created_at", {})
    try:
        since = datetime.fromisoformat(span["start_at"]) if "start_at" in span else world.now - _KEPT
        until = datetime.fromisoformat(span["end_at"]) if "end_at" in span else world.now
    except ValueError:
        raise bad("INVALID_TIME", "The time is not one.", "query.filter.created_at") from None
    types = wanted.get("event_types")

    def fits(event: JSON) -> bool:
        at = event["_at"].replace(microsecond=event["_at"].microsecond // 1000 * 1000)
        return since <= at <= until and at >= world.now - _KEPT and (not types or event["type"] in types)

    rows = list(world.all("event", fits))
    if request.body.get("query", {}).get("sort", {}).get("order") != "ASC":
        rows.reverse()
    return page(world, rows, "events", request.body.get("cursor"), request.body.get("limit", 100))


def _location(world: World, request: Request) -> JSON:
    if request.ids[0] not in {"main", world.location["id"]}:
        raise bad("NOT_FOUND", "No such location.")
    return {"location": world.location}


EVENT_ROUTES = (
    Route("POST", "/v2/events", _events, {"query": {"filter": {}, "sort": {}}, "limit": int, "cursor": str}),
    Route("GET", "/v2/locations", lambda world, _: {"locations": [world.location]}),
    Route("GET", "/v2/locations/{id}", _location),
)
