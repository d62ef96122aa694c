"""What a scenario is: a short story that goes through the library, and what has to be there before it begins.

Each runs unchanged against the stand-in, against the provider's sandbox, and against what was recorded of either.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

__all__ = ["Facts", "Payer", "Scenario"]

Facts: TypeAlias = Mapping[str, str]
"""Ids of what was there before."""

Payer: TypeAlias = Callable[[str, str | None], None]
"""Be the customer on the page of a session, by its id and its address. In a replay, the customer has been there."""


@attrs.frozen
class Scenario:
    """One cassette.

    Args:
        provider: whose.
        tell: the story; asserts what it sees.
        prepare: makes what has to be there, in an account of the provider.
        disturb: what the stand-in does wrong; such a scenario cannot be recorded against the sandbox.
    """

    provider: str
    tell: Callable[[Any, Facts, Payer], Awaitable[None]]
    prepare: Callable[[Any], dict[str, str]] = lambda _: {}
    disturb: Callable[[Any], None] | None = None

    @property
    def name(self) -> str:
        return self.tell.__name__

    def __str__(self) -> str:
        return f"{self.provider}-{self.name}"
