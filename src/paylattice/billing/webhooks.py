"""The delivery pipeline: from a verified event to a committed change, exactly once.

1. An event that was applied before is a DUPLICATE at once.
2. A ticket is taken, THEN the subscription is read again from the provider. No transaction and no lock is open meanwhile.
3. One transaction: insert the event (its key is unique: of two workers one gets through), write the subscription if its
   ticket is newer, run the handlers, stamp the event. An exception or a crash undoes all of it, and the provider delivers
   again.

Why tickets: whoever handles the last change took its ticket, and read, after that change. Only a still later ticket may
overwrite what it wrote, and that one read later still. So every order of deliveries ends in the provider's true state.
"""

import logging
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Generic

import attrs

from ..errors import ConfigurationError
from ..events import EventType, WebhookEvent
from ..models import Subscription
from ..operations import Capability
from ..provider import BaseProvider
from ..serialization import converter
from .handlers import EventContext, Handlers
from .origins import ASKED_FOR, PATIENCE, Origins
from .records import BillingCustomer, BillingEvent, BillingSubscription, ParkedEvent
from .repository import BillingRepository, Tx, Upserted

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["EventContext", "EventPipeline", "WebhookOutcome"]

_log = logging.getLogger("paylattice")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_WORDS = frozenset(EventType)
_NO_TIME = timedelta(0)


class WebhookOutcome(StrEnum):
    """What became of a delivery. All of them are answered with 200."""

    PROCESSED = "processed"
    """It was applied."""
    DUPLICATE = "duplicate"
    """It had been applied before; nothing was done."""
    STALE = "stale"
    """Its handlers ran, but a newer state of the subscription is stored already and stays."""
    IGNORED = "ignored"
    """It is of a kind that nobody here listens to."""
    PARKED = "parked"
    """It is about somebody who is not known here yet; it is kept, and applied when they appear."""


@attrs.frozen
class _Reading:
    """A state of a subscription at the provider, and its place in the order of states."""

    subscription: Subscription
    ticket: int
    version: int | None = None


@attrs.frozen
class _Found:
    """Whom an event is about.

    Args:
        event: the event; with the subscription that its checkout brought, where the event itself does not name it.
        customer: who it is about; None: nobody, or somebody who is not known here yet.
        reading: the state of its subscription.
        concerns_somebody: whether it is about anybody.
    """

    event: WebhookEvent
    customer: BillingCustomer | None = None
    reading: _Reading | None = None
    concerns_somebody: bool = False


@attrs.define(eq=False)
class _Handling:
    """The time in which a pipeline's handlers run. What they start, and what outlives them, inherits it."""

    pipeline: object
    outer: "_Handling | None"
    over: bool = False


_handling: ContextVar[_Handling | None] = ContextVar("paylattice_handling", default=None)


@cache
def _converter() -> "Converter":
    return converter()


def new_record_id() -> str:
    """The id of a new record."""
    return uuid.uuid4().hex


class EventPipeline(Generic[Tx]):
    """Applies events.

    Args:
        repository: where the records are.
        providers: by name.
        handlers: the application's.
        refetch: read a subscription again before it is written; False, or where the provider lets nobody read it: believe
            the payload, in the provider's own order.
        clock: the time, aware.
    """

    def __init__(
        self,
        repository: BillingRepository[Tx],
        providers: Mapping[str, BaseProvider],
        handlers: Handlers[Tx],
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._providers = providers
        self._handlers = handlers
        self._origins = Origins(repository, providers)
        self._refetch = refetch
        self._clock = clock

    async def apply(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply an event that was verified before, here or in another process."""
        self.refuse_in_handlers()
        if event.provider not in self._providers:
            message = f"there is no provider {event.provider!r} in this service"
            raise ConfigurationError(message, provider=event.provider)
        if not isinstance(event.type, EventType) and event.type in _WORDS:
            event = attrs.evolve(event, type=EventType(event.type))
        if self._refetch and await self._was_applied(event):  # otherwise the unique key says so soon enough
            return WebhookOutcome.DUPLICATE
        if not isinstance(event.type, EventType) and not self._handlers.listens_to(event.type):
            return WebhookOutcome.IGNORED
        if self._refetch:
            event = await self._providers[event.provider].confirm_event(event)
        found = await self._find(event)
        if found.customer is None and found.concerns_somebody:
            await self._park(found)
            # The customer may have appeared after it was looked for and before the event was parked. Whoever brought it
            # looked for parked events after committing it; so one of the two sees the other.
            again = await self._find(event)
            if again.customer is None:
                return await self._after_parking(event)
            outcome, _ = await self._commit(again, parked=True)
            return outcome
        outcome, _ = await self._commit(found)
        return outcome

    async def _after_parking(self, event: WebhookEvent) -> WebhookOutcome:
        """Let a payment that waits for this very subscription be applied, and this event with it."""
        if event.customer_id is not None and not self._providers[event.provider].checkout_keeps_customer:
            await self.apply_parked(event.provider, external_customer_id=event.customer_id)
            if await self._was_applied(event):
                return WebhookOutcome.PROCESSED
        return WebhookOutcome.PARKED

    async def _was_applied(self, event: WebhookEvent) -> bool:
        seen = await self._repository.get_event(event.provider, event.dedupe_key)
        return seen is not None and seen.processed_at is not None

    async def apply_parked(
        self, provider: str, *, external_customer_id: str | None = None, external_subscription_id: str | None = None
    ) -> int:
        """Apply what was parked for a customer or a subscription, or for anybody. Returns how many events were applied.

        An event whose handlers fail stays parked, and does not keep the others waiting.
        """
        self.refuse_in_handlers()
        applied = 0
        last: ParkedEvent | None = None
        while True:
            page = await self._repository.parked_events(
                provider,
                external_customer_id=external_customer_id,
                external_subscription_id=external_subscription_id,
                after=last,
            )
            if last is not None and page and _place(page[0]) <= _place(last):
                message = "the repository's parked_events() does not go on after the event that it is given"
                raise ConfigurationError(message, provider=provider)
            for parked in page:
                try:
                    applied += await self._unpark(parked)
                except Exception as exc:  # noqa: BLE001 - it stays parked, whatever its handlers stumbled over
                    _log.warning("an event of %s stays parked: %s", provider, type(exc).__name__)
            if not page:
                return applied
            last = page[-1]

    async def _unpark(self, parked: ParkedEvent) -> int:
        event = _converter().structure(parked.payload, WebhookEvent)
        found = await self._find(event, waited=self._clock() - parked.parked_at)
        if found.customer is None:
            return 0
        outcome, others = await self._commit(found, parked=True)
        return others + (outcome is not WebhookOutcome.DUPLICATE)

    async def observe(
        self, provider: str, customer: BillingCustomer, subscription_id: str
    ) -> BillingSubscription | None:
        """Read a subscription from the provider and store it, as a webhook about it would."""
        self.refuse_in_handlers()
        ticket = await self._repository.next_ticket()
        subscription = await self._providers[provider].get_subscription(subscription_id)
        if subscription is None:
            return None
        return await self.store(provider, customer, subscription, ticket)

    async def store(
        self, provider: str, customer: BillingCustomer, subscription: Subscription, ticket: int
    ) -> BillingSubscription:
        """Store a state that was read after the ticket was taken; handlers of a change of status run, once."""
        self.refuse_in_handlers()
        async with self._repository.transaction() as tx:
            version = subscription.version if self._believes_payloads(provider) else None
            stored, upserted, owner = await self._write(customer, _Reading(subscription, ticket, version), tx)
            word = _new_status(stored, upserted)
            if word is not None:
                event = self._own_event(provider, owner, subscription, word, ticket)
                await self._repository.insert_event(BillingEvent.of(event, id=new_record_id(), customer=owner), tx=tx)
                await self._run(event, (word,), owner, stored, upserted, tx)
                await self._repository.mark_event_processed(provider, event.dedupe_key, self._clock(), tx=tx)
        await self._apply_what_waited_for(stored, upserted, subscription.customer_id)
        return stored

    async def whose(self, customer: BillingCustomer, subscription: Subscription) -> BillingCustomer | None:
        """Whose a subscription is that the provider lists for a customer; None as long as that cannot be told."""
        provider = customer.provider
        stored = await self._repository.get_subscription(provider, subscription.id)
        if stored is not None:
            same = stored.customer_id == customer.id
            return customer if same else await self._repository.get_customer_by_id(stored.customer_id)
        if self._providers[provider].checkout_keeps_customer:
            return customer
        made_at = subscription.created_at or self._clock()
        if self._clock() - made_at < PATIENCE:
            return None
        origin = await self._origins.by_asking(provider, subscription.id, subscription, made_at)
        return origin.customer if origin is not None else customer

    def refuse_in_handlers(self) -> None:
        """Refuse what needs a transaction of its own, before anything is sent, to the handlers of this pipeline.

        Raises:
            ConfigurationError: a handler is running here.
        """
        here = _handling.get()
        while here is not None:
            if here.pipeline is self and not here.over:
                message = (
                    "a handler called a billing operation that writes, and it would wait for the transaction it is in. "
                    "Write with context.transaction, and leave the rest to an outbox that is read after the commit"
                )
                raise ConfigurationError(message)
            here = here.outer

    # --- whom it is about ----------------------------------------------------------------------------------------

    async def _find(self, event: WebhookEvent, *, waited: timedelta = _NO_TIME) -> _Found:
        """Whom an event is about, and what is true of its subscription now.

        Args:
            event: the event.
            waited: how long it has been parked.
        """
        origin = await self._origins.origin_of(event)
        if origin is not None:
            if origin.is_under_way and waited < PATIENCE:
                return _Found(event, concerns_somebody=True)
            bought = origin.session.subscription_id
            if bought is not None:
                event = attrs.evolve(event, subscription_id=bought)
            return _Found(event, origin.customer, await self._read(event), concerns_somebody=True)
        if await self._origins.is_nobodys_yet(event.provider, event.subscription_id):
            return await self._find_buyer(event, waited)
        somebody = event.customer_id is not None or event.subscription_id is not None
        customer = await self._customer_of(event)
        if customer is None and event.customer_id is not None:
            return _Found(event, concerns_somebody=True)
        reading = await self._read(event)
        if customer is None:
            customer = await self._owner_of(event.provider, reading)
        return _Found(event, customer, reading, concerns_somebody=somebody)

    async def _find_buyer(self, event: WebhookEvent, waited: timedelta) -> _Found:
        """Whom an event is about whose subscription only a checkout can tell the owner of; nobody, until it has waited."""
        nobody = _Found(event, concerns_somebody=True)
        if waited < PATIENCE or event.subscription_id is None:
            return nobody
        reading = await self._read(event)
        subscription = reading.subscription if reading is not None else None
        customer = await self._customer_of(event) or await self._owner_of(event.provider, reading)
        if customer is not None or waited < ASKED_FOR:
            made_at = (subscription.created_at if subscription is not None else None) or event.created_at
            origin = await self._origins.by_asking(event.provider, event.subscription_id, subscription, made_at)
            customer = origin.customer if origin is not None else customer
        return attrs.evolve(nobody, customer=customer, reading=reading)

    async def _customer_of(self, event: WebhookEvent) -> BillingCustomer | None:
        """By the profile that the event names, and by its subscription: whichever tells more at this provider."""
        if self._providers[event.provider].checkout_keeps_customer:
            return await self._by_profile(event) or await self._by_subscription(event)
        stored = None
        if event.subscription_id is not None:
            stored = await self._repository.get_subscription(event.provider, event.subscription_id)
        if stored is not None:
            return await self._repository.get_customer_by_id(stored.customer_id)
        return await self._by_profile(event)

    async def _by_profile(self, event: WebhookEvent) -> BillingCustomer | None:
        if event.customer_id is None:
            return None
        return await self._repository.get_customer_by_external_id(event.provider, event.customer_id)

    async def _by_subscription(self, event: WebhookEvent) -> BillingCustomer | None:
        if event.subscription_id is None:
            return None
        stored = await self._repository.get_subscription(event.provider, event.subscription_id)
        return await self._repository.get_customer_by_id(stored.customer_id) if stored is not None else None

    async def _owner_of(self, provider: str, reading: _Reading | None) -> BillingCustomer | None:
        if reading is None or reading.subscription.customer_id is None:
            return None
        return await self._repository.get_customer_by_external_id(provider, reading.subscription.customer_id)

    async def _park(self, found: _Found) -> None:
        event, reading = found.event, found.reading
        payload: dict[str, object] = _converter().unstructure(event)
        await self._repository.park_event(
            ParkedEvent(
                provider=event.provider,
                external_event_id=event.dedupe_key,
                external_customer_id=event.customer_id or (reading.subscription.customer_id if reading else None),
                external_subscription_id=event.subscription_id,
                payload=payload,
                parked_at=self._clock(),
            )
        )

    # --- what is true --------------------------------------------------------------------------------------------

    def _believes_payloads(self, provider: str) -> bool:
        return not self._refetch or Capability.SUBSCRIPTIONS not in self._providers[provider].capabilities

    async def _read(self, event: WebhookEvent) -> _Reading | None:
        if self._believes_payloads(event.provider):
            if event.subscription is None:
                return None
            version = event.subscription.version
            if version is None:
                version = (event.created_at - _EPOCH) // timedelta(microseconds=1)
            return _Reading(event.subscription, await self._repository.next_ticket(), version)
        if event.subscription_id is None:
            return None
        ticket = await self._repository.next_ticket()
        subscription = await self._providers[event.provider].get_subscription(event.subscription_id)
        return _Reading(subscription, ticket) if subscription is not None else None

    # --- the one transaction -------------------------------------------------------------------------------------

    async def _commit(self, found: _Found, *, parked: bool = False) -> tuple[WebhookOutcome, int]:
        """What became of the event, and how many parked ones were applied after it."""
        event, customer, reading = found.event, found.customer, found.reading
        outcome = WebhookOutcome.PROCESSED
        stored: BillingSubscription | None = None
        upserted: Upserted | None = None
        repository = self._repository
        async with repository.transaction() as tx:
            if parked:
                await repository.delete_parked_event(event.provider, event.dedupe_key, tx=tx)
            record = BillingEvent.of(event, id=new_record_id(), customer=customer)
            if not await repository.insert_event(record, tx=tx):
                return WebhookOutcome.DUPLICATE, 0
            if customer is not None and reading is not None:
                stored, upserted, customer = await self._write(customer, reading, tx)
                if not upserted.written:
                    outcome = WebhookOutcome.STALE
            elif event.subscription_id is not None:
                stored = await repository.get_subscription(event.provider, event.subscription_id, tx=tx)
            if customer is not None and event.type is EventType.CUSTOMER_MERGED and event.customer is not None:
                customer = await self._follow(customer, event.customer.id, tx)
            await self._run(event, _words(event, stored, upserted), customer, stored, upserted, tx)
            await repository.mark_event_processed(event.provider, event.dedupe_key, self._clock(), tx=tx)
        profile = reading.subscription.customer_id if reading is not None else None
        return outcome, await self._apply_what_waited_for(stored, upserted, profile)

    async def _apply_what_waited_for(
        self, stored: BillingSubscription | None, upserted: Upserted | None, profile: str | None
    ) -> int:
        """Apply what was parked for a subscription that has just been stored for the first time, or for its profile."""
        if stored is None or upserted is None or upserted.previous is not None:
            return 0
        name = stored.provider
        applied = await self.apply_parked(name, external_subscription_id=stored.external_subscription_id)
        if profile is not None and not self._providers[name].checkout_keeps_customer:
            applied += await self.apply_parked(name, external_customer_id=profile)
        return applied

    async def _write(
        self, customer: BillingCustomer, reading: _Reading, tx: Tx
    ) -> tuple[BillingSubscription, Upserted, BillingCustomer]:
        """Write the state if it is newer. Returns what is stored then, and whose it is."""
        record = BillingSubscription.of(
            reading.subscription,
            id=new_record_id(),
            customer_id=customer.id,
            provider=customer.provider,
            now=self._clock(),
            ticket=reading.ticket,
            version=reading.version,
        )
        upserted = await self._repository.upsert_subscription(record, tx=tx)
        previous = upserted.previous
        if previous is None:
            if not self._providers[customer.provider].checkout_keeps_customer:
                customer = await self._follow(customer, reading.subscription.customer_id, tx)
            return record, upserted, customer
        if previous.customer_id != customer.id:  # who stored it first has the last word on whose it is
            customer = await self._repository.get_customer_by_id(previous.customer_id, tx=tx) or customer
        return (record.replacing(previous) if upserted.written else previous), upserted, customer

    async def _follow(self, customer: BillingCustomer, external_customer_id: str | None, tx: Tx) -> BillingCustomer:
        """Let the record point to the profile that the provider books on; not if that is another organisation's already."""
        if external_customer_id in {None, customer.external_customer_id}:
            return customer
        stored = await self._repository.get_customer_by_id(customer.id, tx=tx) or customer
        moved = attrs.evolve(stored, external_customer_id=external_customer_id, updated_at=self._clock())
        return moved if await self._repository.update_customer(moved, tx=tx) else stored

    async def _run(
        self,
        event: WebhookEvent,
        words: tuple[str, ...],
        customer: BillingCustomer | None,
        stored: BillingSubscription | None,
        upserted: Upserted | None,
        tx: Tx,
    ) -> None:
        previous = upserted.previous.status if upserted and upserted.written and upserted.previous else None
        if stored is not None and (upserted is None or not upserted.written):
            previous = stored.status
        context = EventContext(customer=customer, subscription=stored, transaction=tx, previous_status=previous)
        with self._running_handlers():
            for word in words:
                await self._handlers.run(word, event, context)

    @contextmanager
    def _running_handlers(self) -> Generator[None]:
        here = _Handling(self, _handling.get())
        token = _handling.set(here)
        try:
            yield
        finally:
            here.over = True
            _handling.reset(token)

    def _own_event(
        self, provider: str, customer: BillingCustomer, subscription: Subscription, word: EventType, ticket: int
    ) -> WebhookEvent:
        name = f"paylattice:{subscription.id}:{ticket}"
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


def _place(parked: ParkedEvent) -> tuple[datetime, str]:
    return parked.parked_at, parked.external_event_id


def _new_status(stored: BillingSubscription | None, upserted: Upserted | None) -> EventType | None:
    """The word for the status that a subscription has just come to; None if the status did not change."""
    if stored is None or upserted is None or not upserted.written:
        return None
    if upserted.previous is not None and upserted.previous.status is stored.status:
        return None
    return EventType.of_status(stored.status)


def _words(event: WebhookEvent, stored: BillingSubscription | None, upserted: Upserted | None) -> tuple[str, ...]:
    """The words whose handlers run: the event's own, and that of a new status; the latter once for each change.

    A word that names a status is about a change of status, whichever event brought it; so it is not repeated for an
    event of that name that changed nothing any more.
    """
    changed = _new_status(stored, upserted)
    if isinstance(event.type, EventType) and event.type.names_a_status and upserted is not None:
        return (changed,) if changed else ()
    return (event.type, changed) if changed else (event.type,)
