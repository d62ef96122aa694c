"""Events, listed, delivered and verified: https://developer.paypal.com/docs/api/webhooks/v1/."""

import json
from datetime import datetime, timedelta
from typing import cast

from ..messages import Delivery
from ..shapes import Shape, sendable
from .refusals import Refusal, invalid, missing
from .routes import ANYTHING, Request, Route, page
from .signing import authority
from .world import JSON, World, link, moment, said

__all__ = ["NOTIFICATION_ROUTES", "delivery_of"]

_KEPT = timedelta(days=30)
_PATH = "/v1/notifications/webhooks-events"
_WEBHOOKS = "/v1/notifications/webhooks"
_URL = "https://app.test/webhooks"
_LISTED = frozenset({"page_size", "start_time", "end_time", "event_type", "transaction_id", "page"})
_ALGORITHM = "SHA256withRSA"


def delivery_of(event: JSON, webhook_id: str, at: datetime, certificates: str) -> Delivery:
    """An event as PayPal posts it: with escaped slashes, and signed over a checksum of the raw bytes."""
    payload = json.dumps(sendable(event), separators=(",", ":")).replace("/", "\\/").encode()
    time = said(at)
    headers = {
        "Content-Type": "application/json",
        "PAYPAL-AUTH-ALGO": _ALGORITHM,
        "PAYPAL-AUTH-VERSION": "v2",
        "PAYPAL-CERT-URL": f"{certificates}/v1/notifications/certs/{authority().name}",
        "PAYPAL-TRANSMISSION-ID": event["_transmission"],
        "PAYPAL-TRANSMISSION-SIG": authority().signature(event["_transmission"], time, webhook_id, payload),
        "PAYPAL-TRANSMISSION-TIME": time,
        "User-Agent": "PayPal/AUHD-1.0-1",
    }
    return Delivery(event["event_type"], payload, headers, event["id"])


def _wrong(said_: str, field: str) -> Refusal:
    return invalid("VALIDATION_ERROR", said_, field, place="query")


def _time(request: Request, name: str, default: datetime) -> datetime:
    try:
        return moment(request.query[name]) if name in request.query else default
    except ValueError:
        raise _wrong("It is no time.", name) from None


def _list(world: World, request: Request) -> JSON:
    since = _time(request, "start_time", world.now - _KEPT)
    until = _time(request, "end_time", world.now)
    if world.now - since > _KEPT + timedelta(days=1):
        raise _wrong("Events are kept for 30 days.", "start_time")
    rows = [event for event in reversed(world.all("event")) if since <= moment(event["create_time"]) <= until]
    if "event_type" in request.query:
        rows = [event for event in rows if event["event_type"] == request.query["event_type"]]
    if "transaction_id" in request.query:
        rows = [event for event in rows if event["resource"].get("id") == request.query["transaction_id"]]
    found = page(world, [_kept(event) for event in rows], "events", request, _PATH, most=300)
    return {**found, "count": len(found["events"])}


def _kept(event: JSON) -> JSON:
    """An event as it is listed: with what is known of its deliveries."""
    transmissions = [{"transmission_id": each, "webhook_url": _URL} for each in event["_transmissions"]]
    return {**event, "status": "SUCCESS", "transmissions": transmissions}


def _get(world: World, request: Request) -> JSON:
    return _kept(world.need("event", request.ids[0]))


def _resend(world: World, request: Request) -> JSON:
    event = world.need("event", request.ids[0])
    wanted = request.body.get("webhook_ids", [world.webhook_id])
    if world.webhook_id in wanted:
        world.transmit(event)
    return _kept(event)


def _webhook(world: World, request: Request) -> JSON:
    if request.ids[0] != world.webhook_id:
        raise missing()
    path = f"{_WEBHOOKS}/{world.webhook_id}"
    types = [{"name": "*", "description": "ALL"}]
    return {"id": world.webhook_id, "url": _URL, "event_types": types, "links": [link(path, "self")]}


# --- PayPal's own verification -----------------------------------------------------------------------------------


def _verify(world: World, request: Request) -> JSON:
    body = request.body
    is_ours = body["webhook_id"] == world.webhook_id and body["auth_algo"] == _ALGORITHM
    names_ours = body["cert_url"].endswith(f"/v1/notifications/certs/{authority().name}")
    raw = _raw_event(request.raw.decode("utf-8", "replace"))
    signed = is_ours and names_ours and authority().signed(body, raw.encode())
    return {"verification_status": "SUCCESS" if signed else "FAILURE"}


def _raw_event(text: str) -> str:
    """``webhook_event`` as it was sent, character for character: PayPal's checksum is that of what was delivered."""
    decoder = json.JSONDecoder()
    at = text.index("{") + 1
    found = ""
    while True:
        at = _past(text, at, " \t\r\n,")
        if text[at] == "}":
            return found
        name, at = cast("tuple[str, int]", decoder.raw_decode(text, at))
        begin = _past(text, at, " \t\r\n:")
        _, at = decoder.raw_decode(text, begin)
        if name == "webhook_event":
            found = text[begin:at]


def _past(text: str, at: int, skipped: str) -> int:
    while text[at] in skipped:
        at += 1
    return at


_VERIFICATION: Shape = {
    "auth_algo!": str,
    "cert_url!": str,
    "transmission_id!": str,
    "transmission_sig!": str,
    "transmission_time!": str,
    "webhook_id!": str,
    "webhook_event!": ANYTHING,
}
NOTIFICATION_ROUTES = (
    Route("GET", f"{_WEBHOOKS}/{{id}}", _webhook),
    Route("GET", _PATH, _list, query=_LISTED),
    Route("GET", f"{_PATH}/{{id}}", _get),
    Route("POST", f"{_PATH}/{{id}}/resend", _resend, {"webhook_ids": [str]}, status=202),
    Route("POST", "/v1/notifications/verify-webhook-signature", _verify, _VERIFICATION),
)
