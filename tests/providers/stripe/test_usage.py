"""Metered usage: from a subscription's item to an event of its price's meter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from paylattice.errors import InvalidRequest, InvalidResponse, NetworkOutcomeUnknown, NotFound, UnsupportedOperation
from tests.kit import NOW

from .samples import item, meter, metered_item, metered_price, price, subscription
from .support import World, missing, refusal

ITEM, METER, EVENTS = "/v1/subscription_items/si_calls", "/v1/billing/meters/mtr_1", "/v1/billing/meter_events"
accepted = {"object": "billing.meter_event", "identifier": "k", "event_name": "api_calls"}


def prepared(world: World, times: int = 1, **changes: Any) -> World:
    world.on("GET", ITEM, *[metered_item(**changes)] * times)
    world.on("GET", "/v1/subscriptions/sub_1", *[subscription(metered_item())] * times)
    return world.on("GET", METER, meter())


def report(world: World, quantity: int = 5, timestamp: datetime | None = None, key: str | None = "k") -> bool:
    return world.run(world.provider.create_usage_record("si_calls", quantity, timestamp, idempotency_key=key))


def test_usage_is_an_event_of_the_meter_about_the_customer(world: World) -> None:
    prepared(world).on("POST", EVENTS, accepted)
    when = datetime.fromtimestamp(NOW - 60, UTC)
    assert report(world, timestamp=when) is True
    sent = world.server.only("POST")
    assert sent.form == {
        "event_name": "api_calls",
        "payload[stripe_customer_id]": "cus_1",
        "payload[value]": "5",
        "timestamp": str(NOW - 60),
        "identifier": "k",
    }
    assert sent.key == "k"


def test_zero_is_usage_too_and_the_time_can_be_left_to_stripe(world: World) -> None:
    prepared(world).on("POST", EVENTS, accepted)
    assert report(world, 0) is True
    form = world.server.only("POST").form
    assert form["payload[value]"] == "0"
    assert "timestamp" not in form


def test_what_was_looked_up_is_remembered(world: World) -> None:
    prepared(world).on("POST", EVENTS, accepted, accepted)
    report(world, key="k1")
    report(world, key="k2")
    assert [method for method, _ in world.server.calls] == ["GET", "GET", "GET", "POST", "POST"]


def test_an_item_is_asked_for_again_after_five_minutes_and_its_meter_is_not(world: World) -> None:
    prepared(world, times=2).on("POST", EVENTS, accepted, accepted)
    report(world, key="k1")
    world.now += 301
    report(world, key="k2")
    assert world.server.calls.count(("GET", ITEM)) == 2
    assert world.server.calls.count(("GET", METER)) == 1


def test_a_change_of_plan_forgets_what_was_known_of_the_item(world: World) -> None:
    other = metered_price(id="price_bytes", recurring={"usage_type": "metered", "meter": "mtr_2"})
    prepared(world).on("POST", EVENTS, accepted, accepted)
    report(world, key="k1")
    world.on("GET", "/v1/prices/price_bytes", other).on("GET", "/v1/subscriptions/sub_1", subscription(metered_item()))
    world.on("POST", "/v1/subscriptions/sub_1", subscription(metered_item(price=other)))
    world.run(world.provider.change_subscription("sub_1", plan_id="price_bytes"))
    world.on("GET", ITEM, metered_item(price=other)).on("GET", "/v1/subscriptions/sub_1", subscription())
    world.on("GET", "/v1/billing/meters/mtr_2", meter(id="mtr_2", event_name="bytes"))
    report(world, key="k2")
    assert world.server.seen[-1].form["event_name"] == "bytes"


def test_a_meter_may_have_other_names_for_its_keys_or_none(world: World) -> None:
    world.on("GET", ITEM, metered_item()).on("GET", "/v1/subscriptions/sub_1", subscription())
    world.on("GET", METER, meter(customer_mapping={"event_payload_key": "who"}, value_settings=None))
    world.on("POST", EVENTS, accepted)
    report(world)
    form = world.server.only("POST").form
    assert (form["payload[who]"], form["payload[value]"]) == ("cus_1", "5")


def test_a_long_key_is_shortened_for_the_identifier_in_the_same_way_each_time(world: World) -> None:
    prepared(world).on("POST", EVENTS, accepted, accepted)
    key = "k" * 200
    report(world, key=key)
    report(world, key=key)
    first, second = [request for request in world.server.seen if request.method == "POST"]
    assert first.key == key
    assert len(first.form["identifier"]) <= 100
    assert first.form["identifier"] == second.form["identifier"]


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "duplicate_meter_event"),
        refusal(400, param="identifier", message="An event already exists with identifier k."),
    ],
)
def test_an_event_that_stripe_has_already_counts_as_accepted(world: World, answer: httpx.Response) -> None:
    prepared(world).on("POST", EVENTS, httpx.ReadTimeout("lost"), answer)
    assert report(world) is True
    first, second = [request for request in world.server.seen if request.method == "POST"]
    assert (first.key, first.form) == (second.key, second.form)


def test_other_refusals_of_usage_are_errors(world: World) -> None:
    prepared(world).on("POST", EVENTS, refusal(400, "parameter_invalid", param="payload"))
    with pytest.raises(InvalidRequest) as caught:
        report(world)
    assert caught.value.param == "payload"


def test_usage_whose_answer_is_lost_can_be_recovered() -> None:
    world = World("blocking", attempts=1)
    prepared(world).on("POST", EVENTS, httpx.ReadTimeout("lost"), accepted)
    with pytest.raises(NetworkOutcomeUnknown) as caught:
        report(world, key=None)
    assert world.run(world.provider.recover(caught.value)) is True
    first, second = [request for request in world.server.seen if request.method == "POST"]
    assert first.form["identifier"] == second.form["identifier"] == first.key == second.key


@pytest.mark.parametrize("age", [timedelta(days=35, seconds=1), timedelta(minutes=-5, seconds=-1)])
def test_usage_out_of_stripes_bounds_is_refused_before_sending(world: World, age: timedelta) -> None:
    with pytest.raises(InvalidRequest) as caught:
        report(world, timestamp=datetime.fromtimestamp(NOW, UTC) - age)
    assert caught.value.param == "timestamp"
    assert world.server.seen == []


@pytest.mark.parametrize("age", [timedelta(days=35), timedelta(minutes=-5)])
def test_usage_at_stripes_bounds_is_sent(world: World, age: timedelta) -> None:
    prepared(world).on("POST", EVENTS, accepted)
    assert report(world, timestamp=datetime.fromtimestamp(NOW, UTC) - age) is True


def test_a_licensed_item_takes_no_usage(world: World) -> None:
    world.on("GET", ITEM, item(id="si_calls"))
    with pytest.raises(InvalidRequest) as caught:
        report(world)
    assert caught.value.param == "subscription_item_id"


def test_a_price_metered_without_a_meter_is_unsupported(world: World) -> None:
    world.on("GET", ITEM, metered_item(price=price(recurring={"usage_type": "metered", "meter": None})))
    with pytest.raises(UnsupportedOperation, match="meter"):
        report(world)


def test_a_meter_that_is_switched_off_takes_no_usage(world: World) -> None:
    world.on("GET", ITEM, metered_item()).on("GET", METER, meter(status="inactive"))
    with pytest.raises(InvalidRequest, match="switched off"):
        report(world)


def test_a_missing_item_is_not_found(world: World) -> None:
    world.on("GET", ITEM, missing())
    with pytest.raises(NotFound):
        report(world)


@pytest.mark.parametrize("answer", [missing(), subscription(customer=None)])
def test_an_item_without_a_customer_is_an_invalid_response(world: World, answer: object) -> None:
    world.on("GET", ITEM, metered_item()).on("GET", METER, meter()).on("GET", "/v1/subscriptions/sub_1", answer)
    with pytest.raises(InvalidResponse):
        report(world)


@pytest.mark.parametrize("evil", ["..", "../customers", "a/b", "a?b"])
def test_an_id_in_an_answer_cannot_lead_to_another_path(world: World, evil: str) -> None:
    world.on("GET", ITEM, metered_item(price=metered_price(recurring={"usage_type": "metered", "meter": evil})))
    with pytest.raises(InvalidResponse):
        report(world)
    assert world.server.calls == [("GET", ITEM)]


def test_only_the_last_look_ups_are_kept() -> None:
    from paylattice.providers.stripe.lookups import Remembered

    kept: Remembered[int] = Remembered(lambda: 0.0, size=2)
    for number, name in enumerate("abc"):
        kept.put(name, number)
    assert [kept.get(name) for name in "abc"] == [None, 1, 2]
    kept.forget("b")
    assert kept.get("b") is None
