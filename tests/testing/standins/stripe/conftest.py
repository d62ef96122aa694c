import pytest

import paylattice.providers.stripe.sdk  # noqa: F401 - first, before a test imports the SDK: it switches the telemetry off

from .support import Shop


@pytest.fixture(params=["async", "blocking"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """A stand-in for Stripe and a provider in front of it."""
    return Shop(request.param)
