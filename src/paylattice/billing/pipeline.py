"""The delivery pipeline: from a verified event to a committed change, exactly once.

1. An event that was applied before, under one of its keys, is a DUPLICATE at once.
2. A ticket is taken, THEN the subscription is read again from the provider. No transaction and no lock is open meanwhile.
3. One transaction (:mod:`.commits`). An exception or a crash undoes all of it, and the provider delivers again.

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
from ..models import Subscription
from ..provider import BaseProvider
from ..serialization import converter
from ..storable import check_event
from ..webhook_guard import check_mode
from .attribution import Attribution, Attributor, Reading
from .checkout_correlation import Asked
from .commits import Commits, Written
from .handlers import Handlers
from .outcomes import Retried, WebhookOutcome
from .owners import RefusedSubscription
from .pages import Pages
from .records import BillingCustomer, BillingSubscription, UnmatchedEvent
from .repository import Tx
from .second_subscriptions import Second, SecondSubscriptions
from .store import Store

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
        second_subscriptions: know which of several is the second subscription, and undo it.
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
        second_subscriptions: SecondSubscriptions[Tx],
        *,
        refetch: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._pages = pages
        self._second_subscriptions = second_subscriptions
        self._store = store
        self._providers = providers
        self._attributor = attributor
        self._handlers = handlers
        self._refetch = refetch
        self._clock = clock
        self._commits = Commits(store, providers, handlers, second_subscriptions, clock)

    async def apply(self, event: WebhookEvent, *, checked: bool = False) -> WebhookOutcome:
        """Apply an event that was verified before, here or in another process.

        Args:
            event: the event.
            checked: whether the guard of the provider has checked it just now.
        """
        outcome = await self._apply(event, checked=checked)
        if self._second_subscriptions.undoes:
            await self._undo(event.provider, event.subscription_id)
        return outcome

    async def _apply(self, event: WebhookEvent, *, checked: bool) -> WebhookOutcome:
        self._handlers.refuse_inside()
        if not checked:
            check_event(event)
            if event.provider not in self._providers:
                message = f"there is no provider {event.provider!r} in this service"
                raise ConfigurationError(message, provider=event.provider)
            check_mode(self._providers[event.provider], event)
        if self._is_of_another_account(event):
            return WebhookOutcome.IGNORED
        if not isinstance(event.type, EventType) and event.type in _WORDS:
            event = attrs.evolve(event, type=EventType(event.type))
        # without a refetch, the unique key says so
        if (self._refetch or event.known_as) and await self._store.was_applied(event):
            return WebhookOutcome.DUPLICATE
        if not isinstance(event.type, EventType) and not self._handlers.listens_to(event.type):
            return WebhookOutcome.IGNORED
        if self._refetch:
            event = await self._providers[event.provider].verify_with_provider(event)
            if self._is_of_another_account(event):
                return WebhookOutcome.IGNORED
            event = await self._linked(event)
        return await self._attribute_and_commit(event)

    def _is_of_another_account(self, event: WebhookEvent) -> bool:
        """Whether another account's objects are meant, which can have the ids of this one's."""
        return event.account_id != self._providers[event.provider].account_id

    async def _attribute_and_commit(self, event: WebhookEvent) -> WebhookOutcome:
        attribution = await self._attributor.attribute(event)
        if attribution.sold_elsewhere:
            # What was under way may have been done after its owner was looked for, and before it was looked for what is.
            attribution = await self._attributor.attribute(event)
        if attribution.sold_elsewhere:
            return WebhookOutcome.IGNORED
        if attribution.customer is None and attribution.concerns_customer:
            waiting = await self._keep_unmatched(attribution)
            # The customer may have appeared after it was looked for and before the event was unmatched. Whoever brought it
            # looked for unmatched events after committing it; so one of the two sees the other.
            again = await self._led_on(await self._attributor.attribute(event))
            self._attributor.report_refused(again)
            if again.customer is None:
                return await self._after_keeping(event)
            return (await self._commit(again, waiting))[0]
        if attribution.refused is not None:
            self._attributor.report_refused(attribution)
        return (await self._commit(attribution))[0]

    async def _linked(self, event: WebhookEvent) -> WebhookEvent:
        """The event with what its money leads to, where it does not say that itself.

        It is followed where it does not say whose it is, or that proves nothing; or a handler wants to know. Never where it
        names a customer who is not stored.
        """
        if not _leads_on(event):
            return event
        proven = event.customer_id is not None and event.provider in self._attributor.owners.proving
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
        linked = await self._linked(attribution.event)
        if linked.subscription_id == attribution.event.subscription_id:
            return attrs.evolve(attribution, event=linked)
        again = await self._attributor.attribute(linked)
        return attribution if again.customer is None else again

    async def _commit(
        self, attribution: Attribution, waiting: UnmatchedEvent | None = None
    ) -> tuple[WebhookOutcome, int]:
        """What became of the event, and how many unmatched ones were applied after it."""
        if attribution.customer is not None and attribution.reading is not None:
            await self._pages.learn(attribution.customer, attribution.reading.subscription)
        written = await self._commits.event(attribution, waiting)
        await self._undo_second(written.second)
        profile = attribution.reading.subscription.customer_id if attribution.reading is not None else None
        return written.outcome, await self._apply_what_waited_for(written, profile)

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
            if await self._store.was_applied(event):
                return WebhookOutcome.PROCESSED
        return WebhookOutcome.UNMATCHED

    async def apply_unmatched(
        self, provider: str, *, external_customer_id: str | None = None, external_subscription_id: str | None = None
    ) -> int:
        """Apply what was unmatched for a customer or a subscription, or for anybody. Returns how many events were applied.

        An event whose handlers fail stays unmatched, and does not keep the others waiting.
        """
        applied, asked = 0, Asked()
        last: UnmatchedEvent | None = None
        while True:
            page = await self._store.list_unmatched(
                provider,
                external_customer_id=external_customer_id,
                external_subscription_id=external_subscription_id,
                after=last,
            )
            for unmatched in page:
                applied += (await self.retry_unmatched(unmatched, asked)).applied
            if not page:
                return applied
            last = page[-1]

    async def retry_unmatched(self, unmatched: UnmatchedEvent, asked: Asked | None = None) -> Retried:
        """Try one unmatched event again. One that fails stays, with the class of its error, and raises nothing.

        Args:
            unmatched: the event.
            asked: what sessions have said in this round of work.
        """
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
            waited = self._waited(event, unmatched)
            attribution = await self._attributor.attribute(event, waited=waited, asked=asked)
            if attribution.sold_elsewhere and unmatched.error is None:
                await self._store.delete_unmatched(unmatched)
                # Its owner may have appeared meanwhile, and looked for it after it was deleted.
                attribution = await self._attributor.attribute(event, waited=waited, asked=asked)
                if attribution.customer is None:
                    return Retried(is_nobodys=True, is_dropped=True)
                await self._store.insert_unmatched(unmatched)
            attribution = await self._led_on(attribution)
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

    async def purge_unmatched(self, unmatched: UnmatchedEvent, asked: Asked | None = None) -> Retried:
        """Purge an unmatched event if it matches no customer. One that matches is applied; one that fails stays."""
        retried = await self.retry_unmatched(unmatched, asked)
        if not retried.is_nobodys or retried.is_dropped:
            return retried
        if unmatched.error is not None:  # it matched a customer when its handlers failed
            return Retried(error=unmatched.error)
        await self._store.delete_unmatched(unmatched)
        # Its customer may have appeared after they were looked for, and may have looked for the event after it was deleted.
        again = await self.retry_unmatched(unmatched)
        if again.error is not None:
            await self._store.insert_unmatched(attrs.evolve(unmatched, error=again.error))
        return again

    async def _apply_what_waited_for(self, written: Written, profile: str | None) -> int:
        """Apply what was unmatched for a subscription that has just been stored for the first time, or for its profile."""
        stored = written.stored
        if stored is None or not written.is_first:
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
        await self._pages.learn(customer, admission.subscription)
        version = admission.subscription.version if self._attributor.trusts_payloads(provider) else None
        written = await self._commits.reading(customer, Reading(admission.subscription, ticket, version))
        await self._apply_what_waited_for(written, admission.subscription.customer_id)
        await self._undo_second(written.second)
        return written.stored

    async def _undo_second(self, second: Second | None) -> None:
        if second is not None:
            await self._undo(second.event.provider, second.event.subscription_id)

    async def _undo(self, provider: str, subscription_id: str | None) -> None:
        """Undo a second subscription, if that was recorded and not done yet, and store what it is then."""
        if not await self._second_subscriptions.undo(provider, subscription_id) or subscription_id is None:
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
