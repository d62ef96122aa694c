"""A provider under test: runs its operations on an event loop or without one, and says which error they end in."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar, cast

import attrs

from ....config import Secret
from ....driving import run
from ....errors import PaymentError
from ....provider import BaseProvider, config_of
from .calls import Call
from .wire import Wire

__all__ = ["Found", "ProviderHarness", "secrets_of", "settled"]

T = TypeVar("T")


async def settled(value: Awaitable[T] | T) -> T:
    """What a hook answers, whether it is ``async def`` or not."""
    return await cast("Awaitable[T]", value) if isinstance(value, Awaitable) else value


def secrets_of(provider: BaseProvider) -> list[str]:
    """The texts of all secrets in the provider's configuration."""
    config = config_of(provider)
    values = [getattr(config, setting.field) for setting in config.settings()] if config is not None else []
    found: list[str] = []
    for value in values:
        parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (cast("object", value),)
        found.extend(part.reveal() for part in parts if isinstance(part, Secret))
    return found


@attrs.define
class ProviderHarness:
    """A provider, and how to drive it.

    Args:
        provider: the provider.
        mode: ``async`` (on an event loop) or ``blocking`` (as :mod:`paylattice.sync` does).
        wire: what its requests go through; None: it has no HTTP.
        played: whether something answers as the provider does.
        patience: seconds that a check may take on an event loop.
    """

    provider: BaseProvider
    mode: str
    wire: Wire | None = None
    simulated: bool = True
    patience: float = 120.0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, in the way of the mode."""
        __tracebackhide__ = True
        try:
            if self.mode == "blocking":
                return run(coroutine)
            return asyncio.run(self._on_a_loop(coroutine))
        finally:
            crash = self.wire.crash if self.wire else None
            if isinstance(crash, AssertionError):
                raise crash
            if crash is not None:
                raise AssertionError("what simulates the provider failed: see the cause") from crash

    async def _on_a_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.patience):
                return await coroutine
        finally:
            if self.wire is not None:
                await self.wire.aclose()

    async def call(self, call: Call, *, key: str | None = None, **changed: object) -> object:
        """Call the operation."""
        arguments: dict[str, object] = {**call.arguments, **changed}
        if key is not None:
            arguments["idempotency_key"] = key
        result: object = await getattr(self.provider, call.name)(**arguments)
        return result

    async def failure(self, call: Call, *, key: str | None = None, **changed: object) -> PaymentError | None:
        """The error that the operation ends in; None if it ends well.

        Raises:
            AssertionError: something else escaped.
        """
        try:
            await self.call(call, key=key, **changed)
        except PaymentError as error:
            return error
        except Exception as exc:
            raise AssertionError(f"{call} let {type(exc).__name__} escape: only this library's errors may") from exc
        return None


@attrs.frozen
class Found:
    """What an operation came to know although its answer got lost."""

    answer: object
