"""A scripted Square, and what it writes."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from paylattice.providers.square import SquareConfig, SquareProvider
from tests.kit import ScriptedWorld

TOKEN = "EAAAlNotARealTokenAtAllButLongEnough"
SIGNATURE_KEY = "Ibxx_5AKakO-notarealkey"
URL = "https://shop.example/webhooks/square"
LOCATION = "L88917AVBK2S5"


class World(ScriptedWorld[SquareProvider]):
    """A provider in front of a scripted Square. There are no orders, disputes and subscriptions, unless a test says so."""

    provider_class = SquareProvider
    reads = ("/search", "/v2/events", "/batch-retrieve")
    unless_said = {  # noqa: RUF012 - only read
        ("POST", "/v2/orders/batch-retrieve"): {},
        ("POST", "/v2/subscriptions/search"): {},
        ("GET", "/v2/disputes"): {},
    }

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, config: SquareConfig | None = None) -> None:
        super().__init__(mode, attempts=attempts, config=config)
        self.always("GET", f"/v2/locations/{LOCATION}", {"location": location()})

    def configuration(self) -> SquareConfig:
        return configuration()


def location(**changes: Any) -> dict[str, Any]:
    return {
        "id": LOCATION,
        "name": "Grant Park",
        "currency": "USD",
        "country": "US",
        "status": "ACTIVE",
        "timezone": "America/Los_Angeles",
        "capabilities": ["CREDIT_CARD_PROCESSING"],
        **changes,
    }


def configuration(**changes: Any) -> SquareConfig:
    settings = {
        "access_token": TOKEN,
        "webhook_signature_key": SIGNATURE_KEY,
        "webhook_url": URL,
        "location_id": LOCATION,
        "environment": "production",
        **changes,
    }
    return SquareConfig(**settings)


def refusal(
    status: int,
    code: str | None = None,
    category: str = "INVALID_REQUEST_ERROR",
    *,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> httpx.Response:
    error = {"category": category, "detail": "No.", **({"code": code} if code else {}), **more}
    return httpx.Response(status, json={"errors": [error]}, headers={"X-Speleo-Traceid": "trace1", **(headers or {})})


def missing() -> httpx.Response:
    return refusal(404, "NOT_FOUND", detail="Resource not found.")


def signature(body: bytes, key: str = SIGNATURE_KEY, url: str = URL) -> str:
    return base64.b64encode(hmac.new(key.encode(), url.encode() + body, "sha256").digest()).decode()


def delivery(event: Mapping[str, object], key: str = SIGNATURE_KEY, url: str = URL) -> tuple[bytes, dict[str, str]]:
    """The way Square writes it: compact."""
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "x-square-hmacsha256-signature": signature(body, key, url),
        "square-environment": "Production",
        "square-initial-delivery-timestamp": "2026-09-21T14:13:20Z",
    }
    return body, headers
