"""What a support desk and a settings page do, from a card to the end: written as an application writes it."""

import asyncio
from typing import Any

from paylattice import BillingService, InMemoryRepository, Money
from paylattice.providers.memory import InMemoryProvider

from .support import NOW


async def subscribe(billing: BillingService[Any], org_id: str, token: str, plan: str) -> object:
    method = await billing.save_payment_method(org_id, token, email="ada@example.com")
    begun = await billing.subscribe(org_id, plan, payment_method_id=method.id, idempotency_key=f"{org_id}-{plan}")
    return begun.approval_url or begun.subscription  # authenticate first, if there is an address


async def cure_past_due(billing: BillingService[Any], org_id: str, token: str) -> None:
    method = await billing.save_payment_method(org_id, token)
    await billing.set_payment_method(org_id, method.id)
    await billing.bill_outstanding(org_id)


async def support(billing: BillingService[Any], org_id: str) -> list[tuple[str | None, str]]:
    paid = await billing.invoices(org_id, limit=1)
    key = f"refund-{paid[0].id}"
    await billing.refund(org_id, invoice_id=paid[0].id, reason="requested", idempotency_key=key)
    await billing.charge(org_id, Money(2500, "USD"), description="setup", idempotency_key="order-7")
    await billing.change_plan(org_id, "team")
    await billing.cancel(org_id)
    await billing.uncancel(org_id)
    plans = [(each.plan_id, str(each.status)) for each in await billing.subscriptions(org_id)]
    await billing.cancel_all(org_id)
    assert (await billing.erase(org_id)).is_complete
    return plans


def test_from_a_card_to_the_end() -> None:
    async def main() -> None:
        provider = InMemoryProvider(now=NOW)
        for plan, price in (("pro", 1900), ("team", 4900)):
            provider.add_plan(plan, Money(price, "USD"))
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: provider.now)

        async def deliver() -> None:
            for hook in provider.deliveries():
                await billing.handle_webhook("memory", hook.payload, hook.headers)

        await subscribe(billing, "org", "tok_first", "pro")
        await deliver()
        stored = await billing.subscription("org")
        assert stored is not None
        provider.decline_next_payment()
        provider.renew(stored.external_subscription_id)
        await deliver()
        await cure_past_due(billing, "org", "tok_second")
        assert (await billing.access("org")).allowed
        [first] = [each for each in await billing.payment_methods("org") if each.id != await _paying(billing)]
        await billing.remove_payment_method("org", first.id)
        assert await support(billing, "org") == [("team", "active")]
        await deliver()
        assert not (await billing.access("org")).allowed

    asyncio.run(main())


async def _paying(billing: BillingService[Any]) -> str:
    return (await billing.payment_methods("org"))[-1].id
