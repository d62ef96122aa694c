"""Webhooks: the signature over URL and raw body, and what is wrong when one does not match.

``x-square-hmacsha256-signature`` is base64 of HMAC-SHA256 under the signature key, taken as text, over the notification URL
followed by the body: https://developer.squareup.com/docs/webhooks/step3validate. There is no time in it: a replay is noticed
by the event's id alone. The old ``x-square-signature`` (HMAC-SHA1) is never looked at.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from ...config import Secret
from ...diagnoses import Diagnoses
from ...errors import Diagnosis, InvalidResponse, InvalidSignature, MalformedPayload, WebhookError
from ...events import WebhookEvent
from ...headers import header
from ...jsonlike import JsonObject, has_identities, parse_event, parse_object
from ...provider import Headers
from ...signatures import SigningKey, delivery_error, raw_body, rewritten, secret_from
from .config import SquareConfig
from .events import event_from

__all__ = ["HEADER", "Webhooks", "check_environment", "delivered", "signed", "verified"]

HEADER = "x-square-hmacsha256-signature"
ENVIRONMENT = "square-environment"
_LIVE = {"production": True, "sandbox": False}
_SENDER = "Square"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
_LONGEST_HEADER = 4096
_MOST_SIGNATURES = 10
_DEFAULT_PORTS = (":443", ":80")

_URL_MISMATCH = (
    "the key is right and the URL is not: the signature covers the notification URL of the webhook subscription, to the "
    "letter. Set SQUARE_WEBHOOK_URL (or url=) to it{hint}, and not to the address behind a proxy"
)


def signed(payload: bytes, key: Secret, url: str) -> str:
    """The signature of a body that is delivered to a URL."""
    return _signature(url.encode() + payload, key).decode()


def _signature(text_of_both: bytes, key: Secret) -> bytes:
    return base64.b64encode(hmac.digest(key.reveal().encode(), text_of_both, "sha256"))


def _header(headers: object, name: str) -> str | None:
    """The header's value; at once where its name is written as Square writes it."""
    return _plain(headers, name) or header(headers, name)


def _plain(headers: object, name: str) -> str | None:
    if not isinstance(headers, dict):
        return None
    value = cast("dict[object, object]", headers).get(name)
    return value if isinstance(value, str) else None


def verified(
    payload: object,
    headers: object,
    keys: Sequence[SigningKey],
    *,
    url: str,
    diagnoses: Diagnoses | None = None,
    other_urls: Sequence[str] = (),
) -> JsonObject:
    """The body of a delivery that was signed with one of the keys, for this URL.

    Args:
        payload: the raw body.
        headers: the request's headers, or the value of the signature's.
        keys: at least one.
        url: the notification URL.
        diagnoses: whether to find out why a signature does not match. None: never.
        other_urls: URLs that it might have been signed for, to tell why a signature does not match.

    Raises:
        WebhookError: it is forged, or no event.
    """
    body = raw_body(payload, _SENDER)  # first: no header fits what a framework has parsed
    signatures = _signatures(headers if isinstance(headers, str) else _header(headers, HEADER))
    if not _match(body, signatures, keys, url):
        if diagnoses is not None and diagnoses.permits(len(body)):
            raise _error(body, signatures, keys, url, other_urls)
        raise delivery_error(InvalidSignature, Diagnosis.WRONG_SECRET, sender=_SENDER, header=HEADER)
    data = parse_event(body)
    if data is None or not has_identities(data, "event_id", "type"):
        raise delivery_error(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=_SENDER, header=HEADER)
    return data


def _signatures(value: str | None) -> Sequence[bytes]:
    if value is None:
        raise delivery_error(InvalidSignature, Diagnosis.HEADER_MISSING, sender=_SENDER, header=HEADER)
    if _SIGNATURE.fullmatch(value):  # as Square sends it
        return (value.encode(),)
    parts = map(str.strip, value.split(",") if len(value) <= _LONGEST_HEADER else ())
    found = [part.encode() for part in parts if _SIGNATURE.fullmatch(part)][:_MOST_SIGNATURES]
    if not found:
        raise delivery_error(InvalidSignature, Diagnosis.HEADER_MALFORMED, sender=_SENDER, header=HEADER)
    return found


def _match(body: bytes, signatures: Sequence[bytes], keys: Sequence[SigningKey], url: str) -> bool:
    """Whether one of the signatures was made with one of the keys. Takes as long whichever it is."""
    found = False
    signed_url = url.encode()
    for key in keys:
        expected = base64.b64encode(key.mac(signed_url, body))
        for signature in signatures:
            found |= hmac.compare_digest(expected, signature)
    return found


def _error(
    body: bytes, signatures: Sequence[bytes], keys: Sequence[SigningKey], url: str, other_urls: Sequence[str]
) -> Exception:
    """Why no signature matches, judged by the unverified body, which is used for nothing else."""
    for hint, other in _similar(url, other_urls):
        if _match(body, signatures, keys, other):
            return InvalidSignature(_URL_MISMATCH.format(hint=hint), diagnosis=Diagnosis.URL_MISMATCH)
    data = parse_object(body)
    if data is None:
        return delivery_error(InvalidSignature, Diagnosis.BODY_NOT_AN_EVENT, sender=_SENDER, header=HEADER)
    if any(_match(original, signatures, keys, url) for original in rewritten(body, data)):
        return delivery_error(InvalidSignature, Diagnosis.BODY_REENCODED, sender=_SENDER, header=HEADER)
    return delivery_error(InvalidSignature, Diagnosis.WRONG_SECRET, sender=_SENDER, header=HEADER)


def _similar(url: str, other_urls: Sequence[str]) -> Iterator[tuple[str, str]]:
    """URLs that are easily taken for one another, and what is different about each. Only for the diagnosis."""
    for other in other_urls:
        if other != url:
            yield " (the other of the two that are given here matches)", other
    for given in (url, *other_urls):
        for hint, other in _changes(given):
            yield f" (it differs in {hint})", other


def _changes(url: str) -> Iterator[tuple[str, str]]:
    try:
        scheme, host, path, query, fragment = urlsplit(url)
    except ValueError:
        return
    bare = host.partition(":")[0] if not host.startswith("[") else host
    slashed = path[:-1] if path.endswith("/") else f"{path}/"
    schemes = {"http": "https", "https": "http"}
    other_scheme = schemes.get(scheme, scheme)
    for hint, parts in (
        ("the last slash", (scheme, host, slashed, query, fragment)),
        ("http and https", (other_scheme, host, path, query, fragment)),
        ("http and https, and the last slash", (other_scheme, host, slashed, query, fragment)),
        ("the port", (scheme, bare, path, query, fragment)),
        ("the port, and http and https", (other_scheme, bare, path, query, fragment)),
        ("the query", (scheme, host, path, "", "")),
        ("upper and lower case", (scheme, host.lower(), path, query, fragment)),
        ("www.", (scheme, host[4:] if host.startswith("www.") else f"www.{host}", path, query, fragment)),
    ):
        changed = urlunsplit(parts)
        if changed != url:
            yield hint, changed
    for port in _DEFAULT_PORTS:
        yield "the port", urlunsplit((scheme, bare + port, path, query, fragment))


def check_environment(headers: object, *, livemode: bool) -> None:
    """Refuse a delivery that says that it comes from the other environment.

    The header is not signed. What is: the key, of which each environment has its own.

    Raises:
        WebhookError: it does; the signature is good, so the keys of the two environments got mixed up.
    """
    said = None if isinstance(headers, str) else _header(headers, ENVIRONMENT)
    live = _LIVE.get((said or "").strip().lower())
    if live is None or live is livemode:
        return
    here = "production" if livemode else "sandbox"
    there = "sandbox" if livemode else "production"
    message = (
        f"this delivery comes from Square's {there}, and SQUARE_ENVIRONMENT is {here}: take the webhook subscription, key and "
        f"access token of one environment"
    )
    raise WebhookError(message, diagnosis=Diagnosis.WRONG_MODE)


def delivered(data: JsonObject, *, reference_key: str, livemode: bool, now: datetime) -> WebhookEvent:
    """The event of a verified body.

    Args:
        data: the body.
        reference_key: the word of the metadata that stands in ``reference_id``.
        livemode: of the environment that it comes from.
        now: the event's time if it says none: there is none in the signature.

    Raises:
        MalformedPayload: it is none.
    """
    try:
        return event_from(data, reference_key=reference_key, livemode=livemode, otherwise=now)
    except InvalidResponse as error:
        why = error.message
    raise MalformedPayload(why, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)


class Webhooks:
    """Verifies deliveries with what the settings hold, and reads them.

    Args:
        config: the keys, the URL and the environment.
        clock: seconds since 1970.
    """

    def __init__(self, config: SquareConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._keys = [SigningKey(key) for key in config.webhook_signature_key]
        self._clock = clock

    def verify(self, payload: bytes, signature: str | Headers, secret: str, diagnoses: Diagnoses) -> JsonObject:
        """Check a delivery to the configured URL against one key."""
        if not self._config.webhook_url:
            self._config.require("webhook_url")
        key = SigningKey(secret_from(secret, "SQUARE_WEBHOOK_SIGNATURE_KEY"))
        return verified(payload, signature, (key,), url=self._config.webhook_url or "", diagnoses=diagnoses)

    def parse(self, payload: bytes, headers: Headers, url: str | None, diagnoses: Diagnoses) -> WebhookEvent:
        """Verify a delivery with the configured keys, and read it."""
        config = self._config
        signed_url = url or config.webhook_url
        if not self._keys or not signed_url:
            config.require("webhook_signature_key", "webhook_url")
        others = (config.webhook_url,) if url and config.webhook_url else ()
        data = verified(
            payload,
            headers,
            self._keys,
            url=signed_url or "",
            diagnoses=diagnoses,
            other_urls=others,
        )
        check_environment(headers, livemode=config.livemode)
        now = datetime.fromtimestamp(self._clock(), UTC)
        return delivered(data, reference_key=config.reference_key, livemode=config.livemode, now=now)
