"""Settings."""

import subprocess
import sys

import pytest

from paylattice.errors import ConfigurationError
from paylattice.providers.square import API_VERSION, SquareConfig, SquareProvider

from .support import LOCATION, TOKEN, configuration

ENVIRON = {
    "SQUARE_ACCESS_TOKEN": TOKEN,
    "SQUARE_APPLICATION_ID": "sandbox-sq0idb-abc",
    "SQUARE_WEBHOOK_SIGNATURE_KEY": "key-one, key-two",
    "SQUARE_LOCATION_ID": LOCATION,
    "SQUARE_WEBHOOK_URL": "https://shop.example/Hooks/?a=1",
    "SQUARE_API_BASE": "http://127.0.0.1:8080/",
}


def test_the_environment_is_read() -> None:
    config = SquareConfig.from_env(ENVIRON)
    assert config.token() == TOKEN
    assert [key.reveal() for key in config.webhook_signature_key] == ["key-one", "key-two"]
    assert (config.location_id, config.environment, config.livemode) == (LOCATION, "sandbox", False)
    assert (config.api_version, config.checkout, config.base_url) == (API_VERSION, "link", "http://127.0.0.1:8080")


def test_the_webhook_url_is_kept_to_the_letter() -> None:
    assert SquareConfig.from_env(ENVIRON).webhook_url == "https://shop.example/Hooks/?a=1"


@pytest.mark.parametrize(
    ("environment", "base_url"),
    [
        ("sandbox", "https://connect.squareupsandbox.com"),
        ("production", "https://connect.squareup.com"),
        ("Production", "https://connect.squareup.com"),
        (None, "https://connect.squareupsandbox.com"),
    ],
)
def test_the_environment_chooses_the_server(environment: str | None, base_url: str) -> None:
    config = SquareConfig(access_token=TOKEN, environment=environment)  # type: ignore[arg-type]
    assert config.base_url == base_url
    assert (
        SquareConfig(access_token=TOKEN, environment="production", base_url=None).base_url
        == "https://connect.squareup.com"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"access_token": "sq0csp-abc"}, "application secret"),
        ({"access_token": "sandbox-sq0csb-abc"}, "application secret"),
        ({"access_token": "sq0idp-abc"}, "application id"),
        ({"environment": "staging"}, "sandbox or production"),
        ({"checkout": "page"}, "link or invoice"),
        ({"application_id": "sandbox-sq0idb-abc"}, "SQUARE_APPLICATION_ID"),
        ({"application_id": "sq0idp-abc", "environment": "sandbox"}, "production one"),
        ({"location_id": "../x"}, "SQUARE_LOCATION_ID"),
        ({"webhook_url": "/webhooks"}, "SQUARE_WEBHOOK_URL"),
        ({"webhook_url": "https://a b/"}, "SQUARE_WEBHOOK_URL"),
        ({"webhook_url": "https://[::1/"}, "SQUARE_WEBHOOK_URL"),
        ({"api_version": "2026\n"}, None),
        ({"api_version": "2026-09-16\r\nX: y"}, "API version"),
    ],
)
def test_wrong_settings_are_told(changes: dict[str, str], says: str | None) -> None:
    if says is None:
        assert configuration(**changes).api_version == "2026"
        return
    with pytest.raises(ConfigurationError, match=says) as caught:
        configuration(**changes)
    assert all(
        value not in str(caught.value) for value in changes.values() if value.startswith(("sq0c", "sandbox-sq0c"))
    )


def test_a_missing_token_is_told_by_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="SQUARE_ACCESS_TOKEN"):
        SquareConfig.from_env({})
    with pytest.raises(ConfigurationError, match="SQUARE_ACCESS_TOKEN"):
        SquareProvider(SquareConfig())
    with pytest.raises(ConfigurationError, match="SQUARE_ENVIRONMENT"):
        SquareConfig.from_env({**ENVIRON, "SQUARE_ENVIRONMENT": "staging"})


def test_secrets_are_not_shown() -> None:
    shown = f"{configuration()!r} {SquareProvider(configuration())!r}"
    assert TOKEN not in shown
    assert "Ibxx" not in shown


def test_importing_the_package_loads_neither_the_provider_nor_httpx() -> None:
    code = (
        "import sys, paylattice.providers.square as s; s.SquareConfig(access_token='t');"
        "assert 'httpx' not in sys.modules, 'httpx';"
        "assert 'paylattice.providers.square.provider' not in sys.modules;"
        "s.SquareProvider(s.SquareConfig(access_token='t'));"
        "assert 'httpx' not in sys.modules, 'httpx'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_there_is_nothing_else_in_the_package() -> None:
    import paylattice.providers.square as package

    with pytest.raises(AttributeError):
        package.SquareProvidor  # noqa: B018
