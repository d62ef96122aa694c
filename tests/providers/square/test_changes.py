"""Changing subscriptions: what Square schedules, and what it does not know."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import Capability, SubscriptionStatus
from paylattice.errors import Conflict, InvalidRequest, NotFound, UnsupportedOperation
from paylattice.models import ScheduledChange

from .samples import action, invoice, phase, subscription, variation
from .samples import plan as catalogue_plan
from .support import World, missing, refusal

BASE = "/v2/subscriptions/SUB1"
AT = datetime(2026, 10, 5, 7, tzinfo=UTC)


@pytest.fixture
def there(world: World) -> World:
    world.always("GET", BASE, {"subscription": subscription()})
    world.always("GET", "/v2/invoices/inv%3A0-1", {"invoice": invoice()})
    world.always("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.always("GET", "/v2/catalog/object/VAR2", {"object": variation(phase(4900), id="VAR2")})
    return world


def sub(**changes: Any) -> dict[str, Any]:
    return {"subscription": subscription(**changes)}


def test_a_cancellation_is_a_date_and_the_subscription_stays_active(there: World) -> None:
    there.on("POST", f"{BASE}/cancel", {**sub(canceled_date="2026-10-04"), "actions": [action("CANCEL")]})
    found = there.run(there.provider.cancel_subscription("SUB1", at_period_end=True))
    assert (found.status, found.raw_status) == (SubscriptionStatus.ACTIVE, "ACTIVE")
    assert (found.cancel_at, found.cancel_scheduled) == (AT, True)
    assert found.scheduled_changes == (ScheduledChange("cancel", AT),)
    assert there.server.only("POST").body is None


@pytest.mark.parametrize("dated", [{}, {"canceled_date": "2026-09-21"}])
def test_a_cancellation_that_takes_effect_at_once_is_done(there: World, dated: dict[str, Any]) -> None:
    """As of one that was never billed."""
    there.on("POST", f"{BASE}/cancel", sub(status="CANCELED", **dated))
    found = there.run(there.provider.cancel_subscription("SUB1", at_period_end=True))
    assert found.status is SubscriptionStatus.CANCELED
    there.server.only("POST")


def test_canceling_now_is_not_offered_and_says_what_to_do(there: World) -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        there.run(there.provider.cancel_subscription("SUB1"))
    assert "at_period_end=True" in str(caught.value.alternative)
    assert there.server.seen == []


@pytest.mark.parametrize(
    "changes",
    [{"canceled_date": "2026-10-04"}, {"actions": [action("CANCEL")]}, {"status": "CANCELED"}, {"status": "COMPLETED"}],
)
def test_what_ends_already_is_answered_as_it_is(there: World, changes: dict[str, Any]) -> None:
    there.always("GET", BASE, sub(**changes))
    there.run(there.provider.cancel_subscription("SUB1", at_period_end=True))
    assert there.server.writes == []


def test_a_cancellation_is_taken_back_by_its_action(there: World) -> None:
    there.always("GET", BASE, sub(canceled_date="2026-10-04", actions=[action("CANCEL"), action("PAUSE")]))
    there.on("DELETE", f"{BASE}/actions/ACT-CANCEL", sub())
    found = there.run(there.provider.uncancel_subscription("SUB1"))
    assert found.cancel_at is None
    assert [change.action for change in found.scheduled_changes] == ["pause"]


def test_taking_back_what_does_not_end_sends_nothing(there: World) -> None:
    assert there.run(there.provider.uncancel_subscription("SUB1")).cancel_at is None
    assert there.server.writes == []


@pytest.mark.parametrize(
    "operation", ["uncancel_subscription", "pause_subscription", "resume_subscription", "change_subscription"]
)
def test_what_has_ended_is_not_changed(there: World, operation: str) -> None:
    there.always("GET", BASE, sub(status="CANCELED"))
    arguments = {"plan_id": "VAR2"} if operation == "change_subscription" else {}
    with pytest.raises(Conflict, match="has ended") as caught:
        there.run(getattr(there.provider, operation)("SUB1", **arguments))
    assert not caught.value.retryable
    assert there.server.writes == []


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("cancel_subscription", {"at_period_end": True}),
        ("uncancel_subscription", {}),
        ("change_subscription", {"plan_id": "VAR2"}),
        ("pause_subscription", {}),
        ("resume_subscription", {}),
    ],
)
def test_changing_what_does_not_exist_is_not_found(there: World, operation: str, arguments: dict[str, Any]) -> None:
    there.always("GET", BASE, missing())
    with pytest.raises(NotFound):
        there.run(getattr(there.provider, operation)("SUB1", **arguments))


def test_a_pause_begins_with_the_next_period(there: World) -> None:
    there.on("POST", f"{BASE}/pause", {**sub(), "actions": [action("PAUSE")]})
    found = there.run(there.provider.pause_subscription("SUB1"))
    assert found.status is SubscriptionStatus.ACTIVE
    assert found.collection_paused
    assert found.scheduled_changes == (ScheduledChange("pause", AT),)


@pytest.mark.parametrize("changes", [{"status": "PAUSED"}, {"status": "DEACTIVATED"}, {"actions": [action("PAUSE")]}])
def test_pausing_twice_is_no_error(there: World, changes: dict[str, Any]) -> None:
    there.always("GET", BASE, sub(**changes))
    there.run(there.provider.pause_subscription("SUB1"))
    assert there.server.writes == []


def test_a_pause_that_has_not_begun_is_taken_back(there: World) -> None:
    there.always("GET", BASE, sub(actions=[action("PAUSE")]))
    there.on("DELETE", f"{BASE}/actions/ACT-PAUSE", sub())
    found = there.run(there.provider.resume_subscription("SUB1"))
    assert not found.collection_paused
    assert found.scheduled_changes == ()


@pytest.mark.parametrize("status", ["PAUSED", "DEACTIVATED"])
def test_what_is_stopped_resumes_today_where_it_is(there: World, status: str) -> None:
    there.now = datetime(2026, 9, 22, 3, tzinfo=UTC).timestamp()  # still the 21st in Los Angeles
    there.always("GET", BASE, sub(status=status))
    there.on(
        "POST", f"{BASE}/resume", {**sub(status=status), "actions": [action("RESUME", effective_date="2026-09-21")]}
    )
    found = there.run(there.provider.resume_subscription("SUB1"))
    assert there.server.only("POST").body == {
        "resume_effective_date": "2026-09-21",
        "resume_change_timing": "IMMEDIATE",
    }
    assert [change.action for change in found.scheduled_changes] == ["resume"]


def test_resuming_what_is_not_paused_or_resumes_already_is_no_error(there: World) -> None:
    there.run(there.provider.resume_subscription("SUB1"))
    there.always("GET", BASE, sub(status="PAUSED", actions=[action("RESUME", effective_date="2026-09-21")]))
    there.run(there.provider.resume_subscription("SUB1"))
    assert there.server.writes == []


def test_another_plan_comes_with_the_next_period(there: World) -> None:
    swap = action("SWAP_PLAN", new_plan_variation_id="VAR2")
    there.on("POST", f"{BASE}/swap-plan", {**sub(), "actions": [swap]})
    change = there.run(there.provider.change_subscription("SUB1", plan_id="VAR2"))
    assert change.approval_url is None
    assert change.subscription.plan_id == "VAR1"
    assert change.subscription.scheduled_changes == (ScheduledChange("change_plan", AT, "VAR2"),)
    assert there.server.only("POST").body == {"new_plan_variation_id": "VAR2"}


def test_an_answer_that_has_the_new_plan_already_is_taken(there: World) -> None:
    there.on("POST", f"{BASE}/swap-plan", sub(plan_variation_id="VAR2"))
    change = there.run(there.provider.change_subscription("SUB1", plan_id="VAR2"))
    assert change.subscription.plan_id == "VAR2"


def test_a_second_change_replaces_the_first(there: World) -> None:
    first = sub(actions=[action("SWAP_PLAN", new_plan_variation_id="VAR3")])
    there.on("GET", BASE, first, sub())
    there.on("DELETE", f"{BASE}/actions/ACT-SWAP_PLAN", sub())
    second = {**sub(), "actions": [action("SWAP_PLAN", id="ACT2", new_plan_variation_id="VAR2")]}
    there.on("POST", f"{BASE}/swap-plan", second)
    change = there.run(there.provider.change_subscription("SUB1", plan_id="VAR2"))
    assert [scheduled.plan_id for scheduled in change.subscription.scheduled_changes] == ["VAR2"]


@pytest.mark.parametrize(
    ("changes", "plan_id"), [({}, "VAR1"), ({"actions": [action("SWAP_PLAN", new_plan_variation_id="VAR2")]}, "VAR2")]
)
def test_a_change_to_what_it_is_or_will_be_sends_nothing(there: World, changes: dict[str, Any], plan_id: str) -> None:
    there.always("GET", BASE, sub(**changes))
    there.run(there.provider.change_subscription("SUB1", plan_id=plan_id))
    assert there.server.writes == []


def test_a_quantity_is_refused_with_the_reason(there: World) -> None:
    with pytest.raises(InvalidRequest, match="no quantity") as caught:
        there.run(there.provider.change_subscription("SUB1", quantity=3))
    assert caught.value.param == "quantity"
    with pytest.raises(InvalidRequest, match="no quantity"):
        there.run(there.provider.change_subscription("SUB1", plan_id="VAR2", quantity=2))
    assert there.run(there.provider.change_subscription("SUB1", quantity=1)).subscription.quantity == 1
    assert there.server.writes == []


def test_a_change_of_nothing_is_refused(there: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        there.run(there.provider.change_subscription("SUB1"))
    assert caught.value.param == "plan_id"


@pytest.mark.parametrize(
    "answer",
    [
        missing(),
        {"object": {"type": "ITEM", "id": "VAR3"}},
        {"object": variation({"cadence": "MONTHLY", "pricing": {"type": "RELATIVE"}}, id="VAR3")},
    ],
)
def test_a_plan_that_cannot_be_changed_to_is_refused(there: World, answer: object) -> None:
    there.on("GET", "/v2/catalog/object/VAR3", answer)
    there.always("POST", "/v2/catalog/batch-retrieve", {"objects": [catalogue_plan()]})  # which sells all items
    with pytest.raises(InvalidRequest) as caught:
        there.run(there.provider.change_subscription("SUB1", plan_id="VAR3"))
    assert caught.value.param == "plan_id"
    assert there.server.writes == []


def test_an_answer_that_leaves_things_out_does_not_take_them_away(there: World) -> None:
    sparse = {"id": "SUB1", "customer_id": "CUST1", "status": "ACTIVE", "plan_variation_id": "VAR1"}
    there.on("POST", f"{BASE}/pause", {"subscription": sparse, "actions": [action("PAUSE")]})
    found = there.run(there.provider.pause_subscription("SUB1"))
    assert found.current_period_end == AT
    assert found.status is SubscriptionStatus.ACTIVE


def test_an_answer_that_does_not_show_the_change_is_looked_into(there: World) -> None:
    there.on("POST", f"{BASE}/cancel", sub())
    there.on("GET", BASE, sub(), sub(canceled_date="2026-10-04"))
    found = there.run(there.provider.cancel_subscription("SUB1", at_period_end=True))
    assert found.cancel_at == AT


def test_what_cannot_be_read_before_keeps_the_change_from_being_sent(there: World) -> None:
    there.always("GET", "/v2/invoices/inv%3A0-1", refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"))
    with pytest.raises(Exception, match="permission"):
        there.run(there.provider.pause_subscription("SUB1"))
    assert there.server.writes == []


def test_unsupported_reasons_are_about_what_is_not_declared() -> None:
    provider = World().provider
    assert set(provider.unsupported) == set(Capability) - provider.capabilities


def test_usage_is_refused_with_what_to_do_instead(there: World) -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        there.run(there.provider.create_usage_record("SUB1", 3))
    assert "create_payment" in str(caught.value.alternative)
