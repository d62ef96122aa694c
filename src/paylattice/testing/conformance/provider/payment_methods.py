"""Checks of a provider: payment methods are saved, chosen, charged and removed."""

import pytest

from ....errors import ActionRequired, InvalidRequest
from ....models import CheckoutStatus
from ....operations import Capability
from ..expectations import expect
from .fixtures import CANCEL_URL, SUCCESS_URL, ProviderFixtures
from .harness import ProviderHarness, settled
from .models import expect_model

__all__ = ["PaymentMethodChecks"]

_C = Capability


class PaymentMethodChecks(ProviderFixtures):
    """A payment method is saved, and pays."""

    def test_a_token_of_the_browser_becomes_a_payment_method_that_can_be_charged(
        self, harness: ProviderHarness
    ) -> None:
        """It is listed among the customer's, and pays while the payer is away."""
        self.only_if_simulated(harness, _C.SAVE_PAYMENT_METHOD)
        provider = harness.provider

        async def life() -> None:
            customer = await self.new_customer(harness)
            token = await settled(self.payment_token(provider, customer.id))
            saved = await provider.save_payment_method(customer.id, token)
            expect_model(saved, provider.get_provider_name())
            expect(saved.customer_id in {None, customer.id}, "the saved payment method belongs to another customer")
            if _C.DIRECT_PAYMENTS in provider.capabilities:
                payment = await provider.create_payment(
                    self.money(), customer_id=customer.id, payment_method_id=saved.id
                )
                expect(payment.customer_id in {None, customer.id}, "the payment is another customer's")
            if _C.PAYMENT_METHODS in provider.capabilities:
                listed = [each.id for each in await provider.get_payment_methods(self.payer(provider, customer.id))]
                expect(saved.id in listed, "a payment method that was saved is not listed")

        harness.run(life())

    def test_a_customer_saves_a_payment_method_on_a_page(self, harness: ProviderHarness) -> None:
        """Not before they have; afterwards the session's id leads to it, once and again."""
        self.only_if_simulated(harness, _C.SETUP_SESSION, _C.SAVE_PAYMENT_METHOD)
        provider = harness.provider

        async def life() -> None:
            customer = await self.new_customer(harness)
            session = await provider.create_setup_session(customer.id, SUCCESS_URL, CANCEL_URL)
            expect_model(session, provider.get_provider_name())
            expect(session.url is not None, "a setup session has no url to send the customer to")
            expect(session.status is CheckoutStatus.OPEN, f"a new setup session is {session.status}, not open")
            with pytest.raises((ActionRequired, InvalidRequest)):
                await provider.save_payment_method(customer.id, session.id)
            await settled(self.complete_setup(provider, session))
            done = await provider.get_checkout_session(session.id)
            ready = {CheckoutStatus.COMPLETE, CheckoutStatus.PENDING}
            expect(done is not None and done.status in ready, "a setup session that was completed is not complete")
            saved = await provider.save_payment_method(customer.id, session.id, idempotency_key="conformance-save")
            again = await provider.save_payment_method(customer.id, session.id, idempotency_key="conformance-save")
            expect(saved.id == again.id, "one setup session saved two payment methods")
            other = await self.new_customer(harness)
            with pytest.raises(InvalidRequest):
                await provider.save_payment_method(other.id, session.id)

        harness.run(life())

    def test_a_subscription_is_paid_with_another_payment_method(self, harness: ProviderHarness) -> None:
        """It stays as it is otherwise, and a payment method of another customer is refused."""
        self.only_if_simulated(harness, _C.SET_PAYMENT_METHOD)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            owner = subscription.customer_id or (await self.new_customer(harness)).id
            method = await settled(self.saved_payment_method(provider, owner))
            changed = await provider.set_payment_method(subscription.id, method)
            expect_model(changed, provider.get_provider_name())
            expect(changed.status is subscription.status, "another payment method changed the subscription's status")
            other = await self.new_customer(harness)
            theirs = await settled(self.saved_payment_method(provider, other.id))
            with pytest.raises(InvalidRequest):
                await provider.set_payment_method(subscription.id, theirs)

        harness.run(life())

    def test_a_customer_has_a_default_payment_method(self, harness: ProviderHarness) -> None:
        """The answer is the customer, and a payment method of another one is refused."""
        self.only_if_simulated(harness, _C.DEFAULT_PAYMENT_METHOD)
        provider = harness.provider

        async def life() -> None:
            customer, other = await self.new_customer(harness), await self.new_customer(harness)
            method = await settled(self.saved_payment_method(provider, customer.id))
            answer = await provider.set_default_payment_method(customer.id, method)
            expect_model(answer, provider.get_provider_name())
            with pytest.raises(InvalidRequest):
                await provider.set_default_payment_method(other.id, method)

        harness.run(life())
