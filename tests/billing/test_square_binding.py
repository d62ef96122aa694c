"""Payment links of Square, however it does what its documentation leaves open: a subscription is bound right, or told of.

The documentation does not say on which order a link's subscription is paid, when its orders are completed, or how soon the
subscription comes: https://developer.squareup.com/docs/checkout-api/subscription-plan-checkout. The stand-in does each of them.
"""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from paylattice import Difference, errors

from .square_support import VARIANTS, Account, every_variant, shop_at

STEPS = ("payment", "subscription", "invoice", "return", "page")
"""What is delivered in every order: the events of three kinds, the customer who comes back with the URL's parameters or
without a word, and the other organisation that opens its page once more."""


class Sale:
    """An organisation buys, another one has its page open, and a stranger buys the same plan elsewhere."""

    def __init__(self, account: Account, *, trial: bool = False, traceable: bool = True, **does: Any) -> None:
        self.shop = shop_at(account, trial=trial, **does)
        self.traceable = traceable
        self.hooks: dict[str, list[Any]] = {}
        self.page_id = ""

    async def prepare(self, *, phone: str = "+15005550006") -> "Sale":
        await self.shop.page("other")
        page = await self.shop.page("buyer")
        self.page_id = page.id
        await self.shop.deliver()
        self.shop.account.complete_checkout(page.id, phone=phone, traceable=self.traceable)
        await self.shop.stranger(1, self.shop.plan)
        self.keep()
        return self

    def keep(self) -> None:
        for hook in self.shop.account.deliveries():
            kind = next((each for each in STEPS[:3] if f'"type":"{each}.'.encode() in hook.payload), "other")
            self.hooks.setdefault(kind, []).append(hook)

    async def do(self, step: str) -> None:
        if step == "return":
            params = self.shop.account.returned_with(self.page_id)
            await self.shop.billing.confirm_return(org_id="buyer", params=params)
        elif step == "page":
            await self.shop.page("other")
        for hook in self.hooks.get(step, ()):
            await self.shop.billing.handle_webhook("square", hook.payload, hook.headers)

    async def finish(self, *, without: tuple[str, ...] = ()) -> None:
        """Time passes, what is late comes and is delivered, and the scheduled work is done."""
        self.shop.account.advance(hours=1)
        self.hooks = {}
        self.keep()
        for step in ("other", *(each for each in STEPS[:3] if each not in without)):
            await self.do(step)
        for _ in range(2):
            self.shop.account.advance(hours=2)
            await self.shop.billing.apply_unmatched("square")

    async def outcome(self, *, may_be_told: bool = False) -> str:
        """Whether it is bound right, or told; anything else is an error."""
        shop = self.shop
        (subscription,) = shop.account.objects("subscription")
        assert await shop.billing.subscription("other") is None, "it went to another organisation"
        assert await shop.store.get_subscription("square", "theirs_1") is None, "a stranger's went to an organisation"
        bound = await shop.billing.subscription("buyer")
        if bound is not None:
            assert bound.external_subscription_id == subscription["id"]
            return "bound"
        assert may_be_told, "it is not bound"
        shop.account.advance(hours=25)
        await shop.billing.apply_unmatched("square")
        told: list[Difference] = []
        await shop.billing.reconcile("square", on_difference=told.append)
        named = {each.subscription_id for each in shop.refused} | {each.subscription_id for each in told}
        assert subscription["id"] in named or self.page_id in {each.session_id for each in told}, "it is silent"
        return "told"


def drive(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    asyncio.run(run())


@pytest.mark.parametrize("number", range(len(VARIANTS)), ids=list(VARIANTS))
def test_120_orders_of_delivery_bind_the_subscription_to_who_bought_it(number: int) -> None:
    """Each order under one of the variants; with ``PAYLATTICE_EVERY_ORDER``, under all of them, which takes minutes."""
    account = list(VARIANTS.values())[number]

    async def main() -> None:
        orders = list(itertools.permutations(STEPS))
        assert len(orders) == 120
        everything = "PAYLATTICE_EVERY_ORDER" in os.environ
        for order in orders if everything else orders[number :: len(VARIANTS)]:
            sale = await Sale(account).prepare()
            for step in order:
                await sale.do(step)
            await sale.finish()
            assert await sale.outcome() == "bound", order

    drive(main)


@every_variant
@pytest.mark.parametrize("lost", ["payment", "subscription", "invoice", "return"])
def test_what_is_lost_keeps_no_subscription_from_its_owner_or_from_being_told(account: Account, lost: str) -> None:
    async def main() -> None:
        sale = await Sale(account).prepare()
        for step in ("payment", "subscription", "invoice", "return"):
            if step != lost:
                await sale.do(step)
        await sale.finish(without=(lost,))
        await sale.outcome(may_be_told=True)

    drive(main)


@every_variant
def test_a_return_alone_without_any_event_binds_what_is_there(account: Account) -> None:
    async def main() -> None:
        sale = await Sale(account).prepare()
        sale.shop.account.advance(hours=1)
        await sale.do("return")
        assert await sale.outcome() == "bound"
        page = await sale.shop.billing.confirm_return(org_id="buyer")
        assert page is not None, "without the parameters, it stays bound"

    drive(main)


@every_variant
@pytest.mark.parametrize("completes", [True, False], ids=["completed", "open"])
def test_a_free_trial_is_bound_whether_its_order_is_completed_or_not(account: Account, completes: bool) -> None:
    async def main() -> None:
        sale = await Sale(account, trial=True, free_orders_complete=completes).prepare()
        for step in ("subscription", "invoice", "return"):
            await sale.do(step)
        await sale.finish()
        assert await sale.outcome() == "bound"

    drive(main)


@every_variant
def test_two_organisations_with_one_phone_number_get_one_subscription_each(account: Account) -> None:
    """The same buyer pays for both within minutes, and no invoice says by which payment it was paid."""

    async def main() -> None:
        shop = Sale(account).shop
        pages = {org: await shop.page(org) for org in ("one", "two")}
        for page in pages.values():
            shop.account.complete_checkout(page.id, traceable=False)
            shop.account.advance(hours=2)
        shop.account.advance(hours=1)
        for org, page in pages.items():
            await shop.billing.confirm_return(org_id=org, params=shop.account.returned_with(page.id))
        await shop.deliver()
        shop.account.advance(hours=2)
        await shop.billing.apply_unmatched("square")
        bound = [await shop.billing.subscription(org) for org in pages]
        names = [each.external_subscription_id for each in bound if each is not None]
        assert sorted(names) == sorted(str(each["id"]) for each in shop.account.objects("subscription"))

    drive(main)


@every_variant
def test_races_of_two_deliveries_bind_once(account: Account) -> None:
    """22 pairs: every step against every other one, and each but the page against itself twice."""

    async def main() -> None:
        pairs = list(itertools.permutations(STEPS, 2))
        pairs += [("payment", "payment"), ("subscription", "subscription")]
        assert len(pairs) == 22
        for pair in pairs:
            sale = await Sale(account).prepare()
            await asyncio.gather(*(sale.do(step) for step in pair))
            await sale.finish()
            for step in STEPS[:4]:
                await sale.do(step)
            assert await sale.outcome() == "bound", pair

    drive(main)


def test_the_parameters_of_another_buyer_s_return_bring_nothing() -> None:
    """A buyer can write what is in the URL: it only says where to look, and a payment with another link's note is refused."""

    async def main() -> None:
        sale = await Sale(VARIANTS["another order is paid"]).prepare()
        theirs = sale.shop.account.returned_with(sale.page_id)
        assert await sale.shop.billing.confirm_return(org_id="other", params=theirs) is None
        hostile = {"orderId": "../customers", "transactionId": "", "payment_id": "x" * 400, "other": "thing"}
        assert await sale.shop.billing.confirm_return(org_id="other", params=hostile) is None
        with pytest.raises(errors.InvalidRequest, match="org_id"):
            await sale.shop.billing.confirm_return(params=theirs)
        with pytest.raises(errors.NotFound, match="start_checkout"):
            await sale.shop.billing.confirm_return(org_id="nobody")

    drive(main)
