"""Settings, and what the provider keeps for its whole life."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from paylattice import Capability
from paylattice.errors import ConfigurationError, UnsupportedOperation, WebhookError
from paylattice.providers.paypal import PayPalConfig, PayPalProvider

from .support import CLIENT_ID, CLIENT_SECRET, WEBHOOK, World, configuration

ENVIRONMENT = {
    "PAYPAL_CLIENT_ID": CLIENT_ID,
    "PAYPAL_CLIENT_SECRET": CLIENT_SECRET,
    "PAYPAL_WEBHOOK_ID": f"{WEBHOOK}, SECOND",
    "PAYPAL_ENVIRONMENT": "Live",
    "PAYPAL_TRUST_STORE": "/etc/ssl/paypal.pem",
    "PAYPAL_VERIFY": "Postback",
}


def test_every_setting_that_an_operator_needs_comes_from_the_environment() -> None:
    config = PayPalConfig.from_env(ENVIRONMENT)
    assert (config.client_id, config.environment, config.livemode) == (CLIENT_ID, "live", True)
    assert config.webhook_id == (WEBHOOK, "SECOND")
    assert config.trust_store == "/etc/ssl/paypal.pem"
    assert config.verify == "postback"
    assert config.server == "https://api-m.paypal.com"


def test_empty_variables_are_as_good_as_none() -> None:
    config = PayPalConfig.from_env({**ENVIRONMENT, "PAYPAL_TRUST_STORE": " ", "PAYPAL_VERIFY": ""})
    assert config.trust_store is None
    assert config.verify == "auto"


def test_a_trust_store_may_be_a_path_or_pem() -> None:
    assert configuration(trust_store=Path("/x")).trust_store == Path("/x")
    assert configuration(trust_store="-----BEGIN CERTIFICATE-----\n...").trust_store.startswith("-----BEGIN")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"environment": "staging"}, "PAYPAL_ENVIRONMENT"),
        ({"verify": "none"}, "PAYPAL_VERIFY"),
        ({"verify": 7}, "PAYPAL_VERIFY"),
        ({"client_id": "a:b"}, "PAYPAL_CLIENT_ID"),
        ({"client_id": "ü"}, "PAYPAL_CLIENT_ID"),
        ({"max_age": 0}, "max_age"),
        ({"max_age": float("nan")}, "max_age"),
        ({"base_url": "ftp://x"}, "base URL"),
    ],
)
def test_a_setting_that_cannot_be_one_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        configuration(**changes)


@pytest.mark.parametrize("missing", ["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"])
def test_without_credentials_there_is_no_provider(missing: str) -> None:
    from paylattice.providers.paypal import PayPalProvider

    there = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        PayPalProvider(PayPalConfig.from_env(there))


def test_the_secret_is_not_shown() -> None:
    assert CLIENT_SECRET not in repr(configuration())


def test_a_customer_is_an_id_of_our_own_and_the_same_key_makes_the_same() -> None:
    world = World()
    first = world.run(world.provider.create_customer("ada@example.com", "Ada", {"a": "b"}, idempotency_key="k"))
    again = world.run(world.another().create_customer("ada@example.com", "Ada", {"a": "b"}, idempotency_key="k"))
    other = world.run(world.provider.create_customer("ada@example.com"))
    assert first.id == again.id != other.id
    assert (first.email, first.name, dict(first.metadata)) == ("ada@example.com", "Ada", {"a": "b"})
    assert world.server.seen == []


def test_what_paypal_lacks_is_refused_with_what_to_do_instead() -> None:
    world = World()
    for call in (
        lambda: world.provider.get_customer("cus_1"),
        lambda: world.provider.update_customer("cus_1", name="Ada"),
        lambda: world.provider.delete_customer("cus_1"),
        lambda: world.provider.create_usage_record("I-1", 5),
    ):
        with pytest.raises(UnsupportedOperation) as caught:
            world.run(call())
        assert caught.value.alternative
    assert Capability.CUSTOMERS not in world.provider.capabilities
    assert world.server.seen == []


def test_all_deliveries_share_one_verifier_however_many_come_at_once() -> None:
    world = World()
    found: list[object] = []
    barrier = threading.Barrier(16)

    def look() -> None:
        barrier.wait()
        found.append(world.provider._webhooks.verifier)

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://169.254.169.254/", "", "https://api.paypal.com.evil/x"]
)
def test_a_certificate_is_preloaded_from_paypal_only(mode: str, url: str) -> None:
    world = World(mode)
    with pytest.raises(WebhookError) as caught:
        world.run(world.provider.preload_certificate(url))
    assert caught.value.operation == "preload_certificate"
    assert world.server.seen == []


@pytest.fixture
def without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)


@pytest.mark.usefixtures("without_cryptography")
@pytest.mark.parametrize("verify", ["auto", "offline"])
def test_webhooks_without_cryptography_are_refused_when_the_provider_is_made(verify: str) -> None:
    config = PayPalConfig(client_id="id", client_secret="secret", webhook_id="WH-1", verify=verify)
    with pytest.raises(ConfigurationError, match=r"pip install \"paylattice\[paypal\]\"") as caught:
        PayPalProvider(config)
    assert caught.value.provider == "paypal"
    assert 'verify="postback"' in caught.value.message


@pytest.mark.usefixtures("without_cryptography")
def test_who_only_calls_or_lets_paypal_verify_needs_no_cryptography() -> None:
    PayPalProvider(PayPalConfig(client_id="id", client_secret="secret"))
    PayPalProvider(PayPalConfig(client_id="id", client_secret="secret", webhook_id="WH-1", verify="postback"))


@pytest.mark.parametrize(
    "statement",
    [
        "import paylattice.providers.paypal.provider",
        "from paylattice.providers.paypal import PayPalConfig, PayPalProvider, TokenCache",
        "from paylattice.providers import paypal as p; p.PayPalProvider(p.PayPalConfig(client_id='a', client_secret='b'))",
    ],
)
def test_the_first_request_loads_httpx_and_the_first_webhook_cryptography_and_no_import_does(statement: str) -> None:
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(json.loads(answer.stdout)) & {"httpx", "cryptography", "asyncio", "ssl", "cattrs", "certifi"} == set()
