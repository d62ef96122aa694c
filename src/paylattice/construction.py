"""Checks the arguments of constructors: a mistake shows while the application starts, not in front of a customer."""

import inspect
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import cast

from .errors import ConfigurationError

__all__ = [
    "check_clock",
    "check_function",
    "check_instance",
    "check_methods",
    "is_async",
    "refused",
    "said_as",
    "seconds_clock",
]


_TELLING = 100_000
"""Smaller numbers are no account numbers, and may be shown."""


def said_as(value: object) -> str:
    """What a value is, in a message. Never the value itself: it may be a secret in the wrong place.

    A coroutine is closed, because it will never be awaited.
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.iscoroutine(value):
        value.close()
        return f"the coroutine {value.__qualname__}, which was not awaited"
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TELLING:
        return f"{type(value).__name__} {value}"
    return "None" if value is None else type(value).__name__


def refused(argument: str, value: object, rule: str, cure: str = "") -> ConfigurationError:
    """The error for an argument of a constructor.

    Args:
        argument: where it was handed in, such as ``BillingService(clock=...)``.
        value: what was handed in.
        rule: what it must be.
        cure: what to write instead.
    """
    return ConfigurationError(f"{argument} must be {rule}, not {said_as(value)}{f': {cure}' if cure else ''}")


def check_instance(argument: str, value: object, kind: type | tuple[type, ...], rule: str, cure: str = "") -> None:
    """An object of a class.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(value, kind):
        raise refused(argument, value, rule, cure)


def check_function(argument: str, value: object, rule: str, cure: str = "") -> None:
    """A plain function: what has to answer at once cannot be a coroutine function.

    Raises:
        ConfigurationError: it cannot be called, or has to be awaited.
    """
    if not callable(value) or isinstance(value, type):
        raise refused(argument, value, rule, cure)
    if is_async(value):
        message = f"{argument} must be {rule}, without async: nothing awaits it"
        raise ConfigurationError(message)


def check_clock(argument: str, clock: object) -> None:
    """A function that returns the time, with its zone. It is asked once; one that cannot answer yet is taken as it is.

    Raises:
        ConfigurationError: it is no function, or what it returns is no aware datetime.
    """
    rule, cure = "a function that returns an aware datetime", "lambda: datetime.now(UTC)"
    now = _asked(argument, clock, rule, cure)
    if now is not None and not isinstance(now, datetime):
        message = f"{argument} must be {rule}; this one returns {said_as(now)}: {cure}"
        raise ConfigurationError(message)
    _check_zone(argument, now, cure)


def seconds_clock(argument: str, clock: object) -> Callable[[], float]:
    """A function that returns the time in seconds since 1970, made of one that returns those, or an aware datetime.

    It is asked once; one that cannot answer yet is taken as it is.

    Raises:
        ConfigurationError: it is no such function.
    """
    if clock is time.time:
        return time.time
    rule, cure = "a function that returns seconds since 1970, or an aware datetime", "time.time"
    now = _asked(argument, clock, rule, cure)
    if now is not None and (isinstance(now, bool) or not isinstance(now, int | float | datetime)):
        message = f"{argument} must be {rule}; this one returns {said_as(now)}: {cure}"
        raise ConfigurationError(message)
    _check_zone(argument, now, "lambda: datetime.now(UTC)")
    told = cast("Callable[[], float | datetime]", clock)

    def seconds() -> float:
        answer = told()
        return answer.timestamp() if isinstance(answer, datetime) else answer

    return seconds


def _check_zone(argument: str, now: object, cure: str) -> None:
    if isinstance(now, datetime) and now.utcoffset() is None:
        message = f"{argument} returns a datetime without a time zone: {cure}"
        raise ConfigurationError(message)


def _asked(argument: str, clock: object, rule: str, cure: str) -> object:
    """What the clock says; None if it cannot tell yet."""
    if isinstance(clock, datetime | int | float):
        raise refused(argument, clock, rule, f"hand in the function, and not what it returned: {cure}")
    if not callable(clock):
        raise refused(argument, clock, rule, cure)
    if is_async(clock):
        message = f"{argument} must be {rule}, without async: nothing awaits it"
        raise ConfigurationError(message)
    try:
        now: object = clock()
    except TypeError as error:
        message = f"{argument} must be {rule}: {error}"
        raise ConfigurationError(message) from error
    except Exception:  # noqa: BLE001 - your clock may need objects that are made later
        return None
    if now is None:
        raise refused(argument, now, rule, cure)
    return now


def check_methods(argument: str, value: object, methods: Iterable[str], rule: str, cure: str = "") -> None:
    """An object with certain methods.

    Raises:
        ConfigurationError: it is a class, or lacks some of them; says which.
    """
    if isinstance(value, type):
        raise refused(argument, value, rule, f"make one, {value.__name__}(...)")
    missing = [name for name in methods if not callable(getattr(value, name, None))]
    if missing:
        lacks = f"it has no {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}()"  # noqa: PLR2004 - enough to see
        raise refused(argument, value, rule, f"{lacks}{f'. {cure}' if cure else ''}")


def is_async(function: object) -> bool:
    """Whether its result has to be awaited, if that shows without calling it."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an object whose __call__ is a coroutine function, too
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
