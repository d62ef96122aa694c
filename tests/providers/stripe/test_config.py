"""Settings, and what importing costs."""

import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from paylattice import Capability, driving
from paylattice.config import Secret
from paylattice.errors import ConfigurationError
from paylattice.providers import stripe as package
from paylattice.providers.stripe import API_VERSION, StripeConfig, StripeProvider
from paylattice.providers.stripe.api import StripeAPI
from paylattice.transport import BlockingTransport
from tests.kit import everything_in

from .samples import customer
from .support import KEY, SECRET, World, configuration


def test_the_environment_holds_the_settings() -> None:
    config = StripeConfig.from_env(
        {
            "STRIPE_SECRET_KEY": f" {KEY}\n",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
            "STRIPE_WEBHOOK_SECRET": "whsec_1, whsec_2",
            "STRIPE_API_BASE": "http://127.0.0.1:4242/",
        }
    )
    assert config.secret_key == Secret(KEY)
    assert config.publishable_key == "pk_test_1"
    assert config.webhook_secret == (Secret("whsec_1"), Secret("whsec_2"))
    assert config.base_url == "http://127.0.0.1:4242"
    assert config.api_version == API_VERSION == "2026-10-28.endive"


def test_only_the_secret_key_is_required() -> None:
    config = StripeConfig.from_env({"STRIPE_SECRET_KEY": KEY})
    assert (config.publishable_key, config.webhook_secret, config.base_url) == (None, (), None)
    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY"):
        StripeConfig.from_env({"STRIPE_WEBHOOK_SECRET": SECRET})
    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY"):
        StripeProvider(StripeConfig(webhook_secret=SECRET))


def test_the_provider_reads_the_environment_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
    assert StripeProvider().get_provider_name() == "stripe"
    monkeypatch.delenv("STRIPE_SECRET_KEY")
    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY"):
        StripeProvider()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"secret_key": "pk_test_abcdefgh"}, "a publishable key"),
        ({"secret_key": "whsec_abcdefgh"}, "a webhook secret"),
        ({"secret_key": "abcdefgh"}, "something else"),
        ({"secret_key": KEY, "publishable_key": "sk_test_abcdefgh"}, "browsers"),
        ({"secret_key": KEY, "publishable_key": "pk_live_abcdefgh"}, "same mode"),
        ({"secret_key": KEY, "webhook_secret": "we_abcdefgh"}, "the id of a webhook endpoint"),
        ({"secret_key": KEY, "webhook_secret": ["whsec_1", "sk_test_abcdefgh"]}, "a secret key"),
        ({"secret_key": KEY, "api_version": "2026\n"}, None),
        ({"secret_key": KEY, "api_version": "2026\r\nX: y"}, "API version"),
        ({"secret_key": KEY, "api_version": "\uff12\uff10\uff12\uff16"}, "API version"),
        ({"secret_key": KEY, "base_url": "ftp://x"}, "base URL"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_told_and_not_shown(settings: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert StripeConfig(**settings).api_version == "2026"
        return
    with pytest.raises(ConfigurationError, match=said) as caught:
        StripeConfig(**settings)
    assert not any("abcdefgh" in text for text in everything_in(caught.value))


@pytest.mark.parametrize(
    ("key", "livemode"),
    [
        ("sk_test_1", False),
        ("rk_test_1", False),
        ("sk_live_1", True),
        ("rk_live_1", True),
        ("sk_org_1", None),
        ("sk_1", None),
        (None, None),
    ],
)
def test_the_key_tells_the_mode(key: str | None, livemode: bool | None) -> None:
    assert StripeConfig(secret_key=key).livemode is livemode


@pytest.mark.parametrize(
    ("settings", "livemode"),
    [
        ({"secret_key": "sk_org_1", "mode": "live"}, True),
        ({"secret_key": "sk_local_1", "mode": " Test "}, False),
        ({"secret_key": "sk_local_1", "mode": ""}, None),
        ({"secret_key": "rk_proxy-1", "publishable_key": "pk_live_1"}, True),
        ({"secret_key": "sk_live_1", "mode": "live"}, True),
    ],
)
def test_a_key_that_does_not_tell_its_mode_can_be_helped(settings: dict[str, str], livemode: bool | None) -> None:
    assert StripeConfig(**settings).livemode is livemode


@pytest.mark.parametrize(("key", "mode"), [("sk_live_1", "test"), ("rk_test_1", "live"), ("sk_org_1", "sandbox")])
def test_a_mode_that_is_none_or_not_the_key_s_is_refused(key: str, mode: str) -> None:
    with pytest.raises(ConfigurationError, match="STRIPE_MODE"):
        StripeConfig(secret_key=key, mode=mode)


def test_a_publishable_key_goes_with_a_key_that_does_not_tell_its_mode() -> None:
    assert StripeConfig(secret_key="sk_org_1", publishable_key="pk_live_1").publishable_key == "pk_live_1"


def test_secrets_are_neither_shown_nor_pickled() -> None:
    config = configuration()
    assert KEY not in repr(config) + str(config)
    assert SECRET not in repr(config)
    with pytest.raises(TypeError):
        pickle.dumps(config)


def test_all_capabilities_are_declared() -> None:
    provider = StripeProvider(configuration())
    assert provider.capabilities == frozenset(Capability)
    provider.require(*Capability)


def test_another_base_url_is_used_for_every_request() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json=customer())

    transport = BlockingTransport(transport=httpx.MockTransport(answer))
    provider = StripeProvider(configuration(base_url="http://127.0.0.1:4242/base/"), transport=transport)
    driving.run(provider.get_customer("cus_1"))
    assert seen == ["http://127.0.0.1:4242/base/v1/customers/cus_1"]


def test_stripes_own_servers_are_the_default() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json=customer())

    provider = StripeProvider(configuration(), transport=BlockingTransport(transport=httpx.MockTransport(answer)))
    driving.run(provider.get_customer("cus_1"))
    assert seen == ["https://api.stripe.com/v1/customers/cus_1"]


def test_two_tenants_use_their_own_keys(world: World) -> None:
    other = StripeProvider(configuration(secret_key="sk_test_othertenant"), transport=world.provider.transport)
    world.on("GET", "/v1/customers/cus_1", customer(), customer())
    world.run(world.provider.get_customer("cus_1"))
    world.run(other.get_customer("cus_1"))
    used = [request.headers["authorization"] for request in world.server.seen]
    assert used == [f"Bearer {KEY}", "Bearer sk_test_othertenant"]


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="StripeProvidr"):
        _ = package.StripeProvidr
    assert package.StripeProvider is StripeProvider


def test_a_missing_sdk_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(ConfigurationError, match=r'pip install "paylattice\[stripe\]"'):
        StripeProvider(configuration())
    monkeypatch.delitem(sys.modules, "paylattice.providers.stripe.sdk", raising=False)
    api = StripeAPI(configuration(), BlockingTransport)
    with pytest.raises(ConfigurationError, match=r'pip install "paylattice\[stripe\]"') as caught:
        driving.run(api.get("/v1/customers"))
    assert caught.value.__context__ is None


def run_python(code: str, home: Path) -> str:
    source = str(Path(package.__file__).parents[3])
    environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "PYTHONPATH": source, "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ONE_REQUEST = """
import sys
from paylattice import driving
from paylattice.testing.http_library import httpx
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.transport import BlockingTransport
mock = httpx.MockTransport(lambda request: httpx.Response(200, json={"id": "cus_1"}, headers={"Request-Id": "req_1"}))
provider = StripeProvider(StripeConfig(secret_key="sk_test_1"), transport=BlockingTransport(transport=mock))
driving.run(provider.get_customer("cus_1"))
driving.run(provider.create_customer("ada@example.com"))
"""


def test_importing_and_configuring_loads_neither_the_sdk_nor_httpx(tmp_path: Path) -> None:
    code = (
        "import sys, paylattice.providers.stripe as p; p.StripeConfig(secret_key='sk_test_1');"
        "print(sorted({'stripe', 'httpx', 'requests', 'asyncio'} & set(sys.modules)))"
    )
    assert run_python(code, tmp_path) == "[]"


def test_webhooks_load_neither_the_sdk_nor_httpx(tmp_path: Path) -> None:
    code = """
import sys
from paylattice import driving
from paylattice.errors import WebhookError
from paylattice.providers.stripe import StripeConfig, StripeProvider
provider = StripeProvider(StripeConfig(secret_key="sk_test_1", webhook_secret="whsec_1"))
try:
    driving.run(provider.parse_webhook(b"{}", {}))
except WebhookError:
    print(sorted({"stripe", "httpx"} & set(sys.modules)))
"""
    assert run_python(code, tmp_path) == "[]"


def test_no_telemetry_when_nobody_else_uses_the_sdk(tmp_path: Path) -> None:
    said = run_python(ONE_REQUEST + "import stripe; print(stripe.enable_telemetry)", tmp_path)
    assert said == "False"
    assert list(tmp_path.rglob("*")) == []


def test_the_applications_own_telemetry_setting_is_kept(tmp_path: Path) -> None:
    said = run_python("import stripe\n" + ONE_REQUEST + "print(stripe.enable_telemetry)", tmp_path)
    assert said == "True"
    if tuple(map(int, stripe.VERSION.split(".")[:2])) >= (15, 6):  # earlier ones write no id
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
            "telemetry_id"
        ]  # so it is noticed above


def test_the_sdk_logs_nothing_of_these_requests_and_still_logs_the_applications(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.on("POST", "/v1/customers", customer())
    with caplog.at_level(logging.DEBUG):
        world.run(world.provider.create_customer("ada@example.com"))
        logging.getLogger("stripe").debug("the application's own")
    assert [record.getMessage() for record in caplog.records if record.name == "stripe"] == ["the application's own"]
    assert not any("ada@" in record.getMessage() for record in caplog.records)
