"""Square's stand-in server: an account in this process, and what a test can do with it.

It simulates what Square documents. What it does not simulate it refuses, and it has never been compared with a live account.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ..messages import Delivery
from . import customers, payments, subscriptions
from .catalog import add_variation
from .dispatch import SquareRequests
from .events import delivery_of
from .world import JSON, World, sendable

__all__ = ["SquareStandIn"]


class SquareStandIn(SquareRequests):
    """A Square account with one location in this process.

    Args:
        access_token: the only one that is accepted.
        signature_key: signs the deliveries.
        webhook_url: where deliveries go; signed with them.
        location_id: of the location.
        currency: of the location.
        timezone: of the location.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`.
        largest_page: how many objects a page of a list holds at most.
        empty_pages: let every list begin with an empty page that has a cursor.
        sandbox: sign deliveries as those of the sandbox.
    """

    def __init__(
        self,
        access_token: str = "standin-token",  # noqa: S107 - not a secret: nothing but this object accepts it
        signature_key: str = "standin-signature-key",
        webhook_url: str = "https://app.test/webhooks/square",
        *,
        location_id: str = "LSTANDIN",
        currency: str = "USD",
        timezone: str = "America/Los_Angeles",
        now: datetime | None = None,
        largest_page: int = 100,
        empty_pages: bool = False,
        sandbox: bool = True,
    ) -> None:
        location: JSON = {
            "id": location_id,
            "name": "Stand-in",
            "timezone": timezone,
            "currency": currency,
            "country": "US",
            "status": "ACTIVE",
            "merchant_id": "MSTANDIN",
            "capabilities": ["CREDIT_CARD_PROCESSING"],
            "type": "PHYSICAL",
        }
        world = World(now or datetime.now(UTC), "MSTANDIN", location, largest_page, empty_pages)
        super().__init__(access_token, world)
        self.signature_key = signature_key
        self.webhook_url = webhook_url
        self.location_id = location_id
        self._sandbox = sandbox

    # --- what a test can look at ---------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._world.now

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """All objects of a kind, oldest first.

        Args:
            kind: ``customer``, ``card``, ``payment``, ``refund``, ``payment_link``, ``order``, ``subscription``,
                ``invoice``, ``catalog``.
        """
        with self._lock:
            return [sendable(found) for found in self._world.all(kind)]

    def snapshot(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """All objects by kind, but for events: equal to a later one if nothing took effect in between."""
        with self._lock:
            return {kind: self.objects(kind) for kind in self._world.kinds if kind != "event"}

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait; they leave the outbox."""
        with self._lock:
            events, self._world.outbox = self._world.outbox, []
        return [delivery_of(event, self.signature_key, self.webhook_url, sandbox=self._sandbox) for event in events]

    # --- what a test can do --------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: int,
        *,
        cadence: str = "MONTHLY",
        trial_periods: int = 0,
        trial_cadence: str = "WEEKLY",
        periods: int | None = None,
    ) -> str:
        """Be the seller who makes a plan with one variation.

        Args:
            plan_id: the id of the variation, which checkout takes.
            amount: per period, in the smallest unit of the location's currency.
            cadence: how long a period is.
            trial_periods: how many free periods come before.
            trial_cadence: how long these are.
            periods: after how many paid periods it is over; None: never.

        Returns:
            The id of the variation.
        """
        price = {"amount": amount, "currency": self._world.location["currency"]}
        paid: JSON = {"cadence": cadence, "pricing": {"type": "STATIC", "price": price, "price_money": price}}
        free = {"amount": 0, "currency": price["currency"]}
        trial: JSON = {
            "cadence": trial_cadence,
            "periods": trial_periods,
            "pricing": {"type": "STATIC", "price": free, "price_money": free},
        }
        if periods:
            paid["periods"] = periods
        phases = [trial, paid] if trial_periods else [paid]
        with self._lock:
            for number, phase in enumerate(phases):
                phase |= {"uid": self._world.new_id("PHASE"), "ordinal": number}
            return str(add_variation(self._world, plan_id, phases, known_as=plan_id)["id"])

    def add_customer(self, email: str, *, phone: str | None = None) -> str:
        """Be the seller who adds a profile.

        Returns:
            The customer's id.
        """
        with self._lock:
            sent: JSON = {"email_address": email, "phone_number": phone}
            return str(customers.new_customer(self._world, sent)["id"])

    def add_card(self, customer: str, *, brand: str = "VISA", last4: str = "1111", declines: str | None = None) -> str:
        """Be the customer whose card is kept on file.

        Args:
            customer: the id of the profile.
            brand: of the card.
            last4: of its number.
            declines: the code of every payment with it, for example ``GENERIC_DECLINE``.

        Returns:
            The card's id.
        """
        with self._lock:
            owner = self._world.need("customer", customer)["id"]
            return str(customers.new_card(self._world, owner, brand=brand, last4=last4, declines=declines)["id"])

    def pay_link(
        self, link_id: str, *, phone: str = "+15005550006", subscribes: bool = True, declines: str | None = None
    ) -> Mapping[str, object]:
        """Be the buyer who pays on a payment link's page.

        The buyer becomes the profile with the phone number, or a new one: whatever customer the link was made for.

        Args:
            link_id: of the link.
            phone: what the buyer types.
            subscribes: whether a subscription comes of it, as in production; in the sandbox none does.
            declines: the code of every later payment with the buyer's card.

        Returns:
            The payment.

        Raises:
            ValueError: the link was paid already.
        """
        with self._lock:
            world = self._world
            link = world.need("payment_link", link_id)
            order = world.need("order", link["order_id"])
            if order.get("tenders") or order["state"] != "OPEN":
                message = "the link was paid already: it serves one buyer, once"
                raise ValueError(message)
            known = world.all("customer", lambda row: row.get("phone_number") == phone and "_merged_into" not in row)
            sent = {"given_name": "Bo", "family_name": "Buyer", "phone_number": phone}
            buyer = known[0] if known else customers.new_customer(world, sent)
            plan_id = link.get("checkout_options", {}).get("subscription_plan_id")
            card = customers.new_card(world, buyer["id"], brand="VISA", last4="1111", declines=declines)
            payment = payments.pay_order(world, order, buyer["id"], card)
            if plan_id is not None and subscribes:
                variation = world.need("catalog", plan_id)
                subscriptions.start(world, buyer["id"], variation, card=card, paid_by=payment)
            return dict(sendable(payment))

    def pay_invoice(self, subscription_id: str) -> None:
        """Be the customer who pays the newest invoice of a subscription on its page."""
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            invoice = self._world.need("invoice", subscription["invoice_ids"][0])
            subscriptions.pay_invoice(self._world, invoice)

    def add_subscription(self, customer: str, plan_id: str, *, card: str | None = None) -> str:
        """Be the seller who subscribes a customer.

        Returns:
            The subscription's id.
        """
        with self._lock:
            variation = self._world.need("catalog", plan_id)
            kept = self._world.need("card", card) if card else None
            return str(subscriptions.start(self._world, customer, variation, card=kept)["id"])

    def merge_customers(self, old: str, new: str) -> None:
        """Be the seller who merges two profiles: the old id leads to the new profile from now on."""
        with self._lock:
            customers.merge(self._world, old, new)

    def decline_next_payment(self, code: str = "GENERIC_DECLINE", *, times: int = 1) -> None:
        """Be the bank that says no, to a payment or a renewal.

        Args:
            code: Square's word.
            times: how often.
        """
        with self._lock:
            self._world.declines += [code] * times

    def settle_refunds(self, *, succeeded: bool = True) -> None:
        """Let the bank decide about all refunds that are pending."""
        with self._lock:
            for refund in self._world.all("refund", lambda row: row["status"] == "PENDING"):
                payments.settle_refund(self._world, refund, succeeded=succeeded)

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Let time pass, with everything that is due.

        Returns:
            The new simulated time.
        """
        with self._lock:
            subscriptions.advance_to(self._world, self._world.now + timedelta(days=days, hours=hours))
            return self.now

    def renew(self, subscription_id: str) -> Mapping[str, object]:
        """Let time pass until something happens to the subscription: it is billed again, paused, resumed, or over.

        Returns:
            The subscription.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            when = subscriptions.next_date(subscription)
            if when is not None:
                subscriptions.advance_to(self._world, when)
            return dict(sendable(subscription))
