"""What editors and type checkers see of ``paylattice.sync``."""

# made by docs/sync_stub.py from the async classes: change those, then run docs/generate.py

from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from stripe import StripeClient
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar, overload
from .billing.access import Access, AccessPolicy
from .billing.closing import EndedSubscriptions
from .billing.commands.checkout import Once
from .billing.deliveries import RejectedWebhook
from .billing.erasing import ErasedOrganisation
from .billing.maintenance.catch_up import CaughtUp
from .billing.maintenance.maintain import Also
from .billing.maintenance.purge import PurgedEvents
from .billing.maintenance.reconcile import Difference, Reconciled
from .billing.maintenance.recover import Recovered
from .billing.maintenance.report import MaintenanceReport
from .billing.memory import InMemoryRepository as AsyncInMemoryRepository, InMemoryTransaction, R
from .billing.outcomes import WebhookOutcome
from .billing.owners import RefusedSubscription
from .billing.records.customers import BillingCustomer
from .billing.records.subscriptions import BillingSubscription
from .billing.replaced_customers import ReplacedCustomer
from .billing.replies import WebhookReply
from .billing.repository import BillingRepository, BlockingBillingRepository, Tx
from .billing.second_subscriptions import OnSecond
from .billing.service import BillingService as AsyncBillingService
from .billing.tables import Index, Record
from .billing.transferring import TransferredOrganisation
from .config import ProviderConfig
from .declines import DeclineReason
from .driving import run as run
from .errors import PaymentError
from .events import EventType, WebhookEvent
from .headers import Headers
from .models.browser import BrowserSettings
from .models.checkouts import CheckoutSession, OpenCheckout
from .models.customers import Customer, PaymentMethod
from .models.disputes import Dispute
from .models.invoices import Invoice
from .models.payments import Payment, Refund
from .models.plans import Plan
from .models.previews import ChangePreview
from .models.subscriptions import ChangePayment, ChangeTime, Subscription, SubscriptionChange
from .money import Money
from .operations import Capability, UnsupportedReason
from .protocol import PaymentProvider
from .provider import BaseProvider
from .providers.memory import InMemoryProvider as AsyncInMemoryProvider, MemoryConfig
from .providers.memory.webhooks import Delivery
from .providers.paypal import PayPalConfig, PayPalProvider as AsyncPayPalProvider
from .providers.paypal.verification.webhook_check import WebhookCheck
from .providers.square import SquareConfig, SquareProvider as AsyncSquareProvider
from .providers.stripe import StripeConfig, StripeProvider as AsyncStripeProvider
from .transport.base import Transport

__all__ = ["BillingService", "InMemoryProvider", "InMemoryRepository", "PayPalProvider", "Provider", "SquareProvider", "StripeProvider", "create_provider", "run"]

H = TypeVar('H', bound=Callable[..., Awaitable[None] | None])

class Provider:
    """A provider without ``await``."""

    def __init__(self, wrapped: PaymentProvider, *, transport: Transport | None = None) -> None: ...

    @property
    def wrapped(self) -> BaseProvider:
        """The provider itself."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the provider can do."""

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What it cannot do, why, and what to do instead."""

    @property
    def livemode(self) -> bool | None:
        """Whether real money moves here. None where the settings do not tell."""

    @property
    def idempotency_lifetime(self) -> timedelta:
        """How long, at least, the provider remembers an idempotency key."""

    @property
    def events_kept(self) -> timedelta | None:
        """How long the provider lists an event for certain; None where it is for ever."""

    def get_provider_name(self) -> str:
        """The name under which the provider is registered."""

    def browser_settings(self) -> BrowserSettings:
        """See :meth:`paylattice.BaseProvider.browser_settings`."""

    def require(self, *capabilities: Capability) -> None:
        """See :meth:`paylattice.BaseProvider.require`."""

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """See :meth:`paylattice.PaymentProvider.verify_webhook_signature`."""

    def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and return its event."""

    def recover(self, error: PaymentError) -> object:
        """Find out the outcome of a write whose answer was lost, and return its result."""

    def close(self) -> None:
        """Close what is open. The provider cannot be used afterwards."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer. The provider does not look for one with the same e-mail address."""

    def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None if it does not exist or was deleted."""

    def list_customers(self, *, after: str | None = None, limit: int = 100) -> list[Customer]:
        """Return a page of the account's customers, deleted ones left out, in an order of the provider's own."""

    def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Change the given fields of a customer. None leaves a field as it is."""

    def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once. Deleting it twice is no error."""

    def create_checkout_session(
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
        """Create a hosted page where the customer subscribes to a plan."""

    def create_payment_session(
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
        """Create a hosted page for a one-off payment."""

    def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """Return the checkout session of either kind, or None if it does not exist."""

    def expire_checkout_session(self, session_id: str, *, idempotency_key: str | None = None) -> CheckoutSession:
        """Close an open page of either kind, so that nobody can pay there any more. Closing it twice is no error."""

    def get_subscription(self, subscription_id: str) -> Subscription | None:
        """Return the current state of the subscription, or None if it does not exist."""

    def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """Return all subscriptions of the customer, newest first, ended ones included."""

    def create_subscription(
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
        """Begin a subscription without a page, paid with a saved payment method."""

    def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now, or at the end of the paid period."""

    def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back a cancellation that has not taken effect yet. The subscription goes on after the paid period."""

    def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both, now or at the end of the paid period."""

    def cancel_scheduled_change(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take a change of plan or quantity back that is scheduled for the period's end: the subscription goes on as it is."""

    def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
    ) -> ChangePreview:
        """Return what a change would cost, and change nothing."""

    def extend_trial(
        self,
        subscription_id: str,
        until: datetime,
        *,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Let a free trial last longer. The first payment, and all later ones, are due later by as much."""

    def set_payment_method(
        self,
        subscription_id: str,
        payment_method_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Pay the next invoices of a subscription with another saved payment method."""

    def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Stop billing until :meth:`resume_subscription`. Pausing twice is no error."""

    def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Resume billing. Resuming a subscription that is not paused is no error."""

    def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Collect again, now, what a subscription owes, with the payment method that pays it."""

    def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        """Report usage of a metered item."""

    def get_invoices(self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None) -> list[Invoice]:
        """Return the customer's invoices, newest first."""

    def get_invoice(self, invoice_id: str) -> Invoice | None:
        """Return the invoice, or None if it does not exist."""

    def pay_invoice(
        self,
        invoice_id: str,
        payment_method_id: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Invoice:
        """Charge a saved payment method for an open invoice while the payer is away. Paying a paid invoice takes nothing."""

    def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Void an open invoice: nobody can pay it any more. Voiding it twice is no error."""

    def get_payment(self, payment_id: str) -> Payment | None:
        """Return the payment, or None if it does not exist."""

    def capture_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Take the money of an authorized payment. The rest is released."""

    def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Cancel a payment that has not been captured. Canceling twice is no error."""

    def create_payment(
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
        """Charge a saved payment method while the payer is away, or what a payer's browser has just got for a card."""

    def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Refund a payment, in whole or in part."""

    def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's saved payment methods."""

    def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Create a hosted page where the customer saves a payment method, and pays nothing."""

    def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Save what the customer's browser got for a card or an account, so that you can charge it again and again."""

    def set_default_payment_method(
        self,
        customer_id: str,
        payment_method_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Choose which saved payment method pays the customer's subscriptions that have none of their own."""

    def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove a saved payment method for good. Removing it twice is no error."""

    def get_plan(self, plan_id: str) -> Plan | None:
        """Return the plan, or None if it does not exist."""

    def list_plans(self) -> list[Plan]:
        """Return all plans that customers can subscribe to."""

    def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Return events since a time, oldest first, to catch up on missed deliveries."""

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, object]:
        """Call any endpoint of the provider's API, for what this library has no operation for."""

class StripeProvider(Provider):
    """Stripe without ``await``, with what only Stripe has."""

    def __init__(self, wrapped: AsyncStripeProvider, *, transport: Transport | None = None) -> None: ...
    @property
    def wrapped(self) -> AsyncStripeProvider:
        """The provider itself."""

    def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
        subscription_item_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both; what is not given stays as it is."""

    def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
        subscription_item_id: str | None = None,
    ) -> ChangePreview:
        """Stripe's own preview of the invoices; ``raw`` has them as ``now`` and ``next``, None where there is none."""

    def sdk(self) -> StripeClient:
        """Return Stripe's official client for this configuration, for its types and for what a native request cannot send."""

    def create_billing_portal_session(
        self,
        customer_id: str,
        return_url: str,
        *,
        idempotency_key: str | None = None,
    ) -> str:
        """The URL of Stripe's own page where the customer changes the subscription and the payment method. Stripe's alone."""

    def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        void_open_invoices: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now, or when the paid period does. Nothing is refunded or credited."""

class PayPalProvider(Provider):
    """PayPal without ``await``, with what only PayPal has."""

    def __init__(self, wrapped: AsyncPayPalProvider, *, transport: Transport | None = None) -> None: ...
    @property
    def wrapped(self) -> AsyncPayPalProvider:
        """The provider itself."""

    def create_order(
        self,
        amount: Money,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Create an order for PayPal's JavaScript: its card fields and its buttons take the session's id. PayPal's alone."""

    def authorize_payment(self, order_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Reserve the money of an order that was created with ``capture=False`` and approved. PayPal's alone."""

    def capture_part(self, payment_id: str, amount: Money, *, idempotency_key: str | None = None) -> Payment:
        """Take a part of an authorized payment; the rest stays reserved. PayPal's alone."""

    def reauthorize_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Reserve the money of an authorized payment anew, from the fourth day on. PayPal's alone."""

    def search_invoices(self, email: str, limit: int = 10) -> list[Invoice]:
        """The invoices that the merchant wrote with PayPal's Invoicing for an e-mail address. PayPal's alone."""

    def preload_certificate(self, url: str) -> None:
        """Fetch a signing certificate, so that :meth:`verify_webhook_signature` can check the first delivery. PayPal's alone."""

    def check_webhooks(self, cert_url: str | None = None) -> WebhookCheck:
        """Try out whether deliveries could be verified now; ``python -m paylattice check paypal`` shows it. PayPal's alone."""

class SquareProvider(Provider):
    """Square without ``await``, with what only Square has."""

    def __init__(self, wrapped: AsyncSquareProvider, *, transport: Transport | None = None) -> None: ...
    @property
    def wrapped(self) -> AsyncSquareProvider:
        """The provider itself."""

    def publish_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Publish a draft: it can be paid on its page, and Square sends it as it says. Square's alone. Twice is no error."""

class InMemoryProvider(Provider):
    """The embedded provider without ``await``, with its controls: time travel, payers, deliveries."""

    def __init__(self, wrapped: AsyncInMemoryProvider, *, transport: Transport | None = None) -> None: ...
    @property
    def wrapped(self) -> AsyncInMemoryProvider:
        """The provider itself."""

    def add_plan(
        self,
        plan_id: str,
        amount: Money,
        *,
        name: str | None = None,
        interval: str = 'month',
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
    ) -> Plan:
        """Offer a plan. One that is offered again with another price is so for new subscriptions and changes."""

    @property
    def now(self) -> datetime:
        """The simulated time, UTC."""

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Advance the time: trials end, renewals are billed, retries fall due, sessions expire."""

    def renew(self, subscription_id: str) -> Subscription:
        """Advance the time until the subscription's period has ended, and it is billed again, or over."""

    def complete_checkout(
        self,
        session_id: str,
        *,
        delayed: bool = False,
        declined: DeclineReason | None = None,
    ) -> CheckoutSession:
        """Play the customer who subscribes or pays on a checkout page."""

    def settle_checkout(self, session_id: str, *, succeeded: bool = True) -> CheckoutSession:
        """Make the money of a delayed payment arrive, or not."""

    def abandon_checkout(self, session_id: str) -> CheckoutSession:
        """Play the customer who never comes back."""

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Payment:
        """Play the payer who authenticates a payment, or fails to. An invoice that waited for it is then paid."""

    def pay_hosted_invoice(self, invoice_id: str) -> Invoice:
        """Play the customer who pays an open invoice on its page. This can fail, too: look at the invoice that is returned."""

    def pay_outstanding(self, subscription_id: str) -> Subscription:
        """Play the customer who pays the open invoices of a subscription, oldest first."""

    def approve_change(self, subscription_id: str) -> Subscription:
        """Play the customer who agrees to a changed subscription: the memory provider asks for no consent."""

    def add_payment_method(self, customer_id: str) -> str:
        """Play the customer who saves a card."""

    def decline_next_payment(
        self,
        reason: DeclineReason = ...,
        *,
        customer_id: str | None = None,
        times: int = 1,
    ) -> None:
        """Play the bank that declines the next payments."""

    def require_authentication(self, *, customer_id: str | None = None, times: int = 1) -> None:
        """Make the next payments wait for the payer: see :meth:`authenticate_payment`."""

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Make the next refunds be pending, as those of bank debits are: see :meth:`settle_refund`."""

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> Refund:
        """Make the money of a pending refund arrive, or come back."""

    def open_dispute(
        self,
        payment_id: str,
        *,
        amount: Money | None = None,
        dispute_reason: str = 'fraudulent',
    ) -> Dispute:
        """Play the payer's bank that wants the money of a payment back; None: all of it."""

    def decide_dispute(self, dispute_id: str, *, won: bool) -> Dispute:
        """Play the bank that decides. A lost dispute takes the money for good."""

    def time_out_next_call(self, *, after_effect: bool = True) -> None:
        """Make the next operation end without an answer: after it took effect, or before."""

    def fail_next_call(self, error: PaymentError) -> None:
        """Make the next operation end in this error, without any effect."""

    def deliver_next_twice(self) -> None:
        """Make the next :meth:`deliveries` hold its first delivery twice."""

    def shuffle_next_deliveries(self, seed: int = 0) -> None:
        """Make the next :meth:`deliveries` that holds at least two events come in another order than they happened in."""

    def redeliver(self, event_id: str) -> None:
        """Put an event that was delivered before into the outbox again, as after a failed delivery."""

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait, signed as of now; they leave the outbox."""

@overload
def create_provider(
    name: Literal["stripe"],
    *,
    config: StripeConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> StripeProvider: ...

@overload
def create_provider(
    name: Literal["paypal"],
    *,
    config: PayPalConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> PayPalProvider: ...

@overload
def create_provider(
    name: Literal["square"],
    *,
    config: SquareConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> SquareProvider: ...

@overload
def create_provider(
    name: Literal["memory"],
    *,
    config: MemoryConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> InMemoryProvider: ...

@overload
def create_provider(
    name: str | None = None,
    *,
    config: ProviderConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> Provider:
    """See :func:`paylattice.create_provider`; the transport, if one is given, has to be a blocking one."""

class InMemoryRepository:
    """The embedded repository without ``await``, for any number of threads. See :class:`paylattice.InMemoryRepository`."""

    def __init__(self, *, max_events: int | None = None) -> None: ...

    wrapped: AsyncInMemoryRepository

    @contextmanager
    def transaction(self) -> Generator[InMemoryTransaction]:
        """A transaction; the next one waits for its end."""

    def next_ticket(self) -> int:
        """A number greater than every number given out before."""

    def insert(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Insert a row; False if one of the table's keys is taken."""

    def get(
        self,
        kind: type[R],
        key: Mapping[str, object],
        *,
        lock: bool = False,
        tx: InMemoryTransaction | None = None,
    ) -> R | None:
        """Get the row with this key."""

    def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: InMemoryTransaction | None = None,
    ) -> list[R]:
        """Find a page of rows by one of the table's indexes."""

    def update(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Write the updatable columns of the row with the record's primary key; False if it is not there, or a key is taken."""

    def delete(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        """Delete the row with the record's primary key; False if there is none."""

def adapted(repository: BlockingBillingRepository[Tx]) -> BillingRepository[Tx]:
    """Put ``async`` in front of the methods of a blocking repository."""

class BillingService(Generic[Tx]):
    """Billing without ``await``. See :class:`paylattice.BillingService` for the arguments."""

    def __init__(
        self,
        provider: Provider | PaymentProvider | Sequence[Provider | PaymentProvider],
        repository: BlockingBillingRepository[Tx],
        *,
        select: Callable[[str], str] | None = None,
        require: Iterable[Capability] = ...,
        refetch: bool = True,
        clock: Callable[[], datetime] | None = None,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
        on_refused: Callable[[RefusedSubscription], None] | None = None,
        on_replaced: Callable[[ReplacedCustomer], None] | None = None,
        on_second_subscription: OnSecond = 'report',
    ) -> None: ...

    wrapped: AsyncBillingService[Tx]

    @property
    def repository(self) -> BlockingBillingRepository[Tx]:
        """Where the records are kept."""

    def now(self) -> datetime:
        """The time by the service's clock."""

    def provider(self, name: str) -> Provider:
        """One of the providers."""

    def on(self, event_type: EventType | str, *, everywhere: bool = False) -> Callable[[H], H]:
        """Register a plain function as a handler. See :meth:`paylattice.BillingService.on`."""

    def ensure_customer(
        self,
        org_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
    ) -> BillingCustomer:
        """Return the organisation's customer. Create it at the provider if there is none yet."""

    def update_customer(
        self,
        org_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingCustomer:
        """Correct the organisation's e-mail address, name or phone number, at its providers and in the record."""

    def transfer(self, org_id: str, to_org_id: str) -> TransferredOrganisation:
        """Give the billing of an organisation to another one: a company is merged, or a workspace gets a new id."""

    def export(self, org_id: str) -> dict[str, object]:
        """Return everything that is stored about the organisation, ready for JSON: what it may ask you for."""

    def erase(self, org_id: str, *, end_subscriptions: bool = True) -> ErasedOrganisation:
        """Forget the organisation: end its subscriptions, delete its customers, take what is personal out of the records."""

    def start_checkout(
        self,
        org_id: str,
        plan_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        success_url: str,
        cancel_url: str,
        quantity: int = 1,
        trial_days: int | Once | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        allow_second: bool = False,
        idempotency_key: str | None = None,
    ) -> OpenCheckout:
        """Return the organisation's open page where it subscribes: at most one is open at a time."""

    def confirm_return(
        self,
        session_id: str | None = None,
        *,
        org_id: str | None = None,
        provider_name: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> BillingSubscription | None:
        """Store the result of a finished checkout, when the customer's browser returns before the webhook arrives."""

    def assign_customer(self, org_id: str, customer_id: str, *, provider_name: str | None = None) -> BillingCustomer:
        """Give a customer that exists at the provider to an organisation, with all its subscriptions."""

    def assign_subscription(
        self,
        org_id: str,
        subscription_id: str,
        *,
        provider_name: str | None = None,
    ) -> BillingSubscription:
        """Give a subscription that billing did not start to an organisation, with its current terms."""

    def subscriptions(self, org_id: str) -> list[BillingSubscription]:
        """List all stored subscriptions of the organisation, over all providers, ended ones included."""

    def subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Return one stored subscription of the organisation: the primary one, or the one that you name."""

    def access(
        self,
        org_id: str,
        *,
        plans: Collection[str] | None = None,
        now: datetime | None = None,
        policy: AccessPolicy = ...,
    ) -> Access:
        """Return whether the organisation may use the product, why, and until when. This reads the repository only."""

    def cancel(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        at_period_end: bool = True,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """End a subscription at the end of the paid period, or now."""

    def subscribe(
        self,
        org_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None = None,
        quantity: int = 1,
        trial_end: datetime | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        allow_second: bool = False,
        idempotency_key: str,
    ) -> SubscriptionChange:
        """Subscribe the organisation with a payment method that it has saved. The same key subscribes once."""

    def cancel_and_refund(self, org_id: str, subscription_id: str, *, idempotency_key: str) -> BillingSubscription:
        """End a subscription now, or with its period where the provider ends none sooner; and give its last payment back."""

    def uncancel(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Take back a cancellation at the end of the period: the subscription goes on. One that is not set to end stays so."""

    def cancel_scheduled_change(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Take a change back that is scheduled for the period's end. Without one, nothing happens."""

    def preview_change(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        subscription_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
    ) -> ChangePreview:
        """Return what :meth:`BillingService.change_plan` would cost with these arguments. Nothing is changed or stored."""

    def extend_trial(
        self,
        org_id: str,
        until: datetime,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Let a free trial last longer. Access continues, and the first payment is due then. A longer trial stays as it is."""

    def cancel_all(
        self,
        org_id: str,
        *,
        at_period_end: bool = True,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> EndedSubscriptions:
        """End all subscriptions of the organisation, at all providers, also those that are not stored yet."""

    def close_organisation(
        self,
        org_id: str,
        *,
        reason: str | None = None,
        final_invoice: bool = True,
        idempotency_key: str | None = None,
    ) -> EndedSubscriptions:
        """End all that the organisation pays for now; at the end of its period where the provider ends nothing sooner."""

    def had_trial(self, org_id: str, plan_id: str | None = None) -> bool:
        """Say whether the organisation has, or has had, a free trial, also at another provider and after canceling."""

    def portal(self, org_id: str, return_url: str, *, provider_name: str | None = None) -> str:
        """Return the URL of the provider's own page, where the customer manages subscriptions, cards and invoices."""

    def change_plan(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        subscription_id: str | None = None,
        quantity: int | None = None,
        expected_quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = 'invoice',
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both, now or at the end of the paid period."""

    def add_quantity(
        self,
        org_id: str,
        delta: int,
        *,
        subscription_id: str | None = None,
        prorate: bool = True,
        idempotency_key: str,
    ) -> SubscriptionChange:
        """Add units to a subscription, or remove some: none is lost and none counts twice, however many workers do it at once."""

    def sync_subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Read the current state of all of the organisation's subscriptions, or of one, from the provider, and store it."""

    def invoices(self, org_id: str, limit: int = 10) -> list[Invoice]:
        """List the organisation's invoices over all its providers, newest first."""

    def record_usage(
        self,
        org_id: str,
        quantity: int,
        *,
        idempotency_key: str,
        subscription_id: str | None = None,
        plan_id: str | None = None,
        timestamp: datetime | None = None,
    ) -> bool:
        """Report usage of the organisation's metered subscription."""

    def pause(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Stop billing a subscription until :meth:`resume`. Pausing twice is no error."""

    def resume(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Resume billing of a paused subscription. Resuming one that is not paused is no error."""

    def charge(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        provider_name: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Charge a saved payment method of the organisation, or what its payer's browser has just got for a card."""

    def authorize(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        provider_name: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Reserve money on a saved payment method, or a browser's token. :meth:`capture` takes it, :meth:`void` releases it."""

    def capture(self, org_id: str, payment_id: str, *, amount: Money | None = None, idempotency_key: str) -> Payment:
        """Take the money of an authorized payment. The rest is released."""

    def void(self, org_id: str, payment_id: str, *, idempotency_key: str) -> Payment:
        """Release an authorized payment: no money is taken."""

    def refund(
        self,
        org_id: str,
        *,
        payment_id: str | None = None,
        invoice_id: str | None = None,
        subscription_id: str | None = None,
        amount: Money | None = None,
        reason: str | None = None,
        idempotency_key: str,
    ) -> Refund:
        """Refund a payment of the organisation. The same key refunds once, however late you repeat the call."""

    def pay_invoice(
        self,
        org_id: str,
        invoice_id: str,
        *,
        payment_method_id: str | None = None,
        idempotency_key: str,
    ) -> Invoice:
        """Charge a saved payment method for an open invoice of the organisation. An invoice is paid once, whatever the key."""

    def void_invoice(self, org_id: str, invoice_id: str, *, idempotency_key: str) -> Invoice:
        """Void an open invoice of the organisation: nobody can pay it any more."""

    def start_setup(
        self,
        org_id: str,
        *,
        success_url: str,
        cancel_url: str,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Open a hosted page where the organisation saves a payment method, and pays nothing."""

    def save_payment_method(
        self,
        org_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        email: str | None = None,
        name: str | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Save a payment method: what the organisation's browser got, or what was agreed to on the page of :meth:`start_setup`."""

    def payment_methods(self, org_id: str) -> list[PaymentMethod]:
        """List the organisation's saved payment methods, at all its providers."""

    def set_payment_method(
        self,
        org_id: str,
        payment_method_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[BillingSubscription]:
        """Choose which saved payment method pays: one subscription, or all current ones and those to come."""

    def remove_payment_method(self, org_id: str, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove a saved payment method for good. One that was removed before is no error."""

    def bill_outstanding(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Collect what a subscription owes, with what pays it now. The same key collects once."""

    def respond(self, provider_name: str, body: bytes, headers: Headers, *, url: str | None = None) -> WebhookReply:
        """Verify a delivery, apply it exactly once, and say what to answer."""

    def handle_webhook(
        self,
        provider_name: str,
        payload: bytes,
        headers: Headers,
        *,
        url: str | None = None,
    ) -> WebhookOutcome:
        """Verify a delivery and apply it exactly once, raising any error. :meth:`respond` is simpler to use."""

    def parse_webhook(
        self,
        provider_name: str,
        payload: bytes,
        headers: Headers,
        *,
        url: str | None = None,
    ) -> WebhookEvent:
        """Verify a delivery and return its event: the first half of :meth:`handle_webhook`. :meth:`apply_event` is the second."""

    def apply_event(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply a verified event, for example in a worker: the second half of :meth:`handle_webhook`."""

    def apply_unmatched(self, provider_name: str) -> int:
        """Try unmatched events again. :meth:`paylattice.BillingService.maintain` does so, too."""

    def purge_unmatched(self, provider_name: str, *, before: datetime) -> PurgedEvents:
        """Delete unmatched events that are older than a time and match no customer, for example of another application."""

    def catch_up(self, provider_name: str, since: datetime) -> CaughtUp:
        """Apply missed events of a provider, for example after an outage. Applied events are not applied again."""

    def reconcile(
        self,
        provider_name: str,
        *,
        repair: bool = False,
        after: str | None = None,
        in_flight: int = 10,
        on_difference: Callable[[Difference], None] | None = None,
        on_progress: Callable[[Reconciled], None] | None = None,
    ) -> Reconciled:
        """Compare every stored subscription with the provider's, customer by customer, in bounded memory."""

    def maintain(
        self,
        *,
        budget: timedelta = ...,
        since: datetime | None = None,
        older_than: timedelta = ...,
        reconcile_every: timedelta = ...,
        repair: bool = True,
        purge_unmatched_after: timedelta | None = None,
        purge_checkouts_after: timedelta | None = None,
    ) -> MaintenanceReport:
        """Do all scheduled work once. Run it from one job, every five minutes."""

    def maintain_also(self, provider_name: str, work: Also) -> None:
        """Let :meth:`maintain` do some further work. See :meth:`paylattice.BillingService.maintain_also`."""

    def recover_open(self, *, older_than: timedelta = ...) -> Recovered:
        """Find out the outcome of operations that a crash or a lost answer left open."""

    def close(self) -> None:
        """Close the providers, each of them, whatever the others raise. The repository is its owner's."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
