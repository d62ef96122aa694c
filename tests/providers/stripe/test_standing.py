"""What Stripe's subscription and its latest invoice say: is it paid, through when, since when is it owed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import SubscriptionStatus
from paylattice.providers.stripe.wire import subscription_from

from .samples import END, START, invoice, subscription
from .support import World, listing

S = SubscriptionStatus
DAY = 86_400
HOUR = 3_600


def at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def billed(status: str, reason: str = "subscription_cycle", made: int = START, **changes: Any) -> dict[str, Any]:
    """The latest invoice, finalized an hour after it was made."""
    more: dict[str, Any] = {
        "status": status,
        "created": made,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "attempted": status != "draft",
        "status_transitions": {"finalized_at": made + HOUR, "paid_at": made + HOUR if status == "paid" else None},
    }
    return invoice(**{**more, **changes})


TRIED = {"trial_start": START - 14 * DAY, "trial_end": START, "start_date": START - 14 * DAY}
"""The trial with which it began is over; the first period to be paid has begun."""
IN_TRIAL = {"status": "trialing", "trial_start": START, "trial_end": END, "start_date": START}
HELD = {"pause_collection": {"behavior": "void"}}
SENT = {"collection_method": "send_invoice", "due_date": START + 30 * DAY, "attempted": False}


@pytest.mark.parametrize(
    ("changes", "latest", "status", "paid", "failed"),
    [
        # in order
        ({}, billed("paid"), S.ACTIVE, END, None),
        ({}, billed("paid", "subscription_create"), S.ACTIVE, END, None),
        ({}, billed("paid", "subscription_update", START + 9 * DAY), S.ACTIVE, END, None),
        ({}, billed("paid", made=START - 2), S.ACTIVE, END, None),
        # the hour in which the invoice of the period is a draft, and one that was sent and is not due
        ({}, billed("draft"), S.ACTIVE, None, None),
        ({}, billed("open", **SENT), S.ACTIVE, None, None),
        # trials; one that is over proves no payment, and its invoice over nothing is none of the period after it
        (IN_TRIAL, billed("paid", "subscription_create"), S.TRIALING, END, None),
        (TRIED, billed("paid", "subscription_create", START - 14 * DAY), S.ACTIVE, None, None),
        (TRIED, billed("draft"), S.ACTIVE, None, None),
        (TRIED, billed("paid"), S.ACTIVE, END, None),
        ({"status": "past_due", **TRIED}, billed("open"), S.PAST_DUE, None, START + HOUR),
        # a renewal that failed, and an added seat
        ({"status": "past_due"}, billed("open"), S.PAST_DUE, None, START + HOUR),
        (
            {"status": "past_due"},
            billed("open", "subscription_update", START + 9 * DAY),
            S.PAST_DUE,
            None,
            START + 9 * DAY + HOUR,
        ),
        ({"status": "unpaid"}, billed("uncollectible"), S.UNPAID, None, START + HOUR),
        ({"status": "past_due"}, billed("open", **SENT), S.PAST_DUE, None, START + 30 * DAY),
        ({"status": "past_due"}, billed("open", status_transitions=None), S.PAST_DUE, None, START),
        ({"status": "past_due"}, billed("open", attempted=False), S.PAST_DUE, None, None),
        # an older debt is not told by the latest invoice
        ({"status": "past_due"}, billed("paid"), S.PAST_DUE, None, None),
        # who has never paid has not begun, whatever Stripe calls it
        ({"status": "incomplete"}, billed("open", "subscription_create"), S.INCOMPLETE, None, None),
        ({"status": "past_due"}, billed("open", "subscription_create", **SENT), S.INCOMPLETE, None, START + 30 * DAY),
        ({"status": "unpaid"}, billed("uncollectible", "subscription_create"), S.INCOMPLETE, None, START + HOUR),
        # collection that is held back
        (HELD, billed("paid"), S.ACTIVE, END, None),
        (HELD, billed("void"), S.ACTIVE, None, None),
        (HELD, billed("draft"), S.ACTIVE, None, None),
        (HELD, billed("uncollectible"), S.ACTIVE, None, None),
        ({**IN_TRIAL, **HELD}, billed("paid", "subscription_create"), S.TRIALING, END, None),
        ({"status": "paused"}, billed("paid"), S.PAUSED, END, None),
        ({"status": "paused"}, billed("void"), S.PAUSED, None, None),
        ({"status": "canceled", "ended_at": START + DAY}, billed("paid"), S.CANCELED, None, None),
        # what is not expanded, as in events: the status is believed where it proves something
        ({}, "in_1", S.ACTIVE, END, None),
        ({}, None, S.ACTIVE, END, None),
        (IN_TRIAL, "in_1", S.TRIALING, END, None),
        (TRIED, "in_1", S.ACTIVE, None, None),
        (HELD, "in_1", S.ACTIVE, None, None),
        ({"status": "past_due"}, "in_1", S.PAST_DUE, None, None),
        ({"status": "paused"}, "in_1", S.PAUSED, None, None),
        ({"status": "a_word_of_2031"}, billed("paid"), S.UNKNOWN, None, None),
    ],
    ids=lambda value: value.get("status") if isinstance(value, dict) else str(value),
)
def test_what_is_paid_and_what_is_owed(
    changes: dict[str, Any], latest: object, status: S, paid: int | None, failed: int | None
) -> None:
    found = subscription_from(subscription(**{**changes, "latest_invoice": latest}))
    assert found.status is status
    assert found.paid_through == at(paid)
    assert found.payment_failed_at == at(failed)
    assert found.raw_status == changes.get("status", "active")
    assert found.ended_at == at(changes.get("ended_at"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (IN_TRIAL, END),
        (TRIED, START),
        # a trial that was given to somebody who had paid for months says nothing once it is over
        ({**IN_TRIAL, "start_date": START - 90 * DAY}, END),
        ({**TRIED, "start_date": START - 90 * DAY}, None),
        ({**TRIED, "start_date": None, "created": START - 90 * DAY}, None),
        ({"trial_end": START}, START),
    ],
    ids=str,
)
def test_a_trial_is_told_as_long_as_it_says_whether_anything_was_paid(
    changes: dict[str, Any], expected: int | None
) -> None:
    assert subscription_from(subscription(**changes)).trial_end == at(expected)


@pytest.mark.parametrize("strange", [{}, [], 7, {"status": 5, "created": "soon"}, {"status_transitions": []}])
def test_a_latest_invoice_that_nobody_can_read_breaks_nothing(strange: object) -> None:
    for status in ("active", "past_due", "trialing", "paused"):
        assert subscription_from(subscription(status=status, latest_invoice=strange)).payment_failed_at is None


def test_the_latest_invoice_comes_with_the_same_request(world: World) -> None:
    found = subscription(latest_invoice=billed("paid"))
    world.on("GET", "/v1/subscriptions/sub_1", found).on("GET", "/v1/subscriptions", listing(found))
    read = world.run(world.provider.get_subscription("sub_1"))
    assert read is not None
    assert read.paid_through == at(END)
    assert [each.paid_through for each in world.run(world.provider.list_subscriptions("cus_1"))] == [at(END)]
    asked = [request.query["expand[0]"] for request in world.server.seen]
    assert asked == ["latest_invoice", "data.latest_invoice"]
