"""Subscriptions at Stripe that begin without a page, paid with a saved payment method."""

from collections.abc import Mapping
from datetime import datetime

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, string_map
from ...models import Subscription, SubscriptionChange, SubscriptionStatus
from .api import StripeAPI
from .changes import waiting_for_payer
from .lookups import Lookups
from .requests import Params, created_since, metadata_of, tagged
from .wire import KEY_WORD, subscription_from

__all__ = ["Starting"]

_PATH = "/v1/subscriptions"


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
        if start_at is not None and trial_end is not None:
            message = "trial_end and start_at both say when the first payment is due: give one of them"
            raise InvalidRequest(message, param="start_at")
        free_until = start_at or trial_end  # a schedule would begin then, too, but has no subscription up to that time
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
        if free_until is not None:
            params["trial_end"] = int(free_until.timestamp())
        elif price.trial_days:
            params["trial_period_days"] = price.trial_days
        answer = await self._api.post(_PATH, tagged(params, key), key)
        return start_from(answer.data, answer.into(subscription_from))

    async def begun_under(self, key: str, since: datetime, customer_id: str) -> Subscription | None:
        """The customer's subscription with the key in its metadata."""
        created = created_since(since)
        async for data in self._api.pages(_PATH, {"customer": customer_id, "status": "all", "created": created}):
            if string_map(data, "metadata").get(KEY_WORD) == key:
                return subscription_from(data)
        return None


def start_from(data: JsonObject, subscription: Subscription) -> SubscriptionChange:
    """A subscription that was just begun, and what its first payment waits for."""
    if subscription.status is not SubscriptionStatus.INCOMPLETE:
        return SubscriptionChange(subscription)
    return waiting_for_payer(subscription, child(data, "latest_invoice"))
