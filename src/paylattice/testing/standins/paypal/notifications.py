"""Events, listed, delivered and verified: https://developer.paypal.com/docs/api/webhooks/v1/."""

import base64
import json
from datetime import UTC, datetime, timedelta

from ..messages import Delivery
from .refusals import invalid
from .routes import Request, Route
from .signing import CERTIFICATE, authority
from .world import HOST, JSON, World, link, said, sendable

__all__ = ["NOTIFICATION_ROUTES", "delivery_of"]

_KEPT = timedelta(days=30)
_LISTED = frozenset({"page_size", "start_time", "end_time", "event_type", "transaction_id", "page"})


def delivery_of(event: JSON, webhook_id: str, at: datetime, certificates: str) -> Delivery:
    """An event as PayPal posts it: with escaped slashes, and signed over a checksum of the raw bytes."""
    payload = json.dumps(sendable(event), separators=(",", ":")).replace("/", "\\/").encode()
    time = said(at)
    headers = {
        "Content-Type": "application/json",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-AUTH-VERSION": "v2",
        "PAYPAL-CERT-URL": f"{certificates}/v1/notifications/certs/{CERTIFICATE}",
        "PAYPAL-TRANSMISSION-ID": event["_transmission"],
        "PAYPAL-TRANSMISSION-SIG": authority().signature(event["_transmission"], time, webhook_id, payload),
        "PAYPAL-TRANSMISSION-TIME": time,
        "User-Agent": "PayPal/AUHD-1.0-1",
    }
    return Delivery(event["event_type"], payload, headers, event["id"])


def _list(world: World, request: Request) -> JSON:
    try:
        since = datetime.fromisoformat(request.query.get("start_time", said(world.now - _KEPT)))
        until = datetime.fromisoformat(request.query.get("end_time", said(world.now)))
    except ValueError:
        raise invalid("VALIDATION_ERROR", "Invalid data provided.", "start_time") from None
    if world.now - since > _KEPT + timedelta(days=1):
        raise invalid("VALIDATION_ERROR", "Events are kept for 30 days.", "start_time")
    size = min(int(request.query.get("page_size", "10")), world.largest_page)
    rows = [
        event
        for event in reversed(world.all("event"))
        if since <= datetime.fromisoformat(event["create_time"]).astimezone(UTC) <= until
    ]
    number = int(request.query.get("page", "1"))
    start = (number - 1) * size
    shown = [
        {
            **event,
            "status": "SUCCESS",
            "transmissions": [{"transmission_id": event["_transmission"], "webhook_url": "https://app.test/webhooks"}],
        }
        for event in rows[start : start + size]
    ]
    answer: JSON = {"events": shown, "count": len(shown), "links": []}
    if start + size < len(rows):
        query = "&".join(f"{name}={value}" for name, value in {**request.query, "page": str(number + 1)}.items())
        answer["links"].append(link(f"{HOST}/v1/notifications/webhooks-events?{query}", "next"))
    return answer


def _verify(_: World, request: Request) -> JSON:
    import zlib  # noqa: PLC0415 - the same

    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who verifies needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - the same

    body = request.body
    raw = body["_raw_event"]
    text = f"{body['transmission_id']}|{body['transmission_time']}|{body['webhook_id']}|{zlib.crc32(raw)}".encode()
    try:
        signature = base64.b64decode(body["transmission_sig"], validate=True)
        authority().key.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return {"verification_status": "FAILURE"}
    return {"verification_status": "SUCCESS"}


_VERIFICATION = {
    "auth_algo!": str,
    "cert_url!": str,
    "transmission_id!": str,
    "transmission_sig!": str,
    "transmission_time!": str,
    "webhook_id!": str,
    "webhook_event!": {},
    "_raw_event": None,
}
NOTIFICATION_ROUTES = (
    Route("GET", "/v1/notifications/webhooks-events", _list, query=_LISTED),
    Route("GET", "/v1/notifications/webhooks-events/{id}", lambda world, request: world.need("event", request.ids[0])),
    Route("POST", "/v1/notifications/verify-webhook-signature", _verify, _VERIFICATION),
)
