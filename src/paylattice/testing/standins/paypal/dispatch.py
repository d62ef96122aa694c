"""A request's way: the token, the endpoint, the body, the idempotency key, and then what it does.

Keys are known for as long as the endpoint's documentation says, and only to endpoints that document them. A replay is answered
with 200 in place of 201, and with the present state of what was made; a refusal is not kept.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import attrs

from ..messages import Answer, Call
from ..server import StandIn
from .catalog import CATALOG_ROUTES
from .notifications import NOTIFICATION_ROUTES
from .orders import ORDER_ROUTES
from .refusals import Refusal, body_of, conflict, invalid
from .routes import Request, Route, find_route
from .shapes import checked
from .signing import CERTIFICATE, authority
from .subscriptions import SUBSCRIPTION_ROUTES
from .vault import VAULT_ROUTES
from .world import JSON, World, sendable

__all__ = ["ROUTES", "PayPalRequests"]

ROUTES: tuple[Route, ...] = (
    *CATALOG_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *ORDER_ROUTES,
    *VAULT_ROUTES,
    *NOTIFICATION_ROUTES,
)
"""Every endpoint behind the token."""

TOKEN = "/v1/oauth2/token"  # noqa: S105 - a path
CERTIFICATES = "/v1/notifications/certs/"
_LONGEST_KEY = 108
_OK, _EMPTY = 200, 204
_ALWAYS_SHOWN = ("id", "status", "links")


@attrs.frozen
class _Kept:
    asked: bytes
    path: str
    made: JSON | None
    at: datetime


class PayPalRequests(StandIn):
    """Answers the requests of one account.

    Args:
        client_id: the only one that is accepted.
        client_secret: of it.
        token_lifetime: seconds that an access token lives.
        world: what there is.
    """

    def __init__(self, client_id: str, client_secret: str, token_lifetime: int, world: World) -> None:
        super().__init__()
        self.client_id = client_id
        self.client_secret = client_secret
        self._lifetime = token_lifetime
        self._world = world
        self._tokens: dict[str, datetime] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._count = 0

    def revoke_tokens(self) -> None:
        """Let PayPal forget all access tokens: the next request is answered with 401."""
        with self._lock:
            self._tokens.clear()

    def _respond(self, call: Call) -> Answer:
        self._count += 1
        headers = {"Paypal-Debug-Id": f"standin{self._count:06d}"}
        try:
            if call.path.startswith(CERTIFICATES):
                return self._certificate(call)
            if call.path == TOKEN:
                return self._token(call, headers)
            self._check_token(call)
            return self._routed(call, headers)
        except Refusal as refusal:
            return _answer(refusal.status, body_of(refusal, headers["Paypal-Debug-Id"]), headers)

    def _routed(self, call: Call, headers: dict[str, str]) -> Answer:
        route, ids = find_route(ROUTES, call.method, call.path)
        query = dict(parse_qsl(call.query))
        unknown = set(query) - route.query
        if unknown:
            raise invalid("INVALID_PARAMETER", f"No such parameter: {min(unknown)}.", min(unknown))
        body = _body(call, route)
        key = self._key(call) if route.remembers else None
        known = self._known(route, call, key)
        if known is not None:
            shown = _shown(route, call, known.made)
            return (
                _answer(_OK, shown, {**headers, "X-Standin-Replayed": "true"}) if shown is not None else _empty(headers)
            )
        made = route.handler(self._world, Request(ids, query, body))
        if key is not None:
            self._kept[call.path, key] = _Kept(call.body, call.path, made, self._world.now)
        shown = _shown(route, call, made)
        return _answer(route.status, shown, headers) if shown is not None else _empty(headers)

    def _known(self, route: Route, call: Call, key: str | None) -> _Kept | None:
        if key is None:
            return None
        if len(key) > _LONGEST_KEY:
            raise invalid("INVALID_STRING_LENGTH", f"PayPal-Request-Id has up to {_LONGEST_KEY} characters.")
        known = self._kept.get((call.path, key))
        if known is None or (self._world.now - known.at).total_seconds() >= route.remembers:
            return None
        if known.asked != call.body:
            raise conflict("DUPLICATE_REQUEST_ID", "The value of PayPal-Request-Id header has already been used.")
        return known

    # --- access --------------------------------------------------------------------------------------------------

    def _token(self, call: Call, headers: dict[str, str]) -> Answer:
        given = _basic(call.headers.get("authorization", ""))
        if given != (self.client_id, self.client_secret):
            said = {"error": "invalid_client", "error_description": "Client Authentication failed"}
            return _answer(401, said, headers)
        if dict(parse_qsl(call.body.decode("utf-8", "replace"))).get("grant_type") != "client_credentials":
            said = {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
            return _answer(400, said, headers)
        token = f"A21AAstandin{self._count:06d}"
        self._tokens[token] = self._world.later(seconds=self._lifetime)
        answer = {
            "scope": "https://uri.paypal.com/services/subscriptions",
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": self._lifetime,
            "nonce": "2026-01-01T00:00:00Z",
        }
        return _answer(_OK, answer, headers)

    def _check_token(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        until = self._tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if until is None or self._world.now >= until:
            message = (
                "Authentication failed due to invalid authentication credentials or a missing Authorization header."
            )
            raise Refusal(401, None, message)

    def _certificate(self, call: Call) -> Answer:
        if call.path != CERTIFICATES + CERTIFICATE:
            raise Refusal(404, None, "No such certificate.")
        return Answer(_OK, {"Content-Type": "application/x-pem-file"}, authority().certificate)

    # --- what every stand-in says --------------------------------------------------------------------------------

    def _refusal(self, status: int) -> Answer:
        self._count += 1
        debug_id = f"standin{self._count:06d}"
        body = body_of(Refusal(status, None, f"HTTP {status}, as the test asked for."), debug_id)
        return _answer(status, body, {"Paypal-Debug-Id": debug_id})

    def _params(self, call: Call) -> Mapping[str, str]:
        found = dict(parse_qsl(call.query))
        try:
            body = json.loads(call.body or b"{}")
        except ValueError:
            return found
        return {**found, **_flat(body)} if isinstance(body, dict) else found

    def _key(self, call: Call) -> str | None:
        return call.headers.get("paypal-request-id") or None

    def _is_replayed(self, answer: Answer) -> bool:
        return answer.headers.get("X-Standin-Replayed") == "true"


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= _flat(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif isinstance(value, list):
            numbered = {str(number): each for number, each in enumerate(value)}
            found |= _flat(numbered, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def _body(call: Call, route: Route) -> Mapping[str, Any]:
    if not call.writes or not call.body:
        body: Any = {}
    else:
        if not call.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(
                415, "UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."
            )
        try:
            body = json.loads(call.body)
        except ValueError:
            raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from None
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.")
    found = cast("dict[str, Any]", body)
    checked(route.takes, found)
    if "webhook_event" in found:  # what was sent, byte for byte, up to the brace that ends the request
        start = call.body.index(b'"webhook_event"')
        found = {**found, "_raw_event": call.body[call.body.index(b":", start) + 1 : call.body.rindex(b"}")].strip()}
    return found


def _shown(route: Route, call: Call, made: JSON | None) -> JSON | None:
    """What is sent of an object: without ``Prefer: return=representation``, its id, status and links alone."""
    if made is None:
        return None
    data: JSON = sendable(made)
    if route.minimal and "return=representation" not in call.headers.get("prefer", ""):
        return {name: data[name] for name in _ALWAYS_SHOWN if name in data}
    return data


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    more = {"Content-Type": "application/json;charset=utf-8", **headers}
    return Answer(status, more, json.dumps(data).encode())


def _empty(headers: Mapping[str, str]) -> Answer:
    return Answer(_EMPTY, headers, b"")
