"""What the five headers of a delivery say, and the text that PayPal signed.

``<transmission id>|<transmission time>|<webhook id>|<CRC-32 of the raw body, unsigned, decimal>``:
https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverificationmethod.
"""

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import cast
from zlib import crc32

import attrs

from ....errors import Diagnosis, InvalidSignature
from ....headers import header
from ....signatures import delivery_error

__all__ = ["ALGORITHM", "SENDER", "Signed", "Transmission", "transmission_from"]

SENDER = "PayPal"
ALGORITHM = "SHA256withRSA"
"""The one algorithm that is taken: a delivery must not choose a weaker one for itself."""

_ID = "paypal-transmission-id"
_TIME = "paypal-transmission-time"
_SIGNATURE = "paypal-transmission-sig"
_URL = "paypal-cert-url"
_ALGORITHM = "paypal-auth-algo"
_ORDER = (_ID, _TIME, _SIGNATURE, _URL, _ALGORITHM)
_SPELLINGS = tuple(itemgetter(*map(write, _ORDER)) for write in (str.lower, str.upper, str.title))
_ALL_TEXT = {str}
_SHOWN: Mapping[str, str] = {name: name.upper() for name in _ORDER}

_LONGEST_SIGNATURE = 1400
"""Base64 of what an RSA key of 8192 bits makes."""
_IDENTITY = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""Short, and without the bar that divides what is signed."""
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


@attrs.frozen
class Transmission:
    """The headers of one delivery. Nothing in it is verified by itself.

    Args:
        id: signed, and so what tells deliveries apart; the id in the body is covered by a CRC-32 only.
        time: as it came, RFC 3339.
        sent_at: the same, in seconds since 1970.
        signature: Base64, as it came.
        signature_bytes: the same, decoded.
        cert_url: where the signing certificate is said to be; any text.
    """

    id: str
    time: str
    sent_at: float
    signature: str = attrs.field(repr=False)
    signature_bytes: bytes = attrs.field(repr=False)
    cert_url: str = attrs.field(repr=False)

    def signed_text(self, webhook_id: str, body: bytes) -> bytes:
        """What PayPal signed, if it sent this body to this webhook."""
        return f"{self.id}|{self.time}|{webhook_id}|{crc32(body)}".encode()


@attrs.frozen
class Signed:
    """What the signature of a delivery proves, once it was verified: all but the body itself.

    Args:
        transmission: what the headers say.
        body: the raw body. Other bodies can be made to have its checksum.
    """

    transmission: Transmission
    body: bytes = attrs.field(repr=False)

    @property
    def sent_at(self) -> datetime:
        """When it was sent; aware."""
        return datetime.fromtimestamp(self.transmission.sent_at, UTC)

    @property
    def checksum(self) -> str:
        """The CRC-32 of the body, which is what was signed of it; eight hexadecimal digits."""
        return f"{crc32(self.body):08x}"


def transmission_from(headers: object) -> Transmission:
    """The delivery's five headers.

    Args:
        headers: the request's headers, in any shape that :func:`paylattice.headers.header` takes.

    Raises:
        InvalidSignature: one is missing, or not of the form that PayPal sends, or names another algorithm.
    """
    values = _found(headers)
    identity, time, signature, url, algorithm = values
    if not (identity and time and signature and url and algorithm):
        missing = _ORDER[next(place for place, value in enumerate(values) if not value)]
        raise delivery_error(InvalidSignature, Diagnosis.HEADER_MISSING, sender=SENDER, header=_SHOWN[missing])
    if algorithm != ALGORITHM:
        raise malformed(_ALGORITHM)
    if not _IDENTITY.fullmatch(identity):
        raise malformed(_ID)
    if not _MOMENT.fullmatch(time):
        raise malformed(_TIME)
    return Transmission(identity, time, _seconds(time), signature, _decoded(signature), url)


def malformed(name: str) -> InvalidSignature:
    """The error for a header that PayPal would not send like this."""
    error = delivery_error(InvalidSignature, Diagnosis.HEADER_MALFORMED, sender=SENDER, header=_SHOWN[name])
    return cast("InvalidSignature", error)


def malformed_url() -> InvalidSignature:
    """The error for an address that no certificate of PayPal's is at."""
    return malformed(_URL)


def _found(headers: object) -> Sequence[str | None]:
    """The values of the five headers, in order. The usual cases are quick: this runs for every delivery."""
    if isinstance(headers, dict):
        for values_of in _SPELLINGS:
            try:
                values: tuple[object, ...] = values_of(cast("dict[str, object]", headers))
            except KeyError:
                continue
            if set(map(type, values)) == _ALL_TEXT:
                return cast("tuple[str, ...]", values)
    if isinstance(headers, Mapping):
        headers = cast("Mapping[object, object]", headers).items()
    if isinstance(headers, Iterable) and not isinstance(headers, str | bytes | bytearray):
        headers = list(cast("Iterable[object]", headers))  # to be gone through five times
    return [header(headers, name) for name in _ORDER]


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        pass
    raise malformed(_TIME)


def _decoded(signature: str) -> bytes:
    if len(signature) <= _LONGEST_SIGNATURE:
        try:
            return binascii.a2b_base64(signature, strict_mode=True)
        except ValueError:
            pass
    raise malformed(_SIGNATURE)
