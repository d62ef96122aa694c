"""An authority of the tests' own, deliveries signed under it, a scripted certificate server, and a verifier in both worlds."""

import asyncio
import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar
from zlib import crc32

import attrs
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from paylattice import driving
from paylattice.diagnoses import Diagnoses
from paylattice.errors import WebhookError
from paylattice.jsonlike import JsonObject
from paylattice.providers.paypal.config import PayPalConfig
from paylattice.providers.paypal.verification.verifier import WebhookVerifier
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy, Timeouts

T = TypeVar("T")

NOW = 1_790_000_000.0
WEBHOOK = "0EH40505U7160970P"
LIVE, SANDBOX = "messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"
URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
LIVE_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-90621a79"
EVENT: dict[str, Any] = {
    "id": "WH-1",
    "event_version": "1.0",
    "create_time": "2026-09-21T14:13:20Z",
    "resource_type": "sale",
    "event_type": "PAYMENT.SALE.COMPLETED",
    "resource": {"id": "SALE1", "amount": {"total": "20.00", "currency": "USD"}, "links": []},
    "links": [{"href": "https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-1", "rel": "self"}],
}
BODY = json.dumps(EVENT, separators=(",", ":")).encode()
YEAR = timedelta(days=365)
OCSP = "http://ocsp.digicert.com"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    """One for each name: making them takes a while."""
    return rsa.generate_private_key(65537, size)


def at(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


@attrs.frozen
class Issued:
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def issue(
    common_name: str,
    key: PrivateKey,
    by: Issued | None,
    *,
    names: tuple[str, ...] = (),
    authority: bool = False,
    depth: int | None = None,
    begins: float = NOW - 86_400 * 30,
    lasts: timedelta = YEAR,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    issuer_at: tuple[str, ...] = (),
) -> Issued:
    """A certificate as public authorities make them; without ``by`` it is its own issuer.

    Args:
        issuer_at: where it says that its issuer's certificate is.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(begins))
        .not_valid_after(at(begins) + lasts)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=depth if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if issuer_at:
        places = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(OCSP))]
        for url in issuer_at:
            place = x509.UniformResourceIdentifier(url)
            places.append(x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place))
        builder = builder.add_extension(x509.AuthorityInformationAccess(places), critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


@cache
def root(name: str = "Test Root") -> Issued:
    return issue(name, rsa_key(name), None, authority=True, begins=NOW - 86_400 * 3000, lasts=YEAR * 20)


@cache
def intermediate(name: str = "Test Intermediate") -> Issued:
    return issue(name, rsa_key(name), root(), authority=True, depth=0, begins=NOW - 86_400 * 1000, lasts=YEAR * 10)


@cache
def leaf(key: str = "leaf", *names: str, begins: float = NOW - 86_400 * 30, lasts: timedelta = YEAR) -> Issued:
    found = names or (SANDBOX,)
    return issue(found[0], rsa_key(key), intermediate(), names=found, begins=begins, lasts=lasts)


def chain(*certificates: Issued) -> bytes:
    return b"".join(certificate.pem for certificate in certificates)


@cache
def trust_store() -> str:
    return root().pem.decode()


@cache
def good() -> bytes:
    """What PayPal's server answers: the certificate, and the intermediate one."""
    return chain(leaf(), intermediate())


def written(moment: float) -> str:
    return at(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def delivery(
    body: bytes = BODY,
    *,
    key: rsa.RSAPrivateKey | None = None,
    webhook_id: str = WEBHOOK,
    sent: float = NOW - 2,
    url: str = URL,
    identity: str = "b2384410-f8d2-11e4-8bf3-77339302725b",
) -> dict[str, str]:
    """The headers with which PayPal would send the body."""
    text = f"{identity}|{written(sent)}|{webhook_id}|{crc32(body)}".encode()
    signature = (key or rsa_key("leaf")).sign(text, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Content-Type": "application/json",
        "PAYPAL-TRANSMISSION-ID": identity,
        "PAYPAL-TRANSMISSION-TIME": written(sent),
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
        "PAYPAL-CERT-URL": url,
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-AUTH-VERSION": "v2",
    }


class CertificateServer:
    """Answers every request with what was laid out last, or next, and keeps what came in."""

    def __init__(self, *answers: object) -> None:
        self.seen: list[httpx.Request] = []
        self.answers: deque[object] = deque(answers or (good(),))
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.seen.append(request)
            answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):  # anew: one is used up when it has been read
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        assert isinstance(answer, bytes)
        return httpx.Response(200, content=answer, headers={"Content-Type": "text/plain"})


def settings(**changes: Any) -> PayPalConfig:
    defaults: dict[str, Any] = {
        "client_id": "client",
        "client_secret": "notarealsecret",
        "environment": "sandbox",
        "webhook_id": (WEBHOOK,),
        "trust_store": trust_store(),
    }
    return PayPalConfig(**{**defaults, **changes})


class World:
    """A verifier before a scripted server: ``run`` is ``asyncio.run`` or no event loop at all."""

    def __init__(
        self,
        mode: str = "async",
        *answers: object,
        attempts: int = 1,
        now: float = NOW,
        postback: Callable[[bytes], Coroutine[Any, Any, JsonObject]] | None = None,
        **changes: Any,
    ) -> None:
        self.mode = mode
        self.now = now
        self.server = CertificateServer(*answers)
        mock = httpx.MockTransport(self.server)
        retry = RetryPolicy(attempts=attempts, base=0.0)
        timeouts = Timeouts(connect=10, read=10, total=30)
        self.transport: AsyncTransport | BlockingTransport
        if mode == "async":
            self.transport = AsyncTransport(transport=mock, retry=retry, timeouts=timeouts)
        else:
            self.transport = BlockingTransport(transport=mock, retry=retry, timeouts=timeouts)
        self.settings = settings(**changes)
        self.verifier = WebhookVerifier(
            self.settings,
            self.transport,
            clock=lambda: self.now,
            diagnoses=Diagnoses(every=0),
            postback=postback,
        )

    @property
    def fetched(self) -> int:
        return len(self.server.seen)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(call) if self.mode == "async" else driving.run(call)

    def verified(self, body: Any = BODY, headers: Any = None, **changes: Any) -> JsonObject:
        return self.run(self.verifier.verified(body, delivery(body, **changes) if headers is None else headers))

    def refused(self, body: Any = BODY, headers: Any = None, **changes: Any) -> WebhookError:
        with pytest.raises(WebhookError) as caught:
            self.verified(body, headers, **changes)
        for text in texts(caught.value):
            assert not any(word in text for word in ("notarealsecret", "WH-1", "SALE1", "b2384410"))
        return caught.value


def texts(error: BaseException | None) -> Iterator[str]:
    """What somebody who logs the error gets to see."""
    while error is not None:
        yield from (str(error), repr(error), repr(vars(error)))
        error = error.__cause__ or error.__context__


def changed(headers: Mapping[str, str], name: str, value: str | None) -> dict[str, str]:
    """The headers with another value for one of them, or without it."""
    kept = {key: old for key, old in headers.items() if key.lower() != name.lower()}
    return kept if value is None else {**kept, name: value}
