r"""Verification by PayPal itself: the delivery is sent back, and PayPal says whether it is its own.

https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post. The body goes into the request as it came,
byte for byte: read and written again it would not match (``\/``, ``10.0``, the order of keys).
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

import attrs

from ....errors import ConfigurationError, Diagnosis, MalformedPayload, PaymentError, VerificationUnavailable
from ....jsonlike import JsonObject, text
from ....signatures import delivery_error
from ....transport.primitives import Lock, mutex
from .transmission import ALGORITHM, SENDER, Transmission

__all__ = ["PATH", "Postback", "is_confirmed", "postback_request"]

PATH = "/v1/notifications/verify-webhook-signature"
_AT_A_TIME = 4


@attrs.define
class _Slot:
    lock: Lock
    passengers: int = 0


class Postback:
    """Asks PayPal whether deliveries are its own, a few at a time.

    Args:
        post: posts the bytes as JSON to :data:`PATH`, with the credentials, and returns the object in the answer.
        lock: makes a lock.
    """

    def __init__(self, post: Callable[[bytes], Awaitable[JsonObject]], *, lock: Callable[[], Lock]) -> None:
        self._post = post
        self._slots = [_Slot(lock()) for _ in range(_AT_A_TIME)]
        self._mutex = mutex()

    async def confirms(self, transmission: Transmission, webhook_ids: Sequence[str], body: bytes) -> bool:
        """Whether PayPal says that it sent the delivery to one of the webhooks.

        Raises:
            MalformedPayload: it is no JSON object, and cannot be asked about.
            VerificationUnavailable: PayPal says neither yes nor no, or cannot be asked now.
            ConfigurationError: there is no way to ask.
        """
        for webhook_id in webhook_ids:
            request = postback_request(transmission, webhook_id, body)
            if is_confirmed(await self._answer(request)):
                return True
        return False

    async def _answer(self, request: bytes) -> JsonObject:
        try:
            async with self._slot():
                return await self._post(request)
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message.partition(":")[0]
        message = f"PayPal cannot be asked whether the delivery is its own: {why}. PayPal will deliver again"
        raise VerificationUnavailable(message)

    @asynccontextmanager
    async def _slot(self) -> AsyncGenerator[None, None]:
        """One of the few places, in the shortest queue."""
        with self._mutex:
            slot = min(self._slots, key=lambda each: each.passengers)
            slot.passengers += 1
        try:
            async with slot.lock.held():
                yield
        finally:
            with self._mutex:
                slot.passengers -= 1


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
        raise delivery_error(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=SENDER)
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
