"""``until`` is exact: access lasts until then and not a moment longer, and what has ended stays ended."""

import asyncio
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import AccessPolicy, AccessReason, BillingSubscription, SubscriptionStatus, errors
from paylattice.billing.access import access_of
from paylattice.billing.store import Store

from .support import NOW, World

HOUR = timedelta(hours=1)
moments = st.none() | st.integers(-60 * 24, 60 * 24).map(lambda hours: NOW + hours * HOUR)
spans = st.integers(0, 20 * 24).map(lambda hours: hours * HOUR)
policies = st.builds(AccessPolicy, spans, spans, st.booleans(), st.booleans(), spans)
subscriptions = st.builds(
    BillingSubscription,
    id=st.just("1"),
    customer_id=st.just("c"),
    external_subscription_id=st.just("sub"),
    status=st.sampled_from(list(SubscriptionStatus)),
    current_period_start=moments,
    current_period_end=moments,
    updated_at=moments,
    cancel_at=moments,
    status_since=moments,
    trial_end=moments,
    collection_paused=st.booleans(),
    payment_failed_at=moments,
    paid_through=moments,
    ended_at=moments,
)


@given(subscriptions, policies, st.integers(-60 * 24, 90 * 24))
def test_access_lasts_until_its_until_and_not_a_moment_longer(
    subscription: BillingSubscription, policy: AccessPolicy, hours: int
) -> None:
    now = NOW + hours * HOUR
    access = access_of(subscription, now, policy)
    if not access:
        assert access.until is None
        return
    if access.until is None:
        assert access_of(subscription, now + timedelta(days=3650), policy)
        return
    assert access.until > now
    assert access_of(subscription, access.until - timedelta(microseconds=1), policy)
    assert not access_of(subscription, access.until, policy)
    assert not access_of(subscription, access.until + timedelta(days=3650), policy)


@given(subscriptions, policies, st.integers(-60 * 24, 90 * 24), st.integers(0, 90 * 24))
def test_access_that_has_ended_comes_back_only_with_news(
    subscription: BillingSubscription, policy: AccessPolicy, hours: int, later: int
) -> None:
    now = NOW + hours * HOUR
    if not access_of(subscription, now, policy):
        assert not access_of(subscription, now + later * HOUR, policy)


@given(subscriptions, policies)
def test_nothing_lasts_beyond_the_day_on_which_the_subscription_ends(
    subscription: BillingSubscription, policy: AccessPolicy
) -> None:
    if subscription.cancel_at is not None:
        assert not access_of(subscription, subscription.cancel_at, policy)


MONTHLY = BillingSubscription(
    id="1",
    customer_id="c",
    external_subscription_id="sub",
    status=SubscriptionStatus.ACTIVE,
    current_period_start=NOW,
    current_period_end=NOW + timedelta(days=30),
    updated_at=NOW,
)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "day", "reason", "until_day"),
    [
        ({}, 29, AccessReason.ACTIVE, 33),
        ({}, 32, AccessReason.ACTIVE, 33),
        ({}, 33, AccessReason.RENEWAL_UNCONFIRMED, None),
        ({"cancel_at": NOW + 30 * DAY}, 29, AccessReason.ENDING, 30),
        ({"cancel_at": NOW + 90 * DAY}, 29, AccessReason.ENDING, 33),
        ({"cancel_at": NOW + 90 * DAY}, 40, AccessReason.RENEWAL_UNCONFIRMED, None),
        ({"status": SubscriptionStatus.PAST_DUE}, 6, AccessReason.GRACE, 7),
        ({"status": SubscriptionStatus.PAST_DUE}, 7, AccessReason.PAST_DUE, None),
        ({"status": SubscriptionStatus.PAST_DUE}, 31, AccessReason.PAST_DUE, None),
        ({"status": SubscriptionStatus.PAST_DUE, "updated_at": NOW + 31 * DAY}, 31, AccessReason.GRACE, 37),
        ({"status": SubscriptionStatus.PAST_DUE, "cancel_at": NOW + 3 * DAY}, 2, AccessReason.GRACE, 3),
        ({"status": SubscriptionStatus.CANCELED, "cancel_at": NOW + 30 * DAY}, 29, AccessReason.PAID_THROUGH, 30),
        ({"status": SubscriptionStatus.EXPIRED}, 1, AccessReason.CANCELED, None),
        # who has ended without a word of it keeps what is paid for
        ({"status": SubscriptionStatus.CANCELED, "paid_through": NOW + 30 * DAY}, 29, AccessReason.PAID_THROUGH, 30),
        ({"status": SubscriptionStatus.CANCELED, "paid_through": NOW + 30 * DAY}, 30, AccessReason.CANCELED, None),
        (
            {"status": SubscriptionStatus.CANCELED, "paid_through": NOW + 30 * DAY, "cancel_at": NOW + 5 * DAY},
            6,
            AccessReason.CANCELED,
            None,
        ),
        # a trial ends by its own date, whatever the date of the period is: PayPal's is that of the activation at first
        (
            {"status": SubscriptionStatus.TRIALING, "trial_end": NOW + 14 * DAY, "current_period_end": NOW},
            13,
            AccessReason.TRIAL,
            17,
        ),
        (
            {"status": SubscriptionStatus.TRIALING, "trial_end": NOW + 14 * DAY},
            17,
            AccessReason.RENEWAL_UNCONFIRMED,
            None,
        ),
        # a payment failed half way through what is paid for
        (
            {
                "status": SubscriptionStatus.PAST_DUE,
                "paid_through": NOW + 365 * DAY,
                "payment_failed_at": NOW + 180 * DAY,
            },
            181,
            AccessReason.GRACE,
            187,
        ),
        (
            {
                "status": SubscriptionStatus.PAST_DUE,
                "paid_through": NOW + 365 * DAY,
                "payment_failed_at": NOW + 180 * DAY,
            },
            187,
            AccessReason.PAST_DUE,
            None,
        ),
        # held back or paused: what is paid for is used up first
        ({"collection_paused": True}, 1, AccessReason.PAUSED, None),
        ({"collection_paused": True, "paid_through": NOW + 30 * DAY}, 29, AccessReason.PAUSED, 30),
        ({"collection_paused": True, "paid_through": NOW + 30 * DAY}, 30, AccessReason.PAUSED, None),
        ({"status": SubscriptionStatus.PAUSED, "paid_through": NOW + 30 * DAY}, 29, AccessReason.PAUSED, 30),
        ({"status": SubscriptionStatus.PAUSED, "trial_end": NOW + 14 * DAY}, 13, AccessReason.PAUSED, 14),
        (
            {"status": SubscriptionStatus.PAUSED, "paid_through": NOW + 30 * DAY, "cancel_at": NOW + 9 * DAY},
            8,
            AccessReason.PAUSED,
            9,
        ),
    ],
)
def test_the_days_of_a_monthly_subscription(
    changes: dict[str, object], day: int, reason: AccessReason, until_day: int | None
) -> None:
    access = access_of(attrs.evolve(MONTHLY, **changes), NOW + day * DAY)  # type: ignore[arg-type]  # fields
    assert access.reason is reason
    assert access.until == (NOW + until_day * DAY if until_day else None)
    assert bool(access) == (until_day is not None)


def test_a_subscription_that_is_paid_for_grants_access_while_a_new_one_is_incomplete() -> None:
    async def main() -> None:
        world = World()
        paid = await world.subscribe()
        await world.deliver()
        stored = await Store(world.repository).get_subscription("memory", paid.id)
        assert stored is not None
        through = attrs.evolve(
            stored, status=SubscriptionStatus.CANCELED, cancel_at=world.provider.now + 20 * DAY, ticket=10**6
        )
        await Store(world.repository).upsert_subscription(through)
        session = await world.checkout()
        world.provider.complete_checkout(session.id, delayed=True)
        await world.deliver()
        access = await world.billing.access("org")
        assert (access.allowed, access.reason) == (True, AccessReason.PAID_THROUGH)
        assert [(each.allowed, each.reason) for each in access.others] == [(False, AccessReason.INCOMPLETE)]
        assert await world.billing.subscription("org") == access.subscription

    asyncio.run(main())


def test_the_policy_may_let_who_is_paused_in_either_way_go_on() -> None:
    generous = AccessPolicy(allow_paused=True)
    held = attrs.evolve(MONTHLY, collection_paused=True, paid_through=NOW)
    access = access_of(held, NOW + 29 * DAY, generous)
    assert (access.reason, access.until) == (AccessReason.ACTIVE, NOW + 33 * DAY)
    paused = access_of(attrs.evolve(MONTHLY, status=SubscriptionStatus.PAUSED), NOW + 90 * DAY, generous)
    assert (paused.allowed, paused.until) == (True, None)


def test_the_end_of_the_calendar_breaks_nothing() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    for status in SubscriptionStatus:
        found = attrs.evolve(
            MONTHLY,
            status=status,
            current_period_end=last,
            trial_end=last,
            paid_through=last,
            payment_failed_at=last,
            status_since=last,
            cancel_at=last,
        )
        assert access_of(found, NOW).until in {None, last}


def test_of_several_subscriptions_that_allow_nothing_the_one_that_counts_gives_the_reason() -> None:
    async def main() -> None:
        world = World()
        first = await world.subscribe()
        await world.provider.cancel_subscription(first.id)
        second = await world.subscribe()
        await world.provider.pause_subscription(second.id)
        await world.deliver()
        assert (await world.billing.access("org")).reason is AccessReason.PAUSED
        assert await world.billing.access("org", policy=AccessPolicy(allow_paused=True))
        assert (await world.billing.access("nobody")).reason is AccessReason.NO_SUBSCRIPTION

    asyncio.run(main())


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest, match="has no time zone"):
        asyncio.run(World().billing.access("org", now=datetime(2026, 1, 1)))  # noqa: DTZ001 - wrong on purpose
