"""What webhooks did not bring: missed events, stored subscriptions that differ, operations that a crash left open.

Each of these reads page by page, can be stopped at any time, and goes on where it was when it is started again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, NamedTuple

import attrs

from ..errors import ConfigurationError, Diagnosis, InvalidRequest, PaymentError, UnsupportedOperation, WebhookError
from ..events import WebhookEvent
from ..models import Subscription
from ..operations import Capability
from ..provider import BaseProvider
from ..transport.primitives import Primitives
from .customers import Customers
from .finding import Finder
from .journal import CHECKOUT, CREATE_CUSTOMER, Journal
from .ownership import RefusalReason, RefusedSubscription
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState, ParkedEvent
from .repository import BillingRepository, Tx
from .webhooks import EventPipeline, WebhookOutcome

__all__ = [
    "CaughtUp",
    "Difference",
    "DroppedEvents",
    "FailedEvent",
    "Gap",
    "Lacks",
    "Maintenance",
    "Reconciled",
    "Recovered",
]

_log = logging.getLogger("paylattice")

PAGE = 100
_NEWS = frozenset({WebhookOutcome.PROCESSED, WebhookOutcome.STALE, WebhookOutcome.PARKED})
_LISTS_BY_CUSTOMER = frozenset({Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS})
_COMPARED = (
    *("status", "plan_id", "quantity", "current_period_start", "current_period_end", "cancel_at", "metadata"),
    *("trial_end", "collection_paused", "payment_failed_at", "paid_through", "ended_at"),
)


class Gap(NamedTuple):
    """A time whose events the provider does not list any more: :meth:`~paylattice.BillingService.reconcile` covers them.

    Args:
        since: UTC, as all times.
        until: what came from then on is listed.
    """

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return (
            f"the events from {self.since:%Y-%m-%d %H:%M:%S} to {self.until:%Y-%m-%d %H:%M:%S} UTC are not listed any more: "
            "reconcile(provider, repair=True) stores what they changed, and their own handlers do not run"
        )


@attrs.frozen
class CaughtUp:
    """What catching up brought.

    Args:
        read: how many events the provider listed.
        applied: how many of them had been missed.
        until: go on from here, UTC: when the last of them happened, or the first that failed. Where nothing has happened for a
            long time, a time that the provider still lists.
        failed: the provider's ids of those whose handlers failed; their errors are in the log.
        gap: what could not be read, as it is too long ago for the provider; None: nothing. In words: ``str(gap)``.
        stopped: the class of the error that the provider ended the list with, before its end; None: it was read to its end.
            Going on from ``until`` reads the rest. (If nothing at all was read, the error is raised.)
    """

    read: int
    applied: int
    until: datetime
    failed: tuple[str, ...] = ()
    gap: Gap | None = None
    stopped: str | None = None


@attrs.frozen
class FailedEvent:
    """A parked event that was not applied, and is kept.

    Args:
        provider: whose.
        event_id: the provider's id of it.
        error: the class of the error: of its handlers, or of reading it.
    """

    provider: str
    event_id: str
    error: str


@attrs.frozen
class DroppedEvents:
    """What became of the events that were parked before a time.

    Args:
        dropped: how many were forgotten: nobody here is known whom they are about.
        applied: how many were applied, as somebody is known by now.
        failed: those that are somebody's and whose handlers fail, and those that cannot be read any more, or of which it
            cannot be told now whose they are. They are kept: look at these.
    """

    dropped: int = 0
    applied: int = 0
    failed: tuple[FailedEvent, ...] = ()


class Lacks(StrEnum):
    """Which side does not have a subscription at all."""

    HERE = "here"
    THERE = "there"


@attrs.frozen
class Difference:
    """A subscription that is stored otherwise than the provider has it.

    Args:
        org_id: whose.
        subscription_id: the provider's id.
        fields: what differs: by field, the stored value and the provider's. Empty if one side lacks it.
        lacks: the side that does not have it; None: both have it.
        repaired: whether the provider's state was stored.
        refused: why it is not: nobody asked for the subscription, or for what it has become, and it grants nothing.
    """

    org_id: str
    subscription_id: str
    fields: Mapping[str, tuple[object, object]] = attrs.field(factory=dict[str, tuple[object, object]])
    lacks: Lacks | None = None
    repaired: bool = False
    refused: RefusalReason | None = None


@attrs.frozen
class Reconciled:
    """How far a comparison has come.

    Args:
        customers: how many customers were compared.
        different: how many subscriptions differ.
        repaired: how many of these were stored anew.
        failed: how many customers could not be compared now.
        after: the record id of the last customer of the last whole page: pass it to go on from there; None: from the start.
    """

    customers: int = 0
    different: int = 0
    repaired: int = 0
    failed: int = 0
    after: str | None = None


@attrs.frozen
class Recovered:
    """What became of the operations that were open.

    Args:
        done: what the provider has done, before or now.
        failed: what it refuses; nothing was changed.
        abandoned: what cannot be seen to have been done, and must not be sent again: the provider has forgotten its key, or
            something newer was asked for since. Look at these.
        open: what cannot be found out now.
    """

    done: tuple[BillingOperation, ...] = ()
    failed: tuple[BillingOperation, ...] = ()
    abandoned: tuple[BillingOperation, ...] = ()
    open: tuple[BillingOperation, ...] = ()

    def and_also(self, other: "Recovered") -> "Recovered":
        """Both together."""
        return Recovered(
            done=self.done + other.done,
            failed=self.failed + other.failed,
            abandoned=self.abandoned + other.abandoned,
            open=self.open + other.open,
        )


@attrs.define
class _Count:
    """What catching up has come to."""

    until: datetime
    read: int = 0
    applied: int = 0
    failed: list[str] = attrs.field(factory=list[str])
    first_failed: datetime | None = None

    def note_failed(self, event: WebhookEvent, *, waits: bool) -> None:
        """Note an event that was not applied; whether the next time begins with it."""
        self.failed.append(event.id)
        if waits:
            self.first_failed = min(self.first_failed or event.created_at, event.created_at)


class Maintenance(Generic[Tx]):
    """The jobs that are run now and then.

    Args:
        repository: where the records are.
        pipeline: applies events, and stores what is read.
        finder: finds out whose a subscription is.
        journal: knows what was sent.
        customers: stores those whose creation is finished.
        primitives: how to run several comparisons at a time.
        clock: the time, aware.
    """

    def __init__(
        self,
        repository: BillingRepository[Tx],
        pipeline: EventPipeline[Tx],
        finder: Finder[Tx],
        journal: Journal[Tx],
        customers: Customers[Tx],
        primitives: Primitives,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._finder = finder
        self._primitives = primitives
        self._pipeline = pipeline
        self._journal = journal
        self._customers = customers
        self._clock = clock

    async def catch_up(
        self, provider: BaseProvider, since: datetime, *, enough: Callable[[datetime], bool] | None = None
    ) -> CaughtUp:
        """Apply the provider's events since a time that were missed.

        Args:
            provider: whose events.
            since: aware.
            enough: asked after every page, with the time that was reached: whether to leave the rest for the next time.
        """
        provider.require(Capability.LIST_EVENTS)
        start, gap = self._reach(provider, since.astimezone(UTC))
        count = _Count(start)
        stopped: str | None = None
        cut = False
        try:
            async with aclosing(provider.events_since(start)) as parts:
                async for events in parts:
                    for event in events:
                        await self._apply_missed(event, count)
                    cut = enough is not None and enough(count.until)
                    if cut:
                        break
        except PaymentError as error:
            if count.until <= start:
                raise
            _log.warning("the events of %s were not read to their end: %s", provider.get_provider_name(), error)
            stopped = type(error).__name__
        until = count.until if cut or stopped is not None else self._not_too_long_ago(provider, count.until)
        if count.first_failed is not None:
            until = count.first_failed
        return CaughtUp(count.read, count.applied, until, tuple(count.failed), gap, stopped)

    def _reach(self, provider: BaseProvider, since: datetime) -> tuple[datetime, Gap | None]:
        """From when on events can be read, and what is missing before that."""
        kept = provider.events_kept
        earliest = since if kept is None else self._clock().astimezone(UTC) - kept
        if since >= earliest:
            return since, None
        gap = Gap(since, earliest)
        _log.warning("%s: %s", provider.get_provider_name(), gap)
        return earliest, gap

    def _not_too_long_ago(self, provider: BaseProvider, until: datetime) -> datetime:
        """Nothing came since then: another time lets nobody who goes on from it report a gap in which nothing was missed.

        By half of what the provider keeps, so that a clock that is days ahead skips nothing.
        """
        kept = provider.events_kept
        return until if kept is None else max(until, self._clock().astimezone(UTC) - kept / 2)

    async def _apply_missed(self, event: WebhookEvent, count: "_Count") -> None:
        count.read += 1
        count.until = max(count.until, event.created_at)
        try:
            count.applied += await self._pipeline.apply(event) in _NEWS
        except WebhookError as refused:
            _log.warning("an event of %s is refused: %s", event.provider, refused.diagnosis)
            # of the other mode it stays: nothing waits for it
            count.note_failed(event, waits=refused.diagnosis is not Diagnosis.WRONG_MODE)
        except Exception as exc:  # noqa: BLE001 - whatever a handler stumbled over, the others must not wait for it
            _log.warning("an event of %s could not be applied: %s", event.provider, type(exc).__name__)
            count.note_failed(event, waits=True)

    async def reconcile(
        self,
        provider: BaseProvider,
        *,
        repair: bool,
        after: str | None,
        in_flight: int,
        on_difference: Callable[[Difference], None] | None,
        on_progress: Callable[[Reconciled], None] | None,
    ) -> Reconciled:
        """Compare what is stored with what the provider has, customer by customer."""
        if type(in_flight) is not int or not 1 <= in_flight <= PAGE:
            message = f"in_flight must be an int between 1 and {PAGE}"
            raise InvalidRequest(message, param="in_flight")
        if not self.can_compare(provider):
            message = "its subscriptions cannot be read"
            raise UnsupportedOperation(reason=message, provider=provider.get_provider_name(), operation="reconcile")
        so_far = Reconciled(after=after)
        while True:
            page = await self._repository.list_customers(provider.get_provider_name(), so_far.after, PAGE)
            if not page:
                return so_far
            if page[-1].id == so_far.after:
                message = "the repository's list_customers() does not go on after the customer that it is given"
                raise ConfigurationError(message, provider=provider.get_provider_name(), operation="reconcile")
            results = await self._primitives.gather(
                [self.comparison(provider, customer, repair=repair) for customer in page], limit=in_flight
            )
            found = [difference for result in results if result is not None for difference in result]
            for difference in found:
                if on_difference is not None:
                    on_difference(difference)
            so_far = Reconciled(
                customers=so_far.customers + len(page),
                different=so_far.different + len(found),
                repaired=so_far.repaired + sum(difference.repaired for difference in found),
                failed=so_far.failed + sum(result is None for result in results),
                after=page[-1].id,
            )
            if on_progress is not None:
                on_progress(so_far)

    @staticmethod
    def can_compare(provider: BaseProvider) -> bool:
        """Whether the provider's subscriptions can be read."""
        return provider.capabilities >= _LISTS_BY_CUSTOMER or Capability.SUBSCRIPTIONS in provider.capabilities

    def comparison(
        self, provider: BaseProvider, customer: BillingCustomer, *, repair: bool
    ) -> Callable[[], Awaitable[list[Difference] | None]]:
        """What compares one customer: it answers the differences, or None if the customer cannot be compared now."""

        async def compare() -> list[Difference] | None:
            try:
                return await self._compare(provider, customer, repair=repair)
            except Exception as exc:  # noqa: BLE001 - the provider, or a handler: the others must not wait for it
                name = customer.provider
                _log.warning("a customer of %s could not be compared: %s", name, type(exc).__name__)
                return None

        return compare

    async def _compare(self, provider: BaseProvider, customer: BillingCustomer, *, repair: bool) -> list[Difference]:
        ticket = await self._repository.next_ticket()
        stored = {
            each.external_subscription_id: each for each in await self._repository.list_subscriptions(customer.id)
        }
        there = await self._there(provider, customer, stored)
        found: list[Difference] = []
        for name in [*there, *(name for name in stored if name not in there)]:
            owner: BillingCustomer | None = customer
            if name not in stored:
                if await self._repository.get_subscription(customer.provider, name) is not None:
                    continue  # it is another customer's, and compared there
                whose = await self._finder.whose(customer, there[name])
                if whose.refused is not None:
                    found.append(self._refused(customer, there[name], whose.refused))
                    continue
                owner = whose.customer
            if owner is None:
                continue  # its checkout is still under way
            difference = _difference(owner, stored.get(name), there.get(name), self._clock())
            if difference is not None:
                difference = await self._checked(difference, owner, there.get(name), ticket, repair=repair)
            if difference is not None:
                found.append(difference)
        return found

    async def _checked(
        self,
        difference: Difference,
        customer: BillingCustomer,
        there: Subscription | None,
        ticket: int,
        *,
        repair: bool,
    ) -> Difference | None:
        """The difference, repaired if it is to be; None if a webhook has stored the change meanwhile."""
        if there is None:
            return difference
        found = await self._repository.get_subscription(customer.provider, there.id)
        if found is not None and _difference(customer, found, there, self._clock()) is None:
            return None
        admission = await self._finder.ownership.admitted(customer.provider, there)
        if admission.refused is not None:
            difference = attrs.evolve(difference, refused=admission.refused)
        if not repair:
            return difference
        after = await self._pipeline.store(customer.provider, customer, there, ticket)
        return attrs.evolve(difference, repaired=_difference(customer, after, there, self._clock()) is None)

    def _refused(self, customer: BillingCustomer, there: Subscription, reason: RefusalReason) -> Difference:
        """A subscription that carries the customer's id, and is nobody's here."""
        self._finder.ownership.tell(RefusedSubscription(customer.provider, there.id, reason, customer.org_id))
        return Difference(customer.org_id, there.id, lacks=Lacks.HERE, refused=reason)

    async def _there(
        self, provider: BaseProvider, customer: BillingCustomer, stored: Mapping[str, BillingSubscription]
    ) -> dict[str, Subscription]:
        """What the provider has: of the customer, of what is stored as the customer's, and of what waits with its id."""
        found: dict[str, Subscription] = {}
        waiting: list[str] = []
        if provider.capabilities >= _LISTS_BY_CUSTOMER:
            found = {each.id: each for each in await provider.list_subscriptions(customer.external_customer_id)}
        elif not self._finder.ownership.is_proven(customer.provider):
            parked = await self._repository.parked_events(
                customer.provider, external_customer_id=customer.external_customer_id, limit=PAGE
            )
            waiting = [each.external_subscription_id for each in parked if each.external_subscription_id is not None]
        if Capability.SUBSCRIPTIONS in provider.capabilities:
            for name in [name for name in dict.fromkeys((*stored, *waiting)) if name not in found]:
                read = await provider.get_subscription(name)
                if read is not None:
                    found[name] = read
        return found

    async def drop_parked(self, provider: str, before: datetime) -> DroppedEvents:
        """Forget the events that were parked before a time, and are nobody's here."""
        dropped = applied = 0
        failed: list[FailedEvent] = []
        last: ParkedEvent | None = None
        while True:
            page = await self._repository.parked_events(provider, after=last, limit=PAGE)
            old = [event for event in page if event.parked_at < before]
            for event in old:
                retried = await self._pipeline.drop_parked(event)
                dropped += retried.is_nobodys
                applied += retried.applied
                if retried.error is not None:
                    failed.append(FailedEvent(provider, event_id_of(event), retried.error))
            if len(old) < PAGE or (last is not None and page[-1] == last):
                return DroppedEvents(dropped, applied, tuple(failed))
            last = page[-1]

    async def recover_open(self, provider: BaseProvider, *, older_than: timedelta) -> Recovered:
        """Find out what became of the operations that were left open."""
        became: dict[OperationState, list[BillingOperation]] = {state: [] for state in OperationState}
        last: BillingOperation | None = None
        name = provider.get_provider_name()
        while True:
            page = await self._repository.operations(name, state=OperationState.OPEN, after=last, limit=PAGE)
            due = [each for each in page if abs(self._clock() - each.created_at) >= older_than]  # clocks differ
            for operation in due:
                after = await self.settled(provider, operation)
                became[after.state].append(after)
            if not page or page[-1] == last:
                break
            last = page[-1]
        return Recovered(
            done=tuple(became[OperationState.DONE]),
            failed=tuple(became[OperationState.FAILED]),
            abandoned=tuple(became[OperationState.ABANDONED]),
            open=tuple(became[OperationState.OPEN]),
        )

    async def settled(self, provider: BaseProvider, operation: BillingOperation) -> BillingOperation:
        """Find out what became of one operation that was left open; it stays open where that cannot be told now."""
        keep = self._customers.keep if operation.operation == CREATE_CUSTOMER else None
        try:
            after = await self._journal.settle(provider, operation, keep=keep)
        except PaymentError:
            return operation
        except Exception as exc:  # noqa: BLE001 - one that cannot be read, or stored, does not keep the others waiting
            _log.warning("an operation at %s stays open: %s", operation.provider, type(exc).__name__)
            return operation
        if after.state is OperationState.DONE:
            try:
                await self._store_what_came_of(after)
            except Exception as exc:  # noqa: BLE001 - it is done; what is stored is repaired by the next reading
                _log.warning("what came of an operation at %s is not stored: %s", after.provider, type(exc).__name__)
        return after

    async def _store_what_came_of(self, done: BillingOperation) -> None:
        subscription_id = done.arguments.get("subscription_id")
        if isinstance(subscription_id, str):
            stored = await self._repository.get_subscription(done.provider, subscription_id)
            customer = await self._repository.get_customer_by_id(stored.customer_id) if stored is not None else None
            if customer is not None:
                await self._pipeline.observe(done.provider, customer, subscription_id)
        elif done.operation == CREATE_CUSTOMER and done.external_id is not None:
            await self._pipeline.apply_parked(done.provider, external_customer_id=done.external_id)
        elif done.operation == CHECKOUT and not self._finder.ownership.is_proven(done.provider):
            owner = await self._repository.get_customer(done.org_id, done.provider)
            if owner is not None:  # the events of what it brought may have come before it was known to be its
                await self._pipeline.apply_parked(done.provider, external_customer_id=owner.external_customer_id)


def event_id_of(parked: ParkedEvent) -> str:
    """The provider's id of a parked event."""
    named = parked.payload.get("id")
    return named if isinstance(named, str) else parked.external_event_id


def _difference(
    customer: BillingCustomer, here: BillingSubscription | None, there: Subscription | None, now: datetime
) -> Difference | None:
    if here is None and there is not None:
        return Difference(customer.org_id, there.id, lacks=Lacks.HERE)
    if there is None and here is not None:
        return Difference(customer.org_id, here.external_subscription_id, lacks=Lacks.THERE)
    if here is None or there is None:
        return None
    read = _as_stored(here, there, now)
    pairs = {name: (getattr(here, name), getattr(read, name)) for name in _COMPARED}
    fields = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return Difference(customer.org_id, there.id, fields) if fields else None


def _as_stored(here: BillingSubscription, there: Subscription, now: datetime) -> BillingSubscription:
    """What the provider says as it would be stored: what it does not say stays as it is."""
    read = BillingSubscription.of(
        there,
        id=here.id,
        customer_id=here.customer_id,
        provider=here.provider,
        now=now,
        ticket=here.ticket,
        version=here.version,
    )
    return read.replacing(here)
