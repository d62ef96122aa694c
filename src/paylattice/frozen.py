"""An immutable mapping: hashable and picklable, which ``types.MappingProxyType`` is not, and what ``json.dumps`` takes."""

from collections.abc import Mapping
from typing import NoReturn, TypeVar

__all__ = ["FrozenMap"]

K = TypeVar("K")
V = TypeVar("V")


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    message = "FrozenMap is immutable: make a dict of it, and change that"
    raise TypeError(message)


class FrozenMap(dict[K, V]):
    """A mapping that never changes and equals every mapping with the same items.

    It is a ``dict`` so that everything that writes JSON takes it: ``json.dumps``, ``attrs.asdict``, a JSON column.

    Args:
        items: a mapping (copied) or nothing.
    """

    __slots__ = ()

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        super().__init__(items or {})

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none, because it changes
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({super().__repr__()})"

    def __reduce__(self) -> "tuple[type[FrozenMap[K, V]], tuple[dict[K, V]]]":
        return type(self), (dict(self),)

    def __copy__(self) -> "FrozenMap[K, V]":
        return self

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse
