"""A stand-in and a provider in front of it, in both worlds."""

from datetime import UTC, datetime
from typing import Any

import httpx

from paylattice import Money
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.standins import StripeStandIn
from tests.kit import BothWorlds

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
OK, NO = "https://app.test/ok", "https://app.test/no"


class Shop(BothWorlds):
    """The stand-in, a provider, and what most tests begin with."""

    def __init__(self, mode: str, *, attempts: int = 4, **stand_in: Any) -> None:
        super().__init__(mode)
        self.now = NOW.timestamp()
        self.server = StripeStandIn(now=NOW, clock=lambda: self.now, **stand_in)
        self.provider = self.another(attempts=attempts)

    def another(self, *, attempts: int = 4) -> StripeProvider:
        """Another provider for the same account, as another process would have it."""
        config = StripeConfig(secret_key=self.server.secret_key, webhook_secret=self.server.webhook_secret)
        transport = self.transport(self.server.transport(), attempts=attempts)
        return StripeProvider(config, transport=transport, clock=lambda: self.now)

    def customer(self, *, card: bool = True, **card_arguments: Any) -> str:
        customer = self.run(self.provider.create_customer("ada@example.com", "Ada"))
        if card:
            self.server.add_payment_method(customer.id, **card_arguments)
        return customer.id

    def subscription(self, price: str = "price_pro", *, billing_mode: str = "flexible", quantity: int = 1) -> str:
        if price not in {found["id"] for found in self.server.objects("price")}:
            self.server.add_plan(price, Money(1900, "USD"))
        return self.server.add_subscription(self.customer(), price, billing_mode=billing_mode, quantity=quantity)

    def told(self) -> list[str]:
        """The types of the webhooks that wait."""
        return [delivery.type for delivery in self.server.deliveries()]

    def raw(self, method: str, path: str, key: str | None = None, **params: Any) -> httpx.Response:
        """A request of no library."""
        headers = {"Authorization": f"Bearer {self.server.secret_key}"}
        if key:
            headers["Idempotency-Key"] = key
        with httpx.Client(transport=self.server.transport(), base_url="https://api.stripe.com") as client:
            place = {"params": params} if method == "GET" else {"data": params}
            return client.request(method, path, headers=headers, **place)
