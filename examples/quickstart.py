"""Quickstart: no keys, no network, no database. Run it: ``python examples/quickstart.py``."""

import asyncio

from paylattice import BillingService, InMemoryRepository, Money
from paylattice.providers.memory import InMemoryProvider


async def main() -> None:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"), trial_days=14)
    async with BillingService(provider, InMemoryRepository()) as billing:
        session = await billing.start_checkout(
            "org_1",
            "pro",
            email="ada@example.com",
            success_url="https://app.test/ok",
            cancel_url="https://app.test/no",
        )
        print("send the customer to", session.url)

        provider.complete_checkout(session.id)  # play the customer
        provider.advance(days=15)  # time travel: the trial ends, a renewal is billed
        for hook in provider.deliveries():  # signed as a real provider signs
            reply = await billing.respond("memory", hook.payload, hook.headers)
            print(hook.type, reply.status, reply.outcome)

        sub = await billing.subscription("org_1")
        assert sub is not None
        assert sub.status == "active"


if __name__ == "__main__":
    asyncio.run(main())
