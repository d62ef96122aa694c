"""How a scenario comes to its provider: the stand-in, the sandbox of whoever has credentials, and a replay."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import httpx

from paylattice.config import ProviderConfig
from paylattice.provider import BaseProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.standins import PayPalStandIn, SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport, BlockingTransport

from .paypal_scenarios import Account as PayPalAccount
from .square_scenarios import Account as SquareAccount
from .stripe_scenarios import Account as StripeAccount

__all__ = ["BEGINNING", "SERVICES", "Service", "now_of", "serving"]

BEGINNING = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""When every recording of a stand-in begins: so that it is always the same bytes."""


@attrs.frozen
class Service:
    """A provider, as the recordings see it.

    Args:
        title: the provider as a person calls it.
        stand_in: makes one, whose pages are small.
        of_stand_in: the settings for a stand-in at a URL.
        of_sandbox: the settings for the sandbox, from the environment.
        replayed: settings that are no secret, for a replay.
        provider: makes the provider; the last argument is the time that it takes for now, in seconds since 1970.
        account: what a scenario prepares, over a client that is authorized.
        authorization: the header of a request to prepare.
        pay: be the customer on a page of the stand-in.
    """

    title: str
    stand_in: Callable[[], Any]
    of_stand_in: Callable[[Any, str], Any]
    of_sandbox: Callable[[Mapping[str, str]], Any]
    replayed: ProviderConfig
    provider: Callable[[Any, AsyncTransport | BlockingTransport, float], BaseProvider]
    account: Callable[[httpx.Client], Any]
    authorization: Callable[[httpx.Client, Any], str]
    pay: Callable[[Any, str], object]

    @property
    def header_of_stand_in(self) -> str:
        """The first line of a cassette."""
        return f"# Recorded against paylattice's own {self.title} stand-in, not against {self.title}."

    @property
    def header_of_sandbox(self) -> str:
        """The first line of a cassette."""
        return f"# Recorded against {self.title}'s sandbox."

    @contextmanager
    def prepared(self, config: Any, url: str) -> Iterator[Any]:
        """The account to prepare."""
        with httpx.Client(base_url=url) as client:
            client.headers["Authorization"] = self.authorization(client, config)
            yield self.account(client)


@contextmanager
def serving(service: Service) -> Iterator[tuple[Any, str]]:
    """A new stand-in, and its base URL."""
    server = service.stand_in()
    with server.serve() as url:
        yield server, url


def _stripe_sandbox(environ: Mapping[str, str]) -> StripeConfig:
    config = StripeConfig.from_env(environ)
    key = config.secret_key.reveal() if config.secret_key else ""
    if not key.startswith(("sk_test_", "rk_test_")):
        message = "STRIPE_SECRET_KEY must be the test key of a sandbox"
        raise ValueError(message)
    return config


def _paypal_sandbox(environ: Mapping[str, str]) -> PayPalConfig:
    config = PayPalConfig.from_env(environ)
    config.require("client_id", "client_secret")
    if config.livemode:
        message = "PAYPAL_ENVIRONMENT must be sandbox"
        raise ValueError(message)
    return config


def _square_sandbox(environ: Mapping[str, str]) -> SquareConfig:
    config = SquareConfig.from_env(environ)
    config.require("access_token", "location_id")
    if config.livemode:
        message = "SQUARE_ENVIRONMENT must be sandbox"
        raise ValueError(message)
    return config


def _paypal_token(client: httpx.Client, config: PayPalConfig) -> str:
    assert config.client_secret is not None
    answer = client.post(
        "/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(config.client_id or "", config.client_secret.reveal()),
    )
    return f"Bearer {answer.raise_for_status().json()['access_token']}"


SERVICES: Mapping[str, Service] = {
    "stripe": Service(
        title="Stripe",
        stand_in=lambda: StripeStandIn(now=BEGINNING, largest_page=2),
        of_stand_in=lambda server, url: StripeConfig(secret_key=server.secret_key, base_url=url),
        of_sandbox=_stripe_sandbox,
        replayed=StripeConfig(secret_key="sk_test_replayed"),
        provider=lambda config, transport, now: StripeProvider(config, transport=transport, clock=lambda: now),
        account=StripeAccount,
        authorization=lambda _, config: f"Bearer {config.secret_key.reveal()}",
        pay=lambda server, session_id: server.complete_checkout(session_id),
    ),
    "paypal": Service(
        title="PayPal",
        stand_in=lambda: PayPalStandIn(now=BEGINNING, largest_page=2),
        of_stand_in=lambda server, url: PayPalConfig(
            client_id=server.client_id, client_secret=server.client_secret, base_url=url
        ),
        of_sandbox=_paypal_sandbox,
        replayed=PayPalConfig(client_id="replayed", client_secret="replayed"),
        provider=lambda config, transport, now: PayPalProvider(config, transport=transport, clock=lambda: now),
        account=PayPalAccount,
        authorization=_paypal_token,
        pay=lambda server, session_id: server.complete_checkout(session_id),
    ),
    "square": Service(
        title="Square",
        stand_in=lambda: SquareStandIn(now=BEGINNING, largest_page=2),
        of_stand_in=lambda server, url: SquareConfig(
            access_token="standin-token", location_id=server.location_id, base_url=url
        ),
        of_sandbox=_square_sandbox,
        replayed=SquareConfig(access_token="replayed", location_id="LSTANDIN"),
        provider=lambda config, transport, now: SquareProvider(config, transport=transport, clock=lambda: now),
        account=SquareAccount,
        authorization=lambda _, config: f"Bearer {config.token()}",
        pay=lambda server, session_id: server.complete_checkout(session_id),
    ),
}


def now_of(facts: Mapping[str, str]) -> float:
    """The time that a recording was made at."""
    return float(facts.get("now", BEGINNING.timestamp()))
