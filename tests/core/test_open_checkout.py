"""What ``start_checkout`` answers: a checkout session whose ``url`` is there."""

import asyncio
from datetime import UTC, datetime

import attrs
import pytest

from paylattice import (
    BillingService,
    CheckoutSession,
    CheckoutStatus,
    InMemoryRepository,
    Money,
    OpenCheckout,
    converter,
    sync,
)
from paylattice.providers.memory import InMemoryProvider

SESSION = CheckoutSession(
    "cs_1",
    "https://pay.test/cs_1",
    customer_id="cus_1",
    metadata={"a": "b"},
    expires_at=datetime(2026, 1, 1, tzinfo=UTC),
)
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


def provider() -> InMemoryProvider:
    made = InMemoryProvider()
    made.add_plan("pro", Money(1900, "USD"))
    return made


def opened() -> OpenCheckout:
    found = OpenCheckout.of(SESSION)
    assert found is not None
    return found


def test_it_is_the_session_and_equal_to_it_both_ways() -> None:
    assert isinstance(opened(), CheckoutSession)
    assert opened() == SESSION
    assert opened() == SESSION
    assert opened() == opened()
    assert hash(opened()) == hash(SESSION)
    assert {SESSION, opened()} == {SESSION}


@pytest.mark.parametrize("change", [{"id": "cs_2"}, {"url": "https://pay.test/other"}, {"expires_at": None}])
def test_it_is_not_equal_to_another_session(change: dict[str, object]) -> None:
    assert opened() != attrs.evolve(SESSION, **change)
    assert attrs.evolve(SESSION, **change) != opened()
    assert opened() != "cs_1"


def test_it_keeps_everything_and_travels_as_a_session() -> None:
    assert (opened().id, opened().url, opened().expires_at) == (SESSION.id, SESSION.url, SESSION.expires_at)
    assert converter().unstructure(opened()) == converter().unstructure(SESSION)
    assert converter().structure(converter().unstructure(opened()), CheckoutSession) == SESSION


def test_a_page_that_is_closed_is_none() -> None:
    assert OpenCheckout.of(attrs.evolve(SESSION, url=None, status=CheckoutStatus.COMPLETE)) is None


def test_start_checkout_answers_it_in_both_ways() -> None:
    billing = BillingService(provider(), InMemoryRepository())
    session = asyncio.run(billing.start_checkout("org", "pro", email="a@b.test", **PAGES))
    assert type(session) is OpenCheckout
    assert session.url.startswith("https://")
    assert asyncio.run(billing.provider("memory").get_checkout_session(session.id)) == session
    blocking = sync.BillingService(provider(), sync.InMemoryRepository())
    assert type(blocking.start_checkout("org", "pro", email="a@b.test", **PAGES)) is OpenCheckout


def test_a_key_whose_page_was_left_opens_the_next_page() -> None:
    shop = provider()
    billing = BillingService(shop, InMemoryRepository(), clock=lambda: shop.now)

    async def click() -> OpenCheckout:
        return await billing.start_checkout("org", "pro", email="a@b.test", idempotency_key="click", **PAGES)

    first = asyncio.run(click())
    assert asyncio.run(click()) == first
    shop.advance(days=2)
    second = asyncio.run(click())
    assert second.id != first.id
    assert second.url
