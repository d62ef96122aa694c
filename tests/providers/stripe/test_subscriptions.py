"""Subscriptions: reading, canceling, changing, pausing."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import httpx
import pytest

from paylattice import SubscriptionStatus
from paylattice.errors import (
    InvalidRequest,
    InvalidResponse,
    NetworkError,
    NetworkOutcomeUnknown,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    ResponseOutcomeUnknown,
)

from .samples import END, START, invoice, item, metered_item, metered_price, price, subscription
from .support import World, listing, missing, refusal

PATH = "/v1/subscriptions/sub_1"
flexible = {"billing_mode": {"type": "flexible"}}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_subscription_is_read(world: World) -> None:
    world.on("GET", PATH, subscription())
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.id, found.customer_id, found.status) == ("sub_1", "cus_1", SubscriptionStatus.ACTIVE)
    assert (found.plan_id, found.quantity) == ("price_pro", 3)
    assert (found.current_period_start, found.current_period_end) == (at(START), at(END))
    assert [line.id for line in found.items] == ["si_1"]
    assert (found.cancel_at, found.canceled_at, found.collection_paused) == (None, None, False)


def test_a_missing_subscription_is_none(world: World) -> None:
    world.on("GET", PATH, missing())
    assert world.run(world.provider.get_subscription("sub_1")) is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_main_item_is_chosen_by_what_it_is_and_not_by_its_place(world: World, order: tuple[int, ...]) -> None:
    seats = item(id="si_seats", created=START + 5, quantity=9, price=price(id="price_seats", unit_amount=900))
    three = [metered_item(created=START - 5), item(created=START), seats]
    world.on("GET", PATH, subscription(*(three[place] for place in order)))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.plan_id, found.quantity, len(found.items)) == ("price_pro", 3, 3)


@pytest.mark.parametrize("turned", [False, True])
def test_of_items_that_came_together_the_dearest_is_the_main_one(world: World, *, turned: bool) -> None:
    cheap = item(id="si_a", created=START, price=price(id="price_extra", unit_amount=100))
    dear = item(id="si_b", created=START, price=price(id="price_base", unit_amount=5000))
    world.on("GET", PATH, subscription(*((dear, cheap) if turned else (cheap, dear))))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert found.plan_id == "price_base"


def test_a_subscription_of_metered_items_alone_has_the_plan_of_the_oldest_and_no_quantity(world: World) -> None:
    newer = metered_item(id="si_new", created=START + 9, price=metered_price(id="price_new"))
    world.on("GET", PATH, subscription(newer, metered_item(created=START)))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.plan_id, found.quantity) == (metered_item()["price"]["id"], None)


def test_all_items_are_read_when_stripe_embeds_only_the_first(world: World) -> None:
    short = subscription(items={"object": "list", "data": [item()], "has_more": True})
    world.on("GET", PATH, short)
    world.on("GET", "/v1/subscription_items", listing(item(), more=True), listing(metered_item()))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert [(line.id, line.quantity, line.metered) for line in found.items] == [
        ("si_1", 3, False),
        ("si_calls", None, True),
    ]
    assert [request.query for request in world.server.seen[1:]] == [
        {"subscription": "sub_1", "limit": "100"},
        {"subscription": "sub_1", "limit": "100", "starting_after": "si_1"},
    ]


def test_ended_subscriptions_are_listed_too_newest_first(world: World) -> None:
    ended = subscription(id="sub_0", status="canceled", ended_at=START + 9)
    world.on("GET", "/v1/subscriptions", listing(subscription(), more=True), listing(ended))
    found = world.run(world.provider.list_subscriptions("cus_1"))
    assert [one.id for one in found] == ["sub_1", "sub_0"]
    assert world.server.seen[0].query == {
        "customer": "cus_1",
        "status": "all",
        "limit": "100",
        "expand[0]": "data.latest_invoice",
    }


def test_canceling_now_reads_first_and_sends_the_reason(world: World) -> None:
    world.on("GET", PATH, subscription())
    world.on("DELETE", PATH, subscription(status="canceled", canceled_at=START + 9, ended_at=START + 9))
    ended = world.run(world.provider.cancel_subscription("sub_1", reason="too dear"))
    assert ended.status is SubscriptionStatus.CANCELED
    assert ended.cancel_at == at(START + 9)
    sent = world.server.only("DELETE")
    assert sent.query == {"cancellation_details[comment]": "too dear"}
    assert sent.key is None


@pytest.mark.parametrize("at_period_end", [False, True])
@pytest.mark.parametrize("status", ["canceled", "incomplete_expired"])
def test_canceling_what_has_ended_answers_it_as_it_is(world: World, status: str, at_period_end: bool) -> None:
    world.on("GET", PATH, subscription(status=status, ended_at=START))
    ended = world.run(world.provider.cancel_subscription("sub_1", at_period_end=at_period_end))
    assert ended.status.is_terminal
    assert world.server.calls == [("GET", PATH)]


def test_a_cancellation_whose_answer_is_lost_is_looked_up(world: World) -> None:
    world.on("GET", PATH, subscription(), subscription(status="canceled", ended_at=START))
    world.on("DELETE", PATH, httpx.ReadTimeout("lost"))
    assert world.run(world.provider.cancel_subscription("sub_1")).status is SubscriptionStatus.CANCELED
    assert world.server.calls == [("GET", PATH), ("DELETE", PATH), ("GET", PATH)]


def test_somebody_else_may_cancel_in_between(world: World) -> None:
    world.on("GET", PATH, subscription(), subscription(status="canceled", ended_at=START))
    world.on("DELETE", PATH, missing())
    assert world.run(world.provider.cancel_subscription("sub_1")).status is SubscriptionStatus.CANCELED


def test_a_cancellation_that_may_have_failed_is_recovered_by_looking_again(world: World) -> None:
    world.on("GET", PATH, subscription(), subscription(), subscription(status="canceled", ended_at=START))
    world.on("DELETE", PATH, refusal(500))
    with pytest.raises(OutcomeUnknown) as caught:
        world.run(world.provider.cancel_subscription("sub_1"))
    recovered = world.run(world.provider.recover(caught.value))
    assert getattr(recovered, "status") is SubscriptionStatus.CANCELED  # noqa: B009 - recover() answers an object
    assert world.server.calls.count(("DELETE", PATH)) == 1


def test_a_cancellation_stays_unknown_when_the_state_cannot_be_read() -> None:
    world = World("blocking", attempts=1)
    world.on("GET", PATH, subscription(), httpx.ConnectError("down")).on("DELETE", PATH, httpx.ReadTimeout("lost"))
    with pytest.raises(NetworkOutcomeUnknown):
        world.run(world.provider.cancel_subscription("sub_1"))


def test_canceling_a_missing_subscription_is_not_found(world: World) -> None:
    world.on("GET", PATH, missing())
    with pytest.raises(NotFound):
        world.run(world.provider.cancel_subscription("sub_1"))


def test_canceling_at_the_period_end_keeps_the_key(world: World) -> None:
    world.on("GET", PATH, subscription())
    world.on("POST", PATH, subscription(cancel_at_period_end=True, canceled_at=START + 1))
    ending = world.run(
        world.provider.cancel_subscription("sub_1", at_period_end=True, reason="moving", idempotency_key="end")
    )
    assert (ending.status, ending.cancel_at, ending.cancel_scheduled) == (SubscriptionStatus.ACTIVE, at(END), True)
    sent = world.server.only("POST")
    assert sent.form == {"cancel_at_period_end": "true", "cancellation_details[comment]": "moving"}
    assert sent.key == "end"


def change(world: World, **asked: Any) -> Any:
    return world.run(world.provider.change_subscription("sub_1", idempotency_key="change", **asked))


def test_a_change_of_plan_keeps_item_and_quantity(world: World) -> None:
    world.on("GET", "/v1/prices/price_max", price(id="price_max")).on("GET", PATH, subscription())
    world.on("POST", PATH, subscription(item(price=price(id="price_max"))))
    changed = change(world, plan_id="price_max")
    assert (changed.subscription.plan_id, changed.approval_url) == ("price_max", None)
    sent = world.server.only("POST")
    assert sent.form == {
        "items[0][id]": "si_1",
        "items[0][price]": "price_max",
        "items[0][quantity]": "3",
        "proration_behavior": "create_prorations",
        "expand[0]": "latest_invoice.confirmation_secret",
    }
    assert sent.key == "change"


def test_a_change_of_quantity_keeps_the_plan_and_can_go_without_proration(world: World) -> None:
    world.on("GET", PATH, subscription()).on("POST", PATH, subscription(item(quantity=9)))
    assert change(world, quantity=9, prorate=False).subscription.quantity == 9
    assert world.server.only("POST").form == {
        "items[0][id]": "si_1",
        "items[0][price]": "price_pro",
        "items[0][quantity]": "9",
        "proration_behavior": "none",
        "expand[0]": "latest_invoice.confirmation_secret",
    }


def test_a_change_to_a_metered_plan_sends_no_quantity(world: World) -> None:
    world.on("GET", "/v1/prices/price_calls", metered_price()).on("GET", PATH, subscription())
    world.on("POST", PATH, subscription(metered_item()))
    assert change(world, plan_id="price_calls").subscription.quantity is None
    assert "items[0][quantity]" not in world.server.only("POST").form


def test_seats_beside_a_metered_item_can_be_changed(world: World) -> None:
    world.on("GET", PATH, subscription(metered_item(), item())).on("POST", PATH, subscription(metered_item(), item()))
    change(world, quantity=9)
    assert world.server.only("POST").form["items[0][id]"] == "si_1"


def test_a_metered_plan_replaces_the_metered_item(world: World) -> None:
    world.on("GET", "/v1/prices/price_bytes", metered_price(id="price_bytes"))
    world.on("GET", PATH, subscription(item(), metered_item())).on("POST", PATH, subscription())
    change(world, plan_id="price_bytes")
    assert world.server.only("POST").form["items[0][id]"] == "si_calls"


@pytest.mark.parametrize(
    ("items", "asked", "param"),
    [
        ([item(), item(id="si_2")], {"quantity": 9}, "subscription_id"),
        ([item(id=None)], {"quantity": 9}, "subscription_id"),
        ([metered_item()], {"quantity": 9}, "quantity"),
    ],
)
def test_a_change_that_makes_no_sense_is_not_sent(
    world: World, items: list[dict[str, Any]], asked: dict[str, Any], param: str
) -> None:
    world.on("GET", PATH, subscription(*items))
    with pytest.raises(InvalidRequest) as caught:
        change(world, **asked)
    assert caught.value.param == param
    assert all(method == "GET" for method, _ in world.server.calls)


def test_a_change_of_nothing_is_not_sent(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        change(world)
    assert caught.value.param == "plan_id"
    assert world.server.seen == []


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"plan_id": "price_pro"}, "plan_id"),
        ({"plan_id": "price_pro", "quantity": 3}, "plan_id"),
        ({"quantity": 3}, "quantity"),
    ],
)
def test_a_change_to_the_same_is_refused(world: World, asked: dict[str, Any], param: str) -> None:
    world.on("GET", PATH, subscription()).on("POST", PATH, subscription())
    if "plan_id" in asked:
        world.on("GET", "/v1/prices/price_pro", price())
    with pytest.raises(InvalidRequest, match="already") as caught:
        change(world, **asked)
    assert caught.value.param == param


def test_the_repetition_of_a_change_that_was_made_answers_it() -> None:
    world = World("blocking", attempts=1)
    changed = subscription(item(price=price(id="price_max")))
    world.on("GET", "/v1/prices/price_max", price(id="price_max")).on("GET", PATH, subscription(), changed)
    world.on("POST", PATH, httpx.ReadTimeout("lost"))
    world.on("POST", PATH, httpx.Response(200, json=changed, headers={"Idempotent-Replayed": "true"}))
    with pytest.raises(NetworkOutcomeUnknown) as caught:
        change(world, plan_id="price_max")
    recovered: Any = world.run(world.provider.recover(caught.value))
    assert recovered.subscription.plan_id == "price_max"
    assert recovered.subscription.replayed
    first, second = [request for request in world.server.seen if request.method == "POST"]
    assert (first.key, first.form) == (second.key, second.form)


def test_changing_to_a_plan_that_does_not_exist_is_refused(world: World) -> None:
    world.on("GET", PATH, subscription()).on("GET", "/v1/prices/price_max", missing())
    with pytest.raises(InvalidRequest) as caught:
        change(world, plan_id="price_max")
    assert caught.value.param == "plan_id"


def test_the_rest_of_the_items_must_be_read_for_a_change_to_be_told(world: World) -> None:
    world.on("GET", PATH, subscription()).on("POST", PATH, subscription(items={"data": [item()], "has_more": True}))
    world.on("GET", "/v1/subscription_items", httpx.Response(200, text="<html>"))
    with pytest.raises(ResponseOutcomeUnknown):
        change(world, quantity=9)


def test_classic_billing_pauses_the_collection(world: World) -> None:
    world.on("GET", PATH, subscription()).on("POST", PATH, subscription(pause_collection={"behavior": "void"}))
    paused = world.run(world.provider.pause_subscription("sub_1", idempotency_key="p"))
    assert (paused.status, paused.collection_paused) == (SubscriptionStatus.ACTIVE, True)
    sent = world.server.only("POST")
    assert sent.form == {"pause_collection[behavior]": "void"}
    assert sent.key == "p"


def test_flexible_billing_pauses_the_subscription(world: World) -> None:
    world.on("GET", PATH, subscription(**flexible))
    world.on("POST", f"{PATH}/pause", subscription(status="paused", **flexible))
    assert world.run(world.provider.pause_subscription("sub_1")).status is SubscriptionStatus.PAUSED
    assert world.server.only("POST").form == {"type": "subscription"}


@pytest.mark.parametrize("state", [{"status": "paused", **flexible}, {"pause_collection": {"behavior": "void"}}])
def test_pausing_twice_is_no_error(world: World, state: dict[str, Any]) -> None:
    world.on("GET", PATH, subscription(**state))
    world.run(world.provider.pause_subscription("sub_1"))
    assert world.server.calls == [("GET", PATH)]


def test_collection_is_resumed(world: World) -> None:
    world.on("GET", PATH, subscription(pause_collection={"behavior": "void"})).on("POST", PATH, subscription())
    assert not world.run(world.provider.resume_subscription("sub_1")).collection_paused
    assert world.server.only("POST").form == {"pause_collection": ""}


@pytest.mark.parametrize("mode", [flexible, {}])
def test_a_paused_subscription_is_resumed(world: World, mode: dict[str, Any]) -> None:
    world.on("GET", PATH, subscription(status="paused", **mode)).on("POST", f"{PATH}/resume", subscription(**mode))
    assert world.run(world.provider.resume_subscription("sub_1")).status is SubscriptionStatus.ACTIVE
    assert world.server.only("POST").form == {}


def test_resuming_what_is_not_paused_is_no_error(world: World) -> None:
    world.on("GET", PATH, subscription())
    world.run(world.provider.resume_subscription("sub_1"))
    assert world.server.calls == [("GET", PATH)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cancel_at": END + 7}, at(END + 7)),
        ({"cancel_at_period_end": True}, at(END)),
        ({"cancel_at_period_end": True, "cancel_at": END + 7}, at(END + 7)),
        ({"status": "canceled", "cancel_at": END + 7, "canceled_at": START, "ended_at": START + 1}, at(START + 1)),
        ({"status": "canceled", "cancel_at_period_end": True, "canceled_at": START}, at(START)),
        ({"status": "incomplete_expired", "cancel_at_period_end": True}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_subscription_is_never_ahead_of_one_that_has_ended(
    world: World, changes: dict[str, Any], expected: datetime | None
) -> None:
    world.on("GET", PATH, subscription(**changes))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert found.cancel_at == expected


def test_periods_of_several_items_are_their_common_part(world: World) -> None:
    longer = item(id="si_2", current_period_start=START + 5, current_period_end=END + 5)
    world.on("GET", PATH, subscription(item(), longer))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.current_period_start, found.current_period_end) == (at(START + 5), at(END))


def test_a_subscription_of_an_old_version_is_read_too(world: World) -> None:
    old = subscription(
        {"id": "si_1", "plan": {"id": "plan_old", "usage_type": "licensed"}, "quantity": 2},
        current_period_start=START,
        current_period_end=END,
        customer={"id": "cus_1", "object": "customer"},
    )
    world.on("GET", PATH, old)
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.plan_id, found.quantity, found.customer_id) == ("plan_old", 2, "cus_1")
    assert found.current_period_end == at(END)


def test_a_subscription_without_items_falls_back_on_its_plan(world: World) -> None:
    world.on("GET", PATH, subscription(items=None, plan={"id": "plan_old"}, quantity=4))
    found = world.run(world.provider.get_subscription("sub_1"))
    assert found is not None
    assert (found.plan_id, found.quantity, found.items) == ("plan_old", 4, ())


def test_a_list_with_a_broken_element_is_an_invalid_response(world: World) -> None:
    world.on("GET", "/v1/subscriptions", listing(subscription(), 7), {"data": {}}, listing(subscription(id=None)))
    for _ in range(3):
        with pytest.raises(InvalidResponse):
            world.run(world.provider.list_subscriptions("cus_1"))


def test_a_failure_before_the_write_is_no_unknown_outcome() -> None:
    world = World("blocking", attempts=1)
    world.on("GET", PATH, httpx.ReadTimeout("lost"))
    with pytest.raises(NetworkError) as caught:
        world.run(world.provider.cancel_subscription("sub_1", at_period_end=True))
    assert not caught.value.outcome_unknown


RELEASE = "/v1/subscription_schedules/sub_sched_1/release"
managed = {"schedule": "sub_sched_1"}


def test_a_schedule_that_somebody_else_released_in_between_is_no_error(world: World) -> None:
    world.on("GET", PATH, subscription(**managed), subscription()).on("POST", RELEASE, refusal(400))
    world.on("POST", PATH, refusal(400), subscription(cancel_at_period_end=True))
    ending = world.run(world.provider.cancel_subscription("sub_1", at_period_end=True, idempotency_key="end"))
    assert ending.cancel_scheduled
    asked, released, ended = [request for request in world.server.seen if request.method == "POST"]
    assert asked.key == "end"
    assert len({asked.key, released.key, ended.key, None}) == 4, "Stripe keeps the refusal under the first key"


def test_a_cancellation_that_is_refused_leaves_what_a_schedule_had_planned(world: World) -> None:
    world.on("GET", PATH, *[subscription(**managed)] * 3)
    world.on("POST", PATH, refusal(400, param="cancellation_details[comment]"))
    world.on("DELETE", PATH, refusal(400, param="cancellation_details[comment]"), refusal(403))
    for at_period_end, error in ((True, InvalidRequest), (False, InvalidRequest), (False, PermissionDenied)):
        with pytest.raises(error):
            world.run(world.provider.cancel_subscription("sub_1", at_period_end=at_period_end, reason="moving"))
    assert ("POST", RELEASE) not in world.server.calls


def test_a_cancellation_is_repeated_under_its_key_after_the_schedule_was_released_and_the_answer_was_lost(
    world: World,
) -> None:
    """Stripe answers the first key with the refusal that it keeps."""
    world.on("GET", PATH, subscription()).on("POST", PATH, refusal(400), subscription(cancel_at_period_end=True))
    ending = world.run(world.provider.cancel_subscription("sub_1", at_period_end=True, idempotency_key="end"))
    assert ending.cancel_scheduled


def test_what_ends_with_its_schedule_leaves_no_schedule(world: World) -> None:
    world.on("GET", PATH, subscription(**managed)).on("DELETE", PATH, subscription(status="canceled"))
    world.on("POST", RELEASE, refusal(400))
    assert world.run(world.provider.cancel_subscription("sub_1")).status is SubscriptionStatus.CANCELED
    assert ("POST", RELEASE) in world.server.calls


def test_a_change_that_is_refused_leaves_what_a_schedule_had_planned(world: World) -> None:
    world.on("GET", PATH, subscription(**managed)).on("POST", PATH, refusal(400))
    world.on("GET", "/v1/subscription_schedules/sub_sched_1", {"id": "sub_sched_1", "status": "active"})
    with pytest.raises(InvalidRequest):
        world.run(world.provider.change_subscription("sub_1", quantity=5))
    assert ("POST", RELEASE) not in world.server.calls


def test_a_schedule_that_cannot_be_released_keeps_the_subscription_as_it_is(world: World) -> None:
    world.on("GET", PATH, subscription(**managed), subscription(**managed)).on("POST", RELEASE, refusal(400))
    world.on("DELETE", PATH, refusal(400))
    with pytest.raises(InvalidRequest):
        world.run(world.provider.cancel_subscription("sub_1"))
    assert world.server.calls.count(("DELETE", PATH)) == 1


@pytest.mark.parametrize(("status", "collected"), [("paid", True), ("void", True), ("open", False)])
def test_an_invoice_that_was_paid_in_between_does_not_keep_the_newer_ones_from_being_paid(
    world: World, status: str, collected: bool
) -> None:
    owed = listing({"id": "in_2", "status": "open"}, {"id": "in_1", "status": "open"})
    world.on("GET", "/v1/invoices", owed).on("POST", "/v1/invoices/in_1/pay", refusal(400))
    world.on("GET", "/v1/invoices/in_1", invoice(id="in_1", status=status))
    call = world.provider.bill_outstanding("sub_1", idempotency_key="bill")
    if collected:
        world.on("POST", "/v1/invoices/in_2/pay", invoice(id="in_2")).on("GET", PATH, subscription())
        assert world.run(call).id == "sub_1"
    else:
        with pytest.raises(InvalidRequest):
            world.run(call)
    assert (("POST", "/v1/invoices/in_2/pay") in world.server.calls) is collected


@pytest.mark.parametrize(("status", "voided"), [("paid", True), ("void", True), ("open", False)])
def test_an_invoice_that_was_paid_in_between_is_not_voided(world: World, status: str, voided: bool) -> None:
    ended = subscription(status="canceled", ended_at=START + 9)
    world.on("GET", PATH, ended).on("GET", "/v1/invoices", listing({"id": "in_1", "created": START}))
    world.on("POST", "/v1/invoices/in_1/void", refusal(400))
    world.on("GET", "/v1/invoices/in_1", {"id": "in_1", "status": status})
    call = world.provider.cancel_subscription("sub_1", void_open_invoices=True)
    if voided:
        assert world.run(call).status is SubscriptionStatus.CANCELED
    else:
        with pytest.raises(ResponseOutcomeUnknown, match="not all of its open invoices"):
            world.run(call)
