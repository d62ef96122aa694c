"""What a conformance suite puts between a provider and its server: it sees every request, and lets answers get lost."""

import asyncio
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias, cast

import attrs

from ...http_library import httpx

__all__ = [
    "MOST_REQUESTS",
    "Change",
    "Loss",
    "RequestKinds",
    "SentRequest",
    "Server",
    "Wire",
    "broken_connection",
    "fails",
    "refused_connection",
    "server_error",
    "texts_in",
    "time_out",
]

Server: TypeAlias = Callable[[httpx.Request], httpx.Response]
"""Answers a request, or raises what httpx raises."""

Loss: TypeAlias = Callable[[httpx.Request], Exception]

Change: TypeAlias = "Callable[[SentRequest, bytes], bytes]"
"""Makes another body of the body of an answer."""

MOST_REQUESTS = 3000
"""More than any operation of any check needs: a provider that follows pages for ever must not hang the suite."""

_OF_THE_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def broken_connection(request: httpx.Request) -> Exception:
    """The connection breaks while the answer is waited for: the request may have taken effect."""
    return httpx.ReadError("broken by the conformance suite", request=request)


def time_out(request: httpx.Request) -> Exception:
    """The answer does not come in time: the request may have taken effect."""
    return httpx.ReadTimeout("timed out by the conformance suite", request=request)


def refused_connection(request: httpx.Request) -> Exception:
    """There is no connection: the request has not left."""
    return httpx.ConnectError("refused by the conformance suite", request=request)


def server_error(_request: httpx.Request) -> httpx.Response:
    """The server that answers 500 to everything."""
    return httpx.Response(500, json={"error": {"message": "out of order"}})


def fails(how: Loss) -> Server:
    """The server, or the way to it, that fails in this way."""

    def server(request: httpx.Request) -> httpx.Response:
        raise how(request)

    return server


@attrs.frozen
class RequestKinds:
    """What the requests of a provider are for, where their method does not tell.

    Args:
        searches: the ends of the paths of POSTs that only read.
        access: the ends of the paths of requests that only fetch an access token.
    """

    searches: tuple[str, ...] = ()
    access: tuple[str, ...] = ()

    def writes(self, request: httpx.Request) -> bool:
        """Whether the request may change something."""
        return request.method not in {"GET", "HEAD"} and not request.url.path.endswith(self.searches)

    def fetches_access(self, request: httpx.Request) -> bool:
        """Whether the request only fetches an access token."""
        return request.url.path.endswith(self.access)


_PLAIN = RequestKinds()


@attrs.frozen
class SentRequest:
    """A request that was sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    writes: bool

    def header(self, name: str) -> str | None:
        """The header's value, whatever its case; None: there is none."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)

    def json(self) -> object:
        """What the body says; None: it is no JSON."""
        try:
            return cast("object", json.loads(self.body))
        except ValueError:
            return None

    def words(self) -> frozenset[str]:
        """The values of its headers, and the texts of its body: where an idempotency key can be."""
        found = {value for _, value in self.headers}
        body = self.json()
        if body is None:
            found.update(dict(httpx.QueryParams(self.body.decode("latin-1"))).values())
        found.update(texts_in(body))
        return frozenset(found)


def texts_in(value: object) -> Iterator[str]:
    """All texts in what JSON can hold."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in cast("dict[str, object]", value).values():
            yield from texts_in(entry)
    elif isinstance(value, list):
        for entry in cast("list[object]", value):
            yield from texts_in(entry)


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport for both of httpx's clients.

    Args:
        behind: what answers: a function, or another httpx transport; None: the network.
        kinds: what the requests are for.
        aside: what answers the requests for access, which are not counted; None: the same.
    """

    def __init__(
        self,
        behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None",
        kinds: RequestKinds = _PLAIN,
        aside: "httpx.BaseTransport | httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self.seen: list[SentRequest] = []
        self.crash: Exception | None = None
        self._behind = behind
        self._kinds = kinds
        self._aside = aside
        self._lost = 0
        self._loss: Loss = broken_connection
        self._instead: Server | None = None
        self._spared = 0
        self._altered: Change | None = None
        self._async_network: httpx.AsyncHTTPTransport | None = None
        self._network: httpx.HTTPTransport | None = None

    @property
    def writes(self) -> list[SentRequest]:
        """The requests that may have changed something."""
        return [request for request in self.seen if request.writes]

    def serve(self, server: Server) -> None:
        """Let another server answer from now on, and forget what was seen."""
        self._behind = server
        self.seen = []

    def lose(self, answers: int, loss: Loss = broken_connection) -> None:
        """Let the answers to the next writes get lost, after they took effect."""
        self._lost, self._loss = answers, loss

    @contextmanager
    def writes_answered_by(self, server: Server, *, after: int = 0) -> Generator[None]:
        """Let a server answer the writes, which then have no effect; reads go to what simulates the provider.

        Args:
            server: answers the writes.
            after: how many writes take effect before.
        """
        self._instead, self._spared = server, after
        try:
            yield
        finally:
            self._instead = None

    @contextmanager
    def altered(self, change: Change) -> Generator[None]:
        """Change the bodies of successful answers on their way; what was asked for took effect."""
        self._altered = change
        try:
            yield
        finally:
            self._altered = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a request of ``httpx.Client``."""
        seen = self._seen(request, request.read())
        self._expect_an_end()
        behind = self._behind_of(request, seen)
        if behind is None:
            behind = self._network = self._network or httpx.HTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.BaseTransport):
                return self._arrived(request, seen, _answered_by(behind, request))
            answer = behind.handle_request(request)
            answer.read()
            return self._arrived(request, seen, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a request of ``httpx.AsyncClient``."""
        seen = self._seen(request, await request.aread())
        self._expect_an_end()
        await asyncio.sleep(0)  # others have their turn, as while a network is waited for
        behind = self._behind_of(request, seen)
        if behind is None:
            behind = self._async_network = self._async_network or httpx.AsyncHTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.AsyncBaseTransport):
                return self._arrived(request, seen, _answered_by(behind, request))
            answer = await behind.handle_async_request(request)
            await answer.aread()
            return self._arrived(request, seen, answer)

    def close(self) -> None:
        """Close the network connections of the blocking side; what simulates the provider stays open."""
        network, self._network = self._network, None
        if network is not None:
            network.close()

    async def aclose(self) -> None:
        """Close the network connections, which belong to this event loop; what simulates the provider stays open."""
        network, self._async_network = self._async_network, None
        if network is not None:
            await network.aclose()

    def _expect_an_end(self) -> None:
        if len(self.seen) > MOST_REQUESTS:
            self.crash = AssertionError(
                f"the provider sent more than {MOST_REQUESTS} requests and goes on: does it follow pages without end?"
            )
            raise self.crash

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Keep what is no failure of the network: a mistake in the simulation must not look like one."""
        try:
            yield
        except httpx.HTTPError:
            raise
        except Exception as exc:
            self.crash = exc
            raise

    def _seen(self, request: httpx.Request, body: bytes) -> SentRequest | None:
        """The request, which is noted unless it only fetches access; None then."""
        if self._kinds.fetches_access(request):
            return None
        headers = tuple(request.headers.multi_items())
        seen = SentRequest(request.method, str(request.url), headers, body, self._kinds.writes(request))
        self.seen.append(seen)
        return seen

    def _behind_of(
        self, request: httpx.Request, seen: SentRequest | None
    ) -> "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None":
        """What answers the request."""
        if seen is None:
            return self._aside if self._aside is not None else self._behind
        if self._instead is not None and seen.writes:
            if not self._spared:
                return self._instead
            self._spared -= 1
        return self._behind

    def _arrived(self, request: httpx.Request, seen: SentRequest | None, answer: httpx.Response) -> httpx.Response:
        if seen is None:
            return answer
        if self._lost and seen.writes:
            self._lost -= 1
            raise self._loss(request)
        if self._altered is None or not answer.is_success:
            return answer
        kept = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _OF_THE_BODY]
        return httpx.Response(answer.status_code, headers=kept, content=self._altered(seen, answer.content))


def _answered_by(
    behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None", request: httpx.Request
) -> httpx.Response:
    if callable(behind):
        return behind(request)
    message = (
        "what simulates the provider must answer both httpx.Client and httpx.AsyncClient, as httpx.MockTransport does"
    )
    raise TypeError(message)
