"""Signing certificates: fetched when they are needed, and kept for a day.

Anyone who can reach the webhook's URL can make this ask PayPal for certificates. So the same one is asked for once at a time,
and not again for a minute after a failure; and there are only so many requests in a minute, whatever is named, counted apart
for known certificates and for unknown ones. A known one that does not fit a signature is not asked for again: PayPal gives
every new certificate an address of its own, and says of each that it may be kept for a day.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NoReturn

import attrs

from ....errors import ConfigurationError, Diagnosis, PaymentError, VerificationUnavailable, WebhookError
from ....transport.messages import Response
from ....transport.primitives import Lock, mutex
from .certificate_urls import CertificateSource
from .chains import SigningCertificate, Validity, signing_certificate_from
from .rates import Rate

__all__ = ["MAX_CERTIFICATE", "CertificateStore", "Signer"]

MAX_CERTIFICATE = 64 * 1024
"""Bytes. A chain of PayPal's has six thousand."""
_OK = 200
_LIFETIME = 86_400.0
"""Seconds that a certificate is kept: the ``max-age`` that PayPal was seen to give."""
_AFTER_FAILURE = 60.0
_WINDOW = 60.0
_PER_WINDOW = 10
_KEPT = 32
_FAILURES_KEPT = 256


@attrs.define(eq=False)
class Signer:
    """A certificate that was fetched, and what is known of it by now.

    Args:
        certificate: itself.
        source: where it comes from.
        fetched_at: when, in seconds since 1970.
        trusted: when its chain is valid, if it is known to lead to a trusted root.
        unknown_since: when its chain was last looked for in vain.
    """

    certificate: SigningCertificate
    source: CertificateSource
    fetched_at: float
    trusted: Validity | None = None
    unknown_since: float | None = None


@attrs.frozen
class _Failure:
    at: float
    error: type[WebhookError]
    message: str
    diagnosis: Diagnosis
    http_status: int | None

    def again(self) -> NoReturn:
        raise self.error(self.message, diagnosis=self.diagnosis, http_status=self.http_status)


@attrs.define
class _Flight:
    lock: Lock
    passengers: int = 0


class CertificateStore:
    """Signing certificates, by where they come from.

    Args:
        fetch: sends a GET to the address, without credentials and without following redirects.
        lock: makes a lock.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Response]],
        *,
        lock: Callable[[], Lock],
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._lock = lock
        self._clock = clock
        self._signers: OrderedDict[str, Signer] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._rates: Mapping[bool, Rate] = {known: Rate(_PER_WINDOW, _WINDOW, clock) for known in (False, True)}
        self._flights: dict[str, _Flight] = {}
        self._mutex = mutex()

    def cached(self, url: str) -> Signer | None:
        """The certificate that is here; None if it has to be fetched. Only allowed addresses have one."""
        signer = self._signers.get(url)
        return signer if signer is not None and abs(self._clock() - signer.fetched_at) < _LIFETIME else None

    async def signer(self, source: CertificateSource) -> Signer:
        """The certificate at the address, fetched if need be.

        Raises:
            InvalidSignature: it is of a kind that PayPal does not sign with.
            VerificationUnavailable: it cannot be had now.
            ConfigurationError: the package cryptography is missing.
        """
        signer = self.cached(source.url)
        if signer is not None:
            return signer
        async with self._alone(source.url):
            return self.cached(source.url) or await self._fetched(source)

    async def _fetched(self, source: CertificateSource) -> Signer:
        self._permit(source.url)
        try:
            pem = await self._pem(source.url)
            signer = Signer(signing_certificate_from(pem), source, self._clock())
        except WebhookError as error:
            self._failed(source.url, error)
            raise
        with self._mutex:
            self._signers.pop(source.url, None)
            self._signers[source.url] = signer
            while len(self._signers) > _KEPT:
                self._signers.popitem(last=False)
        return signer

    def _permit(self, url: str) -> None:
        """Raise if PayPal was asked recently: for this one in vain, or too often. Known ones are counted separately."""
        with self._mutex:
            failure = self._failures.get(url)
            if failure is not None and abs(self._clock() - failure.at) < _AFTER_FAILURE:
                failure.again()
            if not self._rates[url in self._signers].permits():
                raise _unavailable("too many were asked for within a minute, which may be an attack")

    def _failed(self, url: str, error: WebhookError) -> None:
        failure = _Failure(self._clock(), type(error), error.message, error.diagnosis, error.http_status)
        with self._mutex:
            self._failures.pop(url, None)
            self._failures[url] = failure
            while len(self._failures) > _FAILURES_KEPT:
                self._failures.popitem(last=False)

    async def _pem(self, url: str) -> bytes:
        try:
            response = await self._fetch(url)
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message.partition(":")[0]
        else:
            if response.status == _OK and len(response.body) <= MAX_CERTIFICATE:
                return response.body
            why = "it is too large" if response.status == _OK else "PayPal's server did not hand it out"
            raise _unavailable(why, response.status)
        raise _unavailable(why)

    @asynccontextmanager
    async def _alone(self, url: str) -> AsyncGenerator[None, None]:
        """One at a time for each address."""
        with self._mutex:
            flight = self._flights.setdefault(url, _Flight(self._lock()))
            flight.passengers += 1
        try:
            async with flight.lock.held():
                yield
        finally:
            with self._mutex:
                flight.passengers -= 1
                if not flight.passengers:
                    self._flights.pop(url, None)


def _unavailable(why: str, http_status: int | None = None) -> VerificationUnavailable:
    message = f"the certificate that the delivery is signed with cannot be had now: {why}. PayPal will deliver again"
    return VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE, http_status=http_status)
