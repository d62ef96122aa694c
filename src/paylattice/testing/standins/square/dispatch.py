"""A request's way: the token, the version, the endpoint, the body with its key, and then what it does.

What was answered under a key is answered again, for ever: Square does not say how long it remembers. A refusal is not kept.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

from ..messages import Answer, Call
from ..server import StandIn
from ..shapes import Misfit, checked
from .catalog import CATALOG_ROUTES
from .customers import CUSTOMER_ROUTES
from .events import EVENT_ROUTES
from .payments import PAYMENT_ROUTES
from .refusals import Refusal, bad
from .routes import Request, Route, find_route
from .subscriptions import SUBSCRIPTION_ROUTES
from .world import JSON, World, sendable

__all__ = ["ROUTES", "SquareRequests"]

ROUTES: tuple[Route, ...] = (
    *CUSTOMER_ROUTES,
    *CATALOG_ROUTES,
    *PAYMENT_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *EVENT_ROUTES,
)
"""Every endpoint."""

_VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_PROBLEMS: Mapping[str, str] = {
    "missing": "MISSING_REQUIRED_PARAMETER",
    "syntax": "INVALID_VALUE",
    "unknown": "BAD_REQUEST",
}
_KINDS: Mapping[int, tuple[str, str]] = {
    401: ("AUTHENTICATION_ERROR", "UNAUTHORIZED"),
    403: ("AUTHENTICATION_ERROR", "FORBIDDEN"),
    404: ("INVALID_REQUEST_ERROR", "NOT_FOUND"),
    409: ("INVALID_REQUEST_ERROR", "CONFLICT"),
    429: ("RATE_LIMIT_ERROR", "RATE_LIMITED"),
    500: ("API_ERROR", "INTERNAL_SERVER_ERROR"),
    503: ("API_ERROR", "SERVICE_UNAVAILABLE"),
}
_KEY = "idempotency_key"


class SquareRequests(StandIn):
    """Answers the requests of one account.

    Args:
        access_token: the only one that is accepted.
        world: what there is.
    """

    def __init__(self, access_token: str, world: World) -> None:
        super().__init__()
        self.access_token = access_token
        self._world = world
        self._kept: dict[tuple[str, str], tuple[JSON, JSON]] = {}

    def _respond(self, call: Call) -> Answer:
        headers = {"Square-Version": call.headers.get("square-version", "2026-09-16")}
        try:
            self._check_token(call)
            version = call.headers.get("square-version")
            if version is not None and not _VERSION.fullmatch(version):
                raise bad("INVALID_SQUARE_VERSION_FORMAT", "The version is a date.", "Square-Version")
            return self._routed(call, headers)
        except Refusal as refusal:
            return _answer(refusal.status, refusal.body(), headers)

    def _routed(self, call: Call, headers: Mapping[str, str]) -> Answer:
        route, ids = find_route(ROUTES, call.method, call.path)
        query = dict(parse_qsl(call.query))
        if set(query) - route.query:
            raise bad("BAD_REQUEST", "No such parameter.", min(set(query) - route.query))
        body = _body(call)
        key = _key_of(route, body)
        sent = {name: value for name, value in body.items() if name != _KEY}
        try:
            checked(route.takes, sent if route.key else body)
        except Misfit as misfit:
            raise bad(_PROBLEMS[misfit.problem], misfit.said, ".".join(misfit.where)) from None
        if key is not None:
            known = self._kept.get((call.path, key))
            if known is not None:
                if known[0] != sent:
                    detail = "The idempotency key can only be retried with the same request data."
                    raise bad("IDEMPOTENCY_KEY_REUSED", detail, _KEY)
                return _answer(200, known[1], {**headers, "X-Standin-Replayed": "true"})
        made: JSON = sendable(route.handler(self._world, Request(ids, query, sent)))
        if key is not None:
            self._kept[call.path, key] = (sent, made)
        return _answer(200, made, headers)

    def _check_token(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != self.access_token:
            detail = "This request could not be authorized."
            raise Refusal(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", detail)

    # --- what every stand-in says --------------------------------------------------------------------------------

    def _refusal(self, status: int) -> Answer:
        category, code = _KINDS.get(status, ("INVALID_REQUEST_ERROR" if status < 500 else "API_ERROR", "BAD_REQUEST"))  # noqa: PLR2004
        body = Refusal(status, category, code, f"HTTP {status}, as the test asked for.").body()
        return _answer(status, body, {})

    def _params(self, call: Call) -> Mapping[str, str]:
        try:
            body = _body(call)
        except Refusal:
            body = {}
        flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
        return {**dict(parse_qsl(call.query)), **flat}

    def _key(self, call: Call) -> str | None:
        try:
            key = _body(call).get(_KEY)
        except Refusal:
            return None
        return key if isinstance(key, str) and key else None

    def _is_replayed(self, answer: Answer) -> bool:
        return answer.headers.get("X-Standin-Replayed") == "true"


def _key_of(route: Route, body: Mapping[str, Any]) -> str | None:
    if not route.key:
        return None
    key = body.get(_KEY)
    if key is None or key == "":
        if route.key_required:
            raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", _KEY)
        return None
    if not isinstance(key, str):
        raise bad("EXPECTED_STRING", "Expected a string value.", _KEY)
    if len(key.encode()) > route.key:
        raise bad("VALUE_TOO_LONG", f"Field must not be greater than {route.key} in length.", _KEY)
    return key


def _body(call: Call) -> dict[str, Any]:
    if not call.writes or not call.body:
        return {}
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad("EXPECTED_JSON_BODY", "The body is no JSON object.")
    return cast("dict[str, Any]", body)


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(data).encode())
