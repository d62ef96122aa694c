"""What the arguments of every operation are held to, by their names."""

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money
from paylattice.arguments import check_argument, check_id, check_utc
from paylattice.errors import InvalidRequest

GOOD: dict[str, list[object]] = {
    "customer_id": [
        "cus_1",
        "5O190127TN364715T",
        "I-BW452GLLEP1G",
        "inv:0-ChB4",
        "a.b",
        "c" * 255,
        "org-ü",
        "~x=+,;@!$'()*&",
    ],
    "session_id": ["cs_test_a1"],
    "subscription_item_id": ["si_1"],
    "email": ["ada@example.com", "a@b", "ada+tag@xn--bcher-kva.example", "ädä@bücher.example"],
    "customer_email": ["ada@example.com"],
    "name": [
        "Ada",
        "Zoë Ångström",
        "\u0645\u0631\u06cc\u0645\u200c",
        "\U0001f469\u200d\U0001f467",
        "two\nlines\r\n\tand a tab",
        "x" * 5000,
    ],
    "description": ["for you"],
    "reason": ["too expensive"],
    "metadata": [{}, {"a": ""}, {"a": "b\n"}, MappingProxyType({"a": "b"})],
    "success_url": [
        "https://app.example/done?session={CHECKOUT_SESSION_ID}",
        "http://localhost:8000",
        "HTTPS://EXAMPLE.COM/#x",
        "https://bücher.example/ü",
        "http://[::1]/",
    ],
    "cancel_url": ["https://app.example"],
    "quantity": [1, 10**15],
    "trial_days": [0, 14],
    "limit": [1, 10_000],
    "amount": [Money(1, "USD")],
    "timestamp": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-9)))],
    "since": [datetime(2026, 1, 1, tzinfo=UTC)],
    "idempotency_key": ["k", "k" * 255, "order 7", "0f8fad5b-d9cb-469f-a165-70867728950e"],
    "at_period_end": [True, False],
    "prorate": [True],
    "capture": [False],
    "a_plugins_own_argument": [None, 1, "", object()],
}
NO_TEXT: list[object] = [None, 5, b"x", ["x"], True]
CONTROLS: list[object] = ["a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\ud800b"]
BAD: dict[str, list[object]] = {
    "customer_id": [
        *NO_TEXT,
        *CONTROLS,
        "",
        " ",
        ".",
        "..",
        "...",
        "/",
        "a/b",
        "../a",
        "a\\b",
        "a b",
        " a",
        "a\n",
        "a\t",
        "a\u00a0b",
        "a\u2028b",
        "a\u200bb",
        "a\u3000",
        "cus_1?expand=x",
        "cus_1#x",
        "cus_1%2F..",
        "c" * 256,
        "c" * 10_000,
    ],
    "email": [
        *NO_TEXT,
        *CONTROLS,
        "",
        " ",
        "ada",
        "@",
        "@example.com",
        "ada@",
        "a da@example.com",
        "a@b\n",
        "a@" + "b" * 5000,
    ],
    "customer_email": ["ada"],
    "name": [*NO_TEXT, *CONTROLS, "", " \n", "x" * 5001],
    "description": ["", 5],
    "reason": ["", 5],
    "metadata": [
        None,
        [("a", "b")],
        "a=b",
        {"a": 1},
        {"a": None},
        {"a": ["b"]},
        {1: "b"},
        {"": "b"},
        {"a": "b\x00"},
        {"a\x7f": "b"},
        {"a": "\ud800"},
    ],
    "success_url": [
        *NO_TEXT,
        "",
        "/done",
        "app.example/done",
        "//app.example",
        "javascript:alert(1)",
        "ftp://app.example",
        "https://",
        "https:///done",
        "https://?x",
        "https://[::1",
        "https://app.example/a b",
        "https://app.example/\n",
        " https://app.example",
        "https://good.example\\@evil.example",
        "https://app.example/" + "x" * 5000,
    ],
    "cancel_url": ["/cancel"],
    "quantity": [0, -1, True, 1.0, "1", None, 10**15 + 1, 10**10_000],
    "trial_days": [-1, True, "14", 1.5],
    "limit": [0, True, "10"],
    "amount": [1999, "19.99", 19.99, Money(0, "USD"), Money(-1, "USD"), None],
    "timestamp": [datetime(2026, 1, 1), 1769860800, "2026-01-01T00:00:00Z", None],  # noqa: DTZ001 - on purpose
    "since": [datetime(2026, 1, 1)],  # noqa: DTZ001 - on purpose
    "idempotency_key": [None, 5, "", "k" * 256, "ключ", "a\nb", "a\x00", " k", "k ", " "],
    "at_period_end": [None, 1, 0, "yes", "false"],
    "prorate": [1],
    "capture": ["no"],
}


def cases(table: dict[str, list[object]]) -> list[object]:
    return [
        pytest.param(name, value, id=f"{name}-{number}")
        for name, values in table.items()
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_good_values_pass(name: str, value: object) -> None:
    check_argument("any_operation", name, value)


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_bad_values_are_refused_by_the_name_of_the_argument(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_argument("any_operation", name, value)
    assert caught.value.param == name
    assert str(caught.value).startswith(name)
    assert len(str(caught.value)) < 300


def test_a_message_does_not_repeat_the_value() -> None:
    for name, value in [
        ("customer_id", "hunter2/"),
        ("email", "hunter2"),
        ("success_url", "hunter2"),
        ("name", "hunter2\x00"),
    ]:
        with pytest.raises(InvalidRequest) as caught:
            check_argument("any_operation", name, value)
        assert "hunter2" not in str(caught.value)


def test_usage_may_be_zero_and_nothing_else_may() -> None:
    check_argument("create_usage_record", "quantity", 0)
    for operation in ("create_checkout_session", "change_subscription"):
        with pytest.raises(InvalidRequest, match="at least 1"):
            check_argument(operation, "quantity", 0)
    with pytest.raises(InvalidRequest, match="at least 0"):
        check_argument("create_usage_record", "quantity", -1)


@given(st.text())
def test_an_id_that_passes_is_one_segment_of_a_path_and_nothing_more(value: str) -> None:
    from urllib.parse import urlsplit

    try:
        check_id("customer_id", value)
    except InvalidRequest:
        return
    parts = urlsplit(f"https://api.example/v1/customers/{value}")
    assert parts.path == f"/v1/customers/{value}"
    assert (parts.netloc, parts.query, parts.fragment) == ("api.example", "", "")
    value.encode()


@given(st.text(), st.sampled_from(["name", "email", "success_url", "idempotency_key"]))
def test_a_text_that_passes_can_be_sent(value: str, name: str) -> None:
    try:
        check_argument("any_operation", name, value)
    except InvalidRequest:
        return
    value.encode()


@pytest.mark.parametrize(
    "beyond",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_time_that_utc_has_no_date_for_is_refused_and_the_first_and_last_of_utc_are_not(beyond: datetime) -> None:
    with pytest.raises(InvalidRequest, match="in UTC") as caught:
        check_utc("since", beyond)
    assert caught.value.__context__ is None
    check_utc("since", beyond.replace(tzinfo=UTC))


def test_a_naive_time_is_told_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match=r"datetime.now\(UTC\)"):
        check_utc("since", datetime(2026, 1, 1))  # noqa: DTZ001 - on purpose
