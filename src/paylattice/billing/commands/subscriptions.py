"""What is asked of a subscription: to change, to end; and what was decided about one without asking its provider."""

from typing import Any, ClassVar, TypeVar

import attrs

from ...errors import ConfigurationError
from ...models import (
    Subscription,
    SubscriptionStatus,
)
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation, BillingSubscription
from .base import Command, StateCommand, decided_here

__all__ = [
    "AssignSubscription",
    "CancelSubscription",
    "PauseSubscription",
    "ResumeSubscription",
    "SubscriptionCommand",
]

R = TypeVar("R")
TERMS = "plan and quantity"
_COLLECTION = "collection"
END = "end"


@attrs.frozen(kw_only=True)
class SubscriptionCommand(StateCommand[R]):
    """Sets the state of a subscription.

    Args:
        subscription_id: the provider's id of the subscription.
    """

    sets: ClassVar[str | None] = None
    """What of the subscription it sets, where another command can set it back. None: what it does is final."""

    overrides: ClassVar[frozenset[str | None]] = frozenset({None})
    """What earlier commands of the same subscription must not set any more, once this was asked for: their ``sets``."""

    subscription_id: str = decided_here()

    @property
    def can_be_set_back(self) -> str | None:
        """``sets``, or None where this one is final though others like it are not."""
        return self.sets

    @property
    def target(self) -> str:
        """The subscription."""
        return self.subscription_id

    def supersedes(self, other: Command[Any]) -> bool:
        """What was asked for of the same subscription before, and would set back what this sets."""
        if not isinstance(other, SubscriptionCommand) or other.target != self.target:
            return False
        return other.sets in self.overrides

    def seems_in_effect(self, stored: BillingSubscription) -> bool:
        """Whether what is stored has what was asked for. The provider may know better."""
        return self.is_in_effect(stored.as_subscription())

    async def read(self, provider: BaseProvider) -> Subscription | None:
        """The subscription as it is now; None also where the provider lets no one read it."""
        if Capability.SUBSCRIPTIONS not in provider.capabilities:
            return None
        return await provider.get_subscription(self.subscription_id)


@attrs.frozen(kw_only=True)
class CancelSubscription(SubscriptionCommand[Subscription]):
    """End a subscription.

    Args:
        at_period_end: when what is paid for is over, instead of now.
        reason: for the provider's records.
        final_invoice: whether usage that is not billed yet is billed, where it ends now.
    """

    kind: ClassVar[str] = "cancel_subscription"
    operation: ClassVar[str] = "cancel_subscription"
    overrides: ClassVar[frozenset[str | None]] = frozenset({None, TERMS, _COLLECTION, END})

    at_period_end: bool
    reason: str | None = attrs.field(default=None, repr=False)
    final_invoice: bool = False

    @property
    def can_be_set_back(self) -> str | None:
        """An end that has not come yet."""
        return END if self.at_period_end else None

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """End it."""
        return await provider.cancel_subscription(
            subscription_id=self.subscription_id,
            at_period_end=self.at_period_end,
            reason=self.reason,
            final_invoice=self.final_invoice,
            idempotency_key=key,
        )

    def is_in_effect(self, state: Subscription) -> bool:
        """It has ended, or is set to end."""
        return state.status.is_terminal or (self.at_period_end and state.cancel_at is not None)

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever has become of it since: ending it once more would end what was resumed."""
        return await self.read(provider)


@attrs.frozen(kw_only=True)
class PauseSubscription(SubscriptionCommand[Subscription]):
    """Stop billing a subscription."""

    kind: ClassVar[str] = "pause_subscription"
    operation: ClassVar[str] = "pause_subscription"
    sets: ClassVar[str | None] = _COLLECTION
    overrides: ClassVar[frozenset[str | None]] = frozenset({_COLLECTION})

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Pause it."""
        return await provider.pause_subscription(subscription_id=self.subscription_id, idempotency_key=key)

    def is_in_effect(self, state: Subscription) -> bool:
        """No money is asked for."""
        return is_paused(state)

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state


@attrs.frozen(kw_only=True)
class ResumeSubscription(SubscriptionCommand[Subscription]):
    """Bill a paused subscription again."""

    kind: ClassVar[str] = "resume_subscription"
    operation: ClassVar[str] = "resume_subscription"
    sets: ClassVar[str | None] = _COLLECTION
    overrides: ClassVar[frozenset[str | None]] = frozenset({_COLLECTION})

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Resume it."""
        return await provider.resume_subscription(subscription_id=self.subscription_id, idempotency_key=key)

    def is_in_effect(self, state: Subscription) -> bool:
        """It is billed."""
        return not is_paused(state)

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state


def is_paused(subscription: Subscription) -> bool:
    """Whether the provider asks for no money at present."""
    return subscription.collection_paused or subscription.status is SubscriptionStatus.PAUSED


@attrs.frozen(kw_only=True)
class AssignSubscription(Command[None]):
    """The application's decision that a subscription is an organisation's, as it is now. It is sent to no provider.

    Args:
        subscription_id: the provider's id of the subscription.
        plan_id: the plan that it had then.
        quantity: the quantity that it had then.
        plan_overridden: whether it had prices or terms of its own then, in place of the plan's.
    """

    kind: ClassVar[str] = "assign_subscription"
    operation: ClassVar[str] = "get_subscription"

    subscription_id: str
    plan_id: str | None
    quantity: int
    plan_overridden: bool

    async def send(self, provider: BaseProvider, key: str) -> None:
        """It is not sent."""
        message = "assigning a subscription is decided by the application, and sent to no provider"
        raise ConfigurationError(message, operation=self.kind)
