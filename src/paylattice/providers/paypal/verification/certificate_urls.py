"""Where signing certificates may come from: an exact list. Nothing else is ever fetched.

A URL is taken if it is one of these addresses, character for character, with the name of a certificate behind it. No part of
it is parsed: what no parser reads, no two parsers can read differently.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from ....errors import Diagnosis, InvalidSignature
from .transmission import malformed_url

if TYPE_CHECKING:
    from ..config import PayPalConfig

__all__ = ["CertificateSource", "CertificateSources"]

_HOSTS: Mapping[str, tuple[str, ...]] = {
    "live": ("api.paypal.com", "api-m.paypal.com"),
    "sandbox": ("api.sandbox.paypal.com", "api-m.sandbox.paypal.com"),
}
_HOST_NAMES: Mapping[str, str] = {
    "live": "messageverificationcerts.paypal.com",
    "sandbox": "messageverificationcerts.sandbox.paypal.com",
}
"""The one host name that a signing certificate of the environment is made out to."""
_PATH = "/v1/notifications/certs"
_NAME = re.compile(r"CERT-[0-9a-f-]{1,100}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OTHER_ENVIRONMENT: Mapping[str, str] = {
    "live": "the delivery is from the sandbox, and the settings are live",
    "sandbox": "the delivery is live, and the settings are for the sandbox",
}


@attrs.frozen
class CertificateSource:
    """An address that a signing certificate is fetched from.

    Args:
        url: the address.
        host_name: the name that the certificate must be issued to.
        environment: ``live`` or ``sandbox``.
    """

    url: str
    host_name: str
    environment: str


class CertificateSources:
    """The addresses that the settings allow.

    Those of the environment at PayPal, and below ``base_url``, which is for local servers and for proxies of one's own: it
    must be https, or on this machine. A server on this machine stands in for PayPal altogether: whatever address a delivery
    names, the certificate is fetched from it. With ``simulator`` also those of the other environment, since PayPal's simulator
    signs what it sends to sandbox webhooks with a live certificate.
    """

    def __init__(self, settings: "PayPalConfig") -> None:
        self._environment = settings.environment
        environments = tuple(_HOSTS) if settings.simulator else (settings.environment,)
        self._allowed = {prefix: found for name in environments for prefix, found in _addresses(name).items()}
        self._others = {prefix for name in _HOSTS if name not in environments for prefix in _addresses(name)}
        base = settings.base_url
        self.is_local: bool = base is not None and _is_local(base)
        if base is not None and self.is_local:
            self._allowed = {prefix: (base + _PATH, name) for prefix, (_, name) in self._allowed.items()}
        if base is not None and (self.is_local or urlsplit(base).scheme == "https"):
            self._allowed.setdefault(base + _PATH, (base + _PATH, settings.environment))

    def source(self, url: str) -> CertificateSource:
        """The source that the URL is.

        Raises:
            InvalidSignature: it is another URL; PayPal has not sent this.
        """
        prefix, _, name = url.rpartition("/")
        if _NAME.fullmatch(name):
            known = self._allowed.get(prefix)
            if known is not None:
                address, environment = known
                return CertificateSource(f"{address}/{name}", _HOST_NAMES[environment], environment)
            if prefix in self._others:
                what = _OTHER_ENVIRONMENT[self._environment]
                message = f"{what}: use one application and its webhook id for each, and set PAYPAL_ENVIRONMENT"
                raise InvalidSignature(message, diagnosis=Diagnosis.WRONG_MODE)
        raise malformed_url()


def _addresses(environment: str) -> dict[str, tuple[str, str]]:
    """The environment's addresses, as they may be written, with the way they are fetched."""
    return {
        f"https://{host}{port}{_PATH}": (f"https://{host}{_PATH}", environment)
        for host in _HOSTS[environment]
        for port in ("", ":443")
    }


def _is_local(base_url: str) -> bool:
    return urlsplit(base_url).hostname in _LOOPBACK
