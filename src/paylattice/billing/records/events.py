"""Events: those that were applied, and those that wait."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import attrs

from ...events import WebhookEvent
from ...frozen import FrozenMap
from ...models import NOTHING
from ...models.base import string_map
from ..tables import Index, Table, UniqueKey
from .customers import BillingCustomer
from .fields import personal

__all__ = [
    "EVENTS",
    "EVENTS_BY_CUSTOMER",
    "UNMATCHED_BY_CUSTOMER",
    "UNMATCHED_BY_PROVIDER",
    "UNMATCHED_BY_SUBSCRIPTION",
    "UNMATCHED_EVENTS",
    "BillingEvent",
    "UnmatchedEvent",
]


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
        amount_minor: the money it is about, in the currency's smallest unit.
        metadata: more about it.
        processed_at: UTC; set in the transaction that applies it, some time between its beginning and its end.
        created_at: UTC; when it happened, by the provider's clock.
        currency: the ISO 4217 code of ``amount_minor``.
        delivery_id: the signed id of the delivery that brought it, at providers that sign one. A delivery counts once,
            whatever event its body names.
    """

    id: str
    org_id: str | None
    customer_id: str | None
    event_type: str
    provider: str
    external_event_id: str
    amount_minor: int | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    processed_at: datetime | None = None
    created_at: datetime = attrs.field(kw_only=True)
    currency: str | None = None
    delivery_id: str | None = None

    @property
    def amount_cents(self) -> int | None:
        """Return ``amount_minor``, under the original design's name. For JPY, it counts yen."""
        return self.amount_minor

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
            amount_minor=money.amount if money else None,
            processed_at=processed_at,
            created_at=event.created_at,
            currency=money.currency if money else None,
            delivery_id=event.delivery_id,
        )


EVENTS_BY_CUSTOMER = Index("by_customer", ("customer_id",), order=("created_at", "id"))

EVENTS = Table(
    "billing_events",
    BillingEvent,
    primary_key=("id",),
    unique_keys=(
        UniqueKey("external", ("provider", "external_event_id")),
        UniqueKey("delivery", ("provider", "delivery_id")),
    ),
    indexes=(EVENTS_BY_CUSTOMER,),
    updatable=("org_id", "customer_id", "processed_at"),
)


@attrs.frozen
class UnmatchedEvent:
    """An event that waits: for its customer, who is not known here yet, or for its handler, which failed.

    Unique: ``(provider, external_event_id)``.

    Args:
        provider: the provider's name.
        external_event_id: the event's ``dedupe_key``.
        external_customer_id: the provider's id of the customer, if the event says it.
        external_subscription_id: the provider's id of the subscription, if the event says it.
        payload: the event, ready for JSON.
        waiting_since: when it was stored; UTC.
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
    waiting_since: datetime
    error: str | None = None


_OLDEST_FIRST = ("waiting_since", "external_event_id")
UNMATCHED_BY_PROVIDER = Index("by_provider", ("provider",), order=_OLDEST_FIRST)
UNMATCHED_BY_CUSTOMER = Index("by_customer", ("provider", "external_customer_id"), order=_OLDEST_FIRST)
UNMATCHED_BY_SUBSCRIPTION = Index("by_subscription", ("provider", "external_subscription_id"), order=_OLDEST_FIRST)

UNMATCHED_EVENTS = Table(
    "billing_unmatched_events",
    UnmatchedEvent,
    primary_key=("provider", "external_event_id"),
    indexes=(UNMATCHED_BY_PROVIDER, UNMATCHED_BY_CUSTOMER, UNMATCHED_BY_SUBSCRIPTION),
    updatable=("error",),
)
