"""How often the way of one checkout, and of one delivery, leads from one file of the package into another.

``python benchmarks/moves.py`` prints both counts with their goals, and where the moves lead; ``-v`` prints each of them, in
order. A move is a call whose caller, the nearest one in the package, is in another file. The stand-in server of Stripe does
not count, nor does a coroutine that goes on after it waited.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType

import attrs

import paylattice
from paylattice import BillingService, InMemoryRepository, Money, WebhookOutcome
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import StripeStandIn
from paylattice.testing.standins.transport import StandInTransport
from paylattice.transport import AsyncTransport

PACKAGE = str(Path(paylattice.__file__).parent) + "/"
OUTSIDE = ("testing/",)
KEY, SECRET, PLAN = "sk_test_moves", "whsec_moves", "price_moves"


@attrs.frozen
class Move:
    """A call into another file."""

    source: str
    target: str
    function: str


@attrs.define
class Counted:
    """The moves while it is switched on."""

    moves: list[Move] = attrs.Factory(list)
    _seen: dict[int, FrameType] = attrs.Factory(dict)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or id(frame) in self._seen:
            return
        target = file_of(frame)
        if target is None:
            return
        self._seen[id(frame)] = frame  # kept alive: its id is not given to another frame
        caller = frame.f_back
        while caller is not None and (source := file_of(caller)) is None:
            if caller.f_code.co_filename.startswith(PACKAGE):
                return  # inside the stand-in
            caller = caller.f_back
        if caller is not None and source is not None and source != target:
            self.moves.append(Move(source, target, frame.f_code.co_qualname))


def file_of(frame: FrameType) -> str | None:
    """The file of the package that the frame runs; None: another one."""
    name = frame.f_code.co_filename
    found = name.removeprefix(PACKAGE)
    return None if found == name or found.startswith(OUTSIDE) else found


async def counted(call: Callable[[], Awaitable[object]]) -> list[Move]:
    """The moves of one call."""
    found = Counted()
    sys.setprofile(found)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return found.moves


async def both() -> tuple[list[Move], list[Move]]:
    """The moves of a checkout of an organisation that is known, and of the delivery that tells of its subscription."""
    stand_in = StripeStandIn(KEY, SECRET)
    stand_in.add_plan(PLAN, Money(1900, "USD"))
    transport = AsyncTransport(transport=StandInTransport(stand_in))
    provider = StripeProvider(StripeConfig(secret_key=KEY, webhook_secret=SECRET), transport=transport)
    billing = BillingService(provider, InMemoryRepository(), refetch=False)
    sessions: list[str] = []

    async def checkout(org_id: str = "org") -> None:
        session = await billing.start_checkout(
            org_id, PLAN, email="a@b.test", success_url="https://app.test/done", cancel_url="https://app.test/back"
        )
        sessions.append(session.id)

    async def subscribe() -> None:
        stand_in.complete_checkout(sessions.pop())

    await checkout("warm up")  # what is loaded, made and looked up only once
    await subscribe()
    for each in stand_in.deliveries():
        await billing.handle_webhook("stripe", each.payload, each.headers)

    await billing.ensure_customer("org", email="a@b.test")
    leading = await counted(checkout)
    await subscribe()
    (delivery,) = [each for each in stand_in.deliveries() if b'"customer.subscription.created"' in each.payload]

    async def deliver() -> None:
        outcome = await billing.handle_webhook("stripe", delivery.payload, delivery.headers)
        assert outcome is WebhookOutcome.PROCESSED, outcome

    applying = await counted(deliver)
    await billing.aclose()
    return leading, applying


def show(what: str, moves: list[Move], goal: int) -> None:
    """Print a count, and where the moves lead."""
    print(f"{what}: {len(moves)} moves between files, goal {goal}: {'met' if len(moves) <= goal else 'NOT MET'}")
    for target, times in Counter(move.target for move in moves).most_common():
        functions = Counter(move.function for move in moves if move.target == target)
        named = ", ".join(name if number == 1 else f"{name} x{number}" for name, number in functions.most_common())
        print(f"  {times:>3} into {target}: {named}")
    if "-v" in sys.argv:
        for number, move in enumerate(moves, start=1):
            print(f"  {number:>3} {move.source} -> {move.target}: {move.function}")
    print()


def main() -> int:
    """Count, and print."""
    leading, applying = asyncio.run(both())
    show("one checkout at Stripe", leading, 90)
    show("one delivery to its commit, in memory", applying, 80)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
