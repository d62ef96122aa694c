from collections.abc import Iterator

import pytest

import paylattice.providers.stripe.sdk  # noqa: F401 - first, before a test imports the SDK: it switches the telemetry off

from .support import World


@pytest.fixture(params=["async", "blocking"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A provider in front of a scripted Stripe; every answer that was laid out must have been asked for."""
    made = World(request.param)
    yield made
    assert made.server.unanswered == {}
