"""An organisation subscribes with a saved payment method: once, with its owner known, and never beside what it has."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from paylattice import BillingService, Capability, EventType, InMemoryRepository, Money, SubscriptionStatus, errors
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import SquareStandIn
from paylattice.transport import AsyncTransport

from .operation_log_support import NOBODY_WAITS, forget_keys
from .support import NOW, PAGES, World


async def ready(world: World) -> str:
    customer = await world.billing.ensure_customer("org", email="ada@example.com")
    return world.provider.add_payment_method(customer.external_customer_id)


async def lose(world: World, plan_id: str, key: str, *, after_effect: bool = True, **options: Any) -> None:
    """Subscribe, and get no answer."""
    world.provider.time_out_next_call(after_effect=after_effect)
    with suppress(errors.OutcomeUnknown, errors.NetworkError):
        await world.billing.subscribe("org", plan_id, idempotency_key=key, **options)


async def two_shops() -> tuple[InMemoryProvider, InMemoryProvider, BillingService[Any]]:
    """Two providers, both with a customer of the organisation who has a card."""
    north, south = InMemoryProvider(name="north"), InMemoryProvider(name="south")
    billing = BillingService([north, south], InMemoryRepository(), select=lambda _: "north")
    for each in (north, south):
        each.add_plan("pro", Money(1000, "USD"))
        name = each.get_provider_name()
        customer = await billing.ensure_customer("org", email="ada@example.com", provider_name=name)
        each.add_payment_method(customer.external_customer_id)
    return north, south, billing


def test_an_organisation_subscribes_once_for_its_key_and_has_access() -> None:
    async def main() -> None:
        world = World()
        card = await ready(world)
        first = await world.billing.subscribe("org", "pro", payment_method_id=card, idempotency_key="order-7")
        again = await world.billing.subscribe("org", "pro", payment_method_id=card, idempotency_key="order-7")
        assert again.subscription.id == first.subscription.id
        assert (await world.billing.access("org")).allowed
        await world.deliver()
        assert len(await world.billing.subscriptions("org")) == 1
        with pytest.raises(errors.Conflict, match="change_plan"):
            await world.billing.subscribe("org", "team", idempotency_key="order-8")
        await world.billing.subscribe("org", "team", allow_second=True, idempotency_key="order-9")
        assert len(await world.billing.subscriptions("org")) == 2

    asyncio.run(main())


def test_a_page_that_is_open_is_closed_by_it() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        page = await world.checkout()
        await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        closed = await world.provider.get_checkout_session(page.id)
        assert closed is not None
        assert closed.url is None

    asyncio.run(main())


def test_nothing_is_granted_before_the_payer_has_authenticated() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        begun = await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        assert begun.is_pending
        assert not (await world.billing.access("org")).allowed
        again = await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        assert again.approval_url == begun.approval_url
        world.provider.authenticate_payment((begun.approval_url or "").rpartition("/")[2])
        await world.deliver()
        assert (await world.billing.access("org")).allowed

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
def test_an_answer_that_is_lost_is_found_out_and_the_organisation_never_pays_twice(
    *, after_effect: bool, forgotten: bool
) -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        with suppress(errors.OutcomeUnknown, errors.NetworkError):
            world.provider.time_out_next_call(after_effect=after_effect)
            await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        if forgotten:
            forget_keys(world)
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        await world.deliver()
        made = world.provider._world.store.subscriptions
        assert len(made) == (0 if forgotten and not after_effect else 1)
        assert len(await world.billing.subscriptions("org")) == len(made)

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_second_one_that_was_allowed_is_finished_although_the_first_one_is_current(*, after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        await world.billing.subscribe("org", "pro", idempotency_key="first")
        await lose(world, "team", "second", after_effect=after_effect, allow_second=True)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.key for each in recovered.done] == ["second"]
        assert len(world.provider._world.store.subscriptions) == 2

    asyncio.run(main())


def test_what_was_begun_is_looked_for_before_the_job_gives_it_up() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        await lose(world, "pro", "lost")
        await world.billing.subscribe("org", "team", allow_second=True, idempotency_key="other")
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        [row] = recovered.done
        assert row.external_id in world.provider._world.store.subscriptions
        assert recovered.abandoned == ()

    asyncio.run(main())


def test_a_key_that_failed_before_begins_nothing_beside_what_was_begun_since() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        world.provider.fail_next_call(errors.ProviderUnavailable("down"))
        with pytest.raises(errors.ProviderUnavailable):
            await world.billing.subscribe("org", "pro", idempotency_key="queued")
        await world.billing.subscribe("org", "pro", idempotency_key="by-hand")
        with pytest.raises(errors.Conflict, match="change_plan"):
            await world.billing.subscribe("org", "pro", idempotency_key="queued")
        assert len(world.provider._world.store.subscriptions) == 1
        await world.billing.subscribe("org", "pro", allow_second=True, idempotency_key="queued")
        assert len(world.provider._world.store.subscriptions) == 2

    asyncio.run(main())


def test_an_answer_that_was_lost_is_given_to_whoever_repeats_the_key() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        await lose(world, "pro", "order-7")
        await world.deliver()
        again = await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        assert [again.subscription.id] == list(world.provider._world.store.subscriptions)

    asyncio.run(main())


def test_at_square_the_owner_is_known_whatever_the_buyer_types_anywhere() -> None:
    async def main() -> None:
        square = SquareStandIn("token", "key", "https://app.test/square")
        square.add_plan("PRO", Money(1900, "USD"))
        config = SquareConfig(
            access_token="token",
            location_id=square.location_id,
            webhook_signature_key="key",
            webhook_url="https://app.test/square",
        )
        provider = SquareProvider(config, transport=AsyncTransport(transport=square.transport()))
        refused: list[Any] = []
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: square.now, on_refused=refused.append)
        customer = await billing.ensure_customer("org", email="ada@example.com", name="Ada Lovelace")
        card = await provider.save_payment_method(customer.external_customer_id, "cnon:new")
        begun = await billing.subscribe("org", "PRO", payment_method_id=card.id, idempotency_key="order-7")
        stored = await billing.subscription("org")
        assert stored is not None
        assert (stored.external_subscription_id, stored.status) == (begun.subscription.id, SubscriptionStatus.ACTIVE)
        for hook in square.deliveries():
            await billing.handle_webhook("square", hook.payload, hook.headers)
        assert (await billing.access("org")).allowed
        assert refused == []

    asyncio.run(main())


def test_several_providers_have_to_be_named_and_one_that_cannot_says_why() -> None:
    async def main() -> None:
        _, _, billing = await two_shops()
        with pytest.raises(errors.NotFound, match="ensure_customer"):
            await billing.subscribe("another org", "pro", idempotency_key="order-6")
        with pytest.raises(errors.InvalidRequest, match="provider_name="):
            await billing.subscribe("org", "pro", idempotency_key="order-7")
        await billing.subscribe("org", "pro", provider_name="south", idempotency_key="order-7")
        assert len(await billing.subscriptions("org")) == 1

    asyncio.run(main())


def test_the_job_begins_nothing_at_one_provider_for_who_subscribed_at_another_meanwhile() -> None:
    async def main() -> None:
        north, _, billing = await two_shops()
        north.time_out_next_call(after_effect=False)
        with suppress(errors.OutcomeUnknown, errors.NetworkError):
            await billing.subscribe("org", "pro", provider_name="north", idempotency_key="order-7")
        await billing.subscribe("org", "pro", provider_name="south", allow_second=True, idempotency_key="order-8")
        [row] = (await billing.recover_open(older_than=NOBODY_WAITS)).abandoned
        assert row.key == "order-7"
        assert not north._world.store.subscriptions

    asyncio.run(main())


def test_the_job_opens_no_page_at_one_provider_for_who_subscribed_at_another_meanwhile() -> None:
    async def main() -> None:
        north, _, billing = await two_shops()
        north.time_out_next_call(after_effect=False)
        with suppress(errors.OutcomeUnknown, errors.NetworkError):
            await billing.start_checkout("org", "pro", email="ada@example.com", **PAGES, idempotency_key="page")
        await billing.subscribe("org", "pro", provider_name="south", allow_second=True, idempotency_key="order-8")
        [row] = (await billing.recover_open(older_than=NOBODY_WAITS)).abandoned
        assert row.key == "page"
        assert not north._world.store.sessions

    asyncio.run(main())


def test_nothing_begins_beside_a_subscription_whose_answer_was_lost() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        await lose(world, "pro", "order-7")
        with pytest.raises(errors.Conflict, match="recover_open"):
            await world.checkout()
        with pytest.raises(errors.Conflict, match="recover_open"):
            await world.billing.subscribe("org", "pro", idempotency_key="order-8")
        await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        assert len(world.provider._world.store.subscriptions) == 1

    asyncio.run(main())


def test_nothing_begins_beside_a_subscription_that_waits_for_its_payer() -> None:
    async def main() -> None:
        world = World()
        await ready(world)
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        with pytest.raises(errors.Conflict, match="cancel it"):
            await world.checkout()
        with pytest.raises(errors.Conflict, match="cancel it"):
            await world.billing.subscribe("org", "pro", idempotency_key="order-8")
        await world.billing.cancel("org", at_period_end=False)
        await world.billing.subscribe("org", "pro", idempotency_key="order-8")
        assert (await world.billing.access("org")).allowed

    asyncio.run(main())


def test_a_page_that_cannot_be_closed_brings_the_second_one_if_it_is_paid_after_all() -> None:
    class ClosesNoPages(InMemoryProvider):
        capabilities = InMemoryProvider.capabilities - {Capability.EXPIRE_CHECKOUT}

    async def main() -> None:
        world = World(provider=ClosesNoPages(now=NOW))
        await ready(world)
        told: list[str] = []
        page = await world.checkout()
        world.billing.on(EventType.SUBSCRIPTION_SECOND)(lambda event, _: told.append(event.subscription_id))
        await world.billing.subscribe("org", "pro", idempotency_key="order-7")
        paid = world.provider.complete_checkout(page.id)
        await world.deliver()
        assert told == [paid.subscription_id]

    asyncio.run(main())
