"""The chain of a signing certificate, with issuers that have to be fetched.

A certificate names an address where its issuer's can be had. It is asked for only after the certificate's own signature over a
delivery has fitted; only at the hosts of authorities that are known to issue PayPal's; without credentials or redirects; over
plain HTTP, too, as authorities do it: the result is trusted only if it leads to a trusted root.
"""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import attrs

from ....errors import ConfigurationError, Diagnosis, PaymentError, VerificationUnavailable
from ....transport.messages import Response
from ....transport.primitives import Lock
from .certificates import MAX_CERTIFICATE, Signer
from .chains import TrustStore, Validity, certificates_in, check_identity, issuer_urls_of, path_of

if TYPE_CHECKING:
    import os

    from cryptography.x509 import Certificate

__all__ = ["Chains"]

_HOSTS = ("cacerts.digicert.com",)
"""Where the authorities of PayPal's signing certificates keep their own."""
_ALLOWED = re.compile(rf"https?://(?:{'|'.join(map(re.escape, _HOSTS))})/[A-Za-z0-9][A-Za-z0-9._-]{{0,150}}")
_OK = 200
_STEPS = 3
"""How many issuers, one above the other, are fetched for one certificate."""
_PER_STEP = 2
_LIFETIME = 86_400.0
_AFTER_FAILURE = 600.0
"""Seconds for which an authority's server is left alone: a firewall that does not let it be reached stays there."""
_KEPT = 16
_UNKNOWN = (
    "the signing certificate leads to no trusted root: PayPal has changed its authority, or sends no intermediate "
    "certificate. PayPal can be asked instead (PAYPAL_VERIFY=auto), or PayPalConfig(trust_store=...) hold what is missing"
)


@attrs.frozen
class _Issuer:
    at: float
    certificates: "tuple[Certificate, ...]" = attrs.field(repr=False)

    def serves(self, now: float) -> bool:
        return abs(now - self.at) < (_LIFETIME if self.certificates else _AFTER_FAILURE)


class Chains:
    """Finds out which signing certificates lead to a trusted root, and remembers it with them.

    Args:
        trust_store: the trusted authorities; None: certifi's roots and the known ones.
        fetch: sends a GET to an address, without credentials and without following redirects; None: nothing is fetched.
        lock: makes a lock.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        trust_store: "os.PathLike[str] | str | None",
        fetch: Callable[[str], Awaitable[Response]] | None,
        *,
        lock: Callable[[], Lock],
        clock: Callable[[], float],
    ) -> None:
        self._trust_store = trust_store
        self._fetch = fetch
        self._alone = lock()
        self._clock = clock
        self._trust: TrustStore | None = None
        self._issuers: OrderedDict[str, _Issuer] = OrderedDict()

    def load(self) -> TrustStore:
        """The trusted authorities.

        Raises:
            ConfigurationError: the trust store cannot be read, or the package cryptography is missing.
        """
        if self._trust is None:
            self._trust = TrustStore.load(self._trust_store)
        return self._trust

    def check(self, signer: Signer, when: float) -> None:
        """Raise unless the certificate was PayPal's at that time, judged by the certificates at hand.

        Raises:
            InvalidSignature: it was not.
            VerificationUnavailable: that cannot be told.
        """
        if self._known(signer, when) is None and self._found(signer, when) is None:
            raise VerificationUnavailable(_UNKNOWN, diagnosis=Diagnosis.CERTIFICATE_UNKNOWN)

    async def establish(self, signer: Signer, when: float) -> Validity:
        """The same, with the issuers that the certificate names, fetched if need be.

        Returns:
            When all certificates of the chain are valid.

        Raises:
            InvalidSignature: it was not PayPal's.
            VerificationUnavailable: that cannot be told.
        """
        known = self._known(signer, when)
        if known is not None:
            return known
        if not self._was_in_vain(signer):
            async with self._alone.held():
                if not self._was_in_vain(signer):
                    found = self._found(signer, when) or await self._found_with_issuers(signer, when)
                    if found is not None:
                        return found
                    signer.unknown_since = self._clock()
        raise VerificationUnavailable(_UNKNOWN, diagnosis=Diagnosis.CERTIFICATE_UNKNOWN)

    def _known(self, signer: Signer, when: float) -> Validity | None:
        if signer.trusted is not None and signer.trusted.covers(when):
            return signer.trusted
        check_identity(signer.certificate, signer.source.host_name, when)
        return None

    def _was_in_vain(self, signer: Signer) -> bool:
        """Whether a recent search for its chain failed."""
        since = signer.unknown_since
        return since is not None and abs(self._clock() - since) < _AFTER_FAILURE

    def _found(self, signer: Signer, when: float, more: "Sequence[Certificate]" = ()) -> Validity | None:
        path = path_of(signer.certificate, self.load(), signer.source.host_name, when, more)
        if path is not None:
            signer.trusted, signer.unknown_since = path, None
        return path

    async def _found_with_issuers(self, signer: Signer, when: float) -> Validity | None:
        if self._fetch is None:
            return None
        fetched: list[Certificate] = []
        ends: Sequence[Certificate] = (signer.certificate.leaf, *signer.certificate.others)
        for _ in range(_STEPS):
            urls = dict.fromkeys(url for end in ends for url in issuer_urls_of(end) if _ALLOWED.fullmatch(url))
            ends = [each for url in list(urls)[:_PER_STEP] for each in await self._at(url, self._fetch)]
            if not ends:
                break
            fetched += ends
            found = self._found(signer, when, fetched)
            if found is not None:
                return found
        return None

    async def _at(self, url: str, fetch: Callable[[str], Awaitable[Response]]) -> "Sequence[Certificate]":
        """The certificates at an address of an authority."""
        known = self._issuers.get(url)
        if known is not None and known.serves(self._clock()):
            return known.certificates
        certificates: Sequence[Certificate] = ()
        try:
            response = await fetch(url)
        except ConfigurationError:
            raise
        except PaymentError:
            pass
        else:
            if response.status == _OK and len(response.body) <= MAX_CERTIFICATE:
                certificates = certificates_in(response.body)
        self._issuers[url] = _Issuer(self._clock(), tuple(certificates))
        while len(self._issuers) > _KEPT:
            self._issuers.popitem(last=False)
        return certificates
