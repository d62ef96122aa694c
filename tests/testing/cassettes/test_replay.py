"""The cassettes replay with the network blocked, async and blocking, at once; and only what was recorded."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import vcr

from paylattice import driving, sync
from paylattice.errors import OutcomeUnknown, PaymentError
from paylattice.providers.stripe import StripeConfig
from paylattice.testing.cassettes import vcr_config
from paylattice.transport import AsyncTransport, BlockingTransport

from .record import CASSETTES, path_of, record_stand_in
from .scenario import Scenario
from .scenarios import SCENARIOS
from .services import SERVICES, now_of

STRIPE = CASSETTES / "stripe"
BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}
RATE_LIMITED = sorted(name for name in BY_NAME if name.endswith("-rate_limited"))
CONFIG = StripeConfig(secret_key="sk_test_replayed")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(*_: object, **__: object) -> None:
        message = "the network is blocked"
        raise AssertionError(message)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, blocked)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, blocked)


@contextmanager
def replayed(path: Path, provider: str = "stripe") -> Iterator[Any]:
    with vcr.VCR(record_mode="none", **vcr_config(provider)).use_cassette(path) as cassette:
        yield cassette


def customer_has_been_there(_session_id: str, _url: str | None) -> None:
    """Nobody pays in a replay."""


async def tell(scenario: Scenario, facts: dict[str, str], transport: AsyncTransport | BlockingTransport) -> None:
    service = SERVICES[scenario.provider]
    provider = service.provider(service.replayed, transport, now_of(facts))
    try:
        await scenario.tell(provider, facts, customer_has_been_there)
    finally:
        await transport.aclose()


def replay(scenario: Scenario, mode: str, path: Path | None = None) -> Any:
    with replayed(path or path_of(scenario), scenario.provider) as cassette:
        facts = cassette.get_metadata("facts", {})
        if mode == "async":
            asyncio.run(tell(scenario, facts, AsyncTransport()))
        else:
            driving.run(tell(scenario, facts, BlockingTransport()))
        return cassette


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_cassette_replays_to_its_end(name: str, mode: str) -> None:
    assert replay(BY_NAME[name], mode).all_played


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", RATE_LIMITED)
def test_a_replay_does_not_wait_although_it_was_told_to(name: str, mode: str) -> None:
    text = path_of(BY_NAME[name]).read_text()
    assert "code: 429" in text
    assert "retry-after:\n      - '7'" in text
    started = time.perf_counter()
    assert replay(BY_NAME[name], mode).all_played
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("name", RATE_LIMITED)
def test_the_waiting_of_a_replay_can_be_seen_through_an_injected_sleep(name: str) -> None:
    slept: list[float] = []
    scenario = BY_NAME[name]
    with replayed(path_of(scenario), scenario.provider) as cassette:
        transport = BlockingTransport(sleep=slept.append)
        driving.run(tell(scenario, cassette.get_metadata("facts", {}), transport))
    assert slept == [0.0]


def test_users_replay_with_the_blocking_face() -> None:
    with replayed(STRIPE / "paged_invoices.yaml") as cassette:
        customer = cassette.get_metadata("facts", {})["customer"]
        with sync.create_provider("stripe", config=CONFIG) as stripe:
            assert len(stripe.get_invoices(customer, limit=4)) == 4
    assert cassette.all_played


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize(
    ("name", "recorded", "changed"),
    [
        ("stripe-customer_life", "email=ada@example.com&metadata[org]=1", "email=ada@example.com&metadata[org]=3"),
        ("stripe-customer_life", "name=Ada", "name=Adam"),
        ("stripe-checkout", "line_items[0][quantity]=2", "line_items[0][quantity]=3"),
        ("stripe-cancel_at_period_end", "cancel_at_period_end=true", "cancel_at_period_end=true&pause_collection="),
        ("stripe-paged_invoices", "limit=4", "limit=5"),
        ("stripe-decline", "amount=1900", "amount=1901"),
        ("paypal-subscription_life", '"quantity": "2"\n      }', '"quantity": "3"\n      }'),
        ("paypal-order_captured_and_refunded", '"value": "4.00"', '"value": "4.01"'),
        ("paypal-order_captured_and_refunded", '"custom_id": "cus_1"', '"custom_id": "cus_2"'),
        ("paypal-paged_plans", "page=2", "page=9"),
        ("square-customer_life", '"family_name": "Lovelace"', '"family_name": "Love"'),
        ("square-link_paid_and_refunded", '"amount": 400', '"amount": 401'),
        ("square-paged_plans", "cursor=", "cursor=x"),
    ],
)
def test_a_changed_parameter_makes_the_replay_fail(
    name: str, recorded: str, changed: str, mode: str, tmp_path: Path
) -> None:
    text = path_of(BY_NAME[name]).read_text()
    assert recorded in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(recorded, changed, 1))
    with pytest.raises(PaymentError, match="CannotOverwriteExistingCassette"):
        replay(BY_NAME[name], mode, path)


def test_another_call_than_the_recorded_one_fails(tmp_path: Path) -> None:
    with replayed(STRIPE / "customer_life.yaml"), sync.create_provider("stripe", config=CONFIG) as stripe:
        with pytest.raises(OutcomeUnknown):
            stripe.create_customer("grace@example.com", "Ada", {"org": "1"})
        assert stripe.create_customer("ada@example.com", "Ada", {"org": "1"}).name == "Ada"


def test_every_scenario_has_a_cassette_and_every_cassette_a_scenario() -> None:
    assert {path.relative_to(CASSETTES) for path in CASSETTES.rglob("*.yaml")} == {
        path_of(scenario).relative_to(CASSETTES) for scenario in SCENARIOS
    }


def test_every_provider_that_has_a_stand_in_has_a_cassette_with_a_rate_limit() -> None:
    assert {BY_NAME[name].provider for name in RATE_LIMITED} == set(SERVICES)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_cassette_says_what_it_was_recorded_against(name: str) -> None:
    service = SERVICES[BY_NAME[name].provider]
    header = path_of(BY_NAME[name]).read_text().splitlines()[0]
    assert header in {service.header_of_stand_in, service.header_of_sandbox}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_recording_of_the_stand_in_is_current(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # it needs the loopback
    scenario = BY_NAME[name]
    committed = path_of(scenario).read_text()
    if committed.startswith(SERVICES[scenario.provider].header_of_sandbox):
        pytest.skip("recorded against the sandbox")
    again = record_stand_in(scenario, tmp_path).read_text()
    assert again == committed, f"run: nox -s record -- {scenario.provider} --stand-in"
