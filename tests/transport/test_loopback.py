"""The transports over real sockets: a server of this process that behaves badly."""

import asyncio
import contextlib
import gc
import gzip
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paylattice.errors import NetworkError, NetworkOutcomeUnknown
from paylattice.transport import AsyncTransport, Request, RetryPolicy, Timeouts
from paylattice.transport.pools import POOLS, THREADS

from .support import Wire

MakeWire = Callable[..., Wire]
Behaviour = Callable[[socket.socket], None]
QUICK = Timeouts(connect=1, read=0.3, total=1.2)
PATIENT = Timeouts(connect=10, read=10, total=30)
"""For what is answered at once, on a machine that may be busy."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class Server(socketserver.ThreadingTCPServer):
    """Reads a request, then does what it is told; the last instruction is followed for ever."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/things"


class Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.server.requests.append(read_request(self.request))
            behaviours = self.server.behaviours
            (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(self.request)


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    return data


def hang(server: Server) -> None:
    server.stopping.wait(5)


def say(data: bytes) -> Behaviour:
    return lambda connection: connection.sendall(data)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(*behaviours: Behaviour) -> Server:
            server = Server(*behaviours)
            thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            stack.callback(server.stopping.set)
            return server

        yield start


def real(wire: MakeWire, **options: Any) -> Wire:
    """Over the library's own sockets, with the real clock, and no wait between attempts."""
    return wire(
        200,
        **{
            "transport": None,
            "clock": time.monotonic,
            "uniform": lambda _least, _most: 0.0,
            "timeouts": QUICK,
            "retry": RetryPolicy(attempts=2),
            **options,
        },
    )


def send(line: Wire, request: Request) -> Any:
    async def main() -> Any:
        try:
            return await line.transport.send(request)
        finally:
            await line.transport.aclose()

    return line.run(main())


def read(server: Server) -> Request:
    return Request("GET", server.url)


def keyed(server: Server) -> Request:
    return Request("POST", server.url, json={}, idempotency_key="key-1", headers={"Idempotency-Key": "key-1"})


def write(server: Server) -> Request:
    return Request("POST", server.url, json={})


def test_an_answer_is_brought(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(OK))
    response = send(real(wire, timeouts=PATIENT), read(server))
    assert (response.status, response.body) == (200, b"hello")
    assert b"paylattice/" in server.requests[0]


def test_a_refused_connection_is_tried_again_and_nothing_was_changed(wire: MakeWire) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with pytest.raises(NetworkError, match="could not connect, after 2 attempts") as caught:
        send(real(wire), Request("POST", url, json={}))
    assert type(caught.value) is NetworkError


def test_a_server_that_never_answers_is_given_up(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(lambda _: hang(server))
    with pytest.raises(NetworkError, match="did not come in time, after 2 attempts") as caught:
        send(real(wire), read(server))
    assert type(caught.value) is NetworkError
    assert len(server.requests) == 2


def test_a_write_to_a_server_that_never_answers_has_an_unknown_outcome(
    wire: MakeWire, serve: Callable[..., Server]
) -> None:
    server = serve(lambda _: hang(server))
    with pytest.raises(NetworkOutcomeUnknown, match="at the first attempt"):
        send(real(wire), write(server))
    assert len(server.requests) == 1


def test_a_connection_that_is_closed_without_an_answer_is_tried_again(
    wire: MakeWire, serve: Callable[..., Server]
) -> None:
    server = serve(lambda _: None, say(OK))
    response = send(real(wire, timeouts=PATIENT), keyed(server))
    assert (response.status, response.unsettled) == (200, True)
    assert len(server.requests) == 2
    assert all(b"key-1" in request for request in server.requests)


def test_a_connection_that_is_closed_in_the_middle_of_the_body_is_no_answer(
    wire: MakeWire, serve: Callable[..., Server]
) -> None:
    server = serve(say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhel"))
    with pytest.raises(NetworkOutcomeUnknown, match="the connection broke"):
        send(real(wire), write(server))


def test_an_answer_that_is_no_http_is_no_answer(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(b"220 mail.example ESMTP\r\n"))
    with pytest.raises(NetworkOutcomeUnknown, match="the connection broke"):
        send(real(wire), write(server))


def test_an_answer_with_bytes_in_its_headers_is_taken(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    assert send(real(wire, timeouts=PATIENT), read(server)).headers["x-odd"]


@pytest.mark.parametrize("broken", [b"Content-Length: 900\r\n\r\n" + b"x" * 500, b"Content-Length: 500\r\n\r\nhel"])
def test_an_answer_that_is_given_up_makes_room_for_the_next_one(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, broken: bytes
) -> None:
    """urllib3 counts the connections of a host, and all tenants of a process share them."""
    pytest.importorskip("urllib3")
    monkeypatch.setattr("paylattice.transport.urllib3._CONNECTIONS", 1)
    monkeypatch.setattr("paylattice.transport.exchange.MAX_BODY", 100)
    server = serve(say(b"HTTP/1.1 200 OK\r\n" + broken), say(OK))
    line = real(lambda *answers, **options: Wire("urllib3", *answers, **options), retry=RetryPolicy(attempts=1))

    async def main() -> Any:
        try:
            with pytest.raises(NetworkError):
                await line.transport.send(read(server))
            return await line.transport.send(read(server))
        finally:
            await line.transport.aclose()

    assert line.run(main()).body == b"hello"


def drip(server: Server, data: bytes, rest: bytes) -> Behaviour:
    """Bytes that come just before each time-out, for ever."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        while not server.stopping.wait(0.05):
            connection.sendall(rest)

    return behave


def test_a_body_that_drips_for_ever_is_given_up_at_the_deadline(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(b""))
    server.behaviours = [drip(server, b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x")]
    started = time.monotonic()
    with pytest.raises(NetworkOutcomeUnknown, match="did not come in time"):
        send(real(wire), keyed(server))
    assert time.monotonic() - started < 2


def test_headers_that_drip_for_ever_are_given_up_on_an_event_loop(serve: Callable[..., Server]) -> None:
    server = serve(say(b""))
    server.behaviours = [drip(server, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")]
    line = real(lambda *answers, **options: Wire("async", *answers, **options))
    started = time.monotonic()
    with pytest.raises(NetworkOutcomeUnknown, match="did not come in time"):
        send(line, keyed(server))
    assert time.monotonic() - started < 2


def test_a_keyed_write_that_was_lost_and_then_cannot_be_sent_again_stays_unknown(
    wire: MakeWire, serve: Callable[..., Server]
) -> None:
    server = serve(lambda _: server.socket.close())
    with pytest.raises(NetworkOutcomeUnknown):
        send(real(wire), keyed(server))


def test_a_write_without_a_key_is_not_repeated_by_the_library_either(
    wire: MakeWire, serve: Callable[..., Server]
) -> None:
    """A PUT over a connection that was kept open, and is closed by now: aiohttp would send it once more."""

    def answer_once(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        server.requests.append(read_request(connection))

    server = serve(answer_once)
    line = real(wire, timeouts=PATIENT)

    async def main() -> None:
        await line.transport.send(read(server))
        try:
            with pytest.raises(NetworkOutcomeUnknown, match="at the first attempt"):
                await line.transport.send(Request("PUT", server.url, json={}))
        finally:
            await line.transport.aclose()

    line.run(main())
    assert [request.split()[0] for request in server.requests] == [b"GET", b"PUT"]


@pytest.mark.parametrize("body", [b"hello", b""])
def test_a_compressed_answer_is_read(wire: MakeWire, serve: Callable[..., Server], body: bytes) -> None:
    sent = gzip.compress(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(sent)
    server = serve(say(head + sent))
    assert send(real(wire, timeouts=PATIENT), read(server)).body == body


def test_a_compression_that_is_broken_is_no_answer(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip!!"))
    with pytest.raises(NetworkOutcomeUnknown, match="compression is broken"):
        send(real(wire), write(server))


def test_the_proxy_of_the_environment_is_asked(
    wire: MakeWire, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(say(OK))
    monkeypatch.setenv("http_proxy", server.url.replace("http://", "http://me:word@").removesuffix("/things"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert send(real(wire, timeouts=PATIENT), Request("GET", "http://api.example/v1")).body == b"hello"
    assert send(real(wire, timeouts=PATIENT), read(server)).body == b"hello"
    through, directly = server.requests
    assert through.startswith(b"GET http://api.example/v1 ")
    assert b"proxy-authorization: basic bwu6d29yza==" in through.lower()
    assert directly.startswith(b"GET /things ")


def test_a_redirect_is_returned(wire: MakeWire, serve: Callable[..., Server]) -> None:
    server = serve(say(b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    response = send(real(wire, timeouts=PATIENT), keyed(server))
    assert (response.status, response.headers["location"], len(server.requests)) == (307, "/other", 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_clients_of_closed_event_loops_do_not_pile_up(serve: Callable[..., Server]) -> None:
    """As in a worker that calls ``asyncio.run`` for each job and never closes its provider."""

    def keep_open(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        server.stopping.wait(5)

    server = serve(keep_open)
    transport = AsyncTransport()
    for _ in range(5):
        assert asyncio.run(transport.send(read(server))).status == 200
    gc.collect()
    assert len([place for place in POOLS._places if place is not THREADS]) == 1
    del transport
    asyncio.run(Wire("async", 200).transport.send(read(server)))  # the next client lets the last one go
    gc.collect()
