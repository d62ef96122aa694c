"""Answers that are kept under an idempotency key."""

from collections import OrderedDict

import attrs

from .messages import Answer

__all__ = ["AnswerStore", "KeyReused", "Stored"]


class KeyReused(Exception):
    """The key was used before with other parameters."""


@attrs.frozen
class Stored:
    """An answer, what was asked, and when."""

    asked: object
    answer: Answer
    at: int


class AnswerStore:
    """Answers by their key.

    Args:
        seconds: how long a key is known; afterwards the same key is a new request.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._stored: OrderedDict[str, Stored] = OrderedDict()

    def find(self, key: str, asked: object, now: int) -> Answer | None:
        """The answer that was given under the key; None if the key is new, or known no more.

        Raises:
            KeyReused: something else was asked.
        """
        known = self._stored.get(key)
        if known is None or now - known.at >= self._seconds:
            return None
        if known.asked != asked:
            raise KeyReused
        return known.answer

    def keep(self, key: str, asked: object, answer: Answer, now: int) -> None:
        """Keep the answer."""
        self._stored[key] = Stored(asked, answer, now)
