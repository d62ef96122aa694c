"""What billing asks its repository, in billing's own words: every rule about records is here, once.

A repository knows rows and keys. What may be written over what, which row is locked meanwhile, and in which order pages come
is said here; the rest of billing calls these methods and no repository.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from ..errors import ConfigurationError
from ..events import WebhookEvent
from ..models import Customer
from .checkout_store import CheckoutStore
from .records import (
    BillingBookmark,
    BillingCustomer,
    BillingEvent,
    BillingOperation,
    BillingSubscription,
    OperationState,
    UnmatchedEvent,
)
from .records.customers import CUSTOMERS_BY_ORG, CUSTOMERS_BY_PROVIDER
from .records.events import EVENTS_BY_CUSTOMER, UNMATCHED_BY_CUSTOMER, UNMATCHED_BY_PROVIDER, UNMATCHED_BY_SUBSCRIPTION
from .records.operations import (
    IN_DOUBT,
    OPERATIONS_BY_EXTERNAL_ID,
    OPERATIONS_BY_ORG,
    OPERATIONS_BY_PROVIDER,
    OPERATIONS_BY_REFERENCE,
    OPERATIONS_BY_STATE,
)
from .records.subscriptions import SUBSCRIPTIONS_BY_CUSTOMER
from .repository import Tx
from .rows import PAGE
from .transfer_store import TransferStore

__all__ = ["Store", "Upserted"]

_ATTEMPTS = 5
"""How often a row is looked for that an insert has found in its way."""


@attrs.frozen
class Upserted:
    """What became of a subscription that was to be written.

    Args:
        written: False: the stored state is newer, nothing was changed.
        previous: the state that was stored before, if there was one: exactly the one that was overwritten, or that stayed.
    """

    written: bool
    previous: BillingSubscription | None


class Store(CheckoutStore[Tx], TransferStore[Tx]):
    """Reads and writes billing's records.

    Every method takes ``tx``, what :meth:`transact` hands on; with None it runs in a transaction of its own.

    Args:
        repository: where the records are kept.
        primitives: how to wait; None: on the running event loop.
    """

    # --- customers -----------------------------------------------------------------------------------------------

    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """Insert a customer; False if the org has one at the provider already, or the external id is taken."""
        return await self.repository.insert(customer, tx=tx)

    async def get_customer(
        self, org_id: str, provider: str, *, lock: bool = False, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """Get the org's customer at the provider; with ``lock``, keep others from its row until the transaction ends."""
        return await self.repository.get(BillingCustomer, {"org_id": org_id, "provider": provider}, lock=lock, tx=tx)

    async def change_customer(
        self, customer_id: str, change: Callable[[BillingCustomer], BillingCustomer], *, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """Change the customer with this record id, under a lock of its row, so that no other change is lost.

        Returns:
            The record as it is then; None: there is none, or its new external id is another customer's.
        """

        async def write(own: Tx) -> BillingCustomer | None:
            stored = await self.repository.get(BillingCustomer, {"id": customer_id}, lock=True, tx=own)
            if stored is None:
                return None
            changed = change(stored)
            return changed if changed == stored or await self.repository.update(changed, tx=own) else None

        return await (self.transact(write) if tx is None else write(tx))

    async def note_details(
        self, customer_id: str, found: Customer, ticket: int, *, now: datetime, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """Write what the provider says of a customer, if it was not read later already: see :meth:`change_customer`.

        Args:
            customer_id: the record's id.
            found: as it was read after the ticket was taken.
            ticket: taken before.
            now: UTC.
            tx: the transaction.
        """

        def change(stored: BillingCustomer) -> BillingCustomer:
            if ticket <= stored.ticket or stored.is_erased:
                return stored
            seen = attrs.evolve(stored, email=found.email, name=found.name, phone=found.phone or stored.phone)
            return attrs.evolve(seen, ticket=ticket, updated_at=stored.updated_at if seen == stored else now)

        return await self.change_customer(customer_id, change, tx=tx)

    async def get_customer_by_id(self, customer_id: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """Get the customer with this record id."""
        return await self.repository.get(BillingCustomer, {"id": customer_id}, tx=tx)

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """Get the customer with the provider's id."""
        key = {"provider": provider, "external_customer_id": external_customer_id}
        return await self.repository.get(BillingCustomer, key, tx=tx)

    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = PAGE, *, tx: Tx | None = None
    ) -> list[BillingCustomer]:
        """List a page of the provider's customers by their record ids; ``after`` is the last page's last ``id``."""
        last = None if after is None else BillingCustomer(after, "", provider, "")
        return await self._page(BillingCustomer, CUSTOMERS_BY_PROVIDER, {"provider": provider}, last, limit, tx)

    async def list_customers_of(self, org_id: str, *, tx: Tx | None = None) -> list[BillingCustomer]:
        """List all customers of the org, at whichever provider, by their record ids."""
        return await self._all(BillingCustomer, CUSTOMERS_BY_ORG, {"org_id": org_id}, tx)

    # --- subscriptions -------------------------------------------------------------------------------------------

    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx | None = None) -> Upserted:
        """Insert a subscription, or write it over the stored one where :meth:`BillingSubscription.supersedes` allows it.

        Comparing and writing is one step, under a lock of the row. Of two inserts of one subscription at once, the later one
        waits, and is then compared with the earlier one's row. What is written over a row is ``subscription.replacing(row)``.
        """
        key = {
            "provider": subscription.provider,
            "external_subscription_id": subscription.external_subscription_id,
        }

        async def upsert(own: Tx) -> Upserted:
            for _ in range(_ATTEMPTS):
                stored = await self.repository.get(BillingSubscription, key, lock=True, tx=own)
                if stored is not None:
                    written = subscription.supersedes(stored)
                    if written:
                        await self.repository.update(subscription.replacing(stored), tx=own)
                    return Upserted(written, stored)
                if await self.repository.insert(subscription, tx=own):
                    return Upserted(written=True, previous=None)
                # another transaction inserted it meanwhile, and has committed: now there is a row to lock
            message = (
                "the repository refuses to insert a subscription, and does not show the one in its way: READ COMMITTED?"
            )
            raise ConfigurationError(message)

        return await (self.transact(upsert) if tx is None else upsert(tx))

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, lock: bool = False, tx: Tx | None = None
    ) -> BillingSubscription | None:
        """Get the subscription with the provider's id; with ``lock``, keep others from its row until the transaction ends."""
        key = {"provider": provider, "external_subscription_id": external_subscription_id}
        return await self.repository.get(BillingSubscription, key, lock=lock, tx=tx)

    async def list_subscriptions_of(self, org_id: str, *, tx: Tx | None = None) -> list[BillingSubscription]:
        """List all subscriptions of the org, at whichever provider."""
        customers = await self.list_customers_of(org_id, tx=tx)
        return [found for each in customers for found in await self.list_subscriptions(each.id, tx=tx)]

    async def list_subscriptions(self, customer_id: str, *, tx: Tx | None = None) -> list[BillingSubscription]:
        """List all subscriptions of the customer with this record id, in the order in which they became known."""
        return await self._all(BillingSubscription, SUBSCRIPTIONS_BY_CUSTOMER, {"customer_id": customer_id}, tx)

    # --- events --------------------------------------------------------------------------------------------------

    async def insert_event(self, event: BillingEvent, *, tx: Tx | None = None) -> bool:
        """Insert an applied event; False if it was applied before: this is what makes delivery exactly once."""
        return await self.repository.insert(event, tx=tx)

    async def update_event(self, event: BillingEvent, *, tx: Tx | None = None) -> None:
        """Write ``processed_at`` of an event."""
        await self.repository.update(event, tx=tx)

    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> BillingEvent | None:
        """Get the event with this ``external_event_id``; if there is none, the one with this ``delivery_id``.

        By the latter an event of the provider's own list is known that a delivery has brought already.
        """
        for name in ("external_event_id", "delivery_id"):
            found = await self.repository.get(BillingEvent, {"provider": provider, name: external_event_id}, tx=tx)
            if found is not None:
                return found
        return None

    async def list_events_of(self, customer_id: str, *, tx: Tx | None = None) -> list[BillingEvent]:
        """List all applied events of the customer with this record id, in the order in which they happened."""
        return await self._all(BillingEvent, EVENTS_BY_CUSTOMER, {"customer_id": customer_id}, tx)

    async def was_applied(self, event: WebhookEvent, *, tx: Tx | None = None) -> bool:
        """Return whether an event was applied before, under one of its keys."""
        for key in (event.dedupe_key, *event.known_as):
            seen = await self.get_event(event.provider, key, tx=tx)
            if seen is not None and seen.processed_at is not None:
                return True
        return False

    # --- unmatched events ----------------------------------------------------------------------------------------

    async def insert_unmatched(self, event: UnmatchedEvent, *, tx: Tx | None = None) -> bool:
        """Keep an event that waits for its customer; False if it is kept already."""
        return await self.repository.insert(event, tx=tx)

    async def list_unmatched(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: UnmatchedEvent | None = None,
        limit: int = PAGE,
        tx: Tx | None = None,
    ) -> list[UnmatchedEvent]:
        """List a page of the events that wait, oldest first: the customer's, or the subscription's, or all.

        ``after`` is the last page's last event, which may be gone by now.
        """
        index, values = UNMATCHED_BY_PROVIDER, {"provider": provider}
        if external_customer_id is not None:
            index, values = UNMATCHED_BY_CUSTOMER, {**values, "external_customer_id": external_customer_id}
        elif external_subscription_id is not None:
            index, values = UNMATCHED_BY_SUBSCRIPTION, {**values, "external_subscription_id": external_subscription_id}
        return await self._page(UnmatchedEvent, index, {**values}, after, limit, tx)

    async def update_unmatched(self, event: UnmatchedEvent, *, tx: Tx | None = None) -> None:
        """Write ``error`` of an event that waits, if it is still there."""
        await self.repository.update(event, tx=tx)

    async def delete_unmatched(self, event: UnmatchedEvent, *, tx: Tx | None = None) -> None:
        """Delete an event that waits, if it is still there."""
        await self.repository.delete(event, tx=tx)

    # --- the operation log ---------------------------------------------------------------------------------------

    async def get_operation(
        self, provider: str, key: str, *, lock: bool = False, tx: Tx | None = None
    ) -> BillingOperation | None:
        """Get the operation with this key."""
        return await self.repository.get(BillingOperation, {"provider": provider, "key": key}, lock=lock, tx=tx)

    async def update_operation(
        self,
        operation: BillingOperation,
        *,
        only_attempt: bool = False,
        arguments: Mapping[str, object] | None = None,
        tx: Tx | None = None,
    ) -> None:
        """Write the outcome of an operation. What was asked for, and decided, stays: in other words, if ``arguments`` has them.

        What is DONE stays DONE: nothing but another DONE is written over it, even where two workers close one operation at the
        same time. And it stays its organisation's. So it is compared and written under the row's lock. What is known of the
        only attempt (``only_attempt``) is not written if another one began meanwhile: see :meth:`reopen_operation`.
        """

        async def write(own: Tx) -> None:
            key = {"provider": operation.provider, "key": operation.key}
            stored = await self.repository.get(BillingOperation, key, lock=True, tx=own)
            if stored is None:
                return
            kept = operation.arguments if operation.state is OperationState.DONE else stored.arguments
            mine = attrs.evolve(operation, org_id=stored.org_id, arguments=kept if arguments is None else arguments)
            if operation.state is OperationState.DONE:
                await self.repository.update(mine, tx=own)
                return
            if stored.state is OperationState.DONE:
                return
            if only_attempt and (stored.is_in_doubt or stored.arguments != operation.arguments):
                return
            await self.repository.update(mine, tx=own)

        await (self.transact(write) if tx is None else write(tx))

    async def decide_operation(self, operation: BillingOperation, *, tx: Tx) -> None:
        """Write what was decided of an operation, whose row is locked."""
        await self.repository.update(operation, tx=tx)

    async def reopen_operation(
        self,
        operation: BillingOperation,
        *,
        begun: datetime,
        closed_too: bool,
        if_failed: Mapping[str, object] | None = None,
        if_closed: Mapping[str, object] | None = None,
        tx: Tx | None = None,
    ) -> BillingOperation:
        """Record, before an operation is sent once more, that it is: then no refusal of another attempt says that it failed.

        Args:
            operation: it.
            begun: since when the provider knows its key; UTC.
            closed_too: whether one that is closed, and not DONE, is opened again.
            if_failed: its arguments then, if nothing has been done under its key. None: as they are.
            if_closed: its arguments, if it is opened again: with the tokens that its row keeps no more. None: as they are.
            tx: the transaction; None: one of its own.

        Returns:
            It as stored now. If it is open, it is in doubt unless nothing has been done under its key so far. If it is not,
            another worker has closed it meanwhile.
        """

        async def reopen(own: Tx) -> BillingOperation:
            stored = await self.get_operation(operation.provider, operation.key, lock=True, tx=own) or operation
            if stored.state is OperationState.DONE or not (closed_too or stored.state is OperationState.OPEN):
                return stored
            failed, kept = stored.state is OperationState.FAILED, stored.arguments
            if stored.state is not OperationState.OPEN and if_closed is not None:
                kept = if_closed
            opened = attrs.evolve(
                stored,
                state=OperationState.OPEN,
                created_at=begun,
                error=None if failed else IN_DOUBT,
                closed_at=None,
                arguments=if_failed if failed and if_failed is not None else kept,
            )
            await self.repository.update(opened, tx=own)
            return opened

        return await (self.transact(reopen) if tx is None else reopen(tx))

    async def list_operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = PAGE,
        tx: Tx | None = None,
    ) -> list[BillingOperation]:
        """List a page of the operation log in the order of tickets: by one of the three, or all.

        ``after`` is the last page's last operation.
        """
        index, values = OPERATIONS_BY_PROVIDER, {"provider": provider}
        if state is not None:
            index, values = OPERATIONS_BY_STATE, {**values, "state": state}
        elif external_id is not None:
            index, values = OPERATIONS_BY_EXTERNAL_ID, {**values, "external_id": external_id}
        elif reference is not None:
            index, values = OPERATIONS_BY_REFERENCE, {**values, "reference": reference}
        return await self._page(BillingOperation, index, {**values}, after, limit, tx)

    async def list_operations_of(self, org_id: str, *, tx: Tx | None = None) -> list[BillingOperation]:
        """List all operations of the org, at whichever provider, in the order of tickets."""
        return await self._all(BillingOperation, OPERATIONS_BY_ORG, {"org_id": org_id}, tx)

    # --- bookmarks -----------------------------------------------------------------------------------------------

    async def get_bookmark(self, provider: str, part: str, *, tx: Tx | None = None) -> BillingBookmark | None:
        """Get the bookmark of a part of the scheduled work at a provider."""
        return await self.repository.get(BillingBookmark, {"provider": provider, "part": part}, tx=tx)

    async def put_bookmark(self, bookmark: BillingBookmark, *, tx: Tx | None = None) -> None:
        """Write a bookmark, over the stored one if there is one."""
        if not await self.repository.update(bookmark, tx=tx):
            await self.repository.insert(bookmark, tx=tx)
