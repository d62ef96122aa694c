"""Ending everything, while a page has just been paid: its subscription ends with the rest, or is said to be on its way."""

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import Capability, CheckoutSession, CheckoutStatus, SubscriptionStatus, errors
from paylattice.providers.memory import InMemoryProvider
from paylattice.testing.standins.square import Variants
from tests.testing.standins.paypal.support import PayPalShop

from .square_support import SquareShop
from .support import NOW, PAGES, World
from .test_access_at_providers import agreed

REAL = {"environment": "production"}


class ListsNothing(InMemoryProvider):
    """It says of a page what it brought, and lists no subscriptions; it closes no pages."""

    capabilities = InMemoryProvider.capabilities - {Capability.LIST_SUBSCRIPTIONS, Capability.EXPIRE_CHECKOUT}


class MakesItLater(ListsNothing):
    """A paid page has brought no subscription yet, while ``seen_as`` is set."""

    seen_as: CheckoutStatus | None = CheckoutStatus.PENDING

    async def read_checkout(self, session_id: str, **about: Any) -> CheckoutSession | None:
        read = await super().read_checkout(session_id, **about)
        if read is None or read.status is CheckoutStatus.OPEN or self.seen_as is None:
            return read
        return attrs.evolve(read, status=self.seen_as, subscription_id=None)


@pytest.mark.parametrize("way", ["cancel_all", "close_organisation", "erase"])
def test_at_paypal_it_ends_before_its_webhook_comes(way: str) -> None:
    async def main() -> None:
        desk, session_id = await agreed(PayPalShop("async"))
        report = await getattr(desk.billing, way)("org", **_now(way))
        ended = report.ended.ended if way == "erase" else report.ended
        assert [each.external_subscription_id for each in ended] == [session_id]
        assert report.is_complete
        await desk.deliver()
        stored = await desk.billing.subscription("org")
        assert stored is not None
        assert stored.status is SubscriptionStatus.CANCELED

    asyncio.run(main())


def _now(way: str) -> dict[str, Any]:
    return {"at_period_end": False} if way == "cancel_all" else {}


@pytest.mark.parametrize("way", ["cancel_all", "close_organisation", "erase"])
def test_at_square_it_is_set_to_end_before_its_webhook_comes(way: str) -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        page = await shop.page("one")
        shop.account.complete_checkout(page.id)
        report = await getattr(shop.billing, way)("one")
        ending = report.ended.ending if way == "erase" else report.ending
        [made] = shop.account.objects("subscription")
        assert [each.external_subscription_id for each in ending] == [made["id"]]
        assert report.is_complete
        assert made["status"] == "DEACTIVATED" if way == "erase" else made["canceled_date"]

    asyncio.run(main())


@pytest.mark.parametrize("way", ["cancel_all", "erase"])
def test_at_square_a_subscription_that_is_made_later_is_awaited(way: str) -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False, variants=Variants(links_subscribe_after=timedelta(minutes=10)))
        page = await shop.page("one")
        shop.account.complete_checkout(page.id)
        report = await getattr(shop.billing, way)("one")
        [left] = report.ended.not_ended if way == "erase" else report.not_ended
        assert (left.provider, left.subscription_id, left.error, left.transient) == ("square", None, "Conflict", True)
        assert not report.is_complete
        shop.account.advance(hours=1)
        again = await getattr(shop.billing, way)("one")
        assert again.is_complete
        assert len(again.ended.ending if way == "erase" else again.ending) == 1

    asyncio.run(main())


@pytest.mark.parametrize("seen_as", [CheckoutStatus.PENDING, CheckoutStatus.COMPLETE])
def test_a_paid_page_without_a_subscription_is_said_to_be_on_its_way(seen_as: CheckoutStatus) -> None:
    async def main() -> None:
        provider = MakesItLater(now=NOW)
        provider.seen_as = seen_as
        world = World(provider=provider)
        await world.subscribe()
        report = await world.billing.cancel_all("org", at_period_end=False)
        assert [(each.error, each.transient) for each in report.not_ended] == [("Conflict", True)]
        erased = await world.billing.erase("org")
        assert not erased.kept, "nothing was stripped"
        assert not erased.is_complete
        provider.advance(days=31)
        [left] = (await world.billing.cancel_all("org", at_period_end=False)).not_ended
        assert not left.transient, "a person has to look at it"
        provider.seen_as = None
        assert len((await world.billing.cancel_all("org", at_period_end=False)).ended) == 1

    asyncio.run(main())


def test_what_was_bought_on_a_replaced_page_that_is_over_ends_too() -> None:
    async def main() -> None:
        world = World(provider=ListsNothing(now=NOW))
        replaced = await world.checkout()
        await world.subscribe(plan_id="team")
        await world.deliver()
        world.provider.complete_checkout(replaced.id)
        world.provider.deliveries()  # they are lost
        world.provider.advance(days=7)
        report = await world.billing.cancel_all("org", at_period_end=False)
        assert len(report.ended) == 2, "both"
        assert report.is_complete

    asyncio.run(main())


def test_a_page_that_is_paid_while_it_is_closed_brings_what_ends() -> None:
    class Paid(InMemoryProvider):
        capabilities = InMemoryProvider.capabilities - {Capability.LIST_SUBSCRIPTIONS}

        async def expire_checkout_session(self, session_id: str, **_: Any) -> CheckoutSession:
            self.complete_checkout(session_id)
            raise errors.Conflict("it is paid")

    async def main() -> None:
        world = World(provider=Paid(now=NOW))
        await world.billing.start_checkout("org", "pro", email="ada@example.com", **PAGES)
        report = await world.billing.close_organisation("org")
        assert len(report.ended) == 1
        assert report.is_complete

    asyncio.run(main())
