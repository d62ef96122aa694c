"""What has to be asked before a request can be made, and is remembered: prices, meters, the customers behind items.

Prices and meters never change in what matters here. A subscription's item can get another price at any time, elsewhere
too: what is known of an item is forgotten after five minutes.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import attrs

from ...errors import InvalidRequest, InvalidResponse, NotFound, UnsupportedOperation
from ...jsonlike import JsonObject, child, identity, integer, reference, text
from ...transport.primitives import mutex
from .api import StripeAPI, path_of
from .requests import PriceFacts
from .wire import is_metered, price_of

__all__ = ["Lookups", "UsageRoute", "price_facts"]

T = TypeVar("T")

_SIZE = 1024
_ITEM_SECONDS = 300.0


class Remembered(Generic[T]):
    """The last values by their key; safe among threads.

    Args:
        size: how many.
        seconds: how long; None: for ever.
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float], *, size: int = _SIZE, seconds: float | None = None) -> None:
        self._clock = clock
        self._size = size
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = mutex()

    def get(self, key: str) -> T | None:
        """The value; None if there is none, or it is too old."""
        with self._lock:
            known = self._values.get(key)
            if known is None or (self._seconds is not None and abs(self._clock() - known[0]) >= self._seconds):
                return None
            return known[1]

    def put(self, key: str, value: T) -> T:
        """Remember the value, and forget the oldest if there are too many."""
        with self._lock:
            self._values[key] = self._clock(), value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def forget(self, key: str) -> None:
        """Forget the value."""
        with self._lock:
            self._values.pop(key, None)


@attrs.frozen
class _Meter:
    event_name: str
    customer_key: str
    value_key: str


@attrs.frozen
class UsageRoute:
    """How usage of a subscription's item is reported: as an event of a meter, about a customer."""

    customer_id: str
    meter: _Meter

    @property
    def event_name(self) -> str:
        """The name of the meter's events."""
        return self.meter.event_name

    def payload(self, quantity: int) -> Mapping[str, str]:
        """The event's payload; Stripe wants text only."""
        return {self.meter.customer_key: self.customer_id, self.meter.value_key: str(quantity)}


def price_facts(price: JsonObject) -> PriceFacts:
    """What does not change about a price, or about a plan, which versions before prices had."""
    recurring = child(price, "recurring") or price
    return PriceFacts(
        is_metered(price),
        integer(recurring, "trial_period_days"),
        text(recurring, "interval"),
        integer(recurring, "interval_count") or 1,
    )


class Lookups:
    """Asks and remembers.

    Args:
        api: where to ask.
        clock: seconds.
    """

    def __init__(self, api: StripeAPI, clock: Callable[[], float]) -> None:
        self._api = api
        self._prices: Remembered[PriceFacts] = Remembered(clock)
        self._meters: Remembered[_Meter] = Remembered(clock)
        self._routes: Remembered[UsageRoute] = Remembered(clock, seconds=_ITEM_SECONDS)

    async def price(self, plan_id: str) -> PriceFacts:
        """What does not change about a price.

        Raises:
            InvalidRequest: there is no such price.
        """
        known = self._prices.get(plan_id)
        if known is not None:
            return known
        found = await self._api.find(path_of("prices", plan_id))
        if found is None:
            message = "Stripe has no such price, in this account and mode (test or live)"
            raise InvalidRequest(message, param="plan_id")
        return self._prices.put(plan_id, price_facts(found))

    async def usage_route(self, item_id: str) -> UsageRoute:
        """How usage of the item is reported.

        Raises:
            NotFound: there is no such item.
            InvalidRequest: the item is not metered, or its meter is switched off.
            UnsupportedOperation: it is metered in the way that Stripe gave up in 2025.
        """
        known = self._routes.get(item_id)
        if known is not None:
            return known
        item = await self._api.get(path_of("subscription_items", item_id))
        price = price_of(item)
        meter_id = text(child(price, "recurring"), "meter") or text(price, "meter")
        if not is_metered(price):
            message = "the subscription item is not metered: usage can be reported only for a metered price"
            raise InvalidRequest(message, param="subscription_item_id")
        if not meter_id:
            raise UnsupportedOperation(
                reason="the item's price is metered without a billing meter, and Stripe takes no usage records now.",
                alternative="create a price with a meter: https://docs.stripe.com/billing/subscriptions/usage-based",
            )
        meter = self._meters.get(meter_id) or self._meters.put(meter_id, await self._meter(meter_id))
        customer_id = await self._customer_of(item)
        return self._routes.put(item_id, UsageRoute(customer_id, meter))

    def forget_item(self, item_id: str) -> None:
        """Forget what is known of an item: its price was changed."""
        self._routes.forget(item_id)

    async def _meter(self, meter_id: str) -> _Meter:
        found = await self._api.get(path_of("billing/meters", meter_id))
        if text(found, "status") == "inactive":
            message = "the meter of the subscription item is switched off"
            raise InvalidRequest(message, param="subscription_item_id")
        return _Meter(
            event_name=identity(found, "event_name", "billing meter"),
            customer_key=text(child(found, "customer_mapping"), "event_payload_key") or "stripe_customer_id",
            value_key=text(child(found, "value_settings"), "event_payload_key") or "value",
        )

    async def _customer_of(self, item: JsonObject) -> str:
        subscription_id = identity(item, "subscription", "subscription item")
        try:
            customer_id = reference(await self._api.get(path_of("subscriptions", subscription_id)), "customer")
        except NotFound:
            customer_id = None
        if customer_id is None:
            message = "the subscription of the item, or its customer, is gone"
            raise InvalidResponse(message)
        return customer_id
