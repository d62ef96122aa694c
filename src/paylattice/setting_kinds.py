"""Checks the types of settings by their annotations, before anything uses them."""

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Union, cast, get_args, get_origin

import attrs

from .secret import Secret

__all__ = ["Kind", "kinds_of"]


@attrs.frozen
class Kind:
    """What a field takes, by its annotation.

    Args:
        types: the classes of its values.
        words: the same, for a message.
        several: whether it takes an iterable of them, too.
        functions: whether it takes a function that hands one out, too.
        none: whether None is a value.
    """

    types: tuple[type, ...]
    words: str
    several: bool
    functions: bool
    none: bool

    def fits(self, value: object) -> bool:
        """Whether the value is of one of the types. ``True`` is no number."""
        if value is None:
            return self.none
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, self.types) or (self.functions and callable(value)):
            return True
        if not self.several or not isinstance(value, Iterable) or isinstance(value, bytes | bytearray | Mapping):
            return False
        return all(each is None or isinstance(each, self.types) for each in cast("Iterable[object]", value))


_PLAIN: Mapping[object, tuple[tuple[type, ...], str]] = {
    Secret: ((Secret, str), "a str"),
    str: ((str,), "a str"),
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    Path: ((Path, str), "a path"),
}


@functools.cache
def kinds_of(cls: type) -> Mapping[str, Kind | None]:
    """By the argument of ``__init__``; None for an unknown annotation."""
    return {
        str(field.alias): _kind(field) for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls)) if field.init
    }


def _kind(field: "attrs.Attribute[object]") -> Kind | None:
    annotation: object = field.type
    parts = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    several = any(get_origin(part) is tuple for part in parts)
    functions = any(get_origin(part) is Callable for part in parts)
    members = [part for part in parts if part is not NoneType and get_origin(part) is not Callable]
    members = [get_args(part)[0] if get_origin(part) is tuple else part for part in members]
    if not members or any(member not in _PLAIN for member in members):
        return None
    words = " or ".join(dict.fromkeys(_PLAIN[member][1] for member in members))
    return Kind(
        types=tuple(kind for member in members for kind in _PLAIN[member][0]),
        words=words
        + (", or several of them" if several else "")
        + (", or a function that returns one" if functions else ""),
        several=several,
        functions=functions,
        none=NoneType in parts or field.converter is not None,  # pyright: ignore[reportUnknownMemberType] - attrs' own
    )
