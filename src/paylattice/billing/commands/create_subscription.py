"""Beginning a subscription without a page."""

from datetime import datetime
from typing import Any, ClassVar

import attrs

from ...frozen import FrozenMap
from ...models import NOTHING, Subscription, SubscriptionChange, SubscriptionStatus
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation
from ..store import Store
from .base import Command, Made, decided_here, not_sent

__all__ = ["CreateSubscription"]


@attrs.frozen(kw_only=True)
class CreateSubscription(Command[SubscriptionChange]):
    """Subscribe a customer with a saved payment method. Its row's ``external_id`` is the subscription's.

    It takes money: it is never sent again once the provider has forgotten the key.

    Args:
        customer_id: the provider's id of who pays.
        plan_id: the provider's id of the plan.
        payment_method_id: what pays; None: the customer's default.
        quantity: how many units.
        trial_end: free of charge until then; None: the plan's own trial.
        start_at: when it begins; None: now.
        metadata: with ``org_id`` in it.
        allow_second: whether it may begin beside a current one.
    """

    kind: ClassVar[str] = "create_subscription"
    operation: ClassVar[str] = "create_subscription"
    events_may_wait: ClassVar[bool] = True

    customer_id: str = decided_here()
    plan_id: str
    payment_method_id: str | None = None
    quantity: int = 1
    trial_end: datetime | None = None
    start_at: datetime | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=FrozenMap[str, str], repr=False)
    allow_second: bool = not_sent(default=False)

    def asks_the_same(self, other: object) -> bool:
        """Whether a caller who asked for the other one asked for this: what it may begin beside does not count."""
        if isinstance(other, CreateSubscription):
            other = attrs.evolve(other, allow_second=self.allow_second)
        return super().asks_the_same(other)

    async def send(self, provider: BaseProvider, key: str) -> SubscriptionChange:
        """Begin it."""
        return await provider.create_subscription(
            customer_id=self.customer_id,
            plan_id=self.plan_id,
            payment_method_id=self.payment_method_id,
            quantity=self.quantity,
            trial_end=self.trial_end,
            start_at=self.start_at,
            metadata=self.metadata,
            idempotency_key=key,
        )

    def made(self, answer: SubscriptionChange) -> Made:
        """The subscription."""
        return Made(answer.subscription.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> SubscriptionChange | None:
        """The subscription, by its id if that is known, else by the key that the provider keeps with it."""
        found = await _read(provider, row.external_id)
        if found is None and row.external_id is None:
            found = await provider.find_subscription(row.key, row.created_at, customer_id=self.customer_id)
        return None if found is None else _as_answer(found)

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> SubscriptionChange | None:
        """The subscription as it is now; None while it waits for the payer: the stored answer says what they must do."""
        found = await _read(provider, row.external_id)
        return None if found is None or found.status is SubscriptionStatus.INCOMPLETE else _as_answer(found)

    async def is_wanted(self, row: BillingOperation, store: Store[Any]) -> bool:
        """Not once the organisation has subscribed in another way, at any provider: it would pay for two it did not ask for."""
        if await store.get_customer(row.org_id, row.provider) is None:
            return False
        return self.allow_second or not any(
            each.status.is_current for each in await store.list_subscriptions_of(row.org_id)
        )


async def _read(provider: BaseProvider, subscription_id: str | None) -> Subscription | None:
    if subscription_id is None or Capability.SUBSCRIPTIONS not in provider.capabilities:
        return None
    return await provider.get_subscription(subscription_id)


def _as_answer(subscription: Subscription) -> SubscriptionChange:
    return SubscriptionChange(subscription, is_pending=subscription.status is SubscriptionStatus.INCOMPLETE)
