"""Rows of the operation log that are looked up or recorded without sending anything."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import attrs

from ..idempotency import new_key
from ..provider import BaseProvider
from .commands import Command, CreateCustomer
from .entries import Entry, same_entry
from .records import BillingCustomer, BillingOperation, OperationState
from .repository import Tx
from .store import Store

__all__ = ["OperationRows"]

AnyCommand = TypeVar("AnyCommand", bound=Command[Any])

_MARGIN = timedelta(minutes=5)
"""How long before the end of its life a key is not trusted any more: sending takes time, and clocks differ."""
_PAGE = 100


class OperationRows(Generic[Tx]):
    """Looks up and records. :class:`~.operation_log.OperationLog` sends.

    Args:
        store: where the rows are.
        clock: returns the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def begun(
        self, providers: Iterable[str], key: str, org_id: str, command: AnyCommand
    ) -> Entry[AnyCommand] | None:
        """What the caller's key was used for before, at whichever provider. What billing decides may be missing in ``command``.

        Raises:
            IdempotencyMismatch: the key was used for something else.
        """
        for name in providers:
            known = await self._store.get_operation(name, key)
            if known is not None:
                return same_entry(known, command, org_id)
        return None

    async def open_of(self, org_id: str, providers: Iterable[str], kind: str) -> list[BillingOperation]:
        """The organisation's commands of a kind whose outcome is not known yet, at these providers."""
        found: list[BillingOperation] = []
        for name in providers:
            last: BillingOperation | None = None
            while page := await self._store.list_operations(name, state=OperationState.OPEN, after=last, limit=_PAGE):
                found += [each for each in page if (each.org_id, each.operation) == (org_id, kind)]
                last = page[-1]
        return found

    async def has_made(self, provider: str, external_id: str, kind: str) -> bool:
        """Whether a command of this kind has made the provider's object: then it is the first one about it."""
        about = await self._store.list_operations(provider, external_id=external_id, limit=1)
        return any(each.operation == kind for each in about)

    async def note(
        self,
        provider: str,
        command: Command[Any],
        org_id: str,
        *,
        external_id: str | None = None,
    ) -> None:
        """Record what was decided here, and is sent to no provider.

        Args:
            provider: whose object it is about.
            command: what was decided.
            org_id: your id of the organisation.
            external_id: the provider's id of the object.
        """
        now, ticket = self._clock(), await self._store.next_ticket()
        row = command.row(provider, new_key(), org_id, now=now, ticket=ticket, external_id=external_id)
        await self._insert(attrs.evolve(row, state=OperationState.DONE, closed_at=now))

    async def _insert(self, row: BillingOperation) -> bool:
        """Insert a row; False if there is one under its key.

        Raises:
            Conflict: the organisation was transferred since its customer was read.
        """
        if row.operation == CreateCustomer.kind:  # for an organisation that has none
            return await self._store.insert(row)

        async def insert(tx: Tx) -> bool:
            whose = {"org_id": row.org_id, "provider": row.provider}
            held = await self._store.repository.get(BillingCustomer, whose, lock=True, tx=tx)
            if held is None:  # else it is kept from a transfer until the end
                await self._store.refuse_transferred(row, tx=tx)
            return await self._store.insert(row, tx=tx)

        return await self._store.transact(insert)

    async def _is_forgotten(self, provider: BaseProvider, row: BillingOperation) -> bool:
        """Whether the provider may have forgotten the key, by whichever clock makes it older.

        That is this machine's, the one that recorded it, or one that has recorded something since. What was recorded in the
        future is of an age that cannot be known.
        """
        lifetime, now = provider.idempotency_lifetime, self._clock()
        margin = min(_MARGIN, lifetime / 10)
        if row.created_at - now > margin or now - row.created_at >= lifetime - margin:
            return True
        since = await self._store.list_operations(row.provider, after=row, limit=_PAGE)
        times = [now, row.created_at, *(each.created_at for each in since)]
        return max(times) - min(times) >= lifetime - margin
