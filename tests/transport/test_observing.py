"""Observers and log lines: they learn what happened, and nothing that is secret or personal."""

import logging
from collections.abc import Callable

import attrs
import httpx
import pytest

from paylattice.errors import NetworkError
from paylattice.transport import Request, RequestSent, ResponseReceived, RetryScheduled

from .support import KEYED, READ, URL, Wire

MakeWire = Callable[..., Wire]
PERSONAL = Request(
    "POST",
    f"{URL}?email=ada@example.com",
    headers={"Authorization": "Bearer hunter2", "Idempotency-Key": "key-1"},
    params={"q": "ada@example.com"},
    json={"email": "ada@example.com"},
    idempotency_key="key-1",
    provider="acme",
    operation="create_customer",
)


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def on_request(self, event: RequestSent) -> None:
        self.seen.append(event)

    def on_response(self, event: ResponseReceived) -> None:
        self.seen.append(event)

    def on_retry(self, event: RetryScheduled) -> None:
        self.seen.append(event)


class Broken:
    """Fails at everything."""

    def on_request(self, event: RequestSent) -> None:
        raise ZeroDivisionError

    on_response = on_retry = on_request  # type: ignore[assignment]


class Partial:
    """Was written in a hurry."""


def test_an_observer_is_told_of_every_attempt_and_every_wait(wire: MakeWire) -> None:
    watcher = Watcher()
    line = wire(httpx.Response(503, headers={"Request-Id": "req_1"}), 200, observers=[watcher])
    line.send(KEYED)
    common = {"provider": "acme", "operation": "create_customer", "method": "POST", "path": "/v1/things"}
    assert watcher.seen == [
        RequestSent(**common, attempt=1, idempotency_key="key-1"),
        ResponseReceived(**common, attempt=1, status=503, error=None, seconds=0.0, request_id="req_1"),
        RetryScheduled(**common, attempt=1, status=503, error=None, wait=0.5),
        RequestSent(**common, attempt=2, idempotency_key="key-1"),
        ResponseReceived(**common, attempt=2, status=200, error=None, seconds=0.0, request_id=None),
    ]


def test_an_observer_is_told_that_no_answer_came(wire: MakeWire) -> None:
    watcher = Watcher()
    with pytest.raises(NetworkError):
        wire(httpx.ConnectError("hunter2"), observers=[watcher]).send(READ)
    answers = [event for event in watcher.seen if isinstance(event, ResponseReceived)]
    assert [(event.status, event.error) for event in answers] == [(None, "could not connect")] * 4
    assert len([event for event in watcher.seen if isinstance(event, RetryScheduled)]) == 3


def test_an_observer_is_told_how_long_an_attempt_took(wire: MakeWire) -> None:
    watcher = Watcher()
    line = wire(200, observers=[watcher])

    def slow(_: httpx.Request) -> httpx.Response:
        line.now += 1.5
        return httpx.Response(200)

    line.answers = [slow]
    line.send()
    assert [event.seconds for event in watcher.seen if isinstance(event, ResponseReceived)] == [1.5]


def test_what_an_observer_is_told_is_frozen_and_holds_nothing_secret_or_personal(wire: MakeWire) -> None:
    watcher = Watcher()
    wire(
        httpx.Response(503, headers={"X": "hunter2"}, content=b"ada@example.com"),
        httpx.ReadTimeout("hunter2 ada@example.com"),
        200,
        observers=[watcher],
    ).send(PERSONAL)
    assert len(watcher.seen) == 8
    for event in watcher.seen:
        assert attrs.has(type(event))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            event.attempt = 5  # type: ignore[attr-defined]
        assert "hunter2" not in repr(event)
        assert "ada" not in repr(event)


@pytest.mark.parametrize("bad", [Broken(), Partial(), None])
def test_a_bad_observer_harms_neither_the_request_nor_other_observers(
    wire: MakeWire, bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher()
    assert wire(503, 200, observers=[bad, watcher]).send(PERSONAL).status == 200
    assert len(watcher.seen) == 5
    assert f"an observer failed: {type(bad).__name__}" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_log_tells_every_attempt_and_every_wait(wire: MakeWire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "paylattice")
    wire(503, httpx.ReadTimeout("x"), 200).send(KEYED)
    assert [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "paylattice"] == [
        ("DEBUG", "acme create_customer: attempt 1: 503 in 0.000 s"),
        ("INFO", "acme create_customer: attempt 1: 503; again in 0.50 s"),
        ("DEBUG", "acme create_customer: attempt 2: the answer did not come in time in 0.000 s"),
        ("INFO", "acme create_customer: attempt 2: the answer did not come in time; again in 1.00 s"),
        ("DEBUG", "acme create_customer: attempt 3: 200 in 0.000 s"),
    ]


def test_no_log_line_of_anybody_holds_a_query_an_address_or_a_secret(
    wire: MakeWire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("paylattice", "httpx", "httpcore", "httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, name)
    wire(
        httpx.Response(503, headers={"X": "hunter2"}, content=b"ada@example.com"),
        httpx.ReadTimeout("hunter2 ada@example.com"),
        200,
    ).send(PERSONAL)
    assert "paylattice" in caplog.text
    for secret in ("ada", "%40", "hunter2", "email", "q="):
        assert secret not in caplog.text


def test_what_the_application_sends_with_httpx_is_logged_as_before(
    wire: MakeWire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, httpx.__name__)
    line = wire(200)
    line.send()
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as own:
        own.get("https://own.example/?a=b")
    assert [record.getMessage() for record in caplog.records if record.name == httpx.__name__] == [
        'HTTP Request: GET https://own.example/?a=b "HTTP/1.1 200 OK"'
    ]
