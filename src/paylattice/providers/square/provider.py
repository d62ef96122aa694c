"""The operations, in the order of the protocol."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from ...config import ProviderConfig
from ...event_lists import first_of
from ...events import EventType, WebhookEvent
from ...frozen import FrozenMap
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
from .account import Account
from .after_sale import AfterSale
from .api import SquareAPI
from .capabilities import CAPABILITIES, UNSUPPORTED, UNSUPPORTED_BY_INVOICE
from .checkout import Checkout
from .config import SquareConfig
from .customers import Customers
from .event_list import EVENTS_KEPT, EventList
from .events import SENT
from .hooks import Hooks
from .invoices import Invoices
from .payments import Payments
from .plans import Plans
from .starting import Starting
from .subscriptions import Subscriptions
from .webhooks import Webhooks

if TYPE_CHECKING:
    from ...transport import Transport

__all__ = ["SquareProvider"]


class SquareProvider(AfterSale, Account, Hooks):
    """Square.

    Args:
        config: the settings; None: from the environment.
        transport: sends the requests. None: the provider makes its own, and :meth:`aclose` closes it.
        clock: what day it is decides trials, due dates and when a pause ends: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    name = "square"
    config_class: ClassVar[type[ProviderConfig] | None] = SquareConfig
    capabilities: frozenset[Capability] = CAPABILITIES
    unsupported: Mapping[Capability, UnsupportedReason] = UNSUPPORTED
    idempotency_lifetime: timedelta = timedelta(hours=1)
    events_kept: timedelta | None = EVENTS_KEPT
    sends: frozenset[EventType] | None = SENT
    never_leads_to: frozenset[EventType] = frozenset(
        {EventType.SUBSCRIPTION_QUANTITY_CHANGED, EventType.SUBSCRIPTION_UNPAID}
    )
    customer_id_is_proof: bool = False  # the buyer of a link becomes the profile of the phone number that they type

    def __init__(
        self,
        config: SquareConfig | None = None,
        *,
        transport: "Transport | None" = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        settings = SquareConfig.from_env() if config is None else config
        super().__init__(settings, transport=transport, clock=clock)
        api = SquareAPI(settings, self._opened, clock=self._clock)
        self._api = api
        self._customers = Customers(api)
        self._plans = Plans(api)
        self._payments = Payments(api)
        self._events = EventList(api)
        self._webhooks = Webhooks(settings, self._clock)
        self._subscriptions = Subscriptions(api, self._plans, self._customers)
        self._starting = Starting(api, self._customers, self._plans, self._subscriptions)
        self._invoices = Invoices(api, self._customers, self._subscriptions)
        self._checkout = Checkout(api, self._customers, self._plans, self._payments, self._subscriptions)
        self.preserves_customer: bool = settings.checkout == "invoice"
        if settings.checkout == "invoice":
            self.capabilities: frozenset[Capability] = type(self).capabilities.difference(UNSUPPORTED_BY_INVOICE)
            self.unsupported: Mapping[Capability, UnsupportedReason] = FrozenMap(
                {**type(self).unsupported, **UNSUPPORTED_BY_INVOICE}
            )

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
        """Create a profile. Square does not mind a second one with the same e-mail address, and none is looked for.

        ``name`` is split at its last space into given and family name. Of the metadata, Square keeps one word, that of
        ``SquareConfig(reference_key=...)``, as the ``reference_id``.
        """
        return await self._customers.create(email, name, phone, metadata, idempotency_key)

    async def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None. For a merged profile, this is the one it was merged into (``merged_from``)."""
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
        """Change the given fields; an empty value takes the one word of metadata away."""
        return await self._customers.update(customer_id, email, name, phone, metadata)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the profile. Square then deactivates its subscriptions.

        Raises:
            Conflict: the profile was merged into another one, which holds what belongs to others, too.
        """
        await self._customers.delete(customer_id)

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
        """A payment link that subscribes, or the page of a first invoice: ``SquareConfig(checkout=...)`` chooses.

        ``plan_id`` is a plan VARIATION, whose price is read, and charged; ``quantity`` is 1, ``trial_days`` that of its
        own free phase. With a link, the buyer may become another profile than ``customer_id``. An invoice's page leads nowhere
        afterwards, and keeps no metadata. ``cancel_url`` is not used: Square has no place for it.

        Raises:
            InvalidRequest: ``start_at`` was given: Square's pages charge at once. ``create_subscription`` takes it.
        """
        return await self._checkout.subscribe(
            customer_id, plan_id, success_url, metadata, quantity, trial_days, start_at, customer_email, idempotency_key
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
        """A payment link for a one-off payment. It always takes the money: ``capture=False`` is refused."""
        return await self._checkout.pay(
            amount, success_url, customer_id, description, metadata, capture, idempotency_key
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """Return the session of either kind, or None if it does not exist.

        A link's ``customer_id`` is the customer that it was made for; who bought is the customer of its subscription or
        payment. ``raw`` holds what was read: ``payment_link``, ``order``, ``payment``, ``subscription``, ``invoice``.
        """
        return await self._checkout.find(session_id)

    async def expire_checkout_session(self, session_id: str, *, idempotency_key: str | None = None) -> CheckoutSession:
        """Delete the payment link. Square then knows it no more: a link that does not exist is answered as ``EXPIRED``."""
        return await self._checkout.expire(session_id)

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription, with what its plan and its newest invoices say about it; None if there is none."""
        return await self._subscriptions.find(subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """All subscriptions of the customer, at all locations, ended ones too, newest first."""
        return await self._subscriptions.all_of(customer_id)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription when the paid period does. It stays active until then, with ``cancel_at``.

        Square bills every period in advance, and no usage: ``final_invoice`` makes no difference.
        """
        return await self._subscriptions.cancel(subscription_id)

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Bill no more from the next billing date on. Until then ``collection_paused`` says so, afterwards the status."""
        return await self._subscriptions.pause(subscription_id)

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Bill again: a pause that has not begun is taken back, one that has ends today."""
        return await self._subscriptions.resume(subscription_id)

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """Return the customer's invoices, newest first: at the location, and wherever the customer has a subscription."""
        return await self._invoices.of_customer(customer_id, limit, subscription_id)

    # Payments

    async def get_payment(self, payment_id: str) -> Payment | None:
        """Return the payment, or None if it does not exist. The location's disputes say whether one about it was lost."""
        return await self._payments.get(payment_id)

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money of an authorized payment: all of it, or less if Square lets the payment be lowered."""
        return await self._payments.capture(payment_id, amount, idempotency_key)

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Cancel a payment that has not been captured. Canceling twice is no error."""
        return await self._payments.cancel(payment_id)

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
        """Charge a card on file, ``ccof:...``, or a token of the Web Payments SDK (``cnon:...``), in the location's currency.

        ``verification_token`` is that of the buyer's verification, where the SDK's ``tokenize`` does not include it.

        Square releases what is only authorized after seven days. Of the metadata, it keeps one word, that of
        ``SquareConfig(reference_key=...)``, with at most 40 characters.
        """
        payment = await self._payments.create(
            amount,
            customer_id=customer_id,
            source_id=token or payment_method_id or "",
            verification_token=verification_token,
            capture=capture,
            description=description,
            metadata=metadata,
            key=idempotency_key,
        )
        if customer_id is not None:
            await self._customers.notice_merge(customer_id, payment.customer_id)
        return payment

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Refund a payment, in whole or in part. It nearly always begins as pending: watch ``refund.succeeded``."""
        return await self._payments.refund(payment_id, amount, reason, idempotency_key)

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """The customer's cards on file that can be charged."""
        return await self._customers.cards(customer_id)

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Disable a card on file, for good. Removing twice is no error."""
        await self._customers.disable_card(payment_method_id)

    # Events

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Return events since a time, oldest first, up to 28 days old. Square shows them to the account's own token only."""
        return await first_of(self._events.since(since), limit)

    async def events_since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """Return all events since a time, oldest first, a page at a time."""
        async for events in self._events.since(since):
            yield events

    # Webhooks

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check a delivery to the configured URL against one key, and nothing else."""
        return self._webhooks.verify(payload, signature, secret, self.diagnoses)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured keys and read it.

        Pass ``url`` if the notification URL is not the configured one. Never take it from the request: behind a proxy it is
        wrong, and its Host header is the sender's.
        """
        return self._webhooks.parse(payload, headers, url, self.diagnoses)
