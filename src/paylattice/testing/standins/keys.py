"""What was answered under an idempotency key."""

from typing import Generic, TypeVar

import attrs

__all__ = ["KeyReused", "KeyStore"]

K = TypeVar("K")


class KeyReused(Exception):
    """The key was used before with other parameters."""


@attrs.frozen
class _Kept(Generic[K]):
    asked: object
    answer: K
    at: float


class KeyStore(Generic[K]):
    """Answers by their key.

    Args:
        strict: whether a key that comes again with other parameters is refused; otherwise it gets the stored answer.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self._strict = strict
        self._kept: dict[object, _Kept[K]] = {}

    def find(self, key: object, asked: object, now: float, lifetime: float) -> K | None:
        """Return the answer that was given under the key; None if the key is new, or known no more.

        Args:
            key: the key, and where it counts.
            asked: the parameters of the request.
            now: the simulated time, in seconds.
            lifetime: how many seconds a key is remembered.

        Raises:
            KeyReused: something else was asked under the key.
        """
        known = self._kept.get(key)
        if known is None or now - known.at >= lifetime:
            return None
        if self._strict and known.asked != asked:
            raise KeyReused
        return known.answer

    def keep(self, key: object, asked: object, answer: K, now: float) -> None:
        """Remember the answer."""
        self._kept[key] = _Kept(asked, answer, now)

    def forget(self) -> None:
        """Forget every key, as a provider does after its time."""
        self._kept.clear()
