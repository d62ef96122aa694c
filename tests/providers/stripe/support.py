"""A scripted Stripe, and a provider in front of it, in both worlds."""

import asyncio
import hmac
import json
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import attrs
import httpx

from paylattice import driving
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy

T = TypeVar("T")

KEY = "sk_test_51NotARealKeyAtAll"
SECRET = "whsec_notarealsecretatall"
NOW = 1_790_000_000


@attrs.frozen
class Seen:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: httpx.Headers

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")


LINKS = "/v1/invoice_payments"


class FakeStripe:
    """Answers what the test laid out, in order, and keeps what came in."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._answers: defaultdict[tuple[str, str], deque[Any]] = defaultdict(deque)

    def on(self, method: str, path: str, *answers: object) -> "FakeStripe":
        self._answers[method, path].extend(answers)
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        if path == LINKS and not self._answers[request.method, path]:  # no invoice, unless a test says so
            return httpx.Response(200, json={"object": "list", "data": [], "has_more": False})
        self.seen.append(
            Seen(
                request.method,
                path,
                dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
                dict(parse_qsl(request.content.decode(), keep_blank_values=True)),
                request.headers,
            )
        )
        waiting = self._answers[request.method, path]
        assert waiting, f"nobody expected {request.method} {path}"
        answer = waiting.popleft()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):  # anew: one is used up when it has been read
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.seen]

    @property
    def unanswered(self) -> dict[tuple[str, str], int]:
        return {route: len(left) for route, left in self._answers.items() if left}

    def only(self, method: str) -> Seen:
        (found,) = [request for request in self.seen if request.method == method]
        return found


class World:
    """A provider in front of a scripted Stripe: ``run`` is ``asyncio.run`` or no event loop at all."""

    def __init__(self, mode: str, *, attempts: int = 4, config: StripeConfig | None = None) -> None:
        self.server = FakeStripe()
        self.slept: list[float] = []
        self.now = float(NOW)
        self.mode = mode
        retry = RetryPolicy(attempts=attempts)
        mock = httpx.MockTransport(self.server)
        transport: AsyncTransport | BlockingTransport
        if mode == "async":
            transport = AsyncTransport(
                transport=mock, retry=retry, sleep=self._sleep_async, uniform=lambda _, high: high
            )
        else:
            transport = BlockingTransport(
                transport=mock, retry=retry, sleep=self.slept.append, uniform=lambda _, high: high
            )
        self.provider = StripeProvider(config or configuration(), transport=transport, clock=lambda: self.now)

    async def _sleep_async(self, seconds: float) -> None:
        self.slept.append(seconds)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(call) if self.mode == "async" else driving.run(call)

    def on(self, method: str, path: str, *answers: object) -> "World":
        self.server.on(method, path, *answers)
        return self


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


def everything_in(error: BaseException | None) -> Iterator[str]:
    """All the text that an error could leak: its own, its fields', and its causes'."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield from (str(current), repr(current), repr(current.args))
        yield from (repr(value) for name, value in vars(current).items() if name != "_client_secret")
        waiting += [current.__cause__, current.__context__]
