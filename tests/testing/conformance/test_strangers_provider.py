"""A provider that inherits nothing keeps the promises of the protocol, under the guard that is put around it."""

from collections.abc import Mapping

import pytest

from paylattice import CheckoutSession
from paylattice.adapting import as_provider
from paylattice.provider import BaseProvider
from paylattice.testing import ProviderConformance
from tests.core.strangers import SECRET, Kiosk


class TestKiosk(ProviderConformance):
    http = False
    plan_id = "plan_pro"

    @pytest.fixture
    def provider(self) -> BaseProvider:
        self.kiosk = Kiosk()
        return as_provider(self.kiosk)  # type: ignore[arg-type]  # it lacks what it does not declare

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.kiosk.buyer_pays(session.id)

    def effects(self, provider: BaseProvider) -> object:
        return dict(self.kiosk.made)

    def webhook_secret(self, provider: BaseProvider) -> str:
        return SECRET

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.kiosk.sample_delivery()
