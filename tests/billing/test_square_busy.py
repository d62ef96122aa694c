"""A busy account at Square: what is sold elsewhere costs nothing, and what can be ours costs as much as our open pages."""

import asyncio

from paylattice import Difference
from paylattice.billing.maintenance.reconcile import Lacks
from paylattice.billing.owners import RefusalReason

from .square_support import SquareShop

PER_SESSION = 3
"""A page that is not paid takes two requests: its link, and the order. One more is allowed."""


def test_thousands_of_sales_elsewhere_cost_no_request_and_no_row_while_no_page_is_open() -> None:
    async def run() -> None:
        shop = SquareShop()
        page = await shop.page("one")
        shop.account.complete_checkout(page.id)
        await shop.deliver()
        before = shop.requests()
        for number in range(300):
            assert await shop.stranger(number, shop.plan) == ["ignored", "ignored"]
        for number in range(1000):
            assert await shop.sale(number) == "ignored"
        assert await shop.billing.apply_unmatched("square") == 0
        assert shop.requests() == before
        assert await shop.store.list_unmatched("square") == []

    asyncio.run(run())


def test_a_round_costs_as_much_as_the_open_pages_with_1000_strangers_and_10000_sales() -> None:
    async def run() -> None:
        shop = SquareShop()
        for org in ("one", "two", "three"):
            await shop.page(org)
        before = shop.requests()
        for number in range(1000):
            await shop.stranger(number, shop.plan if number % 10 == 0 else "another plan")
        for number in range(10_000):
            await shop.sale(number)
        assert shop.requests() == before, "a delivery costs nothing"
        shop.account.advance(hours=2)
        rounds: list[int] = []
        for _ in range(3):
            before = shop.requests()
            assert await shop.billing.apply_unmatched("square") == 0
            rounds.append(shop.requests() - before)
        assert max(rounds) <= 3 * PER_SESSION
        waiting = await shop.store.list_unmatched("square", limit=1000)
        assert {each.payload["type"] for each in waiting} <= {"subscription.created", "invoice.paid"}, "no sale waits"
        shop.account.advance(days=1)
        before = shop.requests()
        await shop.billing.apply_unmatched("square")
        assert shop.requests() == before, "they are given up"
        waiting = await shop.store.list_unmatched("square", limit=1000)
        assert {each.payload["type"] for each in waiting} == {"subscription.created"}
        assert len(waiting) == 100, "those of the plan that was on sale here are kept, and told"
        assert len(shop.refused) == 100

    asyncio.run(run())


def test_a_payment_for_an_open_page_is_found_among_strangers_though_its_own_event_is_lost() -> None:
    async def run() -> None:
        shop = SquareShop()
        pages = [await shop.page(f"org{number}") for number in range(30)]
        for number in range(50):
            await shop.stranger(number, shop.plan)
        shop.account.complete_checkout(pages[4].id)
        for hook in shop.account.deliveries():
            if b"payment." not in hook.payload:
                await shop.billing.handle_webhook("square", hook.payload, hook.headers)
        shop.account.advance(hours=2)
        await shop.billing.apply_unmatched("square")
        bought = await shop.billing.subscription("org4")
        assert bought is not None
        assert bought.external_subscription_id == shop.account.objects("subscription")[0]["id"]

    asyncio.run(run())


def test_a_page_that_was_paid_and_brought_nothing_is_reported_by_reconcile() -> None:
    async def run() -> None:
        shop = SquareShop(sandbox=False, settings={"environment": "production"})
        shop.account.variants.links_subscribe = False
        page = await shop.page("one")
        shop.account.complete_checkout(page.id)
        await shop.deliver()
        found: list[Difference] = []
        await shop.billing.reconcile("square", on_difference=found.append)
        assert found == [], "it may still come"
        shop.account.advance(hours=25)
        await shop.billing.reconcile("square", on_difference=found.append)
        assert found == [Difference("one", "", lacks=Lacks.THERE, session_id=page.id)]

    asyncio.run(run())


def test_what_may_have_been_bought_on_an_open_page_is_reported_by_reconcile_to_its_organisation() -> None:
    async def run() -> None:
        shop = SquareShop()
        await shop.page("one")
        await shop.stranger(1, shop.plan)
        await shop.stranger(2, "another plan")
        shop.account.advance(hours=25)
        found: list[Difference] = []
        await shop.billing.reconcile("square", on_difference=found.append)
        refused = RefusalReason.NO_CHECKOUT
        assert found == [Difference("one", "theirs_1", lacks=Lacks.HERE, refused=refused)]

    asyncio.run(run())
