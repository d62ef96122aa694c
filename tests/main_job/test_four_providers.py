"""One application, four providers: the same code sells, renews, is not paid, is paid after all, refunds and ends."""

import asyncio
import random
from collections.abc import Iterator

import attrs
import pytest

from paylattice import CheckoutSession, SubscriptionStatus

from .application import Application
from .streets import Street, choose, environment, street_of

PROVIDERS = ("memory", "stripe", "paypal", "square")


@attrs.define
class Scene:
    application: Application
    street: Street
    random: random.Random

    async def deliver(self) -> None:
        """Every webhook twice, in any order."""
        waiting = [*self.street.post()] * 2
        self.random.shuffle(waiting)
        for each in waiting:
            await self.application.webhook(each.payload, dict(each.headers))

    async def status(self, org_id: str) -> SubscriptionStatus | None:
        stored = await self.application.billing.subscription(org_id)
        return stored.status if stored else None

    async def subscription_id(self, org_id: str) -> str:
        stored = await self.application.billing.subscription(org_id)
        assert stored is not None
        return stored.external_subscription_id

    async def subscribed(self, org_id: str = "org") -> CheckoutSession:
        session = await self.application.sell(org_id)
        self.street.subscribe(session.id)
        await self.deliver()
        return session


@pytest.fixture(params=PROVIDERS)
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with environment(request.param) as (variables, stand_in):
        choose(request.param, variables, monkeypatch)
        application = Application()
        street = street_of(request.param, application.provider, stand_in)
        application.clock = street.now
        yield Scene(application, street, random.Random(request.param))


def test_a_subscription_lives_and_ends(scene: Scene) -> None:
    async def life() -> None:
        billing = scene.application.billing
        await scene.subscribed()
        assert await scene.status("org") is SubscriptionStatus.ACTIVE
        assert await billing.access("org")
        assert len(scene.application.payments) == 1
        subscription = await scene.subscription_id("org")

        scene.street.renew(subscription)
        await scene.deliver()
        assert await scene.status("org") is SubscriptionStatus.ACTIVE
        assert len(scene.application.payments) == 2

        scene.street.fail_renewal(subscription)
        await scene.deliver()
        assert await scene.status("org") is SubscriptionStatus.PAST_DUE
        assert await billing.access("org")
        assert len(scene.application.payments) == 2

        scene.street.pay_up(subscription)
        await scene.deliver()
        assert await scene.status("org") is SubscriptionStatus.ACTIVE
        assert [amount for _, amount in scene.application.payments] == [1900] * 3
        assert len({payment for payment, _ in scene.application.payments}) == 3
        assert len([invoice for invoice in await billing.invoices("org") if invoice.status == "paid"]) == 3

        await scene.application.provider.refund_payment(scene.application.payments[-1][0])
        scene.street.settle()
        await scene.deliver()
        assert len(scene.application.refunds) == 1

        await billing.cancel("org")
        await scene.deliver()
        assert await billing.access("org"), "what is paid for can be used"
        access = await billing.access("org")
        assert access.until is not None

        scene.street.renew(subscription) if scene.application.name != "paypal" else None
        await scene.deliver()
        assert await scene.status("org") is SubscriptionStatus.CANCELED
        assert not await billing.access("org", now=access.until)
        assert len(scene.application.payments) == 3
        assert scene.application.told == ["active", "past_due", "active", "canceled"]
        await billing.aclose()

    asyncio.run(life())


def test_the_browser_may_be_back_before_the_webhook(scene: Scene) -> None:
    async def life() -> None:
        session = await scene.application.sell("org")
        scene.street.subscribe(session.id)
        stored = await scene.application.billing.confirm_return(session.id, org_id="org")
        assert stored is not None
        assert stored.status is SubscriptionStatus.ACTIVE
        await scene.deliver()
        assert await scene.status("org") is SubscriptionStatus.ACTIVE
        assert scene.application.told == ["active"]
        await scene.application.billing.aclose()

    asyncio.run(life())


def test_two_organisations_keep_what_is_theirs(scene: Scene) -> None:
    async def life() -> None:
        first, second = [await scene.application.sell(org_id) for org_id in ("one", "two")]
        scene.street.subscribe(second.id)
        scene.street.subscribe(first.id)
        await scene.deliver()
        billing = scene.application.billing
        ids = [await scene.subscription_id(org_id) for org_id in ("one", "two")]
        assert len(set(ids)) == 2
        for session, org_id, subscription in zip((first, second), ("one", "two"), ids, strict=True):
            found = await scene.application.provider.get_checkout_session(session.id)
            assert found is not None
            assert found.subscription_id == subscription
            invoices = await billing.invoices(org_id)
            assert [invoice.subscription_id for invoice in invoices] == [subscription]
        await billing.aclose()

    asyncio.run(life())


def test_a_forged_webhook_changes_nothing(scene: Scene) -> None:
    async def life() -> None:
        session = await scene.application.sell("org")
        scene.street.subscribe(session.id)
        from paylattice.errors import WebhookError

        for each in scene.street.post():
            with pytest.raises(WebhookError):
                await scene.application.webhook(each.payload.replace(b"1", b"2") + b" ", dict(each.headers))
        assert await scene.status("org") is None
        await scene.application.billing.aclose()

    asyncio.run(life())
