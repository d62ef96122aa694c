"""What a handler is told: one word for one thing at every provider, what changed, and whose money it is."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from paylattice import (
    BillingEvent,
    BillingService,
    BillingSubscription,
    EventType,
    InMemoryRepository,
    InvoiceReason,
    Money,
    SubscriptionStatus,
)
from paylattice.billing.changes import changes_between
from paylattice.errors import ConfigurationError
from paylattice.event_table import EVENTS, told_at
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

from .support import Fake, all_of, an_event

PAGE: dict[str, Any] = {"email": "p@example.com", "success_url": "https://a.test/ok", "cancel_url": "https://a.test/no"}
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
USD10 = Money(1000, "USD")


async def no_wait(_seconds: float) -> None:
    pass


class Shop:
    """A source of events, the provider in front of it, and billing that hears every word."""

    def __init__(self, name: str, source: Any, provider: Any) -> None:
        self.name, self.source, self.provider = name, source, provider
        self.billing = BillingService(provider, InMemoryRepository(), clock=lambda: source.now)
        self.heard: list[tuple[str, Any, Any]] = []
        for word in EventType:
            self.billing.on(word)(self._hearing(str(word)))

    def _hearing(self, word: str) -> Callable[[Any, Any], None]:
        def hear(event: Any, context: Any) -> None:
            self.heard.append((word, event, context))

        return hear

    async def deliver(self) -> set[str]:
        self.heard.clear()
        for hook in self.source.deliveries():
            await self.billing.handle_webhook(self.name, hook.payload, hook.headers)
        return {word for word, _, _ in self.heard}

    def told(self, word: str) -> tuple[Any, Any]:
        (found,) = [(event, context) for heard, event, context in self.heard if heard == word]
        return found

    async def buy(self, plan: str) -> str:
        page = await self.billing.start_checkout("org", plan, **PAGE)
        self.source.complete_checkout(page.id)
        await self.deliver()
        found = await self.billing.subscription("org")
        assert found is not None
        return found.external_subscription_id


def memory() -> Shop:
    provider = InMemoryProvider(now=NOW)
    provider.add_plan("basic", USD10)
    provider.add_plan("pro", Money(5000, "USD"))
    return Shop("memory", provider, provider)


def stripe() -> Shop:
    def clock() -> float:
        return account.now.timestamp()

    account = StripeStandIn(now=NOW, clock=clock)
    account.add_plan("basic", USD10)
    account.add_plan("pro", Money(5000, "USD"))
    config = StripeConfig(secret_key=account.secret_key, webhook_secret=account.webhook_secret)
    transport = AsyncTransport(transport=account.transport(), sleep=no_wait)
    return Shop("stripe", account, StripeProvider(config, transport=transport, clock=clock))


def paypal() -> Shop:
    def clock() -> float:
        return account.now.timestamp()

    account = PayPalStandIn(now=NOW, clock=lambda: account.now)
    account.add_plan("P-BASIC", USD10)
    config = PayPalConfig(
        client_id=account.client_id,
        client_secret=account.client_secret,
        webhook_id=account.webhook_id,
        trust_store=account.trust_store,
    )
    transport = AsyncTransport(transport=account.transport(), sleep=no_wait)
    return Shop("paypal", account, PayPalProvider(config, transport=transport, clock=clock))


SHOPS = [(memory, "basic"), (stripe, "basic"), (paypal, "P-BASIC")]


@pytest.mark.parametrize(("shop", "plan"), SHOPS)
def test_a_paid_renewal_is_one_word_with_reason_period_and_payment(shop: Callable[[], Shop], plan: str) -> None:
    async def run() -> None:
        world = shop()
        subscription_id = await world.buy(plan)
        world.source.renew(subscription_id)
        words = await world.deliver()
        assert {"invoice.paid", "payment.succeeded", "subscription.renewed"} <= words
        event, context = world.told("invoice.paid")
        assert event.invoice.reason is InvoiceReason.RENEWAL
        assert event.invoice.subscription_id == subscription_id
        assert event.invoice.period_end - event.invoice.period_start >= timedelta(days=28)
        assert (context.customer.org_id, context.subscription.external_subscription_id) == ("org", subscription_id)
        assert world.told("payment.succeeded")[1].subscription is not None
        assert world.told("subscription.renewed")[1].change.period

    asyncio.run(run())


@pytest.mark.parametrize(("shop", "plan"), SHOPS)
def test_a_subscription_that_begins_and_ends_is_told_once_each(shop: Callable[[], Shop], plan: str) -> None:
    async def run() -> None:
        world = shop()
        page = await world.billing.start_checkout("org", plan, **PAGE)
        world.source.complete_checkout(page.id)
        await world.deliver()
        assert [word for word, _, _ in world.heard].count("subscription.started") == 1
        await world.billing.cancel("org", at_period_end=False)
        told = [word for word, _, _ in world.heard]
        await world.deliver()
        told += [word for word, _, _ in world.heard]
        assert (told.count("subscription.ended"), told.count("subscription.canceled")) == (1, 1)

    asyncio.run(run())


@pytest.mark.parametrize(("shop", "plan"), SHOPS)
def test_money_given_back_is_one_word_and_of_its_organisation(shop: Callable[[], Shop], plan: str) -> None:
    async def run() -> None:
        world = shop()
        subscription_id = await world.buy(plan)
        (payment_id,) = (await world.billing.invoices("org"))[0].payment_ids
        await world.provider.refund_payment(payment_id)
        words = await world.deliver()
        assert {word for word in words if word.startswith("refund.")} == {"refund.succeeded"}
        event, context = world.told("refund.succeeded")
        assert (event.refund.payment_id, event.refund.amount) == (payment_id, USD10)
        assert (context.customer.org_id, context.subscription.external_subscription_id) == ("org", subscription_id)

    asyncio.run(run())


@pytest.mark.parametrize(("shop", "plan"), [(memory, "pro"), (stripe, "pro")])
def test_a_handler_knows_the_plan_before(shop: Callable[[], Shop], plan: str) -> None:
    async def run() -> None:
        world = shop()
        await world.buy("basic")
        await world.billing.change_plan("org", plan)
        told = [(word, context) for word, _, context in world.heard]
        await world.deliver()
        told += [(word, context) for word, _, context in world.heard]
        (context,) = [context for word, context in told if word == "subscription.plan_changed"]
        assert (context.previous.plan_id, context.subscription.plan_id) == ("basic", plan)
        assert (context.change.plan, context.change.quantity, context.change.status) == (True, False, False)
        updated = [context for word, context in told if word == "subscription.updated"]
        assert ("basic", plan) in [(each.previous.plan_id, each.subscription.plan_id) for each in updated]

    asyncio.run(run())


def test_a_chargeback_finds_its_organisation_and_its_end() -> None:
    async def run(decision: str) -> set[str]:
        world = stripe()
        subscription_id = await world.buy("basic")
        payment_id = world.source.objects("payment_intent")[0]["id"]
        dispute = world.source.open_dispute(payment_id)
        assert {"dispute.opened", "dispute.needs_response", "dispute.funds_withdrawn"} == await world.deliver()
        event, context = world.told("dispute.opened")
        assert (event.dispute.payment_id, event.dispute.amount) == (payment_id, USD10)
        assert (context.customer.org_id, context.subscription.external_subscription_id) == ("org", subscription_id)
        world.source.decide_dispute(dispute["id"], won=decision == "won")
        words = await world.deliver()
        payment = await world.provider.get_payment(payment_id)
        assert payment is not None
        assert world.told(f"dispute.{decision}")[0].payment.status is payment.status
        return words

    assert asyncio.run(run("lost")) == {"dispute.lost"}
    assert asyncio.run(run("won")) == {"dispute.won", "dispute.funds_reinstated"}


def test_a_dispute_that_names_only_a_charge_is_nobody_s() -> None:
    async def run() -> None:
        world = stripe()
        await world.buy("basic")
        at = int(NOW.timestamp())
        about = {"id": "dp_9", "object": "dispute", "amount": 5, "currency": "usd", "charge": "ch_9", "status": "lost"}
        told = {"id": "evt_9", "object": "event", "type": "charge.dispute.closed", "created": at, "livemode": False}
        body = json.dumps({**told, "data": {"object": about}}).encode()
        secret = world.source.webhook_secret.encode()
        mac = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        await world.billing.handle_webhook("stripe", body, {"Stripe-Signature": f"t={at},v1={mac}"})
        assert world.told("dispute.lost")[1].customer is None

    asyncio.run(run())


def record(**changes: Any) -> BillingSubscription:
    usual: dict[str, Any] = {
        "status": "active",
        "plan_id": "basic",
        "quantity": 1,
        "current_period_start": NOW,
        "current_period_end": NOW + timedelta(days=31),
    }
    return BillingSubscription("1", "c", "sub", **{**usual, **changes})


LATER = {"current_period_start": NOW + timedelta(days=31), "current_period_end": NOW + timedelta(days=59)}
CHANGES: list[tuple[dict[str, Any] | None, dict[str, Any], list[str]]] = [
    (None, {}, ["subscription.active", "subscription.started"]),
    (None, {"status": "incomplete"}, ["subscription.incomplete"]),
    (None, {"status": "canceled"}, ["subscription.canceled", "subscription.ended"]),
    ({}, {}, []),
    ({"status": "incomplete"}, {}, ["subscription.active", "subscription.started"]),
    ({"status": "incomplete"}, {"status": "expired"}, ["subscription.expired"]),
    ({"status": "trialing"}, LATER, ["subscription.active", "subscription.renewed"]),
    ({}, LATER, ["subscription.renewed"]),
    (LATER, {}, []),
    ({"current_period_start": None}, {**LATER, "current_period_start": None}, ["subscription.renewed"]),
    ({}, {"plan_id": "pro"}, ["subscription.plan_changed"]),
    ({"plan_id": None}, {}, []),
    ({}, {"quantity": 3}, ["subscription.quantity_changed"]),
    ({}, {"cancel_at": NOW}, ["subscription.cancellation_scheduled"]),
    ({"cancel_at": NOW}, {}, ["subscription.cancellation_withdrawn"]),
    ({"cancel_at": NOW}, {"status": "canceled", "cancel_at": NOW}, ["subscription.canceled", "subscription.ended"]),
    ({}, {"status": "paused"}, ["subscription.paused"]),
    ({"status": "paused"}, {}, ["subscription.active", "subscription.resumed"]),
    ({}, {"collection_paused": True}, ["subscription.paused"]),
    ({"collection_paused": True}, {}, ["subscription.resumed"]),
    ({}, {"status": "past_due"}, ["subscription.past_due"]),
    ({"status": "past_due"}, {}, ["subscription.active"]),
]


@pytest.mark.parametrize(("before", "after", "words"), CHANGES)
def test_the_words_come_from_the_change(before: dict[str, Any] | None, after: dict[str, Any], words: list[str]) -> None:
    found = changes_between(None if before is None else record(**before), record(**after))
    assert list(found.words) == words
    assert all(word.is_derived for word in found.words)


def test_a_change_that_was_read_is_told_under_a_key_that_fits_whatever_the_subscription_is_called() -> None:
    async def run() -> None:
        provider, repository = Fake(), InMemoryRepository()
        billing = BillingService(provider, repository, clock=lambda: NOW)
        await billing.ensure_customer("org", email="p@example.com")
        await billing.apply_event(an_event(subscription_id="s" * 255))
        provider.status = SubscriptionStatus.PAUSED
        await billing.sync_subscription("org")
        keys = [each.external_event_id for each in all_of(repository, BillingEvent)]
        assert [len(key) <= 255 for key in keys] == [True, True]

    asyncio.run(run())


def test_every_derived_word_is_shown() -> None:
    shown = {word for _, _, words in CHANGES for word in words}
    unseen = {EventType.of_status(status) for status in (SubscriptionStatus.UNPAID, SubscriptionStatus.TRIALING)}
    elsewhere = {EventType.SUBSCRIPTION_SECOND}  # tests/billing/test_open_pages.py
    assert {str(word) for word in EventType if word.is_derived} - shown == {str(word) for word in {*unseen, *elsewhere}}


def test_every_word_has_a_row_and_somebody_who_sends_it() -> None:
    providers = InMemoryProvider, StripeProvider, PayPalProvider, SquareProvider
    assert set(EVENTS) == set(EventType)
    for word in EventType:
        ways = [told_at(word, each.sends, each.never_leads_to) for each in providers]
        assert set(ways) != {"never"}, word
        lacking = "never" in ways
        assert not lacking or EVENTS[word].instead or word is EventType.INVOICE_PAYMENT_FAILED, word


@pytest.mark.parametrize("word", ["invoice.paid", "refund.succeeded", "subscription.renewed", "subscription.paused"])
def test_what_is_sent_everywhere_is_taken(word: str) -> None:
    for shop in (memory, stripe, paypal):
        shop().billing.on(word, everywhere=True)(lambda _event, _context: None)


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("subscription.trial_ending", "by trial_end"),
        ("customer.deleted", "next start_checkout"),
        ("subscription.cancellation_withdrawn", "subscribe again"),
        ("customer.updated", "ensure_customer"),
        ("paypal:BILLING.PLAN.CREATED", "one provider's own event"),
    ],
)
def test_what_is_not_sent_everywhere_is_refused_with_what_to_use(word: str, instead: str) -> None:
    providers = [stripe().provider, paypal().provider, InMemoryProvider(now=NOW)]
    billing = BillingService(providers, InMemoryRepository(), select=lambda _: "stripe")
    with pytest.raises(ConfigurationError, match=instead):
        billing.on(word, everywhere=True)
    billing.on(word)(lambda _event, _context: None)


def test_a_chargeback_at_the_embedded_provider() -> None:
    async def run(*, won: bool) -> tuple[set[str], str]:
        world = memory()
        subscription_id = await world.buy("basic")
        (payment_id,) = (await world.billing.invoices("org"))[0].payment_ids
        dispute = world.source.open_dispute(payment_id)
        assert await world.deliver() == {"dispute.opened", "dispute.needs_response"}
        context = world.told("dispute.opened")[1]
        assert (context.customer.org_id, context.subscription.external_subscription_id) == ("org", subscription_id)
        world.source.decide_dispute(dispute.id, won=won)
        return await world.deliver(), str((await world.provider.get_payment(payment_id)).status)

    assert asyncio.run(run(won=False)) == ({"dispute.lost"}, "charged_back")
    assert asyncio.run(run(won=True)) == ({"dispute.won"}, "succeeded")
