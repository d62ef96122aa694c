"""Every request, compared with PayPal's published API descriptions; every write, by how it carries its key."""

from typing import Any

import httpx
import pytest

import paylattice
from paylattice.operations import OPERATIONS
from paylattice.providers.paypal import PayPalProvider

from .contract import complaints, official, violations
from .scenarios import SCENARIOS, THANKS
from .support import HOST, TOKEN_PATH, World, configuration

OWN = {"authorize_payment", "capture_part", "create_order", "reauthorize_payment", "search_invoices"}


def test_there_is_a_scenario_for_every_operation() -> None:
    covered = {name.split()[0].rstrip(",") for name in SCENARIOS}
    declared = {name for name, row in OPERATIONS.items() if row.capability in {None, *PayPalProvider.capabilities}}
    assert covered == (declared | OWN) - {"request"}  # which sends whatever its caller says


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_operation_does_its_part_once(mode: str, name: str) -> None:
    scenario = SCENARIOS[name]
    world = scenario.world(mode)
    world.run(scenario.call(world))
    assert len(world.server.writes) == scenario.writes
    assert all(seen.headers["authorization"] == "Bearer A21AA-token-1" for seen in world.server.asked)
    assert [seen.path for seen in world.server.seen].count(TOKEN_PATH) == (1 if world.server.asked else 0)
    assert all(bool(seen.key) is scenario.keyed for seen in world.server.writes)


@official
@pytest.mark.contract
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_request_is_as_the_description_wants_it(name: str) -> None:
    world = SCENARIOS[name].world()
    world.run(SCENARIOS[name].call(world))
    assert {f"{seen.method} {seen.path}": complaints(seen) for seen in world.server.asked if complaints(seen)} == {}


@official
@pytest.mark.contract
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.keyed])
def test_a_long_key_is_made_as_short_as_paypal_wants_it(name: str) -> None:
    scenario = SCENARIOS[name]
    sent: list[list[str | None]] = []
    for key in ("k" * 255, "k" * 255, "k" * 254 + "j"):
        world = scenario.world()
        world.run(_with_key(world, scenario.call, key))
        sent.append([seen.key for seen in world.server.writes])
        assert [complaints(seen) for seen in world.server.writes] == [[]] * scenario.writes
    assert all(len(key or "") <= 78 for key in sent[0])
    assert sent[0] == sent[1]
    assert not set(sent[0]) & set(sent[2])


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
    ("method", "path", "query", "body", "headers", "complaint"),
    [
        (
            "POST",
            "/v1/billing/subscriptions",
            {},
            {"quantity": "1"},
            {"paypal-request-id": "k"},
            "'plan_id' is a required",
        ),
        ("POST", "/v1/billing/subscriptions", {}, {"plan_id": "P-5ML4271244454362WXNWU5NQ"}, {}, "no idempotency key"),
        (
            "POST",
            "/v1/billing/subscriptions",
            {},
            {"plan_id": "P-5ML4271244454362WXNWU5NQ", "quantity": 3},
            {"paypal-request-id": "k"},
            "3 is not of type 'string'",
        ),
        (
            "POST",
            "/v1/billing/subscriptions",
            {},
            {"plan_id": "P-5ML4271244454362WXNWU5NQ", "application_context": {"return_uri": THANKS}},
            {"paypal-request-id": "k"},
            "return_uri",
        ),
        (
            "POST",
            "/v2/checkout/orders",
            {},
            {"intent": "CAPTUR", "purchase_units": [{"amount": {"currency_code": "USD", "value": "1.00"}}]},
            {"paypal-request-id": "k"},
            "'CAPTUR' is not one of",
        ),
        (
            "POST",
            "/v2/checkout/orders",
            {},
            {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency": "USD", "value": "1.00"}}]},
            {"paypal-request-id": "k"},
            "currency",
        ),
        (
            "POST",
            "/v2/checkout/orders",
            {},
            {"intent": "CAPTURE", "purchase_units": [], "payment_source": {"paypal": {"experience_context": {"x": 1}}}},
            {"paypal-request-id": "k"},
            "'x'",
        ),
        (
            "POST",
            "/v2/payments/captures/3C679366HH908993F/refund",
            {},
            {"reason": "x"},
            {"paypal-request-id": "k"},
            "reason",
        ),
        ("GET", "/v1/billing/plans", {"page_size": "21"}, None, {}, "out of bounds"),
        ("GET", "/v1/billing/plans", {"total_required": "1"}, None, {}, "is no boolean"),
        ("GET", "/v1/billing/plans", {"limit": "1"}, None, {}, "unknown query parameter"),
        ("POST", "/v1/billing/subscriptions/I-1/cancel", {}, {}, {}, "'reason' is a required"),
        (
            "POST",
            "/v1/billing/subscriptions/I-1/cancel",
            {},
            {"reason": "x"},
            {"paypal-request-id": "k"},
            "unknown header",
        ),
        (
            "GET",
            "/v1/billing/subscriptions/I-1/transactions",
            {"end_time": "2026"},
            None,
            {},
            "missing query parameter",
        ),
    ],
)
def test_the_judge_finds_what_is_wrong(
    method: str, path: str, query: Any, body: Any, headers: Any, complaint: str
) -> None:
    request = httpx.Request(method, f"{HOST}{path}", params=query, json=body, headers=headers)
    found = complaints(World().server.read(request))
    assert any(complaint in one for one in found), found


@official
@pytest.mark.contract
def test_the_judge_takes_an_order_as_paypal_s_guides_show_it() -> None:
    unit = {"amount": {"currency_code": "USD", "value": "100.00"}, "custom_id": "c", "invoice_id": "i"}
    source = {"paypal": {"experience_context": {"return_url": THANKS, "cancel_url": THANKS, "user_action": "PAY_NOW"}}}
    body = {"intent": "CAPTURE", "purchase_units": [unit], "payment_source": source}
    assert violations("checkout_orders_v2", "order_request", body) == []


def test_the_provider_is_found_by_its_name() -> None:
    with_settings = paylattice.create_provider("paypal", config=configuration())
    assert isinstance(with_settings, PayPalProvider)
    assert with_settings.get_provider_name() == "paypal"
