"""Letting a free trial last longer."""

from datetime import datetime
from typing import ClassVar

import attrs

from ...models import Subscription
from ...provider import BaseProvider
from .subscriptions import SubscriptionCommand

__all__ = ["ExtendTrial"]

_TRIAL = "trial"


@attrs.frozen(kw_only=True)
class ExtendTrial(SubscriptionCommand[Subscription]):
    """Let the trial of a subscription end later.

    Args:
        until: when it ends.
    """

    kind: ClassVar[str] = "extend_trial"
    operation: ClassVar[str] = "extend_trial"
    sets: ClassVar[str | None] = _TRIAL
    overrides: ClassVar[frozenset[str | None]] = frozenset({_TRIAL})

    until: datetime

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Move its end."""
        return await provider.extend_trial(subscription_id=self.subscription_id, until=self.until, idempotency_key=key)

    def is_in_effect(self, state: Subscription) -> bool:
        """The trial lasts until then, or longer. Providers keep whole seconds."""
        return state.trial_end is not None and state.trial_end >= self.until.replace(microsecond=0)

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state
