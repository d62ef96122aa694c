"""Who does not pay gets one time of grace, however many periods pass meanwhile, and another one only after paying."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from paylattice import AccessPolicy, AccessReason, BillingSubscription, SubscriptionStatus
from paylattice.billing.access import access_of

from .support import NOW, World

GRACE = AccessPolicy().past_due_grace
DAY = timedelta(days=1)


async def past_due(**options: object) -> World:
    """A subscription whose renewal could not be paid; the provider goes on renewing it."""
    world = World()
    await world.subscribe()
    await world.deliver()
    world.provider.fail_next_payment(times=50)
    world.provider.advance(months=1)
    await world.deliver()
    assert await world.status() == "past_due"
    return world


async def reason(world: World) -> AccessReason:
    return (await world.billing.access("org")).reason


def test_the_grace_begins_with_the_failed_payment_and_ends() -> None:
    async def main() -> None:
        world = await past_due()
        access = await world.billing.access("org")
        assert (access.reason, access.until) == (AccessReason.GRACE, world.provider.now + GRACE)
        assert (await world.billing.access("org", now=world.provider.now + GRACE - DAY)).allowed
        assert not (await world.billing.access("org", now=world.provider.now + GRACE)).allowed

    asyncio.run(main())


def renewed(stored: BillingSubscription, moment: datetime, ticket: int) -> BillingSubscription:
    """The same subscription as it is read after the next period has begun, unpaid too."""
    fresh = attrs.evolve(
        stored,
        id="new record",
        current_period_start=moment,
        current_period_end=moment + 30 * DAY,
        updated_at=moment,
        created_at=moment,
        status_since=moment,
        ticket=ticket,
    )
    return fresh.replacing(stored)


@pytest.mark.parametrize("periods", [1, 2, 12])
def test_the_grace_does_not_begin_again_with_the_next_period(periods: int) -> None:
    async def main() -> None:
        world = await past_due()
        stored = await world.billing.subscription("org")
        assert stored is not None
        failed_at = world.provider.now
        for number in range(1, periods + 1):
            moment = failed_at + number * 30 * DAY
            stored = renewed(stored, moment, stored.ticket + 1)
            await world.repository.upsert_subscription(stored)
            kept = await world.billing.subscription("org")
            assert kept == stored
            assert kept.status_since == failed_at
            access = await world.billing.access("org", now=moment + DAY)
            assert (access.allowed, access.reason) == (False, AccessReason.PAST_DUE)

    asyncio.run(main())


def test_the_grace_does_not_begin_again_through_webhooks_readings_and_repairs() -> None:
    async def main() -> None:
        world = await past_due()
        began = world.provider.now
        for _ in range(2):
            world.provider.advance(days=1)
            await world.deliver()
            await world.billing.sync_subscription("org")
            await world.billing.reconcile("memory", repair=True)
            stored = await world.billing.subscription("org")
            assert stored is not None
            assert stored.status is SubscriptionStatus.PAST_DUE
            assert stored.status_since == began
            access = await world.billing.access("org")
            assert access.until == began + GRACE

    asyncio.run(main())


def test_who_has_paid_and_fails_again_gets_another_time_of_grace() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        for until_the_renewal in (31, 25):
            world.provider.fail_next_payment()
            world.provider.advance(days=until_the_renewal)
            await world.deliver()
            assert await reason(world) is AccessReason.GRACE
            failed_at = world.provider.now
            stored = await world.billing.subscription("org")
            assert stored is not None
            assert stored.status_since == failed_at
            world.provider.advance(days=3)  # the retry is paid
            await world.deliver()
            assert await reason(world) is AccessReason.ACTIVE

    asyncio.run(main())


def test_a_record_from_before_the_time_was_kept_is_judged_by_its_period() -> None:
    stored = BillingSubscription(
        "1",
        "c",
        "sub",
        status=SubscriptionStatus.PAST_DUE,
        current_period_start=NOW,
        current_period_end=NOW + 30 * DAY,
        updated_at=NOW,
    )
    assert access_of(stored, NOW + DAY).until == NOW + GRACE
    later = renewed(stored, NOW + 30 * DAY, 1)
    assert later.status_since == NOW + 30 * DAY, "it is kept from now on"
    assert renewed(later, NOW + 60 * DAY, 2).status_since == NOW + 30 * DAY


def test_a_status_that_is_seen_late_gives_no_more_grace_than_one_that_is_seen_at_once() -> None:
    """The webhook of the failed payment came after ten days."""
    stored = BillingSubscription(
        "1",
        "c",
        "sub",
        status=SubscriptionStatus.PAST_DUE,
        current_period_start=NOW,
        current_period_end=NOW + 30 * DAY,
        updated_at=NOW + 10 * DAY,
        status_since=NOW + 10 * DAY,
    )
    assert not access_of(stored, NOW + 10 * DAY)


def test_a_status_that_changes_begins_anew_and_one_that_stays_keeps_its_beginning() -> None:
    first = BillingSubscription("1", "c", "sub", status=SubscriptionStatus.ACTIVE, status_since=NOW, created_at=NOW)
    same = attrs.evolve(first, id="2", customer_id="d", status_since=NOW + DAY, created_at=NOW + DAY)
    kept = same.replacing(first)
    assert (kept.status_since, kept.id, kept.customer_id, kept.created_at) == (NOW, "1", "c", NOW)
    other = attrs.evolve(same, status=SubscriptionStatus.PAST_DUE).replacing(first)
    assert other.status_since == NOW + DAY
    assert same.replacing(None) is same


def test_a_grace_that_is_over_stays_over_when_the_subscription_is_set_to_end() -> None:
    stored = BillingSubscription(
        "1",
        "c",
        "sub",
        status=SubscriptionStatus.PAST_DUE,
        current_period_start=NOW,
        current_period_end=NOW + 30 * DAY,
        updated_at=NOW,
        status_since=NOW,
        cancel_at=NOW + 2 * DAY,
    )
    assert access_of(stored, NOW + DAY).until == NOW + 2 * DAY
    assert not access_of(stored, NOW + 3 * DAY)
    assert datetime(2026, 1, 1, tzinfo=UTC) == NOW
