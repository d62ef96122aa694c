"""Checks of a provider: a subscription begins without a page, and what it owes is collected."""

from datetime import timedelta

import pytest

from ....errors import InvalidRequest
from ....models import SubscriptionStatus
from ....operations import Capability
from ..expectations import expect
from .fixtures import ProviderFixtures
from .harness import ProviderHarness, settled
from .models import expect_model

__all__ = ["StartingChecks"]

_C = Capability


class StartingChecks(ProviderFixtures):
    """A saved payment method, and a subscription with it."""

    def test_a_subscription_begins_without_a_page(self, harness: ProviderHarness) -> None:
        """It is the customer's, to the plan, once for its key, and grants access or says what the payer has to do."""
        self.only_if_simulated(harness, _C.CREATE_SUBSCRIPTION, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            customer = await self.new_customer(harness)
            method = await settled(self.saved_payment_method(provider, customer.id))
            plan, key = await self.some_plan(harness), "conformance-begin"
            begun = await provider.create_subscription(customer.id, plan, payment_method_id=method, idempotency_key=key)
            expect_model(begun, provider.get_provider_name())
            again = await provider.create_subscription(customer.id, plan, payment_method_id=method, idempotency_key=key)
            expect(begun.subscription.id == again.subscription.id, "one key began two subscriptions")
            found = await provider.get_subscription(begun.subscription.id)
            if found is None:
                raise AssertionError("a subscription that has begun cannot be found under its id")
            expect(found.plan_id == plan, "a subscription does not name its plan")
            expect(found.customer_id in {None, customer.id}, "a subscription belongs to another customer")
            expect(
                begun.is_pending is not found.status.grants_access,
                f"a subscription that {'waits for the payer' if begun.is_pending else 'has begun'} is {found.status}",
            )
            if begun.is_pending:
                expect(
                    begun.approval_url or begun.client_secret,
                    "a pending subscription says neither where (approval_url) nor how (client_secret) the payer pays",
                )

        harness.run(life())

    def test_a_later_start_costs_nothing_before(self, harness: ProviderHarness) -> None:
        """It is free until then, or has not begun."""
        self.only_if_simulated(harness, _C.CREATE_SUBSCRIPTION, _C.SUBSCRIPTIONS, _C.INVOICES)
        provider = harness.provider

        async def life() -> None:
            customer = await self.new_customer(harness)
            method = await settled(self.saved_payment_method(provider, customer.id))
            plan = await self.some_plan(harness)
            now = (
                await provider.create_subscription(customer.id, plan, payment_method_id=method)
            ).subscription.created_at
            if now is None:
                pytest.skip("the provider does not say when a subscription was made, which says what its time is")
            later, start = await self.new_customer(harness), now + timedelta(days=20)
            method = await settled(self.saved_payment_method(provider, later.id))
            begun = await provider.create_subscription(later.id, plan, payment_method_id=method, start_at=start)
            found = begun.subscription
            expect(not begun.is_pending, "a subscription that starts later waits for the payer")
            if found.status is not SubscriptionStatus.INCOMPLETE:
                near = found.trial_end is not None and abs(found.trial_end - start) <= timedelta(days=1)
                expect(near, f"a subscription with start_at= is {found.status}, and its trial does not end then")
            paid = [each for each in await provider.get_invoices(later.id) if each.amount.amount > 0]
            expect(not paid, "a subscription is charged before its start_at")

        harness.run(life())

    def test_what_is_owed_is_collected_again(self, harness: ProviderHarness) -> None:
        """A past due subscription owes nothing afterwards, and collecting again takes nothing."""
        self.only_if_simulated(harness, _C.BILL_OUTSTANDING, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            await settled(self.miss_payment(provider, subscription))
            owing = await provider.get_subscription(subscription.id)
            expect(owing is not None and not owing.status.grants_access, "a missed payment does not show in the status")
            for _ in range(2):
                paid = await provider.bill_outstanding(subscription.id)
                expect_model(paid, provider.get_provider_name())
                expect(paid.status.grants_access, f"a subscription that was paid is {paid.status}")

        harness.run(life())

    def test_another_customer_s_payment_method_begins_nothing(self, harness: ProviderHarness) -> None:
        """It is an InvalidRequest."""
        self.only_if_simulated(harness, _C.CREATE_SUBSCRIPTION)
        provider = harness.provider

        async def life() -> None:
            customer, other = await self.new_customer(harness), await self.new_customer(harness)
            method = await settled(self.saved_payment_method(provider, other.id))
            with pytest.raises(InvalidRequest):
                await provider.create_subscription(customer.id, await self.some_plan(harness), payment_method_id=method)

        harness.run(life())
