"""One attempt: what is sent, what is taken in, and what is refused."""

import gzip
from collections.abc import Callable

import httpx
import pytest

from paylattice.errors import ConfigurationError, NetworkError, NetworkOutcomeUnknown, PaymentError
from paylattice.transport import AsyncTransport, BlockingTransport, Request, Timeouts
from paylattice.transport.exchange import MAX_BODY

from .support import KEYED, READ, URL, WRITE, Stream, Wire

MakeWire = Callable[..., Wire]


# --- what is sent ------------------------------------------------------------------------------------------------


def test_method_url_query_headers_and_body_are_sent(wire: MakeWire) -> None:
    line = wire(200)
    line.send(Request("POST", URL, headers={"X-A": "b"}, params={"q": "ä b"}, json={"a": [1]}))
    (sent,) = line.seen
    assert (sent.method, str(sent.url.copy_with(query=None)), dict(sent.url.params)) == ("POST", URL, {"q": "ä b"})
    assert (sent.headers["x-a"], sent.headers["content-type"]) == ("b", "application/json")
    assert sent.content == b'{"a":[1]}'
    assert sent.headers["user-agent"].startswith("paylattice/")


def test_a_body_of_bytes_is_sent_as_it_is(wire: MakeWire) -> None:
    line = wire(200)
    line.send(Request("POST", URL, headers={"Content-Type": "application/x-www-form-urlencoded"}, content=b"a=b"))
    assert line.seen[0].content == b"a=b"


def test_an_empty_json_object_is_a_body_and_none_is_no_body(wire: MakeWire) -> None:
    line = wire(200)
    line.send(Request("POST", URL, json={}))
    line.send(Request("POST", URL))
    assert [request.content for request in line.seen] == [b"{}", b""]


def test_a_query_in_the_url_stays_where_it_is(wire: MakeWire) -> None:
    line = wire(200)
    line.send(Request("GET", f"{URL}?a=b"))
    assert str(line.seen[0].url) == f"{URL}?a=b"


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", URL, headers={"Authorization": "Bearer ключ"}),
        Request("POST", URL, json={"a": object()}),
        Request("POST", URL, json={"a": float("nan")}),
        Request("POST", URL, json={"a": "\ud800"}),
        Request("POST", URL + "\x00"),
    ],
)
def test_a_request_that_cannot_be_built_was_not_sent(wire: MakeWire, request_: Request) -> None:
    line = wire(200)
    with pytest.raises(ConfigurationError, match="cannot be built") as caught:
        line.send(request_)
    assert line.seen == []
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "ключ" not in str(caught.value)


@pytest.mark.parametrize("url", ["no url at all", "ftp://api.example/", "/v1/things"])
def test_a_url_that_leads_nowhere_is_a_configuration_error(wire: MakeWire, url: str) -> None:
    line = wire(200, transport=None)
    with pytest.raises(ConfigurationError, match="cannot be built"):
        line.run(sent_and_closed(line, Request("POST", url, json={})))


def test_redirects_are_answers_and_not_followed(wire: MakeWire) -> None:
    line = wire(httpx.Response(302, headers={"Location": "https://evil.example/"}))
    assert line.send().status == 302
    assert len(line.seen) == 1


async def sent_and_closed(line: Wire, request: Request) -> object:
    try:
        return await line.transport.send(request)
    finally:
        await line.transport.aclose()


# --- what is taken in --------------------------------------------------------------------------------------------


def test_an_answer_has_its_status_headers_and_body(wire: MakeWire) -> None:
    response = wire(httpx.Response(201, headers={"Request-Id": "req_1"}, content=b"hello")).send()
    assert (response.status, response.body) == (201, b"hello")
    assert response.headers["request-id"] == "req_1"


def test_a_compressed_answer_is_decompressed(wire: MakeWire) -> None:
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b"hello"))
    assert wire(answer).send().body == b"hello"


def test_a_broken_compression_is_no_answer(wire: MakeWire) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(b"this is no gzip"))

    with pytest.raises(NetworkError, match="compression is broken"):
        wire(broken).send(READ)
    with pytest.raises(NetworkOutcomeUnknown, match="compression is broken"):
        wire(broken).send(WRITE)


def test_an_answer_that_breaks_off_is_no_answer(wire: MakeWire) -> None:
    stream = Stream(b"hel", httpx.RemoteProtocolError("closed"))
    with pytest.raises(NetworkOutcomeUnknown, match="the connection broke"):
        wire(httpx.Response(200, stream=stream)).send(WRITE)
    assert stream.closed


def test_an_answer_that_is_too_large_is_given_up_and_not_asked_for_again(wire: MakeWire) -> None:
    part = b"x" * (1024 * 1024)
    stream = Stream(*[part] * (MAX_BODY // len(part) + 10))
    line = wire(httpx.Response(200, stream=stream))
    with pytest.raises(NetworkError, match="too large"):
        line.send(READ)
    assert len(line.seen) == 1
    assert stream.closed


def test_a_bomb_of_compressed_nothing_is_given_up(wire: MakeWire) -> None:
    bomb = gzip.compress(b"\0" * (MAX_BODY + 1024))
    pieces = [bomb[i : i + 4096] for i in range(0, len(bomb), 4096)]
    stream = Stream(*pieces)
    with pytest.raises(NetworkError, match="too large"):
        wire(httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)).send(READ)
    assert stream.closed


def test_an_answer_that_drips_beyond_the_deadline_is_given_up(wire: MakeWire) -> None:
    line = wire(200, timeouts=Timeouts(total=60))

    def tick() -> None:
        line.now += 20

    stream = Stream(*[b"x"] * 100, before=tick)
    line.answers = [httpx.Response(200, stream=stream)]
    with pytest.raises(NetworkOutcomeUnknown, match="did not come in time"):
        line.send(KEYED)
    assert stream.closed
    assert len(line.seen) == 1


@pytest.mark.parametrize("failure", [ValueError("hunter2"), KeyError("hunter2"), RuntimeError("hunter2")])
def test_an_unknown_failure_of_the_client_is_not_repeated_and_not_repeated_in_words(
    wire: MakeWire, failure: Exception
) -> None:
    line = wire(failure)
    with pytest.raises(NetworkOutcomeUnknown) as caught:
        line.send(KEYED)
    assert len(line.seen) == 1
    assert "hunter2" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("failure", [httpx.LocalProtocolError("x"), httpx.UnsupportedProtocol("x")])
def test_a_request_that_the_library_does_not_send_is_a_configuration_error(wire: MakeWire, failure: Exception) -> None:
    with pytest.raises(ConfigurationError, match="cannot be built"):
        wire(failure).send(WRITE)


def test_messages_show_neither_url_nor_headers_nor_bodies(wire: MakeWire) -> None:
    request = Request(
        "POST",
        f"{URL}?email=ada@example.com",
        headers={"Authorization": "Bearer hunter2"},
        params={"email": "ada@example.com"},
        json={"email": "ada@example.com"},
        content=b"ada@example.com",
    )
    response = wire(httpx.Response(200, headers={"X": "hunter2"}, content=b"ada@example.com")).send()
    for shown in (repr(request), str(request), repr(response)):
        assert "ada" not in shown
        assert "hunter2" not in shown


def test_an_error_shows_neither_url_nor_headers_nor_bodies(wire: MakeWire) -> None:
    request = Request(
        "POST", f"{URL}?email=ada@example.com", headers={"Authorization": "hunter2"}, json={"email": "ada@example.com"}
    )
    with pytest.raises(PaymentError) as caught:
        wire(httpx.ReadTimeout("hunter2 ada@example.com")).send(request)
    shown = f"{caught.value} {caught.value!r} {vars(caught.value)!r}"
    assert "ada" not in shown
    assert "hunter2" not in shown


# --- closing -----------------------------------------------------------------------------------------------------


def test_a_closed_transport_sends_nothing(wire: MakeWire) -> None:
    line = wire(200)
    line.send()
    line.run(line.transport.aclose())
    line.run(line.transport.aclose())
    with pytest.raises(ConfigurationError, match="this transport is closed"):
        line.send()
    assert len(line.seen) == 1


def test_a_transport_that_was_never_used_can_be_closed(wire: MakeWire) -> None:
    line = wire(200)
    line.run(line.transport.aclose())


def test_a_write_that_was_lost_stays_unknown_when_the_transport_is_closed_meanwhile(wire: MakeWire) -> None:
    line = wire(httpx.ReadTimeout("lost"))

    def close(_: float, __: float) -> float:
        line.transport._closed = True
        return 0.0

    line.transport._uniform = close
    with pytest.raises(NetworkOutcomeUnknown, match="this transport is closed"):
        line.send(KEYED)


def client(line: Wire) -> httpx.AsyncClient | httpx.Client:
    """A client of the application's own, over the same wire."""
    if line.awaited:
        return httpx.AsyncClient(transport=httpx.MockTransport(line.answer_async), headers={"X-Mine": "yes"})
    return httpx.Client(transport=httpx.MockTransport(line.answer), headers={"X-Mine": "yes"}, follow_redirects=True)


def over(line: Wire, given: httpx.AsyncClient | httpx.Client) -> Wire:
    line.transport = (
        AsyncTransport(client=given) if isinstance(given, httpx.AsyncClient) else BlockingTransport(client=given)
    )
    return line


def test_a_given_client_is_used_and_left_open(httpx_wire: MakeWire) -> None:
    line = httpx_wire(200)
    given = client(line)
    over(line, given).send()
    line.run(line.transport.aclose())
    assert line.seen[0].headers["x-mine"] == "yes"
    assert not given.is_closed
    with pytest.raises(ConfigurationError, match="this transport is closed"):
        line.send()


def test_a_given_client_follows_no_redirects_from_here(httpx_wire: MakeWire) -> None:
    line = httpx_wire(httpx.Response(302, headers={"Location": "https://evil.example/"}))
    assert over(line, client(line)).send().status == 302
    assert len(line.seen) == 1


def test_a_given_client_that_is_closed_is_a_configuration_error_and_nothing_was_sent(httpx_wire: MakeWire) -> None:
    line = httpx_wire(200)
    given = client(line)
    over(line, given)
    if isinstance(given, httpx.AsyncClient):
        line.run(given.aclose())
    else:
        given.close()
    with pytest.raises(ConfigurationError, match="client that was handed to this transport is closed"):
        line.send(WRITE)
    assert line.seen == []
