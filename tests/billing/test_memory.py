"""The embedded repository keeps the guarantees of the protocol, and its memory."""

import asyncio
import contextvars
import sys
import threading
import tracemalloc
from datetime import timedelta

import attrs
import pytest

from paylattice import (
    BillingBookmark,
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingMigration,
    BillingService,
    BillingSubscription,
    InMemoryRepository,
    UnmatchedEvent,
    errors,
    sync,
)
from paylattice.billing.records import TABLES, BillingOperation
from paylattice.billing.records.customers import CUSTOMERS_BY_PROVIDER
from paylattice.billing.store import Store

from .support import NOW, Fake, all_of, an_event


def a_customer(number: int, provider: str = "p") -> BillingCustomer:
    return BillingCustomer(id=str(number), org_id=f"o{number}", provider=provider, external_customer_id=f"c{number}")


def an_unmatched(number: int) -> UnmatchedEvent:
    return UnmatchedEvent("p", f"e{number}", "c", "s", {}, NOW + timedelta(seconds=number))


@pytest.mark.parametrize("failure", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
def test_a_transaction_that_ends_badly_leaves_nothing_and_lets_the_next_one_in(failure: type[BaseException]) -> None:
    repository = InMemoryRepository()

    async def fails() -> None:
        async with repository.transaction() as tx:
            await Store(repository).insert_customer(a_customer(1), tx=tx)
            await repository.delete(an_unmatched(1), tx=tx)
            raise failure

    async def main() -> None:
        await Store(repository).insert_unmatched(an_unmatched(1))
        with pytest.raises(failure):
            await fails()
        assert await Store(repository).list_customers("p") == []
        assert len(await Store(repository).list_unmatched("p")) == 1
        assert await Store(repository).insert_customer(a_customer(1))

    asyncio.run(main())


def test_threads_see_a_row_that_is_written_over_all_the_time() -> None:
    """A commit takes the old row away and puts the new one there: nobody looks between the two."""
    repository = sync.InMemoryRepository()
    repository.insert(a_customer(1))
    started, over = threading.Barrier(3), threading.Event()
    seen: set[object] = set()

    def read() -> None:
        started.wait()
        while not over.is_set():
            try:
                seen.add(repository.get(BillingCustomer, {"org_id": "o1", "provider": "p"}) is not None)
                seen.add(len(repository.find(BillingCustomer, CUSTOMERS_BY_PROVIDER, {"provider": "p"})) == 1)
            except LookupError as error:
                seen.add(type(error))

    readers = [threading.Thread(target=read) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for each in readers:
        each.start()
    try:
        started.wait()
        for number in range(2000):
            repository.update(attrs.evolve(a_customer(1), external_customer_id=f"c{number}"))
    finally:
        over.set()
        sys.setswitchinterval(interval)
        for each in readers:
            each.join()
    assert seen == {True}


def test_a_block_may_end_in_another_context_than_it_began_in() -> None:
    """As the dependencies of a web framework do that run in threads."""
    repository = sync.InMemoryRepository()
    block = repository.transaction()
    tx = contextvars.copy_context().run(block.__enter__)
    repository.insert(a_customer(1), tx=tx)
    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert repository.get(BillingCustomer, {"id": "1"}) is not None
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

        await webhooks(0, 300)
        tracemalloc.start()
        await webhooks(300, 200)
        before, _ = tracemalloc.get_traced_memory()
        await webhooks(500, 2_000)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 25_000
        sizes = {table.record: len(all_of(repository, table.record)) for table in TABLES}
        assert sizes == {
            BillingCustomer: 1,
            BillingSubscription: 1,
            BillingEvent: 100,
            UnmatchedEvent: 0,
            BillingCheckout: 0,
            BillingOperation: 1,
            BillingBookmark: 0,
            BillingMigration: 0,
        }

    asyncio.run(main())
