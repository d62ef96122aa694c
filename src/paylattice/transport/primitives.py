"""Waiting, excluding and running together, in the two ways: suspended on an event loop, or blocking.

Provider and billing code uses these and touches neither asyncio nor threading, so that one implementation serves both.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncPrimitives", "BlockingPrimitives", "Lock", "Primitives", "mutex"]

T = TypeVar("T")

mutex = threading.RLock
"""Excludes threads for a moment in which nothing is awaited."""


class Lock(AbstractAsyncContextManager[None], Protocol):
    """``async with lock:`` one at a time."""


class Primitives(Protocol):
    """What code that serves both worlds may use."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def lock(self) -> Lock:
        """A new lock."""
        ...

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """The results of all calls, in their order; at most ``limit`` run at a time."""
        ...


class AsyncPrimitives:
    """On the running asyncio event loop."""

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - whoever gets here has it loaded

        await asyncio.sleep(seconds)

    def lock(self) -> Lock:
        """A lock among the tasks of an event loop; each loop has its own."""
        return _LoopLock()

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """Run the calls as tasks; the first failure cancels the others."""
        import asyncio  # noqa: PLC0415 - whoever gets here has it loaded

        slots = asyncio.Semaphore(limit)

        async def one(call: Callable[[], Awaitable[T]]) -> T:
            async with slots:
                return await call()

        tasks = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


class _LoopLock(Lock):
    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def _mine(self) -> "asyncio.Lock":
        import asyncio  # noqa: PLC0415 - whoever gets here has it loaded

        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def __aenter__(self) -> None:
        await self._mine().acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine().release()


class BlockingPrimitives:
    """In the calling thread. The coroutines here never suspend."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    async def sleep(self, seconds: float) -> None:
        """Hold up the calling thread."""
        self._sleep(seconds)

    def lock(self) -> Lock:
        """A lock among threads."""
        return _ThreadLock()

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:  # noqa: ARG002
        """Run the calls one after the other."""
        return [await call() for call in calls]


class _ThreadLock(Lock):
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
