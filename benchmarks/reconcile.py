"""``python benchmarks/reconcile.py [how many]``: reconcile over 100,000 subscriptions of the embedded provider."""

import asyncio
import sys
import time
from pathlib import Path

import attrs

from paylattice import BillingService, InMemoryRepository, Money, Subscription
from paylattice.billing.maintenance.reconcile import Reconciled
from paylattice.providers.memory import InMemoryProvider

MOST_GROWTH = 16  # MiB of resident memory over the whole comparison
MOST_IN_FLIGHT = 100
PAGES = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


class Watched(InMemoryProvider):
    """Counts how many lists are asked for at once."""

    now_in_flight = most_in_flight = 0

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        self.now_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.now_in_flight)
        await asyncio.sleep(0)  # a network would be waited for here
        self.now_in_flight -= 1
        return await super().list_subscriptions(customer_id)


@attrs.frozen
class Figures:
    """What one comparison took.

    Args:
        compared: how far it came.
        seconds: wall-clock time.
        before: resident memory when it began, in MiB.
        most: the largest resident memory after a page, in MiB.
        in_flight: the largest number of requests at once.
        pages: how often progress was told.
    """

    compared: Reconciled
    seconds: float
    before: float
    most: float
    in_flight: int
    pages: int


async def seeded(count: int) -> tuple[Watched, BillingService[object]]:
    """Organisations with a subscription each, stored by a first comparison that repairs."""
    provider = Watched()
    provider.add_plan("pro", Money(1900, "USD"))
    billing: BillingService[object] = BillingService(provider, InMemoryRepository())  # type: ignore[arg-type]  # any transaction will do
    for number in range(count):
        customer = await billing.ensure_customer(f"org {number}", email="a@example.com")
        session = await provider.create_checkout_session(customer.external_customer_id, "pro", **PAGES)
        provider.complete_checkout(session.id)
        provider.deliveries()
    await billing.reconcile("memory", repair=True, in_flight=100)
    return provider, billing


async def figures(count: int, *, in_flight: int = 100) -> Figures:
    """Compare so many subscriptions, and measure it."""
    provider, billing = await seeded(count)
    provider.most_in_flight = 0
    sizes: list[float] = []
    before, start = resident(), time.perf_counter()
    compared = await billing.reconcile("memory", in_flight=in_flight, on_progress=lambda _: sizes.append(resident()))
    seconds = time.perf_counter() - start
    return Figures(compared, seconds, before, max(sizes), provider.most_in_flight, len(sizes))


def resident() -> float:
    """The resident memory of this process now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    found = asyncio.run(figures(count))
    print(f"compared      {found.compared.customers:>10,} subscriptions, {found.compared.different} different")
    print(f"seconds       {found.seconds:>10.1f}, {found.compared.customers / found.seconds:,.0f} a second")
    print(
        f"resident      {found.before:>10.1f} MiB before, {found.most:.1f} MiB at most: +{found.most - found.before:.1f}"
    )
    print(f"in flight     {found.in_flight:>10} at most")
    print(f"progress told {found.pages:>10} times")
    flat = found.most - found.before < MOST_GROWTH
    return 0 if flat and found.in_flight <= MOST_IN_FLIGHT and found.compared.different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
