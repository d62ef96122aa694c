"""The kit of the providers' tests: a provider in both worlds, in front of a scripted server or of a stand-in.

A folder of tests/providers has a ``support.py`` with ``World``, ``configuration()``, ``refusal()`` and ``missing()``, in the
words of its provider, and in ``samples.py`` the objects that it sends. The fixture ``world`` is the ``World`` of the folder.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Collection, Coroutine, Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import parse_qsl

import attrs
import httpx

from paylattice import BaseProvider, driving
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy

T = TypeVar("T")
P = TypeVar("P", bound=BaseProvider)

NOW = 1_790_000_000  # 2026-09-21T14:13:20Z

Answer = Any
Route = tuple[str, str]


class BothWorlds:
    """``run`` is ``asyncio.run``, or no event loop at all. Nothing waits: ``slept`` says how long it would have."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.slept: list[float] = []

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(call) if self.mode == "async" else driving.run(call)

    def transport(
        self, through: Any, *, attempts: int | None = None, **more: Any
    ) -> AsyncTransport | BlockingTransport:
        retry = RetryPolicy(attempts=self.attempts if attempts is None else attempts)
        if self.mode == "async":
            return AsyncTransport(transport=through, retry=retry, sleep=self._sleep, **more)
        return BlockingTransport(transport=through, retry=retry, sleep=self.slept.append, **more)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@attrs.frozen
class Seen:
    """A request that came in. ``body`` is what its JSON says, else its text; ``key`` is its idempotency key."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: httpx.Headers
    host: str = ""
    key: str | None = None
    writes: bool = False

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body or "", keep_blank_values=True))


class ScriptedServer:
    """Answers what the test laid out, in order, and keeps what came in.

    Args:
        key: the header that holds the idempotency key; None: it is in the body.
        reads: ends of the paths that only read, whatever their method.
        aside: paths that are not counted: access tokens, say.
        unless_said: answers to what the test says nothing of; not kept.
    """

    def __init__(
        self,
        key: str | None,
        reads: tuple[str, ...] = (),
        aside: Collection[str] = (),
        unless_said: Mapping[Route, Answer] = {},
    ) -> None:
        self.seen: list[Seen] = []
        self._key = key
        self._reads = reads
        self._aside = aside
        self._unless_said = unless_said
        self._answers: defaultdict[Route, deque[Answer]] = defaultdict(deque)
        self._always: dict[Route, Answer] = {}

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path].extend(answers)

    def always(self, method: str, path: str, answer: Answer) -> None:
        self._always[method, path] = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        seen = self.read(request)
        route = seen.method, seen.path
        waiting = self._answers[route]
        if not waiting and route not in self._always and route in self._unless_said:
            return httpx.Response(200, json=self._unless_said[route])
        self.seen.append(seen)
        assert waiting or route in self._always, f"nobody expected {seen.method} {seen.path}"
        answer = waiting.popleft() if waiting else self._always[route]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(seen)
        if isinstance(answer, httpx.Response):  # anew: one is used up when it has been read
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=answer)

    def read(self, request: httpx.Request) -> Seen:
        path = request.url.raw_path.decode().partition("?")[0]
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = json.loads(request.content) if request.content and is_json else request.content.decode() or None
        return Seen(
            method=request.method,
            path=path,
            query=dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
            body=body,
            headers=request.headers,
            host=request.url.host,
            key=self._key_in(request.headers, body),
            writes=request.method != "GET" and not path.endswith(self._reads),
        )

    def _key_in(self, headers: httpx.Headers, body: Any) -> str | None:
        if self._key is not None:
            return headers.get(self._key)
        return body.get("idempotency_key") if isinstance(body, dict) else None

    @property
    def asked(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path not in self._aside]

    @property
    def calls(self) -> list[Route]:
        return [(seen.method, seen.path) for seen in self.asked]

    @property
    def writes(self) -> list[Seen]:
        return [seen for seen in self.asked if seen.writes]

    @property
    def unanswered(self) -> dict[Route, int]:
        return {route: len(left) for route, left in self._answers.items() if left}

    def only(self, method: str, path: str | None = None) -> Seen:
        (found,) = [seen for seen in self.asked if seen.method == method and path in {None, seen.path}]
        return found


class ScriptedWorld(BothWorlds, Generic[P]):
    """A provider in front of a scripted server. A subclass says whose, and how its requests are read."""

    provider_class: ClassVar[type[Any]]
    key: ClassVar[str | None] = None
    reads: ClassVar[tuple[str, ...]] = ()
    aside: ClassVar[Collection[str]] = ()
    unless_said: ClassVar[Mapping[Route, Answer]] = {}

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, config: Any = None) -> None:
        super().__init__(mode)
        self.attempts = attempts
        self.server = ScriptedServer(self.key, self.reads, self.aside, self.unless_said)
        self.now = float(NOW)
        self.provider = self.another(config)

    def configuration(self) -> Any:
        """The settings of a provider that is given none."""
        raise NotImplementedError

    def another(self, config: Any = None, **more: Any) -> P:
        """Another provider in front of the same server."""
        transport = self.transport(
            httpx.MockTransport(self.server), attempts=self.attempts, uniform=lambda _, high: high
        )
        made: P = self.provider_class(
            config or self.configuration(), transport=transport, clock=lambda: self.now, **more
        )
        return made

    def on(self, method: str, path: str, *answers: Answer) -> Self:
        self.server.on(method, path, *answers)
        return self

    def always(self, method: str, path: str, answer: Answer) -> Self:
        self.server.always(method, path, answer)
        return self


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
