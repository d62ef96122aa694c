"""The operations after the sale, in the order of the protocol; the provider has the others."""

from ...models import Subscription
from ...provider import BaseProvider
from .calls import Calls
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`InMemoryProvider` makes the parts that do it."""

    _calls: Calls
    _subscriptions: Subscriptions

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back a cancellation at the period's end."""

        def effect() -> Subscription:
            record = self._subscriptions.get(subscription_id)
            self._subscriptions.uncancel(record)
            return record.model()

        return self._calls.write(idempotency_key, subscription_id, effect)
