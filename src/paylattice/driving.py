"""Runs a coroutine that never suspends: no event loop, no thread.

All I/O of this library goes through a transport and a repository. When both block, the coroutines above them run from
their first line to their last in one step.
"""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from .construction import said_as
from .errors import ConfigurationError

__all__ = ["run"]

T = TypeVar("T")


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
