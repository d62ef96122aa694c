"""Customers who are gone at Stripe and Square: a new checkout makes a new one, once. PayPal has none that could go."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from paylattice import BillingCustomer, BillingService, InMemoryRepository, Money, ReplacedCustomer, errors
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.store import Store
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.transport import AsyncTransport, RetryPolicy
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import NO, OK, Market
from tests.testing.standins.stripe.support import Shop

PAGE = {"email": "ada@example.com", "name": "Ada Lovelace", "success_url": OK, "cancel_url": NO}


def stripe() -> tuple[Any, str]:
    shop = Shop("async")
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    return shop, "price_pro"


def square(checkout: str) -> tuple[Any, str]:
    market = Market("async")
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.provider = market.another(checkout=checkout)
    return market, "PRO"


SHOPS: dict[str, Callable[[], tuple[Any, str]]] = {
    "stripe": stripe,
    "square's links": lambda: square("link"),
    "square's invoices": lambda: square("invoice"),
}


class Here:
    """Billing over a stand-in."""

    def __init__(self, shop: Any, plan: str) -> None:
        self.provider, self.server, self.plan = shop.provider, shop.server, plan
        self.name = self.provider.get_provider_name()
        self.repository = InMemoryRepository()
        self.told: list[ReplacedCustomer] = []
        self.billing: BillingService[InMemoryTransaction] = BillingService(
            self.provider, self.repository, on_replaced=self.told.append
        )

    async def checkout(self, **more: Any) -> Any:
        return await self.billing.start_checkout("org", self.plan, **PAGE, **more)

    async def customer_id(self) -> str:
        found = await Store(self.repository).get_customer("org", self.name)
        assert found is not None
        return found.external_customer_id


@pytest.mark.parametrize("shop", SHOPS)
def test_a_customer_who_was_deleted_is_replaced_once(shop: str) -> None:
    async def main() -> None:
        here = Here(*SHOPS[shop]())
        await here.checkout()
        before = await here.customer_id()
        await here.provider.delete_customer(before)
        first = await here.checkout(idempotency_key="click", allow_second=True)
        again = await here.checkout(idempotency_key="click", allow_second=True)
        assert again.id == first.id
        after = await here.customer_id()
        assert here.told == [ReplacedCustomer("org", here.name, before, after)]
        assert len(here.server.objects("customer")) == 1
        assert await here.provider.get_customer(after) is not None

    asyncio.run(main())


@pytest.mark.parametrize("shop", SHOPS)
def test_an_id_of_another_account_is_replaced_once(shop: str) -> None:
    async def main() -> None:
        here = Here(*SHOPS[shop]())
        await Store(here.repository).insert_customer(
            BillingCustomer("1", "org", here.name, "cus_test_1", "ada@example.com", "Ada Lovelace")
        )
        await asyncio.gather(*(here.checkout(allow_second=True) for _ in range(3)))
        assert len(here.server.objects("customer")) == 1
        assert await here.customer_id() == here.server.objects("customer")[0]["id"]

    asyncio.run(main())


def test_a_test_customer_at_a_live_key_is_replaced_by_what_stripe_says_of_it() -> None:
    seen: list[str] = []

    def live(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        said = (
            "No such customer: 'cus_test'; a similar object exists in test mode, but a live mode key was used to make this "
            "request."
        )
        error = {"code": "resource_missing", "message": said, "type": "invalid_request_error"}
        match request.method, request.url.path:
            case "GET", "/v1/customers/cus_test":
                return httpx.Response(404, json={"error": {**error, "param": "id"}})
            case "POST", "/v1/customers":
                return httpx.Response(200, json={"id": "cus_live", "object": "customer", "email": "ada@example.com"})
            case "POST", "/v1/checkout/sessions" if b"cus_test" in request.content:
                return httpx.Response(400, json={"error": {**error, "param": "customer"}})
            case "GET", "/v1/prices/price_pro":
                price = {
                    "id": "price_pro",
                    "object": "price",
                    "currency": "usd",
                    "unit_amount": 1900,
                    "type": "recurring",
                }
                return httpx.Response(200, json={**price, "recurring": {"interval": "month", "interval_count": 1}})
            case _:
                session = {"id": "cs_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/1"}
                return httpx.Response(
                    200, json={**session, "customer": "cus_live", "status": "open", "mode": "subscription"}
                )

    async def main() -> None:
        transport = AsyncTransport(client=httpx.AsyncClient(transport=httpx.MockTransport(live)))
        provider = StripeProvider(StripeConfig(secret_key="sk_live_1"), transport=transport)
        repository = InMemoryRepository()
        await Store(repository).insert_customer(BillingCustomer("1", "org", "stripe", "cus_test"))
        billing = BillingService(provider, repository)
        assert (await billing.start_checkout("org", "price_pro", **PAGE)).id == "cs_1"
        stored = await Store(repository).get_customer("org", "stripe")
        assert stored is not None
        assert (stored.id, stored.external_customer_id, stored.email) == ("1", "cus_live", "ada@example.com")
        assert seen.count("POST /v1/customers") == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"error": {"code": "secret_key_required", "type": "invalid_request_error"}}),
        httpx.Response(500, json={"error": {"type": "api_error"}}),
        httpx.Response(404, text="<html>not here</html>"),
        httpx.Response(404, json={"error": {"message": "Unrecognized request URL (GET: /v1/customers/cus_1)."}}),
    ],
    ids=["no permission", "down", "a proxy", "another server"],
)
def test_a_customer_of_whom_stripe_does_not_say_that_they_are_gone_is_not_replaced(answer: httpx.Response) -> None:
    def says_little(request: httpx.Request) -> httpx.Response:
        match request.method, request.url.path:
            case "GET", "/v1/customers/cus_1":
                return answer
            case "POST", "/v1/checkout/sessions":
                error = {"code": "resource_missing", "param": "customer", "type": "invalid_request_error"}
                return httpx.Response(400, json={"error": error})
            case "GET", _:
                price = {
                    "id": "price_pro",
                    "object": "price",
                    "currency": "usd",
                    "unit_amount": 1900,
                    "type": "recurring",
                }
                return httpx.Response(200, json={**price, "recurring": {"interval": "month", "interval_count": 1}})
            case _:
                raise AssertionError(request.url.path)

    async def main() -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(says_little))
        transport = AsyncTransport(client=client, retry=RetryPolicy(attempts=1))
        provider = StripeProvider(StripeConfig(secret_key="sk_test_1"), transport=transport)
        repository = InMemoryRepository()
        await Store(repository).insert_customer(BillingCustomer("1", "org", "stripe", "cus_1"))
        with pytest.raises(errors.InvalidRequest):
            await BillingService(provider, repository).start_checkout("org", "price_pro", **PAGE)
        stored = await Store(repository).get_customer("org", "stripe")
        assert stored is not None
        assert stored.external_customer_id == "cus_1"

    asyncio.run(main())


def test_paypal_has_no_customers_who_could_be_gone_and_no_refusal_of_its_replaces_one() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        repository = InMemoryRepository()
        customer = BillingCustomer("1", "org", "paypal", "cus_1", "ada@example.com")
        await Store(repository).insert_customer(customer)
        with pytest.raises((errors.NotFound, errors.InvalidRequest)):
            await BillingService(shop.provider, repository).start_checkout("org", "P-UNKNOWN", **PAGE)
        assert await Store(repository).get_customer("org", "paypal") == customer

    asyncio.run(main())
