"""Commits: the one transaction in which an event, or a state that was read without one, is stored and handled.

The event is inserted (its key is unique: of two workers one gets through), the subscription is written if its ticket is newer,
the handlers run, the event is stamped. An exception or a crash undoes all of it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Generic

import attrs

from ..events import EventType, WebhookEvent
from ..idempotency import operation_key
from ..provider import BaseProvider
from .attribution import Attribution, Reading
from .changes import SubscriptionStateChange, changes_between, words_of, words_of_a_reading
from .commands import merged
from .handlers import EventContext, Handlers
from .outcomes import WebhookOutcome
from .record_ids import new_record_id
from .records import BillingCustomer, BillingEvent, BillingSubscription, UnmatchedEvent
from .repository import Tx
from .second_subscriptions import Second, SecondSubscriptions
from .store import Store
from .transfer_store import was_merged

__all__ = ["Commits", "Written"]

_NOTHING_CHANGED = SubscriptionStateChange()


@attrs.frozen
class Written:
    """What a transaction did.

    Args:
        outcome: what became of the event.
        stored: the subscription as it is stored now; None: there is none.
        previous: the subscription as it was stored before.
        change: what changed in it.
        is_first: whether it was stored for the first time.
        second: the second subscription, where it has begun beside another one.
    """

    outcome: WebhookOutcome = WebhookOutcome.PROCESSED
    stored: BillingSubscription | None = None
    previous: BillingSubscription | None = None
    change: SubscriptionStateChange = _NOTHING_CHANGED
    is_first: bool = False
    second: Second | None = None


class Commits(Generic[Tx]):
    """Stores events and states, and runs handlers.

    Args:
        store: where the records are.
        providers: by name.
        handlers: the application's.
        second_subscriptions: knows of second subscriptions.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        handlers: Handlers[Tx],
        second_subscriptions: SecondSubscriptions[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._handlers = handlers
        self._second_subscriptions = second_subscriptions
        self._clock = clock

    async def event(self, attribution: Attribution, waiting: UnmatchedEvent | None = None) -> Written:
        """Store an event and the state that was read for it, and run its handlers.

        Args:
            attribution: the event, its owner, and the state of its subscription.
            waiting: the unmatched event that it was.
        """
        return await self._store.transact(partial(self._event, attribution, waiting))

    async def _event(self, attribution: Attribution, waiting: UnmatchedEvent | None, tx: Tx) -> Written:
        customer, reading = attribution.customer, attribution.reading
        if customer is not None:
            customer = await self._held(customer, tx)
        event = self._described(attribution.event, reading)
        if waiting is not None:
            await self._store.delete_unmatched(waiting, tx=tx)
        if event.known_as and await self._store.was_applied(event, tx=tx):  # since it was looked for, or unmatched
            return Written(WebhookOutcome.DUPLICATE)
        record = self._record(event, customer)
        if not await self._store.insert_event(record, tx=tx):
            return Written(WebhookOutcome.DUPLICATE)
        written, observed = Written(), False
        if customer is not None and reading is not None:
            written, customer = await self._write(customer, reading, tx)
            observed = True
        elif event.subscription_id is not None:
            stored = await self._store.get_subscription(event.provider, event.subscription_id, tx=tx)
            written = Written(stored=stored, previous=stored)
        if customer is not None and attribution.details is not None:
            found, ticket = attribution.details.customer, attribution.details.ticket
            now = self._clock()
            customer = await self._store.note_details(customer.id, found, ticket, now=now, tx=tx) or customer
        if customer is not None and event.type is EventType.CUSTOMER_MERGED and event.customer is not None:
            customer = await self._follow(customer, event.customer.id, 0, tx)
        also = [word for key in event.also if (word := await self._first_told(key, record, tx)) is not None]
        words = (*words_of(event, written.change, observed=observed), *also)
        await self._handle(words, event, record, customer, written, tx, attribution.claimed_customer)
        second = await self._second(words, customer, written.stored, tx)
        return written if second is None else attrs.evolve(written, second=second)

    async def reading(self, customer: BillingCustomer, reading: Reading) -> Written:
        """Store a state that was read without an event, and run the handlers of what it changed."""
        return await self._store.transact(partial(self._reading, customer, reading))

    async def _reading(self, customer: BillingCustomer, reading: Reading, tx: Tx) -> Written:
        customer = await self._held(customer, tx)
        written, owner = await self._write(customer, reading, tx)
        words = words_of_a_reading(written.change)
        if not words:
            return written
        event = self._own_event(owner, reading, words[0])
        record = self._record(event, owner)
        await self._store.insert_event(record, tx=tx)
        await self._handle(words, event, record, owner, written, tx)
        second = await self._second(words, owner, written.stored, tx)
        return written if second is None else attrs.evolve(written, second=second)

    def _own_event(self, customer: BillingCustomer, reading: Reading, word: EventType) -> WebhookEvent:
        subject = operation_key(word, reading.subscription.id)  # ids can be as long as a key may be
        name = f"paylattice:{subject}:{reading.ticket}"
        return WebhookEvent(
            id=name,
            type=word,
            created_at=self._clock(),
            dedupe_key=name,
            customer_id=customer.external_customer_id,
            subscription_id=reading.subscription.id,
            subscription=reading.subscription,
            provider=customer.provider,
        )

    def _described(self, event: WebhookEvent, reading: Reading | None) -> WebhookEvent:
        """The event with its subscription as it is now, and an invoice that says why it was written, for which period."""
        if reading is None:
            return event
        if event.subscription is not reading.subscription:
            event = attrs.evolve(event, subscription=reading.subscription)
        if event.invoice is None:
            return event
        invoice = self._providers[event.provider].describe_invoice(event.invoice, reading.subscription)
        return attrs.evolve(event, invoice=invoice)

    def _record(self, event: WebhookEvent, customer: BillingCustomer | None) -> BillingEvent:
        return BillingEvent.of(event, id=new_record_id(), customer=customer, processed_at=self._clock())

    async def _first_told(self, key: str, record: BillingEvent, tx: Tx) -> str | None:
        """The further word of an event that has this key; None if another event has told it."""
        word = key.partition(":")[0]
        told = attrs.evolve(record, id=new_record_id(), event_type=word, external_event_id=key, delivery_id=None)
        return word if await self._store.insert_event(told, tx=tx) else None

    async def _write(self, customer: BillingCustomer, reading: Reading, tx: Tx) -> tuple[Written, BillingCustomer]:
        """Write the state if it is newer. Returns what was done, and the subscription's owner."""
        provider = self._providers[customer.provider]
        state = BillingSubscription.of(
            reading.subscription,
            id=new_record_id(),
            customer_id=customer.id,
            provider=customer.provider,
            now=self._clock(),
            ticket=reading.ticket,
            version=reading.version,
        )
        if customer.is_erased or reading.subscription.customer_id == (customer.erased_customer_id or ""):
            state = attrs.evolve(state, metadata={})
        upserted = await self._store.upsert_subscription(state, tx=tx)
        previous = upserted.previous
        if previous is None and not provider.preserves_customer:
            customer = await self._follow(customer, reading.subscription.customer_id, reading.ticket, tx)
        if previous is not None and not upserted.written:
            return Written(WebhookOutcome.STALE, previous, previous), await self._owner(previous, customer, tx)
        stored = state.replacing(previous)
        change = changes_between(previous, stored)
        written = Written(stored=stored, previous=previous, change=change, is_first=previous is None)
        return written, await self._owner(stored, customer, tx)

    async def _held(self, customer: BillingCustomer, tx: Tx) -> BillingCustomer:
        """The customer as it is now, kept from a transfer until the transaction ends."""
        held = await self._store.repository.get(BillingCustomer, {"id": customer.id}, lock=True, tx=tx)
        if held is None:
            raise was_merged(customer)
        return held

    async def _owner(self, stored: BillingSubscription, customer: BillingCustomer, tx: Tx) -> BillingCustomer:
        """The owner of a subscription: the customer that it was first stored for."""
        if stored.customer_id == customer.id:
            return customer
        return await self._store.get_customer_by_id(stored.customer_id, tx=tx) or customer

    async def _follow(
        self, customer: BillingCustomer, external_customer_id: str | None, ticket: int, tx: Tx
    ) -> BillingCustomer:
        """Let the record point to the profile that the provider books on; not if that is another organisation's already.

        What is told of the profile before is still the organisation's. A record that was erased stays so at the other profile,
        and nothing leads back to one that was erased.
        """
        if external_customer_id in {None, customer.external_customer_id, customer.erased_customer_id}:
            return customer
        stored = await self._store.get_customer_by_id(customer.id, tx=tx) or customer
        now = self._clock()
        moved = await self._store.change_customer(
            customer.id, lambda each: each.following(str(external_customer_id), now=now), tx=tx
        )
        if moved is not None and moved.external_customer_id != stored.external_customer_id:
            await self._keep_the_way(stored, moved.external_customer_id, ticket, tx)
        return moved or stored

    async def _keep_the_way(self, before: BillingCustomer, profile: str, ticket: int, tx: Tx) -> None:
        """Record that the profile before was the organisation's."""
        old = before.external_customer_id
        if not await self._store.list_operations(before.provider, reference=old, limit=1, tx=tx):
            await self._store.insert(merged(before, profile, ticket, now=self._clock()), tx=tx)

    async def _handle(
        self,
        words: tuple[str, ...],
        event: WebhookEvent,
        record: BillingEvent,
        customer: BillingCustomer | None,
        written: Written,
        tx: Tx,
        claimed_customer: BillingCustomer | None = None,
    ) -> None:
        """Run the handlers, and stamp the event if there were any: the last statement of the transaction.

        A handler may have let a statement of its own fail in silence. PostgreSQL would then answer the COMMIT with ROLLBACK
        and no error, and what nothing is left of would pass for applied. The stamp fails instead.
        """
        context = EventContext(
            customer=customer,
            subscription=written.stored,
            transaction=tx,
            previous=written.previous,
            change=written.change,
            claimed_customer=claimed_customer if customer is None else None,
        )
        if await self._handlers.run(words, event, context):
            await self._store.update_event(attrs.evolve(record, processed_at=self._clock()), tx=tx)

    async def _second(
        self, words: tuple[str, ...], customer: BillingCustomer | None, stored: BillingSubscription | None, tx: Tx
    ) -> Second | None:
        """The second subscription, where one has begun beside another; told once, as an event of its own."""
        if EventType.SUBSCRIPTION_STARTED not in words:
            return None
        second = await self._second_subscriptions.beside(customer, stored, tx)
        if second is None:
            return None
        record = self._record(second.event, second.customer)
        if await self._store.insert_event(record, tx=tx):
            seen = Written(stored=second.subscription, previous=second.subscription)
            await self._handle((second.event.type,), second.event, record, second.customer, seen, tx)
        return second
