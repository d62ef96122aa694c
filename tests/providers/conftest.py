from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.kit import ScriptedWorld


@pytest.fixture(params=["async", "blocking"])
def mode(request: pytest.FixtureRequest) -> str:
    """On an event loop, or without one."""
    return str(request.param)


@pytest.fixture
def world(request: pytest.FixtureRequest, mode: str) -> Iterator[ScriptedWorld]:
    """The folder's provider in front of a scripted server; every answer that was laid out must have been asked for."""
    made: ScriptedWorld = import_module(f"{request.module.__package__}.support").World(mode)
    yield made
    assert made.server.unanswered == {}
