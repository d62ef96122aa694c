"""An organisation saves, chooses and removes its payment methods, and pays what it owes: once, and nobody else's."""

import asyncio
from typing import Any

import pytest

from paylattice import BillingService, InMemoryRepository, InvoiceStatus, Money, SubscriptionStatus, errors, sync
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider
from paylattice.testing import PayPalStandIn
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.square.support import Market
from tests.testing.standins.stripe.support import Shop

from .operation_log_support import NOBODY_WAITS, OPEN, forget_keys, states
from .support import PAGES, World
from .test_access_at_providers import Desk


def cards(world: World) -> int:
    return sum(len(world.provider._payments.cards(each)) for each in world.provider._world.store.customers)


async def past_due(world: World) -> str:
    subscription = await world.subscribe()
    world.provider.decline_next_payment()
    world.provider.renew(subscription.id)
    await world.deliver()
    assert await world.status() == "past_due"
    return subscription.id


# --- saving ------------------------------------------------------------------------------------------------------


def test_a_page_saves_for_its_organisation_alone() -> None:
    async def main() -> None:
        world = World()
        page = await world.billing.start_setup("org", email="ada@example.com", **PAGES)
        world.provider.complete_checkout(page.id)
        with pytest.raises(errors.NotFound, match="no such page"):
            await world.billing.save_payment_method("intruder", page.id)
        saved = await world.billing.save_payment_method("org", page.id)
        assert (await world.billing.save_payment_method("org", page.id)).id == saved.id
        assert [each.id for each in await world.billing.payment_methods("org")] == [saved.id]
        assert cards(world) == 1
        assert await world.billing.payment_methods("intruder") == []

    asyncio.run(main())


def test_a_token_makes_the_customer_and_saves_once_for_its_key() -> None:
    async def main() -> None:
        world = World()
        for _ in range(2):
            saved = await world.billing.save_payment_method(
                "org", "tok_visa", email="ada@example.com", idempotency_key="order-7"
            )
        assert [each.id for each in await world.billing.payment_methods("org")] == [saved.id]
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.save_payment_method("org", "tok_other", idempotency_key="order-7")
        with pytest.raises(errors.Declined):
            await world.billing.save_payment_method("org", "tok_declined")

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("recovered", [False, True])
def test_a_save_that_the_provider_has_forgotten_is_reported_and_never_done_twice(
    *, after_effect: bool, recovered: bool
) -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.save_payment_method("org", "tok_visa", idempotency_key="order-7")
        forget_keys(world)
        if recovered:
            report = await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert [each.key for each in report.abandoned] == ["order-7"]
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.save_payment_method("org", "tok_visa", idempotency_key="order-7")
        assert cards(world) == len(await world.billing.payment_methods("org")) == int(after_effect)

    asyncio.run(main())


def test_the_token_is_in_no_message_and_no_repr() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        with pytest.raises(errors.InvalidRequest) as caught:
            await world.billing.save_payment_method("org", "not-a-token-that-is-known")
        assert "not-a-token" not in str(caught.value)
        assert "tok_secret" not in repr(caught.value)

    asyncio.run(main())


# --- choosing and removing ---------------------------------------------------------------------------------------


def test_nobody_chooses_or_removes_another_organisation_s_card() -> None:
    async def main() -> None:
        world = World()
        theirs = await world.billing.save_payment_method("them", "tok_theirs", email="them@example.com")
        await world.subscribe()
        await world.deliver()
        for call in (world.billing.set_payment_method, world.billing.remove_payment_method):
            with pytest.raises(errors.InvalidRequest, match="no such saved payment method"):
                await call("org", theirs.id)
            with pytest.raises(errors.NotFound, match="no customer"):
                await call("nobody", theirs.id)
        assert [each.id for each in await world.billing.payment_methods("them")] == [theirs.id]

    asyncio.run(main())


def test_what_is_chosen_pays_all_that_is_current_and_what_comes() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.subscribe(plan_id="team", allow_second=True)
        await world.deliver()
        card = await world.billing.save_payment_method("org", "tok_new")
        paid = await world.billing.set_payment_method("org", card.id, idempotency_key="click")
        assert len(paid) == len(await world.billing.set_payment_method("org", card.id, idempotency_key="click")) == 2
        assert {each.payment_method_id for each in world.provider._world.store.subscriptions.values()} == {card.id}
        other = await world.billing.save_payment_method("org", "tok_third")
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.set_payment_method("org", other.id, idempotency_key="click")

    asyncio.run(main())


def test_an_older_choice_whose_answer_was_lost_is_not_made_after_a_newer_one() -> None:
    async def main() -> None:
        world = World()
        subscription = await world.subscribe()
        await world.deliver()
        old = await world.billing.save_payment_method("org", "tok_old")
        new = await world.billing.save_payment_method("org", "tok_new")
        read = world.provider.get_payment_methods

        async def then_lost(customer_id: str) -> Any:
            found = await read(customer_id)
            world.provider.time_out_next_call(after_effect=False)
            return found

        world.provider.get_payment_methods = then_lost  # type: ignore[method-assign]  # the network
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.set_payment_method("org", old.id, subscription_id=subscription.id)
        world.provider.get_payment_methods = read  # type: ignore[method-assign]
        await world.billing.set_payment_method("org", new.id, subscription_id=subscription.id)
        report = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert len(report.abandoned) == 1
        assert world.provider._world.store.subscriptions[subscription.id].payment_method_id == new.id

    asyncio.run(main())


def test_removing_twice_is_no_error() -> None:
    async def main() -> None:
        world = World()
        card = await world.billing.save_payment_method("org", "tok_visa", email="ada@example.com")
        await world.billing.remove_payment_method("org", card.id)
        await world.billing.remove_payment_method("org", card.id)
        await world.billing.remove_payment_method("org", card.id, idempotency_key="k")
        assert await world.billing.payment_methods("org") == []

    asyncio.run(main())


# --- what is owed ------------------------------------------------------------------------------------------------


def test_who_owes_nothing_is_charged_nothing() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        before = len(world.provider._world.store.payments)
        assert (await world.billing.bill_outstanding("org")).status is SubscriptionStatus.ACTIVE
        assert len(world.provider._world.store.payments) == before
        with pytest.raises(errors.NotFound):
            await world.billing.bill_outstanding("nobody")

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("way", ["retry", "recover"])
def test_what_is_owed_is_paid_once_whatever_is_lost(*, after_effect: bool, forgotten: bool, way: str) -> None:
    async def main() -> None:
        world = World()
        await past_due(world)
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.bill_outstanding("org", idempotency_key="click")
        if forgotten:
            forget_keys(world)
        taken = _paid(world)
        if forgotten and not after_effect:  # what is owed by now may be something else
            await world.billing.recover_open(older_than=NOBODY_WAITS)
            with pytest.raises(errors.IdempotencyMismatch):
                await world.billing.bill_outstanding("org", idempotency_key="click")
            assert _paid(world) == 1
            await world.billing.bill_outstanding("org", idempotency_key="another")
        elif way == "retry":
            assert (await world.billing.bill_outstanding("org", idempotency_key="click")).status == "active"
        else:
            await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert _paid(world) == 2
        assert taken == 1 + after_effect
        assert OPEN not in await states(world)
        assert (await world.billing.access("org")).allowed

    asyncio.run(main())


def _paid(world: World) -> int:
    return sum(event.type == "invoice.paid" for event in world.provider._world.events)


def test_a_key_that_was_forgotten_collects_nothing_that_is_owed_a_month_later() -> None:
    async def main() -> None:
        world = World()
        subscription_id = await past_due(world)
        world.provider.time_out_next_call(after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.bill_outstanding("org", idempotency_key="click")
        forget_keys(world)
        world.provider.decline_next_payment()
        world.provider.renew(subscription_id)
        await world.deliver()
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert _paid(world) == 2
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.bill_outstanding("org", idempotency_key="click")
        assert (await world.billing.bill_outstanding("org", idempotency_key="another")).status == "active"

    asyncio.run(main())


def test_a_declined_collection_needs_another_key_and_one_that_waits_says_where() -> None:
    async def main() -> None:
        world = World()
        await past_due(world)
        world.provider.decline_next_payment()
        for _ in range(2):
            with pytest.raises(errors.Declined):
                await world.billing.bill_outstanding("org", idempotency_key="first")
        world.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
        with pytest.raises(errors.ActionRequired) as caught:
            await world.billing.bill_outstanding("org", idempotency_key="second")
        world.provider.authenticate_payment(str(caught.value.payment_id))
        await world.deliver()
        assert await world.status() == "active"

    asyncio.run(main())


# --- back to active, at every provider ---------------------------------------------------------------------------


async def owing(desk: Desk, subscription_id: str) -> None:
    await desk.deliver()
    if isinstance(desk.server, PayPalStandIn):
        desk.server.fail_payments(subscription_id)
        desk.server.renew(subscription_id)
        desk.server.advance(days=16)  # until PayPal gives up, it tries again by itself
        desk.server.fail_payments(subscription_id, fail=False)
    else:
        desk.server.decline_next_payment()
        desk.server.renew(subscription_id)
    await desk.deliver()
    stored = await desk.billing.subscription("org")
    assert stored is not None
    assert stored.status is SubscriptionStatus.PAST_DUE


async def sold(desk: Desk, plan: str) -> str:
    page = await desk.billing.start_checkout("org", plan, email="ada@example.com", name="Ada Lovelace", **PAGES)
    desk.server.complete_checkout(page.id)
    await desk.deliver()
    stored = await desk.billing.confirm_return(page.id, org_id="org")
    assert stored is not None
    return stored.external_subscription_id


def test_at_stripe_a_new_card_pays_what_is_owed() -> None:
    async def main() -> None:
        shop = Shop("async")
        shop.server.add_plan("price_pro", Money(1900, "USD"))
        desk = Desk(shop.provider, shop.server)
        subscription_id = await sold(desk, "price_pro")
        await owing(desk, subscription_id)
        page = await desk.billing.start_setup("org", **PAGES)
        shop.server.complete_checkout(page.id)
        card = await desk.billing.save_payment_method("org", page.id)
        await desk.billing.set_payment_method("org", card.id)
        paid = await desk.billing.bill_outstanding("org", idempotency_key="again")
        assert paid.status is SubscriptionStatus.ACTIVE
        assert (await desk.billing.bill_outstanding("org", idempotency_key="again")).status is SubscriptionStatus.ACTIVE
        assert shop.server.money_taken() == 3800
        first = next(each for each in await desk.billing.payment_methods("org") if each.id != card.id)
        await desk.billing.remove_payment_method("org", first.id)
        assert [each.id for each in await desk.billing.payment_methods("org")] == [card.id]

    asyncio.run(main())


def test_at_paypal_the_balance_is_captured_and_the_payer_alone_chooses_what_pays() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        shop.plan()
        desk = Desk(shop.provider, shop.server)
        await owing(desk, await sold(desk, "P-PRO"))
        for _ in range(2):
            paid = await desk.billing.bill_outstanding("org", idempotency_key="again")
            assert paid.status is SubscriptionStatus.ACTIVE
        assert shop.server.money_taken() == 38
        page = await desk.billing.start_setup("org", **PAGES)
        shop.server.complete_checkout(page.id)
        wallet = await desk.billing.save_payment_method("org", page.id)
        assert [each.id for each in await desk.billing.payment_methods("org")] == [wallet.id]
        with pytest.raises(errors.UnsupportedOperation, match="payer alone") as caught:
            await desk.billing.set_payment_method("org", wallet.id)
        assert "autopay" in str(caught.value.alternative)

    asyncio.run(main())


def test_at_paypal_who_was_suspended_resumes_once_nothing_is_owed() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        shop.plan()
        desk = Desk(shop.provider, shop.server)
        subscription_id = await sold(desk, "P-PRO")
        shop.server.fail_payments(subscription_id)
        shop.server.renew(subscription_id)
        shop.server.advance(days=45)
        await desk.deliver()
        assert (await desk.billing.sync_subscription("org")).status is SubscriptionStatus.UNPAID  # type: ignore[union-attr]
        shop.server.fail_payments(subscription_id, fail=False)
        assert (await desk.billing.bill_outstanding("org")).status is SubscriptionStatus.PAUSED
        assert (await desk.billing.resume("org")).status is SubscriptionStatus.ACTIVE

    asyncio.run(main())


def test_at_square_the_customer_pays_the_invoice_and_the_next_ones_go_to_the_new_card() -> None:
    async def main() -> None:
        market = Market("async")
        market.server.add_plan("PRO", Money(1900, "USD"))
        desk = Desk(market.provider, market.server)
        await desk.billing.ensure_customer("org", email="ada@example.com", name="Ada Lovelace")
        first = await desk.billing.save_payment_method("org", "cnon:first")
        begun = await desk.billing.subscribe("org", "PRO", payment_method_id=first.id, idempotency_key="order")
        await owing(desk, begun.subscription.id)
        with pytest.raises(errors.UnsupportedOperation, match="hosted_url"):
            await desk.billing.bill_outstanding("org")
        with pytest.raises(errors.UnsupportedOperation):
            await desk.billing.start_setup("org", **PAGES)
        card = await desk.billing.save_payment_method("org", "cnon:second")
        [changed] = await desk.billing.set_payment_method("org", card.id)
        assert changed.external_subscription_id == begun.subscription.id
        [owed] = [each for each in await desk.billing.invoices("org") if each.status is InvoiceStatus.OPEN]
        assert owed.hosted_url
        market.server.pay_invoice(owed.id)
        await desk.deliver()
        stored = await desk.billing.subscription("org")
        assert stored is not None
        assert stored.status is SubscriptionStatus.ACTIVE
        assert market.server.money_taken() == 3800

    asyncio.run(main())


def test_a_provider_of_several_is_the_one_that_has_the_card() -> None:
    async def main() -> None:
        north, south = InMemoryProvider(name="north"), InMemoryProvider(name="south")
        billing = BillingService([north, south], InMemoryRepository(), select=lambda _: "north")
        card = await billing.save_payment_method("org", "tok_a", provider_name="south", email="ada@example.com")
        await billing.ensure_customer("org", provider_name="north")
        page = await billing.start_setup("org", provider_name="south", **PAGES)
        south.complete_checkout(page.id)
        await billing.save_payment_method("org", page.id)
        await billing.set_payment_method("org", card.id)
        assert len(await billing.payment_methods("org")) == 2
        await billing.remove_payment_method("org", card.id)
        assert len(await billing.payment_methods("org")) == 1

    asyncio.run(main())


def test_the_same_without_await() -> None:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))
    billing = sync.BillingService(provider, sync.InMemoryRepository(), clock=lambda: provider.now)
    card = billing.save_payment_method("org", "tok_visa", email="ada@example.com")
    billing.subscribe("org", "pro", payment_method_id=card.id, idempotency_key="order")
    billing.set_payment_method("org", card.id)
    assert billing.bill_outstanding("org").status is SubscriptionStatus.ACTIVE
    assert [each.id for each in billing.payment_methods("org")] == [card.id]
