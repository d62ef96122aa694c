"""A subscription, its status and its changes."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

import attrs

from ..frozen import FrozenMap
from .base import NOTHING, Model, string_map

__all__ = [
    "ChangePayment",
    "ChangeTime",
    "ScheduledChange",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionItem",
    "SubscriptionStatus",
]

ChangeTime: TypeAlias = Literal["now", "period_end"]
"""When another plan or quantity begins."""

ChangePayment: TypeAlias = Literal["invoice", "now", "first"]
"""How the rest of the period is paid after a change: with the next invoice, now, or now and before anything is changed."""


class SubscriptionStatus(StrEnum):
    """The status of a subscription."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def grants_access(self) -> bool:
        """Whether the status alone grants access, as active and trialing do.

        ``past_due`` alone does not. How long it still does is policy: see :meth:`paylattice.BillingService.access`.
        """
        return self in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}

    @property
    def is_current(self) -> bool:
        """Whether the subscription has begun and has not ended. An unpaid or paused one is current, too."""
        return self in _CURRENT

    @property
    def is_terminal(self) -> bool:
        """Whether a subscription with this status has ended for good."""
        return self in {SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED}


_CURRENT = frozenset(
    {
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.PAST_DUE,
        SubscriptionStatus.UNPAID,
        SubscriptionStatus.PAUSED,
    }
)


@attrs.frozen
class SubscriptionItem(Model):
    """One item of a subscription.

    Args:
        id: the provider's id.
        plan_id: the plan of the item.
        quantity: how many units. None: the plan is metered.
        metered: whether you report usage for it.
        current_period_start: UTC. None: the provider does not say.
        current_period_end: UTC. None: the provider does not say.
    """

    id: str
    plan_id: str | None = None
    quantity: int | None = None
    metered: bool = False
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None


@attrs.frozen
class ScheduledChange:
    """A change that the provider will make later.

    Args:
        action: ``cancel``, ``pause``, ``resume`` or ``change_plan``; otherwise the provider's own word in lower case.
        effective_at: when; UTC. None: the provider does not say.
        plan_id: the new plan, if the plan changes.
        quantity: the new number of units, if the provider says so.
    """

    action: str
    effective_at: datetime | None = None
    plan_id: str | None = None
    quantity: int | None = None


@attrs.frozen
class Subscription(Model):
    """A customer's subscription.

    Besides the status, these facts decide about access. None means that the provider does not say, or that it has not
    happened: each field says which.

    Args:
        id: the provider's id.
        customer_id: the provider's id of the customer, if it has one.
        status: see :class:`SubscriptionStatus`.
        current_period_start: UTC. None: the provider does not say.
        current_period_end: UTC. None: the provider does not say.
        plan_id: the main item's plan. Of several items, that is one with a quantity before a metered one, then the oldest.
        metadata: your own keys and values.
        quantity: the main item's quantity.
        items: all items.
        cancel_at: when it will end, or up to when it is paid if it is already canceled; UTC.
        canceled_at: when the cancellation was requested; UTC.
        trial_end: when the trial ends, or ended if the subscription began with a free one; UTC. None: there was
            none, or the provider does not say.
        collection_paused: whether the provider holds back invoices although the status does not show it.
        created_at: UTC.
        version: the provider's own version of the object, if it counts versions.
        raw_status: the provider's own status.
        scheduled_changes: the changes that the provider will make later, if it says so.
        payment_failed_at: when the overdue payment first failed; UTC. None: nothing is
            overdue, or the provider does not say when.
        paid_through: up to when a payment or a free trial covers it; UTC. None: the provider does not
            say, or nothing was paid yet. A setup fee covers nothing.
        ended_at: when it ended; UTC. None: it has not, or the provider does not say.
        plan_overridden: whether it has its own prices, cycles, fees or taxes instead of the plan's.
    """

    id: str
    customer_id: str | None = None
    status: SubscriptionStatus = SubscriptionStatus.UNKNOWN
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    plan_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    quantity: int | None = None
    items: tuple[SubscriptionItem, ...] = attrs.field(default=(), converter=tuple[SubscriptionItem, ...])
    cancel_at: datetime | None = None
    canceled_at: datetime | None = None
    trial_end: datetime | None = None
    collection_paused: bool = False
    created_at: datetime | None = None
    version: int | None = None
    raw_status: str | None = None
    scheduled_changes: tuple[ScheduledChange, ...] = attrs.field(default=(), converter=tuple[ScheduledChange, ...])
    payment_failed_at: datetime | None = None
    paid_through: datetime | None = None
    ended_at: datetime | None = None
    plan_overridden: bool = False

    @property
    def cancel_scheduled(self) -> bool:
        """Whether the subscription has not ended and is set to end."""
        return self.cancel_at is not None and not self.status.is_terminal


@attrs.frozen
class SubscriptionChange:
    """The result of a change of plan or quantity, or of a subscription that was begun without a page.

    Args:
        subscription: the subscription afterwards; one that is changed stays as it was while consent is missing.
        approval_url: where the payer must consent, or pay. None: the change is done, or the provider has no such page.
        client_secret: runs the payment that the change waits for in the browser, without a page of the provider's.
        is_pending: whether it is not done, or does not begin, before the payer consents, authenticates or pays.
    """

    subscription: Subscription
    approval_url: str | None = attrs.field(default=None, repr=False)
    client_secret: str | None = attrs.field(default=None, repr=False)
    is_pending: bool = attrs.field(
        default=attrs.Factory(lambda self: self.approval_url is not None, takes_self=True), kw_only=True
    )
