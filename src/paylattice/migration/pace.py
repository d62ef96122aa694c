"""Limits how many requests begin in a second."""

import time
from collections.abc import Callable

from ..errors import InvalidRequest
from ..transport.primitives import Primitives, mutex

__all__ = ["Pace"]


class Pace:
    """Spaces out what begins: at most so many requests in a second, also of several tasks.

    Args:
        per_second: how many; None: as many as there are.
        primitives: wait.
        monotonic: returns seconds.
    """

    def __init__(
        self, per_second: float | None, primitives: Primitives, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if per_second is not None and (isinstance(per_second, bool) or not per_second > 0):
            message = "per_second must be a number greater than 0, or None"
            raise InvalidRequest(message, param="per_second")
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._primitives = primitives
        self._monotonic = monotonic
        self._mutex = mutex()
        self._next = 0.0

    async def begin(self, requests: int) -> None:
        """Wait until so many requests may begin."""
        if not self._gap:
            return
        with self._mutex:
            now = self._monotonic()
            wait = max(self._next - now, 0)
            self._next = max(self._next, now) + requests * self._gap
        if wait:
            await self._primitives.sleep(wait)
