"""Taking back a cancellation that has not taken effect yet."""

from typing import ClassVar

import attrs

from ...models import Subscription
from ...provider import BaseProvider
from ..records import BillingOperation
from .subscriptions import END, SubscriptionCommand

__all__ = ["UncancelSubscription"]


@attrs.frozen(kw_only=True)
class UncancelSubscription(SubscriptionCommand[Subscription]):
    """Let a subscription go on that is set to end."""

    kind: ClassVar[str] = "uncancel_subscription"
    operation: ClassVar[str] = "uncancel_subscription"
    sets: ClassVar[str | None] = END
    overrides: ClassVar[frozenset[str | None]] = frozenset({None, END})

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Take the cancellation back."""
        return await provider.uncancel_subscription(subscription_id=self.subscription_id, idempotency_key=key)

    def is_in_effect(self, state: Subscription) -> bool:
        """It goes on."""
        return state.cancel_at is None and not state.status.is_terminal

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever has become of it since: a cancellation that came later is another one."""
        return await self.read(provider)
