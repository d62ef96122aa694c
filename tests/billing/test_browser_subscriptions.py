"""PayPal's subscriptions belong to who started their checkout: never to whose customer id somebody wrote into one.

A buyer's browser can make a subscription with the shop's public client id, and write what it likes into it: another
organisation's ``custom_id``, another plan, its own prices. It can also ask for changes of one that it has.
"""

import asyncio
import functools
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import httpx
import pytest

from paylattice import (
    BillingService,
    CheckoutSession,
    Difference,
    InMemoryRepository,
    Money,
    RefusalReason,
    RefusedSubscription,
    SubscriptionStatus,
    WebhookEvent,
    errors,
)
from paylattice.billing.store import Store
from paylattice.testing.standins.messages import Delivery
from paylattice.transport import AsyncTransport, RetryPolicy
from tests.testing.standins.paypal.support import URLS, PayPalShop

from .support import PAGES, Context

SUBSCRIPTIONS = "/v1/billing/subscriptions"
CHEAP = {
    "billing_cycles": [{"sequence": 1, "pricing_scheme": {"fixed_price": {"currency_code": "USD", "value": "0.01"}}}]
}
FOREVER = {"billing_cycles": [{"sequence": 1, "total_cycles": 1}]}


class Shop:
    """A shop at PayPal's stand-in that sells two plans of one product, and what its handlers were told."""

    def __init__(self, *, refetch: bool = True) -> None:
        self.paypal = PayPalShop("async")
        self.server = self.paypal.server
        self.server.add_plan("P-PRO", Money(1900, "USD"))
        self.server.add_plan("P-TEAM", Money(4900, "USD"))
        self.provider = self.paypal.provider
        self.repository = InMemoryRepository()
        self.refused: list[RefusedSubscription] = []
        self.told: list[tuple[str, str | None, str | None]] = []
        self.refetch = refetch
        self.billing = self.service()

    def service(self) -> BillingService[Any]:
        billing = BillingService(
            self.provider,
            self.repository,
            refetch=self.refetch,
            clock=lambda: self.server.now,
            on_refused=self.refused.append,
        )
        for word in ("payment.succeeded", "refund.succeeded", "subscription.active", "subscription.canceled"):
            billing.on(word)(functools.partial(self.note, word))
        return billing

    def note(self, word: str, event: WebhookEvent, context: Context) -> None:
        owner = context.customer.org_id if context.customer else None
        claimed = context.claimed_customer.org_id if context.claimed_customer else None
        self.told.append((word, owner, claimed))

    async def custom_id(self, org_id: str = "victim") -> str:
        """What anybody can compute of an organisation's id."""
        return (await self.billing.ensure_customer(org_id, email="pay@example.com")).external_customer_id

    async def sell(self, org_id: str = "org", plan_id: str = "P-PRO", **options: Any) -> CheckoutSession:
        return await self.billing.start_checkout(org_id, plan_id, email="pay@example.com", **PAGES, **options)

    def made_elsewhere(self, custom_id: str | None, plan_id: str = "P-PRO", **more: Any) -> str:
        """A browser makes a subscription, and its owner agrees to it."""
        body = {"plan_id": plan_id, "application_context": URLS, **more}
        if custom_id is not None:
            body["custom_id"] = custom_id
        made = str(self.paypal.post(SUBSCRIPTIONS, body)["id"])
        self.server.complete_checkout(made)
        return made

    def revise(self, subscription_id: str, **change: Any) -> None:
        """A browser asks for a change, and the payer agrees."""
        body = {"application_context": URLS, **change}
        self.paypal.post(f"{SUBSCRIPTIONS}/{subscription_id}/revise", body)
        self.server.approve_change(subscription_id)

    async def handle(self, hook: Delivery) -> str:
        return await self.billing.handle_webhook("paypal", hook.payload, hook.headers)

    async def deliver(self) -> list[str]:
        return [await self.handle(hook) for hook in self.server.deliveries()]

    async def try_every_way(self, subscription_id: str, org_id: str) -> None:
        """Everything that could take the subscription for the organisation's."""
        await self.deliver()
        with pytest.raises((errors.NotFound, errors.Conflict)):
            await self.billing.confirm_return(subscription_id, org_id=org_id)
        with pytest.raises((errors.NotFound, errors.Conflict)):
            await self.billing.confirm_return(subscription_id)
        await self.billing.sync_subscription(org_id)
        await self.billing.reconcile("paypal", repair=True)
        await self.billing.catch_up("paypal", self.server.now)
        await self.billing.recover_open()
        await self.billing.apply_unmatched("paypal")
        await self.billing.ensure_customer(org_id, email="pay@example.com")
        self.server.renew(subscription_id)
        await self.deliver()

    async def allowed(self, org_id: str) -> bool:
        return bool(await self.billing.access(org_id))


def drive(main: Callable[[Shop], Awaitable[None]], *, refetch: bool = True) -> None:
    async def run() -> None:
        await main(Shop(refetch=refetch))

    asyncio.run(run())


ELSEWHERE: list[dict[str, Any]] = [
    {},
    {"plan_id": "P-TEAM"},
    {"plan": CHEAP},
    {"plan_id": "P-TEAM", "plan": CHEAP, "quantity": "7"},
]


# --- made outside of billing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ELSEWHERE, ids=["as it is sold", "another plan", "its own price", "all of that"])
@pytest.mark.parametrize("refetch", [True, False], ids=["read again", "payloads believed"])
def test_one_that_carries_an_organisation_s_custom_id_grants_it_nothing_and_is_reported(
    more: dict[str, Any], refetch: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(shop: Shop) -> None:
        made = shop.made_elsewhere(await shop.custom_id("victim"), **more)
        with caplog.at_level(logging.WARNING, "paylattice"):
            await shop.try_every_way(made, "victim")
        assert not await shop.allowed("victim")
        assert await Store(shop.repository).get_subscription("paypal", made) is None
        assert shop.told == []
        assert shop.refused == [RefusedSubscription("paypal", made, RefusalReason.NO_CHECKOUT, "victim")]
        assert [each.getMessage() for each in caplog.records if "grants nothing" in each.getMessage()] == [
            str(shop.refused[0])
        ], "it is told once"

    drive(main, refetch=refetch)


def test_one_that_an_organisation_makes_for_itself_at_its_own_price_grants_nothing() -> None:
    """Also beside a checkout that it has started, and beside a subscription that it pays for."""

    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        made = shop.made_elsewhere(await shop.custom_id("org"), plan=CHEAP)
        await shop.try_every_way(made, "org")
        assert not await shop.allowed("org")
        shop.server.complete_checkout(session.id)
        await shop.deliver()
        await shop.try_every_way(made, "org")
        customer = await shop.billing.ensure_customer("org", email="pay@example.com")
        stored = await Store(shop.repository).list_subscriptions(customer.id)
        assert [each.external_subscription_id for each in stored] == [session.id]

    drive(main)


def test_one_of_another_application_waits_in_silence() -> None:
    async def main(shop: Shop) -> None:
        for custom_id in (None, "theirs"):
            shop.made_elsewhere(custom_id)
        assert set(await shop.deliver()) == {"unmatched"}
        assert shop.refused == []

    drive(main)


def test_one_that_nobody_has_agreed_to_yet_is_no_reason_to_report() -> None:
    async def main(shop: Shop) -> None:
        body = {"plan_id": "P-PRO", "application_context": URLS, "custom_id": await shop.custom_id("victim")}
        shop.paypal.post(SUBSCRIPTIONS, body)
        assert await shop.deliver() == ["unmatched"]
        assert shop.refused == []

    drive(main)


def test_reconciling_shows_what_is_refused_and_repairs_nothing_of_it() -> None:
    async def main(shop: Shop) -> None:
        made = shop.made_elsewhere(await shop.custom_id("victim"))
        await shop.deliver()
        found: list[Difference] = []
        done = await shop.billing.reconcile("paypal", repair=True, on_difference=found.append)
        assert (done.different, done.repaired) == (1, 0)
        assert found == [Difference("victim", made, lacks=found[0].lacks, refused=RefusalReason.NO_CHECKOUT)]

    drive(main)


def test_a_payment_or_refund_of_one_is_told_as_nobody_s() -> None:
    """It waits with its subscription; the handlers of the organisation whose id it carries do not hear of it."""

    async def main(shop: Shop) -> None:
        shop.made_elsewhere(await shop.custom_id("victim"))
        await shop.deliver()
        sale = str(shop.server.objects("sale")[-1]["id"])
        await shop.provider.refund_payment(sale)
        assert await shop.deliver() == ["unmatched"]
        assert shop.told == []

    drive(main)


# --- made by billing, and changed by the browser ---------------------------------------------------------------------

CHANGES: dict[str, tuple[dict[str, Any], RefusalReason]] = {
    "another plan": ({"plan_id": "P-TEAM"}, RefusalReason.OTHER_PLAN),
    "another quantity": ({"quantity": "2"}, RefusalReason.OTHER_QUANTITY),
    "its own price": ({"plan": CHEAP}, RefusalReason.OTHER_TERMS),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_billing_did_not_ask_for_before_the_subscription_is_known_is_refused(name: str) -> None:
    change, reason = CHANGES[name]

    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        shop.revise(session.id, **change)
        await shop.try_every_way(session.id, "org")
        assert not await shop.allowed("org")
        assert shop.told == []
        assert shop.refused == [RefusedSubscription("paypal", session.id, reason, "org")]

    drive(main)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_billing_did_not_ask_for_prolongs_nothing(name: str) -> None:
    """What was paid for as it was asked for stays; nothing of what comes after is stored, but that it has ended."""
    change, reason = CHANGES[name]

    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        await shop.deliver()
        before = await shop.billing.subscription("org")
        assert before is not None
        shop.revise(session.id, **change)
        for _ in range(2):
            await shop.deliver()
            await shop.billing.sync_subscription("org")
            await shop.billing.reconcile("paypal", repair=True)
            assert await shop.billing.subscription("org") == before
            shop.server.renew(session.id)
        shop.server.advance(days=4)
        await shop.deliver()
        assert not await shop.allowed("org")
        assert shop.refused == [RefusedSubscription("paypal", session.id, reason, "org")]
        found: list[Difference] = []
        await shop.billing.reconcile("paypal", on_difference=found.append)
        assert [(each.subscription_id, each.refused) for each in found] == [(session.id, reason)]

        await shop.provider.cancel_subscription(session.id)
        await shop.deliver()
        after = await shop.billing.subscription("org")
        assert after is not None
        assert (after.status, after.plan_id, after.quantity) == (SubscriptionStatus.CANCELED, "P-PRO", 1)
        assert after.cancel_at == before.current_period_end
        assert not await shop.allowed("org")

    drive(main)


def test_a_change_of_plan_that_billing_asked_for_is_followed_and_so_is_the_plan_before_it() -> None:
    """The payer may agree later, or never: until then the old plan is right, and afterwards the new one."""

    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        await shop.deliver()
        change = await shop.billing.change_plan("org", "P-TEAM", quantity=3)
        assert change.approval_url is not None
        shop.server.renew(session.id)
        await shop.deliver()
        stored = await shop.billing.sync_subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.quantity) == ("P-PRO", 1)
        shop.server.approve_change(session.id)
        assert set(await shop.deliver()) == {"processed"}
        stored = await shop.billing.subscription("org")
        assert stored is not None
        assert (stored.plan_id, stored.quantity) == ("P-TEAM", 3)
        shop.server.renew(session.id)
        assert "unmatched" not in await shop.deliver()
        assert await shop.allowed("org")
        assert (await shop.billing.reconcile("paypal")).different == 0
        assert shop.refused == []

    drive(main)


def test_it_does_not_matter_that_the_operation_log_has_forgotten_the_checkout_of_what_is_stored() -> None:
    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        await shop.deliver()
        for operation in await Store(shop.repository).list_operations("paypal"):
            forgotten = attrs.evolve(operation, external_id="forgotten")
            await Store(shop.repository).update_operation(forgotten)
        shop.server.renew(session.id)
        assert "unmatched" not in await shop.deliver()
        assert await shop.billing.confirm_return(session.id, org_id="org") is not None
        assert shop.refused == []
        shop.revise(session.id, plan=CHEAP)
        assert await shop.deliver() == ["unmatched"]

    drive(main)


# --- a checkout of ours works ----------------------------------------------------------------------------------------


def test_a_checkout_is_its_organisation_s_in_every_order_of_deliveries_each_coming_twice() -> None:
    async def in_order(order: tuple[int, ...], *, back_at: int) -> None:
        shop = Shop()
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        hooks = [*shop.server.deliveries()]
        assert [each.type.rpartition(".")[2] for each in hooks] == ["CREATED", "ACTIVATED", "COMPLETED"]
        for place, number in enumerate(order):
            if place == back_at:
                await shop.billing.confirm_return(session.id, org_id="org")
            await shop.handle(hooks[number])
        assert await shop.allowed("org")
        assert sorted(shop.told) == [("payment.succeeded", "org", None), ("subscription.active", "org", None)], order
        assert await Store(shop.repository).list_unmatched("paypal") == []
        assert shop.refused == []

    async def in_every_order() -> None:
        orders = sorted(set(itertools.permutations((0, 0, 1, 1, 2, 2))))
        assert len(orders) == 90
        for order in orders:
            await in_order(order, back_at=order[0] + order[1])

    asyncio.run(in_every_order())


class Eager(httpx.AsyncBaseTransport):
    """PayPal, whose webhooks arrive before its answer does; and whose answer may never come."""

    def __init__(self, shop: Shop, *, answers: bool = True) -> None:
        self.shop = shop
        self.inner = shop.server.transport()
        self.answers = answers
        self.outcomes: list[str] = []
        self.agrees = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if request.method == "POST" and request.url.path == SUBSCRIPTIONS:
            await answer.aread()
            if self.agrees:
                self.shop.server.complete_checkout(str(answer.json()["id"]))
            self.outcomes += await self.shop.deliver()
            if not self.answers:
                message = "lost"
                raise httpx.ReadTimeout(message)
        return answer


def eager(shop: Shop, **options: Any) -> Eager:
    wire = Eager(shop, **options)
    transport = AsyncTransport(transport=wire, retry=RetryPolicy(attempts=1))
    shop.provider = type(shop.provider)(shop.provider._config, transport=transport, clock=shop.paypal._seconds)
    shop.billing = shop.service()
    return wire


@pytest.mark.parametrize("agrees", [False, True], ids=["created", "created, activated and paid"])
def test_events_that_come_before_the_operation_log_knows_the_session_wait_for_it(agrees: bool) -> None:
    async def main(shop: Shop) -> None:
        wire = eager(shop)
        wire.agrees = agrees
        session = await shop.sell("org")
        assert set(wire.outcomes) == {"unmatched"}
        assert await Store(shop.repository).list_unmatched("paypal") == []
        stored = await shop.billing.subscription("org")
        assert stored is not None
        assert stored.external_subscription_id == session.id
        assert await shop.allowed("org") is agrees
        assert shop.refused == [], "nobody is alarmed"

    drive(main)


def test_events_of_a_checkout_whose_answer_was_lost_wait_until_it_is_recovered() -> None:
    async def main(shop: Shop) -> None:
        wire = eager(shop, answers=False)
        wire.agrees = True
        with pytest.raises(errors.OutcomeUnknown):
            await shop.sell("org")
        assert set(wire.outcomes) == {"unmatched"}
        assert await shop.billing.apply_unmatched("paypal") == 0
        assert not await shop.allowed("org")
        wire.answers, wire.agrees = True, False
        shop.server.advance(hours=1)
        done = await shop.billing.recover_open()
        assert [each.operation for each in done.done] == ["start_checkout"]
        assert await shop.allowed("org")
        assert await Store(shop.repository).list_unmatched("paypal") == []
        assert shop.refused == []

    drive(main)


def test_a_checkout_that_is_begun_again_under_its_key_finds_what_waited_for_it() -> None:
    async def main(shop: Shop) -> None:
        wire = eager(shop, answers=False)
        wire.agrees = True
        with pytest.raises(errors.OutcomeUnknown):
            await shop.sell("org", idempotency_key="click-1")
        wire.answers, wire.agrees = True, False
        with pytest.raises(errors.Conflict, match="has just subscribed") as caught:
            await shop.sell("org", idempotency_key="click-1")
        stored = await shop.billing.subscription("org")
        assert stored is not None
        assert repr(stored.external_subscription_id) in caught.value.message
        assert await shop.allowed("org")

    drive(main)


# --- the application's own word --------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ELSEWHERE, ids=["as it is sold", "another plan", "its own price", "all of that"])
def test_one_that_was_made_elsewhere_can_be_given_to_an_organisation_as_it_is(more: dict[str, Any]) -> None:
    async def main(shop: Shop) -> None:
        made = shop.made_elsewhere(await shop.custom_id("org"), **more)
        await shop.deliver()
        stored = await shop.billing.assign_subscription("org", made)
        assert (stored.external_subscription_id, stored.plan_id) == (made, more.get("plan_id", "P-PRO"))
        assert await shop.allowed("org")
        assert sorted(shop.told) == [("payment.succeeded", "org", None), ("subscription.active", "org", None)]
        assert await Store(shop.repository).list_unmatched("paypal") == []
        shop.server.renew(made)
        assert "unmatched" not in await shop.deliver()
        assert (await shop.billing.reconcile("paypal")).different == 0

    drive(main)


def test_what_a_browser_changes_after_it_was_given_is_refused_until_it_is_given_again() -> None:
    async def main(shop: Shop) -> None:
        made = shop.made_elsewhere(await shop.custom_id("org"))
        await shop.billing.assign_subscription("org", made)
        shop.revise(made, plan=CHEAP)
        assert "unmatched" in await shop.deliver()
        stored = await shop.billing.assign_subscription("org", made, provider_name="paypal")
        assert stored.status is SubscriptionStatus.ACTIVE
        assert await Store(shop.repository).list_unmatched("paypal") == []

    drive(main)


def test_one_cannot_be_given_to_two_organisations() -> None:
    async def main(shop: Shop) -> None:
        made = shop.made_elsewhere(await shop.custom_id("one"))
        await shop.custom_id("two")
        with pytest.raises(errors.NotFound, match="no such subscription"):
            await shop.billing.assign_subscription("one", "I-NOTHING")
        await shop.billing.assign_subscription("one", made)
        with pytest.raises(errors.Conflict, match="another organisation's"):
            await shop.billing.assign_subscription("two", made)
        with pytest.raises(errors.Conflict, match="another organisation's"):
            await shop.billing.assign_subscription("three", made)  # PayPal has no customers: it needs none there
        assert await shop.allowed("one")
        assert not await shop.allowed("two")

    drive(main)


@pytest.mark.parametrize("agreed", [False, True])
def test_what_an_organisation_s_checkout_brought_cannot_be_given_to_another_one_before_it_is_stored(
    agreed: bool,
) -> None:
    async def main(shop: Shop) -> None:
        await shop.custom_id("other")
        session = await shop.sell("org")
        if agreed:
            shop.server.complete_checkout(session.id)
        with pytest.raises(errors.Conflict, match="another organisation's"):
            await shop.billing.assign_subscription("other", session.id)
        if not agreed:
            shop.server.complete_checkout(session.id)
        assert "unmatched" not in await shop.deliver()
        assert await shop.allowed("org")
        assert not await shop.allowed("other")

    drive(main)


# --- one-off payments ------------------------------------------------------------------------------------------------


def test_an_order_that_carries_an_organisation_s_custom_id_is_told_as_a_claim() -> None:
    """The browser makes orders, too: whose payment it is, the application's own order says, by the payment's id."""

    async def main(shop: Shop) -> None:
        captured = shop.paypal.captured("0.01", custom_id=await shop.custom_id("victim"))
        assert set(await shop.deliver()) == {"processed"}
        assert shop.told == [("payment.succeeded", None, "victim")]
        assert await Store(shop.repository).list_unmatched("paypal") == []
        await shop.provider.refund_payment(captured)
        await shop.deliver()
        assert shop.told[1:] == [("refund.succeeded", None, "victim")]

    drive(main)


def test_a_refund_of_a_subscription_s_payment_is_its_organisation_s() -> None:
    async def main(shop: Shop) -> None:
        session = await shop.sell("org")
        shop.server.complete_checkout(session.id)
        await shop.deliver()
        shop.told.clear()
        await shop.provider.refund_payment(str(shop.server.objects("sale")[-1]["id"]))
        await shop.deliver()
        assert shop.told == [("refund.succeeded", "org", None)]

    drive(main)


def test_what_the_observer_of_refusals_raises_changes_nothing() -> None:
    async def main(shop: Shop) -> None:
        def fails(_refused: RefusedSubscription) -> None:
            message = "watching failed"
            raise RuntimeError(message)

        shop.billing = BillingService(shop.provider, shop.repository, clock=lambda: shop.server.now, on_refused=fails)
        shop.made_elsewhere(await shop.custom_id("victim"))
        assert set(await shop.deliver()) == {"unmatched"}

    drive(main)


def test_a_report_names_the_subscription_and_what_to_do() -> None:
    refused = RefusedSubscription("paypal", "I-1", RefusalReason.OTHER_TERMS, "org")
    assert "I-1" in str(refused)
    assert "assign_subscription" in str(refused)
    assert "ada@example.com" not in str(attrs.evolve(refused, subscription_id="ada@example.com"))
