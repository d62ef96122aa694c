"""What a request costs, in things that can be counted."""

import socketserver
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from paylattice.transport import Request

from .support import WAYS, Wire


class Answers(socketserver.StreamRequestHandler):
    """Answers every request of a connection."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            if line == b"\r\n":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


class Server(socketserver.ThreadingTCPServer):
    """Counts its connections."""

    daemon_threads = True
    block_on_close = False
    connections = 0

    def process_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answers) as found:
        thread = threading.Thread(target=lambda: found.serve_forever(poll_interval=0.01))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class Missing:
    """Is asked for a module when nobody else has it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        self.names.append(name)
        return None


@pytest.mark.parametrize("way", WAYS)
def test_no_request_tries_to_import_what_is_not_there(
    way: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpcore asks for sniffio four times at each request; a failing import costs a quarter of it."""
    missing = Missing()
    line = Wire(way, 200, transport=None)
    request = Request("GET", f"http://127.0.0.1:{server.server_address[1]}/")

    async def twice() -> None:
        await line.transport.send(request)
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, missing])
        await line.transport.send(request)
        await line.transport.aclose()

    line.run(twice())
    assert missing.names == []
    assert server.connections == 1
