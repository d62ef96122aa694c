"""The Stripe provider keeps the promises, in front of the project's stand-in for Stripe's API."""

import time
from collections.abc import Mapping
from typing import ClassVar

import pytest

from paylattice import CheckoutSession, Money, Subscription
from paylattice.provider import BaseProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import ProviderConformance
from paylattice.testing.conformance.provider import SentRequest
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import AsyncTransport

SECRET = "whsec_standin"


class TestStripe(ProviderConformance):
    plan_id = "price_pro"
    other_plan_id = "price_team"
    metered_plan_id = "price_calls"
    examples: ClassVar[Mapping[str, object]] = {
        "request.path": "/v1/customers",
        "request.params": {"email": "native@example.com"},
    }
    without_keys = frozenset({"delete_customer", "cancel_subscription"})
    searches = ("/create_preview",)

    @pytest.fixture
    def provider(self) -> StripeProvider:
        self.stripe = StripeStandIn(webhook_secret=SECRET)
        self.stripe.add_plan("price_pro", Money(1900, "USD"))
        self.stripe.add_plan("price_team", Money(4900, "USD"))
        self.stripe.add_plan("price_calls", Money(1, "USD"), metered=True)
        config = StripeConfig(secret_key="sk_test_standin", webhook_secret=SECRET)
        return StripeProvider(config, transport=AsyncTransport(transport=self.stripe.transport()))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.stripe.complete_checkout(session.id)

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.stripe.complete_checkout(session.id)

    def delay_refunds(self, provider: BaseProvider) -> None:
        self.stripe.delay_next_refund()

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.stripe.add_payment_method(customer_id)

    def payment_token(self, provider: BaseProvider, customer_id: str) -> str:
        return "pm_card_visa"

    def charge_token(self, provider: BaseProvider, amount: Money, customer_id: str | None) -> str:
        return self.stripe.add_confirmation_token()

    def miss_payment(self, provider: BaseProvider, subscription: Subscription) -> None:
        self.stripe.decline_next_payment(customer_id=subscription.customer_id)
        self.stripe.renew(subscription.id)

    def complete_setup(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.stripe.complete_checkout(session.id)

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.stripe.add_payment_method(customer_id, declines="insufficient_funds")

    def key_on_the_wire(self, request: SentRequest) -> str | None:
        return request.header("Idempotency-Key")

    def effects(self, provider: BaseProvider) -> object:
        return self.stripe.snapshot()

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered()

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(later=-3600)

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(later=3600)

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        live = StripeStandIn(secret_key="sk_live_standin", webhook_secret=SECRET)
        live.add_plan("price_live", Money(100, "USD"))
        hook = live.deliveries()[-1]
        return hook.payload, hook.headers

    def webhook_secret(self, provider: BaseProvider) -> str:
        return SECRET

    def _delivered(self, *, later: float = 0) -> tuple[bytes, Mapping[str, str]]:
        self.stripe.add_plan(f"price_{len(self.stripe.objects('price'))}", Money(100, "USD"))
        self.stripe._clock = lambda: time.time() + later
        try:
            hook = self.stripe.deliveries()[-1]
        finally:
            self.stripe._clock = time.time
        return hook.payload, hook.headers
