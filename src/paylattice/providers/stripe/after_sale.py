"""The operations after the sale, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ...models import (
    ChangePayment,
    ChangePreview,
    ChangeTime,
    CheckoutSession,
    Customer,
    Invoice,
    PaymentMethod,
    Subscription,
    SubscriptionChange,
)
from ...provider import BaseProvider
from .customers import Customers
from .invoices import Invoices
from .outstanding import Outstanding
from .payment_methods import PaymentMethods
from .previews import Previews
from .starting import Starting
from .subscriptions import Subscriptions

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`StripeProvider` makes the parts that do it."""

    _invoices: Invoices
    _customers: Customers
    _methods: PaymentMethods
    _outstanding: Outstanding
    _previews: Previews
    _starting: Starting
    _subscriptions: Subscriptions

    async def missing_because(self, customer_id: str) -> Literal["deleted", "other_mode"] | None:
        """Why a customer is not found, as far as Stripe says."""
        return await self._customers.missing_because(customer_id)

    async def list_customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """Return a page of the account's customers, newest first. Stripe lists 100 for each request."""
        return await self._customers.listed(after, limit)

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
        incomplete one up after 23 hours. With ``start_at`` it is Stripe's trial up to then, instead of the price's own.
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

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        subscription_item_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both; what is not given stays as it is.

        A change at the period's end is a subscription schedule of two phases, which lets go of the subscription after the
        second. What another schedule had planned is replaced. Only Stripe takes ``subscription_item_id``, for a subscription
        with several items.
        """
        return await self._subscriptions.change(
            subscription_id, plan_id, quantity, prorate, when, payment, subscription_item_id, idempotency_key
        )

    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Release the subscription from its schedule, whoever made that. An end that the schedule has set stays."""
        return await self._subscriptions.unplan(subscription_id, idempotency_key)

    async def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        subscription_item_id: str | None = None,
    ) -> ChangePreview:
        """Stripe's own preview of the invoices; ``raw`` has them as ``now`` and ``next``, None where there is none.

        Another billing period is billed at once, whatever ``payment`` says. ``due_next`` is without usage, where the change is
        billed at once, or begins another billing period at the period's end; then also without what is left of earlier changes.
        Only Stripe takes ``subscription_item_id``.
        """
        wanted = await self._subscriptions.wanted(subscription_id, plan_id, quantity, subscription_item_id)
        return await self._previews.of_change(wanted, prorate, when, payment)

    async def extend_trial(
        self, subscription_id: str, until: datetime, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Move the end of the trial, without proration. Stripe takes one of up to two years."""
        return await self._subscriptions.extend_trial(subscription_id, until, idempotency_key)

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Pay the subscription's invoices with it, whatever the customer's default is."""
        return await self._subscriptions.pay_with(subscription_id, payment_method_id, idempotency_key)

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Pay the subscription's open invoices, oldest first, with its payment method or the customer's default."""
        return await self._outstanding.bill(subscription_id, idempotency_key)

    async def get_invoice(self, invoice_id: str) -> Invoice | None:
        """The invoice, ``in_...``, with the payments that paid it; None if there is none."""
        return await self._invoices.find(invoice_id)

    async def pay_invoice(
        self, invoice_id: str, payment_method_id: str | None = None, *, idempotency_key: str | None = None
    ) -> Invoice:
        """Charge for an open invoice, or one that was given up as uncollectible. ``ActionRequired`` has the invoice's page."""
        return await self._invoices.pay(invoice_id, payment_method_id, idempotency_key)

    async def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Void an open invoice, or one that was given up as uncollectible. Stripe keeps it, with its number."""
        return await self._invoices.void(invoice_id, idempotency_key)

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
