"""Runs coroutines that never suspend: no event loop, no thread.

All I/O of this library goes through a transport and a repository. When both block, the coroutines above them run from
their first line to their last in one step.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from .construction import said_as
from .errors import ConfigurationError
from .frames import clearing_ours

__all__ = ["awaitable", "blocking", "driven", "drives", "run", "twin"]

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., object])
K = TypeVar("K", bound=type)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result.

    Raises:
        ConfigurationError: the coroutine suspended: something below it is asynchronous for real.
    """
    if not isinstance(coroutine, Coroutine):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        message = f"run() takes a coroutine, run(provider.wrapped.its_own_method(...)), not {said_as(coroutine)}"
        raise ConfigurationError(message)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    with suppress(Exception):  # whatever it says on its way out, the cause is that it waited
        coroutine.close()
    name = getattr(coroutine, "__qualname__", "the operation")
    message = (
        f"{name} waited for an event loop, which paylattice.sync does not have. Every wait must go through the transport: "
        "give the provider a BlockingTransport, and let it send, sleep and lock only with self.transport; a handler or a "
        "repository used here must be a plain one, without await"
    )
    raise ConfigurationError(message)


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """A method that runs the coroutine of the same name of ``self.wrapped``; its parameters and docstring are the same."""

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        coroutine: Coroutine[Any, Any, R] = getattr(self.wrapped, method.__name__)(*args, **kwargs)
        return run(coroutine)

    return clearing_ours(_named_like(method, call))


def drives(cls: type, names: Iterable[str]) -> Callable[[K], K]:
    """A decorator of a class that wraps an object of another one: with a :func:`blocking` method for each of the coroutines."""

    def put(made: K) -> K:
        for name in names:
            setattr(made, name, blocking(getattr(cls, name)))
        return made

    return put


def twin(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], R]]:
    """:func:`blocking` as a decorator: what has to fit a protocol must be a method, and not an attribute."""

    def put(_: Callable[..., None]) -> Callable[Concatenate[Any, P], R]:
        return blocking(method)

    return put


def awaitable(method: Callable[Concatenate[Any, P], R]) -> "Callable[Concatenate[Any, P], CoroutineType[Any, Any, R]]":
    """The opposite: a coroutine that calls the plain method of the same name of ``self.wrapped``."""

    async def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = getattr(self.wrapped, method.__name__)(*args, **kwargs)
        return result

    return cast("Callable[Concatenate[Any, P], CoroutineType[Any, Any, R]]", _named_like(method, call))


def driven(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """A function that runs the coroutine of a bound method."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return run(method(*args, **kwargs))

    return _named_like(method, call)


def _named_like(method: Callable[..., object], call: F) -> F:
    for attribute in ("__name__", "__doc__"):
        setattr(call, attribute, getattr(method, attribute))
    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # what help() and IDEs show
    return call
