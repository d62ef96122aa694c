"""What a page needs to start a provider's JavaScript: public values of the settings, and no request."""

import pytest

from paylattice import BaseProvider, BrowserSettings, create_provider, sync
from paylattice.errors import ConfigurationError, UnsupportedOperation
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider


def test_stripe_has_its_publishable_key_and_the_connected_account() -> None:
    config = StripeConfig(secret_key="sk_test_1", publishable_key="pk_test_1", account="acct_1")
    found = StripeProvider(config).browser_settings()
    assert found == BrowserSettings(
        "stripe", "https://js.stripe.com/v3/", "pk_test_1", account_id="acct_1", livemode=False
    )


def test_paypal_has_its_client_id_in_the_address() -> None:
    config = PayPalConfig(client_id="A&b", client_secret="secret", environment="live")
    found = PayPalProvider(config).browser_settings()
    assert (found.public_key, found.livemode) == ("A&b", True)
    assert found.sdk_url == "https://www.paypal.com/sdk/js?client-id=A%26b&components=buttons,card-fields"


@pytest.mark.parametrize(
    ("environment", "application_id", "host"),
    [("sandbox", "sandbox-sq0idb-1", "sandbox.web.squarecdn.com"), ("production", "sq0idp-1", "web.squarecdn.com")],
)
def test_square_has_its_application_and_its_location(environment: str, application_id: str, host: str) -> None:
    config = SquareConfig(
        access_token="secret", application_id=application_id, location_id="L1", environment=environment
    )
    found = SquareProvider(config).browser_settings()
    assert (found.sdk_url, found.public_key, found.location_id) == (
        f"https://{host}/v1/square.js",
        application_id,
        "L1",
    )


def test_a_missing_setting_is_named() -> None:
    for provider, variable in (
        (StripeProvider(StripeConfig(secret_key="sk_test_1")), "STRIPE_PUBLISHABLE_KEY"),
        (SquareProvider(SquareConfig(access_token="secret", location_id="L1")), "SQUARE_APPLICATION_ID"),
        (SquareProvider(SquareConfig(access_token="secret", application_id="sandbox-sq0idb-1")), "SQUARE_LOCATION_ID"),
    ):
        with pytest.raises(ConfigurationError, match=variable):
            provider.browser_settings()


def test_the_settings_come_from_the_environment_and_without_await(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    monkeypatch.setenv("STRIPE_PUBLISHABLE_KEY", "pk_test_1")
    for provider in (create_provider("stripe"), sync.create_provider("stripe")):
        assert provider.browser_settings().public_key == "pk_test_1"  # type: ignore[attr-defined]  # the factory answers the protocol


def test_the_embedded_provider_has_no_script_and_others_say_so() -> None:
    assert InMemoryProvider().browser_settings() == BrowserSettings("memory", None, "memory", livemode=False)

    class Bare(BaseProvider):
        name = "bare"

    with pytest.raises(UnsupportedOperation) as caught:
        Bare().browser_settings()
    assert "create_payment_session" in (caught.value.alternative or "")
