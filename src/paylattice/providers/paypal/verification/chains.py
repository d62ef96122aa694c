"""Whether a signing certificate is PayPal's: its name, its time, and its chain to a trusted root.

``cryptography`` builds the chain under the rules of the Web's certificates (RFC 5280 and the CA/Browser Forum's profile: dates,
CA flags, path lengths, key usages, name constraints). Revocation is not asked for: a webhook must not wait for, or fail with, a
third party's server. Certificates are forgotten within a day instead.

What is wrong with a certificate is either wrong with the delivery, or missing here:

==============================================  ==============================
certificate                                     verdict
==============================================  ==============================
of another name, or of the other environment    refused (``InvalidSignature``)
not valid when the delivery was sent            refused
with another key than RSA of 2048 bits or more  refused
leads to a trusted root                         PayPal's
leads to no root that is trusted here           not known: PayPal can be asked
cannot be read                                  not to be had, as if not sent
==============================================  ==============================

A chain that does not end in a trusted root may lack a certificate, or may belong to someone else: from here both look alike,
which is why that one is not called forged.
"""

import os
import re
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from ....errors import ConfigurationError, Diagnosis, InvalidSignature, VerificationUnavailable
from .certificates_known import known_certificates

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import Store

__all__ = [
    "SigningCertificate",
    "TrustStore",
    "Validity",
    "certificates_in",
    "check_identity",
    "issuer_urls_of",
    "path_of",
    "require_cryptography",
    "signing_certificate_from",
]

Digest: TypeAlias = Callable[[bytes], bytes | None]

_BEGIN = "-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,40000}-----END CERTIFICATE-----")
_LONGEST_CHAIN = 10
_SMALLEST_KEY = 2048
_MISSING = (
    'verifying PayPal\'s webhooks offline needs the package cryptography: python -m pip install "paylattice[paypal]". '
    'Or let PayPal verify them: PayPalConfig(verify="postback")'
)


def require_cryptography() -> None:
    """Refuse to wait for the first webhook to find out that a package is missing.

    Raises:
        ConfigurationError: the package cryptography is not installed; says how to do without it.
    """
    if find_spec("cryptography") is None:
        raise ConfigurationError(_MISSING, provider="paypal")


@attrs.frozen
class Validity:
    """From when until when something is valid, in seconds since 1970."""

    not_before: float
    not_after: float

    def covers(self, when: float) -> bool:
        """Whether it is valid then."""
        return self.not_before <= when <= self.not_after


@attrs.frozen(eq=False)
class SigningCertificate:
    """What a certificate server handed out: a certificate that can sign, which need not be PayPal's.

    Args:
        digest: the SHA-256 of the text that a signature was made over; None if its key has not made it. One RSA operation,
            which checks the padding as a whole, whatever number of texts may be meant.
        names: the host names that it is made out to, in lower case.
        validity: its own.
        leaf: itself.
        others: what came with it, to find the way to a root.
    """

    digest: Digest = attrs.field(repr=False)
    names: frozenset[str]
    validity: Validity
    leaf: "Certificate" = attrs.field(repr=False)
    others: "tuple[Certificate, ...]" = attrs.field(repr=False)


@attrs.frozen(eq=False)
class TrustStore:
    """The trusted authorities.

    Args:
        store: the roots: the certificates that are their own issuers.
        intermediates: the others: they lead to the roots, and are trusted no more than what a server sends along.
    """

    store: "Store" = attrs.field(repr=False)
    intermediates: "tuple[Certificate, ...]" = attrs.field(repr=False)

    @classmethod
    def load(cls, source: "str | bytes | os.PathLike[str] | None") -> "TrustStore":
        """The certificates in a file, or in a PEM text; None: those that certifi brings, and those known to be PayPal's.

        One that cannot be read is passed over: bundles hold old ones, for which parsers lose patience. The known issuers that
        are no roots help to find the way in any case.

        Raises:
            ConfigurationError: there is no file, or no root in it; or the package cryptography is missing.
        """
        known = _readable(known_certificates())
        certificates = _readable(_pem_of(source))
        roots = [found for found in certificates if _is_root(found)]
        if not roots:
            message = (
                "PayPal's trust store, PayPalConfig(trust_store=...), holds no root certificate: it must be PEM with the root "
                "of PayPal's signing certificates, and with the intermediate one if PayPal does not send it along"
            )
            raise ConfigurationError(message)
        if source is None:
            roots += [found for found in known if _is_root(found)]
        from cryptography.x509.verification import Store  # noqa: PLC0415 - an extra

        return cls(Store(roots), tuple(found for found in [*certificates, *known] if not _is_root(found)))


def signing_certificate_from(pem: bytes) -> SigningCertificate:
    """The certificate that was fetched.

    Args:
        pem: the answer: the certificate, and after it those that lead to its root.

    Raises:
        InvalidSignature: its key is of another kind than PayPal signs with.
        VerificationUnavailable: the answer is no certificate at all, or not one that can be read here.
    """
    leaf, *others = _sent(pem)
    try:
        return SigningCertificate(
            digest=_digest_with(_key_of(leaf)),
            names=_names_of(leaf),
            validity=_validity_of(leaf),
            leaf=leaf,
            others=tuple(others),
        )
    except InvalidSignature:
        raise
    except Exception as exc:  # noqa: BLE001 - parsers raise what they like at a crooked certificate
        cause = type(exc).__name__
    message = f"the signing certificate cannot be understood here ({cause})"
    raise VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE)


def check_identity(certificate: SigningCertificate, host_name: str, when: float) -> None:
    """Raise if it is not the kind of certificate that PayPal signs with, whatever its issuer.

    Args:
        certificate: which.
        host_name: the name that it must be issued to. The name itself must be there: a wildcard that covers it belongs to
            PayPal's web servers.
        when: when it must be valid, in seconds since 1970.

    Raises:
        InvalidSignature: it is not PayPal's, or has expired.
    """
    if host_name not in certificate.names:
        message = f"the certificate is not made out to {host_name}: it is not what PayPal signs webhooks with"
        raise InvalidSignature(message, diagnosis=Diagnosis.CERTIFICATE_REFUSED)
    if not certificate.validity.covers(when):
        message = "the signing certificate had expired, or was not valid yet, when the delivery was sent"
        raise InvalidSignature(message, diagnosis=Diagnosis.CERTIFICATE_REFUSED)


def path_of(
    certificate: SigningCertificate,
    trust: TrustStore,
    host_name: str,
    when: float,
    more: "Sequence[Certificate]" = (),
) -> Validity | None:
    """For how long the certificate leads to a trusted root, over certificates that are valid then, too; None: it does not.

    Args:
        certificate: which.
        trust: the trusted authorities.
        host_name: the name that it must be issued to.
        when: when all of them must be valid, in seconds since 1970.
        more: certificates that may lie on the way.
    """
    from cryptography.x509 import DNSName  # noqa: PLC0415 - an extra
    from cryptography.x509.verification import PolicyBuilder  # noqa: PLC0415 - an extra

    moment = datetime.fromtimestamp(when, UTC).replace(tzinfo=None)  # which is how it wants UTC
    between = [*certificate.others, *trust.intermediates, *more]
    try:
        verifier = PolicyBuilder().store(trust.store).time(moment).build_server_verifier(DNSName(host_name))
        path = [_validity_of(found) for found in verifier.verify(certificate.leaf, between)]
    except Exception:  # noqa: BLE001 - a VerificationError; and parsers raise what they like at a crooked certificate
        return None
    return Validity(max(found.not_before for found in path), min(found.not_after for found in path))


def issuer_urls_of(certificate: "Certificate") -> tuple[str, ...]:
    """Where the certificate says that its issuer's is (authority information access)."""
    from cryptography.x509 import AuthorityInformationAccess, UniformResourceIdentifier  # noqa: PLC0415 - an extra
    from cryptography.x509.oid import AuthorityInformationAccessOID  # noqa: PLC0415 - an extra

    try:
        described = certificate.extensions.get_extension_for_class(AuthorityInformationAccess).value
    except Exception:  # noqa: BLE001 - it has none, or one that cannot be read: it names no place
        return ()
    return tuple(
        each.access_location.value
        for each in described
        if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(each.access_location, UniformResourceIdentifier)
    )


def certificates_in(content: bytes) -> "list[Certificate]":
    """The certificates in an answer of an authority's server: PEM, or one in DER. Empty: there is none."""
    if _BEGIN.encode() in content:
        return _readable(content)[:_LONGEST_CHAIN]
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - an extra

    with _patience(), suppress(Exception):  # whatever it is, it is no certificate
        return [load_der_x509_certificate(content)]
    return []


def _is_root(certificate: "Certificate") -> bool:
    return certificate.subject == certificate.issuer


def _validity_of(certificate: "Certificate") -> Validity:
    return Validity(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def _names_of(leaf: "Certificate") -> frozenset[str]:
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName  # noqa: PLC0415 - an extra

    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value.get_values_for_type(DNSName)
    except ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in names)


def _key_of(leaf: "Certificate") -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - an extra

    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY:
        message = f"the signing certificate's key is no RSA key of at least {_SMALLEST_KEY} bits"
        raise InvalidSignature(message, diagnosis=Diagnosis.CERTIFICATE_REFUSED)
    return key


def _digest_with(key: "RSAPublicKey") -> Digest:
    from cryptography.exceptions import InvalidSignature as Mismatch  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

    padding, algorithm, recover = PKCS1v15(), SHA256(), key.recover_data_from_signature

    def digest(signature: bytes) -> bytes | None:
        try:
            return recover(signature, padding, algorithm)
        except Mismatch:
            return None

    return digest


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
            with suppress(Exception):  # one bad certificate does not spoil the bundle
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
    """Silences warnings about old roots in a bundle from outside."""
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
