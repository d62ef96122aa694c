"""What the checks of a repository share: how one is run, and how a transaction is undone in it."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeAlias

from ....billing.repository import BillingRepository
from .concurrency import Actor, Actors

__all__ = ["CROWD", "Check", "Repository", "RepositoryChecks", "UndoneError", "crowd", "undo"]

Repository: TypeAlias = BillingRepository[Any]
Check: TypeAlias = Callable[[Repository, Actors], Awaitable[None]]

CROWD = 8


class UndoneError(Exception):
    """What ends a transaction in these checks."""


def undo() -> NoReturn:
    """End a transaction so that nothing of it stays.

    Raises:
        UndoneError: always.
    """
    raise UndoneError


def crowd(actor: Callable[[int], Coroutine[Any, Any, Any]]) -> list[Actor[Any]]:
    """The actor as many, each with a number of its own."""

    def one(number: int) -> Actor[Any]:
        def start() -> Coroutine[Any, Any, Any]:
            return actor(number)

        return start

    return [one(number) for number in range(1, CROWD + 1)]


class RepositoryChecks:
    """A check is a coroutine over the async protocol; a subclass says how it is run."""

    def drive(self, repository: object, check: Check) -> None:
        """Run the check against what the fixture gave."""
        raise NotImplementedError
