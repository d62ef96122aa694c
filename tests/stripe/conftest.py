import pytest
from stripe_support import World


@pytest.fixture(params=["async", "blocking"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)
