"""Events, listed and delivered: https://developer.squareup.com/docs/webhooks/overview and .../docs/events-api/overview."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

from ..messages import Delivery
from ..shapes import sendable
from .fields import RANGE, Fields, One
from .pages import limit_of, page
from .routes import Request, Route
from .world import API_VERSION, JSON, World, moment_from, part, stamp

__all__ = ["EVENT_ROUTES", "delivery_of"]

_KEPT = timedelta(days=28)
_MOST = 100


def delivery_of(event: JSON, key: str, url: str, *, sandbox: bool, retry: int = 0, reason: str = "") -> Delivery:
    """An event as Square posts it: signed over the address and the raw bytes, and also in the old way.

    Args:
        event: what.
        key: signs it.
        url: where to.
        sandbox: whether it is the sandbox's.
        retry: the number of the attempt after the first; 0: it is the first.
        reason: why it is sent again.
    """
    payload = json.dumps(sendable(event), separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Square Connect v2",
        "square-environment": "Sandbox" if sandbox else "Production",
        "square-initial-delivery-timestamp": stamp(event["_at"], decimals=0),
        "square-version": API_VERSION,
        "x-square-hmacsha256-signature": _signature(payload, key, url, "sha256"),
        "x-square-signature": _signature(payload, key, url, "sha1"),
    }
    if retry:
        headers |= {"square-retry-number": str(retry), "square-retry-reason": reason}
    return Delivery(event["type"], payload, headers, event["event_id"])


def _signature(payload: bytes, key: str, url: str, kind: str) -> str:
    mac = hmac.new(key.encode(), url.encode() + payload, getattr(hashlib, kind))
    return base64.b64encode(mac.digest()).decode("ascii")


def _search(world: World, request: Request) -> JSON:
    wanted = part(request.body, "query", "filter")
    span = part(wanted, "created_at")
    field = "query.filter.created_at"
    since = moment_from(span["start_at"], f"{field}.start_at") if span.get("start_at") else world.now - _KEPT
    until = moment_from(span["end_at"], f"{field}.end_at") if span.get("end_at") else world.now
    types, merchants, places = (wanted.get(name) for name in ("event_types", "merchant_ids", "location_ids"))
    rows = world.all(
        "event",
        lambda row: (
            max(since, world.now - _KEPT) <= row["_at"] <= until
            and (not types or row["type"] in types)
            and (not merchants or row["merchant_id"] in merchants)
            and (not places or row.get("location_id") in places)
        ),
    )
    if part(request.body, "query", "sort").get("order") != "ASC":
        rows.reverse()
    answer = page(world, request, rows, "events", limit_of(request, _MOST, _MOST, strict=True))
    if "events" in answer:
        answer["metadata"] = [{"event_id": event["event_id"], "api_version": API_VERSION} for event in answer["events"]]
    return answer


_SEARCH: Fields = {
    "cursor": str,
    "limit": int,
    "query": {
        "filter": {"event_types": [str], "merchant_ids": [str], "location_ids": [str], "created_at": RANGE},
        "sort": {"field": One("DEFAULT"), "order": One("ASC DESC")},
    },
}
EVENT_ROUTES = (Route("POST", "/v2/events", _search, _SEARCH, personal=True),)
