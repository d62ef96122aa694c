"""Records have an end: an organisation is forgotten, whatever crashes, and nothing personal comes back."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCustomer,
    BillingSubscription,
    InMemoryRepository,
    Money,
    SubscriptionStatus,
    WebhookOutcome,
    errors,
    sync,
)
from paylattice.billing.records import TABLES
from paylattice.providers.memory import InMemoryProvider
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop

from .operation_log_support import Counting, MortalRepository
from .support import NOW, PAGES, World, all_of
from .test_access_at_providers import Desk
from .test_crashes import Fate, Killed

EMAIL, NAME, PHONE = "ada.xyzzy@example.com", "Ada Xyzzy", "+15550177099"
WORDS = ("xyzzy", PHONE)


def personal(repository: InMemoryRepository) -> list[str]:
    """The records that hold one of the words."""
    rows = [attrs.asdict(each) for table in TABLES for each in all_of(repository, table.record)]
    return [text for row in rows if any(word in (text := json.dumps(row, default=str)).lower() for word in WORDS)]


async def a_life(world: World) -> None:
    """A customer with all that is stored about one."""
    billing = world.billing
    await billing.ensure_customer("org", email=EMAIL, name=NAME, phone=PHONE, metadata={"who": NAME})
    page = await billing.start_checkout(
        "org",
        "pro",
        email=EMAIL,
        success_url="https://app.test/xyzzy",
        cancel_url="https://app.test/no?xyzzy",
        metadata={"who": NAME},
    )
    world.provider.complete_checkout(page.id)
    await world.deliver()
    card = await billing.save_payment_method("org", "tok_xyzzy")
    await billing.charge(
        "org", Money(500, "USD"), payment_method_id=card.id, description=NAME, idempotency_key="charge"
    )
    await billing.update_customer("org", name=f"{NAME} King")
    await billing.start_setup("org", success_url="https://app.test/xyzzy", cancel_url="https://app.test/no")
    await world.deliver()


def test_the_address_is_nowhere_and_the_subscription_has_ended() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        assert personal(world.repository)
        late = world.provider.deliveries()
        report = await world.billing.erase("org")
        assert report.is_complete
        assert [each.status for each in report.ended.ended] == [SubscriptionStatus.CANCELED]
        assert {each.record: each.count for each in report.kept}["BillingSubscription"] == 1
        assert personal(world.repository) == []
        assert not world.provider._world.store.customers
        for hook in late:
            await world.handle(hook)
        assert WebhookOutcome.UNMATCHED not in await world.deliver()
        await world.billing.sync_subscription("org")
        await world.billing.maintain()
        assert personal(world.repository) == []
        again = await world.billing.erase("org")
        assert (again.is_complete, again.kept) == (True, (await world.billing.erase("org")).kept)
        assert not (await world.billing.access("org")).allowed

    asyncio.run(main())


def test_the_books_are_kept_and_a_later_refund_finds_its_organisation() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        seen: list[str] = []

        @world.billing.on("refund.succeeded")
        def look(_event: Any, context: Any) -> None:
            seen.append(context.customer.org_id)

        before = await world.billing.export("org")
        [payment] = [each for each in world.provider._world.store.payments.values() if each.amount == Money(500, "USD")]
        await world.billing.erase("org")
        await world.provider.refund_payment(payment.id)
        await world.deliver()
        assert seen == ["org"]
        after = await world.billing.export("org")
        assert len(after["billing_events"]) > len(before["billing_events"])  # type: ignore[arg-type]  # rows
        assert [
            each["arguments"].get("amount") for each in after["billing_operations"] if each["operation"] == "charge"
        ] == [  # type: ignore[attr-defined]  # rows
            {"amount": 500, "currency": "USD"}
        ]

    asyncio.run(main())


def test_who_may_not_end_what_goes_on_is_told_and_nothing_is_done() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        with pytest.raises(errors.Conflict, match="cancel_all"):
            await world.billing.erase("org", end_subscriptions=False)
        assert personal(world.repository)
        assert await world.status() == "active"
        await world.billing.cancel_all("org", at_period_end=False)
        assert (await world.billing.erase("org", end_subscriptions=False)).is_complete

    asyncio.run(main())


def test_an_event_that_waits_is_forgotten_too() -> None:
    async def main() -> None:
        world = World()

        @world.billing.on("customer.updated")
        def fail(_event: Any, _context: Any) -> None:
            raise RuntimeError

        made = await world.provider.create_customer(EMAIL, metadata={"org_id": "org"})
        await world.provider.update_customer(made.id, name=NAME)
        await world.deliver()
        repository = world.repository
        repository._committed.of(BillingCustomer).add(BillingCustomer("c", "org", "memory", made.id, EMAIL))
        await world.billing.apply_unmatched("memory")
        assert (await world.billing.export("org"))["billing_unmatched_events"]
        assert (await world.billing.erase("org")).is_complete
        assert personal(repository) == []

    asyncio.run(main())


def test_who_comes_back_is_a_new_customer() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        before = (await world.billing.ensure_customer("org")).external_customer_id
        await world.billing.erase("org")
        back = await world.billing.ensure_customer("org", email="new@example.com", name="Grace")
        assert back.external_customer_id != before
        assert (back.email, back.name, back.phone, back.is_erased) == ("new@example.com", "Grace", None, False)
        await world.subscribe()
        await world.deliver()
        assert (await world.billing.access("org")).allowed
        assert personal(world.repository) == []

    asyncio.run(main())


def test_another_organisation_loses_nothing() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("other", email=EMAIL)
        await world.subscribe("org")
        await world.deliver()
        await world.billing.erase("org")
        assert len(personal(world.repository)) == 2  # the record, and what was asked for
        assert await world.billing.export("nobody") == {"org_id": "nobody"}
        assert (await world.billing.erase("nobody")).ended.is_complete

    asyncio.run(main())


def test_a_provider_that_is_down_leaves_it_to_the_next_call() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        await world.billing.cancel_all("org", at_period_end=False)
        delete = world.provider.delete_customer

        async def down(*_: Any, **__: Any) -> None:
            raise errors.ProviderUnavailable("down")

        world.provider.delete_customer = down  # type: ignore[method-assign]  # the network
        report = await world.billing.erase("org")
        assert not report.is_complete
        assert [each.transient for each in report.at_providers] == [True]
        assert personal(world.repository)
        world.provider.delete_customer = delete  # type: ignore[method-assign]
        assert (await world.billing.erase("org")).is_complete
        assert personal(world.repository) == []

    asyncio.run(main())


@pytest.mark.parametrize("lost", [None, "answer", "request"], ids=["killed", "answer lost", "request lost"])
def test_whatever_is_lost_doing_it_again_completes_it(lost: str | None) -> None:
    async def main(at: int) -> int:
        provider, repository = Counting(now=NOW), MortalRepository()
        provider.fate = Fate(0)
        repository.fate = Fate(0) if lost else provider.fate
        world = World(provider=provider, repository=repository)
        await world.billing.ensure_customer("org", email=EMAIL, name=NAME)
        await world.subscribe(metadata={"who": NAME})
        await world.deliver()
        provider.lost = lost
        provider.fate.calls, provider.fate.at = 0, at
        with suppress(Killed, errors.OutcomeUnknown, errors.NetworkError):
            await world.billing.erase("org")
        calls, provider.fate.at, provider.lost = provider.fate.calls, 0, None
        report = await world.billing.erase("org")
        assert report.is_complete, at
        assert personal(repository) == [], at
        await world.deliver()
        assert personal(repository) == [], at
        [stored] = all_of(repository, BillingSubscription)
        assert stored.status is SubscriptionStatus.CANCELED
        assert not provider._world.store.customers
        return calls

    calls = asyncio.run(main(0))
    for at in range(1, calls + 1):
        asyncio.run(main(at))


def test_what_is_exported_is_json() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        found = await world.billing.export("org")
        assert json.loads(json.dumps(found)) == found
        assert {"billing_customers", "billing_subscriptions", "billing_checkouts", "billing_events"} <= found.keys()
        assert EMAIL in json.dumps(found)

    asyncio.run(main())


# --- at the providers --------------------------------------------------------------------------------------------


def test_at_stripe_the_customer_is_deleted() -> None:
    async def main() -> None:
        shop = Shop("async")
        shop.server.add_plan("price_pro", Money(1900, "USD"))
        desk = Desk(shop.provider, shop.server)
        await sold(desk, "price_pro")
        report = await desk.billing.erase("org")
        await desk.deliver()
        assert report.is_complete
        assert "books" in report.at_providers[0].what
        assert personal(desk.billing.repository) == []  # type: ignore[arg-type]  # it is embedded

    asyncio.run(main())


def test_at_square_deleting_ends_what_cannot_be_ended_now() -> None:
    async def main() -> None:
        market = Market("async")
        market.server.add_plan("PRO", Money(1900, "USD"))
        desk = Desk(market.provider, market.server)
        await desk.billing.ensure_customer("org", email=EMAIL, name=NAME)
        card = await desk.billing.save_payment_method("org", "cnon:first")
        await desk.billing.subscribe("org", "PRO", payment_method_id=card.id, idempotency_key="order")
        await desk.deliver()
        report = await desk.billing.erase("org")
        await desk.deliver()
        assert report.is_complete
        assert personal(desk.billing.repository) == []  # type: ignore[arg-type]  # it is embedded

    asyncio.run(main())


def test_at_paypal_the_wallet_is_removed_and_the_payer_s_account_is_named() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        shop.plan()
        desk = Desk(shop.provider, shop.server)
        await sold(desk, "P-PRO")
        page = await desk.billing.start_setup("org", **PAGES)
        shop.server.complete_checkout(page.id)
        await desk.billing.save_payment_method("org", page.id)
        report = await desk.billing.erase("org")
        await desk.deliver()
        assert report.is_complete
        assert "payer's account" in report.at_providers[0].what
        assert await desk.billing.payment_methods("org") == []
        assert personal(desk.billing.repository) == []  # type: ignore[arg-type]  # it is embedded

    asyncio.run(main())


async def sold(desk: Desk, plan: str) -> None:
    page = await desk.billing.start_checkout("org", plan, email=EMAIL, name=NAME, **PAGES)
    desk.server.complete_checkout(page.id)
    await desk.deliver()
    assert await desk.billing.confirm_return(page.id, org_id="org") is not None


def test_the_same_without_await() -> None:
    provider = InMemoryProvider()
    billing = sync.BillingService(provider, sync.InMemoryRepository())
    billing.ensure_customer("org", email=EMAIL)
    assert EMAIL in json.dumps(billing.export("org"))
    assert billing.erase("org").is_complete
    assert EMAIL not in json.dumps(billing.export("org"))
