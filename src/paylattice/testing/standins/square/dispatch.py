"""A request's way: the token, the version, the endpoint, the body with its key, and then what it does.

What an endpoint answered under a key is answered again, to the same body; Square does not say for how long. So is a decline,
which is an outcome; other refusals are not kept. https://developer.squareup.com/docs/build-basics/common-api-patterns/idempotency.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

from ..keys import AnswerStore, KeyReused
from ..messages import Answer, Call
from ..server import StandIn
from .cards import CARD_ROUTES
from .catalog import CATALOG_ROUTES
from .customers import CUSTOMER_ROUTES
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
from .world import API_VERSION, World, sendable

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
_FOREVER = 10**12
_OK, _SERVER_ERROR = 200, 500


class SquareRequests(StandIn):
    """Answers the requests of one account.

    Args:
        access_token: the account's own.
        oauth_token: one that the seller granted by OAuth; None: there is none.
        world: what there is.
    """

    def __init__(self, access_token: str, oauth_token: str | None, world: World) -> None:
        super().__init__()
        self.access_token = access_token
        self.oauth_token = oauth_token
        self._world = world
        self._answers = AnswerStore(_FOREVER)
        self._count = 0
        self._replayed = False

    def _respond(self, call: Call) -> Answer:
        self._count += 1
        self._replayed = False
        headers = {"Square-Version": call.headers.get("square-version", API_VERSION)}
        if call.path.startswith("/v2/cards"):  # no other answers were seen with one
            headers["X-Speleo-Traceid"] = f"standin{self._count:06d}"
        try:
            personal = self._check_token(call)
            _check_version(call.headers.get("square-version"))
            route, ids = find_route(ROUTES, call.method, call.path)
            if route.personal and not personal:
                raise forbidden("This endpoint takes the account's own access token only.")
            return self._routed(call, route, ids, headers)
        except Refusal as refusal:
            return _answer(refusal.status, refusal.body(), headers)

    def _routed(self, call: Call, route: Route, ids: tuple[str, ...], headers: Mapping[str, str]) -> Answer:
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        _check_query(route, query)
        body = _body(call)
        key = _key_of(route, body)
        sent = {name: value for name, value in body.items() if name != _KEY or route.key is None}
        where = f"{call.method} {call.path} {key}"
        if key is not None:
            try:
                stored = self._answers.find(where, sent, 0)
            except KeyReused:
                detail = "The idempotency key can only be retried with the same request data."
                raise bad("IDEMPOTENCY_KEY_REUSED", detail, _KEY) from None
            if stored is not None:
                self._replayed = True
                return stored
        checked(route.takes, sent)
        try:
            made = route.handler(self._world, Request(ids, query, sent, key))
            answer = _answer(_OK, sendable(made), headers)
        except Refusal as refusal:
            if refusal.category not in _OUTCOMES:
                raise
            answer = _answer(refusal.status, refusal.body(), headers)
        if key is not None:
            self._answers.keep(where, sent, answer, 0)
        return answer

    def _check_token(self, call: Call) -> bool:
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        if not token:
            raise unauthorized("Your request did not include an `Authorization` http header with an access token.")
        if token not in {self.access_token, self.oauth_token}:
            raise unauthorized("This request could not be authorized.")
        return token == self.access_token

    # --- what every stand-in says --------------------------------------------------------------------------------

    def _refusal(self, status: int) -> Answer:
        unknown = "API_ERROR" if status >= _SERVER_ERROR else "INVALID_REQUEST_ERROR", "BAD_REQUEST"
        category, code = _KINDS.get(status, unknown)
        body = Refusal(status, category, code, f"HTTP {status}, as the test asked for.").body()
        return _answer(status, body, {})

    def _params(self, call: Call) -> Mapping[str, str]:
        return {**dict(parse_qsl(call.query)), **_flat(_readable(call))}

    def _key(self, call: Call) -> str | None:
        key = _readable(call).get(_KEY)
        return key if isinstance(key, str) and key else None

    def _is_replayed(self, answer: Answer) -> bool:
        return self._replayed


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


def _readable(call: Call) -> Mapping[str, Any]:
    try:
        return _body(call)
    except Refusal:
        return {}


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= _flat(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif isinstance(value, list):
            values: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - it is JSON
            found |= _flat({str(number): each for number, each in enumerate(values)}, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(data).encode())
