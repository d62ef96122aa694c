"""What is stored. Every field is a plain value that a column can hold; times are aware UTC datetimes.

A field that holds personal data says so: ``metadata=personal("...")``. It is left out of ``repr``, and so out of logs.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

import attrs

from ..events import WebhookEvent
from ..frozen import FrozenMap
from ..models import NOTHING, Subscription, SubscriptionStatus

__all__ = [
    "BillingCustomer",
    "BillingEvent",
    "BillingOperation",
    "BillingSubscription",
    "OperationState",
    "ParkedEvent",
    "personal",
]


def _metadata(value: Mapping[str, str] | None) -> FrozenMap[str, str]:
    return value if isinstance(value, FrozenMap) else FrozenMap(value) if value else NOTHING


def personal(what: str) -> dict[str, str]:
    """Metadata of a field that holds personal data: whose, and which. The documentation lists these fields."""
    return {"personal": what}


_OWING = frozenset({SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID})


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _ended_by(trial_end: datetime | None, now: datetime | None) -> datetime | None:
    """The end of a trial that the provider says nothing of any more: it was, and is over."""
    return None if trial_end is None else _earliest(trial_end, now)


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


@attrs.frozen
class BillingCustomer:
    """An organisation as a customer of one provider.

    Unique: ``(org_id, provider)`` and ``(provider, external_customer_id)``.

    Args:
        id: this record's own id.
        org_id: the application's id of who pays.
        provider: the provider's name.
        external_customer_id: the provider's id of the customer.
        email: as given by the application.
        name: as given by the application.
        metadata: the application's own words.
        created_at: UTC.
        updated_at: UTC.
    """

    id: str
    org_id: str
    provider: str
    external_customer_id: str
    email: str | None = attrs.field(default=None, repr=False, metadata=personal("the e-mail address of who pays"))
    name: str | None = attrs.field(default=None, repr=False, metadata=personal("the name of who pays"))
    metadata: FrozenMap[str, str] = attrs.field(
        default=NOTHING, converter=_metadata, repr=False, metadata=personal("whatever your application put into it")
    )
    created_at: datetime | None = None
    updated_at: datetime | None = None


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
        converter=_metadata,
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
            version=stored.version if self.version is None else self.version,
            status_since=stored.status_since if same and stored.status_since is not None else self.status_since,
            payment_failed_at=failed_at,
            paid_through=stored.paid_through if self.paid_through is None else self.paid_through,
            trial_end=_ended_by(stored.trial_end, self.updated_at) if self.trial_end is None else self.trial_end,
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
        )


@attrs.frozen
class BillingEvent:
    """An event that was applied: the proof that it was applied once.

    Unique: ``(provider, external_event_id)``; and ``(provider, delivery_id)`` where there is one.

    Args:
        id: this record's own id.
        org_id: whom it is about, if anybody.
        customer_id: the id of the :class:`BillingCustomer` it is about, if any.
        event_type: the shared word for it.
        provider: the provider's name.
        external_event_id: the event's ``dedupe_key``.
        amount_cents: the money it is about, in the currency's smallest unit.
        metadata: more about it.
        processed_at: UTC; set in the transaction that applies it, some time between its beginning and its end.
        created_at: UTC; when it happened, by the provider's clock.
        currency: the ISO 4217 code of ``amount_cents``.
        delivery_id: the signed id of the delivery that brought it, at providers that sign one. A delivery counts once,
            whatever event its body names.
    """

    id: str
    org_id: str | None
    customer_id: str | None
    event_type: str
    provider: str
    external_event_id: str
    amount_cents: int | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)
    processed_at: datetime | None = None
    created_at: datetime | None = None
    currency: str | None = None
    delivery_id: str | None = None

    @classmethod
    def of(
        cls,
        event: WebhookEvent,
        *,
        id: str,  # noqa: A002 - the record's field
        customer: BillingCustomer | None,
        processed_at: datetime | None = None,
    ) -> Self:
        """The record of an event."""
        money = None
        if event.refund is not None:
            money = event.refund.amount
        elif event.payment is not None:
            money = event.payment.amount
        elif event.invoice is not None:
            money = event.invoice.amount
        return cls(
            id=id,
            org_id=customer.org_id if customer else None,
            customer_id=customer.id if customer else None,
            event_type=str(event.type),
            provider=event.provider,
            external_event_id=event.dedupe_key,
            amount_cents=money.amount if money else None,
            processed_at=processed_at,
            created_at=event.created_at,
            currency=money.currency if money else None,
            delivery_id=event.delivery_id,
        )


@attrs.frozen
class ParkedEvent:
    """An event that waits: for its customer, who is not known here yet, or for its handler, which failed.

    Unique: ``(provider, external_event_id)``.

    Args:
        provider: the provider's name.
        external_event_id: the event's ``dedupe_key``.
        external_customer_id: the provider's id of the customer, if the event says it.
        external_subscription_id: the provider's id of the subscription, if the event says it.
        payload: the event, ready for JSON.
        parked_at: UTC.
        error: the class of the error with which its handler failed; None: it waits for its customer.
    """

    provider: str
    external_event_id: str
    external_customer_id: str | None
    external_subscription_id: str | None
    payload: Mapping[str, object] = attrs.field(
        repr=False,
        metadata=personal(
            "the whole delivery: what the provider knows of the payer, such as name, e-mail and postal address, phone number"
        ),
    )
    parked_at: datetime
    error: str | None = None


class OperationState(StrEnum):
    """Where an operation in the journal is."""

    OPEN = "open"
    """It was, or was about to be, sent; nobody knows what came of it."""
    DONE = "done"
    """The provider did it."""
    FAILED = "failed"
    """Nothing was changed. The provider refused it, or it never got there."""
    ABANDONED = "abandoned"
    """Not known to have been done, and not sent again by itself, as the provider has forgotten its key, or something newer
    was asked for since."""


@attrs.frozen
class BillingOperation:
    """One line of the journal: what the service sends to a provider is written down before it is sent.

    Unique: ``(provider, key)``.

    Args:
        provider: the provider's name.
        key: the idempotency key that it is sent with.
        operation: the provider's method.
        org_id: for whom.
        arguments: what it is sent with, ready for JSON.
        created_at: UTC; when it was written down, before the first attempt.
        state: see :class:`OperationState`.
        external_id: the provider's id of what it made: a customer, a checkout session; or of the subscription it changes,
            which is known from the beginning.
        reference: of a checkout: what the provider's events call it by, where that is not its id. Of the creation of a
            customer: the provider's id of the one that it replaces, who was deleted there.
        error: the class of the error that ended it.
        closed_at: UTC.
        ticket: its place in the order in which operations were asked for: a fencing token, strictly increasing, so that no
            clock has to be believed.
    """

    provider: str
    key: str
    operation: str
    org_id: str
    arguments: Mapping[str, object] = attrs.field(
        repr=False,
        metadata=personal(
            "what was asked for, in plain JSON: e-mail address and name of a new customer; e-mail address, metadata and URLs "
            "of a checkout; the reason of a cancellation"
        ),
    )
    created_at: datetime
    state: OperationState = attrs.field(default=OperationState.OPEN, converter=OperationState)
    external_id: str | None = None
    reference: str | None = None
    error: str | None = None
    closed_at: datetime | None = None
    ticket: int = 0
