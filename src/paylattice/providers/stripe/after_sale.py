"""The operations after the sale, in the order of the protocol; the provider has the others."""

from ...models import Subscription
from ...provider import BaseProvider
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`StripeProvider` makes the parts that do it."""

    _subscriptions: Subscriptions

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back an end that is set, whether by the period or by a date of the Dashboard."""
        return await self._subscriptions.uncancel(subscription_id, idempotency_key)
