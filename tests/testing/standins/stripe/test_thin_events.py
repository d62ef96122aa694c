"""The same story in snapshots and in thin events: handlers hear the same, of the same organisation, with the same objects."""

import asyncio
from typing import Any

from paylattice import BillingService, EventType, InMemoryRepository, Money, WebhookEvent

from .support import NO, NOW, OK, Shop

CARRIED = ("customer", "invoice", "payment", "refund", "dispute", "payment_method", "checkout_session")
Heard = tuple[str, str | None, str | None, dict[str, str | None]]


class Desk:
    """An application that listens to everything."""

    def __init__(self, *, thin: bool) -> None:
        self.shop = Shop("async", thin_events=thin)
        self.billing = BillingService(self.shop.provider, InMemoryRepository(), clock=lambda: self.shop.server.now)
        self.heard: list[Heard] = []
        for word in EventType:
            self.billing.on(word)(self.note)

    async def note(self, event: WebhookEvent, context: Any) -> None:
        objects = {name: getattr(event, name) for name in CARRIED}
        told = {name: getattr(each, "id", None) for name, each in objects.items()}
        owner = context.customer.org_id if context.customer is not None else None
        self.heard.append((event.type, event.subscription_id, owner, told))

    async def deliver(self) -> None:
        for delivery in self.shop.server.deliveries():
            reply = await self.billing.respond("stripe", delivery.payload, delivery.headers)
            assert reply.status == 200, reply

    async def story(self) -> None:
        """A sale on a page, a change, a declined renewal that is paid later, a refund, a lost dispute, an end."""
        server, provider = self.shop.server, self.shop.provider
        server.add_plan("price_pro", Money(1900, "USD"))
        customer = (await self.billing.ensure_customer("org", email="ada@example.com")).external_customer_id
        await self.deliver()
        page = await self.billing.start_checkout(
            "org", "price_pro", email="ada@example.com", success_url=OK, cancel_url=NO
        )
        server.complete_checkout(page.id)
        await self.deliver()
        (stored,) = await self.billing.subscriptions("org")
        subscription = stored.external_subscription_id
        await provider.change_subscription(subscription, quantity=2)
        await self.deliver()
        server.decline_next_payment()
        server.renew(subscription)
        await self.deliver()
        server.pay_outstanding(subscription)
        await self.deliver()
        (method, *_) = await provider.get_payment_methods(customer)
        payment = await provider.create_payment(Money(500, "USD"), customer_id=customer, payment_method_id=method.id)
        await self.deliver()
        await provider.refund_payment(payment.id, Money(200, "USD"))
        await self.deliver()
        dispute = str(server.open_dispute(payment.id)["id"])
        await self.deliver()
        server.decide_dispute(dispute, won=False)
        await self.deliver()
        await provider.remove_payment_method(method.id)
        await provider.update_customer(customer, name="Ada L.")
        await provider.cancel_subscription(subscription)
        await self.deliver()


def told_by(*, thin: bool) -> list[Heard]:
    desk = Desk(thin=thin)
    asyncio.run(desk.story())
    return desk.heard


def test_thin_events_tell_what_snapshots_tell() -> None:
    snapshots, thin = told_by(thin=False), told_by(thin=True)
    assert sorted(map(repr, thin)) == sorted(map(repr, snapshots))
    assert {owner for _, _, owner, _ in thin} == {"org"}
    words = {word for word, *_ in thin}
    for word in ("checkout.completed", "invoice.paid", "payment.succeeded", "refund.succeeded", "dispute.lost"):
        assert word in words


def test_what_thin_events_told_is_not_told_again_when_events_are_caught_up() -> None:
    async def main() -> None:
        desk = Desk(thin=True)
        await desk.story()
        heard = len(desk.heard)
        await desk.billing.catch_up("stripe", NOW)
        assert desk.heard[heard:] == []

    asyncio.run(main())


def test_a_thin_event_that_is_delivered_again_counts_once() -> None:
    async def main() -> None:
        desk = Desk(thin=True)
        await desk.story()
        heard = len(desk.heard)
        for each in desk.shop.server.objects("event"):
            desk.shop.server.redeliver(str(each["id"]))
        await desk.deliver()
        assert desk.heard[heard:] == []

    asyncio.run(main())
