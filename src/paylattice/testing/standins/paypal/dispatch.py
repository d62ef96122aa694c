"""PayPal's endpoints, access tokens and idempotency keys.

Keys are known for as long as the endpoint's documentation says, and only to endpoints that document them. A replay is answered
with 200 in place of 201, and with the present state of what was made; a refusal is not kept.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

import attrs

from ..dispatch import Prepared, Refused
from ..messages import Answer, Call
from ..routing import find_route
from ..server import StandIn
from ..shapes import Misfit, checked, sendable
from .access import TOKEN, Tokens
from .catalog import CATALOG_ROUTES
from .invoices import INVOICE_ROUTES
from .notifications import NOTIFICATION_ROUTES
from .orders import ORDER_ROUTES
from .payments import PAYMENT_ROUTES
from .refusals import Refusal, body_of, conflict, invalid, unprocessable
from .routes import Request, Route
from .sales import SALE_ROUTES
from .signing import authority
from .subscriptions import SUBSCRIPTION_ROUTES
from .transactions import TRANSACTION_ROUTES
from .vault import VAULT_ROUTES
from .world import JSON, World

__all__ = ["ROUTES", "PayPalRequests"]

ROUTES: tuple[Route, ...] = (
    *CATALOG_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *ORDER_ROUTES,
    *PAYMENT_ROUTES,
    *SALE_ROUTES,
    *VAULT_ROUTES,
    *TRANSACTION_ROUTES,
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
_UNKNOWN_ENDPOINT = "No such endpoint: {} {}. (This stand-in has only a part of PayPal's API.)"


@attrs.frozen
class _Todo:
    call: Call
    route: Route
    request: Request


@attrs.frozen
class _Made:
    """What was made under a key: it is answered as it is when the key comes again."""

    data: JSON | None


class PayPalRequests(StandIn[World, _Todo, _Made]):
    """Answers the requests of one account.

    Args:
        tokens: who gets in.
        world: what there is.
        clock: the time that deliveries are signed with.
        strict_keys: refuse a key that comes again with another body; False: answer with what was made under it.
    """

    def __init__(
        self, tokens: Tokens, world: World, *, clock: Callable[[], float | datetime], strict_keys: bool
    ) -> None:
        super().__init__(world, clock=clock, strict_keys=strict_keys)
        self._tokens = tokens

    def _seconds(self) -> float:
        return self._world.now.timestamp()

    def _headers(self, call: Call) -> Mapping[str, str]:
        return {"Paypal-Debug-Id": f"standin{self._count:06d}"}

    def _special(self, call: Call, headers: Mapping[str, str]) -> Answer | None:
        if call.path.startswith(CERTIFICATES):
            return self._certificate(call, headers)
        if call.path == TOKEN:
            status, said = self._tokens.grant(call, self._world.now)
            return _answer(status, said, headers)
        return None

    def _certificate(self, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.path != CERTIFICATES + authority().name:
            raise Refusal(404, "INVALID_RESOURCE_ID", "No such certificate.")
        more = {"Content-Type": "application/x-pem-file", "Cache-Control": "max-age=86400", **headers}
        return Answer(_OK, more, authority().certificate)

    def _admit(self, call: Call) -> None:
        self._tokens.check(call, self._world.now)

    def _prepare(self, call: Call) -> Prepared[_Todo]:
        found = find_route(ROUTES, call.method, call.path)
        if found is None:
            raise Refusal(404, None, _UNKNOWN_ENDPOINT.format(call.method, call.path), name="RESOURCE_NOT_FOUND")
        route, ids = found
        query = dict(parse_qsl(call.query))
        for unknown in sorted(set(query) - route.query):
            raise invalid("INVALID_PARAMETER", f"No such parameter: {unknown}.", unknown, place="query")
        body = _body(call, route)
        key = self._key(call) if route.remembers else None
        if key is not None and len(key) > route.longest_key:
            raise invalid("INVALID_STRING_LENGTH", f"PayPal-Request-Id has up to {route.longest_key} characters.")
        todo = _Todo(call, route, Request(ids, query, body, call.body, _prefers_the_whole(call), key))
        where = None if key is None else (call.path, key)
        return Prepared(todo, where, (call.body, call.query), route.remembers)

    def _perform(self, prepared: Prepared[_Todo], headers: Mapping[str, str]) -> tuple[Answer, _Made]:
        todo = prepared.request
        if todo.route.mocks:
            _refuse_as_the_test_wants(todo.call)
        made = todo.route.handler(self._world, todo.request)
        return _done(todo.route.status, _shown(todo, made), headers), _Made(made)

    def _replay(self, prepared: Prepared[_Todo], stored: _Made, headers: Mapping[str, str]) -> Answer:
        return _done(_OK, _shown(prepared.request, stored.data), headers)

    def _key_reused(self) -> Refusal:
        return conflict("DUPLICATE_REQUEST_ID", "The value of PayPal-Request-Id header has already been used.")

    def _refused(self, refusal: Refused, headers: Mapping[str, str]) -> Answer:
        if not isinstance(refusal, Refusal):
            raise refusal
        return _answer(refusal.status, body_of(refusal, headers["Paypal-Debug-Id"]), headers)

    def _failure(self, status: int) -> Answer:
        self._count += 1
        headers = {"Paypal-Debug-Id": f"standin{self._count:06d}"}
        return self._refused(Refusal(status, None, f"HTTP {status}, as the test asked for."), headers)

    def _key(self, call: Call) -> str | None:
        return call.headers.get("paypal-request-id") or None


def _refuse_as_the_test_wants(call: Call) -> None:
    """https://developer.paypal.com/tools/sandbox/negative-testing/request-headers/."""
    try:
        wanted: object = json.loads(call.headers.get("paypal-mock-response", "{}"))
    except (ValueError, RecursionError):
        return
    code: object = cast("dict[str, object]", wanted).get("mock_application_codes") if isinstance(wanted, dict) else None
    if isinstance(code, str) and code:
        raise unprocessable(code, "As PayPal-Mock-Response asked for.")


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


def _shown(todo: _Todo, made: JSON | None) -> JSON | None:
    """What is sent of an object: without ``Prefer: return=representation``, its id, status and links alone."""
    if made is None:
        return None
    route = todo.route
    data: JSON = sendable(made if route.renders is None else route.renders(made))
    if route.minimal and not todo.request.whole:
        return {name: data[name] for name in _ALWAYS_SHOWN if name in data}
    return data


def _done(status: int, data: JSON | None, headers: Mapping[str, str]) -> Answer:
    return Answer(_EMPTY, headers, b"") if data is None else _answer(status, data, headers)


def _answer(status: int, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    more = {"Content-Type": "application/json;charset=utf-8", **headers}
    return Answer(status, more, json.dumps(data).encode())
