"""A transport over a scripted wire, in both ways, with a clock that only moves when somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx

from paylattice.driving import run as drive
from paylattice.transport import AsyncTransport, BlockingTransport, Request, Response, RetryPolicy, Timeouts

URL = "https://api.example/v1/things"
READ = Request("GET", URL, provider="acme", operation="get_customer")
WRITE = Request("POST", URL, json={"a": 1}, provider="acme", operation="create_customer")
KEYED = Request(
    "POST",
    URL,
    headers={"Idempotency-Key": "key-1"},
    json={"a": 1},
    idempotency_key="key-1",
    provider="acme",
    operation="create_customer",
)

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response] | int


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces; an exception among them is raised in its place."""

    def __init__(self, *parts: bytes | Exception, before: Callable[[], None] = lambda: None) -> None:
        self.parts = parts
        self.before = before
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.before()
            if isinstance(part, Exception):
                raise part
            yield part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Wire:
    """A transport whose answers are told beforehand; the last one is given for ever."""

    def __init__(self, way: str, *answers: Answer, **options: Any) -> None:
        self.way = way
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []
        self.waits: list[float] = []
        self.now = 1000.0
        settings: dict[str, Any] = {
            "clock": lambda: self.now,
            "uniform": lambda _, most: most,
            "retry": RetryPolicy(),
            "timeouts": Timeouts(),
        } | options
        self.transport: AsyncTransport | BlockingTransport
        if way == "async":
            settings.setdefault("transport", httpx.MockTransport(self.answer_async))
            self.transport = AsyncTransport(sleep=self.sleep_async, **settings)
        else:
            settings.setdefault("transport", httpx.MockTransport(self.answer))
            self.transport = BlockingTransport(sleep=self.sleep, **settings)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(answer) if isinstance(answer, int) else answer(request)

    async def answer_async(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)

    def run(self, call: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await call

        return asyncio.run(main()) if self.way == "async" else drive(main())

    def send(self, request: Request = READ) -> Response:
        response: Response = self.run(self.transport.send(request))
        return response
