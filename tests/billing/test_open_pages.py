"""A checkout is a state: at most one page is open, and whoever paid is neither charged twice nor locked out."""

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import BillingService, CheckoutSession, CheckoutStatus, InMemoryRepository, Money
from paylattice.errors import Conflict, OutcomeUnknown
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport

PAGE = {"email": "pay@example.com", "success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


def shop() -> tuple[InMemoryProvider, BillingService[Any]]:
    provider = InMemoryProvider(now=datetime(2026, 1, 10, tzinfo=UTC))
    provider.add_plan("basic", Money(1000, "USD"))
    provider.add_plan("pro", Money(5000, "USD"))
    return provider, BillingService(provider, InMemoryRepository())


async def deliver(provider: Any, billing: BillingService[Any], name: str = "memory") -> None:
    for hook in provider.deliveries():
        await billing.handle_webhook(name, hook.payload, hook.headers)


def test_the_same_terms_are_the_same_page() -> None:
    async def life() -> None:
        _, billing = shop()
        one = await billing.start_checkout("org", "basic", **PAGE)
        assert (await billing.start_checkout("org", "basic", **PAGE)).id == one.id
        assert (await billing.start_checkout("org", "basic", **PAGE, idempotency_key="click")).id == one.id
        assert (await billing.start_checkout("other", "basic", **PAGE)).id != one.id

    asyncio.run(life())


def test_another_plan_closes_the_page_before() -> None:
    async def life() -> None:
        provider, billing = shop()
        one = await billing.start_checkout("org", "basic", **PAGE)
        two = await billing.start_checkout("org", "pro", **PAGE)
        with pytest.raises(Conflict):
            provider.complete_checkout(one.id)
        three = await billing.start_checkout("org", "basic", **PAGE)
        assert len({one.id, two.id, three.id}) == 3
        provider.complete_checkout(three.id)
        with pytest.raises(Conflict, match="just subscribed"):
            await billing.start_checkout("org", "pro", **PAGE)

    asyncio.run(life())


def test_a_page_that_is_found_begun_is_closed_when_another_one_replaces_it() -> None:
    """Its worker may be slow, and show it yet."""

    async def life() -> None:
        provider, billing = shop()
        await billing.ensure_customer("org", email="pay@example.com")
        provider.time_out_next_call(after_effect=True)
        with pytest.raises(OutcomeUnknown):
            await billing.start_checkout("org", "basic", **PAGE)
        assert len(provider._world.store.sessions) == 1
        page = await billing.start_checkout("org", "pro", **PAGE)
        open_now = [each for each in provider._world.store.sessions.values() if each.url is not None]
        assert [each.id for each in open_now] == [page.id]

    asyncio.run(life())


class PaidMeanwhile(InMemoryProvider):
    """The payer pays between the answer to a question about a page and whatever is asked next."""

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        session = await super().get_checkout_session(session_id)
        if session is not None and session.status is CheckoutStatus.OPEN:
            self.complete_checkout(session_id)
        return session


def test_a_page_that_is_paid_while_another_one_is_to_replace_it_stops_that() -> None:
    async def life() -> None:
        provider = PaidMeanwhile(now=datetime(2026, 1, 10, tzinfo=UTC))
        provider.add_plan("basic", Money(1000, "USD"))
        provider.add_plan("pro", Money(5000, "USD"))
        billing = BillingService(provider, InMemoryRepository())
        await billing.start_checkout("org", "basic", **PAGE)
        with pytest.raises(Conflict, match="just subscribed"):
            await billing.start_checkout("org", "pro", **PAGE)

    asyncio.run(life())


def test_money_under_way_stops_a_second_purchase_until_it_is_known() -> None:
    async def life() -> None:
        provider, billing = shop()
        page = await billing.start_checkout("org", "basic", **PAGE)
        provider.complete_checkout(page.id, delayed=True)
        for plan in ("basic", "pro"):
            with pytest.raises(Conflict, match="until 2026-01-24"):
                await billing.start_checkout("org", plan, **PAGE)
        provider.settle_checkout(page.id, succeeded=False)
        await deliver(provider, billing)
        assert (await billing.start_checkout("org", "basic", **PAGE)).id != page.id

    asyncio.run(life())


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_page_whose_answer_got_lost_is_the_one_that_the_next_call_brings(after_effect: bool) -> None:
    async def life() -> None:
        provider, billing = shop()
        await billing.ensure_customer("org", email="pay@example.com")
        provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(OutcomeUnknown):
            await billing.start_checkout("org", "basic", **PAGE)
        page = await billing.start_checkout("org", "basic", **PAGE)
        other = await billing.start_checkout("org", "pro", **PAGE)
        assert page.id != other.id
        open_now = [each for each in provider._world.store.sessions.values() if each.url is not None]
        assert [each.id for each in open_now] == [other.id]

    asyncio.run(life())


@pytest.mark.parametrize("days", [0, 7])
def test_a_key_whose_page_is_closed_opens_the_next_one(days: int) -> None:
    async def life() -> None:
        provider, billing = shop()
        page = await billing.start_checkout("org", "basic", **PAGE, idempotency_key="subscribe-org")
        provider.abandon_checkout(page.id)
        provider.advance(days=days)
        again = await billing.start_checkout("org", "basic", **PAGE, idempotency_key="subscribe-org")
        truth = await provider.get_checkout_session(again.id)
        assert truth is not None
        assert again.id != page.id
        assert truth.url == again.url
        assert (await billing.start_checkout("org", "basic", **PAGE, idempotency_key="subscribe-org")).id == again.id

    asyncio.run(life())


def test_a_second_subscription_is_told() -> None:
    async def life() -> None:
        provider, billing = shop()
        told: list[str | None] = []

        @billing.on("subscription.second")
        def second(event: Any, _context: Any) -> None:
            told.append(event.subscription_id)

        first = await billing.start_checkout("org", "basic", **PAGE)
        provider.complete_checkout(first.id)
        await deliver(provider, billing)
        assert told == []
        other = await billing.start_checkout("org", "pro", **PAGE, allow_second=True)
        brought = provider.complete_checkout(other.id).subscription_id
        await deliver(provider, billing)
        assert told == [brought]

    asyncio.run(life())


async def no_wait(_seconds: float) -> None:
    pass


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
@pytest.mark.parametrize("plans", [("price_basic", "price_basic"), ("price_basic", "price_pro")])
def test_two_workers_at_once_leave_one_page_that_can_be_paid(plans: tuple[str, str], order: tuple[int, ...]) -> None:
    async def life() -> None:
        account = StripeStandIn(now=datetime(2026, 1, 10, 12, tzinfo=UTC), clock=lambda: account.now.timestamp())  # noqa: PLW0108 - the clock moves
        account.add_plan("price_basic", Money(1000, "USD"))
        account.add_plan("price_pro", Money(5000, "USD"))
        config = StripeConfig(secret_key=account.secret_key, webhook_secret=account.webhook_secret)
        transport = AsyncTransport(transport=account.transport(), sleep=no_wait)
        provider = StripeProvider(config, transport=transport, clock=lambda: account.now.timestamp())  # noqa: PLW0108 - the clock moves
        repository = InMemoryRepository()
        workers = [BillingService(provider, repository, clock=lambda: account.now) for _ in plans]
        for number in range(20):
            ends = await asyncio.gather(
                *(
                    worker.start_checkout(f"org{number}", plan, **PAGE)
                    for worker, plan in zip(workers, plans, strict=True)
                ),
                return_exceptions=True,
            )
            pages = [end.id for end in ends if not isinstance(end, BaseException)]
            assert pages, ends
            paid = 0
            for place in order:
                try:
                    account.complete_checkout(pages[place % len(pages)])
                    paid += 1
                except ValueError:
                    pass
            assert paid == 1
            await deliver(account, workers[0], "stripe")
            found = await workers[0].subscriptions(f"org{number}")
            assert [each.status.is_current for each in found] == [True]

    asyncio.run(life())
