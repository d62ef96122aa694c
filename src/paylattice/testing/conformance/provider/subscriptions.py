"""Checks of a provider: a checkout becomes a subscription, which is changed, paused and canceled."""

from datetime import UTC, datetime, timedelta

import pytest

from ....errors import InvalidRequest
from ....models import (
    CheckoutStatus,
    Subscription,
    SubscriptionStatus,
)
from ....operations import Capability
from ..expectations import expect
from .calls import CALLS
from .fixtures import CANCEL_URL, SUCCESS_URL, ProviderFixtures
from .harness import ProviderHarness, settled
from .models import expect_model, expect_models

__all__ = ["SubscriptionChecks"]

_C = Capability
_SEVERAL = 3


def _name(harness: ProviderHarness) -> str:
    return harness.provider.get_provider_name()


class SubscriptionChecks(ProviderFixtures):
    """From the checkout to the end of a subscription."""

    def test_a_checkout_opens(self, harness: ProviderHarness) -> None:
        """It has a page to send the customer to, and can be read again."""
        self.only_if_simulated(harness, _C.CHECKOUT)

        async def life() -> None:
            session = await self.open_checkout(harness)
            expect_model(session, _name(harness))
            expect(
                session.url is not None and session.url.startswith(("https://", "http://")),
                "an open checkout has no url to send the customer to",
            )
            expect(session.status is CheckoutStatus.OPEN, f"a new checkout is {session.status}, not open")
            again = await harness.provider.get_checkout_session(session.id)
            expect(again is not None and again.id == session.id, "a checkout cannot be found under its own id")
            expect(
                again is not None and again.status is CheckoutStatus.OPEN,
                "a checkout that nobody completed is not open",
            )

        harness.run(life())

    def test_an_expired_checkout_is_closed(self, harness: ProviderHarness) -> None:
        """It has no page any more, and expiring it again answers the same."""
        self.only_if_simulated(harness, _C.CHECKOUT, _C.EXPIRE_CHECKOUT)

        async def life() -> None:
            session = await self.open_checkout(harness)
            for _ in range(2):
                expired = await harness.provider.expire_checkout_session(session.id)
                expect_model(expired, _name(harness))
                expect(expired.status is CheckoutStatus.EXPIRED, f"an expired checkout is {expired.status}")
                expect(expired.url is None, "an expired checkout still has a url")
            found = await harness.provider.get_checkout_session(session.id)
            expect(found is None or found.url is None, "an expired checkout still reads as one with a page")

        harness.run(life())

    def test_a_completed_checkout_cannot_be_expired(self, harness: ProviderHarness) -> None:
        """What the customer has paid for stays, and the answer says so."""
        self.only_if_simulated(harness, _C.CHECKOUT, _C.EXPIRE_CHECKOUT, _C.SUBSCRIPTIONS)

        async def life() -> None:
            session = await self.open_checkout(harness)
            await settled(self.complete_checkout(harness.provider, session))
            late = await harness.provider.expire_checkout_session(session.id)
            expect(
                late.status in {CheckoutStatus.COMPLETE, CheckoutStatus.PENDING},
                f"a checkout that was completed is {late.status} after it was expired",
            )
            found = await harness.provider.get_subscription(str(late.subscription_id))
            expect(found is not None and found.status.grants_access, "expiring a paid checkout ended its subscription")

        harness.run(life())

    def test_a_completed_checkout_is_a_subscription(self, harness: ProviderHarness) -> None:
        """The session names it; it has the plan and the customer, and grants access."""
        self.only_if_simulated(harness, _C.CHECKOUT, _C.SUBSCRIPTIONS)

        async def life() -> None:
            session = await self.open_checkout(harness)
            await settled(self.complete_checkout(harness.provider, session))
            done = await harness.provider.get_checkout_session(session.id)
            if done is None or done.status not in {CheckoutStatus.COMPLETE, CheckoutStatus.PENDING}:
                raise AssertionError("a checkout that was completed is neither complete nor pending")
            expect(done.subscription_id, "a completed checkout does not name its subscription")
            found = await harness.provider.get_subscription(str(done.subscription_id))
            if found is None:
                raise AssertionError("a subscription cannot be found under its own id")
            expect_model(found, _name(harness))
            expect(found.id == done.subscription_id, "a subscription has another id than was asked for")
            expect(found.plan_id == await self.some_plan(harness), "a subscription does not name its plan")
            expect(found.status.grants_access, f"a subscription that was paid for is {found.status}")
            keeps = harness.provider.preserves_customer
            expect(
                not keeps or found.customer_id in {None, session.customer_id},
                "a subscription belongs to another customer",
            )

        harness.run(life())

    def test_a_checkout_for_several_is_a_subscription_for_several(self, harness: ProviderHarness) -> None:
        """Or it is an InvalidRequest: the customer must not get five seats for the price of one, or pay five times for one."""
        self.only_if_simulated(harness, _C.CHECKOUT, _C.SUBSCRIPTIONS)

        async def life() -> None:
            customer = await self.new_customer(harness)
            plan = await self.some_plan(harness)
            provider = harness.provider
            try:
                session = await provider.create_checkout_session(
                    customer.id, plan, SUCCESS_URL, CANCEL_URL, quantity=_SEVERAL
                )
            except InvalidRequest:
                return
            await settled(self.complete_checkout(provider, session))
            done = await provider.get_checkout_session(session.id)
            found = await provider.get_subscription(str(done.subscription_id)) if done is not None else None
            quantity = found.quantity if found is not None else None
            expect(quantity == _SEVERAL, f"a checkout for {_SEVERAL} became a subscription for {quantity}")

        harness.run(life())

    def test_a_checkout_tells_which_subscription_is_its_own(self, harness: ProviderHarness) -> None:
        """Where a customer id proves nothing, billing can tell whose a subscription is by its checkout alone."""
        self.only_if_simulated(harness, _C.CHECKOUT, _C.SUBSCRIPTIONS)
        provider = harness.provider
        proves = provider.customer_id_is_proof and not provider.browser_makes_subscriptions
        if proves or not provider.preserves_customer:
            pytest.skip("the customer id proves it, or the sessions are asked")

        async def life() -> None:
            session = await self.open_checkout(harness)
            await settled(self.complete_checkout(provider, session))
            done = await provider.get_checkout_session(session.id)
            found = str(done.subscription_id) if done is not None else ""
            expect(
                provider.checkout_session_of(found) == session.id,
                "the customer ids of the provider prove nothing (customer_id_is_proof, browser_makes_subscriptions), and "
                "checkout_session_of() does not tell which session brought a subscription: it could never be anybody's",
            )

        harness.run(life())

    def test_a_customer_s_subscriptions_are_listed(self, harness: ProviderHarness) -> None:
        """All of them, ended ones too."""
        self.only_if_simulated(harness, _C.LIST_SUBSCRIPTIONS, _C.CHECKOUT)

        async def life() -> None:
            subscription = await self.subscribed(harness)
            if subscription.customer_id is None:
                return
            listed = await harness.provider.list_subscriptions(subscription.customer_id)
            expect_models(listed, _name(harness))
            expect([s.id for s in listed] == [subscription.id], "the customer's one subscription is not what is listed")
            if _C.CANCEL_NOW in harness.provider.capabilities:
                await harness.provider.cancel_subscription(subscription.id)
                listed = await harness.provider.list_subscriptions(subscription.customer_id)
                expect([s.id for s in listed] == [subscription.id], "an ended subscription is no longer listed")

        harness.run(life())

    def test_a_subscription_is_canceled_now(self, harness: ProviderHarness) -> None:
        """It has ended, and canceling again answers it as it is."""
        self.only_if_simulated(harness, _C.CANCEL_NOW)

        async def life() -> None:
            subscription = await self.subscribed(harness)
            ended = await harness.provider.cancel_subscription(subscription.id, reason="conformance")
            expect_model(ended, _name(harness))
            expect(ended.status.is_terminal, f"a subscription that was canceled now is {ended.status}")
            found = await harness.provider.get_subscription(subscription.id)
            expect(found is not None and found.status.is_terminal, "a canceled subscription reads as if it went on")
            again = await harness.provider.cancel_subscription(subscription.id)
            expect(again.status.is_terminal, "canceling twice brought a subscription back to life")

        harness.run(life())

    def test_a_subscription_is_canceled_at_the_end_of_its_period(self, harness: ProviderHarness) -> None:
        """It goes on until then, and says until when."""
        self.only_if_simulated(harness, _C.CANCEL_AT_PERIOD_END)

        async def life() -> None:
            subscription = await self.subscribed(harness)
            await harness.provider.cancel_subscription(subscription.id, at_period_end=True)
            found = await harness.provider.get_subscription(subscription.id)
            if found is None:
                raise AssertionError("a subscription that is set to end cannot be found")
            expect(found.cancel_at is not None, "a subscription that is set to end does not say when (cancel_at)")
            expect(
                found.cancel_at is not None and found.cancel_at > datetime.now(UTC) - timedelta(minutes=5),
                "a subscription that is set to end at the end of its period has ended",
            )

        harness.run(life())

    def test_a_cancellation_is_taken_back(self, harness: ProviderHarness) -> None:
        """The subscription goes on; taking back what is not set to end answers it as it is."""
        self.only_if_simulated(harness, _C.UNCANCEL, _C.CANCEL_AT_PERIOD_END)

        async def life() -> None:
            provider = harness.provider
            subscription = await self.subscribed(harness)
            await provider.cancel_subscription(subscription.id, at_period_end=True)
            kept = await provider.uncancel_subscription(subscription.id)
            expect_model(kept, _name(harness))
            expect(kept.cancel_at is None, "a subscription whose cancellation was taken back still says when it ends")
            again = await provider.uncancel_subscription(subscription.id)
            for each in (again, await provider.get_subscription(subscription.id)):
                expect(each is not None and each.cancel_at is None, "a cancellation that was taken back came back")
                expect(
                    each is not None and each.status.grants_access, "taking a cancellation back ended the subscription"
                )
            await provider.cancel_subscription(subscription.id, at_period_end=True)
            found = await provider.get_subscription(subscription.id)
            expect(found is not None and found.cancel_at is not None, "it cannot be canceled again afterwards")

        harness.run(life())

    def test_a_subscription_is_changed(self, harness: ProviderHarness) -> None:
        """The quantity is the new one, or there is a page where the payer consents."""
        self.only_if_simulated(harness, _C.CHANGE_SUBSCRIPTION)

        async def life() -> None:
            if not self.quantities:
                pytest.skip("the provider's subscriptions have no quantity that could be changed")
            subscription = await self.subscribed(harness)
            change = await harness.provider.change_subscription(subscription.id, quantity=3)
            expect_model(change, _name(harness))
            if change.approval_url is None:
                expect(change.subscription.quantity == 3, "change_subscription did not change the quantity")  # noqa: PLR2004
                found = await harness.provider.get_subscription(subscription.id)
                expect(found is not None and found.quantity == 3, "the change is not there to be read")  # noqa: PLR2004

        harness.run(life())

    def test_a_subscription_changes_its_plan(self, harness: ProviderHarness) -> None:
        """The plan is the new one, or there is a page where the payer consents."""
        self.only_if_simulated(harness, _C.CHANGE_SUBSCRIPTION)

        async def life() -> None:
            subscription = await self.subscribed(harness)
            other = await self.some_plan(harness, other_than=subscription.plan_id)
            change = await harness.provider.change_subscription(subscription.id, plan_id=other)
            planned = [each.plan_id for each in change.subscription.scheduled_changes]
            expect(
                change.approval_url is not None or other in {change.subscription.plan_id, *planned},
                "change_subscription did not change the plan, neither now nor later, and asks for no consent",
            )

        harness.run(life())

    def test_a_subscription_is_paused_and_resumed(self, harness: ProviderHarness) -> None:
        """A paused one says so; both can be done twice."""
        self.only_if_simulated(harness, _C.PAUSE)

        def is_paused(subscription: Subscription | None) -> bool:
            return subscription is not None and (
                subscription.status is SubscriptionStatus.PAUSED or subscription.collection_paused
            )

        async def life() -> None:
            provider = harness.provider
            subscription = await self.subscribed(harness)
            expect(not is_paused(subscription), "a new subscription is paused")
            await provider.pause_subscription(subscription.id)
            expect(is_paused(await provider.get_subscription(subscription.id)), "a paused subscription does not say so")
            await provider.pause_subscription(subscription.id)
            await provider.resume_subscription(subscription.id)
            found = await provider.get_subscription(subscription.id)
            expect(found is not None and not is_paused(found), "a resumed subscription is still paused")
            expect(found is not None and found.status.grants_access, "a resumed subscription does not grant access")
            await provider.resume_subscription(subscription.id)

        harness.run(life())

    def test_usage_is_accepted(self, harness: ProviderHarness) -> None:
        """``create_usage_record`` answers True; zero is a quantity."""
        self.only_if_simulated(harness, _C.METERED_USAGE)

        async def life() -> None:
            call = await self.real(harness, next(c for c in CALLS if c.name == "create_usage_record"))
            expect(await harness.call(call) is True, "usage that was accepted answers True")
            expect(await harness.call(call, quantity=0) is True, "a report of zero units is a report")

        harness.run(life())
