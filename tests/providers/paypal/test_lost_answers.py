"""What if the answer to a write never comes: nothing is lost, nothing is done twice.

The scripted PayPal does what a write asks for, once for each key, and the answer gets lost on the way.
"""

from typing import Any

import httpx
import pytest

from paylattice.errors import Conflict, NetworkError, OutcomeUnknown, PaymentError
from paylattice.models import SubscriptionChange
from tests.kit import Answer

from .samples import order, subscription, waiting_order
from .scenarios import ORDER, SCENARIOS, SUB, SUBS, Scenario
from .support import World, missing, refusal, unprocessable

WRITES = {name: scenario for name, scenario in SCENARIOS.items() if scenario.writes}
KEYED = {name: scenario for name, scenario in WRITES.items() if scenario.keyed}
UNKEYED = {name: scenario for name, scenario in WRITES.items() if not scenario.keyed}
STATEFUL = {name: scenario for name, scenario in UNKEYED.items() if name != "change_subscription"}
"""Asking for another plan changes nothing that can be read, before the payer agrees."""
REFUSALS: dict[str, Answer] = {
    "cancel_subscription": unprocessable("SUBSCRIPTION_STATUS_INVALID"),
    "pause_subscription": unprocessable("SUBSCRIPTION_STATUS_INVALID"),
    "resume_subscription": unprocessable("SUBSCRIPTION_STATUS_INVALID"),
    "remove_payment_method": missing(),
    "capture_payment": unprocessable("ORDER_ALREADY_CAPTURED"),
    "capture_payment of an authorization": unprocessable("AUTHORIZATION_ALREADY_CAPTURED"),
    "authorize_payment": unprocessable("ORDER_ALREADY_AUTHORIZED"),
    "cancel_payment of an authorization": unprocessable("PREVIOUSLY_VOIDED"),
}
"""What PayPal says to what was done before."""
SILENCES: dict[str, Answer] = {
    "a time-out": httpx.ReadTimeout("late"),
    "a broken connection": httpx.ReadError("cut"),
    "a server error": httpx.Response(502, content=b"<html>"),
}


class Losing:
    """Lets writes take effect, once for each key, and their answers get lost while it says so."""

    def __init__(self, world: World, silence: Answer, *, hidden: bool = False) -> None:
        self.silence: Answer | None = silence
        self.hidden = hidden
        self.effects = 0
        done: dict[object, httpx.Response] = {}
        losing = self
        server = world.server
        seen_before: dict[str, httpx.Response] = {}

        class Server(type(server)):  # type: ignore[misc]
            def __call__(self, request: httpx.Request) -> httpx.Response:
                key = request.headers.get("paypal-request-id")
                known = done.get((request.url.path, key)) if key else None
                if known is not None:
                    self._note(request)
                    answer = httpx.Response(200, headers=known.headers, content=known.content)
                else:
                    answer = super().__call__(request)
                    if not self.seen[-1].writes:
                        return losing.seen_as(seen_before, request.url.path, answer)
                    losing.effects += 1
                    if key:
                        done[request.url.path, key] = answer
                if losing.silence is None:
                    return answer
                if isinstance(losing.silence, Exception):
                    raise losing.silence
                return httpx.Response(losing.silence.status_code, content=losing.silence.content)

            def _note(self, request: httpx.Request) -> None:
                always = self._always
                route = (request.method, request.url.path)
                kept, always[route] = always[route], {}
                super().__call__(request)
                always[route] = kept

        server.__class__ = Server

    def seen_as(self, before: dict[str, httpx.Response], path: str, answer: httpx.Response) -> httpx.Response:
        """As long as it is hidden, what is read stays as it was before the first effect."""
        if self.hidden and self.effects and path in before:
            old = before[path]
            return httpx.Response(old.status_code, headers=old.headers, content=old.content)
        if not self.effects:
            before[path] = answer
        return answer


def same(found: Any) -> object:
    return found.subscription.id if isinstance(found, SubscriptionChange) else getattr(found, "id", found)


def expected(scenario: Scenario) -> object:
    world = scenario.world()
    return same(world.run(scenario.call(world)))


def failure_of(world: World, scenario: Scenario) -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        world.run(scenario.call(world))
    return caught.value


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
@pytest.mark.parametrize("name", STATEFUL)
def test_a_write_without_a_key_is_sent_once_and_found_by_reading_or_by_recovering(
    mode: str, silence: Answer, name: str
) -> None:
    scenario = STATEFUL[name]
    world = scenario.world(mode)
    losing = Losing(world, silence)
    try:
        found: Any = world.run(scenario.call(world))
    except OutcomeUnknown as error:
        losing.silence = None
        found = world.run(world.provider.recover(error))
    assert losing.effects == len(world.server.writes) == 1
    assert same(found) == expected(scenario)


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", [name for name in STATEFUL if name != "remove_payment_method"])
def test_what_reading_does_not_show_yet_is_an_unknown_outcome_and_is_recovered_without_a_second_effect(
    mode: str, name: str
) -> None:
    scenario = STATEFUL[name]
    world = scenario.world(mode)
    losing = Losing(world, httpx.ReadTimeout("late"), hidden=True)
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    assert error.retryable
    losing.hidden, losing.silence = False, None
    found = world.run(world.provider.recover(error))
    assert losing.effects == len(world.server.writes) == 1
    assert same(found) == expected(scenario)


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_asking_for_another_plan_is_never_repeated_unasked_and_recovering_brings_the_link(mode: str) -> None:
    scenario = SCENARIOS["change_subscription"]
    world = scenario.world(mode)
    losing = Losing(world, httpx.ReadTimeout("late"))
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    assert len(world.server.writes) == 1
    losing.silence = None
    change: Any = world.run(world.provider.recover(error))
    assert change.approval_url == "https://www.paypal.com/x"
    assert (
        change.subscription.plan_id != "P-TEAM"
    )  # nothing changes before the payer agrees, however often they are asked


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", KEYED)
def test_a_write_with_a_key_is_sent_again_under_it(mode: str, name: str) -> None:
    scenario = KEYED[name]
    world = scenario.world(mode)
    world.on(*_route_of(scenario), httpx.ReadTimeout("late"), httpx.Response(503), httpx.Response(500))
    world.run(scenario.call(world))
    writes = world.server.writes[:4]
    assert len(world.server.writes) == 3 + scenario.writes
    assert len({write.key for write in writes}) == len({str(write.body) for write in writes}) == 1


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
@pytest.mark.parametrize("name", KEYED)
def test_a_write_with_a_key_that_never_gets_an_answer_is_recovered_with_one_effect(
    mode: str, silence: Answer, name: str
) -> None:
    scenario = KEYED[name]
    world = scenario.world(mode, attempts=2)
    losing = Losing(world, silence, hidden=True)
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    losing.hidden, losing.silence = False, None
    found = world.run(world.provider.recover(error))
    assert losing.effects == scenario.writes
    assert same(found) == expected(scenario)
    assert len({seen.key for seen in world.server.writes}) == scenario.writes


@pytest.mark.parametrize("name", KEYED)
def test_recovering_in_another_process_needs_only_the_key(name: str) -> None:
    scenario = KEYED[name]
    world = scenario.world(attempts=1)
    losing = Losing(world, httpx.ReadTimeout("late"), hidden=True)
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    losing.hidden, losing.silence = False, None
    other = world.another()
    found = world.run(other.recover(error))
    assert losing.effects == scenario.writes
    assert same(found) == expected(scenario)


@pytest.mark.parametrize("name", WRITES)
def test_what_never_left_is_known_not_to_have_happened(name: str) -> None:
    scenario = WRITES[name]
    world = scenario.world(attempts=1)
    world.on(*_route_of(scenario), httpx.ConnectError("nobody there"))
    error = failure_of(world, scenario)
    assert isinstance(error, NetworkError)
    assert not error.outcome_unknown


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in WRITES
        if not name.startswith(("create", "refund", "remove", "save", "bill", "capture_part", "reauthorize"))
        and name != "change_subscription"  # waits for consent
    ],
)
def test_what_is_as_wanted_already_is_answered_without_writing(name: str) -> None:
    """Of the operations of which each call is not another one."""
    scenario = WRITES[name]
    world = scenario.world()
    world.run(scenario.call(world))
    before = len(world.server.writes)
    again = world.run(scenario.call(world))
    assert len(world.server.writes) == before
    assert same(again) == expected(scenario)


@pytest.mark.parametrize("name", [name for name in REFUSALS if name != "remove_payment_method"])
def test_a_refusal_stands_where_reading_does_not_say_otherwise(name: str) -> None:
    scenario = WRITES[name]
    world = scenario.world()
    world.on(*_route_of(scenario), REFUSALS[name])
    error = failure_of(world, scenario)
    assert isinstance(error, Conflict)
    assert not error.outcome_unknown


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_because_it_was_done_already_is_no_error(name: str) -> None:
    scenario = WRITES[name]
    world = scenario.world()
    route = _route_of(scenario)
    does = world.server._always[route]

    def refuse(seen: Any) -> Answer:
        does(seen)  # somebody else did it meanwhile
        return REFUSALS[name]

    world.on(*route, refuse)
    assert same(world.run(scenario.call(world))) == expected(scenario)
    assert len(world.server.writes) == 1


@pytest.mark.parametrize("name", WRITES)
def test_an_answer_that_nobody_can_read_is_an_unknown_outcome_or_made_up_for_by_reading(name: str) -> None:
    for content in (b"<html>", b"[]", b'{"id": "', b'{"id": "../x", "status": "COMPLETED"}', b'{"id": 7}'):
        scenario = WRITES[name]
        world = scenario.world(attempts=1)
        world.on(*_route_of(scenario), httpx.Response(201, content=content))
        failure: OutcomeUnknown | None = None
        try:
            found = world.run(scenario.call(world))
        except OutcomeUnknown as error:
            failure = error
        if failure is not None:
            found = world.run(world.provider.recover(failure))
        assert same(found) == expected(scenario)


def test_a_change_that_took_effect_at_once_is_not_asked_for_again_when_its_answer_got_lost() -> None:
    scenario = SCENARIOS["change_subscription, quantity"]
    world = scenario.world()
    losing = Losing(world, httpx.ReadTimeout("late"))
    error = failure_of(world, scenario)
    losing.silence = None
    change: Any = world.run(world.provider.recover(error))  # type: ignore[arg-type]
    assert change.subscription.quantity == 4
    assert losing.effects == 1


def test_what_was_done_and_cannot_be_read_afterwards_is_an_unknown_outcome() -> None:
    world = SCENARIOS["cancel_subscription"].world(attempts=1)
    path = f"{SUBS}/{SUB}"
    world.on("GET", path, subscription(), httpx.Response(503))
    with pytest.raises(OutcomeUnknown) as caught:
        world.run(world.provider.cancel_subscription(SUB))
    assert len(world.server.writes) == 1
    again: Any = world.run(world.provider.recover(caught.value))
    assert again.status == "canceled"
    assert len(world.server.writes) == 1


def test_what_is_still_being_worked_on_is_asked_for_again() -> None:
    scenario = SCENARIOS["create_payment_session"]
    world = scenario.world(attempts=2)
    busy = refusal(409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")
    world.on("POST", "/v2/checkout/orders", busy, httpx.Response(201, json=waiting_order()))
    world.run(scenario.call(world))
    assert len({seen.headers["paypal-request-id"] for seen in world.server.writes}) == 1
    assert len(world.server.writes) == 2


def test_what_is_still_being_worked_on_after_all_attempts_is_an_unknown_outcome() -> None:
    scenario = SCENARIOS["create_payment_session"]
    world = scenario.world(attempts=1)
    world.on("POST", "/v2/checkout/orders", refusal(409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"))
    error = failure_of(world, scenario)
    assert isinstance(error, OutcomeUnknown)
    assert "still working on it" in error.message


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_removing_twice_is_no_error_when_the_first_answer_got_lost(mode: str) -> None:
    world = SCENARIOS["get_payment_methods"].world(mode)
    path = "/v3/vault/payment-tokens/8kk8451t"
    world.on("DELETE", path, httpx.ReadTimeout("late"), missing())
    with pytest.raises(OutcomeUnknown) as caught:
        world.run(world.provider.remove_payment_method("8kk8451t"))
    assert world.run(world.provider.recover(caught.value)) is None


def test_a_capture_whose_answer_says_less_than_needed_is_read_again() -> None:
    world = SCENARIOS["capture_payment"].world()
    payment = world.run(world.provider.capture_payment(ORDER))
    assert payment.amount == payment.amount_captured
    assert world.server.calls[-1] == ("GET", f"/v2/checkout/orders/{ORDER}")
    assert order()["id"] == payment.id


def _route_of(scenario: Scenario) -> tuple[str, str]:
    world = scenario.world()
    world.run(scenario.call(world))
    seen = world.server.writes[0]
    return seen.method, seen.path
