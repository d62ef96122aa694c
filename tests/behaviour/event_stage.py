"""What the stories of events are played on: a simulated provider, two organisations, and handlers that hear every event."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any

import attrs
import httpx

from paylattice import (
    BillingService,
    EventContext,
    EventType,
    InMemoryRepository,
    OpenCheckout,
    Subscription,
    WebhookEvent,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalProvider
from paylattice.providers.square import SquareProvider
from paylattice.providers.stripe import StripeProvider

from .conftest import MAKERS, PAGES, PRICE, Place
from .differences import PROVIDERS

__all__ = ["CLASSES", "STORIES", "Cell", "Stage", "Told", "play", "tells"]

CLASSES = {each.name: each for each in (InMemoryProvider, StripeProvider, PayPalProvider, SquareProvider)}


@attrs.frozen
class Told:
    """What a handler was told."""

    word: str
    event: WebhookEvent
    context: EventContext[InMemoryTransaction]

    @property
    def org_id(self) -> str | None:
        return None if self.context.customer is None else self.context.customer.org_id


@attrs.define
class Stage(Place):
    """A place with handlers of every event; what only one provider has is called on ``source``.

    Args:
        unruly: deliver every event of the story twice, the last first, and once more when it is over.
        told: what the handlers were told since the story began.
    """

    unruly: bool = False
    _listens: bool = False
    told: list[Told] = attrs.field(factory=list)
    _seen: list[str] = attrs.field(factory=list)

    @property
    def source(self) -> Any:
        return self.simulator

    def listen(self) -> None:
        """What comes before is no part of the story."""
        self.told.clear()
        self._seen.clear()
        self._listens = True

    async def deliver(self) -> None:
        webhooks = list(self.simulator.deliveries())
        self._seen += [webhook.event_id for webhook in webhooks]
        for webhook in (*reversed(webhooks), *webhooks) if self.unruly and self._listens else webhooks:
            reply = await self.billing.respond(self.name, webhook.payload, webhook.headers)
            assert reply.status == 200, (webhook.type, reply)

    async def end(self) -> None:
        await self.deliver()
        if self.unruly:
            for event_id in dict.fromkeys(self._seen):
                self.simulator.redeliver(event_id)
            await self.deliver()

    async def subscribed(self, plan_id: str = "pro", org_id: str = "org") -> Subscription:
        session = await self.page(plan_id, org_id)
        self.complete(session.id, org_id)
        await self.billing.confirm_return(session.id, org_id=org_id)
        await self.deliver()
        return await self.now(org_id)

    def complete(self, session_id: str, org_id: str = "org") -> None:
        """Play the customer who pays on the page; at Square each organisation has a phone number of its own."""
        phone = {"phone": "+15005550006" if org_id == "org" else "+15005550007"} if self.name == "square" else {}
        self.source.complete_checkout(session_id, **phone)

    async def begun(self, plan_id: str = "pro", org_id: str = "org") -> Subscription:
        """A subscription that has begun before the story."""
        subscription = await self.subscribed(plan_id, org_id)
        self.listen()
        return subscription

    async def page(self, plan_id: str = "pro", org_id: str = "org", **more: Any) -> OpenCheckout:
        """A page on which an organisation can subscribe."""
        return await self.billing.start_checkout(
            org_id, plan_id, email=f"{org_id}@example.com", name="Ada Lovelace", **PAGES, **more
        )

    async def customer(self) -> str:
        """The organisation's customer, before the story."""
        customer = await self.billing.ensure_customer("org", email="org@example.com", name="Ada Lovelace")
        await self.deliver()
        self.listen()
        return customer.external_customer_id

    async def saved_method(self) -> str:
        """A saved card of the organisation."""
        customer = await self.customer()
        if self.name == "paypal":
            return str(self.source.add_payment_method("VAULT", merchant_customer=customer))
        return str(self.source.add_payment_method(customer))

    async def charged(self) -> str:
        """A payment of the organisation that is not of a subscription, before the story."""
        method = await self.saved_method()
        payment = await self.billing.charge("org", PRICE, payment_method_id=method, idempotency_key="first")
        await self.deliver()
        self.listen()
        return payment.id

    async def disputed(self, **how: Any) -> tuple[Subscription, str]:
        """A subscription whose payment is disputed, as the story begins."""
        subscription = await self.begun()
        (payment_id,) = (await self.billing.invoices("org"))[0].payment_ids
        dispute = self.source.open_dispute(payment_id, **how)
        await self.deliver()
        return subscription, dispute.id if self.name == "memory" else str(dispute.get("dispute_id") or dispute["id"])

    async def order(self) -> str:
        """A page for a payment at PayPal."""
        customer = await self.customer()
        return (await self.provider.create_payment_session(PRICE, **PAGES, customer_id=customer)).id

    def dashboard(self, method: str, path: str, sent: dict[str, str]) -> None:
        """What the seller does in Stripe's dashboard, by Stripe's own API."""
        headers = {"Authorization": f"Bearer {self.source.secret_key}"}
        with httpx.Client(transport=self.source.transport(), base_url="https://api.stripe.test") as client:
            assert client.request(method, path, headers=headers, data=sent).is_success


Story = Callable[[Stage], Awaitable[str | None]]
Cell = tuple[str, str]
STORIES: dict[Cell, Story] = {}
"""The story that shows each cell. It returns the id of the subscription that its events are about; None: of none."""


def tells(words: str, at: str = " ".join(PROVIDERS)) -> Callable[[Story], Story]:
    """The story shows these words, at these providers."""

    def shows(story: Story) -> Story:
        for cell in ((name, word) for name in at.split() for word in words.split()):
            assert cell not in STORIES, f"two stories show {cell}"
            STORIES[cell] = story
        return story

    return shows


def _listening(stage: Stage, word: str, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
    stage.told.append(Told(word, event, context))


def set_stage(name: str, *, unruly: bool) -> Stage:
    simulator, provider = MAKERS[name]()
    product = {"product": "PRODUCT"} if name == "paypal" else {}
    simulator.add_plan("pro", PRICE, **product)
    simulator.add_plan("team", PRICE * 2, **product)
    simulator.add_plan("trial", PRICE, trial_days=14)
    billing = BillingService(provider, InMemoryRepository(), clock=lambda: simulator.now)
    stage = Stage(name, simulator, provider, billing, unruly)
    for word in EventType:
        billing.on(word)(partial(_listening, stage, str(word)))
    return stage


@attrs.frozen
class Played:
    told: Mapping[str, list[Told]]
    subscription_id: str | None


@cache
def play(name: str, story: Story, *, unruly: bool) -> Played:
    """Play a story once for all its words."""
    import asyncio

    async def run() -> Played:
        stage = set_stage(name, unruly=unruly)
        try:
            if not unruly:  # another organisation, which must be told nothing
                await stage.subscribed(org_id="other")
            stage.listen()
            about = await story(stage)
            await stage.end()
        finally:
            await stage.billing.aclose()
        told: dict[str, list[Told]] = {}
        for each in stage.told:
            told.setdefault(each.word, []).append(each)
        return Played(told, about)

    return asyncio.run(run())
