"""The operations after the sale, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping
from datetime import datetime

from ...guard import provider_specific
from ...models import ChangePayment, ChangeTime, Customer, Invoice, PaymentMethod, Subscription, SubscriptionChange
from ...provider import BaseProvider
from .customers import Customers
from .invoices import Invoices
from .starting import Starting
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`SquareProvider` makes the parts that do it."""

    _customers: Customers
    _invoices: Invoices
    _starting: Starting
    _subscriptions: Subscriptions

    async def list_customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """Return a page of the profiles, oldest first; merged ones are left out. Square shows a new profile after a while."""
        return await self._customers.page(after, limit)

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
        """Subscribe the customer with a card on file: the subscription is theirs, whatever a buyer types anywhere.

        Square charges the card a moment later. If that is declined, the subscription is active, and its first invoice is owed.
        ``start_at`` is a day in the location's time zone. Square keeps no metadata, and knows no quantity, and no trial but the
        plan's own.
        """
        return await self._starting.begin(
            customer_id,
            plan_id,
            payment_method_id=payment_method_id,
            quantity=quantity,
            trial_end=trial_end,
            start_at=start_at,
            key=idempotency_key,
        )

    async def find_subscription(self, key: str, since: datetime, *, customer_id: str) -> Subscription | None:
        """The customer's subscription with the key in its source's name."""
        return await self._starting.begun_under(key, customer_id)

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Delete the scheduled cancellation, or clear its date. The state is read first: Square takes no key for this."""
        return await self._subscriptions.uncancel(subscription_id)

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan from the next billing date on: see ``scheduled_changes``. Square never prorates it.

        Raises:
            InvalidRequest: a quantity was given, which Square does not know.
        """
        return await self._subscriptions.change(
            subscription_id, plan_id=plan_id, quantity=quantity, key=idempotency_key
        )

    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Delete the scheduled swap of plans. The state is read first: Square takes no key for this."""
        return await self._subscriptions.keep_plan(subscription_id)

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Charge another card on file. The state is read first: Square takes no key for this."""
        return await self._subscriptions.pay_with(subscription_id, payment_method_id)

    async def get_invoice(self, invoice_id: str) -> Invoice | None:
        """The invoice, ``inv:...``, with its payments; None if there is none."""
        return await self._invoices.find(invoice_id)

    async def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Cancel a published invoice. The state is read first: Square takes no key for this."""
        return await self._invoices.void(invoice_id)

    @provider_specific(returns=Invoice, writes=True)
    async def publish_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Publish a draft: it can be paid on its page, and Square sends it as it says. Square's alone. Twice is no error.

        Args:
            invoice_id: Square's id of the invoice.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the invoice does not exist.
        """
        return await self._invoices.publish(invoice_id, idempotency_key)

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Make a card on file of a Web Payments SDK token (``cnon:...``), or of a completed card payment's id.

        ``verification_token`` is that of the buyer's verification, where the SDK's ``tokenize`` does not include it.
        """
        return await self._customers.save_card(customer_id, token, verification_token, idempotency_key)
