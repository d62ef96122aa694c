"""Organisations with several subscriptions: which one is meant, which one grants access, and that neither is ever a guess."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from paylattice import AccessPolicy, AccessReason, BillingService, InMemoryRepository, Money, Subscription, errors
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.testing import PayPalStandIn
from paylattice.transport import AsyncTransport

from .support import PAGES, World

DAY = timedelta(days=1)


async def two_of(world: World, first: str = "pro", second: str = "team") -> tuple[Subscription, Subscription]:
    """An organisation that has paid for two."""
    older = await world.subscribe(plan_id=first)
    await world.deliver()
    world.provider.advance(days=1)
    newer = await world.subscribe(plan_id=second, allow_second=True)
    await world.deliver()
    return older, newer


def test_two_open_pages_that_are_both_paid_make_two_and_neither_is_canceled_by_a_guess() -> None:
    async def main() -> None:
        world = World()
        for page in [await world.checkout(), await world.checkout(allow_second=True)]:
            world.provider.complete_checkout(page.id)
        await world.deliver()
        both = await world.billing.subscriptions("org")
        with pytest.raises(errors.Conflict, match="2 subscriptions") as caught:
            await world.billing.cancel("org")
        assert all(f"{each.external_subscription_id} (pro" in caught.value.message for each in both)
        for each in both:
            await world.billing.cancel("org", subscription_id=each.external_subscription_id)
        paid = await world.billing.invoices("org", 50)
        world.provider.advance(months=3)
        await world.deliver()
        assert len(await world.billing.invoices("org", 50)) == len(paid) == 2
        assert not await world.billing.access("org")

    asyncio.run(main())


def test_what_is_canceled_at_the_end_leaves_one_that_can_be_meant() -> None:
    async def main() -> None:
        world = World()
        older, newer = await two_of(world)
        await world.billing.cancel("org", subscription_id=newer.id)
        with pytest.raises(errors.Conflict):
            await world.billing.cancel("org", at_period_end=False)
        assert (await world.billing.cancel("org")).external_subscription_id == older.id

    asyncio.run(main())


def test_a_change_of_one_of_two_has_to_say_which() -> None:
    async def main() -> None:
        world = World()
        older, newer = await two_of(world)
        with pytest.raises(errors.Conflict, match="subscription_id="):
            await world.billing.change_plan("org", "team")
        await world.billing.change_plan("org", quantity=3, subscription_id=older.id)
        stored = {each.external_subscription_id: each.quantity for each in await world.billing.subscriptions("org")}
        assert stored == {older.id: 3, newer.id: 1}

    asyncio.run(main())


def test_a_page_that_was_left_does_not_stand_in_the_way_of_the_one_that_runs() -> None:
    async def main() -> None:
        world = World()
        running = await world.subscribe()
        page = await world.checkout(plan_id="team", allow_second=True)
        world.provider.complete_checkout(page.id, delayed=True)
        await world.deliver()
        assert (await world.billing.cancel("org")).external_subscription_id == running.id

    asyncio.run(main())


@pytest.mark.parametrize("operation", ["cancel", "change_plan", "sync_subscription"])
def test_a_subscription_of_another_organisation_is_not_found(operation: str) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        foreign = await world.subscribe("other")
        await world.deliver()
        assert await world.billing.subscription("org", foreign.id) is None
        arguments = {"plan_id": "team"} if operation == "change_plan" else {}
        with pytest.raises(errors.NotFound):
            await getattr(world.billing, operation)("org", subscription_id=foreign.id, **arguments)
        assert (await world.billing.subscription("other", foreign.id)) is not None

    asyncio.run(main())


def test_a_repeated_key_falls_on_the_subscription_of_the_first_time() -> None:
    async def main() -> None:
        world = World()
        first = await world.subscribe()
        await world.deliver()
        await world.billing.cancel("org", at_period_end=False, idempotency_key="end")
        second = await world.subscribe(plan_id="team")
        await world.deliver()
        again = await world.billing.cancel("org", at_period_end=False, idempotency_key="end")
        assert again.external_subscription_id == first.id
        assert await world.status() == "active"
        with pytest.raises(errors.IdempotencyMismatch, match="another subscription"):
            await world.billing.cancel("org", at_period_end=False, subscription_id=second.id, idempotency_key="end")

    asyncio.run(main())


def test_access_names_what_grants_it_and_says_why_the_others_do_not() -> None:
    async def main() -> None:
        world = World()
        older, newer = await two_of(world)
        await world.provider.pause_subscription(newer.id)
        await world.deliver()
        world.provider.advance(days=40)
        await world.deliver()
        access = await world.billing.access("org")
        assert access.subscription is not None
        assert access.subscription.external_subscription_id == older.id
        assert [
            (each.subscription.external_subscription_id, each.reason) for each in access.others if each.subscription
        ] == [(newer.id, AccessReason.PAUSED)]
        assert await world.billing.subscription("org") == access.subscription
        assert access.quantity == 1

    asyncio.run(main())


def test_access_to_one_of_several_products_comes_from_its_plans_alone() -> None:
    async def main() -> None:
        world = World()
        await two_of(world)
        assert (await world.billing.access("org", plans={"team", "team-yearly"})).quantity == 1
        access = await world.billing.access("org", plans={"enterprise"})
        assert (access.allowed, access.reason, access.subscription) == (False, AccessReason.NO_SUBSCRIPTION, None)
        assert {each.reason for each in access.others} == {AccessReason.OTHER_PLAN}
        assert len(access.others) == 2

    asyncio.run(main())


def test_quantities_add_up_over_what_grants_access() -> None:
    async def main() -> None:
        world = World()
        older, _newer = await two_of(world)
        await world.billing.change_plan("org", quantity=4, subscription_id=older.id)
        assert (await world.billing.access("org")).quantity == 5
        await world.billing.cancel("org", at_period_end=False, subscription_id=older.id)
        assert (await world.billing.access("org")).quantity == 1

    asyncio.run(main())


@pytest.mark.parametrize("plans", ["pro", set(), {1}, {""}])
def test_plans_that_are_none_are_refused(plans: object) -> None:
    with pytest.raises(errors.InvalidRequest, match="plans"):
        asyncio.run(World().billing.access("org", plans=plans))  # type: ignore[arg-type]  # wrong on purpose


def test_subscriptions_are_listed_over_all_providers_with_the_primary_one_first() -> None:
    async def main() -> None:
        providers = [InMemoryProvider(name=name, now=datetime(2026, 1, 1, tzinfo=UTC)) for name in ("here", "there")]
        billing = BillingService(providers, InMemoryRepository(), select=lambda _org: "here")
        made = []
        for provider in providers:
            provider.add_plan("pro", Money(1900, "USD"))
            name = provider.get_provider_name()
            page = await billing.start_checkout(
                "org", "pro", email="a@example.com", **PAGES, provider_name=name, allow_second=True
            )
            made.append(provider.complete_checkout(page.id).subscription_id)
            for hook in provider.deliveries():
                await billing.handle_webhook(name, hook.payload, hook.headers)
        await billing.cancel("org", subscription_id=made[1], at_period_end=False)
        listed = await billing.subscriptions("org")
        assert [each.provider for each in listed] == ["here", "there"]
        assert listed[0] == await billing.subscription("org")

    asyncio.run(main())


async def _no_wait(_seconds: float) -> None:
    pass


def test_a_page_that_was_left_at_paypal_is_not_the_plan_that_grants_access() -> None:
    async def main() -> None:
        account = PayPalStandIn(now=datetime(2026, 1, 10, 12, tzinfo=UTC), clock=lambda: account.now)
        config = PayPalConfig(
            client_id=account.client_id,
            client_secret=account.client_secret,
            webhook_id=account.webhook_id,
            trust_store=account.trust_store,
        )
        transport = AsyncTransport(transport=account.transport(), sleep=_no_wait)
        provider = PayPalProvider(config, transport=transport, clock=lambda: account.now)
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: account.now)

        async def deliver() -> None:
            for hook in account.deliveries():
                await billing.handle_webhook("paypal", hook.payload, hook.headers)

        account.add_plan("P-BASIC", Money(1000, "USD"))
        account.add_plan("P-PRO", Money(5000, "USD"))
        page = await billing.start_checkout("org", "P-BASIC", email="a@example.com", **PAGES)
        account.complete_checkout(page.id)
        await deliver()
        await billing.cancel("org")
        await deliver()
        await billing.start_checkout("org", "P-PRO", email="a@example.com", **PAGES)
        await deliver()
        access = await billing.access("org")
        assert (access.allowed, access.subscription and access.subscription.plan_id) == (True, "P-BASIC")
        assert await billing.subscription("org") == access.subscription
        assert not await billing.access("org", plans={"P-PRO"}, policy=AccessPolicy(allow_unpaid=True))

    asyncio.run(main())
