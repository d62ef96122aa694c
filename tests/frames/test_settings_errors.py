"""What an error reporter gets to see of settings that are refused: the value may be a secret in the wrong place."""

from collections.abc import Callable

import attrs
import pytest

from paylattice import create_provider
from paylattice.config import ProviderConfig, Secret, env, secrets_from, url_from
from paylattice.errors import ConfigurationError
from paylattice.providers.paypal import PayPalConfig
from paylattice.providers.square import SquareConfig
from paylattice.providers.stripe import StripeConfig, StripeProvider

from .walker import leaks

KEY = "sk_live_51H8kNotARealKey"


@attrs.frozen(kw_only=True)
class AcmeConfig(ProviderConfig):
    provider = "acme"
    key: Secret | None = attrs.field(default=None, converter=Secret.of, metadata=env("ACME_KEY", "call", required=True))
    hooks: tuple[Secret, ...] = attrs.field(default=(), converter=secrets_from, metadata=env("ACME_HOOKS", "verify"))
    base_url: str | None = attrs.field(default=None, converter=url_from, metadata=env("ACME_URL", "reach"))


@pytest.mark.parametrize(
    "made",
    [
        lambda: StripeConfig(secret_key=f"{KEY} {KEY}"),
        lambda: StripeConfig(secret_key=KEY.encode()),  # type: ignore[arg-type]
        lambda: StripeConfig(webhook_secret=KEY),
        lambda: StripeConfig(publishable_key=KEY),
        lambda: StripeConfig(secret_key=KEY, publishable_key="pk_test_1"),
        lambda: StripeConfig(api_version=f"{KEY}\n1"),
        lambda: StripeConfig.from_env({"STRIPE_SECRET_KEY": f"{KEY} x"}),
        lambda: StripeConfig.from_env({"STRIPE_WEBHOOK_SECRET": KEY}),
        lambda: PayPalConfig(client_id=f"{KEY}:1"),
        lambda: PayPalConfig(environment=KEY),
        lambda: PayPalConfig.from_env({"PAYPAL_ENVIRONMENT": KEY}),
        lambda: SquareConfig(base_url=f"https://{KEY}@square.example"),
        lambda: SquareConfig(access_token=f"sq0csp-{KEY}"),
        lambda: SquareConfig(webhook_url=KEY, access_token=KEY),
        lambda: AcmeConfig(key=f"{KEY} x"),
        lambda: AcmeConfig(base_url=f"http://{KEY}@acme.example"),
        lambda: AcmeConfig.from_env({"ACME_HOOKS": KEY}),
        lambda: AcmeConfig(hooks=KEY).require("key"),
        lambda: StripeProvider(StripeConfig(webhook_secret=f"whsec_{KEY}")),
        lambda: StripeProvider(AcmeConfig(key=KEY)),  # type: ignore[arg-type]
        lambda: create_provider("square", config=StripeConfig(secret_key=KEY)),
        lambda: create_provider("nobody", config=StripeConfig(secret_key=KEY)),
    ],
)
def test_nothing_is_in_the_frames_of_settings_that_are_refused(made: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made()
    assert leaks(caught.value, (KEY,)) == []
