"""Fixtures for the tests of your application. pytest finds them by itself where paylattice is installed.

They work with pytest-asyncio, with anyio and without either. A fixture of the same name in your ``conftest.py`` takes the place
of one of these.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from ..billing.memory import InMemoryTransaction
    from ..billing.service import BillingService
    from ..providers.memory import InMemoryProvider
    from .standins import PayPalStandIn, SquareStandIn, StripeStandIn

__all__ = ["Deliver"]


class Deliver(Protocol):
    """Delivers the webhooks that wait."""

    async def __call__(self, *, shuffled: int | None = None, times: int = 1) -> int:
        """Deliver what waits, as the provider would: signed, one after the other.

        Args:
            shuffled: the seed of an order other than that in which the events happened. None: in order.
            times: how often each one comes.

        Returns:
            How many deliveries were applied; a duplicate is not.

        Raises:
            AssertionError: one of them was not answered with 200.
        """
        ...


@pytest.fixture
def memory_provider() -> "InMemoryProvider":
    """The embedded provider. Its time stands still until you :meth:`~InMemoryProvider.advance` it."""
    from ..providers.memory import InMemoryProvider  # noqa: PLC0415 - every run of pytest imports this module

    return InMemoryProvider()


@pytest.fixture
def billing(memory_provider: "InMemoryProvider") -> "BillingService[InMemoryTransaction]":
    """Billing over the embedded provider and the embedded repository, on the provider's time."""
    from ..billing.memory import InMemoryRepository  # noqa: PLC0415 - as above
    from ..billing.service import BillingService  # noqa: PLC0415 - as above

    return BillingService(memory_provider, InMemoryRepository())


@pytest.fixture
def deliver(billing: "BillingService[InMemoryTransaction]", memory_provider: "InMemoryProvider") -> Deliver:
    """Delivers the webhooks of the embedded provider to the fixture ``billing``."""

    async def to_billing(*, shuffled: int | None = None, times: int = 1) -> int:
        waiting = list(memory_provider.deliveries()) * times
        if shuffled is not None:
            random.Random(shuffled).shuffle(waiting)  # noqa: S311 - a repeatable disorder, no secret
        applied = 0
        for webhook in waiting:
            reply = await billing.respond(memory_provider.name, webhook.payload, webhook.headers)
            assert reply.status == 200, f"{webhook.type} was answered with {reply.status}: {reply.outcome}"  # noqa: S101, PLR2004
            applied += reply.outcome == "processed"
        return applied

    return to_billing


@pytest.fixture
def assert_billing_clean(
    billing: "BillingService[InMemoryTransaction]", memory_provider: "InMemoryProvider"
) -> Callable[[], Awaitable[None]]:
    """Asserts that nothing is left over: no operation with an unknown outcome, no event that waits, no webhook to deliver."""

    async def check() -> None:
        from ..billing.records.events import UNMATCHED_BY_PROVIDER, UnmatchedEvent  # noqa: PLC0415 - as above
        from ..billing.records.operations import (  # noqa: PLC0415 - as above
            OPERATIONS_BY_STATE,
            BillingOperation,
            OperationState,
        )

        here = {"provider": memory_provider.name}
        open_now = {**here, "state": OperationState.OPEN}
        operations = await billing.repository.find(BillingOperation, OPERATIONS_BY_STATE, open_now)
        unmatched = await billing.repository.find(UnmatchedEvent, UNMATCHED_BY_PROVIDER, here)
        left = {
            "operations with an unknown outcome": [each.operation for each in operations],
            "events that wait for what they are about": [str(each.payload.get("type")) for each in unmatched],
            "webhooks that were not delivered": [each.type for each in memory_provider.deliveries()],
        }
        assert not any(left.values()), {what: names for what, names in left.items() if names}  # noqa: S101

    return check


@pytest.fixture
def stripe_standin() -> "StripeStandIn":
    """A Stripe account in this process."""
    from .standins import StripeStandIn  # noqa: PLC0415 - as above

    return StripeStandIn()


@pytest.fixture
def paypal_standin() -> "PayPalStandIn":
    """A PayPal account in this process."""
    from .standins import PayPalStandIn  # noqa: PLC0415 - as above

    return PayPalStandIn()


@pytest.fixture
def square_standin() -> "SquareStandIn":
    """A Square account in this process."""
    from .standins import SquareStandIn  # noqa: PLC0415 - as above

    return SquareStandIn()
