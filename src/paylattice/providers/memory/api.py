"""The way in for calls: one at a time, once for each idempotency key, with the faults that a test asks for."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import attrs

from ...errors import IdempotencyMismatch, NetworkError, NetworkOutcomeUnknown, PaymentError
from ...guard import current_operation
from ...models import Model, SubscriptionChange
from ...transport.primitives import mutex

__all__ = ["Calls"]

T = TypeVar("T")

_ANSWERS_KEPT = 10_000
_LOST = "no answer, as the test asked for"


@attrs.frozen
class _Fault:
    """What goes wrong with the next call: it ends in an error, or its answer is lost."""

    error: PaymentError | None = None
    after_effect: bool = False


class Calls:
    """The way in for every operation. Answers are kept by key, the last 10,000 of them: errors, too."""

    def __init__(self) -> None:
        self.mutex: AbstractContextManager[bool] = mutex()
        self._answers: OrderedDict[str, tuple[object, object]] = OrderedDict()
        self._fault: _Fault | None = None

    def fail_next(self, error: PaymentError) -> None:
        """Make the next call end in this error, without any effect."""
        with self.mutex:
            self._fault = _Fault(error)

    def lose_next(self, *, after_effect: bool) -> None:
        """Make the next call end without an answer."""
        with self.mutex:
            self._fault = _Fault(after_effect=after_effect)

    def read(self, find: Callable[[], T]) -> T:
        """What the world holds."""
        with self.mutex:
            if self._next_fault() is not None:
                raise NetworkError(_LOST)
            return find()

    def write(self, key: str | None, asked: object, effect: Callable[[], T]) -> T:
        """Change the world.

        Args:
            key: the idempotency key: the effect happens once for it, and later calls get the first one's answer.
            asked: all parameters of the operation, to notice when the key comes with others.
            effect: the change. It must not leave half of itself behind when it raises.
        """
        with self.mutex:
            fault = self._next_fault()
            if fault is not None and not fault.after_effect:
                raise NetworkOutcomeUnknown(_LOST)
            try:
                answer = self._once(key, (current_operation(), asked), effect)
            except PaymentError:
                if fault is None:
                    raise
            else:
                if fault is None:
                    return answer
        raise NetworkOutcomeUnknown(_LOST)

    def _next_fault(self) -> _Fault | None:
        fault, self._fault = self._fault, None
        if fault is not None and fault.error is not None:
            raise fault.error
        return fault

    def _once(self, key: str | None, asked: object, effect: Callable[[], T]) -> T:
        if key is None:
            return effect()
        if key in self._answers:
            before, answer = self._answers[key]
            if before != asked:
                message = "this key was used before with other parameters"
                raise IdempotencyMismatch(message, code="idempotency_mismatch")
            if isinstance(answer, PaymentError):
                raise copy.copy(answer)
            stored: T = _replayed(answer)  # type: ignore[assignment]  # what this effect returned the first time
            return stored
        try:
            result = effect()
        except PaymentError as error:
            self._keep(key, asked, copy.copy(error))
            raise
        self._keep(key, asked, result)
        return result

    def _keep(self, key: str, asked: object, answer: object) -> None:
        self._answers[key] = (asked, answer)
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.popitem(last=False)


def _replayed(answer: object) -> object:
    if isinstance(answer, SubscriptionChange):
        return attrs.evolve(answer, subscription=attrs.evolve(answer.subscription, replayed=True))
    return attrs.evolve(answer, replayed=True) if isinstance(answer, Model) else answer
