"""A repository whose transactions really run at the same time, as a database with READ COMMITTED does, and a provider
whose one subscription changes; both pause wherever a network or a disk would be waited for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from paylattice import (
    BaseProvider,
    BillingCustomer,
    Capability,
    EventType,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.billing.tables import Index

from .scheduler import Access, Pause, touch
from .support import Concurrent, R, Telling

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = BillingCustomer(id="c", org_id="org", provider="fake", external_customer_id="cus")


class OneSubscription(BaseProvider):
    """A provider with one subscription. ``fine`` pauses also between taking a request and answering it."""

    name = "fake"
    capabilities = frozenset({Capability.SUBSCRIPTIONS})

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.status = SubscriptionStatus.INCOMPLETE
        self.fine = fine

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause(told=True)
        touch(self.name, Access.READ)
        answer = self.payload(subscription_id)
        if self.fine:
            await Pause(told=True)
        return answer

    def payload(self, subscription_id: str = "sub") -> Subscription:
        return Subscription(id=subscription_id, customer_id="cus", status=self.status, provider="fake")

    def event(self, event_id: str) -> WebhookEvent:
        return WebhookEvent(
            id=event_id,
            type=EventType.SUBSCRIPTION_UPDATED,
            created_at=NOW,
            dedupe_key=event_id,
            customer_id="cus",
            subscription_id="sub",
            subscription=self.payload(),
            provider="fake",
        )


class ReadCommitted(Concurrent):
    """With one customer, who is there from the beginning; without ``fine``, tickets are what a task pauses before, too."""

    pauses_before = frozenset()

    def __init__(self, *, fine: bool = True) -> None:
        super().__init__(fine=fine)
        self._committed.of(BillingCustomer).add(CUSTOMER)

    async def next_ticket(self) -> int:
        if not self.fine:
            await Pause(told=True)
        return await super().next_ticket()

    async def find(self, kind: type[R], index: Index, values: Mapping[str, object], **options: Any) -> list[R]:
        if self.fine:
            return await super().find(kind, index, values, **options)
        return await Telling.find(self, kind, index, values, **options)
