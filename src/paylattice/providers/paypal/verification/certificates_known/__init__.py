"""The authorities that are known to have issued PayPal's signing certificates, for no other purpose.

PayPal's server hands out the signing certificate alone, and the bundle of certifi holds neither its issuer nor the root above
it any more. So both are here. What is trusted for PayPal's webhooks by default is certifi's roots and these; nothing else uses
them.

The other public roots of DigiCert, to which PayPal may move (Global Root G2 and G3, Trusted Root G4, TLS RSA4096 Root G5, ...),
are in certifi.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

import attrs

__all__ = ["KNOWN", "KnownCertificate", "known_certificates"]

_log = logging.getLogger("paylattice")


@attrs.frozen
class KnownCertificate:
    """A file next to this one.

    Args:
        file: its name; PEM.
        name: the common name that it is issued to.
        issuer: the common name of who signed it; the same: it is a root.
        sha256: the SHA-256 fingerprint of the certificate (of its DER form), as authorities publish it.
        not_before: from when on it is valid; UTC.
        not_after: until when it is valid; UTC.
        origin: where it comes from, and how that can be checked.
    """

    file: str
    name: str
    issuer: str
    sha256: str
    not_before: datetime
    not_after: datetime
    origin: str


_PUBLISHED = (
    "a public certificate of DigiCert; https://www.digicert.com/kb/digicert-root-certificates.htm lists its fingerprint"
)

KNOWN: Sequence[KnownCertificate] = (
    KnownCertificate(
        file="digicert_sha2_extended_validation_server_ca.pem",
        name="DigiCert SHA2 Extended Validation Server CA",
        issuer="DigiCert High Assurance EV Root CA",
        sha256="403e062a2653059113285baf80a0d4ae422c848c9f78fad01fc94bc5b87fef1a",
        not_before=datetime(2013, 10, 22, 12, tzinfo=UTC),
        not_after=datetime(2028, 10, 22, 12, tzinfo=UTC),
        origin=_PUBLISHED,
    ),
    KnownCertificate(
        file="digicert_high_assurance_ev_root_ca.pem",
        name="DigiCert High Assurance EV Root CA",
        issuer="DigiCert High Assurance EV Root CA",
        sha256="7431e5f4c3c1ce4690774f0b61e05440883ba9a01ed00ba6abd7806ed3b118cf",
        not_before=datetime(2006, 11, 10, tzinfo=UTC),
        not_after=datetime(2031, 11, 10, tzinfo=UTC),
        origin=_PUBLISHED,
    ),
)
"""The one that signed PayPal's signing certificates from 2015 to 2026, and the one above it."""


def known_certificates(folder: Traversable | None = None) -> bytes:
    """All of them that are here, as PEM. Who packs an application may have left them out: then PayPal is asked instead.

    Args:
        folder: where the files are; None: next to this one.
    """
    place = files(__name__) if folder is None else folder
    return b"\n".join(content for known in KNOWN if (content := _content(place, known)))


def _content(folder: Traversable, known: KnownCertificate) -> bytes:
    try:
        return (folder / known.file).read_bytes()
    except OSError as error:
        _log.warning("paypal: the certificate %s did not come with the package: %s", known.file, type(error).__name__)
        return b""
