"""Limits the work of explaining rejected deliveries, because anyone can send them, as often as they like."""

import time
from collections.abc import Callable

__all__ = ["Diagnoses"]


class Diagnoses:
    """Permits a full diagnosis now and then; a refusal costs no more than the check of the signature otherwise.

    What is wrong with the headers is always told. What takes more (whether the body was written again, or is signed for
    another address) is found out for the first refused delivery, and then for one in a while, so that a mistake of the
    application's own is explained and a flood of forgeries is not paid for.

    Args:
        every: seconds from one to the next; 0: all of them.
        largest: bytes of the largest body that is looked into.
        clock: monotonic seconds.
    """

    def __init__(
        self, *, every: float = 1.0, largest: int = 16 * 1024, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every = every
        self._largest = largest
        self._clock = clock
        self._last: float | None = None

    def permits(self, size: int) -> bool:
        """Whether a body of this size may be looked into now; it then counts as done."""
        if size > self._largest:
            return False
        now = self._clock()
        if self._last is not None and now - self._last < self._every:
            return False
        self._last = now
        return True
