"""An application's pairs, the stand-in of a provider that has their customers, and billing without any record of them."""

from datetime import UTC, datetime

from paylattice import BaseProvider, BillingCustomer, BillingService, BillingSubscription, InMemoryRepository, Money
from paylattice.billing.memory import InMemoryTransaction
from paylattice.migration import Adoption, AdoptionLine
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import SquareStandIn
from paylattice.testing.standins import PayPalStandIn, StripeStandIn
from paylattice.transport import AsyncTransport
from tests.billing.support import all_of

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
USD = Money(1900, "USD")
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


class Shop:
    """What the shops of all providers have in common."""

    name: str
    provider: BaseProvider

    def __init__(self) -> None:
        self.repository = InMemoryRepository()
        self.billing = self.restarted()

    def restarted(self) -> BillingService[InMemoryTransaction]:
        """Billing as another process has it."""
        return BillingService(self.provider, self.repository, clock=lambda: self.now)

    @property
    def now(self) -> datetime:
        return NOW

    def seconds(self) -> float:
        return self.now.timestamp()

    def adoption(self, **options: object) -> Adoption[InMemoryTransaction]:
        return Adoption(self.billing, self.name, **options)  # type: ignore[arg-type]  # the options of some tests

    async def pair(self, org_id: str, plan_id: str = "pro") -> tuple[str, str]:
        """A customer with a subscription, made by the application's old code."""
        raise NotImplementedError

    async def previewed(self, pairs: list[tuple[str, str]], **options: object) -> list[AdoptionLine]:
        return [line async for line in self.adoption(**options).preview(pairs)]

    def customers(self) -> list[BillingCustomer]:
        return all_of(self.repository, BillingCustomer)

    def subscriptions(self) -> list[BillingSubscription]:
        return all_of(self.repository, BillingSubscription)

    async def deliver(self) -> list[int]:
        raise NotImplementedError


class StripeShop(Shop):
    name = "stripe"

    def __init__(self) -> None:
        self.server = StripeStandIn(now=NOW, clock=self.seconds)
        for plan in ("pro", "team"):
            self.server.add_plan(plan, USD)
        config = StripeConfig(secret_key=self.server.secret_key, webhook_secret=self.server.webhook_secret)
        transport = AsyncTransport(transport=self.server.transport())
        self.provider = StripeProvider(config, transport=transport, clock=self.seconds)
        super().__init__()

    @property
    def now(self) -> datetime:
        return self.server.now

    async def pair(self, org_id: str, plan_id: str = "pro") -> tuple[str, str]:
        customer = await self.provider.create_customer(
            f"{org_id}@example.com", f"Ada {org_id}", metadata={"account": org_id}
        )
        self.server.add_payment_method(customer.id)
        self.server.add_subscription(customer.id, plan_id)
        return org_id, customer.id

    async def deliver(self) -> list[int]:
        hooks = self.server.deliveries()
        return [(await self.billing.respond("stripe", each.payload, each.headers)).status for each in hooks]


class SquareShop(Shop):
    name = "square"

    def __init__(self) -> None:
        self.server = SquareStandIn(now=NOW)
        for plan in ("pro", "team"):
            self.server.add_plan(plan, USD)
        config = SquareConfig(
            access_token=self.server.access_token,
            location_id=self.server.location_id,
            webhook_signature_key=self.server.signature_key,
            webhook_url=self.server.webhook_url,
        )
        transport = AsyncTransport(transport=self.server.transport())
        self.provider = SquareProvider(config, transport=transport, clock=self.seconds)
        super().__init__()

    @property
    def now(self) -> datetime:
        return self.server.now

    async def pair(self, org_id: str, plan_id: str = "pro") -> tuple[str, str]:
        customer = await self.provider.create_customer(
            f"{org_id}@example.com", f"Ada {org_id}", metadata={"org_id": org_id}
        )
        card = self.server.add_payment_method(customer.id)
        self.server.add_subscription(customer.id, plan_id, card=card)
        return org_id, customer.id


class PayPalShop(Shop):
    name = "paypal"

    def __init__(self) -> None:
        self.server = PayPalStandIn(now=NOW, clock=lambda: self.server.now)
        for plan in ("pro", "team"):
            self.server.add_plan(plan, USD)
        config = PayPalConfig(
            client_id=self.server.client_id,
            client_secret=self.server.client_secret,
            webhook_id=self.server.webhook_id,
            trust_store=self.server.trust_store,
        )
        transport = AsyncTransport(transport=self.server.transport())
        self.provider = PayPalProvider(config, transport=transport, clock=self.seconds)
        super().__init__()

    @property
    def now(self) -> datetime:
        return self.server.now

    async def pair(self, org_id: str, plan_id: str = "pro") -> tuple[str, str]:
        session = await self.provider.create_checkout_session(f"old-{org_id}", plan_id, **PAGES)
        self.server.complete_checkout(session.id)
        return org_id, session.id


class MemoryShop(Shop):
    name = "memory"

    def __init__(self) -> None:
        self.provider: InMemoryProvider = InMemoryProvider(now=NOW)
        for plan in ("pro", "team"):
            self.provider.add_plan(plan, USD)
        super().__init__()

    @property
    def now(self) -> datetime:
        return self.provider.now

    async def pair(self, org_id: str, plan_id: str = "pro") -> tuple[str, str]:
        customer = await self.provider.create_customer(
            f"{org_id}@example.com", f"Ada {org_id}", metadata={"account": org_id}
        )
        session = await self.provider.create_checkout_session(customer.id, plan_id, **PAGES)
        self.provider.complete_checkout(session.id)
        return org_id, customer.id


SHOPS = (StripeShop, SquareShop, PayPalShop, MemoryShop)
