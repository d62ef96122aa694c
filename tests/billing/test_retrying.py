"""A transaction that has lost a race is run again, with its handlers; whatever else goes wrong comes out at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from paylattice import BillingService, EventContext, InMemoryRepository, Money, WebhookEvent, WebhookOutcome, sync
from paylattice.providers.memory import Delivery, InMemoryProvider

PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


class LostRaceError(Exception):
    """What a database says."""


class Racing(InMemoryRepository):
    """Loses the race of a transaction at its end, and undoes it, if a handler has told it to."""

    loses = False

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Any]:
        async with super().transaction() as tx:
            self.loses = False
            yield tx
            if self.loses:
                raise LostRaceError

    def should_retry(self, error: Exception) -> bool:
        return isinstance(error, LostRaceError)


class NotSaying(Racing):
    """A repository of the seven methods."""

    should_retry: Any = None


async def paid(billing: BillingService[Any], provider: InMemoryProvider) -> Delivery:
    session = await billing.start_checkout("org-1", "pro", email="ada@example.com", **PAGES)
    provider.complete_checkout(session.id)
    return next(each for each in provider.deliveries() if each.type == "invoice.paid")


def world(repository: Racing, lost: int = 0) -> tuple[BillingService[Any], InMemoryProvider, list[str]]:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))
    billing, ran = BillingService(provider, repository), list[str]()

    @billing.on("invoice.paid")
    async def note(event: WebhookEvent, context: EventContext[Any]) -> None:
        ran.append(event.id)
        repository.loses = len(ran) <= lost

    return billing, provider, ran


@pytest.mark.parametrize("lost", [0, 1, 7])
def test_races_that_are_lost_are_run_again(lost: int) -> None:
    async def check() -> None:
        repository = Racing()
        billing, provider, ran = world(repository, lost)
        delivery = await paid(billing, provider)
        assert await billing.handle_webhook("memory", delivery.payload, delivery.headers) is WebhookOutcome.PROCESSED
        assert len(ran) == lost + 1
        assert await billing.handle_webhook("memory", delivery.payload, delivery.headers) is WebhookOutcome.DUPLICATE

    asyncio.run(check())


@pytest.mark.parametrize(("kind", "runs"), [(Racing, 8), (NotSaying, 1)])
def test_who_loses_for_ever_is_told(kind: Callable[[], Racing], runs: int) -> None:
    async def check() -> None:
        repository = kind()
        billing, provider, ran = world(repository, runs)
        delivery = await paid(billing, provider)
        with pytest.raises(LostRaceError):
            await billing.handle_webhook("memory", delivery.payload, delivery.headers)
        assert len(ran) == runs
        assert await billing.handle_webhook("memory", delivery.payload, delivery.headers) is WebhookOutcome.PROCESSED

    asyncio.run(check())


def test_a_handler_s_own_error_comes_out_at_once() -> None:
    async def check() -> None:
        repository = Racing()
        billing, provider, ran = world(repository)
        delivery = await paid(billing, provider)

        @billing.on("invoice.paid")
        async def fail(event: WebhookEvent, context: EventContext[Any]) -> None:
            raise ValueError(event.id)

        with pytest.raises(ValueError, match="evt"):
            await billing.handle_webhook("memory", delivery.payload, delivery.headers)
        assert len(ran) == 1

    asyncio.run(check())


def test_a_blocking_repository_says_it_as_well() -> None:
    class Blocking(sync.InMemoryRepository):
        lost = 0

        @contextmanager
        def transaction(self) -> Generator[Any]:
            with super().transaction() as tx:
                yield tx
                if self.lost:
                    self.lost -= 1
                    raise LostRaceError

        def should_retry(self, error: Exception) -> bool:
            return isinstance(error, LostRaceError)

    provider, repository = InMemoryProvider(), Blocking()
    provider.add_plan("pro", Money(1900, "USD"))
    billing = sync.BillingService(provider, repository)
    session = billing.start_checkout("org-1", "pro", email="ada@example.com", **PAGES)
    provider.complete_checkout(session.id)
    delivery = next(each for each in provider.deliveries() if each.type == "invoice.paid")
    repository.lost = 2
    assert billing.handle_webhook("memory", delivery.payload, delivery.headers) is WebhookOutcome.PROCESSED
    assert repository.lost == 0
