"""Stripe's stand-in server: an account in this process, and what a test can do with it.

It simulates what Stripe documents, in the version that this library speaks. What it does not simulate it refuses, and it
has never been compared with a live account.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ..amounts import Amount, currency_of
from ..messages import Delivery
from . import checkout, collection, disputes, refunds, schedules
from .bank import AUTHENTICATE
from .catalog import new_price, new_product, smallest_unit
from .clock import advance_to
from .dispatch import StripeRequests
from .events import delivery_of, thin_of
from .lifecycle import Start, period_of, start
from .payment_methods import new_card, new_confirmation_token
from .rendering import rendered
from .usage import new_meter
from .world import JSON, World

__all__ = ["StripeStandIn"]


_DECIDED: Mapping[bool | None, str] = {True: "won", False: "lost", None: "warning_closed"}


class StripeStandIn(StripeRequests):
    """A Stripe account in this process.

    Args:
        secret_key: the only key that is accepted; with ``sk_live_...``, objects and events say that they are live.
        webhook_secret: signs the deliveries.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`.
        largest_page: how many objects a page of a list holds at most: a small number lets few objects fill many pages.
        retry_days: when the payment of a renewal is tried again, in days after the attempt before.
        when_retries_fail: the status of a subscription whose last retry failed: ``canceled``, ``unpaid``, ``past_due``.
        thin_events: deliver notifications, which only name their objects, instead of snapshots.
        clock: the real time, for the signatures of deliveries: seconds since 1970, or an aware datetime.
    """

    def __init__(
        self,
        secret_key: str = "sk_test_standin",  # noqa: S107 - not a secret: nothing but this object accepts it
        webhook_secret: str = "whsec_standin",  # noqa: S107 - the same
        *,
        now: datetime | None = None,
        largest_page: int = 100,
        retry_days: tuple[int, ...] = (3, 5, 7),
        when_retries_fail: str = "canceled",
        thin_events: bool = False,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        if when_retries_fail not in {"canceled", "unpaid", "past_due"}:
            message = "when_retries_fail must be canceled, unpaid or past_due"
            raise ValueError(message)
        begin = int((now or datetime.now(UTC)).timestamp())
        live = secret_key.startswith(("sk_live_", "rk_live_"))
        world = World(begin, largest_page, rendered, tuple(retry_days), when_retries_fail, livemode=live)
        super().__init__(secret_key, world, clock)
        self.webhook_secret = webhook_secret
        self._thin_events = thin_events

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return datetime.fromtimestamp(self._world.now, UTC)

    def money_taken(self, currency: str = "usd", *, customer: str | None = None) -> int:
        """What was captured and not given back, in the currency's smallest unit at Stripe.

        Args:
            currency: in which.
            customer: the paying customer; None: all customers.
        """
        with self._lock:
            charges = self._world.all("charge", currency=currency.lower(), status="succeeded", captured=True)
            return sum(
                charge["amount"] - charge["amount_refunded"]
                for charge in charges
                if customer in {None, charge["customer"]}
            )

    # --- what a test can do --------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: Amount,
        *,
        interval: str | None = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
        product: str | None = None,
    ) -> str:
        """Offer a plan, which Stripe calls a price, as the seller does in the Dashboard.

        Args:
            plan_id: what checkout takes.
            amount: per unit and period.
            interval: ``day``, ``week``, ``month`` or ``year``; None: the price is paid once.
            interval_count: how many intervals make a period.
            trial_days: the price's own trial.
            metered: bill usage; a meter for events named like the price is made.
            product: the name of its product; None: the price's id.

        Returns:
            The price's id.
        """
        with self._lock:
            made = new_product(self._world, {"name": product or plan_id})
            sent: JSON = {"currency": currency_of(amount), "unit_amount": smallest_unit(amount), "product": made["id"]}
            if interval is not None:
                sent["recurring"] = {
                    "interval": interval,
                    "interval_count": interval_count,
                    "trial_period_days": trial_days,
                }
            if metered:
                sent["recurring"] |= {"usage_type": "metered", "meter": self._meter_for(plan_id)["id"]}
            new_price(self._world, sent, known_as=plan_id)
            return plan_id

    def _meter_for(self, name: str) -> JSON:
        sent = {"display_name": name, "event_name": name, "default_aggregation": {"formula": "sum"}}
        return new_meter(self._world, sent)

    def note_other_mode(self, identifier: str) -> None:
        """Say of an id that there is such a customer in live mode."""
        self._world.in_other_mode.add(identifier)

    def add_confirmation_token(self, *, declines: str | None = None, requires_action: bool = False) -> str:
        """Play the payer who types a card into Stripe's form on your page.

        Args:
            declines: the decline code of the payment with it.
            requires_action: whether the payer must authenticate.

        Returns:
            The confirmation token that Stripe.js returns: it pays once.
        """
        with self._lock:
            return str(new_confirmation_token(self._world, AUTHENTICATE if requires_action else declines)["id"])

    def add_payment_method(
        self,
        customer_id: str,
        *,
        brand: str = "visa",
        last4: str = "4242",
        declines: str | None = None,
        requires_action: bool = False,
        default: bool = True,
    ) -> str:
        """Play the customer who saves a card.

        Args:
            customer_id: whose card.
            brand: of the card.
            last4: of its number.
            declines: the decline code of every payment with it.
            requires_action: whether the payer must authenticate every payment with it.
            default: whether subscriptions are paid with it.

        Returns:
            The payment method's id.
        """
        with self._lock:
            owner = self._world.need("customer", customer_id)
            verdict = AUTHENTICATE if requires_action else declines
            method: str = new_card(self._world, owner["id"], brand=brand, last4=last4, verdict=verdict)["id"]
            if default:
                owner["invoice_settings"] = {**owner["invoice_settings"], "default_payment_method": method}
            return method

    def add_subscription(self, customer: str, price: str, *, quantity: int = 1, billing_mode: str = "flexible") -> str:
        """Add a subscription that was not made with this library: in the Dashboard, or by an import.

        Args:
            customer: the customer's id; needs a default payment method to be active.
            price: the price's id.
            quantity: how many.
            billing_mode: ``flexible`` or ``classic``.

        Returns:
            The subscription's id.
        """
        with self._lock:
            owner = self._world.need("customer", customer)["id"]
            wanted = Start(owner, [(self._world.need("price", price), quantity)], billing_mode=billing_mode)
            return str(start(self._world, wanted)[0]["id"])

    def add_schedule(self, subscription_id: str, *, cancel_at: datetime | None = None) -> str:
        """Let a schedule manage a subscription, as the customer portal and the Dashboard do for changes to come.

        Args:
            subscription_id: the subscription's id.
            cancel_at: when the schedule ends it; None: never.

        Returns:
            The schedule's id.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            end = None if cancel_at is None else int(cancel_at.timestamp())
            return str(schedules.attach(self._world, subscription, cancel_at=end)["id"])

    def complete_checkout(self, session_id: str, *, delayed: bool = False) -> Mapping[str, object]:
        """Play the customer who fills in the page.

        Args:
            session_id: of the Checkout Session.
            delayed: pay with a method whose money arrives later: see :meth:`settle_checkout`.

        Returns:
            The session; still ``open`` if the payment was declined.

        Raises:
            ValueError: the page is not open.
        """
        with self._lock:
            session = self._world.need("checkout.session", session_id)
            return rendered(self._world, checkout.complete(self._world, session, delayed=delayed))

    def abandon_checkout(self, session_id: str) -> Mapping[str, object]:
        """Play the customer who never comes back: the page expires.

        Raises:
            ValueError: the page is not open.
        """
        with self._lock:
            session = self._world.need("checkout.session", session_id)
            if session["status"] != "open":
                message = f"the session is {session['status']}, not open"
                raise ValueError(message)
            return rendered(self._world, checkout.expire(self._world, session))

    def settle_checkout(self, session_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Make the money of a delayed payment arrive, or not."""
        with self._lock:
            session = self._world.need("checkout.session", session_id)
            return rendered(self._world, checkout.settle(self._world, session, succeeded=succeeded))

    def decline_next_payment(
        self, code: str = "generic_decline", *, customer_id: str | None = None, times: int = 1
    ) -> None:
        """Play the bank that declines a payment, a renewal or a page.

        Args:
            code: the decline code: https://docs.stripe.com/declines/codes.
            customer_id: the customer whose payment fails; None: any customer.
            times: how often.
        """
        with self._lock:
            self._world.bank.expect(code, customer=customer_id, times=times)

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Let refunds be pending, as those of bank debits are: see :meth:`settle_refund`."""
        with self._lock:
            self._world.bank.delayed_refunds += times

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Make the money of a pending refund arrive, or come back.

        Returns:
            The refund.

        Raises:
            ValueError: it is not pending.
        """
        with self._lock:
            refund = self._world.need("refund", refund_id)
            return rendered(self._world, refunds.settle(self._world, refund, succeeded=succeeded))

    def open_dispute(
        self, payment_id: str, *, amount: int | None = None, reason: str = "fraudulent", inquiry: bool = False
    ) -> Mapping[str, object]:
        """Play the payer's bank that wants the money of a payment back.

        Args:
            payment_id: of the PaymentIntent.
            amount: how much, in the smallest unit; None: all.
            reason: Stripe's word for why.
            inquiry: only ask, and take no money yet.

        Returns:
            The dispute.

        Raises:
            ValueError: the payment has not taken any money.
        """
        with self._lock:
            intent = self._world.need("payment_intent", payment_id)
            return rendered(self._world, disputes.open_dispute(self._world, intent, amount, reason, inquiry=inquiry))

    def decide_dispute(self, dispute_id: str, *, won: bool | None) -> Mapping[str, object]:
        """Play the bank that decides.

        Args:
            dispute_id: of the dispute.
            won: by the seller; None: it was an inquiry, and is closed.

        Returns:
            The dispute.

        Raises:
            ValueError: it is over already.
        """
        with self._lock:
            dispute = self._world.need("dispute", dispute_id)
            return rendered(self._world, disputes.decide(self._world, dispute, _DECIDED[won]))

    def require_authentication(self, *, customer_id: str | None = None, times: int = 1) -> None:
        """Play the bank that wants the payer to authenticate. Off session, this is a decline."""
        with self._lock:
            self._world.bank.expect(AUTHENTICATE, customer=customer_id, times=times)

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Play the payer who authenticates, or fails to; an invoice that waited for it is then paid.

        Args:
            payment_id: of the PaymentIntent.
            succeeded: whether the payer authenticated.

        Returns:
            The PaymentIntent.

        Raises:
            ValueError: it does not wait for that.
        """
        with self._lock:
            intent = self._world.need("payment_intent", payment_id)
            collection.authenticated(self._world, intent, succeeded=succeeded)
            return rendered(self._world, intent)

    def pay_outstanding(self, subscription_id: str) -> Mapping[str, object]:
        """Play the customer who pays the open invoices of a subscription on Stripe's page, with another card.

        Returns:
            The subscription.

        Raises:
            ValueError: nothing is owed.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            collection.pay_outstanding(self._world, subscription)
            return rendered(self._world, subscription)

    # --- what the frame asks -------------------------------------------------------------------------------------

    def _shown(self, kind: str, row: JSON) -> JSON:
        return rendered(self._world, row)

    def _signed(self, event: JSON, at: datetime) -> Delivery:
        sent = rendered(self._world, event)
        told = thin_of(sent) if self._thin_events else None
        return delivery_of(told or sent, self.webhook_secret, int(at.timestamp()))

    def _again(self, event: JSON) -> JSON:
        return event

    def _tell(self, name: str, about: JSON) -> None:
        self._world.tell(name, about)

    def _advance_to(self, until: datetime) -> None:
        advance_to(self._world, int(until.timestamp()))

    def _next_turn(self, subscription: JSON) -> datetime | None:
        return datetime.fromtimestamp(period_of(self._world, subscription)[1], UTC)
