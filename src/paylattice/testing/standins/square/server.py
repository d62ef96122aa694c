"""Square's stand-in server: an account in this process, and what a test can do with it.

It simulates what Square documents, and what others found out about it. What it does not simulate it refuses, and it has never
been compared with a live account.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ..messages import Delivery
from . import billing, links, refunds
from .cards import new_card
from .catalog import new_plan, shown_object, variation_for
from .clock import advance_to
from .dates import add_months
from .dispatch import SquareRequests
from .events import delivery_of
from .lifecycle import begin, new_subscription, next_turn, shown
from .locations import new_location
from .profiles import merge, new_customer
from .world import JSON, Manners, World, sendable

__all__ = ["SquareStandIn"]

_MERCHANT = "MSTANDIN"


class SquareStandIn(SquareRequests):
    """A Square account in this process.

    Args:
        access_token: the account's own token.
        signature_key: signs the deliveries.
        webhook_url: where deliveries go; it is a part of what is signed.
        oauth_token: a token that the seller granted by OAuth, which may do less; None: there is none.
        location_id: of the main location.
        currency: of the main location: every amount must be in it.
        timezone: of the main location: its days are those of subscriptions.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`.
        largest_page: how many objects a page of a list holds at most: a small number lets few objects fill many pages.
        sandbox: whether addresses and deliveries are those of Square's sandbox.
        manners: what Square does in one way or another, and its documentation does not say; None: the usual.
    """

    def __init__(
        self,
        access_token: str = "standin-token",  # noqa: S107 - not a secret: nothing but this object accepts it
        signature_key: str = "standin-signature-key",
        webhook_url: str = "https://app.test/webhooks/square",
        *,
        oauth_token: str | None = None,
        location_id: str = "LSTANDIN",
        currency: str = "USD",
        timezone: str = "America/Los_Angeles",
        now: datetime | None = None,
        largest_page: int = 1000,
        sandbox: bool = True,
        manners: Manners | None = None,
    ) -> None:
        world = World(now or datetime.now(UTC), _MERCHANT, sandbox, largest_page, manners or Manners())
        new_location(world, location_id, name="Stand-in", currency=currency, timezone=timezone, active=True)
        super().__init__(access_token, oauth_token, world)
        self.signature_key = signature_key
        self.webhook_url = webhook_url
        self.location_id = location_id

    # --- what a test can look at ---------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._world.now

    @property
    def manners(self) -> Manners:
        """What Square does in one way or another: they can be changed at any time."""
        return self._world.manners

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """All objects of a kind, oldest first, as the API sends them.

        Args:
            kind: ``customer``, ``card``, ``payment``, ``refund``, ``payment_link``, ``order``, ``subscription`` (with its
                actions), ``invoice``, ``catalog``, ``location``, ``event``.
        """
        with self._lock:
            return [self._shown(kind, row) for row in self._world.all(kind, lambda row: "_merged_into" not in row)]

    def _shown(self, kind: str, row: JSON) -> Mapping[str, object]:
        if kind == "subscription":
            row = shown({**row, "_unseen": 0}, actions=True)
        elif kind == "catalog":
            row = shown_object(self._world, row)
        found: JSON = sendable(row)
        return found

    def snapshot(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """All objects by kind, but for events: equal to a later one if nothing took effect in between."""
        with self._lock:
            return {kind: self.objects(kind) for kind in self._world.kinds if kind != "event"}

    def count(self, kind: str) -> int:
        """How many objects of a kind were ever made, deleted ones too."""
        with self._lock:
            return self._world.count(kind)

    def money_taken(self, *, customer: str | None = None) -> int:
        """What was captured and not given back, in the smallest unit of the main location's currency.

        Args:
            customer: the id of the profile that paid; None: everybody.
        """
        with self._lock:
            payments = self._world.all(
                "payment", lambda row: row["status"] == "COMPLETED" and customer in {None, row.get("customer_id")}
            )
            ids = {payment["id"] for payment in payments}
            given = self._world.all("refund", lambda row: row["status"] == "COMPLETED" and row["payment_id"] in ids)
            taken = sum(int(payment["total_money"]["amount"]) for payment in payments)
            return taken - sum(int(refund["amount_money"]["amount"]) for refund in given)

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait; they leave the outbox."""
        with self._lock:
            events, self._world.outbox = self._world.outbox, []
            return [self._delivery(event) for event in events]

    def redeliver(self, event_id: str, *, retry: int = 1, reason: str = "http_timeout") -> Delivery:
        """A webhook once more, as it comes when it was not answered.

        Args:
            event_id: of the event.
            retry: which attempt it is after the first.
            reason: ``http_timeout``, ``http_error``, ``ssl_error`` or ``other_error``.
        """
        with self._lock:
            return self._delivery(self._world.need("event", event_id), retry, reason)

    def _delivery(self, event: JSON, retry: int = 0, reason: str = "") -> Delivery:
        return delivery_of(
            event, self.signature_key, self.webhook_url, sandbox=self._world.sandbox, retry=retry, reason=reason
        )

    def send_test_notification(self) -> None:
        """Be the seller who tests the webhook subscription: the event has no object."""
        with self._lock:
            self._world.send("webhooks.test_notification", {"type": "webhooks", "id": self._world.new_id("test-")})

    # --- what a test can do: the seller --------------------------------------------------------------------------

    def add_location(
        self, location_id: str, *, currency: str = "USD", timezone: str = "America/New_York", active: bool = True
    ) -> str:
        """Be the seller who opens another location."""
        with self._lock:
            made = new_location(
                self._world, location_id, name=location_id, currency=currency, timezone=timezone, active=active
            )
            return str(made["id"])

    def add_plan(
        self,
        plan_id: str,
        amount: int,
        *,
        cadence: str = "MONTHLY",
        periods: int | None = None,
        trial_periods: int = 0,
        trial_cadence: str = "WEEKLY",
        relative: bool = False,
    ) -> str:
        """Be the seller who makes a plan with one variation.

        Args:
            plan_id: the id of the variation, which checkout takes.
            amount: per period, in the smallest unit of the location's currency.
            cadence: how long a period is: https://developer.squareup.com/reference/square/enums/SubscriptionCadence.
            periods: after how many paid periods it is over; None: never.
            trial_periods: how many free periods come before.
            trial_cadence: how long these are.
            relative: whether the price is made from an order, as with plans that the Dashboard makes of items.

        Returns:
            The id of the variation.
        """
        with self._lock:
            currency = self._world.location["currency"]
            price = {"amount": amount, "currency": currency}
            pricing: JSON = {"type": "RELATIVE"} if relative else {"type": "STATIC", "price_money": price}
            paid: JSON = {"cadence": cadence, "pricing": pricing, **({"periods": periods} if periods else {})}
            free = {"type": "STATIC", "price_money": {"amount": 0, "currency": currency}}
            trial: JSON = {"cadence": trial_cadence, "periods": trial_periods, "pricing": free}
            phases = [trial, paid] if trial_periods else [paid]
            return str(new_plan(self._world, plan_id, phases, known_as=plan_id)["id"])

    def add_customer(self, email: str, *, name: str | None = "Ada Lovelace", phone: str | None = None) -> str:
        """Be the seller who adds a profile.

        Returns:
            The customer's id.
        """
        with self._lock:
            given, _, family = (name or "").partition(" ")
            about = {"email_address": email, "given_name": given, "family_name": family, "phone_number": phone}
            return str(new_customer(self._world, about, source="DIRECTORY")["id"])

    def merge(self, from_id: str, to_id: str) -> str:
        """Be the seller who merges two profiles into a new one: both ids lead to it from now on.

        Returns:
            The id of the new profile.
        """
        with self._lock:
            return str(merge(self._world, from_id, to_id)["id"])

    def add_subscription(self, customer: str, plan_id: str, *, card: str | None = None) -> str:
        """Be the seller who subscribes a customer.

        Args:
            customer: the id of the profile.
            plan_id: of the variation.
            card: of the card that is charged; None: invoices are sent.

        Returns:
            The subscription's id.
        """
        with self._lock:
            world = self._world
            variation = variation_for(world, plan_id, "plan_variation_id")
            about = {"card_id": world.need("card", card)["id"]} if card else {}
            owner = str(world.need("customer", customer)["id"])
            made = new_subscription(world, world.location, owner, variation, about=about)
            begin(world, made)
            return str(made["id"])

    # --- what a test can do: customers and their banks -----------------------------------------------------------

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
            owner = str(self._world.need("customer", customer)["id"])
            return str(new_card(self._world, owner, brand=brand, last4=last4, declines=declines)["id"])

    def pay_link(
        self,
        link_id: str,
        *,
        phone: str | None = None,
        as_new_customer: bool | None = None,
        capture: bool = True,
        traceable: bool = True,
        declines: str | None = None,
        gift_card: int = 0,
    ) -> Mapping[str, object] | None:
        """Be the buyer who pays on a payment link's page.

        The buyer becomes the profile with the phone number, or a new one: whatever customer the link was made for. Of a link
        for a plan comes a subscription, unless ``manners.links_subscribe`` is False, as in Square's sandbox.

        Args:
            link_id: of the link.
            phone: what the buyer types; None: what the link filled in, or else always the same number.
            as_new_customer: True: the buyer is nobody whom Square knows; False: somebody whom it does; None: as it is.
            capture: whether the payment is taken at once; otherwise it is only authorized.
            traceable: whether the order of the subscription's first invoice names the payment. Nobody knows whether Square
                does that; without it, only the time tells which subscription came of which link.
            declines: the code of every later payment with the buyer's card.
            gift_card: how much a gift card pays first, as a payment of its own; the card pays the rest.

        Returns:
            The payment with the card, ``FAILED`` if the bank refused: then the link can be tried again. None: the plan begins
            with a free phase, and nothing was paid.

        Raises:
            ValueError: the link was paid already, or Square knows no such buyer.
        """
        with self._lock:
            payment = links.buy(
                self._world,
                self._world.need("payment_link", link_id),
                phone=phone,
                as_new_customer=as_new_customer,
                capture=capture,
                traceable=traceable,
                declines=declines,
                gift_card=gift_card,
            )
            return None if payment is None else dict(sendable(payment))

    def pay_invoice(self, invoice_id: str, *, amount: int | None = None) -> Mapping[str, object]:
        """Be the customer who pays an invoice on its page.

        Args:
            invoice_id: of the invoice; or of a subscription, for its newest one.
            amount: how much of it; None: all that is due.

        Returns:
            The payment, ``FAILED`` if the bank refused.

        Raises:
            ValueError: there is nothing to pay.
        """
        with self._lock:
            subscription = self._world.get("subscription", invoice_id)
            identifier = subscription["invoice_ids"][0] if subscription is not None else invoice_id
            invoice = self._world.need("invoice", identifier)
            return dict(sendable(billing.pay_invoice(self._world, invoice, links.CARD, amount)))

    def decline_next_payment(
        self, code: str = "GENERIC_DECLINE", *, customer: str | None = None, times: int = 1
    ) -> None:
        """Be the bank that says no: to a payment, a renewal or a page.

        Args:
            code: Square's word: https://developer.squareup.com/docs/payments-api/error-codes.
            customer: the id of the profile that pays; None: anybody.
            times: how often.
        """
        with self._lock:
            self._world.declines += [(code, customer)] * times

    def settle_refunds(self, *, succeeded: bool = True) -> None:
        """Be the bank that decides about all refunds that are pending; without this, it agrees to each after a day."""
        with self._lock:
            for refund in self._world.all("refund", lambda row: row["status"] == "PENDING"):
                refunds.settle(self._world, refund, succeeded=succeeded)

    # --- what a test can do: time --------------------------------------------------------------------------------

    def expire_cursors(self) -> None:
        """Let all cursors become too old: lists have to be begun anew."""
        with self._lock:
            self._world.cursors_since = self._world.now

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Let time pass, with everything that is due: periods, scheduled actions, authorizations, refunds.

        Returns:
            The new simulated time.
        """
        with self._lock:
            moment = add_months(self._world.now, months)
            advance_to(self._world, moment + timedelta(days=days, hours=hours))
            return self.now

    def renew(self, subscription_id: str) -> Mapping[str, object]:
        """Let time pass until something happens to the subscription: it is billed again, paused, resumed, or over.

        After :meth:`decline_next_payment` the renewal is not paid.

        Returns:
            The subscription.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            when = next_turn(subscription)
            if when is not None:
                advance_to(self._world, when)
            return self._shown("subscription", subscription)
