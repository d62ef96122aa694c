"""The operation log: what is sent to a provider is recorded first, so that a crash leaves nothing in doubt for ever.

A command is stored as OPEN before its request leaves. A definite answer closes its row; an unknown outcome, or a
crash, leaves it OPEN. Recovery later sends the same request with the same key, which has one effect, however
often it is sent, as long as the provider remembers the key; after that the effect is looked up instead.

What is DONE is not sent again. What was superseded is not sent again either: a change of plan that was left open must not undo
the change that came after it. What each command needs for this, it says itself: see :mod:`paylattice.billing.commands`.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import attrs

from ..errors import ActionRequired, Conflict, Declined, InvalidRequest, OutcomeUnknown, PaymentError
from ..guard import checked
from ..provider import BaseProvider
from .commands import WITH_TOKENS, ChangeSubscription, Command, Made
from .deciding import Deciding
from .entries import (
    Entry,
    arguments_without_tokens,
    entry_of,
    forgotten_error,
    leaves_in_doubt,
    refuses,
    same_entry,
    superseded_error,
)
from .operation_rows import OperationRows
from .records import BillingOperation, OperationState
from .repository import Tx
from .store import Store
from .superseded import Superseded

__all__ = ["OperationLog"]

_log = logging.getLogger("paylattice")
R = TypeVar("R")


class OperationLog(OperationRows[Tx]):
    """Sends commands, and remembers them.

    Args:
        store: where the rows are.
        clock: returns the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        super().__init__(store, clock)
        self._superseded = Superseded(store)
        self._deciding = Deciding(store, self._superseded, self.finish)

    async def run(
        self,
        provider: BaseProvider,
        command: Command[R],
        org_id: str,
        key: str,
        *,
        reference: str | None = None,
        look_first: bool = False,
        insert: Callable[[BillingOperation], Awaitable[bool]] | None = None,
    ) -> R:
        """Do it, once, however often this is called with the same key.

        Args:
            provider: who does it.
            command: what.
            org_id: your id of the organisation.
            key: the idempotency key.
            reference: kept in its row, see :class:`BillingOperation`.
            look_first: whether it seems to be in effect already. If the provider says so, too, nothing is sent.
            insert: inserts its row, with what else is recorded with it; False: there is one under the key.

        Returns:
            What the provider's operation returns.

        Raises:
            InvalidRequest: an argument is wrong; nothing was recorded.
            Conflict: something else was asked for of the subscription just now, and this was not sent.
            IdempotencyMismatch: the key was used for something else, or too long ago for the provider to know it.
            PaymentError: what the operation raises.
        """
        with checked(provider, command.operation, {**command.arguments(), "idempotency_key": key}):
            name, ticket = provider.get_provider_name(), await self._store.next_ticket()
            row = command.row(name, key, org_id, now=self._clock(), ticket=ticket, reference=reference)
            if await (insert or self._insert)(row):
                return await self._run(provider, Entry(row, command), look_first=look_first)
            known = await self._store.get_operation(row.provider, key)
            if known is None:
                message = "the operation log holds another command under this key, and does not show it"
                raise Conflict(message, provider=row.provider, operation=command.operation)
            return await self.repeat(provider, same_entry(known, command, org_id))

    async def _run(self, provider: BaseProvider, entry: Entry[Command[R]], *, look_first: bool) -> R:
        """Send what has just been recorded."""
        target, superseded, contested = entry.row.external_id, False, False  # the target of the command
        if target is not None:
            superseded, contested = await self._superseded.rivals(entry.row, target, entry.command)
        if superseded:
            await self._close(entry.row, OperationState.ABANDONED)
            raise superseded_error(entry.row, entry.command)
        if look_first and not contested:
            found = await self._in_effect(provider, entry)
            if found is not None:
                return found
        return await self._send(provider, entry, first=True, contested=contested)

    async def _in_effect(self, provider: BaseProvider, entry: Entry[Command[R]]) -> R | None:
        """The answer of what is in effect already, although it was never sent."""
        try:
            found = await entry.command.find_effect(provider, entry.row)
        except PaymentError as error:
            await self._close(entry.row, OperationState.FAILED, error=type(error).__name__)
            raise
        if found is not None:
            await self._done(entry, found)
        return found

    async def repeat(self, provider: BaseProvider, entry: Entry[Command[R]]) -> R:
        """Do again, for its caller, what the log holds: the effect is there once afterwards.

        Raises:
            Conflict: something else was asked for of the subscription since.
            IdempotencyMismatch: it cannot be found out whether it was done, and doing it now could do it twice.
            PaymentError: what the operation raises.
        """
        row, command = entry.row, entry.command
        if row.state is OperationState.DONE:
            return await self._as_it_was_done(provider, entry)
        if await self._superseded.is_superseded(row, command):
            if row.state is OperationState.OPEN:
                await self._give_way(provider, entry)
            raise superseded_error(row, command)
        forgotten = await self._is_forgotten(provider, row)
        failed = row.state is OperationState.FAILED
        if forgotten and not (failed and command.may_be_sent_anew):
            found = await self.look(provider, entry)
            if found is not None:
                return found
            if not command.may_be_sent_anew and (not failed or row.error == ActionRequired.__name__):
                raise forgotten_error(row, command)  # a payment that waited for its payer may have been paid since
        if forgotten or row.state is not OperationState.OPEN or not command.may_be_sent_anew:
            begun = self._clock() if forgotten else row.created_at
            whole, fresh = command.to_json() if command.tokens() else None, command.not_decided().to_json()
            row = await self._store.reopen_operation(
                row, begun=begun, closed_too=True, if_failed=fresh, if_closed=whole
            )
            command = type(command).from_json(row.arguments).with_tokens_of(command)
            if row.state is OperationState.DONE:
                return await self._as_it_was_done(provider, Entry(row, command))
        first = failed and not row.is_in_doubt
        return await self._send(provider, Entry(row, command), first=first, contested=True)

    async def finish(self, provider: BaseProvider, entry: Entry[Command[Any]]) -> BillingOperation:
        """Find out the outcome of an open command, and close its row.

        It is ABANDONED where doing it now could be wrong: it was superseded; or it cannot be seen that it was done, and its
        organisation does not need it any more, or the provider has forgotten the key.

        Returns:
            The row as it is then.

        Raises:
            PaymentError: it cannot be found out now.
        """
        row = entry.row
        if await self._superseded.is_superseded(row, entry.command):
            await self._give_way(provider, entry)
        else:
            try:
                if await entry.command.is_wanted(row, self._store):
                    await self._finish(provider, entry)
                else:
                    await self.give_up(provider, entry)
            except PaymentError:
                after = await self._store.get_operation(row.provider, row.key)
                if after is None or after.state is OperationState.OPEN:
                    raise
                return after
        return await self._store.get_operation(row.provider, row.key) or row

    async def _finish(self, provider: BaseProvider, entry: Entry[Command[Any]]) -> None:
        if not await self._is_forgotten(provider, entry.row):
            if not entry.command.may_be_sent_anew:
                row = await self._store.reopen_operation(entry.row, begun=entry.row.created_at, closed_too=False)
                entry = entry_of(row)
            if entry.row.state is OperationState.OPEN:
                await self._send(provider, entry, contested=True)
            return
        if await self.look(provider, entry) is not None:
            return
        if entry.command.looks_first:
            await self._send(provider, entry, contested=True)
        else:
            await self._close(entry.row, OperationState.ABANDONED)

    # --- what must not be sent again -----------------------------------------------------------------------------

    async def give_up(self, provider: BaseProvider, entry: Entry[Command[Any]]) -> None:
        """Send it no more: it is ABANDONED, but DONE where it is found done, as its answer may have been lost.

        Raises:
            PaymentError: it cannot be found out now.
        """
        if await self.look(provider, entry) is None:
            await self._close(entry.row, OperationState.ABANDONED)

    async def _give_way(self, provider: BaseProvider, entry: Entry[Command[Any]]) -> None:
        """Give up what was superseded: it may have been done, and even after what is newer."""
        await self._superseded.let_the_last_one_win(provider, entry.row, entry.command, contested=False)
        await self._close(entry.row, OperationState.ABANDONED)

    async def _as_it_was_done(self, provider: BaseProvider, entry: Entry[Command[R]]) -> R:
        """The answer of a command that is DONE, without doing it again where that can be told."""
        row, command = entry.row, entry.command
        superseded = await self._superseded.is_superseded(row, command)
        answer = await command.read_done(provider, row, superseded=superseded)
        if answer is not None:
            return answer
        if not await self._is_forgotten(provider, row):
            return await self._send(provider, entry)
        found = await command.find_effect(provider, row)
        if found is None:
            raise forgotten_error(row, command)
        return found

    async def look(self, provider: BaseProvider, entry: Entry[Command[R]]) -> R | None:
        """The effect of a command, found without sending it; its row is DONE then. None: it cannot be seen that it has one.

        Raises:
            PaymentError: it cannot be found out now. A payment that is found declined, or waiting, closes its row.
        """
        try:
            found = await entry.command.find_effect(provider, entry.row)
        except (ActionRequired, Declined) as error:
            waits = entry.command.left_behind(error)
            state = OperationState.FAILED if waits is None else OperationState.DONE
            await self._close(entry.row, state, made=Made(waits), error=type(error).__name__)
            raise
        if found is not None:
            await self._done(entry, found)
        return found

    # --- sending -------------------------------------------------------------------------------------------------

    async def _send(
        self, provider: BaseProvider, entry: Entry[Command[R]], *, first: bool = False, contested: bool = False
    ) -> R:
        """Send it under its key.

        Args:
            provider: the provider that gets it.
            entry: what.
            first: whether it was never sent before, or certainly without effect.
            contested: whether something older may take effect after it.
        """
        done = entry.row.state is OperationState.DONE
        row, command, first = await self._ready(provider, entry, first=first)
        entry = Entry(row, command)
        if row.state is OperationState.DONE and not done:
            return await self._as_it_was_done(provider, entry)
        if not first and not done and not command.may_be_sent_anew:
            seen = await self._seen(provider, entry)
            if seen is not None:
                await self._done(entry, seen)
                return seen
        try:
            answer = await command.send(provider, row.key)
        except OutcomeUnknown:
            await self._stays_open(entry)
            raise
        except PaymentError as error:
            if row.state is not OperationState.DONE:
                found = await self._after_error(provider, entry, error, first=first)
                if found is not None:
                    return found
            raise
        made = command.made(answer)
        if not made.accepted:
            if first or command.may_be_sent_anew:
                await self._close(row, OperationState.FAILED, error="NotAccepted", only_attempt=first)
        elif made.waits_for_payer:
            await self._done(entry, answer, made, error=ActionRequired.__name__)
        elif await self._is_the_last_one(provider, entry, contested=contested):
            await self._done(entry, answer, made)
        return answer

    async def _seen(self, provider: BaseProvider, entry: Entry[Command[R]]) -> R | None:
        """The effect of what was sent before, and must not be done twice, where it shows: every clock here may be wrong.

        Where the payer has to act, or the bank declined, the answer under the key says more.
        """
        try:
            return await entry.command.find_effect(provider, entry.row)
        except PaymentError:
            return None

    async def _ready(
        self, provider: BaseProvider, entry: Entry[Command[R]], *, first: bool
    ) -> tuple[BillingOperation, Command[R], bool]:
        """What is sent now, decided. What cannot be decided is closed, if nothing was sent."""
        change = entry.command
        if not isinstance(change, ChangeSubscription) or entry.row.state is OperationState.DONE:
            return entry.row, entry.command, first
        try:
            ready = await self._deciding.ready(provider, entry.row, change, first=first)
        except PaymentError as error:
            if refuses(error, entry.command, first=first):
                await self._close(entry.row, OperationState.FAILED, error=type(error).__name__, only_attempt=True)
            raise
        if ready is not None:
            return ready.row, ready.command, ready.first
        if first:
            await self._close(entry.row, OperationState.ABANDONED)
        else:
            await self._give_way(provider, entry)
        raise superseded_error(entry.row, entry.command)

    async def _after_error(
        self, provider: BaseProvider, entry: Entry[Command[R]], error: PaymentError, *, first: bool
    ) -> R | None:
        """Close the row of what was refused. Returns the answer of what was refused because it had been done before."""
        row, command = entry.row, entry.command
        left_behind = command.left_behind(error)
        if left_behind is not None:
            await self._close(row, OperationState.DONE, made=Made(left_behind), error=type(error).__name__)
            return None
        if not refuses(error, command, first=first):
            return None
        in_doubt = leaves_in_doubt(error, command, first=first)
        may_be_there = in_doubt or (command.sets_a_state and (not first or isinstance(error, InvalidRequest)))
        found: R | None = None
        if may_be_there:
            found = await self.look(provider, entry)
        if found is None and (not in_doubt or await command.is_undone(provider)):
            await self._close(row, OperationState.FAILED, error=type(error).__name__, only_attempt=first)
        return found

    async def _is_the_last_one(self, provider: BaseProvider, entry: Entry[Command[Any]], *, contested: bool) -> bool:
        """Whether it is over: what is in effect is what was asked for last. Otherwise it stays open, for ``recover_open``."""
        if entry.row.state is OperationState.DONE or entry.row.external_id is None:
            return True
        try:
            await self._superseded.let_the_last_one_win(provider, entry.row, entry.command, contested=contested)
        except PaymentError as error:
            _log.warning("a %s at %s stays open: %s", entry.command.kind, entry.row.provider, type(error).__name__)
            return False
        return True

    async def _stays_open(self, entry: Entry[Command[Any]]) -> None:
        """Take back what another worker recorded meanwhile of an attempt of its own: this one may have succeeded."""
        if (row := entry.row).state is OperationState.OPEN:
            stored = await self._store.get_operation(row.provider, row.key)
            if stored is not None and stored.state is OperationState.FAILED:
                await self._store.update_operation(row, arguments=row.arguments if entry.command.tokens() else None)

    async def _done(
        self, entry: Entry[Command[R]], answer: R, made: Made | None = None, *, error: str | None = None
    ) -> None:
        row, made = entry.row, made or entry.command.made(answer)
        if row.state is OperationState.DONE and made.external_id in {None, row.external_id}:
            return
        if not entry.command.has_record:
            await self._close(row, OperationState.DONE, made=made, error=error)
            return

        async def close_and_record(tx: Tx) -> None:
            await self._close(row, OperationState.DONE, made=made, tx=tx)
            await entry.command.record(row, answer, self._store, now=self._clock(), tx=tx)

        await self._store.transact(close_and_record)

    async def _close(
        self,
        row: BillingOperation,
        state: OperationState,
        *,
        made: Made | None = None,
        error: str | None = None,
        only_attempt: bool = False,
        tx: Tx | None = None,
    ) -> None:
        """Record how it ended, without tokens; not over what another worker's attempt has brought, or may bring yet."""
        made = made or Made()
        closed = attrs.evolve(
            row,
            state=state,
            external_id=made.external_id or row.external_id,
            reference=made.reference or row.reference,
            error=error,
            closed_at=self._clock(),
        )
        kept = arguments_without_tokens(row) if row.operation in WITH_TOKENS else None
        await self._store.update_operation(closed, only_attempt=only_attempt, arguments=kept, tx=tx)
