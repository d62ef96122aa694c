"""The accessors that every wire type comes in through."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.errors import InvalidResponse
from paylattice.jsonlike import (
    child,
    children,
    flag,
    identity,
    integer,
    parse_object,
    reference,
    rfc3339,
    string_map,
    text,
    timestamp,
    whole,
)


@pytest.mark.parametrize("body", [b'{"a": 1}', '{"a": 1}', b' {"a": 1}\n'])
def test_an_object_is_parsed(body: bytes | str) -> None:
    assert parse_object(body) == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [b"", "", b"[]", b"1", b"null", b"{", b"\xff", b'{"a": 1}'.decode().encode("utf-16"), b"[" * 10**5, "9" * 5000],
)
def test_anything_else_is_none(body: bytes | str) -> None:
    assert parse_object(body) is None


def test_values_of_a_wrong_type_are_none() -> None:
    data = {"t": "x", "n": 1, "b": True, "o": {"id": "i"}, "l": [{"id": 1}, 2, None]}
    assert [text(data, key) for key in "tnbolz"] == ["x", None, None, None, None, None]
    assert [integer(data, key) for key in "tnbolz"] == [None, 1, None, None, None, None]
    assert [flag(data, key) for key in "tnbolz"] == [False, False, True, False, False, False]
    assert [dict(child(data, key)) for key in "tnbolz"] == [{}, {}, {}, {"id": "i"}, {}, {}]
    assert [list(children(data, key)) for key in "tnbolz"] == [[], [], [], [], [{"id": 1}], []]
    assert [reference(data, key) for key in "tnbolz"] == ["x", None, None, "i", None, None]


def test_objects_inside_objects_are_reached_in_one_step() -> None:
    data = {"a": {"b": {"c": "x"}}, "n": None}
    assert text(child(data, "a", "b"), "c") == "x"
    assert text(child(data, "n", "b", "c"), "d") is None
    assert reference({"a": ""}, "a") is None


def test_words_are_text_only() -> None:
    assert string_map({"m": {"a": "x", "b": 1, "c": None}}, "m") == {"a": "x"}
    assert string_map({"m": ["a"]}, "m") == {}
    assert string_map({}, "m") == {}


@pytest.mark.parametrize("value", [0, 1_789_000_000, 253_402_300_799])
def test_seconds_become_utc(value: int) -> None:
    found = timestamp({"t": value}, "t")
    assert found is not None
    assert (found.timestamp(), found.tzinfo) == (value, UTC)


@pytest.mark.parametrize("value", [-1, 253_402_300_800, 10**40, 1.5, True, "1789000000", None, [], {}])
def test_absurd_times_are_none(value: object) -> None:
    assert timestamp({"t": value}, "t") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5+02:00", datetime(2026, 1, 31, 10, 0, 0, 500000, UTC)),
        ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)),
        ("2026-01-31T12:00:00", None),
        ("2026-01-31", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (1_789_000_000, None),
        (None, None),
    ],
)
def test_written_times_become_utc(value: object, expected: datetime | None) -> None:
    assert rfc3339({"t": value}, "t") == expected


@given(st.text())
def test_no_written_time_breaks_out(value: str) -> None:
    found = rfc3339({"t": value}, "t")
    assert found is None or found.tzinfo is UTC


def test_what_is_demanded_must_be_there() -> None:
    data = {"id": "x", "n": 7}
    assert (identity(data, "id", "thing"), whole(data, "n", "thing")) == ("x", 7)
    for key in ("n", "missing"):
        with pytest.raises(InvalidResponse, match=f"no thing: its '{key}'"):
            identity(data, key, "thing")
    with pytest.raises(InvalidResponse):
        identity({"id": ""}, "id", "thing")
    with pytest.raises(InvalidResponse):
        whole(data, "id", "thing")
