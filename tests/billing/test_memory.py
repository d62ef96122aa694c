"""The embedded repository keeps the guarantees of the protocol, and its memory."""

import asyncio
import contextvars
import tracemalloc
from datetime import timedelta

import pytest

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingService,
    BillingSubscription,
    InMemoryRepository,
    ParkedEvent,
    SubscriptionStatus,
    errors,
    sync,
)

from .support import NOW, Fake, an_event


def a_customer(number: int, provider: str = "p") -> BillingCustomer:
    return BillingCustomer(id=str(number), org_id=f"o{number}", provider=provider, external_customer_id=f"c{number}")


def a_parked(number: int) -> ParkedEvent:
    return ParkedEvent("p", f"e{number}", "c", "s", {}, NOW + timedelta(seconds=number))


def a_state(ticket: int, status: SubscriptionStatus = SubscriptionStatus.ACTIVE) -> BillingSubscription:
    return BillingSubscription(
        id=f"id{ticket}", customer_id="1", external_subscription_id="s", provider="p", ticket=ticket, status=status
    )


def test_a_transaction_sees_its_own_writes_in_every_table_and_nobody_else_does() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        await repository.insert_customer(a_customer(1))
        await repository.park_event(a_parked(1))
        async with repository.transaction() as tx:
            assert await repository.insert_customer(a_customer(2), tx=tx)
            assert await repository.insert_customer(a_customer(3, "q"), tx=tx)
            await repository.update_customer(BillingCustomer("1", "o1", "p", "c1", name="Ada"), tx=tx)
            await repository.park_event(a_parked(2), tx=tx)
            await repository.delete_parked_event("p", "e1", tx=tx)
            await repository.upsert_subscription(a_state(1), tx=tx)
            await repository.insert_event(BillingEvent("1", None, None, "x", "p", "e"), tx=tx)

            own = await repository.list_customers("p", tx=tx)
            assert [(each.id, each.name) for each in own] == [("1", "Ada"), ("2", None)]
            assert [each.id for each in await repository.list_customers("p", "1", tx=tx)] == ["2"]
            assert await repository.list_customers("p", "2", tx=tx) == []
            assert [each.external_event_id for each in await repository.parked_events("p", tx=tx)] == ["e2"]
            assert len(await repository.list_subscriptions("1", tx=tx)) == 1
            assert await repository.get_event("p", "e", tx=tx) is not None
            assert await repository.get_customer_by_external_id("p", "c2", tx=tx) is not None

            assert [each.name for each in await repository.list_customers("p")] == [None]
            assert [each.external_event_id for each in await repository.parked_events("p")] == ["e1"]
            assert await repository.list_subscriptions("1") == []
            assert await repository.get_event("p", "e") is None
            assert await repository.get_customer_by_external_id("p", "c2") is None
        assert [each.id for each in await repository.list_customers("p")] == ["1", "2"]
        assert [each.external_event_id for each in await repository.parked_events("p")] == ["e2"]

    asyncio.run(main())


@pytest.mark.parametrize("failure", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
def test_a_transaction_that_ends_badly_leaves_nothing_and_lets_the_next_one_in(failure: type[BaseException]) -> None:
    repository = InMemoryRepository()

    async def fails() -> None:
        async with repository.transaction() as tx:
            await repository.insert_customer(a_customer(1), tx=tx)
            await repository.delete_parked_event("p", "e1", tx=tx)
            raise failure

    async def main() -> None:
        await repository.park_event(a_parked(1))
        with pytest.raises(failure):
            await fails()
        assert await repository.list_customers("p") == []
        assert len(await repository.parked_events("p")) == 1
        assert await repository.insert_customer(a_customer(1))

    asyncio.run(main())


def test_the_state_that_was_overwritten_or_stayed_is_told_exactly() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        first = await repository.upsert_subscription(a_state(5))
        assert (first.written, first.previous) == (True, None)
        second = await repository.upsert_subscription(a_state(9, SubscriptionStatus.PAST_DUE))
        assert (second.written, second.previous) == (True, a_state(5))
        stale = await repository.upsert_subscription(a_state(7, SubscriptionStatus.CANCELED))
        stored = await repository.get_subscription("p", "s")
        assert (stale.written, stale.previous) == (False, stored)
        assert stored is not None
        assert (stored.id, stored.status, stored.ticket) == ("id5", "past_due", 9)
        assert not (await repository.upsert_subscription(a_state(9))).written

    asyncio.run(main())


def test_customers_are_read_in_pages_while_others_arrive() -> None:
    async def main() -> None:
        repository = InMemoryRepository()
        for number in range(5):
            await repository.insert_customer(a_customer(number))
        found: list[str] = []
        after: str | None = None
        while page := await repository.list_customers("p", after, limit=2):
            found += [each.id for each in page]
            after = page[-1].id
            if len(found) < 6:
                await repository.insert_customer(a_customer(100 + len(found)))
        assert found == ["0", "1", "2", "3", "4", "102", "104"]
        assert await repository.list_customers("elsewhere") == []

    asyncio.run(main())


def test_a_block_may_end_in_another_context_than_it_began_in() -> None:
    """As the dependencies of a web framework do that run in threads."""
    repository = sync.InMemoryRepository()
    block = repository.transaction()
    tx = contextvars.copy_context().run(block.__enter__)
    repository.insert_customer(a_customer(1), tx=tx)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert repository.get_customer("o1", "p") is not None
    with repository.transaction():
        pass


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_bound_that_would_forget_everything_is_refused(wrong: int) -> None:
    for make in (InMemoryRepository, sync.InMemoryRepository):
        with pytest.raises(errors.InvalidRequest, match="at least 1"):
            make(max_events=wrong)


def test_tickets_of_threads_and_tasks_never_repeat() -> None:
    from concurrent.futures import ThreadPoolExecutor

    repository = sync.InMemoryRepository()
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda _: repository.next_ticket(), range(2000)))
    assert len(set(tickets)) == 2000


def test_a_bounded_repository_takes_no_more_memory_after_many_webhooks() -> None:
    async def main() -> None:
        provider = Fake()
        repository = InMemoryRepository(max_events=100)
        billing = BillingService(provider, repository, refetch=False, clock=lambda: NOW)
        await billing.ensure_customer("org", email="ada@example.com")

        async def webhooks(start: int, count: int) -> None:
            for number in range(start, start + count):
                await billing.apply_event(an_event(number, subscription=provider.payload()))

        await webhooks(0, 1_000)
        tracemalloc.start()
        await webhooks(1_000, 1_000)
        before, _ = tracemalloc.get_traced_memory()
        await webhooks(2_000, 8_000)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 100_000
        sizes = {name: len(table) for name, table in repository._tables.items()}
        assert sizes == {
            "customers": 1,
            "customer_keys": 2,
            "event_keys": 0,
            "subscriptions": 1,
            "subscriptions_of": 1,
            "events": 100,
            "parked": 0,
            "operations": 1,
        }

    asyncio.run(main())
