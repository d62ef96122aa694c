"""Limits the work of explaining rejected deliveries, because anyone can send them, as often as they like."""

import time
from collections.abc import Callable

__all__ = ["Diagnoses"]


class Diagnoses:
    """Permits a full diagnosis of a rejected delivery now and then.

    Otherwise a rejection costs no more than the signature check. A problem with the headers is always reported. More expensive
    reasons (the body was encoded again, or signed for another address) are looked for at the first rejected delivery, and then
    at most once in a while. So you learn about your own mistakes, and a flood of forgeries costs little.

    Args:
        every: seconds from one diagnosis to the next. 0: diagnose all.
        largest: the largest body to diagnose, in bytes.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, *, every: float = 1.0, largest: int = 16 * 1024, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every = every
        self._largest = largest
        self._clock = clock
        self._last: float | None = None

    def permits(self, size: int) -> bool:
        """Return whether a body of this size may be diagnosed now; it then counts as done."""
        if size > self._largest:
            return False
        now = self._clock()
        if self._last is not None and now - self._last < self._every:
            return False
        self._last = now
        return True
