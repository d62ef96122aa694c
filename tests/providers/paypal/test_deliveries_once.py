"""Events that come more than once: sent again, delivered and listed, and forged under another's id or delivery."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import attrs
import pytest

from paylattice import BillingService, InMemoryRepository, Money, WebhookEvent, WebhookOutcome
from paylattice.errors import VerificationUnavailable
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.testing import Delivery, PayPalStandIn
from paylattice.transport import AsyncTransport

from .forging import forged

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
OK = "https://app.test/ok"
PROCESSED, DUPLICATE = WebhookOutcome.PROCESSED, WebhookOutcome.DUPLICATE
CREATED = "BILLING.SUBSCRIPTION.CREATED"


class Shop:
    """An application with PayPal: who subscribes is stored, and its handlers keep what they were told."""

    def __init__(self, *, refetch: bool = True) -> None:
        self.paypal = PayPalStandIn(now=NOW, clock=lambda: NOW)
        self.paypal.add_plan("P-PRO", Money(1900, "USD"))
        config = PayPalConfig(
            client_id=self.paypal.client_id,
            client_secret=self.paypal.client_secret,
            webhook_id=self.paypal.webhook_id,
            trust_store=self.paypal.trust_store,
        )
        transport = AsyncTransport(transport=self.paypal.transport())
        self.provider = PayPalProvider(config, transport=transport, clock=NOW.timestamp)
        self.billing = BillingService(
            self.provider, InMemoryRepository(), refetch=refetch, clock=lambda: self.paypal.now
        )
        self.told: list[tuple[str, str]] = []
        for word in ("subscription.created", "dispute.opened", "payment.succeeded"):
            self.billing.on(word)(self._keep)

    async def _keep(self, event: WebhookEvent, context: Any) -> None:
        self.told.append((str(event.type), event.id))

    async def subscribe(self, org_id: str = "org_1") -> Delivery:
        """The delivery that tells of a new subscription; no other is left."""
        await self.billing.start_checkout(
            org_id, "P-PRO", email="ada@example.com", success_url=OK, cancel_url=OK, allow_second=True
        )
        return next(hook for hook in self.paypal.deliveries() if hook.type == CREATED)

    async def handle(self, hook: Delivery) -> WebhookOutcome:
        return await self.billing.handle_webhook("paypal", hook.payload, hook.headers)

    async def resent(self, hook: Delivery) -> Delivery:
        """The same event in another delivery."""
        with self.paypal._lock:
            self.paypal._world.transmit(self.paypal._world.need("event", hook.event_id))
        (again,) = self.paypal.deliveries()
        assert again.payload == hook.payload
        assert again.headers["PAYPAL-TRANSMISSION-ID"] != hook.headers["PAYPAL-TRANSMISSION-ID"]
        return again

    def disputed(self) -> Delivery:
        """The delivery that tells of a dispute."""
        with self.paypal._lock:
            self.paypal._world.tell("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, "dispute")
        (hook,) = self.paypal.deliveries()
        return hook

    async def catch_up(self) -> int:
        return (await self.billing.catch_up("paypal", since=NOW - timedelta(days=1))).applied


def with_body(hook: Delivery, changes: Mapping[str, object]) -> Delivery:
    """The delivery with another body, for which its signature fits."""
    payload = forged({**json.loads(hook.payload), **changes}, crc32(hook.payload))
    assert payload != hook.payload
    return attrs.evolve(hook, payload=payload)


# --- sent again --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refetch", [True, False])
def test_an_event_that_is_sent_again_runs_its_handlers_once(refetch: bool) -> None:
    async def main() -> None:
        shop = Shop(refetch=refetch)
        hook = await shop.subscribe()
        assert await shop.handle(hook) is PROCESSED
        for again in (hook, await shop.resent(hook), await shop.resent(hook)):
            assert await shop.handle(again) is DUPLICATE
        assert shop.told == [("subscription.created", hook.event_id)]

    asyncio.run(main())


def test_two_deliveries_of_one_event_at_once_run_its_handlers_once() -> None:
    async def main() -> None:
        shop = Shop()
        hook = await shop.subscribe()
        hooks = [hook, *[await shop.resent(hook) for _ in range(9)]]
        outcomes = await asyncio.gather(*map(shop.handle, hooks))
        assert sorted(outcomes) == [DUPLICATE] * 9 + [PROCESSED]
        assert len(shop.told) == 1

    asyncio.run(main())


# --- delivered and listed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refetch", [True, False])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_was_delivered_is_not_applied_from_the_list_whichever_delivery_it_was(which: int, refetch: bool) -> None:
    async def main() -> None:
        shop = Shop(refetch=refetch)
        first = await shop.subscribe()
        hooks = [first, await shop.resent(first), await shop.resent(first)]
        assert await shop.handle(hooks[which]) is PROCESSED
        await shop.catch_up()
        assert shop.told == [("subscription.created", first.event_id)]

    asyncio.run(main())


@pytest.mark.parametrize("refetch", [True, False])
def test_what_was_caught_up_from_the_list_is_not_applied_when_it_is_delivered(refetch: bool) -> None:
    async def main() -> None:
        shop = Shop(refetch=refetch)
        hook = await shop.subscribe()
        assert await shop.catch_up() == 1
        assert await shop.catch_up() == 0
        for each in (hook, await shop.resent(hook)):
            assert await shop.handle(each) is DUPLICATE
        assert shop.told == [("subscription.created", hook.event_id)]

    asyncio.run(main())


def test_delivered_and_listed_at_once_it_is_applied_once() -> None:
    async def main() -> None:
        shop = Shop()
        hook = await shop.subscribe()
        await asyncio.gather(shop.handle(hook), shop.catch_up())
        assert shop.told == [("subscription.created", hook.event_id)]

    asyncio.run(main())


def test_a_listed_event_that_was_not_sent_yet_is_known_when_it_is_delivered() -> None:
    async def main() -> None:
        shop = Shop()
        hook = await shop.subscribe()
        listed = attrs.evolve(next(iter(await shop.provider.list_events(NOW))), delivery_id=None, known_as=())
        assert await shop.billing.apply_event(listed) is PROCESSED
        assert await shop.handle(hook) is DUPLICATE

    asyncio.run(main())


# --- forged ---------------------------------------------------------------------------------------------------------------


def test_a_genuine_event_is_not_kept_out_by_its_id_in_somebody_elses_delivery() -> None:
    """Whoever has seen a delivery knows how to make the signature fit, and may know or guess another event's id."""

    async def main() -> None:
        shop = Shop()
        first = await shop.subscribe()
        second = await shop.subscribe("org_2")
        liar = with_body(first, {"id": second.event_id})
        assert await shop.handle(liar) is PROCESSED
        assert await shop.handle(second) is PROCESSED
        assert len(shop.told) == 2

    asyncio.run(main())


def test_a_delivery_counts_once_whatever_its_body_says() -> None:
    async def main() -> None:
        shop = Shop()
        hook = await shop.subscribe()
        assert await shop.handle(hook) is PROCESSED
        for number in range(5):
            assert await shop.handle(with_body(hook, {"id": f"WH-FORGED{number}"})) is DUPLICATE
        assert len(shop.told) == 1

    asyncio.run(main())


def test_a_dispute_that_paypal_does_not_have_is_not_believed() -> None:
    async def main() -> None:
        shop = Shop()
        hook = await shop.subscribe()
        dispute = {"id": "WH-FORGED", "event_type": "CUSTOMER.DISPUTE.CREATED", "resource": {"dispute_id": "PP-D-9"}}
        with pytest.raises(VerificationUnavailable):
            await shop.handle(with_body(hook, dispute))
        assert await shop.handle(hook) is PROCESSED  # the delivery was not used up
        assert shop.told == [("subscription.created", hook.event_id)]

    asyncio.run(main())


def test_a_dispute_of_another_delivery_is_not_believed_in_this_one() -> None:
    async def main() -> None:
        shop = Shop()
        hook, genuine = await shop.subscribe(), shop.disputed()
        liar = with_body(hook, json.loads(genuine.payload))
        with pytest.raises(VerificationUnavailable):
            await shop.handle(liar)
        assert await shop.handle(genuine) is PROCESSED
        assert await shop.handle(await shop.resent(genuine)) is DUPLICATE
        await shop.catch_up()
        assert shop.told.count(("dispute.opened", genuine.event_id)) == 1

    asyncio.run(main())
