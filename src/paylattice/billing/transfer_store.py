"""Records under another organisation: what a transfer writes, and how commands of the old organisation are kept out."""

from datetime import datetime

import attrs

from ..errors import Conflict
from ..idempotency import operation_key
from .records import (
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingMigration,
    BillingOperation,
    BillingSubscription,
    CheckoutNews,
    CheckoutState,
    OperationState,
)
from .records.checkouts import CHECKOUTS_BY_ORG
from .records.customers import CUSTOMERS_BY_ORG
from .records.events import EVENTS_BY_CUSTOMER
from .records.migrations import MIGRATIONS_BY_ORG
from .records.operations import OPERATIONS_BY_ORG, OPERATIONS_BY_REFERENCE
from .records.subscriptions import SUBSCRIPTIONS_BY_CUSTOMER
from .repository import Tx
from .stripping import StrippingStore

__all__ = ["TransferStore", "is_open", "transfer_reference", "was_merged"]

_TRANSFER = "transfer"


def transfer_reference(org_id: str) -> str:
    """The ``reference`` of the rows that record a transfer away from the organisation."""
    return operation_key("transferred organisation", org_id)


class TransferStore(StrippingStore[Tx]):
    """Writes records under another organisation. :class:`~.store.Store` has the other methods.

    A transfer holds the rows of the customers locked. So does whoever records a command, or applies an event, for one of
    them: each of them comes wholly before the transfer, or sees it.
    """

    async def refuse_transferred(self, operation: BillingOperation, *, tx: Tx) -> None:
        """Refuse to record an operation whose organisation has no customer, if it was transferred.

        Raises:
            Conflict: it was, since its customer was read.
        """
        if await self.list_transferred(operation.provider, operation.org_id, tx=tx):
            message = "the organisation was transferred: its billing is another organisation's now. Nothing was sent"
            raise Conflict(
                message, provider=operation.provider, operation=operation.operation, idempotency_key=operation.key
            )

    async def list_transferred(self, provider: str, org_id: str, *, tx: Tx | None = None) -> list[BillingOperation]:
        """List the rows that record transfers away from the organisation at a provider, the oldest first."""
        values: dict[str, object] = {"provider": provider, "reference": transfer_reference(org_id)}
        return await self._all(BillingOperation, OPERATIONS_BY_REFERENCE, values, tx)

    async def lock_customers(self, org_id: str, *, tx: Tx) -> list[BillingCustomer]:
        """The organisation's customers, at whichever provider, each kept from others until the transaction ends."""
        known = await self._all(BillingCustomer, CUSTOMERS_BY_ORG, {"org_id": org_id}, tx)
        found = [await self.repository.get(BillingCustomer, {"id": each.id}, lock=True, tx=tx) for each in known]
        return [each for each in found if each is not None and each.org_id == org_id]

    async def merge_customer(self, gone: BillingCustomer, kept: BillingCustomer, *, tx: Tx) -> None:
        """Give the subscriptions and events of one customer to another one, and delete the record."""
        for each in await self._all(BillingSubscription, SUBSCRIPTIONS_BY_CUSTOMER, {"customer_id": gone.id}, tx):
            held = await self.repository.get(BillingSubscription, {"id": each.id}, lock=True, tx=tx) or each
            await self.repository.update(attrs.evolve(held, customer_id=kept.id), tx=tx)
        for event in await self._all(BillingEvent, EVENTS_BY_CUSTOMER, {"customer_id": gone.id}, tx):
            await self.repository.update(attrs.evolve(event, customer_id=kept.id), tx=tx)
        await self.repository.delete(gone, tx=tx)

    async def move_customer(self, customer: BillingCustomer, org_id: str, *, now: datetime, tx: Tx) -> BillingCustomer:
        """Write a customer, and its events, under another organisation.

        Raises:
            Conflict: the organisation has got a customer there at this moment.
        """
        moved = attrs.evolve(customer, org_id=org_id, updated_at=now)
        if not await self.repository.update(moved, tx=tx):
            message = "the other organisation has got a customer there at this moment: repeat this"
            raise Conflict(message, provider=customer.provider, operation=_TRANSFER, retryable=True)
        for event in await self._all(BillingEvent, EVENTS_BY_CUSTOMER, {"customer_id": customer.id}, tx):
            await self.repository.update(attrs.evolve(event, org_id=org_id), tx=tx)
        return moved

    async def move_operations(self, org_id: str, to_org_id: str, *, tx: Tx) -> None:
        """Write the operation log of an organisation under another one; each row keeps its key.

        Raises:
            Conflict: an operation is open.
        """
        for each in await self._all(BillingOperation, OPERATIONS_BY_ORG, {"org_id": org_id}, tx):
            key = {"provider": each.provider, "key": each.key}
            held = await self.repository.get(BillingOperation, key, lock=True, tx=tx)
            if held is None:
                continue
            if held.state is OperationState.OPEN:
                raise is_open(held)
            await self.repository.update(attrs.evolve(held, org_id=to_org_id), tx=tx)

    async def refuse_open(self, org_id: str, providers: frozenset[str], *, tx: Tx) -> None:
        """Refuse while the organisation has an open operation at one of the providers.

        Raises:
            Conflict: it has.
        """
        for each in await self._all(BillingOperation, OPERATIONS_BY_ORG, {"org_id": org_id}, tx):
            if each.state is OperationState.OPEN and each.provider in providers:
                raise is_open(each)

    async def move_checkouts(self, org_id: str, to_org_id: str, *, now: datetime, tx: Tx) -> None:
        """Write the checkouts of an organisation under another one. Of two pages for a product, the newer has its place.

        Raises:
            Conflict: a newer version of paylattice has written one that is in the way.
        """
        for each in await self._all(BillingCheckout, CHECKOUTS_BY_ORG, {"org_id": org_id}, tx):
            held = await self.repository.get(BillingCheckout, {"id": each.id}, lock=True, tx=tx) or each
            if held.place is not None:
                at = {"org_id": to_org_id, "place": held.place}
                other = await self.repository.get(BillingCheckout, at, lock=True, tx=tx)
                if other is not None and other.ticket < held.ticket:
                    await self.repository.update(_replaced(other, now), tx=tx)
                elif other is not None:
                    held = _replaced(held, now)
            await self.repository.update(attrs.evolve(held, org_id=to_org_id), tx=tx)

    async def move_migrations(self, org_id: str, to_org_id: str, *, tx: Tx) -> None:
        """Write the migrations of an organisation that are over under another one.

        Raises:
            Conflict: one is under way.
        """
        for each in await self._all(BillingMigration, MIGRATIONS_BY_ORG, {"org_id": org_id}, tx):
            if not each.step.is_final:
                message = (
                    "a subscription of the organisation moves to another provider: wait for it, or abort that first"
                )
                raise Conflict(message, provider=each.source, operation=_TRANSFER)
            await self.repository.update(attrs.evolve(each, org_id=to_org_id), tx=tx)


def was_merged(customer: BillingCustomer) -> Conflict:
    """The error about a record that was merged into another one since it was read."""
    message = "the customer was transferred to another organisation at this moment: repeat this"
    return Conflict(message, provider=customer.provider, operation=_TRANSFER, retryable=True)


def is_open(row: BillingOperation) -> Conflict:
    """The error about an operation whose outcome is not known."""
    message = (
        f"the outcome of a {row.operation} is not known yet: nothing was transferred. Repeat this, or call recover_open() "
        "first"
    )
    return Conflict(message, provider=row.provider, operation=_TRANSFER, idempotency_key=row.key, retryable=True)


def _replaced(checkout: BillingCheckout, now: datetime) -> BillingCheckout:
    """The page without its place.

    Raises:
        Conflict: a newer version of paylattice has written it.
    """
    if checkout.state is CheckoutState.UNKNOWN:
        message = "a newer version of paylattice wrote a page of the organisation: transfer it with that version"
        raise Conflict(message, provider=checkout.provider, operation=_TRANSFER)
    return checkout.after(CheckoutNews.REPLACED, now=now)
