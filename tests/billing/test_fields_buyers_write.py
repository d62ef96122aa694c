"""Fields that a buyer may write never decide whose something is, at Stripe and at Square.

PayPal's ``custom_id`` has a module of its own: ``test_browser_subscriptions.py``. docs/security.md says the same in prose.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingService,
    CheckoutSession,
    Difference,
    InMemoryRepository,
    Money,
    RefusalReason,
    RefusedSubscription,
    WebhookEvent,
    errors,
)
from paylattice.billing.store import Store
from paylattice.provider import config_of
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop as StripeShop

from .support import PAGES, Context


class Desk:
    """Billing in front of a stand-in, and whom its handlers were told of."""

    def __init__(self, provider: BaseProvider, server: StripeStandIn | SquareStandIn) -> None:
        self.provider = provider
        self.server = server
        self.repository = InMemoryRepository()
        self.refused: list[RefusedSubscription] = []
        self.billing = BillingService(
            provider, self.repository, clock=lambda: server.now, on_refused=self.refused.append
        )
        self.told: list[tuple[str, str | None]] = []
        for word in ("subscription.active", "payment.succeeded", "invoice.paid"):
            self.billing.on(word)(self.note)

    def note(self, event: WebhookEvent, context: Context) -> None:
        self.told.append((event.provider_type or "", context.customer.org_id if context.customer else None))

    async def customer(self, org_id: str) -> BillingCustomer:
        return await self.billing.ensure_customer(org_id, email=f"{org_id}@example.com", name="Ada Lovelace")

    async def sell(self, org_id: str) -> CheckoutSession:
        return await self.billing.start_checkout(
            org_id, "PRO", email=f"{org_id}@example.com", name="Ada Lovelace", **PAGES
        )

    async def deliver(self) -> list[str]:
        name = self.provider.get_provider_name()
        return [
            await self.billing.handle_webhook(name, each.payload, each.headers) for each in self.server.deliveries()
        ]

    async def subscriptions(self, org_id: str) -> list[str]:
        stored = await Store(self.repository).list_subscriptions((await self.customer(org_id)).id)
        return [each.external_subscription_id for each in stored]


def drive(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


# --- Stripe ------------------------------------------------------------------------------------------------------------


class AtStripe(Desk):
    def __init__(self) -> None:
        self.shop = StripeShop("async")
        super().__init__(self.shop.provider, self.shop.server)
        self.shop.server.add_plan("PRO", Money(1900, "USD"))

    def page(self, **params: str) -> str:
        """What a payment link of the Dashboard opens: a session without a customer of ours."""
        form = {
            "mode": "subscription",
            "line_items[0][price]": "PRO",
            "line_items[0][quantity]": "1",
            "success_url": PAGES["success_url"],
            **params,
        }
        answer = self.shop.raw("POST", "/v1/checkout/sessions", **form)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])


def test_stripe_a_client_reference_id_decides_nothing() -> None:
    """The buyer of a payment link writes it into the link's address. What they buy is a new customer's, and nobody's here."""

    async def main() -> None:
        desk = AtStripe()
        victim = await desk.customer("victim")
        session = desk.page(client_reference_id="victim", customer_email="victim@example.com")
        desk.server.complete_checkout(session)
        assert "unmatched" in await desk.deliver()
        for reference in ("victim", victim.external_customer_id):
            other = desk.page(client_reference_id=reference)
            desk.server.complete_checkout(other)
            await desk.deliver()
            with pytest.raises(errors.NotFound):
                await desk.billing.confirm_return(other)
        await desk.billing.sync_subscription("victim")
        await desk.billing.reconcile("stripe", repair=True)
        await desk.billing.apply_unmatched("stripe")
        assert await desk.subscriptions("victim") == []
        assert not await desk.billing.access("victim")
        assert ("payment_intent.succeeded", "victim") not in desk.told

    drive(main)


def test_stripe_a_subscription_of_one_organisation_s_customer_cannot_be_given_to_another_one() -> None:
    async def main() -> None:
        desk = AtStripe()
        owner = await desk.customer("owner")
        await desk.customer("other")
        desk.server.add_payment_method(owner.external_customer_id)
        made = desk.server.add_subscription(owner.external_customer_id, "PRO")
        with pytest.raises(errors.Conflict, match="another organisation's"):
            await desk.billing.assign_subscription("other", made)
        await desk.deliver()
        assert await desk.billing.access("owner")
        assert not await desk.billing.access("other")

    drive(main)


def test_stripe_metadata_decides_nothing_although_only_the_secret_key_writes_it() -> None:
    """The customer does, whom only the secret key can write: what stands in the metadata of a subscription, or of a session,
    is yours, and is handed on."""

    async def main() -> None:
        desk = AtStripe()
        one, two = await desk.customer("one"), await desk.customer("two")
        session = desk.page(
            customer=one.external_customer_id,
            **{"metadata[org_id]": "two", "subscription_data[metadata][org_id]": "two"},
        )
        desk.server.complete_checkout(session)
        await desk.deliver()
        assert len(await desk.subscriptions("one")) == 1
        assert await desk.subscriptions("two") == []
        assert {owner for _, owner in desk.told} == {"one"}
        assert two.external_customer_id != one.external_customer_id
        stored = await desk.billing.subscription("one")
        assert stored is not None
        assert stored.metadata["org_id"] == "two"

    drive(main)


# --- Square ------------------------------------------------------------------------------------------------------------

PHONE = "+15005550006"


class AtSquare(Desk):
    def __init__(self, checkout: str = "link") -> None:
        self.market = Market("async")
        super().__init__(self.market.another(checkout=checkout), self.market.server)
        self.market.server.add_plan("PRO", Money(1900, "USD"))

    async def with_phone(self, org_id: str, phone: str = PHONE) -> BillingCustomer:
        """An organisation whose profile has a phone number, which anybody may know."""
        customer = await self.customer(org_id)
        path = f"/v2/customers/{customer.external_customer_id}"
        self.market.ok("PUT", path, {"phone_number": phone})
        return customer


@pytest.mark.parametrize("checkout", ["link", "invoice"])
def test_square_whoever_types_an_organisation_s_phone_number_on_a_public_link_gives_it_nothing(checkout: str) -> None:
    """Square books what they buy on the organisation's profile; billing goes by the checkouts that it started."""

    async def main() -> None:
        desk = AtSquare(checkout)
        victim = await desk.with_phone("victim")
        link = desk.market.link("PRO", 1)
        desk.market.server.complete_checkout(link["id"], phone=PHONE)
        [bought] = desk.market.server.objects("subscription")
        assert bought["customer_id"] == victim.external_customer_id, "that is how Square is"
        await desk.deliver()
        with pytest.raises(errors.NotFound):
            await desk.billing.confirm_return(link["id"], org_id="victim")
        for _ in range(2):
            await desk.billing.sync_subscription("victim")
            await desk.billing.reconcile("square", repair=True)
            await desk.billing.apply_unmatched("square")
            assert await desk.subscriptions("victim") == []
            assert not await desk.billing.access("victim")
            desk.market.server.advance(hours=2)
        found: list[Difference] = []
        await desk.billing.reconcile("square", on_difference=found.append)
        identifier = str(bought["id"])
        assert [(each.subscription_id, each.refused) for each in found] == [(identifier, RefusalReason.NO_CHECKOUT)]
        assert desk.refused == [RefusedSubscription("square", identifier, RefusalReason.NO_CHECKOUT, "victim")]
        await desk.billing.assign_subscription("victim", identifier)
        assert await desk.subscriptions("victim") == [identifier]

    drive(main)


def test_square_a_checkout_of_ours_is_its_organisation_s_whatever_phone_number_is_typed() -> None:
    async def main() -> None:
        desk = AtSquare()
        await desk.with_phone("victim")
        session = await desk.sell("org")
        desk.market.server.complete_checkout(session.id, phone=PHONE)
        await desk.deliver()
        await desk.billing.confirm_return(session.id, org_id="org")
        with pytest.raises(errors.NotFound):
            await desk.billing.confirm_return(session.id, org_id="victim")
        assert len(await desk.subscriptions("org")) == 1
        assert await desk.subscriptions("victim") == []
        assert await desk.billing.access("org")
        assert not await desk.billing.access("victim")

    drive(main)


@pytest.mark.parametrize("checkout", ["link", "invoice"])
def test_square_a_reference_id_or_a_note_decides_nothing(checkout: str) -> None:
    """Sellers and their programs write them: on profiles, orders and payments."""

    async def main() -> None:
        desk = AtSquare(checkout)
        await desk.customer("victim")
        stranger = desk.market.ok(
            "POST",
            "/v2/customers",
            {
                "given_name": "Eve",
                "family_name": "E",
                "email_address": "eve@example.com",
                "reference_id": "victim",
                "note": "victim",
            },
        )["customer"]["id"]
        desk.market.server.add_subscription(stranger, "PRO")
        item = {"name": "Book", "quantity": "1", "base_price_money": {"amount": 1, "currency": "USD"}}
        order = {"location_id": desk.market.server.location_id, "line_items": [item], "reference_id": "victim"}
        link = desk.market.link(None, order=order, payment_note="victim")
        desk.market.server.complete_checkout(link["id"], as_new_customer=True)
        await desk.deliver()
        desk.market.server.advance(hours=2)
        await desk.billing.apply_unmatched("square")
        await desk.billing.reconcile("square", repair=True)
        assert await desk.subscriptions("victim") == []
        assert ("payment.updated", "victim") not in desk.told
        assert not await desk.billing.access("victim")

    drive(main)


@pytest.mark.parametrize("back_first", [True, False])
def test_square_the_page_of_a_first_invoice_is_its_organisation_s(back_first: bool) -> None:
    async def main() -> None:
        desk = AtSquare("invoice")
        session = await desk.sell("org")
        assert session.subscription_id is not None
        desk.market.server.pay_invoice(session.subscription_id)
        if back_first:
            assert await desk.billing.confirm_return(session.id, org_id="org") is not None
        hooks = list(desk.market.server.deliveries())
        for hook in reversed(hooks):
            await desk.billing.handle_webhook("square", hook.payload, hook.headers)
        assert await desk.subscriptions("org") == [session.subscription_id]
        assert await desk.billing.access("org")
        assert await Store(desk.repository).list_unmatched("square") == []
        assert desk.refused == []
        assert (await desk.billing.reconcile("square")).different == 0

    drive(main)


def test_square_a_payment_on_a_profile_is_told_as_the_profile_s_and_gives_no_access() -> None:
    """A one-off payment has no subscription that could tell: its customer is whom the buyer's phone number stands for."""

    async def main() -> None:
        desk = AtSquare()
        await desk.with_phone("victim")
        link: dict[str, Any] = desk.market.link(None, 1)
        desk.market.server.complete_checkout(link["id"], phone=PHONE)
        await desk.deliver()
        assert {owner for kind, owner in desk.told if kind.startswith("payment.")} == {"victim"}
        assert not await desk.billing.access("victim")

    drive(main)


class Eager(httpx.AsyncBaseTransport):
    """Square, whose webhooks arrive before its answer does."""

    def __init__(self, desk: AtSquare) -> None:
        self.desk = desk
        self.inner = desk.market.server.transport()
        self.outcomes: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if request.method == "POST" and request.url.path == "/v2/subscriptions":
            self.outcomes += await self.desk.deliver()
        return answer


def test_square_events_that_come_before_the_operation_log_knows_the_session_wait_for_it() -> None:
    async def main() -> None:
        desk = AtSquare("invoice")
        wire = Eager(desk)
        config = config_of(desk.market.another(checkout="invoice"))
        assert isinstance(config, SquareConfig)

        def seconds() -> float:
            return desk.server.now.timestamp()

        provider = SquareProvider(config, transport=AsyncTransport(transport=wire), clock=seconds)
        desk.billing = BillingService(
            provider, desk.repository, clock=lambda: desk.server.now, on_refused=desk.refused.append
        )
        session = await desk.sell("org")
        assert "unmatched" in wire.outcomes
        assert await desk.subscriptions("org") == [session.subscription_id]
        assert await Store(desk.repository).list_unmatched("square") == []
        assert desk.refused == [], "nobody is alarmed"

    drive(main)
