"""The operations after the sale, in the order of the protocol; the provider has the others."""

from ...models import PaymentMethod, Subscription
from ...provider import BaseProvider
from .customers import Customers
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`SquareProvider` makes the parts that do it."""

    _customers: Customers
    _subscriptions: Subscriptions

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Delete the scheduled cancellation, or clear its date. The state is read first: Square takes no key for this."""
        return await self._subscriptions.uncancel(subscription_id)

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Charge another card on file. The state is read first: Square takes no key for this."""
        return await self._subscriptions.pay_with(subscription_id, payment_method_id)

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Make a card on file of a Web Payments SDK token (``cnon:...``), or of a completed card payment's id.

        ``verification_token`` is that of ``verifyBuyer``, where the SDK's ``tokenize`` does not include it.
        """
        return await self._customers.save_card(customer_id, token, verification_token, idempotency_key)
