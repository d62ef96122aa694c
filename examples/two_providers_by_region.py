"""Two providers at once, chosen per organisation; webhooks say where they came from.

The two providers here are embedded ones, so that the program runs without keys. With keys, they are
``create_provider("stripe")`` and any other; nothing else changes.
"""

import asyncio

from paylattice import BillingService, InMemoryRepository, Money
from paylattice.providers.memory import InMemoryProvider

REGION = {"org_eu": "eu", "org_us": "us"}


def by_region(org_id: str) -> str:  # called only for a NEW customer; existing ones stay where they are
    return REGION[org_id]


async def main() -> None:
    europe, america = InMemoryProvider(name="eu"), InMemoryProvider(name="us")
    europe.add_plan("pro", Money(1900, "EUR"))
    america.add_plan("pro", Money(1900, "USD"))
    async with BillingService([europe, america], InMemoryRepository(), select=by_region) as billing:
        for org_id, provider in (("org_eu", europe), ("org_us", america)):
            session = await billing.start_checkout(
                org_id, "pro", email="a@b.co", success_url="https://x.test", cancel_url="https://y.test"
            )
            provider.complete_checkout(session.id)
            for hook in provider.deliveries():
                await billing.respond(provider.get_provider_name(), hook.payload, hook.headers)
            subscription = await billing.subscription(org_id)
            print(org_id, subscription and (subscription.provider, str(subscription.status)))


if __name__ == "__main__":
    asyncio.run(main())
