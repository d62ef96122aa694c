"""httpx sends, or httpx2 where httpx is not installed, or whichever library the application's own client is of."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest

from paylattice.driving import run
from paylattice.errors import ConfigurationError, NetworkOutcomeUnknown
from paylattice.transport import AsyncTransport, BlockingTransport, Response
from paylattice.transport.library import library

from .support import KEYED, READ, WRITE

httpx2: Any = pytest.importorskip("httpx2")
if httpx is httpx2:
    pytest.skip("httpx is not installed here", allow_module_level=True)

LIBRARIES: list[Any] = [httpx, httpx2]
EXCHANGE = """
import sys
for name in {missing!r}:
    sys.modules[name] = None  # as if it were not installed
from paylattice.driving import run
from paylattice.errors import ConfigurationError
from paylattice.transport import BlockingTransport, Request
try:
    run(BlockingTransport().send(Request("GET", "http://127.0.0.1:9/", provider="acme")))
except Exception as error:
    print(type(error).__name__, error)
"""


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def answer(request: Any) -> Any:
    kind: Any = httpx2 if type(request).__module__.startswith("httpx2") else httpx
    return kind.Response(200, content=request.content, headers={"Seen": request.headers.get("content-type", "none")})


def both_ways(http: Any, **options: Any) -> list[Response]:
    """The answers to one write, asynchronous and blocking, of transports over a client or a transport of the library."""
    mock = http.MockTransport(answer)

    async def asynchronous() -> Response:
        if "client" in options:
            async with http.AsyncClient(transport=mock) as client:
                return await AsyncTransport(client=client).send(WRITE)
        return await AsyncTransport(transport=mock).send(WRITE)

    if "client" in options:
        with http.Client(transport=mock) as client:
            return [asyncio.run(asynchronous()), run(BlockingTransport(client=client).send(WRITE))]
    return [asyncio.run(asynchronous()), run(BlockingTransport(transport=mock).send(WRITE))]


@pytest.mark.parametrize("http", LIBRARIES)
@pytest.mark.parametrize("handed_in", ["client", "transport"])
def test_what_the_application_hands_in_is_used_with_its_own_library(http: Any, handed_in: str) -> None:
    for response in both_ways(http, **{handed_in: True}):
        assert response.body == b'{"a":1}'
        assert response.headers["seen"] == "application/json"


@pytest.mark.parametrize("http", LIBRARIES)
@pytest.mark.parametrize("failure", ["ReadTimeout", "ReadError", "RemoteProtocolError"])
def test_a_lost_answer_means_the_same_in_both_libraries(http: Any, failure: str) -> None:
    def lost(request: Any) -> Any:
        raise getattr(http, failure)("lost", request=request)

    with pytest.raises(NetworkOutcomeUnknown):
        run(BlockingTransport(transport=http.MockTransport(lost), sleep=lambda _: None).send(KEYED))


@pytest.mark.parametrize("http", LIBRARIES)
def test_what_never_left_is_sent_again_in_both_libraries(http: Any) -> None:
    seen: list[Any] = []

    def refuses_once(request: Any) -> Any:
        seen.append(request)
        if len(seen) == 1:
            raise http.ConnectError("refused", request=request)
        return http.Response(200)

    sent = run(BlockingTransport(transport=http.MockTransport(refuses_once), sleep=lambda _: None).send(WRITE))
    assert (sent.status, len(seen)) == (200, 2)


def test_without_a_word_it_is_httpx() -> None:
    assert library() is library(None) is library(given=object())
    assert python("from paylattice.transport.library import library; print(library().__name__)").strip() == "httpx"


def test_where_httpx_is_missing_httpx2_sends() -> None:
    said = python(EXCHANGE.format(missing=["httpx"]) + "print('httpx2' in sys.modules)")
    assert said.split()[0] == "NetworkError"
    assert said.endswith("True\n")


def test_where_both_are_missing_the_cure_is_said() -> None:
    said = python(EXCHANGE.format(missing=["httpx", "httpx2"]))
    assert said.startswith("ConfigurationError")
    assert "pip install httpx" in said


def test_a_broken_installation_is_not_taken_for_a_missing_one() -> None:
    said = python(EXCHANGE.format(missing=["httpcore", "anyio"]) + "print('httpx2' in sys.modules)")
    assert said.endswith("False\n")
    assert "httpcore" in said


@pytest.mark.parametrize("http", LIBRARIES)
def test_the_client_of_the_other_transport_is_refused_when_it_is_handed_in(http: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"AsyncTransport\(client=...\) must be an httpx.AsyncClient"):
        AsyncTransport(client=http.Client())
    with pytest.raises(ConfigurationError, match=r"BlockingTransport\(client=...\) must be an httpx.Client"):
        BlockingTransport(client=http.AsyncClient())


@pytest.mark.parametrize("way", [AsyncTransport, BlockingTransport])
@pytest.mark.parametrize("wrong", [object(), "https://proxy.example", httpx.Client, 1.5])
@pytest.mark.parametrize(
    "argument", ["client", "transport", "timeouts", "retry", "observers", "clock", "uniform", "sleep"]
)
def test_what_cannot_work_is_refused_when_it_is_handed_in(way: Any, argument: str, wrong: object) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        way(**{argument: wrong})


def test_reading_goes_through_either(wire: Any) -> None:
    assert wire(200).send(READ).status == 200
