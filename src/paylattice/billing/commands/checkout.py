"""Opening a page where an organisation subscribes."""

from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from ...frozen import FrozenMap
from ...models import NOTHING, CheckoutSession
from ...provider import BaseProvider
from ..records import BillingOperation
from ..store import Store
from .base import Command, Made, decided_here, not_sent

__all__ = ["Once", "StartCheckout"]

Once: TypeAlias = Literal["once"]
"""The plan's own trial, for who has had none before."""


@attrs.frozen(kw_only=True)
class StartCheckout(Command[CheckoutSession]):
    """Open a hosted page. Its row's ``external_id`` is the session's, its ``reference`` what events call the session by.

    Args:
        customer_id: the provider's id of who pays.
        plan_id: the provider's id of the plan.
        success_url: where the customer returns.
        cancel_url: where a customer who gives up returns.
        metadata: with ``org_id`` in it.
        quantity: how many units.
        trial_days: instead of the plan's own trial.
        start_at: when the first payment is due; None: now, or after the trial.
        trial_once: whether ``trial_days`` was decided here: the plan's own trial, or none after an earlier one.
        customer_email: shown on the page, where the provider has no customers.
    """

    kind: ClassVar[str] = "start_checkout"
    operation: ClassVar[str] = "create_checkout_session"
    has_record: ClassVar[bool] = True
    events_may_wait: ClassVar[bool] = True

    customer_id: str = decided_here()
    plan_id: str
    success_url: str = attrs.field(repr=False)
    cancel_url: str = attrs.field(repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=FrozenMap[str, str], repr=False)
    quantity: int = 1
    trial_days: int | None = None
    start_at: datetime | None = None
    trial_once: bool = not_sent(default=False)
    customer_email: str | None = attrs.field(default=None, repr=False)

    @property
    def may_be_sent_anew(self) -> bool:
        """A page that nobody was sent to does no harm."""
        return True

    def asks_the_same(self, other: object) -> bool:
        """Whether a caller who asked for the other one asked for this: a trial that was decided here does not count."""
        if isinstance(other, StartCheckout) and other.trial_once and self.trial_once:
            other = attrs.evolve(other, trial_days=self.trial_days)
        return super().asks_the_same(other)

    def is_for_the_same(self, other: "StartCheckout") -> bool:
        """Whether a customer who is on the one page can be sent to the other: the terms are the same."""
        return super().asks_the_same(attrs.evolve(other, customer_email=self.customer_email))

    async def send(self, provider: BaseProvider, key: str) -> CheckoutSession:
        """Open the page."""
        return await provider.create_checkout_session(
            customer_id=self.customer_id,
            plan_id=self.plan_id,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            metadata=self.metadata,
            quantity=self.quantity,
            trial_days=self.trial_days,
            start_at=self.start_at,
            customer_email=self.customer_email,
            idempotency_key=key,
        )

    def made(self, answer: CheckoutSession) -> Made:
        """The session."""
        return Made(answer.id, answer.reference)

    async def record(
        self, row: BillingOperation, answer: CheckoutSession, store: Store[Any], *, now: datetime, tx: Any
    ) -> None:
        """The session, in the checkout's record."""
        await store.note_session(row.provider, row.key, answer, now=now, tx=tx)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> CheckoutSession | None:
        """The session, if its id came back."""
        return None if row.external_id is None else await provider.get_checkout_session(row.external_id)

    async def is_wanted(self, row: BillingOperation, store: Store[Any]) -> bool:
        """Not once the organisation has subscribed, at any provider: the page was never shown, and would sell a second one."""
        if await store.get_customer(row.org_id, row.provider) is None:
            return False
        return all(each.status.is_terminal for each in await store.list_subscriptions_of(row.org_id))
