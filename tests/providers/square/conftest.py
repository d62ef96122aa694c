from collections.abc import Iterator

import pytest

from .support import World


@pytest.fixture(params=["async", "blocking"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A provider in front of a scripted Square; every answer that was laid out must have been asked for."""
    made = World(request.param)
    yield made
    assert made.server.unanswered == {}
