"""Waiting, excluding and running together, in the two ways: suspended on an event loop, or blocking.

Provider and billing code uses these and touches neither asyncio nor threading, so that one implementation serves both.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncPrimitives", "BlockingPrimitives", "Lock", "Primitives", "mutex"]

T = TypeVar("T")


def mutex() -> AbstractContextManager[bool]:
    """Excludes threads for a moment in which nothing is awaited. One thread may enter several times."""
    return threading.RLock()


class Lock(Protocol):
    """``async with lock.held():`` one at a time."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """Hold it, here: on the running event loop, or in the calling thread."""
        ...


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
        import asyncio  # noqa: PLC0415 - already loaded here

        await asyncio.sleep(seconds)

    def lock(self) -> Lock:
        """A lock among the tasks of an event loop; each loop has its own."""
        return _LoopLock()

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """Run the calls as tasks; the first failure cancels the others, and is raised when they have ended."""
        import asyncio  # noqa: PLC0415 - already loaded here

        slots = asyncio.Semaphore(max(limit, 1))
        failed = False

        async def one(call: Callable[[], Awaitable[T]]) -> T:
            nonlocal failed
            async with slots:
                if failed:
                    raise asyncio.CancelledError
                try:
                    return await call()
                except BaseException:
                    failed = True
                    raise

        tasks = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


class PerLoop(Generic[T]):
    """One value for each event loop.

    Those of closed loops are dropped when the next one is made: a value that refers to its loop, as clients with open
    connections and contended locks do, would keep its own weak key alive for ever.
    """

    def __init__(self) -> None:
        self._values: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        self._mutex = mutex()

    def get(self, make: Callable[[], T]) -> T:
        """The running loop's value, made if it has none."""
        import asyncio  # noqa: PLC0415 - already loaded here

        loop = asyncio.get_running_loop()
        with self._mutex:
            if loop not in self._values:
                for old in [known for known in self._values if known.is_closed()]:
                    del self._values[old]
                self._values[loop] = make()
            return self._values[loop]

    def pop(self) -> T | None:
        """The running loop's value, which is forgotten; None if it has none."""
        import asyncio  # noqa: PLC0415 - already loaded here

        with self._mutex:
            return self._values.pop(asyncio.get_running_loop(), None)


class _LoopLock(Lock):
    def __init__(self) -> None:
        self._locks: PerLoop[asyncio.Lock] = PerLoop()

    def held(self) -> AbstractAsyncContextManager[None]:
        import asyncio  # noqa: PLC0415 - already loaded here

        return self._locks.get(asyncio.Lock)


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

    async def gather(self, calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
        """Run the calls one after the other."""
        return [await call() for call in calls]


class _ThreadLock(Lock, AbstractAsyncContextManager[None]):
    def __init__(self) -> None:
        self._lock = threading.Lock()

    def held(self) -> AbstractAsyncContextManager[None]:
        return self

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
