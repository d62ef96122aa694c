"""Reporting usage."""

from datetime import datetime
from typing import ClassVar

import attrs

from ...provider import BaseProvider
from ..records import BillingOperation
from .base import Command, Made, decided_here

__all__ = ["RecordUsage"]


@attrs.frozen(kw_only=True)
class RecordUsage(Command[bool]):
    """Report usage of a metered item. Providers add it up: it can never be seen whether it was counted.

    Args:
        subscription_item_id: the metered line of a subscription.
        quantity: how many units.
        timestamp: when; aware. None: when the provider gets it.
        asked_subscription_id: the subscription that the caller asked for.
        asked_plan_id: the plan that the caller asked for.
    """

    kind: ClassVar[str] = "record_usage"
    operation: ClassVar[str] = "create_usage_record"

    subscription_item_id: str = decided_here()
    quantity: int
    timestamp: datetime | None = None
    asked_subscription_id: str | None = None
    asked_plan_id: str | None = None

    def arguments(self) -> dict[str, object]:
        """What ``create_usage_record`` is called with."""
        return {
            "subscription_item_id": self.subscription_item_id,
            "quantity": self.quantity,
            "timestamp": self.timestamp,
        }

    async def send(self, provider: BaseProvider, key: str) -> bool:
        """Report it."""
        return await provider.create_usage_record(
            subscription_item_id=self.subscription_item_id,
            quantity=self.quantity,
            timestamp=self.timestamp,
            idempotency_key=key,
        )

    def made(self, answer: bool) -> Made:
        """Nothing with an id; the provider says whether it was accepted."""
        return Made(accepted=answer)

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> bool | None:
        """It was accepted; there is nothing to read."""
        return True
