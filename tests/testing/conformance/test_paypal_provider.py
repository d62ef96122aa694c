"""The PayPal provider keeps the promises, in front of the project's stand-in for PayPal's API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from paylattice import CheckoutSession, Money, Subscription
from paylattice.provider import BaseProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.testing import PayPalStandIn, ProviderConformance
from paylattice.testing.conformance.provider import SentRequest
from paylattice.testing.conformance.provider.fixtures import CANCEL_URL, SUCCESS_URL
from paylattice.transport import AsyncTransport

WEBHOOK = "0EH40505U7160970P"


class TestPayPal(ProviderConformance):
    access = ("/v1/oauth2/token",)
    searches = ("/search-invoices",)
    without_requests = frozenset({"create_customer"})
    examples: ClassVar[Mapping[str, object]] = {
        "get_invoices.subscription_id": "I-CONFORMANCE1",
        "request.path": "/v1/catalogs/products",
        "request.params": {"name": "Native", "type": "SERVICE"},
        "void_invoice.invoice_id": "INV2-AAAA-BBBB-CCCC-DDDD",
    }
    plan_id = "P-PRO"
    other_plan_id = "P-TEAM"
    without_keys = frozenset(
        {
            "cancel_subscription",
            "change_subscription",
            "pause_subscription",
            "remove_payment_method",
            "resume_subscription",
            "void_invoice",
        }
    )

    @pytest.fixture
    def provider(self) -> PayPalProvider:
        self.paypal = PayPalStandIn(webhook_id=WEBHOOK)
        self.paypal.add_plan("P-PRO", Money(1900, "USD"))
        self.paypal.add_plan("P-TEAM", Money(4900, "USD"))
        config = PayPalConfig(
            client_id="standin",
            client_secret="standin-secret",
            webhook_id=WEBHOOK,
            trust_store=self.paypal.trust_store,
        )
        return PayPalProvider(config, transport=AsyncTransport(transport=self.paypal.transport()))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.paypal.complete_checkout(session.id)

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.paypal.complete_checkout(session.id)

    async def finish_payment(self, provider: BaseProvider, session: CheckoutSession, *, capture: bool) -> None:
        assert isinstance(provider, PayPalProvider)
        if capture:
            await provider.capture_payment(session.id)
        else:
            await provider.authorize_payment(session.id)

    def delay_refunds(self, provider: BaseProvider) -> None:
        self.paypal.delay_next_refund()

    async def paid_in_parts(self, provider: BaseProvider) -> str:
        order = self.paypal.add_order("12.00", "7.00")
        self.paypal.complete_checkout(order)
        await provider.capture_payment(order)
        return order

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.paypal.add_payment_method(customer_id)

    async def payment_token(self, provider: BaseProvider, customer_id: str) -> str:
        session = await provider.create_setup_session(customer_id, SUCCESS_URL, CANCEL_URL)
        self.paypal.complete_checkout(session.id)
        return session.id

    async def charge_token(self, provider: BaseProvider, amount: Money, customer_id: str | None) -> str:
        assert isinstance(provider, PayPalProvider)
        order = await provider.create_order(amount, customer_id=customer_id)
        self.paypal.complete_checkout(order.id)
        return order.id

    def payer(self, provider: BaseProvider, customer_id: str) -> str:
        owners = [token["customer"] for token in self.paypal._world.all("token")]
        ids = {owner.get("merchant_customer_id"): owner["id"] for owner in owners}
        return str(ids.get(customer_id, customer_id))

    def miss_payment(self, provider: BaseProvider, subscription: Subscription) -> None:
        self.paypal.fail_payments(subscription.id)
        self.paypal.renew(subscription.id)
        self.paypal.advance(days=10)
        self.paypal.fail_payments(subscription.id, fail=False)

    async def open_invoice(self, provider: BaseProvider, subscription: Subscription | None) -> str:
        return self.paypal.add_invoice("ada@example.com", "19.00")

    def complete_setup(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.paypal.complete_checkout(session.id)

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.paypal.add_payment_method(customer_id, declines="TRANSACTION_REFUSED")

    def key_on_the_wire(self, request: SentRequest) -> str | None:
        return request.header("PayPal-Request-Id")

    def effects(self, provider: BaseProvider) -> object:
        return self.paypal.snapshot()

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered()

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(datetime.now(UTC) - timedelta(days=30))

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(datetime.now(UTC) + timedelta(hours=1))

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        self.paypal.certificates = "https://api.paypal.com"
        return self._delivered()

    def webhook_secret(self, provider: BaseProvider) -> str:
        return WEBHOOK

    def _delivered(self, at: datetime | None = None) -> tuple[bytes, Mapping[str, str]]:
        self.paypal.add_payment_method("customer")
        hook = self.paypal.deliveries(at=at)[-1]
        return hook.payload, hook.headers
