"""What billing asks its repository, in billing's own words: every rule about records is here, once.

A repository knows rows and keys. What may be written over what, which row is locked meanwhile, and in which order pages come
is said here; the rest of billing calls these methods and no repository.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Generic, cast

from .records import BillingCustomer, BillingEvent, BillingOperation, BillingSubscription, OperationState, ParkedEvent
from .repository import BillingRepository, ClaimsEvents, Tx, Upserted, can_claim

__all__ = ["Store", "Upserted"]

_PAGE = 100


class Store(Generic[Tx]):
    """Reads and writes billing's records.

    Every method takes ``tx``, what :meth:`transaction` yields; with None it runs in a transaction of its own.

    Args:
        repository: where the records are kept.
    """

    def __init__(self, repository: BillingRepository[Tx]) -> None:
        self.repository = repository
        self.claims = cast("ClaimsEvents[Tx]", repository) if can_claim(repository) else None

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction: what is written with it is committed together, or not at all."""
        return self.repository.transaction()

    async def next_ticket(self) -> int:
        """Take a ticket: greater than every one that was given out before, in any process."""
        return await self.repository.next_ticket()

    # --- customers -----------------------------------------------------------------------------------------------

    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """Insert a customer; False if the org has one at the provider already, or the external id is taken."""
        return await self.repository.insert_customer(customer, tx=tx)

    async def update_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """Write external id, e-mail, name, metadata and ``updated_at``; False if the external id is another customer's."""
        return await self.repository.update_customer(customer, tx=tx)

    async def get_customer(self, org_id: str, provider: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """Get the org's customer at the provider."""
        return await self.repository.get_customer(org_id, provider, tx=tx)

    async def get_customer_by_id(self, customer_id: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """Get the customer with this record id."""
        return await self.repository.get_customer_by_id(customer_id, tx=tx)

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """Get the customer with the provider's id."""
        return await self.repository.get_customer_by_external_id(provider, external_customer_id, tx=tx)

    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = _PAGE, *, tx: Tx | None = None
    ) -> list[BillingCustomer]:
        """List a page of the provider's customers; ``after`` is the last page's last ``id``."""
        return await self.repository.list_customers(provider, after, limit, tx=tx)

    # --- subscriptions -------------------------------------------------------------------------------------------

    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx | None = None) -> Upserted:
        """Insert a subscription, or write it over the stored one where :meth:`BillingSubscription.supersedes` allows it."""
        return await self.repository.upsert_subscription(subscription, tx=tx)

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx | None = None
    ) -> BillingSubscription | None:
        """Get the subscription with the provider's id."""
        return await self.repository.get_subscription(provider, external_subscription_id, tx=tx)

    async def list_subscriptions(self, customer_id: str, *, tx: Tx | None = None) -> list[BillingSubscription]:
        """List all subscriptions of the customer with this record id, oldest first."""
        return await self.repository.list_subscriptions(customer_id, tx=tx)

    # --- events --------------------------------------------------------------------------------------------------

    async def insert_event(self, event: BillingEvent, *, tx: Tx | None = None) -> bool:
        """Insert an applied event; False if it was applied before: this is what makes delivery exactly once."""
        return await self.repository.insert_event(event, tx=tx)

    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> BillingEvent | None:
        """Get the event with this ``external_event_id``; if there is none, the one with this ``delivery_id``."""
        return await self.repository.get_event(provider, external_event_id, tx=tx)

    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx | None = None
    ) -> None:
        """Stamp the event."""
        await self.repository.mark_event_processed(provider, external_event_id, processed_at, tx=tx)

    # --- unmatched events ----------------------------------------------------------------------------------------

    async def insert_unmatched(self, event: ParkedEvent, *, tx: Tx | None = None) -> bool:
        """Keep an event that waits for its customer; False if it is kept already."""
        return await self.repository.park_event(event, tx=tx)

    async def list_unmatched(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = _PAGE,
        tx: Tx | None = None,
    ) -> list[ParkedEvent]:
        """List a page of the events that wait, oldest first: the customer's, the subscription's, or all of the provider's."""
        return await self.repository.parked_events(
            provider,
            external_customer_id=external_customer_id,
            external_subscription_id=external_subscription_id,
            after=after,
            limit=limit,
            tx=tx,
        )

    async def update_unmatched(self, event: ParkedEvent, *, tx: Tx | None = None) -> None:
        """Write ``error`` of an event that waits."""
        await self.repository.update_parked_event(event, tx=tx)

    async def delete_unmatched(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> None:
        """Delete an event that waits, if it is there."""
        await self.repository.delete_parked_event(provider, external_event_id, tx=tx)

    # --- the operation log ---------------------------------------------------------------------------------------

    async def insert_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> bool:
        """Record an operation; False if ``(provider, key)`` is there already."""
        return await self.repository.insert_operation(operation, tx=tx)

    async def get_operation(self, provider: str, key: str, *, tx: Tx | None = None) -> BillingOperation | None:
        """Get the operation with this key."""
        return await self.repository.get_operation(provider, key, tx=tx)

    async def update_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> None:
        """Write the outcome of an operation: what was asked for stays, and what is DONE stays DONE."""
        await self.repository.update_operation(operation, tx=tx)

    async def list_operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = _PAGE,
        tx: Tx | None = None,
    ) -> list[BillingOperation]:
        """List a page of the operation log in the order of tickets.

        Those in the state, those that made ``external_id``, those with the ``reference``; with nothing given, all.
        """
        return await self.repository.operations(
            provider, state=state, external_id=external_id, reference=reference, after=after, limit=limit, tx=tx
        )
