"""The Square provider keeps the promises, in front of the project's stand-in for Square's API."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from paylattice import CheckoutSession, Customer, Money, Subscription
from paylattice.idempotency import new_key
from paylattice.provider import BaseProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import ProviderConformance, SquareStandIn
from paylattice.testing.conformance.provider import ProviderHarness, SentRequest
from paylattice.transport import AsyncTransport

KEY = "standin-signature-key"
TOKEN = "standin-token"


class SquareHooks(ProviderConformance):
    """What the suite has to be told about Square."""

    examples: ClassVar[Mapping[str, object]] = {
        "request.path": "/v2/customers",
        "request.params": {"email_address": "native@example.com"},
    }
    plan_id = "PRO"
    other_plan_id = "TEAM"
    searches = ("/search", "/v2/events", "/batch-retrieve")
    quantities = False
    webhook_url = "https://app.test/webhooks/square"
    without_keys = frozenset(
        {
            "cancel_payment",
            "cancel_subscription",
            "capture_payment",
            "change_subscription",
            "delete_customer",
            "expire_checkout_session",
            "pause_subscription",
            "remove_payment_method",
            "resume_subscription",
            "uncancel_subscription",
            "cancel_scheduled_change",
            "set_payment_method",
            "update_customer",
            "void_invoice",
        }
    )
    checkout: ClassVar[str] = "link"

    @pytest.fixture
    def provider(self) -> SquareProvider:
        self.square = SquareStandIn(TOKEN, KEY, self.webhook_url)
        self.square.add_plan("PRO", Money(1900, "USD"))
        self.square.add_plan("TEAM", Money(4900, "USD"))
        self.arrange()
        config = SquareConfig(
            access_token=TOKEN,
            location_id=self.square.location_id,
            webhook_signature_key=KEY,
            webhook_url=self.webhook_url,
            checkout=self.checkout,
        )
        return SquareProvider(config, transport=AsyncTransport(transport=self.square.transport()))

    def arrange(self) -> None:
        """Let Square be as it usually is."""

    async def new_customer(self, harness: ProviderHarness) -> Customer:
        return await harness.provider.create_customer("conformance@example.com", "Ada Lovelace")

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.square.complete_checkout(session.id, as_new_customer=True)

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.square.complete_checkout(session.id)

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.square.add_payment_method(customer_id)

    def payment_token(self, provider: BaseProvider, customer_id: str) -> str:
        return f"cnon:{new_key()}"

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.square.add_payment_method(customer_id, declines="GENERIC_DECLINE")

    async def open_invoice(self, provider: BaseProvider, subscription: Subscription | None) -> str:
        assert subscription is not None
        self.square.decline_next_payment(customer_id=subscription.customer_id)
        self.square.renew(subscription.id)
        (newest, *_) = await provider.get_invoices(subscription.customer_id or "", 1, subscription_id=subscription.id)
        return newest.id

    def key_on_the_wire(self, request: SentRequest) -> str | None:
        body = request.json()
        key: object = body.get("idempotency_key") if isinstance(body, dict) else None
        return key if isinstance(key, str) else None

    def effects(self, provider: BaseProvider) -> object:
        return self.square.snapshot()

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        self.square.add_customer("somebody@example.com")
        hook = self.square.deliveries()[-1]
        return hook.payload, hook.headers

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        live = SquareStandIn(TOKEN, KEY, self.webhook_url, sandbox=False)
        live.add_customer("somebody@example.com")
        hook = live.deliveries()[-1]
        return hook.payload, hook.headers

    def webhook_secret(self, provider: BaseProvider) -> str:
        return KEY


class TestSquare(SquareHooks):
    """Customers subscribe by payment link."""


class TestSquareByInvoice(SquareHooks):
    """Customers subscribe on the page of a first invoice, and Square is as awkward as it may be."""

    checkout = "invoice"

    def arrange(self) -> None:
        self.square.variants.empty_pages = True
        self.square.variants.charged_through_next = True
        self.square.variants.tells_failed_charges = False
        self.square.variants.pending_refunds_count = False
        self.square._world.largest_page = 1

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        assert session.subscription_id is not None
        self.square.pay_invoice(session.subscription_id)
