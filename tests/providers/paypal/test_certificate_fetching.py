"""Fetching: what goes wrong, what is remembered, how often PayPal is asked, whoever sends what."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from paylattice import driving
from paylattice.errors import ConfigurationError, Diagnosis, InvalidSignature, VerificationUnavailable, WebhookError
from paylattice.providers.paypal.verification.verifier import WebhookVerifier
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy, Timeouts

from .certificates_support import (
    BODY,
    EVENT,
    SANDBOX,
    URL,
    World,
    chain,
    delivery,
    good,
    intermediate,
    issue,
    leaf,
    rsa_key,
    settings,
)

DAY = 86_400.0
NEW_URL = URL.replace("a5cafa77", "aecacc47")


def named(number: int) -> str:
    return f"https://api.sandbox.paypal.com/v1/notifications/certs/CERT-{number:08x}"


def rotated() -> bytes:
    return chain(leaf("new leaf"), intermediate())


TROUBLE: dict[str, Any] = {
    "no connection": httpx.ConnectError("refused"),
    "no connection in time": httpx.ConnectTimeout("slow"),
    "no answer in time": httpx.ReadTimeout("slow"),
    "a broken connection": httpx.RemoteProtocolError("gone"),
    "a strange failure": OSError("strange"),
    "a redirect": httpx.Response(302, headers={"Location": "https://evil.example/CERT-1"}),
    "a redirect with a certificate": httpx.Response(301, headers={"Location": URL}, content=good()),
    "HTML": httpx.Response(200, html="<html><body>Sign in</body></html>"),
    "nothing": httpx.Response(200),
    "204": httpx.Response(204),
    "206": httpx.Response(206, content=good()),
    "JSON": httpx.Response(200, json={"name": "INTERNAL_SERVICE_ERROR"}),
    "400": httpx.Response(400),
    "403": httpx.Response(403, html="<html>blocked</html>"),
    "404": httpx.Response(404, json={"name": "INVALID_RESOURCE_ID"}),
    "410": httpx.Response(410),
    "429": httpx.Response(429, headers={"Retry-After": "3600"}),
    "500": httpx.Response(500),
    "500 with a certificate": httpx.Response(500, content=good()),
    "503": httpx.Response(503, html="<html>maintenance</html>"),
    "65 KiB": httpx.Response(200, content=good() + b"\n" * 65 * 1024),
    "broken compression": httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b""),
}


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_at_the_certificate_server_proves_nothing(what: str, mode: str) -> None:
    world = World(mode, TROUBLE[what])
    error = world.refused()
    assert (type(error), error.diagnosis) == (VerificationUnavailable, Diagnosis.CERTIFICATE_UNAVAILABLE)
    assert error.retryable
    assert "evil" not in str(error)
    assert {request.url.host for request in world.server.seen} == {"api.sandbox.paypal.com"}


@pytest.mark.parametrize("what", TROUBLE)
def test_after_trouble_paypal_is_left_alone_for_a_minute(what: str) -> None:
    world = World("async", TROUBLE[what], good())
    for _ in range(50):
        assert type(world.refused()) is VerificationUnavailable
        world.now += 1.19
    assert world.fetched == 1
    world.now += 1
    assert world.verified() == EVENT
    assert world.fetched == 2


def test_a_certificate_that_leads_nowhere_is_kept_like_any_other(mode: str) -> None:
    world = World(mode, chain(leaf()))
    for _ in range(120):
        assert type(world.refused()) is VerificationUnavailable
        world.now += 1
    assert world.fetched == 1


def test_a_certificate_that_cannot_have_signed_is_asked_for_once_a_minute(mode: str) -> None:
    weak = issue(SANDBOX, rsa_key("small", 1024), intermediate(), names=(SANDBOX,))
    world = World(mode, chain(weak, intermediate()))
    for _ in range(120):
        assert type(world.refused()) is InvalidSignature
        world.now += 1
    assert world.fetched == 2


def test_a_passing_error_is_retried_as_the_transport_says(mode: str) -> None:
    world = World(mode, httpx.Response(503), good(), attempts=2)
    assert world.verified() == EVENT


def test_the_status_is_told() -> None:
    assert World("async", httpx.Response(503)).refused().http_status == 503


def test_a_closed_transport_is_a_wrong_use_and_no_forgery(mode: str) -> None:
    world = World(mode)
    world.run(world.transport.aclose())
    with pytest.raises(ConfigurationError):
        world.verified()


# Keeping


def test_a_certificate_is_fetched_once_for_many_deliveries(mode: str) -> None:
    world = World(mode)
    for number in range(100):
        assert world.verified(identity=f"t-{number}") == EVENT
    assert world.fetched == 1


def test_a_certificate_is_kept_for_a_day(mode: str) -> None:
    world = World(mode)
    world.verified()
    world.now += DAY - 1
    world.verified()
    assert world.fetched == 1
    world.now += 1
    world.verified()
    assert world.fetched == 2


def test_when_the_day_is_over_and_paypal_cannot_be_reached_deliveries_wait(mode: str) -> None:
    world = World(mode, good(), httpx.Response(503))
    world.verified()
    world.now += DAY
    assert type(world.refused()) is VerificationUnavailable


def test_a_clock_that_jumps_back_does_not_keep_a_certificate_longer() -> None:
    world = World()
    world.verified()
    world.now -= DAY
    world.verified(sent=world.now)
    assert world.fetched == 2


def test_known_certificates_are_not_driven_out_by_unknown_ones() -> None:
    world = World("async", good(), httpx.Response(404))
    world.verified()
    for number in range(2000):
        assert type(world.refused(url=named(number), sent=world.now)) is VerificationUnavailable
        world.now += 1
    assert world.verified(sent=world.now) == EVENT


def test_what_is_remembered_is_bounded() -> None:
    world = World("async", httpx.Response(404))
    for number in range(400):
        world.refused(url=named(number), sent=world.now)
        world.now += 7
    store = world.verifier._store
    assert len(store._failures) == 256
    assert not store._flights
    world.server.answers.clear()
    world.server.answers.append(good())
    for number in range(1000, 1050):
        world.verified(url=named(number), sent=world.now)
        world.now += 7
    assert len(store._signers) == 32


# Rotation


def test_a_new_certificate_at_a_new_address_is_fetched(mode: str) -> None:
    world = World(mode, good(), rotated())
    assert world.verified() == EVENT
    assert world.verified(url=NEW_URL, key=rsa_key("new leaf")) == EVENT
    assert world.verified() == EVENT
    assert world.fetched == 2


def test_a_new_certificate_at_the_same_address_is_seen_when_the_day_is_over(mode: str) -> None:
    """PayPal says of each that it may be kept for a day, and has given every new one another address so far."""
    world = World(mode, good(), rotated())
    assert world.verified() == EVENT
    assert type(world.refused(key=rsa_key("new leaf"))) is InvalidSignature
    world.now += DAY
    assert world.verified(key=rsa_key("new leaf")) == EVENT
    assert world.fetched == 2


def test_a_flood_of_bad_signatures_asks_paypal_for_nothing(mode: str) -> None:
    world = World(mode)
    world.verified()
    forged = delivery(key=rsa_key("other"))
    for _ in range(300):
        world.now += 60
        assert type(world.refused(BODY, forged)) is InvalidSignature
    assert world.fetched == 1
    assert world.verified() == EVENT


def test_a_forgery_stays_one_while_paypal_cannot_be_reached(mode: str) -> None:
    world = World(mode, good(), httpx.Response(503))
    world.verified()
    world.now += 3600
    assert type(world.refused(key=rsa_key("other"))) is InvalidSignature
    assert world.fetched == 1


def test_a_forgery_right_after_the_first_fetch_asks_for_nothing() -> None:
    world = World()
    assert type(world.refused(key=rsa_key("other"))) is InvalidSignature
    assert world.fetched == 1


# Unknown addresses


def test_however_many_certificates_are_named_ten_are_asked_for_in_a_minute(mode: str) -> None:
    world = World(mode, httpx.Response(404))
    for number in range(200):
        assert type(world.refused(url=named(number))) is VerificationUnavailable
    assert world.fetched == 10
    world.now += 60
    for number in range(200, 400):
        world.refused(url=named(number))
    assert world.fetched == 20


def test_in_such_a_flood_known_certificates_still_serve_and_are_renewed(mode: str) -> None:
    world = World(mode, good(), httpx.Response(404))
    world.verified()
    for number in range(50):
        world.refused(url=named(number))
    assert world.verified() == EVENT
    world.server.answers.clear()
    world.server.answers.append(good())
    world.now += DAY
    for number in range(50, 100):
        with suppress(WebhookError):
            world.verified(url=named(number), sent=world.now)
    assert world.verified(sent=world.now) == EVENT


# At once


class Gate:
    """A certificate server that answers when it is told to."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        await asyncio.sleep(0.02)
        return httpx.Response(200, content=good())


def awaiting(server: Any) -> WebhookVerifier:
    transport = AsyncTransport(transport=httpx.MockTransport(server), retry=RetryPolicy(attempts=1))
    return WebhookVerifier(settings(), transport, clock=lambda: 1_790_000_000.0)


def test_a_thousand_deliveries_at_once_fetch_the_certificate_once() -> None:
    gate = Gate()
    verifier = awaiting(gate)

    async def main() -> list[Any]:
        return await asyncio.gather(*(verifier.verified(BODY, delivery()) for _ in range(1000)))

    assert asyncio.run(main()) == [EVENT] * 1000
    assert gate.count == 1


def test_a_hundred_threads_at_once_fetch_the_certificate_once() -> None:
    world = World("blocking", lambda request: (time.sleep(0.05), httpx.Response(200, content=good()))[1])
    headers = delivery()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: driving.run(world.verifier.verified(BODY, headers)), range(100)))
    assert found == [EVENT] * 100
    assert world.fetched == 1


def test_a_slow_address_does_not_hold_up_another_one() -> None:
    async def server(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5 if str(request.url) == NEW_URL else 0)
        return httpx.Response(200, content=good())

    verifier = awaiting(server)

    async def main() -> Any:
        slow = asyncio.create_task(verifier.verified(BODY, delivery(url=NEW_URL)))
        await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            found = await verifier.verified(BODY, delivery())
        slow.cancel()
        with suppress(asyncio.CancelledError):
            await slow
        return found

    assert asyncio.run(main()) == EVENT


def test_those_who_give_up_waiting_cannot_make_paypal_be_asked_without_end() -> None:
    count = [0]

    async def server(request: httpx.Request) -> httpx.Response:
        count[0] += 1
        await asyncio.sleep(60)
        return httpx.Response(200, content=good())

    verifier = awaiting(server)

    async def main() -> list[type]:
        ends: list[type] = []
        for _ in range(15):
            try:
                async with asyncio.timeout(0.01):
                    await verifier.verified(BODY, delivery())
            except (TimeoutError, WebhookError) as error:
                ends.append(type(error))
        return ends

    assert asyncio.run(main()) == [*[TimeoutError] * 10, *[VerificationUnavailable] * 5]
    assert count == [10]
    assert not verifier._store._flights


def test_when_the_first_one_gives_up_the_next_one_in_the_queue_asks() -> None:
    count = [0]

    async def server(request: httpx.Request) -> httpx.Response:
        count[0] += 1
        await asyncio.sleep(60 if count == [1] else 0)
        return httpx.Response(200, content=good())

    verifier = awaiting(server)

    async def main() -> Any:
        first = asyncio.create_task(verifier.verified(BODY, delivery()))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(verifier.verified(BODY, delivery()))
        await asyncio.sleep(0.01)
        first.cancel()
        async with asyncio.timeout(2):
            return await second

    assert asyncio.run(main()) == EVENT
    assert count == [2]


def test_one_verifier_serves_one_event_loop_after_another() -> None:
    world = World()
    assert [world.verified(), world.verified()] == [EVENT, EVENT]
    assert world.fetched == 1


# Real sockets


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(good())))
        self.end_headers()
        with suppress(OSError):
            for byte in good():
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@pytest.fixture
def slow_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def real(mode: str, base: str) -> Any:
    timeouts, retry = Timeouts(connect=0.5, read=0.5, total=0.5), RetryPolicy(attempts=1)
    transport: AsyncTransport | BlockingTransport = (
        AsyncTransport(timeouts=timeouts, retry=retry)
        if mode == "async"
        else BlockingTransport(timeouts=timeouts, retry=retry)
    )
    return WebhookVerifier(settings(base_url=base), transport, clock=lambda: 1_790_000_000.0), transport


def test_a_certificate_that_trickles_in_is_given_up(mode: str, slow_server: str) -> None:
    verifier, transport = real(mode, slow_server)
    headers = delivery(url=f"{slow_server}/v1/notifications/certs/CERT-1")

    async def main() -> None:
        try:
            await verifier.verified(BODY, headers)
        finally:
            await transport.aclose()

    started = time.monotonic()
    with pytest.raises(VerificationUnavailable):
        asyncio.run(main()) if mode == "async" else driving.run(main())
    assert time.monotonic() - started < 3


def test_a_server_that_is_down_is_told_from_a_forgery(mode: str) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        verifier, transport = real(mode, base)
        headers = delivery(url=f"{base}/v1/notifications/certs/CERT-1")

        async def main() -> None:
            try:
                await verifier.verified(BODY, headers)
            finally:
                await transport.aclose()

        with pytest.raises(VerificationUnavailable):
            asyncio.run(main()) if mode == "async" else driving.run(main())
