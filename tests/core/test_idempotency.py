"""Idempotency keys: the same for ever for the same operation, and never the same for another."""

import re
import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money
from paylattice.errors import IdempotencyMismatch, InvalidRequest
from paylattice.frozen import FrozenMap
from paylattice.idempotency import KeyLedger, new_key, operation_key, sub_key

SHAPE = re.compile(r"[0-9a-f-]{36}")
words = st.text(min_size=1, max_size=6)


def test_a_key_that_was_made_once_is_made_for_ever() -> None:
    """These values are stored at providers: a change of them would charge customers twice."""
    assert operation_key("charge", "order-1") == "9ea34efe-f201-5557-a9a6-547f54f22653"
    assert (
        operation_key("charge", "order-1", 7, fingerprint="19.99 USD", attempt=2)
        == "98fd5df5-459a-5b98-b73b-6d4501cfc09b"
    )
    assert sub_key("k", "step") == "babbc806-0067-50c1-93a0-67ba24770bac"


@given(words, st.lists(words | st.integers()), st.none() | st.text() | st.integers(), st.integers(1, 99))
def test_keys_are_short_and_of_an_alphabet_that_every_provider_takes(
    kind: str, parts: list[str | int], fingerprint: str | int | None, attempt: int
) -> None:
    key = operation_key(kind, *parts, fingerprint=fingerprint, attempt=attempt)
    assert SHAPE.fullmatch(key)
    assert key == operation_key(kind, *parts, fingerprint=fingerprint, attempt=attempt)
    assert SHAPE.fullmatch(sub_key(key, "step"))


@given(st.lists(words, min_size=1), st.lists(words, min_size=1))
def test_two_operations_have_one_key_only_if_they_are_the_same(one: list[str], other: list[str]) -> None:
    assert (operation_key(*one) == operation_key(*other)) == (one == other)


Call = tuple[list[str], str | None, int]
calls = st.tuples(
    st.lists(st.sampled_from(["a", "b", "ab", "1", "fingerprint:a"]), min_size=1, max_size=4),
    st.sampled_from([None, "", "a", "b"]),
    st.integers(1, 3),
)


@given(calls, calls)
def test_kind_parts_fingerprint_and_attempt_all_count(one: Call, other: Call) -> None:
    keys = {operation_key(*words, fingerprint=mark, attempt=attempt) for words, mark, attempt in (one, other)}
    assert len(keys) == (1 if one == other else 2)


def test_parts_are_not_run_together() -> None:
    assert operation_key("x", "a", "bc") != operation_key("x", "ab", "c")
    assert operation_key("x", "1:a") != operation_key("x", "1", "a")


def test_a_number_and_its_digits_are_the_same_part() -> None:
    assert operation_key("charge", 7) == operation_key("charge", "7")


@pytest.mark.parametrize(
    "call",
    [
        lambda: operation_key(""),
        lambda: operation_key("charge", ""),
        lambda: operation_key("charge", "a", ""),
        lambda: operation_key("charge", "a", attempt=0),
        lambda: operation_key("charge", "a", attempt=-1),
        lambda: operation_key("charge", None),  # type: ignore[arg-type]
        lambda: operation_key("charge", 1.5),  # type: ignore[arg-type]
        lambda: operation_key("charge", ["a"]),  # type: ignore[arg-type]
        lambda: operation_key(None, "a"),  # type: ignore[arg-type]
        lambda: operation_key("charge", "a", fingerprint=object()),  # type: ignore[arg-type]
        lambda: operation_key("charge", "a", attempt=1.0),  # type: ignore[arg-type]
    ],
)
def test_a_key_is_not_made_of_what_is_missing_or_of_another_type(call: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call()  # type: ignore[operator]
    assert caught.value.param == "idempotency_key"


def test_half_a_character_is_no_obstacle() -> None:
    assert operation_key("charge", "\ud800") != operation_key("charge", "\ud801")


@given(words, words, words, words)
def test_the_steps_of_an_operation_have_keys_of_their_own(key: str, step: str, other_key: str, other_step: str) -> None:
    same = (key, step) == (other_key, other_step)
    assert (sub_key(key, step) == sub_key(other_key, other_step)) == same
    assert sub_key(key, step) != operation_key(key, step)


def test_new_keys_are_all_different() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(uuid.UUID(key).version == 4 for key in keys)


def test_the_same_operation_may_use_its_key_again() -> None:
    ledger = KeyLedger()
    for _ in range(3):
        ledger.note("k", "create_customer", {"email": "a@example.com"})


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("update_customer", {"email": "a@example.com", "metadata": {"a": "b"}}),
        ("create_customer", {"email": "b@example.com", "metadata": {"a": "b"}}),
        ("create_customer", {"email": "a@example.com", "metadata": {"a": "c"}}),
        ("create_customer", {"email": "a@example.com", "metadata": {"b": "a"}}),
        ("create_customer", {"email": "a@example.com", "metadata": {}}),
        ("create_customer", {"email": "a@example.com"}),
    ],
)
def test_one_key_for_two_operations_is_refused(operation: str, arguments: dict[str, object]) -> None:
    ledger = KeyLedger()
    ledger.note("k", "create_customer", {"email": "a@example.com", "metadata": {"a": "b"}})
    with pytest.raises(IdempotencyMismatch) as caught:
        ledger.note("k", operation, arguments)
    assert (caught.value.operation, caught.value.idempotency_key) == (operation, "k")
    assert "example.com" not in str(caught.value)


def test_a_refused_use_does_not_replace_the_first() -> None:
    ledger = KeyLedger()
    ledger.note("k", "create_customer", {"email": "a@example.com"})
    for _ in range(2):
        with pytest.raises(IdempotencyMismatch):
            ledger.note("k", "create_customer", {"email": "b@example.com"})
    ledger.note("k", "create_customer", {"email": "a@example.com"})


@given(st.permutations([("a", "1"), ("b", "2"), ("c", "3")]))
def test_the_order_of_metadata_makes_no_difference(entries: list[tuple[str, str]]) -> None:
    ledger = KeyLedger()
    ledger.note("k", "create_customer", {"metadata": {"a": "1", "b": "2", "c": "3"}, "email": "a"})
    ledger.note("k", "create_customer", {"email": "a", "metadata": dict(entries)})
    ledger.note("k", "create_customer", {"email": "a", "metadata": FrozenMap(dict(entries))})


def test_equal_values_are_the_same_operation() -> None:
    ledger = KeyLedger()
    noon, there = datetime(2026, 1, 31, 12, tzinfo=UTC), timezone(timedelta(hours=1))
    ledger.note(
        "k", "create_usage_record", {"timestamp": noon, "amount": Money(5, "usd"), "tags": ["a", {"x": 1, "y": 2}]}
    )
    ledger.note(
        "k",
        "create_usage_record",
        {"timestamp": noon.astimezone(there), "amount": Money(5, "USD"), "tags": ("a", {"y": 2, "x": 1})},
    )
    with pytest.raises(IdempotencyMismatch):
        ledger.note("k", "create_usage_record", {"timestamp": noon, "amount": Money(6, "USD"), "tags": ["a"]})


def test_the_ledger_forgets_the_oldest_keys() -> None:
    ledger = KeyLedger(size=2)
    for key in ("a", "b", "c"):
        ledger.note(key, "create_customer", 1)
    ledger.note("a", "create_customer", 2)
    with pytest.raises(IdempotencyMismatch):
        ledger.note("c", "create_customer", 2)


def test_the_ledger_keeps_no_argument() -> None:
    ledger = KeyLedger()
    ledger.note("k", "create_customer", {"email": "ada@example.com"})
    assert b"ada" not in repr(vars(ledger)).encode()


def test_of_many_threads_with_one_key_and_different_parameters_one_wins() -> None:
    ledger = KeyLedger(size=8)
    start, refused, accepted = threading.Barrier(16), [], []

    def use(number: int) -> None:
        start.wait()
        try:
            ledger.note("k", "create_customer", number)
            accepted.append(number)
        except IdempotencyMismatch:
            refused.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(accepted), len(refused)) == (1, 15)


def test_many_threads_with_many_keys_stay_within_the_bound() -> None:
    ledger = KeyLedger(size=10)

    def use(name: int) -> None:
        for number in range(200):
            ledger.note(f"{name}-{number}", "create_customer", number)

    threads = [threading.Thread(target=use, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger._used) == 10
