"""Hosted pages: which kind of page a session is, and what both kinds need."""

from collections.abc import Mapping
from datetime import datetime

from ...errors import InvalidRequest
from ...models import CheckoutSession, Customer
from ...money import Money
from . import catalog
from .api import SquareAPI
from .customers import Customers
from .invoice_checkout import PREFIX, InvoiceCheckout
from .payment_links import NO_EVIDENCE, Evidence, PaymentLinks
from .payments import Payments
from .plans import Plans
from .subscriptions import Subscriptions

__all__ = ["PREFIX", "Checkout"]


class Checkout:
    """The operations on sessions.

    Args:
        api: how to ask Square.
        customers: reads profiles.
        plans: reads the catalogue.
        payments: reads payments.
        subscriptions: reads subscriptions.
    """

    def __init__(
        self, api: SquareAPI, customers: Customers, plans: Plans, payments: Payments, subscriptions: Subscriptions
    ) -> None:
        self._by_invoice = api.config.checkout == "invoice"
        self._customers = customers
        self._plans = plans
        self._links = PaymentLinks(api, payments, subscriptions)
        self._invoices = InvoiceCheckout(api, plans.items, subscriptions)

    async def subscribe(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        metadata: Mapping[str, str] | None,
        quantity: int,
        trial_days: int | None,
        start_at: datetime | None,
        email: str | None,
        key: str | None,
    ) -> CheckoutSession:
        """Create a page for a subscription, of the kind that the settings choose."""
        if start_at is not None:
            message = (
                "Square's pages charge the first period at once. To start later, save a card with save_payment_method, and "
                "use create_subscription(start_at=...)"
            )
            raise InvalidRequest(message, param="start_at")
        variation = await self._plans.to_subscribe_to(plan_id)
        _check_supported(variation, quantity, trial_days)
        customer = await self._customer(customer_id)
        if self._by_invoice:
            return await self._invoices.subscribe(customer, variation, key)
        return await self._links.subscribe(
            customer, customer_id, variation, plan_id, success_url, metadata=metadata, email=email, key=key
        )

    async def pay(
        self,
        amount: Money,
        success_url: str,
        customer_id: str | None,
        description: str | None,
        metadata: Mapping[str, str] | None,
        capture: bool,
        key: str | None,
    ) -> CheckoutSession:
        """Create a payment link for a one-off payment."""
        location_id = await self._links.location_for(amount, capture=capture)
        customer = await self._customer(customer_id) if customer_id else None
        return await self._links.pay(
            amount, success_url, location_id, customer, customer_id, description=description, metadata=metadata, key=key
        )

    async def find(self, session_id: str, evidence: Evidence = NO_EVIDENCE) -> CheckoutSession | None:
        """Read the session of either kind; None if there is none."""
        if session_id.startswith(PREFIX):
            return await self._invoices.find(session_id.removeprefix(PREFIX))
        return await self._links.find(session_id, evidence)

    async def expire(self, session_id: str) -> CheckoutSession:
        """Delete the link of an open session; what is not open is answered as it is."""
        return await self._links.expire(session_id)

    async def _customer(self, customer_id: str) -> Customer:
        customer = await self._customers.find(customer_id)
        if customer is None:
            message = "Square has no such customer, in this account and environment (sandbox or production)"
            raise InvalidRequest(message, param="customer_id")
        return customer


def _check_supported(variation: catalog.Variation, quantity: int, trial_days: int | None) -> None:
    if quantity != 1:
        message = "a Square subscription has no quantity: make a plan variation with the price of several"
        raise InvalidRequest(message, param="quantity")
    own = catalog.plan_from(variation.data).trial_days or 0
    if trial_days is not None and trial_days != own:
        message = (
            f"Square's trial is a free phase of the plan variation (this one has {own} days): "
            "make a variation with the trial that is wanted"
        )
        raise InvalidRequest(message, param="trial_days")
