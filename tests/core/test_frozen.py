"""The immutable mapping."""

import copy
import json
import pickle
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.frozen import FrozenMap

ITEMS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5)


@given(ITEMS)
def test_it_equals_a_dict_with_the_same_items_on_either_side(items: dict[str, str]) -> None:
    assert FrozenMap(items) == items
    assert items == FrozenMap(items)


@given(ITEMS)
def test_its_hash_does_not_depend_on_the_order(items: dict[str, str]) -> None:
    backwards = FrozenMap(dict(reversed(items.items())))
    assert hash(FrozenMap(items)) == hash(backwards)
    assert FrozenMap(items) == backwards


@given(ITEMS)
def test_it_is_pickled_and_copied_as_an_equal_one(items: dict[str, str]) -> None:
    frozen = FrozenMap(items)
    for twin in (pickle.loads(pickle.dumps(frozen)), copy.copy(frozen), copy.deepcopy(frozen)):
        assert twin == frozen
        assert type(twin) is FrozenMap
        assert hash(twin) == hash(frozen)


def test_it_reads_like_a_mapping() -> None:
    frozen = FrozenMap({"a": 1, "b": 2})
    assert isinstance(frozen, Mapping)
    assert (frozen["a"], frozen.get("c"), list(frozen), len(frozen), "b" in frozen) == (1, None, ["a", "b"], 2, True)
    assert {**frozen} == {"a": 1, "b": 2}
    assert repr(frozen) == "FrozenMap({'a': 1, 'b': 2})"


CHANGES = {
    "set": lambda frozen: frozen.__setitem__("a", 2),
    "delete": lambda frozen: frozen.__delitem__("a"),
    "merge": lambda frozen: frozen.__ior__({"b": 2}),
    "clear": lambda frozen: frozen.clear(),
    "pop": lambda frozen: frozen.pop("a"),
    "popitem": lambda frozen: frozen.popitem(),
    "setdefault": lambda frozen: frozen.setdefault("b", 2),
    "update": lambda frozen: frozen.update(b=2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_in_it_can_be_changed(change: Callable[[FrozenMap[str, int]], object]) -> None:
    frozen = FrozenMap({"a": 1})
    with pytest.raises(TypeError, match="immutable"):
        change(frozen)
    with pytest.raises(AttributeError):
        frozen.other = 1  # type: ignore[attr-defined]
    assert frozen == {"a": 1}


def test_it_is_json_as_it_is() -> None:
    assert json.dumps({"metadata": FrozenMap({"a": "1"})}) == '{"metadata": {"a": "1"}}'


def test_it_does_not_follow_the_dict_that_it_was_made_from() -> None:
    items = {"a": 1}
    frozen = FrozenMap(items)
    items["a"] = 2
    assert frozen == {"a": 1}


def test_it_may_be_empty() -> None:
    assert FrozenMap() == FrozenMap({}) == {}


def test_one_that_holds_what_cannot_be_hashed_cannot_be_hashed() -> None:
    with pytest.raises(TypeError):
        hash(FrozenMap({"a": []}))
