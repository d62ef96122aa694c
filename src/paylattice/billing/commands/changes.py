"""Another plan or quantity for a subscription, now or with its next period; and taking back what is scheduled."""

from typing import Any, ClassVar, Self

import attrs

from ...errors import ActionRequired, Conflict, InvalidRequest
from ...idempotency import sub_key
from ...models import ChangePayment, ChangeTime, ScheduledChange, Subscription, SubscriptionChange
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation
from .base import Command, Made, decided_here
from .subscriptions import TERMS, SubscriptionCommand

__all__ = ["CancelScheduledChange", "ChangeSubscription"]


@attrs.frozen(kw_only=True)
class ChangeSubscription(SubscriptionCommand[SubscriptionChange]):
    """Change plan, quantity or both.

    With ``delta`` or ``expected_quantity`` it depends on the quantity that it finds. Such changes are decided one after the
    other, and from then on set what was decided: see :mod:`paylattice.billing.deciding`.

    Args:
        plan_id: the new plan; None: as it is.
        quantity: the new quantity; None: as it is.
        prorate: whether the rest of the period is charged, or credited.
        when: now, or with the next period; None: as the provider does.
        payment: how the rest of the period is paid.
        expected_quantity: only if this is the quantity.
        delta: how many more than there are; fewer, if negative. Instead of ``quantity``.
        found_quantity: the quantity that it was decided by.
        found_plan: the provider's id of the plan that was there then, or was to come. None: that was not noted.
        decided_ticket: its place in the order of what was sent, where it was decided; 0: its row's.
        failed_decisions: how often it was decided, and certainly not done then.
    """

    kind: ClassVar[str] = "change_subscription"
    operation: ClassVar[str] = "change_subscription"
    sets: ClassVar[str | None] = TERMS
    overrides: ClassVar[frozenset[str | None]] = frozenset({None, TERMS})

    plan_id: str | None = None
    quantity: int | None = None
    prorate: bool = True
    when: ChangeTime | None = None
    payment: ChangePayment = "invoice"
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
            "when": self.when,
            "payment": self.payment,
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
            when=self.when,
            payment=self.payment,
            idempotency_key=sub_key(key, f"decision {self.failed_decisions}") if self.failed_decisions else key,
        )

    def made(self, answer: SubscriptionChange) -> Made:
        """Nothing new; the payer may have to agree first."""
        return Made(waits_for_payer=answer.is_pending)

    def is_in_effect(self, state: Subscription) -> bool:
        """Plan and quantity are those that were asked for, or decided: now, or once what is scheduled has come to pass."""
        plan_id, quantity = state.plan_id, state.quantity
        if self.when != "now":
            plan_id, quantity = _plan_of(state), _quantity_to_come(state)
        elif _changes_of(state):
            return False
        wanted = ((self.plan_id, plan_id), (self.new_quantity, quantity))
        return self.is_decided and all(asked is None or asked == found for asked, found in wanted)

    async def is_undone(self, provider: BaseProvider) -> bool:
        """Plan and quantity are still those that it was decided by, and one of them is what it would change."""
        changes_quantity = self.new_quantity not in {None, self.found_quantity}
        changes_plan = self.found_plan is not None and self.plan_id not in {None, self.found_plan}
        if not self.depends or not self.is_decided or not (changes_quantity or changes_plan):
            return False
        subscription = await self.read(provider)
        if (
            subscription is None
            or (self.when == "period_end" and _changes_of(subscription))
            or quantity_of(subscription) != self.found_quantity
        ):
            return False
        return not changes_plan or _plan_of(subscription) == self.found_plan

    def as_answer(self, state: Subscription) -> SubscriptionChange:
        """A change that waits for no one."""
        return SubscriptionChange(state)

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> SubscriptionChange | None:
        """The subscription. What depends on a quantity is not sent again, unless it waits for the payer, who may have left."""
        if self.depends and not (row.error == ActionRequired.__name__ and await self.is_undone(provider)):
            superseded = True
        return await super().read_done(provider, row, superseded=superseded)


def _changes_of(subscription: Subscription) -> list[ScheduledChange]:
    """The changes of plan or quantity that are scheduled."""
    return [each for each in subscription.scheduled_changes if each.plan_id is not None or each.quantity is not None]


def _plan_of(subscription: Subscription) -> str | None:
    """The plan that it has, or will have once what is scheduled has come to pass."""
    plans = [each.plan_id for each in _changes_of(subscription) if each.plan_id is not None]
    return plans[-1] if plans else subscription.plan_id


def _quantity_to_come(subscription: Subscription) -> int | None:
    """The quantity that it has, or will have then."""
    quantities = [each.quantity for each in _changes_of(subscription) if each.quantity is not None]
    return quantities[-1] if quantities else subscription.quantity


@attrs.frozen(kw_only=True)
class CancelScheduledChange(SubscriptionCommand[Subscription]):
    """Take a change back that is scheduled for the period's end."""

    kind: ClassVar[str] = "cancel_scheduled_change"
    operation: ClassVar[str] = "cancel_scheduled_change"
    sets: ClassVar[str | None] = TERMS
    overrides: ClassVar[frozenset[str | None]] = frozenset({TERMS})

    def supersedes(self, other: Command[Any]) -> bool:
        """What was to be scheduled before, and was not decided by a quantity: that is finished first."""
        depends = isinstance(other, ChangeSubscription) and other.depends
        return super().supersedes(other) and not depends

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Take it back."""
        return await provider.cancel_scheduled_change(subscription_id=self.subscription_id, idempotency_key=key)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Subscription | None:
        """Nothing is scheduled; where a provider shows no schedule, that is no effect: a payer may have agreed to a change."""
        if Capability.CANCEL_SCHEDULED_CHANGE not in provider.capabilities:
            return None
        return await super().find_effect(provider, row)

    def is_in_effect(self, state: Subscription) -> bool:
        """Nothing is scheduled."""
        return not _changes_of(state)

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever has become of it since: a change that was scheduled later is another one."""
        return await self.read(provider)


def quantity_of(subscription: Subscription) -> int:
    """The quantity that it has; one, where the provider says none."""
    return 1 if subscription.quantity is None else subscription.quantity
