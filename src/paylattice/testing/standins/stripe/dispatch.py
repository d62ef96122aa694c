"""A request's way: the key, the version, the parameters and the idempotency key, and then its endpoint.

Refusals before the endpoint (401, an unknown endpoint, wrong parameters) are not stored under the idempotency key; what
the endpoint answers is, success or not, for a day: https://docs.stripe.com/api/idempotent_requests.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import cast

from ..forms import Pairs, pairs_of
from ..keys import AnswerStore, KeyReused
from ..messages import Answer, Call
from ..server import StandIn
from .catalog import CATALOG_ROUTES
from .checkout import CHECKOUT_ROUTES
from .customers import CUSTOMER_ROUTES
from .events import EVENT_ROUTES
from .intents import INTENT_ROUTES
from .invoices import INVOICE_ROUTES
from .parameters import checked
from .payment_methods import PAYMENT_METHOD_ROUTES
from .refunds import REFUND_ROUTES
from .refusals import Refusal, invalid
from .rendering import check_expandable, expanded, rendered
from .routes import Route, find_route
from .subscriptions import SUBSCRIPTION_ROUTES
from .usage import USAGE_ROUTES
from .world import API_VERSION, JSON, World

__all__ = ["ROUTES", "StripeRequests"]

ROUTES: tuple[Route, ...] = (
    *CUSTOMER_ROUTES,
    *PAYMENT_METHOD_ROUTES,
    *CATALOG_ROUTES,
    *CHECKOUT_ROUTES,
    *SUBSCRIPTION_ROUTES,
    *INVOICE_ROUTES,
    *INTENT_ROUTES,
    *REFUND_ROUTES,
    *USAGE_ROUTES,
    *EVENT_ROUTES,
)
"""Every endpoint."""

_DAY = 86_400
_LONGEST_KEY = 255
_MAJOR = API_VERSION.partition(".")[2]
_TYPES: Mapping[int, str] = {400: "invalid_request_error", 401: "invalid_request_error", 402: "card_error"}
_RATE_LIMIT = 429


class StripeRequests(StandIn):
    """Answers the requests of one account.

    Args:
        secret_key: the only key that is accepted.
        world: what there is.
    """

    def __init__(self, secret_key: str, world: World) -> None:
        super().__init__()
        self.secret_key = secret_key
        self._world = world
        self._answers = AnswerStore(_DAY)
        self._count = 0

    def _respond(self, call: Call) -> Answer:
        self._count += 1
        request_id = f"req_standin{self._count:06d}"
        headers = {"Request-Id": request_id, "Stripe-Version": call.headers.get("stripe-version", API_VERSION)}
        key = self._key(call)
        if key:
            headers["Idempotency-Key"] = key
        try:
            self._check_key(call)
            _check_version(call)
            route, ids = find_route(ROUTES, call.method, call.path)
            sent = _sent(call)
            params = checked(route.parameters, sent)
            paths = cast("list[str]", params.get("expand", []))
            check_expandable(paths)
            stored = self._stored(call, key, sent)
        except Refusal as refusal:  # before the endpoint: not stored
            return _answer(refusal.status, {"error": dict(refusal.error)}, headers)
        if stored is not None:
            original = stored.headers["Request-Id"]
            return Answer(
                stored.status,
                {**stored.headers, **headers, "Idempotent-Replayed": "true", "Original-Request": original},
                stored.body,
            )
        self._world.request = request_id, key
        try:
            found = rendered(self._world, route.run(self._world, params, ids))
            answer = _answer(200, expanded(self._world, found, paths), headers, call)
        except Refusal as refusal:
            answer = _answer(refusal.status, {"error": dict(refusal.error)}, headers)
        finally:
            self._world.request = None, None
        if key and call.method == "POST":
            self._answers.keep(key, _asked(call, sent), answer, self._world.now)
        return answer

    def _stored(self, call: Call, key: str | None, sent: Pairs) -> Answer | None:
        if key is None or call.method != "POST":
            return None
        if len(key) > _LONGEST_KEY:
            message = f"Idempotency keys can only be up to {_LONGEST_KEY} characters long."
            raise Refusal(400, {"message": message, "type": "invalid_request_error"})
        try:
            return self._answers.find(key, _asked(call, sent), self._world.now)
        except KeyReused:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
        raise Refusal(400, {"message": message, "type": "idempotency_error"})

    def _check_key(self, call: Call) -> None:
        given = _credentials(call.headers.get("authorization", ""))
        if given == self.secret_key:
            return
        if given is None:
            message = "You did not provide an API key."
        else:
            message = f"Invalid API Key provided: {given[:8]}{'*' * 8}{given[-4:]}"
        raise Refusal(401, {"message": message, "type": "invalid_request_error"})

    def _refusal(self, status: int) -> Answer:
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

    def _is_replayed(self, answer: Answer) -> bool:
        return answer.headers.get("Idempotent-Replayed") == "true"


def _sent(call: Call) -> Pairs:
    return (*pairs_of(call.query), *pairs_of(call.body.decode("utf-8", "replace")))


def _asked(call: Call, sent: Pairs) -> object:
    return call.method, call.path, tuple(sorted(sent))


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
