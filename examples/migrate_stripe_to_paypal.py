"""Moves two customers from Stripe to PayPal, on stand-ins of both: ``python migrate_stripe_to_paypal.py``.

One agrees at once, one never. With keys in the environment, ``create_provider("stripe")`` makes the real provider.
"""

import asyncio
from datetime import UTC, datetime

from paylattice import BillingService, InMemoryRepository, Money
from paylattice.migration import Consent, Migration, MigrationContext, MigrationEvent
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.standins import PayPalStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUCCESS_URL, CANCEL_URL = "https://app.test/thanks", "https://app.test/plans"


def now() -> datetime:
    """The time of the simulation."""
    return stripe_account.now


def seconds() -> float:
    return now().timestamp()


stripe_account = StripeStandIn(now=START, clock=seconds)
paypal_account = PayPalStandIn(now=START, clock=now)
stripe = StripeProvider(
    StripeConfig(secret_key=stripe_account.secret_key, webhook_secret=stripe_account.webhook_secret),
    transport=AsyncTransport(transport=stripe_account.transport()),
    clock=seconds,
)
paypal = PayPalProvider(
    PayPalConfig(
        client_id=paypal_account.client_id,
        client_secret=paypal_account.client_secret,
        webhook_id=paypal_account.webhook_id,
        trust_store=paypal_account.trust_store,
    ),
    transport=AsyncTransport(transport=paypal_account.transport()),
    clock=seconds,
)
billing = BillingService(
    [stripe, paypal],
    InMemoryRepository(),
    select=lambda org_id: "paypal",  # new customers go to PayPal from the first day
    clock=now,
)
migration = Migration(
    billing,
    source="stripe",
    target="paypal",
    plans={"price_pro": "P-PRO"},
    method=Consent(return_url="https://app.test/moved"),
)


@migration.on("migration.consent_needed")
async def ask(event: MigrationEvent, context: MigrationContext) -> None:
    print(f"{billing.now():%d %b}  to {context.customer.email if context.customer else None}: please agree")


@migration.on("migration.consented")
@migration.on("migration.completed")
@migration.on("migration.failed")
async def tell(event: MigrationEvent, context: MigrationContext) -> None:
    print(f"{billing.now():%d %b}  {event.migration.org_id}: {event.type} {event.migration.reason or ''}".rstrip())


async def subscribed(org_id: str) -> None:
    """A customer that was at Stripe before."""
    opened = await billing.start_checkout(
        org_id,
        "price_pro",
        email=f"{org_id}@example.com",
        success_url=SUCCESS_URL,
        cancel_url=CANCEL_URL,
        provider_name="stripe",
    )
    stripe_account.complete_checkout(opened.id)
    await billing.confirm_return(opened.id, org_id=org_id)


async def main() -> None:
    stripe_account.add_plan("price_pro", Money(1900, "USD"))
    paypal_account.add_plan("P-PRO", Money(1900, "USD"))
    for org_id in ("ada", "bob"):
        await subscribed(org_id)
    async for line in migration.preview():
        print(f"preview  {line.org_id}: {line.verdict}, on {line.moves_at:%d %b}")
    await migration.run(limit_per_minute=60_000)
    paypal_account.complete_checkout((await migration.consent_page("ada")).id)  # Ada agrees
    for _ in range(66):
        stripe_account.advance(days=1)
        paypal_account.advance(days=1)
        await billing.maintain()
        assert (await billing.access("ada")).allowed
        assert (await billing.access("bob")).allowed
    print((await migration.report()).as_text())
    print("bob", (await migration.abort("bob")).step)
    for org_id in ("ada", "bob"):
        months = [f"{each.created_at:%d %b} {each.provider}" for each in await billing.invoices(org_id)]
        print(org_id, "paid on", ", ".join(reversed(months)))


if __name__ == "__main__":
    asyncio.run(main())
