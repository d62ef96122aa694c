"""A scripted PayPal, and a provider in front of it, in both worlds."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import attrs
import httpx

from paylattice import driving
from paylattice.providers.paypal import PayPalConfig, PayPalProvider, TokenCache
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy

T = TypeVar("T")

CLIENT_ID, CLIENT_SECRET = "AeA1QIZXiflr1_-notaclient", "EGnHDxD_qRPdaLdZ8i-notasecret"
WEBHOOK = "0EH40505U7160970P"
HOST = "https://api-m.sandbox.paypal.com"
TOKEN_PATH = "/v1/oauth2/token"
NOW = 1_790_000_000  # 2026-09-21T14:13:20Z

Answer = Any


@attrs.frozen
class Seen:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: httpx.Headers
    host: str = "api-m.sandbox.paypal.com"

    @property
    def key(self) -> str | None:
        return self.headers.get("paypal-request-id")

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.path.endswith(
            ("/search-invoices", "/verify-webhook-signature", "/token")
        )


class FakePayPal:
    """Answers what the test laid out, in order, and keeps what came in. Tokens are always to be had."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.tokens = 0
        self._answers: defaultdict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._always: dict[tuple[str, str], Answer] = {("POST", TOKEN_PATH): self._token}

    def _token(self, _seen: Seen) -> httpx.Response:
        self.tokens += 1
        return httpx.Response(200, json=token(f"A21AA-token-{self.tokens}"))

    def on(self, method: str, path: str, *answers: Answer) -> "FakePayPal":
        self._answers[method, path].extend(answers)
        return self

    def always(self, method: str, path: str, answer: Answer) -> "FakePayPal":
        self._always[method, path] = answer
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = json.loads(request.content) if request.content and is_json else request.content.decode() or None
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        seen = Seen(request.method, path, query, body, request.headers, request.url.host)
        self.seen.append(seen)
        waiting = self._answers[request.method, path]
        assert waiting or (request.method, path) in self._always, f"nobody expected {request.method} {path}"
        answer = waiting.popleft() if waiting else self._always[request.method, path]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(seen)
        if isinstance(answer, httpx.Response):  # anew: one is used up when it has been read
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """What came in, but for tokens."""
        return [(seen.method, seen.path) for seen in self.asked]

    @property
    def asked(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path != TOKEN_PATH]

    @property
    def writes(self) -> list[Seen]:
        return [seen for seen in self.asked if seen.writes]

    @property
    def unanswered(self) -> dict[tuple[str, str], int]:
        return {route: len(left) for route, left in self._answers.items() if left}

    def only(self, method: str, path: str | None = None) -> Seen:
        (found,) = [seen for seen in self.asked if seen.method == method and path in {None, seen.path}]
        return found


class World:
    """A provider in front of a scripted PayPal: ``run`` is ``asyncio.run`` or no event loop at all."""

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, config: PayPalConfig | None = None) -> None:
        self.server = FakePayPal()
        self.slept: list[float] = []
        self.now = float(NOW)
        self.mode = mode
        self.attempts = attempts
        self.provider = self.another(config)

    def another(self, config: PayPalConfig | None = None, tokens: TokenCache | None = None) -> PayPalProvider:
        """Another provider in front of the same PayPal."""
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
        made = tokens if tokens is not None else TokenCache(clock=lambda: self.now)
        return PayPalProvider(config or configuration(), transport=transport, tokens=made, clock=lambda: self.now)

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


def token(value: str = "A21AA-token", **changes: Any) -> dict[str, Any]:
    return {
        "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/subscriptions",
        "access_token": value,
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": 32400,
        "nonce": "2026-09-21T14:13:20Zabc",
        **changes,
    }


def configuration(**changes: Any) -> PayPalConfig:
    settings = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "webhook_id": WEBHOOK, **changes}
    return PayPalConfig(**settings)


def refusal(
    status: int,
    name: str,
    issue: str | None = None,
    *,
    links: Any = (),
    headers: Mapping[str, str] | None = None,
    **detail: object,
) -> httpx.Response:
    """An error as the REST APIs write it."""
    details = [{"issue": issue, "description": "No.", **detail}] if issue else []
    body = {"name": name, "message": "No.", "debug_id": "b1d1f06c7246c", "details": details, "links": list(links)}
    return httpx.Response(status, json=body, headers={"PayPal-Debug-Id": "b1d1f06c7246c", **(headers or {})})


def unprocessable(issue: str, **more: Any) -> httpx.Response:
    return refusal(422, "UNPROCESSABLE_ENTITY", issue, **more)


def missing() -> httpx.Response:
    return refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")


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
