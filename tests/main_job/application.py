"""An application that takes subscriptions. No provider is named in it: ``PAYMENT_PROVIDER`` chooses."""

from collections.abc import Callable
from datetime import datetime

from paylattice import (
    BillingService,
    CheckoutSession,
    EventContext,
    InMemoryRepository,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
    create_provider,
)
from paylattice.billing.memory import InMemoryTransaction

__all__ = ["Application"]


class Application:
    """Sells one plan."""

    plan = "plan_pro"

    def __init__(self) -> None:
        self.provider = create_provider()
        self.name = self.provider.get_provider_name()
        self.clock: Callable[[], datetime] | None = None
        self.billing = BillingService(self.provider, InMemoryRepository(), clock=self._now)
        self.payments: list[tuple[str, int]] = []
        self.refunds: list[str] = []
        self.told: list[str] = []
        self.billing.on("payment.succeeded")(self.paid)
        self.billing.on("refund.created")(self.refunded)
        self.billing.on("refund.succeeded")(self.refunded)
        for status in SubscriptionStatus:
            if status is not SubscriptionStatus.UNKNOWN:
                self.billing.on(f"subscription.{status}")(self.changed)

    def _now(self) -> datetime:
        assert self.clock is not None
        return self.clock()

    def paid(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        assert event.payment is not None
        self.payments.append((event.payment.id, event.payment.amount.amount))

    def refunded(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        assert event.refund is not None
        if event.refund.id not in self.refunds:
            self.refunds.append(event.refund.id)

    def changed(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        assert context.subscription is not None
        self.told.append(str(context.subscription.status))

    async def sell(self, org_id: str) -> CheckoutSession:
        return await self.billing.start_checkout(
            org_id,
            self.plan,
            email=f"{org_id}@example.com",
            name="Ada Lovelace",
            success_url="https://app.test/thanks",
            cancel_url="https://app.test/plans",
        )

    async def webhook(self, payload: bytes, headers: dict[str, str]) -> WebhookOutcome:
        return await self.billing.handle_webhook(self.name, payload, headers)
