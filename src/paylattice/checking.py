"""Checks what methods are given by the names of their arguments, from a table: one rule for each word, wherever it stands."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from .construction import is_async, said_as
from .errors import InvalidRequest
from .frames import clearing_ours

__all__ = ["Check", "checking_class", "flag", "instance", "number", "observer", "one_of", "whole", "word", "wrong"]

K = TypeVar("K", bound=type)
Check = Callable[[str, object], None]
_MOST = 1_000_000


def wrong(name: str, value: object, rule: str) -> InvalidRequest:
    """The error for an argument."""
    return InvalidRequest(f"{name} must be {rule}, not {said_as(value)}", param=name)


def instance(kind: type, rule: str) -> Check:
    """An object of a class."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, kind):
            raise wrong(name, value, rule)

    return check


def one_of(words: Collection[str], rule: str) -> Check:
    """One of several words."""

    def check(name: str, value: object) -> None:
        if not isinstance(value, str) or value not in words:
            raise wrong(name, value, rule)

    return check


flag: Check = instance(bool, "True or False")


def word(name: str, value: object) -> None:
    """A text that is not empty."""
    if not isinstance(value, str):
        raise wrong(name, value, "a str that is not empty")
    if not value.strip():
        raise InvalidRequest(f"{name} must be a str that is not empty", param=name)


def whole(name: str, value: object) -> None:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MOST:
        raise wrong(name, value, f"a whole number, at most {_MOST}")


def number(name: str, value: object) -> None:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(name, value, "a number")


def observer(name: str, value: object) -> None:
    """A callback that is not awaited."""
    if not callable(value) or isinstance(value, type) or is_async(value):
        raise wrong(name, value, "a plain function of one argument")


def checking_class(checks: Mapping[str, Check]) -> Callable[[K], K]:
    """A decorator of a class, whose public methods then check their arguments, and leave empty frames behind an error.

    An argument whose default is None may be None; one that the table does not know passes.

    Args:
        checks: the rules, by the name of the argument.
    """

    def decorate(cls: K) -> K:
        for name, method in list(vars(cls).items()):
            if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
                check = _check_of(method, checks)
                if check is not None or name == "__init__" or inspect.iscoroutinefunction(method):
                    setattr(cls, name, clearing_ours(method, check))
        return cls

    return decorate


def _check_of(method: Callable[..., Any], table: Mapping[str, Check]) -> Callable[..., None] | None:
    """What checks the method's arguments; None if there is nothing to check."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = [each.name for each in parameters]
    checks = {each.name: table[each.name] for each in parameters if each.name in table}
    optional = {each.name for each in parameters if each.default is None}
    if not checks:
        return None

    def check(_self: object, *args: object, **given: object) -> None:
        for name, value in (*zip(names, args, strict=False), *given.items()):
            if name in checks and (value is not None or name not in optional):
                checks[name](name, value)

    return check
