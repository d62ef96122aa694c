"""Which of several commands about one subscription, or one customer, counts: the last one, by tickets.

Not by times: two machines' clocks may be an hour apart. What is older is not sent once something newer is recorded. Two that
are in flight at once are recorded before either is sent, so that at least one of them sees the other; and each looks, after its
own has taken effect and before its row is closed, whether the newest is in effect. So the one that took effect last is looked
after, also if its process dies in between.
"""

import logging
from collections.abc import Iterable
from typing import Any, Generic, NamedTuple

from ..errors import ConfigurationError, Conflict
from ..idempotency import sub_key
from ..provider import BaseProvider
from .commands import ChangeSubscription, Command, StateCommand, readable_command_of
from .records import BillingOperation, OperationState
from .repository import Tx
from .store import Store

__all__ = ["Other", "Superseded"]

_log = logging.getLogger("paylattice")
_PAGE = 100
_MOST_ROUNDS = 5
_NOT_DONE = frozenset({OperationState.FAILED, OperationState.ABANDONED})


class Other(NamedTuple):
    """Another row about the subscription; with no command where this version of paylattice cannot read it."""

    row: BillingOperation
    command: Command[Any] | None

    @property
    def ticket(self) -> int:
        """Its place in the order."""
        return self.row.ticket if self.command is None else self.command.ticket_of(self.row)


class Superseded(Generic[Tx]):
    """Looks at the rows of the operation log about one subscription, or one customer.

    Args:
        store: where the operation log is.
    """

    def __init__(self, store: Store[Tx]) -> None:
        self._store = store

    async def is_superseded(self, row: BillingOperation, command: Command[Any]) -> bool:
        """Whether something else was asked for of the same subscription later, and was done, or may have been.

        What this version of paylattice cannot read counts as something else.
        """
        if command.target is None:
            return False
        return self.is_newer_among(await self._about(row, command.target), row, command)

    def is_newer_among(self, others: Iterable[Other], row: BillingOperation, command: Command[Any]) -> bool:
        """Whether one of the others was asked for later, and must not be set back by this."""
        this = Other(row, command)
        return any(_is_after(each, this) and _may_supersede(each.command, command) for each in others)

    async def changes_beside(
        self, row: BillingOperation, command: ChangeSubscription, *, tx: Tx | None = None
    ) -> list[Other]:
        """The other changes of the subscription, in the order of tickets, and what cannot be read."""
        about = await self._about(row, command.target, tx=tx)
        found = [each for each in about if each.command is None or isinstance(each.command, ChangeSubscription)]
        return [each for each in found if each.row.key != row.key]

    async def rivals(self, row: BillingOperation, target: str, command: Command[Any]) -> tuple[bool, bool]:
        """What else is recorded about the subscription, just after this was.

        Args:
            row: the row of the command.
            target: the provider's id of the object whose state it sets.
            command: what was recorded.

        Returns:
            Whether something newer is, so that this must not be sent; and whether something older is open, which may take
            effect after this.
        """
        others = [each for each in await self._about(row, target) if each.row.key != row.key]
        newer = self.is_newer_among((each for each in others if each.command != command), row, command)
        this = Other(row, command)
        older_in_flight = any(_is_after(this, each) and each.row.state is OperationState.OPEN for each in others)
        return newer, older_in_flight

    async def let_the_last_one_win(
        self, provider: BaseProvider, sent: BillingOperation, command: Command[Any], *, contested: bool
    ) -> None:
        """See to it, after a command was sent, that a newer one which was in flight meanwhile is in effect.

        It is sent again, under a key of its own, only where the subscription has what an older command asked for, and not what
        the newest did: anything else was changed by the provider, or by someone in its dashboard, since.

        Args:
            provider: whose subscription it is.
            sent: the row of what was sent, or may have been.
            command: what was sent.
            contested: whether something older may have taken effect after it.

        Raises:
            PaymentError: it cannot be found out now.
        """
        asked = _state_command(command)
        if asked is None or asked.can_be_set_back is None or asked.target is None:
            return
        for number in range(_MOST_ROUNDS):
            about = sorted(await self._about(sent, asked.target), key=_place)
            rivals = [
                (each.row, rival)
                for each in about
                if (rival := _rival_of(each.command, asked.can_be_set_back)) is not None
            ]
            last: tuple[BillingOperation, StateCommand[Any]] = (sent, asked)
            newest, wanted = next((each for each in reversed(rivals) if each[0].state not in _NOT_DONE), last)
            if newest.key == sent.key and not contested:
                return
            there = await wanted.read(provider)
            if there is None or wanted.is_in_effect(there):
                return
            older = [each for row, each in rivals if row.key != newest.key and row.state is not OperationState.FAILED]
            if not any(each.is_in_effect(there) for each in older):
                return
            _log.warning("an older %s at %s took effect after a newer one: sent again", command.kind, sent.provider)
            key = sub_key(newest.key, f"{number} {sent.key}")  # its own for everyone who looks, and each time they do
            await wanted.send(provider, key)
        message = (
            f"several changes of the {command.subject} are under way: which one is in effect is looked at again later"
        )
        raise Conflict(message, provider=sent.provider, operation=command.operation, retryable=True)

    async def _about(self, row: BillingOperation, subscription_id: str, *, tx: Tx | None = None) -> list[Other]:
        """What was asked for of the subscription, in the order of its rows' tickets, and what cannot be read."""
        found: list[Other] = []
        last: BillingOperation | None = None
        while True:
            page = await self._store.list_operations(
                row.provider, external_id=subscription_id, after=last, limit=_PAGE, tx=tx
            )
            read = [Other(each, readable_command_of(each)) for each in page]
            found += (each for each in read if each.command is None or each.command.target is not None)
            if len(page) < _PAGE:
                return found
            if page[-1] == last:
                message = "the repository's operations() does not go on after the operation that it is given"
                raise ConfigurationError(message, provider=row.provider)
            last = page[-1]


def _state_command(command: Command[Any] | None) -> StateCommand[Any] | None:
    return command if isinstance(command, StateCommand) else None


def _rival_of(other: Command[Any] | None, sets: str) -> StateCommand[Any] | None:
    """The other command, if it sets the same, and it is known what."""
    undecided = isinstance(other, ChangeSubscription) and not other.is_decided
    rival = _state_command(other)
    return None if rival is None or undecided or rival.can_be_set_back != sets else rival


def _place(each: Other) -> tuple[int, str]:
    return each.ticket, each.row.key


def _is_after(other: Other, this: Other) -> bool:
    return _place(other) > _place(this) and other.row.state is not OperationState.FAILED


def _may_supersede(other: Command[Any] | None, command: Command[Any]) -> bool:
    return other is None or other.supersedes(command)
