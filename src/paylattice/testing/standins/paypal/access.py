"""Access tokens: https://developer.paypal.com/api/rest/authentication/."""

import base64
import binascii
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from ..messages import Call
from .refusals import Refusal
from .world import JSON

__all__ = ["TOKEN", "Tokens"]

TOKEN = "/v1/oauth2/token"  # noqa: S105 - a path


class Tokens:
    """Those that were granted, and until when they are good.

    Args:
        client_id: the only one that gets any.
        client_secret: of it.
        lifetime: seconds that a token lives.
    """

    def __init__(self, client_id: str, client_secret: str, lifetime: int) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.granted: int = 0
        self._lifetime = lifetime
        self._until: dict[str, datetime] = {}

    def grant(self, call: Call, now: datetime) -> tuple[int, JSON]:
        """A token for who has the secret; otherwise OAuth's own kind of error, which looks unlike PayPal's.

        Returns:
            The HTTP status, and the body.
        """
        if call.method != "POST":
            return 405, {"error": "invalid_request", "error_description": "The request is not a POST."}
        if _basic(call.headers.get("authorization", "")) != (self.client_id, self.client_secret):
            return 401, {"error": "invalid_client", "error_description": "Client Authentication failed"}
        sent = dict(parse_qsl(call.body.decode("utf-8", "replace")))
        if not call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or not sent:
            return 400, {"error": "invalid_request", "error_description": "The grant_type is missing."}
        if sent.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
        self.granted += 1
        token = f"A21AAstandin{self.granted:06d}"
        self._until[token] = now + timedelta(seconds=self._lifetime)
        return 200, {
            "scope": "https://uri.paypal.com/services/subscriptions",
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": self._lifetime,
            "nonce": f"{now:%Y-%m-%dT%H:%M:%SZ}standin{self.granted:06d}",
        }

    def check(self, call: Call, now: datetime) -> None:
        """Let in who has a token.

        Raises:
            Refusal: there is none, or it is too old.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        until = self._until.get(token.strip()) if scheme.lower() == "bearer" else None
        if until is None or now >= until:
            raise Refusal(401)

    def revoke(self) -> None:
        """Forget all tokens."""
        self._until.clear()


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret
