"""Square's endpoints, access tokens, versions and idempotency keys.

What an endpoint answered under a key is answered again, to the same body; Square does not say for how long. So is a decline,
which is an outcome; other refusals are not kept. https://developer.squareup.com/docs/build-basics/common-api-patterns/idempotency.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import attrs

from ..dispatch import Prepared, Refused
from ..messages import Answer, Call
from ..server import StandIn
from ..shapes import flat_json, sendable
from .cards import CARD_ROUTES
from .catalog import CATALOG_ROUTES
from .customers import CUSTOMER_ROUTES
from .disputes import DISPUTE_ROUTES
from .events import EVENT_ROUTES
from .fields import checked
from .invoices import INVOICE_ROUTES
from .links import LINK_ROUTES
from .locations import LOCATION_ROUTES
from .orders import ORDER_ROUTES
from .payments import PAYMENT_ROUTES
from .refunds import REFUND_ROUTES
from .refusals import Refusal, bad, forbidden, unauthorized
from .routes import Request, Route, find_route
from .subscriptions import SUBSCRIPTION_ROUTES
from .world import API_VERSION, World

__all__ = ["ROUTES", "VERSIONS", "SquareRequests"]

ROUTES: tuple[Route, ...] = (
    *LOCATION_ROUTES,
    *CUSTOMER_ROUTES,
    *CARD_ROUTES,
    *CATALOG_ROUTES,
    *LINK_ROUTES,
    *ORDER_ROUTES,
    *PAYMENT_ROUTES,
    *REFUND_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *INVOICE_ROUTES,
    *DISPUTE_ROUTES,
    *EVENT_ROUTES,
)
"""Every endpoint."""

VERSIONS = (
    *("2025-08-20", "2025-09-24", "2025-10-16", "2026-01-22"),
    *("2026-05-20", "2026-07-15", "2026-08-19", API_VERSION),
)
"""The versions of the API that this stand-in takes; it answers all of them in the same way."""

_VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_OUTCOMES = frozenset({"PAYMENT_METHOD_ERROR"})
_KINDS: Mapping[int, tuple[str, str]] = {
    401: ("AUTHENTICATION_ERROR", "UNAUTHORIZED"),
    402: ("PAYMENT_METHOD_ERROR", "GENERIC_DECLINE"),
    403: ("AUTHENTICATION_ERROR", "FORBIDDEN"),
    404: ("INVALID_REQUEST_ERROR", "NOT_FOUND"),
    408: ("API_ERROR", "REQUEST_TIMEOUT"),
    409: ("INVALID_REQUEST_ERROR", "CONFLICT"),
    429: ("RATE_LIMIT_ERROR", "RATE_LIMITED"),
    500: ("API_ERROR", "INTERNAL_SERVER_ERROR"),
    502: ("API_ERROR", "BAD_GATEWAY"),
    503: ("API_ERROR", "SERVICE_UNAVAILABLE"),
    504: ("API_ERROR", "GATEWAY_TIMEOUT"),
}
_KEY = "idempotency_key"
_OK, _SERVER_ERROR = 200, 500


@attrs.frozen
class _Todo:
    route: Route
    ids: Sequence[str]
    query: Mapping[str, str]
    sent: Mapping[str, Any]
    key: str | None


class SquareRequests(StandIn[World, _Todo, Answer]):
    """Answers the requests of one account.

    Args:
        access_token: the account's own.
        oauth_token: one that the seller granted by OAuth; None: there is none.
        world: what there is.
        clock: not used for signatures, which hold no time.
    """

    def __init__(
        self, access_token: str, oauth_token: str | None, world: World, *, clock: Callable[[], float | datetime]
    ) -> None:
        super().__init__(world, clock=clock)
        self.access_token = access_token
        self.oauth_token = oauth_token

    def _seconds(self) -> float:
        return self._world.now.timestamp()

    def _headers(self, call: Call) -> Mapping[str, str]:
        headers = {"Square-Version": call.headers.get("square-version", API_VERSION)}
        if call.path.startswith("/v2/cards"):  # no other answers were seen with one
            headers["X-Speleo-Traceid"] = f"standin{self._count:06d}"
        return headers

    def _admit(self, call: Call) -> None:
        token = _bearer(call)
        if not token:
            raise unauthorized("Your request did not include an `Authorization` http header with an access token.")
        if token not in {self.access_token, self.oauth_token}:
            raise unauthorized("This request could not be authorized.")
        _check_version(call.headers.get("square-version"))

    def _prepare(self, call: Call) -> Prepared[_Todo]:
        route, ids = find_route(ROUTES, call.method, call.path)
        if route.personal and _bearer(call) != self.access_token:
            raise forbidden("This endpoint takes the account's own access token only.")
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        _check_query(route, query)
        body = _body(call)
        key = _key_of(route, body)
        sent = {name: value for name, value in body.items() if name != _KEY or route.key is None}
        where = None if key is None else (call.method, call.path, key)
        kept = self._world.variants.keys_kept
        todo = _Todo(route, ids, query, sent, key)
        return Prepared(todo, where, sent, float("inf") if kept is None else kept.total_seconds())

    def _perform(self, prepared: Prepared[_Todo], headers: Mapping[str, str]) -> tuple[Answer, Answer]:
        todo = prepared.request
        checked(todo.route.takes, todo.sent)
        try:
            made = todo.route.handler(self._world, Request(todo.ids, todo.query, todo.sent, todo.key))
            answer = _answer(_OK, sendable(made), headers)
        except Refusal as refusal:
            if refusal.category not in _OUTCOMES:
                raise
            answer = self._refused(refusal, headers)
        return answer, answer

    def _replay(self, prepared: Prepared[_Todo], stored: Answer, headers: Mapping[str, str]) -> Answer:
        return stored

    def _key_reused(self) -> Refusal:
        detail = "The idempotency key can only be retried with the same request data."
        return bad("IDEMPOTENCY_KEY_REUSED", detail, _KEY)

    def _refused(self, refusal: Refused, headers: Mapping[str, str]) -> Answer:
        if not isinstance(refusal, Refusal):
            raise refusal
        return _answer(refusal.status, refusal.body(), headers)

    def _failure(self, status: int) -> Answer:
        unknown = "API_ERROR" if status >= _SERVER_ERROR else "INVALID_REQUEST_ERROR", "BAD_REQUEST"
        category, code = _KINDS.get(status, unknown)
        return self._refused(Refusal(status, category, code, f"HTTP {status}, as the test asked for."), {})

    def _key(self, call: Call) -> str | None:
        return flat_json(call.body).get(_KEY) or None


def _bearer(call: Call) -> str:
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _check_query(route: Route, query: Mapping[str, str]) -> None:
    unknown = set(query) - set(route.query.split())
    for name in sorted(unknown):
        if name in route.query_elsewhere.split():
            raise bad("NOT_IMPLEMENTED", f"Square takes {name}; this stand-in does not simulate it.", name)
        raise bad("UNKNOWN_QUERY_PARAMETER", f"The parameter {name} is not known here.", name)


def _check_version(version: str | None) -> None:
    if version is None:
        return
    if not _VERSION.fullmatch(version):
        raise bad("INVALID_SQUARE_VERSION_FORMAT", "The Square-Version header must be a date.", "Square-Version")
    if version not in VERSIONS:
        detail = f"There is no version {version} of the API. (This stand-in takes {', '.join(VERSIONS)}.)"
        raise bad("API_VERSION_INCOMPATIBLE", detail, "Square-Version")


def _key_of(route: Route, body: Mapping[str, Any]) -> str | None:
    if route.key is None:
        return None
    key: object = body.get(_KEY)
    if key is None or key == "":
        if route.key.required:
            raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: idempotency_key.", _KEY)
        return None
    if not isinstance(key, str):
        raise bad("EXPECTED_STRING", "Expected a string value.", _KEY)
    if len(key.encode()) > route.key.longest:
        raise bad("VALUE_TOO_LONG", f"Field must not be greater than {route.key.longest} in length.", _KEY)
    return key


def _body(call: Call) -> dict[str, Any]:
    """The body. Square's own clients post an empty form to endpoints that take nothing, and Square does not mind."""
    if not call.writes or not call.body.strip():
        return {}
    if not call.headers.get("content-type", "application/json").startswith("application/json"):
        raise bad("INVALID_CONTENT_TYPE", "Invalid content type header: application/json is expected.")
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad("EXPECTED_JSON_BODY", "The request body is not a JSON object.")
    return cast("dict[str, Any]", body)


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(data).encode())
