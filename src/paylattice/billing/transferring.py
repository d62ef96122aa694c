"""Giving an organisation's billing to another organisation: a company is merged, or a workspace gets a new id.

All records move in one transaction, so a crash leaves everything where it was, or everything moved. What the providers'
customers say of the organisation is changed by commands that the same transaction records: the scheduled job finishes them
after a crash.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Generic

import attrs

from ..errors import Conflict, InvalidRequest, NotFound, PaymentError
from ..idempotency import new_key
from ..operations import Capability
from ..provider import BaseProvider
from .commands import TransferCustomer, merged, readable_command_of
from .entries import entry_of
from .operation_log import OperationLog
from .records import BillingCustomer, BillingOperation, OperationState
from .repository import Tx
from .store import Store
from .transfer_store import is_open, transfer_reference

__all__ = ["TransferredOrganisation", "Transferring"]

_TRANSFER = "transfer"


@attrs.frozen
class TransferredOrganisation:
    """An organisation's billing, which is another organisation's now.

    Args:
        org_id: your id of the organisation of before.
        to_org_id: your id of the organisation that has its billing.
        customers: the customers that were transferred, as stored now.
        open: operations that are still to write the new id at the provider. :meth:`~paylattice.BillingService.recover_open`
            finishes them; nothing else waits for them.
    """

    org_id: str
    to_org_id: str
    customers: tuple[BillingCustomer, ...] = ()
    open: tuple[BillingOperation, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the providers name the new organisation, too."""
        return not self.open


class Transferring(Generic[Tx]):
    """Gives the billing of one organisation to another one.

    Args:
        store: where the records are.
        providers: by name.
        log: finds out what is open, and sends.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._clock = clock

    async def transfer(self, org_id: str, to_org_id: str) -> TransferredOrganisation:
        """Transfer, or answer again what was transferred.

        Raises:
            InvalidRequest: both are the same organisation.
            NotFound: the organisation has no customer, and none was transferred to the other one.
            Conflict: the other organisation has a current subscription at the same provider; or something is under way.
            PaymentError: a provider cannot be asked now. Nothing was transferred.
        """
        if org_id == to_org_id:
            message = "the organisation has its billing already: to_org_id= has to be another one"
            raise InvalidRequest(message, param="to_org_id", operation=_TRANSFER)
        sources = await self._store.list_customers_of(org_id)
        if sources:
            await self._finish(org_id)
            await self._finish(to_org_id)
            named = frozenset([each.id for each in sources if await self._names(each)])
            ticket = await self._store.next_ticket()
            await self._store.transact(partial(self._move, org_id, to_org_id, named, ticket))
        rows = await self._transferred(org_id, to_org_id)
        if not rows:
            message = "the organisation has no customer: there is nothing to transfer"
            raise NotFound(message, operation=_TRANSFER)
        left = [await self._send(each) for each in rows if each.state is OperationState.OPEN]
        customers = {each.id: each for row in rows for each in await self._customer_of(row)}
        still_open = tuple(each for each in left if each.state is OperationState.OPEN)
        return TransferredOrganisation(org_id, to_org_id, tuple(customers.values()), still_open)

    async def _finish(self, org_id: str) -> None:
        """Find out what is open.

        Raises:
            Conflict: the outcome of an operation cannot be found out now.
        """
        for row in await self._store.list_operations_of(org_id):
            if row.state is not OperationState.OPEN:
                continue
            provider, after = self._providers.get(row.provider), row
            if provider is not None and readable_command_of(row) is not None:
                try:
                    after = await self._log.finish(provider, entry_of(row))
                except PaymentError as error:
                    raise is_open(row) from error
            if after.state is OperationState.OPEN:
                raise is_open(after)

    async def _names(self, customer: BillingCustomer) -> bool:
        """Whether the provider's customer names the organisation that it is recorded for."""
        provider = self._providers.get(customer.provider)
        if provider is None or Capability.CUSTOMERS not in provider.capabilities:
            return False
        found = await provider.get_customer(customer.external_customer_id)
        return found is not None and found.metadata.get("org_id") == customer.org_id

    async def _move(self, org_id: str, to_org_id: str, named: frozenset[str], ticket: int, tx: Tx) -> None:
        now = self._clock()
        sources = await self._store.lock_customers(org_id, tx=tx)
        if not sources:
            return  # another worker has transferred it since
        targets = {each.provider: each for each in await self._store.lock_customers(to_org_id, tx=tx)}
        there = frozenset(each.provider for each in sources)
        await self._store.refuse_open(to_org_id, there, tx=tx)
        await self._store.move_operations(org_id, to_org_id, tx=tx)
        await self._store.move_migrations(org_id, to_org_id, tx=tx)
        await self._store.move_checkouts(org_id, to_org_id, now=now, tx=tx)
        for each in sources:
            target = targets.get(each.provider)
            if target is not None:
                await self._merge(target, each, ticket, tx)
            await self._store.move_customer(each, to_org_id, now=now, tx=tx)
            await self._record(each, to_org_id, ticket, is_named=each.id in named, tx=tx)

    async def _merge(self, gone: BillingCustomer, kept: BillingCustomer, ticket: int, tx: Tx) -> None:
        """Let the other organisation's customer, who pays for nothing, give way.

        Raises:
            Conflict: it pays for something.
        """
        for each in await self._store.list_subscriptions(gone.id, tx=tx):
            if not each.status.is_terminal:
                message = (
                    f"{gone.org_id!r} has a current subscription at {gone.provider!r} itself, "
                    f"{each.external_subscription_id!r}: nothing was transferred. End one of the two first"
                )
                raise Conflict(message, provider=gone.provider, operation=_TRANSFER)
        await self._store.merge_customer(gone, kept, tx=tx)
        row = merged(gone, kept.external_customer_id, ticket, now=self._clock())
        await self._store.insert(row, tx=tx)

    async def _record(self, customer: BillingCustomer, to_org_id: str, ticket: int, *, is_named: bool, tx: Tx) -> None:
        """Record the transfer: the row is open where the provider's customer is to name the new organisation."""
        now = self._clock()
        command = TransferCustomer(
            customer_id=customer.external_customer_id, metadata={"org_id": to_org_id}, record_id=customer.id
        )
        row = command.row(
            customer.provider,
            new_key(),
            to_org_id,
            now=now,
            ticket=ticket,
            reference=transfer_reference(customer.org_id),
        )
        done = attrs.evolve(row, state=OperationState.DONE, closed_at=now)
        await self._store.insert(row if is_named else done, tx=tx)

    async def _transferred(self, org_id: str, to_org_id: str) -> list[BillingOperation]:
        """The rows that record transfers from the one organisation to the other, of the last transfer of each customer."""
        last: dict[str, BillingOperation] = {}
        for name in dict.fromkeys((*self._providers, *await self._providers_of(to_org_id))):
            for row in await self._store.list_transferred(name, org_id):
                command = readable_command_of(row)
                if isinstance(command, TransferCustomer) and command.metadata.get("org_id") == to_org_id:
                    last[command.record_id] = row
        return list(last.values())

    async def _providers_of(self, org_id: str) -> list[str]:
        return [each.provider for each in await self._store.list_customers_of(org_id)]

    async def _send(self, row: BillingOperation) -> BillingOperation:
        provider = self._providers.get(row.provider)
        if provider is None:
            return row
        try:
            return await self._log.finish(provider, entry_of(row))
        except PaymentError:
            return row  # recover_open() finishes it

    async def _customer_of(self, row: BillingOperation) -> list[BillingCustomer]:
        command = readable_command_of(row)
        record_id = command.record_id if isinstance(command, TransferCustomer) else ""
        found = await self._store.get_customer_by_id(record_id)
        return [] if found is None else [found]
