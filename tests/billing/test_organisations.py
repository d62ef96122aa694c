"""Organisations, their checkout, their subscription, their invoices."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    Capability,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventContext,
    InMemoryRepository,
    Invoice,
    InvoiceStatus,
    Money,
    Subscription,
    SubscriptionStatus,
    UnsupportedReason,
    WebhookEvent,
    errors,
    sync,
)
from paylattice.billing.store import Store
from paylattice.frozen import FrozenMap
from paylattice.providers.memory import InMemoryProvider

from .test_webhooks import World


async def checkout(world: World, org_id: str = "org", plan_id: str = "pro") -> CheckoutSession:
    return await world.billing.start_checkout(
        org_id, plan_id, email="ada@example.com", success_url="https://x.test", cancel_url="https://y.test"
    )


# --- customers


def test_an_organisation_has_one_customer_also_when_many_ask_at_once() -> None:
    async def main() -> None:
        world = World()
        found = await asyncio.gather(*(world.billing.ensure_customer("org", email="a@b.co") for _ in range(50)))
        assert len({customer.id for customer in found}) == 1
        assert len(world.provider._world.store.customers) == 1

    asyncio.run(main())


def test_an_organisation_has_one_customer_also_when_many_threads_ask_at_once() -> None:
    provider = InMemoryProvider()
    billing = sync.BillingService(provider, sync.InMemoryRepository())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: billing.ensure_customer("org", email="a@b.co").id, range(64)))
    assert len(set(found)) == 1
    assert len(provider._world.store.customers) == 1


def test_the_provider_s_customer_carries_the_organisation_and_the_application_s_words() -> None:
    async def main() -> None:
        world = World()
        customer = await world.billing.ensure_customer("org", email="a@b.co", name="Ada", metadata={"team": "one"})
        made = await world.provider.get_customer(customer.external_customer_id)
        assert made is not None
        assert made.metadata == {"team": "one", "org_id": "org"}
        assert (made.email, made.name) == ("a@b.co", "Ada")

    asyncio.run(main())


def test_a_lost_answer_and_another_try_make_one_customer() -> None:
    async def main() -> None:
        world = World()
        world.provider.time_out_next_call(after_effect=True)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.ensure_customer("org", email="a@b.co")
        await world.billing.ensure_customer("org", email="a@b.co")
        assert len(world.provider._world.store.customers) == 1

    asyncio.run(main())


def test_a_customer_that_belongs_to_another_organisation_is_never_handed_out() -> None:
    class SameId(InMemoryProvider):
        async def create_customer(
            self,
            email: str | None = None,
            name: str | None = None,
            metadata: Mapping[str, str] | None = None,
            *,
            phone: str | None = None,
            idempotency_key: str | None = None,
        ) -> Customer:
            return Customer("cus_same", email, name, metadata)

    async def main() -> None:
        billing = BillingService(SameId(), InMemoryRepository())
        await billing.ensure_customer("one", email="a@b.co")
        with pytest.raises(errors.Conflict, match="another organisation"):
            await billing.ensure_customer("two", email="a@b.co")

    asyncio.run(main())


@pytest.mark.parametrize("org_id", ["", "  "])
def test_an_empty_organisation_is_refused(org_id: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="org_id"):
        asyncio.run(World().billing.ensure_customer(org_id, email="a@b.co"))


# --- several providers


def test_select_is_asked_only_for_a_new_customer() -> None:
    async def main() -> None:
        europe, america = InMemoryProvider(name="eu"), InMemoryProvider(name="us")
        for provider in (europe, america):
            provider.add_plan("pro", Money(100, "EUR"))
        choice, asked = ["eu"], list[str]()

        def select(org_id: str) -> str:
            asked.append(org_id)
            return choice[0]

        billing = BillingService([europe, america], InMemoryRepository(), select=select)
        first = await billing.ensure_customer("org", email="a@b.co")
        choice[0] = "us"
        assert await billing.ensure_customer("org", email="a@b.co") == first
        assert asked == ["org"]
        other = await billing.ensure_customer("org", email="a@b.co", provider_name="us")
        assert other.provider == "us"
        session = await billing.start_checkout(
            "org", "pro", email="a@b.co", provider_name="us", success_url="https://x.test", cancel_url="https://y.test"
        )
        america.complete_checkout(session.id)
        stored = await billing.confirm_return(session.id)
        assert stored is not None
        assert stored.provider == "us"
        assert (await billing.subscription("org")) == stored
        assert (await billing.ensure_customer("org", email="a@b.co")).provider == "us"
        assert [invoice.provider for invoice in await billing.invoices("org")] == ["us"]

    asyncio.run(main())


def test_a_service_needs_providers_with_different_names_and_a_choice_among_several() -> None:
    repository = InMemoryRepository()
    with pytest.raises(errors.ConfigurationError, match="different names"):
        BillingService([], repository)
    with pytest.raises(errors.ConfigurationError, match="different names"):
        BillingService([InMemoryProvider(), InMemoryProvider()], repository, select=lambda _: "memory")
    with pytest.raises(errors.ConfigurationError, match="select"):
        BillingService([InMemoryProvider(name="eu"), InMemoryProvider(name="us")], repository)


def test_what_is_required_is_checked_when_the_service_is_made() -> None:
    class Small(BaseProvider):
        name = "small"
        unsupported = FrozenMap({Capability.PAUSE: UnsupportedReason("there is no pause here", "cancel instead")})

    with pytest.raises(errors.UnsupportedOperation, match=r"no pause here.*cancel instead"):
        BillingService(Small(), InMemoryRepository(), require={Capability.PAUSE})


def test_closing_the_service_closes_every_provider_also_after_one_fails() -> None:
    closed: list[str] = []

    class Closes(InMemoryProvider):
        async def aclose(self) -> None:
            closed.append(self.get_provider_name())
            if self.get_provider_name() == "a":
                message = "cannot close"
                raise errors.NetworkError(message)

    async def main() -> None:
        service = BillingService([Closes(name="a"), Closes(name="b")], InMemoryRepository(), select=lambda _: "a")
        with pytest.raises(errors.NetworkError):
            async with service:
                pass
        assert closed == ["a", "b"]

    asyncio.run(main())


# --- checkout and the way back


@pytest.mark.parametrize("order", ["return first", "webhook first", "at once"])
def test_return_page_and_webhook_give_one_subscription_and_one_change_of_status(order: str) -> None:
    async def main() -> None:
        world = World()
        seen: list[str] = []

        @world.billing.on("subscription.active")
        async def active(event: WebhookEvent, context: EventContext) -> None:
            seen.append(event.id)

        session = await checkout(world)
        world.provider.complete_checkout(session.id)
        if order == "return first":
            stored = await world.billing.confirm_return(session.id, org_id="org")
            await world.deliver()
        elif order == "webhook first":
            await world.deliver()
            stored = await world.billing.confirm_return(session.id, org_id="org")
        else:
            stored, *_ = await asyncio.gather(
                world.billing.confirm_return(session.id, org_id="org"),
                *(world.handle(each) for each in world.provider.deliveries()),
            )
        assert stored is not None
        assert stored.status == "active"
        assert len(seen) == 1
        customer = await Store(world.repository).get_customer("org", "memory")
        assert customer is not None
        assert len(await Store(world.repository).list_subscriptions(customer.id)) == 1

    asyncio.run(main())


def test_the_way_back_shows_nobody_another_organisation_s_subscription() -> None:
    async def main() -> None:
        world = World()
        session = await checkout(world)
        world.provider.complete_checkout(session.id)
        for wrong in ("cs_unknown", session.id):
            with pytest.raises(errors.NotFound):
                await world.billing.confirm_return(wrong, org_id="somebody else")

    asyncio.run(main())


def test_the_way_back_brings_nothing_while_the_checkout_is_open_or_the_money_under_way() -> None:
    async def main() -> None:
        world = World()
        session = await checkout(world)
        assert await world.billing.confirm_return(session.id) is None
        world.provider.complete_checkout(session.id, delayed=True)
        assert await world.billing.confirm_return(session.id) is None
        assert await world.status() == "incomplete"
        assert not await world.billing.access("org")
        world.provider.settle_checkout(session.id)
        await world.deliver()
        assert await world.billing.access("org")

    asyncio.run(main())


def test_a_second_subscription_is_refused_while_one_is_alive_unless_it_is_meant() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        with pytest.raises(errors.Conflict, match="allow_second"):
            await checkout(world)
        second = await world.billing.start_checkout(
            "org", "team", email="a@b.co", allow_second=True, success_url="https://x.test", cancel_url="https://y.test"
        )
        world.provider.complete_checkout(second.id)
        await world.deliver()
        for each in await world.billing.subscriptions("org"):
            await world.billing.cancel("org", subscription_id=each.external_subscription_id, at_period_end=False)
        assert (await checkout(world)).status is CheckoutStatus.OPEN

    asyncio.run(main())


def test_a_double_click_with_one_key_opens_one_page() -> None:
    async def main() -> None:
        world = World()
        first, second = [
            await world.billing.start_checkout(
                "org",
                "pro",
                email="a@b.co",
                idempotency_key="click",
                success_url="https://x.test",
                cancel_url="https://y.test",
            )
            for _ in range(2)
        ]
        assert first.id == second.id

    asyncio.run(main())


# --- the subscription


def test_cancelling_stores_what_the_provider_then_says() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        ending = await world.billing.cancel("org")
        assert ending.status == "active"
        assert ending.cancel_at == ending.current_period_end
        ended = await world.billing.cancel("org", at_period_end=False, reason="closed")
        assert ended.status == "canceled"
        assert (await world.billing.subscription("org")) == ended

    asyncio.run(main())


def test_a_lost_answer_to_a_cancel_is_recovered_and_then_stored() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        world.provider.time_out_next_call()
        with pytest.raises(errors.OutcomeUnknown) as unknown:
            await world.billing.cancel("org", at_period_end=False)
        found = await world.provider.recover(unknown.value)
        assert isinstance(found, Subscription)
        assert found.status == "canceled"
        await world.billing.sync_subscription("org")
        assert await world.status() == "canceled"

    asyncio.run(main())


def test_changing_the_plan_stores_the_new_one() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        change = await world.billing.change_plan("org", "team", quantity=3)
        assert change.approval_url is None
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.quantity) == ("team", 3)

    asyncio.run(main())


def test_an_organisation_without_a_subscription_has_none_to_cancel_change_or_bill() -> None:
    async def main() -> None:
        world = World()
        assert await world.billing.subscription("org") is None
        assert await world.billing.sync_subscription("org") is None
        assert await world.billing.invoices("org") == []
        for call in (
            lambda: world.billing.cancel("org"),
            lambda: world.billing.change_plan("org", "team"),
            lambda: world.billing.record_usage("org", 1, idempotency_key="k"),
        ):
            with pytest.raises(errors.NotFound, match="no subscription"):
                await call()

    asyncio.run(main())


def test_a_sync_finds_what_no_webhook_told() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        stored = await world.billing.sync_subscription("org")
        assert stored is not None
        assert stored.status == "active"

    asyncio.run(main())


def test_of_several_subscriptions_the_current_one_is_primary() -> None:
    async def main() -> None:
        world = World()
        old = await world.subscribe()
        await world.provider.cancel_subscription(old.id)
        await world.deliver()
        new = await world.subscribe()
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.external_subscription_id == new.id

    asyncio.run(main())


# --- usage and invoices


def test_usage_goes_to_the_metered_item_once_for_each_key() -> None:
    async def main() -> None:
        world = World()
        world.provider.add_plan("calls", Money(2, "USD"), metered=True)
        session = await checkout(world, plan_id="calls")
        world.provider.complete_checkout(session.id)
        await world.deliver()
        for key in ("job-1", "job-2", "job-2"):
            assert await world.billing.record_usage("org", 100, idempotency_key=key) is True
        world.provider.advance(months=1)
        newest, _ = await world.billing.invoices("org")
        assert newest.amount == Money(400, "USD")

    asyncio.run(main())


def test_usage_of_a_subscription_without_a_metered_item_is_refused() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        with pytest.raises(errors.InvalidRequest, match="no metered item"):
            await world.billing.record_usage("org", 1, idempotency_key="k")

    asyncio.run(main())


class WithoutCustomers(BaseProvider):
    """A provider without a customer object, and with two metered lines in its subscriptions."""

    name = "bare"
    capabilities = frozenset(
        {Capability.SUBSCRIPTIONS, Capability.INVOICES, Capability.CHECKOUT, Capability.METERED_USAGE}
    )

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str | None] = []
        self.used: list[str] = []

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        return Customer("local_1", email, name, metadata, provider="bare")

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        from paylattice import SubscriptionItem

        items = (SubscriptionItem("si_1", "calls", metered=True), SubscriptionItem("si_2", "bytes", metered=True))
        return Subscription(
            subscription_id, "local_1", SubscriptionStatus.ACTIVE, items=items, plan_id="calls", provider="bare"
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        return CheckoutSession(
            session_id, customer_id="local_1", subscription_id="sub_1", status=CheckoutStatus.COMPLETE
        )

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        self.asked.append(subscription_id)
        return [Invoice("in_1", customer_id, Money(1, "USD"), InvoiceStatus.PAID)]

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        self.used.append(subscription_item_id)
        return True


def test_invoices_of_a_provider_without_customers_come_through_their_subscriptions() -> None:
    async def main() -> None:
        provider = WithoutCustomers()
        billing = BillingService(provider, InMemoryRepository())
        await billing.ensure_customer("org", email="a@b.co")
        await billing.confirm_return("cs_1", org_id="org")
        assert [invoice.id for invoice in await billing.invoices("org")] == ["in_1"]
        assert provider.asked == ["sub_1"]
        stored = await billing.sync_subscription("org")
        assert stored is not None
        assert stored.status == "active"

    asyncio.run(main())


def test_of_several_metered_items_the_plan_chooses_one() -> None:
    async def main() -> None:
        provider = WithoutCustomers()
        billing = BillingService(provider, InMemoryRepository())
        await billing.ensure_customer("org", email="a@b.co")
        await billing.confirm_return("cs_1")
        with pytest.raises(errors.InvalidRequest, match="plan_id= has to choose"):
            await billing.record_usage("org", 1, idempotency_key="k")
        await billing.record_usage("org", 1, idempotency_key="k", plan_id="bytes")
        assert provider.used == ["si_2"]

    asyncio.run(main())


def test_a_subscription_that_the_provider_no_longer_knows_stays_as_stored() -> None:
    class Forgets(WithoutCustomers):
        gone = False

        async def get_subscription(self, subscription_id: str) -> Subscription | None:
            return None if self.gone else await super().get_subscription(subscription_id)

    async def main() -> None:
        provider = Forgets()
        billing = BillingService(provider, InMemoryRepository())
        await billing.ensure_customer("org", email="a@b.co")
        before = await billing.confirm_return("cs_1")
        provider.gone = True
        assert await billing.sync_subscription("org") == before
        with pytest.raises(errors.InvalidRequest, match="no metered item"):
            await billing.record_usage("org", 1, idempotency_key="k")

    asyncio.run(main())


def test_with_several_providers_a_session_that_one_cannot_know_is_asked_of_the_next() -> None:
    class NoSessions(BaseProvider):
        name = "none"

    async def main() -> None:
        memory = InMemoryProvider()
        memory.add_plan("pro", Money(100, "USD"))
        billing = BillingService([NoSessions(), memory], InMemoryRepository(), select=lambda _: "memory")
        session = await billing.start_checkout(
            "org", "pro", email="a@b.co", success_url="https://x.test", cancel_url="https://y.test"
        )
        memory.complete_checkout(session.id)
        assert await billing.confirm_return(session.id) is not None
        with pytest.raises(errors.UnsupportedOperation):
            await BillingService(NoSessions(), InMemoryRepository()).confirm_return("cs_1")

    asyncio.run(main())
