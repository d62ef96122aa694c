"""The operations after the sale, in the order of the protocol; the provider has the others."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from ...frozen import FrozenMap
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
from .api import Calls
from .changes import Changes
from .checkout import Checkouts
from .customers import Customers
from .outstanding import Outstanding
from .payments import Payments
from .previews import preview
from .starting import Starting
from .state import CheckoutOrder, SubscriptionRecord
from .subscriptions import Subscriptions
from .world import World

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`InMemoryProvider` makes the parts that do it."""

    _calls: Calls
    _changes: Changes
    _checkouts: Checkouts
    _customers: Customers
    _payments: Payments
    _outstanding: Outstanding
    _starting: Starting
    _subscriptions: Subscriptions
    _world: World

    async def list_customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """Return a page of the customers, oldest first."""
        return self._calls.read(lambda: self._customers.page(after, limit))

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
        """Begin a subscription; :meth:`InMemoryProvider.decline_next_payment` lets its first payment fail or wait."""
        kept = FrozenMap(metadata or {})

        def effect() -> SubscriptionChange:
            return self._starting.begin(
                customer_id,
                plan_id,
                payment_method_id=payment_method_id,
                quantity=quantity,
                trial_end=trial_end,
                start_at=start_at,
                metadata=kept,
                key=idempotency_key,
            )

        asked = (customer_id, plan_id, payment_method_id, quantity, trial_end, start_at, kept)
        return self._calls.write(idempotency_key, asked, effect)

    async def find_subscription(self, key: str, since: datetime, *, customer_id: str) -> Subscription | None:
        """The subscription that was begun under the key."""

        def find() -> Subscription | None:
            store = self._world.store
            record = store.subscriptions.get(store.made_under.get(key, ""))
            return record.model() if record is not None and record.customer_id == customer_id else None

        return self._calls.read(find)

    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back a cancellation at the period's end."""
        uncancel = self._subscriptions.uncancel
        return self._calls.write(idempotency_key, subscription_id, lambda: self._changed(subscription_id, uncancel))

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
        """Change the plan, the quantity or both; a payment for it can fail: see ``decline_next_payment``."""

        def effect() -> SubscriptionChange:
            record = self._subscriptions.get(subscription_id)
            plan = None if plan_id is None else self._world.plan(plan_id)
            return self._changes.change(record, plan, quantity, prorate=prorate, when=when, payment=payment)

        asked = (subscription_id, plan_id, quantity, prorate, when, payment)
        return self._calls.write(idempotency_key, asked, effect)

    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Take back what is scheduled for the period's end."""
        keep = self._changes.keep
        return self._calls.write(idempotency_key, subscription_id, lambda: self._changed(subscription_id, keep))

    async def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
    ) -> ChangePreview:
        """Make the change on a copy of the subscription, by the same rules."""

        def find() -> ChangePreview:
            record = self._subscriptions.get(subscription_id)
            plan = None if plan_id is None else self._world.plan(plan_id)
            return preview(self._world, record, plan, quantity, prorate=prorate, when=when, payment=payment)

        return self._calls.read(find)

    async def extend_trial(
        self, subscription_id: str, until: datetime, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Let the trial last longer; what is scheduled for its end moves with it."""
        extend = partial(self._changes.extend_trial, until=until)
        asked = (subscription_id, until)
        return self._calls.write(idempotency_key, asked, lambda: self._changed(subscription_id, extend))

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Collect the subscription's invoices with another saved card."""
        asked = (subscription_id, payment_method_id)
        pay_with = partial(self._subscriptions.pay_with, payment_method_id=payment_method_id)
        return self._calls.write(idempotency_key, asked, lambda: self._changed(subscription_id, pay_with))

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Try to collect the open invoices with the subscription's card; ``decline_next_payment`` makes it fail."""
        bill = self._outstanding.bill
        return self._calls.write(idempotency_key, subscription_id, lambda: self._changed(subscription_id, bill))

    async def get_invoice(self, invoice_id: str) -> Invoice | None:
        """Return the invoice, or None if it does not exist."""
        return self._calls.read(lambda: self._world.store.invoices.get(invoice_id))

    async def pay_invoice(
        self, invoice_id: str, payment_method_id: str | None = None, *, idempotency_key: str | None = None
    ) -> Invoice:
        """Try to collect the invoice; :meth:`InMemoryProvider.decline_next_payment` makes it fail."""
        asked = (invoice_id, payment_method_id)
        return self._calls.write(idempotency_key, asked, lambda: self._outstanding.pay(*asked))

    async def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Give the invoice up. With the last open one, its subscription is active again."""
        return self._calls.write(idempotency_key, invoice_id, lambda: self._outstanding.void(invoice_id))

    async def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A page that the test completes with :meth:`InMemoryProvider.complete_checkout`: a card is saved, and nothing paid."""
        order, kept = CheckoutOrder(saves=True), FrozenMap(metadata or {})
        asked = (customer_id, kept, success_url, cancel_url)
        return self._calls.write(idempotency_key, asked, lambda: self._checkouts.open(order, customer_id, kept))

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Save a card: of ``tok_`` and any word, which serves once, of a setup session, or none of ``tok_declined``."""

        def effect() -> PaymentMethod:
            if token.startswith("cs_"):
                return self._checkouts.saved_on(customer_id, token)
            return self._payments.save_token(customer_id, token)

        return self._calls.write(idempotency_key, (customer_id, token, verification_token), effect)

    async def set_default_payment_method(
        self, customer_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> Customer:
        """Charge this card before the customer's others."""

        def effect() -> Customer:
            customer = self._world.customer(customer_id)
            self._payments.make_default(customer.id, payment_method_id)
            return customer

        return self._calls.write(idempotency_key, (customer_id, payment_method_id), effect)

    def _changed(self, subscription_id: str, change: Callable[[SubscriptionRecord], None]) -> Subscription:
        record = self._subscriptions.get(subscription_id)
        change(record)
        return record.model()

    async def customer_portal(self, customer_id: str, return_url: str) -> str:
        """A page that nobody needs to open: a test does what a customer would do there."""
        return self._calls.read(lambda: f"https://portal.paylattice.invalid/{self._world.customer(customer_id).id}")
