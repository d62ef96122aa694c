"""Checks what methods are given by the names of their arguments, from a table: one rule for each word, wherever it stands."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from .construction import is_async, said_as
from .errors import InvalidRequest

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
    if not isinstance(value, str) or not value:
        raise wrong(name, value, "a str that is not empty")


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
    """A decorator of a class, whose public methods then check their arguments.

    An argument whose default is None may be None; one that the table does not know passes.

    Args:
        checks: the rules, by the name of the argument.
    """

    def decorate(cls: K) -> K:
        for name, method in list(vars(cls).items()):
            if not name.startswith("_") and inspect.isfunction(method):
                setattr(cls, name, _checking(method, checks))
        return cls

    return decorate


def _checking(method: Callable[..., Any], table: Mapping[str, Check]) -> Callable[..., Any]:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = [each.name for each in parameters]
    checks = {each.name: table[each.name] for each in parameters if each.name in table}
    optional = {each.name for each in parameters if each.default is None}
    if not checks:
        return method

    def check(args: tuple[object, ...], given: Mapping[str, object]) -> None:
        for name, value in (*zip(names, args, strict=False), *given.items()):
            if name in checks and (value is not None or name not in optional):
                checks[name](name, value)

    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def wait(self: object, *args: object, **kwargs: object) -> object:
            check(args, kwargs)
            return await method(self, *args, **kwargs)

        return wait

    @functools.wraps(method)
    def call(self: object, *args: object, **kwargs: object) -> object:
        check(args, kwargs)
        return method(self, *args, **kwargs)

    return call
