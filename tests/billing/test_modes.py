"""Live and test do not mix: an event of the other mode changes nothing, whichever way it comes."""

import asyncio
import json
from datetime import timedelta

import attrs
import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    EventType,
    InMemoryRepository,
    UnmatchedEvent,
    WebhookEvent,
    converter,
    errors,
)
from paylattice.billing.service import RejectedWebhook
from paylattice.billing.store import Store
from paylattice.errors import Diagnosis
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider

from .support import NOW, Context, World, an_event

PAYPAL = {"client_id": "c", "client_secret": "s", "webhook_id": "W1"}
SQUARE = {"access_token": "t", "location_id": "L1", "webhook_signature_key": "k", "webhook_url": "https://app.test/w"}


def providers(*, live: bool) -> list[BaseProvider]:
    return [
        StripeProvider(StripeConfig(secret_key="sk_live_1" if live else "sk_test_1", webhook_secret="whsec_1")),
        PayPalProvider(PayPalConfig(**PAYPAL, environment="live" if live else "sandbox")),
        SquareProvider(SquareConfig(**SQUARE, environment="production" if live else "sandbox")),
        *([] if live else [InMemoryProvider(now=NOW)]),
    ]


@pytest.mark.parametrize("refetch", [True, False])
@pytest.mark.parametrize("provider", [*providers(live=True), *providers(live=False)], ids=lambda each: each.name)
def test_an_event_of_the_other_mode_that_came_through_a_queue_is_refused(provider: BaseProvider, refetch: bool) -> None:
    """No handler runs, nothing is stored, and whoever watches is told."""

    async def main() -> None:
        rejected: list[RejectedWebhook] = []
        ran: list[str] = []
        repository = InMemoryRepository()
        billing = BillingService(provider, repository, refetch=refetch, on_rejected=rejected.append)

        @billing.on("payment.succeeded")
        def ship(event: WebhookEvent, context: Context) -> None:
            ran.append(event.id)

        assert provider.livemode is not None
        event = an_event(
            type=EventType.PAYMENT_SUCCEEDED, provider=provider.name, livemode=not provider.livemode, customer_id=None
        )
        queued = converter().structure(json.loads(json.dumps(converter().unstructure(event))), WebhookEvent)
        with pytest.raises(errors.WebhookError) as caught:
            await billing.apply_event(queued)
        assert caught.value.diagnosis is Diagnosis.WRONG_MODE
        assert rejected == [RejectedWebhook(provider.name, "WebhookError", Diagnosis.WRONG_MODE)]
        assert ran == []
        assert await Store(repository).get_event(provider.name, event.dedupe_key) is None
        assert await Store(repository).list_unmatched(provider.name) == []

    asyncio.run(main())


@pytest.mark.parametrize("livemode", [None, False])
def test_an_event_of_the_same_mode_or_of_none_is_applied(livemode: bool | None) -> None:
    async def main() -> None:
        world = World()
        event = an_event(
            type=EventType.PAYMENT_SUCCEEDED,
            provider="memory",
            livemode=livemode,
            customer_id=None,
            subscription_id=None,
        )
        assert await world.billing.apply_event(event) == "processed"

    asyncio.run(main())


def test_an_event_of_the_other_mode_in_the_provider_s_list_is_reported_and_nothing_waits_for_it() -> None:
    async def main() -> None:
        world = World()
        await world.subscribe()
        events = world.provider._world.events._events
        stranger = attrs.evolve(events[0], id="live", dedupe_key="live", livemode=True)
        events.insert(0, stranger)
        world.provider.advance(days=1)
        done = await world.billing.catch_up("memory", NOW - timedelta(days=1))
        assert done.failed == ("live",)
        assert done.applied == len(events) - 1
        assert done.until == events[-1].created_at
        assert await Store(world.repository).get_event("memory", "live") is None

    asyncio.run(main())


def test_an_unmatched_event_of_the_other_mode_is_not_applied_when_its_customer_appears() -> None:
    """It was unmatched by a service with other settings over the same database."""

    async def main() -> None:
        world = World()
        session = await world.checkout()
        customer = await Store(world.repository).get_customer("org", "memory")
        assert customer is not None
        world.provider.complete_checkout(session.id)
        told: list[str] = []

        @world.billing.on("payment.succeeded")
        def note(event: WebhookEvent, context: Context) -> None:
            told.append(event.id)

        event = an_event(
            type=EventType.PAYMENT_SUCCEEDED,
            provider="memory",
            livemode=True,
            customer_id=customer.external_customer_id,
            subscription_id=None,
        )
        payload: dict[str, object] = converter().unstructure(event)
        await Store(world.repository).insert_unmatched(
            UnmatchedEvent("memory", event.dedupe_key, customer.external_customer_id, None, payload, NOW)
        )
        assert await world.billing.apply_unmatched("memory") == 0
        assert told == []
        assert len(await Store(world.repository).list_unmatched("memory")) == 1

    asyncio.run(main())
