"""A scripted Square, and a provider in front of it, in both worlds."""

import asyncio
import base64
import hmac
import json
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import attrs
import httpx

from paylattice import driving
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy

T = TypeVar("T")

TOKEN = "EAAAlNotARealTokenAtAllButLongEnough"
SIGNATURE_KEY = "Ibxx_5AKakO-notarealkey"
URL = "https://shop.example/webhooks/square"
LOCATION = "L88917AVBK2S5"
NOW = 1_790_000_000  # 2026-09-21T14:13:20Z

Answer = Any


@attrs.frozen
class Seen:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: httpx.Headers

    @property
    def key(self) -> str | None:
        return self.body.get("idempotency_key") if isinstance(self.body, dict) else None


ORDERS = ("POST", "/v2/orders/batch-retrieve")
DISPUTES = ("GET", "/v2/disputes")


class FakeSquare:
    """Answers what the test laid out, in order, and keeps what came in."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._answers: defaultdict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._always: dict[tuple[str, str], Answer] = {}

    def on(self, method: str, path: str, *answers: Answer) -> "FakeSquare":
        self._answers[method, path].extend(answers)
        return self

    def always(self, method: str, path: str, answer: Answer) -> "FakeSquare":
        self._always[method, path] = answer
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        body = json.loads(request.content) if request.content else None
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        seen = Seen(request.method, path, query, body, request.headers)
        self.seen.append(seen)
        waiting = self._answers[request.method, path]
        if not waiting and (request.method, path) in {ORDERS, DISPUTES}:  # there are none, unless a test says so
            self.seen.pop()
            return httpx.Response(200, json={})
        assert waiting or (request.method, path) in self._always, f"nobody expected {request.method} {path}"
        answer = waiting.popleft() if waiting else self._always[request.method, path]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(seen)
        if isinstance(answer, httpx.Response):  # anew: one is used up when it has been read
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.seen]

    @property
    def writes(self) -> list[Seen]:
        return [r for r in self.seen if r.method != "GET" and not r.path.endswith(("/search", "/v2/events"))]

    @property
    def unanswered(self) -> dict[tuple[str, str], int]:
        return {route: len(left) for route, left in self._answers.items() if left}

    def only(self, method: str) -> Seen:
        (found,) = [request for request in self.seen if request.method == method]
        return found


class World:
    """A provider in front of a scripted Square: ``run`` is ``asyncio.run`` or no event loop at all."""

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, config: SquareConfig | None = None) -> None:
        self.server = FakeSquare()
        self.server.always("GET", f"/v2/locations/{LOCATION}", {"location": location()})
        self.slept: list[float] = []
        self.now = float(NOW)
        self.mode = mode
        self.attempts = attempts
        self.provider = self.another(config)

    def another(self, config: SquareConfig | None = None) -> SquareProvider:
        """Another provider in front of the same Square."""
        retry = RetryPolicy(attempts=self.attempts)
        mock = httpx.MockTransport(self.server)
        transport: AsyncTransport | BlockingTransport
        if self.mode == "async":
            transport = AsyncTransport(
                transport=mock, retry=retry, sleep=self._sleep_async, uniform=lambda _, high: high
            )
        else:
            transport = BlockingTransport(
                transport=mock, retry=retry, sleep=self.slept.append, uniform=lambda _, high: high
            )
        return SquareProvider(config or configuration(), transport=transport, clock=lambda: self.now)

    async def _sleep_async(self, seconds: float) -> None:
        self.slept.append(seconds)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(call) if self.mode == "async" else driving.run(call)

    def on(self, method: str, path: str, *answers: Answer) -> "World":
        self.server.on(method, path, *answers)
        return self

    def always(self, method: str, path: str, answer: Answer) -> "World":
        self.server.always(method, path, answer)
        return self


def location(**changes: Any) -> dict[str, Any]:
    return {
        "id": LOCATION,
        "name": "Grant Park",
        "currency": "USD",
        "country": "US",
        "status": "ACTIVE",
        "timezone": "America/Los_Angeles",
        "capabilities": ["CREDIT_CARD_PROCESSING"],
        **changes,
    }


def configuration(**changes: Any) -> SquareConfig:
    settings = {
        "access_token": TOKEN,
        "webhook_signature_key": SIGNATURE_KEY,
        "webhook_url": URL,
        "location_id": LOCATION,
        "environment": "production",
        **changes,
    }
    return SquareConfig(**settings)


def refusal(
    status: int,
    code: str | None = None,
    category: str = "INVALID_REQUEST_ERROR",
    *,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> httpx.Response:
    error = {"category": category, "detail": "No.", **({"code": code} if code else {}), **more}
    return httpx.Response(status, json={"errors": [error]}, headers={"X-Speleo-Traceid": "trace1", **(headers or {})})


def missing() -> httpx.Response:
    return refusal(404, "NOT_FOUND", detail="Resource not found.")


def signature(body: bytes, key: str = SIGNATURE_KEY, url: str = URL) -> str:
    return base64.b64encode(hmac.new(key.encode(), url.encode() + body, "sha256").digest()).decode()


def delivery(event: Mapping[str, object], key: str = SIGNATURE_KEY, url: str = URL) -> tuple[bytes, dict[str, str]]:
    """The way Square writes it: compact."""
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "x-square-hmacsha256-signature": signature(body, key, url),
        "square-environment": "Production",
        "square-initial-delivery-timestamp": "2026-09-21T14:13:20Z",
    }
    return body, headers


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
        yield from (repr(value) for name, value in vars(current).items() if name not in {"_client_secret", "_replay"})
        waiting += [current.__cause__, current.__context__]
