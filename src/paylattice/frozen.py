"""An immutable mapping: hashable and picklable, which ``types.MappingProxyType`` is not."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["FrozenMap"]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)


class FrozenMap(Mapping[K, V_co], Generic[K, V_co]):
    """A mapping that never changes and equals every mapping with the same items.

    Args:
        items: a mapping (copied) or nothing.
    """

    __slots__ = ("_items",)
    _items: dict[K, V_co]

    def __init__(self, items: Mapping[K, V_co] | None = None) -> None:
        object.__setattr__(self, "_items", dict(items) if items else {})

    def __getitem__(self, key: K) -> V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    def __setattr__(self, name: str, value: object) -> None:
        message = f"FrozenMap is immutable: cannot set {name!r}"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        message = f"FrozenMap is immutable: cannot delete {name!r}"
        raise AttributeError(message)

    def __reduce__(self) -> "tuple[type[FrozenMap[K, V_co]], tuple[dict[K, V_co]]]":
        return type(self), (self._items,)
