"""How often something may be done: at most so many times within so many seconds."""

from collections import deque
from collections.abc import Callable

from ....transport.primitives import mutex

__all__ = ["Rate"]


class Rate:
    """Counts what is done, and says when it becomes too much.

    Args:
        most: how often.
        seconds: within how long.
        clock: seconds since 1970; it may jump.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lately: deque[float] = deque(maxlen=most)
        self._mutex = mutex()

    def permits(self) -> bool:
        """Whether it may be done once more now; it then counts as done."""
        now = self._clock()
        with self._mutex:
            if len(self._lately) == self._most and abs(now - self._lately[0]) < self._seconds:
                return False
            self._lately.append(now)
            return True
