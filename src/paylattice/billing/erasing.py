"""Forgetting an organisation: its subscriptions end, its customers are deleted, and nothing personal stays in the records.

Each step may be repeated, and what is done stays done: after a crash, or while a provider is down, the same call goes on.
What books need stays: events, subscriptions, payments and their ids, without a word about a person.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..errors import Conflict, PaymentError
from ..models import NOTHING
from ..provider import BaseProvider
from .closing import Closing, EndedSubscriptions
from .commands import CancelSubscription, readable_command_of
from .deleting import AtProvider, Deleting
from .entries import entry_of
from .operation_log import OperationLog
from .payment_methods import PaymentMethods
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingOperation, OperationState
from .repository import Tx
from .store import Store

__all__ = ["AtProvider", "ErasedOrganisation", "Erasing", "Kept"]


@attrs.frozen
class Kept:
    """Records that stay, without anything personal.

    Args:
        record: the class of the records.
        count: how many.
        why: what they are needed for.
    """

    record: str
    count: int
    why: str


@attrs.frozen
class ErasedOrganisation:
    """What became of an organisation that is to be forgotten.

    Args:
        ended: what became of its subscriptions.
        kept: the records that stay for the books.
        at_providers: what the providers still have.
        open: operations whose outcome is not known yet: they say still what was asked for. Repeat the call later.
    """

    ended: EndedSubscriptions
    kept: tuple[Kept, ...] = ()
    at_providers: tuple[AtProvider, ...] = ()
    open: tuple[BillingOperation, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing personal is left here, and nothing failed to be deleted at the providers."""
        return bool(self.kept) and not self.open and not any(each.error for each in self.at_providers)


class Erasing(Generic[Tx]):
    """Forgets organisations.

    Args:
        store: where the records are.
        providers: by name.
        log: sends.
        closing: ends subscriptions.
        payment_methods: are removed where there are no customers to delete.
        pipeline: applies what waits before it is deleted.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        closing: Closing[Tx],
        payment_methods: PaymentMethods[Tx],
        pipeline: EventPipeline[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._closing = closing
        self._deleting = Deleting(store, providers, log, payment_methods)
        self._pipeline = pipeline
        self._clock = clock

    async def erase(self, org_id: str, *, end_subscriptions: bool) -> ErasedOrganisation:
        """Forget the organisation, as far as that is possible now.

        Raises:
            Conflict: a subscription goes on, and is not to be ended.
        """
        if not end_subscriptions:
            await self._refuse_current(org_id)
        wanted = CancelSubscription(at_period_end=False, final_invoice=True)
        ended = await self._closing.cancel_all(org_id, wanted, None, at_the_latest=True)
        if any(each.subscription_id is not None or each.transient for each in ended.not_ended):
            return ErasedOrganisation(ended)
        still_open = await self._finish(org_id)
        customers = await self._store.list_customers_of(org_id)
        there = tuple([found for each in customers for found in await self._deleting.delete(each)])
        if any(each.error for each in there):
            return ErasedOrganisation(ended, at_providers=there, open=still_open)
        for customer in customers:
            gone = [each.customer_id for each in there if each.provider == customer.provider and each.is_deleted]
            await self._drop_waiting(customer, [each for each in gone if each is not None])
        await self._strip(org_id)
        return ErasedOrganisation(ended, await self._kept(org_id), there, still_open)

    async def _refuse_current(self, org_id: str) -> None:
        if any(not each.status.is_terminal for each in await self._store.list_subscriptions_of(org_id)):
            message = "the organisation has a subscription that goes on: cancel_all() first, or let this end it"
            raise Conflict(message, operation="erase")

    async def _finish(self, org_id: str) -> tuple[BillingOperation, ...]:
        """Find out what was left open. Returns what stays so: what it was asked with is needed still."""
        still_open: list[BillingOperation] = []
        for row in await self._store.list_operations_of(org_id):
            if row.state is not OperationState.OPEN:
                continue
            provider, after = self._providers.get(row.provider), row
            if provider is not None and readable_command_of(row) is not None:
                try:
                    after = await self._log.finish(provider, entry_of(row))
                except PaymentError:
                    after = row
            if after.state is OperationState.OPEN:
                still_open.append(after)
        return tuple(still_open)

    async def _drop_waiting(self, customer: BillingCustomer, deleted: list[str]) -> None:
        """Apply the events that wait for the customer, and delete those that cannot be applied."""
        subscriptions = await self._store.list_subscriptions(customer.id)
        ids = [each.external_subscription_id for each in subscriptions]
        for external in dict.fromkeys((customer.external_customer_id, *deleted)):
            if customer.provider in self._providers:
                await self._pipeline.apply_unmatched(customer.provider, external_customer_id=external)
            there = attrs.evolve(customer, external_customer_id=external)
            for event in await self._store.list_waiting_for(there, ids):
                await self._store.delete_unmatched(event)

    async def _strip(self, org_id: str) -> None:
        """Take what is personal out of the records; first of the customers, so that no delivery brings it back."""
        now = self._clock()
        customers = await self._store.list_customers_of(org_id)
        for customer in customers:
            await self._strip_customer(customer, now)
        for customer in customers:
            for each in await self._store.list_subscriptions(customer.id):
                await self._store.strip_subscription(each.provider, each.external_subscription_id)
        for checkout in await self._store.list_checkouts(org_id):
            await self._store.strip_checkout(checkout, now=now)
        for row in await self._store.list_operations_of(org_id):
            command = readable_command_of(row)
            await self._store.strip_operation(row, {} if command is None else command.stripped().to_json())

    async def _strip_customer(self, customer: BillingCustomer, now: datetime) -> None:
        ticket = await self._store.next_ticket()

        def stripped(stored: BillingCustomer) -> BillingCustomer:
            gone = attrs.evolve(stored, erased_customer_id=stored.external_customer_id, ticket=ticket, updated_at=now)
            return attrs.evolve(gone, email=None, name=None, phone=None, metadata=NOTHING)

        await self._store.change_customer(customer.id, stripped)

    async def _kept(self, org_id: str) -> tuple[Kept, ...]:
        customers = await self._store.list_customers_of(org_id)
        events = [each for customer in customers for each in await self._store.list_events_of(customer.id)]
        rows = {
            "BillingCustomer": (
                len(customers),
                "later refunds and disputes find their organisation by the provider's id",
            ),
            "BillingSubscription": (
                len(await self._store.list_subscriptions_of(org_id)),
                "plan, status and paid periods",
            ),
            "BillingCheckout": (len(await self._store.list_checkouts(org_id)), "which page brought which subscription"),
            "BillingEvent": (len(events), "the proof that each event was applied once, and the amounts"),
            "BillingOperation": (
                len(await self._store.list_operations_of(org_id)),
                "what was asked of the providers, and when: ids, plans and amounts",
            ),
        }
        return tuple(Kept(record, count, why) for record, (count, why) in rows.items())
