"""The operations, in the order of the protocol."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
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
from ...provider import Capability, Headers, UnsupportedReason
from .access import TokenCache
from .account import Account
from .after_sale import AfterSale
from .api import PayPalAPI
from .browser_orders import BrowserOrders
from .capabilities import CAPABILITIES, UNSUPPORTED
from .checkout import Checkout
from .config import PayPalConfig
from .customers import customer_for
from .event_list import EVENTS_KEPT, EventList
from .events import NEVER_LED_TO, SENT
from .invoices import Invoices
from .outstanding import Outstanding
from .own_operations import AuthorizationOperations
from .payment_lookup import PaymentLookup
from .payments import Payments
from .plans import Plans
from .read_back import ReadBack
from .refunds import Refunds
from .sale_invoices import described
from .subscriptions import Subscriptions
from .transactions import Transactions
from .vault import Vault
from .verification.chains import require_cryptography
from .verification.webhook_check import WebhookCheck
from .webhooks import Webhooks

if TYPE_CHECKING:
    from ...transport import Transport

__all__ = ["PayPalProvider"]


class PayPalProvider(AuthorizationOperations, AfterSale, Account):
    """PayPal.

    There are no customers at PayPal: ``create_customer`` makes an id, which travels in the ``custom_id`` of subscriptions and
    orders. A payment is known by the id of its order; a subscription's "sale", and what has no known order, by its own.

    Args:
        config: PayPal's settings; None: from the environment.
        transport: sends the requests. None: the provider makes its own, and :meth:`aclose` closes it.
        tokens: access tokens, shared with other providers of the same process; None: its own.
        clock: the time: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    name = "paypal"
    config_class: ClassVar[type[ProviderConfig] | None] = PayPalConfig
    access_until_period_end: bool = True
    browser_makes_subscriptions: bool = True  # with the public client id, and any custom_id and price
    idempotency_lifetime: timedelta = timedelta(hours=6)  # of an order; others are remembered for days
    events_kept: timedelta | None = EVENTS_KEPT
    sends: frozenset[EventType] | None = SENT
    never_leads_to: frozenset[EventType] = NEVER_LED_TO
    checkout_starts_later = True
    capabilities: frozenset[Capability] = CAPABILITIES
    unsupported: Mapping[Capability, UnsupportedReason] = UNSUPPORTED

    def __init__(
        self,
        config: PayPalConfig | None = None,
        *,
        transport: "Transport | None" = None,
        tokens: TokenCache | None = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        settings = PayPalConfig.from_env() if config is None else config
        super().__init__(settings, transport=transport, clock=clock)
        self._api = api = PayPalAPI(settings, self._opened, tokens=tokens, clock=self._clock)
        if settings.webhook_id and settings.verify != "postback":
            require_cryptography()
        self._lookup = lookup = PaymentLookup(api)
        self._subscriptions = Subscriptions(api)
        self._vault = Vault(api)
        self._outstanding = Outstanding(api, self._subscriptions)
        self._checkout = Checkout(api, self._subscriptions, self._vault)
        self._invoices = Invoices(api, self._subscriptions)
        self._payments = Payments(api, lookup, self._vault)
        self._browser_orders = BrowserOrders(api, self._payments)
        self._refunds = Refunds(api, lookup)
        self._transactions = Transactions(api, lookup)
        self._plans = Plans(api)
        self._events = EventList(api)
        self._webhooks = Webhooks(api, lambda: self.diagnoses)
        self._read_back = ReadBack(api, self._invoices)

    def checkout_session_of(self, subscription_id: str) -> str:
        """A session of a subscription has the subscription's id."""
        return subscription_id

    def describe_invoice(self, invoice: Invoice, subscription: Subscription) -> Invoice:
        """The invoice with its reason, its period and its line, by the subscription's start and its plan's cycles."""
        return described(invoice, subscription) or super().describe_invoice(invoice, subscription)

    async def follow_links(self, event: WebhookEvent) -> WebhookEvent:
        """Follow a refund or a dispute to its payment; that of a subscription names the subscription."""
        return await self._lookup.followed(event)

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
        """An id for a customer, made here: nothing is sent, and no phone number kept. The same key makes the same id."""
        return customer_for(email, name, metadata, idempotency_key or new_key())

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
        """PayPal's page where the payer agrees to a subscription. The session has the subscription's id.

        ``quantity`` needs a plan with ``quantity_supported``. ``trial_days`` puts off the start, as
        ``start_at`` does (:func:`~.requests.subscription_request`); 0, or a start, needs a plan without a trial. The payer may
        use any account, whatever ``customer_email`` is. PayPal cannot keep ``metadata``: it is on the returned session only.
        """
        return await self._checkout.subscribe(
            customer_id,
            plan_id,
            success_url,
            cancel_url,
            metadata,
            quantity,
            trial_days,
            start_at,
            customer_email,
            idempotency_key or new_key(),
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
        """PayPal's page where the payer agrees to one payment. The session has the order's id, and so will the payment.

        That the payer has agreed moves no money: call :meth:`capture_payment` with the session's id when they are back, or
        at ``checkout.pending``; with ``capture=False`` first :meth:`authorize_payment`.
        """
        return await self._checkout.pay(
            amount, success_url, cancel_url, customer_id, description, metadata, capture, idempotency_key or new_key()
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """The session of any kind: ``I-...`` is a subscription's, everything else an order's or a setup token's."""
        return await self._checkout.find(session_id)

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription, ``I-...``; None if there is none."""
        return await self._subscriptions.find(subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """The customer's subscriptions, newest first. PayPal cannot look for them: the whole account is gone through."""
        return await self._subscriptions.listed(customer_id)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End it now, for good. ``cancel_at`` of the answer is the day until which it is paid for. Twice is no error.

        PayPal bills every period in advance, and no usage: ``final_invoice`` makes no difference.
        """
        return await self._subscriptions.cancel(subscription_id, reason)

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Suspend it: nothing is charged until it is resumed."""
        return await self._subscriptions.suspend(subscription_id)

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Go on with a suspended one.

        One that PayPal suspended because payments failed has to be paid first: until what is owed is paid, PayPal refuses.
        """
        return await self._subscriptions.activate(subscription_id)

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """The transactions of a subscription, newest first: PayPal writes no invoices for them.

        Raises:
            UnsupportedOperation: without ``subscription_id``: PayPal does not know what else is the customer's.
        """
        return await self._invoices.of_subscription(subscription_id, limit)

    @provider_specific(returns=Invoice, many=True)
    async def search_invoices(self, email: str, limit: int = 10) -> list[Invoice]:
        """The invoices that the merchant wrote with PayPal's Invoicing for an e-mail address. PayPal's alone.

        Args:
            email: of the recipient.
            limit: how many.
        """
        return await self._invoices.search(email, limit)

    # Payments

    async def get_payment(self, payment_id: str) -> Payment | None:
        """The payment: an order, a capture, an authorization, or a subscription's sale; None if there is none."""
        return await self._lookup.find(payment_id)

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money: of an order that the payer has approved, or of an authorization. Twice is no error.

        ``ActionRequired`` says that the payer has not approved it, or has to choose another way to pay; ``url`` leads there.
        """
        return await self._payments.capture(payment_id, amount, idempotency_key or new_key())

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Release the money of an authorization. Twice is no error."""
        return await self._payments.cancel(payment_id, idempotency_key or new_key())

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
        """Charge a payment method of the vault while the payer is away, or an order that the payer has approved in the browser.

        ``customer_id`` is the customer of PayPal's vault, or the ``merchant_customer_id`` that it was saved with. ``token`` is
        the ``orderID`` of PayPal's JavaScript: of :meth:`create_order`, or of a payment session. ``metadata`` is not kept, and
        ``verification_token`` not used.
        """
        key = idempotency_key or new_key()
        if token is not None:
            return await self._browser_orders.charge(amount, customer_id, token, capture, key)
        return await self._payments.create(
            amount, customer_id or "", payment_method_id or "", capture, description, key
        )

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give money back, of a payment or of a subscription's sale; None: all that is left."""
        return await self._refunds.create(payment_id, amount, reason, idempotency_key or new_key())

    async def find_payment(self, key: str, since: datetime, *, customer_id: str | None) -> Payment | None:
        """Return the customer's payment whose invoice id is the key, of those made while the key was good.

        It is found only if your application may use PayPal's transaction search, after up to three hours, for three years.
        """
        return await self._transactions.payment_under(key, since, since + self.idempotency_lifetime, customer_id)

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: Money | None = None
    ) -> Refund | None:
        """Return the refund whose invoice id ends with the key's mark. Those of a subscription's sale cannot be found."""
        return await self._refunds.made_under(key, payment_id, amount)

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """What is saved in the vault for a customer of the vault (PayPal's own id, not that of ``create_customer``)."""
        return await self._vault.all_of(customer_id)

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a token of the vault. Twice is no error."""
        await self._vault.remove(payment_method_id)

    # Events

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Return events since a time, oldest first. PayPal keeps them for about 30 days, and lists the newest first."""
        return await first_of(self._events.since(since), limit)

    async def events_since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """Return all events since a time, oldest first, in batches."""
        async for events in self._events.since(since):
            yield events

    # Webhooks

    @provider_specific(returns=type(None))
    async def preload_certificate(self, url: str) -> None:
        """Fetch a signing certificate, so that :meth:`verify_webhook_signature` can check the first delivery. PayPal's alone.

        Args:
            url: the ``PAYPAL-CERT-URL`` of an earlier delivery.

        Raises:
            InvalidSignature: it is not PayPal's.
            VerificationUnavailable: it cannot be had now.
        """
        await self._webhooks.verifier.preload(url)

    @provider_specific(returns=WebhookCheck)
    async def check_webhooks(self, cert_url: str | None = None) -> WebhookCheck:
        """Try out whether deliveries could be verified now; ``python -m paylattice check paypal`` shows it. PayPal's alone.

        Args:
            cert_url: the ``PAYPAL-CERT-URL`` of a delivery: without one, it cannot be told which certificate signs at present.
        """
        return await self._webhooks.check(cert_url)

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check all headers of a delivery against one webhook id, with a certificate that was fetched before."""
        return self._webhooks.verify(payload, signature, secret)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery, with PayPal's certificate or by asking PayPal, and read it."""
        return await self._webhooks.parse(payload, headers)

    async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
        """The event with its sale, capture, authorization, refund, order or invoice read again from PayPal.

        PayPal signs only a checksum of the body, for which an attacker who has seen one delivery can make another body. Events
        about subscriptions stay as they are: call ``get_subscription``, as BillingService does. In the place of all others
        comes PayPal's own copy of the event.
        """
        return await self._read_back.verified(event)
