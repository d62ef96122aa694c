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
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.cassettes import vcr_config
from paylattice.transport import AsyncTransport, BlockingTransport

from .record import CASSETTES, SANDBOX, STAND_IN, record_stand_in
from .scenarios import SCENARIOS, Scenario

FOLDER = CASSETTES / "stripe"
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
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
def replayed(path: Path) -> Iterator[Any]:
    with vcr.VCR(record_mode="none", **vcr_config("stripe")).use_cassette(path) as cassette:
        yield cassette


async def tell(scenario: Scenario, facts: dict[str, str], transport: AsyncTransport | BlockingTransport) -> None:
    try:
        await scenario.tell(StripeProvider(CONFIG, transport=transport), facts)
    finally:
        await transport.aclose()


def replay(scenario: Scenario, path: Path, mode: str) -> Any:
    with replayed(path) as cassette:
        facts = cassette.get_metadata("facts", {})
        if mode == "async":
            asyncio.run(tell(scenario, facts, AsyncTransport()))
        else:
            driving.run(tell(scenario, facts, BlockingTransport()))
        return cassette


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_cassette_replays_to_its_end(name: str, mode: str) -> None:
    assert replay(BY_NAME[name], FOLDER / f"{name}.yaml", mode).all_played


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_a_replay_does_not_wait_although_it_was_told_to(mode: str) -> None:
    path = FOLDER / "rate_limited.yaml"
    assert "retry-after:\n      - '7'" in path.read_text()
    started = time.perf_counter()
    assert replay(BY_NAME["rate_limited"], path, mode).all_played
    assert time.perf_counter() - started < 2


def test_the_waiting_of_a_replay_can_be_seen_through_an_injected_sleep() -> None:
    slept: list[float] = []
    scenario = BY_NAME["rate_limited"]
    with replayed(FOLDER / "rate_limited.yaml") as cassette:
        transport = BlockingTransport(sleep=slept.append)
        driving.run(tell(scenario, cassette.get_metadata("facts", {}), transport))
    assert slept == [0.0]


def test_users_replay_with_the_blocking_face() -> None:
    with replayed(FOLDER / "paged_invoices.yaml") as cassette:
        customer = cassette.get_metadata("facts", {})["customer"]
        with sync.create_provider("stripe", config=CONFIG) as stripe:
            assert len(stripe.get_invoices(customer, limit=4)) == 4
    assert cassette.all_played


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize(
    ("name", "recorded", "changed"),
    [
        ("customer_life", "email=ada@example.com&metadata[org]=1", "email=ada@example.com&metadata[org]=3"),
        ("customer_life", "name=Ada", "name=Adam"),
        ("checkout", "line_items[0][quantity]=2", "line_items[0][quantity]=3"),
        ("cancel_at_period_end", "cancel_at_period_end=true", "cancel_at_period_end=true&pause_collection="),
        ("paged_invoices", "limit=4", "limit=5"),
        ("decline", "amount=1900", "amount=1901"),
    ],
)
def test_a_changed_parameter_makes_the_replay_fail(
    name: str, recorded: str, changed: str, mode: str, tmp_path: Path
) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert recorded in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(recorded, changed))
    with pytest.raises(PaymentError, match="CannotOverwriteExistingCassette"):
        replay(BY_NAME[name], path, mode)


def test_another_call_than_the_recorded_one_fails(tmp_path: Path) -> None:
    with replayed(FOLDER / "customer_life.yaml"), sync.create_provider("stripe", config=CONFIG) as stripe:
        with pytest.raises(OutcomeUnknown):
            stripe.create_customer("grace@example.com", "Ada", {"org": "1"})
        assert stripe.create_customer("ada@example.com", "Ada", {"org": "1"}).name == "Ada"


def test_every_scenario_has_a_cassette_and_every_cassette_a_scenario() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(BY_NAME)


@pytest.mark.parametrize("path", sorted(CASSETTES.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_cassette_says_what_it_was_recorded_against(path: Path) -> None:
    assert path.read_text().splitlines()[0] in {STAND_IN, SANDBOX}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_recording_of_the_stand_in_is_current(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # it needs the loopback
    committed = (FOLDER / f"{name}.yaml").read_text()
    if committed.startswith(SANDBOX):
        pytest.skip("recorded against the sandbox")
    again = record_stand_in(BY_NAME[name], tmp_path).read_text()
    assert again == committed, "run: nox -s record -- stripe --stand-in"
