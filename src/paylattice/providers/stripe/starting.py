"""Subscriptions at Stripe that begin without a page, paid with a saved payment method."""

from collections.abc import Mapping
from datetime import datetime

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, string_map
from ...models import Subscription, SubscriptionChange, SubscriptionStatus
from .api import StripeAPI
from .changes import waiting_for_payer
from .lookups import Lookups
from .requests import Params, metadata_of, tagged
from .wire import KEY_WORD, subscription_from

__all__ = ["Starting"]

_PATH = "/v1/subscriptions"
_HEAD_START = 600
"""Seconds that the clock of whoever asked may be ahead of Stripe's."""


class Starting:
    """Begins subscriptions.

    Args:
        api: where they are.
        lookups: for the prices that they are to.
        expanded: what an answer has to bring along.
    """

    def __init__(self, api: StripeAPI, lookups: Lookups, expanded: list[str]) -> None:
        self._api = api
        self._expanded = expanded
        self._lookups = lookups

    async def begin(
        self,
        customer_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None,
        quantity: int,
        trial_end: datetime | None,
        start_at: datetime | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> SubscriptionChange:
        """Begin one. Where the first payment fails or waits, it is incomplete: Stripe gives it up after 23 hours."""
        if start_at is not None:
            message = "Stripe begins subscriptions at once: trial_end= charges nothing before, or use its schedules"
            raise InvalidRequest(message, param="start_at")
        price = await self._lookups.price(plan_id)
        item: Params = {"price": plan_id} if price.metered else {"price": plan_id, "quantity": quantity}
        params: Params = {
            "customer": customer_id,
            "items": [item],
            "payment_behavior": "allow_incomplete",
            "metadata": metadata_of(metadata),
            "expand": self._expanded,
        }
        if payment_method_id is not None:
            params["default_payment_method"] = payment_method_id
        if trial_end is not None:
            params["trial_end"] = int(trial_end.timestamp())
        elif price.trial_days:
            params["trial_period_days"] = price.trial_days
        answer = await self._api.post(_PATH, tagged(params, key), key)
        return start_from(answer.data, answer.into(subscription_from))

    async def begun_under(self, key: str, since: datetime, customer_id: str) -> Subscription | None:
        """The customer's subscription with the key in its metadata."""
        created = {"gte": int(since.timestamp()) - _HEAD_START}
        async for data in self._api.pages(_PATH, {"customer": customer_id, "status": "all", "created": created}):
            if string_map(data, "metadata").get(KEY_WORD) == key:
                return subscription_from(data)
        return None


def start_from(data: JsonObject, subscription: Subscription) -> SubscriptionChange:
    """A subscription that was just begun, and what its first payment waits for."""
    if subscription.status is not SubscriptionStatus.INCOMPLETE:
        return SubscriptionChange(subscription)
    return waiting_for_payer(subscription, child(data, "latest_invoice"))
