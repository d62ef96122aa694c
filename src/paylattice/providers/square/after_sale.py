"""The operations after the sale, in the order of the protocol; the provider has the others."""

from ...models import Subscription
from ...provider import BaseProvider
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`SquareProvider` makes the parts that do it."""

    _subscriptions: Subscriptions

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Delete the scheduled cancellation, or clear its date. The state is read first: Square takes no key for this."""
        return await self._subscriptions.uncancel(subscription_id)
