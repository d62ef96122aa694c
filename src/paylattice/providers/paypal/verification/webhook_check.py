"""Whether deliveries could be verified now, found out without one.

What can be tried without a delivery: whether PayPal knows the webhook; whether its certificate server answers; and whether
PayPal lets itself be asked about a delivery, for which a made-up one will do. Which certificate signs at present only a
delivery tells: with the address that one named, its chain is tried, too.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs

from ....errors import ConfigurationError, PaymentError
from ..config import PayPalConfig
from .transmission import ALGORITHM, transmission_from
from .verifier import WebhookVerifier

__all__ = ["WEBHOOKS", "WebhookCheck", "tried"]

WEBHOOKS = "/v1/notifications/webhooks"
_EARLIER: Mapping[str, str] = {
    "live": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-b0d12406",
    "sandbox": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-aecacc47",
}
"""Addresses that certificates were at which have expired since: whether they still are there, the server answers."""
_ENOUGH: Mapping[str, frozenset[str]] = {
    "auto": frozenset({"certificate", "postback"}),
    "offline": frozenset({"certificate"}),
    "postback": frozenset({"postback"}),
}
"""What is enough, if it works, for each way to verify."""
_MADE_UP = b'{"id":"WH-PAYLATTICE-CHECK","event_type":"PAYLATTICE.CHECK"}'


@attrs.frozen
class WebhookCheck:
    """What was found out.

    Args:
        works: whether it is proven that deliveries can be verified.
        ways: how, if that is proven: ``certificate``, ``postback``.
        findings: in sentences, without secrets.
    """

    works: bool
    ways: Sequence[str]
    findings: Sequence[str]


@attrs.frozen
class _Finding:
    works: bool
    said: str


async def tried(
    verifier: WebhookVerifier, config: PayPalConfig, known: Mapping[str, str | None], cert_url: str | None
) -> WebhookCheck:
    """What works.

    Args:
        verifier: of the provider.
        config: its settings.
        known: the URL of each webhook that is configured, as PayPal knows it; None: it knows none of this id.
        cert_url: the ``PAYPAL-CERT-URL`` of a delivery, if one is at hand.
    """
    strange = [webhook_id for webhook_id, url in known.items() if url is None]
    findings = [_webhook(webhook_id, url, config) for webhook_id, url in known.items()]
    ways: dict[str, _Finding] = {}
    if config.verify != "postback":
        ways["certificate"] = await _certificate(verifier, config, cert_url)
    if config.verify != "offline":
        ways["postback"] = await _postback(verifier, config)
    findings += [found.said for found in ways.values()]
    proven = [name for name, found in ways.items() if found.works and name in _ENOUGH[config.verify]]
    return WebhookCheck(bool(proven) and not strange, proven, findings)


def _webhook(webhook_id: str, url: str | None, config: PayPalConfig) -> str:
    if url is None:
        return (
            f"webhook {webhook_id}: PayPal knows none of this id for these credentials ({config.environment}). "
            "PAYPAL_WEBHOOK_ID must hold the id that PayPal shows beside the URL of your endpoint, in the same app"
        )
    return f"webhook {webhook_id}: delivers to {url}"


async def _certificate(verifier: WebhookVerifier, config: PayPalConfig, cert_url: str | None) -> _Finding:
    if cert_url is None:
        try:
            status = await verifier.reach(_EARLIER[config.environment])
        except ConfigurationError:
            raise
        except PaymentError as error:
            return _Finding(works=False, said=f"certificates: PayPal's server cannot be reached: {error.message}")
        return _Finding(
            works=False,
            said=f"certificates: PayPal's server answers ({status}). Which one signs at present only a delivery tells: "
            "pass its PAYPAL-CERT-URL with --cert-url",
        )
    try:
        until = datetime.fromtimestamp(await verifier.preload(cert_url), UTC)
    except ConfigurationError:
        raise
    except PaymentError as error:
        return _Finding(works=False, said=f"certificates: not verified: {error.message}")
    return _Finding(works=True, said=f"certificates: this one leads to a trusted root, until {until:%Y-%m-%d}")


async def _postback(verifier: WebhookVerifier, config: PayPalConfig) -> _Finding:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made_up = {
        "PAYPAL-TRANSMISSION-ID": "00000000-0000-11f0-8000-000000000000",
        "PAYPAL-TRANSMISSION-TIME": at,
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(bytes(256)).decode(),
        "PAYPAL-CERT-URL": _EARLIER[config.environment],
        "PAYPAL-AUTH-ALGO": ALGORITHM,
    }
    try:
        believed = await verifier.asked(transmission_from(made_up), _MADE_UP)
    except ConfigurationError:
        raise
    except PaymentError as error:
        return _Finding(works=False, said=f"postback: {error.message}")
    if believed:
        return _Finding(works=False, said="postback: a made-up delivery was confirmed: this is not PayPal's server")
    return _Finding(works=True, said="postback: PayPal can be asked about deliveries (it denied a made-up one)")
