"""Hosted checkout, with the test as the customer."""

from datetime import timedelta
from functools import partial

import attrs

from ...errors import ActionRequired, Conflict, DeclineReason, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import CheckoutSession, CheckoutStatus, Payment, PaymentMethod, PaymentStatus
from ...money import Money
from .payments import Payments
from .plans import check_price, check_start, check_trial
from .state import CheckoutOrder
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
        if order.plan_id is not None:
            check_price(self._world.plan(order.plan_id), order.quantity)
            check_trial(order.trial_days)
            check_start(order.start_at, self._world.now, has_trial=order.trial_days is not None)
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

    def _subscribe(
        self, session: CheckoutSession, order: CheckoutOrder, *, delayed: bool, declined: DeclineReason | None
    ) -> None:
        """The customer subscribes. If the payment, or the card for later payments, is declined, the page stays open."""
        if order.plan_id is None or session.customer_id is None:
            message = "a session for a subscription has a plan and a customer"
            raise InvalidRequest(message, param="session_id")
        customer = self._world.customer(session.customer_id)
        plan = self._world.plan(order.plan_id)
        price = check_price(plan, order.quantity)
        trial_days = plan.trial_days if order.trial_days is None else order.trial_days
        trial_end = self._world.now + timedelta(days=trial_days) if trial_days else None
        if order.start_at is not None:
            trial_end = order.start_at if order.start_at > self._world.now else None
        pays_now = trial_end is None and price.amount > 0
        if pays_now and not delayed:
            declined = declined or self._world.fails_next(customer.id)
        if declined is not None:
            if pays_now:
                self._payments.charge(price, customer.id, declined=declined, payer_there=True)
            else:
                self._world.tell(EventType.PAYMENT_METHOD_SETUP_FAILED, customer_id=customer.id)
            return
        card = self._payments.save_card(customer.id)
        subscription_id, payment = self._world.new_id("sub"), None
        if pays_now:
            payment = self._payments.charge(
                price,
                customer.id,
                declined=None,
                delayed=delayed,
                payment_method_id=card.id,
                invoice_id=self._world.new_id("in"),
                subscription_id=subscription_id,
            )
        record = self._subscriptions.start(
            session, customer.id, plan, order.quantity, trial_end, payment, subscription_id
        )
        self._close(attrs.evolve(session, subscription_id=record.id), payment)

    def _save(self, session: CheckoutSession, *, declined: DeclineReason | None) -> None:
        """The customer enters a card. One that is declined leaves the page open."""
        customer = self._world.customer(session.customer_id or "")
        if declined is not None:
            self._world.tell(EventType.PAYMENT_METHOD_SETUP_FAILED, customer_id=customer.id)
            return
        card = self._payments.add_card(customer.id)
        self._world.tell(EventType.PAYMENT_METHOD_SETUP_SUCCEEDED, customer_id=customer.id, payment_method=card)
        self._close(attrs.evolve(session, payment_method_id=card.id), None)

    def saved_on(self, customer_id: str, session_id: str) -> PaymentMethod:
        """The card that was saved on a page.

        Raises:
            ActionRequired: the customer has not entered one.
            InvalidRequest: it is another customer's page.
        """
        session = self.get(session_id)
        if session.customer_id != customer_id or not self._world.store.orders[session_id].saves:
            message = "this is no page where this customer saves a payment method"
            raise InvalidRequest(message, param="token")
        if session.payment_method_id is None:
            message = "the customer has not saved a payment method there"
            raise ActionRequired(message, url=session.url)
        return self._payments.card_of(customer_id, session.payment_method_id)

    def _pay(
        self,
        session: CheckoutSession,
        order: CheckoutOrder,
        amount: Money,
        *,
        delayed: bool,
        declined: DeclineReason | None,
    ) -> None:
        """The customer pays once. A payment that was declined leaves the page open."""
        if session.customer_id is not None:
            self._world.customer(session.customer_id)
        payment = self._payments.charge(
            amount,
            session.customer_id,
            declined=declined or (None if delayed else self._world.fails_next(session.customer_id)),
            payer_there=True,
            delayed=delayed,
            capture=order.capture,
            description=order.description,
            metadata=session.metadata,
        )
        if payment.status is not PaymentStatus.FAILED:
            self._close(session, payment)

    def complete(self, session_id: str, *, delayed: bool, declined: DeclineReason | None) -> CheckoutSession:
        """The customer subscribes or pays, whichever the page is for."""
        session, order = self._open_session(session_id)
        if order.saves:
            self._save(session, declined=declined)
        elif order.amount is None:
            self._subscribe(session, order, delayed=delayed, declined=declined)
        else:
            self._pay(session, order, order.amount, delayed=delayed, declined=declined)
        return self.get(session_id)

    def settle(self, session_id: str, *, succeeded: bool) -> CheckoutSession:
        """A delayed payment arrives, or fails for good."""
        session = self.get(session_id)
        if session.status is not CheckoutStatus.PENDING or session.payment_id is None:
            message = f"a session that is {session.status} does not wait for a payment"
            raise Conflict(message)
        if session.subscription_id is not None:
            self._subscriptions.settle_first(self._subscriptions.get(session.subscription_id), succeeded=succeeded)
        else:
            self._payments.settle(session.payment_id, succeeded=succeeded)
            self._world.end_session(session_id, succeeded=succeeded)
        return self.get(session_id)

    def abandon(self, session_id: str) -> CheckoutSession:
        """The customer never comes back."""
        self._open_session(session_id)
        return self.expire(session_id)

    def expire(self, session_id: str) -> CheckoutSession:
        """Close an open page; what is not open is answered as it is."""
        session = self.get(session_id)
        if session.status is not CheckoutStatus.OPEN:
            return session
        expired = attrs.evolve(session, status=CheckoutStatus.EXPIRED, raw_status="expired", url=None)
        return self._world.keep_session(expired, EventType.CHECKOUT_EXPIRED)

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

    def _close(self, session: CheckoutSession, payment: Payment | None) -> None:
        """The customer has done all there is to do."""
        waits = payment is not None and payment.status is PaymentStatus.PROCESSING
        status = CheckoutStatus.PENDING if waits else CheckoutStatus.COMPLETE
        closed = attrs.evolve(
            session, status=status, raw_status=str(status), url=None, payment_id=payment.id if payment else None
        )
        self._world.keep_session(closed, EventType.CHECKOUT_PENDING if waits else EventType.CHECKOUT_COMPLETED)

    def _expires(self, session_id: str) -> None:
        self.expire(session_id)
