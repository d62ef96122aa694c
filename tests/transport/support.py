"""A transport over a scripted wire, of each HTTP library, with a clock that only moves when somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import httpx

from paylattice.driving import run as drive
from paylattice.transport import AsyncTransport, BlockingTransport, Request, Response, RetryPolicy, Timeouts
from paylattice.transport.aiohttp import AiohttpTransport
from paylattice.transport.httpx2 import AsyncHttpx2Transport, BlockingHttpx2Transport
from paylattice.transport.urllib3 import Urllib3Transport

from .scripts import scripted_aiohttp, scripted_httpx2, scripted_urllib3

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

TRANSPORTS: dict[str, Callable[..., Any]] = {
    "async": AsyncTransport,
    "blocking": BlockingTransport,
    "httpx2": AsyncHttpx2Transport,
    "blocking httpx2": BlockingHttpx2Transport,
    "aiohttp": AiohttpTransport,
    "urllib3": Urllib3Transport,
}
AWAITED = ("async", "httpx2", "aiohttp")
LIBRARY = {"httpx2": "httpx2", "blocking httpx2": "httpx2", "aiohttp": "aiohttp", "urllib3": "urllib3"}


def is_here(way: str) -> bool:
    """Whether the library of a transport is installed, and another one than those before."""
    return way not in LIBRARY or (find_spec(LIBRARY[way]) is not None and LIBRARY[way] != httpx.__name__)


WAYS = [way for way in TRANSPORTS if is_here(way)]


def scripted(wire: "Wire") -> dict[str, Any]:
    """What makes a transport ask the wire instead of the network."""
    if wire.way == "aiohttp":
        return {"session": scripted_aiohttp(wire.answer)}
    if wire.way == "urllib3":
        return {"manager": scripted_urllib3(wire.answer)}
    if wire.way in LIBRARY:
        return {"transport": scripted_httpx2(wire.answer, awaited=wire.awaited)}
    return {"transport": httpx.MockTransport(wire.answer_async if wire.awaited else wire.answer)}


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
    """A transport whose answers are told beforehand; the last one is given for ever.

    Args:
        way: one of :data:`WAYS`.
        answers: in the words of httpx, whichever library sends.
        options: for the transport.
    """

    def __init__(self, way: str, *answers: Answer, **options: Any) -> None:
        self.way = way
        self.awaited = way in AWAITED
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []
        self.waits: list[float] = []
        self.now = 1000.0
        settings: dict[str, Any] = {
            "clock": lambda: self.now,
            "uniform": lambda _, most: most,
            "retry": RetryPolicy(),
            "timeouts": Timeouts(),
            "sleep": self.sleep_async if self.awaited else self.sleep,
        } | options
        if settings.get("transport", ...) is None:
            del settings["transport"]  # over real sockets
        else:
            settings = scripted(self) | settings
        self.transport: Any = TRANSPORTS[way](**settings)

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

        return asyncio.run(main()) if self.awaited else drive(main())

    def send(self, request: Request = READ) -> Response:
        response: Response = self.run(self.transport.send(request))
        return response
