"""Compares the class of a provider with the protocol, when the class is made.

Callers of a provider know the protocol, not the class behind it: a method that cannot be called alike is a
fault of the class, and not of a call in a month.
"""

import functools
import inspect
from collections.abc import Callable

from .parameters import misfits

__all__ = ["class_faults", "is_marked", "mark"]

_MARK = "__paylattice_guard__"


def mark(call: Callable[..., object]) -> None:
    """Note that the guard stands before this function."""
    setattr(call, _MARK, call)


def is_marked(method: object) -> bool:
    """Whether the guard stands before it; not whether it wraps something that the guard stands before."""
    return method is not None and getattr(method, _MARK, None) is method


def class_faults(cls: type, base: type) -> list[str]:
    """What keeps the class from being called as its base is, in full sentences; empty: nothing.

    Args:
        cls: the class of a provider, as it is made.
        base: the class that all providers have in common; what it has, the class must have alike.
    """
    return [fault for name in _common(base) for fault in _faults(cls, base, name)]


@functools.cache
def _common(base: type) -> tuple[str, ...]:
    """The public methods of the base, in the order of its class and of the protocol."""
    names = (name for each in base.__mro__ for name in vars(each))
    return tuple(name for name in dict.fromkeys(names) if name[0] != "_" and inspect.isfunction(getattr(base, name)))


def _faults(cls: type, base: type, name: str) -> list[str]:
    """What keeps a method of the class from standing in for that of the base, in full sentences; empty: nothing."""
    method, like = getattr(cls, name), getattr(base, name)
    if method is like or is_marked(method):
        return []
    wanted = f"{'' if _is_plain(like) else 'async '}def {name}{_in_short(like)}"
    if not inspect.isfunction(method):
        return [f"{cls.__name__}.{name} must be a method, not {type(method).__name__}: {wanted}"]
    if inspect.isasyncgenfunction(method) is not inspect.isasyncgenfunction(like) and not _is_plain(method):
        return [f"{cls.__name__}.{name} must not be {_kind(method)}: {wanted}"]
    if _is_plain(like) and not _is_plain(method):
        return [f"{cls.__name__}.{name} must be a plain function, without async: {wanted}"]
    found = ", ".join(misfits(method, like))
    if not found:
        return []
    cure = f"Write {wanted}; parameters of your own are keyword-only, with a default"
    return [f"{cls.__name__}.{name}{_in_short(method)} cannot be called as the protocol says: {found}. {cure}"]


def _is_plain(method: Callable[..., object]) -> bool:
    return not inspect.iscoroutinefunction(method) and not inspect.isasyncgenfunction(method)


def _kind(method: Callable[..., object]) -> str:
    return "an async generator" if inspect.isasyncgenfunction(method) else "a coroutine function"


def _in_short(method: Callable[..., object]) -> str:
    """The parameters without their types, which would hide them."""
    signature = inspect.signature(method)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
