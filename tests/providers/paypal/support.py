"""A scripted PayPal, and what it writes. Access tokens are always to be had."""

from collections.abc import Mapping
from typing import Any

import httpx

from paylattice.providers.paypal import PayPalConfig, PayPalProvider, TokenCache
from tests.kit import ScriptedWorld, Seen

CLIENT_ID, CLIENT_SECRET = "AeA1QIZXiflr1_-notaclient", "EGnHDxD_qRPdaLdZ8i-notasecret"
WEBHOOK = "0EH40505U7160970P"
HOST = "https://api-m.sandbox.paypal.com"
TOKEN_PATH = "/v1/oauth2/token"


class World(ScriptedWorld[PayPalProvider]):
    """A provider in front of a scripted PayPal."""

    provider_class = PayPalProvider
    key = "paypal-request-id"
    reads = ("/search-invoices", "/verify-webhook-signature", "/token")
    aside = (TOKEN_PATH,)

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, config: PayPalConfig | None = None) -> None:
        super().__init__(mode, attempts=attempts, config=config)
        self.tokens = 0
        self.always("POST", TOKEN_PATH, self._token)

    def _token(self, _seen: Seen) -> httpx.Response:
        self.tokens += 1
        return httpx.Response(200, json=token(f"A21AA-token-{self.tokens}"))

    def configuration(self) -> PayPalConfig:
        return configuration()

    def another(self, config: PayPalConfig | None = None, tokens: TokenCache | None = None) -> PayPalProvider:
        """Another provider in front of the same PayPal."""
        return super().another(config, tokens=TokenCache(clock=lambda: self.now) if tokens is None else tokens)


def token(value: str = "A21AA-token", **changes: Any) -> dict[str, Any]:
    return {
        "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/subscriptions",
        "access_token": value,
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": 32400,
        "nonce": "2026-09-21T14:13:20Zabc",
        **changes,
    }


def configuration(**changes: Any) -> PayPalConfig:
    settings = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "webhook_id": WEBHOOK, **changes}
    return PayPalConfig(**settings)


def refusal(
    status: int,
    name: str,
    issue: str | None = None,
    *,
    links: Any = (),
    headers: Mapping[str, str] | None = None,
    **detail: object,
) -> httpx.Response:
    """An error as the REST APIs write it."""
    details = [{"issue": issue, "description": "No.", **detail}] if issue else []
    body = {"name": name, "message": "No.", "debug_id": "b1d1f06c7246c", "details": details, "links": list(links)}
    return httpx.Response(status, json=body, headers={"PayPal-Debug-Id": "b1d1f06c7246c", **(headers or {})})


def unprocessable(issue: str, **more: Any) -> httpx.Response:
    return refusal(422, "UNPROCESSABLE_ENTITY", issue, **more)


def missing() -> httpx.Response:
    return refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
