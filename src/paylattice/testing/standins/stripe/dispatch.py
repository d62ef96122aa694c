"""Stripe's endpoints, credentials, versions and idempotency keys.

Refusals before the endpoint (401, an unknown endpoint, wrong parameters) are not stored under the idempotency key; what
the endpoint answers is, success or not, for a day: https://docs.stripe.com/api/idempotent_requests.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import cast

import attrs

from ..dispatch import Prepared, Refused
from ..forms import Pairs, pairs_of
from ..messages import Answer, Call
from ..server import StandIn
from .catalog import CATALOG_ROUTES
from .checkout import CHECKOUT_ROUTES
from .customers import CUSTOMER_ROUTES
from .disputes import DISPUTE_ROUTES
from .events import EVENT_ROUTES
from .intents import INTENT_ROUTES
from .invoices import INVOICE_ROUTES
from .parameters import checked
from .payment_methods import PAYMENT_METHOD_ROUTES
from .previews import PREVIEW_ROUTES
from .refunds import REFUND_ROUTES
from .refusals import Refusal, invalid
from .rendering import check_expandable, expanded, rendered
from .routes import Params, Route, find_route
from .schedules import SCHEDULE_ROUTES
from .setups import SETUP_ROUTES
from .subscriptions import SUBSCRIPTION_ROUTES
from .usage import USAGE_ROUTES
from .world import API_VERSION, JSON, World

__all__ = ["ROUTES", "StripeRequests"]

ROUTES: tuple[Route, ...] = (
    *CUSTOMER_ROUTES,
    *PAYMENT_METHOD_ROUTES,
    *SETUP_ROUTES,
    *CATALOG_ROUTES,
    *CHECKOUT_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *SCHEDULE_ROUTES,
    *INVOICE_ROUTES,
    *PREVIEW_ROUTES,
    *INTENT_ROUTES,
    *REFUND_ROUTES,
    *DISPUTE_ROUTES,
    *USAGE_ROUTES,
    *EVENT_ROUTES,
)
"""Every endpoint."""

_DAY = 86_400
_LONGEST_KEY = 255
_MAJOR = API_VERSION.partition(".")[2]
_TYPES: Mapping[int, str] = {400: "invalid_request_error", 401: "invalid_request_error", 402: "card_error"}
_RATE_LIMIT = 429


@attrs.frozen
class _Request:
    call: Call
    route: Route
    ids: Sequence[str]
    params: Params
    expand: list[str]


class StripeRequests(StandIn[World, _Request, Answer]):
    """Answers the requests of one account.

    Args:
        secret_key: the only key that is accepted.
        world: what there is.
        clock: the time that deliveries are signed with.
    """

    def __init__(self, secret_key: str, world: World, clock: Callable[[], float | datetime]) -> None:
        super().__init__(world, clock=clock)
        self.secret_key = secret_key

    def _seconds(self) -> float:
        return self._world.now

    def _headers(self, call: Call) -> Mapping[str, str]:
        version = call.headers.get("stripe-version", API_VERSION)
        headers = {"Request-Id": f"req_standin{self._count:06d}", "Stripe-Version": version}
        key = self._key(call)
        return {**headers, "Idempotency-Key": key} if key else headers

    def _admit(self, call: Call) -> None:
        given = _credentials(call.headers.get("authorization", ""))
        if given is None:
            message = "You did not provide an API key."
            raise Refusal(401, {"message": message, "type": "invalid_request_error"})
        if given != self.secret_key:
            message = f"Invalid API Key provided: {given[:8]}{'*' * 8}{given[-4:]}"
            raise Refusal(401, {"message": message, "type": "invalid_request_error"})
        _check_version(call)

    def _prepare(self, call: Call) -> Prepared[_Request]:
        route, ids = find_route(ROUTES, call.method, call.path)
        sent = _sent(call)
        params = checked(route.parameters, sent)
        paths = cast("list[str]", params.get("expand", []))
        check_expandable(paths)
        key = self._key(call) if call.method == "POST" else None
        if key is not None and len(key) > _LONGEST_KEY:
            message = f"Idempotency keys can only be up to {_LONGEST_KEY} characters long."
            raise Refusal(400, {"message": message, "type": "invalid_request_error"})
        asked = call.method, call.path, tuple(sorted(sent))
        return Prepared(_Request(call, route, ids, params, paths), key, asked, _DAY)

    def _perform(self, prepared: Prepared[_Request], headers: Mapping[str, str]) -> tuple[Answer, Answer]:
        request = prepared.request
        self._world.request = headers["Request-Id"], self._key(request.call)
        try:
            found = rendered(self._world, request.route.run(self._world, request.params, request.ids))
            answer = _answer(200, expanded(self._world, found, request.expand), headers, request.call)
        except Refusal as refusal:
            answer = self._refused(refusal, headers)
        finally:
            self._world.request = None, None
        return answer, answer

    def _replay(self, prepared: Prepared[_Request], stored: Answer, headers: Mapping[str, str]) -> Answer:
        more = {"Idempotent-Replayed": "true", "Original-Request": stored.headers["Request-Id"]}
        return Answer(stored.status, {**stored.headers, **headers, **more}, stored.body)

    def _key_reused(self) -> Refusal:
        message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        return Refusal(400, {"message": message, "type": "idempotency_error"})

    def _refused(self, refusal: Refused, headers: Mapping[str, str]) -> Answer:
        if not isinstance(refusal, Refusal):
            raise refusal
        return _answer(refusal.status, {"error": dict(refusal.error)}, headers)

    def _failure(self, status: int) -> Answer:
        kind = _TYPES.get(status, "api_error")
        error: JSON = {"message": f"HTTP {status}, as the test asked for.", "type": kind}
        if status == _RATE_LIMIT:
            error |= {"code": "rate_limit", "type": "invalid_request_error"}
        self._count += 1
        return _answer(status, {"error": error}, {"Request-Id": f"req_standin{self._count:06d}"})

    def _params(self, call: Call) -> Mapping[str, str]:
        return dict(_sent(call))

    def _key(self, call: Call) -> str | None:
        return call.headers.get("idempotency-key") or None


def _sent(call: Call) -> Pairs:
    return (*pairs_of(call.query), *pairs_of(call.body.decode("utf-8", "replace")))


def _check_version(call: Call) -> None:
    version = call.headers.get("stripe-version", API_VERSION)
    if version.partition(".")[2] != _MAJOR:
        message = f"Invalid Stripe API version: {version}. (This stand-in speaks {API_VERSION}.)"
        raise invalid(message)


def _credentials(authorization: str) -> str | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _answer(status: int, data: JSON, headers: Mapping[str, str], call: Call | None = None) -> Answer:
    more = {"Content-Type": "application/json"}
    if call is not None and call.method == "POST":
        more["Stripe-Should-Retry"] = "false"
    return Answer(status, {**more, **headers}, json.dumps(data, indent=2).encode() + b"\n")
