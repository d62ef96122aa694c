"""Metered usage: from a subscription's item to an event of its price's meter.

https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ...errors import InvalidRequest
from .api import StripeAPI
from .lookups import Lookups
from .requests import usage_request

__all__ = ["Usage"]

_OLDEST = timedelta(days=35)
_NEWEST = timedelta(minutes=5)
_DUPLICATE = "duplicate_meter_event"


class Usage:
    """Usage at Stripe.

    Args:
        api: where it is reported.
        lookups: for what stands between an item and its meter.
        clock: seconds since 1970.
    """

    def __init__(self, api: StripeAPI, lookups: Lookups, clock: Callable[[], float]) -> None:
        self._api = api
        self._lookups = lookups
        self._clock = clock

    async def report(self, item_id: str, quantity: int, timestamp: datetime | None, key: str) -> None:
        """Report usage of an item.

        Raises:
            InvalidRequest: the item is not metered, or the time is out of Stripe's bounds.
        """
        if timestamp is not None:
            age = timedelta(seconds=self._clock() - timestamp.timestamp())
            if not -_NEWEST <= age <= _OLDEST:
                message = "Stripe takes usage of the last 35 days, and of at most 5 minutes ahead"
                raise InvalidRequest(message, param="timestamp")
        route = await self._lookups.usage_route(item_id)
        params = usage_request(route.event_name, route.payload(quantity), timestamp, key)
        try:
            await self._api.post("/v1/billing/meter_events", params, key)
        except InvalidRequest as error:
            if not _is_duplicate(error):
                raise


def _is_duplicate(error: InvalidRequest) -> bool:
    """Whether Stripe has the event already: from an attempt with the same key, since the identifier is the key's."""
    return error.code == _DUPLICATE or (error.param == "identifier" and "already" in error.message)
