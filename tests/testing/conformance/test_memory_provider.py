"""The embedded provider keeps the promises."""

from collections.abc import Mapping

import attrs
import pytest

from paylattice import CheckoutSession, Money, Subscription
from paylattice.config import Secret
from paylattice.driving import run
from paylattice.idempotency import new_key
from paylattice.provider import BaseProvider
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.memory.webhooks import SIGNATURE
from paylattice.providers.memory.wire import payload_of
from paylattice.testing import ProviderConformance

SECRET = "whsec_conformance"


class MemoryHooks(ProviderConformance):
    """What the suite has to be told about the embedded provider."""

    http = False

    @pytest.fixture
    def provider(self) -> InMemoryProvider:
        return self.made(InMemoryProvider)

    @staticmethod
    def made(kind: type[InMemoryProvider]) -> InMemoryProvider:
        provider = kind(MemoryConfig(webhook_secret=SECRET))
        provider.add_plan("pro", Money(1900, "USD"))
        provider.add_plan("team", Money(4900, "USD"))
        provider.add_plan("calls", Money(1, "USD"), metered=True)
        return provider

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.complete_checkout(session.id)

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.complete_checkout(session.id)

    def delay_refunds(self, provider: BaseProvider) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.delay_next_refund()

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        assert isinstance(provider, InMemoryProvider)
        return provider._payments.save_card(customer_id).id

    def payment_token(self, provider: BaseProvider, customer_id: str) -> str:
        return f"tok_{new_key()}"

    def miss_payment(self, provider: BaseProvider, subscription: Subscription) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.decline_next_payment(customer_id=subscription.customer_id)
        provider.renew(subscription.id)

    def complete_setup(self, provider: BaseProvider, session: CheckoutSession) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.complete_checkout(session.id)

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> str:
        assert isinstance(provider, InMemoryProvider)
        provider.decline_next_payment(customer_id=customer_id)
        return provider._payments.save_card(customer_id).id

    def lose_next_answer(self, provider: BaseProvider) -> None:
        assert isinstance(provider, InMemoryProvider)
        provider.time_out_next_call(after_effect=True)

    def effects(self, provider: BaseProvider) -> object:
        assert isinstance(provider, InMemoryProvider)
        used = sum(record.usage for record in provider._world.store.subscriptions.values())
        return used, len(list(provider._world.events))

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(provider)

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(provider, later=-3600)

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self._delivered(provider, later=3600)

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        assert isinstance(provider, InMemoryProvider)
        run(InMemoryProvider.create_customer(provider, "ada@example.com"))
        payload = payload_of(attrs.evolve(list(provider._world.events)[-1], livemode=True))
        return payload, {SIGNATURE.header: SIGNATURE.signed(payload, Secret(SECRET), provider._clock())}

    def webhook_secret(self, provider: BaseProvider) -> str:
        return SECRET

    @staticmethod
    def _delivered(provider: BaseProvider, *, later: float = 0) -> tuple[bytes, Mapping[str, str]]:
        assert isinstance(provider, InMemoryProvider)
        run(InMemoryProvider.create_customer(provider, "ada@example.com"))
        clock = provider._clock
        provider._clock = lambda: clock() + later
        try:
            hook = provider.deliveries()[-1]
        finally:
            provider._clock = clock
        return hook.payload, hook.headers


class TestMemoryProvider(MemoryHooks):
    """As it is."""
