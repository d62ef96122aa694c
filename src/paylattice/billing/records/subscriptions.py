"""A subscription as it was last read from its provider."""

from datetime import datetime
from typing import Self

import attrs

from ...frozen import FrozenMap
from ...models import NOTHING, ScheduledChange, Subscription, SubscriptionStatus
from ...models.base import string_map
from ..tables import Index, Table, UniqueKey
from .fields import personal

__all__ = ["SUBSCRIPTIONS", "SUBSCRIPTIONS_BY_CUSTOMER", "BillingSubscription"]

_OWING = frozenset({SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID})


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _ended_by(trial_end: datetime | None, now: datetime | None) -> datetime | None:
    """The end of a trial that the provider says nothing of any more: it was, and is over."""
    return None if trial_end is None else _earliest(trial_end, now)


def _planned(subscription: Subscription) -> ScheduledChange:
    """The last change of plan or quantity that is scheduled; an empty one, if none is."""
    changes = [each for each in subscription.scheduled_changes if (each.plan_id, each.quantity) != (None, None)]
    return changes[-1] if changes and not subscription.status.is_terminal else ScheduledChange("")


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


@attrs.frozen
class BillingSubscription:
    """A subscription as it was last read from its provider.

    Unique: ``(provider, external_subscription_id)``.

    Args:
        id: this record's own id.
        customer_id: the id of its :class:`BillingCustomer`.
        external_subscription_id: the provider's id.
        plan_id: the provider's id of the plan.
        status: see :class:`~paylattice.SubscriptionStatus`.
        current_period_start: UTC; None where the provider does not say.
        current_period_end: UTC; None where the provider does not say.
        metadata: the application's own words.
        created_at: UTC; when this record was made.
        updated_at: UTC; when it was last written.
        provider: the provider's name.
        quantity: of the main item: see :class:`~paylattice.Subscription`.
        cancel_at: when it ends, or until when it is paid for if it is canceled already; UTC.
        ticket: which reading of the provider's state this is; see :meth:`supersedes`.
        version: the provider's own order of states; of the last payload that was applied without reading again.
        status_since: since when the status is what it is, as far as it was observed here; UTC.
        trial_end: when its trial ends, or ended; UTC. None: it has none, or the provider does not say.
        collection_paused: whether the provider asks for no money at present, whatever the status says.
        payment_failed_at: when the payment that is owed failed first, by the provider, or as far as it was observed here;
            UTC. None: none is owed, or nobody said when: then ``status_since`` counts.
        paid_through: until when it is paid for, or free by its contract; UTC. None: not known.
        ended_at: when it ended for good; UTC.
        trials: the provider's ids of the plans that it was on while a trial ran, each with the trial's end in ISO 8601.
        first_ticket: the ticket of its first reading: the order in which a customer's subscriptions became known.
        scheduled_plan_id: the provider's id of the plan that it changes to later. None: no change is scheduled, or the provider
            does not say.
        scheduled_quantity: its quantity after that change, where the provider says so.
        scheduled_at: when that change takes effect; UTC.
    """

    id: str
    customer_id: str
    external_subscription_id: str
    plan_id: str | None = None
    status: SubscriptionStatus = attrs.field(default=SubscriptionStatus.UNKNOWN, converter=SubscriptionStatus)
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    metadata: FrozenMap[str, str] = attrs.field(
        default=NOTHING,
        converter=string_map,
        repr=False,
        metadata=personal("whatever your application put into it, or somebody at the provider"),
    )
    created_at: datetime | None = None
    updated_at: datetime | None = None
    provider: str = ""
    quantity: int | None = None
    cancel_at: datetime | None = None
    ticket: int = 0
    version: int | None = None
    status_since: datetime | None = None
    trial_end: datetime | None = None
    collection_paused: bool = attrs.field(default=False, converter=bool)
    payment_failed_at: datetime | None = None
    paid_through: datetime | None = None
    ended_at: datetime | None = None
    first_ticket: int = 0
    scheduled_plan_id: str | None = None
    scheduled_quantity: int | None = None
    scheduled_at: datetime | None = None
    trials: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map)

    @property
    def scheduled_change(self) -> ScheduledChange | None:
        """The change of plan or quantity that the provider will make later, as far as it says so."""
        if self.scheduled_plan_id is None and self.scheduled_quantity is None:
            return None
        return ScheduledChange("change_plan", self.scheduled_at, self.scheduled_plan_id, self.scheduled_quantity)

    def supersedes(self, stored: "BillingSubscription | None") -> bool:
        """Whether this state may overwrite the stored one.

        A later ticket may overwrite an earlier one: it was taken, and the provider was read, later. Where both states
        come from payloads, the provider's own order decides instead.
        """
        if stored is None:
            return True
        if self.version is not None and stored.version is not None:
            return self.version >= stored.version
        return self.ticket > stored.ticket

    def replacing(self, stored: "BillingSubscription | None") -> Self:
        """This state as it is written over the stored one: the record's identity, owner and history stay.

        So do facts that this state does not know: the version of the last payload, what was paid for, and since when it is
        owed. A payment that is owed failed when the oldest one did, however often it was tried since; that ends when the
        status says that nothing is owed, or when more has been paid for.
        """
        if stored is None:
            return self
        same = self.status is stored.status
        failed_at = self.payment_failed_at
        if {self.status, stored.status} <= _OWING and not _is_later(self.paid_through, stored.paid_through):
            seen = None if same else stored.status_since  # while the status is the same, that is kept as it is
            failed_at = _earliest(failed_at, stored.payment_failed_at or seen)
        return attrs.evolve(
            self,
            id=stored.id,
            customer_id=stored.customer_id,
            created_at=stored.created_at,
            first_ticket=stored.first_ticket,
            version=stored.version if self.version is None else self.version,
            status_since=stored.status_since if same and stored.status_since is not None else self.status_since,
            payment_failed_at=failed_at,
            paid_through=stored.paid_through if self.paid_through is None else self.paid_through,
            trial_end=_ended_by(stored.trial_end, self.updated_at) if self.trial_end is None else self.trial_end,
            trials={**stored.trials, **(self.trials if self._tells_of_a_trial(stored) else {})},
        )

    def _tells_of_a_trial(self, stored: "BillingSubscription") -> bool:
        """Whether the plan that it is on now is one of a trial: that runs still, or is another one than was known."""
        known = stored.trial_end
        return known is None or _is_later(self.trial_end, known) or not _is_later(self.updated_at, self.trial_end)

    def as_subscription(self, external_customer_id: str | None = None) -> Subscription:
        """What is stored of it, as a subscription. The provider may know better.

        Args:
            external_customer_id: the provider's id of who pays.
        """
        return Subscription(
            id=self.external_subscription_id,
            customer_id=external_customer_id,
            status=self.status,
            plan_id=self.plan_id,
            quantity=self.quantity,
            current_period_start=self.current_period_start,
            current_period_end=self.current_period_end,
            metadata=self.metadata,
            cancel_at=self.cancel_at,
            trial_end=self.trial_end,
            collection_paused=self.collection_paused,
            paid_through=self.paid_through,
            ended_at=self.ended_at,
            scheduled_changes=() if self.scheduled_change is None else (self.scheduled_change,),
            provider=self.provider,
        )

    @classmethod
    def of(
        cls,
        subscription: Subscription,
        *,
        id: str,  # noqa: A002 - the record's field
        customer_id: str,
        provider: str,
        now: datetime,
        ticket: int,
        version: int | None,
    ) -> Self:
        """The record of what the provider said."""
        planned = _planned(subscription)
        return cls(
            id=id,
            customer_id=customer_id,
            external_subscription_id=subscription.id,
            plan_id=subscription.plan_id,
            status=subscription.status,
            current_period_start=subscription.current_period_start,
            current_period_end=subscription.current_period_end,
            metadata=subscription.metadata,
            created_at=now,
            updated_at=now,
            provider=provider,
            quantity=subscription.quantity,
            cancel_at=subscription.cancel_at,
            ticket=ticket,
            version=version,
            status_since=now,
            trial_end=subscription.trial_end,
            collection_paused=subscription.collection_paused,
            payment_failed_at=_earliest(subscription.payment_failed_at, now)
            if subscription.payment_failed_at
            else None,
            paid_through=subscription.paid_through,
            ended_at=subscription.ended_at,
            first_ticket=ticket,
            scheduled_plan_id=planned.plan_id,
            scheduled_quantity=planned.quantity,
            scheduled_at=planned.effective_at,
            trials={subscription.plan_id: subscription.trial_end.isoformat()}
            if subscription.plan_id is not None and subscription.trial_end is not None
            else {},
        )


SUBSCRIPTIONS_BY_CUSTOMER = Index("by_customer", ("customer_id",), order=("first_ticket", "id"))

_STAYS = frozenset({"id", "external_subscription_id", "created_at", "provider", "first_ticket"})

SUBSCRIPTIONS = Table(
    "billing_subscriptions",
    BillingSubscription,
    primary_key=("id",),
    unique_keys=(UniqueKey("external", ("provider", "external_subscription_id")),),
    indexes=(SUBSCRIPTIONS_BY_CUSTOMER,),
    updatable=tuple(field.name for field in attrs.fields(BillingSubscription) if field.name not in _STAYS),
)
