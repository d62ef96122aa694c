"""The delivery pipeline: from a verified event to a committed change, exactly once.

1. An event that was applied before, under one of its keys, is a DUPLICATE at once.
2. A ticket is taken, THEN the subscription is read again from the provider. No transaction and no lock is open meanwhile.
3. One transaction: insert the event (its key is unique: of two workers one gets through), write the subscription if its
   ticket is newer, run the handlers, stamp the event. An exception or a crash undoes all of it, and the provider delivers
   again.

Why tickets: whoever handles the last change took its ticket, and read, after that change. Only a still later ticket may
overwrite what it wrote, and that one read later still. So every order of deliveries ends in the provider's true state.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Generic

import attrs

from ..errors import ConfigurationError, Conflict, WebhookError
from ..events import EventType, WebhookEvent
from ..idempotency import operation_key
from ..models import Subscription
from ..provider import BaseProvider
from ..serialization import converter
from ..storable import check_event
from ..webhook_guard import check_mode
from .attribution import Attribution, Attributor, Reading
from .changes import SubscriptionStateChange, changes_between, words_of, words_of_a_reading
from .handlers import EventContext, Handlers
from .outcomes import Retried, WebhookOutcome
from .owners import RefusedSubscription
from .pages import Pages
from .record_ids import new_record_id
from .records import BillingCustomer, BillingEvent, BillingSubscription, UnmatchedEvent
from .repository import Tx
from .seconds import Second, Seconds
from .store import Store, Upserted

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["EventPipeline"]

_log = logging.getLogger("paylattice")
_WORDS = frozenset(EventType)
_NO_TIME = timedelta(0)
_MONEY = frozenset({"payment", "refund", "dispute", "fraud"})


@cache
def _converter() -> "Converter":
    return converter()


class EventPipeline(Generic[Tx]):
    """Applies events.

    Args:
        store: where the records are.
        providers: by name.
        attributor: finds the owner of an event.
        handlers: the application's.
        pages: know which one has brought a subscription.
        seconds: know which of several is the second subscription, and undo it.
        refetch: whether an event is confirmed, and read again, at the provider.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        attributor: Attributor[Tx],
        handlers: Handlers[Tx],
        pages: Pages[Tx],
        seconds: Seconds[Tx],
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._pages = pages
        self._seconds = seconds
        self._store = store
        self._providers = providers
        self._attributor = attributor
        self._handlers = handlers
        self._refetch = refetch
        self._clock = clock

    async def apply(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply an event that was verified before, here or in another process."""
        outcome = await self._apply(event)
        await self._undo(event.provider, event.subscription_id)
        return outcome

    async def _apply(self, event: WebhookEvent) -> WebhookOutcome:
        self._handlers.refuse_inside()
        check_event(event)
        if event.provider not in self._providers:
            message = f"there is no provider {event.provider!r} in this service"
            raise ConfigurationError(message, provider=event.provider)
        check_mode(self._providers[event.provider], event)
        if event.account_id != self._providers[event.provider].account_id:
            return WebhookOutcome.IGNORED  # another account's objects can have the ids of this one's
        if not isinstance(event.type, EventType) and event.type in _WORDS:
            event = attrs.evolve(event, type=EventType(event.type))
        if (self._refetch or event.known_as) and await self._was_applied(event):  # otherwise its unique key says so
            return WebhookOutcome.DUPLICATE
        if not isinstance(event.type, EventType) and not self._handlers.listens_to(event.type):
            return WebhookOutcome.IGNORED
        if self._refetch:
            event = await self._providers[event.provider].verify_with_provider(event)
            event = await self._linked(event)
        return await self._attribute_and_commit(event)

    async def _attribute_and_commit(self, event: WebhookEvent) -> WebhookOutcome:
        attribution = await self._attributor.attribute(event)
        if attribution.customer is None and attribution.concerns_customer:
            waiting = await self._keep_unmatched(attribution)
            # The customer may have appeared after it was looked for and before the event was unmatched. Whoever brought it
            # looked for unmatched events after committing it; so one of the two sees the other.
            again = await self._led_on(await self._attributor.attribute(event))
            self._attributor.report_refused(again)
            if again.customer is None:
                return await self._after_keeping(event)
            outcome, _ = await self._commit(again, waiting)
            return outcome
        self._attributor.report_refused(attribution)
        outcome, _ = await self._commit(attribution)
        return outcome

    async def _linked(self, event: WebhookEvent) -> WebhookEvent:
        """The event with what its money leads to, where it does not say that itself.

        It is followed where it does not say whose it is, or that proves nothing; or a handler wants to know. Never where it
        names a customer who is not stored.
        """
        if not _leads_on(event):
            return event
        proven = event.customer_id is not None and self._attributor.owners.is_proven(event.provider)
        has_owner = proven or event.subscription_id is not None
        if has_owner and not self._handlers.listens_to(event.type):
            return event
        if event.customer_id is not None and not await self._attributor.knows_customer(event):
            return event
        return await self._providers[event.provider].follow_links(event)

    async def _led_on(self, attribution: Attribution) -> Attribution:
        """The same, with what the event's money leads to: as long as its customer was not stored, it was not followed."""
        if not self._refetch or attribution.customer is None:
            return attribution
        return attrs.evolve(attribution, event=await self._linked(attribution.event))

    async def _was_applied(self, event: WebhookEvent, tx: Tx | None = None) -> bool:
        for key in (event.dedupe_key, *event.known_as):
            seen = await self._store.get_event(event.provider, key, tx=tx)
            if seen is not None and seen.processed_at is not None:
                return True
        return False

    # --- events that wait ----------------------------------------------------------------------------------------

    async def _keep_unmatched(self, attribution: Attribution) -> UnmatchedEvent:
        event, reading = attribution.event, attribution.reading
        check_event(event, whole=True)  # all of it is kept now
        payload: dict[str, object] = _converter().unstructure(event)
        waiting = UnmatchedEvent(
            provider=event.provider,
            external_event_id=event.dedupe_key,
            external_customer_id=event.customer_id or (reading.subscription.customer_id if reading else None),
            external_subscription_id=event.subscription_id,
            payload=payload,
            waiting_since=self._clock(),
        )
        await self._store.insert_unmatched(waiting)
        return waiting

    async def _after_keeping(self, event: WebhookEvent) -> WebhookOutcome:
        """Let a payment that waits for this very subscription be applied, and this event with it."""
        if event.customer_id is not None and not self._providers[event.provider].preserves_customer:
            await self.apply_unmatched(event.provider, external_customer_id=event.customer_id)
            if await self._was_applied(event):
                return WebhookOutcome.PROCESSED
        return WebhookOutcome.UNMATCHED

    async def apply_unmatched(
        self, provider: str, *, external_customer_id: str | None = None, external_subscription_id: str | None = None
    ) -> int:
        """Apply what was unmatched for a customer or a subscription, or for anybody. Returns how many events were applied.

        An event whose handlers fail stays unmatched, and does not keep the others waiting.
        """
        self._handlers.refuse_inside()
        applied = 0
        last: UnmatchedEvent | None = None
        while True:
            page = await self._store.list_unmatched(
                provider,
                external_customer_id=external_customer_id,
                external_subscription_id=external_subscription_id,
                after=last,
            )
            for unmatched in page:
                applied += (await self.retry_unmatched(unmatched)).applied
            if not page:
                return applied
            last = page[-1]

    async def retry_unmatched(self, unmatched: UnmatchedEvent) -> Retried:
        """Try one unmatched event again. One that fails stays, with the class of its error, and raises nothing."""
        try:
            event = _converter().structure(unmatched.payload, WebhookEvent)
            provider = self._providers[event.provider]
        except Exception as exc:  # noqa: BLE001 - whatever the row holds by now, it keeps no other waiting
            return await self._stays_unmatched(unmatched, exc)
        try:
            check_mode(provider, event)
        except WebhookError as refused:
            _log.warning("an event of %s stays unmatched: %s", unmatched.provider, refused.diagnosis)
            return Retried(is_nobodys=True)
        try:
            attribution = await self._led_on(
                await self._attributor.attribute(event, waited=self._waited(event, unmatched))
            )
        except Exception as exc:  # noqa: BLE001 - its owner cannot be found now: that is no error of its handlers
            _log.warning("an event of %s stays unmatched: %s", unmatched.provider, type(exc).__name__)
            return Retried(error=type(exc).__name__)
        self._attributor.report_refused(attribution)
        if attribution.customer is None:
            return Retried(is_nobodys=True)
        try:
            outcome, others = await self._commit(attribution, unmatched)
        except Exception as exc:  # noqa: BLE001 - it stays unmatched, whatever its handlers stumbled over
            return await self._stays_unmatched(unmatched, exc)
        return Retried(others + (outcome is not WebhookOutcome.DUPLICATE))

    def _waited(self, event: WebhookEvent, unmatched: UnmatchedEvent) -> timedelta:
        """How long it has been unmatched, by the clock here; no longer than it exists, if another machine's was behind."""
        now = self._clock()
        return min(now - unmatched.waiting_since, max(now - event.created_at, _NO_TIME))

    async def _stays_unmatched(self, unmatched: UnmatchedEvent, exc: Exception) -> Retried:
        error = type(exc).__name__
        _log.warning("an event of %s stays unmatched: %s", unmatched.provider, error)
        if unmatched.error != error:
            await self._store.update_unmatched(attrs.evolve(unmatched, error=error))
        return Retried(error=error)

    async def purge_unmatched(self, unmatched: UnmatchedEvent) -> Retried:
        """Purge an unmatched event if it matches no customer. One that matches is applied; one that fails stays."""
        retried = await self.retry_unmatched(unmatched)
        if not retried.is_nobodys:
            return retried
        if unmatched.error is not None:  # it matched a customer when its handlers failed
            return Retried(error=unmatched.error)
        await self._store.delete_unmatched(unmatched)
        # Its customer may have appeared after they were looked for, and may have looked for the event after it was deleted.
        again = await self.retry_unmatched(unmatched)
        if again.error is not None:
            await self._store.insert_unmatched(attrs.evolve(unmatched, error=again.error))
        return again

    async def _apply_what_waited_for(
        self, stored: BillingSubscription | None, upserted: Upserted | None, profile: str | None
    ) -> int:
        """Apply what was unmatched for a subscription that has just been stored for the first time, or for its profile."""
        if stored is None or upserted is None or upserted.previous is not None:
            return 0
        name = stored.provider
        applied = await self.apply_unmatched(name, external_subscription_id=stored.external_subscription_id)
        if profile is not None and not self._providers[name].preserves_customer:
            applied += await self.apply_unmatched(name, external_customer_id=profile)
        return applied

    # --- states that were read without an event ------------------------------------------------------------------

    async def observe(
        self, provider: str, customer: BillingCustomer, subscription_id: str, *, strict: bool = False
    ) -> BillingSubscription | None:
        """Read a subscription from the provider and store it, as a webhook about it would.

        Returns:
            What is stored then, see :meth:`store`; None: there is no such subscription, or nothing of it is stored.
        """
        self._handlers.refuse_inside()
        ticket = await self._store.next_ticket()
        subscription = await self._providers[provider].get_subscription(subscription_id)
        if subscription is None:
            return None
        return await self.store(provider, customer, subscription, ticket, strict=strict)

    async def store(
        self,
        provider: str,
        customer: BillingCustomer,
        subscription: Subscription,
        ticket: int,
        *,
        strict: bool = False,
    ) -> BillingSubscription | None:
        """Store a state that was read after the ticket was taken; handlers of a change of status run, once.

        Args:
            provider: whose.
            customer: who it is known to belong to.
            subscription: as it was read.
            ticket: taken before.
            strict: raise where nothing of it may be stored.

        Returns:
            What is stored then. Of a subscription that is not what was asked for nothing more is stored than that it ended;
            None: nothing at all.

        Raises:
            Conflict: it is not what was asked for, and ``strict``.
        """
        self._handlers.refuse_inside()
        admission = await self._attributor.owners.admitted(provider, subscription)
        if admission.refused is not None:
            refused = RefusedSubscription(provider, subscription.id, admission.refused, customer.org_id)
            self._attributor.owners.report(refused)
            if admission.subscription is None and strict:
                raise Conflict(str(refused), provider=provider)
        if admission.subscription is None:
            return await self._store.get_subscription(provider, subscription.id)
        subscription = admission.subscription
        await self._pages.learn(customer, subscription)
        second: Second | None = None
        async with self._store.transaction() as tx:
            version = subscription.version if self._attributor.trusts_payloads(provider) else None
            stored, upserted, owner = await self._write(customer, Reading(subscription, ticket, version), tx)
            words = words_of_a_reading(_change(stored, upserted))
            if words:
                event = self._own_event(provider, owner, subscription, words[0], ticket)
                record = self._record(event, owner)
                await self._store.insert_event(record, tx=tx)
                if await self._run(words, event, owner, stored, upserted, tx):
                    await self._stamp(record, tx)
                second = await self._second(words, owner, stored, tx)
        await self._apply_what_waited_for(stored, upserted, subscription.customer_id)
        await self._undo_second(second)
        return stored

    def _own_event(
        self, provider: str, customer: BillingCustomer, subscription: Subscription, word: EventType, ticket: int
    ) -> WebhookEvent:
        name = f"paylattice:{operation_key(word, subscription.id)}:{ticket}"  # ids can be as long as a key may be
        return WebhookEvent(
            id=name,
            type=word,
            created_at=self._clock(),
            dedupe_key=name,
            customer_id=customer.external_customer_id,
            subscription_id=subscription.id,
            subscription=subscription,
            provider=provider,
        )

    # --- the one transaction -------------------------------------------------------------------------------------

    async def _commit(
        self, attribution: Attribution, waiting: UnmatchedEvent | None = None
    ) -> tuple[WebhookOutcome, int]:
        """What became of the event, and how many unmatched ones were applied after it."""
        customer, reading = attribution.customer, attribution.reading
        event = self._described(attribution.event, reading)
        outcome = WebhookOutcome.PROCESSED
        stored: BillingSubscription | None = None
        upserted: Upserted | None = None
        if customer is not None and reading is not None:
            await self._pages.learn(customer, reading.subscription)
        async with self._store.transaction() as tx:
            if waiting is not None:
                await self._store.delete_unmatched(waiting, tx=tx)
            if event.known_as and await self._was_applied(event, tx):  # since it was looked for, or unmatched
                return WebhookOutcome.DUPLICATE, 0
            record = self._record(event, customer)
            if not await self._store.insert_event(record, tx=tx):
                return WebhookOutcome.DUPLICATE, 0
            if customer is not None and reading is not None:
                stored, upserted, customer = await self._write(customer, reading, tx)
                if not upserted.written:
                    outcome = WebhookOutcome.STALE
            elif event.subscription_id is not None:
                stored = await self._store.get_subscription(event.provider, event.subscription_id, tx=tx)
            if customer is not None and event.type is EventType.CUSTOMER_MERGED and event.customer is not None:
                customer = await self._follow(customer, event.customer.id, tx)
            also = [word for key in event.also if (word := await self._first_told(key, record, tx)) is not None]
            words = (*words_of(event, _change(stored, upserted), observed=upserted is not None), *also)
            if await self._run(words, event, customer, stored, upserted, tx, attribution.claimed_customer):
                await self._stamp(record, tx)
            second = await self._second(words, customer, stored, tx)
        await self._undo_second(second)
        profile = reading.subscription.customer_id if reading is not None else None
        return outcome, await self._apply_what_waited_for(stored, upserted, profile)

    def _described(self, event: WebhookEvent, reading: Reading | None) -> WebhookEvent:
        """The event with its subscription as it is now, and an invoice that says why it was written, for which period."""
        if reading is None:
            return event
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

    async def _stamp(self, record: BillingEvent, tx: Tx) -> None:
        """Stamp the event once its handlers have run: the last statement of the transaction.

        A handler may have let a statement of its own fail in silence. PostgreSQL would then answer the COMMIT with ROLLBACK
        and no error, and what nothing is left of would pass for applied. This statement fails instead.
        """
        await self._store.update_event(attrs.evolve(record, processed_at=self._clock()), tx=tx)

    def _state(self, provider: str, customer_id: str, reading: Reading) -> BillingSubscription:
        return BillingSubscription.of(
            reading.subscription,
            id=new_record_id(),
            customer_id=customer_id,
            provider=provider,
            now=self._clock(),
            ticket=reading.ticket,
            version=reading.version,
        )

    async def _write(
        self, customer: BillingCustomer, reading: Reading, tx: Tx
    ) -> tuple[BillingSubscription, Upserted, BillingCustomer]:
        """Write the state if it is newer. Returns what is stored then, and whose it is."""
        state = self._state(customer.provider, customer.id, reading)
        upserted = await self._store.upsert_subscription(state, tx=tx)
        if upserted.previous is None and not self._providers[customer.provider].preserves_customer:
            customer = await self._follow(customer, reading.subscription.customer_id, tx)
        stored = upserted.previous if not upserted.written else None
        stored = stored or state.replacing(upserted.previous)
        return stored, upserted, await self._owner(stored, customer, tx)

    async def _owner(self, stored: BillingSubscription, customer: BillingCustomer, tx: Tx) -> BillingCustomer:
        """The owner of a subscription: the customer that it was first stored for."""
        if stored.customer_id == customer.id:
            return customer
        return await self._store.get_customer_by_id(stored.customer_id, tx=tx) or customer

    async def _follow(self, customer: BillingCustomer, external_customer_id: str | None, tx: Tx) -> BillingCustomer:
        """Let the record point to the profile that the provider books on; not if that is another organisation's already."""
        if external_customer_id in {None, customer.external_customer_id}:
            return customer
        stored = await self._store.get_customer_by_id(customer.id, tx=tx) or customer
        moved = attrs.evolve(stored, external_customer_id=external_customer_id, updated_at=self._clock())
        return moved if await self._store.update_customer(moved, tx=tx) else stored

    async def _run(
        self,
        words: tuple[str, ...],
        event: WebhookEvent,
        customer: BillingCustomer | None,
        stored: BillingSubscription | None,
        upserted: Upserted | None,
        tx: Tx,
        claimed_customer: BillingCustomer | None = None,
    ) -> bool:
        """Run the handlers; whether there were any."""
        previous = upserted.previous if upserted is not None and upserted.written else stored
        context = EventContext(
            customer=customer,
            subscription=stored,
            transaction=tx,
            previous=previous,
            change=_change(stored, upserted),
            claimed_customer=claimed_customer if customer is None else None,
        )
        return await self._handlers.run(words, event, context)

    # --- second subscriptions ------------------------------------------------------------------------------------

    async def _second(
        self, words: tuple[str, ...], customer: BillingCustomer | None, stored: BillingSubscription | None, tx: Tx
    ) -> Second | None:
        """The second subscription, where one has begun beside another; told once, as an event of its own."""
        if EventType.SUBSCRIPTION_STARTED not in words:
            return None
        second = await self._seconds.beside(customer, stored, tx)
        if second is None:
            return None
        record = self._record(second.event, second.customer)
        if await self._store.insert_event(record, tx=tx):
            context = EventContext(second.customer, second.subscription, tx, previous=second.subscription)
            if await self._handlers.run((second.event.type,), second.event, context):
                await self._stamp(record, tx)
        return second

    async def _undo_second(self, second: Second | None) -> None:
        if second is not None:
            await self._undo(second.event.provider, second.event.subscription_id)

    async def _undo(self, provider: str, subscription_id: str | None) -> None:
        """Undo a second subscription, if that was recorded and not done yet, and store what it is then."""
        if not await self._seconds.undo(provider, subscription_id) or subscription_id is None:
            return
        stored = await self._store.get_subscription(provider, subscription_id)
        owner = None if stored is None else await self._store.get_customer_by_id(stored.customer_id)
        if owner is not None:
            await self.observe(provider, owner, subscription_id)


def _leads_on(event: WebhookEvent) -> bool:
    """Whether the event is about money, and does not say whose, or what paid it."""
    kind = event.type.partition(".")[0]
    if kind == "invoice":
        paid = event.type is EventType.INVOICE_PAID and event.invoice is not None and not event.invoice.payment_ids
        return paid or (event.customer_id is None and event.subscription_id is None)
    return kind in _MONEY and (event.subscription_id is None or event.payment is None)


def _change(stored: BillingSubscription | None, upserted: Upserted | None) -> SubscriptionStateChange:
    """What was changed in the stored subscription; nothing, if a newer state was there already."""
    if stored is None or upserted is None or not upserted.written:
        return SubscriptionStateChange()
    return changes_between(upserted.previous, stored)
