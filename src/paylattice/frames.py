"""Takes what is personal or secret out of what error reporters read: the local variables of the frames of a traceback.

Sentry and its kin send the local variables of every frame that an error came through, and of its causes. In the frames of this
library and of what it calls are keys, tokens, headers and e-mail addresses. Where an error leaves for the application, those
frames are emptied: which function failed, and in which line, is still there; the values are not.
"""

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import aclosing
from types import FrameType, TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from .errors import PaymentError

__all__ = ["clear_all", "clear_methods", "clearing_all", "clearing_class", "clearing_ours"]

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K", bound=type)

_PACKAGE = __package__ or ""


def clearing_all(function: Callable[P, R]) -> Callable[P, R]:
    """The function; every frame that its errors came through is emptied, and nothing that caused them is handed on.

    For what runs no code of the application: the operations of a provider.
    """
    return _clearing(function, clear_all)


def clearing_ours(function: Callable[P, R], check: Callable[P, None] | None = None) -> Callable[P, R]:
    """The function; of the frames that its errors came through, those of this library are emptied.

    For what runs code of the application, too (handlers, a repository): its frames and its causes stay as they are.

    Args:
        function: the function.
        check: is called with the same arguments first, and may raise.
    """
    return _clearing(function, _clear_ours, check)


def clear_methods(cls: type, names: Collection[str]) -> None:
    """Put :func:`clearing_all` around those of the methods that the class itself defines."""
    for name in names:
        if name in vars(cls):
            setattr(cls, name, clearing_all(vars(cls)[name]))


def clearing_class(cls: K) -> K:
    """The class, with :func:`clearing_ours` around ``__init__`` and each of its public coroutine functions."""
    for name, method in list(vars(cls).items()):
        if name == "__init__" or (not name.startswith("_") and inspect.iscoroutinefunction(method)):
            setattr(cls, name, clearing_ours(method))
    return cls


def _clearing(
    function: Callable[P, R],
    clear: Callable[[BaseException, BaseException | None], None],
    check: Callable[P, None] | None = None,
) -> Callable[P, R]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            outer = sys.exception()
            try:
                if check is not None:
                    check(*args, **kwargs)
                return await function(*args, **kwargs)
            except (
                BaseException
            ) as error:  # a cancelled call ends in the TimeoutError of asyncio.timeout(), as its cause
                clear(error, outer)
                del args, kwargs, outer
                raise

        return cast("Callable[P, R]", wait)

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
            outer = sys.exception()
            try:
                async with aclosing(function(*args, **kwargs)) as parts:
                    async for part in parts:
                        yield part
            except BaseException as error:
                clear(error, outer)
                del args, kwargs, outer
                raise

        return cast("Callable[P, R]", stream)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        outer = sys.exception()
        try:
            if check is not None:
                check(*args, **kwargs)
            return function(*args, **kwargs)
        except BaseException as error:
            clear(error, outer)
            del args, kwargs, outer
            raise

    return call


def clear_all(error: BaseException, outer: BaseException | None) -> None:
    """Empty every frame that the error came through but the caller's, which empties itself, and drop its causes.

    Args:
        error: is being handled.
        outer: what was being handled when the call began: it belongs to the caller, and stays.
    """
    if (
        error.__context__ is outer and error.__cause__ is None
    ):  # the usual case, and quick: forged deliveries come by the thousand
        trace = error.__traceback__
        if trace is not None:
            _clear(trace.tb_next)  # the first frame is the one that waits for this
        return
    for each in _chain(error, outer):
        _clear(each.__traceback__)
    if isinstance(error, PaymentError):
        error.__cause__ = None
        error.__context__ = outer
        error.__suppress_context__ = False


def _clear_ours(error: BaseException, outer: BaseException | None) -> None:
    for each in _chain(error, outer):
        _clear(each.__traceback__, _is_ours)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it, up to what the caller was handling already."""
    seen = {id(outer), id(None)}
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", each).exceptions


def _clear(trace: TracebackType | None, wanted: Callable[[FrameType], bool] | None = None) -> None:
    while trace is not None:
        try:
            if wanted is None or wanted(trace.tb_frame):
                trace.tb_frame.clear()
        except RuntimeError:  # it still runs: it is the caller's, or empties itself
            pass
        trace = trace.tb_next
