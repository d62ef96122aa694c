"""A stand-in server on 127.0.0.1, on a free port: for clients in other processes, and for recording."""

import sys
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket

from .messages import Answer, Answering, Call, Unanswered

__all__ = ["serving"]

_LARGEST = 8 * 1024 * 1024


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stand_in: Answering, port: int) -> None:
        self.stand_in = stand_in
        self._mutex = threading.Lock()
        self._open: set[socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def opened(self, connection: socket) -> None:
        with self._mutex:
            self._open.add(connection)

    def closed(self, connection: socket) -> None:
        with self._mutex:
            self._open.discard(connection)

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        with self._mutex:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is not worth a traceback; a mistake in the stand-in is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - it never changes

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def _exchange(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal() or int(length) > _LARGEST:
            self.close_connection = True
            self._send(Answer(411, {}, b"a Content-Length, please\n"))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client died while it was sending: no server acts on half a request
            self.close_connection = True
            return
        try:
            answer = self.server.stand_in.handle(Call(self.command, path, query, headers, body))
            time.sleep(answer.delay)
            self._send(answer)
        except Unanswered:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = _exchange  # noqa: N815 - the names are http.server's

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Nothing: the stand-in keeps its own log."""


@contextmanager
def serving(stand_in: Answering, port: int = 0) -> Generator[str]:
    """Serve until the end of the block.

    Args:
        stand_in: what answers.
        port: 0: a free one.

    Yields:
        The base URL.
    """
    server = _Server(stand_in, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()
