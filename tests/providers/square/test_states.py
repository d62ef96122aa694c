"""What a subscription is: its status by Square's word, its phases and its invoices."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import SubscriptionStatus
from paylattice.errors import InvalidResponse, PermissionDenied
from paylattice.models import ScheduledChange
from paylattice.providers.square.catalog import variation_from
from paylattice.providers.square.states import Known, status_of, subscription_from

from .samples import action, invoice, payment_request, phase, subscription, unpaid, variation
from .support import World, missing, refusal

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)
LATER, EARLIER = "2026-10-20", "2026-09-20"


def status(*invoices: dict[str, Any], plan: dict[str, Any] | None = None, **changes: Any) -> SubscriptionStatus:
    ids = [f"inv:{number}" for number in range(len(invoices))]
    known = Known(NOW, variation_from(plan or variation()), invoices)
    return status_of(subscription(**{"invoice_ids": ids, **changes}), known)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("PENDING", SubscriptionStatus.INCOMPLETE),
        ("ACTIVE", SubscriptionStatus.ACTIVE),
        ("PAUSED", SubscriptionStatus.PAUSED),
        ("DEACTIVATED", SubscriptionStatus.PAUSED),
        ("CANCELED", SubscriptionStatus.CANCELED),
        ("COMPLETED", SubscriptionStatus.EXPIRED),
        ("A_WORD_OF_2031", SubscriptionStatus.UNKNOWN),
        (None, SubscriptionStatus.UNKNOWN),
    ],
)
def test_square_s_words(word: str | None, expected: SubscriptionStatus) -> None:
    assert status(invoice(), status=word) is expected
    assert subscription_from(subscription(status=word), Known(NOW)).raw_status == word


@pytest.mark.parametrize(
    ("invoices", "expected"),
    [
        ([invoice()], SubscriptionStatus.ACTIVE),
        ([invoice(status="REFUNDED")], SubscriptionStatus.ACTIVE),
        ([unpaid(due=EARLIER), invoice()], SubscriptionStatus.PAST_DUE),
        ([unpaid(due=LATER), invoice()], SubscriptionStatus.PAST_DUE),  # the card could not be charged
        ([unpaid(due=LATER, source="CARD_ON_FILE"), invoice()], SubscriptionStatus.ACTIVE),
        ([unpaid(due=EARLIER, status="PARTIALLY_PAID"), invoice()], SubscriptionStatus.PAST_DUE),
        ([invoice(status="SCHEDULED"), invoice()], SubscriptionStatus.ACTIVE),
        ([invoice(status="PAYMENT_PENDING"), unpaid(), invoice()], SubscriptionStatus.PAST_DUE),
        ([invoice(status="DRAFT"), invoice()], SubscriptionStatus.ACTIVE),
        ([invoice(status="CANCELED"), unpaid(due=EARLIER), invoice()], SubscriptionStatus.PAST_DUE),
        ([invoice(status="A_WORD_OF_2031"), invoice()], SubscriptionStatus.ACTIVE),
        ([unpaid(due=EARLIER)], SubscriptionStatus.INCOMPLETE),
        ([unpaid(due=EARLIER), unpaid(due=EARLIER)], SubscriptionStatus.INCOMPLETE),
        ([invoice(status="PAYMENT_PENDING")], SubscriptionStatus.INCOMPLETE),
        ([], SubscriptionStatus.ACTIVE),
    ],
)
def test_an_active_one_is_what_its_invoices_say(invoices: list[dict[str, Any]], expected: SubscriptionStatus) -> None:
    assert status(*invoices) is expected


@pytest.mark.parametrize(
    ("invoices", "expected"),
    [
        ([], SubscriptionStatus.INCOMPLETE),
        ([unpaid(due=LATER)], SubscriptionStatus.INCOMPLETE),
        ([unpaid(due=EARLIER)], SubscriptionStatus.INCOMPLETE),
        ([invoice()], SubscriptionStatus.ACTIVE),
        ([unpaid(due=LATER), invoice()], SubscriptionStatus.ACTIVE),
        ([unpaid(due=EARLIER), invoice()], SubscriptionStatus.PAST_DUE),
        ([unpaid(due=LATER), unpaid(due=EARLIER), invoice()], SubscriptionStatus.PAST_DUE),
    ],
)
def test_without_a_card_nobody_has_access_before_the_first_invoice_is_paid(
    invoices: list[dict[str, Any]], expected: SubscriptionStatus
) -> None:
    assert status(*invoices, card_id=None) is expected


def test_the_last_day_of_an_invoice_is_over_at_midnight_where_it_is() -> None:
    due_today = unpaid(due="2026-09-21", source="CARD_ON_FILE")
    assert status(due_today, invoice()) is SubscriptionStatus.ACTIVE
    in_kiritimati = unpaid(due="2026-09-21", source="CARD_ON_FILE", timezone="Pacific/Kiritimati")
    assert status(in_kiritimati, invoice()) is SubscriptionStatus.PAST_DUE


def test_a_free_phase_is_a_trial_as_long_as_it_lasts() -> None:
    free = variation(phase(0, "WEEKLY", periods=3), phase(1900, ordinal=1))
    assert status(plan=free) is SubscriptionStatus.TRIALING
    assert status(unpaid(due=EARLIER), plan=free) is SubscriptionStatus.TRIALING
    over = {"start_date": "2026-08-01"}
    assert status(invoice(), plan=free, **over) is SubscriptionStatus.ACTIVE
    assert status(unpaid(due=EARLIER), plan=free, **over) is SubscriptionStatus.PAST_DUE
    assert status(unpaid(due=LATER, source="CARD_ON_FILE"), plan=free, **over) is SubscriptionStatus.ACTIVE
    assert status(plan=free, status="PENDING", start_date="2026-12-01") is SubscriptionStatus.INCOMPLETE


def test_a_relative_price_is_no_free_phase() -> None:
    relative = variation({"cadence": "MONTHLY", "ordinal": 0, "pricing": {"type": "RELATIVE"}})
    assert status(invoice(), plan=relative) is SubscriptionStatus.ACTIVE


# --- over the wire -----------------------------------------------------------------------------------------------


def laid_out(world: World, data: dict[str, Any], *invoices: Any, plan: Any = None) -> World:
    ids = [f"inv:{number}" for number in range(len(invoices))]
    world.on("GET", "/v2/subscriptions/SUB1", {"subscription": {**data, "invoice_ids": ids}})
    world.always("GET", "/v2/catalog/object/VAR1", plan or {"object": variation()})
    for number, one in enumerate(invoices):
        if one is not None:
            answer = one if not isinstance(one, dict) else {"invoice": one}
            world.on("GET", f"/v2/invoices/inv%3A{number}", answer)
    return world


def test_it_is_read_with_its_actions_and_as_many_invoices_as_it_takes(world: World) -> None:
    laid_out(world, subscription(), invoice(), None, None, None)
    found = world.run(world.provider.get_subscription("SUB1"))
    assert found is not None
    assert found.status is SubscriptionStatus.ACTIVE
    assert world.server.seen[0].query == {"include": "actions"}
    assert len(world.server.seen) == 3


def test_of_unpaid_invoices_the_newest_three_and_the_first_are_read(world: World) -> None:
    laid_out(world, subscription(), unpaid(), unpaid(), unpaid(), None, None, invoice())
    found = world.run(world.provider.get_subscription("SUB1"))
    assert found is not None
    assert found.status is SubscriptionStatus.PAST_DUE
    paths = [path for _, path in world.server.calls if "invoices" in path]
    assert paths == [f"/v2/invoices/inv%3A{number}" for number in (0, 1, 2, 5)]


def test_a_variation_is_asked_for_once(world: World) -> None:
    for _ in range(2):
        laid_out(world, subscription(), invoice())
        world.run(world.provider.get_subscription("SUB1"))
    assert world.server.calls.count(("GET", "/v2/catalog/object/VAR1")) == 1


def test_a_variation_that_is_gone_leaves_the_period_s_start_open(world: World) -> None:
    laid_out(world, subscription(), invoice(created_at=None), plan=missing())
    found = world.run(world.provider.get_subscription("SUB1"))
    assert found is not None
    assert (found.status, found.current_period_start) == (SubscriptionStatus.ACTIVE, None)


def test_what_cannot_be_read_is_an_error_and_not_a_guess(world: World) -> None:
    laid_out(world, subscription(), refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"))
    with pytest.raises(PermissionDenied):
        world.run(world.provider.get_subscription("SUB1"))


def test_an_ended_one_needs_nothing_more(world: World) -> None:
    laid_out(world, subscription(status="CANCELED", canceled_date="2026-09-10"), None)
    found = world.run(world.provider.get_subscription("SUB1"))
    assert found is not None
    assert found.status is SubscriptionStatus.CANCELED
    assert found.cancel_at == datetime(2026, 9, 11, 7, tzinfo=UTC)
    assert len(world.server.seen) == 1


def test_without_a_zone_of_its_own_it_has_the_location_s(world: World) -> None:
    laid_out(world, subscription(timezone=None), invoice())
    found = world.run(world.provider.get_subscription("SUB1"))
    assert found is not None
    assert found.current_period_end == datetime(2026, 10, 5, 7, tzinfo=UTC)


def test_a_subscription_that_does_not_exist_is_none(world: World) -> None:
    world.on("GET", "/v2/subscriptions/SUB1", missing())
    assert world.run(world.provider.get_subscription("SUB1")) is None


def test_another_subscription_than_was_asked_for_is_refused(world: World) -> None:
    laid_out(world, subscription(id="SUB2"), invoice())
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_subscription("SUB1"))


def test_scheduled_actions_are_shown() -> None:
    actions = [
        action("PAUSE", effective_date="2026-10-05"),
        action("RESUME", effective_date="2026-11-05"),
        action("SWAP_PLAN", new_plan_variation_id="VAR2"),
        action("CHANGE_BILLING_ANCHOR_DATE", monthly_billing_anchor_date=15, effective_date=None),
        action("A_WORD_OF_2031", effective_date="soon"),
    ]
    known = Known(NOW, variation_from(variation()), (invoice(),))
    found = subscription_from(subscription(actions=actions), known)
    at = datetime(2026, 10, 5, 7, tzinfo=UTC)
    assert found.scheduled_changes == (
        ScheduledChange("pause", at),
        ScheduledChange("resume", datetime(2026, 11, 5, 8, tzinfo=UTC)),
        ScheduledChange("change_plan", at, "VAR2"),
        ScheduledChange("change_billing_anchor"),
        ScheduledChange("a_word_of_2031"),
    )
    assert found.collection_paused
    assert not subscription_from(subscription(), known).collection_paused
    assert not subscription_from(subscription(status="PAUSED", actions=actions), known).collection_paused


@pytest.mark.parametrize("canceled", ["2026-10-04", "2026-10-05"])
def test_a_cancellation_takes_effect_with_the_period(canceled: str) -> None:
    known = Known(NOW, variation_from(variation()), (invoice(),))
    cancel = action("CANCEL", effective_date=canceled)
    found = subscription_from(subscription(canceled_date=canceled, actions=[cancel]), known)
    assert found.status is SubscriptionStatus.ACTIVE
    assert found.cancel_at == found.current_period_end == datetime(2026, 10, 5, 7, tzinfo=UTC)
    assert found.cancel_scheduled
    assert found.scheduled_changes[0].effective_at == found.cancel_at


def test_an_automatic_payment_has_no_due_date() -> None:
    from paylattice.providers.square.wire import invoice_from

    assert invoice_from(invoice()).due_date is None
    mailed = invoice_from(invoice(payment_requests=[payment_request(automatic_payment_source="NONE")]))
    assert mailed.due_date == datetime(2026, 9, 5, 7, tzinfo=UTC)


def test_a_plan_that_costs_nothing_for_good_is_no_trial() -> None:
    """A phase without ``periods`` does not end: https://developer.squareup.com/reference/square/objects/SubscriptionPhase."""
    for phases in ([phase(0)], [phase(0, periods=1), phase(0)], [phase(0, periods=12)]):
        plan = variation(*phases)
        assert status(plan=plan) is SubscriptionStatus.ACTIVE
        found = subscription_from(subscription(), Known(NOW, variation=variation_from(plan), invoices=()))
        assert (found.status, found.trial_end, found.payment_failed_at) == (SubscriptionStatus.ACTIVE, None, None)


def test_what_is_free_after_it_was_paid_for_is_no_trial() -> None:
    plan = variation(phase(1900, "WEEKLY", periods=1), phase(0, periods=6, ordinal=1))
    assert status(invoice(), plan=plan, start_date="2026-09-01") is SubscriptionStatus.ACTIVE
    goes_on = variation(
        phase(1900, "WEEKLY", periods=1), phase(0, periods=6, ordinal=1), phase(2900, ordinal=2, uid="PHASE3")
    )
    assert status(invoice(), plan=goes_on, start_date="2026-09-01") is SubscriptionStatus.TRIALING


def usd_price(amount: int) -> dict[str, Any]:
    return {"price_override_money": {"amount": amount, "currency": "USD"}}


def test_a_price_of_its_own_of_nothing_is_active_whatever_its_invoices_say() -> None:
    """https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions#override-the-subscription-price."""
    trial = variation(phase(0, "WEEKLY", periods=3), phase(1900, ordinal=1))
    for plan in (None, trial):
        assert status(plan=plan, card_id=None, **usd_price(0)) is SubscriptionStatus.ACTIVE
    known = Known(NOW, variation_from(trial), ())
    assert subscription_from(subscription(**usd_price(0)), known).trial_end is None
    assert status(plan=trial, **usd_price(500)) is SubscriptionStatus.TRIALING
    relative = variation({"cadence": "MONTHLY", "ordinal": 0, "pricing": {"type": "RELATIVE"}})
    assert status(plan=relative, card_id=None, **usd_price(0)) is SubscriptionStatus.INCOMPLETE


def test_a_price_of_its_own_is_told() -> None:
    known = Known(NOW, variation_from(variation()), (invoice(),))
    assert subscription_from(subscription(**usd_price(500)), known).plan_overridden
    assert not subscription_from(subscription(), known).plan_overridden


def test_the_end_of_a_plan_that_ends_by_itself_is_a_scheduled_change() -> None:
    """Square expects ``completed_date``, and may name the action, too."""
    known = Known(NOW, variation_from(variation()), (invoice(),))
    at = datetime(2026, 12, 5, 8, tzinfo=UTC)
    said = {"completed_date": "2026-12-05"}
    for changes in (said, {"actions": [action("COMPLETE", effective_date="2026-12-05")]}):
        for more in ({}, said):
            found = subscription_from(subscription(**{**changes, **more}), known)
            assert found.scheduled_changes == (ScheduledChange("complete", at),)
            assert (found.cancel_at, found.ended_at) == (None, None)
    ended = subscription_from(subscription(status="COMPLETED", completed_date="2026-09-05"), known)
    assert ended.scheduled_changes == ()
    assert ended.ended_at == datetime(2026, 9, 5, 7, tzinfo=UTC)


def test_one_that_is_canceled_at_once_has_not_ended_on_a_later_day() -> None:
    known = Known(NOW, variation_from(variation()), ())
    found = subscription_from(subscription(status="CANCELED", canceled_date="2026-10-04"), known)
    assert (found.status, found.ended_at) == (SubscriptionStatus.CANCELED, None)
    assert found.cancel_at == datetime(2026, 10, 5, 7, tzinfo=UTC), "up to when it is paid"
