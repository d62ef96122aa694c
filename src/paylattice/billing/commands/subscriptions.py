"""What is asked of a subscription: to change, to end; and what was decided about one without asking its provider."""

from abc import abstractmethod
from typing import Any, ClassVar, Self, TypeVar

import attrs

from ...errors import ActionRequired, ConfigurationError, Conflict, InvalidRequest
from ...idempotency import sub_key
from ...models import Subscription, SubscriptionChange, SubscriptionStatus
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation, BillingSubscription
from .base import Command, decided_here

__all__ = [
    "AssignSubscription",
    "CancelSubscription",
    "ChangeSubscription",
    "PauseSubscription",
    "ResumeSubscription",
    "SubscriptionCommand",
]

R = TypeVar("R")
_TERMS = "plan and quantity"
_COLLECTION = "collection"
END = "end"


@attrs.frozen(kw_only=True)
class SubscriptionCommand(Command[R]):
    """Sets the state of a subscription. Of several about one subscription, the one that was asked for last counts.

    Args:
        subscription_id: the provider's id of the subscription.
    """

    sets_a_state: ClassVar[bool] = True
    sets: ClassVar[str | None] = None
    """What of the subscription it sets, where another command can set it back. Of two such commands in flight at once, the
    newer one is sent again if the older one took effect after it. None: what it does is final."""

    overrides: ClassVar[frozenset[str | None]] = frozenset({None})
    """What earlier commands of the same subscription must not set any more, once this was asked for: their ``sets``."""

    subscription_id: str = decided_here()

    @property
    def can_be_set_back(self) -> str | None:
        """``sets``, or None where this one is final though others like it are not."""
        return self.sets

    @property
    def may_be_sent_anew(self) -> bool:
        """A state that is set twice is the same."""
        return True

    @property
    def target(self) -> str:
        """The subscription."""
        return self.subscription_id

    def supersedes(self, other: Command[Any]) -> bool:
        """What was asked for of the same subscription before, and would set back what this sets."""
        if not isinstance(other, SubscriptionCommand) or other.target != self.target:
            return False
        return other.sets in self.overrides

    @abstractmethod
    def is_in_effect(self, subscription: Subscription) -> bool:
        """Whether the subscription has what was asked for, or will have it once what is scheduled has come to pass."""

    def seems_in_effect(self, stored: BillingSubscription) -> bool:
        """Whether what is stored has what was asked for. The provider may know better."""
        return self.is_in_effect(stored.as_subscription())

    @abstractmethod
    def as_answer(self, subscription: Subscription) -> R:
        """The answer that the subscription's present state stands for."""

    async def read(self, provider: BaseProvider) -> Subscription | None:
        """The subscription as it is now; None also where the provider lets no one read it."""
        if Capability.SUBSCRIPTIONS not in provider.capabilities:
            return None
        return await provider.get_subscription(self.subscription_id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> R | None:
        """Its effect is seen on the subscription."""
        subscription = await self.read(provider)
        if subscription is None or not self.is_in_effect(subscription):
            return None
        return self.as_answer(subscription)

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> R | None:
        """The subscription, if it has what was asked for, or something newer."""
        subscription = await self.read(provider)
        if subscription is None or not (superseded or self.is_in_effect(subscription)):
            return None
        return self.as_answer(subscription)


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
    overrides: ClassVar[frozenset[str | None]] = frozenset({None, _TERMS, _COLLECTION, END})

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

    def is_in_effect(self, subscription: Subscription) -> bool:
        """It has ended, or is set to end."""
        return subscription.status.is_terminal or (self.at_period_end and subscription.cancel_at is not None)

    def as_answer(self, subscription: Subscription) -> Subscription:
        """Itself."""
        return subscription

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever has become of it since: ending it once more would end what was resumed."""
        return await self.read(provider)


@attrs.frozen(kw_only=True)
class ChangeSubscription(SubscriptionCommand[SubscriptionChange]):
    """Change plan, quantity or both.

    With ``delta`` or ``expected_quantity`` it depends on the quantity that it finds. Such changes are decided one after the
    other, and from then on set what was decided: see :mod:`paylattice.billing.deciding`.

    Args:
        plan_id: the new plan; None: as it is.
        quantity: the new quantity; None: as it is.
        prorate: whether the rest of the period is charged, or credited.
        expected_quantity: only if this is the quantity.
        delta: how many more than there are; fewer, if negative. Instead of ``quantity``.
        found_quantity: the quantity that it was decided by.
        found_plan: the provider's id of the plan that was there then, or was to come. None: that was not noted.
        decided_ticket: its place in the order of what was sent, where it was decided; 0: its row's.
        failed_decisions: how often it was decided, and certainly not done then.
    """

    kind: ClassVar[str] = "change_subscription"
    operation: ClassVar[str] = "change_subscription"
    sets: ClassVar[str | None] = _TERMS
    overrides: ClassVar[frozenset[str | None]] = frozenset({None, _TERMS})

    plan_id: str | None = None
    quantity: int | None = None
    prorate: bool = True
    expected_quantity: int | None = None
    delta: int | None = None
    found_quantity: int | None = decided_here(None)
    found_plan: str | None = decided_here(None)
    decided_ticket: int = decided_here(0)
    failed_decisions: int = decided_here(0)

    @property
    def depends(self) -> bool:
        """Whether it depends on the quantity that it finds."""
        return self.delta is not None or self.expected_quantity is not None

    @property
    def is_decided(self) -> bool:
        """Whether it is known what it sets."""
        return not self.depends or self.found_quantity is not None

    @property
    def new_quantity(self) -> int | None:
        """The quantity that it sets; None: it sets none, or it is not decided."""
        if self.delta is None or self.found_quantity is None:
            return self.quantity
        return self.found_quantity + self.delta

    @property
    def may_be_sent_anew(self) -> bool:
        """Not what was decided by the quantity of another day."""
        return not self.depends or not self.is_decided

    def arguments(self) -> dict[str, object]:
        """What ``change_subscription`` is called with."""
        return {
            "subscription_id": self.subscription_id,
            "plan_id": self.plan_id,
            "quantity": self.new_quantity,
            "prorate": self.prorate,
        }

    def supersedes(self, other: Command[Any]) -> bool:
        """What was asked for before. But nothing that depends on a quantity: that is finished first, or comes later.

        What depends itself supersedes no cancellation, and what was there when it was decided, was finished.
        """
        if not super().supersedes(other) or (isinstance(other, ChangeSubscription) and other.depends):
            return False
        return not self.depends or (self.is_decided and isinstance(other, ChangeSubscription))

    def ticket_of(self, row: BillingOperation) -> int:
        """Of the decision, if there was one."""
        return self.decided_ticket or row.ticket

    def not_decided(self) -> Self:
        """It, to be decided again: nothing came of the last time."""
        if self.found_quantity is None:
            return self
        failed = self.failed_decisions + 1
        return attrs.evolve(self, found_quantity=None, found_plan=None, decided_ticket=0, failed_decisions=failed)

    def decided(self, subscription: Subscription, ticket: int) -> Self:
        """It, decided by the quantity that there is.

        Raises:
            Conflict: it is another one than was expected.
            InvalidRequest: nothing would be left.
        """
        found = quantity_of(subscription)
        if self.expected_quantity not in {None, found}:
            message = (
                f"the subscription's quantity is {found}, not {self.expected_quantity}: nothing was changed. Look at it "
                "again, and use a new key for another change"
            )
            raise Conflict(message, operation=self.operation)
        decided = attrs.evolve(self, found_quantity=found, found_plan=_plan_of(subscription), decided_ticket=ticket)
        if decided.new_quantity is not None and decided.new_quantity < 1:
            message = f"the subscription's quantity is {found}: {-found} and less leave none. To end it, use cancel"
            raise InvalidRequest(message, param="delta", operation=self.operation)
        return decided

    async def send(self, provider: BaseProvider, key: str) -> SubscriptionChange:
        """Change it. What was decided anew is another request, and has another key."""
        return await provider.change_subscription(
            subscription_id=self.subscription_id,
            plan_id=self.plan_id,
            quantity=self.new_quantity,
            prorate=self.prorate,
            idempotency_key=sub_key(key, f"decision {self.failed_decisions}") if self.failed_decisions else key,
        )

    def waits_for_payer(self, answer: SubscriptionChange) -> bool:
        """Where the payer has to agree first."""
        return answer.is_pending

    def is_in_effect(self, subscription: Subscription) -> bool:
        """Plan and quantity are those that were asked for, or decided."""
        wanted = ((self.plan_id, _plan_of(subscription)), (self.new_quantity, subscription.quantity))
        return self.is_decided and all(asked is None or asked == found for asked, found in wanted)

    async def is_undone(self, provider: BaseProvider) -> bool:
        """Plan and quantity are still those that it was decided by, and one of them is what it would change."""
        changes_quantity = self.new_quantity not in {None, self.found_quantity}
        changes_plan = self.found_plan is not None and self.plan_id not in {None, self.found_plan}
        if not self.depends or not self.is_decided or not (changes_quantity or changes_plan):
            return False
        subscription = await self.read(provider)
        if subscription is None or quantity_of(subscription) != self.found_quantity:
            return False
        return not changes_plan or _plan_of(subscription) == self.found_plan

    def as_answer(self, subscription: Subscription) -> SubscriptionChange:
        """A change that waits for no one."""
        return SubscriptionChange(subscription)

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> SubscriptionChange | None:
        """The subscription. What depends on a quantity is not sent again, unless it waits for the payer, who may have left."""
        if self.depends and not (row.error == ActionRequired.__name__ and await self.is_undone(provider)):
            superseded = True
        return await super().read_done(provider, row, superseded=superseded)


def _plan_of(subscription: Subscription) -> str | None:
    """The plan that it has, or will have once what is scheduled has come to pass."""
    plans = [each.plan_id for each in subscription.scheduled_changes if each.plan_id is not None]
    return plans[-1] if plans else subscription.plan_id


def quantity_of(subscription: Subscription) -> int:
    """The quantity that it has; one, where the provider says none."""
    return 1 if subscription.quantity is None else subscription.quantity


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

    def is_in_effect(self, subscription: Subscription) -> bool:
        """No money is asked for."""
        return is_paused(subscription)

    def as_answer(self, subscription: Subscription) -> Subscription:
        """Itself."""
        return subscription


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

    def is_in_effect(self, subscription: Subscription) -> bool:
        """It is billed."""
        return not is_paused(subscription)

    def as_answer(self, subscription: Subscription) -> Subscription:
        """Itself."""
        return subscription


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
