"""Hosted checkout, with the test as the customer."""

from datetime import timedelta
from functools import partial

import attrs

from ...errors import Conflict, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import CheckoutSession, CheckoutStatus, Payment, PaymentStatus
from .payments import Payments
from .state import CheckoutOrder, SubscriptionRecord
from .subscriptions import Subscriptions
from .world import World

__all__ = ["Checkouts"]

_OPEN_FOR = timedelta(hours=24)


class Checkouts:
    """All checkout sessions of the world."""

    def __init__(self, world: World, payments: Payments, subscriptions: Subscriptions) -> None:
        self._world = world
        self._payments = payments
        self._subscriptions = subscriptions

    def open(self, order: CheckoutOrder, customer_id: str | None, metadata: FrozenMap[str, str]) -> CheckoutSession:
        """A new page; it stays open for a day."""
        if customer_id is not None:
            self._world.customer(customer_id)
        if order.plan_id is not None and order.plan_id not in self._world.store.plans:
            message = "there is no such plan: add_plan() makes one"
            raise InvalidRequest(message, param="plan_id", code="plan_missing")
        session_id = self._world.new_id("cs")
        session = CheckoutSession(
            id=session_id,
            url=f"https://checkout.paylattice.invalid/{session_id}",
            customer_id=customer_id,
            metadata=metadata,
            status=CheckoutStatus.OPEN,
            expires_at=self._world.now + _OPEN_FOR,
            raw_status="open",
            provider=self._world.name,
        )
        self._world.store.sessions[session.id] = session
        self._world.store.orders[session.id] = order
        self._world.agenda.at(self._world.now + _OPEN_FOR, partial(self._expires, session.id))
        return session

    def complete(self, session_id: str, *, delayed: bool) -> SubscriptionRecord | None:
        """The customer subscribes. None: the first payment was declined, and the page stays open."""
        session, order = self._open_session(session_id)
        if order.plan_id is None or session.customer_id is None:
            message = "this session is for a one-off payment: complete_payment() completes it"
            raise InvalidRequest(message, param="session_id")
        plan = self._world.store.plans[order.plan_id]
        self._payments.save_card(session.customer_id)
        trial = plan.trial_days if order.trial_days is None else order.trial_days
        payment: Payment | None = None
        if not trial and plan.amount is not None and not plan.metered:
            payment, _ = self._payments.charge(
                plan.amount * order.quantity, session.customer_id, delayed=delayed
            )
            if payment.status not in {PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING}:
                return None
        waits = payment is not None and payment.status is PaymentStatus.PROCESSING
        record = self._subscriptions.start(
            session.customer_id, plan, order.quantity, order.trial_days, session.metadata, delayed=waits
        )
        self._close(
            attrs.evolve(session, subscription_id=record.id, payment_id=payment.id if payment else None), waits=waits
        )
        return record

    def complete_payment(self, session_id: str, *, delayed: bool) -> Payment:
        """The customer pays once. A payment that was declined leaves the page open."""
        session, order = self._open_session(session_id)
        if order.amount is None:
            message = "this session is for a subscription: complete_checkout() completes it"
            raise InvalidRequest(message, param="session_id")
        payment, declined = self._payments.charge(
            order.amount,
            session.customer_id,
            capture=order.capture,
            delayed=delayed,
            description=order.description,
            metadata=session.metadata,
        )
        if declined is None:
            self._close(attrs.evolve(session, payment_id=payment.id), waits=delayed)
        return payment

    def settle(self, session_id: str, *, succeeded: bool) -> CheckoutSession:
        """A delayed payment arrives, or fails for good."""
        session = self.get(session_id)
        if session.status is not CheckoutStatus.PENDING or session.payment_id is None:
            message = f"a session that is {session.status} does not wait for a payment"
            raise Conflict(message)
        self._payments.settle(session.payment_id, succeeded=succeeded)
        if session.subscription_id is not None:
            self._subscriptions.settle_first(self._subscriptions.get(session.subscription_id), succeeded=succeeded)
        status = CheckoutStatus.COMPLETE if succeeded else CheckoutStatus.EXPIRED
        event = EventType.CHECKOUT_COMPLETED if succeeded else EventType.CHECKOUT_FAILED
        return self._keep(attrs.evolve(session, status=status, raw_status=str(status)), event)

    def abandon(self, session_id: str) -> CheckoutSession:
        """The customer never comes back."""
        session, _ = self._open_session(session_id)
        expired = attrs.evolve(session, status=CheckoutStatus.EXPIRED, raw_status="expired", url=None)
        return self._keep(expired, EventType.CHECKOUT_EXPIRED)

    def get(self, session_id: str) -> CheckoutSession:
        """The session.

        Raises:
            NotFound: there is none.
        """
        found = self._world.store.sessions.get(session_id)
        if found is None:
            message = "there is no such checkout session"
            raise NotFound(message, code="session_missing")
        return found

    def _open_session(self, session_id: str) -> tuple[CheckoutSession, CheckoutOrder]:
        session = self.get(session_id)
        if session.status is not CheckoutStatus.OPEN:
            message = f"a session that is {session.status} is closed to the customer"
            raise Conflict(message)
        return session, self._world.store.orders[session_id]

    def _close(self, session: CheckoutSession, *, waits: bool) -> None:
        status = CheckoutStatus.PENDING if waits else CheckoutStatus.COMPLETE
        event = EventType.CHECKOUT_PENDING if waits else EventType.CHECKOUT_COMPLETED
        self._keep(attrs.evolve(session, status=status, raw_status=str(status), url=None), event)

    def _keep(self, session: CheckoutSession, event_type: EventType) -> CheckoutSession:
        self._world.store.sessions[session.id] = session
        self._world.tell(event_type, customer_id=session.customer_id, checkout_session=session)
        return session

    def _expires(self, session_id: str) -> None:
        if self.get(session_id).status is CheckoutStatus.OPEN:
            self.abandon(session_id)
