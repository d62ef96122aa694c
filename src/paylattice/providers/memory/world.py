"""The embedded provider's world: what exists, what time it is, what will happen when, and what was told about it."""

import heapq
import itertools
import secrets
from collections import deque
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter

import attrs

from ...errors import DeclineReason, InvalidRequest, NotFound
from ...events import EventType, WebhookEvent
from ...models import (
    CheckoutSession,
    CheckoutStatus,
    Customer,
    Dispute,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
)
from .event_list import EventList
from .state import Store

__all__ = ["Agenda", "World"]


class Agenda:
    """Simulated time: it stands still until :meth:`advance_to`, which runs everything that falls due on the way."""

    def __init__(self, now: datetime) -> None:
        self.now: datetime = now
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        """Run the action when that time comes. It has to check for itself whether it is still wanted."""
        heapq.heappush(self._due, (when, next(self._order), action))

    def advance_to(self, target: datetime) -> None:
        """Advance the time."""
        if target < self.now:
            message = "time only goes forward"
            raise InvalidRequest(message, param="days")
        while self._due and self._due[0][0] <= target:
            when, _, action = heapq.heappop(self._due)
            self.now = max(self.now, when)
            action()
        self.now = target


@attrs.define(eq=False)
class World:
    """What the parts of the embedded provider share.

    Args:
        name: the provider's name, on every model and event.
        agenda: the simulated time.
    """

    name: str
    agenda: Agenda
    store: Store = attrs.field(factory=Store)
    events: EventList = attrs.field(factory=EventList)
    outbox: list[WebhookEvent] = attrs.field(factory=list[WebhookEvent])
    delayed_refunds: int = 0
    _failures: dict[str | None, deque[tuple[int, DeclineReason]]] = attrs.field(
        factory=dict[str | None, deque[tuple[int, DeclineReason]]], init=False
    )
    _run: str = attrs.field(factory=lambda: secrets.token_hex(5), init=False)
    _numbers: "itertools.count[int]" = attrs.field(factory=lambda: itertools.count(1), init=False)

    @property
    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self.agenda.now

    def new_id(self, prefix: str) -> str:
        """An id that no other run of the provider has given, so that a database outlives the process."""
        return f"{prefix}_{self._run}{next(self._numbers):04d}"

    def customer(self, customer_id: str) -> Customer:
        """The customer.

        Raises:
            NotFound: there is none.
        """
        found = self.store.customers.get(customer_id)
        if found is None:
            message = "there is no such customer"
            raise NotFound(message, code="customer_missing")
        return found

    def plan(self, plan_id: str) -> Plan:
        """The plan.

        Raises:
            InvalidRequest: there is none.
        """
        found = self.store.plans.get(plan_id)
        if found is None:
            message = "there is no such plan: add_plan() makes one"
            raise InvalidRequest(message, param="plan_id", code="plan_missing")
        return found

    def fail_next(self, customer_id: str | None, reason: DeclineReason, times: int) -> None:
        """Make the next payments fail: the customer's, or any customer's."""
        waiting = self._failures.setdefault(customer_id, deque())
        waiting.extend((next(self._numbers), reason) for _ in range(times))

    def fails_next(self, customer_id: str | None) -> DeclineReason | None:
        """Whether the customer's next payment is set to fail; uses up the setting, the oldest that fits."""
        fitting = [waiting for whose in {None, customer_id} if (waiting := self._failures.get(whose))]
        if not fitting:
            return None
        _, reason = min(fitting, key=itemgetter(0)).popleft()
        return reason

    def delays_refund(self) -> bool:
        """Whether the next refund is set to take its time; uses up the setting."""
        self.delayed_refunds, delayed = max(0, self.delayed_refunds - 1), self.delayed_refunds > 0
        return delayed

    def keep_session(self, session: CheckoutSession, event_type: EventType) -> CheckoutSession:
        """Keep what has become of a checkout session, and tell it."""
        self.store.sessions[session.id] = session
        self.tell(event_type, customer_id=session.customer_id, checkout_session=session)
        return session

    def end_session(self, session_id: str, *, succeeded: bool) -> None:
        """The delayed payment of a checkout session has arrived, or never will."""
        status = CheckoutStatus.COMPLETE if succeeded else CheckoutStatus.EXPIRED
        ended = attrs.evolve(self.store.sessions[session_id], status=status, raw_status=str(status))
        self.keep_session(ended, EventType.CHECKOUT_COMPLETED if succeeded else EventType.CHECKOUT_FAILED)

    def tell(
        self,
        event_type: EventType,
        *,
        customer_id: str | None,
        customer: Customer | None = None,
        subscription: Subscription | None = None,
        invoice: Invoice | None = None,
        payment: Payment | None = None,
        refund: Refund | None = None,
        dispute: Dispute | None = None,
        payment_method: PaymentMethod | None = None,
        checkout_session: CheckoutSession | None = None,
    ) -> None:
        """Put an event into the outbox."""
        event_id = self.new_id("evt")
        about = subscription.id if subscription else None
        for each in (invoice, payment):
            about = about or (each.subscription_id if each is not None else None)
        if about is None and checkout_session is not None:
            about = checkout_session.subscription_id
        opened = dispute.id if dispute is not None and event_type is EventType.DISPUTE_OPENED else None
        event = WebhookEvent(
            id=event_id,
            type=event_type,
            created_at=self.now,
            dedupe_key=event_id,
            customer_id=customer_id,
            subscription_id=about,
            customer=customer,
            subscription=subscription,
            invoice=invoice,
            payment=payment,
            refund=refund,
            dispute=dispute,
            payment_method=payment_method,
            checkout_session=checkout_session,
            also=(f"{EventType.DISPUTE_NEEDS_RESPONSE}:{opened}",)
            if dispute and event_type is EventType.DISPUTE_OPENED
            else (),
            livemode=False,
            provider_type=str(event_type),
            provider=self.name,
        )
        self.events.add(event)
        self.outbox.append(event)
