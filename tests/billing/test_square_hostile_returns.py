"""A buyer who writes another sale's ids into the URL to which buyers come back: nothing of it becomes theirs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from paylattice import Money

from .square_support import Account, every_variant, shop_at

Params = Mapping[str, str]
NAMES = ("orderId", "transactionId", "payment_id", "ORDERID")


class Street:
    """The victim has paid; the thief has a page for the same plan open, and has seen the victim's receipt."""

    def __init__(self, account: Account | None = None, **does: Any) -> None:
        self.shop = shop_at(account or Account(), **does)
        self.pages: dict[str, str] = {}

    async def open(self, *orgs: str) -> None:
        for org in orgs:
            self.pages[org] = (await self.shop.page(org)).id
        await self.shop.deliver()

    def pay(self, org: str, **about: Any) -> Params:
        """Pay a page. Returns what the buyer comes back with, and what stands on the receipt."""
        payment = self.shop.account.complete_checkout(self.pages[org], **about)
        assert payment is not None
        return {**self.shop.account.returned_with(self.pages[org]), "payment_id": str(payment["id"])}

    async def back(self, org: str, params: Params) -> str | None:
        found = await self.shop.billing.confirm_return(org_id=org, params=params)
        return None if found is None else found.external_subscription_id

    async def is_told(self, subscription_id: object) -> None:
        """It is bound, or a person is told of it."""
        shop = self.shop
        await shop.deliver()
        shop.account.advance(hours=26)
        await shop.billing.apply_unmatched("square")
        bound = await shop.billing.subscription("victim")
        named = {each.subscription_id for each in shop.refused}
        assert subscription_id in {*named, None if bound is None else bound.external_subscription_id}
        assert await shop.billing.subscription("thief") is None


def spellings(params: Params) -> list[Params]:
    """Each id under each name, and all of them."""
    values = set(params.values())
    return [params, *({name: value} for name in NAMES for value in values)]


def drive(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


@pytest.mark.parametrize("another_order", [True, False], ids=["another order", "the link's order"])
@pytest.mark.parametrize("noted", [True, False], ids=["with the note", "without a note"])
@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=1)], ids=["at once", "late"])
def test_the_ids_of_another_s_sale_bring_a_thief_nothing(another_order: bool, noted: bool, late: timedelta) -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=another_order, links_copy_notes=noted, links_subscribe_after=late)
        await street.open("thief", "victim")
        receipt = street.pay("victim", phone="+15005550006")
        street.shop.account.advance(hours=2)
        for params in spellings(receipt):
            assert await street.back("thief", params) is None
            assert await street.shop.billing.subscription("thief") is None
        (sold,) = street.shop.account.objects("subscription")
        is_told_apart = noted or not another_order
        assert await street.back("victim", receipt) == (sold["id"] if is_told_apart else None)
        checkout = await street.shop.store.get_checkout_by_session("square", street.pages["thief"])
        assert checkout is not None
        assert checkout.state == "open", "the thief's own page can still be paid"
        await street.is_told(sold["id"])

    drive(main)


@every_variant
def test_the_ids_of_a_sale_that_was_bound_before_bring_a_thief_nothing(account: Account) -> None:
    async def main() -> None:
        street = Street(account)
        await street.open("thief", "victim")
        receipt = street.pay("victim", phone="+15005550006")
        street.shop.account.advance(hours=2)
        assert await street.back("victim", receipt) is not None
        for params in spellings(receipt):
            assert await street.back("thief", params) is None

    drive(main)


def test_a_payment_without_a_note_is_a_page_s_if_no_one_else_has_one() -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=True, links_copy_notes=False)
        await street.open("buyer")
        receipt = street.pay("buyer", phone="+15005550006")
        assert await street.back("buyer", {"payment_id": receipt["payment_id"]}) is None, "its order is not named"
        assert await street.back("buyer", receipt) is not None

    drive(main)


def test_a_victim_s_page_that_was_closed_since_is_still_in_a_thief_s_way() -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=True, links_copy_notes=False)
        await street.open("thief", "victim")
        receipt = street.pay("victim", phone="+15005550006")
        await street.shop.billing.provider("square").expire_checkout_session(street.pages["victim"])
        checkout = await street.shop.store.get_checkout_by_session("square", street.pages["victim"])
        assert checkout is not None
        closed = await street.shop.provider.get_checkout_session(street.pages["victim"])
        await street.shop.store.note_session("square", checkout.key, closed, now=street.shop.account.now)
        assert await street.back("thief", receipt) is None

    drive(main)


def test_a_page_that_was_closed_before_is_in_no_one_s_way() -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=True, links_copy_notes=False)
        await street.open("someone")
        closed = await street.shop.provider.expire_checkout_session(street.pages["someone"])
        checkout = await street.shop.store.get_checkout_by_session("square", street.pages["someone"])
        assert checkout is not None
        await street.shop.store.note_session("square", checkout.key, closed, now=street.shop.account.now)
        street.shop.account.advance(hours=1)
        await street.open("buyer")
        assert await street.back("buyer", street.pay("buyer", phone="+15005550006")) is not None

    drive(main)


def test_another_organisation_s_page_for_another_plan_is_in_no_one_s_way() -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=True, links_copy_notes=False)
        other = street.shop.account.add_plan("Other", Money(1000, "USD"))
        about = {"success_url": "https://a.test/ok", "cancel_url": "https://a.test/no", "email": "someone@example.com"}
        await street.shop.billing.start_checkout("someone", other, **about)
        await street.open("buyer")
        receipt = street.pay("buyer", phone="+15005550006")
        assert await street.back("buyer", receipt) is not None

    drive(main)


def test_an_older_sale_a_till_s_and_one_of_another_amount_pay_for_no_page() -> None:
    async def main() -> None:
        street = Street(links_pay_another_order=True, links_copy_notes=False)
        account = street.shop.account
        account.add_location("LTILL")
        card = account.add_payment_method(account.add_customer("walk-in@example.com"))
        owner = account.objects("customer")[-1]["id"]
        provider = street.shop.provider

        async def sale(amount: int) -> str:
            paid = await provider.create_payment(Money(amount, "USD"), customer_id=str(owner), payment_method_id=card)
            return str(paid.raw["order_id"])

        before = await sale(1000)
        account.advance(hours=1)
        await street.open("thief")
        for order_id in (before, await sale(900)):
            assert await street.back("thief", {"orderId": order_id}) is None
        checkout = await street.shop.store.get_checkout_by_session("square", street.pages["thief"])
        assert checkout is not None
        assert checkout.state == "open"

    drive(main)


def test_however_much_stands_in_the_url_little_of_it_is_looked_up() -> None:
    async def main() -> None:
        street = Street()
        await street.open("thief", "victim")
        before = street.shop.requests()
        names = ["".join(pair) for pair in zip("oO" * 25, ["rderId"] * 50, strict=True)]
        hostile = {f"{name}{' ' * (number // 2)}": f"order_{number}" for number, name in enumerate(names)}
        hostile |= {"orderId": "o1", "ORDERID": "o2", "OrderId": "o3", "transactionId": "t1", "payment_id": "p1"}
        assert await street.back("thief", hostile) is None
        assert street.shop.requests() - before <= 12

    drive(main)
