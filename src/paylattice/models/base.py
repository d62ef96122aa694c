"""The base class of all models."""

from collections.abc import Iterable, Mapping

import attrs

from ..frozen import FrozenMap

__all__ = ["Model", "id_tuple", "string_map"]

NOTHING: FrozenMap[str, str] = FrozenMap()
_NO_RAW: Mapping[str, object] = FrozenMap()


def string_map(value: Mapping[str, str] | None) -> FrozenMap[str, str]:
    """Metadata as a frozen mapping; None is an empty one."""
    if isinstance(value, FrozenMap):
        return value
    return FrozenMap(value) if value else NOTHING


def id_tuple(value: Iterable[str]) -> tuple[str, ...]:
    """Ids as a tuple."""
    return tuple(value)


@attrs.frozen
class Model:
    """The fields that all models have.

    Args:
        provider: the name of the provider that returned the object.
        replayed: whether this is the provider's stored answer to an earlier request with the same idempotency key.
        raw: the provider's own object, unchanged; neither compared nor shown.
    """

    provider: str = attrs.field(default="", kw_only=True, repr=False)
    replayed: bool = attrs.field(default=False, kw_only=True, repr=False, eq=False)
    raw: Mapping[str, object] = attrs.field(default=_NO_RAW, kw_only=True, repr=False, eq=False)
