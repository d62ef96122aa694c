"""What a conformance suite puts between a provider and its server: it sees every request, and lets answers get lost."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias, cast

import attrs
import httpx

__all__ = ["Loss", "Manners", "Seen", "Server", "Wire", "broken_connection", "refused_connection", "time_out"]

Server: TypeAlias = Callable[[httpx.Request], httpx.Response]
"""Answers a request, or raises what httpx raises."""

Loss: TypeAlias = Callable[[httpx.Request], Exception]


def broken_connection(request: httpx.Request) -> Exception:
    """The connection breaks while the answer is waited for: the request may have taken effect."""
    return httpx.ReadError("broken by the conformance suite", request=request)


def time_out(request: httpx.Request) -> Exception:
    """The answer does not come in time: the request may have taken effect."""
    return httpx.ReadTimeout("timed out by the conformance suite", request=request)


def refused_connection(request: httpx.Request) -> Exception:
    """There is no connection: the request has not left."""
    return httpx.ConnectError("refused by the conformance suite", request=request)


@attrs.frozen
class Manners:
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


_PLAIN = Manners()


@attrs.frozen
class Seen:
    """A request that was sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    writes: bool

    def words(self) -> frozenset[str]:
        """The values of its headers, and the texts of its body: where an idempotency key can be."""
        found = {value for _, value in self.headers}
        try:
            found.update(_texts(json.loads(self.body)))
        except ValueError:
            found.update(dict(httpx.QueryParams(self.body.decode("latin-1"))).values())
        return frozenset(found)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in cast("dict[str, object]", value).values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in cast("list[object]", value):
            yield from _texts(entry)


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport for both of httpx's clients.

    Args:
        behind: what answers: a function, or another httpx transport; None: the network.
        manners: what the requests are for.
        aside: what answers the requests for access, which are not counted; None: the same.
    """

    def __init__(
        self,
        behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None",
        manners: Manners = _PLAIN,
        aside: "httpx.BaseTransport | httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self.seen: list[Seen] = []
        self.crash: Exception | None = None
        self._behind = behind
        self._manners = manners
        self._aside = aside
        self._lost = 0
        self._loss: Loss = broken_connection
        self._async_network: httpx.AsyncHTTPTransport | None = None
        self._network: httpx.HTTPTransport | None = None

    @property
    def writes(self) -> list[Seen]:
        """The requests that may have changed something."""
        return [request for request in self.seen if request.writes]

    def serve(self, server: Server) -> None:
        """Let another server answer from now on, and forget what was seen."""
        self._behind = server
        self.seen = []

    def lose(self, answers: int, loss: Loss = broken_connection) -> None:
        """Let the answers to the next writes get lost, after they took effect."""
        self._lost, self._loss = answers, loss

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a request of ``httpx.Client``."""
        body = request.read()
        behind = self._behind_of(request, body)
        if behind is None:
            behind = self._network = self._network or httpx.HTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.BaseTransport):
                return self._arrived(request, _played(behind, request))
            answer = behind.handle_request(request)
            answer.read()
            return self._arrived(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a request of ``httpx.AsyncClient``."""
        body = await request.aread()
        behind = self._behind_of(request, body)
        if behind is None:
            behind = self._async_network = self._async_network or httpx.AsyncHTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.AsyncBaseTransport):
                return self._arrived(request, _played(behind, request))
            answer = await behind.handle_async_request(request)
            await answer.aread()
            return self._arrived(request, answer)

    def close(self) -> None:
        """Close the network connections of the blocking side; what plays the provider stays open."""
        network, self._network = self._network, None
        if network is not None:
            network.close()

    async def aclose(self) -> None:
        """Close the network connections, which belong to this event loop; what plays the provider stays open."""
        network, self._async_network = self._async_network, None
        if network is not None:
            await network.aclose()

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Keep what is no failure of the network: it is a mistake in what plays the provider, and must not look like one."""
        try:
            yield
        except httpx.HTTPError:
            raise
        except Exception as exc:
            self.crash = exc
            raise

    def _behind_of(
        self, request: httpx.Request, body: bytes
    ) -> "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None":
        """What answers the request, which is noted unless it only fetches access."""
        if self._manners.fetches_access(request):
            return self._aside if self._aside is not None else self._behind
        headers = tuple(request.headers.multi_items())
        self.seen.append(Seen(request.method, str(request.url), headers, body, self._manners.writes(request)))
        return self._behind

    def _arrived(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if self._lost and self._manners.writes(request) and not self._manners.fetches_access(request):
            self._lost -= 1
            raise self._loss(request)
        return answer


def _played(
    behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None", request: httpx.Request
) -> httpx.Response:
    if callable(behind):
        return behind(request)
    message = "what plays the provider must answer both httpx.Client and httpx.AsyncClient, as httpx.MockTransport does"
    raise TypeError(message)
