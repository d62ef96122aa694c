"""Who does not pay gets one time of grace, however many periods pass meanwhile, and another one only after paying."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from paylattice import AccessPolicy, AccessReason, BillingSubscription, Subscription, SubscriptionStatus
from paylattice.billing.access import access_of
from paylattice.billing.store import Store

from .support import NOW, World

GRACE = AccessPolicy().past_due_grace
DAY = timedelta(days=1)


async def past_due(**options: object) -> World:
    """A subscription whose renewal could not be paid; the provider goes on renewing it."""
    world = World()
    await world.subscribe()
    await world.deliver()
    world.provider.decline_next_payment(times=50)
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
            await Store(world.repository).upsert_subscription(stored)
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
            world.provider.decline_next_payment()
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


LATE = BillingSubscription(
    "1",
    "c",
    "sub",
    status=SubscriptionStatus.PAST_DUE,
    current_period_start=NOW,
    current_period_end=NOW + 30 * DAY,
    updated_at=NOW + 10 * DAY,
    status_since=NOW + 10 * DAY,
)
"""The webhook of the failed payment came after ten days."""


@pytest.mark.parametrize("fact", ["payment_failed_at", "paid_through"])
def test_a_status_that_is_seen_late_gives_no_more_grace_than_one_that_is_seen_at_once(fact: str) -> None:
    assert not access_of(attrs.evolve(LATE, **{fact: NOW}), NOW + 10 * DAY)  # type: ignore[arg-type]  # a time


def test_where_nobody_says_when_the_payment_failed_the_grace_runs_from_when_it_was_seen() -> None:
    """Not from the start of the period: the payment may have been for something else, half a year later."""
    assert access_of(LATE, NOW + 10 * DAY).until == NOW + 10 * DAY + GRACE
    assert access_of(attrs.evolve(LATE, paid_through=NOW + 30 * DAY), NOW + 10 * DAY).until == NOW + 10 * DAY + GRACE


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


# --- what is kept of a debt ----------------------------------------------------------------------------------------------

S = SubscriptionStatus


def read(status: SubscriptionStatus, day: int, **facts: object) -> BillingSubscription:
    """The record of a reading of some day."""
    moment = NOW + day * DAY
    made = BillingSubscription(
        "1", "c", "sub", status=status, status_since=moment, updated_at=moment, created_at=moment
    )
    return attrs.evolve(made, **facts)  # type: ignore[arg-type]  # fields


def on(day: int) -> datetime:
    return NOW + day * DAY


def test_a_debt_is_as_old_as_its_first_failure_however_often_it_is_tried() -> None:
    first = read(S.PAST_DUE, 31, payment_failed_at=on(30), paid_through=on(30))
    tried_again = read(S.PAST_DUE, 36, payment_failed_at=on(35), paid_through=on(30)).replacing(first)
    assert tried_again.payment_failed_at == on(30)
    given_up = read(S.UNPAID, 45, payment_failed_at=on(40)).replacing(tried_again)
    assert (given_up.payment_failed_at, given_up.paid_through) == (on(30), on(30))
    again = read(S.PAST_DUE, 50).replacing(given_up)
    assert (again.payment_failed_at, access_of(again, on(50)).allowed) == (on(30), False)


def test_a_debt_whose_beginning_nobody_knows_began_when_it_was_first_seen() -> None:
    first = read(S.PAST_DUE, 31)
    later = read(S.UNPAID, 45).replacing(first)
    assert later.payment_failed_at == on(31)
    assert not access_of(read(S.PAST_DUE, 46).replacing(later), on(46))


def test_a_payment_that_came_unseen_makes_the_next_failure_a_new_one() -> None:
    first = read(S.PAST_DUE, 31, payment_failed_at=on(30), paid_through=on(30))
    second = read(S.PAST_DUE, 61, payment_failed_at=on(60), paid_through=on(60)).replacing(first)
    assert access_of(second, on(61)).until == on(60) + GRACE


def test_what_was_paid_for_is_kept_and_a_debt_that_is_paid_is_forgotten() -> None:
    owing = read(S.PAST_DUE, 31, payment_failed_at=on(30), paid_through=on(30))
    settled = read(S.ACTIVE, 33).replacing(owing)
    assert (settled.payment_failed_at, settled.paid_through) == (None, on(30))
    failed_again = read(S.PAST_DUE, 61, payment_failed_at=on(60)).replacing(settled)
    assert access_of(failed_again, on(61)).until == on(60) + GRACE


def test_a_failure_in_the_future_is_one_of_now() -> None:
    told = Subscription("sub", status=S.PAST_DUE, payment_failed_at=on(9000))
    kept = BillingSubscription.of(told, id="1", customer_id="c", provider="acme", now=NOW, ticket=1, version=None)
    assert kept.payment_failed_at == NOW


# --- who has never paid --------------------------------------------------------------------------------------------------

TRIED = read(S.PAST_DUE, 14, trial_end=on(14), payment_failed_at=on(14))


@pytest.mark.parametrize(
    ("facts", "paid"),
    [
        ({"paid_through": on(14)}, False),
        ({"paid_through": on(44)}, True),
        ({"current_period_start": on(14)}, False),
        ({"current_period_start": on(44)}, True),
        ({}, True),
        ({"trial_end": None, "paid_through": on(14)}, True),
    ],
    ids=str,
)
def test_who_has_never_paid_gets_no_grace_after_the_trial(facts: dict[str, object], paid: bool) -> None:
    stored = attrs.evolve(TRIED, **facts)  # type: ignore[arg-type]  # fields
    access = access_of(stored, on(15))
    assert (access.allowed, access.reason) == (paid, AccessReason.GRACE if paid else AccessReason.PAST_DUE)
    generous = AccessPolicy(unpaid_trial_grace=3 * DAY)
    assert access_of(stored, on(15), generous).until == on(14) + (GRACE if paid else 3 * DAY)


def test_a_trial_whose_first_payment_fails_ends_and_a_payment_opens_it_again() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(trial_days=14)
        await world.deliver()
        assert await reason(world) is AccessReason.TRIAL
        world.provider.decline_next_payment()
        world.provider.advance(days=14)
        await world.deliver()
        assert await world.status() == "past_due"
        assert not await world.billing.access("org")
        world.provider.advance(days=3)  # the retry is paid
        await world.deliver()
        assert await reason(world) is AccessReason.ACTIVE
        world.provider.decline_next_payment()
        world.provider.advance(days=29)
        await world.deliver()
        assert await reason(world) is AccessReason.GRACE

    asyncio.run(main())
