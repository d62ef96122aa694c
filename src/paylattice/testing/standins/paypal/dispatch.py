"""A request's way: the token, the endpoint, the body, the idempotency key, and then what it does.

Keys are known for as long as the endpoint's documentation says, and only to endpoints that document them. A replay is answered
with 200 in place of 201, and with the present state of what was made; a refusal is not kept.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import attrs

from ..messages import Answer, Call
from ..server import StandIn
from ..shapes import Misfit, checked
from .access import TOKEN, Tokens
from .catalog import CATALOG_ROUTES
from .invoices import INVOICE_ROUTES
from .notifications import NOTIFICATION_ROUTES
from .orders import ORDER_ROUTES
from .payments import PAYMENT_ROUTES
from .refusals import Refusal, body_of, conflict, invalid, unprocessable
from .routes import Request, Route, find_route
from .sales import SALE_ROUTES
from .signing import authority
from .subscriptions import SUBSCRIPTION_ROUTES
from .vault import VAULT_ROUTES
from .world import JSON, World, sendable

__all__ = ["ROUTES", "PayPalRequests"]

ROUTES: tuple[Route, ...] = (
    *CATALOG_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *ORDER_ROUTES,
    *PAYMENT_ROUTES,
    *SALE_ROUTES,
    *VAULT_ROUTES,
    *INVOICE_ROUTES,
    *NOTIFICATION_ROUTES,
)
"""Every endpoint behind the token."""

CERTIFICATES = "/v1/notifications/certs/"
_OK, _EMPTY = 200, 204
_PROBLEMS: Mapping[str, str] = {
    "missing": "MISSING_REQUIRED_PARAMETER",
    "syntax": "INVALID_PARAMETER_SYNTAX",
    "unknown": "INVALID_PARAMETER",
}
_ALWAYS_SHOWN = ("id", "status", "links")
_REPLAYED = "X-Standin-Replayed"
_UNKNOWN_ENDPOINT = "No such endpoint: {} {}. (This stand-in has only a part of PayPal's API.)"


@attrs.frozen
class _Kept:
    asked: tuple[bytes, str]
    made: JSON | None
    at: datetime


class PayPalRequests(StandIn):
    """Answers the requests of one account.

    Args:
        tokens: who gets in.
        world: what there is.
        strict_keys: refuse a key that comes again with another body; False: answer with what was made under it.
    """

    def __init__(self, tokens: Tokens, world: World, *, strict_keys: bool) -> None:
        super().__init__()
        self._tokens = tokens
        self._world = world
        self._strict_keys = strict_keys
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._count = 0

    def _debug_id(self) -> dict[str, str]:
        self._count += 1
        return {"Paypal-Debug-Id": f"standin{self._count:06d}"}

    def _respond(self, call: Call) -> Answer:
        headers = self._debug_id()
        try:
            if call.path.startswith(CERTIFICATES):
                return self._certificate(call, headers)
            if call.path == TOKEN:
                status, said = self._tokens.grant(call, self._world.now)
                return _answer(status, said, headers)
            self._tokens.check(call, self._world.now)
            return self._routed(call, headers)
        except Refusal as refusal:
            return _answer(refusal.status, body_of(refusal, headers["Paypal-Debug-Id"]), headers)

    def _certificate(self, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.path != CERTIFICATES + authority().name:
            raise Refusal(404, "INVALID_RESOURCE_ID", "No such certificate.")
        more = {"Content-Type": "application/x-pem-file", "Cache-Control": "max-age=86400", **headers}
        return Answer(_OK, more, authority().certificate)

    def _routed(self, call: Call, headers: Mapping[str, str]) -> Answer:
        found = find_route(ROUTES, call.method, call.path)
        if found is None:
            raise Refusal(404, None, _UNKNOWN_ENDPOINT.format(call.method, call.path), name="RESOURCE_NOT_FOUND")
        route, ids = found
        query = dict(parse_qsl(call.query))
        for unknown in sorted(set(query) - route.query):
            raise invalid("INVALID_PARAMETER", f"No such parameter: {unknown}.", unknown, place="query")
        whole = _prefers_the_whole(call)
        body = _body(call, route)
        key = self._key(call) if route.remembers else None
        known = self._known(route, call, key)
        if known is not None:
            return _done(_OK, _shown(route, known.made, whole=whole), {**headers, _REPLAYED: "true"})
        if route.mocks:
            _refuse_as_the_test_wants(call)
        made = route.handler(self._world, Request(ids, query, body, call.body, whole, key))
        if key is not None:
            self._kept[call.path, key] = _Kept((call.body, call.query), made, self._world.now)
        return _done(route.status, _shown(route, made, whole=whole), headers)

    def _known(self, route: Route, call: Call, key: str | None) -> _Kept | None:
        if key is None:
            return None
        if len(key) > route.longest_key:
            raise invalid("INVALID_STRING_LENGTH", f"PayPal-Request-Id has up to {route.longest_key} characters.")
        known = self._kept.get((call.path, key))
        if known is None or (self._world.now - known.at).total_seconds() >= route.remembers:
            return None
        if self._strict_keys and known.asked != (call.body, call.query):
            raise conflict("DUPLICATE_REQUEST_ID", "The value of PayPal-Request-Id header has already been used.")
        return known

    # --- what every stand-in says --------------------------------------------------------------------------------

    def _refusal(self, status: int) -> Answer:
        headers = self._debug_id()
        body = body_of(Refusal(status, None, f"HTTP {status}, as the test asked for."), headers["Paypal-Debug-Id"])
        return _answer(status, body, headers)

    def _params(self, call: Call) -> Mapping[str, str]:
        found = dict(parse_qsl(call.query))
        try:
            body: object = json.loads(call.body or b"{}")
        except (ValueError, RecursionError):
            return found
        return {**found, **_flat(cast("dict[str, Any]", body))} if isinstance(body, dict) else found

    def _key(self, call: Call) -> str | None:
        return call.headers.get("paypal-request-id") or None

    def _is_replayed(self, answer: Answer) -> bool:
        return answer.headers.get(_REPLAYED) == "true"


def _refuse_as_the_test_wants(call: Call) -> None:
    """https://developer.paypal.com/tools/sandbox/negative-testing/request-headers/."""
    try:
        wanted: object = json.loads(call.headers.get("paypal-mock-response", "{}"))
    except (ValueError, RecursionError):
        return
    code: object = cast("dict[str, object]", wanted).get("mock_application_codes") if isinstance(wanted, dict) else None
    if isinstance(code, str) and code:
        raise unprocessable(code, "As PayPal-Mock-Response asked for.")


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= _flat(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif isinstance(value, list):
            numbered = {str(number): each for number, each in enumerate(cast("list[object]", value))}
            found |= _flat(numbered, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def _body(call: Call, route: Route) -> Mapping[str, Any]:
    body: object = {}
    if call.writes and call.body:
        if not call.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(415)
        try:
            body = json.loads(call.body)
        except (ValueError, RecursionError):
            raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from None
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.")
    found = cast("dict[str, Any]", body)
    try:
        checked(route.takes, found)
    except Misfit as misfit:
        raise invalid(_PROBLEMS[misfit.problem], misfit.said, "/" + "/".join(misfit.where)) from None
    return found


def _prefers_the_whole(call: Call) -> bool:
    return "return=representation" in call.headers.get("prefer", "").replace(" ", "")


def _shown(route: Route, made: JSON | None, *, whole: bool) -> JSON | None:
    """What is sent of an object: without ``Prefer: return=representation``, its id, status and links alone."""
    if made is None:
        return None
    data: JSON = sendable(made if route.renders is None else route.renders(made))
    if route.minimal and not whole:
        return {name: data[name] for name in _ALWAYS_SHOWN if name in data}
    return data


def _done(status: int, data: JSON | None, headers: Mapping[str, str]) -> Answer:
    return Answer(_EMPTY, headers, b"") if data is None else _answer(status, data, headers)


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    more = {"Content-Type": "application/json;charset=utf-8", **headers}
    return Answer(status, more, json.dumps(data).encode())
