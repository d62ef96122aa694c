"""The embedded provider: every operation of the protocol, in its order."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

from ...arguments import check_utc
from ...config import ProviderConfig
from ...construction import check_instance, refused
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
from ...operations import Capability, UnsupportedReason
from ...provider import Headers
from ...signatures import SigningKey, secret_from
from ...transport import Transport
from .account import Account
from .after_sale import AfterSale
from .api import Calls
from .capabilities import CAPABILITIES, UNSUPPORTED
from .changes import Changes
from .checkout import Checkouts
from .config import MemoryConfig, check_retry_days, refuse_production
from .controls import Controls
from .customers import Customers
from .events import SENT
from .invoices import Invoices
from .outstanding import Outstanding
from .payments import Payments
from .starting import Starting
from .state import CheckoutOrder
from .subscriptions import Subscriptions
from .webhooks import SIGNATURE
from .wire import event_from
from .world import Agenda, World

__all__ = ["InMemoryProvider"]


class InMemoryProvider(Controls, AfterSale, Account):
    """A whole provider without a network, for tests, demos and development.

    ``Controls`` has its controls: complete a checkout, advance the time, take the webhooks.

    Args:
        config: None: from the environment, which may hold nothing.
        transport: not used; there is no network.
        name: another name than ``memory``, to run several of them side by side.
        now: the simulated time to begin with; an aware datetime. It moves only by ``advance()``.
        retry_days: when a failed renewal is tried again, in days after it, ascending. None at all: it is not.
        cancel_when_unpaid: whether the last failed retry cancels the subscription; otherwise it becomes unpaid.
        clock: the real time, for the signatures of deliveries: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: the environment says that this is production, and the configuration does not allow it; or the
            retry days are not whole days, one after the other.
        InvalidRequest: ``now`` has no time zone.
    """

    name: ClassVar[str] = "memory"
    config_class: ClassVar[type[ProviderConfig] | None] = MemoryConfig
    checkout_starts_later = True
    capabilities: frozenset[Capability] = CAPABILITIES
    unsupported: Mapping[Capability, UnsupportedReason] = UNSUPPORTED
    sends: frozenset[EventType] | None = SENT

    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        transport: Transport | None = None,
        name: str = "memory",
        now: datetime | None = None,
        retry_days: Sequence[int] = (3, 5, 7),
        cancel_when_unpaid: bool = False,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        config = MemoryConfig.from_env() if config is None else config
        super().__init__(config, transport=transport, clock=clock)
        if config.allow_production is not True:
            refuse_production()
        if not isinstance(name, str) or not name.isprintable() or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
            raise refused("InMemoryProvider(name=...)", name, "the name that it goes by, a str")
        check_instance("InMemoryProvider(cancel_when_unpaid=...)", cancel_when_unpaid, bool, "True or False")
        check_retry_days(retry_days, name)
        start = datetime.now(UTC) if now is None else now
        check_utc("now", start)
        self._settings = config
        self._signing_keys = [SigningKey(secret) for secret in config.webhook_secret]
        self._name = name
        self._calls = Calls()
        self._world = World(name, Agenda(start.astimezone(UTC).replace(microsecond=0)))
        self._payments = Payments(self._world)
        self._invoices = Invoices(self._world, self._payments)
        self._subscriptions = Subscriptions(
            self._world,
            self._payments,
            self._invoices,
            retry_days=tuple(retry_days),
            cancel_when_unpaid=cancel_when_unpaid,
        )
        self._changes = Changes(self._world, self._invoices, self._subscriptions)
        self._customers = Customers(self._world, self._payments, self._subscriptions)
        self._outstanding = Outstanding(self._world, self._payments, self._invoices, self._subscriptions)
        self._starting = Starting(self._world, self._payments, self._subscriptions)
        self._checkouts = Checkouts(self._world, self._payments, self._subscriptions)

    def get_provider_name(self) -> str:
        """The name that it was given."""
        return self._name

    # --- customers -----------------------------------------------------------------------------------------------

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer."""
        kept = FrozenMap(metadata or {})
        asked = (email, name, phone, kept)
        return self._calls.write(idempotency_key, asked, lambda: self._customers.create(email, name, phone, kept))

    async def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None if it does not exist or was deleted."""
        return self._calls.read(lambda: self._world.store.customers.get(customer_id))

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
        """Change the given fields; metadata is merged key by key."""
        kept = FrozenMap(metadata or {})
        asked = (customer_id, email, name, phone, kept)

        def effect() -> Customer:
            return self._customers.update(customer_id, email, name, phone, kept)

        return self._calls.write(idempotency_key, asked, effect)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once."""
        self._calls.write(idempotency_key, customer_id, lambda: self._customers.delete(customer_id))

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str | None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer | None:
        """The newest customer with the same ``org_id`` in its metadata that was created since; None without an ``org_id``."""
        return self._calls.read(lambda: self._customers.created(since, (metadata or {}).get("org_id")))

    # --- checkout ------------------------------------------------------------------------------------------------

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
        """A page that the test completes with :meth:`complete_checkout`."""
        order = CheckoutOrder(plan_id=plan_id, quantity=quantity, trial_days=trial_days, start_at=start_at)
        kept = FrozenMap(metadata or {})
        asked = (customer_id, order, kept, success_url, cancel_url, customer_email)
        return self._calls.write(idempotency_key, asked, lambda: self._checkouts.open(order, customer_id, kept))

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
        """A page that the test completes with :meth:`complete_checkout`."""
        order = CheckoutOrder(amount=amount, capture=capture, description=description)
        kept = FrozenMap(metadata or {})
        asked = (customer_id, order, kept, success_url, cancel_url)
        return self._calls.write(idempotency_key, asked, lambda: self._checkouts.open(order, customer_id, kept))

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """Return the session, or None if it does not exist."""
        return self._calls.read(lambda: self._world.store.sessions.get(session_id))

    async def expire_checkout_session(self, session_id: str, *, idempotency_key: str | None = None) -> CheckoutSession:
        """Close the page; what is not open is answered as it is."""
        return self._calls.write(idempotency_key, session_id, lambda: self._checkouts.expire(session_id))

    # --- subscriptions -------------------------------------------------------------------------------------------

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription as it is now, or None if it does not exist."""
        store = self._world.store
        return self._calls.read(
            lambda: record.model() if (record := store.subscriptions.get(subscription_id)) else None
        )

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """Return all subscriptions of the customer, newest first, ended ones included."""
        return self._calls.read(
            lambda: [record.model() for record in reversed(self._subscriptions.of_customer(customer_id))]
        )

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now, or at the end of the paid period.

        Usage that is not billed yet is billed at the end of the period; now, with ``final_invoice``.
        """
        asked = (subscription_id, at_period_end, reason, final_invoice)
        cancel = partial(self._subscriptions.cancel, at_period_end=at_period_end, final_invoice=final_invoice)
        return self._calls.write(idempotency_key, asked, lambda: self._changed(subscription_id, cancel))

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Stop billing until :meth:`resume_subscription`."""
        pause = self._subscriptions.pause
        return self._calls.write(idempotency_key, subscription_id, lambda: self._changed(subscription_id, pause))

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Resume billing."""
        resume = self._subscriptions.resume
        return self._calls.write(idempotency_key, subscription_id, lambda: self._changed(subscription_id, resume))

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        """Count usage; it is billed when the period ends."""
        asked = (subscription_item_id, quantity, timestamp)
        self._calls.write(idempotency_key, asked, lambda: self._subscriptions.add_usage(*asked))
        return True

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """Return the customer's invoices, newest first."""
        return self._calls.read(lambda: self._invoices.of_customer(customer_id, limit, subscription_id))

    # --- payments ------------------------------------------------------------------------------------------------

    async def get_payment(self, payment_id: str) -> Payment | None:
        """Return the payment, or None if it does not exist."""
        return self._calls.read(lambda: self._world.store.payments.get(payment_id))

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money of an authorized payment."""
        return self._calls.write(
            idempotency_key, (payment_id, amount), lambda: self._payments.capture(payment_id, amount)
        )

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Cancel a payment that has not been captured."""
        return self._calls.write(idempotency_key, payment_id, lambda: self._payments.cancel(payment_id))

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
        """Charge a saved payment method, or a token: ``tok_`` and any word. :meth:`decline_next_payment` makes it fail."""
        asked = (amount, customer_id, payment_method_id, token, capture, description, FrozenMap(metadata or {}))
        return self._calls.write(idempotency_key, asked, lambda: self._payments.create(*asked, idempotency_key))

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Refund a payment, in whole or in part."""
        return self._calls.write(
            idempotency_key,
            (payment_id, amount, reason),
            lambda: self._payments.refund(payment_id, amount, reason, idempotency_key),
        )

    async def find_payment(self, key: str, since: datetime, *, customer_id: str | None) -> Payment | None:
        """The payment that was made under the key."""
        store = self._world.store
        return self._calls.read(lambda: store.payments.get(store.made_under.get(key, "")))

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: Money | None = None
    ) -> Refund | None:
        """The refund that was made under the key."""
        store = self._world.store
        return self._calls.read(lambda: store.refunds.get(store.made_under.get(key, "")))

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's saved payment methods."""
        return self._calls.read(lambda: self._payments.cards(customer_id))

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove a saved payment method."""
        self._calls.write(idempotency_key, payment_method_id, lambda: self._payments.forget_card(payment_method_id))

    # --- events --------------------------------------------------------------------------------------------------

    @property
    def events_kept(self) -> timedelta | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - it keeps a number of them, not a time
        """How long ago the oldest event is that is kept; None where none was forgotten yet."""
        with self._calls.mutex:
            return self._world.events.kept(self._world.now)

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Return events since a time, oldest first; the last 10,000 are kept."""
        return self._calls.read(lambda: self._world.events.since(since, limit))

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Verify a delivery against one secret and return its body."""
        return SIGNATURE.verified(
            payload,
            signature,
            (SigningKey(secret_from(secret, "MEMORY_WEBHOOK_SECRET")),),
            clock=self._clock,
            diagnoses=self.diagnoses,
        )

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and return its event."""
        self._settings.require("webhook_secret")
        data = SIGNATURE.verified(payload, headers, self._signing_keys, clock=self._clock, diagnoses=self.diagnoses)
        return event_from(data, self._name, datetime.fromtimestamp(self._clock(), UTC))
