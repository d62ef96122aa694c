"""Whether a signing certificate is PayPal's: its chain to a trusted root, its host name, its key, its time.

``cryptography`` builds the chain under the rules of the Web's certificates (RFC 5280 and the CA/Browser Forum's profile: dates,
CA flags, path lengths, key usages, name constraints). Revocation is not asked for: a webhook must not wait for, or fail with, a
third party's server. Certificates are forgotten within a day instead.
"""

import os
import re
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from ...errors import ConfigurationError, Diagnosis, InvalidSignature, VerificationUnavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import Store

__all__ = ["SigningKey", "TrustStore", "signing_key_from"]

Check: TypeAlias = Callable[[bytes, bytes], bool]

_UNTRUSTED = Diagnosis.UNKNOWN
"""There is no word of its own for a certificate that is refused; the message tells."""

_BEGIN = "-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,40000}-----END CERTIFICATE-----")
_LONGEST_CHAIN = 10
_SMALLEST_KEY = 2048
_MISSING = (
    'verifying PayPal\'s webhooks offline needs the package cryptography: python -m pip install "paylattice[paypal]". '
    'Or let PayPal verify them: PayPalConfig(webhook_verification="postback")'
)


@attrs.frozen(eq=False)
class SigningKey:
    """The public key of a certificate that was found good.

    Args:
        check: whether a signature of a text is the key's.
        not_before: when the chain became valid, in seconds since 1970.
        not_after: when it ceases to be.
        fetched_at: when it was fetched.
    """

    check: Check = attrs.field(repr=False)
    not_before: float
    not_after: float
    fetched_at: float


@attrs.frozen(eq=False)
class TrustStore:
    """Whom to believe.

    Args:
        store: the roots: the certificates that are their own issuers.
        intermediates: the others: they lead to the roots, and are trusted no more than what a server sends along.
    """

    store: "Store" = attrs.field(repr=False)
    intermediates: "tuple[Certificate, ...]" = attrs.field(repr=False)

    @classmethod
    def load(cls, source: "str | bytes | os.PathLike[str] | None") -> "TrustStore":
        """The certificates in a file, or in a PEM text; None: those that certifi brings.

        One that cannot be read is passed over: bundles hold old ones, for which parsers lose patience.

        Raises:
            ConfigurationError: there is no file, or no root in it; or the package cryptography is missing.
        """
        certificates = _readable(_pem_of(source))
        roots = [found for found in certificates if found.subject == found.issuer]
        if not roots:
            message = (
                "PayPal's trust store, PayPalConfig(trust_store=...), holds no root certificate: it must be PEM with the root "
                "of PayPal's signing certificates, and with the intermediate one if PayPal does not send it along"
            )
            raise ConfigurationError(message)
        from cryptography.x509.verification import Store  # noqa: PLC0415 - an extra

        return cls(Store(roots), tuple(found for found in certificates if found.subject != found.issuer))


def signing_key_from(pem: bytes, trust: TrustStore, host_name: str, now: float) -> SigningKey:
    """The key of the certificate that was fetched.

    Args:
        pem: the answer: the certificate, and after it those that lead to its root.
        trust: whom to believe.
        host_name: whom it must be made out to.
        now: seconds since 1970.

    Raises:
        InvalidSignature: it is somebody else's, of another kind, expired, or leads to no trusted root.
        VerificationUnavailable: the answer is no certificate at all.
    """
    chain = _sent(pem)
    leaf = chain[0]
    try:
        _check_time(leaf, now)
        _check_name(leaf, host_name)
        key = _key_of(leaf)
        path = _path(chain, trust, host_name, now)
        return SigningKey(
            check=_check_with(key),
            not_before=max(found.not_valid_before_utc.timestamp() for found in path),
            not_after=min(found.not_valid_after_utc.timestamp() for found in path),
            fetched_at=now,
        )
    except InvalidSignature:
        raise
    except Exception as exc:  # noqa: BLE001 - parsers raise what they like at a crooked certificate
        cause = type(exc).__name__
    message = f"the signing certificate cannot be understood ({cause})"
    raise InvalidSignature(message, diagnosis=_UNTRUSTED)


def _check_time(leaf: "Certificate", now: float) -> None:
    if not leaf.not_valid_before_utc.timestamp() <= now <= leaf.not_valid_after_utc.timestamp():
        message = "the signing certificate has expired, or is not valid yet: check this machine's clock"
        raise InvalidSignature(message, diagnosis=_UNTRUSTED)


def _check_name(leaf: "Certificate", host_name: str) -> None:
    """The name itself must be there: a wildcard that covers it belongs to PayPal's web servers."""
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName  # noqa: PLC0415 - an extra

    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value.get_values_for_type(DNSName)
    except ExtensionNotFound:
        names = []
    if host_name not in (name.lower() for name in names):
        message = f"the certificate is not made out to {host_name}: it is not what PayPal signs webhooks with"
        raise InvalidSignature(message, diagnosis=_UNTRUSTED)


def _key_of(leaf: "Certificate") -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - an extra

    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY:
        message = f"the signing certificate's key is no RSA key of at least {_SMALLEST_KEY} bits"
        raise InvalidSignature(message, diagnosis=_UNTRUSTED)
    return key


def _path(chain: "Sequence[Certificate]", trust: TrustStore, host_name: str, now: float) -> "Sequence[Certificate]":
    """The certificates from PayPal's to a root."""
    from cryptography.x509 import DNSName  # noqa: PLC0415 - an extra
    from cryptography.x509.verification import PolicyBuilder, VerificationError  # noqa: PLC0415 - an extra

    when = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)  # which is how it wants UTC
    verifier = PolicyBuilder().store(trust.store).time(when).build_server_verifier(DNSName(host_name))
    try:
        return verifier.verify(chain[0], [*chain[1:], *trust.intermediates])
    except VerificationError:
        pass
    message = (
        "the signing certificate leads to no trusted root: it is not PayPal's; or PayPal has changed its authority, or sent "
        "no intermediate certificate: PayPalConfig(trust_store=...) must hold what is missing"
    )
    raise InvalidSignature(message, diagnosis=_UNTRUSTED)


def _check_with(key: "RSAPublicKey") -> Check:
    from cryptography.exceptions import InvalidSignature as Mismatch  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

    padding, algorithm, verify = PKCS1v15(), SHA256(), key.verify

    def check(signature: bytes, text: bytes) -> bool:
        try:
            verify(signature, text, padding, algorithm)
        except Mismatch:
            return False
        return True

    return check


def _sent(pem: bytes) -> "Sequence[Certificate]":
    load = _parser()
    blocks = _BLOCK.findall(pem)[:_LONGEST_CHAIN]
    try:
        with _patience():
            chain = [load(block) for block in blocks]
    except Exception:  # noqa: BLE001 - whatever it is, it is no certificate
        chain = []
    if not chain:
        message = "PayPal's certificate server answered something that is no certificate"
        raise VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE)
    return chain


def _readable(pem: bytes) -> "list[Certificate]":
    load = _parser()
    found: list[Certificate] = []
    with _patience():
        for block in _BLOCK.findall(pem):
            with suppress(Exception):  # one bad certificate in a bundle of a hundred harms nobody
                found.append(load(block))
    return found


def _parser() -> "Callable[[bytes], Certificate]":
    """The parser of certificates.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - an extra
    except ImportError:
        pass
    else:
        return load_pem_x509_certificate
    raise ConfigurationError(_MISSING)


@contextmanager
def _patience() -> Generator[None, None, None]:
    """Inside, nobody is warned of old roots in somebody else's bundle."""
    from cryptography.utils import CryptographyDeprecationWarning  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _pem_of(source: "str | bytes | os.PathLike[str] | None") -> bytes:
    if isinstance(source, str) and _BEGIN in source:
        return source.encode(errors="replace")
    if isinstance(source, bytes):
        return source
    try:
        return Path(_bundle() if source is None else source).read_bytes()
    except (OSError, ValueError):
        pass
    message = (
        "PayPal's trust store, PayPalConfig(trust_store=...), cannot be read: it must be the path of a PEM file, or PEM"
    )
    raise ConfigurationError(message)


def _bundle() -> str:
    """The roots that httpx uses too."""
    from certifi import where  # noqa: PLC0415 - only once

    return where()
