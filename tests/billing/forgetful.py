"""A provider that books what a checkout sells on a profile of the buyer's own, as payment links do."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from paylattice import (
    BaseProvider,
    Capability,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventType,
    Payment,
    PaymentStatus,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.money import Money

from .scheduler import Access, Pause, touch
from .support import NOW


class Forgetful(BaseProvider):
    """What it sells belongs to who paid; only the session knows what came of it.

    Args:
        pauses: pause where the network would be waited for.
    """

    name = "forgetful"
    capabilities = frozenset(
        {Capability.CUSTOMERS, Capability.CHECKOUT, Capability.SUBSCRIPTIONS, Capability.LIST_SUBSCRIPTIONS}
    )
    preserves_customer = False

    def __init__(self, *, pauses: bool = False) -> None:
        super().__init__()
        self.pauses = pauses
        self.now = NOW
        self.customers: dict[str, Customer] = {}
        self.sessions: dict[str, CheckoutSession] = {}
        self.plans: dict[str, str] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.sessions_read = 0

    async def _wait(self) -> None:
        if self.pauses:
            await Pause(told=True)
        touch(self.name, Access.READ)

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        touch(self.name)
        made = Customer(f"X{len(self.customers) + 1}", email, name, metadata)
        return self.customers.setdefault(made.id, made)

    async def get_customer(self, customer_id: str) -> Customer | None:
        return self.customers.get(customer_id)

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
        touch(self.name)
        number = len(self.sessions) + 1
        session = CheckoutSession(
            f"link_{number}",
            "https://pay.test/1",
            customer_id,
            status=CheckoutStatus.OPEN,
            reference=f"order_{number}",
        )
        self.sessions[session.id] = session
        self.plans[session.id] = plan_id
        return session

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        await self._wait()
        self.sessions_read += 1
        return self.sessions.get(session_id)

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await self._wait()
        return self.subscriptions.get(subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        await self._wait()
        return [each for each in self.subscriptions.values() if each.customer_id == customer_id]

    # --- the buyer, and the provider's own time ------------------------------------------------------------------

    def pay(self, session_id: str, profile: str, *, named: bool = True) -> WebhookEvent:
        """Be the buyer. Returns the event of the payment, which names the order and who paid."""
        touch(self.name)
        session = self.sessions[session_id]
        self.sessions[session_id] = attrs.evolve(session, status=CheckoutStatus.PENDING)
        payment = Payment(f"pay_{session_id}", Money(1900, "USD"), PaymentStatus.SUCCEEDED)
        return self._event(
            EventType.PAYMENT_SUCCEEDED,
            f"paid_{session_id}",
            profile if named else None,
            payment=payment,
            checkout_reference=session.reference,
        )

    def make(self, session_id: str, profile: str) -> list[WebhookEvent]:
        """Make the subscription that was paid for. Returns the events of it: created, and its first invoice paid."""
        touch(self.name)
        name = f"sub_{session_id}"
        self.subscriptions[name] = Subscription(
            name, profile, SubscriptionStatus.ACTIVE, plan_id=self.plans[session_id], created_at=self.now
        )
        self.sessions[session_id] = attrs.evolve(
            self.sessions[session_id], status=CheckoutStatus.COMPLETE, subscription_id=name
        )
        return [
            self._event(EventType.SUBSCRIPTION_CREATED, f"created_{name}", profile, subscription_id=name),
            self._event(EventType.INVOICE_PAID, f"invoiced_{name}", profile, subscription_id=name),
        ]

    def update(self, session_id: str) -> WebhookEvent:
        """Something happened to the subscription later."""
        subscription = self.subscriptions[f"sub_{session_id}"]
        return self._event(
            EventType.SUBSCRIPTION_UPDATED,
            f"updated_{subscription.id}",
            subscription.customer_id,
            subscription_id=subscription.id,
        )

    def elapse(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now

    def _event(self, kind: EventType, name: str, profile: str | None, **fields: object) -> WebhookEvent:
        return WebhookEvent(name, kind, self.now, name, profile, provider=self.name, **fields)  # type: ignore[arg-type]  # fields of the event
