from collections.abc import Callable
from typing import Any

import pytest

from .support import WAYS, Answer, Wire


@pytest.fixture(params=WAYS)
def wire(request: pytest.FixtureRequest) -> Callable[..., Wire]:
    """Makes a :class:`Wire` of each transport."""

    def make(*answers: Answer, **options: Any) -> Wire:
        return Wire(request.param, *answers, **options)

    return make


@pytest.fixture(params=["async", "blocking"])
def httpx_wire(request: pytest.FixtureRequest) -> Callable[..., Wire]:
    """Makes a :class:`Wire` of the transports of httpx."""

    def make(*answers: Answer, **options: Any) -> Wire:
        return Wire(request.param, *answers, **options)

    return make
