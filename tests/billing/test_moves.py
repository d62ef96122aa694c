"""How often the way of a checkout, or of a delivery, leads from one file of the package into another: few moves read easily.

A move is a call whose caller, the nearest one in the package, is in another file. The stand-in of Stripe does not count, nor
does a coroutine that goes on after it waited. A failure shows the moves in their order.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

import attrs
import pytest

import paylattice
from paylattice import BillingService, InMemoryRepository, Money, WebhookOutcome
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import Delivery, StripeStandIn
from paylattice.transport import AsyncTransport

PACKAGE = f"{Path(paylattice.__file__).parent}/"
OUTSIDE = ("testing/",)
PLAN, STARTED = "price_pro", "customer.subscription.created"
URLS = {"success_url": "https://app.test/done", "cancel_url": "https://app.test/back"}

MOST: Mapping[str, int] = {
    "a checkout of a customer who is known": 90,
    "a checkout of a new customer": 168,
    "a delivery whose payload is trusted": 80,
    "a delivery that is read again": 212,
    "an invoice": 225,
}
"""How many moves each way may take. Make a number smaller whenever you can."""


@attrs.define
class Moves:
    """The calls into another file, while it is the profile function."""

    calls: list[str] = attrs.Factory(list)
    _entered: dict[int, FrameType] = attrs.Factory(dict)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        target = file_of(frame)
        if event != "call" or target is None or id(frame) in self._entered:
            return
        self._entered[id(frame)] = frame  # kept alive: its id is not given to another frame
        caller = frame.f_back
        while caller is not None and (source := file_of(caller)) is None:
            if caller.f_code.co_filename.startswith(PACKAGE):
                return  # inside the stand-in
            caller = caller.f_back
        if caller is not None and source != target:
            self.calls.append(f"{source} -> {target}: {frame.f_code.co_qualname}")


def file_of(frame: FrameType) -> str | None:
    """The file of the package that the frame runs; None: another one."""
    name = frame.f_code.co_filename
    found = name.removeprefix(PACKAGE)
    return None if found == name or found.startswith(OUTSIDE) else found


async def moves(call: Callable[[], Awaitable[object]]) -> list[str]:
    found, before = Moves(), sys.getprofile()
    sys.setprofile(found)
    try:
        await call()
    finally:
        sys.setprofile(before)
    return found.calls


class Shop:
    """An application with Stripe's stand-in, that has sold once: what is loaded, made and looked up only once is there."""

    def __init__(self, *, refetch: bool) -> None:
        self.account = StripeStandIn()
        self.account.add_plan(PLAN, Money(1900, "USD"))
        config = StripeConfig(secret_key=self.account.secret_key, webhook_secret=self.account.webhook_secret)
        provider = StripeProvider(config, transport=AsyncTransport(transport=self.account.transport()))
        self.billing = BillingService(provider, InMemoryRepository(), refetch=refetch)
        self.page = ""

    async def sell(self) -> None:
        await self.checkout("other")
        for delivery in self.buy():
            await self.billing.handle_webhook("stripe", delivery.payload, delivery.headers)

    async def checkout(self, org: str = "org") -> None:
        self.page = (await self.billing.start_checkout(org, PLAN, email="ada@example.com", **URLS)).id

    def buy(self) -> Sequence[Delivery]:
        self.account.complete_checkout(self.page)
        self.deliveries = self.account.deliveries()
        return self.deliveries

    async def deliver(self, kind: str) -> None:
        (delivery,) = [each for each in self.deliveries if json.loads(each.payload)["type"] == kind]
        outcome = await self.billing.handle_webhook("stripe", delivery.payload, delivery.headers)
        assert outcome is WebhookOutcome.PROCESSED


async def measured() -> dict[str, list[str]]:
    """The moves on each of the ways."""
    found: dict[str, list[str]] = {}
    trusting, shop = Shop(refetch=False), Shop(refetch=True)
    for each in (trusting, shop):
        await each.sell()
    found["a checkout of a new customer"] = await moves(shop.checkout)
    await trusting.billing.ensure_customer("org", email="ada@example.com")
    found["a checkout of a customer who is known"] = await moves(trusting.checkout)
    for each in (trusting, shop):
        each.buy()
    found["a delivery whose payload is trusted"] = await moves(partial(trusting.deliver, STARTED))
    found["a delivery that is read again"] = await moves(partial(shop.deliver, STARTED))
    found["an invoice"] = await moves(partial(shop.deliver, "invoice.paid"))
    for each in (trusting, shop):
        await each.billing.aclose()
    return found


@pytest.fixture(scope="module")
def ways() -> dict[str, list[str]]:
    return asyncio.run(measured())


@pytest.mark.parametrize("way", MOST)
def test_a_way_leads_through_few_files(ways: dict[str, list[str]], way: str) -> None:
    calls = ways[way]
    assert len(calls) <= MOST[way], "\n".join(calls)
