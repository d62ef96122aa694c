"""One header, however a framework hands them out."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.headers import header


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Signature": "abc"},
        {"x-signature": "abc"},
        {b"X-SIGNATURE": b"abc"},
        {"X-Signature": ["abc"]},
        {"X-Signature": ("abc", "")},
        [("Other", "1"), ("X-Signature", "abc")],
        (["X-Signature", "abc"],),
        [(b"x-signature", b"abc")],
        httpx.Headers({"X-Signature": "abc"}),
        iter([("X-Signature", "abc")]),
        {1: "x", None: "y", "X-Signature": "abc"},
        [("a", "b", "c"), "X-Signature", None, 7, ("X-Signature", "abc")],
    ],
)
def test_a_header_is_found(headers: Any) -> None:
    assert header(headers, "X-Signature") == header([("X-Signature", "abc")], "x-signature") == "abc"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        [],
        None,
        7,
        "X-Signature: abc",
        b"X-Signature: abc",
        {"X-Signature": None},
        {"X-Signature": ""},
        {"X-Signature": 7},
        {"X-Signature": {"a": "b"}},
        {"X-Signatures": "abc"},
        [("X-Signature",)],
    ],
)
def test_no_header_is_none(headers: Any) -> None:
    assert header(headers, "X-Signature") is None


def test_a_header_that_comes_twice_is_joined_as_http_does() -> None:
    assert header([("A", "1"), ("a", "2")], "A") == "1, 2"
    assert header({"A": ["1", "2"]}, "A") == "1, 2"


def test_bytes_are_latin_1() -> None:
    assert header([(b"a", b"\xe9\xff")], "A") == "éÿ"


@given(st.lists(st.tuples(st.text() | st.binary(), st.text() | st.binary())) | st.dictionaries(st.text(), st.text()))
def test_no_headers_break_out(headers: Any) -> None:
    found = header(headers, "X-Signature")
    assert found is None or isinstance(found, str)
