"""Records with a value in every column, for the checks of a repository."""

from datetime import UTC, datetime, timedelta

import attrs

from ..billing.records import BillingCustomer, BillingEvent, BillingOperation, BillingSubscription, ParkedEvent
from ..models import SubscriptionStatus

__all__ = ["HOSTILE", "NOW", "customer", "event", "operation", "parked", "subscription"]

NOW = datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
_WORDS = {"team": "größe ✓ \U0001f600", "empty": "", "quote": 'it\'s "so" \\ %s'}
HOSTILE: dict[str, object] = {
    "nul": "a\x00b",
    "half a pair": "\ud83d",
    "large": 2**70,
    "deep": [[[{"x": None}]]],
    "": -1.5,
}
"""What JSON can say, and a text column of many databases cannot."""


def customer(
    number: int = 1, *, org: str | None = None, external: str | None = None, at: str = "acme"
) -> BillingCustomer:
    """A customer; another number is another record, org and external id."""
    return BillingCustomer(
        id=f"{at}-customer-{number}",
        org_id=org or f"org-{number}",
        provider=at,
        external_customer_id=external or f"cus_{number}",
        email=f"ada+{number}@example.com",
        name="Ada Löveläce",
        metadata=_WORDS,
        created_at=NOW + timedelta(seconds=number),
        updated_at=NOW + timedelta(days=1),
    )


def subscription(
    ticket: int = 1,
    *,
    number: int = 1,
    owner: BillingCustomer | None = None,
    version: int | None = None,
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    record: str | None = None,
) -> BillingSubscription:
    """A reading of a subscription; another number is another subscription, another ticket a later reading."""
    owner = owner or customer()
    return BillingSubscription(
        id=record or f"subscription-{number}-{ticket}",
        customer_id=owner.id,
        external_subscription_id=f"sub_{number}",
        plan_id=f"plan-{ticket}",
        status=status,
        current_period_start=NOW,
        current_period_end=NOW + timedelta(days=30),
        metadata=_WORDS,
        created_at=NOW + timedelta(minutes=ticket),
        updated_at=NOW + timedelta(hours=ticket),
        provider=owner.provider,
        quantity=ticket,
        cancel_at=NOW + timedelta(days=90),
        ticket=ticket,
        version=version,
        status_since=NOW + timedelta(days=ticket),
        trial_end=NOW + timedelta(days=ticket, seconds=1),
        collection_paused=ticket % 2 == 1,
        payment_failed_at=NOW + timedelta(days=ticket, seconds=2),
        paid_through=NOW + timedelta(days=ticket, seconds=3),
        ended_at=NOW + timedelta(days=ticket, seconds=4),
    )


def event(
    number: int = 1,
    *,
    at: str = "acme",
    external: str | None = None,
    record: str | None = None,
    delivery: str | None = None,
) -> BillingEvent:
    """An event."""
    return BillingEvent(
        id=record or f"{at}-event-{number}",
        org_id="org-1",
        customer_id=f"{at}-customer-1",
        event_type="invoice.paid",
        provider=at,
        external_event_id=external or f"evt_{number}",
        amount_cents=2**40,
        metadata=_WORDS,
        processed_at=None,
        created_at=NOW,
        currency="USD",
        delivery_id=delivery,
    )


def parked(
    number: int = 1,
    *,
    at: str = "acme",
    whose: str | None = "cus_1",
    about: str | None = "sub_1",
    minute: int | None = None,
) -> ParkedEvent:
    """An event that waits for its customer."""
    return ParkedEvent(
        provider=at,
        external_event_id=f"evt_{number}",
        external_customer_id=whose,
        external_subscription_id=about,
        payload={"id": f"evt_{number}", "raw": {"größe": [1, None, True, {"x": "✓"}]}, "amount": 2**40},
        parked_at=NOW + timedelta(minutes=number if minute is None else minute),
    )


def operation(number: int = 1, *, at: str = "acme", minute: int | None = None, **changes: object) -> BillingOperation:
    """A line of the journal; another number is another key and another org."""
    made = BillingOperation(
        provider=at,
        key=f"key-{number}",
        operation="create_customer",
        org_id=f"org-{number}",
        arguments={"email": "ada@example.com", "name": None, "metadata": {"größe": "✓"}, "quantity": 3},
        created_at=NOW + timedelta(minutes=number if minute is None else minute),
        ticket=number if minute is None else minute,
    )
    return attrs.evolve(made, **changes)  # type: ignore[arg-type]  # fields of the operation
