"""Webhook signatures over the raw bytes, and the reason when one does not match.

The scheme here is ``t=<seconds>,v1=<hex>[,v1=<hex>...]``, where each ``v1`` is HMAC-SHA256 of ``<t>.<body>`` under a secret
of the endpoint. Providers with another scheme use the parts: :func:`raw_body`, :func:`rewritten`, :func:`delivery_error`.
"""

import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import cast

import attrs

from .config import Secret
from .diagnoses import Diagnoses
from .errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    StaleSignature,
    WebhookError,
)
from .headers import header
from .jsonlike import JsonObject, parse_event, parse_object

__all__ = ["SigningKey", "TimestampedScheme", "delivery_error", "raw_body", "rewritten", "secret_from"]

_BLOCK = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_LONGEST_HEADER = 4096
_MOST_SIGNATURES = 10
"""In one header: there is one for each secret while one is rolled."""
_AS_SENT = re.compile(r"t=([0-9]{1,15}),v1=([0-9a-f]{64})(?:,v0=[0-9a-f]{64})?")
"""What nearly all headers look like; the others are taken apart."""
_TIME = re.compile(r"[0-9]{1,15}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")

_CURES: Mapping[Diagnosis, str] = {
    Diagnosis.HEADER_MISSING: "there is no {header} header: pass all headers, or this request is not from {sender}",
    Diagnosis.HEADER_MALFORMED: "the {header} header is not of the form that {sender} sends",
    Diagnosis.WRONG_SECRET: (
        "the delivery was not signed with any of the given secrets, or was altered: each endpoint has a secret of its own. "
        "To find out more of a saved one: python -m paylattice webhook"
    ),
    Diagnosis.TEST_SECRET_FOR_LIVE_EVENT: (
        "this is a live event, the configured key is a test key: take the live endpoint's secret and the live key"
    ),
    Diagnosis.LIVE_SECRET_FOR_TEST_EVENT: (
        "this is a test event, the configured key is a live key: take the test endpoint's secret and the test key"
    ),
    Diagnosis.BODY_REENCODED: (
        "the body was parsed and written again on its way here: pass the raw bytes, as they came over the network"
    ),
    Diagnosis.BODY_EMPTY: "the body is empty: something read it before, or pass the raw body instead of the form",
    Diagnosis.BODY_NOT_AN_EVENT: "the body is no event of {sender}",
    Diagnosis.TIMESTAMP_TOO_OLD: (
        "the signature is too old: a replay, a queue before the verification, or a clock that is ahead"
    ),
    Diagnosis.CLOCK_SKEW: "the signature is from the future: set this machine's clock",
}
"""What to tell the person who reads the log. Nothing of the delivery is in it."""


def delivery_error(
    error: type[WebhookError], diagnosis: Diagnosis, *, sender: str, header: str = "signature"
) -> WebhookError:
    """Return the error that says what is wrong and how to fix it, with the same text for every provider."""
    return error(_cure(diagnosis, sender, header), diagnosis=diagnosis)


@cache
def _cure(diagnosis: Diagnosis, sender: str, header: str) -> str:
    return _CURES[diagnosis].format(sender=sender, header=header)


def raw_body(payload: object, sender: str) -> bytes:
    """Return the raw body as bytes; text is encoded as UTF-8.

    Raises:
        MalformedPayload: it is empty, or not bytes.
    """
    if type(payload) is bytes and payload:  # nearly always
        return payload
    if isinstance(payload, str):
        payload = _encoded(payload)
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        message = f"the body must be the raw bytes, before a framework parses them, not {type(payload).__name__}"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    body = bytes(cast("bytes | bytearray", payload))
    if not body:
        raise delivery_error(MalformedPayload, Diagnosis.BODY_EMPTY, sender=sender)
    return body


def _encoded(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, which no UTF-8 holds: no signature will fit
        return text.encode(errors="surrogatepass")


def secret_from(value: Secret | str, variable: str) -> Secret:
    """Return the secret.

    Raises:
        ConfigurationError: it is empty, or not text: anyone could sign with it.
    """
    secret = Secret.of(value)
    if secret is None:
        message = f"the webhook secret is empty: set {variable} to the signing secret of the endpoint"
        raise ConfigurationError(message)
    return secret


class SigningKey:
    """A secret, prepared for HMAC-SHA256 (RFC 2104): both pads are hashed once, not again for each delivery.

    Args:
        secret: the endpoint's secret. Its text is not stored.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: Secret) -> None:
        key = secret.reveal().encode(errors="surrogatepass")
        if len(key) > _BLOCK:
            key = sha256(key).digest()
        key = key.ljust(_BLOCK, b"\0")
        self._inner = sha256(key.translate(_INNER_PAD))
        self._outer = sha256(key.translate(_OUTER_PAD))

    def mac(self, prefix: bytes, body: bytes) -> bytes:
        """Return the HMAC of prefix and body, without copying the body."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(prefix)
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()


def _match(time: str, values: Sequence[str], body: bytes, keys: Sequence[SigningKey]) -> bool:
    """Whether one of the signatures was made with one of the keys. Takes as long whichever it is."""
    prefix = f"{time}.".encode()
    found = False
    for key in keys:
        expected = key.mac(prefix, body).hex()
        for value in values:
            found |= hmac.compare_digest(expected, value)
    return found


@attrs.frozen
class TimestampedScheme:
    """A provider's signatures of the scheme above.

    Args:
        sender: the provider's display name.
        header: the name of the signature header.
        is_event: returns whether a signed JSON object is an event of the provider.
        tolerance: seconds that a signature may be old, or ahead.
    """

    sender: str
    header: str
    is_event: Callable[[JsonObject], bool]
    tolerance: int = 300

    def signed(self, payload: bytes, secret: Secret, now: float) -> str:
        """Return the header's value for a body that is sent now."""
        stamp = str(int(now))
        return f"t={stamp},v1={hmac.digest(secret.reveal().encode(), f'{stamp}.'.encode() + payload, sha256).hex()}"

    def verified(
        self,
        payload: object,
        headers: object,
        keys: Sequence[SigningKey],
        *,
        clock: Callable[[], float],
        diagnoses: Diagnoses | None = None,
        livemode: bool | None = None,
    ) -> JsonObject:
        """Return the body of a delivery that one of the keys signed recently.

        Args:
            payload: the raw body.
            headers: the request's headers, or the value of the signature header.
            keys: at least one.
            clock: returns seconds since 1970.
            diagnoses: whether to find out why a signature does not match: the provider's ``diagnoses``. None: never.
            livemode: the mode of the configured key, to explain why a signature does not match.

        Raises:
            WebhookError: the delivery is forged, too old, or not an event.
        """
        body = raw_body(payload, self.sender)  # first: no header fits what a framework has parsed
        stamp, values = self._signatures(headers if isinstance(headers, str) else header(headers, self.header))
        if not _match(stamp, values, body, keys):
            if diagnoses is None or not diagnoses.permits(len(body)):
                raise InvalidSignature(_CURES[Diagnosis.WRONG_SECRET], diagnosis=Diagnosis.WRONG_SECRET)
            raise self._error(InvalidSignature, _diagnosis(stamp, values, body, keys, livemode=livemode))
        age = clock() - int(stamp)
        if age > self.tolerance:
            raise self._error(StaleSignature, Diagnosis.TIMESTAMP_TOO_OLD)
        if age < -self.tolerance:
            raise self._error(StaleSignature, Diagnosis.CLOCK_SKEW)
        data = parse_event(body)
        if data is None or not self.is_event(data):
            raise self._error(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT)
        return data

    def _signatures(self, value: str | None) -> tuple[str, Sequence[str]]:
        """The time in the header, and the signatures."""
        if value is None:
            raise self._error(InvalidSignature, Diagnosis.HEADER_MISSING)
        plain = _AS_SENT.fullmatch(value)
        if plain is not None:
            stamp, signature = plain.groups()
            return stamp, (signature,)
        if len(value) > _LONGEST_HEADER:
            raise self._error(InvalidSignature, Diagnosis.HEADER_MALFORMED)
        parts = [part.strip().partition("=") for part in value.split(",")]
        times = [found.strip() for name, _, found in parts if name.strip() == "t"]
        values = tuple(found.strip() for name, _, found in parts if name.strip() == "v1")
        values = tuple(found for found in values if _SIGNATURE.fullmatch(found))
        if not times or not _TIME.fullmatch(times[0]) or not values:
            raise self._error(InvalidSignature, Diagnosis.HEADER_MALFORMED)
        return times[0], values[:_MOST_SIGNATURES]

    def _error(self, error: type[WebhookError], diagnosis: Diagnosis) -> WebhookError:
        return delivery_error(error, diagnosis, sender=self.sender, header=self.header)


def _diagnosis(
    stamp: str, values: Sequence[str], body: bytes, keys: Sequence[SigningKey], *, livemode: bool | None
) -> Diagnosis:
    """Why no signature matches, judged by the unverified body, which is used for nothing else."""
    data = parse_object(body)
    if data is None:
        return Diagnosis.BODY_NOT_AN_EVENT
    if any(_match(stamp, values, original, keys) for original in rewritten(body, data)):
        return Diagnosis.BODY_REENCODED
    if livemode is not None and data.get("livemode") is (not livemode):
        return Diagnosis.LIVE_SECRET_FOR_TEST_EVENT if livemode else Diagnosis.TEST_SECRET_FOR_LIVE_EVENT
    return Diagnosis.WRONG_SECRET


def rewritten(body: bytes, data: JsonObject) -> Iterator[bytes]:
    """Return what the body may have been before it was encoded again: other line ends, white space or escapes."""
    lines = body.replace(b"\r\n", b"\n")
    for ending in (lines, lines.replace(b"\n", b"\r\n")):
        stripped = ending.rstrip(b"\r\n")
        yield from (ending, stripped, stripped + b"\n", stripped + b"\r\n")
    for ascii_only in (False, True):
        for indent, separators in ((2, (",", ": ")), (None, (",", ":")), (None, (", ", ": "))):
            try:
                written = json.dumps(data, ensure_ascii=ascii_only, indent=indent, separators=separators).encode()
            except (ValueError, RecursionError):  # half a character, or too deep to be written again
                continue
            yield from (written, written + b"\n")
            if indent:
                crlf = written.replace(b"\n", b"\r\n")
                yield from (crlf, crlf + b"\r\n")
