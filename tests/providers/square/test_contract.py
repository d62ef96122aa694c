"""Every request, compared with Square's published API description; every write, by how it carries its key."""

from typing import Any

import httpx
import pytest

import paylattice
from paylattice.operations import OPERATIONS
from paylattice.providers.square import API_VERSION, SquareConfig, SquareProvider

from .contract import complaints, official, violations
from .scenarios import SCENARIOS, Scenario
from .support import LOCATION, World, configuration


def test_there_is_a_scenario_for_every_operation() -> None:
    covered = {name.split()[0].rstrip(",") for name in SCENARIOS}
    declared = {name for name, row in OPERATIONS.items() if row.capability in {None, *SquareProvider.capabilities}}
    own = {"cancel_subscription", "find_created_customer", "publish_invoice"}
    assert covered == (declared | own) - {"request"}  # which sends whatever its caller says


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_operation_does_its_part_once(mode: str, name: str) -> None:
    scenario = SCENARIOS[name]
    world = scenario.world(mode)
    world.run(scenario.call(world))
    assert len(world.server.writes) == scenario.writes
    for seen in world.server.seen:
        assert seen.headers["authorization"].startswith("Bearer EAAA")
        assert seen.headers["square-version"] == API_VERSION
        assert seen.path.startswith("/v2/")
    if scenario.keyed:
        assert all(seen.key for seen in world.server.writes)
    elif scenario.writes == 1:
        assert not any(seen.key for seen in world.server.writes)


@official
@pytest.mark.contract
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_request_is_as_the_description_wants_it(name: str) -> None:
    world = SCENARIOS[name].world()
    world.run(SCENARIOS[name].call(world))
    assert {f"{seen.method} {seen.path}": complaints(seen) for seen in world.server.seen if complaints(seen)} == {}


@official
@pytest.mark.contract
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.keyed])
def test_a_long_key_is_made_as_short_as_square_wants_it(name: str) -> None:
    scenario = SCENARIOS[name]
    sent: list[str | None] = []
    for key in ("k" * 200, "k" * 200, "k" * 199 + "j"):
        world = scenario.world()
        call: Any = scenario.call
        world.run(_with_key(world, call, key))
        sent += [seen.key for seen in world.server.writes]
        assert [complaints(seen) for seen in world.server.writes] == [[]]
    assert sent[0] == sent[1] != sent[2]


def _with_key(world: World, call: Any, key: str) -> Any:
    """The scenario's call, with a key of ours."""

    class Keyed:
        def __getattr__(self, name: str) -> Any:
            method = getattr(world.provider, name)
            return lambda *args, **kwargs: method(*args, idempotency_key=key, **kwargs)

    class There:
        provider = Keyed()

    return call(There())


@official
@pytest.mark.contract
@pytest.mark.parametrize(
    ("method", "path", "query", "body", "complaint"),
    [
        ("POST", "/v2/customers", {}, {"mail": "x", "idempotency_key": "k"}, "Additional properties"),
        ("POST", "/v2/customers", {}, {"email_address": "x"}, "no idempotency key"),
        ("POST", "/v2/customers", {}, {"email_address": 7, "idempotency_key": "k"}, "is not of type 'string'"),
        ("POST", "/v2/customers", {}, {"email_address": "x", "idempotency_key": "k" * 46}, "too long"),
        ("GET", "/v2/customers/C1", {"expand": "cards"}, None, "unknown query parameter"),
        ("POST", "/v2/payments/P1/cancel", {}, {"idempotency_key": "k"}, "a body where there is none"),
        ("POST", "/v2/refunds", {}, {"idempotency_key": "k", "payment_id": "P"}, "'amount_money' is a required"),
        (
            "POST",
            "/v2/refunds",
            {},
            {"idempotency_key": "k", "amount_money": {"amount": 1.5, "currency": "USD"}},
            "1.5 is not",
        ),
        ("POST", "/v2/online-checkout/payment-links", {}, {"idempotency_key": "k"}, "exactly one"),
        ("DELETE", "/v2/customers/C1", {"version": "new"}, None, "is no integer"),
    ],
)
def test_the_judge_finds_what_is_wrong(method: str, path: str, query: Any, body: Any, complaint: str) -> None:
    request = httpx.Request(method, f"https://connect.squareup.com{path}", params=query, json=body)
    found = complaints(World().server.read(request))
    assert any(complaint in one for one in found), found


@official
@pytest.mark.contract
def test_the_judge_takes_the_description_s_own_examples() -> None:
    from .contract import example

    for name in ("CreateCustomerRequest", "CreatePaymentRequest", "RefundPaymentRequest", "CreatePaymentLinkRequest"):
        assert violations(f"#/$defs/{name}", example(name)) == []


def test_the_provider_is_found_by_its_name() -> None:
    with_settings = paylattice.create_provider("square", config=configuration())
    assert isinstance(with_settings, SquareProvider)
    assert with_settings.get_provider_name() == "square"
    assert isinstance(with_settings._config, SquareConfig)
    assert with_settings._config.location_id == LOCATION


def test_a_scenario_is_a_world_of_its_own() -> None:
    scenario: Scenario = SCENARIOS["get_customer"]
    assert scenario.world().server is not scenario.world().server
