"""Collecting what a subscription owes."""

from typing import ClassVar

import attrs

from ...models import Subscription, SubscriptionStatus
from ...provider import BaseProvider
from ..records import BillingOperation
from .subscriptions import SubscriptionCommand

__all__ = ["BillOutstanding"]

_OWES_NOTHING = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING})


@attrs.frozen(kw_only=True)
class BillOutstanding(SubscriptionCommand[Subscription]):
    """Collect what is owed. It takes money: it is never sent again once the provider has forgotten the key."""

    kind: ClassVar[str] = "bill_outstanding"
    operation: ClassVar[str] = "bill_outstanding"
    sets: ClassVar[str | None] = "what is owed"
    """Nothing else sets it: money that was taken, or is to be taken, does not depend on what is changed afterwards."""
    overrides: ClassVar[frozenset[str | None]] = frozenset()

    @property
    def may_be_sent_anew(self) -> bool:
        """What is owed then may be something else."""
        return False

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Collect it."""
        return await provider.bill_outstanding(subscription_id=self.subscription_id, idempotency_key=key)

    def is_in_effect(self, state: Subscription) -> bool:
        """Nothing is owed."""
        return state.status in _OWES_NOTHING

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever it owes since: another collection needs another key."""
        return await self.read(provider)
