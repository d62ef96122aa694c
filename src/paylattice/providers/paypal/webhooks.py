"""Whether a delivery is PayPal's, for one of our webhooks, and recent.

The signature proves who sent it and when, and which webhook it is for. The body is under a CRC-32 only, which is no MAC:
whoever has seen one delivery can make another body for it. So a transmission counts once, and what its body says is read again
from PayPal before value is given for it.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, cast

from ...errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    PaymentError,
    StaleSignature,
    VerificationUnavailable,
)
from ...jsonlike import JsonObject, parse_object
from ...operations import current_operation
from ...provider import Headers
from ...signatures import raw_body, refusal, rewritten
from ...transport.messages import Request, Response
from .certificate_urls import CertificateSources
from .certificates import CertificateStore
from .chains import SigningKey
from .postback import is_confirmed, postback_request
from .transmission import SENDER, Transmission, transmission_from

if TYPE_CHECKING:
    from ...transport import Transport
    from .config import PayPalConfig

__all__ = ["SIMULATOR", "Transmission", "WebhookVerifier", "transmission_from"]

SIMULATOR = "WEBHOOK_ID"
"""The webhook id, literally, of what PayPal's simulator sends, to anybody, with any content."""
_AHEAD = 300.0
"""Seconds that PayPal's clock may be ahead of this machine's."""
_LARGEST_TO_DIAGNOSE = 256 * 1024
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""PayPal says letters and digits, at most 50. What matters is that no bar is in it."""
_CURE = (
    "it was altered, or is meant for another webhook. PAYPAL_WEBHOOK_ID must hold the id that PayPal shows beside this URL: "
    "every URL has one of its own, and so have sandbox and live"
)
_NO_ID = "a PayPal webhook id (PAYPAL_WEBHOOK_ID) holds only letters and digits, such as 0EH40505U7160970P"
_NOT_LIVE = "PayPalConfig(simulator=True) is for tests against the sandbox: with it, anybody could make up live events"
_ANYBODY = (
    "the webhook id WEBHOOK_ID is that of PayPal's simulator, with which anybody can have PayPal sign any event: take the "
    "id of your own webhook. For tests there is PayPalConfig(simulator=True)"
)


class WebhookVerifier:
    """Checks deliveries.

    Args:
        settings: the webhook ids, the environment, whom to believe.
        transport: how to fetch certificates.
        clock: seconds since 1970.
        postback: posts the bytes as JSON to :data:`~.postback.PATH`, with the credentials, and returns the object in the
            answer; for ``webhook_verification="postback"``.

    Raises:
        ConfigurationError: the settings would believe the simulator while real money moves.
    """

    def __init__(
        self,
        settings: "PayPalConfig",
        transport: "Transport",
        *,
        clock: Callable[[], float],
        postback: Callable[[bytes], Awaitable[JsonObject]] | None = None,
    ) -> None:
        if settings.simulator and settings.livemode:
            raise ConfigurationError(_NOT_LIVE)
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._postback = postback
        self._sources = CertificateSources(settings)
        self._store = CertificateStore(settings, self._get, lock=transport.lock, clock=clock)

    async def verified(self, payload: bytes, headers: Headers | Transmission) -> JsonObject:
        """The body of a delivery that PayPal sent to one of the configured webhooks, not long ago.

        Args:
            payload: the raw body.
            headers: the request's headers, or what :func:`transmission_from` made of them.

        Raises:
            InvalidSignature: it is not PayPal's, or not for these webhooks.
            StaleSignature: it is too old, or from the future.
            MalformedPayload: it is no JSON object.
            VerificationUnavailable: that cannot be told now; PayPal will deliver again.
            ConfigurationError: there is no webhook id, or the package cryptography is missing.
        """
        transmission = headers if isinstance(headers, Transmission) else transmission_from(headers)
        body = raw_body(payload, SENDER)
        if self._settings.webhook_verification == "postback":
            await self._ask_paypal(transmission, body)
        else:
            await self._check(transmission, body)
        return self._recent(transmission, body)

    def verified_offline(self, payload: bytes, headers: Headers | Transmission, webhook_id: str) -> JsonObject:
        """The same for one webhook, without the network: with a certificate that was fetched before.

        Raises:
            InvalidSignature: it is not PayPal's, or not for this webhook.
            StaleSignature: it is too old, or from the future.
            MalformedPayload: it is no JSON object.
            VerificationUnavailable: the certificate is not here.
            ConfigurationError: that is no webhook id.
        """
        transmission = headers if isinstance(headers, Transmission) else transmission_from(headers)
        body = raw_body(payload, SENDER)
        ids = self._usable((webhook_id,), transmission.cert_url)
        key = self._store.cached(transmission.cert_url)
        if key is None:
            key = self._store.cached(self._sources.source(transmission.cert_url).url)
        if key is None:
            message = (
                "the certificate that the delivery is signed with has not been fetched: await parse_webhook, which fetches "
                "it, or preload it"
            )
            raise VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE)
        if not _fits(key, transmission, ids, body):
            raise _mismatch(key, transmission, ids, body)
        return self._recent(transmission, body)

    async def preload(self, cert_url: str) -> None:
        """Fetch the certificate at an address that an earlier delivery named, if it is not here.

        Raises:
            WebhookError: it cannot be had, or is not PayPal's.
            ConfigurationError: the trust store cannot be read, or the package cryptography is missing.
        """
        await self._store.key(self._sources.source(cert_url))

    async def _check(self, transmission: Transmission, body: bytes) -> None:
        ids = self._usable(self._configured(), transmission.cert_url)
        key = self._store.cached(transmission.cert_url)
        if key is None:
            key = await self._store.key(self._sources.source(transmission.cert_url))
        if not _fits(key, transmission, ids, body):
            newer = await self._store.renewed(self._sources.source(transmission.cert_url), key)
            if newer is None or not _fits(newer, transmission, ids, body):
                raise _mismatch(newer or key, transmission, ids, body)

    async def _ask_paypal(self, transmission: Transmission, body: bytes) -> None:
        if self._postback is None:
            message = 'webhook_verification="postback" needs a way to ask PayPal'
            raise ConfigurationError(message)
        self._sources.source(transmission.cert_url)
        ids = self._usable(self._configured(), transmission.cert_url)
        for webhook_id in (each for each in ids if each != SIMULATOR):  # which PayPal does not know
            request = postback_request(transmission, webhook_id, body)
            try:
                answer = await self._postback(request)
            except ConfigurationError:
                raise
            except PaymentError as error:
                why = error.message.partition(":")[0]
            else:
                if is_confirmed(answer):
                    return
                continue
            message = f"PayPal cannot be asked whether the delivery is its own: {why}. PayPal will deliver again"
            raise VerificationUnavailable(message)
        message = f"PayPal says that the delivery is not its own: {_CURE}"
        raise InvalidSignature(message, diagnosis=Diagnosis.WRONG_SECRET)

    def _configured(self) -> Sequence[str]:
        ids = self._settings.webhook_id
        if self._settings.simulator:
            return ids if SIMULATOR in ids else (*ids, SIMULATOR)
        if not ids:
            self._settings.require("webhook_id")
        return ids

    def _usable(self, ids: Sequence[str], cert_url: str) -> Sequence[str]:
        """The webhook ids that a delivery with this certificate may be for.

        Raises:
            ConfigurationError: one of them cannot be one.
        """
        simulator = self._settings.simulator
        for webhook_id in ids:
            if webhook_id == SIMULATOR and not simulator:
                raise ConfigurationError(_ANYBODY)
            if not _WEBHOOK_ID.fullmatch(str(webhook_id)):  # not every caller checks types
                raise ConfigurationError(_NO_ID)
        if simulator and self._sources.source(cert_url).environment != self._settings.environment:
            return (SIMULATOR,) if SIMULATOR in ids else ()
        return ids

    def _recent(self, transmission: Transmission, body: bytes) -> JsonObject:
        age = self._clock() - transmission.sent_at
        if age > self._settings.max_age:
            raise refusal(StaleSignature, Diagnosis.TIMESTAMP_TOO_OLD, sender=SENDER)
        if age < -_AHEAD:
            raise refusal(StaleSignature, Diagnosis.CLOCK_SKEW, sender=SENDER)
        data = parse_object(body)
        if data is None:
            raise refusal(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=SENDER)
        return data

    async def _get(self, url: str) -> Response:
        """Without the bearer token; the transport follows no redirect."""
        operation = current_operation() or "parse_webhook"
        accept = {"Accept": "application/x-pem-file, text/plain, */*"}
        return await self._transport.send(
            Request(
                "GET",
                url,
                headers=accept,
                provider=self._settings.provider,
                operation=operation,
                request_id_header="paypal-debug-id",
            )
        )


def _fits(key: SigningKey, transmission: Transmission, ids: Sequence[str], body: bytes) -> bool:
    for webhook_id in ids:  # noqa: SIM110 - this runs for every delivery, and a generator costs more than the rest of it
        if key.check(transmission.signature_bytes, transmission.signed_text(webhook_id, body)):
            return True
    return False


def _mismatch(key: SigningKey, transmission: Transmission, ids: Sequence[str], body: bytes) -> InvalidSignature:
    """Why the signature does not fit, as far as the unverified body can tell. Nothing else is done with it."""
    data = parse_object(body) if len(body) <= _LARGEST_TO_DIAGNOSE else None
    if data is not None:
        originals = {each for one in rewritten(body, data) for each in (one, one.replace(b"/", b"\\/"))}
        if any(_fits(key, transmission, ids, original) for original in originals):
            return cast("InvalidSignature", refusal(InvalidSignature, Diagnosis.BODY_REENCODED, sender=SENDER))
    message = f"the delivery is not signed by PayPal for this webhook: {_CURE}"
    return InvalidSignature(message, diagnosis=Diagnosis.WRONG_SECRET)
