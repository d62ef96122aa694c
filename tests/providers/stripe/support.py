"""A scripted Stripe, and what it writes."""

import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from paylattice.providers.stripe import StripeConfig, StripeProvider
from tests.kit import NOW, ScriptedWorld

KEY = "sk_test_51NotARealKeyAtAll"
SECRET = "whsec_notarealsecretatall"
NO_LINKS = {("GET", "/v1/invoice_payments"): {"object": "list", "data": [], "has_more": False}}
"""No payment has an invoice, unless a test says so."""


class World(ScriptedWorld[StripeProvider]):
    """A provider in front of a scripted Stripe."""

    provider_class = StripeProvider
    key = "idempotency-key"
    unless_said = NO_LINKS

    def configuration(self) -> StripeConfig:
        return configuration()


def configuration(**changes: Any) -> StripeConfig:
    return StripeConfig(**{"secret_key": KEY, "webhook_secret": SECRET, **changes})


def refusal(
    status: int, code: str | None = None, *, headers: Mapping[str, str] | None = None, **error: object
) -> httpx.Response:
    body = {"error": {"type": "invalid_request_error", "message": "No.", **({"code": code} if code else {}), **error}}
    return httpx.Response(status, json=body, headers={"Request-Id": "req_abc123", **(headers or {})})


def missing() -> httpx.Response:
    return refusal(404, "resource_missing", param="id", message="No such thing: 'x'")


def listing(*elements: object, more: bool = False) -> dict[str, object]:
    return {"object": "list", "data": list(elements), "has_more": more, "url": "/v1/things"}


def signature(body: bytes, *secrets: str, at: float = NOW) -> str:
    values = [
        hmac.new(secret.encode(), f"{int(at)}.".encode() + body, "sha256").hexdigest()
        for secret in secrets or (SECRET,)
    ]
    return ",".join([f"t={int(at)}", *(f"v1={value}" for value in values)])


def delivery(event: Mapping[str, object], *secrets: str, at: float = NOW) -> tuple[bytes, dict[str, str]]:
    """The way Stripe writes it: indented by two."""
    body = json.dumps(event, indent=2, ensure_ascii=False).encode()
    return body, {"Content-Type": "application/json", "Stripe-Signature": signature(body, *secrets, at=at)}
