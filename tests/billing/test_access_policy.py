"""Who may use the product now, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import AccessPolicy, AccessReason, BillingSubscription, SubscriptionStatus
from paylattice.billing.access import access_of
from paylattice.errors import ConfigurationError

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ACTIVE = BillingSubscription(
    id="1",
    customer_id="c",
    external_subscription_id="s",
    status=SubscriptionStatus.ACTIVE,
    current_period_start=NOW - 10 * DAY,
    current_period_end=NOW + 20 * DAY,
    updated_at=NOW - 10 * DAY,
)
S, R = SubscriptionStatus, AccessReason


@pytest.mark.parametrize(
    ("change", "allowed", "reason", "until"),
    [
        ({}, True, R.ACTIVE, NOW + 23 * DAY),
        ({"status": S.TRIALING}, True, R.TRIAL, NOW + 23 * DAY),
        ({"current_period_end": None}, True, R.ACTIVE, None),
        ({"current_period_end": NOW - 2 * DAY}, True, R.ACTIVE, NOW + DAY),
        ({"current_period_end": NOW - 3 * DAY}, False, R.RENEWAL_UNCONFIRMED, None),
        ({"cancel_at": NOW + DAY}, True, R.ENDING, NOW + DAY),
        ({"cancel_at": NOW}, False, R.CANCELED, None),
        ({"status": S.PAST_DUE, "current_period_start": NOW - 6 * DAY}, True, R.GRACE, NOW + DAY),
        ({"status": S.PAST_DUE, "current_period_start": NOW - 7 * DAY}, False, R.PAST_DUE, None),
        ({"status": S.PAST_DUE, "current_period_end": NOW - DAY, "updated_at": NOW}, True, R.GRACE, NOW + 6 * DAY),
        (
            {"status": S.PAST_DUE, "current_period_start": None, "current_period_end": None, "updated_at": NOW - DAY},
            True,
            R.GRACE,
            NOW + 6 * DAY,
        ),
        (
            {"status": S.PAST_DUE, "current_period_start": None, "current_period_end": None, "updated_at": None},
            False,
            R.PAST_DUE,
            None,
        ),
        ({"status": S.UNPAID}, False, R.UNPAID, None),
        ({"status": S.PAUSED}, False, R.PAUSED, None),
        ({"status": S.CANCELED}, False, R.CANCELED, None),
        ({"status": S.CANCELED, "cancel_at": NOW + DAY}, True, R.PAID_THROUGH, NOW + DAY),
        ({"status": S.CANCELED, "cancel_at": NOW}, False, R.CANCELED, None),
        ({"status": S.EXPIRED}, False, R.CANCELED, None),
        ({"status": S.INCOMPLETE}, False, R.INCOMPLETE, None),
        ({"status": S.UNKNOWN}, False, R.UNKNOWN, None),
    ],
)
def test_access_follows_status_and_time(
    change: dict[str, object], allowed: bool, reason: AccessReason, until: datetime | None
) -> None:
    access = access_of(attrs.evolve(ACTIVE, **change), NOW)
    assert (access.allowed, access.reason, bool(access)) == (allowed, reason, allowed)
    assert access.until == until


def test_without_a_subscription_there_is_no_access() -> None:
    assert not access_of(None, NOW)
    assert access_of(None, NOW).reason is R.NO_SUBSCRIPTION


def test_the_policy_decides_about_grace_pause_and_unpaid() -> None:
    policy = AccessPolicy(past_due_grace=timedelta(0), allow_paused=True, allow_unpaid=True, renewal_slack=30 * DAY)
    assert not access_of(attrs.evolve(ACTIVE, status=S.PAST_DUE), NOW, policy)
    assert access_of(attrs.evolve(ACTIVE, status=S.PAUSED), NOW, policy)
    assert access_of(attrs.evolve(ACTIVE, status=S.UNPAID), NOW, policy)
    assert access_of(attrs.evolve(ACTIVE, current_period_end=NOW - 20 * DAY), NOW, policy)


times = st.one_of(st.none(), st.integers(-40, 40).map(lambda days: NOW + days * DAY))


@given(status=st.sampled_from(list(S)), start=times, end=times, cancel_at=times, later=st.integers(0, 60))
def test_access_that_ends_by_itself_stays_ended(
    status: S, start: datetime | None, end: datetime | None, cancel_at: datetime | None, later: int
) -> None:
    subscription = attrs.evolve(
        ACTIVE, status=status, current_period_start=start, current_period_end=end, cancel_at=cancel_at
    )
    if not access_of(subscription, NOW):
        assert not access_of(subscription, NOW + later * DAY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("past_due_grace", 7),
        ("past_due_grace", "7 days"),
        ("past_due_grace", None),
        ("past_due_grace", -DAY),
        ("renewal_slack", 3.0),
        ("unpaid_trial_grace", timedelta),
        ("allow_paused", "yes"),
        ("allow_unpaid", None),
    ],
)
def test_a_policy_of_wrong_types_is_refused_when_it_is_made_and_not_at_somebodys_visit(field: str, value: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"AccessPolicy\({field}=\.\.\.\) must be (a timedelta|True or False)"
    ):
        AccessPolicy(**{field: value})
