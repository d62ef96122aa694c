"""Checkout, the way back, changes, usage: over one provider, over several, and over answers that never came."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from unittest.mock import MagicMock

import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    Capability,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventType,
    InMemoryRepository,
    Money,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
    errors,
)
from paylattice.billing.store import Store
from paylattice.provider import Headers
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, PAGES, Context, Fake, World, an_event


def two_regions() -> tuple[InMemoryProvider, InMemoryProvider, BillingService]:
    providers = InMemoryProvider(name="eu", now=NOW), InMemoryProvider(name="us", now=NOW)
    for each in providers:
        each.add_plan("pro", Money(1900, "EUR" if each.get_provider_name() == "eu" else "USD"))
    billing = BillingService(
        providers, InMemoryRepository(), select=lambda org_id: org_id.removeprefix("org_"), clock=lambda: NOW
    )
    return *providers, billing


async def subscribe(billing: BillingService, at: InMemoryProvider, org_id: str, **options: object) -> str:
    session = await billing.start_checkout(org_id, "pro", email="a@b.co", **PAGES, **options)  # type: ignore[arg-type]
    at.complete_checkout(session.id)
    return session.id


def test_two_regions_live_side_by_side() -> None:
    async def main() -> None:
        eu, us, billing = two_regions()
        async with billing:
            for provider, org_id in ((eu, "org_eu"), (us, "org_us")):
                session_id = await subscribe(billing, provider, org_id)
                stored = await billing.confirm_return(session_id, org_id=org_id)
                assert stored is not None
                assert stored.provider == provider.get_provider_name()
                for each in provider.deliveries():
                    await billing.handle_webhook(provider.get_provider_name(), each.payload, each.headers)
            [invoice] = await billing.invoices("org_eu")
            assert invoice.amount == Money(1900, "EUR")
            assert (await billing.cancel("org_us", at_period_end=False)).status == "canceled"
            assert await billing.access("org_eu")
            assert not await billing.access("org_us")

    asyncio.run(main())


def test_a_second_subscription_is_refused_at_another_provider_too_and_nobody_is_made_there() -> None:
    async def main() -> None:
        eu, us, billing = two_regions()
        session_id = await subscribe(billing, eu, "org_eu")
        await billing.confirm_return(session_id)
        with pytest.raises(errors.Conflict, match="allow_second=True") as refused:
            await subscribe(billing, us, "org_eu", provider_name="us")
        assert refused.value.provider == "eu"
        assert us._world.store.customers == {}
        await subscribe(billing, us, "org_eu", provider_name="us", allow_second=True)

    asyncio.run(main())


def test_an_organisation_with_two_providers_is_where_its_current_subscription_is() -> None:
    async def main() -> None:
        eu, us, billing = two_regions()
        await billing.confirm_return(await subscribe(billing, eu, "org_eu"))
        await billing.cancel("org_eu", at_period_end=False)
        await billing.confirm_return(await subscribe(billing, us, "org_eu", provider_name="us"), provider_name="us")
        assert (await billing.ensure_customer("org_eu", email="a@b.co")).provider == "us"
        assert len(await billing.invoices("org_eu")) == 2
        assert (await billing.cancel("org_eu")).provider == "us"

    asyncio.run(main())


def test_an_event_of_one_provider_is_no_event_of_another() -> None:
    """Whoever knows one endpoint's secret must not be able to speak for the other provider."""

    async def main() -> None:
        eu, us, _ = two_regions()
        rejected: list[object] = []
        repository = InMemoryRepository()
        billing = BillingService([eu, us], repository, select=lambda _: "eu", on_rejected=rejected.append)
        await us.create_customer("a@b.co")
        [delivery] = us.deliveries()  # both have the secret of the defaults
        with pytest.raises(errors.MalformedPayload):
            await billing.handle_webhook("eu", delivery.payload, delivery.headers)
        assert len(rejected) == 1
        assert await Store(repository).list_unmatched("us") == []

    asyncio.run(main())


def test_a_provider_that_speaks_for_another_one_is_not_believed() -> None:
    class Impostor(Fake):
        name = "impostor"

        async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
            return an_event(provider=payload.decode())

    async def main() -> None:
        billing = BillingService([Fake(), Impostor()], InMemoryRepository(), select=lambda _: "fake")
        with pytest.raises(errors.MalformedPayload, match="of another provider") as refused:
            await billing.handle_webhook("impostor", b"fake", {})
        assert refused.value.provider == "impostor"
        assert await billing.handle_webhook("impostor", b"impostor", {}) == WebhookOutcome.UNMATCHED

    asyncio.run(main())


def test_an_observer_that_fails_does_not_change_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    def fails(rejected: object) -> None:
        message = "the metrics are down"
        raise RuntimeError(message)

    world = World(on_rejected=fails)
    with pytest.raises(errors.InvalidSignature):
        asyncio.run(world.billing.handle_webhook("memory", b"{}", {}))
    assert "observer of rejected webhooks failed" in caplog.text


def test_an_observer_hears_of_refusals_only() -> None:
    async def main() -> None:
        rejected: list[object] = []
        world = World(on_rejected=rejected.append)
        await world.subscribe()
        await world.deliver()
        world.provider.time_out_next_call()
        with pytest.raises(errors.NetworkError):
            await world.billing.sync_subscription("org")
        assert rejected == []

    asyncio.run(main())


def test_of_two_subscriptions_stored_in_the_same_moment_the_later_one_counts() -> None:
    async def main() -> None:
        world = World()
        first = await world.subscribe()
        second = await world.subscribe(allow_second=True)
        for each in (first, second):
            await world.provider.cancel_subscription(each.id)
        await world.billing.sync_subscription("org")
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.external_subscription_id == second.id

    for _ in range(8):  # not by chance
        asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_checkout_whose_answer_got_lost_is_recovered_as_the_same_page(after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown) as lost:
            await world.checkout()
        session = await world.provider.recover(lost.value)
        assert isinstance(session, CheckoutSession)
        assert list(world.provider._world.store.sessions) == [session.id]
        world.provider.complete_checkout(session.id)
        assert await world.billing.confirm_return(session.id, org_id="org")

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_cancellation_whose_answer_got_lost_changes_nothing_here_until_it_is_known(after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        await world.deliver()
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown) as lost:
            await world.billing.cancel("org", at_period_end=False)
        assert await world.status() == "active"
        await world.provider.recover(lost.value)
        assert await world.deliver() != []
        assert await world.status() == "canceled"

    asyncio.run(main())


def test_a_change_that_was_made_and_not_read_back_is_told_by_its_webhook() -> None:
    class ReadsBackNothing(InMemoryProvider):
        async def get_subscription(self, subscription_id: str) -> Subscription | None:
            if self.mute:
                message = "no answer"
                raise errors.NetworkError(message)
            return await super().get_subscription(subscription_id)

        mute = False

    async def main() -> None:
        provider = ReadsBackNothing(now=NOW)
        world = World(provider=provider)
        await world.subscribe()
        await world.deliver()
        provider.mute = True
        with pytest.raises(errors.NetworkError):
            await world.billing.change_plan("org", "team")
        provider.mute = False
        await world.deliver()
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert stored.plan_id == "team"

    asyncio.run(main())


def test_usage_goes_to_the_metered_one_of_several_subscriptions() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        flat = await world.subscribe(allow_second=True)
        world.provider.advance(days=1)
        await world.deliver()
        for _ in range(2):
            assert await world.billing.record_usage("org", 5, idempotency_key="job-1")
        [metered] = [each for each in world.provider._world.store.subscriptions.values() if each.id != flat.id]
        assert metered.usage == 5
        with pytest.raises(errors.InvalidRequest, match="no metered item"):
            await world.billing.record_usage("org", 5, idempotency_key="job-2", plan_id="pro")

    asyncio.run(main())


def test_a_key_of_usage_of_one_subscription_swallows_no_usage_of_another() -> None:
    async def main() -> None:
        world = World()
        ids: list[str] = []
        for _ in range(2):
            ids.append((await world.subscribe(plan_id="calls", allow_second=True)).id)
            await world.deliver()
        assert await world.billing.record_usage("org", 5, idempotency_key="job-1", subscription_id=ids[0])
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.record_usage("org", 5, idempotency_key="job-1", subscription_id=ids[1])
        assert await world.billing.record_usage("org", 5, idempotency_key="job-2", subscription_id=ids[1])
        assert [world.provider._world.store.subscriptions[each].usage for each in ids] == [5, 5]

    asyncio.run(main())


def test_usage_of_two_metered_subscriptions_needs_a_plan() -> None:
    async def main() -> None:
        world = World()
        world.provider.add_plan("storage", Money(1, "USD"), metered=True)
        await world.subscribe(plan_id="calls")
        await world.deliver()
        await world.subscribe(plan_id="storage", allow_second=True)
        await world.deliver()
        with pytest.raises(errors.Conflict, match="2 metered subscriptions"):
            await world.billing.record_usage("org", 5, idempotency_key="job-1")
        assert await world.billing.record_usage("org", 5, idempotency_key="job-1", plan_id="storage")

    asyncio.run(main())


def test_usage_of_a_subscription_that_has_ended_is_the_provider_s_to_refuse() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe(plan_id="calls")
        await world.deliver()
        await world.billing.cancel("org", at_period_end=False)
        with pytest.raises(errors.Conflict, match="canceled"):
            await world.billing.record_usage("org", 5, idempotency_key="job-1")
        with pytest.raises(errors.NotFound, match="no subscription"):
            await world.billing.record_usage("nobody", 5, idempotency_key="job-1")

    asyncio.run(main())


def test_cancelling_twice_is_no_error_and_runs_no_handlers_twice() -> None:
    async def main() -> None:
        world = World()
        told: list[str] = []

        @world.billing.on("subscription.canceled")
        def note(event: WebhookEvent, context: Context) -> None:
            told.append(event.id)

        await world.subscribe()
        await world.deliver()
        for _ in range(2):
            assert (await world.billing.cancel("org", at_period_end=False)).status == "canceled"
        await world.deliver()
        await world.billing.sync_subscription("org")
        assert len(told) == 1

    asyncio.run(main())


class WithoutLists(BaseProvider):
    """A provider without customers and lists, as PayPal: the customer's id is what the caller says."""

    name = "plain"
    capabilities = frozenset({Capability.CHECKOUT, Capability.SUBSCRIPTIONS, Capability.CANCEL_NOW})

    def __init__(self) -> None:
        super().__init__()
        self.status = SubscriptionStatus.ACTIVE
        self.session = CheckoutSession("cs", customer_id="local", status=CheckoutStatus.OPEN)

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        return Customer("local", email)

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        return self.session if session_id == "cs" else None

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        return Subscription(subscription_id, "local", self.status) if subscription_id == "sub" else None


def test_a_provider_without_lists_is_synced_by_the_subscriptions_that_are_stored() -> None:
    async def main() -> None:
        provider = WithoutLists()
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: NOW)
        await billing.ensure_customer("org", email="a@b.co")
        assert await billing.sync_subscription("org") is None
        assert await billing.confirm_return("cs") is None
        provider.session = CheckoutSession(
            "cs", customer_id="local", status=CheckoutStatus.COMPLETE, subscription_id="sub"
        )
        stored = await billing.confirm_return("cs", org_id="org")
        assert stored is not None
        provider.status = SubscriptionStatus.PAST_DUE
        synced = await billing.sync_subscription("org")
        assert synced is not None
        assert (synced.status, synced.id, synced.created_at) == ("past_due", stored.id, stored.created_at)

    asyncio.run(main())


def test_a_checkout_whose_subscription_cannot_be_read_yet_brings_nothing_yet() -> None:
    async def main() -> None:
        provider = WithoutLists()
        provider.session = CheckoutSession("cs", customer_id="local", subscription_id="not_there_yet")
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: NOW)
        await billing.ensure_customer("org", email="a@b.co")
        assert await billing.confirm_return("cs") is None
        assert await billing.subscription("org") is None

    asyncio.run(main())


def test_a_session_without_a_customer_of_ours_is_nobody_s() -> None:
    async def main() -> None:
        provider = WithoutLists()
        billing = BillingService(provider, InMemoryRepository())
        for customer_id in (None, "local"):
            provider.session = CheckoutSession("cs", customer_id=customer_id)
            with pytest.raises(errors.NotFound):
                await billing.confirm_return("cs")

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [0, 30])
def test_the_return_page_and_every_webhook_at_once_run_the_handlers_of_the_status_once(seconds: int) -> None:
    async def main() -> None:
        world = World()
        told: list[str] = []

        @world.billing.on("subscription.active")
        async def note(event: WebhookEvent, context: Context) -> None:
            await asyncio.sleep(0)
            told.append(event.id)

        session = await world.checkout()
        world.provider.complete_checkout(session.id)
        world.provider.advance(hours=seconds / 3600)
        deliveries = world.provider.deliveries()
        calls = [
            *(world.billing.confirm_return(session.id, org_id="org") for _ in range(5)),
            *(world.billing.sync_subscription("org") for _ in range(5)),
            *(world.handle(each) for each in deliveries * 3),
        ]
        await asyncio.gather(*calls)
        assert len(told) == 1
        customer = await Store(world.repository).get_customer("org", "memory")
        assert customer is not None
        assert len(await Store(world.repository).list_subscriptions(customer.id)) == 1

    asyncio.run(main())


def test_closing_closes_every_provider_whatever_the_first_one_raises() -> None:
    closed: list[str] = []

    class Stubborn(Fake):
        async def aclose(self) -> None:
            closed.append(self.name)
            message = "the socket is gone"
            raise OSError(message)

    class Other(Stubborn):
        name = "other"

    billing = BillingService([Stubborn(), Other()], InMemoryRepository(), select=lambda _: "fake")
    with pytest.raises(OSError, match="socket"):
        asyncio.run(billing.aclose())
    assert closed == ["fake", "other"]


def test_a_later_word_about_an_old_event_does_not_bring_an_old_state_back() -> None:
    async def main() -> None:
        provider = Fake()
        repository = InMemoryRepository()
        billing = BillingService(provider, repository, clock=lambda: NOW)
        customer = await billing.ensure_customer("org", email="a@b.co")
        late = await repository.next_ticket()
        state = provider.payload()
        provider.status = SubscriptionStatus.CANCELED
        assert await billing.apply_event(an_event()) == WebhookOutcome.PROCESSED
        stored = await billing._parts.pipeline.store("fake", customer, state, late)
        assert stored.status == "canceled"
        later = an_event(2, type=EventType.SUBSCRIPTION_ACTIVE, created_at=NOW + timedelta(days=1))
        assert await billing.apply_event(later) == WebhookOutcome.PROCESSED
        assert (await billing.subscription("org")) is not None

    asyncio.run(main())


def test_a_provider_that_is_down_keeps_no_return_from_another_one_s_page_waiting() -> None:
    class Down(InMemoryProvider):
        async def get_checkout_session(self, session_id: str) -> CheckoutSession:
            message = "down"
            raise errors.ProviderUnavailable(message)

    async def main() -> None:
        us = InMemoryProvider(name="us", now=NOW)
        us.add_plan("pro", Money(1900, "USD"))
        billing = BillingService(
            [Down(name="eu", now=NOW), us], InMemoryRepository(), select=lambda _: "us", clock=lambda: NOW
        )
        session = await billing.start_checkout("org", "pro", email="ada@example.com", **PAGES)
        us.complete_checkout(session.id)
        stored = await billing.confirm_return(session.id, org_id="org")
        assert stored is not None
        assert stored.status == "active"

    asyncio.run(main())


@pytest.mark.parametrize("name", ["plan_id", "success_url", "cancel_url", "quantity"])
def test_none_is_no_value_for_what_a_checkout_needs(name: str) -> None:
    """What was checked before it was recorded is not checked again; None was not checked."""

    async def main() -> None:
        provider = InMemoryProvider(now=NOW)
        provider.add_plan("pro", Money(1900, "EUR"))
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: NOW)
        wanted: dict[str, object] = {"plan_id": "pro", "email": "a@b.co", **PAGES, name: None}
        with pytest.raises(errors.InvalidRequest, match="not None") as caught:
            await billing.start_checkout("org", **wanted)  # type: ignore[arg-type]  # on purpose
        assert (caught.value.param or "").removeprefix("customer_") == name

    asyncio.run(main())


@pytest.mark.parametrize("limit", [0, -1, "5", 1.0, None])
def test_how_many_invoices_is_a_whole_number_also_where_there_are_none(limit: int) -> None:
    *_, billing = two_regions()
    with pytest.raises(errors.InvalidRequest, match="limit must be"):
        asyncio.run(billing.invoices("org_eu", limit))


def test_a_mock_is_no_provider() -> None:
    """It has every method, and none with the parameters of the protocol."""
    with pytest.raises(errors.ConfigurationError, match=r"without a name|different names|must be"):
        BillingService(MagicMock(), InMemoryRepository())
