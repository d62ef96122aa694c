"""The Square provider keeps the promises, in front of the project's stand-in for Square's API."""

from collections.abc import Mapping

import pytest

from paylattice import CheckoutSession
from paylattice.provider import BaseProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import ProviderConformance, SquareStandIn
from paylattice.transport import AsyncTransport

KEY = "standin-signature-key"


class TestSquare(ProviderConformance):
    plan_id = "PRO"
    other_plan_id = "TEAM"
    searches = ("/search", "/v2/events")
    quantities = False
    webhook_url = "https://app.test/webhooks/square"
    without_keys = frozenset(
        {
            "cancel_payment",
            "cancel_subscription",
            "capture_payment",
            "change_subscription",
            "delete_customer",
            "pause_subscription",
            "remove_payment_method",
            "resume_subscription",
            "update_customer",
        }
    )

    @pytest.fixture
    def provider(self) -> SquareProvider:
        self.square = SquareStandIn(signature_key=KEY)
        self.square.add_plan("PRO", 1900)
        self.square.add_plan("TEAM", 4900)
        config = SquareConfig(
            access_token="standin-token",
            location_id="LSTANDIN",
            webhook_signature_key=KEY,
            webhook_url=self.webhook_url,
        )
        return SquareProvider(config, transport=AsyncTransport(transport=self.square.transport()))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.square.pay_link(session.id)

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.square.pay_link(session.id)

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        return self.square.add_card(customer_id)

    def effects(self, provider: BaseProvider) -> object:
        return self.square.snapshot()

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        self.square.add_customer("somebody@example.com")
        hook = self.square.deliveries()[-1]
        return hook.payload, hook.headers

    def webhook_secret(self, provider: BaseProvider) -> str:
        return KEY
