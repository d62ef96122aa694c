"""Signing certificates: fetched when they are needed, found good once, kept for a day.

Whoever can reach the webhook's URL can make this ask PayPal for certificates. So the same one is asked for once at a time, and
not again for a minute after a failure; a known one that does not fit a signature is not asked for again for five minutes; and
there are only so many requests in a minute, whatever is named, counted apart for known certificates and for unknown ones.
"""

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import attrs

from ...errors import ConfigurationError, Diagnosis, PaymentError, VerificationUnavailable, WebhookError
from ...transport.messages import Response
from ...transport.primitives import Lock, mutex
from .certificate_urls import CertificateSource
from .chains import SigningKey, TrustStore, signing_key_from

if TYPE_CHECKING:
    from .config import PayPalConfig

__all__ = ["MAX_CERTIFICATE", "CertificateStore"]

MAX_CERTIFICATE = 64 * 1024
"""Bytes. A chain of PayPal's has six thousand."""
_OK = 200
_LIFETIME = 86_400.0
"""Seconds that a certificate is kept: the ``max-age`` that PayPal was seen to give."""
_AFTER_FAILURE = 60.0
_BETWEEN_RENEWALS = 300.0
_WINDOW = 60.0
_PER_WINDOW = 10
_KEPT = 32
_FAILURES_KEPT = 256


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
    """The keys of signing certificates, by where they come from.

    Args:
        settings: whom to believe.
        fetch: sends a GET to the address, without credentials and without following redirects.
        lock: makes a lock.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: "PayPalConfig",
        fetch: Callable[[str], Awaitable[Response]],
        *,
        lock: Callable[[], Lock],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._lock = lock
        self._clock = clock
        self._trust: TrustStore | None = None
        self._keys: OrderedDict[str, SigningKey] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._lately: Mapping[bool, deque[float]] = {known: deque(maxlen=_PER_WINDOW) for known in (False, True)}
        self._flights: dict[str, _Flight] = {}
        self._mutex = mutex()

    def cached(self, url: str) -> SigningKey | None:
        """The key that is known and may be used now; None if it has to be fetched. Only allowed addresses have one."""
        key = self._keys.get(url)
        if key is None:
            return None
        now = self._clock()
        return key if key.not_before <= now <= key.not_after and abs(now - key.fetched_at) < _LIFETIME else None

    async def key(self, source: CertificateSource) -> SigningKey:
        """The key of the certificate at the address, fetched if need be.

        Raises:
            InvalidSignature: the certificate is not one to believe.
            VerificationUnavailable: it cannot be had now.
            ConfigurationError: the trust store cannot be read, or the package cryptography is missing.
        """
        key = self.cached(source.url)
        if key is not None:
            return key
        async with self._alone(source.url):
            return self.cached(source.url) or await self._fetched(source)

    async def renewed(self, source: CertificateSource, than: SigningKey) -> SigningKey | None:
        """The key that is at the address by now, when the known one does not fit; None if it was fetched a moment ago.

        Raises:
            InvalidSignature: what is there now is not to be believed.
            VerificationUnavailable: it cannot be had now.
        """
        async with self._alone(source.url):
            current = self.cached(source.url)
            if current is not None and current is not than:
                return current
            if abs(self._clock() - than.fetched_at) < _BETWEEN_RENEWALS:
                return None
            return await self._fetched(source)

    async def _fetched(self, source: CertificateSource) -> SigningKey:
        if self._trust is None:
            self._trust = TrustStore.load(self._settings.trust_store)
        self._permit(source.url)
        try:
            pem = await self._pem(source.url)
            key = signing_key_from(pem, self._trust, source.host_name, self._clock())
        except WebhookError as error:
            self._failed(source.url, error)
            raise
        with self._mutex:
            self._keys.pop(source.url, None)
            self._keys[source.url] = key
            while len(self._keys) > _KEPT:
                self._keys.popitem(last=False)
        return key

    def _permit(self, url: str) -> None:
        """Raise if PayPal was asked a moment ago: for this one in vain, or too often. Known ones have a count of their own."""
        now = self._clock()
        with self._mutex:
            failure = self._failures.get(url)
            if failure is not None and abs(now - failure.at) < _AFTER_FAILURE:
                failure.again()
            lately = self._lately[url in self._keys]
            if len(lately) == _PER_WINDOW and abs(now - lately[0]) < _WINDOW:
                raise _unavailable("too many were asked for within a minute, which may be an attack")
            lately.append(now)

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
            async with flight.lock:
                yield
        finally:
            with self._mutex:
                flight.passengers -= 1
                if not flight.passengers:
                    self._flights.pop(url, None)


def _unavailable(why: str, http_status: int | None = None) -> VerificationUnavailable:
    message = f"the certificate that the delivery is signed with cannot be had now: {why}. PayPal will deliver again"
    return VerificationUnavailable(message, diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE, http_status=http_status)
