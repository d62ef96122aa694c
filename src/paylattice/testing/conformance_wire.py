"""What a conformance suite puts between a provider and its server: it sees every request, and lets answers get lost."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias, cast

import attrs
import httpx

__all__ = ["Loss", "Seen", "Server", "Wire", "broken_connection", "refused_connection", "time_out"]

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
class Seen:
    """A request that was sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in {"GET", "HEAD"}

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
    """

    def __init__(self, behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None") -> None:
        self.seen: list[Seen] = []
        self.crash: Exception | None = None
        self._behind = behind
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
        self._note(request, request.read())
        behind = self._behind
        if behind is None:
            behind = self._network = self._network or httpx.HTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.BaseTransport):
                return self._arrived(request, self._played(request))
            answer = behind.handle_request(request)
            answer.read()
            return self._arrived(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a request of ``httpx.AsyncClient``."""
        self._note(request, await request.aread())
        behind = self._behind
        if behind is None:
            behind = self._async_network = self._async_network or httpx.AsyncHTTPTransport()
        with self._watched():
            if not isinstance(behind, httpx.AsyncBaseTransport):
                return self._arrived(request, self._played(request))
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

    def _played(self, request: httpx.Request) -> httpx.Response:
        if callable(self._behind):
            return self._behind(request)
        message = (
            "what plays the provider must answer both httpx.Client and httpx.AsyncClient, as httpx.MockTransport does"
        )
        raise TypeError(message)

    def _note(self, request: httpx.Request, body: bytes) -> None:
        self.seen.append(Seen(request.method, str(request.url), tuple(request.headers.multi_items()), body))

    def _arrived(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if self._lost and request.method not in {"GET", "HEAD"}:
            self._lost -= 1
            raise self._loss(request)
        return answer
