"""Whether a request is sent again, and when."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.errors import NetworkError, NetworkOutcomeUnknown
from paylattice.transport import Request, Response, RetryPolicy, Timeouts
from paylattice.transport.retry import retry_after

from .support import KEYED, READ, URL, WRITE, Wire

MakeWire = Callable[..., Wire]
TRANSIENT = [408, 425, 429, 500, 502, 503, 504, 529]
DEFINITE = [200, 201, 204, 301, 400, 401, 402, 403, 404, 409, 410, 422]


@pytest.mark.parametrize("status", TRANSIENT)
@pytest.mark.parametrize("request_", [READ, KEYED], ids=["read", "keyed"])
def test_a_failure_that_passes_is_tried_four_times_and_the_last_answer_is_returned(
    wire: MakeWire, request_: Request, status: int
) -> None:
    line = wire(status)
    assert line.send(request_).status == status
    assert len(line.seen) == 4


@pytest.mark.parametrize("status", DEFINITE)
@pytest.mark.parametrize("request_", [READ, KEYED, WRITE], ids=["read", "keyed", "write"])
def test_a_definite_answer_is_returned_at_once(wire: MakeWire, request_: Request, status: int) -> None:
    line = wire(status)
    assert line.send(request_).status == status
    assert len(line.seen) == 1


@pytest.mark.parametrize("status", TRANSIENT)
def test_a_write_without_a_key_is_not_repeated_after_an_answer(wire: MakeWire, status: int) -> None:
    line = wire(status)
    assert line.send(WRITE).status == status
    assert len(line.seen) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_everything_but_reading_is_a_write(method: str) -> None:
    assert Request(method, URL).writes
    assert not Request(method, URL).repeatable
    assert Request(method, URL, idempotency_key="k").repeatable
    assert Request("GET", URL).repeatable
    assert not Request("HEAD", URL).writes


def test_the_answer_that_comes_in_the_end_is_returned(wire: MakeWire) -> None:
    line = wire(503, httpx.ReadTimeout("lost"), httpx.Response(200, content=b'{"ok":true}'))
    response = line.send()
    assert (response.status, response.body) == (200, b'{"ok":true}')
    assert len(line.seen) == 3


@pytest.mark.parametrize(
    ("said", "status", "attempts"), [(True, 404, 4), (True, 200, 4), (False, 503, 1), (None, 503, 4), (None, 404, 1)]
)
def test_the_providers_hint_goes_before_the_policy(
    wire: MakeWire, said: bool | None, status: int, attempts: int
) -> None:
    line = wire(status)
    line.send(Request("GET", URL, hint=lambda response: said if response.status == status else None))
    assert len(line.seen) == attempts


def test_no_hint_makes_a_write_without_a_key_repeatable(wire: MakeWire) -> None:
    line = wire(503)
    line.send(Request("POST", URL, hint=lambda _: True))
    assert len(line.seen) == 1


@pytest.mark.parametrize(("attempts", "sent"), [(0, 1), (1, 1), (2, 2), (7, 7)])
def test_the_number_of_attempts_can_be_chosen(wire: MakeWire, attempts: int, sent: int) -> None:
    line = wire(503, retry=RetryPolicy(attempts=attempts))
    line.send()
    assert len(line.seen) == sent


def test_the_waits_double_up_to_the_cap(wire: MakeWire) -> None:
    line = wire(503, retry=RetryPolicy(attempts=7, base=1, cap=8), timeouts=Timeouts(total=1000))
    line.send()
    assert line.waits == [1, 2, 4, 8, 8, 8]


def test_the_wait_is_anything_between_nothing_and_the_bound(wire: MakeWire) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        asked.append((least, most))
        return 0.25

    line = wire(503, uniform=uniform)
    line.send()
    assert asked == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)]
    assert line.waits == [0.25] * 3


@given(st.integers(1, 10**6), st.floats(0, 100), st.floats(0, 100))
def test_no_wait_exceeds_the_cap_however_many_attempts_there_were(attempt: int, base: float, cap: float) -> None:
    assert 0 <= RetryPolicy(base=base, cap=cap).wait(attempt, lambda _, most: most) <= cap


# --- Retry-After -------------------------------------------------------------------------------------------------


def asked(value: str) -> float | None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return retry_after(Response(429, {"retry-after": value}), lambda: noon)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("007", 7),
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30),
        ("Sat, 31 Jan 2026 12:00:30 -0000", 30),
        ("Sat, 31 Jan 2026 13:00:30 +0100", 30),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("9" * 400, 365 * 86_400),
        ("99999999999", 365 * 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86_400),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: float) -> None:
    assert asked(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "inf",
        "nan",
        "-1",
        "-inf",
        "1e9",
        "0x10",
        "1_000",
        "1,5",
        "1.2.3",
        ".",
        "\u0667",
        "\uff17",
        "²",
        "soon",
        "Sat, 99 Jan 2026 12:00:00 GMT",
        "Sat, 31 Jan 99999 12:00:00 GMT",
        "Sat, 31 Jan 2026 12:00:00 +9999999",
        "\x00",
    ],
)
def test_what_is_neither_seconds_nor_a_date_is_not_read(value: str) -> None:
    assert asked(value) is None


def test_an_answer_without_the_header_asks_for_nothing() -> None:
    assert retry_after(Response(429)) is None


@given(st.text())
def test_any_header_asks_for_a_finite_time_or_for_none(value: str) -> None:
    seconds = asked(value)
    assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= 365 * 86_400)


def test_the_header_is_waited_for_to_the_second(wire: MakeWire) -> None:
    line = wire(httpx.Response(429, headers={"Retry-After": "7"}), 200)
    assert line.send().status == 200
    assert line.waits == [7]


def test_a_header_that_cannot_be_read_leaves_the_policy_to_decide(wire: MakeWire) -> None:
    line = wire(httpx.Response(429, headers={"Retry-After": "inf"}), 200)
    assert line.send().status == 200
    assert line.waits == [0.5]


@pytest.mark.parametrize("value", ["60", "3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_waits_beyond_the_deadline_the_answer_is_returned_instead(wire: MakeWire, value: str) -> None:
    line = wire(httpx.Response(429, headers={"Retry-After": value}), 200)
    response = line.send()
    assert (response.status, response.headers["retry-after"]) == (429, value)
    assert line.waits == []


# --- the deadline ------------------------------------------------------------------------------------------------


def test_no_attempt_begins_after_the_deadline(wire: MakeWire) -> None:
    line = wire(503, retry=RetryPolicy(attempts=100, base=10, cap=10), timeouts=Timeouts(total=35))
    line.send()
    assert line.waits == [10, 10, 10]
    assert len(line.seen) == 4


def test_silence_at_the_deadline_is_a_network_error(wire: MakeWire) -> None:
    line = wire(
        httpx.ReadTimeout("lost"), retry=RetryPolicy(attempts=100, base=10, cap=10), timeouts=Timeouts(total=35)
    )
    with pytest.raises(NetworkError, match="after 4 attempts"):
        line.send()


def test_an_attempt_gets_no_more_time_than_is_left(wire: MakeWire) -> None:
    line = wire(503, 503, 200, retry=RetryPolicy(base=10, cap=10), timeouts=Timeouts(connect=5, read=30, total=35))
    line.send()
    given_ = [request.extensions["timeout"] for request in line.seen]
    assert [(t["connect"], t["read"]) for t in given_] == [(5, 30), (5, 25), (5, 15)]


@given(st.floats(-100, 100))
def test_there_is_always_a_little_time(remaining: float) -> None:
    left = Timeouts().within(remaining)
    assert 0 < left.connect <= 5
    assert 0 < left.read <= 30
    assert left.total > 0


# --- keys and outcomes -------------------------------------------------------------------------------------------


def test_every_attempt_is_the_same_request_with_the_same_key(wire: MakeWire) -> None:
    line = wire(503, httpx.ReadTimeout("lost"), httpx.ConnectError("no"), 200)
    line.send(KEYED)
    assert len(line.seen) == 4
    assert {request.headers["Idempotency-Key"] for request in line.seen} == {"key-1"}
    assert {request.content for request in line.seen} == {b'{"a":1}'}
    assert {str(request.url) for request in line.seen} == {URL}


NOT_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.ProxyError("x")]
SENT = [
    httpx.ReadTimeout("x"),
    httpx.WriteTimeout("x"),
    httpx.ReadError("x"),
    httpx.WriteError("x"),
    httpx.CloseError("x"),
    httpx.RemoteProtocolError("x"),
    TimeoutError("x"),
]


@pytest.mark.parametrize("failure", [*NOT_SENT, *SENT], ids=lambda e: type(e).__name__)
def test_a_read_without_an_answer_is_repeated_and_then_a_network_error(wire: MakeWire, failure: Exception) -> None:
    line = wire(failure)
    with pytest.raises(NetworkError) as caught:
        line.send(READ)
    assert type(caught.value) is NetworkError
    assert not caught.value.outcome_unknown
    assert len(line.seen) == 4
    assert "nothing was changed" in str(caught.value)


@pytest.mark.parametrize("request_", [WRITE, KEYED], ids=["write", "keyed"])
@pytest.mark.parametrize("failure", NOT_SENT, ids=lambda e: type(e).__name__)
def test_a_write_that_never_left_is_repeated_and_nothing_was_changed(
    wire: MakeWire, failure: Exception, request_: Request
) -> None:
    line = wire(failure)
    with pytest.raises(NetworkError) as caught:
        line.send(request_)
    assert type(caught.value) is NetworkError
    assert len(line.seen) == 4


@pytest.mark.parametrize("failure", SENT, ids=lambda e: type(e).__name__)
def test_a_write_without_a_key_that_may_have_left_is_not_repeated(wire: MakeWire, failure: Exception) -> None:
    line = wire(failure)
    with pytest.raises(NetworkOutcomeUnknown, match="at the first attempt") as caught:
        line.send(WRITE)
    assert caught.value.outcome_unknown
    assert len(line.seen) == 1


@pytest.mark.parametrize("failure", SENT, ids=lambda e: type(e).__name__)
def test_a_keyed_write_that_may_have_left_is_repeated_and_then_unknown(wire: MakeWire, failure: Exception) -> None:
    line = wire(failure)
    with pytest.raises(NetworkOutcomeUnknown, match="after 4 attempts") as caught:
        line.send(KEYED)
    error = caught.value
    assert (error.provider, error.operation, error.idempotency_key) == ("acme", "create_customer", "key-1")
    assert (error.__cause__, error.__context__) == (None, None)
    assert len(line.seen) == 4


def test_a_write_without_a_key_is_repeated_until_it_leaves(wire: MakeWire) -> None:
    line = wire(httpx.ConnectError("x"), httpx.ConnectError("x"), 200)
    response = line.send(WRITE)
    assert (response.status, response.unsettled) == (200, False)


def test_a_write_that_was_lost_once_stays_unknown_when_nobody_answers_later(wire: MakeWire) -> None:
    line = wire(httpx.ReadTimeout("lost"), httpx.ConnectError("no"))
    with pytest.raises(NetworkOutcomeUnknown):
        line.send(KEYED)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_after_a_server_error_is_unknown_when_nobody_answers_later(wire: MakeWire, status: int) -> None:
    line = wire(status, httpx.ConnectError("no"))
    with pytest.raises(NetworkOutcomeUnknown):
        line.send(KEYED)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_a_write_that_was_turned_away_was_not_done(wire: MakeWire, status: int) -> None:
    line = wire(status, httpx.ConnectError("no"))
    with pytest.raises(NetworkError) as caught:
        line.send(KEYED)
    assert type(caught.value) is NetworkError


@pytest.mark.parametrize(
    ("first", "unsettled"),
    [(httpx.ReadTimeout("x"), True), (500, True), (httpx.ConnectError("x"), False), (429, False)],
)
def test_an_answer_to_a_write_says_whether_an_earlier_attempt_may_have_worked(
    wire: MakeWire, first: Exception | int, unsettled: bool
) -> None:
    response = wire(first, 402).send(KEYED)
    assert (response.status, response.unsettled) == (402, unsettled)


@pytest.mark.parametrize("first", [httpx.ReadTimeout("x"), 500])
def test_the_outcome_of_a_read_is_never_unknown(wire: MakeWire, first: Exception | int) -> None:
    assert not wire(first, 200).send(READ).unsettled


def test_the_outcome_of_a_first_answer_is_known_whatever_it_is(wire: MakeWire) -> None:
    assert not wire(500).send(WRITE).unsettled
