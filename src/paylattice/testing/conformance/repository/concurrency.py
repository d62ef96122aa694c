"""Several actors at once: tasks on an event loop, or threads. Checks of concurrency are written once, for both."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from ....driving import run

__all__ = ["STUCK", "Actor", "Actors", "AsyncActors", "Signal", "ThreadActors"]

T = TypeVar("T")
Actor: TypeAlias = Callable[[], Coroutine[Any, Any, T]]


class Signal(Protocol):
    """Something that one actor says and others wait for."""

    def set(self) -> None:
        """Say it."""

    def is_set(self) -> bool:
        """Whether it was said."""
        ...

    async def heard(self, seconds: float | None = None) -> bool:
        """Wait until it is said, at most so long; whether it was."""
        ...


class Actors(Protocol):
    """Runs actors at the same time."""

    grace: float
    """Seconds to wait for what may, but need not, come: a repository is free to let others wait."""

    def signal(self) -> Signal:
        """A new signal."""
        ...

    async def moment(self) -> None:
        """Let the others have their turn, in the middle of a transaction."""

    async def play(self, actors: Sequence[Actor[T]]) -> list[T]:
        """What the actors return, who play at the same time.

        Raises:
            AssertionError: they did not come to an end: they wait for one another.
        """
        ...


_MOMENTS = 150
STUCK = "transactions wait for one another, and none goes on: is one kept open, or a lock never released?"


class AsyncActors:
    """Actors are tasks.

    Args:
        patience: seconds that a play may take.
        grace: see :class:`Actors`.
    """

    def __init__(self, patience: float, grace: float) -> None:
        self.patience = patience
        self.grace = grace

    def signal(self) -> Signal:
        """A new signal."""
        return _AsyncSignal()

    async def moment(self) -> None:
        """Let the others have their turn."""
        await asyncio.sleep(self.grace / _MOMENTS)

    async def play(self, actors: Sequence[Actor[T]]) -> list[T]:
        """What the actors return."""
        tasks = [asyncio.ensure_future(actor()) for actor in actors]
        try:
            done, waiting = await asyncio.wait(tasks, timeout=self.patience, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            if waiting:
                raise AssertionError(STUCK)
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _AsyncSignal:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def heard(self, seconds: float | None = None) -> bool:
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True


class ThreadActors:
    """Actors are threads; their coroutines never suspend.

    Args:
        patience: seconds that a play may take.
        grace: see :class:`Actors`.
    """

    def __init__(self, patience: float, grace: float) -> None:
        self.patience = patience
        self.grace = grace

    def signal(self) -> Signal:
        """A new signal."""
        return _ThreadSignal(self.patience)

    async def moment(self) -> None:
        """Let the others have their turn."""
        time.sleep(self.grace / _MOMENTS)  # noqa: ASYNC251 - an actor is a thread here

    async def play(self, actors: Sequence[Actor[T]]) -> list[T]:
        """What the actors return."""
        results: list[object] = [None] * len(actors)
        failures: list[BaseException] = []

        def perform(place: int, actor: Actor[T]) -> None:
            try:
                results[place] = run(actor())
            except BaseException as exc:  # noqa: BLE001 - it is raised where the play is watched
                failures.append(exc)

        threads = [
            threading.Thread(target=perform, args=(place, actor), daemon=True) for place, actor in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + self.patience
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if failures:
            raise failures[0]
        if any(thread.is_alive() for thread in threads):
            raise AssertionError(STUCK)
        return cast("list[T]", results)


class _ThreadSignal:
    def __init__(self, patience: float) -> None:
        self._event = threading.Event()
        self._patience = patience

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def heard(self, seconds: float | None = None) -> bool:
        return self._event.wait(self._patience if seconds is None else seconds)
