from collections.abc import Callable
from typing import Any

import pytest

from .support import Answer, Wire


@pytest.fixture(params=["async", "blocking"])
def wire(request: pytest.FixtureRequest) -> Callable[..., Wire]:
    """Makes a :class:`Wire` of the one way and of the other."""

    def make(*answers: Answer, **options: Any) -> Wire:
        return Wire(request.param, *answers, **options)

    return make
