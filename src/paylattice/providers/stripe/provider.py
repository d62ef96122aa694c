"""The operations, in the order of the protocol."""

import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from ...config import ProviderConfig
from ...event_lists import first_of
from ...events import EventType, WebhookEvent
from ...guard import provider_specific
from ...idempotency import new_key
from ...models import (
    CheckoutSession,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    Refund,
    Subscription,
)
from ...money import Money
from ...provider import Capability, Headers
from .account import Account
from .after_sale import AfterSale
from .api import StripeAPI, missing_sdk
from .changes import expanded_for_change
from .checkout import Checkout
from .config import StripeConfig
from .customers import Customers
from .event_list import EVENTS_KEPT, EventList
from .events import SENT
from .invoices import Invoices
from .lookups import Lookups
from .outstanding import Outstanding
from .payment_methods import PaymentMethods
from .payments import Payments
from .plans import Plans
from .previews import Previews
from .read_back import ReadBack
from .starting import Starting
from .subscriptions import Subscriptions
from .usage import Usage
from .webhooks import Webhooks

if TYPE_CHECKING:
    from ...transport import Transport

__all__ = ["StripeProvider"]


class StripeProvider(AfterSale, Account):
    """Stripe.

    Args:
        config: the settings; None: from the environment.
        transport: sends the requests. None: the provider makes its own, and :meth:`aclose` closes it.
        clock: the time, for the age of webhooks and usage: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: a setting is missing or wrong, or Stripe's SDK is not installed.
    """

    name = "stripe"
    config_class: ClassVar[type[ProviderConfig] | None] = StripeConfig
    checkout_starts_later = True
    capabilities: frozenset[Capability] = frozenset(Capability)
    events_kept: timedelta | None = EVENTS_KEPT
    sends: frozenset[EventType] | None = SENT

    def __init__(
        self,
        config: StripeConfig | None = None,
        *,
        transport: "Transport | None" = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        settings = StripeConfig.from_env() if config is None else config
        super().__init__(settings, transport=transport, clock=clock)
        settings.require("secret_key")
        if sys.modules.get("stripe") is None and find_spec("stripe") is None:
            raise missing_sdk()
        self._api = api = StripeAPI(settings, self._opened)
        lookups = Lookups(api, self._clock)
        self._customers = Customers(api)
        self._checkout = Checkout(api, lookups)
        self._subscriptions = Subscriptions(api, lookups, settings.api_version)
        self._usage = Usage(api, lookups, self._clock)
        self._invoices = Invoices(api, settings.api_version)
        self._methods = PaymentMethods(api)
        self._outstanding = Outstanding(api, self._invoices, self._subscriptions)
        self._previews = Previews(api)
        self._starting = Starting(api, lookups, expanded_for_change(settings.api_version))
        self._payments = Payments(api, settings.api_version, reads_balance=settings.is_unrestricted)
        self._plans = Plans(api)
        self._events = EventList(api, settings.account)
        self._read_back = ReadBack(api, settings.api_version)
        self.account_id: str | None = settings.account
        self._webhooks = Webhooks(settings, self._clock)

    async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
        """Give a thin event its object, which it only names. A snapshot is taken as it is: the signature covers all of it."""
        return await self._read_back.completed(event)

    async def follow_links(self, event: WebhookEvent) -> WebhookEvent:
        """Follow a refund or a dispute to its payment, a payment to its invoice, and that to the payments that paid it."""
        return await self._invoices.followed(await self._payments.followed(event))

    # Customers

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer. Stripe does not mind a second one with the same e-mail address."""
        return await self._customers.create(email, name, phone, metadata, idempotency_key)

    async def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None if it does not exist or was deleted."""
        return await self._customers.find(customer_id)

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Change the given fields; metadata is merged key by key, and an empty value takes its key away."""
        return await self._customers.update(customer_id, email, name, phone, metadata, idempotency_key)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once. Stripe keeps its invoices and payments."""
        await self._customers.delete(customer_id)

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str | None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer | None:
        """The customer with all of the metadata, created since then; None without metadata, because it could be another one."""
        return await self._customers.created(since, email, metadata)

    # Checkout

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        start_at: datetime | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A Checkout page for a subscription to a recurring price, ``price_...``.

        ``success_url`` may hold ``{CHECKOUT_SESSION_ID}``. ``customer_email`` is not used: Stripe takes the customer's.
        ``start_at`` must be at least 48 hours away.
        """
        return await self._checkout.subscribe(
            customer_id, plan_id, success_url, cancel_url, metadata, quantity, trial_days, start_at, idempotency_key
        )

    async def create_payment_session(
        self,
        amount: Money,
        success_url: str,
        cancel_url: str,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A Checkout page for a one-off payment, with the payment methods that the Dashboard allows."""
        return await self._checkout.pay(
            amount, success_url, cancel_url, customer_id, description, metadata, capture, idempotency_key
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """Return the session of either kind, or None if it does not exist."""
        return await self._checkout.find(session_id)

    async def expire_checkout_session(self, session_id: str, *, idempotency_key: str | None = None) -> CheckoutSession:
        """Expire the session. Stripe refuses to expire what is not open: you get it as it is."""
        return await self._checkout.expire(session_id, idempotency_key)

    @provider_specific(returns=str, writes=True)
    async def create_billing_portal_session(
        self, customer_id: str, return_url: str, *, idempotency_key: str | None = None
    ) -> str:
        """The URL of Stripe's own page where the customer changes the subscription and the payment method. Stripe's alone.

        Raises:
            NotFound: Stripe has no such customer.
            InvalidRequest: the Dashboard holds no configuration of the page.
        """
        return await self._checkout.portal(customer_id, return_url, idempotency_key)

    async def customer_portal(self, customer_id: str, return_url: str) -> str:
        """The billing portal: see :meth:`create_billing_portal_session`."""
        return await self.create_billing_portal_session(customer_id, return_url)

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription with all its items, or None if it does not exist."""
        return await self._subscriptions.find(subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """Return all subscriptions of the customer, newest first, ended ones included."""
        return await self._subscriptions.all_of(customer_id)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        void_open_invoices: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now, or when the paid period does. Nothing is refunded or credited.

        Usage that is not billed yet is billed when the period ends; now, with ``final_invoice``, as are prorations that wait.
        Open invoices stay payable and are not collected any more; ``void_open_invoices``, which only Stripe has, voids them.
        """
        return await self._subscriptions.cancel(
            subscription_id, at_period_end, reason, final_invoice, void_open_invoices, idempotency_key
        )

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Stop billing.

        In flexible billing mode the status is ``paused``. In classic mode invoices are voided (``collection_paused``).
        """
        return await self._subscriptions.pause(subscription_id, idempotency_key)

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Resume billing. A paused subscription begins a new period, and is billed for it, today."""
        return await self._subscriptions.resume(subscription_id, idempotency_key)

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        """Report usage to the meter of the item's price, for the customer of its subscription.

        Stripe counts by customer and meter: two subscriptions of one customer with the same meter are both billed.

        Returns:
            True: accepted. Stripe checks some of it later: errors come as ``v1.billing.meter.error_report_triggered``.
        """
        await self._usage.report(subscription_item_id, quantity, timestamp, idempotency_key or new_key())
        return True

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """Return the customer's invoices, newest first, with the payments that paid them."""
        return await self._invoices.of_customer(customer_id, limit, subscription_id)

    # Payments

    async def get_payment(self, payment_id: str) -> Payment | None:
        """The payment, ``pi_...``; None if there is none. ``fee`` and ``net`` need a key without restrictions (``sk_...``)."""
        return await self._payments.find(payment_id)

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money of an authorized payment; the rest is released."""
        return await self._payments.capture(payment_id, amount, idempotency_key)

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Cancel a payment that has not been captured. Canceling twice is no error."""
        return await self._payments.cancel(payment_id, idempotency_key)

    async def create_payment(
        self,
        amount: Money,
        *,
        customer_id: str | None = None,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Charge a saved payment method while the payer is away, or a token while the payer is there.

        A token is a confirmation token (``ctoken_...``), or a PaymentMethod (``pm_...``). ``ActionRequired`` has the
        ``client_secret`` for ``stripe.handleNextAction``. ``verification_token`` is not used.
        """
        return await self._payments.create(
            amount,
            customer_id=customer_id,
            payment_method_id=payment_method_id,
            token=token,
            capture=capture,
            description=description,
            metadata=metadata,
            key=idempotency_key,
        )

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Refund a payment, in whole or in part.

        Stripe takes ``duplicate``, ``fraudulent`` or ``requested_by_customer`` as ``reason``; others are kept in the metadata.
        """
        return await self._payments.refund(payment_id, amount, reason, idempotency_key)

    async def find_payment(self, key: str, since: datetime, *, customer_id: str | None) -> Payment | None:
        """The payment with the key in its metadata."""
        return await self._payments.made_under(key, since, since + self.idempotency_lifetime, customer_id)

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: Money | None = None
    ) -> Refund | None:
        """The refund with the key in its metadata."""
        return await self._payments.refunded_under(key, payment_id)

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's saved payment methods, of all types."""
        return await self._customers.payment_methods(customer_id)

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Detach a payment method from its customer, for good. Removing twice is no error."""
        await self._customers.detach(payment_method_id, idempotency_key)

    # Events

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Return events since a time, oldest first. Stripe keeps them for 30 days, and lists the newest first."""
        return await first_of(self._events.since(since), limit)

    async def events_since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """Return all events since a time, oldest first, in batches."""
        async for events in self._events.since(since):
            yield events

    # Webhooks

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Verify a delivery against one secret."""
        return self._webhooks.verify(payload, signature, secret, self.diagnoses)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and return its event, be it a snapshot or a thin event."""
        return self._webhooks.parse(payload, headers, diagnoses=self.diagnoses, livemode=self._livemode)
