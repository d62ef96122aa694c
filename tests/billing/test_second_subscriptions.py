"""However many pages are opened and paid, and whoever dies on the way: the organisation pays for one subscription."""

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

from paylattice import BillingService, InMemoryRepository, Money
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop

PAGE = {"email": "pay@example.com", "success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}
PRICES = {"BASIC": 1000, "PRO": 5000}
SHOPS: dict[str, Callable[[], Any]] = {
    "stripe": lambda: Shop("async"),
    "paypal": lambda: PayPalShop("async"),
    "square": lambda: Market("async"),
}


@attrs.define
class Here:
    """Two workers over one stand-in, with one repository."""

    shop: Any
    choice: Any = "cancel_and_refund"
    repository: InMemoryRepository = attrs.field(factory=InMemoryRepository)
    seconds: list[str] = attrs.field(factory=list[str])
    workers: list[BillingService[Any]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, cents in PRICES.items():
            self.shop.server.add_plan(name, Money(cents, "USD"))
        self.workers = [self.worker(), self.worker()]

    @property
    def name(self) -> str:
        return str(self.shop.provider.get_provider_name())

    def worker(self) -> BillingService[Any]:
        billing = BillingService(
            self.shop.another(),
            self.repository,
            clock=lambda: self.shop.server.now,
            on_second_subscription=self.choice,
        )

        @billing.on("subscription.second")
        def second(event: Any, context: Any) -> None:
            assert event.subscription_id == context.subscription.external_subscription_id
            self.seconds.append(event.subscription_id)

        return billing

    def pay(self, page_id: str) -> bool:
        try:
            self.shop.server.complete_checkout(page_id)
        except ValueError:
            return False
        return True

    async def deliver(self, *, backwards: bool = False, worker: int = 0) -> None:
        for _ in range(3):  # what is done here is told, too
            told = self.shop.server.deliveries()
            for each in reversed(told) if backwards else told:
                await self.workers[worker].handle_webhook(self.name, each.payload, each.headers)

    def taken(self) -> int:
        taken = self.shop.server.money_taken()
        return int(taken * 100) if isinstance(taken, Decimal) else taken

    async def going_on(self, org: str) -> list[str | None]:
        """The plans that are charged again."""
        found = await self.workers[0].subscriptions(org)
        return [each.plan_id for each in found if not each.status.is_terminal and each.cancel_at is None]


@pytest.mark.parametrize("place", SHOPS)
def test_two_workers_at_once_and_every_page_paid_in_every_order_take_one_price(place: str) -> None:
    async def life() -> None:
        here = Here(SHOPS[place]())
        for number, (plans, order, backwards) in zip(
            range(36),
            itertools.cycle(
                itertools.product(
                    [("BASIC", "BASIC"), ("BASIC", "PRO"), ("PRO", "BASIC")], [(0, 1), (1, 0)], [False, True]
                )
            ),
            strict=False,
        ):
            org, before = f"org{number}", here.taken()
            here.seconds.clear()
            ends = await asyncio.gather(
                *(worker.start_checkout(org, plan, **PAGE) for worker, plan in zip(here.workers, plans, strict=True))
            )
            pages = [end.id for end in ends]
            if plans[0] == plans[1]:
                assert pages[0] == pages[1]
            paid = [page for page in (pages[place] for place in order) if here.pay(page)]
            await here.deliver(backwards=backwards, worker=number % 2)
            [plan] = await here.going_on(org)
            assert here.taken() - before == PRICES[str(plan)]
            assert len(here.seconds) == len(set(paid)) - 1
            assert place == "paypal" or len(paid) == 1  # the others close the page that is replaced

    asyncio.run(life())
