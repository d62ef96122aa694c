"""The seller at Square's stand-in: locations, plans, profiles, and subscriptions that are sold by hand."""

from ..amounts import Amount, currency_of
from .catalog import new_item, new_plan, variation_for
from .dates import cadence_for
from .dispatch import SquareRequests
from .lifecycle import begin, new_subscription
from .locations import new_location
from .profiles import merge, new_customer
from .world import JSON

__all__ = ["SquareSeller"]


class SquareSeller(SquareRequests):
    """A Square account and its seller."""

    def add_location(
        self, location_id: str, *, currency: str = "USD", timezone: str = "America/New_York", active: bool = True
    ) -> str:
        """Play the seller who opens another location."""
        with self._lock:
            made = new_location(
                self._world, location_id, name=location_id, currency=currency, timezone=timezone, active=active
            )
            return str(made["id"])

    def add_plan(
        self,
        plan_id: str,
        amount: Amount,
        *,
        interval: str = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
        cadence: str | None = None,
        periods: int | None = None,
        trial_periods: int = 0,
        trial_cadence: str = "WEEKLY",
        relative: bool = False,
        item: str | None = None,
    ) -> str:
        """Play the seller who makes a plan with one variation.

        Args:
            plan_id: the id of the variation, which checkout takes.
            amount: per period, in the currency of the main location.
            interval: ``day``, ``week``, ``month`` or ``year``.
            interval_count: how many intervals make a period.
            trial_days: the length of a free phase before.
            metered: Square bills no usage: only False.
            cadence: how long a period is, in Square's word, in place of the interval:
                https://developer.squareup.com/reference/square/enums/SubscriptionCadence.
            periods: after how many paid periods it is over; None: never.
            trial_periods: how many free periods come before, in place of ``trial_days``.
            trial_cadence: how long these are.
            relative: whether the price is made from an order, as with plans that the Dashboard makes of items.
            item: the id of the item that such a plan sells, in place of the amount; None: all can be sold with it.

        Returns:
            The id of the variation.

        Raises:
            ValueError: Square has no such plan.
        """
        if metered:
            raise ValueError(self._has_no("plan that bills usage"))
        cadence = cadence or cadence_for(interval, interval_count)
        if trial_days:
            trial_periods, trial_cadence = trial_days, "DAILY"
        with self._lock:
            price = self._money(amount)
            pricing: JSON = {"type": "RELATIVE"} if relative or item else {"type": "STATIC", "price_money": price}
            paid: JSON = {"cadence": cadence, "pricing": pricing, **({"periods": periods} if periods else {})}
            free = {"type": "STATIC", "price_money": {**price, "amount": 0}}
            trial: JSON = {"cadence": trial_cadence, "periods": trial_periods, "pricing": free}
            phases = [trial, paid] if trial_periods else [paid]
            return str(new_plan(self._world, plan_id, phases, known_as=plan_id, item_id=item)["id"])

    def add_item(self, item_id: str, *prices: Amount | None) -> str:
        """Play the seller who puts an item into the catalogue.

        Args:
            item_id: its id, and its name.
            prices: of its variations, in the currency of the main location; None: it is entered when it is sold.

        Returns:
            The item's id.
        """
        with self._lock:
            by_name = {
                f"Variation {number}": None if each is None else self._money(each) for number, each in enumerate(prices)
            }
            return str(new_item(self._world, item_id, by_name, known_as=item_id)["id"])

    def _money(self, amount: Amount) -> JSON:
        currency = self._world.location["currency"]
        if currency_of(amount) != currency:
            message = f"the main location takes {currency}, not {currency_of(amount)}"
            raise ValueError(message)
        return {"amount": int(amount.to_decimal().scaleb(0 if currency == "JPY" else 2)), "currency": currency}

    def add_customer(self, email: str, *, name: str | None = "Ada Lovelace", phone: str | None = None) -> str:
        """Play the seller who adds a profile.

        Returns:
            The customer's id.
        """
        with self._lock:
            given, _, family = (name or "").partition(" ")
            about = {"email_address": email, "given_name": given, "family_name": family, "phone_number": phone}
            return str(new_customer(self._world, about, source="DIRECTORY")["id"])

    def merge(self, from_id: str, to_id: str) -> str:
        """Play the seller who merges two profiles into a new one: both ids lead to it from now on.

        Returns:
            The id of the new profile.
        """
        with self._lock:
            return str(merge(self._world, from_id, to_id)["id"])

    def add_subscription(
        self, customer: str, plan_id: str, *, card: str | None = None, location_id: str | None = None
    ) -> str:
        """Play the seller who subscribes a customer.

        Args:
            customer: the id of the profile.
            plan_id: of the variation.
            card: of the card that is charged; None: invoices are sent.
            location_id: where it is sold; None: at the main location.

        Returns:
            The subscription's id.
        """
        with self._lock:
            world = self._world
            variation = variation_for(world, plan_id, "plan_variation_id")
            about = {"card_id": world.need("card", card)["id"]} if card else {}
            owner = str(world.need("customer", customer)["id"])
            place = world.location if location_id is None else world.location_for(location_id, "location_id")
            made = new_subscription(world, place, owner, variation, about=about)
            begin(world, made)
            return str(made["id"])

    def send_test_notification(self) -> None:
        """Play the seller who tests the webhook subscription: the event has no object."""
        with self._lock:
            self._world.send("webhooks.test_notification", {"type": "webhooks", "id": self._world.new_id("test-")})
