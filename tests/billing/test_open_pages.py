"""A checkout is a state: at most one page is open, and whoever paid is neither charged twice nor locked out."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingCheckout,
    BillingService,
    CheckoutSession,
    CheckoutState,
    CheckoutStatus,
    InMemoryRepository,
    Money,
)
from paylattice.billing.records import CheckoutNews
from paylattice.billing.records.checkouts import TRANSITIONS
from paylattice.billing.store import Store
from paylattice.errors import ConfigurationError, Conflict, OutcomeUnknown
from paylattice.providers.memory import InMemoryProvider

from .scheduler import Pause, run
from .support import Concurrent

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


def two_shops() -> tuple[list[InMemoryProvider], list[BillingService[Any]]]:
    """Two workers with two providers each, and one repository."""
    providers = [InMemoryProvider(now=datetime(2026, 1, 10, tzinfo=UTC), name=name) for name in ("memory", "elsewhere")]
    for provider in providers:
        provider.add_plan("basic", Money(1000, "USD"))
    repository = InMemoryRepository()
    return providers, [BillingService(providers, repository, select=lambda _: "memory") for _ in providers]


def test_one_page_is_open_also_of_two_providers_that_are_asked_at_once() -> None:
    async def life() -> None:
        providers, workers = two_shops()
        for number in range(10):
            await asyncio.gather(
                *(
                    worker.start_checkout(f"org{number}", "basic", **PAGE, provider_name=name)
                    for worker, name in zip(workers, ("memory", "elsewhere"), strict=True)
                )
            )
        sessions = [each for provider in providers for each in provider._world.store.sessions.values()]
        assert len([each for each in sessions if each.url is not None]) == 10

    asyncio.run(life())


class Slow(InMemoryProvider):
    """It pauses where the network would be waited for, before it does something and after."""

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        **more: Any,
    ) -> CheckoutSession:
        await Pause()
        answer = await super().create_checkout_session(customer_id, plan_id, success_url, cancel_url, metadata, **more)
        await Pause()
        return answer

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        await Pause()
        return await super().get_checkout_session(session_id)

    async def expire_checkout_session(self, session_id: str, **arguments: Any) -> CheckoutSession:
        await Pause()
        answer = await super().expire_checkout_session(session_id, **arguments)
        await Pause()
        return answer


class Statements(Concurrent):
    pauses_before = Concurrent.pauses_before | {BillingCheckout}


@settings(max_examples=60, deadline=None)
@given(
    schedule=st.lists(st.integers(0, 3), max_size=60),
    wanted=st.lists(
        st.tuples(st.sampled_from(["basic", "pro"]), st.sampled_from(["memory", "elsewhere"])), min_size=2, max_size=3
    ),
)
def test_one_page_is_open_whichever_statement_of_whom_comes_first(
    schedule: list[int], wanted: list[tuple[str, str]]
) -> None:
    providers = [Slow(now=datetime(2026, 1, 10, tzinfo=UTC), name=name) for name in ("memory", "elsewhere")]
    for provider in providers:
        provider.add_plan("basic", Money(1000, "USD"))
        provider.add_plan("pro", Money(5000, "USD"))
    billing = BillingService(providers, Statements(fine=True), select=lambda _: "memory")
    shown: list[str] = []

    async def customers() -> None:
        for provider in providers:
            await billing.ensure_customer("org", email="pay@example.com", provider_name=provider.get_provider_name())

    async def visit(plan: str, name: str) -> None:
        shown.append((await billing.start_checkout("org", plan, **PAGE, provider_name=name)).id)

    run([customers()], [])
    run([visit(*each) for each in wanted], schedule)
    sessions = [each for provider in providers for each in provider._world.store.sessions.values()]
    [page] = [each.id for each in sessions if each.url is not None]
    assert page in shown
    if len(set(wanted)) == 1:
        assert set(shown) == {page}
        assert len(sessions) == 1


def test_money_under_way_at_one_provider_stops_a_purchase_at_the_other() -> None:
    async def life() -> None:
        providers, [billing, _] = two_shops()
        page = await billing.start_checkout("org", "basic", **PAGE)
        providers[0].complete_checkout(page.id, delayed=True)
        with pytest.raises(Conflict, match="until 2026-01-24"):
            await billing.start_checkout("org", "basic", **PAGE, provider_name="elsewhere")

    asyncio.run(life())


def test_closing_an_organisation_closes_every_page_that_it_has_open() -> None:
    async def life() -> None:
        provider, billing = shop()
        pages = [await billing.start_checkout("org", "basic", **PAGE)]
        pages += [await billing.start_checkout("org", plan, **PAGE, allow_second=True) for plan in ("basic", "pro")]
        assert (await billing.close_organisation("org")).is_complete
        for page in pages:
            with pytest.raises(Conflict):
                provider.complete_checkout(page.id)
        stored = await Store(billing.repository).list_checkouts("org")
        assert [(each.state, each.url) for each in stored] == [(CheckoutState.EXPIRED, None)] * 3

    asyncio.run(life())


def test_a_record_of_a_newer_version_is_refused_where_it_is_used_and_nowhere_else() -> None:
    async def life() -> None:
        provider, billing = shop()
        await billing.start_checkout("org", "basic", **PAGE)
        store = Store(billing.repository)
        [written] = await store.list_checkouts("org")
        await billing.repository.update(attrs.evolve(written, state="in a state of tomorrow"))  # type: ignore[arg-type]  # what another version writes
        with pytest.raises(ConfigurationError, match="version that wrote it"):
            await billing.start_checkout("org", "basic", **PAGE)
        [left] = (await billing.close_organisation("org")).not_ended
        assert "version that wrote it" in left.message
        assert (await billing.start_checkout("other", "basic", **PAGE)).url
        beside = await billing.start_checkout("org", "pro", **PAGE, allow_second=True)
        provider.complete_checkout(beside.id)
        await deliver(provider, billing)
        assert (await billing.access("org")).allowed
        [still, _] = await store.list_checkouts("org")
        assert still.state is CheckoutState.UNKNOWN

    asyncio.run(life())


def test_nothing_is_written_over_a_record_of_a_newer_version() -> None:
    async def life() -> None:
        provider, billing = shop()
        page = await billing.start_checkout("org", "basic", **PAGE)
        store = Store(billing.repository)
        [written] = await store.list_checkouts("org")
        await billing.repository.update(attrs.evolve(written, state="in a state of tomorrow"))  # type: ignore[arg-type]  # what another version writes
        before = await store.list_checkouts("org")
        provider.complete_checkout(page.id)
        await deliver(provider, billing)  # this asks which page has brought it
        assert await store.replace_checkout(written, now=NOON) is None
        assert await store.list_checkouts("org") == before
        assert (await billing.access("org")).allowed

    asyncio.run(life())


@pytest.mark.parametrize("delayed", [True, False])
def test_what_was_paid_before_another_page_was_allowed_beside_it_is_kept(delayed: bool) -> None:
    async def life() -> None:
        provider, _ = shop()
        billing = BillingService(provider, InMemoryRepository(), on_second_subscription="cancel_and_refund")
        pages: list[str] = []
        for later in (delayed, False):
            pages.append((await billing.start_checkout("org", "pro", **PAGE, allow_second=True)).id)
            provider.complete_checkout(pages[-1], delayed=later)
            await deliver(provider, billing)
        if delayed:
            provider.settle_checkout(pages[0])
            await deliver(provider, billing)
        assert [each.state for each in await Store(billing.repository).list_checkouts("org")] == [
            CheckoutState.COMPLETE
        ] * 2
        assert [each.status.is_current for each in await billing.subscriptions("org")] == [True] * 2

    asyncio.run(life())


def test_a_page_that_was_never_paid_is_expired_and_keeps_nobody_from_coming_back() -> None:
    async def life() -> None:
        provider, billing = shop()
        page = await billing.start_checkout("org", "basic", **PAGE)
        await provider.expire_checkout_session(page.id)
        again = await billing.start_checkout("org", "basic", **PAGE)
        provider.complete_checkout(again.id)
        await deliver(provider, billing)
        before, after = await Store(billing.repository).list_checkouts("org")
        assert (before.session_id, before.state, before.place) == (page.id, CheckoutState.REPLACED, None)
        assert (after.session_id, after.state, after.place) == (again.id, CheckoutState.COMPLETE, "")
        stored = await billing.subscription("org")
        assert stored is not None
        assert after.external_subscription_id == stored.external_subscription_id

    asyncio.run(life())


def test_what_to_do_about_a_second_subscription_is_one_of_two_words() -> None:
    provider, _ = shop()
    with pytest.raises(ConfigurationError, match="'report' or 'cancel_and_refund'"):
        BillingService(provider, InMemoryRepository(), on_second_subscription="refund")  # type: ignore[arg-type]  # on purpose


# --- the states ----------------------------------------------------------------------------------------------------

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
CHECKOUT = BillingCheckout(
    id="1", org_id="org", product="", plan_id="basic", provider="memory", key="k", ticket=1, created_at=NOON,
    updated_at=NOON, place="", session_id="cs", url="https://pay.test/cs",
)  # fmt: skip


@pytest.mark.parametrize("state", CheckoutState)
@pytest.mark.parametrize("news", CheckoutNews)
def test_every_news_leads_where_the_table_says(state: CheckoutState, news: CheckoutNews) -> None:
    after = attrs.evolve(CHECKOUT, state=state).after(news, now=NOON)
    assert after.state is TRANSITIONS[state].get(news, state)
    assert (after.place is None) is (news is CheckoutNews.REPLACED)
    assert (after.url is not None) is (after.state is CheckoutState.OPEN)


@pytest.mark.parametrize("state", CheckoutState)
@pytest.mark.parametrize("status", CheckoutStatus)
def test_only_an_open_checkout_has_the_address_of_a_page(state: CheckoutState, status: CheckoutStatus) -> None:
    session = CheckoutSession("cs_1", "https://pay.test/1", status=status)
    seen = attrs.evolve(CHECKOUT, state=state, url=None).seen_as(session, now=NOON)
    assert (seen.url is not None) is (seen.state is CheckoutState.OPEN)


@pytest.mark.parametrize(
    ("changes", "open_yet"),
    [
        ({}, True),
        ({"expires_at": NOON - timedelta(hours=23)}, True),
        ({"expires_at": NOON - timedelta(hours=25)}, False),
        ({"session_id": None}, False),
        ({"state": CheckoutState.EXPIRED}, False),
    ],
)
def test_a_page_that_was_replaced_may_be_open_until_it_is_certainly_over(changes: Any, open_yet: bool) -> None:
    replaced = attrs.evolve(CHECKOUT, state=CheckoutState.REPLACED, place=None)
    assert attrs.evolve(replaced, **changes).may_be_left_open(now=NOON) is open_yet


@given(st.lists(st.sampled_from(CheckoutNews), max_size=8))
def test_whatever_becomes_known_in_whatever_order_what_was_paid_or_replaced_stays_so(news: list[CheckoutNews]) -> None:
    checkout, final = CHECKOUT, None
    for each in news:
        checkout = checkout.after(each, now=NOON)
        assert final in {None, checkout.state}
        final = checkout.state if checkout.state in {CheckoutState.COMPLETE, CheckoutState.REPLACED} else None
