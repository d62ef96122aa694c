"""The operations after the sale, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping
from datetime import datetime

from ...models import CheckoutSession, Customer, PaymentMethod, Subscription, SubscriptionChange
from ...provider import BaseProvider
from .outstanding import Outstanding
from .payment_methods import PaymentMethods
from .starting import Starting
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`StripeProvider` makes the parts that do it."""

    _methods: PaymentMethods
    _outstanding: Outstanding
    _starting: Starting
    _subscriptions: Subscriptions

    async def create_subscription(
        self,
        customer_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None = None,
        quantity: int = 1,
        trial_end: datetime | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Begin a subscription now. A first payment that is declined, or waits for the payer, leaves it incomplete.

        ``approval_url`` is then the page of its first invoice, and ``client_secret`` that of its payment. Stripe gives an
        incomplete one up after 23 hours. ``start_at`` is refused: Stripe needs a schedule for it.
        """
        return await self._starting.begin(
            customer_id,
            plan_id,
            payment_method_id=payment_method_id,
            quantity=quantity,
            trial_end=trial_end,
            start_at=start_at,
            metadata=metadata,
            key=idempotency_key,
        )

    async def find_subscription(self, key: str, since: datetime, *, customer_id: str) -> Subscription | None:
        """The customer's subscription with the key in its metadata."""
        return await self._starting.begun_under(key, since, customer_id)

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back an end that is set, whether by the period or by a date of the Dashboard."""
        return await self._subscriptions.uncancel(subscription_id, idempotency_key)

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Pay the subscription's invoices with it, whatever the customer's default is."""
        return await self._subscriptions.pay_with(subscription_id, payment_method_id, idempotency_key)

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Pay the subscription's open invoices, oldest first, with its payment method or the customer's default."""
        return await self._outstanding.bill(subscription_id, idempotency_key)

    async def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A Checkout page in setup mode, for cards and wallets."""
        return await self._methods.page(customer_id, success_url, cancel_url, metadata, idempotency_key)

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Attach a payment method (``pm_...``), or that of a SetupIntent (``seti_...``) or a setup session (``cs_...``).

        Prefer the latter two: Stripe has then asked the payer for all that later charges need. ``verification_token`` is not
        used.
        """
        return await self._methods.save(customer_id, token, idempotency_key)

    async def set_default_payment_method(
        self, customer_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Customer:
        """Pay the customer's invoices with it, but for subscriptions that have one of their own."""
        return await self._methods.choose(customer_id, payment_method_id, idempotency_key)
