"""Whether a delivery is PayPal's, for one of our webhooks, and recent.

The signature proves who sent it and when, and which webhook it is for. The body is under a CRC-32 only, which is no MAC: an
attacker who has seen one delivery can make another body for it. So a transmission counts once, and what its body says is read
again from PayPal before value is given for it.

In this order, so that a forgery costs little, and what is missing here is not taken for a forgery:

============================================  ========================================================================
what is wrong                                 result
============================================  ========================================================================
a header, or the certificate's address        refused (``InvalidSignature``); nothing is fetched
the certificate cannot be had                 PayPal is asked, a few times in a minute
the signature does not fit the certificate    refused at once; nothing more is fetched or asked
it was sent too long ago                      refused (``StaleSignature``)
the certificate is not PayPal's, or expired   refused
its chain leads to no root that is trusted    its issuer is fetched; if that does not help, PayPal is asked
PayPal says that it is not its own            refused
PayPal cannot be asked                        ``VerificationUnavailable``: PayPal will deliver again
============================================  ========================================================================

``verify="offline"`` asks no one: where PayPal would be asked, it is ``VerificationUnavailable`` at once. ``verify="postback"``
needs no certificate: PayPal is asked about every delivery whose headers could be its own.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from ....diagnoses import Diagnoses
from ....errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    StaleSignature,
    VerificationUnavailable,
)
from ....guard import current_operation
from ....jsonlike import JsonObject, parse_event, parse_object
from ....provider import Headers
from ....signatures import delivery_error, raw_body, rewritten
from ....transport.messages import Request, Response
from ....transport.observers import WebhookVerified, has_observers, tell_verified
from ....transport.primitives import mutex
from .certificate_urls import CertificateSource, CertificateSources
from .certificates import CertificateStore, Signer
from .issuers import Chains
from .postback import Postback
from .rates import Rate
from .transmission import SENDER, Transmission, transmission_from

if TYPE_CHECKING:
    from ....transport import Transport
    from ..config import PayPalConfig

__all__ = ["SIMULATOR", "Transmission", "WebhookVerifier", "transmission_from"]

_log = logging.getLogger("paylattice")

SIMULATOR = "WEBHOOK_ID"
"""The literal webhook id of PayPal's simulator, which sends any content to anyone."""
_AHEAD = 300.0
"""Seconds that PayPal's clock may be ahead of this machine's."""
_LATE = 4 * 86_400.0
"""Seconds after sending from which on the certificate must be valid still. Before, it is enough that it was when the delivery
was sent: PayPal may replace a certificate while it tries to deliver."""
_UNCHECKED = 10
"""How often in a minute PayPal is asked about deliveries with an unchecked signature."""
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
        settings: the webhook ids, the environment, the trusted authorities.
        transport: how to fetch certificates.
        clock: seconds since 1970.
        diagnoses: whether to find out why a signature does not match.
        postback: posts the bytes as JSON to :data:`~.postback.PATH`, with the credentials, and returns the object in the
            answer; None: PayPal cannot be asked.

    Raises:
        ConfigurationError: the settings would trust the simulator while real money moves.
    """

    def __init__(
        self,
        settings: "PayPalConfig",
        transport: "Transport",
        *,
        clock: Callable[[], float],
        diagnoses: Diagnoses | None = None,
        postback: Callable[[bytes], Awaitable[JsonObject]] | None = None,
    ) -> None:
        if settings.simulator and settings.livemode:
            raise ConfigurationError(_NOT_LIVE)
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._postback = None if postback is None else Postback(postback, lock=transport.lock)
        self._diagnoses = diagnoses or Diagnoses()
        self._unchecked = Rate(_UNCHECKED, 60.0, clock)
        self._sources = CertificateSources(settings)
        self._store = CertificateStore(self._get, lock=transport.lock, clock=clock)
        issuers = None if self._sources.is_local else self._get  # a local server stands in for everybody
        self._chains = Chains(settings.trust_store, issuers, lock=transport.lock, clock=clock)
        self._ids: dict[str, Sequence[str]] = {}
        self._told: set[str] = set()
        self._mutex = mutex()

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
        body = raw_body(payload, SENDER)  # first: no header fits what a framework has parsed
        transmission = headers if isinstance(headers, Transmission) else transmission_from(headers)
        if self._settings.verify == "postback":
            ids = self._ids_for(self._sources.source(transmission.cert_url))
            await self._ask(transmission, ids, body)
            self._check_time(transmission)
            self._tell("postback")
        else:
            await self._check(transmission, body)
        return _object_in(body)

    def verified_offline(self, payload: bytes, headers: Headers | Transmission, webhook_id: str) -> JsonObject:
        """The same for one webhook, without the network: with a certificate that was fetched before.

        Raises:
            InvalidSignature: it is not PayPal's, or not for this webhook.
            StaleSignature: it is too old, or from the future.
            MalformedPayload: it is no JSON object.
            VerificationUnavailable: the certificate is not here, or one between it and a trusted root is not.
            ConfigurationError: that is no webhook id.
        """
        body = raw_body(payload, SENDER)  # first: no header fits what a framework has parsed
        transmission = headers if isinstance(headers, Transmission) else transmission_from(headers)
        source = self._sources.source(transmission.cert_url)
        ids = self._usable((webhook_id,), source)
        signer = self._store.cached(source.url)
        if signer is None:
            message = (
                "the certificate that the delivery is signed with has not been fetched: await parse_webhook, which fetches "
                "it, or preload it"
            )
            raise VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE)
        _checked_by(signer, transmission, ids, body, self._diagnoses)
        self._check_time(transmission)
        self._chains.check(signer, self._judged_at(transmission))
        return _object_in(body)

    async def preload(self, cert_url: str) -> float:
        """Fetch the certificate at an address that an earlier delivery named, with its issuers, if they are not here.

        Returns:
            Until when it, and all above it, are valid, in seconds since 1970.

        Raises:
            WebhookError: it cannot be had, or is not PayPal's, or that cannot be told.
            ConfigurationError: the trust store cannot be read, or the package cryptography is missing.
        """
        self._chains.load()
        signer = await self._store.signer(self._sources.source(cert_url))
        return (await self._chains.establish(signer, self._clock())).not_after

    async def reach(self, cert_url: str) -> int:
        """The status with which the certificate server answers, whatever it is.

        Raises:
            NetworkError: it does not answer.
        """
        return (await self._get(self._sources.source(cert_url).url)).status

    async def asked(self, transmission: Transmission, body: bytes) -> bool:
        """Whether PayPal says that a delivery is its own, however it is to be verified.

        Raises:
            VerificationUnavailable: it cannot be asked, or does not say.
            ConfigurationError: there is no webhook id, or no way to ask.
        """
        ids = [each for each in self._configured() if each != SIMULATOR]
        return self._postback is not None and await self._postback.confirms(transmission, ids, body)

    async def _check(self, transmission: Transmission, body: bytes) -> None:
        """Raise unless the delivery is PayPal's, by its signature, or else by what PayPal says."""
        signer = self._store.cached(transmission.cert_url)
        source = self._sources.source(transmission.cert_url) if signer is None else signer.source
        ids = self._ids_for(source)
        try:
            signer = signer or await self._fetched(source)
            ids = (_checked_by(signer, transmission, ids, body, self._diagnoses),)
            self._check_time(transmission)
            when = self._judged_at(transmission)
            if signer.trusted is None or not signer.trusted.covers(when):
                await self._chains.establish(signer, when)
        except VerificationUnavailable as error:
            lack = error
        else:
            self._tell("offline")
            return
        if signer is None and not (self._is_recent(transmission) and self._may_ask(ids) and self._unchecked.permits()):
            raise lack
        await self._fall_back(lack, transmission, ids, body)
        self._tell("postback", lack.diagnosis)

    async def _fetched(self, source: CertificateSource) -> Signer:
        self._chains.load()  # what is wrong with the settings is wrong before anything is fetched
        return await self._store.signer(source)

    def _may_ask(self, ids: Sequence[str]) -> bool:
        asks = self._settings.verify != "offline" and self._postback is not None
        return asks and any(each != SIMULATOR for each in ids)

    async def _fall_back(
        self, lack: VerificationUnavailable, transmission: Transmission, ids: Sequence[str], body: bytes
    ) -> None:
        """Ask PayPal about what cannot be told here.

        Raises:
            VerificationUnavailable: it may not, or cannot, be asked either.
        """
        if not self._may_ask(ids):
            raise lack
        try:
            await self._ask(transmission, ids, body)
        except VerificationUnavailable as error:
            message = f"{lack.message}. And {error.message}"
        else:
            return
        raise VerificationUnavailable(message, diagnosis=lack.diagnosis)

    async def _ask(self, transmission: Transmission, ids: Sequence[str], body: bytes) -> None:
        """Raise unless PayPal says that the delivery is its own."""
        if self._postback is None:
            message = 'verify="postback" needs a way to ask PayPal'
            raise ConfigurationError(message)
        known = [each for each in ids if each != SIMULATOR]  # which PayPal does not know
        if not await self._postback.confirms(transmission, known, body):
            message = f"PayPal says that the delivery is not its own: {_CURE}"
            raise InvalidSignature(message, diagnosis=Diagnosis.WRONG_SECRET)

    def _tell(self, way: str, reason: str | None = None) -> None:
        if has_observers(self._transport):
            tell_verified(self._transport, WebhookVerified(self._settings.provider, way, reason))
        if way not in self._told:  # usually it is; concurrent calls are handled below
            with self._mutex:
                first = way not in self._told
                self._told.add(way)
            if first:
                _log.info("%s: %s", self._settings.provider, _said_of(way, reason))

    def _configured(self) -> Sequence[str]:
        ids = self._settings.webhook_id
        if self._settings.simulator:
            return ids if SIMULATOR in ids else (*ids, SIMULATOR)
        if not ids:
            self._settings.require("webhook_id")
        return ids

    def _ids_for(self, source: CertificateSource) -> Sequence[str]:
        """The configured webhook ids that a delivery with this certificate may be for."""
        ids = self._ids.get(source.environment)
        if ids is None:
            ids = self._ids[source.environment] = self._usable(self._configured(), source)
        return ids

    def _usable(self, ids: Sequence[str], source: CertificateSource) -> Sequence[str]:
        """Those of the webhook ids that a delivery with this certificate may be for.

        Raises:
            ConfigurationError: one of them cannot be one.
        """
        simulator = self._settings.simulator
        for webhook_id in ids:
            if webhook_id == SIMULATOR and not simulator:
                raise ConfigurationError(_ANYBODY)
            if not _WEBHOOK_ID.fullmatch(str(webhook_id)):  # not every caller checks types
                raise ConfigurationError(_NO_ID)
        if simulator and source.environment != self._settings.environment:
            return (SIMULATOR,) if SIMULATOR in ids else ()
        return ids

    def _check_time(self, transmission: Transmission) -> None:
        """Raise if it was sent at another time than now."""
        age = self._clock() - transmission.sent_at
        if age > self._settings.max_age:
            raise delivery_error(StaleSignature, Diagnosis.TIMESTAMP_TOO_OLD, sender=SENDER)
        if age < -_AHEAD:
            raise delivery_error(StaleSignature, Diagnosis.CLOCK_SKEW, sender=SENDER)

    def _is_recent(self, transmission: Transmission) -> bool:
        return -_AHEAD <= self._clock() - transmission.sent_at <= self._settings.max_age

    def _judged_at(self, transmission: Transmission) -> float:
        """When the certificates must be valid."""
        now = self._clock()
        return transmission.sent_at if now - transmission.sent_at <= _LATE else now

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


def _object_in(body: bytes) -> JsonObject:
    data = parse_event(body)
    if data is None:
        raise delivery_error(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=SENDER)
    return data


def _said_of(way: str, reason: str | None) -> str:
    if way == "offline":
        return "deliveries are verified with PayPal's certificate"
    if reason is None:
        return "deliveries are verified by asking PayPal about each, as PAYPAL_VERIFY=postback says"
    return f"a delivery was verified by asking PayPal, which takes a request for each: {reason}"


def _checked_by(
    signer: Signer, transmission: Transmission, ids: Sequence[str], body: bytes, diagnoses: Diagnoses
) -> str:
    """The webhook that the delivery is for, by its signature.

    Raises:
        InvalidSignature: the certificate's key has not signed this, for none of them.
    """
    digest = signer.certificate.digest(transmission.signature_bytes)
    if digest is not None:
        for webhook_id in ids:
            if sha256(transmission.signed_text(webhook_id, body)).digest() == digest:
                return webhook_id
        if diagnoses.permits(len(body)) and _was_rewritten(digest, transmission, ids, body):
            raise delivery_error(InvalidSignature, Diagnosis.BODY_REENCODED, sender=SENDER)
    message = f"the delivery is not signed by PayPal for this webhook: {_CURE}"
    raise InvalidSignature(message, diagnosis=Diagnosis.WRONG_SECRET)


def _was_rewritten(digest: bytes, transmission: Transmission, ids: Sequence[str], body: bytes) -> bool:
    """Whether the signature, which PayPal's key has made, fits the body as it may have been before it was written again.

    Nothing else is done with the unverified body.
    """
    data = parse_object(body)
    if data is None:
        return False
    originals = (each for one in rewritten(body, data) for each in (one, one.replace(b"/", b"\\/")))
    texts = (transmission.signed_text(webhook_id, each) for each in originals for webhook_id in ids)
    return any(sha256(text).digest() == digest for text in texts)
