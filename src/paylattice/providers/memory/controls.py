"""What a test can do with the embedded provider: play the customer, the bank, time, the network and the sender of webhooks."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ...checking import Check, checking_class, flag, instance, number, one_of, whole, word
from ...errors import Conflict, DeclineReason, InvalidRequest, NotFound, PaymentError
from ...models import CheckoutSession, Dispute, Invoice, Payment, Plan, Refund, Subscription
from ...money import Money
from .api import Calls
from .calendar import add_months
from .checkout import Checkouts
from .config import MemoryConfig
from .payments import Payments
from .plans import check_plan
from .subscriptions import Subscriptions
from .webhooks import SIGNATURE, Delivery
from .wire import payload_of
from .world import World

__all__ = ["Controls"]

_CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(
        [
            "plan_id",
            "session_id",
            "payment_id",
            "invoice_id",
            "refund_id",
            "dispute_id",
            "dispute_reason",
            "event_id",
            "customer_id",
            "subscription_id",
        ],
        word,
    ),
    **dict.fromkeys(["delayed", "succeeded", "after_effect", "metered", "won"], flag),
    **dict.fromkeys(["interval_count", "trial_days", "months", "times", "seed"], whole),
    **dict.fromkeys(["days", "hours"], number),
    "amount": instance(Money, "Money, such as Money(1900, 'USD') for 19.00 US dollars"),
    "interval": word,
    **dict.fromkeys(["reason", "declined"], one_of(list(DeclineReason), "a DeclineReason")),
    "error": instance(PaymentError, "a PaymentError"),
}


@checking_class(_CHECKS)
class Controls:
    """The controls of :class:`~paylattice.providers.memory.InMemoryProvider`, which makes the parts that they move."""

    _settings: MemoryConfig
    _clock: Callable[[], float]
    _calls: Calls
    _world: World
    _payments: Payments
    _subscriptions: Subscriptions
    _checkouts: Checkouts
    _twice: bool = False
    _shuffled: random.Random | None = None

    # --- the dashboard -------------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: Money,
        *,
        name: str | None = None,
        interval: str = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
    ) -> Plan:
        """Offer a plan. One that is offered again with another price is so for new subscriptions and changes.

        Args:
            plan_id: what checkout takes.
            amount: per period and unit, or per unit of usage.
            name: for people.
            interval: ``day``, ``week``, ``month`` or ``year``.
            interval_count: how many intervals make one period; up to three years.
            trial_days: a free trial in front; usage in it is free, too.
            metered: bill usage afterwards instead of a quantity in advance.

        Raises:
            InvalidRequest: there can be no such plan.
        """
        plan = Plan(
            id=plan_id,
            name=name or plan_id,
            amount=amount,
            interval=interval,
            interval_count=interval_count,
            trial_days=trial_days,
            metered=metered,
            provider=self._world.name,
        )
        check_plan(plan)
        with self._calls.mutex:
            self._world.store.plans[plan_id] = plan
        return plan

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self._world.now

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Advance the time: trials end, renewals are billed, retries fall due, sessions expire.

        Returns:
            The new simulated time.

        Raises:
            InvalidRequest: time would go back, or past the last year that there is.
        """
        with self._calls.mutex:
            try:
                target = add_months(self._world.now, months) + timedelta(days=days, hours=hours)
            except (ValueError, OverflowError):
                message = "there is no such time"
                raise InvalidRequest(message, param="months" if months else "days") from None
            self._world.agenda.advance_to(target)
            return self._world.now

    def renew(self, subscription_id: str) -> Subscription:
        """Advance the time until the subscription's period has ended, and it is billed again, or over.

        After :meth:`decline_next_payment` the renewal fails.
        """
        with self._calls.mutex:
            record = self._subscriptions.get(subscription_id)
            self._world.agenda.advance_to(max(record.period_end, self._world.now))
            return record.model()

    # --- the customer --------------------------------------------------------------------------------------------

    def complete_checkout(
        self, session_id: str, *, delayed: bool = False, declined: DeclineReason | None = None
    ) -> CheckoutSession:
        """Play the customer who subscribes or pays on a checkout page.

        Args:
            session_id: the session.
            delayed: pay with a method whose money arrives later: :meth:`settle_checkout` says how that ends. If it says
                nothing for 23 hours, the payment has failed. Where nothing is to be paid yet, this makes no difference.
            declined: the bank's reason to decline the payment, or the card, where it is not charged yet; None: it is
                accepted, unless :meth:`decline_next_payment` was called.

        Returns:
            The session; still open if the payment was declined.
        """
        with self._calls.mutex:
            return self._checkouts.complete(session_id, delayed=delayed, declined=declined)

    def settle_checkout(self, session_id: str, *, succeeded: bool = True) -> CheckoutSession:
        """Make the money of a delayed payment arrive, or not."""
        with self._calls.mutex:
            return self._checkouts.settle(session_id, succeeded=succeeded)

    def abandon_checkout(self, session_id: str) -> CheckoutSession:
        """Play the customer who never comes back."""
        with self._calls.mutex:
            return self._checkouts.abandon(session_id)

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Payment:
        """Play the payer who authenticates a payment, or fails to. An invoice that waited for it is then paid."""
        with self._calls.mutex:
            payment = self._payments.authenticate(payment_id, succeeded=succeeded)
            if succeeded:
                self._subscriptions.authenticated(payment_id)
            return payment

    def pay_hosted_invoice(self, invoice_id: str) -> Invoice:
        """Play the customer who pays an open invoice on its page. This can fail, too: look at the invoice that is returned."""
        with self._calls.mutex:
            return self._subscriptions.pay(invoice_id)

    def pay_outstanding(self, subscription_id: str) -> Subscription:
        """Play the customer who pays the open invoices of a subscription, oldest first.

        Raises:
            Conflict: nothing is owed.
        """
        with self._calls.mutex:
            record = self._subscriptions.get(subscription_id)
            if not record.open_invoices:
                message = "the subscription owes nothing"
                raise Conflict(message)
            for invoice_id in tuple(record.open_invoices):
                self._subscriptions.pay(invoice_id)
            return record.model()

    def approve_change(self, subscription_id: str) -> Subscription:
        """Play the customer who agrees to a changed subscription: the memory provider asks for no consent.

        Raises:
            Conflict: always.
        """
        message = "the embedded provider changes a subscription without asking the customer"
        raise Conflict(message)

    def add_payment_method(self, customer_id: str) -> str:
        """Play the customer who saves a card.

        Returns:
            The payment method's id: the customer's one card, if it is saved already.

        Raises:
            NotFound: there is no such customer.
        """
        with self._calls.mutex:
            return self._payments.save_card(self._world.customer(customer_id).id).id

    # --- the bank and the network --------------------------------------------------------------------------------

    def decline_next_payment(
        self,
        reason: DeclineReason = DeclineReason.INSUFFICIENT_FUNDS,
        *,
        customer_id: str | None = None,
        times: int = 1,
    ) -> None:
        """Play the bank that declines the next payments.

        Args:
            reason: why.
            customer_id: the customer whose payments fail; None: any customer.
            times: how many.
        """
        with self._calls.mutex:
            self._world.fail_next(customer_id, reason, times)

    def require_authentication(self, *, customer_id: str | None = None, times: int = 1) -> None:
        """Make the next payments wait for the payer: see :meth:`authenticate_payment`."""
        self.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED, customer_id=customer_id, times=times)

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Make the next refunds be pending, as those of bank debits are: see :meth:`settle_refund`."""
        with self._calls.mutex:
            self._world.delayed_refunds += times

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> Refund:
        """Make the money of a pending refund arrive, or come back."""
        with self._calls.mutex:
            return self._payments.settle_refund(refund_id, succeeded=succeeded)

    def open_dispute(
        self, payment_id: str, *, amount: Money | None = None, dispute_reason: str = "fraudulent"
    ) -> Dispute:
        """Play the payer's bank that wants the money of a payment back; None: all of it."""
        with self._calls.mutex:
            return self._payments.dispute(payment_id, amount, dispute_reason)

    def decide_dispute(self, dispute_id: str, *, won: bool) -> Dispute:
        """Play the bank that decides. A lost dispute takes the money for good."""
        with self._calls.mutex:
            return self._payments.decide(dispute_id, won=won)

    def time_out_next_call(self, *, after_effect: bool = True) -> None:
        """Make the next operation end without an answer: after it took effect, or before."""
        self._calls.lose_next(after_effect=after_effect)

    def fail_next_call(self, error: PaymentError) -> None:
        """Make the next operation end in this error, without any effect."""
        self._calls.fail_next(error)

    # --- the sender of webhooks ----------------------------------------------------------------------------------

    def deliver_next_twice(self) -> None:
        """Make the next :meth:`deliveries` hold its first delivery twice."""
        self._twice = True

    def shuffle_next_deliveries(self, seed: int = 0) -> None:
        """Make the next :meth:`deliveries` that holds at least two events come in another order than they happened in."""
        self._shuffled = random.Random(seed)  # noqa: S311 - a repeatable disorder, no secret

    def redeliver(self, event_id: str) -> None:
        """Put an event that was delivered before into the outbox again, as after a failed delivery.

        Raises:
            NotFound: it is none of the last 10,000.
        """
        with self._calls.mutex:
            event = self._world.events.find(event_id)
            if event is not None:
                self._world.outbox.append(event)
                return
        message = "there is no such event"
        raise NotFound(message, provider=self._world.name)

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait, signed as of now; they leave the outbox.

        Raises:
            ConfigurationError: there is no webhook secret to sign with.
        """
        self._settings.require("webhook_secret")
        with self._calls.mutex:
            events, self._world.outbox = self._world.outbox, []
            if self._shuffled is not None and len({event.id for event in events}) > 1:
                order = list(events)
                while events == order:
                    self._shuffled.shuffle(events)
                self._shuffled = None
            if self._twice and events:
                events.insert(0, events[0])
                self._twice = False
        secret, now = self._settings.webhook_secret[0], self._clock()
        found: list[Delivery] = []
        for event in events:
            payload = payload_of(event)
            headers = {"Content-Type": "application/json", SIGNATURE.header: SIGNATURE.signed(payload, secret, now)}
            found.append(Delivery(str(event.type), payload, headers, event.id))
        return found
