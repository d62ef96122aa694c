"""What a database has to do for billing: the protocol that an application implements over its own."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, cast

import attrs
from typing_extensions import TypeVar

from .records import BillingCustomer, BillingEvent, BillingOperation, BillingSubscription, OperationState, ParkedEvent

__all__ = [
    "BillingRepository",
    "BlockingBillingRepository",
    "BlockingClaimsEvents",
    "Claim",
    "ClaimsEvents",
    "Tx",
    "Upserted",
    "can_claim",
]

Tx = TypeVar("Tx", default=Any)
Tx_contra = TypeVar("Tx_contra", contravariant=True, default=Any)


@attrs.frozen
class Upserted:
    """What became of a subscription that was to be written.

    Args:
        written: False: the stored state is newer, nothing was changed.
        previous: the state that was stored before, if there was one: exactly the one that was overwritten, or that stayed.
    """

    written: bool
    previous: BillingSubscription | None


@attrs.frozen
class Claim:
    """What became of an event that was to be claimed.

    Args:
        customer: whose it is.
        stored: the subscription as it is stored now; None: the event was there already, and nothing was changed.
        upserted: what became of the state.
    """

    customer: BillingCustomer
    stored: BillingSubscription | None = None
    upserted: Upserted | None = None


class BillingRepository(Protocol[Tx]):
    """Where billing keeps its records.

    Every method takes ``tx``, what :meth:`transaction` yields; with None it runs in a transaction of its own.

    The guarantees:

    * **Atomicity.** What is done with one ``tx`` becomes visible at once, when the ``async with`` block ends, or never,
      when it ends with an exception or the process dies.
    * **Isolation.** A transaction sees committed records only, and its own. READ COMMITTED is enough.
    * **Uniqueness.** The keys that the records name in their docstrings are unique, also among transactions that run
      at the same time: the later one waits for the earlier one, and then finds its record.
    * **Durability.** What is committed is there after a crash; so are the tickets that were given out.

    Errors of the database (a lost connection, a deadlock, a serialisation failure) come out as they are: the delivery is
    then answered with 500, and the provider delivers again.
    """

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction. What it yields is handed to the application's handlers, so that their writes commit with it."""
        ...

    async def next_ticket(self) -> int:
        """A number greater than every number given out before, in any process. Gaps are no harm. Outside transactions."""
        ...

    async def insert_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """Insert; False if the org has a customer at the provider already, or the external id is taken."""
        ...

    async def update_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """Write external id, e-mail, name, metadata and ``updated_at`` of the customer with this ``id``.

        False, and nothing is changed, if there is none, or the external id is another customer's.
        """
        ...

    async def get_customer(self, org_id: str, provider: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """The org's customer at the provider."""
        ...

    async def get_customer_by_id(self, customer_id: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """The customer with this record id."""
        ...

    async def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """The customer with the provider's id."""
        ...

    async def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx | None = None
    ) -> list[BillingCustomer]:
        """A page of the provider's customers, in an order that never changes; ``after`` is the last page's last ``id``."""
        ...

    async def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx | None = None) -> Upserted:
        """Insert, or overwrite where :meth:`BillingSubscription.supersedes` allows it.

        What is written over a stored row is ``subscription.replacing(stored)``. Comparing and writing is one step: lock
        the stored row (``SELECT ... FOR UPDATE``), compare, write. Two inserts of the same subscription at once: the later
        one waits, and then compares with the earlier one's row.
        """
        ...

    async def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx | None = None
    ) -> BillingSubscription | None:
        """The subscription with the provider's id."""
        ...

    async def list_subscriptions(self, customer_id: str, *, tx: Tx | None = None) -> list[BillingSubscription]:
        """All subscriptions of the customer with this record id, in the order of their insertion."""
        ...

    async def insert_event(self, event: BillingEvent, *, tx: Tx | None = None) -> bool:
        """Insert; False if ``(provider, external_event_id)`` is there already, or ``(provider, delivery_id)``.

        This is what makes delivery exactly once. Events without a ``delivery_id`` (None) have only the first key.
        """
        ...

    async def get_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> BillingEvent | None:
        """The event with this ``external_event_id``; if there is none, the one with this ``delivery_id``.

        By the latter an event of the provider's own list is known that a delivery has brought already.
        """
        ...

    async def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx | None = None
    ) -> None:
        """Stamp the event."""
        ...

    async def park_event(self, event: ParkedEvent, *, tx: Tx | None = None) -> bool:
        """Keep an event for later; False if it is kept already."""
        ...

    async def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[ParkedEvent]:
        """A page of events kept for later: the customer's, the subscription's, or with neither given, anybody's.

        Ordered by ``(parked_at, external_event_id)``; ``after`` is the last page's last event, which may be gone by now.
        """
        ...

    async def update_parked_event(self, event: ParkedEvent, *, tx: Tx | None = None) -> None:
        """Write ``error`` of the event with this ``(provider, external_event_id)``, and nothing else."""
        ...

    async def delete_parked_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> None:
        """Forget an event that was kept for later."""
        ...

    async def insert_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> bool:
        """Insert; False if ``(provider, key)`` is there already. Committed before anything is sent to the provider."""
        ...

    async def get_operation(self, provider: str, key: str, *, tx: Tx | None = None) -> BillingOperation | None:
        """The operation with this key."""
        ...

    async def update_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> None:
        """Write what came of the operation with this ``(provider, key)``.

        That is ``state``, ``external_id``, ``reference``, ``error``, ``closed_at`` and ``created_at``. What was asked for
        and its ``ticket`` stay. What is DONE stays DONE: nothing but another DONE is written over it. Comparing and writing
        is one step (``UPDATE ... WHERE ... AND state <> 'done'``), as two workers may close one operation at the same time.
        """
        ...

    async def operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[BillingOperation]:
        """A page of the journal, ordered by ``(ticket, key)``; ``after`` is the last page's last operation.

        Those in the state, those that made ``external_id``, those with the ``reference``; with nothing given, all.
        """
        ...


class ClaimsEvents(Protocol[Tx_contra]):
    """What a repository may have beside :class:`BillingRepository`: one call for the most frequent delivery.

    The service uses it, where the repository's class has it, for events whose payload it believes (``refetch=False``): one
    statement in the place of six. Without it, nothing is missing but speed. Whoever inherits it, and overrides one of the
    methods that it stands for, overrides it as well, or sets it to None.
    """

    async def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: Tx_contra
    ) -> Claim | None:
        """Do what four methods do one after another, and answer what they would.

        ``next_ticket``, before anything is waited for; ``get_customer_by_external_id`` (nobody: nothing is done, and None is
        the answer); ``insert_event``, with the customer's ``org_id`` and ``id`` in the event (there already: nothing more is
        done); ``upsert_subscription``, with the customer's ``id`` and the ticket in the state. The answer None, or an
        exception, which undoes the transaction, lets the service go the long way.

        Args:
            event: of the customer's provider, with ``processed_at``; about nobody yet.
            state: of the customer's subscription, without ``customer_id`` and ``ticket`` yet.
            external_customer_id: the provider's id of the customer.
            tx: the transaction.
        """
        ...


class BlockingBillingRepository(Protocol[Tx]):
    """The same without ``await``, for :mod:`paylattice.sync`. The docstrings are :class:`BillingRepository`'s."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """See :meth:`BillingRepository.transaction`."""
        ...

    def next_ticket(self) -> int:
        """See :meth:`BillingRepository.next_ticket`."""
        ...

    def insert_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.insert_customer`."""
        ...

    def update_customer(self, customer: BillingCustomer, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.update_customer`."""
        ...

    def get_customer(self, org_id: str, provider: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """See :meth:`BillingRepository.get_customer`."""
        ...

    def get_customer_by_id(self, customer_id: str, *, tx: Tx | None = None) -> BillingCustomer | None:
        """See :meth:`BillingRepository.get_customer_by_id`."""
        ...

    def get_customer_by_external_id(
        self, provider: str, external_customer_id: str, *, tx: Tx | None = None
    ) -> BillingCustomer | None:
        """See :meth:`BillingRepository.get_customer_by_external_id`."""
        ...

    def list_customers(
        self, provider: str, after: str | None = None, limit: int = 100, *, tx: Tx | None = None
    ) -> list[BillingCustomer]:
        """See :meth:`BillingRepository.list_customers`."""
        ...

    def upsert_subscription(self, subscription: BillingSubscription, *, tx: Tx | None = None) -> Upserted:
        """See :meth:`BillingRepository.upsert_subscription`."""
        ...

    def get_subscription(
        self, provider: str, external_subscription_id: str, *, tx: Tx | None = None
    ) -> BillingSubscription | None:
        """See :meth:`BillingRepository.get_subscription`."""
        ...

    def list_subscriptions(self, customer_id: str, *, tx: Tx | None = None) -> list[BillingSubscription]:
        """See :meth:`BillingRepository.list_subscriptions`."""
        ...

    def insert_event(self, event: BillingEvent, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.insert_event`."""
        ...

    def get_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> BillingEvent | None:
        """See :meth:`BillingRepository.get_event`."""
        ...

    def mark_event_processed(
        self, provider: str, external_event_id: str, processed_at: datetime, *, tx: Tx | None = None
    ) -> None:
        """See :meth:`BillingRepository.mark_event_processed`."""
        ...

    def park_event(self, event: ParkedEvent, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.park_event`."""
        ...

    def parked_events(
        self,
        provider: str,
        *,
        external_customer_id: str | None = None,
        external_subscription_id: str | None = None,
        after: ParkedEvent | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[ParkedEvent]:
        """See :meth:`BillingRepository.parked_events`."""
        ...

    def update_parked_event(self, event: ParkedEvent, *, tx: Tx | None = None) -> None:
        """See :meth:`BillingRepository.update_parked_event`."""
        ...

    def delete_parked_event(self, provider: str, external_event_id: str, *, tx: Tx | None = None) -> None:
        """See :meth:`BillingRepository.delete_parked_event`."""
        ...

    def insert_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.insert_operation`."""
        ...

    def get_operation(self, provider: str, key: str, *, tx: Tx | None = None) -> BillingOperation | None:
        """See :meth:`BillingRepository.get_operation`."""
        ...

    def update_operation(self, operation: BillingOperation, *, tx: Tx | None = None) -> None:
        """See :meth:`BillingRepository.update_operation`."""
        ...

    def operations(
        self,
        provider: str,
        *,
        state: OperationState | None = None,
        external_id: str | None = None,
        reference: str | None = None,
        after: BillingOperation | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[BillingOperation]:
        """See :meth:`BillingRepository.operations`."""
        ...


class BlockingClaimsEvents(Protocol[Tx_contra]):
    """The same without ``await``."""

    def claim_event(
        self, event: BillingEvent, state: BillingSubscription, external_customer_id: str, *, tx: Tx_contra
    ) -> Claim | None:
        """See :meth:`ClaimsEvents.claim_event`."""
        ...


def can_claim(repository: object) -> bool:
    """Whether a repository's class has ``claim_event``. A wrapper that only hands on what it does not have itself has none."""
    return callable(cast("object", getattr(type(repository), "claim_event", None)))
