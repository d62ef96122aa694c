"""Acme keeps the promises of a provider."""

from collections.abc import Mapping

import httpx
import pytest
from paylattice_acme import AcmeConfig, AcmeProvider
from paylattice_acme.testing import FakeAcme

from paylattice import CheckoutSession
from paylattice.provider import BaseProvider
from paylattice.testing import ProviderConformance
from paylattice.transport import AsyncTransport

SECRET = "hook_secret_1"


class TestAcme(ProviderConformance):
    """What the suite has to be told about Acme."""

    plan_id = "plan_pro"

    @pytest.fixture
    def provider(self) -> AcmeProvider:
        self.acme = FakeAcme()
        config = AcmeConfig(api_key="key_1", webhook_secret=SECRET)
        return AcmeProvider(config, transport=AsyncTransport(transport=httpx.MockTransport(self.acme)))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.acme.complete_checkout(session.id)

    def effects(self, provider: BaseProvider) -> int:
        return self.acme.effects

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery(SECRET)

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery(SECRET, age=3600)

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery(SECRET, age=-3600)

    def webhook_secret(self, provider: BaseProvider) -> str:
        return SECRET
