"""What if the answer to a write never comes: nothing is lost, nothing is done twice.

A small Square of its own keeps what was done, so that an operation can be repeated against the state that it left.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from paylattice.errors import Conflict, NetworkError, OutcomeUnknown, PaymentError
from paylattice.models import Customer, Payment, PaymentStatus, Subscription, SubscriptionChange
from tests.kit import Answer, Seen

from .samples import action, customer, payment, subscription, unpaid
from .scenarios import SCENARIOS, Scenario
from .support import World, missing, refusal

WRITES = {name: scenario for name, scenario in SCENARIOS.items() if scenario.writes == 1}
KEYED = {name: scenario for name, scenario in WRITES.items() if scenario.keyed}
UNKEYED = {name: scenario for name, scenario in WRITES.items() if not scenario.keyed}
SILENCES: dict[str, Answer] = {
    "a time-out": httpx.ReadTimeout("late"),
    "a broken connection": httpx.ReadError("cut"),
    "a server error": httpx.Response(502, content=b"<html>"),
    "an answer that is cut off": httpx.Response(200, content=b'{"customer": {"id": "CU'),
}
DONE: dict[str, tuple[str, object]] = {
    "update_customer": (
        "/v2/customers/CUST1",
        {
            "customer": {
                **customer(email_address="new@example.com", reference_id="org-2", version=4),
                "family_name": None,
            }
        },
    ),
    "update_customer, taking away": (
        "/v2/customers/CUST1",
        {"customer": {**customer(version=4), "family_name": None, "reference_id": None}},
    ),
    "delete_customer": ("/v2/customers/CUST1", missing()),
    "expire_checkout_session": ("/v2/online-checkout/payment-links/LINK1", missing()),
    "cancel_subscription": (
        "/v2/subscriptions/SUB1",
        {"subscription": subscription(canceled_date="2026-10-04", actions=[action("CANCEL")])},
    ),
    "uncancel_subscription by its action": ("/v2/subscriptions/SUB1", {"subscription": subscription()}),
    "uncancel_subscription by its date": ("/v2/subscriptions/SUB1", {"subscription": subscription()}),
    "set_payment_method": ("/v2/subscriptions/SUB1", {"subscription": subscription(card_id="ccof:CARD2")}),
    "change_subscription": (
        "/v2/subscriptions/SUB1",
        {"subscription": subscription(actions=[action("SWAP_PLAN", new_plan_variation_id="VAR2")])},
    ),
    "change_subscription, back": ("/v2/subscriptions/SUB1", {"subscription": subscription()}),
    "cancel_scheduled_change": ("/v2/subscriptions/SUB1", {"subscription": subscription()}),
    "pause_subscription": ("/v2/subscriptions/SUB1", {"subscription": subscription(actions=[action("PAUSE")])}),
    "resume_subscription before the pause": ("/v2/subscriptions/SUB1", {"subscription": subscription()}),
    "resume_subscription": (
        "/v2/subscriptions/SUB1",
        {"subscription": subscription(status="PAUSED", actions=[action("RESUME", effective_date="2026-09-21")])},
    ),
    "capture_payment": ("/v2/payments/PAY1", {"payment": payment()}),
    "cancel_payment": ("/v2/payments/PAY1", {"payment": payment(status="CANCELED")}),
    "remove_payment_method": ("/v2/cards/ccof%3ACARD1", {"card": {"id": "ccof:CARD1", "enabled": False}}),
    "void_invoice": ("/v2/invoices/inv%3A0-1", {"invoice": unpaid(status="CANCELED")}),
}
"""What reading answers once the write was done."""


def lose(world: World, silence: Answer, *, done: Callable[[], object]) -> None:
    """Let every write take effect, and its answer get lost."""
    server = world.server

    class Losing(type(server)):  # type: ignore[misc]
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer: httpx.Response = super().__call__(request)
            if self.seen[-1] not in self.writes:
                return answer
            done()
            if isinstance(silence, Exception):
                raise silence
            return httpx.Response(silence.status_code, content=silence.content)

    server.__class__ = Losing


def same(found: object) -> object:
    return found.subscription.id if isinstance(found, SubscriptionChange) else getattr(found, "id", found)


def failure_of(world: World, scenario: Scenario) -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        world.run(scenario.call(world))
    return caught.value


def test_every_write_without_a_key_is_here() -> None:
    assert set(DONE) == set(UNKEYED)


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
@pytest.mark.parametrize("name", UNKEYED)
def test_a_write_without_a_key_is_sent_once_and_found_by_reading(mode: str, silence: Answer, name: str) -> None:
    scenario = UNKEYED[name]
    world = scenario.world(mode)
    path, answer = DONE[name]
    lose(world, silence, done=lambda: world.always("GET", path, answer))
    found = world.run(scenario.call(world))
    assert len(world.server.writes) == 1
    assert same(found) in {"CUST1", "LINK1", "SUB1", "PAY1", "inv:0-1", None}


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", UNKEYED)
def test_what_reading_cannot_tell_is_an_unknown_outcome_and_is_recovered_without_a_second_effect(
    mode: str, name: str
) -> None:
    scenario = UNKEYED[name]
    world = scenario.world(mode)
    path, answer = DONE[name]
    before = world.server._always["GET", path]
    hidden = True

    def read(_seen: Seen) -> httpx.Response:
        there = before if hidden or not world.server.writes else answer
        return there if isinstance(there, httpx.Response) else httpx.Response(200, json=there)

    world.always("GET", path, read)
    lose(world, httpx.ReadTimeout("late"), done=lambda: None)
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    assert error.retryable
    assert len(world.server.writes) == 1
    hidden = False
    found = world.run(world.provider.recover(error))
    assert len(world.server.writes) == 1
    assert same(found) in {"CUST1", "LINK1", "SUB1", "PAY1", "inv:0-1", None}


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", KEYED)
def test_a_write_with_a_key_is_sent_again_under_it(mode: str, name: str) -> None:
    scenario = KEYED[name]
    world = scenario.world(mode)
    route = _route_of(scenario)
    world.on(*route, httpx.ReadTimeout("late"), httpx.Response(503), httpx.Response(500))
    world.run(scenario.call(world))
    writes = world.server.writes
    assert len(writes) == 4
    assert len({write.key for write in writes}) == 1
    assert len({str(write.body) for write in writes}) == 1


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", KEYED)
def test_a_write_with_a_key_that_never_gets_an_answer_is_recovered_under_it(mode: str, name: str) -> None:
    scenario = KEYED[name]
    world = scenario.world(mode, attempts=1)
    world.on(*_route_of(scenario), httpx.ReadTimeout("late"))
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    found = world.run(world.provider.recover(error))
    assert same(found)
    first, second = world.server.writes
    assert first.key == second.key == error.idempotency_key
    assert first.body == second.body


@pytest.mark.parametrize("name", WRITES)
def test_what_never_left_is_known_not_to_have_happened(name: str) -> None:
    scenario = WRITES[name]
    world = scenario.world(attempts=1)
    world.on(*_route_of(scenario), httpx.ConnectError("nobody there"))
    error = failure_of(world, scenario)
    assert isinstance(error, NetworkError)
    assert not error.outcome_unknown


@pytest.mark.parametrize("name", UNKEYED)
def test_what_is_as_wanted_already_is_answered_without_writing(name: str) -> None:
    scenario = UNKEYED[name]
    world = scenario.world()
    path, answer = DONE[name]
    world.always("GET", path, answer)
    world.run(scenario.call(world))
    assert world.server.writes == []


@pytest.mark.parametrize("name", UNKEYED)
def test_a_refusal_stands_where_reading_does_not_say_otherwise(name: str) -> None:
    scenario = UNKEYED[name]
    world = scenario.world()
    world.on(*_route_of(scenario), refusal(400, "BAD_REQUEST"))
    error = failure_of(world, scenario)
    assert error.code == "BAD_REQUEST"
    assert not error.outcome_unknown


@pytest.mark.parametrize("name", UNKEYED)
def test_a_refusal_because_it_was_done_already_is_no_error(name: str) -> None:
    scenario = UNKEYED[name]
    world = scenario.world()
    path, answer = DONE[name]

    def refuse(_seen: Seen) -> httpx.Response:
        world.always("GET", path, answer)
        return refusal(400, "BAD_REQUEST", detail="It already has a pending cancel date.")

    world.on(*_route_of(scenario), refuse)
    assert same(world.run(scenario.call(world))) in {"CUST1", "LINK1", "SUB1", "PAY1", "inv:0-1", None}


@pytest.mark.parametrize(
    "name", ["update_customer", "uncancel_subscription by its date", "delete_customer", "capture_payment"]
)
def test_a_version_that_does_not_match_is_read_again_once(name: str) -> None:
    scenario = UNKEYED[name]
    world = scenario.world()
    world.on(*_route_of(scenario), refusal(409, "VERSION_MISMATCH"))
    world.run(scenario.call(world))
    assert len(world.server.writes) == 2
    again = scenario.world()
    again.on(*_route_of(scenario), refusal(409, "VERSION_MISMATCH"), refusal(409, "VERSION_MISMATCH"))
    error = failure_of(again, scenario)
    assert isinstance(error, Conflict)
    assert error.code == "VERSION_MISMATCH"
    assert len(again.server.writes) == 2


def test_a_version_is_sent_with_every_update() -> None:
    world = SCENARIOS["update_customer"].world()
    world.run(SCENARIOS["update_customer"].call(world))
    assert world.server.writes[0].body["version"] == 3
    world = SCENARIOS["delete_customer"].world()
    world.run(SCENARIOS["delete_customer"].call(world))
    assert world.server.writes[0].query == {"version": "3"}
    world = SCENARIOS["uncancel_subscription by its date"].world()
    world.run(SCENARIOS["uncancel_subscription by its date"].call(world))
    assert world.server.writes[0].body == {"subscription": {"canceled_date": None, "version": 1}}
    world = SCENARIOS["capture_payment"].world()
    world.run(SCENARIOS["capture_payment"].call(world))
    assert world.server.writes[0].body == {"version_token": "TOKEN1"}


def test_a_capture_of_less_goes_on_where_it_was_interrupted() -> None:
    scenario = SCENARIOS["capture_payment of less"]
    world = scenario.world(attempts=1)
    world.on("POST", "/v2/payments/PAY1/complete", httpx.ReadTimeout("late"))
    lowered = world.server._always["PUT", "/v2/payments/PAY1"]

    def lower(_seen: Seen) -> httpx.Response:
        world.always("GET", "/v2/payments/PAY1", lowered)
        return httpx.Response(200, json=lowered)

    world.always("PUT", "/v2/payments/PAY1", lower)
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    captured: Any = world.run(world.provider.recover(error))
    assert captured.status is PaymentStatus.SUCCEEDED
    assert [seen.method for seen in world.server.writes] == ["PUT", "POST", "POST"]


def test_recovering_from_an_answer_that_nobody_could_read_brings_the_object() -> None:
    for name, kind in {
        "create_customer": Customer,
        "create_payment": Payment,
        "cancel_subscription": Subscription,
    }.items():
        scenario = SCENARIOS[name]
        world = scenario.world(attempts=1)
        world.on(*_route_of(scenario), httpx.Response(200, content=b"<html>"))
        error = failure_of(world, scenario)
        assert isinstance(error, OutcomeUnknown)
        assert isinstance(world.run(world.provider.recover(error)), kind)


def _route_of(scenario: Scenario) -> tuple[str, str]:
    world = scenario.world()
    world.run(scenario.call(world))
    seen = world.server.writes[0]
    return seen.method, seen.path
