"""Checks of a provider: a change of plan that is previewed, or begins with the next period, and is taken back."""

from datetime import timedelta

import pytest

from ....errors import InvalidRequest
from ....models import ScheduledChange, Subscription
from ....money import Money
from ....operations import Capability
from ..expectations import expect
from .fixtures import ProviderFixtures
from .harness import ProviderHarness
from .models import expect_model

__all__ = ["ChangeChecks"]

_C = Capability


class ChangeChecks(ProviderFixtures):
    """Previews of changes, and changes at the end of a period."""

    def test_a_preview_of_a_change_is_what_the_change_then_costs(self, harness: ProviderHarness) -> None:
        """It changes nothing; what is due now is what the invoice of the change says."""
        self.only_if_simulated(harness, _C.PREVIEW_CHANGE, _C.CHANGE_NOW, _C.SUBSCRIPTIONS, _C.INVOICES)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            plan = await self.some_plan(harness, other_than=subscription.plan_id)
            preview = await provider.preview_change(subscription.id, plan_id=plan, payment="now")
            expect_model(preview, provider.get_provider_name())
            expect(
                preview.due_next is None or preview.due_next.amount >= 0, "the next invoice asks for less than nothing"
            )
            found = await provider.get_subscription(subscription.id)
            expect(found is not None and found.plan_id == subscription.plan_id, "a preview has changed the plan")
            before = await self._invoices(harness, subscription)
            await provider.change_subscription(subscription.id, plan_id=plan, payment="now")
            after = await self._invoices(harness, subscription)
            billed = [amount for invoice_id, amount in after.items() if invoice_id not in before]
            asked = sum(amount.amount for amount in billed)
            expect(
                bool(billed) or preview.due_now.amount == 0,
                "a preview says that something is due, and nothing is billed",
            )
            # a proration is by the second, and the change is made later
            expect(
                abs(asked - preview.due_now.amount) <= len(preview.lines_now),
                "a change costs more than its preview said",
            )

        harness.run(life())

    def test_a_preview_tells_a_change_that_is_billed_at_once_from_one_that_is_not(
        self, harness: ProviderHarness
    ) -> None:
        """At the period's end nothing is due now, and the next invoice is at the end of the period."""
        self.only_if_simulated(harness, _C.PREVIEW_CHANGE, _C.CHANGE_AT_PERIOD_END, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            plan = await self.some_plan(harness, other_than=subscription.plan_id)
            preview = await provider.preview_change(subscription.id, plan_id=plan, when="period_end")
            expect(preview.due_now.amount == 0, "a change at the period's end costs something now")
            expect(not preview.lines_now, "a change at the period's end is billed now")
            expect(preview.due_next is not None, "a change at the period's end is never billed")
            end = subscription.current_period_end
            expect(
                preview.next_at is None or end is None or preview.next_at == end, "the next invoice is at another time"
            )

        harness.run(life())

    async def _invoices(self, harness: ProviderHarness, subscription: Subscription) -> dict[str, Money]:
        owner = subscription.customer_id
        if owner is None:
            return {}
        found = await harness.provider.get_invoices(owner, subscription_id=subscription.id)
        return {each.id: each.amount for each in found}

    def test_a_change_at_the_period_s_end_leaves_the_paid_plan_until_then(self, harness: ProviderHarness) -> None:
        """It is one of the scheduled changes, or there is a page where the payer consents."""
        self.only_if_simulated(harness, _C.CHANGE_AT_PERIOD_END, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            other = await self.some_plan(harness, other_than=subscription.plan_id)
            change = await provider.change_subscription(subscription.id, plan_id=other, when="period_end")
            expect_model(change, provider.get_provider_name())
            expect(change.subscription.plan_id == subscription.plan_id, "the paid plan was taken away at once")
            if change.is_pending:
                return
            found = await provider.get_subscription(subscription.id)
            planned = _planned(found)
            expect([each.plan_id for each in planned] == [other], "the scheduled change cannot be read")
            at, end = planned[-1].effective_at, subscription.current_period_end
            expect(at is not None and (end is None or at >= end), "the scheduled change begins before the period's end")
            again = await provider.change_subscription(subscription.id, plan_id=other, when="period_end")
            expect(len(_planned(again.subscription)) == 1, "the same change was scheduled twice")

        harness.run(life())

    def test_a_scheduled_change_is_taken_back(self, harness: ProviderHarness) -> None:
        """The subscription goes on as it is; taking back what is not there answers it as it is."""
        self.only_if_simulated(harness, _C.CANCEL_SCHEDULED_CHANGE, _C.CHANGE_AT_PERIOD_END, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.scheduled(harness)
            for _ in range(2):
                kept = await provider.cancel_scheduled_change(subscription.id)
                expect_model(kept, provider.get_provider_name())
                expect(not _planned(kept), "a scheduled change that was taken back is still scheduled")
            found = await provider.get_subscription(subscription.id)
            expect(not _planned(found), "a scheduled change that was taken back came back")
            expect(found is not None and found.plan_id == subscription.plan_id, "taking a change back changed the plan")
            expect(found is not None and found.status.grants_access, "taking a change back ended the subscription")

        harness.run(life())

    def test_a_subscription_with_a_scheduled_change_can_be_ended(self, harness: ProviderHarness) -> None:
        """It ends with its period."""
        self.only_if_simulated(harness, _C.CANCEL_SCHEDULED_CHANGE, _C.CHANGE_AT_PERIOD_END, _C.CANCEL_AT_PERIOD_END)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.scheduled(harness)
            ending = await provider.cancel_subscription(subscription.id, at_period_end=True)
            expect(ending.cancel_at is not None, "a subscription with a scheduled change cannot be set to end")

        harness.run(life())

    def test_a_trial_lasts_longer(self, harness: ProviderHarness) -> None:
        """The first payment is due when it ends; extending it twice to the same day is no error."""
        self.only_if_simulated(harness, _C.EXTEND_TRIAL, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.in_trial(harness)
            ends = subscription.trial_end
            if ends is None:
                raise AssertionError("a subscription in a trial does not say when that ends")
            for _ in range(2):
                longer = await provider.extend_trial(subscription.id, ends + timedelta(days=5))
                expect_model(longer, provider.get_provider_name())
                expect(longer.trial_end == ends + timedelta(days=5), "a trial that was extended ends at another time")
            found = await provider.get_subscription(subscription.id)
            expect(
                found is not None and found.trial_end == ends + timedelta(days=5), "a trial's new end cannot be read"
            )
            with pytest.raises(InvalidRequest):
                await provider.extend_trial(subscription.id, ends)

        harness.run(life())


def _planned(subscription: Subscription | None) -> list[ScheduledChange]:
    return [each for each in (() if subscription is None else subscription.scheduled_changes) if each.plan_id]
