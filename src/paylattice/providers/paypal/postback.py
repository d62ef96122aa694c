r"""Verification by PayPal itself: the delivery is sent back, and PayPal says whether it is its own.

https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post. The body goes into the request as it came,
byte for byte: read and written again it would not match (``\/``, ``10.0``, the order of keys).
"""

import json
from typing import NoReturn

from ...errors import Diagnosis, MalformedPayload, VerificationUnavailable
from ...jsonlike import JsonObject, text
from ...signatures import refusal
from .transmission import ALGORITHM, SENDER, Transmission

__all__ = ["PATH", "is_confirmed", "postback_request"]

PATH = "/v1/notifications/verify-webhook-signature"


def postback_request(transmission: Transmission, webhook_id: str, body: bytes) -> bytes:
    """The JSON to post to :data:`PATH`.

    Args:
        transmission: the delivery's headers.
        webhook_id: the webhook that it is said to be for.
        body: the raw body. It must be one JSON object and nothing else, or it could bring fields of its own into the request.

    Raises:
        MalformedPayload: it is not.
    """
    if not _is_one_object(body):
        raise refusal(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=SENDER)
    about = {
        "auth_algo": ALGORITHM,
        "cert_url": transmission.cert_url,
        "transmission_id": transmission.id,
        "transmission_sig": transmission.signature,
        "transmission_time": transmission.time,
        "webhook_id": webhook_id,
    }
    return json.dumps(about)[:-1].encode() + b', "webhook_event": ' + body + b"}"


def is_confirmed(answer: JsonObject) -> bool:
    """What PayPal says about the delivery.

    Raises:
        VerificationUnavailable: it says neither yes nor no.
    """
    status = text(answer, "verification_status")
    if status not in {"SUCCESS", "FAILURE"}:
        message = "PayPal's answer to the verification says neither yes nor no. PayPal will deliver again"
        raise VerificationUnavailable(message)
    return status == "SUCCESS"


def _is_one_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body.decode(), parse_constant=_no_json), dict)
    except (ValueError, RecursionError):
        return False


def _no_json(word: str) -> NoReturn:
    """``NaN`` and the like, which Python reads and others do not."""
    raise ValueError(word)
