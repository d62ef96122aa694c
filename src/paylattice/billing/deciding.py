"""Changes that depend on the quantity that they find: decided one after the other, so that none is lost and none counts twice.

Two workers that add a seat at the same time both read five; if both sent six, one seat would be lost. So a change is decided in
a transaction that holds the subscription's row, only where nothing else that was sent is still open, and only if nothing was
sent since the quantity was read. What stands in the way is finished first, by whoever finds it, under its own key. What was
decided stays in the change's row: a later attempt, or the scheduled job, sends the same.

This is exact where the provider does a change once for its key. Where it takes no key for changes, two workers that send the
same change at once can still lose one: a late request may be applied over a newer one.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic

import attrs

from ..errors import Conflict, NotFound, PaymentError
from ..operations import Capability
from ..provider import BaseProvider
from .commands import ChangeSubscription, Command, command_of
from .entries import Entry, entry_of, superseded_error
from .records import BillingOperation, OperationState
from .repository import Tx
from .store import Store
from .superseded import Other, Superseded

__all__ = ["Deciding", "Ready"]

_MOST_ROUNDS = 20
"""How many others may get ahead of it: in each round that is lost, one of them was decided or finished."""


@attrs.frozen
class Ready:
    """What is sent now.

    Args:
        row: its row.
        command: it, decided.
        first: whether this is the only attempt so far that can have an effect.
    """

    row: BillingOperation
    command: Command[Any]
    first: bool


class Deciding(Generic[Tx]):
    """Decides what a change sets, just before it is sent.

    Args:
        store: where the operation log is.
        superseded: lists what else was asked for of a subscription.
        finish: finds out the outcome of an open command.
    """

    def __init__(
        self,
        store: Store[Tx],
        superseded: Superseded[Tx],
        finish: Callable[[BaseProvider, Entry[Command[Any]]], Awaitable[BillingOperation]],
    ) -> None:
        self._store = store
        self._superseded = superseded
        self._finish = finish

    async def ready(
        self, provider: BaseProvider, row: BillingOperation, command: ChangeSubscription, *, first: bool
    ) -> Ready | None:
        """What is to be sent now. A change that depends on the quantity is decided; any other lets those be finished first.

        Args:
            provider: the provider that gets it.
            row: its row, which is not DONE.
            command: what was asked for.
            first: whether it was never sent before, or certainly without effect.

        Returns:
            It; None: something newer was asked for since.

        Raises:
            Conflict: the quantity is another one than was expected. Or something else is under way, and it may be repeated.
            PaymentError: the subscription cannot be read now, or cannot be changed so.
        """
        for _ in range(_MOST_ROUNDS):
            if command.depends and command.is_decided:
                return Ready(row, command, first)
            others = await self._superseded.changes_beside(row, command)
            deciding = [
                each for each in others if isinstance(each.command, ChangeSubscription) and each.command.depends
            ]
            if not command.depends and self._superseded.is_newer_among(deciding, row, command):
                return None
            in_the_way = [each for each in others if _is_in_the_way(each, command)]
            for each in in_the_way:
                await self._finish_first(provider, each.row, row)
            if in_the_way:
                continue
            if not command.depends:
                return Ready(row, command, first)
            decided = await self._decide(provider, row, command, others)
            if decided is not None:
                return decided
        raise _under_way(row)

    async def _finish_first(self, provider: BaseProvider, other: BillingOperation, row: BillingOperation) -> None:
        """Find out the outcome of what is in the way.

        Raises:
            Conflict: it cannot be found out now.
        """
        try:
            await self._finish(provider, entry_of(other))
        except PaymentError as error:
            raise _under_way(row) from error

    async def _decide(
        self, provider: BaseProvider, row: BillingOperation, command: ChangeSubscription, seen: Sequence[Other]
    ) -> Ready | None:
        """Decide it, once; None: others were decided, or sent, while the subscription was read."""
        ticket = await self._store.next_ticket()
        provider.require(Capability.SUBSCRIPTIONS)
        subscription = await provider.get_subscription(command.subscription_id)

        async def decide(tx: Tx) -> Ready | None:
            held = await self._store.get_subscription(row.provider, command.subscription_id, lock=True, tx=tx)
            if subscription is None or held is None:
                message = "there is no such subscription any more"
                raise NotFound(message, provider=row.provider, operation=command.operation)
            stored = await self._store.get_operation(row.provider, row.key, lock=True, tx=tx) or row
            known = command_of(stored)
            if isinstance(known, ChangeSubscription) and known.is_decided:
                return await self._decided_already(stored, known, tx)
            if stored.state is OperationState.ABANDONED:
                raise superseded_error(row, command)
            if _sent(await self._superseded.changes_beside(row, command, tx=tx)) != _sent(seen):
                return None
            decided = command.decided(subscription, ticket)
            written = attrs.evolve(
                stored, arguments=decided.to_json(), state=OperationState.OPEN, error=None, closed_at=None
            )
            await self._store.decide_operation(written, tx=tx)
            return Ready(written, decided, first=True)

        return await self._store.transact(decide)

    async def _decided_already(self, stored: BillingOperation, known: ChangeSubscription, tx: Tx) -> Ready:
        """Another worker with the same key has decided it: it sends it, too, so neither is the only one who does."""
        if stored.state in {OperationState.FAILED, OperationState.ABANDONED}:
            raise _under_way(stored)
        if stored.state is OperationState.OPEN:
            stored = await self._store.reopen_operation(stored, begun=stored.created_at, closed_too=False, tx=tx)
        return Ready(stored, known, first=False)


def _is_in_the_way(other: Other, command: ChangeSubscription) -> bool:
    """Whether another change may take effect before or after it, so that nothing can be decided, or must not be sent, yet."""
    if other.row.state is not OperationState.OPEN:
        return False
    if not isinstance(other.command, ChangeSubscription):
        return command.depends  # what this version of paylattice cannot read
    return other.command.is_decided and (command.depends or other.command.depends)


def _sent(others: Sequence[Other]) -> list[tuple[object, ...]]:
    """What of the others may have changed the quantity since."""
    return [
        (each.row.key, each.row.state, each.row.closed_at, each.ticket)
        for each in others
        if not isinstance(each.command, ChangeSubscription) or each.command.is_decided
    ]


def _under_way(row: BillingOperation) -> Conflict:
    message = (
        "another change of the subscription is under way, and its outcome is not known yet: nothing was sent. Repeat this with "
        "the same key"
    )
    return Conflict(message, provider=row.provider, operation=row.operation, idempotency_key=row.key, retryable=True)
