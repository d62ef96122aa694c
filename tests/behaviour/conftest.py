"""The four simulated providers, each behind its own provider class, in simulated time."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs
import pytest

from paylattice import BaseProvider, BillingService, InMemoryRepository, Money, Subscription
from paylattice.billing.memory import InMemoryTransaction
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, Simulator, SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

from .differences import DIFFERENCES, PROVIDERS

NOW = datetime(2026, 10, 5, 18, tzinfo=UTC)
PRICE = Money(1900, "USD")
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


async def _no_wait(_seconds: float) -> None:
    """Retries follow at once."""


@attrs.define
class Place:
    """A simulated provider, what is in front of it, and an application's billing.

    Args:
        name: the provider's name.
        simulator: plays the customer, the bank and the calendar.
        provider: what the application uses.
        billing: the application's service.
    """

    name: str
    simulator: Simulator
    provider: BaseProvider
    billing: BillingService[InMemoryTransaction]

    def does(self, what: str) -> object:
        """What the table says that this provider does; a provider that it does not name is skipped."""
        row = DIFFERENCES[what]
        if self.name not in row:
            pytest.skip(f"{self.name} has no such thing: {what}")
        return row[self.name].does

    async def deliver(self) -> None:
        """Hand over the webhooks that wait."""
        for webhook in self.simulator.deliveries():
            reply = await self.billing.respond(self.name, webhook.payload, webhook.headers)
            assert reply.status == 200, (webhook.type, reply)

    async def subscribed(self, plan_id: str = "pro", org_id: str = "org") -> Subscription:
        """A subscription that a customer has begun on the checkout page."""
        session = await self.billing.start_checkout(
            org_id, plan_id, email="ada@example.com", name="Ada Lovelace", **PAGES
        )
        self.simulator.complete_checkout(session.id)
        await self.billing.confirm_return(session.id, org_id=org_id)
        await self.deliver()
        return await self.now(org_id)

    async def now(self, org_id: str = "org") -> Subscription:
        """The organisation's subscription as the provider has it now."""
        stored = await self.billing.sync_subscription(org_id)
        assert stored is not None
        found = await self.provider.get_subscription(stored.external_subscription_id)
        assert found is not None
        return found

    async def paid(self) -> list[int]:
        """What was paid for, newest first, in minor units."""
        invoices = await self.billing.invoices("org", 50)
        return [
            invoice.amount_paid.amount for invoice in invoices if invoice.amount_paid and invoice.amount_paid.amount
        ]


def _memory() -> tuple[Simulator, BaseProvider]:
    provider = InMemoryProvider(MemoryConfig(webhook_secret="whsec_memory"), now=NOW)
    return provider, provider


def _stripe() -> tuple[Simulator, BaseProvider]:
    stand_in = StripeStandIn(now=NOW, when_retries_fail="unpaid", clock=lambda: stand_in.now)
    config = StripeConfig(secret_key=stand_in.secret_key, webhook_secret=stand_in.webhook_secret)
    transport = AsyncTransport(transport=stand_in.transport(), sleep=_no_wait)
    return stand_in, StripeProvider(config, transport=transport, clock=lambda: stand_in.now)


def _paypal() -> tuple[Simulator, BaseProvider]:
    stand_in = PayPalStandIn(now=NOW, clock=lambda: stand_in.now)
    config = PayPalConfig(
        client_id=stand_in.client_id,
        client_secret=stand_in.client_secret,
        webhook_id=stand_in.webhook_id,
        trust_store=stand_in.trust_store,
    )
    transport = AsyncTransport(transport=stand_in.transport(), sleep=_no_wait)
    return stand_in, PayPalProvider(config, transport=transport, clock=lambda: stand_in.now)


def _square() -> tuple[Simulator, BaseProvider]:
    stand_in = SquareStandIn(now=NOW)
    config = SquareConfig(
        access_token=stand_in.access_token,
        location_id=stand_in.location_id,
        webhook_signature_key=stand_in.signature_key,
        webhook_url=stand_in.webhook_url,
    )
    transport = AsyncTransport(transport=stand_in.transport(), sleep=_no_wait)
    return stand_in, SquareProvider(config, transport=transport, clock=lambda: stand_in.now)


MAKERS: dict[str, Callable[[], tuple[Simulator, BaseProvider]]] = {
    "memory": _memory,
    "stripe": _stripe,
    "paypal": _paypal,
    "square": _square,
}


@pytest.fixture(params=PROVIDERS)
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the four, with a plan, a larger one, and one with a trial."""
    simulator, provider = MAKERS[request.param]()
    product = {"product": "PRODUCT"} if request.param == "paypal" else {}
    simulator.add_plan("pro", PRICE, **product)
    simulator.add_plan("team", PRICE * 2, **product)
    simulator.add_plan("trial", PRICE, trial_days=14)
    billing = BillingService(provider, InMemoryRepository(), clock=lambda: simulator.now)
    return Place(request.param, simulator, provider, billing)


Story = Callable[[Place], Awaitable[None]]
