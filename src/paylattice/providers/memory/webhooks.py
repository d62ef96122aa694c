"""Signed deliveries: ``Paylattice-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>." + body>``."""

import hashlib
import hmac
import json
from collections.abc import Mapping

import attrs

from ...errors import Diagnosis, InvalidSignature, MalformedPayload, StaleSignature
from ...headers import header
from ...provider import Headers

__all__ = ["HEADER", "Delivery", "sign", "verify"]

HEADER = "Paylattice-Signature"
TOLERANCE = 300.0


@attrs.frozen
class Delivery:
    """One webhook, as it would arrive over HTTP. ``payload`` and ``headers`` go into ``handle_webhook``."""

    type: str
    payload: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    event_id: str


def sign(payload: bytes, secret: str, now: float) -> Mapping[str, str]:
    """The headers of a delivery."""
    stamp = str(int(now))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", HEADER: f"t={stamp},v1={mac}"}


def verify(payload: bytes, signature: str | Headers, secrets: tuple[str, ...], now: float) -> dict[str, object]:
    """The parsed body, if one of the secrets signed it not long ago."""
    value = signature if isinstance(signature, str) else header(signature, HEADER)
    if value is None:
        message = f"the {HEADER} header is missing"
        raise InvalidSignature(message, diagnosis=Diagnosis.HEADER_MISSING)
    stamp, _, mac = value.partition(",v1=")
    if not stamp.startswith("t=") or not stamp[2:].isdecimal():
        message = f"the {HEADER} header is malformed"
        raise InvalidSignature(message, diagnosis=Diagnosis.HEADER_MALFORMED)
    stamp = stamp[2:]
    for secret in secrets:
        right = hmac.new(secret.encode(), f"{stamp}.".encode() + payload, hashlib.sha256).hexdigest()
        if hmac.compare_digest(right.encode(), mac.encode()):
            break
    else:
        message = "no configured secret signed this"
        raise InvalidSignature(message, diagnosis=Diagnosis.WRONG_SECRET)
    if abs(now - int(stamp)) > TOLERANCE:
        message = "stale"
        raise StaleSignature(message, diagnosis=Diagnosis.TIMESTAMP_TOO_OLD)
    try:
        body = json.loads(payload)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        message = "the body is no JSON object"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    return body
