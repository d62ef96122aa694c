"""An organisation's billing goes to another organisation, whatever crashes, and whatever happens meanwhile."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingOperation,
    BillingService,
    BillingSubscription,
    Capability,
    Customer,
    EventType,
    InMemoryRepository,
    Money,
    WebhookOutcome,
    errors,
    sync,
)
from paylattice.billing.records import TABLES, BillingMigration, MigrationStep, OperationState
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from tests.testing.standins.paypal.support import PayPalShop
from tests.testing.standins.stripe.support import Shop

from .operation_log_support import Counting, MortalRepository
from .scheduler import Pause, Task, in_every_order, touch
from .square_support import SquareShop
from .support import NOW, PAGES, Concurrent, Context, Fake, World, all_of, an_event
from .test_access_at_providers import Desk
from .test_crashes import Fate, Killed


def org_ids(repository: InMemoryRepository) -> set[str]:
    """The organisations that any record names."""
    rows = [each for table in TABLES for each in all_of(repository, table.record)]
    return {each.org_id for each in rows if hasattr(each, "org_id") and each.org_id is not None}


async def a_life(world: World) -> None:
    """A subscription that was paid, usage, and a charge."""
    await world.billing.ensure_customer("old", email="ada@example.com", metadata={"size": "9"})
    await world.subscribe("old")
    await world.deliver()
    card = await world.billing.save_payment_method("old", "tok_ada")
    await world.billing.charge("old", Money(500, "USD"), payment_method_id=card.id, idempotency_key="charge")
    await world.deliver()


def payments(world: World) -> int:
    """How many payments there are at the provider."""
    return len(world.provider._world.store.payments)


def test_everything_is_the_other_organisations_and_the_provider_says_so() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        before = await world.billing.export("old")
        done = await world.billing.transfer("old", "new")
        assert done.is_complete
        [customer] = done.customers
        assert (customer.org_id, customer.email, dict(customer.metadata)) == ("new", "ada@example.com", {"size": "9"})
        assert org_ids(world.repository) == {"new"}
        assert await world.billing.export("old") == {"org_id": "old"}
        after = await world.billing.export("new")
        for table in ("billing_subscriptions", "billing_events", "billing_checkouts"):
            assert len(after[table]) == len(before[table])  # type: ignore[arg-type]  # lists
        assert (await world.billing.access("new")).allowed
        assert not (await world.billing.access("old")).allowed
        there = await world.provider.get_customer(customer.external_customer_id)
        assert there is not None
        assert dict(there.metadata) == {"size": "9", "org_id": "new"}

    asyncio.run(main())


def test_what_is_delivered_later_goes_to_the_other_organisation() -> None:
    async def main() -> None:
        world, told = World(), list[str]()

        @world.billing.on(EventType.INVOICE_PAID)
        def paid(_event: Any, context: Context) -> None:
            told.append(context.customer.org_id if context.customer else "nobody")

        await a_life(world)
        told.clear()
        world.provider.advance(days=31)
        await world.billing.transfer("old", "new")
        assert WebhookOutcome.UNMATCHED not in await world.deliver()
        assert told == ["new"]
        assert org_ids(world.repository) == {"new"}

    asyncio.run(main())


def test_a_command_that_is_repeated_under_its_key_charges_nothing_more() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        made = payments(world)
        amount = Money(500, "USD")
        card = (await world.billing.payment_methods("old"))[-1]
        first = await world.billing.charge("old", amount, payment_method_id=card.id, idempotency_key="charge")
        await world.billing.transfer("old", "new")
        again = await world.billing.charge("new", amount, payment_method_id=card.id, idempotency_key="charge")
        assert again.id == first.id
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.charge("new", Money(1, "USD"), payment_method_id=card.id, idempotency_key="charge")
        with pytest.raises((errors.IdempotencyMismatch, errors.NotFound)):
            await world.billing.charge("old", amount, payment_method_id=card.id, idempotency_key="charge")
        await world.subscribe("old")
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.charge("old", amount, payment_method_id=card.id, idempotency_key="charge")
        assert payments(world) - made == 1  # the new subscription's

    asyncio.run(main())


def test_the_second_time_nothing_changes_and_the_answer_is_the_same() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        first = await world.billing.transfer("old", "new")
        before = [attrs.asdict(each) for table in TABLES for each in all_of(world.repository, table.record)]
        assert await world.billing.transfer("old", "new") == first
        assert [attrs.asdict(each) for table in TABLES for each in all_of(world.repository, table.record)] == before
        with pytest.raises(errors.NotFound):
            await world.billing.transfer("old", "third")
        onward = await world.billing.transfer("new", "third")
        assert (await world.billing.transfer("old", "new")).customers == onward.customers
        back = await world.billing.transfer("third", "old")
        assert back.is_complete
        there = await world.provider.get_customer(back.customers[0].external_customer_id)
        assert there is not None
        assert there.metadata["org_id"] == "old"

    asyncio.run(main())


def test_the_same_organisation_or_one_without_customers_is_refused() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe("old")
        with pytest.raises(errors.InvalidRequest, match="another one"):
            await world.billing.transfer("old", "old")
        with pytest.raises(errors.NotFound, match="nothing to transfer"):
            await world.billing.transfer("nobody", "old")

    asyncio.run(main())


def test_an_organisation_that_pays_itself_keeps_its_own() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe("old")
        await world.subscribe("new")
        await world.deliver()
        before = [attrs.asdict(each) for table in TABLES for each in all_of(world.repository, table.record)]
        with pytest.raises(errors.Conflict, match="has a current subscription at 'memory' itself"):
            await world.billing.transfer("old", "new")
        assert [attrs.asdict(each) for table in TABLES for each in all_of(world.repository, table.record)] == before

    asyncio.run(main())


def test_a_customer_that_pays_for_nothing_gives_way_and_its_history_stays() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        ended = await world.subscribe("new")
        await world.deliver()
        await world.billing.cancel("new", at_period_end=False)
        await world.deliver()
        gone = await Store(world.repository).get_customer("new", "memory")
        assert gone is not None
        events = len(all_of(world.repository, BillingEvent))
        [kept] = (await world.billing.transfer("old", "new")).customers
        assert [each.id for each in all_of(world.repository, BillingCustomer)] == [kept.id]
        assert len(all_of(world.repository, BillingEvent)) == events
        stored = {each.external_subscription_id: each for each in all_of(world.repository, BillingSubscription)}
        assert {each.customer_id for each in stored.values()} == {kept.id}
        assert ended.id in stored
        assert len([each for each in all_of(world.repository, BillingCheckout) if each.place == ""]) == 1
        await world.provider.update_customer(gone.external_customer_id, name="Grace")
        assert WebhookOutcome.UNMATCHED not in await world.deliver()
        await world.billing.erase("new")
        assert not world.provider._world.store.customers

    asyncio.run(main())


def test_a_page_that_is_open_is_paid_for_the_other_organisation() -> None:
    async def main() -> None:
        world = World()
        page = await world.checkout("old")
        other = await world.checkout("new")
        await world.billing.transfer("old", "new")
        assert (await world.checkout("new")).id == other.id  # the newer one
        world.provider.complete_checkout(page.id)
        await world.deliver()
        assert (await world.billing.access("new")).allowed
        assert await world.billing.subscription("old") is None

    asyncio.run(main())


def test_a_page_that_is_open_is_found_again_by_the_other_organisation() -> None:
    async def main() -> None:
        world = World()
        page = await world.checkout("old", idempotency_key="page")
        await world.billing.transfer("old", "new")
        assert (await world.checkout("new")).id == page.id
        assert (await world.checkout("new", idempotency_key="page")).id == page.id

    asyncio.run(main())


def test_what_is_under_way_is_finished_first_or_nothing_is_transferred() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        world.provider.time_out_next_call()
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.change_plan("old", "team")
        read = world.provider.get_subscription

        async def down(*_: Any, **__: Any) -> None:
            raise errors.ProviderUnavailable("down")

        change = world.provider.change_subscription
        world.provider.get_subscription = down  # type: ignore[assignment, method-assign]  # the network
        world.provider.change_subscription = down  # type: ignore[assignment, method-assign]
        with pytest.raises(errors.Conflict, match="not known yet"):
            await world.billing.transfer("old", "new")
        assert org_ids(world.repository) == {"old"}
        world.provider.get_subscription = read  # type: ignore[method-assign]
        world.provider.change_subscription = change  # type: ignore[method-assign]
        assert (await world.billing.transfer("old", "new")).is_complete
        stored = await world.billing.sync_subscription("new")
        assert stored is not None
        assert stored.plan_id == "team"

    asyncio.run(main())


def test_a_migration_under_way_keeps_everything_where_it_is() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        [stored] = all_of(world.repository, BillingSubscription)
        move = BillingMigration(
            source="memory",
            source_subscription_id=stored.external_subscription_id,
            org_id="old",
            target="other",
            step=MigrationStep.WAITING,
            plan_id="pro",
            quantity=1,
            attempt=1,
            created_at=NOW,
            updated_at=NOW,
            expires_at=NOW,
        )
        await world.repository.insert(move)
        with pytest.raises(errors.Conflict, match="moves to another provider"):
            await world.billing.transfer("old", "new")
        assert org_ids(world.repository) == {"old"}
        await world.repository.update(attrs.evolve(move, step=MigrationStep.DONE))
        await world.billing.transfer("old", "new")
        assert org_ids(world.repository) == {"new"}

    asyncio.run(main())


def test_the_old_organisation_can_begin_anew() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        await world.billing.transfer("old", "new")
        await world.subscribe("old")
        await world.deliver()
        customers = {each.org_id: each.external_customer_id for each in all_of(world.repository, BillingCustomer)}
        assert set(customers) == {"old", "new"}
        assert len(set(customers.values())) == 2
        assert (await world.billing.access("old")).allowed

    asyncio.run(main())


@pytest.mark.parametrize("lost", [None, "answer", "request"], ids=["killed", "answer lost", "request lost"])
def test_whatever_is_lost_all_is_before_or_all_is_moved_and_the_scheduled_job_completes_it(lost: str | None) -> None:
    async def main(at: int) -> int:
        provider, repository = Counting(now=NOW), MortalRepository()
        provider.fate = Fate(0)
        repository.fate = Fate(0) if lost else provider.fate
        world = World(provider=provider, repository=repository)
        await world.billing.ensure_customer("new", email="grace@example.com")
        await a_life(world)
        provider.lost = lost
        provider.fate.calls, provider.fate.at = 0, at
        with suppress(Killed, errors.OutcomeUnknown, errors.NetworkError):
            await world.billing.transfer("old", "new")
        calls, provider.fate.at, provider.lost = provider.fate.calls, 0, None
        [subscription] = all_of(repository, BillingSubscription)
        owner = await Store(repository).get_customer_by_id(subscription.customer_id)
        assert owner is not None
        if owner.org_id == "new":
            assert org_ids(repository) == {"new"}
            await world.billing.recover_open()
        assert (await world.billing.transfer("old", "new")).is_complete
        there = await provider.get_customer(owner.external_customer_id)
        assert there is not None
        assert there.metadata["org_id"] == "new"
        assert org_ids(repository) == {"new"}
        assert [each for each in all_of(repository, BillingOperation) if each.state is OperationState.OPEN] == []
        return calls

    calls = asyncio.run(main(0))
    for at in range(1, calls + 1):
        asyncio.run(main(at))


# --- beside deliveries and commands ---------------------------------------------------------------------------------------


class WithCustomers(Fake):
    """Its one customer names the old organisation."""

    capabilities = frozenset({Capability.SUBSCRIPTIONS, Capability.CUSTOMERS})

    async def get_customer(self, customer_id: str) -> Customer | None:
        await Pause(told=True)
        touch(self.name)
        return Customer("cus", provider="fake")


class Story:
    """An organisation is transferred while an event of its subscription is delivered, and while it is given a subscription."""

    def __init__(self) -> None:
        self.provider = WithCustomers(pauses=True)
        self.repository = Concurrent()
        self.repository._committed.of(BillingCustomer).add(BillingCustomer("c", "old", "fake", "cus"))
        self.billing = BillingService(self.provider, self.repository, clock=lambda: NOW)
        self.order: list[str] = []
        self.billing.on(EventType.SUBSCRIPTION_UPDATED)(self.told)
        self.tasks: list[Task] = [self.transfer(), self.deliver(), self.decide()]

    def told(self, _event: Any, context: Context) -> None:
        self.order.append(context.customer.org_id if context.customer else "nobody")

    async def transfer(self) -> None:
        with suppress(errors.Conflict):
            await self.billing.transfer("old", "new")

    async def deliver(self) -> None:
        await self.billing.apply_event(an_event())

    async def decide(self) -> None:
        with suppress(errors.Conflict, errors.NotFound):
            await self.billing.assign_subscription("old", "sub")

    def check(self) -> None:
        [customer] = all_of(self.repository, BillingCustomer)
        assert org_ids(self.repository) == {customer.org_id}


def test_in_every_order_of_a_transfer_a_delivery_and_a_command_one_organisation_has_all() -> None:
    assert in_every_order(Story, Story.check) > 10


def test_a_command_that_had_read_the_customer_before_is_not_sent() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        card = (await world.billing.payment_methods("old"))[-1]
        made, known = payments(world), world.billing._parts.customers.known

        async def transferred_just_now(org_id: str) -> list[BillingCustomer]:
            found = await known(org_id)
            world.billing._parts.customers.known = known  # type: ignore[method-assign]
            await world.billing.transfer("old", "new")
            return found

        world.billing._parts.customers.known = transferred_just_now  # type: ignore[method-assign]  # another worker's
        with pytest.raises(errors.Conflict, match="was transferred"):
            await world.billing.charge("old", Money(1, "USD"), payment_method_id=card.id, idempotency_key="late")
        assert payments(world) == made
        assert org_ids(world.repository) == {"new"}

    asyncio.run(main())


def test_an_answer_that_comes_after_the_transfer_is_recorded_for_the_other_organisation() -> None:
    async def main() -> None:
        store = Store(InMemoryRepository())
        row = BillingOperation("memory", "k", "charge", "old", {}, NOW)
        await store.insert(row)
        await store.update_operation(attrs.evolve(row, state=OperationState.FAILED))
        await store.transact(lambda tx: store.move_operations("old", "new", tx=tx))
        await store.update_operation(attrs.evolve(row, state=OperationState.DONE))
        after = await store.get_operation("memory", "k")
        assert after is not None
        assert (after.org_id, after.state) == ("new", OperationState.DONE)

    asyncio.run(main())


# --- at the providers -----------------------------------------------------------------------------------------------------


def test_at_stripe_the_customer_names_the_other_organisation_and_an_open_page_is_its_own() -> None:
    async def main() -> None:
        shop = Shop("async")
        desk = Desk(shop.provider, shop.server)
        shop.server.add_plan("price_pro", Money(1900, "USD"))
        page = await desk.billing.start_checkout("old", "price_pro", email="ada@example.com", **PAGES)
        assert (await desk.billing.transfer("old", "new")).is_complete
        [customer] = shop.server.objects("customer")
        assert customer["metadata"] == {"org_id": "new"}
        shop.server.complete_checkout(page.id)
        await desk.deliver()
        assert (await desk.billing.access("new")).allowed

    asyncio.run(main())


def test_at_square_the_reference_names_the_other_organisation_and_an_open_page_is_its_own() -> None:
    async def main() -> None:
        shop = SquareShop()
        page = await shop.page("old")
        assert (await shop.billing.transfer("old", "new")).is_complete
        [there] = await shop.provider.list_customers()
        assert dict(there.metadata) == {"org_id": "new"}
        shop.account.complete_checkout(page.id, phone="+15550100999")
        await shop.deliver()
        await shop.billing.confirm_return(page.id)
        assert (await shop.billing.access("new")).allowed

    asyncio.run(main())


def test_at_paypal_there_is_nothing_to_write_and_the_subscription_is_the_other_organisations() -> None:
    async def main() -> None:
        shop = PayPalShop("async")
        desk = Desk(shop.provider, shop.server)
        shop.plan("P-PRO")
        session = await desk.billing.start_checkout("old", "P-PRO", email="ada@example.com", **PAGES)
        sent = len(shop.server.requests)
        assert (await desk.billing.transfer("old", "new")).is_complete
        assert len(shop.server.requests) == sent
        shop.server.complete_checkout(session.id)
        await desk.deliver()
        assert (await desk.billing.access("new")).allowed

    asyncio.run(main())


def test_a_provider_that_the_service_has_no_more_is_transferred_in_the_records() -> None:
    async def main() -> None:
        world = World(provider=InMemoryProvider(now=NOW))
        await a_life(world)
        await world.repository.insert(BillingCustomer("elsewhere", "old", "gone", "cus_9"))
        done = await world.billing.transfer("old", "new")
        assert {each.provider for each in done.customers} == {"memory", "gone"}
        assert done.is_complete
        assert json.dumps(await world.billing.export("old")) == '{"org_id": "old"}'

    asyncio.run(main())


def test_without_await_it_is_the_same() -> None:
    billing = sync.BillingService(sync.InMemoryProvider(InMemoryProvider(now=NOW)), sync.InMemoryRepository())
    billing.ensure_customer("old", email="ada@example.com")
    assert billing.transfer("old", "new").customers == (billing.ensure_customer("new"),)
