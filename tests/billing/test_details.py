"""What was told once at creation is corrected, here or at the provider; the newest stays, whatever comes when."""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingService,
    Capability,
    Customer,
    EventType,
    InMemoryRepository,
    WebhookEvent,
    WebhookOutcome,
    errors,
)
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

from .operation_log_support import NOBODY_WAITS, forget_keys
from .scheduler import Access, Pause, Task, in_every_order, touch
from .support import NOW, Coarse, World, all_of

OLD, NEW = "old@example.com", "new@example.com"
DASHBOARD = "dashboard@example.com"


async def stored(world: World) -> BillingCustomer:
    found = await Store(world.repository).get_customer("org", "memory")
    assert found is not None
    return found


def test_the_new_address_is_at_the_provider_and_in_the_record() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email=OLD, name="Ada", phone="+15550100123")
        changed = await world.billing.update_customer("org", email=NEW)
        assert (changed.email, changed.name, changed.phone) == (NEW, "Ada", "+15550100123")
        there = await world.provider.get_customer(changed.external_customer_id)
        assert there is not None
        assert (there.email, there.name, there.phone) == (NEW, "Ada", "+15550100123")
        assert await stored(world) == changed

    asyncio.run(main())


def test_what_the_dashboard_changes_reaches_the_record_and_the_handler() -> None:
    async def main() -> None:
        world = World()
        seen: list[str | None] = []

        @world.billing.on("customer.updated")
        def look(event: WebhookEvent, context: Any) -> None:
            seen.append(context.customer.email)

        customer = await world.billing.ensure_customer("org", email=OLD)
        await world.provider.update_customer(customer.external_customer_id, email=DASHBOARD)
        await world.deliver()
        assert (await stored(world)).email == DASHBOARD
        assert seen == [DASHBOARD]

    asyncio.run(main())


def test_deliveries_in_every_order_and_twice_end_in_what_the_provider_has() -> None:
    async def main(order: tuple[int, ...]) -> None:
        world = World()
        customer = await world.billing.ensure_customer("org", email=OLD)
        world.provider.deliveries()
        for number in range(3):
            await world.provider.update_customer(customer.external_customer_id, email=f"{number}@example.com")
        await world.billing.update_customer("org", email=NEW)
        hooks = world.provider.deliveries()
        for number in order:
            await world.handle(hooks[number])
        assert (await stored(world)).email == NEW

    for order in itertools.permutations(range(4)):
        asyncio.run(main((*order, order[0])))


def test_a_payload_is_never_believed_also_without_a_refetch() -> None:
    async def main() -> None:
        world = World(refetch=False)
        customer = await world.billing.ensure_customer("org", email=OLD)
        await world.provider.update_customer(customer.external_customer_id, email=DASHBOARD)
        late = [each for each in world.provider.deliveries() if each.type == "customer.updated"]
        await world.billing.update_customer("org", email=NEW)
        assert [await world.handle(each) for each in late] == [WebhookOutcome.PROCESSED]
        assert (await stored(world)).email == NEW

    asyncio.run(main())


def test_an_event_that_came_before_the_record_tells_nothing_old() -> None:
    async def main() -> None:
        world = World()
        made = await world.provider.create_customer(OLD, metadata={"org_id": "org"})
        await world.provider.update_customer(made.id, email=DASHBOARD)
        assert WebhookOutcome.UNMATCHED in await world.deliver()
        await Store(world.repository).insert_customer(
            BillingCustomer("c", "org", "memory", made.id, email=OLD, created_at=NOW)
        )
        await world.billing.apply_unmatched("memory")
        assert (await stored(world)).email == DASHBOARD

    asyncio.run(main())


def test_an_existing_customer_keeps_their_details_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email=OLD)
        with caplog.at_level(logging.INFO, "paylattice"):
            again = await world.billing.ensure_customer("org", email=NEW)
        assert again.email == OLD
        assert [each.message for each in caplog.records if "update_customer()" in each.message]
        assert NEW not in caplog.text
        assert OLD not in caplog.text

    asyncio.run(main())


def test_nothing_to_change_and_nobody_to_change_are_told() -> None:
    async def main() -> None:
        world = World()
        with pytest.raises(errors.NotFound, match="ensure_customer"):
            await world.billing.update_customer("org", email=NEW)
        await world.billing.ensure_customer("org")
        with pytest.raises(errors.InvalidRequest, match="nothing to change"):
            await world.billing.update_customer("org")
        with pytest.raises(errors.InvalidRequest, match="email"):
            await world.billing.update_customer("org", email="nobody")
        with pytest.raises(errors.InvalidRequest, match="phone"):
            await world.billing.update_customer("org", phone="ring me")

    asyncio.run(main())


def test_an_organisation_needs_no_e_mail_address_to_subscribe() -> None:
    async def main() -> None:
        world = World()
        page = await world.billing.start_checkout(
            "org", "pro", success_url="https://app.test/ok", cancel_url="https://app.test/no"
        )
        world.provider.complete_checkout(page.id)
        await world.deliver()
        assert (await world.billing.access("org")).allowed
        assert (await stored(world)).email is None

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
def test_an_older_change_whose_answer_was_lost_never_comes_after_a_newer_one(
    *, after_effect: bool, forgotten: bool
) -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email=OLD, name="Ada")
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.update_customer("org", email=DASHBOARD, name="Ada King", idempotency_key="first")
        if forgotten:
            forget_keys(world)
        changed = await world.billing.update_customer("org", email=NEW, idempotency_key="second")
        await world.billing.recover_open(older_than=NOBODY_WAITS)
        await world.deliver()
        now = await stored(world)
        assert now.email == changed.email == NEW
        there = await world.provider.get_customer(now.external_customer_id)
        assert there is not None
        assert (there.email, there.name) == (now.email, now.name)

    asyncio.run(main())


def test_the_job_stores_what_it_finds_out() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email=OLD)
        world.provider.time_out_next_call(after_effect=False)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.update_customer("org", email=NEW)
        recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
        assert [each.operation for each in recovered.done] == ["update_customer"]
        assert (await stored(world)).email == NEW

    asyncio.run(main())


# --- at the providers --------------------------------------------------------------------------------------------


def stripe() -> tuple[Any, BaseProvider]:
    source = StripeStandIn(now=NOW, clock=lambda: source.now)
    config = StripeConfig(secret_key=source.secret_key, webhook_secret=source.webhook_secret)
    return source, StripeProvider(
        config, transport=AsyncTransport(transport=source.transport()), clock=lambda: source.now
    )


def square() -> tuple[Any, BaseProvider]:
    source = SquareStandIn(now=NOW)
    config = SquareConfig(
        access_token=source.access_token,
        location_id=source.location_id,
        webhook_signature_key=source.signature_key,
        webhook_url=source.webhook_url,
    )
    return source, SquareProvider(config, transport=AsyncTransport(transport=source.transport()))


@pytest.mark.parametrize("place", [stripe, square])
def test_at_stripe_and_square_both_ways_lead_to_the_record(place: Any) -> None:
    async def main() -> None:
        source, provider = place()
        name = provider.get_provider_name()
        repository = InMemoryRepository()
        billing = BillingService(provider, repository, clock=lambda: source.now)
        customer = await billing.ensure_customer("org", name="Ada Lovelace", phone="+1 (555) 010-0123")
        assert customer.email is None
        changed = await billing.update_customer("org", email=NEW)
        assert (changed.email, changed.name) == (NEW, "Ada Lovelace")
        await provider.update_customer(changed.external_customer_id, email=DASHBOARD, name="Ada King")
        for hook in source.deliveries():
            await billing.handle_webhook(name, hook.payload, hook.headers)
        now = await Store(repository).get_customer("org", name)
        assert now is not None
        assert (now.email, now.name, str(now.phone)[-4:]) == (DASHBOARD, "Ada King", "0123")

    asyncio.run(main())


def test_at_paypal_the_record_alone_changes() -> None:
    async def main() -> None:
        source = PayPalStandIn(now=NOW, clock=lambda: source.now)
        config = PayPalConfig(
            client_id=source.client_id, client_secret=source.client_secret, webhook_id=source.webhook_id
        )
        repository = InMemoryRepository()
        provider = PayPalProvider(config, transport=AsyncTransport(transport=source.transport()))
        billing = BillingService(provider, repository, clock=lambda: NOW)
        await billing.ensure_customer("org")
        changed = await billing.update_customer("org", email=NEW, phone="+15550100123")
        assert (changed.email, changed.phone) == (NEW, "+15550100123")
        with pytest.raises(errors.InvalidRequest, match="email"):
            await billing.update_customer("org", email="nobody")

    asyncio.run(main())


def test_at_square_who_it_is_has_to_be_said() -> None:
    async def main() -> None:
        _, provider = square()
        billing = BillingService(provider, InMemoryRepository())
        with pytest.raises(errors.InvalidRequest, match="name= or phone="):
            await billing.ensure_customer("org")
        assert (await billing.ensure_customer("org", name="Ada Lovelace")).name == "Ada Lovelace"

    asyncio.run(main())


def test_several_providers_are_all_told_although_one_is_down() -> None:
    async def main() -> None:
        north, south = InMemoryProvider(name="north"), InMemoryProvider(name="south")
        repository = InMemoryRepository()
        billing = BillingService([north, south], repository, select=lambda _: "north")
        for name in ("north", "south"):
            await billing.ensure_customer("org", email=OLD, provider_name=name)
        north.fail_next_call(errors.ProviderUnavailable("down"))
        with pytest.raises(errors.ProviderUnavailable):
            await billing.update_customer("org", email=NEW, idempotency_key="click")
        assert {each.email for each in all_of(repository, BillingCustomer)} == {OLD, NEW}
        await billing.update_customer("org", email=NEW, idempotency_key="click")
        assert {each.email for each in all_of(repository, BillingCustomer)} == {NEW}

    asyncio.run(main())


# --- in every order ----------------------------------------------------------------------------------------------


class OneCustomer(BaseProvider):
    """One customer, changed in the dashboard and by the application."""

    name = "fake"
    capabilities = frozenset({Capability.CUSTOMERS})

    def __init__(self) -> None:
        super().__init__()
        self.customer = Customer("cus", OLD)
        self.events: list[WebhookEvent] = []

    async def create_customer(self, *args: Any, **kwargs: Any) -> Customer:  # type: ignore[override]  # never called
        raise NotImplementedError

    def set(self, email: str) -> Customer:
        touch(self.name)
        self.customer = attrs.evolve(self.customer, email=email)
        number = len(self.events)
        self.events.append(
            WebhookEvent(
                f"evt_{number}",
                EventType.CUSTOMER_UPDATED,
                NOW,
                f"evt_{number}",
                "cus",
                provider="fake",
                customer=self.customer,
            )
        )
        return self.customer

    async def get_customer(self, customer_id: str) -> Customer | None:
        await Pause(told=True)
        touch(self.name, Access.READ)
        return self.customer

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        await Pause(told=True)
        return self.set(str(email))


class Story:
    """The dashboard changes the address, the application changes it, and both events arrive."""

    def __init__(self) -> None:
        self.provider = OneCustomer()
        self.repository = Coarse()
        self.repository._committed.of(BillingCustomer).add(BillingCustomer("c", "org", "fake", "cus", OLD))
        self.billing = BillingService(self.provider, self.repository, clock=lambda: NOW)
        self.tasks: list[Task] = [self.dashboard(), self.application(), self.deliver(0), self.deliver(1)]

    async def dashboard(self) -> None:
        await Pause(told=True)
        self.provider.set(DASHBOARD)

    async def application(self) -> None:
        await self.billing.update_customer("org", email=NEW, idempotency_key="click")

    async def deliver(self, number: int) -> None:
        await Pause(lambda: len(self.provider.events) > number)
        await self.billing.apply_event(self.provider.events[number])

    def check(self) -> None:
        [record] = all_of(self.repository, BillingCustomer)
        assert record.email == self.provider.customer.email


def test_in_every_order_of_a_dashboard_an_application_and_deliveries_the_record_is_what_the_provider_has() -> None:
    assert in_every_order(Story, Story.check) > 100
