"""What the embedded provider keeps: one mutable record per subscription, frozen models for all the rest."""

from datetime import datetime

import attrs

from ...frozen import FrozenMap
from ...models import (
    CheckoutSession,
    Customer,
    Dispute,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    ScheduledChange,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
)
from ...money import Money
from .calendar import period_boundary

__all__ = ["CheckoutOrder", "PendingChange", "Store", "SubscriptionRecord", "Terms"]


@attrs.frozen
class Terms:
    """What a subscription is to."""

    plan: Plan
    price: Money
    quantity: int


@attrs.frozen(eq=False)
class PendingChange:
    """A change that is made once an invoice is paid."""

    terms: Terms
    invoice_id: str


@attrs.define(eq=False)
class SubscriptionRecord:
    """A subscription, and what the billing of it needs to know."""

    id: str
    item_id: str
    customer_id: str
    session_id: str | None
    """The checkout that it comes from."""
    plan: Plan
    price: Money
    quantity: int
    status: SubscriptionStatus
    anchor: datetime
    period_start: datetime
    period_end: datetime
    created_at: datetime
    metadata: FrozenMap[str, str]
    provider: str
    first_payment_id: str | None = None
    payment_method_id: str | None = None
    """What pays it; None: the customer's first card."""
    period_number: int = 0
    billed: bool = False
    """Whether there is an invoice for the present period: not in a trial, nor for a period that begins unpaid."""
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    paid_through: datetime | None = None
    """The end of the last period that was paid, or of the trial."""
    payment_failed_at: datetime | None = None
    """When the oldest payment that is owed failed first."""
    usage: int = 0
    carried: int = 0
    """Smallest currency units to be added to the next invoice: prorations, and credits (negative)."""
    open_invoices: list[str] = attrs.field(factory=list[str])
    scheduled: Terms | None = None
    """What it is to from the next period on."""
    pending: PendingChange | None = None
    version: int = 1

    @property
    def in_trial(self) -> bool:
        """Whether the present period is the trial, paused or not."""
        return self.period_end == self.trial_end

    @property
    def terms(self) -> Terms:
        """What it is to now."""
        return Terms(self.plan, self.price, self.quantity)

    def same_rhythm(self, other: Terms) -> bool:
        """Whether the periods are as long with other terms."""
        return (other.plan.interval, other.plan.interval_count) == (self.plan.interval, self.plan.interval_count)

    def take(self, terms: Terms, now: datetime) -> bool:
        """Take other terms; whether a period of another length is to begin now, which it is not in a trial."""
        restarts = not self.same_rhythm(terms) and (not self.in_trial or self.period_end <= now)
        self.plan, self.price, self.quantity, self.scheduled = terms.plan, terms.price, terms.quantity, None
        if restarts:
            self.anchor, self.period_number = now, 0
        return restarts

    def next_period(self) -> None:
        """Let the next period begin."""
        interval, count = self.plan.interval or "month", self.plan.interval_count
        self.period_start = period_boundary(self.anchor, interval, count, self.period_number)
        self.period_number += 1
        self.period_end = period_boundary(self.anchor, interval, count, self.period_number)

    def roll_over(self, now: datetime) -> None:
        """Let the next period begin, with the plan that is scheduled for it; the usage before goes on its invoice."""
        self.bring_usage()
        if self.scheduled is not None:
            self.take(self.scheduled, now)
        self.next_period()

    def bring_usage(self) -> None:
        """Put the usage up to now on the next invoice."""
        self.carried += self.usage_charge()
        self.usage = 0

    def amount_per_period(self) -> int:
        """What one full period costs without usage."""
        return 0 if self.plan.metered else self.price.amount * self.quantity

    def usage_charge(self) -> int:
        """What the usage of the present period costs. In a trial it is free."""
        return self.price.amount * self.usage if self.plan.metered and not self.in_trial else 0

    def share_left(self, amount: int, now: datetime) -> int:
        """The part of a period's amount that falls on the time that is left of the period, rounded down."""
        whole = int((self.period_end - self.period_start).total_seconds())
        left = int((self.period_end - now).total_seconds())
        return amount * max(left, 0) // whole

    def model(self) -> Subscription:
        """The subscription as the outside sees it now."""
        quantity = None if self.plan.metered else self.quantity
        cancel_at = self.ended_at or (self.period_end if self.cancel_at_period_end else None)
        item = SubscriptionItem(
            self.item_id, self.plan.id, quantity, self.plan.metered, self.period_start, self.period_end
        )
        return Subscription(
            id=self.id,
            customer_id=self.customer_id,
            status=self.status,
            current_period_start=self.period_start,
            current_period_end=self.period_end,
            plan_id=self.plan.id,
            metadata=self.metadata,
            quantity=quantity,
            items=(item,),
            cancel_at=cancel_at,
            canceled_at=self.canceled_at,
            trial_end=self.trial_end,
            created_at=self.created_at,
            version=self.version,
            raw_status=str(self.status),
            scheduled_changes=self._scheduled_changes(),
            payment_failed_at=self.payment_failed_at,
            paid_through=self.paid_through,
            ended_at=self.ended_at,
            provider=self.provider,
        )

    def _scheduled_changes(self) -> tuple[ScheduledChange, ...]:
        planned = self.scheduled
        if planned is None:
            return ()
        quantity = None if planned.plan.metered else planned.quantity
        return (ScheduledChange("change_plan", self.period_end, planned.plan.id, quantity),)


@attrs.frozen
class CheckoutOrder:
    """What a checkout session is for: a subscription to a plan, or an amount."""

    plan_id: str | None = None
    quantity: int = 1
    trial_days: int | None = None
    start_at: datetime | None = None
    """When the first payment is due; None: now, or after the trial."""
    amount: Money | None = None
    capture: bool = True
    description: str | None = None
    saves: bool = False
    """Whether the page only saves a card."""


@attrs.define
class Store:
    """Everything, by id; and what belongs to what, so that nothing has to be searched for."""

    plans: dict[str, Plan] = attrs.field(factory=dict[str, Plan])
    customers: dict[str, Customer] = attrs.field(factory=dict[str, Customer])
    payment_methods: dict[str, PaymentMethod] = attrs.field(factory=dict[str, PaymentMethod])
    methods_of: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    sessions: dict[str, CheckoutSession] = attrs.field(factory=dict[str, CheckoutSession])
    orders: dict[str, CheckoutOrder] = attrs.field(factory=dict[str, CheckoutOrder])
    subscriptions: dict[str, SubscriptionRecord] = attrs.field(factory=dict[str, SubscriptionRecord])
    subscriptions_of: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    items: dict[str, str] = attrs.field(factory=dict[str, str])
    invoices: dict[str, Invoice] = attrs.field(factory=dict[str, Invoice])
    invoices_of: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    payments: dict[str, Payment] = attrs.field(factory=dict[str, Payment])
    to_authorize: set[str] = attrs.field(factory=set[str])
    """Payments under way that are only to be authorized, and captured later."""
    waiting_payment: dict[str, str] = attrs.field(factory=dict[str, str])
    """Invoice -> the payment that waits for the payer to authenticate."""
    invoice_waiting: dict[str, str] = attrs.field(factory=dict[str, str])
    """The same the other way round."""
    refunds: dict[str, Refund] = attrs.field(factory=dict[str, Refund])
    disputes: dict[str, Dispute] = attrs.field(factory=dict[str, Dispute])
    made_under: dict[str, str] = attrs.field(factory=dict[str, str])
    """Idempotency key -> the payment, or refund, that was made under it; kept longer than the answers are."""
    used_tokens: set[str] = attrs.field(factory=set[str])
    """The tokens of browsers that a card was made of."""
