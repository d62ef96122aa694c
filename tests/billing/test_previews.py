"""What a change of an organisation's subscription would cost: of the one that is meant, and nothing is recorded."""

import asyncio

import pytest

from paylattice import BillingOperation, Money, errors, sync
from paylattice.providers.stripe import StripeConfig
from paylattice.transport import BlockingTransport

from ..testing.standins.stripe.support import Shop
from .square_support import SquareShop
from .support import World, all_of


def test_what_is_due_now_is_what_the_change_then_takes_and_a_preview_leaves_no_trace() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        world.provider.advance(days=10)
        recorded = len(all_of(world.repository, BillingOperation))
        preview = await world.billing.preview_change("org", "team", payment="now")
        assert len(all_of(world.repository, BillingOperation)) == recorded
        assert world.provider.deliveries() == []
        await world.billing.change_plan("org", "team", payment="now")
        paid, _ = await world.billing.invoices("org")
        assert (paid.amount, paid.lines) == (preview.due_now, preview.lines_now)

    asyncio.run(main())


def test_it_never_guesses_which_subscription_is_meant() -> None:
    async def main() -> None:
        world = World()
        first = await world.subscribe()
        await world.deliver()
        await world.subscribe(plan_id="team", allow_second=True)
        await world.deliver()
        with pytest.raises(errors.Conflict, match="subscription_id="):
            await world.billing.preview_change("org", quantity=2)
        preview = await world.billing.preview_change("org", quantity=2, subscription_id=first.id)
        assert preview.subscription_id == first.id
        with pytest.raises(errors.NotFound):
            await world.billing.preview_change("org", quantity=2, subscription_id="sub_other")
        with pytest.raises(errors.NotFound):
            await world.billing.preview_change("none", quantity=2)

    asyncio.run(main())


def test_a_handler_must_not_ask_for_it() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        refused: list[errors.ConfigurationError] = []

        @world.billing.on("subscription.created")
        async def ask(_event: object, _context: object) -> None:
            try:
                await world.billing.preview_change("org", quantity=2)
            except errors.ConfigurationError as error:
                refused.append(error)

        await world.deliver()
        assert len(refused) == 1

    asyncio.run(main())


def test_the_blocking_api_previews_at_stripe() -> None:
    shop = Shop("blocking")
    for plan, amount in (("price_pro", 1900), ("price_max", 4900)):
        shop.server.add_plan(plan, Money(amount, "USD"))
    config = StripeConfig(secret_key=shop.server.secret_key, webhook_secret=shop.server.webhook_secret)
    with sync.create_provider(
        "stripe", config=config, transport=BlockingTransport(transport=shop.server.transport())
    ) as stripe:
        billing = sync.BillingService(stripe, sync.InMemoryRepository(), clock=lambda: shop.server.now)
        customer = billing.ensure_customer("org", email="ada@example.com").external_customer_id
        shop.server.add_payment_method(customer)
        subscription = shop.server.add_subscription(customer, "price_pro")
        billing.sync_subscription("org")
        preview = billing.preview_change("org", "price_max", when="period_end")
        assert (preview.due_now, preview.due_next) == (Money(0, "USD"), Money(4900, "USD"))
        assert stripe.preview_change(subscription, plan_id="price_max", when="period_end") == preview


def test_square_says_what_to_show_instead() -> None:
    async def main() -> None:
        shop = SquareShop()
        customer = await shop.billing.ensure_customer("org", email="org@example.com", name="Org Inc.")
        card = await shop.billing.save_payment_method("org", "cnon:new")
        await shop.billing.subscribe("org", shop.plan, payment_method_id=card.id, idempotency_key="order-1")
        assert customer.org_id == "org"
        with pytest.raises(errors.UnsupportedOperation, match="get_plan"):
            await shop.billing.preview_change("org", "other")

    asyncio.run(main())
