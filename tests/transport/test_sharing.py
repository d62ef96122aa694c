"""Ten thousand tenants in one process share connections, and nothing else."""

import asyncio
import gc
import os
import random
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from paylattice.driving import run as drive
from paylattice.errors import NetworkError
from paylattice.transport import BlockingTransport, Request, RetryPolicy, Timeouts
from paylattice.transport.pools import POOLS, THREADS, Pools
from paylattice.transport.surroundings import default_tls, tls_context

from .support import AWAITED, TRANSPORTS, WAYS


class Echo(socketserver.StreamRequestHandler):
    """Answers with the caller's own token, and a cookie of theirs; sometimes late, sometimes broken."""

    server: "EchoServer"

    def handle(self) -> None:
        while line := self.rfile.readline():
            headers: dict[bytes, bytes] = {}
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                name, _, value = header.partition(b":")
                headers[name.lower()] = value.strip()
            token = headers[b"authorization"]
            if b"cookie" in headers:
                self.server.cookies.append(headers[b"cookie"])
            manner = line.split()[1].decode().strip("/").split("/")[0]
            body = b"0" * 2_000 + token
            if manner == "late":
                threading.Event().wait(0.15)
            if manner == "broken":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + token)
                return
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nSet-Cookie: who=%s; Path=/\r\n\r\n" % (len(body), token)
                + body
            )


class EchoServer(socketserver.ThreadingTCPServer):
    """Counts its connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        self.connections = 0
        self.cookies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Echo)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that give up are what is tried here."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as found:
        thread = threading.Thread(target=lambda: found.serve_forever(poll_interval=0.01))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def asking(server: EchoServer, manner: str, token: str) -> Request:
    url = f"http://127.0.0.1:{server.server_address[1]}/{manner}/"
    return Request("GET", url, headers={"Authorization": token})


QUIET = {"retry": RetryPolicy(attempts=1), "timeouts": Timeouts(connect=10, read=10, total=20)}


@pytest.mark.parametrize("way", WAYS)
def test_no_tenant_gets_the_answer_the_token_or_the_cookie_of_another(way: str, server: EchoServer) -> None:
    """Calls are cancelled, time out, break off and are answered, all at once, over the same connections."""
    chance = random.Random(20)
    tenants = [TRANSPORTS[way](**QUIET) for _ in range(30)]
    hasty = [TRANSPORTS[way](**QUIET | {"timeouts": Timeouts(connect=10, read=0.05, total=20)}) for _ in range(10)]
    own = 0

    async def ask(number: int, transport: Any, manner: str) -> None:
        nonlocal own
        token = f"token-{number:05}"
        try:
            answer = await transport.send(asking(server, manner, token))
        except NetworkError:
            return
        assert answer.body.endswith(b"0" + token.encode())
        own += 1

    calls = [
        (number, chance.choice(hasty if manner == "late" and number % 2 else tenants), manner)
        for number, manner in enumerate(chance.choices(["quick", "late", "broken"], [6, 2, 1], k=150))
    ]

    async def all_at_once() -> None:
        tasks = [asyncio.create_task(ask(*call)) for call in calls]
        await asyncio.sleep(0.05)
        for task in chance.sample(tasks, 25):
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError)
        await asyncio.gather(*(ask(1000 + number, each, "quick") for number, each in enumerate(tenants)))
        for transport in (*tenants, *hasty):
            await transport.aclose()

    if way in AWAITED:
        asyncio.run(all_at_once())
    else:
        failures: list[BaseException] = []

        def work(share: list[Any]) -> None:
            try:
                for call in share:
                    drive(ask(*call))
            except BaseException as failure:  # noqa: BLE001 - it is raised again, in the test's own thread
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(calls[first::10],)) for first in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        for transport in (*tenants, *hasty):
            drive(transport.aclose())
    assert own > 60
    assert server.cookies == []


@pytest.mark.parametrize("way", WAYS)
def test_tenants_share_a_connection_until_the_last_one_is_closed(way: str, server: EchoServer) -> None:
    async def main() -> None:
        tenants = [TRANSPORTS[way](**QUIET) for _ in range(20)]
        for number, tenant in enumerate(tenants):
            await tenant.send(asking(server, "quick", f"token-{number}"))
        for tenant in tenants[1:]:
            await tenant.aclose()
        await tenants[0].send(asking(server, "quick", "token"))
        assert server.connections == 1
        await tenants[0].aclose()
        later = TRANSPORTS[way](**QUIET)
        await later.send(asking(server, "quick", "token"))
        assert server.connections == 2
        await later.aclose()

    if way in AWAITED:
        asyncio.run(main())
    else:
        drive(main())


def test_what_depends_on_other_proxies_or_certificates_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    one, same = BlockingTransport(), BlockingTransport()
    assert one._client() is same._client()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    other = BlockingTransport()
    assert other._client() is not one._client()
    for transport in (one, same, other):
        drive(transport.aclose())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")  # of others
def test_transports_that_are_dropped_without_being_closed_are_let_go() -> None:
    pools, clients = Pools(), []
    for number in range(5):
        user = BlockingTransport()
        clients.append(pools.client(user, THREADS, number, object))
        del user
        gc.collect()
    assert len(pools._places[THREADS]) == 1


def test_there_is_one_tls_context() -> None:
    assert tls_context(default_tls) is tls_context(default_tls)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("way", [way for way in WAYS if way not in AWAITED])
def test_a_forked_process_does_not_read_its_parents_answers(way: str, server: EchoServer) -> None:
    transport = TRANSPORTS[way](**QUIET)
    drive(transport.send(asking(server, "quick", "parent")))
    child = os.fork()
    if child == 0:
        try:
            answer = drive(transport.send(asking(server, "quick", "child")))
            os._exit(0 if answer.body.endswith(b"child") else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.connections == 2
    assert drive(transport.send(asking(server, "quick", "parent"))).body.endswith(b"parent")
    assert server.connections == 2
    assert POOLS._process == os.getpid()
    drive(transport.aclose())


def test_a_forked_process_closes_nothing_of_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it closes its provider before it has sent anything."""
    pools, tenant = Pools(), BlockingTransport(**QUIET)
    client = pools.client(tenant, THREADS, "key", object)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert pools.leave(tenant, THREADS) == []
    assert pools.client(tenant, THREADS, "key", object) is not client
