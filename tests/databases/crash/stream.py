"""What a provider sends, and what must be true once all of it has arrived, in whatever order and however often."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime

import attrs

from paylattice import BillingCustomer, EventType, Money, Subscription
from paylattice.errors import InvalidRequest
from paylattice.providers.memory import Delivery, InMemoryProvider, MemoryConfig

__all__ = ["CLOCK", "SECRET", "Stream", "make_stream"]

SECRET = "whsec_crash"
CLOCK = 1_790_000_000.0
"""When every delivery was signed, and will be verified: a run may take longer than a signature is valid."""

PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


@attrs.frozen
class Stream:
    """Deliveries of the embedded provider, and the truth.

    Args:
        customers: who has to be known here.
        deliveries: one for each event.
        types: of the events, by their id.
        cents: what each organisation has paid.
        subscriptions: as they are at the provider.
    """

    customers: tuple[BillingCustomer, ...]
    deliveries: tuple[Delivery, ...]
    types: dict[str, str]
    cents: Counter[str]
    subscriptions: tuple[Subscription, ...]


def make_stream(events: int, *, seed: int) -> Stream:
    """The lives of some subscriptions: exactly so many events."""
    return asyncio.run(_make(events, random.Random(seed)))


async def _make(events: int, dice: random.Random) -> Stream:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    provider = InMemoryProvider(MemoryConfig(webhook_secret=SECRET), now=start, clock=lambda: CLOCK)
    provider.add_plan("pro", Money(1999, "USD"))
    provider.add_plan("team", Money(4705, "USD"))
    ids: list[str] = []
    deliveries: list[Delivery] = []
    living: list[str] = []
    while len(deliveries) < events - 60:
        if len(ids) < 8 or dice.random() < 0.3:
            customer = await provider.create_customer(f"org{len(ids)}@example.com")
            session = await provider.create_checkout_session(customer.id, dice.choice(["pro", "team"]), *PAGES.values())
            living.append(str(provider.complete_checkout(session.id).subscription_id))
            ids.append(customer.id)
        with suppress(InvalidRequest):  # it has this plan already, or is over
            await _something_happens(provider, dice, ids, living)
        provider.advance(days=dice.choice([1, 3, 7]))
        deliveries += provider.deliveries()
    while len(deliveries) < events:
        ids.append((await provider.create_customer(f"org{len(ids)}@example.com")).id)
        deliveries += provider.deliveries()
    return await _told(provider, deliveries, ids)


async def _something_happens(
    provider: InMemoryProvider, dice: random.Random, customers: list[str], living: list[str]
) -> None:
    match dice.randrange(12):
        case 0 if len(living) > 3:
            await provider.cancel_subscription(living.pop(dice.randrange(len(living))))
        case 1 | 2:
            await provider.change_subscription(dice.choice(living), quantity=dice.randint(1, 9))
        case 3:
            provider.decline_next_payment(customer_id=dice.choice(customers))
        case 4:
            await provider.change_subscription(dice.choice(living), plan_id=dice.choice(["pro", "team"]))


async def _told(provider: InMemoryProvider, deliveries: list[Delivery], ids: list[str]) -> Stream:
    customers = {
        id_: BillingCustomer(f"record-{number}", f"org-{number}", "memory", id_, created_at=provider.now)
        for number, id_ in enumerate(ids)
    }
    cents: Counter[str] = Counter()
    for each in deliveries:
        event = await provider.parse_webhook(each.payload, each.headers)
        if event.type is EventType.INVOICE_PAID:
            assert event.invoice is not None
            assert event.customer_id is not None
            cents[customers[event.customer_id].org_id] += event.invoice.amount_paid.amount
    subscriptions = [each for id_ in ids for each in await provider.list_subscriptions(id_)]
    types = {each.event_id: each.type for each in deliveries}
    return Stream(tuple(customers.values()), tuple(deliveries), types, cents, tuple(subscriptions))
