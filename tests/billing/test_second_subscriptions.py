"""However many pages are opened and paid, and whoever dies on the way: the organisation pays for one subscription."""

import asyncio
import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import httpx
import pytest

from paylattice import (
    BillingService,
    Capability,
    CheckoutState,
    InMemoryRepository,
    Money,
    OperationState,
    Refund,
    Subscription,
)
from paylattice.billing.store import Store
from paylattice.errors import InvalidRequest, ProviderUnavailable
from paylattice.providers.memory import InMemoryProvider
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop

NOW = datetime(2026, 1, 10, tzinfo=UTC)
PAGE = {
    "email": "pay@example.com",
    "name": "Ada",
    "success_url": "https://app.test/ok",
    "cancel_url": "https://app.test/no",
}
PRICES = {"BASIC": 1000, "PRO": 5000}
PAIRS = 8
SHOPS: dict[str, Callable[[], Any]] = {
    "stripe": lambda: Shop("async"),
    "paypal": lambda: PayPalShop("async"),
    "square": lambda: Market("async"),
}


class Died(BaseException):
    """The process has ended."""


class Dying(httpx.AsyncBaseTransport):
    def __init__(self, inner: Any, at: int, *, after: bool) -> None:
        self.inner, self.left, self.after = inner, at, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Died
        answer: httpx.Response = await self.inner.handle_async_request(request)
        if self.left == 0:
            raise Died
        return answer


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

    def dying(self, at: int, *, after: bool) -> BillingService[Any]:
        """A worker whose process dies at a request: before it arrives, or before its answer is read."""
        server = self.shop.server
        server.transport, real = lambda: Dying(real(), at, after=after), server.transport
        try:
            return self.worker()
        finally:
            server.transport = real

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
            self.shop.server.complete_checkout(page_id.removeprefix("subscription:"))
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
        plans_of = [("BASIC", "BASIC"), ("BASIC", "PRO"), ("PRO", "BASIC")]
        cases = itertools.product(plans_of, [(0, 1), (1, 0)], [False, True])
        for number, (plans, order, backwards) in enumerate(cases):
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


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("place", SHOPS)
def test_of_all_the_pages_that_one_organisation_has_opened_one_is_paid_in_the_end(place: str, seed: int) -> None:
    async def life() -> None:
        here, dice = Here(SHOPS[place]()), random.Random(seed)
        pages: set[str] = set()
        for _ in range(PAIRS):
            plans = dice.sample(sorted(PRICES), 2)
            pair = zip(here.workers, plans, strict=True)
            ends = await asyncio.gather(*(worker.start_checkout("org", plan, **PAGE) for worker, plan in pair))
            pages |= {end.id for end in ends}
        assert len(pages) >= PAIRS
        paid = 0
        for page in dice.sample(sorted(pages), len(pages)):
            paid += here.pay(page)
            if dice.random() < 0.3:
                await here.deliver(backwards=dice.random() < 0.5, worker=dice.randrange(2))
        await here.deliver()
        assert paid == (len(pages) if place == "paypal" else 1)
        [plan] = await here.going_on("org")
        assert here.taken() == PRICES[str(plan)]
        assert len(here.seconds) == len(set(here.seconds)) == paid - 1

    asyncio.run(life())


@pytest.mark.parametrize("place", SHOPS)
def test_whoever_dies_while_a_page_is_replaced_leaves_one_price_to_take(place: str) -> None:
    async def life(at: int, *, after: bool) -> bool:
        here = Here(SHOPS[place]())
        page = await here.workers[0].start_checkout("org", "BASIC", **PAGE)
        died = False
        try:
            await here.dying(at, after=after).start_checkout("org", "PRO", **PAGE)
        except Died:
            died = True
        again = await here.workers[1].start_checkout("org", "PRO", **PAGE)
        assert again.id == (await here.workers[0].start_checkout("org", "PRO", **PAGE)).id
        assert here.pay(again.id)
        assert here.pay(page.id) is (place == "paypal")
        await here.deliver()
        assert await here.going_on("org") == ["PRO"]
        assert here.taken() == PRICES["PRO"]
        return died

    ends = [asyncio.run(life(at, after=after)) for at, after in itertools.product((1, 2, 3, 4, 5, 6), [False, True])]
    assert any(ends)


def test_whoever_dies_while_a_second_subscription_is_undone_leaves_nothing_undone() -> None:
    async def life(at: int, *, after: bool) -> tuple[bool, list[str]]:
        here = Here(PayPalShop("async"))
        pages = [await here.workers[0].start_checkout("org", plan, **PAGE) for plan in ("BASIC", "PRO")]
        for page in pages:
            assert here.pay(page.id)
        told, died = here.shop.server.deliveries(), False
        before = len(here.shop.server.requests)
        worker = here.dying(at, after=after)
        for each in told:
            try:
                await worker.handle_webhook("paypal", each.payload, each.headers)
            except Died:
                died, worker = True, here.workers[1]
                rows = await Store(here.repository).list_operations("paypal", state=OperationState.OPEN)
                if rows and (at + after) % 2:
                    here.shop.server.advance(hours=7 * (at % 2))  # PayPal forgets a key after six
                    await worker.recover_open(older_than=timedelta())
                else:
                    await worker.handle_webhook("paypal", each.payload, each.headers)
        sent = [each.path for each in here.shop.server.requests[before:]]
        await here.deliver()
        assert await here.going_on("org") == ["PRO"]
        assert here.taken() == PRICES["PRO"]
        assert here.seconds == [pages[0].id]
        assert not await Store(here.repository).list_operations("paypal", state=OperationState.OPEN)
        return died, sent

    _, sent = asyncio.run(life(0, after=False))
    cancel, refund = [number for number, path in enumerate(sent, 1) if path.endswith(("/cancel", "/refund"))]
    for at in range(cancel - 2, refund + 2):
        assert asyncio.run(life(at, after=False))[0]
    for at in (cancel, refund):
        assert asyncio.run(life(at, after=True))[0]


def test_a_second_subscription_is_undone_once_however_often_it_is_told() -> None:
    async def life() -> None:
        here = Here(PayPalShop("async"))
        pages = [await here.workers[0].start_checkout("org", plan, **PAGE) for plan in ("BASIC", "PRO")]
        for page in pages:
            here.pay(page.id)
        told = here.shop.server.deliveries()
        for _ in range(2):
            for each in told:
                await asyncio.gather(
                    *(worker.handle_webhook("paypal", each.payload, each.headers) for worker in here.workers)
                )
        requests = len(here.shop.server.objects("refund"))
        await here.deliver()
        assert len(here.shop.server.objects("refund")) == requests
        assert here.seconds == [pages[0].id]
        states = [each.state for each in await Store(here.repository).list_checkouts("org")]
        assert states == [CheckoutState.REPLACED, CheckoutState.COMPLETE]

    asyncio.run(life())


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_second_subscription_is_told_and_left_as_it_is_where_the_application_wants_that(
    order: tuple[int, int],
) -> None:
    async def life() -> None:
        here = Here(PayPalShop("async"), choice="report")
        pages = [await here.workers[0].start_checkout("org", plan, **PAGE) for plan in ("BASIC", "PRO")]
        for place in order:
            here.pay(pages[place].id)
            await here.deliver()
        assert here.seconds == [pages[0].id]
        assert sorted(map(str, await here.going_on("org"))) == ["BASIC", "PRO"]
        assert here.taken() == sum(PRICES.values())

    asyncio.run(life())


def test_a_second_subscription_that_was_allowed_is_told_and_not_undone() -> None:
    async def life() -> None:
        here = Here(PayPalShop("async"))
        pages = [
            await here.workers[0].start_checkout("org", "BASIC", **PAGE),
            await here.workers[0].start_checkout("org", "PRO", **PAGE, allow_second=True),
        ]
        for page in pages:
            here.pay(page.id)
        await here.deliver(backwards=True)
        assert here.seconds == [pages[1].id]
        assert sorted(map(str, await here.going_on("org"))) == ["BASIC", "PRO"]

    asyncio.run(life())


class KeepsPagesOpen:
    """A stand-in in front of which no provider closes pages."""

    def __init__(self, shop: Any, **settings: Any) -> None:
        self.server, self._shop, self._settings = shop.server, shop, settings
        self.provider = self.another()

    def another(self) -> Any:
        provider = self._shop.another(**self._settings)
        provider.capabilities = provider.capabilities - {Capability.EXPIRE_CHECKOUT}
        return provider


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    "shop",
    [lambda: KeepsPagesOpen(Shop("async")), lambda: KeepsPagesOpen(Market("async"), checkout="invoice")],
    ids=["stripe", "square's invoices"],
)
def test_a_page_that_stays_open_anywhere_is_undone_there(shop: Callable[[], Any], order: tuple[int, int]) -> None:
    async def life() -> None:
        here = Here(shop())
        pages = [await here.workers[0].start_checkout("org", plan, **PAGE) for plan in ("BASIC", "PRO")]
        for place in order:
            assert here.pay(pages[place].id)
            await here.deliver()
        for refund in here.shop.server.objects("refund"):
            if refund["status"] == "PENDING":
                here.shop.server.settle_refund(refund["id"])
        assert await here.going_on("org") == ["PRO"]
        assert here.taken() == PRICES["PRO"]
        assert len(here.seconds) == 1
        states = [each.state for each in await Store(here.repository).list_checkouts("org")]
        assert states == [CheckoutState.REPLACED, CheckoutState.COMPLETE]
        assert not await Store(here.repository).list_operations(here.name, state=OperationState.OPEN)

    asyncio.run(life())


class GivesNothingBack(InMemoryProvider):
    """It closes no pages, refuses refunds while ``refuses`` is set, and ends subscriptions while ``ends`` is."""

    capabilities = InMemoryProvider.capabilities - {Capability.EXPIRE_CHECKOUT}
    refuses = ends = True

    async def cancel_subscription(self, *args: Any, **more: Any) -> Subscription:
        if not self.ends:
            message = "down"
            raise ProviderUnavailable(message)
        return await super().cancel_subscription(*args, **more)

    async def refund_payment(self, payment_id: str, *args: Any, **more: Any) -> Refund:
        if self.refuses:
            message = "the balance does not cover it"
            raise InvalidRequest(message)
        return await super().refund_payment(payment_id, *args, **more)


@pytest.mark.parametrize("other_ends", [False, True])
def test_money_that_cannot_be_given_back_is_reported_until_it_is(other_ends: bool) -> None:
    async def life() -> None:
        provider = GivesNothingBack(now=NOW)
        for name, cents in PRICES.items():
            provider.add_plan(name, Money(cents, "USD"))
        billing = BillingService(provider, InMemoryRepository(), on_second_subscription="cancel_and_refund")
        for page in [await billing.start_checkout("org", plan, **PAGE) for plan in PRICES]:
            provider.complete_checkout(page.id)
        for each in provider.deliveries():
            await billing.handle_webhook("memory", each.payload, each.headers)
        other, undone = await billing.subscriptions("org")
        assert undone.status.is_terminal
        if other_ends:  # that takes back nothing of what was done about this one
            await billing.cancel("org", subscription_id=other.external_subscription_id, at_period_end=False)
        provider.advance(hours=2)
        [sentence] = (await billing.maintain()).needs_a_person
        assert "undo_subscription for org is still open" in sentence
        provider.advance(days=2)
        provider.refuses = False
        report = await billing.maintain()
        assert ([each.operation for each in report.recovered.done], report.needs_a_person) == (
            ["undo_subscription"],
            (),
        )
        assert [refund.amount for refund in provider._world.store.refunds.values()] == [Money(PRICES["BASIC"], "USD")]

    asyncio.run(life())


@pytest.mark.parametrize("at_period_end", [True, False])
def test_the_only_subscription_that_is_left_is_not_undone_and_that_is_reported(at_period_end: bool) -> None:
    async def life() -> None:
        provider = GivesNothingBack(now=NOW)
        for name, cents in PRICES.items():
            provider.add_plan(name, Money(cents, "USD"))
        billing = BillingService(provider, InMemoryRepository(), on_second_subscription="cancel_and_refund")
        for page in [await billing.start_checkout("org", plan, **PAGE) for plan in PRICES]:
            provider.complete_checkout(page.id)
        provider.ends = False
        for each in provider.deliveries():
            await billing.handle_webhook("memory", each.payload, each.headers)
        provider.ends = True
        [pro] = [each for each in await billing.subscriptions("org") if each.plan_id == "PRO"]
        await billing.cancel("org", subscription_id=pro.external_subscription_id, at_period_end=at_period_end)
        provider.advance(hours=2)
        report = await billing.maintain()
        assert [each.operation for each in report.recovered.abandoned] == ["undo_subscription"]
        assert any("undo_subscription" in sentence for sentence in report.needs_a_person)
        going_on = [
            each for each in await billing.subscriptions("org") if each.cancel_at is None and each.status.is_current
        ]
        assert [each.plan_id for each in going_on] == ["BASIC"]

    asyncio.run(life())
