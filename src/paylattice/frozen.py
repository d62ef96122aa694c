"""An immutable mapping: hashable and picklable, which ``types.MappingProxyType`` is not, and what ``json.dumps`` takes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, TypeVar

__all__ = ["FrozenMap"]

K = TypeVar("K")
V = TypeVar("V")


def _refuse() -> NoReturn:
    message = "FrozenMap is immutable: make a dict of it, and change that"
    raise TypeError(message)


class FrozenMap(dict[K, V]):
    """A mapping that never changes and equals every mapping with the same items.

    It is a ``dict`` so that everything that writes JSON takes it: ``json.dumps``, ``attrs.asdict``, a JSON column.

    Args:
        items: a mapping (copied), or nothing.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # otherwise it is dict's own, which is faster

        def __init__(self, items: Mapping[K, V] = ...) -> None: ...  # pyright: ignore[reportInvalidTypeVarUse] - of nothing, it is what is expected

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none, because it changes
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({super().__repr__()})"

    def __reduce__(self) -> "tuple[type[FrozenMap[K, V]], tuple[dict[K, V]]]":
        return type(self), (dict(self),)

    def __copy__(self) -> "FrozenMap[K, V]":
        return self

    def __setitem__(self, key: K, value: V, /) -> NoReturn:
        _refuse()

    def __delitem__(self, key: K, /) -> NoReturn:
        _refuse()

    def __ior__(self, *_args: object) -> NoReturn:  # type: ignore[misc] # | makes a dict; |= would change this one
        _refuse()

    def clear(self) -> NoReturn:
        """Refuse: it is immutable."""
        _refuse()

    def pop(self, *_args: object) -> NoReturn:
        """Refuse: it is immutable."""
        _refuse()

    def popitem(self) -> NoReturn:
        """Refuse: it is immutable."""
        _refuse()

    def setdefault(self, *_args: object) -> NoReturn:
        """Refuse: it is immutable."""
        _refuse()

    def update(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: it is immutable."""
        _refuse()
