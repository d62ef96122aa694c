"""Deliveries signed as PayPal signs them, under an authority of the stand-in's own.

RSA keys take a while to make: one pair serves all stand-ins of a process. The certificate's address is made of itself, as every
new certificate of PayPal's has a new one: who keeps one by its address is not misled by the stand-in of the next process.
"""

import base64
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["Authority", "authority"]

_HOST_NAME = "messageverificationcerts.sandbox.paypal.com"


@attrs.frozen
class Authority:
    """Who signs.

    Args:
        key: the signing key.
        certificate: the signing certificate alone, as PEM: PayPal sends no other along.
        name: the last part of the address that it is at.
        root: the trusted authority, as PEM.
    """

    key: "RSAPrivateKey" = attrs.field(repr=False)
    certificate: bytes = attrs.field(repr=False)
    name: str
    root: bytes = attrs.field(repr=False)

    def signature(self, transmission_id: str, at: str, webhook_id: str, body: bytes) -> str:
        """The signature of a delivery."""
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - only who signs needs it
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - the same

        text = _signed_text(transmission_id, at, webhook_id, body)
        return base64.b64encode(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")

    def signed(self, sent: Mapping[str, str], body: bytes) -> bool:
        """Whether the signature in a request for verification is ours, for this body."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who verifies needs it
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - the same

        text = _signed_text(sent["transmission_id"], sent["transmission_time"], sent["webhook_id"], body)
        try:
            signature = base64.b64decode(sent["transmission_sig"], validate=True)
            self.key.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def _signed_text(transmission_id: str, at: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()


@cache
def authority() -> Authority:
    """The one of this process."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - only who signs needs it
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - the same

    root_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root = _certificate("paylattice stand-in authority", root_key, None, root_key)
    leaf = _certificate(_HOST_NAME, key, root, root_key)
    mark = leaf.fingerprint(SHA256()).hex()
    name = f"CERT-{mark[:8]}-{mark[8:16]}-{mark[16:24]}"
    return Authority(key, leaf.public_bytes(Encoding.PEM), name, root.public_bytes(Encoding.PEM))


def _certificate(
    name: str, key: "RSAPrivateKey", issuer: "x509.Certificate | None", signer: "RSAPrivateKey"
) -> "x509.Certificate":
    from cryptography import x509  # noqa: PLC0415 - only who signs needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - the same
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - the same

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_root = issuer is None
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not is_root:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        ).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())
