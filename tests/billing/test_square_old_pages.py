"""Pages at Square that are old when they are paid, and more open pages than are looked through: nothing of ours is dropped."""

import asyncio

import pytest

from paylattice import Difference
from paylattice.billing import checkout_correlation
from paylattice.billing.maintenance.reconcile import Lacks
from paylattice.billing.owners import RefusalReason, RefusedSubscription
from paylattice.errors import Conflict

from .square_support import Account, SquareShop, every_variant, shop_at

WITHOUT_PAYMENTS = ("subscription", "invoice", "card", "customer")
ALL = (*WITHOUT_PAYMENTS, "payment")


async def deliver(shop: SquareShop, kinds: tuple[str, ...]) -> set[str]:
    hooks = [each for each in shop.account.deliveries() if each.type.partition(".")[0] in kinds]
    return {str(await shop.billing.handle_webhook("square", hook.payload, hook.headers)) for hook in hooks}


def live(**does: bool) -> SquareShop:
    return shop_at(Account(), **does)


@pytest.mark.parametrize(("days", "handed_out_again"), [(0, False), (2, True), (3, False), (40, True), (40, False)])
@every_variant
@pytest.mark.parametrize("kinds", [ALL, WITHOUT_PAYMENTS], ids=["all events", "no payments"])
def test_a_page_that_is_paid_days_later_brings_its_subscription(
    days: int, handed_out_again: bool, account: Account, kinds: tuple[str, ...]
) -> None:
    async def run() -> None:
        shop = shop_at(account)
        page = await shop.page("one")
        await shop.deliver()
        shop.account.advance(days=days)
        if handed_out_again:
            assert (await shop.page("one")).id == page.id
        shop.account.complete_checkout(page.id, phone="+15005550006")
        told = await deliver(shop, kinds)
        shop.account.advance(hours=2)
        told |= await deliver(shop, kinds)
        shop.account.advance(hours=2)
        await shop.billing.apply_unmatched("square")
        if (
            account.pays_another_order and kinds == WITHOUT_PAYMENTS
        ):  # nothing names the page: a person is told, and nothing is dropped
            assert "ignored" not in told
            shop.account.advance(hours=25)
            await shop.billing.apply_unmatched("square")
            assert {each.org_id for each in shop.refused} == {"one"}
            found: list[Difference] = []
            await shop.billing.reconcile("square", on_difference=found.append)
            assert [(each.org_id, each.refused) for each in found] == [("one", RefusalReason.NO_CHECKOUT)]
            return
        assert await shop.billing.subscription("one") is not None
        with pytest.raises(Conflict, match="subscription"):
            await shop.page("one")

    asyncio.run(run())


@every_variant
def test_a_page_that_was_replaced_long_ago_and_is_paid_is_not_taken_for_a_sale_elsewhere(account: Account) -> None:
    async def run() -> None:
        shop = shop_at(account)
        page = await shop.page("one")
        checkout = await shop.store.get_checkout_by_session("square", page.id)
        assert checkout is not None
        await shop.store.replace_checkout(checkout, now=shop.account.now)
        shop.account.advance(days=5)
        shop.account.complete_checkout(page.id, phone="+15005550006")
        for _ in range(2):
            await shop.deliver()
            shop.account.advance(hours=2)
        await shop.billing.apply_unmatched("square")
        assert await shop.billing.subscription("one") is not None

    asyncio.run(run())


def test_a_sale_elsewhere_is_dropped_again_once_the_only_page_was_closed() -> None:
    async def run() -> None:
        shop = live()
        page = await shop.page("one")
        closed = await shop.billing.provider("square").expire_checkout_session(page.id)
        checkout = await shop.store.get_checkout_by_session("square", page.id)
        assert checkout is not None
        await shop.store.note_session("square", checkout.key, closed, now=shop.account.now)
        await shop.store.replace_checkout(checkout, now=shop.account.now)
        shop.account.advance(days=3)
        assert set(await shop.stranger(1, shop.plan)) == {"ignored"}

    asyncio.run(run())


@pytest.mark.parametrize("most", [50, 2, 1])
@pytest.mark.parametrize("days", [0, 3])
@pytest.mark.parametrize("kinds", [ALL, WITHOUT_PAYMENTS], ids=["all events", "no payments"])
def test_a_sale_on_one_of_more_pages_than_are_looked_through_is_found_or_waits(
    most: int, days: int, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout_correlation, "_MOST_PAGES", most)
    monkeypatch.setattr(checkout_correlation, "_PAGE", 5)

    async def run() -> None:
        shop = live(links_pay_another_order=True)
        pages = [await shop.page(f"org{number}") for number in range(12)]
        await shop.deliver()
        shop.account.advance(days=days)
        shop.account.complete_checkout(pages[-1].id, phone="+15005550006")
        told = await deliver(shop, kinds)
        if kinds == ALL:
            assert await shop.billing.subscription("org11") is not None
            return
        assert told == {"unmatched"}
        shop.account.advance(hours=26)
        await shop.billing.apply_unmatched("square")
        assert [each.org_id for each in shop.refused] == [""]

    asyncio.run(run())


def test_where_not_all_pages_fit_into_the_search_the_answer_is_that_it_may_be_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkout_correlation, "_MOST_PAGES", 1)
    monkeypatch.setattr(checkout_correlation, "_PAGE", 2)

    async def run() -> None:
        shop = live()
        for number in range(2):
            await shop.page(f"org{number}")
        assert await shop.stranger(1, "another plan") == ["unmatched", "unmatched"]

    asyncio.run(run())


@pytest.mark.parametrize("organisations", [1, 2, 12])
def test_a_subscription_whose_page_is_not_known_is_reported_once(organisations: int) -> None:
    async def run() -> None:
        shop = SquareShop()
        for number in range(organisations):
            await shop.page(f"org{number}")
        await shop.stranger(1, shop.plan)
        shop.account.advance(hours=25)
        await shop.billing.apply_unmatched("square")
        found: list[Difference] = []
        await shop.billing.reconcile("square", on_difference=found.append)
        whose = "org0" if organisations == 1 else ""
        no_checkout = RefusalReason.NO_CHECKOUT
        assert found == [Difference(whose, "theirs_1", lacks=Lacks.HERE, refused=no_checkout)]
        assert shop.refused == [RefusedSubscription("square", "theirs_1", no_checkout, whose)]
        proposes = "assign_subscription" in str(shop.refused[0])
        assert proposes == (organisations == 1)
        while not (report := await shop.billing.maintain()).differences:
            pass
        told = [each for each in report.needs_a_person if "theirs_1" in each]
        assert len(told) == 1
        assert ("one of several" in told[0]) == (organisations > 1)

    asyncio.run(run())


def test_no_more_sessions_are_asked_for_one_subscription_than_a_few_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout_correlation, "_MOST_ASKED", 3)

    async def run() -> None:
        shop = SquareShop()
        for number in range(8):
            await shop.page(f"org{number}")
        await shop.stranger(1, shop.plan)
        shop.account.advance(hours=2)
        before = shop.requests()
        await shop.billing.apply_unmatched("square")
        assert 0 < shop.requests() - before <= 3 * 3

    asyncio.run(run())
