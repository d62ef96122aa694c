"""An organisation at several providers, one of which can do less, or is not configured any more: nothing is left out."""

import asyncio
import logging
from datetime import UTC, datetime

import attrs
import pytest

from paylattice import BillingService, Capability, InMemoryRepository, Money, errors
from paylattice.billing.memory import InMemoryTransaction
from paylattice.providers.memory import InMemoryProvider

from .support import PAGES, World

PRICE = Money(1900, "USD")


class WithoutInvoices(InMemoryProvider):
    capabilities = InMemoryProvider.capabilities - {Capability.INVOICES}


@attrs.define
class Moved:
    """An organisation that subscribed at ``old`` first, and at ``new`` later."""

    old: InMemoryProvider
    new: InMemoryProvider = attrs.field(
        factory=lambda: InMemoryProvider(name="new", now=datetime(2026, 1, 1, tzinfo=UTC))
    )
    repository: InMemoryRepository = attrs.field(factory=InMemoryRepository)

    def billing(self, *providers: InMemoryProvider) -> BillingService[InMemoryTransaction]:
        return BillingService(providers or (self.old, self.new), self.repository, select=lambda _org: "new")

    async def subscribe(self, provider: InMemoryProvider) -> str:
        provider.add_plan("pro", PRICE)
        name, billing = provider.get_provider_name(), self.billing()
        page = await billing.start_checkout(
            "org", "pro", email="a@example.com", provider_name=name, allow_second=True, **PAGES
        )
        done = provider.complete_checkout(page.id)
        await billing.confirm_return(page.id, org_id="org")
        return str(done.subscription_id)


async def moved(old: type[InMemoryProvider] = InMemoryProvider) -> tuple[Moved, str]:
    """Returns the subscription at the old provider, too."""
    world = Moved(old(name="old", now=datetime(2026, 1, 1, tzinfo=UTC)))
    left = await world.subscribe(world.old)
    await world.subscribe(world.new)
    return world, left


def test_an_invoice_is_refunded_where_it_is_although_another_provider_has_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        world, left = await moved(WithoutInvoices)
        billing = world.billing()
        with caplog.at_level(logging.WARNING, "paylattice"):
            [invoice] = await billing.invoices("org")
        assert "incomplete: none can be read at old" in caplog.text
        back = await billing.refund("org", invoice_id=invoice.id, idempotency_key="r")
        assert back.amount == PRICE
        with pytest.raises(errors.NotFound, match="could not be looked for at old"):
            await billing.refund("org", invoice_id="in_other", idempotency_key="r2")
        with pytest.raises(errors.UnsupportedOperation):
            await billing.refund("org", subscription_id=left, idempotency_key="r3")
        with pytest.raises(errors.UnsupportedOperation):
            await world.billing(world.old).invoices("org")

    asyncio.run(main())


def test_what_goes_on_at_a_provider_that_is_not_configured_any_more_is_reported() -> None:
    async def main() -> None:
        world, left = await moved()
        billing = world.billing(world.new)
        for _ in range(2):
            report = await billing.close_organisation("org")
            assert not report.is_complete
            [one] = report.not_ended
            assert (one.provider, one.subscription_id, one.error) == ("old", left, "ConfigurationError")
            assert "no such provider" in one.message
        assert (await world.billing().close_organisation("org")).is_complete
        assert (await billing.close_organisation("org")).is_complete

    asyncio.run(main())


def test_money_is_not_taken_twice_when_the_provider_of_the_key_is_not_configured_any_more() -> None:
    async def main() -> None:
        world, _ = await moved()
        [method] = await world.old.get_payment_methods(next(iter(world.old._world.store.customers)))
        before = len(world.new._world.store.payments)

        async def charge(*providers: InMemoryProvider, method_id: str | None) -> None:
            await world.billing(*providers).charge("org", PRICE, payment_method_id=method_id, idempotency_key="order-7")

        await charge(method_id=method.id)
        with pytest.raises(errors.ConfigurationError, match="no such provider"):
            await charge(world.new, method_id=method.id)
        assert len(world.new._world.store.payments) == before
        payment = next(reversed(world.old._world.store.payments))
        with pytest.raises(errors.NotFound, match="could not be looked for at old"):
            await world.billing(world.new).refund("org", payment_id=payment, idempotency_key="r")

    asyncio.run(main())


def test_nobody_subscribes_twice_under_one_key_when_its_provider_is_not_configured_any_more() -> None:
    async def main() -> None:
        old, new = InMemoryProvider(name="old"), InMemoryProvider(name="new")
        world = Moved(old, new)
        for each in (old, new):
            each.add_plan("pro", PRICE)
            name = each.get_provider_name()
            customer = await world.billing().ensure_customer("org", email="a@example.com", provider_name=name)
            each.add_payment_method(customer.external_customer_id)
        await world.billing().subscribe("org", "pro", provider_name="old", idempotency_key="order-7")
        with pytest.raises(errors.ConfigurationError, match="no such provider"):
            await world.billing(new).subscribe("org", "pro", idempotency_key="order-7")
        with pytest.raises(errors.Conflict, match="'old'"):
            await world.billing(new).subscribe("org", "pro", idempotency_key="order-8")
        assert not new._world.store.subscriptions
        await world.billing(new).subscribe("org", "pro", allow_second=True, idempotency_key="order-9")

    asyncio.run(main())


def test_a_trial_counts_for_the_plan_that_it_was_of_whatever_became_of_the_subscription() -> None:
    async def main() -> None:
        world = World()
        world.provider.add_plan("trial", PRICE, trial_days=14)
        await world.subscribe(plan_id="trial")
        await world.deliver()
        world.provider.advance(days=20)
        await world.deliver()
        await world.billing.change_plan("org", "pro")
        assert (await world.billing.had_trial("org", "trial"), await world.billing.had_trial("org", "pro")) == (
            True,
            False,
        )
        await world.billing.cancel("org", at_period_end=False)
        assert await world.billing.had_trial("org", "trial")
        elsewhere = BillingService(InMemoryProvider(name="other"), world.repository)
        assert await elsewhere.had_trial("org", "trial"), "the provider of the trial is not configured any more"

    asyncio.run(main())


def test_a_plan_that_is_changed_to_while_the_trial_runs_has_had_it_too() -> None:
    async def main() -> None:
        world = World()
        world.provider.add_plan("trial", PRICE, trial_days=14)
        await world.subscribe(plan_id="trial")
        await world.deliver()
        world.provider.advance(days=2)
        await world.billing.change_plan("org", "team")
        had = [plan for plan in ("trial", "team", "pro") if await world.billing.had_trial("org", plan)]
        assert had == ["trial", "team"]

    asyncio.run(main())
